"""What makes a moment: counts, absences, rhythms and recoveries, whatever the order of arrival."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ask.decide.heard import signal_of
from services.ask.decide.memory import Memory
from services.ask.decide.rhythm import next_slot, places, signal, spread
from services.ask.decide.triggers import in_segment
from services.ask.model import Ask, Broken, Contact, Silent
from services.ask.policy import book
from shared.contracts.base import Attribution
from shared.contracts.cases import CaseEvent, CaseScore, CaseState
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from shared.contracts.signals import Signal
from tests.support.clock import START
from tests.unit.ask.moments import a_catalog, a_plan, a_signal

DAYS = [timedelta(days=n) for n in range(20)]
TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)


def a_memory(touchpoints: str, policy: str | None = None) -> Memory:
    """One customer who can be asked, over these touchpoints."""
    files = {"touchpoints.yaml": touchpoints}
    memory = Memory(book(a_catalog(files | ({"policy.yaml": policy} if policy else {}))))
    memory.person("c1").contact = Contact(email="token")
    return memory


def told(memory: Memory, *signals: Signal, now: datetime | None = None) -> dict[str, str]:
    """Each decision in one word, by event, once everything was heard and all time has passed."""
    found = []
    for each in signals:
        found += memory.wake(now or each.occurred_at)
        found += memory.take(each, now or each.occurred_at)
    found += memory.wake(now or max(each.occurred_at for each in signals) + DAYS[3])
    words = {}
    for verdict in found:
        made = verdict.decision
        word = made.reason if isinstance(made, Silent) else getattr(made, "what", "ask")
        words[verdict.candidate.signal.source_event_id] = word
    assert len(words) == len(found)
    return words


OFTEN = """\
- touchpoint: often
  on: {count: order.lost, at_least: 3, within: 7d, by: BY}
  act: case
  useful_for: 90d
"""


def lost(event: str, at: timedelta, correlation: str | None = None) -> Signal:
    return a_signal(event, name="order.lost", at=START + at, correlation=correlation)


@pytest.mark.parametrize(
    ("last", "found"),
    [
        pytest.param(DAYS[7], {"c": "case"}, id="the first exactly as old as the span"),
        pytest.param(DAYS[7] + TICK, {}, id="the first just older than the span"),
    ],
)
def test_enough_signals_within_the_span_are_a_moment(
    last: timedelta, found: dict[str, str]
) -> None:
    memory = a_memory(OFTEN.replace("BY", "customer"))
    assert told(memory, lost("a", DAYS[0]), lost("b", DAYS[1]), lost("c", last)) == found


def test_one_signal_fewer_is_no_moment() -> None:
    memory = a_memory(OFTEN.replace("BY", "customer"))
    assert told(memory, lost("a", DAYS[0]), lost("b", DAYS[1])) == {}


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_of_arrival_changes_no_count(order: tuple[int, ...]) -> None:
    signals = [lost(f"e{n}", DAYS[n]) for n in range(4)]
    memory = a_memory(OFTEN.replace("BY", "customer"))
    heard = [signals[n] for n in order]
    assert told(memory, *heard, now=START + DAYS[5]) == {"e2": "case", "e3": "case"}


def test_counting_by_correlation_counts_one_thing_only() -> None:
    memory = a_memory(OFTEN.replace("BY", "correlation"))
    same = [lost(f"s{n}", DAYS[n], "o1") for n in range(3)]
    mixed = [lost(f"m{n}", DAYS[n], f"o{n}") for n in range(2, 5)]
    without = [lost(f"w{n}", DAYS[n]) for n in range(3)]
    assert told(memory, *same, *mixed, *without, now=START + DAYS[5]) == {"s2": "case"}


def test_what_was_counted_stands_in_the_evidence() -> None:
    memory = a_memory(OFTEN.replace("BY", "customer"))
    memory.take(lost("a", DAYS[0]), START)
    memory.take(lost("b", DAYS[1]), START + DAYS[1])
    (verdict,) = memory.take(lost("c", DAYS[2]), START + DAYS[2])
    assert verdict.candidate.evidence == {
        "counted": 3,
        "at_least": 3,
        "within_seconds": 604800.0,
        "first_at": START.isoformat(),
    }


QUIET = """\
- touchpoint: quiet
  on: {absence: [response, order.returned], after: order.late, within: 2d, by: BY}
  survey: delivery
"""


def answer(at: datetime) -> Signal:
    """An answer of the customer, as triggers hear it."""
    response = Response(
        response_id="r1",
        touchpoint="delivered",
        survey="delivery",
        metric="csat",
        customer_id="c1",
        score=4,
        channel="email",
        received_at=at,
        at=at,
    )
    event = Event("x", "touchback/collect", "touchback.response.received.v1", "c1", at, response)
    heard = signal_of(event)
    assert heard is not None
    return heard


@pytest.mark.parametrize(
    ("at", "outcome"),
    [
        pytest.param(-TICK, "ask", id="an answer just before"),
        pytest.param(timedelta(0), "not_eligible", id="an answer at the same instant"),
        pytest.param(DAYS[2], "not_eligible", id="an answer at the very end"),
        pytest.param(DAYS[2] + TICK, "ask", id="an answer just after the end"),
    ],
)
def test_silence_is_a_moment_unless_an_answer_came_in_time(at: timedelta, outcome: str) -> None:
    late = a_signal("late", name="order.late")
    memory = a_memory(QUIET.replace("BY", "correlation"))
    assert told(memory, answer(START + at), late, now=START + DAYS[2] + TICK) == {"late": outcome}


@pytest.mark.parametrize(
    ("by", "order", "outcome"),
    [
        pytest.param("correlation", "o1", "not_eligible", id="the same order came back"),
        pytest.param("correlation", "o2", "ask", id="another order came back"),
        pytest.param("customer", "o2", "not_eligible", id="any order counts"),
    ],
)
def test_what_should_not_have_come_is_about_the_same_thing(
    by: str, order: str, outcome: str
) -> None:
    late = a_signal("late", name="order.late", correlation="o1")
    back = a_signal("back", name="order.returned", at=START + DAYS[1], correlation=order)
    memory = a_memory(QUIET.replace("BY", by))
    assert told(memory, back, late, now=START + DAYS[2]) == {"late": outcome}


STATES: dict[str, CaseState] = {
    "opened": "new",
    "resolved": "resolved",
    "reopened": "assigned",
    "closed": "closed",
}
RECOVERED = """\
- touchpoint: recovered
  on: {case: resolved, when: 'signal.attributes.touchpoint == "delivered"'}
  delay: 1d
  survey: delivery
- touchpoint: delivered
  on: {signal: order.delivered}
  survey: delivery
"""


def a_case_event(kind: str, version: int, at: datetime, touchpoint: str = "delivered") -> Event:
    """The message about a change of one case."""
    case = CaseEvent(
        case_id="k1",
        version=version,
        at=at,
        actor="noor",
        reason="x",
        state=STATES[kind],
        customer_id="c1",
        touchpoint=touchpoint,
        team="parcels",
        priority="normal",
        opened_at=START,
        score=CaseScore(
            response_id="r1",
            metric="csat",
            survey="delivery",
            score=1,
            band="low",
            comment="Nobody called.",
            channel="email",
            received_at=START,
        ),
        attribution=Attribution(agent="sam"),
        catalog_version="1",
    )
    kind = f"touchback.case.{kind}.v1"
    return Event(f"k1/{version}", "touchback/close", kind, "c1", at, case)


def a_case(kind: str, version: int, at: datetime, touchpoint: str = "delivered") -> Signal:
    """The same, as triggers hear it."""
    heard = signal_of(a_case_event(kind, version, at, touchpoint))
    assert heard is not None
    return heard


def test_each_resolution_is_asked_about_and_a_reopened_one_is_not() -> None:
    memory = a_memory(RECOVERED)
    events = [
        a_case("resolved", 2, START),
        a_case("reopened", 3, START + DAYS[1] - SECOND),
        a_case("resolved", 4, START + DAYS[2]),
        a_case("resolved", 6, START + DAYS[5]),
        a_case("resolved", 2, START + DAYS[6], "first-bill"),
    ]
    assert told(memory, *events) == {"k1/2": "cancelled", "k1/4": "ask", "k1/6": "ask"}


def test_a_case_heard_as_a_signal_tells_nobody_what_the_customer_wrote() -> None:
    heard = a_case("resolved", 2, START)
    assert (heard.correlation, heard.attributes["case_id"], heard.attributes["agent"]) == (
        "k1",
        "k1",
        "sam",
    )
    assert "Nobody called." not in heard.model_dump_json()


def test_recovery_neither_respects_a_cap_nor_sets_one_off() -> None:
    memory = a_memory(RECOVERED)
    (first,) = memory.take(a_signal("e1"), START)
    assert isinstance(first.decision, Ask)
    memory.person("c1").open_cases = frozenset({"k1"})
    memory.take(a_case("resolved", 2, START), START)
    (recovery,) = memory.wake(START + DAYS[1])
    assert isinstance(recovery.decision, Ask)
    memory.failed(first)
    memory.accepted(recovery, START + DAYS[1])
    memory.person("c1").open_cases = frozenset()
    (second,) = memory.take(a_signal("e2", at=START + DAYS[1]), START + DAYS[1])
    assert isinstance(second.decision, Ask)


RHYTHM = """\
- touchpoint: relationship
  on: {every: 180d, segment: 'profile.segment == "business"'}
  survey: delivery
"""


PLAN = a_plan("relationship", a_catalog({"touchpoints.yaml": RHYTHM}))


@given(customer=st.text(min_size=1, max_size=20), day=st.integers(0, 2000))
def test_a_rhythm_comes_once_per_period_at_the_customers_own_moment(
    customer: str, day: int
) -> None:
    plan, after = PLAN, START + timedelta(days=day)
    slot = next_slot(plan, customer, after)
    assert after < slot.at <= after + timedelta(days=180)
    following = next_slot(plan, customer, slot.at)
    assert following.number == slot.number + 1
    assert abs(following.at - slot.at - timedelta(days=180)) < SECOND
    just_before = next_slot(plan, customer, slot.at - SECOND)
    assert signal(plan, customer, just_before) == signal(plan, customer, slot)


def test_customers_are_spread_evenly_over_the_period() -> None:
    slots = [next_slot(PLAN, f"c{n}", START).at - START for n in range(6000)]
    by_month = Counter(slot // timedelta(days=30) for slot in slots)
    assert set(by_month) == set(range(6))
    assert all(850 < count < 1150 for count in by_month.values())


@given(
    customer=st.text(min_size=1, max_size=8),
    hours=st.integers(0, 180 * 24),
    length=st.integers(1, 100),
)
def test_the_places_to_look_at_hold_everybody_whose_moment_it_is(
    customer: str, hours: int, length: int
) -> None:
    plan, after = PLAN, START + timedelta(hours=hours)
    until = after + timedelta(hours=length)
    if next_slot(plan, customer, after).at <= until:
        found = places(plan, after, until)
        assert any(start <= spread(customer) <= end for start, end in found)


def test_a_rhythm_concerns_its_segment_only() -> None:
    assert in_segment(Contact(segment="business"), PLAN) is True
    assert in_segment(Contact(segment="home"), PLAN) is False
    broken = RHYTHM.replace('profile.segment == "business"', "int(profile.segment) > 1")
    plan = a_plan("relationship", a_catalog({"touchpoints.yaml": broken}))
    assert isinstance(in_segment(Contact(segment="x"), plan), Broken)
