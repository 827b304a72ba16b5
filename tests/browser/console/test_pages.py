"""The console's pages: nothing for axe to find, no overflow, a browser that does not complain."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, Page

from services.console.door import COOKIE
from tests.browser.console.conftest import PASSWORD
from tests.browser.looking import faults, tab

# Axe looks at every page in one test, on machines that are busy with other tests too.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]
TEXT_BOX = """each => {
    const text = document.createRange();
    text.selectNodeContents(each);
    return text.getBoundingClientRect().toJSON();
}"""
"""Where the words of an element are, also where they leave it."""

PAGES = {
    "inbox": "/?state=all",
    "nothing": "/?search=nobody",
    "new": "/cases/new",
    "taken": "/cases/c1",
    "contacted": "/cases/wait",
    "resolved": "/cases/done",
    "again": "/cases/again",
    "unasked": "/cases/unasked",
    "silent": "/cases/silent",
    "causes": "/causes",
    "journey": "/journey?days=30",
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


async def test_nothing_lies_over_something_else_on_a_phone(browser: Browser, console: str) -> None:
    async with tab(browser, viewport={"width": 320, "height": 700}) as page:
        await page.goto(console + "/?state=all")
        for row in await page.locator("#rows tbody tr").all():
            [score, state] = [
                await row.locator(cell).evaluate(TEXT_BOX) for cell in ("td.score", "td.state")
            ]
            apart = score["right"] <= state["left"] or score["bottom"] <= state["top"]
            assert apart, await row.inner_text()


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


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_door_is_as_easy_to_find(browser: Browser, guarded: str, language: str) -> None:
    async with tab(browser, locale=language) as page:
        await page.goto(guarded + "/cases/new")
        found = await faults(page, f"console-door-{language}")
        await page.get_by_role("textbox").first.fill("lena")
        await page.locator("#password").fill("something else")
        await page.locator("#password").press("Enter")
        await page.get_by_role("alert").wait_for()
        found += await faults(page, f"console-refused-{language}")
        assert await page.locator("#name").input_value() == "lena"
        await page.locator("#password").fill(PASSWORD)
        await page.locator("#password").press("Enter")
        await page.wait_for_url("**/cases/new")
        found += await faults(page, f"console-signed-in-{language}")
        await page.goto(guarded + "/")
        await page.set_viewport_size({"width": 360, "height": 800})
        nav = await page.locator("header nav").bounding_box()
        assert nav is not None
        assert nav["height"] < 60, "a line, not a letter below the other"
        assert "sources.yaml:4" in await page.locator(".said").inner_text()
        found += await faults(page, f"console-banner-{language}")
        await page.goto(guarded + "/cases/new")
        note = page.locator("form[action$='/note']")
        await note.evaluate("each => { each.closest('details').open = true }")
        await note.locator("textarea").fill("They moved, and the bill went to the old address.")
        await page.context.clear_cookies(name=COOKIE)
        await note.locator("button").click()
        await page.locator("blockquote").wait_for()
        found += await faults(page, f"console-over-{language}")
    assert found == []


async def test_a_case_is_taken_and_handed_over_without_a_mouse(
    browser: Browser, guarded: str
) -> None:
    async with tab(browser, viewport={"width": 1280, "height": 800}) as page:
        await page.goto(guarded + "/cases/new")
        await page.locator("#name").press_sequentially("lena")
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/cases/new")
        await _tab_to(page, "Take")
        await page.keyboard.press("Enter")
        await page.get_by_role("heading", name="Next step").wait_for()
        assert "Taken · lena" in await page.inner_text("main")
        await _tab_to(page, "Hand over to somebody")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.type("Marek")  # a select takes the letters of its options
        assert await page.locator("#to").input_value() != ""
        await page.keyboard.press("Tab")
        await page.keyboard.type("knows the customer")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/cases/new")


async def _tab_to(page: Page, name: str) -> None:
    """Press Tab until this has the focus; a ring around it shows where one is."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if await focused.count() and (await focused.inner_text()).strip() == name:
            shown = await focused.evaluate("each => getComputedStyle(each).outlineStyle")
            assert shown == "solid"
            return
    raise AssertionError(f"Tab does not lead to {name}")


async def test_no_form_needs_a_script(browser: Browser, guarded: str) -> None:
    async with tab(browser, java_script_enabled=False) as page:
        await page.goto(guarded + "/")
        await page.locator("#name").fill("lena")
        await page.locator("#password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.goto(guarded + "/cases/wait")
        await page.get_by_text("Do not work on it", exact=True).first.click()
        await page.locator("#suppress-reason").fill("a known outage")
        await page.get_by_role("button", name="Do not work on it").click()
        await page.wait_for_url("**/cases/wait")
