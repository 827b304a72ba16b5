"""The pages over a real database, and a stand-in for the service they act through."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from services.console import handlers, outbound
from services.console.app import MIGRATIONS, figures, known_as, pages, routes
from services.console.door import Door, Rules
from services.console.live import Live
from services.console.pages import Cases, Paper
from shared import db, migrate, web
from shared.catalog import load_files
from shared.consume import Item
from shared.contracts.base import Message
from shared.contracts.envelope import Event
from shared.links import Links
from shared.wake import Wake
from tests.support.catalogs import TEAMS, catalog_files
from tests.support.clock import START, ManualClock

CAUSES = """\
  members:
    - {member: ines, name: Ines, email: Ines@Shop.example}
  root_causes:
    - {cause: damaged, name: {en: Something was damaged, zh: 物品损坏}}
"""
KEY = "0123456789abcdef0123456789abcdef"


@dataclass(slots=True)
class CloseDouble:
    """Records what is sent, and answers what it is told to; `Away` when told nothing."""

    outcome: outbound.Outcome = field(default_factory=outbound.Away)
    marked: outbound.Marked = None
    known: dict[str, Any] = field(default_factory=dict)
    sent: list[tuple[str, str, Mapping[str, Any], str]] = field(default_factory=list)

    async def act(
        self, case_id: str, action: str, body: Mapping[str, Any], key: str
    ) -> outbound.Outcome:
        self.sent.append((case_id, action, body, key))
        return self.outcome

    async def fixed(self, cause: str, body: Mapping[str, Any], key: str) -> outbound.Marked:
        self.sent.append((cause, "fixed", body, key))
        return self.marked

    async def figures(self, name: str) -> Any:
        return self.known.get(name)


@dataclass(slots=True)
class Desk:
    """An agent's browser at the console."""

    browser: httpx.AsyncClient
    database: db.Database
    close: CloseDouble
    live: Live
    clock: ManualClock
    paused: list[outbound.Paused]

    async def hears(
        self,
        type: str,
        body: Message,
        source: str = "touchback/route",
        id: str = "",
        at: datetime = START,
    ) -> None:
        """A message comes from a topic."""
        subject = getattr(body, "customer_id", "")
        event = Event(id or f"{type}/{body!r}", source, type, subject, at, body)
        async with self.database.transaction() as connection:
            await handlers.handle(connection, [Item(source, event.id, event)], START)

    async def page(self, address: str) -> str:
        """Open a page."""
        response = await self.browser.get(address)
        assert response.status_code == 200, response.text
        return response.text

    async def says_who(self, name: str) -> None:
        """Give a name, once."""
        await self.submit("/", "/you", name=name)

    async def submit(self, address: str, action: str, **fields: str) -> httpx.Response:
        """Open a page, fill the form with this action, and send it."""
        return await self.browser.post(action, data=form(await self.page(address), action) | fields)


def form(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form with this action."""
    found = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert found is not None, f"no form {action}"
    hidden = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', found[1])
    return dict(hidden)


OPEN_HOUSE = Rules(False, {}, (), "X-Forwarded-User", frozenset({"console"}))


@pytest.fixture
def house() -> Rules:
    """Whom the door lets in: everybody, unless a test says otherwise."""
    return OPEN_HOUSE


@pytest.fixture
def secure() -> bool:
    """Whether people reach it by https."""
    return False


@pytest.fixture
async def desk(
    database: str, clock: ManualClock, house: Rules, secure: bool
) -> AsyncIterator[Desk]:
    await migrate.apply(database, "console", MIGRATIONS)
    pool = db.Database(database, "console")
    await pool.open()
    close, live = CloseDouble(), Live(Wake(pool))
    paused: list[outbound.Paused] = []
    catalog = load_files(
        catalog_files({"policy.yaml": "time_zone: Europe/Berlin\n", "teams.yaml": TEAMS + CAUSES})
    )
    door = Door(house, Links([KEY]), clock, lambda: known_as(catalog))
    paper = Paper(pool, clock, door, lambda: catalog, secure=secure)
    inside = [
        *pages(paper, Cases(paper, lambda: paused), close),
        *figures(paper, pool, clock),
        Route("/live", live.stream),
    ]
    app = Starlette(
        routes=routes(inside, paper, door, {"a-program": ("cases:read",), "other": ()}),
        exception_handlers={HTTPException: web.on_http_error},
    )
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http{'s' * secure}://console"
    ) as browser:
        yield Desk(browser, pool, close, live, clock, paused)
    await pool.close()
