"""Which field of sample messages is the kind, the id, the customer, the time. Pure heuristics.

Names are compared without case and underscores. A field counts when every sample of a kind has it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from services.listen.infer.paths import Path, optional, rule, scalars
from shared.catalog.fields import Format

KINDS: tuple[str, ...] = ("type", "eventtype", "event", "kind", "topic", "action", "eventname")
KIND_HEADERS = re.compile(r"(^ce_type$|(^|[-_.])(topic|event|event[-_]type|type|op)$)")
IDS: tuple[str, ...] = ("eventid", "messageid", "id", "uuid", "guid", "deliveryid", "reference")
TIMES: tuple[str, ...] = (
    "occurredat",
    "eventtime",
    "time",
    "timestamp",
    "ts",
    "at",
    "date",
    "updatedat",
)
TIMES += ("createdat", "created", "updated")
CUSTOMERS: tuple[str, ...] = (
    "customerid",
    "customer",
    "customer.id",
    "buyerid",
    "requesterid",
    "requester.id",
)
CUSTOMERS += ("clientid", "client.id", "contactid", "userid", "user.id", "memberid", "subscriberid")
CUSTOMERS += ("accountid", "account.id", "account", "submitterid", "customeremail", "email")
DOUBTFUL = frozenset(
    {"accountid", "account.id", "account", "submitterid", "customeremail", "email"}
)
SUBJECTS: tuple[str, ...] = (
    "correlationid",
    "orderid",
    "order.id",
    "invoiceid",
    "invoice.id",
    "ticketid",
)
SUBJECTS += ("ticket.id", "subscriptionid", "caseid", "objectid", "object.id", "detail.id")
DETAILS = frozenset(
    {
        *("status", "priority", "currency", "amount", "amountdue", "total", "totalprice", "reason"),
        *("country", "region", "product", "plan", "channel", "sequence", "late"),
    }
)
_EVENT_LIKE = re.compile(r"[\w.:/-]{1,120}")
_MILLISECONDS_FROM = 100_000_000_000
_SECONDS_FROM = 100_000_000


@dataclass(frozen=True)
class Sample:
    """One message as rules see it."""

    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @cached_property
    def scalars(self) -> dict[Path, Any]:
        """Its values by their place."""
        return dict(scalars(self.body))


@dataclass(frozen=True, slots=True)
class Guess:
    """An expression, and what a person should look at."""

    expression: str
    doubt: str = ""


def kind(samples: Sequence[Sample]) -> tuple[str, Callable[[Sample], str]] | None:
    """Return the expression that says what a message is about, and its value in a sample."""
    for name in sorted(set.intersection(*(set(each.headers) for each in samples))):
        if KIND_HEADERS.search(name.lower()) and name.lower() != "content-type":
            return rule(("headers", name)), _header(name)
    found = [
        path
        for path in _common(samples)
        if len(path) == 2
        and _name(path[-1]) in KINDS
        and all(_is_word(each.scalars[path]) for each in samples)
    ]
    if not found:
        return None
    # One that is always the same names the envelope rather than what it brings.
    best = min(found, key=lambda path: (_same(samples, path), KINDS.index(_name(path[-1]))))
    return rule(best), lambda each: str(each.scalars[best])


def _same(samples: Sequence[Sample], path: Path) -> bool:
    return len({each.scalars[path] for each in samples}) == 1


def _header(name: str) -> Callable[[Sample], str]:
    return lambda each: each.headers[name]


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and _EVENT_LIKE.fullmatch(value) is not None


def customer(group: Sequence[Sample]) -> Guess | None:
    """Return who it is about."""
    found = _ranked(group, CUSTOMERS)
    if found is None or _is_doubtful(found):
        found = _itself(group, "customer") or found
    if found is None:
        return _null_customer(group)
    doubt = f"an {found[-1]} may not be the customer, check it" if _is_doubtful(found) else ""
    if len(group) > 2 and len({each.scalars[found] for each in group}) == 1:
        doubt = doubt or f"the same in all {len(group)} samples, check it"
    return Guess(_text(group, found), doubt)


def _null_customer(group: Sequence[Sample]) -> Guess | None:
    """Return a field that is called like a customer and holds nobody in these samples."""
    for name, value in group[0].body.items():
        if value is None and _name(name) in CUSTOMERS:
            return Guess(f"string({rule(('body', name))})", "null in these samples")
    return None


def _is_doubtful(path: Path) -> bool:
    return bool({_name(path[-1]), ".".join(map(_name, path[-2:]))} & DOUBTFUL)


def _itself(group: Sequence[Sample], what: str) -> Path | None:
    """Return the id of an object that says itself what it is."""
    for path in _common(group):
        beside = (*path[:-1], "id")
        if _name(path[-1]) == "object" and all(
            each.scalars[path] == what and beside in each.scalars for each in group
        ):
            return beside
    return None


def correlation(group: Sequence[Sample]) -> Guess | None:
    """Return the order, invoice or ticket it belongs to."""
    found = _ranked(group, SUBJECTS)
    return Guess(_text(group, found)) if found else None


def moment(form: Format, group: Sequence[Sample]) -> Guess | None:
    """Return when it happened."""
    if form == "cloudevents" and all("ce_time" in each.headers for each in group):
        return Guess("timestamp(headers.ce_time)")
    if form == "debezium" and all("debezium.ts_ms" in each.headers for each in group):
        return Guess('timestamp(int(headers["debezium.ts_ms"]) / 1000)')
    for path in sorted(_named(group, TIMES), key=_rank(TIMES)):
        forms = {_time_form(each.scalars[path]) for each in group}
        if len(forms) == 1 and (found := forms.pop()) is not None:
            template, doubt = found
            return Guess(template.format(rule(path)), doubt)
    return None


def _time_form(value: Any) -> tuple[str, str] | None:
    """Return how such a value is read as a time, and what is doubtful about it."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if value >= _MILLISECONDS_FROM:
            return "timestamp(int({}) / 1000)", ""
        return ("timestamp(int({}))", "") if value >= _SECONDS_FROM else None
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    if at is None:
        return None
    if at.tzinfo is not None:
        return "timestamp({})", ""
    if len(value) == len("2026-03-02"):
        return 'timestamp({} + "T00:00:00Z")', "a day without a time, taken as its beginning in UTC"
    if " " in value:
        return None
    return 'timestamp({} + "Z")', "the time names no zone, UTC is assumed"


def identity(form: Format, group: Sequence[Sample], others: Iterable[Guess | None]) -> Guess | None:
    """Return what is the same only for the same event; where it has no id, what comes close."""
    if form == "cloudevents":
        return Guess("headers.ce_id")
    found = min(_named(group, IDS, deepest=3), key=_rank(IDS), default=None)
    if found is None:
        parts = [_as_text(each.expression) for each in others if each is not None]
        if not parts:
            return None
        doubt = "there is no id; equal ones count once"
        return Guess(' + "/" + '.join(dict.fromkeys(parts)), doubt)
    changed = _beside(group, found, "updatedat")
    if changed is not None:
        text = f'{_text(group, found)} + "/" + {_text(group, changed)}'
        return Guess(text, "an id of the object, not of the event: its last change is added")
    repeated = len({each.scalars[found] for each in group}) < len(group)
    return Guess(_text(group, found), "the samples repeat it, check it" if repeated else "")


def _as_text(expression: str) -> str:
    return f"string({expression})" if not expression.startswith("string(") else expression


def _beside(group: Sequence[Sample], path: Path, name: str) -> Path | None:
    """Return a field of the same object, unless that object is an envelope with a kind."""
    around = [each for each in _common(group) if each[:-1] == path[:-1]]
    if any(_name(each[-1]) in KINDS for each in around):
        return None
    return next((each for each in around if _name(each[-1]) == name), None)


def details(group: Sequence[Sample]) -> dict[str, str]:
    """Return a few values that conditions often ask for; nothing that names a person."""
    found: dict[str, str] = {}
    for path in sorted(_common(group), key=len):
        name = re.sub(r"[^a-z0-9_]", "_", path[-1].lower())
        if _name(path[-1]) in DETAILS and name not in found and len(found) < 5:
            found[name] = optional(path)
    return found


def _text(group: Sequence[Sample], path: Path) -> str:
    texts = all(isinstance(each.scalars[path], str) for each in group)
    return rule(path) if texts else f"string({rule(path)})"


def _common(group: Sequence[Sample]) -> list[Path]:
    """Return the places where every sample has a value, in the order of the first."""
    rest = [each.scalars for each in group[1:]]
    return [path for path in group[0].scalars if all(path in each for each in rest)]


def _named(group: Sequence[Sample], names: Sequence[str], deepest: int = 5) -> list[Path]:
    return [
        path
        for path in _common(group)
        if len(path) <= deepest and any(_fits(path, name) for name in names)
    ]


def _ranked(group: Sequence[Sample], names: Sequence[str]) -> Path | None:
    found = [path for path in _named(group, names) if _is_reference(group[0].scalars[path])]
    return min(found, key=lambda path: (_place(path, names), len(path)), default=None)


def _is_reference(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _rank(names: Sequence[str]) -> Callable[[Path], tuple[int, int]]:
    return lambda path: (len(path), _place(path, names))


def _place(path: Path, names: Sequence[str]) -> int:
    return next(place for place, name in enumerate(names) if _fits(path, name))


def _fits(path: Path, name: str) -> bool:
    last = _name(path[-1])
    if "." not in name:
        return last == name
    return len(path) > 2 and f"{_name(path[-2])}.{last}" == name


def _name(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "")
