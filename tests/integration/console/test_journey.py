"""The journey on a page and for programs: counted once, over the days that were asked for."""

from __future__ import annotations

import re
from datetime import timedelta

from tests.integration.console.conftest import Desk
from tests.support.clock import START
from tests.unit.close.cases import an_event
from tests.unit.console.test_funnel import ASK, INVITATION, RESPONSE


async def a_past(desk: Desk) -> None:
    """Two moments this week, one of which ends well; and one of three weeks ago."""
    await desk.hears("touchback.decision.v1", ASK)
    await desk.hears("touchback.decision.v1", ASK, id="second")
    await desk.hears("touchback.decision.v1", ASK, id="old", at=START - timedelta(days=21))
    await desk.hears("touchback.invitation.sent.v1", INVITATION)
    await desk.hears("touchback.response.received.v1", RESPONSE)
    await desk.hears("touchback.response.completed.v1", RESPONSE)
    await desk.hears("touchback.case.opened.v1", an_event())
    closed = an_event(version=5, state="closed", touchpoint="after-fix")
    await desk.hears("touchback.case.closed.v1", closed, source="touchback/close")


async def counted(desk: Desk, days: str) -> list[dict[str, object]]:
    response = await desk.browser.get("/v1/journey", params={"days": days})
    assert response.status_code == 200, response.text
    points = [each for stage in response.json()["stages"] for each in stage["touchpoints"]]
    found = {each["touchpoint"]: each["steps"] for each in points if each["steps"]}
    assert len(found) == sum(bool(each["steps"]) for each in points), "each is counted once"
    return [{"touchpoint": name, **found[name]} for name in sorted(found)]


async def test_each_step_is_counted_in_its_days(desk: Desk) -> None:
    await a_past(desk)
    [after, first] = await counted(desk, "7")
    assert (after["touchpoint"], after["confirmed"], after["eligible"]) == ("after-fix", 1, 0)
    steps = ("eligible", "delivered", "answered", "low", "case", "contacted")
    assert [first[each] for each in steps] == [2, 1, 1, 1, 1, 0]
    assert (await counted(desk, "30"))[1]["eligible"] == 3
    page = await desk.page("/journey?days=nonsense")
    assert 'href="/journey?days=7" aria-current="true"' in page, (
        "a week unless a month is asked for"
    )


async def test_the_first_of_seven_days_is_six_days_ago(desk: Desk) -> None:
    midnight = START.replace(hour=0)
    for name, at in {
        "in": midnight - timedelta(days=6),
        "out": midnight - timedelta(days=6, seconds=1),
    }.items():
        await desk.hears("touchback.decision.v1", ASK, id=name, at=at)
    [first] = await counted(desk, "7")
    assert first["eligible"] == 1


async def test_the_page_is_a_table_with_a_row_for_each_touchpoint(desk: Desk) -> None:
    assert "Nothing happened in these days." in await desk.page("/journey")
    await a_past(desk)
    page = await desk.page("/journey?days=30")
    rows = re.findall(r'<tr><th scope="row">([\w-]+)</th>(.*?)</tr>', page)
    cells = {name: re.findall(r"<td>(\d+)</td>", row) for name, row in rows}
    assert cells["first-bill"][0] == "3"
    assert all(len(each) == page.count('<th scope="col">') - 1 for each in cells.values())
    assert 'href="/journey?days=30" aria-current="true"' in page
    desk.browser.headers["accept-language"] = "zh"
    assert "认可</th>" in await desk.page("/journey")


async def test_without_a_database_nothing_is_taken_for_zero(desk: Desk) -> None:
    await desk.database.close()
    for address in ("/journey", "/v1/journey"):
        assert (await desk.browser.get(address)).status_code == 503
