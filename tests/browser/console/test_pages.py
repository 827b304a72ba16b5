"""The console's pages: nothing for axe to find, no overflow, a browser that does not complain."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.browser.looking import faults, tab

# Axe looks at every page in one test, on machines that are busy with other tests too.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]
PAGES = {
    "inbox": "/?state=all",
    "nothing": "/?search=nobody",
    "new": "/cases/new",
    "taken": "/cases/c1",
    "resolved": "/cases/done",
    "customer": "/customers/u1",
    "unknown": "/cases/absent",
}


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_there_is_nothing_for_axe_to_find(
    browser: Browser, console: str, language: str
) -> None:
    found = []
    async with tab(browser, locale=language) as page:
        for name, path in PAGES.items():
            await page.goto(console + path)
            assert await page.get_attribute("html", "lang") == language
            for summary in await page.locator("summary").all():
                await summary.click()
            found += await faults(page, f"console-{name}-{language}")
    assert found == []


async def test_the_browser_has_nothing_to_complain_about(browser: Browser, console: str) -> None:
    said: list[str] = []
    async with tab(browser) as page:
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        for path in ("/", "/cases/c1", "/customers/u1"):
            await page.goto(console + path)
        await page.goto(console)
        await page.get_by_text("Live", exact=True).wait_for()
    assert said == []
