"""How far moments come: each event is one step at most, and each step is counted once."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from services.console import words
from services.console.funnel import STEPS, Step, step
from shared.contracts.asks import Decision, Invitation
from shared.contracts.base import Message
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from tests.support.clock import START
from tests.unit.close.cases import an_event

ASK = Decision(
    decision_id="d-1",
    touchpoint="first-bill",
    customer_id="u1",
    signal="billing.invoice.issued",
    source="billing",
    source_event_id="inv-1",
    occurred_at=START,
    decided_at=START,
    outcome="ask",
    catalog_version="abc",
)
INVITATION = Invitation(
    invitation_id="i-1",
    decision_id="d-1",
    touchpoint="first-bill",
    survey="bill-effort",
    customer_id="u1",
    channel="email",
    survey_url="https://ask.example/s/x",
    occurred_at=START,
    expires_at=START + timedelta(days=14),
    at=START,
)
RESPONSE = Response(
    response_id="r-1",
    touchpoint="first-bill",
    survey="bill-effort",
    metric="ces",
    customer_id="u1",
    score=5,
    band="low",
    channel="email",
    received_at=START,
    at=START,
)


def changed(body: Message, **changes: object) -> Message:
    return body.model_copy(update=changes)


def a_case(state: str, previous: str | None = None, cycle: int = 1) -> CaseEvent:
    event = an_event(state=state, previous=previous)
    clocks = tuple(each.model_copy(update={"cycle": cycle}) for each in event.deadlines)
    return event.model_copy(update={"deadlines": clocks})


@pytest.mark.parametrize(
    ("type", "body", "expected"),
    [
        pytest.param("decision.v1", ASK, "eligible", id="will be asked"),
        pytest.param(
            "decision.v1",
            changed(ASK, outcome="silent", silence="cap_person"),
            "eligible",
            id="was worth it, and stayed silent",
        ),
        pytest.param(
            "decision.v1",
            changed(ASK, outcome="silent", silence="not_eligible"),
            None,
            id="was not worth it",
        ),
        pytest.param("invitation.scheduled.v1", INVITATION, "invited", id="planned"),
        pytest.param("invitation.sent.v1", INVITATION, "delivered", id="sent"),
        pytest.param("invitation.reminded.v1", INVITATION, None, id="reminded"),
        pytest.param("invitation.failed.v1", INVITATION, None, id="failed"),
        pytest.param("response.started.v1", RESPONSE, "started", id="begun"),
        pytest.param("response.received.v1", RESPONSE, "answered", id="score given"),
        pytest.param("response.amended.v1", RESPONSE, None, id="changed"),
        pytest.param("response.completed.v1", RESPONSE, "low", id="low in the end"),
        pytest.param("response.completed.v1", changed(RESPONSE, band="mid"), None, id="not low"),
        pytest.param(
            "response.completed.v1", changed(RESPONSE, origin="import"), None, id="of long ago"
        ),
        pytest.param("case.opened.v1", a_case("assigned"), "case", id="opened"),
        pytest.param("case.attached.v1", a_case("assigned"), None, id="joined"),
        pytest.param(
            "case.contacted.v1", a_case("contacted", "acknowledged"), "contacted", id="reached"
        ),
        pytest.param(
            "case.contacted.v1", a_case("contacted", "contacted"), None, id="reached once more"
        ),
        pytest.param(
            "case.contacted.v1", a_case("contacted", "acknowledged", 2), None, id="in a new cycle"
        ),
        pytest.param("case.resolved.v1", a_case("resolved"), "resolved", id="put right"),
        pytest.param("case.resolved.v1", a_case("resolved", cycle=2), None, id="put right again"),
        pytest.param("case.closed.v1", a_case("closed", cycle=2), "confirmed", id="agreed"),
        pytest.param(
            "case.closed.v1", a_case("closed_unconfirmed"), "unconfirmed", id="said nothing"
        ),
    ],
)
def test_an_event_is_one_step_at_most(type: str, body: Message, expected: Step | None) -> None:
    event = Event("e", "touchback/x", f"touchback.{type}", "u1", START, body)
    assert step(event) == expected


def test_every_step_has_a_name() -> None:
    assert set(words.JOURNEY) == set(STEPS) == set(get_args(Step))
