"""What managers read of their team, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest

from services.route.channels.mail import compose
from services.route.decide.summary import Kept, figures, slot, summary, summary_id
from services.route.model import Letter, Notice
from shared.catalog import Channel
from shared.catalog.owners import RootCause
from shared.contracts.cases import Clock, Deadline
from tests.unit.route.catalogs import hook, team

DUE = datetime(2026, 3, 3, 8, tzinfo=UTC)
SINCE = DUE - timedelta(days=1)


def _deadline(clock: Clock, hours: float, met: float | None = None) -> Deadline:
    opened = SINCE + timedelta(hours=1)
    return Deadline(
        clock=clock,
        due_at=opened + timedelta(hours=hours),
        target_seconds=int(hours * 3600),
        met_at=None if met is None else opened + timedelta(hours=met),
    )


def _case(*deadlines: Deadline, cause: str | None = None, open: bool = True) -> Kept:
    state = "assigned" if open else "closed"
    return Kept(state, open, SINCE + timedelta(hours=1), deadlines, cause, deadlines)


def test_the_figures_are_those_of_the_span_with_how_many_they_rest_on() -> None:
    cases = [
        _case(_deadline("acknowledge", 1, 0.5), _deadline("contact", 4, 2), cause="late"),
        _case(_deadline("acknowledge", 1, 3), _deadline("contact", 4, 6), open=False, cause="late"),
        _case(_deadline("acknowledge", 1), _deadline("contact", 400)),
        Kept("assigned", True, SINCE - timedelta(days=9), (), None, ()),
    ]

    assert dict(figures(cases, SINCE, DUE, team("care"))) == {
        "opened": "3",
        "open": "3",
        "overdue": "1",
        "acknowledge_in_time": "1 / 3, too few to tell",
        "contact_in_time": "1 / 2, too few to tell",
        "contact_median": "n = 2, too few to tell",
        "root_causes": "late 2",
        "oldest": "10.0 d",
    }


def test_a_case_that_came_back_counts_by_its_first_cycle_and_is_overdue_by_its_last() -> None:
    opened = SINCE + timedelta(hours=1)
    started = {"started_at": opened + timedelta(hours=1)}
    first = (_deadline("contact", 4, 2).model_copy(update=started),)
    again = (_deadline("contact", 8, 20).model_copy(update={"cycle": 2}), _deadline("resolve", 9))
    cases = [Kept("assigned", True, opened, again, None, first)] * 30

    found = dict(figures(cases, SINCE, DUE, team("care")))

    assert found["contact_in_time"] == "100% (89% – 100%, n = 30)"
    assert found["contact_median"] == "1.0 h (1.0 h – 1.0 h, n = 30)"
    assert found["overdue"] == "30"


def _contact(*cases: Kept) -> tuple[str | None, str | None]:
    found = dict(figures(cases, SINCE, DUE, team("care")))
    return found.get("contact_in_time"), found.get("contact_median")


def test_few_cases_are_counted_and_prove_nothing() -> None:
    met = _case(_deadline("contact", 4, 2))
    assert _contact() == (None, None)
    assert _contact(*[met] * 29) == ("29 / 29, too few to tell", "n = 29, too few to tell")


def test_who_was_never_contacted_counts_as_longest() -> None:
    met, late = _case(_deadline("contact", 4, 2)), _case(_deadline("contact", 4, 9))
    never = _case(_deadline("contact", 4))
    share, median = _contact(*[met] * 20, *[late] * 10, *[never] * 10)
    assert (share, median) == ("50% (35% – 65%, n = 40)", "5.5 h (2.0 h – 9.0 h, n = 40)")
    assert _contact(*[met] * 25, *[never] * 15)[1] == "2.0 h (2.0 h – ∞, n = 40)"
    assert _contact(*[met] * 10, *[never] * 30)[1] == "most were not reached (n = 40)"


@pytest.mark.parametrize(
    ("change", "open", "counted"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"breached": True}, False, True),
        ({"paused_at": DUE}, True, False),
    ],
)
def test_a_clock_counts_once_it_was_stopped_or_has_run_out(
    change: dict[str, object], open: bool, counted: bool
) -> None:
    deadline = _deadline("contact", 4).model_copy(update=change)
    share, _ = _contact(_case(deadline, open=open))
    assert share == ("0 / 1, too few to tell" if counted else None)


def test_a_team_reads_root_causes_and_spans_in_its_own_words() -> None:
    late = RootCause(cause="late", name={"en": "Delivered late", "zh": "配送延误"})
    theirs = team("care").model_copy(update={"language": "zh", "root_causes": (late,)})
    cases = [
        *[_case(_deadline("contact", 4, 2), cause="late")] * 30,
        Kept("assigned", True, SINCE - timedelta(days=9), (), "unnamed", ()),
    ]
    found = dict(figures(cases, SINCE, DUE, theirs))
    few = dict(figures(cases[-2:], SINCE, DUE, theirs))
    assert found["root_causes"] == "配送延误 30, unnamed 1"
    median = "2.0 小时 (2.0 小时 – 2.0 小时, n = 30)"
    assert (found["contact_median"], found["oldest"]) == (median, "10.0 天")
    assert few["contact_in_time"] == "1 / 1，样本太少"


def test_a_team_without_cases_has_only_counts() -> None:
    assert figures([], SINCE, DUE, team("care")) == [
        ("opened", "0"),
        ("open", "0"),
        ("overdue", "0"),
    ]


@pytest.mark.parametrize(
    ("every", "since"),
    [("daily", "2026-03-02 09:00 (Europe/Berlin)"), ("weekly", "2026-02-24 09:00 (Europe/Berlin)")],
)
def test_a_summary_says_whose_it_is_and_since_when_it_counts(
    every: Literal["daily", "weekly"], since: str
) -> None:
    lead = Channel(channel="lead", kind="email", address="lead@a.test", summary=every, alerts=False)
    care = team("care", hook("hook", "https://a.test"), lead, zone="Europe/Berlin")

    told = summary(care, lead, DUE, [], "https://console.test", DUE)

    notice = Notice.model_validate(told.notice)
    mail = compose(Letter(told, notice, care, lead), DUE, "tb@a.test", "a.test")
    text = mail.get_body(("plain",))
    assert text is not None
    assert mail["Subject"] == "Care: summary"
    assert f"Figures of Care.\n\nSince: {since}\nOpened: 0\n" in text.get_content()
    assert told.alert_id == summary_id(lead, DUE)


@pytest.mark.parametrize(
    ("every", "now", "expected"),
    [
        ("daily", "2026-03-03T07:01", "2026-03-03T08:00+01:00"),
        ("daily", "2026-03-03T06:59", None),
        ("daily", "2026-03-03T18:59", "2026-03-03T08:00+01:00"),
        ("daily", "2026-03-03T19:00", None),
        ("weekly", "2026-03-02T07:01", "2026-03-02T08:00+01:00"),
        ("weekly", "2026-03-03T07:01", None),
        ("daily", "2026-03-29T06:01", "2026-03-29T08:00+02:00"),
    ],
)
def test_it_is_due_in_the_teams_morning(every: str, now: str, expected: str | None) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)

    found = slot(every, "Europe/Berlin", moment)  # type: ignore[arg-type]

    assert found == (None if expected is None else datetime.fromisoformat(expected))
