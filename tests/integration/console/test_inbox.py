"""The inbox: what stands where, what the filters do, and what programs read of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.console import store
from shared.contracts.cases import Alert, CaseEvent
from tests.integration.console.conftest import Desk
from tests.support.clock import START
from tests.unit.close.cases import TARGETS, a_score, an_event

OPENED = "touchback.case.opened.v1"


def later(minutes: int, case_id: str, **changes: object) -> CaseEvent:
    """A case whose deadlines are so much later."""
    event = an_event(case_id, f"customer-{case_id}", **changes)
    by = timedelta(minutes=minutes)
    moved = (d.model_copy(update={"due_at": d.due_at + by}) for d in event.deadlines)
    return event.model_copy(update={"deadlines": tuple(moved)})


async def test_an_empty_inbox_says_what_silence_means(desk: Desk) -> None:
    assert "Nothing waits for anybody" in await desk.page("/")


async def test_the_most_urgent_case_stands_on_top_and_the_clock_is_named(desk: Desk) -> None:
    for minutes, name in ((30, "c2"), (0, "c1"), (60, "c3")):
        await desk.hears(OPENED, later(minutes, name))
    desk.clock.advance(TARGETS["acknowledge"] + timedelta(minutes=6))
    page = await desk.page("/")
    places = [page.index(f"/cases/{name}") for name in ("c1", "c2", "c3")]
    assert places == sorted(places)
    assert "6 min late" in page
    assert "24 min left" in page
    assert "take it by" in page
    assert "NPS" in page
    assert "Charged twice." in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        pytest.param("", {"c1", "c2"}, id="open ones by default"),
        pytest.param("?team=other", {"c2"}, id="one team"),
        pytest.param("?state=resolved", {"c3"}, id="one state"),
        pytest.param("?state=all", {"c1", "c2", "c3"}, id="all"),
        pytest.param("?search=CUSTOMER-C1", {"c1"}, id="search, whatever the case"),
        pytest.param("?search=%25", set(), id="search takes no patterns"),
        pytest.param("?state=nonsense&page=x", {"c1", "c2"}, id="nonsense is the default"),
        pytest.param("?page=2", set(), id="beyond the last page"),
    ],
)
async def test_filters_stand_in_the_address(desk: Desk, query: str, shown: set[str]) -> None:
    await desk.hears(OPENED, later(0, "c1"))
    await desk.hears(OPENED, later(1, "c2", team="other"))
    await desk.hears(OPENED, later(2, "c3", state="resolved"))
    page = await desk.page(f"/{query}")
    assert {name for name in ("c1", "c2", "c3") if f"/cases/{name}" in page} == shown


async def test_long_lists_have_pages(desk: Desk) -> None:
    async with desk.database.transaction() as connection:
        cases = [later(n, f"c{n:03}") for n in range(store.PAGE + 1)]
        await store.write_cases(connection, cases)
    first = await desk.page("/")
    assert "51 cases" in first
    assert 'href="/?page=2"' in first
    assert "/cases/c050" in await desk.page("/?page=2")


async def test_what_customers_wrote_is_never_markup(desk: Desk) -> None:
    score = a_score().model_copy(update={"comment": "<script>alert(1)</script>"})
    await desk.hears(OPENED, an_event(score=score))
    for address in ("/", "/cases/c1"):
        page = await desk.page(address)
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page


async def test_an_older_version_that_comes_later_changes_nothing(desk: Desk) -> None:
    taken = an_event(version=2, state="acknowledged", assignee="lena")
    await desk.hears("touchback.case.acknowledged.v1", taken, source="touchback/close")
    await desk.hears(OPENED, an_event())
    assert "lena" in await desk.page("/")


async def test_a_joining_score_is_shown_once_with_the_version_of_close(desk: Desk) -> None:
    joined = an_event(version=2)
    await desk.hears("touchback.case.attached.v1", joined)
    assert "Nothing waits" in await desk.page("/")
    await desk.hears("touchback.case.attached.v1", joined, source="touchback/close")
    assert (await desk.page("/cases/c1")).count("Another low score joined") == 1


async def test_alerts_stand_in_the_timeline_of_the_case(desk: Desk) -> None:
    await desk.hears(OPENED, an_event())
    alert = Alert(
        alert_id="a1",
        case_id="c1",
        customer_id="u1",
        touchpoint="first-bill",
        team="billing-care",
        priority="high",
        channel="billing-hook",
        kind="webhook",
        attempt=1,
        at=START,
        response_received_at=START,
    )
    await desk.hears("touchback.alert.delivered.v1", alert)
    page = await desk.page("/cases/c1")
    assert "Delivered" in page
    assert "billing-hook" in page


async def test_the_list_alone_can_be_fetched_for_live_pages(desk: Desk) -> None:
    await desk.hears(OPENED, an_event())
    rows = await desk.page("/?fragment=rows")
    assert "/cases/c1" in rows
    assert "<html" not in rows


async def test_programs_read_how_much_waits(desk: Desk) -> None:
    await desk.hears(OPENED, later(0, "c1"))
    await desk.hears(OPENED, later(60, "c2"))
    desk.clock.advance(TARGETS["acknowledge"] + timedelta(minutes=1))
    summary = (await desk.browser.get("/v1/summary")).json()
    assert (summary["open"], summary["overdue"]) == (2, 1)
    (team,) = summary["teams"]
    assert (team["team"], team["open"], team["overdue"]) == ("billing-care", 2, 1)


async def test_pages_say_so_when_the_database_is_away(desk: Desk) -> None:
    await desk.database.close()
    response = await desk.browser.get("/")
    assert response.status_code == 503
    assert "Nothing is lost" in response.text
    assert (await desk.browser.get("/v1/summary")).status_code == 503


@pytest.mark.parametrize("address", ["/cases/c9", "/customers/nobody"])
async def test_what_does_not_exist_is_404(desk: Desk, address: str) -> None:
    assert (await desk.browser.get(address)).status_code == 404


async def test_a_customer_has_one_page_for_everything(desk: Desk) -> None:
    await desk.hears(OPENED, an_event(customer_id="shop/42"))
    assert "/customers/shop/42" in await desk.page("/cases/c1")
    assert "Opened" in await desk.page("/customers/shop/42")


async def test_chinese_pages_are_chinese_and_the_choice_is_kept(desk: Desk) -> None:
    await desk.hears(OPENED, an_event())
    assert 'lang="zh"' in await desk.page("/?lang=zh")
    page = await desk.page("/cases/c1")
    assert "下一步" in page
    assert "Next step" not in page


async def test_pages_carry_a_strict_policy_and_no_inline_code(desk: Desk) -> None:
    await desk.hears(OPENED, an_event())
    for address in ("/", "/cases/c1"):
        response = await desk.browser.get(address)
        policy = response.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert " style=" not in response.text
        assert " onclick" not in response.text
        assert "<script>" not in response.text
