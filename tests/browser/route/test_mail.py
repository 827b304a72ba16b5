"""Mails to teams as telephones show them: the card, the digest, the summary, a failing channel."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Browser

from services.route.channels.links import ActionLinks
from services.route.channels.mail import compose
from services.route.model import NoticeFigure
from tests.browser.looking import faults, tab
from tests.unit.route.catalogs import AT
from tests.unit.route.letters import digest, letter
from tests.unit.route.test_channels import DETAIL

pytestmark = pytest.mark.asyncio(loop_scope="session")
LINKS = ActionLinks(["k" * 32], "https://close.test")
LONG = "Donaudampfschifffahrt" * 12 + " 😡 电梯坏了三天，没有人来修。 لم يتصل أحد"
WISH = {"reasons": ("It took too long", "手续麻烦"), "effort": 5, "contact_wanted": True}
FIGURES = {"opened": "14", "open": "9", "overdue": "2", "acknowledge_in_time": "11 / 13"}
NO_CASE = {"case_id": None, "score": None, "comment": None, "deadlines": ()}
KINDS: dict[str, dict[str, Any]] = {
    "card": {**DETAIL, **WISH, "comment": LONG},
    "taken": {**DETAIL, "state": "acknowledged", "assignee": "lena"},
    "digest": {**NO_CASE, **digest(6, LONG)},
    "summary": {
        **NO_CASE,
        "type": "team.summary",
        "figures": tuple(NoticeFigure(name=n, text=t) for n, t in FIGURES.items()),
    },
    "failing": {
        **NO_CASE,
        "type": "channel.failing",
        "reason": "unauthorized",
        "figures": (NoticeFigure(name="channel", text="billing-care/billing-care-hook"),),
    },
    "praise": {"type": "score.high", "case_id": None, "deadlines": (), "priority": "normal"},
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_mail_to_a_team_is_easy_to_read_and_to_tap(
    browser: Browser, kind: str, language: str
) -> None:
    said = letter(language=language, **KINDS[kind])
    mail = compose(said, AT + timedelta(minutes=1), "tb@mail.test", "mail.test", LINKS)
    body = mail.get_body(("html",))
    assert body is not None
    async with tab(browser) as page:
        await page.set_content(body.get_content())
        assert await faults(page, f"alert-{kind}-{language}") == []
        for link in await page.locator("a").all():
            box = await link.bounding_box()
            assert box is not None
            assert box["height"] >= 44
