"""Brings planned asks out, one at a time: each is sent once, or it is said that nobody knows."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from services.ask import store
from services.ask.channels.mail import BadAddress, Composer, Letter
from services.ask.channels.smtp import (
    Accepted,
    Ambiguous,
    Deferred,
    Mailer,
    Outcome,
    Ready,
    Rejected,
)
from services.ask.model import Contact, Sending, stopped_by
from shared import db, logs, outbox
from shared.catalog.catalog import Catalog, NotInCatalog
from shared.clock import Clock
from shared.contracts.asks import Invitation
from shared.contracts.envelope import stable_id
from shared.errors import TouchbackError, UnreadableMessage
from shared.links import Links
from shared.pii import Pii
from shared.pulse import Pulse
from shared.tallies import Tally
from shared.timers import backoff
from shared.wake import Wake, wait

_log = logging.getLogger(__name__)
LEASE = timedelta(seconds=90)
"""Longer than the longest send, so that only a dead sender loses it."""

POLL = 5.0
FINISH = 3.0
"""Seconds that a send may take to finish when the process is told to stop."""

GIVE_BACK = 1.0
"""Seconds to give back, after that, what was not handed over yet."""

WRITE_TRIES = 6


@dataclass(frozen=True, slots=True)
class Desk:
    """What a mail is made from."""

    catalog: Callable[[], Catalog]
    links: Links
    pii: Pii
    mailer: Mailer
    composer: Composer
    public_url: str
    mail_from: str


@dataclass(frozen=True, slots=True)
class Claim:
    """An ask to send, with what was known of its customer when it was claimed."""

    sending: Sending
    contact: Contact
    opted_out: bool


class Sender:
    """The one loop that sends. Any number of replicas may run it side by side."""

    def __init__(self, database: db.Database, clock: Clock, wake: Wake, desk: Desk) -> None:
        self._database = database
        self._clock = clock
        self._event = wake.event("sends")
        self._desk = desk

    async def run(self, pulse: Pulse) -> None:
        """Send until cancelled; raises when PostgreSQL is away, to be run again."""
        try:
            while True:
                pulse.beat()
                if not await _finished(self.step()):
                    await self.expire()
                    await wait(self._event, await self._until_next())
        finally:
            await self._desk.mailer.close()

    async def step(self) -> bool:
        """Send one ask; False when none may go out now."""
        now = self._clock.now()
        async with self._database.transaction() as connection:
            claim = await _claim(connection, now)
        if claim is None:
            return False
        with logs.trace(claim.sending.traceparent):
            ready = await self._prepare(claim, now)
            outcome = (
                await self._desk.mailer.hand_over(ready) if isinstance(ready, Ready) else ready
            )
            await self._write_down(claim.sending, outcome)
        return True

    async def expire(self) -> None:
        """Give up on asks whose sender died in the middle: silence beats asking twice."""
        async with self._database.transaction() as connection:
            lost = await store.expire_leases(connection, self._clock.now())
            tally = Tally()
            for invitation_id, channel in lost:
                tally.add("invitation_failures", channel, "unknown")
                _log_unknown(invitation_id, "the sender died")
            await tally.write(connection)

    async def _until_next(self) -> float:
        async with self._database.connection() as connection:
            at = await store.next_work(connection)
        if at is None:
            return POLL
        # Never without a pause: work that is due may be locked by another sender.
        return min(POLL, max(0.05, (at - self._clock.now()).total_seconds()))

    async def _prepare(self, claim: Claim, now: datetime) -> Ready | Outcome:
        """Do all that comes before a mail is out; whatever breaks here, the ask is given back."""
        refused = _refusal(claim, now)
        if refused:
            return refused
        try:
            return await self._mail(claim.sending, claim.contact.email or "", now)
        except asyncio.CancelledError:
            await self._write_down(claim.sending, Deferred("the process stops"))
            raise
        except Exception as error:  # noqa: BLE001  (any fault: nothing is out yet, so it is tried again)
            return Deferred(_place(error))

    async def _mail(self, sending: Sending, email: str, now: datetime) -> Ready | Outcome:
        desk, invitation = self._desk, sending.invitation
        catalog, stop = desk.catalog(), desk.links.sign("stop", invitation.invitation_id)
        try:
            recipient = desk.pii.decrypt(email)
            letter = Letter(
                invitation=_sent(sending, now),
                survey=catalog.survey(invitation.survey),
                brand=catalog.policy.brand,
                stop_url=f"{desk.public_url}/stop/{stop}",
                sender=desk.mail_from,
                recipient=recipient,
                written_at=now,
            )
            message = desk.composer.compose(letter)
        except NotInCatalog as error:
            return Rejected("not_eligible", str(error))
        except (UnreadableMessage, BadAddress) as error:
            return Rejected("no_address", str(error))
        return await desk.mailer.prepare(message, recipient)

    async def _write_down(self, sending: Sending, outcome: Outcome) -> None:
        """Write the outcome, trying again for a while: it is known now, and only here."""
        for attempt in range(1, WRITE_TRIES + 1):
            try:
                async with self._database.transaction() as connection:
                    await self._write(connection, sending, outcome, self._clock.now())
            except (TouchbackError, *db.AWAY):
                if attempt == WRITE_TRIES:
                    raise
                await asyncio.sleep(0.1 * 2**attempt)
            else:
                return

    async def _write(
        self, connection: db.Connection, sending: Sending, outcome: Outcome, now: datetime
    ) -> None:
        match outcome:
            case Accepted():
                await _write_sent(connection, sending, now)
            case Rejected():
                await _write_failed(connection, sending, outcome, now)
            case Deferred():
                next_at = now + backoff(sending.attempts)
                await store.mark_planned(connection, sending, next_at)
                extra = {"action": "ask_deferred", **_about(sending), "detail": outcome.detail}
                _log.warning("ask is tried again later", extra=extra)
            case Ambiguous():
                await _write_unknown(connection, sending, outcome)


async def _claim(connection: db.Connection, now: datetime) -> Claim | None:
    # All in one transaction: when PostgreSQL goes away in the middle, nothing was claimed.
    sending = await store.claim_invitation(connection, now, now + LEASE)
    if sending is None:
        return None
    customer = sending.invitation.customer_id
    cards = await store.contacts(connection, [customer])
    wishes = (await store.opt_outs(connection, [customer])).get(customer, frozenset())
    opted_out = stopped_by(wishes, sending.invitation.touchpoint) is not None
    return Claim(sending, cards.get(customer, Contact()), opted_out)


def _refusal(claim: Claim, now: datetime) -> Rejected | None:
    if now > claim.sending.useful_until:
        return Rejected("stale_event")
    if claim.opted_out:
        return Rejected("opted_out")
    if claim.contact.consent == "refused":
        return Rejected("no_consent")
    return None if claim.contact.email else Rejected("no_address")


def _place(error: Exception) -> str:
    # Where, but not what it says: that may hold the address.
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"


async def _write_sent(connection: db.Connection, sending: Sending, now: datetime) -> None:
    invitation = _sent(sending, now)
    if not await store.mark_sent(connection, sending, invitation, now):
        return
    await outbox.add(connection, [_said("sent", invitation, now)], now)
    tally = Tally()
    tally.add("invitations", invitation.touchpoint, invitation.channel)
    await tally.write(connection)
    _log.info("ask sent", extra={"action": "ask_sent", **_about(sending)})


async def _write_failed(
    connection: db.Connection, sending: Sending, outcome: Rejected, now: datetime
) -> None:
    update = {"at": now, "failure": outcome.reason}
    invitation = sending.invitation.model_copy(update=update)
    if not await store.mark_failed(connection, sending, invitation):
        return
    await outbox.add(connection, [_said("failed", invitation, now)], now)
    tally = Tally()
    tally.add("invitation_failures", invitation.channel, outcome.reason)
    await tally.write(connection)
    extra = {"action": "ask_failed", **_about(sending), "reason": outcome.reason}
    _log.warning("ask failed", extra={**extra, "detail": outcome.detail})


async def _write_unknown(connection: db.Connection, sending: Sending, outcome: Ambiguous) -> None:
    if not await store.mark_unknown(connection, sending):
        return
    tally = Tally()
    tally.add("invitation_failures", sending.invitation.channel, "unknown")
    await tally.write(connection)
    _log_unknown(sending.invitation.invitation_id, outcome.detail)


def _sent(sending: Sending, now: datetime) -> Invitation:
    update = {"at": now, "expires_at": now + sending.answer_within}
    return sending.invitation.model_copy(update=update)


def _said(what: str, invitation: Invitation, now: datetime) -> outbox.Outgoing:
    return outbox.event(
        service="ask",
        type=f"touchback.invitation.{what}.v1",
        body=invitation,
        customer_id=invitation.customer_id,
        at=now,
        id=stable_id(f"invitation.{what}", invitation.invitation_id),
    )


def _about(sending: Sending) -> dict[str, object]:
    invitation = sending.invitation
    return {
        "invitation": invitation.invitation_id,
        "touchpoint": invitation.touchpoint,
        "attempt": sending.attempts,
    }


def _log_unknown(invitation_id: str, detail: str) -> None:
    extra = {"action": "ask_unknown", "invitation": invitation_id, "detail": detail}
    _log.error("nobody knows whether this ask was sent; it is not sent again", extra=extra)


async def _finished(step: Awaitable[bool]) -> bool:
    """Let a step that has begun come to its end, also when the process is told to stop."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        _, unfinished = await asyncio.wait({task}, timeout=FINISH)
        task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=GIVE_BACK)
        raise
