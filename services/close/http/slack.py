"""Buttons in Slack: signature checked, answered in time, errors that only the clicker sees."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from gettext import NullTranslations
from hashlib import sha256
from hmac import compare_digest, new
from typing import Any
from urllib.parse import parse_qs

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.close.http.acting import Acting, Done, Outcome, Rejected, Unfit
from services.close.http.words import LOCALES, STATES
from services.close.model import UNTAKEN
from services.close.policy import Policy
from shared import languages, web
from shared.clock import Clock
from shared.contracts import actions, api
from shared.contracts.cases import CaseEvent
from shared.outbound import Poster, Unanswered

_log = logging.getLogger(__name__)
LARGEST = 256 * 1024
WINDOW = timedelta(minutes=5)
IN_TIME = 2.0
"""Seconds; Slack shows an error to the clicker after three."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _User(_Part):
    id: str = Field(min_length=1, max_length=64)
    username: str | None = None
    name: str | None = None


class _Button(_Part):
    action_id: str = Field(max_length=255)
    action_ts: str = Field(max_length=64)
    value: str = Field(default="", max_length=2000)


class Click(_Part):
    """What Slack posts when a button was clicked."""

    type: str
    user: _User
    actions: tuple[_Button, ...] = ()
    response_url: str | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    case_id: str
    action: api.Acknowledge | api.Contacted
    key: str


class SlackActions:
    """`POST /slack/actions`; without a signing secret nothing is believed."""

    def __init__(
        self,
        acting: Acting,
        clock: Clock,
        policy: Callable[[], Policy],
        secret: str | None,
        allowed: Iterable[str] = (),
    ) -> None:
        self._acting = acting
        self._clock = clock
        self._policy = policy
        self._secret = secret
        self._allowed = tuple(allowed)
        self._translations = languages.load(LOCALES)
        self._telling: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """Return what to serve."""
        return [Route("/slack/actions", self.clicked, methods=["POST"])]

    async def clicked(self, request: Request) -> Response:
        """Do what the button says; Slack itself only needs to hear that we heard."""
        raw = await web.body(request, LARGEST)
        if not self._is_slack(request, raw):
            return web.problem(401, "this was not signed by our Slack app")
        click = _click(raw)
        if click is None:
            return web.problem(400, "this is no interaction of Slack")
        if click.type == "block_actions":
            for button in click.actions:
                await self._press(click, button)
        return Response(status_code=200)

    async def _press(self, click: Click, button: _Button) -> None:
        wanted = self._wanted(click, button)
        if wanted is None:
            return  # a link, or a button of a newer release: nothing of ours to do
        actor = wanted.action.actor
        try:
            async with asyncio.timeout(IN_TIME):
                outcome = await self._acting.act(wanted.case_id, wanted.action, wanted.key)
        except (TimeoutError, HTTPException):
            outcome = None
        problem = _problem(outcome, actor, self._words(outcome, actor))
        if problem:
            self._tell(click, problem)

    def _words(self, outcome: Outcome | None, actor: str) -> NullTranslations:
        """Return the texts of the case's team, else of the clicker's."""
        policy = self._policy()
        owner = (outcome.case.event.team,) if isinstance(outcome, Rejected) else ()
        return self._translations[policy.language_of(*owner, *policy.teams_of(actor))]

    def _wanted(self, click: Click, button: _Button) -> _Wanted | None:
        about = actions.of_value(button.value)
        name = button.action_id.removeprefix(actions.SLACK_PREFIX)
        if about is None or name not in ("acknowledge", "contacted") or name == button.action_id:
            return None
        case_id, version = about
        who = {"actor": self._actor(click.user), "version": max(1, version)}
        # Slack sends a click again when it heard no answer: it is the same click.
        key = f"slack/{click.user.id}/{button.action_ts}"
        if name == "acknowledge":
            return _Wanted(case_id, api.Acknowledge.model_validate(who), key)
        how = {"how": "slack", "outcome": "marked as contacted in Slack"}
        return _Wanted(case_id, api.Contacted.model_validate({**who, **how}), key)

    def _actor(self, user: _User) -> str:
        """Return who clicked, as the catalog names them, else as Slack does."""
        members = (each for team in self._policy().members.values() for each in team)
        known = next((each.member for each in members if each.slack == user.id), None)
        return (known or user.username or user.name or user.id)[:128]

    def _is_slack(self, request: Request, raw: bytes) -> bool:
        stamp = request.headers.get("x-slack-request-timestamp", "")
        given = request.headers.get("x-slack-signature", "")
        if self._secret is None or not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 12):
            return False
        age = self._clock.now().timestamp() - int(stamp)
        return abs(age) <= WINDOW.total_seconds() and compare_digest(
            given.encode(), signature(self._secret, stamp, raw).encode()
        )

    def _tell(self, click: Click, text: str) -> None:
        if click.response_url is None:
            return
        task = asyncio.create_task(self._ephemeral(click.response_url, text))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _ephemeral(self, url: str, text: str) -> None:
        body = {"response_type": "ephemeral", "replace_original": False, "text": text}
        headers = {"Content-Type": "application/json"}
        # Such clicks are rare: a session for each costs nothing and leaks nothing.
        poster = Poster(self._allowed)
        try:
            reply = await poster.post(url, json.dumps(body), headers, self._clock.now())
        finally:
            await poster.close()
        if isinstance(reply, Unanswered):
            extra = {"action": "slack_untold", "reason": reply.reason}
            _log.warning("the clicker could not be told", extra=extra)


def signature(secret: str, stamp: str, raw: bytes) -> str:
    """Sign as Slack does: version 0, HMAC-SHA256 over the time and the raw body."""
    return "v0=" + new(secret.encode(), b"v0:" + stamp.encode() + b":" + raw, sha256).hexdigest()


def _click(raw: bytes) -> Click | None:
    try:
        payload: Any = parse_qs(raw.decode())["payload"][0]
        return Click.model_validate_json(payload)
    except (UnicodeDecodeError, KeyError, ValueError, ValidationError):
        return None


def _problem(outcome: Outcome | None, actor: str, words: NullTranslations) -> str:
    """Return what the clicker should know; nothing when it was done."""
    gettext = words.gettext
    match outcome:
        case None:
            return gettext("Cases cannot be changed at the moment. Try again in a minute.")
        case Done():
            return ""
        case Rejected(case=case):
            return _rejected(case.event, actor, words)
        case Unfit(title=title):
            return gettext("This was not accepted: %(why)s") % {"why": title}
        case _:
            return gettext("There is no such case any more.")


def _rejected(event: CaseEvent, actor: str, words: NullTranslations) -> str:
    gettext = words.gettext
    if event.assignee == actor and event.state == "acknowledged":
        return ""
    state = gettext(STATES[event.state])
    if event.assignee:
        text = gettext("%(who)s has this case. Its state is now: %(state)s.")
        return text % {"who": event.assignee, "state": state}
    if event.state in UNTAKEN:
        return gettext("Nobody has taken this case. Take it first.")
    return gettext("This is not possible any more. The state is now: %(state)s.") % {"state": state}
