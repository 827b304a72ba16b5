"""What the page of a case tells of its past: why it is open again, who was told, in which order."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from shared.contracts.cases import CaseEvent
from tests.integration.console.conftest import Desk
from tests.support.clock import START
from tests.unit.close.cases import a_score, an_event

STILL = "Still nobody called."


def an_unhappy_end(case_id: str = "c1") -> list[tuple[str, CaseEvent]]:
    """Resolved, and the customer says no: what `close` tells of that, in one moment."""
    later = START + timedelta(hours=1)
    again = an_event(case_id, version=4, at=later, actor="customer", note=STILL)
    told = an_event(case_id, version=5, at=later, actor="close", escalated_to="care")
    return [
        ("touchback.case.opened.v1", an_event(case_id)),
        ("touchback.case.resolved.v1", an_event(case_id, version=3, state="resolved")),
        (
            "touchback.case.reopened.v1",
            again.model_copy(update={"reason": "customer_disagrees"}),
        ),
        (
            "touchback.case.escalated.v1",
            told.model_copy(update={"reason": "customer_disagrees"}),
        ),
    ]


async def hears_it_all(desk: Desk, case_id: str = "c1") -> None:
    for type, event in reversed(an_unhappy_end(case_id)):
        await desk.hears(type, event, source="touchback/close", at=event.at)


async def test_whoever_takes_it_again_reads_what_the_customer_says_now(desk: Desk) -> None:
    await hears_it_all(desk)
    page = await desk.page("/cases/c1")
    told = page[page.index("<h2>Opened again") : page.index("<h2>Clocks")]
    assert f"<blockquote>{STILL}</blockquote>" in told
    assert "the customer · the customer is not content with how it was put right" in told


async def test_a_case_that_was_resolved_since_does_not_say_that_it_is_open(desk: Desk) -> None:
    await hears_it_all(desk)
    done = an_event(version=9, state="resolved")
    await desk.hears("touchback.case.resolved.v1", done, source="touchback/close")
    assert "<h2>Opened again" not in await desk.page("/cases/c1")


async def test_what_happened_to_another_case_does_not_open_this_one(desk: Desk) -> None:
    await hears_it_all(desk, "c2")
    await desk.hears("touchback.case.opened.v1", an_event())
    assert "<h2>Opened again" not in await desk.page("/cases/c1")


async def test_what_happened_at_one_moment_stands_in_its_order(desk: Desk) -> None:
    await hears_it_all(desk)
    page = await desk.page("/cases/c1")
    titles = re.findall(r"<b>(Others were told|Reopened|Resolved|Opened)</b>", page)
    assert titles == ["Others were told", "Reopened", "Resolved", "Opened"]


@pytest.mark.parametrize(
    ("type", "changes", "said"),
    [
        pytest.param(
            "escalated",
            {"escalated_to": "care", "reason": "contact_overdue"},
            "first-bill · Touchback → care · First contact",
            id="who was told, and of which clock",
        ),
        pytest.param(
            "escalated",
            {"escalated_to": "billing-care", "reason": "no_contact_in_time"},
            "Touchback → billing-care · nobody reached the customer in time: the team has it back",
            id="whoever was silent for too long lost it",
        ),
        pytest.param(
            "reassigned",
            {"actor": "lena", "team": "care", "assignee": "ines", "reason": "handed_over"},
            "first-bill · lena → care, ines",
            id="to whom it was handed",
        ),
        pytest.param(
            "closed",
            {"state": "closed_unconfirmed", "reason": "quiet_period"},
            "Touchback · the customer said nothing more",
            id="closed by silence",
        ),
        pytest.param(
            "closed",
            {"state": "closed", "actor": "customer", "reason": "customer_agrees"},
            "the customer · the customer agrees",
            id="closed by the customer",
        ),
        pytest.param(
            "noted",
            {"actor": "lena", "reason": "of a newer release"},
            "first-bill · lena",
            id="new",
        ),
    ],
)
async def test_a_line_says_who_did_it_and_why(
    desk: Desk, type: str, changes: dict[str, str], said: str
) -> None:
    event = an_event(version=3, **{"actor": "close", **changes})
    await desk.hears(f"touchback.case.{type}.v1", event, source="touchback/close")
    page = " ".join((await desk.page("/cases/c1")).split())
    assert said in page
    assert "of a newer release" not in page


async def test_a_case_that_no_score_opened_shows_none(desk: Desk) -> None:
    score = a_score().model_copy(update={"source": "signal", "metric": "ces", "comment": None})
    await desk.hears("touchback.case.opened.v1", an_event(score=score))
    for address in ("/", "/cases/c1", "/customers/u1"):
        page = await desk.page(address)
        assert "no score" in page
        assert "CES" not in page


async def test_a_case_that_its_team_has_once_more_is_no_new_one(desk: Desk) -> None:
    event = an_event(version=4)
    clocks = tuple(each.model_copy(update={"cycle": 2}) for each in event.deadlines)
    await desk.hears(
        "touchback.case.reopened.v1", event.model_copy(update={"deadlines": clocks}), source="c"
    )
    for address in ("/", "/cases/c1", "/customers/u1"):
        assert "Opened again" in await desk.page(address)
