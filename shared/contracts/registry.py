"""Which type of message stands on which topic."""

from __future__ import annotations

from dataclasses import dataclass

from shared import topics
from shared.contracts.asks import Decision, Invitation
from shared.contracts.base import Message
from shared.contracts.cases import Alert, CaseEvent
from shared.contracts.responses import Feedback, OptOut, OptOutLifted, Response
from shared.contracts.signals import Answer, CustomerErased, Profile, Signal


@dataclass(frozen=True, slots=True)
class MessageType:
    """A `ce_type`, the topic it stands on and the model of its body."""

    name: str
    topic: str
    body: type[Message]


def _types(topic: str, body: type[Message], pattern: str, *events: str) -> list[MessageType]:
    return [MessageType(pattern.format(event), topic, body) for event in events]


ALL: tuple[MessageType, ...] = (
    MessageType("touchback.signal.v1", topics.SIGNALS, Signal),
    MessageType("touchback.answer.v1", topics.ANSWERS, Answer),
    MessageType("touchback.profile.v1", topics.PROFILES, Profile),
    MessageType("touchback.customer.erased.v1", topics.PROFILES, CustomerErased),
    MessageType("touchback.decision.v1", topics.DECISIONS, Decision),
    *_types(
        topics.INVITATIONS,
        Invitation,
        "touchback.invitation.{}.v1",
        "scheduled",
        "sent",
        "reminded",
        "cancelled",
        "failed",
        "expired",
    ),
    *_types(
        topics.RESPONSES,
        Response,
        "touchback.response.{}.v1",
        "started",
        "received",
        "amended",
        "completed",
    ),
    MessageType("touchback.feedback.received.v1", topics.RESPONSES, Feedback),
    MessageType("touchback.opt-out.recorded.v1", topics.RESPONSES, OptOut),
    MessageType("touchback.opt-out.lifted.v1", topics.RESPONSES, OptOutLifted),
    *_types(
        topics.CASES,
        CaseEvent,
        "touchback.case.{}.v1",
        "opened",
        "attached",
        "acknowledged",
        "contacted",
        "waiting",
        "resolved",
        "reopened",
        "reassigned",
        "resumed",
        "warned",
        "breached",
        "escalated",
        "noted",
        "rescored",
        "merged",
        "suppressed",
        "corrected",
        "closed",
    ),
    *_types(
        topics.ALERTS,
        Alert,
        "touchback.alert.{}.v1",
        "queued",
        "delivered",
        "failed",
        "exhausted",
    ),
)

BY_NAME: dict[str, MessageType] = {each.name: each for each in ALL}
