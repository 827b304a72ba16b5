"""What rules can do besides CEL: the few things that real payloads need and CEL lacks.

Each takes plain values and raises ValueError with words that repeat nothing of its input. The
engine's own way of adding functions never lets go of a call's texts and results, so they are
called beside it, and it is handed the results.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.numbers import get_currency_precision

from shared import plain_json

Kind = Literal["text", "number", "any"]
"""What an argument may be: a `number` may also be written as a text."""

Gives = Literal["timestamp", "double", "string", "dyn"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"seconds": 1, "millis": 1_000, "micros": 1_000_000}
_CURRENCY = re.compile("[A-Za-z]{3}")
_AMOUNT = re.compile(r"[-+(]?[\d.,'\u00a0\u202f ]*\d[\d.,]*\)?")
_UNITS = re.compile(r"\b[A-Z]{2,3}(?![a-z])|[^\w\s.,()+-]")
_PLACES = 400
_EXACT = Context(prec=2 * _PLACES + 600, Emin=-999_999, Emax=999_999)
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the rule language; the last parameters may be left out down to `required`."""

    takes: tuple[Kind, ...]
    gives: Gives
    apply: Callable[..., Any]
    required: int


def _epoch(unit: str) -> Callable[[Any], datetime]:
    def read(value: Any) -> datetime:
        try:
            count = _decimal(value) * 1_000_000 / _PER_SECOND[unit]
            return _EPOCH + timedelta(microseconds=int(count))
        except (InvalidOperation, OverflowError, ValueError):
            raise ValueError(f"not a number of {unit} since 1970") from None

    return read


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError("not a number")
    number = Decimal(str(value).strip())
    if not number.is_finite():
        raise ValueError("not a number")
    return number


def local_time(text: str, zone: str, form: str | None = None) -> datetime:
    """Read a time without a zone; one that the text itself names wins.

    Of an hour that the clocks repeat, the first is meant.
    """
    if not isinstance(text, str):
        raise ValueError("the time is not a text")
    try:
        found = datetime.strptime(text, form) if form else datetime.fromisoformat(text.strip())  # noqa: DTZ007  (the zone is what this function adds)
    except ValueError:
        like = f"does not have the form {form}" if form else "is not like 2026-01-31 09:30:00"
        raise ValueError(f"the time {like}") from None
    try:
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise ValueError("the zone is not one, such as Europe/Berlin") from None
    except OverflowError:
        raise ValueError("the time is out of range") from None


def money(value: Any) -> float:
    """Read an amount: a number, or a text such as `1,299.00`, `1.299,00 EUR` or `(12.50)`."""
    try:
        return float(_decimal(value if not isinstance(value, str) else _amount(value)))
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError("not an amount of money") from None


def _amount(text: str) -> str:
    bare = _UNITS.sub("", text.replace("'", "").replace("\u2019", "")).strip()
    if _AMOUNT.fullmatch(bare) is None:
        raise ValueError("not an amount")
    sign = "-" if bare.startswith(("-", "(")) else ""
    digits = re.sub(r"[^\d.,]", "", bare)
    if "," in digits and digits.rfind(",") > digits.rfind("."):
        whole, _, cents = digits.rpartition(",")
        if _THOUSANDS.fullmatch(digits):
            return sign + digits.replace(",", "")
        return f"{sign}{whole.replace('.', '').replace(',', '')}.{cents}"
    plain = digits.replace(",", "")
    return sign + (plain.replace(".", "") if plain.count(".") > 1 else plain)


def minor(value: Any, currency: str) -> float:
    """Return the amount that so many minor units are: 1299 of EUR is 12.99, of JPY 1299."""
    if not isinstance(currency, str) or _CURRENCY.fullmatch(currency) is None:
        raise ValueError("not a currency, such as EUR")
    try:
        return float(_decimal(value) / 10 ** get_currency_precision(currency.upper()))
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError("not a number of minor units") from None


def unscaled(text: Any, scale: Any) -> Decimal:
    """Return the decimal whose digits are these bytes in base64, and that has so many places."""
    if not isinstance(text, str) or not isinstance(scale, int) or abs(scale) > _PLACES:
        raise ValueError("not a decimal in base64 and its scale")
    try:
        digits = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not a decimal in base64, as Debezium writes it") from None
    if not 0 < len(digits) <= _PLACES:
        raise ValueError("not a decimal in base64, as Debezium writes it")
    return Decimal(int.from_bytes(digits, "big", signed=True)).scaleb(-scale, _EXACT)


def decimal(value: Any, scale: Any = None) -> float:
    """Read a decimal as Debezium's `decimal.handling.mode=precise` writes it.

    An object of `scale` and `value` says itself how many places it has.
    """
    if isinstance(value, dict):
        value, scale = value.get("value"), value.get("scale")
    return float(unscaled(value, scale))


def parsed(text: Any) -> Any:
    """Return what a text holds as JSON."""
    if not isinstance(text, str):
        raise ValueError("not a text that holds JSON")
    return plain_json.read(text.encode(), "the text")


def digest(value: Any) -> str:
    """Return the same 32 characters for the same content, whatever the order of its fields."""
    content = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:32]


def first(value: Any) -> Any:
    """Return the first of a list, null of an empty one; what is no list is its own first."""
    return (value[0] if value else None) if isinstance(value, list) else value


def many(value: Any) -> list[Any]:
    """Return a list as it is, null as an empty one, anything else as a list of it alone."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _function(gives: Gives, apply: Callable[..., Any], *takes: Kind, needs: int = 0) -> Function:
    return Function(takes, gives, apply, needs or len(takes))


FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    {
        **{unit: _function("timestamp", _epoch(unit), "number") for unit in _PER_SECOND},
        "local_time": _function("timestamp", local_time, "text", "text", "text", needs=2),
        "money": _function("double", money, "number"),
        "minor": _function("double", minor, "number", "text"),
        "decimal": _function("double", decimal, "number", "number", needs=1),
        "json": _function("dyn", parsed, "text"),
        "hash": _function("string", digest, "any"),
        "first": _function("dyn", first, "any"),
        "many": _function("dyn", many, "any"),
    }
)
