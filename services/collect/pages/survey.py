"""The question and the follow-up. Only POST writes; a page that saves by itself does so too."""

from __future__ import annotations

from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.collect import decide, store
from services.collect.metrics import Views
from services.collect.model import Change, Rating, ResponseId
from services.collect.model import Response as Answer
from services.collect.pages import forms, scanners
from services.collect.pages.guard import guarded
from services.collect.pages.render import HEADERS
from services.collect.pages.visit import Visit, Visits, see
from shared import db


class SurveyPages:
    """The pages that take an answer."""

    def __init__(self, visits: Visits, views: Views) -> None:
        self._visits = visits
        self._views = views

    def routes(self) -> list[Route]:
        """Return the routes; GET answers HEAD too."""
        pages = (
            ("/s/{token}", self.question, "GET"),
            ("/s/{token}", self.take_score, "POST"),
            ("/s/{token}/more", self.follow_up, "GET"),
            ("/s/{token}/more", self.take_more, "POST"),
        )
        return [
            Route(path, guarded(self._visits.renderer, page), methods=[method])
            for path, page, method in pages
        ]

    async def question(self, request: Request) -> Response:
        """Ask; a score in the address is only preselected. Who has answered is told so first."""
        visit = await self._visits.read(request)
        self._views.seen(visit.invitation.touchpoint, scanners.visitor(request))
        visit.refuse_closed()
        query = request.query_params
        answered = visit.answer is not None and visit.answer.completed_at is not None
        if answered and not {"score", "change"} & set(query):
            return self._visits.page(request, "answered.html", visit)
        chosen = {"score": query["score"]} if "score" in query else {}
        return self._question(request, visit, forms.Form(chosen))

    async def take_score(self, request: Request) -> Response:
        """Keep the score, then ask for more."""
        form = request.state.form = await forms.read(request)
        async with self._visits.database.transaction() as connection:
            visit = await self._visits.visit(connection, request, lock=True)
            if given := await _given_before(connection, visit, form):
                return self._on_with(visit, given)
            visit.refuse_closed()
            rating = forms.rating(form, visit.scale)
            if rating is None and not form.own:
                return self._question(request, visit, form, refused=True)
            if rating is None:
                await _started(connection, visit, request)
            if rating is not None and _hides(visit, form):
                return self._on_with(visit, await self._unlinked(connection, visit, rating, form))
            if rating is not None and not (form.own and decide.is_old(visit.answer, form.number)):
                await _keep_score(connection, visit, rating, form.number)
        return _kept(rating is not None) if form.own else see(visit.link("/more"))

    async def follow_up(self, request: Request) -> Response:
        """Show what one may add to a score."""
        visit = await self._visits.read(request)
        visit.refuse_closed()
        if visit.answer is None:
            return see(visit.link())
        return self._follow_up(request, visit, visit.answer, _given(visit.answer))

    async def take_more(self, request: Request) -> Response:
        """Add the rest to the same answer, which makes it final."""
        form = request.state.form = await forms.read(request)
        async with self._visits.database.transaction() as connection:
            visit = await self._visits.visit(connection, request, lock=True)
            visit.refuse_closed()
            if visit.answer is None:
                return see(visit.link())
            long = forms.too_long(form.comment) > 0
            if long and not form.own:
                return self._follow_up(request, visit, visit.answer, form, refused=True)
            added = None if long else _added(visit, visit.answer, form)
            if added is not None:
                await store.change(connection, [added], visit.now)
        return _kept(not long) if form.own else see(visit.link("/thanks"))

    async def _unlinked(
        self, connection: db.Connection, visit: Visit, rating: Rating, form: forms.Form
    ) -> ResponseId:
        """Keep the score, and that the link was used: nothing leads from the one to the other."""
        id = decide.unlinked_id(form.key or str(uuid4()))
        language = visit.speech.language
        first = decide.first_score(visit.invitation, visit.survey, rating, language, visit.now)
        zone = self._visits.policy().time_zone
        await store.add(connection, [decide.unlinked(first, id, zone)], visit.now)
        await store.answered(connection, visit.invitation.invitation_id)
        return id

    def _on_with(self, visit: Visit, answer: ResponseId) -> Response:
        """Go on by a link that only the answer and its giver know."""
        return see(visit.speech.link(f"/s/{self._visits.links.sign('answer', answer)}/more"))

    def _question(
        self, request: Request, visit: Visit, form: forms.Form, *, refused: bool = False
    ) -> Response:
        picked = forms.scores(form, visit.scale)
        names = forms.names(visit.scale)
        return self._visits.page(
            request,
            "question.html",
            visit,
            status=422 if refused else 200,
            names=names,
            picked=picked.get("score"),
            chosen={**_chosen(visit.answer), **picked},
            missing=[name for name in names if name not in picked] if refused else [],
            asked_about=visit.invitation.occurred_at,
            told_at=decide.told_at(visit.now, self._visits.policy().time_zone),
            key=form.key or str(uuid4()),
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
        return self._visits.page(
            request,
            "more.html",
            visit,
            status=422 if refused else 200,
            question=visit.say(getattr(visit.survey.follow_up, answer.band)),
            reasons=getattr(visit.survey.reasons, answer.band),
            efforts=forms.EFFORTS if visit.survey.ask_effort else (),
            low=answer.band == "low",
            form=form,
            too_long=forms.too_long(form.comment),
        )


async def _keep_score(connection: db.Connection, visit: Visit, rating: Rating, number: int) -> None:
    answer = visit.answer
    if answer is None:
        language = visit.speech.language
        first = decide.first_score(visit.invitation, visit.survey, rating, language, visit.now)
        if await store.add(connection, [decide.numbered(first, number)], visit.now):
            return
        # Another tool brought the answer to this ask at this very moment.
        answer = await store.response_to(connection, visit.invitation.invitation_id)
    if answer is not None:
        other = decide.other_score(answer, rating, visit.now)
        await store.change(connection, [decide.numbered(other, number)], visit.now)


async def _started(connection: db.Connection, visit: Visit, request: Request) -> None:
    """Somebody touched the page; a program that acts like one, and says so, is not believed."""
    unanswered = visit.answer is None and not visit.unlinked
    if unanswered and scanners.visitor(request) == "browser":
        said = decide.started(visit.invitation, visit.survey, visit.speech.language, visit.now)
        await store.start(connection, visit.invitation.invitation_id, said)


def _hides(visit: Visit, form: forms.Form) -> bool:
    """What its page promised holds for an answer, also when the catalog changed meanwhile."""
    return visit.answer is None and (visit.unlinked or form.anonymous)


async def _given_before(
    connection: db.Connection, visit: Visit, form: forms.Form
) -> ResponseId | None:
    """Return the unlinked answer that this very form brought before: a second click, a repeat."""
    if not visit.invitation.answered or not form.key:
        return None
    id = decide.unlinked_id(form.key)
    return id if await store.responses(connection, [id]) else None


def _added(visit: Visit, answer: Answer, form: forms.Form) -> Change | None:
    offered = getattr(visit.survey.reasons, answer.band)
    more = forms.more(form, tuple(each.reason for each in offered))
    if form.own:
        return decide.draft(answer, more, form.number, visit.now)
    return decide.more(answer, more, visit.now)


def _given(answer: Answer) -> forms.Form:
    effort = answer.answers.get("effort")
    return forms.Form(
        comment=answer.comment or "",
        contact=answer.contact_wanted,
        reasons=tuple(answer.answers.get("reasons", ())),
        effort=None if effort is None else str(effort),
    )


def _chosen(answer: Answer | None) -> dict[str, int]:
    if answer is None:
        return {}
    return {"score": answer.score, **answer.answers.get("parts", {})}


def _kept(whole: bool) -> Response:
    """Answer a page that saved by itself: what is not whole yet stays on the page for now."""
    return Response(status_code=204 if whole else 202, headers=HEADERS)
