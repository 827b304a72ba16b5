"""Open, join, or leave alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.route.decide import (
    alerts,
    alerts_again,
    changed,
    deadlines,
    decide,
    escalation,
    known_case,
    raised,
    refreshed,
    shortened,
    warned,
)
from services.route.model import Attached, CaseNow, Facts, Heard, Notice, Opened, Unaffected
from shared.catalog import Channel, RecoveryTrigger, Targets, Touchpoint
from shared.contracts.cases import CasePolicy, CaseState
from shared.contracts.envelope import stable_id
from tests.unit.route.catalogs import AT, catalog, hook, response, team

NOW = AT + timedelta(seconds=3)
RULES = CasePolicy(fallback="care")


def _facts(**responses: str | None) -> Facts:
    return Facts(dict(responses), {})


def _opened(**changes: Any) -> Opened:
    outcome = decide(Heard(response(**changes), amended=False), _facts(), catalog(), NOW)
    assert isinstance(outcome, Opened)
    return outcome


def test_a_low_score_opens_a_case_for_its_owner() -> None:
    event = _opened(correlation="bill-7", attributes={"amount": 3}).event

    assert event.case_id == stable_id("case", "r1")
    assert (event.version, event.actor, event.previous, event.state) == (
        1,
        "route",
        None,
        "assigned",
    )
    assert (event.team, event.reason, event.catalog_version) == ("care", "no_rule_matched", "v1")
    assert (event.correlation, event.attributes) == ("bill-7", {"amount": 3})
    assert (event.score.response_id, event.score.score) == ("r1", 2)


def test_the_clocks_start_when_the_response_was_received() -> None:
    targets = Targets(
        acknowledge=timedelta(hours=1), contact=timedelta(hours=4), resolve=timedelta(days=3)
    )

    found = {each.clock: each.due_at - AT for each in deadlines(targets, AT, RULES)}

    assert found == {
        "acknowledge": timedelta(hours=1),
        "contact": timedelta(hours=4),
        "resolve": timedelta(days=3),
        "route": timedelta(minutes=5),
    }
    assert (
        _opened().event.deadlines[0].due_at
        == AT + catalog().team("care").target("normal").acknowledge
    )


def test_the_clocks_of_a_team_with_a_calendar_count_its_open_hours() -> None:
    office = {day: (("09:00", "17:00"),) for day in ("mon", "tue", "wed", "thu", "fri")}
    rules = RULES.model_copy(update={"time_zone": "Europe/Berlin", "hours": office})
    friday = datetime(2026, 3, 6, 15, 30, tzinfo=UTC)  # half past four in Berlin

    found = {each.clock: each for each in deadlines(Targets(), friday, rules)}

    assert found["acknowledge"].due_at == datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
    assert (found["acknowledge"].measure, found["route"].measure) == ("business", "wall")
    assert found["route"].due_at == friday + timedelta(minutes=5)


def test_a_low_answer_to_the_recovery_question_opens_no_case_of_its_own() -> None:
    asked = Touchpoint(
        touchpoint="put-right", on=RecoveryTrigger(case="resolved"), survey="nps", owner="care"
    )
    known = catalog().model_copy(update={"touchpoints": (asked,)})
    heard = Heard(response(touchpoint="put-right"), amended=False)

    assert decide(heard, _facts(), known, NOW) == Unaffected("recovery_answer")


def test_a_further_low_score_joins_the_open_case() -> None:
    first = _opened().event
    facts = Facts({}, {("c1", "first-bill"): known_case(first)})

    outcome = decide(Heard(response("r2", score=0), amended=False), facts, catalog(), NOW)

    assert isinstance(outcome, Attached)
    joined = outcome.event
    assert (joined.case_id, joined.score.response_id, joined.score.score) == (
        first.case_id,
        "r2",
        0,
    )
    assert (joined.previous, joined.state, joined.team) == ("assigned", "assigned", "care")
    assert joined.deadlines == first.deadlines


@pytest.mark.parametrize(
    "changes", [{"customer_id": "c2"}, {"touchpoint": "delivered"}], ids=["customer", "touchpoint"]
)
def test_another_customer_or_touchpoint_has_a_case_of_its_own(changes: dict[str, str]) -> None:
    facts = Facts({}, {("c1", "first-bill"): known_case(_opened().event)})

    outcome = decide(Heard(response("r2", **changes), amended=False), facts, catalog(), NOW)

    assert isinstance(outcome, Opened)


@pytest.mark.parametrize(
    ("heard", "known", "expected"),
    [
        pytest.param(Heard(response(band="mid"), False), {}, "not_low", id="a middling score"),
        pytest.param(Heard(response(score=None), False), {}, "not_low", id="no score at all"),
        pytest.param(
            Heard(response(), False), {"r1": "case"}, "already_routed", id="completed twice"
        ),
        pytest.param(
            Heard(response(), True), {"r1": "case"}, "already_routed", id="amended after opening"
        ),
        pytest.param(
            Heard(response(), True), {}, "not_completed", id="amended before it is complete"
        ),
        pytest.param(
            Heard(response(), False), {"r1": None}, "already_routed", id="replayed after a mid one"
        ),
    ],
)
def test_nothing_opens_twice_or_too_early(
    heard: Heard, known: dict[str, str | None], expected: str
) -> None:
    assert decide(heard, _facts(**known), catalog(), NOW) == Unaffected(expected)  # type: ignore[arg-type]


def test_a_correction_to_a_low_score_opens_a_case_whose_clocks_start_then() -> None:
    corrected = AT + timedelta(hours=20)
    said = Heard(response(at=corrected), amended=True)

    outcome = decide(said, _facts(r1=None), catalog(), NOW)

    assert isinstance(outcome, Opened)
    assert min(each.due_at for each in outcome.event.deadlines) > corrected


def test_each_channel_of_the_team_gets_one_alert_with_an_id_that_stays() -> None:
    known = catalog(
        None, team("care", hook("hook", "https://a.test/x"), hook("log", "https://b.test"))
    )
    event = _opened().event

    first, second = alerts(event, known, "https://console.test")

    assert first.alert_id == stable_id("alert", event.case_id, "hook")
    assert {first.endpoint, second.endpoint} == {"care/hook", "care/log"}
    assert first.notice["console_url"] == f"https://console.test/cases/{event.case_id}"
    assert first.notice["score"] == {"metric": "nps", "score": 2, "scale": "0-10"}


def test_an_alert_does_not_say_who_the_customer_is() -> None:
    event = _opened(customer_id="person-77").event

    assert "person-77" not in str(alerts(event, catalog(), "https://console.test")[0].notice)


@pytest.mark.parametrize("state", get_args(CaseState))
def test_only_a_case_that_was_done_alerts_again_when_a_low_score_joins(state: CaseState) -> None:
    known = replace(known_case(_opened().event), state=state)
    facts = Facts({}, {("c1", "first-bill"): known})

    outcome = decide(Heard(response("r2"), amended=False), facts, catalog(), NOW)

    assert isinstance(outcome, Attached)
    assert outcome.again is (state == "resolved")


AGAIN = {"team": "care", "priorities": [{"when": "response.low_scores >= 2", "priority": "high"}]}
URGENT = Targets(acknowledge=timedelta(minutes=15), contact=timedelta(hours=2))


def _joined(**changes: Any) -> Attached:
    care = team("care").model_copy(update={"targets": {"high": URGENT}})
    known = replace(known_case(_opened().event), **changes)
    facts = Facts({}, {("c1", "first-bill"): known}, {"c1": 1})
    later = AT + timedelta(minutes=20)
    heard = Heard(response("r2", received_at=later, at=later))
    outcome = decide(heard, facts, catalog(AGAIN, care, team("billing")), later)
    assert isinstance(outcome, Attached)
    return outcome


def test_a_second_low_score_makes_the_open_case_more_urgent_with_clocks_of_its_own() -> None:
    event = _joined().event

    assert (event.raised_from, event.priority, event.team) == ("normal", "high", "care")
    assert {each.clock: each.due_at - AT for each in event.deadlines} == {
        "acknowledge": timedelta(minutes=35),
        "contact": timedelta(hours=2, minutes=20),
        "resolve": timedelta(days=5, minutes=20),
        "route": timedelta(minutes=25),
    }
    assert event.routing_path[-1] == "raised: priority 1: response.low_scores >= 2"


@pytest.mark.parametrize("priority", ["high", "normal", "low"])
def test_a_further_low_score_never_makes_a_case_less_urgent(priority: str) -> None:
    event = _joined(priority=priority).event

    assert event.priority == "high"
    assert event.raised_from == (None if priority == "high" else priority)


def test_a_raised_case_is_told_with_the_earlier_of_its_deadlines() -> None:
    event, known = _joined().event, _opened().event.deadlines

    (alert,) = raised(event, known, catalog(), "https://console.test")

    notice = Notice.model_validate(alert.notice)
    assert (notice.type, notice.priority, alert.owed) == ("case.raised", "high", True)
    assert {each.clock: each.due_at - AT for each in notice.deadlines} == {
        "acknowledge": timedelta(minutes=35),
        "contact": timedelta(hours=2, minutes=20),
        "resolve": timedelta(days=5),
        "route": timedelta(minutes=5),
    }
    assert alert.alert_id not in [each.alert_id for each in alerts(_opened().event, catalog(), "")]


def test_what_changes_a_message_later_does_not_say_again_that_the_case_was_raised() -> None:
    (told,) = raised(_joined().event, (), catalog(), "https://console.test")
    now = CaseNow("case", 9, "acknowledged", "ines", "taken", ())

    for later in (changed(told, now), refreshed(told, now)):
        notice = Notice.model_validate(later.notice)
        assert (notice.raised_from, notice.priority, notice.version) == (None, "high", 9)
    assert refreshed(told, now).alert_id == refreshed(told, now).alert_id != told.alert_id


def test_alerts_of_a_case_that_comes_back_have_ids_of_their_own_and_new_clocks() -> None:
    later = NOW + timedelta(days=9)
    first = _opened().event
    facts = Facts({}, {("c1", "first-bill"): replace(known_case(first), state="resolved")})
    outcome = decide(Heard(response("r2"), amended=False), facts, catalog(), later)
    assert isinstance(outcome, Attached)

    (alert,) = alerts_again(outcome.event, catalog(), "https://console.test", later)

    assert alert.alert_id == stable_id("alert", first.case_id, "care-mail", "r2")
    notice = Notice.model_validate(alert.notice)
    assert notice.type == "case.reopened"
    spans = [each.target_seconds for each in first.deadlines if each.clock != "route"]
    assert [each.due_at for each in notice.deadlines if each.clock != "route"] == [
        later + timedelta(seconds=span) for span in spans
    ]


def test_a_case_whose_team_is_gone_alerts_the_fallback_team_when_it_comes_back() -> None:
    event = _opened().event.model_copy(update={"team": "gone"})

    (alert,) = alerts_again(event, catalog(), "https://console.test", NOW)

    assert (alert.team, alert.channel, alert.notice["team"]) == ("care", "care-mail", "gone")


MAIL = Channel(channel="mail", kind="email", address="care@example.test")


def test_people_are_reminded_once_of_a_case_that_nobody_has_taken_in_most_of_its_time() -> None:
    known = catalog(None, team("care", hook("a", "https://a.test"), MAIL))
    event = _opened().event.model_copy(update={"version": 3, "reason": "acknowledge_at_80"})

    (alert,) = warned(event, known, "https://console.test")

    assert (alert.endpoint, alert.owed, alert.notice["type"]) == ("care/mail", False, "case.warned")
    assert alert.alert_id == warned(event, known, "https://console.test")[0].alert_id
    assert alert.alert_id not in [each.alert_id for each in alerts(event, known, "")]


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": "acknowledge_at_50"},
        {"reason": "contact_at_80", "state": "acknowledged"},
        {"reason": "acknowledge_at_80", "state": "acknowledged"},
    ],
)
def test_other_warnings_disturb_nobody(changes: dict[str, str]) -> None:
    event = _opened().event.model_copy(update=changes)
    assert warned(event, catalog(), "https://console.test") == []


def test_an_escalation_goes_to_the_channels_of_the_fallback_team_that_were_not_tried() -> None:
    known = catalog(None, team("care", hook("a", "https://a.test"), hook("b", "https://b.test")))
    (given,) = alerts(_opened().event, catalog(), "https://console.test")
    lost = replace(given, team="billing", attempt=8, fence=9)

    (alert,) = escalation(lost, frozenset({"billing/hook", "care/a"}), known)

    assert (alert.endpoint, alert.kind, alert.attempt, alert.fence) == ("care/b", "webhook", 0, 0)
    assert alert.notice == lost.notice
    assert alert.alert_id != lost.alert_id
    assert escalation(lost, frozenset({"care/a", "care/b"}), known) == []


@given(st.text(), st.integers(min_value=2, max_value=50))
def test_a_shortened_text_fits_and_keeps_its_beginning(text: str, longest: int) -> None:
    short = shortened(text, longest)

    assert short is not None
    assert len(short) <= longest
    assert short == text if len(text) <= longest else text.startswith(short[:-1])
