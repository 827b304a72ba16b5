"""What the page of a case says about its clocks and its team's root causes."""

from __future__ import annotations

from datetime import timedelta

from shared.contracts.cases import CasePolicy, Deadline
from tests.integration.console.conftest import Desk
from tests.integration.console.test_inbox import OPENED
from tests.support.clock import START
from tests.unit.close.cases import an_event

OFFICE = {day: (("09:00", "17:00"),) for day in ("mon", "tue", "wed", "thu", "fri")}
RULES = CasePolicy(time_zone="Europe/Berlin", hours=OFFICE, fallback="care")


async def test_a_deadline_in_business_time_shows_how_it_comes_about(desk: Desk) -> None:
    resolve = Deadline(
        clock="resolve",
        due_at=START + timedelta(days=1),
        target_seconds=8 * 3600,
        measure="business",
        started_at=START,
    )
    await desk.hears(OPENED, an_event(team="parcels", policy=RULES, deadlines=(resolve,)))
    page = await desk.page("/cases/c1")
    assert "by the open hours of the team" in page
    assert "How this comes about" in page
    assert "13:00 to 17:00: 4 h in all" in page


async def test_a_clock_that_stands_says_why(desk: Desk) -> None:
    resolve = Deadline(
        clock="resolve", due_at=START, target_seconds=3600, paused_at=START, started_at=START
    )
    await desk.hears(OPENED, an_event(state="waiting_customer", deadlines=(resolve,)))
    page = await desk.page("/cases/c1")
    assert "stands while the customer is waited for" in page
    assert "late</" not in page


async def test_resolving_offers_the_root_causes_that_the_team_named(desk: Desk) -> None:
    await desk.hears(OPENED, an_event(team="parcels", state="contacted", assignee="lena"))
    page = await desk.page("/cases/c1")
    assert '<option value="damaged">Something was damaged</option>' in page
    desk.browser.headers["accept-language"] = "zh"
    assert '<option value="damaged">物品损坏</option>' in await desk.page("/cases/c1")
