"""From the source topics to touchback.signals, touchback.answers and touchback.profiles."""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import assert_never

from services.listen import store
from services.listen.decide import understand
from services.listen.model import (
    NOT_COUNTED,
    Counted,
    Finding,
    Partition,
    Said,
    Skipped,
    Unused,
)
from services.listen.policy import Dialects
from shared import db, logs, outbox
from shared.consume import Item
from shared.contracts.envelope import stable_id
from shared.contracts.signals import Answer, Profile, Signal
from shared.outbox import Outgoing
from shared.pii import Pii
from shared.records import Record
from shared.tallies import Tally

SERVICE = "listen"


class Listener:
    """Parses records by the catalog of the moment and publishes what they mean."""

    def __init__(self, current: Callable[[], Dialects], pii: Pii, fingerprint_key: str) -> None:
        self._current = current
        self._pii = pii
        self._fingerprint_key = fingerprint_key.encode()

    def parse(self, record: Record) -> Sequence[Item[Finding]]:
        """Raises UnreadableMessage when any source of the topic cannot make sense of the record."""
        dialects = self._current()
        said: list[Item[Finding]] = []
        silent: list[Item[Finding]] = []
        for source in dialects.on(record.topic):
            for outcome in understand(record, source, dialects.used):
                if isinstance(outcome, Skipped):
                    silent.append(self._item(source.source, outcome, record))
                else:
                    said += [self._item(source.source, each, record) for each in outcome.messages]
        # Counted once, however many sources share the topic and have nothing to say.
        return said or silent[:1]

    def _item(self, source: str, what: Said, record: Record) -> Item[Finding]:
        return Item(source, self._identity(what), Finding(source, what, record))

    def _identity(self, what: Said) -> str | None:
        match what:
            case Signal():
                return f"signal:{what.signal}:{what.source_event_id}"
            case Answer():
                return f"answer:{what.answer_id}"
            case Profile():
                return f"profile:{self._fingerprint(what)}"
            case Unused() | Skipped():
                return None
            case _:
                assert_never(what)

    def _fingerprint(self, profile: Profile) -> str:
        """Tell updates apart; keyed, since an unkeyed digest would give addresses away."""
        content = json.dumps(profile.model_dump(mode="json"), sort_keys=True).encode()
        return hmac.new(self._fingerprint_key, content, "sha256").hexdigest()

    async def handle(
        self, connection: db.Connection, items: Sequence[Item[Finding]], now: datetime
    ) -> None:
        """Publish each item once, and count it."""
        said = [item for item in items if item.id is not None]
        silent = [item.value for item in items if item.id is None]
        tally = Tally()
        counted = [*(item.value for item in said), *await _uncounted(connection, silent)]
        for (name, source), count in Counter((_tally(f.what), f.source) for f in counted).items():
            tally.add(name, source, by=count)
        messages: list[Outgoing] = []
        for item in said:
            with logs.trace(item.value.record.text_headers.get("traceparent"), "map"):
                messages += self._messages(item)
        await outbox.add(connection, messages, now)
        await tally.write(connection)

    def _messages(self, item: Item[Finding]) -> Iterator[Outgoing]:
        match item.value.what:
            case Signal() as signal:
                yield _signal(signal)
            case Answer() as answer:
                yield _answer(answer)
            case Profile() as profile:
                yield self._profile(profile, stable_id(item.source, item.id or ""))

    def _profile(self, profile: Profile, id: str) -> Outgoing:
        card = {
            name: self._pii.encrypt(text)
            for name in ("email", "phone", "name")
            if (text := getattr(profile, name)) is not None
        }
        return outbox.event(
            service=SERVICE,
            type="touchback.profile.v1",
            body=profile.model_copy(update=card),
            customer_id=profile.customer_id,
            at=profile.updated_at,
            id=id,
        )


async def _uncounted(connection: db.Connection, silent: Sequence[Finding]) -> list[Finding]:
    """Return what was not counted before; told by its place, since a row for each costs too much.

    Records of a partition come in their order, and again in their order.
    """
    if not silent:
        return []
    before = await store.counted(connection, {each.record.topic for each in silent})
    fresh: list[Finding] = []
    last: dict[Partition, Record] = {}
    latest: dict[Partition, int] = {}
    for each in silent:
        record = each.record
        where = (record.topic, record.partition)
        if not before.get(where, NOT_COUNTED).has(record):
            fresh.append(each)
            last[where] = record
            latest[where] = max(latest.get(where, -1), record.timestamp)
    marks = {
        where: Counted(record.offset, max(latest[where], before.get(where, NOT_COUNTED).latest))
        for where, record in last.items()
    }
    if marks:
        await store.count_up_to(connection, marks)
    return fresh


def _signal(signal: Signal) -> Outgoing:
    return outbox.event(
        service=SERVICE,
        type="touchback.signal.v1",
        body=signal,
        customer_id=signal.customer_id,
        at=signal.occurred_at,
        id=stable_id(signal.source, signal.source_event_id, signal.signal),
    )


def _answer(answer: Answer) -> Outgoing:
    return outbox.event(
        service=SERVICE,
        type="touchback.answer.v1",
        body=answer,
        customer_id=answer.customer_id,
        at=answer.answered_at,
        id=stable_id(answer.source, answer.answer_id, "answer"),
    )


def _tally(what: Said) -> str:
    match what:
        case Signal():
            return "signals"
        case Answer():
            return "answers"
        case Profile():
            return "profiles"
        case Unused():
            return "signals_unused"
        case Skipped():
            return "events_skipped"
        case _:
            assert_never(what)
