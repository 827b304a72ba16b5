"""Links in mails that act on a case: GET shows what would be done, POST does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from services.close.http.acting import Acting, Done, Outcome, Rejected
from services.close.http.words import LOCALES
from services.close.model import BODIES, UNTAKEN, PersonAction
from services.close.policy import Policy
from services.close.store import Shown
from shared import languages, web
from shared.contracts import actions, api
from shared.contracts.actions import LinkAction
from shared.errors import InvalidLink
from shared.links import Links

ROOM = Path(__file__).parent.parent
MAX_AGE = timedelta(days=30)
HOW = ("phone", "email", "chat", "message", "in_person")
FIELDS: Mapping[LinkAction, tuple[str, ...]] = {
    "acknowledge": (),
    "contacted": ("how", "outcome"),
    "waiting": (),
    "reassign": (),
}


class ActionLinks:
    """`/a/{token}`; without keys there are no links, and every one is refused."""

    def __init__(self, acting: Acting, links: Links | None, policy: Callable[[], Policy]) -> None:
        self._acting = acting
        self._links = links
        self._policy = policy
        self._environments = {
            language: _environment(translations)
            for language, translations in languages.load(LOCALES).items()
        }

    def routes(self) -> list[Route]:
        """Return what to serve."""
        return [
            Route("/a/{token}", self.show, methods=["GET", "HEAD"]),
            Route("/a/{token}", self.act, methods=["POST"]),
            Route("/static/action.css", _stylesheet),
        ]

    async def show(self, request: Request) -> Response:
        """What the link would do, to which case; nothing is changed."""
        found = self._found(request)
        shown = found and await self._acting.case(found[1])
        if found is None or not shown:
            return self._page(request, 404, "gone.html")
        return self._form(request, found[0], shown)

    async def act(self, request: Request) -> Response:
        """Do it, under the name that was chosen."""
        found = self._found(request)
        shown = found and await self._acting.case(found[1])
        if found is None or not shown:
            return self._page(request, 404, "gone.html")
        form = await request.form(max_files=0, max_fields=10)
        given = {name: value for name, value in form.items() if isinstance(value, str)}
        action = _action(found[0], given, shown)
        if action is None:
            return self._form(request, found[0], shown, given, 422, "incomplete")
        outcome = await self._done(found[1], action, given)
        return await self._told(request, found, given, outcome)

    async def _done(self, case_id: str, action: PersonAction, given: Mapping[str, str]) -> Outcome:
        key = f"link/{given.get('key', '')[:100]}"
        if given.get("take"):
            taking = api.Acknowledge(actor=action.actor, version=action.version)
            taken = await self._acting.act(case_id, taking, key)
            if not isinstance(taken, Done):
                return taken
            seen = taken.result["case"]["version"]
            action = action.model_copy(update={"version": seen})
        return await self._acting.act(case_id, action, key)

    async def _told(
        self,
        request: Request,
        found: tuple[LinkAction, str],
        given: Mapping[str, str],
        outcome: Outcome,
    ) -> Response:
        shown = await self._acting.case(found[1])
        if shown is None:
            return self._page(request, 404, "gone.html")
        if isinstance(outcome, Done):
            return self._page(request, 200, "done.html", event=shown.event)
        mine = found[0] == "acknowledge" and shown.event.assignee == given.get("actor")
        if mine and isinstance(outcome, Rejected):
            return self._page(request, 200, "done.html", event=shown.event)
        return self._form(request, found[0], shown, given, 409, "too_late")

    def _found(self, request: Request) -> tuple[LinkAction, str] | None:
        if self._links is None:
            return None
        try:
            token = request.path_params["token"]
            return actions.of_subject(self._links.read(actions.PURPOSE, token, MAX_AGE))
        except InvalidLink:
            return None

    def _form(
        self,
        request: Request,
        action: LinkAction,
        shown: Shown,
        given: Mapping[str, str] | None = None,
        status: int = 200,
        problem: str = "",
    ) -> Response:
        facts = {
            "event": shown.event,
            "action": action,
            "members": self._policy().members.get(shown.event.team, ()),
            "due": _due(shown),
            "how": HOW,
            "given": dict(given or {}),
            "problem": problem,
            "key": str(uuid4()),
            "untaken": action == "contacted" and shown.event.state in UNTAKEN,
        }
        return self._page(request, status, "act.html", **facts)

    def _page(self, request: Request, status: int, template: str, **facts: Any) -> Response:
        wishes = languages.accepted(request.headers.get("accept-language", ""))
        language = languages.choose(wishes, list(self._environments))
        found = self._environments[language].get_template(template)
        return HTMLResponse(found.render(language=language, **facts), status, web.PAGE_HEADERS)


def _environment(translations: Any) -> Environment:
    made = Environment(
        loader=FileSystemLoader(ROOM / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]  # of the extension
    return made


def _due(shown: Shown) -> datetime | None:
    running = [
        each.due_at
        for each in shown.event.deadlines
        if each.met_at is None and each.paused_at is None and each.clock not in ("route", "confirm")
    ]
    # By the clock on the team's wall.
    zone = ZoneInfo(shown.event.policy.time_zone if shown.event.policy else "UTC")
    return min(running).astimezone(zone) if running else None


def _action(name: LinkAction, given: Mapping[str, str], shown: Shown) -> PersonAction | None:
    """Return the action of a filled form; None when something is missing."""
    typed = {field: given.get(field, "").strip() for field in FIELDS[name]}
    seen = given.get("version", "")
    # The page's own version: sending the same form twice is then the same request.
    version = int(seen[:9]) if seen.isascii() and seen.isdecimal() else shown.event.version
    who = {"actor": given.get("actor", "").strip(), "version": version}
    try:
        return BODIES[name].model_validate({**who, **typed})
    except ValidationError:
        return None


async def _stylesheet(request: Request) -> Response:
    headers = {"Cache-Control": "max-age=3600", "X-Content-Type-Options": "nosniff"}
    return FileResponse(ROOM / "static" / "action.css", media_type="text/css", headers=headers)
