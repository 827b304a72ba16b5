"""The way out: no more questions, or not this one, by a button; or a mail program's unsubscribe."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.collect import store
from services.collect.model import Invitation, Stopped
from services.collect.pages.guard import guarded, invitation_of
from services.collect.pages.render import Renderer
from shared import db
from shared.clock import Clock
from shared.links import Links

ONLY = "this"
"""In the address of the button that stops one question."""


class StopPages:
    """GET shows, POST records: programs that follow every link of a mail opt nobody out."""

    def __init__(
        self, database: db.Database, clock: Clock, links: Links, renderer: Renderer
    ) -> None:
        self._database = database
        self._clock = clock
        self._links = links
        self._renderer = renderer

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/stop/{token}", guarded(self._renderer, self.show), methods=["GET"]),
            Route("/stop/{token}", guarded(self._renderer, self.record), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Ask for confirmation, or say that it is done already."""
        asked = invitation_of(request, self._links, "stop", "survey")
        async with self._database.connection() as connection:
            done = await store.opted_out(connection, asked)
            invitation = await store.invitation(connection, asked)
        return self._page(request, invitation, done)

    async def record(self, request: Request) -> Response:
        """Record the wish; also when the invitation itself has yet to arrive here.

        A button of the page alone speaks of one question: a mail program's click is about all.
        """
        asked = invitation_of(request, self._links, "stop", "survey")
        everything = request.query_params.get("only") != ONLY
        async with self._database.transaction() as connection:
            await store.opt_out(connection, asked, self._clock.now(), everything=everything)
            done = await store.opted_out(connection, asked)
            invitation = await store.invitation(connection, asked)
        return self._page(request, invitation, done)

    def _page(
        self, request: Request, invitation: Invitation | None, done: Stopped | None
    ) -> Response:
        speech = self._renderer.speech(request, invitation.language if invitation else None)
        path = request.url.path
        return self._renderer.page(
            request,
            "stop.html",
            speech,
            done=done,
            here=speech.link(path),
            only=speech.link(path, only=ONLY),
        )
