"""What goes wrong on the way to an answer becomes a page that explains itself."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from services.collect.model import InvitationId
from services.collect.pages.forms import Form
from services.collect.pages.render import Reason, Renderer
from shared import db
from shared.errors import InvalidLink, TouchbackError, Unavailable
from shared.links import Links

_log = logging.getLogger(__name__)
Endpoint = Callable[[Request], Awaitable[Response]]


class Refused(TouchbackError):
    """Nothing can be taken now; `about` is what the page says beyond the reason."""

    def __init__(self, reason: Reason, **about: Any) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.about = about


def invitation_of(request: Request, links: Links, *purposes: str) -> InvitationId:
    """Return whose link this is; raises Refused when it was never signed by us."""
    return InvitationId(reader(request, links, *purposes)[1])


def reader(request: Request, links: Links, *purposes: str) -> tuple[str, str]:
    """Return what a link is for, and for whom; raises Refused when it was never signed by us."""
    for purpose in purposes:
        try:
            return purpose, links.read(purpose, request.path_params["token"])
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
