"""Each reason for silence, on both sides of its limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.ask.decide.gates import chance, decide, decide_early, explain, gates, next_possible_at
from services.ask.decide.memory import Memory
from services.ask.model import Act, Ask, Contact, Facts, History, Later, Seen, Silent
from services.ask.policy import Plan, book
from shared.catalog.policy import SendWindow
from tests.support.clock import START
from tests.unit.ask.moments import a_catalog, a_plan, a_signal, facts, hours

PLAN = a_plan()
TICK = timedelta(microseconds=1)
DAYS = timedelta(days=1)


def word(known: Facts, plan: Plan = PLAN, now: datetime = START) -> str:
    """The outcome in one word."""
    match decide(known, plan, now):
        case Silent(reason=reason):
            return reason
        case Act(what=what):
            return what
        case Later():
            return "later"
        case _:
            return "ask"


def test_holdout_is_a_share_of_customers_whatever_the_event() -> None:
    drawn = chance("holdout", "c1", PLAN.salt)
    at, above = replace(PLAN, holdout=drawn), replace(PLAN, holdout=drawn + 1e-9)
    assert [word(facts(a_signal(f"e{n}")), above) for n in range(5)] == ["holdout"] * 5
    assert word(facts(), at) == "ask"
    assert word(facts(), replace(PLAN, holdout=0.0)) == "ask"


def test_what_no_later_event_can_change_is_decided_at_once() -> None:
    assert decide_early(facts(), replace(PLAN, sample=0.0), START) == Silent("sampled_out")
    assert decide_early(facts(), replace(PLAN, holdout=0.999999), START) == Silent("holdout")
    stale = facts(a_signal(at=START - PLAN.useful_for - TICK))
    assert decide_early(stale, PLAN, START) == Silent("stale_event")
    assert decide_early(facts(contact=Contact()), PLAN, START) is None


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        pytest.param(90 * DAYS - TICK, "cap_touchpoint", id="just within"),
        pytest.param(90 * DAYS, "ask", id="exactly at the interval"),
    ],
)
def test_a_touchpoint_may_have_a_cap_of_its_own(last: timedelta, outcome: str) -> None:
    plan = replace(PLAN, cap=90 * DAYS)
    past = History(last_contact=START - last, sent={PLAN.touchpoint: START - last})
    assert word(facts(history=past), plan) == outcome
    elsewhere = History(last_contact=START - last, sent={"another": START - last})
    assert word(facts(history=elsewhere), plan) == "ask"


@pytest.mark.parametrize(
    ("last", "outcome"),
    [
        pytest.param(90 * DAYS - TICK, "cap_answered", id="just within"),
        pytest.param(90 * DAYS, "ask", id="exactly at the interval"),
    ],
)
def test_an_answer_about_the_relationship_buys_peace(last: timedelta, outcome: str) -> None:
    catalog = a_catalog(
        {"touchpoints.yaml": "- {touchpoint: nps, on: {every: 20d}, survey: delivery}\n"}
    )
    past = History(answered={"nps": START - last})
    assert word(facts(history=past, plan=a_plan("nps", catalog)), a_plan("nps", catalog)) == outcome
    moment = History(answered={PLAN.touchpoint: START - TICK})
    assert word(facts(history=moment)) == "ask", "an answer about a moment caps nothing"


def test_the_next_possible_date_is_the_end_of_the_longest_cap() -> None:
    plan = replace(PLAN, cap=90 * DAYS)
    past = History(last_contact=START - DAYS, sent={PLAN.touchpoint: START - 10 * DAYS})
    assert next_possible_at(facts(history=past), plan) == START + 80 * DAYS
    assert next_possible_at(facts(history=past), PLAN) == START + 29 * DAYS
    assert next_possible_at(facts(history=replace(past, pending=True)), plan) is None
    assert next_possible_at(facts(), plan) is None


def test_somebody_with_an_open_case_is_not_asked() -> None:
    assert word(facts(open_cases=frozenset({"k1"}))) == "open_case"
    assert word(facts(open_cases=frozenset())) == "ask"


def test_a_cancelled_moment_is_silent_and_says_by_what() -> None:
    came = Seen("order.returned", START, "o1", ("shop", "r1"))
    known = facts(cancelled_by=came)
    (trace,) = (
        each
        for each in explain(known, PLAN, decide(known, PLAN, START), START)
        if each.verdict == "stopped"
    )
    assert trace.rule == "cancel_on"
    assert trace.compared["came"] == {
        "signal": "order.returned",
        "at": START.isoformat(),
        "event": "r1",
    }


NIGHT = START.replace(hour=22)
WINDOW = SendWindow()


@pytest.mark.parametrize(
    ("useful_for", "outcome"),
    [
        pytest.param(hours(11), "later", id="useful until the window opens"),
        pytest.param(hours(11) - TICK, "quiet_hours_expired", id="useless just before it opens"),
    ],
)
def test_an_ask_at_night_waits_for_the_morning_if_it_is_useful_then(
    useful_for: timedelta, outcome: str
) -> None:
    plan = replace(PLAN, window=WINDOW, useful_for=useful_for)
    known = facts(a_signal(at=NIGHT), plan=plan)
    assert word(known, plan, NIGHT) == outcome
    if outcome == "later":
        assert decide(known, plan, NIGHT) == Later(NIGHT.replace(day=3, hour=9))


def test_a_case_needs_no_consent_and_no_address() -> None:
    lost = a_plan("lost")
    nobody = facts(
        plan=lost,
        contact=Contact(consent="refused"),
        opt_outs=frozenset({None}),
        history=History(pending=True),
        open_cases=frozenset({"k1"}),
    )
    assert decide(nobody, lost, START) == Act("case")
    assert [gate.name for gate in gates(lost)] == ["stale_event", "sample", "absence", "cancel_on"]


NOTICE = """\
- touchpoint: told
  on: {signal: order.late}
  act: notify
  notice: {to: WHO, subject: {en: Late}, text: {en: Your parcel is late}}
"""


def test_a_team_is_told_whatever_the_customer_wishes_and_a_customer_is_not() -> None:
    plans = {
        who: a_plan("told", a_catalog({"touchpoints.yaml": NOTICE.replace("WHO", who)}))
        for who in ("team", "customer")
    }
    refused = facts(plan=plans["team"], contact=Contact(email="token", consent="refused"))
    assert decide(refused, plans["team"], START) == Act("notify")
    assert decide(refused, plans["customer"], START) == Silent("no_consent")
    fine = facts(plan=plans["customer"], history=History(last_contact=START))
    assert decide(fine, plans["customer"], START) == Act("notify", "email")


# --- who goes first -----------------------------------------------------------------------------

RIVALS = """\
- {touchpoint: low, on: {signal: order.delivered}, survey: delivery, priority: 10}
- {touchpoint: high, on: {signal: order.late}, survey: delivery, priority: 90}
- {touchpoint: high-too, on: {signal: order.returned}, survey: delivery, priority: 90}
"""
HOLD = 'send_window: {start: "00:00", end: "24:00"}\n'
"""Everything else as it is without a word: a hold window of 15 minutes."""

MINUTE = timedelta(minutes=1)


def rivals(*moments: tuple[str, timedelta]) -> dict[str, str]:
    """What becomes of signals of one customer, at these distances from START."""
    memory = Memory(book(a_catalog({"touchpoints.yaml": RIVALS, "policy.yaml": HOLD})))
    memory.person("c1").contact = Contact(email="token")
    found = []
    for name, at in moments:
        found += list(memory.wake(START + at - TICK))
        found += memory.take(a_signal(name, name=f"order.{name}", at=START + at), START + at)
    found += list(memory.wake(START + DAYS))
    return {
        each.candidate.touchpoint: each.decision.reason
        if isinstance(each.decision, Silent)
        else "ask"
        for each in found
    }


@pytest.mark.parametrize(
    ("moments", "said"),
    [
        pytest.param(
            [("delivered", 0 * MINUTE), ("late", 15 * MINUTE)],
            {"high": "ask", "low": "outranked"},
            id="due exactly at the end of the hold window",
        ),
        pytest.param(
            [("delivered", 0 * MINUTE), ("late", 15 * MINUTE + TICK)],
            {"low": "ask", "high": "cap_person"},
            id="due just after the hold window",
        ),
        pytest.param(
            [("late", 1 * MINUTE), ("returned", 0 * MINUTE)],
            {"high-too": "ask", "high": "outranked"},
            id="of two equal ones the earlier event",
        ),
    ],
)
def test_asks_of_one_hold_window_compete(
    moments: list[tuple[str, timedelta]], said: dict[str, str]
) -> None:
    assert rivals(*moments) == said


def test_of_two_at_the_same_instant_always_the_same_one_goes_first() -> None:
    both = [("late", 0 * MINUTE), ("returned", 0 * MINUTE)]
    assert rivals(*both) == rivals(*reversed(both))


def test_an_ask_is_not_held_longer_than_it_is_useful() -> None:
    short = RIVALS.replace("priority: 10", "priority: 10, useful_for: 15m")
    memory = Memory(book(a_catalog({"touchpoints.yaml": short, "policy.yaml": HOLD})))
    memory.person("c1").contact = Contact(email="token")
    (verdict,) = memory.take(a_signal(), START)
    assert isinstance(verdict.decision, Ask)
