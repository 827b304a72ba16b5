"""What comes by topic: invitations, answers given to other tools, who has the case of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from services.collect import decide, record, store, subjects, traces
from services.collect.model import Invitation, InvitationId, InvitationState, ResponseId, Submission
from services.collect.policy import Policy
from shared import db, erasure
from shared.consume import Item
from shared.contracts import asks, cases
from shared.contracts.envelope import Event, stable_id
from shared.contracts.signals import Answer
from shared.errors import UnreadableMessage
from shared.records import Record


def _invitation(event: Event, body: asks.Invitation) -> Invitation:
    # The link of an erased customer leads nowhere, whatever comes late.
    gone = erasure.is_stand_in(body.customer_id)
    return Invitation(
        invitation_id=InvitationId(body.invitation_id),
        state="cancelled" if gone else cast(InvitationState, event.type.split(".")[2]),
        touchpoint=body.touchpoint,
        survey=body.survey,
        customer_id=body.customer_id,
        channel=body.channel,
        language=body.language,
        occurred_at=body.occurred_at,
        expires_at=body.expires_at,
        at=body.at,
        correlation=body.correlation,
        attribution=body.attribution,
        attributes=dict(body.attributes),
    )


def _submission(answer: Answer) -> Submission:
    comment = (answer.comment or "").replace("\x00", "").strip()
    return Submission(
        response_id=ResponseId(stable_id("answer", answer.source, answer.answer_id)),
        touchpoint=answer.touchpoint,
        customer_id=answer.customer_id if answer.customer_known else None,
        score=answer.score,
        channel=answer.source,
        origin="topic",
        comment=comment or None,
        language=answer.language,
        correlation=answer.correlation,
        invitation_id=InvitationId(answer.invitation_id) if answer.invitation_id else None,
        # Clocks start when we received it; the tool's own time is kept beside.
        attributes={**answer.attributes, "answered_at": answer.answered_at.isoformat()},
    )


@dataclass(frozen=True, slots=True)
class Handlers:
    """`policy` gives the part of the catalog that is current when it is called."""

    policy: Callable[[], Policy]

    def parse(self, arrived: Record) -> Sequence[Item[Event]]:
        """Read a record; an answer that fits no survey of the catalog goes to the dead letters."""
        items = erasure.parse(arrived)
        for item in items:
            if isinstance(item.value.body, Answer):
                self._check(item.value)
        return items

    def _check(self, event: Event) -> None:
        try:
            answer = cast(Answer, event.body)
            decide.check(answer.touchpoint, answer.score, self.policy())
        except (LookupError, ValueError) as error:
            raise UnreadableMessage(f"answer refused: {error.args[0]}") from error

    async def handle(
        self, connection: db.Connection, items: Sequence[Item[Event]], now: datetime
    ) -> None:
        """Keep what a batch says."""
        events = [item.value for item in items]
        decisions = [e.body for e in events if isinstance(e.body, asks.Decision)]
        await store.count_moments(connection, decisions)
        await subjects.keep(connection, decisions)
        await store.save_cases(
            connection, [e.body for e in events if isinstance(e.body, cases.CaseEvent)]
        )
        arrived = [_invitation(e, e.body) for e in events if isinstance(e.body, asks.Invitation)]
        await store.save_invitations(connection, arrived)
        await traces.keep(connection, _parents(events), now)
        await store.say_opt_outs(connection, [each.invitation_id for each in arrived], now)
        answers = [_submission(e.body) for e in events if isinstance(e.body, Answer)]
        await record.keep(connection, answers, self.policy(), now)


def _parents(events: Sequence[Event]) -> dict[str, str]:
    """Return the trace of each ask, and of each answer that came by topic."""
    found: dict[str, str] = {}
    for event in events:
        if event.traceparent and isinstance(event.body, asks.Invitation):
            found[event.body.invitation_id] = event.traceparent
        elif event.traceparent and isinstance(event.body, Answer):
            found[stable_id("answer", event.body.source, event.body.answer_id)] = event.traceparent
    return found
