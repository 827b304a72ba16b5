"""Somebody comes with a link: whose it is, what was asked, and what may be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.collect import decide, store
from services.collect.model import (
    Changeable,
    Closed,
    Invitation,
    InvitationId,
    ResponseId,
    Standing,
)
from services.collect.model import Response as Answer
from services.collect.pages.guard import Refused, reader, token_of
from services.collect.pages.render import HEADERS, Renderer, Speech
from services.collect.policy import Policy
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

    @property
    def unlinked(self) -> bool:
        """Whether the page promises that nothing will lead from the answer to its reader."""
        return self.answer.unlinked if self.answer else self.survey.anonymous

    def link(self, rest: str = "", **query: str | None) -> str:
        """Return the address of a page of this survey."""
        return self.speech.link(f"/s/{self.token}{rest}", **query)

    def say(self, texts: Mapping[str, str]) -> str:
        """Return a text of the catalog in the language of the page."""
        return in_language(texts, self.speech.language)

    def refuse_closed(self) -> None:
        """Raise Refused, with what its page says, unless something can be answered or changed."""
        if not isinstance(self.standing, Closed):
            return
        answer = self.answer
        raise Refused(
            self.standing.reason,
            preferred=self.invitation.language,
            given=answer.score if answer else None,
            until=decide.changeable_until(answer) if answer else self.invitation.expires_at,
            mine=self.link("/mine") if answer else None,
            heard=self.heard,
        )

    @property
    def heard(self) -> str:
        """Return where to tell us anything, as the customer that they are unless that is hidden."""
        hidden = self.unlinked or self.invitation.answered
        return self.speech.link("/f" if hidden else f"/f/{self.token}")


class Visits:
    """What all pages behind a survey link have in common."""

    def __init__(
        self,
        database: db.Database,
        clock: Clock,
        links: Links,
        policy: Callable[[], Policy],
        renderer: Renderer,
    ) -> None:
        self.database = database
        self.links = links
        self.policy = policy
        self.renderer = renderer
        self._clock = clock

    async def read(self, request: Request) -> Visit:
        """Find out, on a connection of its own."""
        async with self.database.connection() as connection:
            return await self.visit(connection, request)

    async def visit(
        self, connection: db.Connection, request: Request, *, lock: bool = False
    ) -> Visit:
        """Find out; raises Refused when there is nothing behind the link."""
        purpose, wanted = reader(request, self.links, "survey", "answer")
        answer: Answer | None
        if purpose == "answer":
            invitation, answer = await _by_answer(connection, ResponseId(wanted), lock=lock)
        else:
            invitation, answer = await _by_mail(connection, InvitationId(wanted), lock=lock)
        survey = self.policy().surveys.get(invitation.survey)
        if survey is None:
            raise Refused("cancelled", preferred=invitation.language)
        now = self._clock.now()
        return Visit(
            token=token_of(request),
            invitation=invitation,
            survey=survey,
            answer=answer,
            standing=decide.standing(invitation, answer, now),
            now=now,
            speech=self.renderer.speech(request, invitation.language, survey.languages),
        )

    def page(
        self, request: Request, template: str, visit: Visit, *, status: int = 200, **context: Any
    ) -> Response:
        """Return a page, with what every page of a survey says."""
        changeable = visit.standing if isinstance(visit.standing, Changeable) else None
        asked = visit.invitation.invitation_id
        stop = visit.speech.link(f"/stop/{self.links.sign('stop', asked)}") if asked else None
        return self.renderer.page(
            request,
            template,
            visit.speech,
            status=status,
            offered=visit.survey.languages,
            link=visit.link,
            text_language=visit.survey.language(visit.speech.language),
            scale=visit.scale,
            survey=visit.survey,
            say=visit.say,
            answer=visit.answer,
            given=visit.answer.score if visit.answer else None,
            until=changeable.until if changeable else None,
            stop=stop,
            heard=visit.heard,
            unlinked=visit.unlinked,
            **context,
        )


async def _by_mail(
    connection: db.Connection, asked: InvitationId, *, lock: bool
) -> tuple[Invitation, Answer | None]:
    if lock:
        await store.lock(connection, asked)
    invitation = await store.invitation(connection, asked)
    if invitation is None:
        raise Refused("not_here_yet")
    return invitation, await store.response_to(connection, asked)


async def _by_answer(
    connection: db.Connection, wanted: ResponseId, *, lock: bool
) -> tuple[Invitation, Answer]:
    """Find an unlinked answer by its own link; what it was an answer to, nobody can say."""
    if lock:
        await store.lock_unlinked(connection, wanted)
    answer = (await store.responses(connection, [wanted])).get(wanted)
    if answer is None:
        raise Refused("unknown")
    return decide.unknown_ask(answer), answer


def see(where: str) -> Response:
    """Send the browser to another page after a form."""
    return RedirectResponse(where, 303, HEADERS)
