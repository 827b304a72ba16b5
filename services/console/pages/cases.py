"""Reading: the inbox, one case, one customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from services.console import store
from services.console.decide import reopening, steps
from services.console.model import OPEN, Inbox, Wanted
from services.console.outbound import Paused
from services.console.pages.paper import Paper
from services.console.words import HOW, STATES
from shared.catalog import NotInCatalog, RootCause
from shared.contracts.cases import CaseEvent


class Cases:
    """The pages about cases and customers."""

    def __init__(self, paper: Paper, paused: Callable[[], Sequence[Paused]]) -> None:
        self._paper = paper
        self._paused = paused

    async def customer(self, request: Request) -> Response:
        """Everything that happened to one customer."""
        customer_id = request.path_params["customer_id"]
        async with self._paper.reading() as connection:
            if connection is None:
                return self._paper.page(request, "away.html", status=503)
            moments = await store.timeline(connection, customer_id, limit=500)
            cases = await store.cases_of(connection, customer_id)
        if not moments and not cases:
            return self._paper.page(request, "unknown.html", status=404)
        return self._paper.page(
            request, "customer.html", customer_id=customer_id, timeline=moments, cases=cases
        )

    async def inbox(self, request: Request, said: str = "", status: int = 200) -> Response:
        """The cases that wait, the most urgent first; `fragment=rows` gives the list alone."""
        wanted = _wanted(request)
        async with self._paper.reading() as connection:
            if connection is None:
                return self._paper.page(request, "away.html", status=503)
            found = await store.inbox(connection, wanted)
            teams = await store.teams(connection)
        rows_only = request.query_params.get("fragment") == "rows"
        return self._paper.page(
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

    async def case(
        self,
        request: Request,
        said: str = "",
        status: int = 200,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """One case: what they said, what to do next, what happened.

        `said` is what went wrong, `given` what was typed.
        """
        async with self._paper.reading() as connection:
            if connection is None:
                return self._paper.page(request, "away.html", status=503)
            event = await store.case(connection, request.path_params["case_id"])
            if event is None:
                return self._paper.page(request, "unknown.html", status=404)
            moments = await store.timeline(connection, event.customer_id)
            cases = await store.cases_of(connection, event.customer_id)
            causes = await store.root_causes(connection)
        others = [each for each in cases if each.case_id != event.case_id]
        mergeable = [each for each in others if each.state in OPEN]
        return self._paper.page(
            request,
            "case.html",
            status=status,
            said=said,
            event=event,
            again=reopening(event, moments),
            given=dict(given or {}),
            tried=request.path_params.get("step", ""),
            steps=steps(event.state, others=bool(mergeable)),
            timeline=moments,
            earlier=others,
            mergeable=mergeable,
            teams=self._paper.catalog().teams,
            causes=causes,
            named=self._named(event.team),
            cause_name=self._cause_name(request, event),
            chosen=self._chosen(request, event),
            how=HOW,
        )

    def _named(self, team: str) -> tuple[RootCause, ...]:
        """Return the root causes that a team has named."""
        try:
            return self._paper.catalog().team(team).root_causes
        except NotInCatalog:
            return ()

    def _chosen(self, request: Request, event: CaseEvent) -> list[str]:
        """Return the reasons that the customer chose, as the survey says them."""
        try:
            offered = self._paper.catalog().survey(event.score.survey).reasons
        except NotInCatalog:
            return list(event.score.reasons)
        bands = (offered.low, offered.mid, offered.high)
        labels = {each.reason: each.label for band in bands for each in band}
        text = self._paper.speech(request).text
        return [text(labels[each]) if each in labels else each for each in event.score.reasons]

    def _cause_name(self, request: Request, event: CaseEvent) -> str:
        names = {each.cause: each.name for each in self._named(event.team)}
        given = event.root_cause or ""
        return self._paper.speech(request).text(names[given]) if given in names else given


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
