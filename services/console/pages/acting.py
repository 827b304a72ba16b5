"""Acting: every form is passed on to `close`, and what was typed is never lost."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console import forms, store
from services.console.forms import FORMS, Form
from services.console.outbound import Acting, Away, Conflict, Done, Outcome, Refused
from services.console.pages.cases import Cases
from services.console.pages.paper import Paper, local
from services.console.visitor import clean_name, remember
from shared import wake
from shared.contracts.cases import CaseEvent

STATUS: Mapping[type[Outcome], int] = {Conflict: 409, Away: 503, Refused: 422}


class Acts:
    """What the forms on cases are sent to."""

    def __init__(self, paper: Paper, cases: Cases, close: Acting) -> None:
        self._paper = paper
        self._cases = cases
        self._close = close

    async def name(self, request: Request) -> Response:
        """Keep the name under which this browser acts, where nobody signs in."""
        form = await self._paper.form(request)
        who = self._paper.visitor(request)
        response: Response = RedirectResponse(local(form.get("back", "")), status_code=303)
        if self._paper.is_own(request, form):
            name = clean_name(form.get("name", ""))
            remember(response, who, secure=self._paper.secure, name=name)
        return response

    async def act(self, request: Request) -> Response:
        """Pass an action on to `close`, and show what came of it. What was typed is never lost."""
        given = await self._paper.form(request)
        form = FORMS.get(request.path_params["step"])
        if form is None:
            return self._paper.page(request, "unknown.html", status=404)
        problem = self._problem(request, form, given)
        if problem:
            return await self._again(request, given, problem, 422)
        body = {
            "actor": self._paper.visitor(request).name,
            "version": int(given["version"]),
            **forms.body(form, given, self._paper.speech(request).zone),
        }
        case_id = request.path_params["case_id"]
        outcome = await self._close.act(case_id, form.action, body, given["key"])
        if isinstance(outcome, Done):
            await self._remember(outcome.case)
            return RedirectResponse(local(given.get("back", "")), status_code=303)
        said = explained(self._paper, request, outcome)
        return await self._again(request, given, said, STATUS[type(outcome)])

    def _problem(self, request: Request, form: Form, given: dict[str, str]) -> str:
        gettext = self._paper.speech(request).translations.gettext
        if unready := unsendable(self._paper, request, given):
            return unready
        if forms.missing(form, given):
            return gettext("Something is missing. Fill in every field, then send it again.")
        if not given.get("version", "").isdecimal():
            return gettext("This form is incomplete. Nothing was changed: send it again.")
        try:
            forms.body(form, given, self._paper.speech(request).zone)
        except ValueError:
            return gettext("This is no day of the calendar. Choose one, then send it again.")
        return ""

    async def _again(
        self, request: Request, given: Mapping[str, str], said: str, status: int
    ) -> Response:
        """Show the page the form came from, with what went wrong and what was typed."""
        if given.get("from") == "inbox":
            return await self._cases.inbox(request, said, status)
        return await self._cases.case(request, said, status, given)

    async def _remember(self, event: CaseEvent) -> None:
        """Show the change at once and to everybody, also before the topic brings it."""
        async with self._paper.reading() as connection:
            if connection is not None:
                await store.write_cases(connection, [event])
                await wake.notify(connection, store.CHANGED)


def unsendable(paper: Paper, request: Request, given: dict[str, str]) -> str:
    """Say why no form of this visitor may be sent on; nothing when it may."""
    gettext = paper.speech(request).translations.gettext
    if not paper.is_own(request, given):
        return gettext("This page was open for too long. Nothing was changed: send it again.")
    if not paper.visitor(request).name:
        return gettext("Say who you are first: your name goes on every case you work on.")
    if not given.get("key"):
        return gettext("This form is incomplete. Nothing was changed: send it again.")
    return ""


def explained(paper: Paper, request: Request, outcome: Outcome) -> str:
    """Say why something was not done."""
    speech = paper.speech(request)
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
