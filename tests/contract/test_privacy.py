"""Whatever a message says of a person is known to whoever must forget it."""

from __future__ import annotations

import pytest

from shared.contracts.asks import Decision, Invitation
from shared.contracts.base import Message
from shared.contracts.cases import Alert, CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.registry import ALL
from shared.contracts.responses import Feedback, OptOut, OptOutLifted, Response
from shared.contracts.signals import Answer, CustomerErased, Profile, Signal
from shared.erasure import FORGOTTEN, customer_key, sifted
from tests.support.clock import START

NEVER_KEPT = {
    Profile: "for `ask` alone",
    OptOut: "for `ask` alone",
    OptOutLifted: "for nobody here",
    CustomerErased: "forgets",
}
_THINGS = {"touchpoint", "survey", "metric", "channel", "language", "stage", "attribution"}
_OF_ANSWERS = {"response_id", "invitation_id", "score", "band", "origin", "received_at", "at"}
ABOUT_NOBODY: dict[type[Message], set[str]] = {
    Signal: {"signal", "source", "source_event_id", "occurred_at"},
    Answer: {
        "answer_id",
        "source",
        "touchpoint",
        "score",
        "language",
        "answered_at",
        "customer_known",
    },
    Decision: _THINGS
    | {"decision_id", "signal", "source", "source_event_id", "occurred_at", "decided_at"}
    | {"outcome", "silence", "catalog_version", "probability", "invitation_id", "notify"}
    | {"next_possible_at"},
    Invitation: _THINGS
    | {"invitation_id", "decision_id", "occurred_at", "expires_at", "at", "failure"},
    Response: _THINGS | _OF_ANSWERS | {"anonymous", "unlinked"},
    Feedback: _THINGS | _OF_ANSWERS | {"feedback_id", "urgent", "anonymous", "verified"},
    CaseEvent: _THINGS
    | {"case_id", "version", "at", "actor", "reason", "previous", "state", "team", "priority"}
    | {"opened_at", "assignee", "acted_version", "escalated_to", "waiting_until", "merged_into"}
    | {"deadlines", "routing_path", "policy", "catalog_version", "root_cause", "raised_from"},
    Alert: _THINGS
    | {"alert_id", "case_id", "team", "priority", "kind", "attempt", "at", "failure"}
    | {"response_received_at", "reason"},
}
IN_PARTS: dict[type[Message], set[str]] = {Response: {"answers"}, CaseEvent: {"score"}}
"""Of these only the numbers are kept."""


@pytest.mark.parametrize("body", sorted({each.body for each in ALL}, key=lambda b: b.__name__))
def test_every_field_is_either_forgotten_or_about_nobody(body: type[Message]) -> None:
    if body in NEVER_KEPT:
        assert body not in FORGOTTEN
        return
    known = ABOUT_NOBODY[body] | IN_PARTS.get(body, set()) | set(FORGOTTEN[body]) | {"customer_id"}
    new = set(body.model_fields) - known
    assert not new, f"say in shared/erasure.py that {new} is forgotten, or here that it is nobody's"


@pytest.mark.parametrize("body", NEVER_KEPT, ids=lambda body: body.__name__)
def test_what_is_never_kept_is_let_through_after_an_erasure_too(body: type[Message]) -> None:
    said = body.model_construct(customer_id="kim")
    event = Event("1", "touchback/ask", "touchback.any.v1", "kim", START, said)
    assert sifted(event, {customer_key("kim"): START}) is event
