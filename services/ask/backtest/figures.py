"""What came of the input under one catalog, and what another one would gain and lose."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, TypeAlias

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

AnswerKey: TypeAlias = tuple[str, str, str]
"""(touchpoint, customer, id) of an answer."""

AskedAt: TypeAlias = dict[Key, datetime]
Sink: TypeAlias = Callable[[Verdict, datetime], None]
Progress: TypeAlias = Callable[[int], None]
STEP = 2000


class _Given(NamedTuple):
    """An answer in the input: when it was given, about which order, and how good it is."""

    at: datetime
    about: str | None
    band: Band | None


@dataclass(frozen=True, slots=True)
class Told:
    """An answer in the input, and what the run makes of it: whether its customer was asked about
    that moment `before` it was given, only `after`, or `never`; and told or taken care of."""

    touchpoint: str
    key: AnswerKey
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
    weeks: Counter[int] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    asks: AskedAt = field(default_factory=dict)
    acts: dict[tuple[str, str], datetime] = field(default_factory=dict)
    answers: list[Told] = field(default_factory=list)
    customers: int = 0

    def take(self, verdict: Verdict, now: datetime) -> None:
        """Count one decision."""
        decision, touchpoint = verdict.decision, verdict.candidate.touchpoint
        if isinstance(decision, Silent):
            self.outcomes[touchpoint, "silent"] += 1
            self.silences[touchpoint, decision.reason] += 1
            return
        signal = verdict.candidate.signal
        if isinstance(decision, Ask):
            self.outcomes[touchpoint, "ask"] += 1
            self.weeks[now.toordinal() - now.weekday()] += 1
            self.asked[signal.customer_id] += 1
            about = signal.correlation or verdict.candidate.event_key
            self.asks.setdefault((touchpoint, signal.customer_id, about), now)
        elif isinstance(decision, Act):
            self.outcomes[touchpoint, decision.what] += 1
            self.acts.setdefault((signal.customer_id, signal.correlation or ""), now)


def run(
    catalog: Catalog,
    heard: Iterable[Said],
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
    answers: dict[AnswerKey, _Given] = {}
    number, said = 0, None
    for number, said in enumerate(heard, start=1):
        life.hear(said)
        body = said.body
        if body is not said.signal and isinstance(body, Answer | Response):
            _give(answers, body, said.at, band_of(catalog, said))
        if not number % STEP:
            progress(STEP)
    progress(number % STEP)
    if said:
        found.unknown.update(life.finish(said.at))
    found.customers = life.customers
    found.answers = list(_told(found, answers))
    return found


def _give(
    answers: dict[AnswerKey, _Given], body: Answer | Response, at: datetime, band: Band | None
) -> None:
    key = (body.touchpoint, body.customer_id, _id(body))
    if body.score is not None and key not in answers:
        answers[key] = _Given(at, body.correlation, band)


def _told(found: Run, answers: Mapping[AnswerKey, _Given]) -> Iterable[Told]:
    """Yield each answer once, with what the run knows of it."""
    about: defaultdict[tuple[str, str], list[datetime]] = defaultdict(list)
    for (touchpoint, customer, order), at in found.asks.items():
        about[customer, order].append(at)
        about[customer, "/" + touchpoint].append(at)
    for key, given in answers.items():
        touchpoint, customer, _ = key
        asks = about.get((customer, given.about or "/" + touchpoint), ())
        act = found.acts.get((customer, given.about or ""))
        yield Told(
            touchpoint=touchpoint,
            key=key,
            band=given.band,
            asked=_when(asks, given.at),
            looked_after=act is not None and act <= given.at,
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
        "weeks": {
            date.fromordinal(monday).isoformat(): n for monday, n in sorted(found.weeks.items())
        },
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
