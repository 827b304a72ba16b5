"""Effort shows in events, by the rules of the example catalog: a case, and nobody is asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from services.ask.decide.memory import Memory
from services.ask.model import Act, Ask, Contact
from services.ask.policy import book
from shared.catalog.loader import load
from tests.support.clock import START
from tests.unit.ask.moments import a_signal

CATALOG = load(Path(__file__).parents[3] / "deploy" / "catalog")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND, TICK = timedelta(seconds=1), timedelta(microseconds=1)
Moments = list[tuple[str, timedelta, str]]


def acts(moments: Moments) -> dict[str, str]:
    """What was done without asking, by touchpoint, when three weeks have passed."""
    memory = Memory(book(CATALOG))
    memory.person("c1").contact = Contact(email="token")
    verdicts = []
    for number, (name, at, about) in enumerate(moments):
        now = START + at
        verdicts += list(memory.wake(now - TICK))
        verdicts += memory.take(a_signal(f"e{number}", name=name, at=now, correlation=about), now)
    for days in range(20):
        verdicts += list(memory.wake(START + days * DAY + HOUR))
    assert not [each for each in verdicts if isinstance(each.decision, Ask)], "somebody was asked"
    return {
        each.candidate.touchpoint: f"{each.decision.what} {each.decision.channel or ''}".strip()
        for each in verdicts
        if isinstance(each.decision, Act)
    }


OPENED, ANSWERED, CLOSED = (f"support.ticket.{word}" for word in ("opened", "answered", "closed"))
PASSED, AGAIN = "support.ticket.transferred", "support.ticket.reopened"


@pytest.mark.parametrize(
    ("moments", "found"),
    [
        pytest.param(
            [(PASSED, 0 * DAY, "t1"), (PASSED, 7 * DAY, "t1")],
            {"passed-around": "case"},
            id="handed on twice within a week",
        ),
        pytest.param(
            [(PASSED, 0 * DAY, "t1"), (PASSED, 7 * DAY + SECOND, "t1")],
            {},
            id="handed on twice in more than a week",
        ),
        pytest.param(
            [(PASSED, 0 * DAY, "t1"), (PASSED, HOUR, "t2")], {}, id="two tickets, once each"
        ),
        pytest.param([(OPENED, 0 * DAY, "t1")], {"long-wait": "case"}, id="nobody answers"),
        pytest.param(
            [(OPENED, 0 * DAY, "t1"), (ANSWERED, 2 * DAY, "t1")], {}, id="answered in two days"
        ),
        pytest.param(
            [(OPENED, 0 * DAY, "t1"), (ANSWERED, 2 * DAY + SECOND, "t1")],
            {"long-wait": "case"},
            id="answered a second later",
        ),
        pytest.param(
            [(OPENED, 0 * DAY, "t1"), (ANSWERED, DAY, "t2")],
            {"long-wait": "case"},
            id="another ticket answered",
        ),
        pytest.param([(AGAIN, 0 * DAY, "t1")], {"not-solved": "case"}, id="reopened"),
        pytest.param(
            [
                step
                for n in range(3)
                for step in ((OPENED, n * DAY, f"t{n}"), (ANSWERED, n * DAY + HOUR, f"t{n}"))
            ],
            {"repeat-contact": "case"},
            id="in touch three times within a week",
        ),
        pytest.param(
            [
                step
                for n in range(2)
                for step in ((OPENED, n * DAY, f"t{n}"), (ANSWERED, n * DAY + HOUR, f"t{n}"))
            ],
            {},
            id="in touch twice",
        ),
        pytest.param(
            [("ordering.order.delayed", 0 * DAY, "o1")],
            {"order-late": "notify email"},
            id="a promise that will be missed",
        ),
    ],
)
def test_effort_opens_a_case_or_tells_somebody_without_asking(
    moments: Moments, found: dict[str, str]
) -> None:
    assert acts(moments) == found
