"""The question, the follow-up and the thanks. Only POST writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.collect import decide, store
from services.collect.model import Change, Changeable, Closed, Invitation, Standing
from services.collect.model import Response as Answer
from services.collect.pages import forms
from services.collect.pages.guard import Refused, guarded, invitation_of
from services.collect.pages.render import HEADERS, Renderer, Speech
from services.collect.policy import CHANGEABLE_FOR, Policy
from shared import db
from shared.catalog.fields import in_language
from shared.catalog.scales import SCALES, Scale
from shared.catalog.touchpoints import Survey
from shared.clock import Clock
from shared.links import Links


@dataclass(frozen=True, slots=True)
class Visit:
    """What is known when somebody comes with a link."""

    token: str
    invitation: Invitation
    survey: Survey
    answer: Answer | None
    standing: Standing
    now: datetime
    speech: Speech

    @property
    def scale(self) -> Scale:
        """The scale of the answer that is there, else that of the survey as it is today."""
        return SCALES[self.answer.metric] if self.answer else self.survey.scale

    def link(self, rest: str = "", **query: str | None) -> str:
        """Return the address of a page of this survey."""
        return self.speech.link(f"/s/{self.token}{rest}", **query)


class SurveyPages:
    """The pages behind a survey link."""

    def __init__(
        self,
        database: db.Database,
        clock: Clock,
        links: Links,
        policy: Callable[[], Policy],
        renderer: Renderer,
    ) -> None:
        self._database = database
        self._clock = clock
        self._links = links
        self._policy = policy
        self._renderer = renderer

    def routes(self) -> list[Route]:
        """Return the routes; GET answers HEAD too."""
        pages = (
            ("/s/{token}", self.question, "GET"),
            ("/s/{token}", self.take_score, "POST"),
            ("/s/{token}/more", self.follow_up, "GET"),
            ("/s/{token}/more", self.take_more, "POST"),
            ("/s/{token}/thanks", self.thanks, "GET"),
        )
        return [
            Route(path, guarded(self._renderer, page), methods=[method])
            for path, page, method in pages
        ]

    async def question(self, request: Request) -> Response:
        """Ask; a score in the address is only preselected."""
        async with self._database.connection() as connection:
            visit = await self._visit(connection, request)
        _refuse_closed(visit)
        return self._question(request, visit, request.query_params.get("score"))

    async def take_score(self, request: Request) -> Response:
        """Keep the score, then ask for more."""
        form = request.state.form = await forms.read(request)
        async with self._database.transaction() as connection:
            visit = await self._visit(connection, request, lock=True)
            _refuse_closed(visit)
            score = forms.score(form.score, visit.scale)
            if score is None:
                return self._question(request, visit, None, missing=True)
            if visit.answer is None:
                await store.add(connection, [_first(visit, score)], visit.now)
            else:
                changed = decide.other_score(visit.answer, score, visit.now)
                await store.change(connection, [changed], visit.now)
        return _see(visit.link("/more"))

    async def follow_up(self, request: Request) -> Response:
        """Show what one may add to a score."""
        async with self._database.connection() as connection:
            visit = await self._visit(connection, request)
        _refuse_closed(visit)
        if visit.answer is None:
            return _see(visit.link())
        form = forms.Form(None, visit.answer.comment or "", visit.answer.contact_wanted)
        return self._follow_up(request, visit, visit.answer, form)

    async def take_more(self, request: Request) -> Response:
        """Add the comment to the same answer, which makes it final."""
        form = request.state.form = await forms.read(request)
        async with self._database.transaction() as connection:
            visit = await self._visit(connection, request, lock=True)
            _refuse_closed(visit)
            if visit.answer is None:
                return _see(visit.link())
            if forms.too_long(form.comment):
                return self._follow_up(request, visit, visit.answer, form, refused=True)
            added = decide.more(visit.answer, form.comment or None, form.contact, visit.now)
            await store.change(connection, [added], visit.now)
        return _see(visit.link("/thanks"))

    async def thanks(self, request: Request) -> Response:
        """Thank, and say what comes of it."""
        async with self._database.connection() as connection:
            visit = await self._visit(connection, request)
        if visit.answer is None:
            _refuse_closed(visit)
            return _see(visit.link())
        texts = getattr(visit.survey.thanks, visit.answer.band)
        return self._page(request, "thanks.html", visit, text=_in(texts, visit), **_told(visit))

    async def _visit(
        self, connection: db.Connection, request: Request, *, lock: bool = False
    ) -> Visit:
        wanted = invitation_of(request, self._links, "survey")
        if lock:
            await store.lock(connection, wanted)
        invitation = await store.invitation(connection, wanted)
        if invitation is None:
            raise Refused("not_here_yet")
        survey = self._policy().surveys.get(invitation.survey)
        if survey is None:
            raise Refused("cancelled", preferred=invitation.language)
        answer = await store.response_to(connection, wanted)
        now = self._clock.now()
        return Visit(
            token=request.path_params["token"],
            invitation=invitation,
            survey=survey,
            answer=answer,
            standing=decide.standing(invitation, answer, now),
            now=now,
            speech=self._renderer.speech(request, invitation.language, survey.languages),
        )

    def _page(
        self, request: Request, template: str, visit: Visit, *, status: int = 200, **context: Any
    ) -> Response:
        return self._renderer.page(
            request,
            template,
            visit.speech,
            status=status,
            offered=visit.survey.languages,
            link=visit.link,
            text_language=visit.survey.language(visit.speech.language),
            scale=visit.scale,
            **context,
        )

    def _question(
        self, request: Request, visit: Visit, wanted: str | None, *, missing: bool = False
    ) -> Response:
        picked = forms.score(wanted, visit.scale)
        given = visit.answer.score if visit.answer else None
        return self._page(
            request,
            "question.html",
            visit,
            status=422 if missing else 200,
            question=_in(visit.survey.question, visit),
            low_label=_in(visit.survey.low_label, visit),
            high_label=_in(visit.survey.high_label, visit),
            picked=picked,
            chosen=given if picked is None else picked,
            missing=missing,
            asked_about=visit.invitation.occurred_at,
            stop=visit.speech.link(
                f"/stop/{self._links.sign('stop', visit.invitation.invitation_id)}"
            ),
            **_told(visit),
        )

    def _follow_up(
        self,
        request: Request,
        visit: Visit,
        answer: Answer,
        form: forms.Form,
        *,
        refused: bool = False,
    ) -> Response:
        return self._page(
            request,
            "more.html",
            visit,
            status=422 if refused else 200,
            question=_in(getattr(visit.survey.follow_up, answer.band), visit),
            low=answer.band == "low",
            form=form,
            too_long=forms.too_long(form.comment),
            **_told(visit),
        )


def _first(visit: Visit, score: int) -> Change:
    language = visit.speech.language
    return decide.first_score(visit.invitation, visit.survey, score, language, visit.now)


def _in(texts: dict[str, str], visit: Visit) -> str:
    return in_language(texts, visit.speech.language)


def _told(visit: Visit) -> dict[str, Any]:
    """What a page says about the answer that is there already, if there is one."""
    until = visit.standing.until if isinstance(visit.standing, Changeable) else None
    return {"given": visit.answer.score if visit.answer else None, "until": until}


def _refuse_closed(visit: Visit) -> None:
    if not isinstance(visit.standing, Closed):
        return
    raise Refused(
        visit.standing.reason,
        preferred=visit.invitation.language,
        given=visit.answer.score if visit.answer else None,
        until=visit.answer.received_at + CHANGEABLE_FOR
        if visit.answer
        else visit.invitation.expires_at,
    )


def _see(where: str) -> Response:
    return RedirectResponse(where, 303, HEADERS)
