"""A second opinion on asking, written down as plainly as can be: lists, loops and no cleverness.

It knows the touchpoints of `CATALOG` by heart, and shares no code with what it judges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONE = "America/New_York"
TOUCHPOINTS = """\
- touchpoint: delivered
  on: {signal: order.delivered}
  delay: 1h
  cancel_on: [order.returned]
  survey: delivery
- touchpoint: late
  on: {signal: order.late, when: 'signal.attributes.days > 2'}
  survey: delivery
  priority: 80
  cap: 30d
- touchpoint: often-lost
  on: {count: order.lost, at_least: 2, within: 7d}
  act: case
- touchpoint: silence
  on: {absence: [response, order.returned], after: order.late, within: 2d}
  survey: delivery
  useful_for: 24h
- touchpoint: recovered
  on: {case: resolved}
  survey: delivery
"""
POLICY = "caps: {floor: 1d, person: 10d}\n"


@dataclass(slots=True)
class Heard:
    """Something that was heard of the customer."""

    name: str
    event: str
    at: datetime
    order: str | None
    days: int = 0


@dataclass(slots=True)
class Waiting:
    """A moment that waits."""

    touchpoint: str
    heard: Heard
    due: datetime
    ends: datetime


@dataclass(slots=True)
class Reference:
    """One customer. `said` is each decision in one word, by touchpoint and event."""

    said: dict[tuple[str, str], str] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    sent: list[tuple[datetime, str]] = field(default_factory=list)
    on_its_way: str | None = None
    asked_orders: set[tuple[str, str]] = field(default_factory=set)
    opted_out: bool = False
    held_out: bool = False
    erased: bool = False
    ever_heard: set[tuple[str, str]] = field(default_factory=set)
    open_cases: set[str] = field(default_factory=set)

    def hear(self, new: Heard, now: datetime) -> None:
        if (new.name, new.event) in self.ever_heard:
            return
        self.ever_heard.add((new.name, new.event))
        self.heard.append(new)
        if new.name == "order.lost":
            self._count(now)
        for touchpoint, name, due, ends in (
            ("delivered", "order.delivered", HOUR, 3 * DAY),
            ("late", "order.late", 0 * DAY, 3 * DAY),
            ("silence", "order.late", 2 * DAY, 3 * DAY),
            ("recovered", "touchback.case.resolved", 0 * DAY, 3 * DAY),
        ):
            if name == new.name and (touchpoint != "late" or new.days > 2):
                self._wait(touchpoint, new, new.at + due, new.at + ends, now)
        self.judge(now)

    def erase(self) -> None:
        """Nothing is known of them any more; who comes back under the same name has no address."""
        for one in self.waiting:
            self.said[one.touchpoint, one.heard.event] = "not_eligible"
        for gone in (self.waiting, self.heard, self.sent, self.asked_orders, self.open_cases):
            gone.clear()  # type: ignore[attr-defined]  # lists and sets
        self.on_its_way, self.erased = None, True

    def _count(self, now: datetime) -> None:
        lost = [old for old in self.heard if old.name == "order.lost"]
        for one in lost:
            others = [o for o in lost if one.at - 7 * DAY <= o.at <= one.at]
            if len(others) >= 2:
                self._wait("often-lost", one, one.at, one.at + 3 * DAY, now)

    def _wait(
        self, touchpoint: str, heard: Heard, due: datetime, ends: datetime, now: datetime
    ) -> None:
        key = (touchpoint, heard.event)
        if key in self.said or any((w.touchpoint, w.heard.event) == key for w in self.waiting):
            return
        if now > ends:
            self.said[key] = "stale_event"
        elif self.held_out and touchpoint != "often-lost":
            self.said[key] = "holdout"
        else:
            self.waiting.append(Waiting(touchpoint, heard, due, ends))

    def judge(self, now: datetime) -> None:
        while ready := [w for w in self.waiting if self._released(w) <= now]:
            first = min(ready, key=lambda w: (self._released(w), self._id(w)))
            if first.touchpoint in ("often-lost", "recovered"):
                group = [first]
            else:
                until = self._released(first)
                group = [w for w in self.waiting if self._asks(w) and w.due <= until]
                group.sort(key=lambda w: (-self._priority(w), w.heard.at, self._id(w)))
            winner = False
            for one in group:
                word = self._word(one, now, winner)
                if isinstance(word, datetime):
                    one.due = word
                    continue
                self.waiting.remove(one)
                self.said[one.touchpoint, one.heard.event] = word
                if word == "ask" and one.touchpoint != "recovered":
                    winner = True
                    self.on_its_way = one.touchpoint
                    if one.heard.order:
                        self.asked_orders.add((one.touchpoint, one.heard.order))

    id_of: Any = None
    """Ties are broken by the id of the decision, which only its maker can tell."""

    def _id(self, one: Waiting) -> str:
        return str(self.id_of(one.touchpoint, one.heard))

    @staticmethod
    def _asks(one: Waiting) -> bool:
        return one.touchpoint not in ("often-lost", "recovered")

    @staticmethod
    def _priority(one: Waiting) -> int:
        return 80 if one.touchpoint == "late" else 50

    def _released(self, one: Waiting) -> datetime:
        if not self._asks(one):
            return one.due
        held = one.due + timedelta(minutes=15)
        return held if held < one.ends else one.due

    def _word(self, one: Waiting, now: datetime, winner: bool) -> str | datetime:
        word = self._gone(one, now)
        if word is None and one.touchpoint == "often-lost":
            return "case"
        if (
            word is None
            and self._asks(one)
            and (one.touchpoint, one.heard.order) in (self.asked_orders)
        ):
            word = "duplicate"
        if word is None and self.opted_out:
            word = "opted_out"
        if word is None and self.erased:
            word = "no_address"
        if word is None and self._asks(one):
            word = self._capped(one, now, winner)
        if word is not None:
            return word
        opens = opening(now)
        if opens > one.ends:
            return "quiet_hours_expired"
        return "ask" if opens == now else opens

    def _gone(self, one: Waiting, now: datetime) -> str | None:
        if now > one.ends:
            return "stale_event"
        if one.touchpoint == "silence" and self._came(one.heard):
            return "not_eligible"
        cancels = {"delivered": "order.returned", "recovered": "touchback.case.reopened"}
        if one.touchpoint in cancels and self._later(cancels[one.touchpoint], one.heard):
            return "cancelled"
        return None

    def _capped(self, one: Waiting, now: datetime, winner: bool) -> str | None:
        if self.open_cases:
            return "open_case"
        lates = [at for at, name in self.sent if name == "late"]
        if one.touchpoint == "late" and lates and now - max(lates) < 30 * DAY:
            return "cap_touchpoint"
        if winner:
            return "outranked"
        if self.on_its_way or (self.sent and now - max(self.sent)[0] < 10 * DAY):
            return "cap_person"
        return None

    def _came(self, late: Heard) -> bool:
        def meant(other: Heard) -> bool:
            returned = other.name == "order.returned" and other.order == late.order
            return returned or other.name == "response"

        return any(meant(o) and late.at <= o.at <= late.at + 2 * DAY for o in self.heard)

    def _later(self, name: str, heard: Heard) -> bool:
        if heard.order is None:
            return False
        return any(
            o.name == name and o.order == heard.order and o.at >= heard.at for o in self.heard
        )


def opening(now: datetime) -> datetime:
    """Nine to eight in New York, found by looking at one full hour after the other."""
    moment = now
    while not 9 <= moment.astimezone(ZoneInfo(ZONE)).hour < 20:
        moment = moment.replace(minute=0, second=0, microsecond=0) + HOUR
    return moment
