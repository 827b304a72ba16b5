"""What came of the input under one catalog, and what another one would gain and lose."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, TypeAlias

from services.ask.backtest.life import Life, band_of
from services.ask.backtest.said import Said
from services.ask.decide.turns import Verdict
from services.ask.model import Act, Ask, Contact, Silent
from shared.catalog.catalog import Catalog
from shared.contracts.base import Band
from shared.contracts.responses import Response
from shared.contracts.signals import Answer

Key: TypeAlias = tuple[str, str, str]
"""(touchpoint, customer, order or event) of an ask: the same moment under two catalogs."""

AskedAt: TypeAlias = dict[Key, datetime]
Sink: TypeAlias = Callable[[Verdict, datetime], None]
Progress: TypeAlias = Callable[[int], None]
STEP = 2000


@dataclass(frozen=True, slots=True)
class Told:
    """An answer in the input, and what the run makes of it: whether its customer was asked about
    that moment `before` it was given, only `after`, or `never`; and told or taken care of."""

    touchpoint: str
    key: tuple[str, str, str]
    band: Band | None
    asked: str
    looked_after: bool


@dataclass(slots=True)
class Run:
    """Everything that one catalog makes of the input."""

    version: str
    touchpoints: Sequence[str]
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    silences: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    weeks: Counter[date] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    asks: AskedAt = field(default_factory=dict)
    acts: dict[tuple[str, str], datetime] = field(default_factory=dict)
    answers: list[Told] = field(default_factory=list)
    customers: int = 0

    def take(self, verdict: Verdict, now: datetime) -> None:
        """Count one decision."""
        decision, touchpoint = verdict.decision, verdict.candidate.touchpoint
        signal = verdict.candidate.signal
        if isinstance(decision, Silent):
            self.outcomes[touchpoint, "silent"] += 1
            self.silences[touchpoint, decision.reason] += 1
        elif isinstance(decision, Ask):
            self.outcomes[touchpoint, "ask"] += 1
            self.weeks[now.date() - timedelta(days=now.weekday())] += 1
            self.asked[signal.customer_id] += 1
            about = signal.correlation or verdict.candidate.event_key
            self.asks.setdefault((touchpoint, signal.customer_id, about), now)
        elif isinstance(decision, Act):
            self.outcomes[touchpoint, decision.what] += 1
            self.acts.setdefault((signal.customer_id, signal.correlation or ""), now)


def run(
    catalog: Catalog,
    heard: Sequence[Said],
    card: Contact | None,
    progress: Progress = lambda count: None,
    also: Sink | None = None,
) -> Run:
    """Live through the input, which is in the order of time; `also` sees every decision."""
    found = Run(catalog.version, [each.touchpoint for each in catalog.touchpoints])

    def both(verdict: Verdict, now: datetime) -> None:
        found.take(verdict, now)
        if also is not None:
            also(verdict, now)

    life = Life(catalog, both if also else found.take, card)
    for number, said in enumerate(heard, start=1):
        life.hear(said)
        if not number % STEP:
            progress(STEP)
    progress(len(heard) % STEP)
    if heard:
        found.unknown.update(life.finish(heard[-1].at))
    found.customers = life.customers
    found.answers = list(_told(catalog, found, heard))
    return found


def _told(catalog: Catalog, found: Run, heard: Sequence[Said]) -> Iterable[Told]:
    """Yield each answer once, with what the run knows of it."""
    about: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for (touchpoint, customer, order), at in found.asks.items():
        about[customer, order].append(at)
        about[customer, "/" + touchpoint].append(at)
    seen: set[tuple[str, str, str]] = set()
    for said in heard:
        body = said.body
        if not isinstance(body, Answer | Response) or body.score is None:
            continue
        key = (body.touchpoint, body.customer_id, _id(body))
        if key in seen:
            continue
        seen.add(key)
        asks = about.get((body.customer_id, body.correlation or "/" + body.touchpoint), ())
        act = found.acts.get((body.customer_id, body.correlation or ""))
        yield Told(
            touchpoint=body.touchpoint,
            key=key,
            band=band_of(catalog, said),
            asked=_when(asks, said.at),
            looked_after=act is not None and act <= said.at,
        )


def _id(answer: Answer | Response) -> str:
    return answer.answer_id if isinstance(answer, Answer) else answer.response_id


def _when(asks: Iterable[datetime], answered: datetime) -> str:
    first = min(asks, default=None)
    if first is None:
        return "never"
    return "before" if first <= answered else "after"


# --- as plain data -----------------------------------------------------------------------------


def plain(found: Run) -> dict[str, Any]:
    """Return a run for a program, and for the page."""
    names = sorted({*found.touchpoints, *(told.touchpoint for told in found.answers)})
    return {
        "catalog_version": found.version,
        "touchpoints": {name: _touchpoint(found, name) for name in names},
        "customers": _customers(found),
        "weeks": {monday.isoformat(): n for monday, n in sorted(found.weeks.items())},
    }


def _touchpoint(found: Run, name: str) -> dict[str, Any]:
    reasons = {
        reason: n for (touchpoint, reason), n in found.silences.items() if touchpoint == name
    }
    counts = {what: found.outcomes[name, what] for what in ("ask", "case", "notify", "silent")}
    return {
        **counts,
        "not_known_yet": found.unknown[name],
        "silences": dict(sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
        "answers": _answers([told for told in found.answers if told.touchpoint == name]),
    }


def _answers(told: Sequence[Told]) -> dict[str, int]:
    low = [each for each in told if each.band == "low"]
    asked = Counter(each.asked for each in low)
    missed = [each for each in low if each.asked == "never"]
    return {
        "given": len(told),
        "low": len(low),
        "low_asked": asked["before"],
        "low_asked_later": asked["after"],
        "low_missed": len(missed),
        "low_missed_but_looked_after": sum(each.looked_after for each in missed),
    }


def _customers(found: Run) -> dict[str, int]:
    counts = sorted(found.asked.values())
    return {
        "heard_of": found.customers,
        "asked": len(counts),
        "asks_p50": percentile(counts, 50),
        "asks_p99": percentile(counts, 99),
        "asks_max": max(counts, default=0),
    }


def percentile(ordered: Sequence[int], share: int) -> int:
    """Return the smallest value that so many in a hundred do not exceed; 0 of nothing."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else 0


def change(old: Run, new: Run) -> dict[str, Any]:
    """Return what the new catalog gains and loses against the old one."""
    names = sorted(
        {key[0] for key in (*old.asks, *new.asks)} | {*old.touchpoints, *new.touchpoints}
    )
    return {
        "touchpoints": {name: _moved(old.asks, new.asks, name) for name in names},
        "customers": {
            "asked_only_by_new": len(new.asked.keys() - old.asked.keys()),
            "asked_only_by_old": len(old.asked.keys() - new.asked.keys()),
        },
        "low_scores": _heard_and_missed(old.answers, new.answers),
    }


def _moved(old: AskedAt, new: AskedAt, name: str) -> dict[str, int]:
    before = {key: at for key, at in old.items() if key[0] == name}
    after = {key: at for key, at in new.items() if key[0] == name}
    both = before.keys() & after.keys()
    return {
        "gained": len(after.keys() - before.keys()),
        "lost": len(before.keys() - after.keys()),
        "earlier": sum(after[key] < before[key] for key in both),
        "later": sum(after[key] > before[key] for key in both),
    }


def _heard_and_missed(old: Sequence[Told], new: Sequence[Told]) -> dict[str, int]:
    missed = [
        {t.key for t in each if t.band == "low" and t.asked == "never"} for each in (old, new)
    ]
    return {"gained": len(missed[0] - missed[1]), "lost": len(missed[1] - missed[0])}
