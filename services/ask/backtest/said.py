"""One line or record of the input: which message it is, in any of the forms that we print."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, TypeAlias

import msgspec
from pydantic import ValidationError

from services.ask.decide.heard import signal_of
from services.ask.model import RESPONSE
from shared.contracts.base import Message
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event, describe
from shared.contracts.registry import BY_NAME
from shared.contracts.responses import OptOut, OptOutLifted, Response
from shared.contracts.signals import Answer, CustomerErased, Profile, Signal
from shared.errors import UnreadableMessage

SIGNAL = "touchback.signal.v1"
SHAPES: Mapping[str, str] = {
    "answer_id": "touchback.answer.v1",
    "response_id": "touchback.response.completed.v1",
    "updated_at": "touchback.profile.v1",
}
"""The field by which a bare body is recognised, and the type that it then is of."""

_BARE = re.compile(rb'\{"signal": ?"([A-Za-z0-9._-]+)"')
"""How a bare signal begins. By far the most lines do, and most of those concern no touchpoint:
they are known by their name alone, and are not read any further."""

_FORMS = (
    "should be a signal, an answer, a response or a profile, or what `listen try --json` prints"
)

Wish: TypeAlias = OptOut | OptOutLifted
Body: TypeAlias = Signal | Answer | Response | Profile | Wish | CaseEvent | CustomerErased


class Said(NamedTuple):
    """Something that was heard, and when; `signal` is what triggers hear of it."""

    at: datetime
    body: Body
    signal: Signal | None


class Look(NamedTuple):
    """When what a line says happened, and whether it is a contact card."""

    at: datetime
    is_card: bool = False


class _Sound(msgspec.Struct, forbid_unknown_fields=True):
    """A bare signal without anything unusual; the limits are those of the contract."""

    signal: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    source_event_id: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    customer_id: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    occurred_at: Annotated[str, msgspec.Meta(max_length=32)]
    correlation: str | None = None
    attributes: dict[str, str | int | float | bool | None] = {}


_SOUND = msgspec.json.Decoder(_Sound)
_MOMENT = Annotated[datetime, msgspec.Meta(tz=True)]

_TIMES: Mapping[type[Message], Callable[[Any], datetime]] = {
    Signal: lambda body: body.occurred_at,
    Answer: lambda body: body.answered_at,
    Response: lambda body: body.received_at,
    Profile: lambda body: body.updated_at,
    OptOut: lambda body: body.at,
    OptOutLifted: lambda body: body.at,
    CaseEvent: lambda body: body.at,
    CustomerErased: lambda body: body.at,
}
"""When each happened; messages of other kinds are no business of asking."""


def look(line: bytes, wanted: frozenset[str]) -> Look | None:
    """Say of a line what sorting needs; None, and what is raised, are those of `from_line`."""
    begins = _BARE.match(line)
    if begins and begins[1].decode() not in wanted:
        return None
    at = _sound(line) if begins else None
    if at is not None:
        return Look(at)
    said = from_line(line, wanted)
    return look_of(said) if said else None


def look_of(said: Said) -> Look:
    """Return what sorting needs of something that was read."""
    return Look(said.at, isinstance(said.body, Profile))


def from_line(line: bytes, wanted: frozenset[str]) -> Said | None:
    """Read a line; None when it says nothing here, or is a signal that nothing depends on.

    Raises UnreadableMessage with one line that says what would be right.
    """
    begins = _BARE.match(line)
    if begins:
        return _signal(line) if begins[1].decode() in wanted else None
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableMessage("not JSON; should be one JSON object a line") from error
    if isinstance(data, dict) and "place" in data and "outcome" in data:
        # What `listen try` skipped or refused has no message: it is told there.
        data = data.get("message")
        if data is None:
            return None
    if not isinstance(data, dict):
        raise UnreadableMessage("not a JSON object; " + _FORMS)
    if "signal" in data:
        name = data["signal"]
        return None if isinstance(name, str) and name not in wanted else _said(SIGNAL, data)
    return _said(*_opened(data))


def _sound(line: bytes) -> datetime | None:
    """Return when a signal happened, None where it may be one that `Signal` would not take.

    It takes a fifth of the time, and what it is unsure of it leaves to that.
    """
    try:
        moment = _SOUND.decode(line).occurred_at
        # Of what is finer than a microsecond, one would round and the other cut.
        exact = not moment[26:27].isdigit()
        return msgspec.convert(moment, _MOMENT).astimezone(UTC) if exact else None
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None


def _signal(line: bytes) -> Said:
    try:
        signal = Signal.model_validate_json(line)
    except ValidationError as error:
        raise UnreadableMessage(f"{SIGNAL}: {describe(error)}") from error
    return Said(signal.occurred_at, signal, signal)


def from_event(event: Event, wanted: frozenset[str]) -> Said | None:
    """Take a message from a topic of ours, under the same conditions."""
    body, time = event.body, _TIMES.get(type(event.body))
    if time is None or (isinstance(body, Signal) and body.signal not in wanted):
        return None
    return Said(time(body), body, _heard(event))  # type: ignore[arg-type]  # the keys of _TIMES


def line_of(event: Event, body: bytes) -> bytes:
    """Return the line that says the same as a message of a topic of ours."""
    # Between the texts of JSON, the end of a line is as good as any space.
    flat = body.replace(b"\n", b" ")
    if event.type == SIGNAL:
        return flat
    return b'{"headers":{"ce_type":"' + event.type.encode() + b'"},"body":' + flat + b"}"


def _opened(data: Mapping[str, Any]) -> tuple[str, Any]:
    """Return the type of a message and its body."""
    headers = data.get("headers")
    if isinstance(headers, Mapping) and "body" in data:
        return str(headers.get("ce_type")), data["body"]
    for field, kind in SHAPES.items():
        if field in data:
            return kind, data
    if "case_id" in data:
        raise UnreadableMessage(
            'a case without its type; should be {"headers": {"ce_type": …}, "body": …}'
        )
    raise UnreadableMessage(_FORMS)


def _said(kind: str, data: Any) -> Said | None:
    known = BY_NAME.get(kind)
    if known is None:
        raise UnreadableMessage(f"{kind} is no type of message here; {_FORMS}")
    try:
        body = known.body.model_validate(data)
    except ValidationError as error:
        raise UnreadableMessage(f"{kind}: {describe(error)}") from error
    if isinstance(body, Signal):
        return Said(body.occurred_at, body, body)
    time = _TIMES.get(known.body)
    if time is None:
        return None
    at = time(body)
    return Said(at, body, _heard(Event("", "", kind, "", at, body)))  # type: ignore[arg-type]


def _heard(event: Event) -> Signal | None:
    body = event.body
    if not isinstance(body, Answer):
        return signal_of(event)
    # `collect` makes a response of it, and that is what triggers hear of.
    return Signal(
        signal=RESPONSE,
        source="touchback/collect",
        source_event_id=body.answer_id,
        customer_id=body.customer_id,
        occurred_at=body.answered_at,
    )
