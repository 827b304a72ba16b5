"""The pages in a real browser: they fit, run by keyboard alone, and break no rule of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread

import pytest
import uvicorn
from starlette.applications import Starlette

from services.collect import store
from services.collect.app import MIGRATIONS, build
from shared import migrate
from shared.links import Links
from tests.browser.collect.chromium import Tab, executable, tab
from tests.integration.collect.service import KEY, settings_for
from tests.support.clock import ManualClock
from tests.support.wait import wait_until
from tests.unit.collect.facts import an_invitation

pytestmark = pytest.mark.skipif(
    executable() is None, reason="no Chromium on this machine: `apt-get install chromium`"
)
SURVEYS = {
    "nps": ("support-closed", "support-nps"),
    "ces": ("first-bill", "bill-effort"),
    "csat": ("delivered", "delivery-satisfaction"),
}
SMALL = """[...document.querySelectorAll('a, button, .scale label, .choice, textarea')]
    .map(e => e.getBoundingClientRect()).filter(r => r.height < 44 || r.width < %d).length"""
WIDTH = "document.documentElement.scrollWidth"


class Server(uvicorn.Server):
    """Serves on a free port."""

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}"


@pytest.fixture
async def migrated(database: str) -> str:
    await migrate.apply(database, "collect", MIGRATIONS)
    return database


@pytest.fixture
def address(migrated: str, clock: ManualClock) -> Iterator[str]:
    """The service with one invitation per survey."""
    runtime = build(settings_for(migrated), clock)

    @asynccontextmanager
    async def lifespan(web: Starlette) -> AsyncIterator[None]:
        await runtime.database.open()
        asked = [
            an_invitation(invitation_id=name, touchpoint=touchpoint, survey=survey)
            for name, (touchpoint, survey) in SURVEYS.items()
        ]
        async with runtime.database.transaction() as connection:
            await store.save_invitations(connection, asked)
        yield
        await runtime.database.close()

    web = Starlette(routes=runtime.application().routes, lifespan=lifespan)
    server = Server(uvicorn.Config(web, port=0, log_level="error"))
    thread = Thread(target=server.run)
    thread.start()
    assert wait_until(lambda: server.started, within=20)
    yield server.address
    server.should_exit = True
    thread.join(20)


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Tab]:
    async with tab(tmp_path) as opened:
        yield opened


def link(address: str, survey: str, rest: str = "", purpose: str = "survey") -> str:
    """A link as it stands in a mail."""
    room = "s" if purpose == "survey" else purpose
    return f"{address}/{room}/{Links([KEY]).sign(purpose, survey)}{rest}"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_page_fits_narrow_and_wide_screens(
    browser: Tab, address: str, language: str, dark: bool
) -> None:
    lang = f"?lang={language}"
    pages = [link(address, survey, lang) for survey in SURVEYS]
    pages += [link(address, "nps", lang, "stop"), link(address, "absent", lang)]
    for width in (320, 360, 1280):
        await browser.look(width=width, dark=dark)
        for page in pages:
            await browser.open(page)
            assert await browser.value(WIDTH) == width
            assert await browser.value(SMALL % (44 if width >= 1280 else 34)) == 0
            assert await browser.value("document.documentElement.lang") == language


async def test_an_answer_by_keyboard_alone_and_without_scripts(browser: Tab, address: str) -> None:
    await browser.call("Emulation.setScriptExecutionDisabled", value=True)
    await browser.look(width=360)
    await browser.open(link(address, "nps", "?score=2"))
    for _ in range(2):  # past the other language, to the scale, which is one stop
        await browser.press("Tab")
    await browser.press("ArrowRight")
    await browser.press("Tab")
    await browser.submit_with("Enter")
    assert "3" in await browser.value("document.querySelector('.note').textContent")
    for _ in range(3):
        await browser.press("Tab")
    await browser.call("Input.insertText", text="太慢了, really")
    await browser.press("Tab")
    await browser.press(" ")
    await browser.press("Tab")
    await browser.submit_with("Enter")
    assert await browser.value("document.querySelector('h1').textContent") == "Thank you"
    await browser.open(link(address, "nps", "/more"))
    assert await browser.value("document.querySelector('textarea').value") == "太慢了, really"
    assert await browser.value("document.querySelector('[name=contact]').checked") is True


async def test_each_option_has_a_name_and_the_ends_say_what_they_mean(
    browser: Tab, address: str
) -> None:
    await browser.open(link(address, "ces"))
    tree = await browser.call("Accessibility.getFullAXTree")
    names = [
        node["name"]["value"]
        for node in tree["nodes"]
        if node.get("role", {}).get("value") == "radio"
    ]
    assert names == ["1 Very little effort", "2", "3", "4", "5 Very much effort"]


async def test_a_missing_score_puts_the_reader_at_the_problem(browser: Tab, address: str) -> None:
    await browser.open(link(address, "csat"))
    for _ in range(3):
        await browser.press("Tab")
    await browser.submit_with("Enter")
    assert (await browser.value("document.title")).startswith("Error: ")
    assert await browser.value("document.activeElement.className") == "errors"


async def test_the_browser_has_nothing_to_complain_about(browser: Tab, address: str) -> None:
    for page in (link(address, "nps"), link(address, "ces", "", "stop")):
        await browser.open(page)
    assert await browser.value("getComputedStyle(document.querySelector('button')).color") == (
        "rgb(255, 255, 255)"
    )
    assert browser.complaints == []
