"""The pages: inbox, one case, one customer. GET writes nothing; every action is a real form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.console import store
from services.console.decide import standing, steps
from services.console.model import Inbox, Step, Wanted
from services.console.outbound import Acting, Away, Conflict, Done, Outcome, Paused, Refused
from services.console.render import Speech, environment
from services.console.visitor import (
    Visitor,
    clean_name,
    form_token,
    is_own_form,
    remember,
    visitor,
)
from services.console.words import HOW, STATES
from shared import db, languages, wake, web
from shared.catalog import Catalog, NotInCatalog, RootCause
from shared.clock import Clock
from shared.contracts.cases import CaseEvent
from shared.errors import Unavailable
from shared.links import Links

LOCALES = Path(__file__).parent / "locales"
FIELDS: Mapping[Step, tuple[str, ...]] = {
    "acknowledge": (),
    "contacted": ("how", "outcome"),
    "waiting": (),
    "resolve": ("root_cause", "action", "outcome"),
    "reopen": ("reason",),
    "reassign": (),
    "note": ("note",),
}
"""What each form asks for; all of it is required."""


class Pages:
    """The pages of this service."""

    def __init__(
        self,
        database: db.Database,
        clock: Clock,
        close: Acting,
        links: Links,
        catalog: Callable[[], Catalog],
        paused: Callable[[], Sequence[Paused]],
        *,
        secure: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._close = close
        self._links = links
        self._catalog = catalog
        self._paused = paused
        self._secure = secure
        self._templates = environment()
        self._catalogues = languages.load(LOCALES)

    # --- reading -------------------------------------------------------------------------------

    async def inbox(self, request: Request) -> Response:
        """The cases that wait, the most urgent first; `fragment=rows` gives the list alone."""
        return await self._inbox(request)

    async def case(self, request: Request) -> Response:
        """One case: what they said, what to do next, what happened."""
        return await self._case(request)

    async def customer(self, request: Request) -> Response:
        """Everything that happened to one customer."""
        customer_id = request.path_params["customer_id"]
        async with self._reading() as connection:
            if connection is None:
                return self._page(request, "away.html", status=503)
            moments = await store.timeline(connection, customer_id, limit=500)
            cases = await store.cases_of(connection, customer_id)
        if not moments and not cases:
            return self._page(request, "unknown.html", status=404)
        return self._page(
            request, "customer.html", customer_id=customer_id, timeline=moments, cases=cases
        )

    async def _inbox(self, request: Request, said: str = "", status: int = 200) -> Response:
        wanted = _wanted(request)
        async with self._reading() as connection:
            if connection is None:
                return self._page(request, "away.html", status=503)
            found = await store.inbox(connection, wanted)
            teams = await store.teams(connection)
        rows_only = request.query_params.get("fragment") == "rows"
        return self._page(
            request,
            "rows.html" if rows_only else "inbox.html",
            status=status,
            said=said,
            paused=self._paused(),
            wanted=wanted,
            inbox=found,
            teams=teams,
            states=("open", "all", *STATES),
            back=_address(wanted, wanted.page),
            pages=_neighbours(wanted, found),
        )

    async def _case(
        self,
        request: Request,
        said: str = "",
        status: int = 200,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        async with self._reading() as connection:
            if connection is None:
                return self._page(request, "away.html", status=503)
            event = await store.case(connection, request.path_params["case_id"])
            if event is None:
                return self._page(request, "unknown.html", status=404)
            moments = await store.timeline(connection, event.customer_id)
            cases = await store.cases_of(connection, event.customer_id)
            causes = await store.root_causes(connection)
        return self._page(
            request,
            "case.html",
            status=status,
            said=said,
            event=event,
            given=dict(given or {}),
            tried=request.path_params.get("step", ""),
            steps=steps(event.state),
            timeline=moments,
            earlier=[each for each in cases if each.case_id != event.case_id],
            causes=causes,
            named=self._named(event.team),
            cause_name=self._cause_name(request, event),
            how=HOW,
        )

    def _cause_name(self, request: Request, event: CaseEvent) -> str:
        names = {each.cause: each.name for each in self._named(event.team)}
        given = event.root_cause or ""
        return self._speech(request).text(names[given]) if given in names else given

    # --- acting --------------------------------------------------------------------------------

    async def name(self, request: Request) -> Response:
        """Keep the name under which this browser acts."""
        form = await self._form(request)
        who = self._visitor(request)
        back = _local(form.get("back", ""))
        response: Response = RedirectResponse(back, status_code=303)
        if is_own_form(self._links, request, form.get("token", "")):
            remember(response, who, secure=self._secure, name=clean_name(form.get("name", "")))
        return response

    async def act(self, request: Request) -> Response:
        """Pass an action on to `close`, and show what came of it. What was typed is never lost."""
        form = await self._form(request)
        step, who = request.path_params["step"], self._visitor(request)
        if step not in FIELDS:
            return self._page(request, "unknown.html", status=404)
        missing = self._missing(request, form, step, who)
        if missing:
            return await self._again(request, form, missing, 422)
        typed = {name: form[name].strip() for name in FIELDS[step]}
        body = {"actor": who.name, "version": int(form["version"]), **typed}
        case_id = request.path_params["case_id"]
        outcome = await self._close.act(case_id, step, body, form["key"])
        if isinstance(outcome, Done):
            await self._remember(outcome.case)
            return RedirectResponse(_local(form.get("back", "")), status_code=303)
        return await self._again(
            request, form, self._explain(request, outcome), _STATUS[type(outcome)]
        )

    def _missing(self, request: Request, form: Mapping[str, str], step: Step, who: Visitor) -> str:
        gettext = self._speech(request).translations.gettext
        if not is_own_form(self._links, request, form.get("token", "")):
            return gettext("This page was open for too long. Nothing was changed: send it again.")
        if not who.name:
            return gettext("Say who you are first: your name goes on every case you work on.")
        if not all(form.get(name, "").strip() for name in FIELDS[step]):
            return gettext("Something is missing. Fill in every field, then send it again.")
        if not form.get("version", "").isdecimal() or not form.get("key"):
            return gettext("This form is incomplete. Nothing was changed: send it again.")
        return ""

    def _explain(self, request: Request, outcome: Outcome) -> str:
        speech = self._speech(request)
        gettext = speech.translations.gettext
        if isinstance(outcome, Conflict) and outcome.outdated and outcome.assignee:
            text = gettext("%(who)s has this case: it changed while you looked at it.")
            return text % {"who": outcome.assignee}
        if isinstance(outcome, Conflict):
            text = gettext("This is not possible any more: the case is now “%(state)s”.")
            return text % {"state": speech.state(outcome.state or "")}
        if isinstance(outcome, Away):
            return gettext(
                "Cases cannot be changed at the moment. Nothing is lost: send it again in a minute."
            )
        text = gettext("This was not accepted: %(detail)s")
        return text % {"detail": getattr(outcome, "detail", "")}

    async def _again(
        self, request: Request, form: Mapping[str, str], said: str, status: int
    ) -> Response:
        """Show the page the form came from, with what went wrong and what was typed."""
        if form.get("from") == "inbox":
            return await self._inbox(request, said, status)
        return await self._case(request, said, status, form)

    async def _remember(self, event: CaseEvent) -> None:
        """Show the change at once and to everybody, also before the topic brings it."""
        async with self._reading() as connection:
            if connection is not None:
                await store.write_cases(connection, [event])
                await wake.notify(connection, store.CHANGED)

    # --- what all pages have -------------------------------------------------------------------

    async def _form(self, request: Request) -> dict[str, str]:
        form = await request.form(max_files=0, max_fields=20)
        return {name: value for name, value in form.items() if isinstance(value, str)}

    def _visitor(self, request: Request) -> Visitor:
        return visitor(request, list(self._catalogues))

    def _speech(self, request: Request) -> Speech:
        language = self._visitor(request).language
        zone = ZoneInfo(self._catalog().policy.time_zone)
        return Speech(language, self._catalogues[language], zone, self._clock.now())

    def _named(self, team: str) -> tuple[RootCause, ...]:
        """Return the root causes that a team has named."""
        try:
            return self._catalog().team(team).root_causes
        except NotInCatalog:
            return ()

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[db.Connection | None]:
        """Lend a connection, or None while the database is away."""
        try:
            async with self._database.connection() as connection:
                yield connection
        except Unavailable:
            yield None

    def _page(
        self, request: Request, template: str, *, status: int = 200, **facts: Any
    ) -> HTMLResponse:
        who, speech = self._visitor(request), self._speech(request)
        text = self._templates.get_template(template).render(
            speech=speech,
            standing=lambda event: standing(event, speech.now),
            who=who,
            token=form_token(self._links, who),
            fresh_key=lambda: str(uuid4()),
            languages=list(self._catalogues),
            here=request.url.path,
            **{"said": "", "back": request.url.path, **facts},
        )
        response = HTMLResponse(text, status, web.PAGE_HEADERS)
        remember(response, who, secure=self._secure)
        return response


_STATUS: Mapping[type[Outcome], int] = {Conflict: 409, Away: 503, Refused: 422}


def _wanted(request: Request) -> Wanted:
    query = request.query_params
    state, page = query.get("state", "open"), query.get("page", "1")
    return Wanted(
        team=query.get("team") or None,
        state=state if state in ("all", *STATES) else "open",
        search=query.get("search", "").strip()[:200] or None,
        page=min(int(page), 10_000) if page.isdecimal() and page != "0" else 1,
    )


def _address(wanted: Wanted, page: int) -> str:
    asked = {"team": wanted.team, "state": wanted.state, "search": wanted.search}
    query = {name: value for name, value in asked.items() if value and value != "open"}
    if page > 1:
        query["page"] = str(page)
    return f"/?{urlencode(query)}" if query else "/"


def _neighbours(wanted: Wanted, found: Inbox) -> dict[str, str]:
    pages = {}
    if wanted.page > 1:
        pages["previous"] = _address(wanted, wanted.page - 1)
    if wanted.page * store.PAGE < found.total:
        pages["next"] = _address(wanted, wanted.page + 1)
    return pages


def _local(address: str) -> str:
    """Return the address when it is one of ours, else the inbox."""
    ours = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if ours and address.isprintable() else "/"
