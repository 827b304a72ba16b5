"""Forgetting: customers who were erased, and words that their author took back, stay forgotten.

Each service removes what its own tables hold; everything else is here: the tombstones, messages
that wait in the outbox, and late messages, which come on without the person or without the words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from shared import db, kernel
from shared.consume import Handle, Item, own_messages
from shared.contracts.asks import Decision, Invitation
from shared.contracts.base import Message
from shared.contracts.cases import Alert, CaseEvent, chosen
from shared.contracts.envelope import Event, decode, encode
from shared.contracts.responses import Feedback, OptOut, OptOutLifted, Response
from shared.contracts.signals import Answer, CustomerErased, Profile, Signal
from shared.records import Record

Erase = Callable[[db.Connection, str, str, datetime], Awaitable[None]]
"""Put the stand-in (the second name) in the place of the customer (the first), in own tables."""

TakeBack = Callable[[db.Connection, Sequence[Response]], Awaitable[None]]
"""Forget the words of these responses, in own tables."""

PREFIX = "erased:"
GRACE = timedelta(minutes=10)
"""Services hear of an erasure one after another: what an old link made meanwhile is old too."""

_NOTHING: Mapping[str, Any] = {"correlation": None, "attributes": {}}
FORGOTTEN: Mapping[type[Message], Mapping[str, Any]] = {
    Signal: _NOTHING,
    Answer: {**_NOTHING, "comment": None, "invitation_id": None},
    Decision: {**_NOTHING, "rules": ()},
    Invitation: {**_NOTHING, "survey_url": ""},
    Response: {**_NOTHING, "comment": None},
    Feedback: {"correlation": None, "text": ""},
    Alert: {},
    CaseEvent: {
        **_NOTHING,
        "note": None,
        "contact_how": None,
        "contact_outcome": None,
        "action": None,
        "outcome": None,
    },
}
"""What messages say of a person besides who it is."""

NUMBERS = ("parts", "reasons", "effort", "withdrawn")
"""Of what was answered beside the score: what was chosen, not written."""


def stand_in() -> str:
    """Return a name that nothing leads back from."""
    return PREFIX + uuid4().hex


def is_stand_in(customer: str) -> bool:
    """Whether this is nobody any more."""
    return customer.startswith(PREFIX)


def customer_key(customer: str) -> str:
    """Return what an erased customer is recognised by."""
    return PREFIX + sha256(f"touchback.erased/{customer}".encode()).hexdigest()


def response_key(response: str) -> str:
    """Return what a response is recognised by whose words were taken back."""
    return "withdrawn:" + sha256(f"touchback.withdrawn/{response}".encode()).hexdigest()


def anonymous(body: Message, name: str) -> Message:
    """Return what is left of a message: its numbers and names of things, about nobody."""
    changes: dict[str, Any] = {"customer_id": name, **FORGOTTEN[type(body)]}
    if isinstance(body, Response):
        changes["answers"] = {key: body.answers[key] for key in NUMBERS if key in body.answers}
    if isinstance(body, CaseEvent):
        changes["score"] = _wordless(body).score
    return body.model_copy(update=changes)


def anonymous_case(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return what is left of a case event as it is stored."""
    return anonymous(CaseEvent.model_validate(document), name).model_dump(
        mode="json", exclude_none=True
    )


def begun(body: Message) -> datetime:
    """Return when the thing began that a message is about: also when it tells of it much later."""
    match body:
        case CaseEvent():
            return body.opened_at - GRACE
        case Alert():
            return body.response_received_at - GRACE
        case Response() | Feedback():
            return body.received_at - GRACE
        case Signal() | Decision() | Invitation():
            return body.occurred_at
        case Answer():
            return body.answered_at
    raise TypeError(f"{type(body).__name__} says nothing of a customer")


# --- tombstones ----------------------------------------------------------------------------------


async def hold(connection: db.Connection, *, alone: bool) -> None:
    """Take turns until the transaction ends: who erases with everybody else."""
    await connection.execute(kernel.QUERIES["erasure_hold"], alone)


async def tombstones(connection: db.Connection, keys: Iterable[str]) -> dict[str, datetime]:
    """Return which of these are to stay forgotten, and since when."""
    wanted = sorted(set(keys))
    rows = await connection.fetch(kernel.QUERIES["tombstones_read"], wanted) if wanted else []
    return {row["key"]: row["at"] for row in rows}


async def forget(
    connection: db.Connection, customer: str, at: datetime, erase: Erase, now: datetime
) -> None:
    """Erase a customer in this service, and remember that without remembering whom."""
    await hold(connection, alone=True)
    await connection.execute(kernel.QUERIES["tombstones_set"], customer_key(customer), at)
    name = stand_in()
    await _rewrite_outbox(connection, customer, name)
    await erase(connection, customer, name, now)


async def _rewrite_outbox(connection: db.Connection, customer: str, name: str) -> None:
    """Let what still waits to be published go without the person; their dead letters not at all."""
    rows = await connection.fetch(kernel.QUERIES["outbox_of"], customer.encode())
    letters = [row["position"] for row in rows if row["type"] == "dead-letter"]
    await connection.execute(kernel.QUERIES["outbox_drop"], letters)
    for row in rows:
        event = None if row["type"] == "dead-letter" else _event(row)
        if event is None or type(event.body) not in FORGOTTEN:
            continue
        headers, payload = encode(_about(event, name))
        names, values = zip(*headers, strict=True)
        await connection.execute(
            kernel.QUERIES["outbox_rewrite"],
            row["position"],
            payload,
            name.encode(),
            name,
            names,
            values,
        )


def _event(row: db.Row) -> Event | None:
    pairs = zip(row["header_names"], row["header_values"], strict=True)
    return decode({name: (value or b"").decode() for name, value in pairs}, row["payload"])


# --- what comes in -------------------------------------------------------------------------------


def parse(record: Record) -> Sequence[Item[Event]]:
    """Read a record of a `touchback.*` topic; contact cards are for `ask` alone."""
    return [item for item in own_messages(record) if not isinstance(item.value.body, Profile)]


class Guard:
    """Stands before the handlers of a service: forgets what it is told to, and lets in the rest."""

    def __init__(
        self, handle: Handle[Event], erase: Erase, take_back: TakeBack | None = None
    ) -> None:
        self._handle = handle
        self._erase = erase
        self._take_back = take_back

    async def __call__(
        self, connection: db.Connection, items: Sequence[Item[Event]], now: datetime
    ) -> None:
        """Handle a batch; in whatever order it says so, what it says to forget is forgotten."""
        events = [item.value for item in items]
        erased = [e.body for e in events if isinstance(e.body, CustomerErased)]
        withdrawn = [
            e.body for e in events if isinstance(e.body, Response) and is_withdrawn(e.body)
        ]
        await hold(connection, alone=bool(erased or withdrawn))
        stones = await tombstones(connection, (key for event in events for key in _keys(event)))
        for body in erased:
            key = customer_key(body.customer_id)
            if key not in stones or stones[key] < body.at:
                await forget(connection, body.customer_id, body.at, self._erase, now)
                stones[key] = body.at
        await self._withdraw(connection, withdrawn, stones)
        await _lift(connection, events, stones)
        left = [replace(item, value=sifted(item.value, stones)) for item in items]
        left = [item for item in left if not isinstance(item.value.body, CustomerErased)]
        if left:
            await self._handle(connection, left, now)

    async def _withdraw(
        self, connection: db.Connection, said: Sequence[Response], stones: dict[str, datetime]
    ) -> None:
        if not said or self._take_back is None:
            return
        for body in said:
            key = response_key(body.response_id)
            await connection.execute(kernel.QUERIES["tombstones_set"], key, body.at)
            stones[key] = max(body.at, stones.get(key, body.at))
        await self._take_back(connection, said)


def is_withdrawn(response: Response) -> bool:
    """Whether the customer took back all words of it."""
    return response.answers.get("withdrawn") is True


def sifted(event: Event, stones: Mapping[str, datetime]) -> Event:
    """Return an event without what is to stay forgotten."""
    body = event.body
    if isinstance(body, CustomerErased | Profile | OptOut | OptOutLifted):
        # For `ask` alone, which judges cards by their time, and keeps a wish for who comes back.
        return event
    erased_at = stones.get(customer_key(_customer(event)))
    if erased_at is not None and begun(body) <= erased_at:
        return _about(event, stand_in())
    if isinstance(body, CaseEvent) and response_key(body.score.response_id) in stones:
        return replace(event, body=_wordless(body))
    if isinstance(body, Response):
        taken_at = stones.get(response_key(body.response_id))
        if taken_at is not None and body.at <= taken_at:
            kept = {key: body.answers[key] for key in ("parts", "withdrawn") if key in body.answers}
            return replace(event, body=body.model_copy(update={"comment": None, "answers": kept}))
    return event


async def _lift(
    connection: db.Connection, events: Sequence[Event], stones: dict[str, datetime]
) -> None:
    """Let words count again that were said after others were taken back."""
    said = [event.body for event in events if isinstance(event.body, Response)]
    again = [
        key
        for body in said
        if (key := response_key(body.response_id)) in stones
        and body.at > stones[key]
        and body.comment is not None
    ]
    if again:
        await connection.execute(kernel.QUERIES["tombstones_lift"], again)
        for key in again:
            stones.pop(key, None)


def _keys(event: Event) -> Iterable[str]:
    yield customer_key(_customer(event))
    if isinstance(event.body, CaseEvent):
        yield response_key(event.body.score.response_id)
    elif isinstance(event.body, Response):
        yield response_key(event.body.response_id)


def _customer(event: Event) -> str:
    return str(getattr(event.body, "customer_id", event.subject))


def _about(event: Event, name: str) -> Event:
    return replace(event, subject=name, body=anonymous(event.body, name))


def _wordless(body: CaseEvent) -> CaseEvent:
    score = body.score.model_copy(update={"comment": None, **chosen({})})
    return body.model_copy(update={"score": score})
