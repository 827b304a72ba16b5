"""What all pages have: who looks, in which language, proof of our own forms, and the frame."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.console.decide import standing
from services.console.door import Door
from services.console.render import Speech, environment
from services.console.visitor import Visitor, form_token, is_own_form, remember, visitor
from shared import db, languages, web
from shared.catalog import Catalog
from shared.clock import Clock
from shared.errors import Unavailable

LOCALES = Path(__file__).parent.parent / "locales"


class Paper:
    """What pages are written on."""

    def __init__(
        self,
        database: db.Database,
        clock: Clock,
        door: Door,
        catalog: Callable[[], Catalog],
        *,
        secure: bool,
    ) -> None:
        self._database = database
        self._clock = clock
        self._templates = environment()
        self._catalogues = languages.load(LOCALES)
        self._door = door
        self.catalog = catalog
        self.secure = secure

    async def form(self, request: Request) -> dict[str, str]:
        """Return what was typed into a form."""
        form = await request.form(max_files=0, max_fields=20)
        return {name: value for name, value in form.items() if isinstance(value, str)}

    def visitor(self, request: Request) -> Visitor:
        """Return who looks at the page."""
        return visitor(request, list(self._catalogues))

    def speech(self, request: Request) -> Speech:
        """Return how the page speaks."""
        language = self.visitor(request).language
        zone = ZoneInfo(self.catalog().policy.time_zone)
        return Speech(language, self._catalogues[language], zone, self._clock.now())

    def is_own(self, request: Request, form: dict[str, str]) -> bool:
        """Tell whether the form came from a page of ours, which this person looked at."""
        token = form.get("token", "")
        return is_own_form(self._door.links, request, self.visitor(request), token)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[db.Connection | None]:
        """Lend a connection, or None while the database is away."""
        try:
            async with self._database.connection() as connection:
                yield connection
        except Unavailable:
            yield None

    def page(
        self, request: Request, template: str, *, status: int = 200, **facts: Any
    ) -> HTMLResponse:
        """Return a page."""
        who, speech = self.visitor(request), self.speech(request)
        text = self._templates.get_template(template).render(
            speech=speech,
            standing=lambda event: standing(event, speech.now),
            who=who,
            open_house=not self._door.required,
            token=form_token(self._door.links, who),
            fresh_key=lambda: str(uuid4()),
            languages=list(self._catalogues),
            here=request.url.path,
            **{"said": "", "back": request.url.path, **facts},
        )
        response = HTMLResponse(text, status, web.PAGE_HEADERS)
        remember(response, who, secure=self.secure)
        return response


def local(address: str) -> str:
    """Return the address when it is one of ours, else the inbox."""
    ours = address.startswith("/") and not address.startswith(("//", "/\\"))
    return address if ours and address.isprintable() else "/"
