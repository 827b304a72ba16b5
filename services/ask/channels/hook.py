"""SMS and every other channel: a signed webhook of the system that sends it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.ask.channels.words import line
from services.ask.letters import (
    Accepted,
    Deferred,
    Letter,
    Outcome,
    Prepared,
    Rejected,
)
from shared.catalog.policy import Outlet
from shared.contracts.envelope import stable_id
from shared.outbound import Poster, Unanswered, signed

_LATER = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was made ready."""

    poster: Poster
    url: str
    secret: str
    letter: Letter

    async def hand_over(self) -> Outcome:
        """Post it. Repeats carry the same id, so that what may have arrived is safely repeated."""
        now, id = self.letter.written_at, call_id(self.letter)
        body = json.dumps(content(self.letter, id), ensure_ascii=False)
        try:
            headers = signed(self.secret, id, now, body)
            reply = await self.poster.post(self.url, body, headers, now)
        except Exception as error:  # noqa: BLE001  (whatever broke, the receiver knows a repeat)
            return Deferred(type(error).__name__)
        if isinstance(reply, Unanswered):
            refused = reply.reason in ("address_refused", "bad_url")
            return Rejected("channel_broken", reply.reason) if refused else Deferred(reply.reason)
        if 200 <= reply.status < 300:
            return Accepted()
        if reply.status >= 500 or reply.status in _LATER:
            return Deferred(str(reply.status), reply.retry_after)
        broken = reply.status in (401, 403, 404, 410) or reply.status < 400
        return Rejected("channel_broken" if broken else "address_refused", str(reply.status))


class HookChannel:
    """Hands messages to another system. `outlet` is where, as the catalog of the moment has it."""

    def __init__(
        self, outlet: Callable[[], Outlet | None], secrets: Mapping[str, str], poster: Poster
    ) -> None:
        self._outlet = outlet
        self._secrets = dict(secrets)
        self._poster = poster

    async def prepare(self, letter: Letter) -> Prepared:
        """Find out where to send it, and how to sign it."""
        outlet = self._outlet()
        if outlet is None or outlet.url is None:
            return Rejected("channel_broken", "the catalog has no such channel")
        secret = self._secrets.get(outlet.secret or "")
        if secret is None:
            return Rejected("channel_broken", "no secret to sign with")
        return Call(self._poster, outlet.url, secret, letter)

    async def close(self) -> None:
        """Close connections."""
        await self._poster.close()


def call_id(letter: Letter) -> str:
    """Return the id of an ask, or of its reminder: the same for every attempt."""
    invitation_id = letter.invitation.invitation_id
    return invitation_id if letter.kind == "ask" else stable_id(letter.kind, invitation_id)


def content(letter: Letter, id: str) -> dict[str, object]:
    """Return the body of a call; `to` is there where the channel needs an address."""
    invitation = letter.invitation
    said: dict[str, object] = {
        "id": id,
        "type": f"touchback.{letter.kind}.v1",
        "channel": invitation.channel,
        "customer_id": invitation.customer_id,
        "touchpoint": invitation.touchpoint,
        "language": invitation.language,
        "text": line(letter),
    }
    if letter.kind != "notice":
        said["survey_url"], said["stop_url"] = invitation.survey_url, letter.stop_url
        said["expires_at"] = invitation.expires_at.isoformat()
    return {**said, "to": letter.recipient} if letter.recipient else said
