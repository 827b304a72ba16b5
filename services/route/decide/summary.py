"""What a manager reads of a team, every day or every week."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from math import isfinite
from typing import Literal
from zoneinfo import ZoneInfo

from services.route.decide.tidings import trial
from services.route.model import Delivery, Notice, NoticeFigure
from shared import intervals
from shared.catalog import Channel, Team
from shared.catalog.fields import in_language
from shared.contracts.cases import CaseState, Clock, Deadline
from shared.contracts.envelope import stable_id

SPANS = {"daily": timedelta(days=1), "weekly": timedelta(days=7)}
AT = time(8)
_UNITS: Mapping[str, tuple[str, str]] = {"en": ("h", "d"), "zh": ("小时", "天")}
_FEW: Mapping[str, str] = {"en": "{found}, too few to tell", "zh": "{found}，样本太少"}
_MOST_WAIT: Mapping[str, str] = {
    "en": "most were not reached (n = {n})",
    "zh": "多数尚未联系到（n = {n}）",
}
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
    """Return the figures by name; where n is small they say so, and prove nothing."""
    recent = [case for case in cases if since <= case.opened_at < due]
    waiting = [case for case in cases if _is_waiting(case)]
    overdue = [case for case in waiting if any(_overdue(each, due) for each in case.deadlines)]
    found = [
        ("opened", str(len(recent))),
        ("open", str(len(waiting))),
        ("overdue", str(len(overdue))),
        ("acknowledge_in_time", _share(_decided(recent, "acknowledge", due), team)),
        ("contact_in_time", _share(_decided(recent, "contact", due), team)),
        ("contact_median", _median(_decided(recent, "contact", due), team)),
        ("root_causes", _causes(cases, team)),
        ("oldest", _age(min((case.opened_at for case in waiting), default=None), due, team)),
    ]
    return [(name, text) for name, text in found if text]


def _overdue(deadline: Deadline, due: datetime) -> bool:
    return deadline.met_at is None and deadline.due_at < due


def _is_waiting(case: Kept) -> bool:
    return case.open and case.state != "resolved"


def _decided(cases: Sequence[Kept], clock: Clock, due: datetime) -> Sequence[tuple[Kept, Deadline]]:
    """Return the first clocks that were stopped, or have run out."""
    return [
        (case, each)
        for case in cases
        for each in case.first
        if each.clock == clock
        and (
            each.met_at is not None
            or each.breached
            or (_is_waiting(case) and each.paused_at is None and _overdue(each, due))
        )
    ]


def _share(decided: Sequence[tuple[Kept, Deadline]], team: Team) -> str:
    """Of those that are decided, those that were met in time."""
    met = sum(each.met_at is not None and each.met_at <= each.due_at for _, each in decided)
    found = intervals.share(met, len(decided))
    if found.value is None or found.too_few:
        return _few(f"{met} / {found.n}", team) if decided else ""
    return f"{found.value:.0%} ({found.low:.0%} – {found.high:.0%}, n = {found.n})"


def _median(decided: Sequence[tuple[Kept, Deadline]], team: Team) -> str:
    """What was not stopped counts as longer than any, or the worst would look like the best."""
    taken = [
        (each.met_at - (each.started_at or case.opened_at)).total_seconds()
        for case, each in decided
        if each.met_at is not None
    ]
    found = intervals.median(taken, len(decided) - len(taken))
    if found.value is None or found.too_few:
        return _few(f"n = {found.n}", team) if decided else ""
    if not isfinite(found.value):
        return _MOST_WAIT[team.language].format(n=found.n)
    value, low, high = (_seconds(each, team) for each in (found.value, found.low, found.high))
    return f"{value} ({low} – {high}, n = {found.n})"


def _few(found: str, team: Team) -> str:
    return _FEW[team.language].format(found=found)


def _seconds(seconds: float, team: Team) -> str:
    return _span(timedelta(seconds=seconds), team) if isfinite(seconds) else "∞"


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
