"""Every page customers see, in each language, on each screen, by day and by night."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.async_api import Browser, Page, Request, Route

from services.collect.model import More
from tests.browser.collect.conftest import Collect
from tests.browser.looking import faults, tab, violations
from tests.support.clock import START
from tests.support.wait import eventually_holds

# Axe looks at every page in one test, on machines that are busy with other tests too.
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]
LANGUAGES = ("en", "zh")
SMALL = """least => [...document.querySelectorAll('a, button, .scale label, .choice, textarea')]
    .filter(e => { const r = e.getBoundingClientRect(); return r.height < 44 || r.width < least })
    .map(e => e.outerHTML)"""
MORE = More(
    "Nobody told us when.\n电梯坏了三天。", contact_wanted=True, reasons=("late",), effort=5
)
HTML = "text/html; charset=utf-8"
LARGEST = 15_000
"""Bytes that a survey page may weigh over the wire, with all that it loads."""


async def pages(collect: Collect, language: str = "en") -> Mapping[str, str]:
    """All pages that a link can lead to."""
    nps, low = await collect.ask("support-nps"), await collect.answered(3)
    delivered = await collect.answered(1, "delivery-satisfaction")
    await collect.opened(delivered)
    whole = await collect.answered(1, "moving-in", more=MORE)
    used, unlinked = await collect.unlinked(1, language)
    _, content = await collect.unlinked(5, language)
    return {
        "nps": collect.link(nps),
        "nps-preselected": collect.link(nps, "?score=3"),
        "csat": collect.link(await collect.ask("delivery-satisfaction")),
        "ces": collect.link(await collect.ask("bill-effort")),
        "ces2": collect.link(await collect.ask("ordering-ease")),
        "experience": collect.link(await collect.ask("moving-in")),
        "more-low": collect.link(low, "/more"),
        "more-mid": collect.link(await collect.answered(7), "/more"),
        "more-high": collect.link(await collect.answered(10), "/more"),
        "thanks-low": collect.link(low, "/thanks"),
        "thanks-promise": collect.link(delivered, "/thanks"),
        "thanks-mid": collect.link(await collect.answered(7), "/thanks"),
        "thanks-high": collect.link(await collect.answered(10), "/thanks"),
        "answered": collect.link(whole),
        "change": collect.link(low, "?change=1"),
        "mine": collect.link(whole, "/mine"),
        "closed": collect.link(await collect.answered(3, days=2)),
        "expired": collect.link(await collect.ask(expires_at=START - timedelta(days=1))),
        "cancelled": collect.link(await collect.ask(state="cancelled")),
        "nothing": collect.link(nps, "/mine"),
        "unknown": collect.address + "/s/no-such-link",
        "on-its-way": collect.link("not-here-yet"),
        "stop": collect.link(nps, purpose="stop"),
        "stopped": collect.link(await collect.stopped(), purpose="stop"),
        "feedback": collect.address + "/f",
        "feedback-known": collect.link(low, purpose="f"),
        "told": collect.address + "/f/thanks",
        "unlinked": collect.link(await collect.ask("open-word")),
        "unlinked-more": collect.link(unlinked, "/more", "answer"),
        "unlinked-thanks": collect.link(unlinked, "/thanks", "answer"),
        "unlinked-thanks-high": collect.link(content, "/thanks", "answer"),
        "unlinked-mine": collect.link(unlinked, "/mine", "answer"),
        "unlinked-change": collect.link(unlinked, "?change=1", "answer"),
        "unlinked-used": collect.link(used),
        "away": collect.away + "/s/" + collect.link("x").rsplit("/", 1)[1],
    }


@pytest.mark.parametrize("language", LANGUAGES)
async def test_there_is_nothing_for_axe_to_find(
    browser: Browser, collect: Collect, language: str
) -> None:
    found = []
    async with tab(browser, locale=language) as page:
        for name, address in (await pages(collect, language)).items():
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
        assert len(await page.locator("textarea").input_value()) == 2100
        await page.goto(collect.link(await collect.ask("moving-in")))
        await page.locator("#needs-4").check(force=True)
        await page.get_by_role("button", name="Send score").click()
        found += await faults(page, "collect-parts-missing-en")
        assert await page.locator("#needs-4").is_checked()
        await page.goto(collect.address + "/f")
        await page.get_by_role("button", name="Send").click()
        found += await faults(page, "collect-nothing-told-en")
    assert found == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_page_that_could_not_save_keeps_the_words(
    browser: Browser, collect: Collect, language: str
) -> None:
    found = []
    form = urlencode({"score": "2", "comment": MORE.comment, "reason": "late", "key": "k"})
    async with tab(browser, locale=language) as page:

        async def post(route: Route) -> None:
            kind = {**route.request.headers, "content-type": "application/x-www-form-urlencoded"}
            await route.continue_(method="POST", post_data=form, headers=kind)

        await page.route("**/f", post)
        await page.goto(collect.away + "/f")
        await page.unroute("**/f")
        assert await page.locator("textarea").input_value() == MORE.comment
        assert await page.locator("[name=score]").get_attribute("value") == "2"
        assert await page.locator("form").get_attribute("method") == "post"
        found += await faults(page, f"collect-kept-{language}")
    assert found == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_words_for_a_closed_question_find_another_way(
    browser: Browser, collect: Collect, language: str
) -> None:
    long = "Donaudampfschiff" * 30 + " 😡👩‍👩‍👧‍👦 لم يتصل أحد"
    closed = collect.link(await collect.answered(3, days=2), "/more")
    found = []
    async with tab(browser, locale=language) as page:

        async def post(route: Route) -> None:
            kind = {**route.request.headers, "content-type": "application/x-www-form-urlencoded"}
            form = urlencode({"comment": long})
            await route.continue_(method="POST", post_data=form, headers=kind)

        await page.route(closed, post)
        await page.goto(closed)
        await page.unroute(closed)
        assert await page.locator("textarea").input_value() == long
        found += await faults(page, f"collect-too-late-{language}")
        await page.get_by_role("button").click()
        await page.wait_for_url("**/f/**")
        assert await page.locator("textarea").input_value() == long
        found += await faults(page, f"collect-moved-{language}")
        whole = await collect.answered(1, more=More(long, contact_wanted=True))
        await page.goto(collect.link(whole, "/mine"))
        found += await faults(page, f"collect-long-words-{language}")
    assert found == []


async def test_a_form_on_another_site_tells_us_anything(browser: Browser, collect: Collect) -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
    (form,) = re.findall(r"<form method=.*?</form>", readme, re.S)
    there = form.replace("https://feedback.example", collect.address)
    assert there != form

    async def shop(route: Route) -> None:
        await route.fulfill(body=f"<!doctype html><title>Shop</title>{there}", content_type=HTML)

    async with tab(browser) as page:
        await page.route("http://shop.example/", shop)
        await page.goto("http://shop.example/")
        await page.get_by_label("What happened?").fill("The lift is broken. 电梯坏了")
        await page.get_by_label("How do you feel").fill("1")
        await page.get_by_role("button", name="Send").click()
        await page.wait_for_url(f"{collect.address}/f/thanks*")
        assert await page.locator("h1").inner_text() == "Thank you"
    async with collect.database.connection() as connection:
        rows = await connection.fetch("select text, score, band, anonymous from feedback")
    assert [tuple(row) for row in rows] == [("The lift is broken. 电梯坏了", 1, "low", True)]


async def test_who_touches_the_page_has_started_and_a_look_alone_has_not(
    browser: Browser, collect: Collect
) -> None:
    looked, touched = await collect.ask(), await collect.ask()
    async with tab(browser, user_agent="Mozilla/5.0 (Linux; Android 16) Chrome/156") as page:
        await page.goto(collect.link(looked, "?score=9"))
        await page.goto(collect.link(touched, "?score=9"))
        async with page.expect_request(lambda request: request.method == "POST") as beacon:
            await page.mouse.move(20, 30)
        assert (await beacon.value).post_data == "own=1"

        async def told() -> None:
            assert await collect.said(touched) == [("started", None)]

        await eventually_holds(told, within=10)
    assert await collect.said(looked) == []


async def test_axe_does_find_what_is_wrong(browser: Browser, collect: Collect) -> None:
    async with tab(browser) as page:
        await page.goto(collect.link(await collect.answered(3), "/more"))
        await page.evaluate("document.querySelectorAll('label').forEach(e => e.replaceWith('?'))")
        await page.evaluate("document.querySelector('.saved').style.color = '#bbb'")
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
        assert "3" in await page.locator(".saved").inner_text()
        await press(page, *["Tab"] * 3, " ", *["Tab"] * 4)  # the first reason, then the comment
        await page.keyboard.insert_text("太慢了, really")
        await press(page, "Tab", "ArrowDown", "Tab", " ", "Tab", "Enter")
        await page.wait_for_url("**/thanks")
        assert await page.locator("h1").inner_text() == "Thank you"
        await page.goto(collect.link(asked, "/more"))
        assert await page.locator("textarea").input_value() == "太慢了, really"
        assert await page.locator("[name=contact]").is_checked()
        assert await page.locator("[name=reason]").first.is_checked()
        assert await page.locator("[name=effort][value='2']").is_checked()


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


async def test_what_was_tapped_and_typed_is_kept_before_anybody_presses_send(
    browser: Browser, collect: Collect
) -> None:
    asked = await collect.ask()
    async with tab(browser) as page:
        await page.goto(collect.link(asked, "?score=9"))
        await page.locator("#score-2").check(force=True)
        await page.get_by_text("Saved", exact=True).wait_for()
        assert await collect.said(asked) == [("received", 2)]
        await page.goto(collect.link(asked, "/more"))
        await page.locator("textarea").press_sequentially("Nobody called back")
        await page.get_by_text("Saved", exact=True).wait_for()
        answer = await collect.answer(asked)
        assert (answer.comment, answer.completed_at) == ("Nobody called back", None)
        await page.get_by_role("button", name="Send").click()
        await page.wait_for_url("**/thanks")
    assert await collect.said(asked) == [("received", 2), ("completed", 2)]


async def test_what_a_script_sets_is_not_believed(browser: Browser, collect: Collect) -> None:
    asked = await collect.ask()
    async with tab(browser) as page:
        await page.goto(collect.link(asked))
        await page.evaluate("""document.querySelector('#score-2').dispatchEvent(
            new Event('input', {bubbles: true}))""")
        await page.evaluate("document.querySelector('#score-2').checked = true")
        await page.goto(collect.link(asked))
    assert await collect.said(asked) == []


async def test_no_survey_page_is_heavy(browser: Browser, collect: Collect) -> None:
    weights = {}
    for name, address in (await pages(collect)).items():
        async with tab(browser) as page:
            weights[name] = await weight(page, address)
    print("\nbytes over the wire:", *(f"{name} {each}" for name, each in weights.items()))
    assert {name: each for name, each in weights.items() if each > LARGEST} == {}


async def weight(page: Page, address: str) -> int:
    """Open a page; returns the bytes that came over the wire for it."""
    came: list[Request] = []
    page.on("requestfinished", lambda request: came.append(request))
    await page.goto(address, wait_until="load")
    sizes = [await each.sizes() for each in came]
    return sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes)


async def press(page: Page, *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        await page.keyboard.press(key)
