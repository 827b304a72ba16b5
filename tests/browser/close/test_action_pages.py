"""The pages behind the links in mails to teams: nothing for axe to find, in any state of a case."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from services.close.app import MIGRATIONS, build
from services.close.settings import Settings
from shared import db, migrate
from shared.contracts import actions
from shared.contracts.actions import LinkAction
from shared.links import Links
from tests.browser.looking import faults, tab
from tests.browser.server import serving
from tests.integration.close.cases import take, told
from tests.support.clock import START, ManualClock
from tests.support.databases import Databases
from tests.unit.close.cases import an_event
from tests.unit.collect.facts import CATALOG

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]
KEY = "0123456789abcdef0123456789abcdef"
LANGUAGES = ("en", "zh")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def close(databases: Databases) -> AsyncIterator[str]:
    """The address of a `close` with an untaken case for each language."""
    async with databases.one() as dsn:
        await migrate.apply(dsn, "close", MIGRATIONS)
        database = db.Database(dsn, "close")
        await database.open()
        await take(database, *(told(an_event(f"c-{each}")) for each in LANGUAGES))
        await database.close()
        settings = Settings.model_validate(
            {
                "kafka_bootstrap_servers": "localhost:1",
                "postgres_dsn": dsn,
                "catalog": CATALOG,
                "link_keys": KEY,
            }
        )
        with serving(build(settings, ManualClock(START))) as address:
            yield address


def link(action: LinkAction, case_id: str) -> str:
    return f"/a/{Links([KEY]).sign(actions.PURPOSE, actions.subject(action, case_id))}"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_team_that_follows_its_links_meets_no_barrier(
    browser: Browser, close: str, language: str
) -> None:
    case, found = f"c-{language}", []
    async with tab(browser, locale=language) as page:

        async def look(name: str) -> None:
            assert await page.get_attribute("html", "lang") == language
            found.extend(await faults(page, f"action-{name}-{language}"))

        await page.goto(close + link("contacted", case))
        await look("take-first")
        await page.goto(close + link("acknowledge", case))
        await look("take")
        await _send_as(page, 1)
        await look("done")
        await page.goto(close + link("acknowledge", case))
        await _send_as(page, 2)
        await page.get_by_role("alert").wait_for()
        await look("too-late")
        await page.goto(close + link("contacted", case))
        await page.locator("#outcome").fill("   ")
        await _send_as(page, 1)
        await page.get_by_role("alert").wait_for()
        await look("incomplete")
        await page.goto(f"{close}/a/nonsense")
        await look("gone")
    assert found == []


async def _send_as(page: Page, member: int) -> None:
    await page.locator("#actor").select_option(index=member)
    await page.get_by_role("button").click()
