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
        "acknowledge_in_time": "1 / 3",
        "contact_in_time": "1 / 2",
        "contact_median": "4.0 h",
        "root_causes": "late 2",
        "oldest": "10.0 d",
    }


def test_a_case_that_came_back_counts_by_its_first_cycle_and_is_overdue_by_its_last() -> None:
    opened = SINCE + timedelta(hours=1)
    started = {"started_at": opened + timedelta(hours=1)}
    first = (_deadline("contact", 4, 2).model_copy(update=started),)
    again = (_deadline("contact", 8, 20).model_copy(update={"cycle": 2}), _deadline("resolve", 9))
    cases = [Kept("assigned", True, opened, again, None, first)]

    found = dict(figures(cases, SINCE, DUE, team("care")))

    assert (found["contact_in_time"], found["contact_median"]) == ("1 / 1", "1.0 h")
    assert found["overdue"] == "1"


def test_a_team_reads_root_causes_and_spans_in_its_own_words() -> None:
    late = RootCause(cause="late", name={"en": "Delivered late", "zh": "配送延误"})
    theirs = team("care").model_copy(update={"language": "zh", "root_causes": (late,)})
    cases = [
        _case(_deadline("contact", 4, 2), cause="late"),
        Kept("assigned", True, SINCE - timedelta(days=9), (), "unnamed", ()),
    ]
    found = dict(figures(cases, SINCE, DUE, theirs))
    assert found["root_causes"] == "配送延误 1, unnamed 1"
    assert (found["contact_median"], found["oldest"]) == ("2.0 小时", "10.0 天")


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
