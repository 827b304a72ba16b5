"""Alerts to Slack: one message per alert, edited as the case goes on, a reply in its thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from services.route.channels.answer import JSON, clipped, judged
from services.route.channels.card import Card, card
from services.route.model import Accepted, Failure, Letter, Refused, Result
from shared.outbound import Poster, Reply, Unanswered

API = "https://slack.com/api"
TEXT = 3000
HEADER = 150
BUTTON = 75
FIELDS = 10
FIELD = 2000
LINK = 3000
BLOCKS = 50

_FAILURES: Mapping[str, Failure] = {
    **dict.fromkeys(("ratelimited", "rate_limited", "message_limit_exceeded"), "rate_limited"),
    **dict.fromkeys(
        (
            "invalid_auth",
            "not_authed",
            "account_inactive",
            "token_revoked",
            "token_expired",
            "missing_scope",
            "no_permission",
            "access_denied",
            "ekm_access_denied",
            "restricted_action",
            "not_in_channel",
            "team_access_not_granted",
        ),
        "unauthorized",
    ),
    **dict.fromkeys(("channel_not_found", "is_archived", "team_not_found"), "not_found"),
    **dict.fromkeys(
        ("internal_error", "fatal_error", "service_unavailable", "request_timeout"), "server_error"
    ),
}
LOOKED_THROUGH = 20
"""As many of the newest messages are looked through for one that was posted already."""

CLOCKS_APART = timedelta(minutes=5)
"""By so much the clocks of Slack and ours may differ."""

EVENT = "touchback_alert"
_FORM: Mapping[str, str] = {**JSON, "content-type": "application/x-www-form-urlencoded"}

_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""The message is out of reach: the reply in its thread still tells."""


class SlackSender:
    """Posts as a bot. The secret that a channel names is the bot's token.

    Slack does not know a message again by an id of ours. So each carries that of its alert as
    metadata, and whoever tries again looks first whether it is there. A bot that may not read the
    conversation posts once more: repeating beats silence.
    """

    def __init__(self, secrets: Mapping[str, str], poster: Poster) -> None:
        self._secrets = dict(secrets)
        self._poster = poster

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Post the message, or bring the one that was posted up to date."""
        token = self._secrets.get(letter.channel.secret or "")
        if token is None:
            return Refused("no_secret")
        call, shown = _Call(self._poster, letter, token, now), card(letter, now)
        receipt = letter.delivery.receipt
        if receipt is None:
            where = {"channel": letter.channel.to or ""}
            return await call.post({**where, **message(shown)}, "conversations.history", where)
        result = await call.write("chat.update", {**receipt, **message(shown)})
        if isinstance(result, Refused) and result.failure != "client_error":
            return result
        where = {"channel": receipt["channel"], "ts": receipt["ts"]}
        reply = {
            "channel": receipt["channel"],
            "thread_ts": receipt["ts"],
            "text": clipped(escaped(_told(shown)), TEXT),
            "unfurl_links": False,
        }
        said = await call.post(reply, "conversations.replies", where)
        return Accepted(receipt) if isinstance(said, Accepted) else said


@dataclass(frozen=True, slots=True)
class _Call:
    """One attempt's calls."""

    poster: Poster
    letter: Letter
    token: str
    now: datetime

    async def post(self, body: Mapping[str, Any], look: str, where: Mapping[str, str]) -> Result:
        """Post a message, unless an earlier attempt did so and only its answer got lost."""
        alert_id = self.letter.delivery.alert_id
        if self.letter.delivery.attempt > 1:
            reply = await self._look(look, where)
            if isinstance(reply, Unanswered):
                return judged(reply)
            if ts := _posted(reply, alert_id):
                return Accepted({"channel": where["channel"], "ts": ts})
        about = {"event_type": EVENT, "event_payload": {"alert_id": alert_id}}
        return await self.write("chat.postMessage", {**body, "metadata": about})

    async def write(self, method: str, body: Mapping[str, Any]) -> Result:
        """Call a method that takes JSON."""
        reply = await self._ask(method, json.dumps(body, ensure_ascii=False), JSON)
        result = judged(reply)
        if isinstance(result, Refused) or not isinstance(reply, Reply):
            return result
        return _answered(reply)

    async def _look(self, method: str, where: Mapping[str, str]) -> Reply | Unanswered:
        since = (self.letter.delivery.received_at - CLOCKS_APART).timestamp()
        asked = {
            **where,
            "oldest": f"{since:.6f}",
            "limit": str(LOOKED_THROUGH),
            "include_all_metadata": "true",
        }
        return await self._ask(method, urlencode(asked), _FORM)

    async def _ask(self, method: str, body: str, headers: Mapping[str, str]) -> Reply | Unanswered:
        url = f"{self.letter.channel.url or API}/{method}"
        given = {**headers, "authorization": f"Bearer {self.token}"}
        return await self.poster.post(url, body, given, self.now)


def _posted(reply: Reply, alert_id: str) -> str | None:
    """Return the name of the message that an earlier attempt posted."""
    for each in _object(reply.body).get("messages") or ():
        about = each.get("metadata") or {}
        if (about.get("event_payload") or {}).get("alert_id") == alert_id:
            return str(each["ts"])
    return None


def _object(body: bytes | None) -> dict[str, Any]:
    """Return what Slack says, nothing where that is unreadable."""
    try:
        said = json.loads(body or b"")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _answered(reply: Reply) -> Result:
    """Slack says 200 and what it thinks in the body."""
    if reply.body is None:
        return Refused("answer_lost")
    said = _object(reply.body)
    if not said:
        return Refused("server_error")
    if said.get("ok") is not True:
        error = said.get("error")
        failure = "client_error" if error in _GONE else _FAILURES.get(str(error), "client_error")
        return Refused(failure, reply.retry_after)
    if not said.get("ts"):
        return Accepted()
    return Accepted({"channel": str(said.get("channel")), "ts": str(said["ts"])})


def escaped(text: str) -> str:
    """Escape the three characters that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def message(shown: Card) -> dict[str, Any]:
    """Return the message in Block Kit; `text` is what a notification shows."""
    return {
        "text": clipped(escaped(shown.title), TEXT),
        "blocks": _blocks(shown)[:BLOCKS],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _blocks(shown: Card) -> list[dict[str, Any]]:
    mark = "✅ " if shown.done else "🔴 " if shown.urgent else ""
    title = clipped(mark + shown.title, HEADER)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": True}},
        _section("\n".join(shown.lead)),
    ]
    fields = [_mrkdwn(f"*{escaped(n)}*\n{escaped(t)}", FIELD) for n, t in shown.facts]
    for first in range(0, len(fields), FIELDS):
        blocks.append({"type": "section", "fields": fields[first : first + FIELDS]})
    if shown.quote:
        quoted = "\n".join(f">{escaped(line)}" for line in shown.quote.splitlines())
        blocks.append({"type": "section", "text": _mrkdwn(quoted, TEXT)})
    for line in shown.lines:
        blocks.append({"type": "section", "text": _mrkdwn(_linked(line.text, line.url), TEXT)})
    if shown.more:
        blocks.append(_section(shown.more))
    blocks.append({"type": "actions", "elements": _buttons(shown)})
    return blocks


def _buttons(shown: Card) -> list[dict[str, Any]]:
    buttons: list[dict[str, Any]] = [
        {
            "type": "button",
            "action_id": action.action_id,
            "text": _plain(action.label),
            "value": action.value,
            "style": "primary",
        }
        for action in shown.actions
    ]
    label, url = shown.link
    open_it = {"type": "button", "action_id": "touchback.open", "text": _plain(label)}
    return [*buttons, {**open_it, "url": url[:LINK]}]


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": _mrkdwn(escaped(text), TEXT)}


def _mrkdwn(text: str, longest: int) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": clipped(text, longest), "verbatim": True}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": clipped(text, BUTTON), "emoji": True}


def _linked(text: str, url: str) -> str:
    # A bar would end the link's address, an angle bracket the link.
    return f"<{escaped(url)}|{escaped(text).replace('|', '¦')}>"


def _told(shown: Card) -> str:
    taken = next((text for name, text in shown.facts if name in ("Taken by", "负责人")), None)
    return " ".join(shown.lead) + (f" ({taken})" if taken else "")
