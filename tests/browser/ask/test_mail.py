"""The mail as telephones show it: asks and reminders, English and Chinese, by day and by night."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser

from services.ask.channels.mail import Composer
from services.ask.letters import Kind, Letter
from services.ask.model import NOTICE
from shared.catalog.loader import load
from shared.contracts.asks import Invitation
from tests.browser.looking import faults, tab
from tests.support.clock import START

CATALOG = Path(__file__).parents[3] / "deploy" / "catalog"
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["ask", "reminder"])
async def test_the_mail_is_easy_to_read_and_to_tap(
    browser: Browser, kind: Kind, language: str
) -> None:
    letter = a_letter("support-closed", kind, language)
    async with tab(browser) as page:
        await page.set_content(written(letter))
        assert await faults(page, f"mail-{kind}-{language}") == []
        for score in await page.locator(".score a").all():
            box = await score.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 44


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_the_mail_that_tells_of_a_broken_promise_says_what_happens_and_asks_nothing(
    browser: Browser, language: str
) -> None:
    letter = a_letter("order-late", "notice", language)
    async with tab(browser) as page:
        await page.set_content(written(letter))
        assert await faults(page, f"mail-notice-{language}") == []
        (link,) = await page.locator("a").all()
        assert await link.get_attribute("href") == letter.brand.support_url
        assert await link.inner_text() in ("A question about this?", "对此有疑问？")
        assert letter.notice is not None
        assert letter.notice.text[language] in await page.inner_text("main, [role=main]")


def written(letter: Letter) -> str:
    """The part of the mail that people see."""
    body = Composer("ask@shop.example").compose(letter).get_body(("html",))
    assert body is not None
    return str(body.get_content())


def a_letter(touchpoint: str, kind: Kind, language: str) -> Letter:
    """What the example catalog writes about a touchpoint."""
    catalog = load(CATALOG)
    told = catalog.touchpoint(touchpoint)
    invitation = Invitation(
        invitation_id="i",
        decision_id="d",
        touchpoint=touchpoint,
        survey=told.survey or NOTICE,
        customer_id="c",
        channel="email",
        language=language,
        survey_url="https://feedback.example/s/TOKEN",
        occurred_at=START,
        expires_at=START + timedelta(days=14),
        at=START,
        correlation="T-1045",
    )
    return Letter(
        invitation=invitation,
        survey=catalog.survey(told.survey) if told.survey else None,
        brand=catalog.policy.brand,
        stop_url="https://feedback.example/stop/TOKEN",
        recipient="kim@example.com",
        written_at=START,
        kind=kind,
        notice=told.notice,
    )
