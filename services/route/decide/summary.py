"""What a manager reads of a team, every day or every week."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.route.decide.tidings import trial
from services.route.model import Delivery, Notice, NoticeFigure
from shared.catalog import Channel, Team
from shared.catalog.fields import in_language
from shared.contracts.cases import CaseState, Clock, Deadline
from shared.contracts.envelope import stable_id

SPANS = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}
AT = time(8)
_UNITS: Mapping[str, tuple[str, str]] = {"en": ("h", "d"), "zh": ("小时", "天")}
LATE = timedelta(hours=12)
"""A summary that could not be told for so long is left out: the next one is near."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a case for the figures of its team.

    `first` are the clocks of its first cycle: a case that comes back has decided those once.
    """

    state: CaseState
    open: bool
    opened_at: datetime
    deadlines: tuple[Deadline, ...]
    root_cause: str | None
    first: tuple[Deadline, ...]


def slot(every: Literal["daily", "weekly"], zone: str, now: datetime) -> datetime | None:
    """Return when the newest summary was due, on the team's clock; None when that is too long ago.

    Weekly ones are due on Mondays.
    """
    there = now.astimezone(ZoneInfo(zone))
    days = there.weekday() if every == "weekly" else 0
    due = datetime.combine(there.date() - timedelta(days=days), AT, there.tzinfo)
    if due > there:
        due -= SPANS[every]
    return due if there - due < LATE else None


def summary_id(channel: Channel, due: datetime) -> str:
    """Return the id of the summary of that moment: there is one, however many routers run."""
    return stable_id("summary", channel.channel, due.isoformat())


def summary(
    team: Team, channel: Channel, due: datetime, cases: Sequence[Kept], console: str, now: datetime
) -> Delivery:
    """Return the summary of the time before `due`, addressed."""
    since = due - SPANS[channel.summary or "daily"]
    framed = trial(team, channel, console, now, "")
    notice = Notice(
        type="team.summary",
        team=team.team,
        received_at=due,
        console_url=f"{console}/",
        figures=tuple(
            NoticeFigure(name=n, text=t)
            for n, t in [_span_of(since, team), *figures(cases, since, due, team)]
        ),
    )
    alert_id = summary_id(channel, due)
    return Delivery(
        alert_id=alert_id,
        case_id="",
        response_id=alert_id,
        customer_id="",
        touchpoint="",
        team=framed.team,
        priority=framed.priority,
        channel=framed.channel,
        kind=framed.kind,
        notice=notice.model_dump(mode="json"),
        received_at=due,
        round=notice.type,
        owed=False,
    )


def _span_of(since: datetime, team: Team) -> tuple[str, str]:
    there = since.astimezone(ZoneInfo(team.time_zone))
    return "since", f"{there:%Y-%m-%d %H:%M} ({team.time_zone})"


def figures(
    cases: Sequence[Kept], since: datetime, due: datetime, team: Team
) -> list[tuple[str, str]]:
    """Return the figures by name; shares say of how many, since few cases prove little."""
    recent = [case for case in cases if since <= case.opened_at < due]
    waiting = [case for case in cases if case.open and case.state != "resolved"]
    overdue = [case for case in waiting if any(_overdue(each, due) for each in case.deadlines)]
    found = [
        ("opened", str(len(recent))),
        ("open", str(len(waiting))),
        ("overdue", str(len(overdue))),
        ("acknowledge_in_time", _share(recent, "acknowledge", due)),
        ("contact_in_time", _share(recent, "contact", due)),
        ("contact_median", _median(recent, team)),
        ("root_causes", _causes(cases, team)),
        ("oldest", _age(min((case.opened_at for case in waiting), default=None), due, team)),
    ]
    return [(name, text) for name, text in found if text]


def _overdue(deadline: Deadline, due: datetime) -> bool:
    return deadline.met_at is None and deadline.due_at < due


def _share(cases: Sequence[Kept], clock: Clock, due: datetime) -> str:
    """Of those whose deadline is decided: met in time, met late, or past."""
    each = [d for case in cases for d in case.first if d.clock == clock]
    decided = [d for d in each if d.met_at is not None or d.due_at < due]
    met = sum(d.met_at is not None and d.met_at <= d.due_at for d in decided)
    return f"{met} / {len(decided)}" if decided else ""


def _median(cases: Sequence[Kept], team: Team) -> str:
    taken = [
        (d.met_at - (d.started_at or case.opened_at)).total_seconds()
        for case in cases
        for d in case.first
        if d.clock == "contact" and d.met_at is not None
    ]
    return _span(timedelta(seconds=statistics.median(taken)), team) if taken else ""


def _causes(cases: Sequence[Kept], team: Team) -> str:
    """The most frequent ones, as the team calls them."""
    names = {each.cause: in_language(each.name, team.language) for each in team.root_causes}
    causes = Counter(case.root_cause for case in cases if case.root_cause)
    return ", ".join(f"{names.get(each, each)} {n}" for each, n in causes.most_common(3))


def _age(opened_at: datetime | None, due: datetime, team: Team) -> str:
    return "" if opened_at is None else _span(due - opened_at, team)


def _span(span: timedelta, team: Team) -> str:
    hours, (hour, day) = span.total_seconds() / 3600, _UNITS[team.language]
    return f"{hours / 24:.1f} {day}" if hours >= 48 else f"{hours:.1f} {hour}"
