"""Figures for programs, from what the topics said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.console import handlers
from services.console.app import MIGRATIONS
from shared.consume import Item
from shared.contracts.asks import Invitation
from shared.contracts.base import Attribution, Band, Message, Metric
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from tests.integration.console.conftest import Desk
from tests.support.clock import START
from tests.unit.close.cases import TARGETS, an_event

DAY = timedelta(days=1)
OPENED = "touchback.case.opened.v1"
RECEIVED = "touchback.response.received.v1"
SENT = "touchback.invitation.sent.v1"


def answered(name: str, score: int | None, band: Band | None, **changes: Any) -> Response:
    """An answer, given a day ago."""
    metric: Metric = "nps"
    said = Response(
        response_id=name,
        touchpoint="first-bill",
        survey="nps",
        metric=metric,
        customer_id=f"customer-{name}",
        score=score,
        band=band,
        channel="email",
        received_at=START - DAY,
        at=START - DAY,
        stage="purchase",
        invitation_id=f"ask-{name}",
    )
    return said.model_copy(update=changes)


def asked(name: str, at: datetime = START - 2 * DAY, touchpoint: str = "first-bill") -> Invitation:
    """An ask on its way."""
    return Invitation(
        invitation_id=f"ask-{name}",
        decision_id=f"decision-{name}",
        touchpoint=touchpoint,
        survey="nps",
        customer_id=f"customer-{name}",
        channel="email",
        survey_url="",
        occurred_at=at,
        expires_at=at + 14 * DAY,
        at=at,
        attribution=Attribution(stage="purchase"),
    )


async def say(desk: Desk, high: int, mid: int, low: int, **changes: Any) -> None:
    """So many customers answer."""
    given: list[tuple[int, Band]] = []
    given += [(10, "high")] * high
    given += [(7, "mid")] * mid
    given += [(2, "low")] * low
    when = f"{changes.get('touchpoint', '')}{changes.get('at', '')}"
    said = [answered(f"{when}{n}", *each, **changes) for n, each in enumerate(given)]
    await together(desk, RECEIVED, said)


async def together(desk: Desk, type: str, bodies: Sequence[Message]) -> None:
    """Messages come in one batch."""
    events = [Event(f"{type}/{b!r}", "touchback", type, "somebody", START, b) for b in bodies]
    async with desk.database.transaction() as connection:
        await handlers.handle(connection, [Item("touchback", e.id, e) for e in events], START)


async def read(desk: Desk, address: str) -> Any:
    """What a program is told."""
    response = await desk.browser.get(address)
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_score_has_its_n_its_interval_its_scale_and_the_past(desk: Desk) -> None:
    await say(desk, 20, 5, 10)
    before = START - 31 * DAY
    await say(desk, 2, 2, 31, at=before, received_at=before)
    found = await read(desk, "/v1/scores")
    (score,) = found["scores"]
    assert (score["touchpoint"], score["stage"], score["metric"]) == (
        "first-bill",
        "purchase",
        "nps",
    )
    assert score["scale"] == {"minimum": 0, "maximum": 10, "direction": "higher_is_better"}
    past, now = (each["figure"] for each in score["periods"])
    assert (now["n"], past["n"]) == (35, 35)
    assert now["value"] == pytest.approx(100 * 10 / 35)
    assert now["low"] < now["value"] < now["high"]
    assert (now["unit"], now["too_few"], score["trend"]) == ("points", False, "better")
    assert "score" not in score, "never a mean"


async def test_few_answers_give_no_value_and_what_is_no_answer_is_not_counted(desk: Desk) -> None:
    await say(desk, 29, 0, 0)
    await desk.hears("touchback.response.started.v1", answered("only looked", None, None))
    (score,) = (await read(desk, "/v1/scores"))["scores"]
    figure = score["periods"][-1]["figure"]
    assert (figure["n"], figure["too_few"], figure["value"], figure["low"]) == (
        29,
        True,
        None,
        None,
    )


async def test_the_last_word_of_an_answer_counts_once(desk: Desk) -> None:
    await say(desk, 0, 0, 30)
    later = START - DAY + timedelta(hours=1)
    changed = answered("0", 10, "high", at=later)
    await desk.hears("touchback.response.amended.v1", changed)
    await desk.hears(RECEIVED, answered("0", 2, "low"), id="late")
    unlinked = answered("1", 10, "high", unlinked=True)
    await desk.hears("touchback.response.completed.v1", unlinked)
    (score,) = (await read(desk, "/v1/scores"))["scores"]
    figure = score["periods"][-1]["figure"]
    assert (figure["n"], figure["value"]) == (30, pytest.approx(100 * (2 - 28) / 30))


async def test_one_touchpoint_and_other_periods_can_be_asked_for(desk: Desk) -> None:
    await say(desk, 30, 0, 0)
    await say(desk, 31, 0, 0, touchpoint="other")
    found = await read(desk, "/v1/scores?days=1&periods=3&touchpoint=other")
    (score,) = found["scores"]
    assert [each["figure"]["n"] for each in score["periods"]] == [0, 31, 0]
    assert score["periods"][1]["until"].startswith((START - DAY).isoformat()[:19])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/v1/scores?days=0", "days is a whole number from 1 to 1095"),
        ("/v1/scores?days=1096", "days is a whole number from 1 to 1095"),
        ("/v1/journey?days=x", "days is a whole number from 1 to 1095"),
        ("/v1/summary?days=-1", "days is a whole number from 1 to 1095"),
        ("/v1/scores?periods=25", "periods is a whole number from 1 to 24"),
    ],
)
async def test_a_period_that_makes_no_sense_is_refused_in_one_line(
    desk: Desk, address: str, said: str
) -> None:
    response = await desk.browser.get(address)
    assert (response.status_code, response.json()["title"]) == (400, said)


@pytest.mark.parametrize("address", ["/v1/scores", "/v1/journey", "/v1/summary"])
async def test_figures_say_so_when_the_database_is_away(desk: Desk, address: str) -> None:
    await desk.database.close()
    response = await desk.browser.get(address)
    assert response.status_code == 503
    assert response.headers["content-type"].startswith("application/problem+json")


def place(journey: Any, stage: str | None, touchpoint: str) -> Any:
    """A touchpoint of the journey."""
    (found,) = (each for each in journey["stages"] if each["stage"] == stage)
    (point,) = (each for each in found["touchpoints"] if each["touchpoint"] == touchpoint)
    return point


async def test_the_journey_tells_who_answered_of_those_asked(desk: Desk) -> None:
    await together(desk, SENT, [asked(str(number)) for number in range(40)])
    await desk.hears("touchback.invitation.scheduled.v1", asked("not sent"))
    await desk.hears(SENT, asked("long ago", START - 31 * DAY))
    await desk.hears(SENT, asked("bounced"))
    await desk.hears("touchback.invitation.failed.v1", asked("bounced"), id="bounce")
    await say(desk, 10, 0, 0, answers={"effort": 1})
    await desk.hears(OPENED, an_event(stage="purchase"))
    desk.clock.advance(TARGETS["acknowledge"] + timedelta(minutes=1))
    found = place(await read(desk, "/v1/journey"), "purchase", "first-bill")
    assert (found["answered"]["n"], found["answered"]["value"]) == (40, 0.25)
    assert (found["effort"]["n"], found["effort"]["too_few"]) == (10, True)
    assert (found["open_cases"], found["overdue_cases"]) == (1, 1)
    assert [each["periods"][-1]["figure"]["n"] for each in found["scores"]] == [10]


async def test_answers_that_nothing_leads_to_count_among_those_of_their_touchpoint(
    desk: Desk,
) -> None:
    await together(desk, SENT, [asked(str(number)) for number in range(30)])
    await say(desk, 6, 0, 0, unlinked=True, invitation_id=None)
    found = place(await read(desk, "/v1/journey"), "purchase", "first-bill")
    assert found["answered"]["value"] == 0.2
    await say(desk, 30, 0, 0, unlinked=True, invitation_id=None, at=START)
    found = place(await read(desk, "/v1/journey"), "purchase", "first-bill")
    assert found["answered"]["value"] == 1.0, "never more than were asked"


async def test_the_journey_shows_touchpoints_that_nobody_answered(desk: Desk) -> None:
    journey = await read(desk, "/v1/journey")
    assert [each["stage"] for each in journey["stages"]] == ["purchase", "use", "service", None]
    names = [point for stage in journey["stages"] for point in stage["touchpoints"]]
    assert names, "the catalog has touchpoints"
    assert all(not each["scores"] and each["answered"]["n"] == 0 for each in names)


def stopped(event: CaseEvent, after: timedelta, **changes: object) -> CaseEvent:
    """The same case, contacted."""
    deadlines = tuple(
        d.model_copy(update={"met_at": START + after, "breached": START + after > d.due_at})
        if d.clock == "contact"
        else d
        for d in event.deadlines
    )
    return event.model_copy(update={"deadlines": deadlines, "version": 2, **changes})


async def test_the_summary_counts_what_nobody_stopped(desk: Desk) -> None:
    events = [an_event(f"c{number:02}", f"u{number}") for number in range(40)]
    await together(desk, OPENED, events)
    hours = [timedelta(hours=1)] * 10 + [timedelta(hours=9)] * 10
    taken = [stopped(event, each) for event, each in zip(events, hours, strict=False)]
    await together(desk, "touchback.case.contacted.v1", taken)
    desk.clock.advance(timedelta(hours=5))
    summary = await read(desk, "/v1/summary")
    (team,) = summary["teams"]
    for figures in (summary, team):
        contact = figures["in_time"]["contact"]
        assert (contact["n"], contact["value"]) == (40, 0.25)
        assert contact["low"] < 0.25 < contact["high"]
        assert figures["median"]["contact"]["n"] == 40
        assert figures["median"]["contact"]["low"] == 9 * 3600
        assert figures["median"]["contact"]["high"] is None
        assert figures["in_time"]["resolve"]["n"] == 0, "nothing is decided yet"


async def test_first_clocks_count_and_a_reopened_case_does_not_count_again(desk: Desk) -> None:
    event = an_event()
    contacted = stopped(event, timedelta(hours=1))
    fresh = [d.model_copy(update={"cycle": 2, "started_at": START + DAY}) for d in event.deadlines]
    again = event.model_copy(update={"version": 5, "deadlines": tuple(fresh)})
    await together(desk, "touchback.case.contacted.v1", [contacted, again])
    await desk.hears(OPENED, event, id="late")
    async with desk.database.connection() as connection:
        row = await connection.fetchrow("select * from clocks where clock = 'contact'")
    assert row is not None
    assert (row["version"], row["seconds"], row["runs"]) == (2, 3600, False)


async def test_clocks_of_cases_that_were_there_before_are_the_same(desk: Desk) -> None:
    event = an_event("c2", "u2")
    paused = [d.model_copy(update={"paused_at": START}) for d in event.deadlines]
    ended = an_event("c3", "u3", state="suppressed")
    taken = stopped(an_event(), timedelta(hours=9))
    standing = event.model_copy(update={"deadlines": tuple(paused)})
    await together(desk, OPENED, [taken, standing, ended])
    text = (MIGRATIONS / "0012_figures.sql").read_text()
    async with desk.database.transaction() as connection:
        read = "select * from clocks order by case_id, clock"
        written = [dict(row) for row in await connection.fetch(read)]
        await connection.execute("delete from clocks")
        await connection.execute(text[text.index("insert into clocks") :])
        assert [dict(row) for row in await connection.fetch(read)] == written
    assert len(written) == 9


@pytest.mark.parametrize(
    ("change", "decided"),
    [
        pytest.param({}, 1, id="run out"),
        pytest.param({"state": "suppressed"}, 0, id="a case that ended before has no clock"),
        pytest.param({"paused": True}, 0, id="a clock that stands runs out of nothing"),
    ],
)
async def test_a_clock_is_decided_when_it_was_stopped_or_has_run_out(
    desk: Desk, change: dict[str, Any], decided: int
) -> None:
    event = an_event()
    if change.pop("paused", False):
        paused = [d.model_copy(update={"paused_at": START}) for d in event.deadlines]
        change = {"deadlines": tuple(paused)}
    await desk.hears(OPENED, event.model_copy(update=change))
    assert (await read(desk, "/v1/summary"))["in_time"]["contact"]["n"] == 0
    desk.clock.advance(TARGETS["contact"] + timedelta(minutes=1))
    assert (await read(desk, "/v1/summary"))["in_time"]["contact"]["n"] == decided


async def test_the_summary_names_causes_and_the_oldest_case_and_no_customer(desk: Desk) -> None:
    await desk.hears(OPENED, an_event("c2", "u2", opened_at=START - DAY))
    await desk.hears(OPENED, an_event("c1", "u1"))
    resolved = an_event("c3", "u3", state="resolved", root_cause="late", opened_at=START - 2 * DAY)
    await desk.hears("touchback.case.resolved.v1", resolved, "touchback/close")
    old = an_event("c4", "u4", state="closed", root_cause="old", opened_at=START - 31 * DAY)
    await desk.hears("touchback.case.closed.v1", old, "touchback/close")
    summary = await read(desk, "/v1/summary")
    assert summary["oldest"]["case_id"] == "c2"
    assert summary["root_causes"] == [{"root_cause": "late", "n": 1}]
    said = (await desk.browser.get("/v1/summary")).text
    assert not any(word in said for word in ("u1", "u2", "Charged twice"))


async def test_what_is_kept_for_figures_names_nobody(desk: Desk) -> None:
    await say(desk, 1, 0, 0, comment="Lena from the Hauptstrasse")
    await desk.hears(SENT, asked("0"))
    await desk.hears(OPENED, an_event())
    async with desk.database.connection() as connection:
        for table in ("scores", "asks", "clocks"):
            rows = await connection.fetch(f"select t::text as line from {table} as t")
            assert rows
            assert not any(
                word in row["line"] for row in rows for word in ("customer-", "u1", "Lena")
            )
