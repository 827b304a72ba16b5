"""What goes wrong on the way to an answer becomes a page that explains itself."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from services.collect.model import InvitationId
from services.collect.pages.forms import Form
from services.collect.pages.render import HEADERS, Reason, Renderer
from shared import db
from shared.errors import InvalidLink, TouchbackError, Unavailable
from shared.links import Links

_log = logging.getLogger(__name__)
Endpoint = Callable[[Request], Awaitable[Response]]
BESIDE = ".,;:!?)]}>'\"”。，"
"""What stands behind a link in a sentence; some programs take it for a part of the link."""
LOST = ("/", "/s", "/s/{rest:path}", "/f/{rest:path}", "/stop", "/stop/{rest:path}")
"""Where a link leads that lost its end, or gained one, on its way to a browser."""


class Refused(TouchbackError):
    """Nothing can be taken now; `about` is what the page says beyond the reason."""

    def __init__(self, reason: Reason, **about: Any) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.about = about


def token_of(request: Request) -> str:
    """Return the token of a link, without what only stood beside it."""
    return str(request.path_params["token"]).rstrip(BESIDE)


def invitation_of(request: Request, links: Links, *purposes: str) -> InvitationId:
    """Return whose link this is; raises Refused when it was never signed by us."""
    return InvitationId(reader(request, links, *purposes)[1])


def reader(request: Request, links: Links, *purposes: str) -> tuple[str, str]:
    """Return what a link is for, and for whom; raises Refused when it was never signed by us."""
    for purpose in purposes:
        try:
            return purpose, links.read(purpose, token_of(request))
        except InvalidLink:
            continue
    raise Refused("unknown")


def guarded(renderer: Renderer, endpoint: Endpoint) -> Endpoint:
    """Turn refusals, and the database being away, into pages; what was typed comes back."""

    def page(request: Request, reason: Reason, **about: Any) -> Response:
        form = getattr(request.state, "form", Form())
        return renderer.refused(request, reason, form, **about)

    @wraps(endpoint)
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refused as refusal:
            return page(request, refusal.reason, **refusal.about)
        except HTTPException as error:
            if error.status_code != 413:
                raise
            return page(request, "too_large")
        except (Unavailable, *db.AWAY) as error:
            _log.warning(
                "page without database", extra={"action": "page_away", "error": str(error)[:300]}
            )
            return page(request, "away")

    return answer


def lost(renderer: Renderer) -> list[Route]:
    """Return routes that stand behind all others: who got lost is told so by a page."""

    async def unknown(request: Request) -> Response:
        path = request.url.path
        if path != "/" and path.endswith("/"):
            return RedirectResponse(request.url.replace(path=path.rstrip("/")), headers=HEADERS)
        raise Refused("unknown")

    return [Route(path, guarded(renderer, unknown)) for path in LOST]
