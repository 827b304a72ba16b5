"""From the source topics to touchback.signals, touchback.answers and touchback.profiles."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import assert_never

from services.listen.decide import understand
from services.listen.model import Finding, Mapped, Skipped, Unused
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
        parent = record.text_headers.get("traceparent")
        outcomes = [
            (source, outcome)
            for source in dialects.on(record.topic)
            for outcome in understand(record, source, dialects.used)
        ]
        found = [
            (source.source, message)
            for source, outcome in outcomes
            if isinstance(outcome, Mapped)
            for message in outcome.messages
        ]
        # Counted once, however many sources share the topic and have nothing to say.
        skipped = [(source.source, out) for source, out in outcomes if isinstance(out, Skipped)][:1]
        place = f"{record.position}@{record.timestamp}"
        return [
            Item(source, self._identity(what, place), Finding(source, what, parent))
            for source, what in (found or skipped)
        ]

    def _identity(self, what: Signal | Answer | Profile | Unused | Skipped, place: str) -> str:
        match what:
            case Signal():
                return f"signal:{what.signal}:{what.source_event_id}"
            case Answer():
                return f"answer:{what.answer_id}"
            case Profile():
                return f"profile:{self._fingerprint(what)}"
            case Unused():
                return f"unused:{what.signal}:{place}"
            case Skipped():
                return f"skipped:{place}"
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
        tally = Tally()
        messages: list[Outgoing] = []
        for item in items:
            finding = item.value
            tally.add(_tally(finding.what), finding.source)
            with logs.trace(finding.traceparent):
                messages += self._messages(item)
        await outbox.add(connection, messages, now)
        await tally.write(connection)

    def _messages(self, item: Item[Finding]) -> list[Outgoing]:
        match item.value.what:
            case Signal() as signal:
                return [_signal(signal)]
            case Answer() as answer:
                return [_answer(answer)]
            case Profile() as profile:
                return [self._profile(profile, stable_id(item.source, item.id))]
            case Unused() | Skipped():
                return []

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


def _tally(what: Signal | Answer | Profile | Unused | Skipped) -> str:
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
