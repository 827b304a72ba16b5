"""Every page customers see, in each language, on each screen, by day and by night."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page

from tests.browser.collect.conftest import Collect
from tests.browser.looking import faults, tab, violations
from tests.support.clock import START

pytestmark = pytest.mark.asyncio(loop_scope="session")
LANGUAGES = ("en", "zh")
SMALL = """least => [...document.querySelectorAll('a, button, .scale label, .choice, textarea')]
    .filter(e => { const r = e.getBoundingClientRect(); return r.height < 44 || r.width < least })
    .map(e => e.outerHTML)"""


async def pages(collect: Collect) -> Mapping[str, str]:
    """All pages that a link can lead to."""
    nps = await collect.ask("support-nps")
    return {
        "nps": collect.link(nps),
        "nps-preselected": collect.link(nps, "?score=3"),
        "csat": collect.link(await collect.ask("delivery-satisfaction")),
        "ces": collect.link(await collect.ask("bill-effort")),
        "more-low": collect.link(await collect.answered(3), "/more"),
        "more-mid": collect.link(await collect.answered(7), "/more"),
        "more-high": collect.link(await collect.answered(10), "/more"),
        "thanks-low": collect.link(await collect.answered(3), "/thanks"),
        "thanks-mid": collect.link(await collect.answered(7), "/thanks"),
        "thanks-high": collect.link(await collect.answered(10), "/thanks"),
        "change": collect.link(await collect.answered(3)),
        "closed": collect.link(await collect.answered(3, days=2)),
        "expired": collect.link(await collect.ask(expires_at=START - timedelta(days=1))),
        "cancelled": collect.link(await collect.ask(state="cancelled")),
        "unknown": collect.address + "/s/no-such-link",
        "on-its-way": collect.link("not-here-yet"),
        "stop": collect.link(nps, purpose="stop"),
    }


@pytest.mark.parametrize("language", LANGUAGES)
async def test_there_is_nothing_for_axe_to_find(
    browser: Browser, collect: Collect, language: str
) -> None:
    found = []
    async with tab(browser, locale=language) as page:
        for name, address in (await pages(collect)).items():
            await page.goto(address)
            assert await page.get_attribute("html", "lang") == language
            found += await faults(page, f"collect-{name}-{language}")
    assert found == []


async def test_mistakes_are_shown_without_new_ones(browser: Browser, collect: Collect) -> None:
    found = []
    async with tab(browser) as page:
        await page.goto(collect.link(await collect.ask("delivery-satisfaction")))
        await page.get_by_role("button", name="Send score").click()
        found += await faults(page, "collect-no-score-en")
        await page.goto(collect.link(await collect.answered(3), "/more"))
        await page.locator("textarea").fill("x" * 2100)
        await page.get_by_role("button", name="Send").click()
        found += await faults(page, "collect-too-long-en")
    assert found == []


async def test_axe_does_find_what_is_wrong(browser: Browser, collect: Collect) -> None:
    async with tab(browser) as page:
        await page.goto(collect.link(await collect.answered(3), "/more"))
        await page.evaluate("document.querySelectorAll('label').forEach(e => e.replaceWith('?'))")
        await page.evaluate("document.querySelector('.note').style.color = '#bbb'")
        rules = {each.split(" at ")[0] for each in await violations(page)}
    assert {"label", "color-contrast"} <= rules


async def test_every_target_is_as_large_as_a_finger(browser: Browser, collect: Collect) -> None:
    async with tab(browser) as page:
        for address in (await pages(collect)).values():
            await page.goto(address)
            for width, least in ((360, 34), (1280, 44)):
                await page.set_viewport_size({"width": width, "height": 800})
                assert await page.evaluate(SMALL, least) == []


async def test_an_answer_by_keyboard_alone_and_without_scripts(
    browser: Browser, collect: Collect
) -> None:
    asked = await collect.ask()
    async with tab(browser, java_script_enabled=False) as page:
        await page.goto(collect.link(asked, "?score=2"))
        await press(page, "Tab", "Tab")  # past the other language, to the scale, which is one stop
        await press(page, "ArrowRight", "Tab", "Enter")
        await page.wait_for_url("**/more")
        assert "3" in await page.locator(".note").inner_text()
        await press(page, "Tab", "Tab", "Tab")
        await page.keyboard.insert_text("太慢了, really")
        await press(page, "Tab", " ", "Tab", "Enter")
        await page.wait_for_url("**/thanks")
        assert await page.locator("h1").inner_text() == "Thank you"
        await page.goto(collect.link(asked, "/more"))
        assert await page.locator("textarea").input_value() == "太慢了, really"
        assert await page.locator("[name=contact]").is_checked()


async def test_each_option_has_a_name_and_the_ends_say_what_they_mean(
    browser: Browser, collect: Collect
) -> None:
    async with tab(browser) as page:
        await page.goto(collect.link(await collect.ask("bill-effort")))
        for name in ("1 Very little effort", "2", "3", "4", "5 Very much effort"):
            await page.get_by_role("radio", name=name, exact=True).wait_for(state="attached")


async def test_a_missing_score_puts_the_reader_at_the_problem(
    browser: Browser, collect: Collect
) -> None:
    async with tab(browser) as page:
        await page.goto(collect.link(await collect.ask("delivery-satisfaction")))
        await page.get_by_role("button", name="Send score").press("Enter")
        await page.locator(".errors:focus").wait_for()
        assert (await page.title()).startswith("Error: ")


async def test_the_browser_has_nothing_to_complain_about(
    browser: Browser, collect: Collect
) -> None:
    said: list[str] = []
    async with tab(browser) as page:
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        asked = await collect.ask()
        await page.goto(collect.link(asked))
        button = page.get_by_role("button")
        assert await button.evaluate("e => getComputedStyle(e).color") == "rgb(255, 255, 255)"
        await page.get_by_role("radio").nth(3).check(force=True)
        await button.click()
        await page.wait_for_url("**/more")
        await page.get_by_role("button").click()
        await page.wait_for_url("**/thanks")
        await page.goto(collect.link(asked, purpose="stop"))
    assert said == []


async def press(page: Page, *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        await page.keyboard.press(key)
