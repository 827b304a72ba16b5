"""Whether to ask: exactly one outcome, exact boundaries, and never two asks within the cap."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ask.decide.gates import chance, decide, explain, gates, gone, next_possible_at
from services.ask.decide.triggers import attribution, match
from services.ask.model import Ask, Broken, Contact, Facts, History, Later, OptOuts, Silent
from services.ask.policy import Plan
from shared.contracts.asks import RuleTrace, Silence
from shared.contracts.base import Attribution
from tests.support.clock import START
from tests.unit.ask.moments import a_plan, a_signal, facts, hours

PLAN = a_plan()
DELAYED = a_plan("returned")
SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)


def reason(given_facts: Facts, now: datetime = START, plan: object = PLAN) -> str:
    """The outcome in one word."""
    decision = decide(given_facts, plan, now)  # type: ignore[arg-type]  # parametrised tests pass plans as objects
    return decision.reason if isinstance(decision, Silent) else type(decision).__name__


def rules(given_facts: Facts, plan: Plan = PLAN, now: datetime = START) -> tuple[RuleTrace, ...]:
    """The rules as a decision tells them."""
    return explain(given_facts, plan, decide(given_facts, plan, now), now)


def stopped(traces: tuple[RuleTrace, ...]) -> list[RuleTrace]:
    """Those that stopped it."""
    return [trace for trace in traces if trace.verdict == "stopped"]


def test_a_customer_who_was_never_asked_is_asked() -> None:
    decision = decide(facts(), PLAN, START)
    assert isinstance(decision, Ask)
    assert decision.channel == "email"
    traces = rules(facts())
    assert [trace.verdict for trace in traces] == ["passed"] * (1 + len(gates(PLAN)))


@pytest.mark.parametrize(
    ("now", "outcome"),
    [
        pytest.param(START + hours(1) - TICK, "Later", id="just before the delay is over"),
        pytest.param(START + hours(1), "Ask", id="exactly when the delay is over"),
        pytest.param(START + hours(72), "Ask", id="exactly at the end of its usefulness"),
        pytest.param(START + hours(72) + TICK, "stale_event", id="just after its usefulness"),
        pytest.param(START - hours(24), "Later", id="an event dated in the future"),
    ],
)
def test_delay_and_usefulness_count_from_the_events_own_time(now: datetime, outcome: str) -> None:
    assert reason(facts(plan=DELAYED), now, DELAYED) == outcome


def test_a_moment_that_is_not_due_says_when_it_is() -> None:
    assert decide(facts(plan=DELAYED), DELAYED, START) == Later(START + hours(1))


@pytest.mark.parametrize(
    ("since", "outcome"),
    [
        pytest.param(PLAN.person - TICK, "cap_person", id="just within the cap"),
        pytest.param(PLAN.person, "Ask", id="exactly at the cap"),
        pytest.param(PLAN.floor - TICK, "cap_person", id="just within the floor"),
    ],
)
def test_the_cap_counts_from_the_last_contact(since: timedelta, outcome: str) -> None:
    assert reason(facts(history=History(last_contact=START - since))) == outcome


@pytest.mark.parametrize(
    ("since", "stopped_by"),
    [
        pytest.param(PLAN.floor - TICK, "cap_floor", id="just within the floor"),
        pytest.param(PLAN.floor, "cap_person", id="exactly at the floor"),
    ],
)
def test_the_trace_says_which_clock_stopped_it(since: timedelta, stopped_by: str) -> None:
    known = facts(history=History(last_contact=START - since))
    (trace,) = stopped(rules(known))
    assert trace.rule == stopped_by
    assert trace.compared["last"] == (START - since).isoformat()
    assert next_possible_at(known, PLAN) == START - since + PLAN.person


def test_an_ask_on_its_way_counts_however_long_ago_it_was_planned() -> None:
    assert reason(facts(history=History(pending=True))) == "cap_person"


@pytest.mark.parametrize(
    ("contact", "outcome"),
    [
        pytest.param(Contact(), "no_address", id="nothing known"),
        pytest.param(Contact(phone="token"), "no_address", id="only a phone"),
        pytest.param(Contact(email="token", consent="refused"), "no_consent", id="refused"),
        pytest.param(Contact(consent="refused"), "no_consent", id="refused, and no address"),
        pytest.param(Contact(email="token", consent="unknown"), "Ask", id="consent unknown"),
        pytest.param(Contact(email="token", consent="granted"), "Ask", id="consent granted"),
    ],
)
def test_the_contact_card_decides_whether_one_may_and_can_ask(
    contact: Contact, outcome: str
) -> None:
    assert reason(facts(contact=contact)) == outcome


@pytest.mark.parametrize(
    ("opt_outs", "outcome"),
    [
        pytest.param({None}, "opted_out", id="of everything"),
        pytest.param({"delivered"}, "opted_out", id="of this touchpoint"),
        pytest.param({"returned"}, "Ask", id="of another touchpoint"),
        pytest.param({"returned", None}, "opted_out", id="of another, then of everything"),
        pytest.param(set(), "Ask", id="of nothing"),
    ],
)
def test_who_opted_out_is_not_asked(opt_outs: set[str | None], outcome: str) -> None:
    assert reason(facts(opt_outs=frozenset(opt_outs))) == outcome


def test_the_trace_says_what_was_opted_out_of() -> None:
    refused = Contact(email="token", consent="refused")
    (trace,) = stopped(rules(facts(contact=refused, opt_outs=frozenset({None}))))
    assert (trace.rule, trace.compared) == ("opted_out", {"opted_out_of": "everything"})


def test_a_channel_that_cannot_be_sent_over_is_no_address() -> None:
    plan = replace(PLAN, channels=("sms",))
    assert reason(facts(contact=Contact(email="token")), START, plan) == "no_address"
    assert reason(facts(contact=Contact(phone="token")), START, plan) == "Ask"


@pytest.mark.parametrize(
    ("correlation", "asked", "outcome"),
    [
        pytest.param("o1", {("delivered", "o1")}, "duplicate", id="the same order"),
        pytest.param("o2", {("delivered", "o1")}, "Ask", id="another order"),
        pytest.param("o1", {("returned", "o1")}, "Ask", id="another touchpoint"),
        pytest.param(None, {("delivered", "o1")}, "Ask", id="no correlation"),
    ],
)
def test_one_thing_is_asked_about_once(
    correlation: str | None, asked: set[tuple[str, str]], outcome: str
) -> None:
    signal = a_signal(correlation=correlation)
    assert reason(facts(signal, history=History(asked=frozenset(asked)))) == outcome


@pytest.mark.parametrize(
    ("sample", "outcome"),
    [
        pytest.param(0.0, "sampled_out", id="nobody"),
        pytest.param(1.0, "Ask", id="everybody"),
    ],
)
def test_sampling_lets_its_share_through(sample: float, outcome: str) -> None:
    assert reason(facts(), START, replace(PLAN, sample=sample)) == outcome


def test_a_draw_exactly_at_the_rate_is_out() -> None:
    drawn = chance("delivered", "shop/e1", PLAN.salt)
    assert reason(facts(), START, replace(PLAN, sample=drawn)) == "sampled_out"
    assert reason(facts(), START, replace(PLAN, sample=drawn + 1e-9)) == "Ask"


def test_draws_are_even_and_depend_on_all_three_parts() -> None:
    draws = [chance("t", f"shop/{n}", "salt") for n in range(4000)]
    assert abs(sum(draws) / len(draws) - 0.5) < 0.02
    assert abs(sum(draw < 0.1 for draw in draws) / len(draws) - 0.1) < 0.02
    assert len({chance("t", "e", "s"), chance("u", "e", "s"), chance("t", "f", "s")}) == 3
    assert chance("t", "e", "s") != chance("t", "e", "other")


def test_gates_after_the_one_that_stopped_are_named_as_not_run() -> None:
    traces = rules(facts(contact=Contact()))
    names = ["trigger", *(gate.name for gate in gates(PLAN))]
    at = names.index("address")
    assert [trace.rule for trace in traces] == names
    assert {trace.verdict for trace in traces[:at]} == {"passed"}
    assert traces[at].verdict == "stopped"
    assert {trace.verdict for trace in traces[at + 1 :]} == {"not_run"}


@pytest.mark.parametrize(
    ("days", "matched"),
    [
        pytest.param(3, [True], id="true"),
        pytest.param(2, [], id="false is no match"),
        pytest.param("many", [Broken], id="an error is neither"),
        pytest.param(None, [Broken], id="the attribute is null"),
    ],
)
def test_a_condition_matches_or_not_or_breaks(days: object, matched: list[object]) -> None:
    signal = a_signal(name="order.late", days=days)
    found = [verdict for _, verdict in match(signal, Contact(), (a_plan("late"),))]
    assert [True if verdict is True else type(verdict) for verdict in found] == matched


def test_inputs_too_large_for_a_rule_break_it_but_not_touchpoints_without_one() -> None:
    signal = a_signal(name="order.late", days=3, note="x" * 10_000)
    found = match(signal, Contact(), (a_plan("late"), PLAN))
    assert [(plan.touchpoint, verdict is True) for plan, verdict in found] == [
        ("late", False),
        ("delivered", True),
    ]


def test_a_broken_rule_and_a_vanished_touchpoint_have_their_traces() -> None:
    decision = Silent("rule_error", "no such key: days")
    first, *others = explain(facts(), PLAN, decision, START)
    assert (first.rule, first.verdict) == ("trigger", "stopped")
    assert first.compared == {"problem": "no such key: days"}
    assert {trace.verdict for trace in others} == {"not_run"}
    assert gone("delivered", Silent("not_eligible"))[0].compared == {"name": "delivered"}


def test_attribution_comes_from_the_event_and_else_from_the_touchpoint() -> None:
    assert attribution(a_signal(), PLAN) == Attribution(team="parcels", stage="use")
    signal = a_signal(team="vip", agent="a7", product="box", amount=3)
    assert attribution(signal, PLAN) == Attribution(
        team="vip", agent="a7", stage="use", product="box"
    )


MOMENTS = st.timedeltas(timedelta(days=-900), timedelta(days=900)).map(lambda by: START + by)
CONTACTS = st.builds(
    Contact,
    email=st.sampled_from([None, "token"]),
    consent=st.sampled_from([None, "granted", "refused", "unknown"]),
)
HISTORIES = st.builds(
    History,
    last_contact=st.none() | MOMENTS,
    pending=st.booleans(),
    asked=st.sampled_from([frozenset(), frozenset({("delivered", "o1")})]),
)


@given(
    occurred_at=MOMENTS,
    now=MOMENTS,
    contact=CONTACTS,
    history=HISTORIES,
    opt_outs=st.frozensets(st.sampled_from([None, "delivered", "returned"])),
    sample=st.floats(0, 1),
    delay=st.timedeltas(timedelta(0), timedelta(days=2)),
)
def test_whatever_the_facts_there_is_one_outcome_and_its_trace_agrees(
    occurred_at: datetime,
    now: datetime,
    contact: Contact,
    history: History,
    opt_outs: OptOuts,
    sample: float,
    delay: timedelta,
) -> None:
    plan = replace(PLAN, sample=sample, delay=delay)
    signal = a_signal(at=occurred_at, correlation="o1")
    known = facts(signal, plan=plan, contact=contact, history=history, opt_outs=opt_outs)
    decision = decide(known, plan, now)
    if isinstance(decision, Later):
        assert decision.due_at > now
        return
    traces = explain(known, plan, decision, now)
    assert len(stopped(traces)) == (1 if isinstance(decision, Silent) else 0)
    if isinstance(decision, Silent):
        assert decision.reason in get_args(Silence)
    else:
        assert contact.email
        assert contact.consent != "refused"
        assert not history.pending
        assert opt_outs <= {"returned"}
        assert delay <= now - occurred_at <= plan.useful_for
