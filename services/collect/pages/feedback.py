"""Tell us anything: nobody asked, so nobody is asked who they are."""

from __future__ import annotations

from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.collect import store
from services.collect.model import Feedback, Invitation
from services.collect.pages import forms
from services.collect.pages.guard import Refused, guarded, invitation_of
from services.collect.pages.render import Renderer
from services.collect.pages.taps import Taps
from services.collect.pages.visit import see
from shared import db
from shared.catalog.scales import SCALES
from shared.clock import Clock, monotonic
from shared.contracts.envelope import stable_id
from shared.links import Links

SCALE = SCALES["csat"]


class FeedbackPages:
    """`/f` for everybody, `/f/{token}` for who comes from a page of ours and need not say who.

    The form works from any site that posts `comment` and `score` to `/f`: it needs no cookie.
    """

    def __init__(
        self, database: db.Database, clock: Clock, links: Links, renderer: Renderer
    ) -> None:
        self._database = database
        self._clock = clock
        self._links = links
        self._renderer = renderer
        self._taps = Taps(monotonic)

    def routes(self) -> list[Route]:
        """Return the routes; GET answers HEAD too."""
        pages = (
            ("/f", self.show, "GET"),
            ("/f", self.take, "POST"),
            ("/f/thanks", self.thanks, "GET"),
            ("/f/{token}", self.show, "GET"),
            ("/f/{token}", self.take, "POST"),
        )
        return [
            Route(path, guarded(self._renderer, page), methods=[method])
            for path, page, method in pages
        ]

    async def show(self, request: Request) -> Response:
        """Show the form."""
        known = await self._known(request)
        return self._form(request, known, forms.Form(key=str(uuid4())))

    async def take(self, request: Request) -> Response:
        """Keep what was said; the same form twice is one message."""
        form = request.state.form = await forms.read(request)
        known = await self._known(request)
        score = forms.score(form.chosen.get("score"), SCALE)
        if score is None or not form.comment or forms.too_long(form.comment):
            return self._form(request, known, form, refused=not form.moved)
        speech = self._renderer.speech(request, known.language if known else None)
        said = Feedback(
            feedback_id=stable_id("feedback", self._taps.key(request, form)),
            text=form.comment,
            score=score,
            urgent=form.urgent,
            language=speech.language,
            received_at=self._clock.now(),
            customer_id=None if form.anonymous else form.customer or None,
            invitation=None if form.anonymous else known,
        )
        async with self._database.transaction() as connection:
            await store.add_feedback(connection, said)
        return see(speech.link("/f/thanks"))

    async def thanks(self, request: Request) -> Response:
        """Say that it arrived."""
        return self._renderer.page(request, "told.html", self._renderer.speech(request, None))

    async def _known(self, request: Request) -> Invitation | None:
        if "token" not in request.path_params:
            return None
        asked = invitation_of(request, self._links, "survey", "stop")
        async with self._database.connection() as connection:
            found = await store.invitation(connection, asked)
        if found is None:
            raise Refused("not_here_yet")
        return found

    def _form(
        self,
        request: Request,
        known: Invitation | None,
        form: forms.Form,
        *,
        refused: bool = False,
    ) -> Response:
        chosen = forms.score(form.chosen.get("score"), SCALE)
        speech = self._renderer.speech(request, known.language if known else None)
        return self._renderer.page(
            request,
            "feedback.html",
            speech,
            status=422 if refused else 200,
            form=form,
            known=known is not None,
            chosen=chosen,
            scale=SCALE,
            here=speech.link(request.url.path),
            heard=None,
            silent=refused and not form.comment,
            unrated=refused and chosen is None,
            too_long=forms.too_long(form.comment),
            longest_customer=forms.LONGEST_CUSTOMER,
        )
