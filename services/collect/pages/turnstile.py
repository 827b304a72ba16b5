"""Pages let in so many at a time from one link and one address; who must wait keeps their text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.collect.limits import Limits, Network, address
from services.collect.pages import forms
from services.collect.pages.guard import Endpoint
from services.collect.pages.render import Renderer
from services.collect.policy import Policy


class Turnstile:
    """Stands before every page."""

    def __init__(
        self,
        limits: Limits,
        policy: Callable[[], Policy],
        proxies: Sequence[Network],
        renderer: Renderer,
    ) -> None:
        self._limits = limits
        self._policy = policy
        self._proxies = proxies
        self._renderer = renderer

    def before(self, routes: Sequence[Route]) -> list[Route]:
        """Return the same routes behind it."""
        return [
            Route(each.path, self._behind(each.endpoint), methods=list(each.methods or ()))
            for each in routes
        ]

    def _behind(self, endpoint: Endpoint) -> Endpoint:
        async def enter(request: Request) -> Response:
            seconds = self._wait(request)
            if seconds == 0:
                return await endpoint(request)
            posted = request.method == "POST"
            form = await forms.read(request) if posted else forms.Form()
            page = self._renderer.refused(request, "busy", form)
            page.headers["Retry-After"] = str(ceil(seconds))
            return page

        return enter

    def _wait(self, request: Request) -> float:
        allowed = self._policy().limits
        peer = request.client.host if request.client else None
        forwarded = ",".join(request.headers.getlist("x-forwarded-for"))
        where = address(peer, forwarded, self._proxies)
        token = request.path_params.get("token") if request.method == "POST" else None
        waits = [
            self._limits.wait(f"address {where}", allowed.address) if where else 0.0,
            self._limits.wait(f"link {token}", allowed.link) if token else 0.0,
        ]
        return max(waits)
