"""The mail as telephones show it: asks and reminders, English and Chinese, by day and by night."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser

from services.ask.channels.mail import Composer
from services.ask.letters import Kind, Letter
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
    catalog = load(CATALOG)
    invitation = Invitation(
        invitation_id="i",
        decision_id="d",
        touchpoint="support-closed",
        survey="support-nps",
        customer_id="c",
        channel="email",
        language=language,
        survey_url="https://feedback.example/s/TOKEN",
        occurred_at=START,
        expires_at=START + timedelta(days=14),
        at=START,
        correlation="T-1045",
    )
    letter = Letter(
        invitation=invitation,
        survey=catalog.survey("support-nps"),
        brand=catalog.policy.brand,
        stop_url="https://feedback.example/stop/TOKEN",
        recipient="kim@example.com",
        written_at=START,
        kind=kind,
    )
    body = Composer("ask@shop.example").compose(letter).get_body(("html",))
    assert body is not None
    async with tab(browser) as page:
        await page.set_content(body.get_content())
        assert await faults(page, f"mail-{kind}-{language}") == []
        for score in await page.locator(".score a").all():
            box = await score.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 44
