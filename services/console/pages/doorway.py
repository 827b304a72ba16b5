"""Signing in and out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from services.console.door import COOKIE, Door
from services.console.pages.paper import Paper, local

_OURS = ("token", "key", "version", "back", "from")
"""Fields that nobody typed."""


class Doorway:
    """What people see who are not in yet."""

    def __init__(self, paper: Paper, door: Door) -> None:
        self._paper = paper
        self._door = door

    async def show(self, request: Request) -> Response:
        """Ask for name and password."""
        if self._door.person(request) is not None:
            return RedirectResponse(local(request.query_params.get("back", "/")), status_code=303)
        return self._asking(request, local(request.query_params.get("back", "/")))

    async def enter(self, request: Request) -> Response:
        """Let in who knows the password; nobody learns which of the two was wrong."""
        gettext = self._paper.speech(request).translations.gettext
        form = await self._paper.form(request)
        back, name = local(form.get("back", "/")), form.get("name", "").strip()
        if not self._paper.is_own(request, form):
            text = gettext("This page was open for too long. Send it again.")
            return self._asking(request, back, text, 422, name=name)
        found = await self._door.enter(name, form.get("password", "")[:1000])
        if isinstance(found, timedelta):
            text = gettext("Too many attempts. Try again in %(seconds)s seconds.")
            said = text % {"seconds": max(1, round(found.total_seconds()))}
            response = self._asking(request, back, said, 429, name=name)
            response.headers["Retry-After"] = str(max(1, round(found.total_seconds())))
            return response
        if not found:
            text = gettext("Name and password do not belong together.")
            return self._asking(request, back, text, 401, name=name)
        response = RedirectResponse(back, status_code=303)
        response.set_cookie(
            COOKIE,
            self._door.token(name),
            httponly=True,
            secure=self._paper.secure,
            samesite="lax",
        )
        return response

    async def leave(self, request: Request) -> Response:
        """Forget who this browser is."""
        form = await self._paper.form(request)
        response = RedirectResponse("/sign-in", status_code=303)
        if self._paper.is_own(request, form):
            response.delete_cookie(COOKIE, httponly=True, secure=self._paper.secure, samesite="lax")
        return response

    async def turned_away(self, request: Request) -> Response:
        """Bring to the door who is outside; what they had typed stays in sight."""
        if not self._door.required:
            text = "Nobody signs in here, so this console answers to its own address only.\n"
            return PlainTextResponse(text, 421)
        if request.method == "POST":
            form = await self._paper.form(request)
            typed = [text for name, text in form.items() if name not in _OURS and text.strip()]
            said = self._paper.speech(request).translations.gettext(
                "You are not signed in any more. Nothing was changed."
            )
            return self._asking(request, local(form.get("back", "/")), said, 401, typed=typed)
        address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        if "fragment" in request.query_params or request.url.path == "/live":
            return PlainTextResponse("sign in\n", 401)
        return RedirectResponse(f"/sign-in?{urlencode({'back': address})}", status_code=303)

    def _asking(
        self, request: Request, back: str, said: str = "", status: int = 200, **facts: Any
    ) -> Response:
        shown: Mapping[str, Any] = {"name": "", "typed": [], **facts}
        return self._paper.page(
            request, "sign_in.html", status=status, said=said, back=back, **shown
        )
