"""When each alert goes out: failing over, storms, silences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from services.route import policy
from services.route.model import Delivery, Known, Notice, NoticeItem, Occasion, Owed, Silence
from shared.contracts.envelope import stable_id

Place = tuple[str, str]
"""(endpoint, touchpoint)."""


@dataclass(slots=True)
class _Storm:
    """What a batch adds to what is known of the last minutes."""

    known: Known
    now: datetime
    lately: Counter[Place]
    digests: dict[Place, str]
    begun: list[Owed] = field(default_factory=list)


def plan(alerts: Sequence[Delivery], known: Known, now: datetime) -> list[Owed]:
    """Say when each alert is due. Systems get everything at once.

    Of people's channels the first gets it, the next ones two minutes after one another unless it
    was accepted by then. Too many about one touchpoint become one digest; a silence holds back all.
    """
    storm = _Storm(known, now, Counter(known.lately), dict(known.digests))
    gathered = _gathered(alerts, storm)
    waits = _waits(alerts, known)
    owed = []
    for alert in alerts:
        silence = _silence(alert, known.silences, now)
        if silence is not None:
            owed.append(Owed(alert, silence.ends_at, "silenced", silence_id=silence.silence_id))
        elif (alert.team, alert.occasion) in gathered and policy.takes_turns(alert):
            owed.append(_gather(alert, storm, waits[alert.alert_id]))
        else:
            owed.append(Owed(alert, now + waits[alert.alert_id]))
    return [*owed, *storm.begun]


def _waits(alerts: Sequence[Delivery], known: Known) -> dict[str, timedelta]:
    """Return how long each alert waits: nobody waits for a channel that is known to be broken."""
    waits: dict[str, timedelta] = {}
    next_wait: dict[tuple[str, Occasion], timedelta] = {}
    for alert in sorted(alerts, key=lambda each: each.rank):
        if not policy.takes_turns(alert):
            waits[alert.alert_id] = timedelta(0)
            continue
        key = (alert.team, alert.occasion)
        waits[alert.alert_id] = next_wait.get(key, timedelta(0))
        works = known.health.get(alert.endpoint, "working") == "working"
        step = policy.FAIL_OVER if works else timedelta(0)
        next_wait[key] = waits[alert.alert_id] + step
    return waits


def _gathered(alerts: Sequence[Delivery], storm: _Storm) -> set[tuple[str, Occasion]]:
    """Count the alerts that people would read, and find those that are too many."""
    found = set()
    for alert in alerts:
        if alert.rank or not policy.takes_turns(alert):
            continue
        if alert.notice["type"] not in policy.GATHERED:
            continue
        place = (alert.endpoint, alert.touchpoint)
        storm.lately[place] += 1
        if storm.lately[place] > policy.STORM:
            found.add((alert.team, alert.occasion))
    return found


def _gather(alert: Delivery, storm: _Storm, wait: timedelta) -> Owed:
    place = (alert.endpoint, alert.touchpoint)
    if place not in storm.digests:
        _begin(alert, place, storm, wait)
    digest_id = storm.digests[place]
    return Owed(alert, storm.now, "gathered", digest_id=digest_id)


def _begin(alert: Delivery, place: Place, storm: _Storm, wait: timedelta) -> None:
    digest_id = stable_id("digest", *place, storm.now.isoformat())
    storm.digests[place] = digest_id
    last = storm.known.digested_at.get(place)
    due = storm.now + policy.GATHER
    if last is not None:
        due = max(due, last + policy.STORM_SPAN)
    first = Notice.model_validate(alert.notice)
    # Nothing of what the first one says of its customer: it is one of many.
    notice = Notice(
        type="alerts.digest",
        team=first.team,
        priority=first.priority,
        touchpoint=first.touchpoint,
        received_at=first.received_at,
        console_url=first.console_url,
    )
    digest = replace(
        alert,
        alert_id=digest_id,
        case_id="",
        response_id="",
        customer_id="",
        notice=notice.model_dump(mode="json"),
        traceparent=None,
        owed=False,
        round=digest_id,
    )
    storm.begun.append(Owed(digest, due + wait))


def _silence(alert: Delivery, silences: Sequence[Silence], now: datetime) -> Silence | None:
    """Return the silence that ends last of those that match."""
    if alert.notice["type"] in policy.NEVER_SILENT:
        return None
    matching = [each for each in silences if each.starts_at <= now < each.ends_at]
    wanted = {"team": alert.team, "touchpoint": alert.touchpoint, "channel": alert.channel}
    matching = [
        each
        for each in matching
        if all(getattr(each, name) in (None, value) for name, value in wanted.items())
    ]
    return max(matching, key=lambda each: each.ends_at, default=None)


def digest(frame: Delivery, members: Sequence[Delivery], console: str) -> Delivery:
    """Return the digest with what it holds by now, the most urgent first."""
    notices = [Notice.model_validate(each.notice) for each in members]
    notices.sort(key=lambda each: (policy.URGENCY.get(each.priority, 1), each.received_at))
    whole = Notice.model_validate(frame.notice).model_copy(
        update={
            "items": tuple(_item(each) for each in notices[: policy.ITEMS]),
            "total": len(notices),
            "priority": notices[0].priority,
            "console_url": f"{console}/",
        }
    )
    return replace(frame, notice=whole.model_dump(mode="json"))


def _item(notice: Notice) -> NoticeItem:
    due = {each.clock: each.due_at for each in notice.deadlines}
    said = notice.comment or notice.subject
    return NoticeItem(
        case_id=notice.case_id,
        priority=notice.priority,
        score=notice.score,
        comment=said and said[: policy.COMMENT_IN_DIGEST],
        contact_by=due.get("contact"),
        console_url=notice.console_url,
    )
