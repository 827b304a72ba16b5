"""Alerts to Slack: one message per alert, edited as the case goes on, a reply in its thread."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.route.channels.answer import JSON, clipped, judged
from services.route.channels.card import Card, card
from services.route.model import Accepted, Failure, Letter, Refused, Result
from shared.outbound import Poster, Reply

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
_GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""The message is out of reach: the reply in its thread still tells."""


class SlackSender:
    """Posts as a bot. The secret that a channel names is the bot's token."""

    def __init__(self, secrets: Mapping[str, str], poster: Poster) -> None:
        self._secrets = dict(secrets)
        self._poster = poster

    async def send(self, letter: Letter, now: datetime) -> Result:
        """Post the message, or bring the one that was posted up to date."""
        token = self._secrets.get(letter.channel.secret or "")
        if token is None:
            return Refused("no_secret")
        shown = card(letter, now)
        receipt = letter.delivery.receipt
        if receipt is None:
            body = {"channel": letter.channel.to, **message(shown)}
            return await self._call("chat.postMessage", body, letter, token, now)
        edit = {**receipt, **message(shown)}
        result = await self._call("chat.update", edit, letter, token, now)
        if isinstance(result, Refused) and result.failure != "client_error":
            return result
        reply = {
            "channel": receipt["channel"],
            "thread_ts": receipt["ts"],
            "text": clipped(escaped(_told(shown)), TEXT),
            "unfurl_links": False,
        }
        said = await self._call("chat.postMessage", reply, letter, token, now)
        return Accepted(receipt) if isinstance(said, Accepted) else said

    async def _call(
        self, method: str, body: Mapping[str, Any], letter: Letter, token: str, now: datetime
    ) -> Result:
        url = f"{letter.channel.url or API}/{method}"
        headers = {**JSON, "authorization": f"Bearer {token}"}
        reply = await self._poster.post(url, json.dumps(body, ensure_ascii=False), headers, now)
        result = judged(reply)
        if isinstance(result, Refused) or not isinstance(reply, Reply):
            return result
        return _answered(reply)


def _answered(reply: Reply) -> Result:
    """Slack says 200 and what it thinks in the body."""
    try:
        said = json.loads(reply.body or b"")
    except ValueError:
        return Refused("server_error")
    if not isinstance(said, dict):
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
    if shown.facts:
        fields = [_mrkdwn(f"*{escaped(n)}*\n{escaped(t)}", FIELD) for n, t in shown.facts]
        blocks.append({"type": "section", "fields": fields[:FIELDS]})
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
