"""What an alert looks like to people, whatever the channel: plain text that each one escapes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from services.route import policy
from services.route.channels.words import Language, say
from services.route.model import Letter, Notice, NoticeItem, NoticeScore
from shared.contracts import actions

_UNREACHED = {
    "case.opened": "unreached",
    "case.reopened": "unreached",
    "score.low": "unreached.score",
}
"""What is said to a team that hears of it because its owner could not be told."""


@dataclass(frozen=True, slots=True)
class Action:
    """A button; `value` says what it is about. `close` knows both."""

    action_id: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Line:
    """One alert of a digest."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Card:
    """`title` names nobody: it may stand in a subject or on a lock screen."""

    title: str
    subject: str
    lead: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    quote: str | None
    quote_language: str | None
    lines: tuple[Line, ...]
    more: str | None
    link: tuple[str, str]
    actions: tuple[Action, ...]
    urgent: bool
    done: bool


def card(letter: Letter, now: datetime) -> Card:
    """Write a letter down for people, on the team's clock and in its language."""
    notice, team = letter.notice, letter.team
    language: Language = team.language
    due = {d.clock: local_time(d.due_at, now, team.time_zone, language) for d in notice.deadlines}
    title = _title(letter, language)
    lines = tuple(_line(each, letter, now) for each in notice.items)
    left = (notice.total or 0) - len(lines)
    return Card(
        title=title,
        subject=_subject(title, notice, due, language),
        lead=_lead(letter, language),
        facts=_facts(notice, due, team.time_zone, language),
        quote=notice.comment,
        quote_language=notice.language,
        lines=lines,
        more=say(language, "and more", more=left) if left > 0 else None,
        link=(_link_label(notice, language), notice.console_url),
        actions=_actions(notice, language),
        urgent=notice.priority == "high",
        done=notice.state in policy.ENDED,
    )


def local_time(moment: datetime, now: datetime, zone: str, language: Language = "en") -> str:
    """Return the time on the team's own clock, with the day unless it is today."""
    there, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    if there.date() == today.date():
        return f"{there:%H:%M}"
    day = f"{there.month}月{there.day}日" if language == "zh" else f"{there.day} {there:%b}"
    return f"{day} {there:%H:%M}"


def words_of(name: str) -> str:
    """Return a name of the catalog as people write it."""
    return name.replace("-", " ").capitalize()


def score_of(score: NoticeScore, language: Language) -> str:
    """Return a score as people say it."""
    name = say(language, "experience") if score.metric == "experience" else score.metric.upper()
    return f"{name} {score.score}"


def _title(letter: Letter, language: Language) -> str:
    notice = letter.notice
    touchpoint = words_of(notice.touchpoint or "")
    match notice.type:
        case "signal.noticed":
            plain = say(language, "title.signal", touchpoint=touchpoint, signal=notice.reason)
            return notice.subject or plain
        case "feedback.received":
            return say(language, "title.feedback")
        case "alerts.digest":
            return say(language, "title.digest", total=notice.total, touchpoint=touchpoint)
        case "channel.failing":
            return say(language, "title.failing", channel=notice.figures[0].text)
        case "channel.test":
            return say(language, "title.test", channel=letter.channel.channel)
        case "team.summary":
            return say(language, "title.summary", team=letter.team.name)
    return " · ".join([*([score_of(notice.score, language)] if notice.score else []), touchpoint])


def _subject(title: str, notice: Notice, due: dict[str, str], language: Language) -> str:
    parts = [title]
    if "contact" in due:
        parts.append(say(language, "contact by", time=due["contact"]))
    if notice.case_id is not None:
        parts.append(say(language, "case", case=notice.case_id[:6]))
    return " · ".join(parts)


def _lead(letter: Letter, language: Language) -> tuple[str, ...]:
    notice, team = letter.notice, letter.team
    disagreed = notice.type == "case.escalated" and notice.reason == "customer_disagrees"
    first = say(
        language,
        "case.disagreed" if disagreed else notice.type,
        team=team.name,
        owner=_owner(letter),
        priority=say(language, notice.priority),
        state=say(language, notice.state or "new"),
    )
    stray = notice.type in _UNREACHED and notice.team != team.team
    if not stray:
        return (notice.text, first) if notice.text else (first,)
    return (first, say(language, _UNREACHED[notice.type], owner=_owner(letter)))


def _owner(letter: Letter) -> str:
    team = letter.team
    return team.name if letter.notice.team == team.team else words_of(letter.notice.team)


def _facts(
    notice: Notice, due: dict[str, str], zone: str, language: Language
) -> tuple[tuple[str, str], ...]:
    failure = notice.reason if notice.type == "channel.failing" else None
    state = notice.state if notice.case_id and notice.state != "assigned" else None
    to_take = notice.state in (None, "new", "assigned") and "acknowledge" in due
    found = [
        ("Take by", f"{due['acknowledge']} ({zone})" if to_take else None),
        ("Contact by", f"{due['contact']} ({zone})" if "contact" in due else None),
        ("Resolve by", f"{due['resolve']} ({zone})" if "resolve" in due else None),
        ("State", say(language, state) if state else None),
        ("Taken by", notice.assignee),
        ("Wants contact", say(language, "yes") if notice.contact_wanted else None),
        ("Chosen", ", ".join(notice.reasons)),
        ("Effort", f"{notice.effort} / 5" if notice.effort else None),
        ("Language", notice.language and _named(notice.language, language)),
        ("Reference", notice.correlation or notice.about),
        ("Stage", notice.stage and say(language, notice.stage)),
        ("Product", notice.product),
        ("Agent", notice.agent),
        ("Because", notice.because),
        ("Reason", failure and say(language, f"failure.{failure}")),
        *((figure.name, figure.text) for figure in notice.figures),
    ]
    return tuple((say(language, name), text) for name, text in found if text)


def _named(code: str, language: Language) -> str:
    """Return the name of a language; the code itself where nobody knows it."""
    try:
        return Locale.parse(code, sep="-").get_display_name(language) or code
    except (UnknownLocaleError, ValueError):
        return code


def _line(item: NoticeItem, letter: Letter, now: datetime) -> Line:
    language, zone = letter.team.language, letter.team.time_zone
    due = item.contact_by and local_time(item.contact_by, now, zone, language)
    parts = [
        score_of(item.score, language) if item.score else None,
        say(language, item.priority),
        say(language, "contact by", time=due) if due else None,
        item.case_id and say(language, "case", case=item.case_id[:6]),
        item.comment and f"“{item.comment}”",
    ]
    return Line(" · ".join(part for part in parts if part), item.console_url)


def _link_label(notice: Notice, language: Language) -> str:
    return say(language, "Open the case" if notice.case_id else "Open the console")


def _actions(notice: Notice, language: Language) -> tuple[Action, ...]:
    if notice.case_id is None or notice.state in policy.ENDED:
        return ()
    value = actions.value(notice.case_id, notice.version)
    if notice.state in (None, "new", "assigned"):
        return (Action(f"{actions.SLACK_PREFIX}acknowledge", say(language, "Take it"), value),)
    if notice.state == "acknowledged":
        return (Action(f"{actions.SLACK_PREFIX}contacted", say(language, "Contacted"), value),)
    return ()
