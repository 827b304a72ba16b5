"""The console over a database in which a day has passed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from services.console import handlers
from services.console.app import MIGRATIONS, build
from services.console.outbound import Paused, Sources
from services.console.passwords import hashed
from services.console.settings import Settings
from shared import db, migrate
from shared.consume import Item
from shared.contracts.asks import Decision, Invitation
from shared.contracts.base import Message
from shared.contracts.cases import Alert, CaseEvent, CasePolicy, Deadline
from shared.contracts.envelope import Event
from shared.contracts.responses import Feedback, Response
from tests.browser.server import answering, serving
from tests.integration.console.test_causes import CALM, FIX, HOT, MANY, NEW
from tests.support.clock import START, ManualClock
from tests.support.databases import Databases
from tests.unit.close.cases import TARGETS, a_score, an_event
from tests.unit.collect.facts import CATALOG

PASSWORD = "correct horse battery"  # noqa: S105  (of these tests)
KEY = "0123456789abcdef0123456789abcdef"
CHINESE = a_score("r-late", START - timedelta(hours=5)).model_copy(
    update={"comment": "账单看不懂，打了三次电话都没有解决。", "language": "zh"}
)


def _late() -> Message:
    event = an_event("late", "c-2", team="delivery-ops", touchpoint="delivered", score=CHINESE)
    by = timedelta(hours=5)
    moved = tuple(d.model_copy(update={"due_at": d.due_at - by}) for d in event.deadlines)
    return event.model_copy(update={"deadlines": moved, "opened_at": START - by})


def _waiting() -> Message:
    """A second open case of a customer, so that one may be merged into the other."""
    return an_event("wait", "c-2", version=4, state="contacted", assignee="lena")


def _unhappy() -> list[tuple[str, str, Message]]:
    """Resolved, and the customer disagrees: the team has it back, and others know."""
    done = _done(an_event("again", "c-4"))
    clocks = tuple(each.model_copy(update={"cycle": 2}) for each in done.deadlines)
    at = {"reason": "customer_disagrees", "state": "assigned", "deadlines": clocks}
    again = done.model_copy(
        update={**at, "version": 4, "actor": "customer", "note": "还是没有人打电话给我。"}
    )
    told = again.model_copy(
        update={"version": 5, "actor": "close", "note": None, "escalated_to": "care"}
    )
    return [
        ("touchback.case.resolved.v1", "close", done),
        ("touchback.case.reopened.v1", "close", again),
        ("touchback.case.escalated.v1", "close", told),
    ]


def _unasked() -> Message:
    """A case that an event opened, whose customer has to come back; its clock counts open hours."""
    score = a_score().model_copy(update={"source": "signal", "metric": "ces", "comment": None})
    stands = Deadline(
        clock="contact",
        due_at=START + timedelta(days=1),
        target_seconds=8 * 3600,
        measure="business",
        started_at=START,
    )
    rules = CasePolicy(
        time_zone="Europe/Berlin",
        hours={day: (("09:00", "12:00"), ("13:00", "17:00")) for day in ("mon", "tue", "wed")},
        fallback="care",
    )
    paused = stands.model_copy(update={"clock": "resolve", "paused_at": START})
    return an_event(
        "unasked",
        "c-5",
        state="waiting_customer",
        assignee="lena",
        score=score,
        policy=rules,
        deadlines=(stands, paused),
    )


def _done(taken: CaseEvent) -> CaseEvent:
    return taken.model_copy(
        update={
            "version": 3,
            "state": "resolved",
            "actor": "lena",
            "root_cause": "billing: charged twice",
            "action": "Paid back the second charge.",
            "outcome": "Customer is content.",
        }
    )


def _silent() -> CaseEvent:
    over = {"state": "closed_unconfirmed", "actor": "close", "reason": "quiet_period"}
    return _done(an_event("silent", "c-6")).model_copy(update={**over, "version": 4})


class Stuck(Sources):
    """A `listen` that left a source unread."""

    def __init__(self, url: str, token: str) -> None:
        super().__init__(url, token)
        reason = 'sources.yaml:4: "occurred_at": no such key: "at"; the record: {"id": "evt-1"}'
        self.paused = (Paused("billing", START, reason),)


def the_day() -> list[tuple[str, str, Message]]:
    """What was said on the topics: type, source, body."""
    decision = Decision(
        decision_id="d-1",
        touchpoint="first-bill",
        customer_id="u1",
        signal="billing.invoice.issued",
        source="billing",
        source_event_id="inv-1",
        occurred_at=START - timedelta(days=1),
        decided_at=START - timedelta(days=1),
        outcome="ask",
        catalog_version="abc",
        invitation_id="i-1",
    )
    silent = decision.model_copy(
        update={"decision_id": "d-2", "outcome": "silent", "silence": "cap_person"}
    )
    invitation = Invitation(
        invitation_id="i-1",
        decision_id="d-1",
        touchpoint="first-bill",
        survey="bill-effort",
        customer_id="u1",
        channel="email",
        survey_url="https://ask.example/s/x",
        occurred_at=START - timedelta(days=1),
        expires_at=START + timedelta(days=13),
        at=START - timedelta(hours=20),
    )
    response = Response(
        response_id="r-c1",
        touchpoint="first-bill",
        survey="bill-effort",
        metric="ces",
        customer_id="u1",
        score=5,
        band="low",
        comment="Charged twice.",
        language="en",
        channel="email",
        received_at=START,
        at=START,
    )
    alert = Alert(
        alert_id="al-1",
        case_id="c1",
        customer_id="u1",
        touchpoint="first-bill",
        team="billing-care",
        priority="high",
        channel="billing-care-hook",
        kind="webhook",
        attempt=1,
        at=START,
        response_received_at=START,
    )
    feedback = Feedback(
        feedback_id="f-1",
        customer_id="u1",
        text="The app signs me out every day.",
        channel="page",
        received_at=START,
    )
    opened = an_event("c1", "u1")
    taken = opened.model_copy(update={"version": 2, "state": "acknowledged", "assignee": "Lena"})
    return [
        ("touchback.decision.v1", "ask", decision),
        ("touchback.decision.v1", "ask", silent),
        ("touchback.invitation.sent.v1", "ask", invitation),
        ("touchback.response.completed.v1", "collect", response),
        ("touchback.feedback.received.v1", "collect", feedback),
        ("touchback.case.opened.v1", "route", opened),
        ("touchback.alert.delivered.v1", "route", alert),
        ("touchback.alert.failed.v1", "route", alert.model_copy(update={"failure": "HTTP 503"})),
        ("touchback.case.acknowledged.v1", "close", taken),
        ("touchback.case.opened.v1", "route", an_event("new", "c-3")),
        ("touchback.case.opened.v1", "route", _late()),
        ("touchback.case.opened.v1", "route", _waiting()),
        ("touchback.case.opened.v1", "route", an_event("done", "u1", version=1)),
        ("touchback.case.resolved.v1", "close", _done(an_event("done", "u1"))),
        *_unhappy(),
        ("touchback.case.opened.v1", "route", _unasked()),
        ("touchback.case.closed.v1", "close", _silent()),
    ]


KNOWN: dict[str, dict[str, Any]] = {
    "root-causes": {"causes": [HOT, CALM, NEW]},
    "fixes": {"fixes": [FIX]},
    "recovery": {"recovery": [{"team": "parcels", "root_cause": "damaged", **MANY}]},
}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def told(databases: Databases) -> AsyncIterator[str]:
    """The database in which the day has passed."""
    async with databases.one() as dsn:
        await migrate.apply(dsn, "console", MIGRATIONS)
        await _hear(dsn)
        yield dsn


@pytest.fixture(scope="session")
def close() -> Iterator[str]:
    """The address of a `close` that knows some figures and does what it is asked."""

    async def known(request: Request) -> JSONResponse:
        return JSONResponse(KNOWN[request.path_params["name"]])

    async def act(request: Request) -> JSONResponse:
        taken = an_event("new", "c-3", version=2, state="acknowledged", assignee="lena")
        return JSONResponse({"case": taken.model_dump(mode="json")})

    routes = [
        Route("/v1/{name}", known),
        Route("/v1/cases/{case_id}/{step}", act, methods=["POST"]),
    ]
    with answering(Starlette(routes=routes)) as address:
        yield address


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def console(told: str, close: str) -> AsyncIterator[str]:
    """The address of one where nobody signs in."""
    clock = ManualClock(START + TARGETS["acknowledge"] / 3)
    with serving(build(_settings(told, close, {"console_sign_in": "none"}), clock)) as address:
        yield address


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def guarded(told: str, close: str) -> AsyncIterator[str]:
    """The address of one that only Lena enters, while a source is not read."""
    clock = ManualClock(START + TARGETS["acknowledge"] / 3)
    people = {"console_users": {"lena": hashed(PASSWORD)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("services.console.app.Sources", Stuck)
        runtime = build(_settings(told, close, people), clock)
    with serving(runtime) as address:
        yield address


async def _hear(dsn: str) -> None:
    database = db.Database(dsn, "console")
    await database.open()
    async with database.transaction() as connection:
        for number, (type, source, body) in enumerate(the_day()):
            subject = getattr(body, "customer_id", "")
            event = Event(f"e-{number}", f"touchback/{source}", type, subject, START, body)
            await handlers.handle(connection, [Item(event.source, event.id, event)], START)
    await database.close()


def _settings(dsn: str, close: str, more: dict[str, object]) -> Settings:
    return Settings.model_validate(
        {
            "kafka_bootstrap_servers": "localhost:1",
            "postgres_dsn": dsn,
            "catalog": CATALOG,
            "link_keys": KEY,
            "api_token": "a-token",
            "close_url": close,
            **more,
        }
    )
