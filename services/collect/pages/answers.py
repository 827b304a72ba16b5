"""What comes after an answer: thanks that promise no more than is true, and one's own words."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.collect import decide, store
from services.collect.model import Promise
from services.collect.model import Response as Answer
from services.collect.pages.guard import Refused, guarded
from services.collect.pages.render import HEADERS
from services.collect.pages.visit import Visit, Visits, see

LOOKS, PAUSE = 5, 0.2
"""A case is opened within a second: the thanks wait that long for it, and then say less."""


class AnswerPages:
    """The pages about an answer that was given."""

    def __init__(self, visits: Visits) -> None:
        self._visits = visits

    def routes(self) -> list[Route]:
        """Return the routes; GET answers HEAD too."""
        pages = (
            ("/s/{token}/thanks", self.thanks, "GET"),
            ("/s/{token}/mine", self.mine, "GET"),
            ("/s/{token}/mine.json", self.copy, "GET"),
            ("/s/{token}/mine", self.withdraw, "POST"),
        )
        return [
            Route(path, guarded(self._visits.renderer, page), methods=[method])
            for path, page, method in pages
        ]

    async def thanks(self, request: Request) -> Response:
        """Thank, and say what comes of it: who has it and by when, or where to say it in public."""
        visit = await self._visits.read(request)
        if visit.answer is None:
            visit.refuse_closed()
            return see(visit.link())
        followed = visit.answer.band == "low" and not visit.unlinked
        promise = await self._promise(visit.answer) if followed else None
        policy = self._visits.policy()
        owner = policy.owner(visit.invitation.touchpoint)
        named = policy.teams.get(promise.team) if promise else None
        return self._visits.page(
            request,
            "thanks.html",
            visit,
            text=visit.say(getattr(visit.survey.thanks, visit.answer.band)),
            promise=promise,
            team=named.name if named else owner.name,
            usually=owner.target("normal").contact,
            told=decide.changeable_until(visit.answer),
        )

    async def mine(self, request: Request) -> Response:
        """Show everything that was answered by this link."""
        visit, answer = _answered(await self._visits.read(request))
        offered = getattr(visit.survey.reasons, answer.band)
        chosen = answer.answers.get("reasons", ())
        return self._visits.page(
            request,
            "mine.html",
            visit,
            question=visit.say(visit.survey.question),
            reasons=[visit.say(each.label) for each in offered if each.reason in chosen],
            keep_until=answer.received_at + self._visits.policy().keep_for,
        )

    async def copy(self, request: Request) -> Response:
        """Hand out the same as a file."""
        _, answer = _answered(await self._visits.read(request))
        headers = {**HEADERS, "Content-Disposition": 'attachment; filename="my-answer.json"'}
        return JSONResponse(_file(answer), headers=headers)

    async def withdraw(self, request: Request) -> Response:
        """Delete the words; the score stays as a number."""
        async with self._visits.database.transaction() as connection:
            found = await self._visits.visit(connection, request, lock=True)
            visit, answer = _answered(found)
            await store.change(connection, [decide.withdrawn(answer, visit.now)], visit.now)
        return see(visit.link("/mine"))

    async def _promise(self, answer: Answer) -> Promise | None:
        for look in range(LOOKS):
            async with self._visits.database.connection() as connection:
                found = await store.promise(connection, answer.response_id)
            if found is not None or answer.completed_at is None:
                return found
            if look < LOOKS - 1:
                await asyncio.sleep(PAUSE)
        return None


def _answered(visit: Visit) -> tuple[Visit, Answer]:
    if visit.answer is None:
        raise Refused("nothing_here", preferred=visit.invitation.language)
    return visit, visit.answer


def _file(answer: Answer) -> dict[str, object]:
    whose = {} if answer.unlinked else {"customer": answer.customer_id}
    return {
        "number": answer.response_id,
        "received_at": answer.received_at.isoformat(),
        "about": answer.touchpoint,
        "survey": answer.survey,
        "metric": answer.metric,
        "score": answer.score,
        "comment": answer.comment,
        "contact_wanted": answer.contact_wanted,
        **answer.answers,
        "language": answer.language,
        **whose,
    }
