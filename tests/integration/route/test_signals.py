"""Signals that open a case without asking, and those that only tell a team."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.route import store
from services.route.model import Notice
from services.route.summaries import Summaries, kept_of
from shared import db
from shared.catalog import Catalog, Channel, Routing, Touchpoint
from shared.clock import SystemClock
from shared.contracts.asks import Decision
from shared.contracts.envelope import Event
from shared.contracts.responses import Feedback
from tests.integration.route.ground import (
    CONSOLE,
    case_events,
    completed,
    delivering,
    from_close,
    loop_of,
    rows,
    take,
)
from tests.support.sinks import MailSink
from tests.support.wait import eventually
from tests.unit.route.catalogs import AT, catalog, response, team

KNOWN = catalog(
    {
        "team": "care",
        "routes": [{"when": 'response.touchpoint == "repeat-contact"', "team": "billing"}],
    },
    team("care"),
    team("billing"),
)


def _decided(outcome: str, **changes: Any) -> Event:
    fields: dict[str, Any] = {
        "decision_id": "d1",
        "touchpoint": "repeat-contact",
        "customer_id": "c1",
        "signal": "support.ticket.opened",
        "source": "support",
        "source_event_id": "t3",
        "occurred_at": AT,
        "decided_at": AT,
        "outcome": outcome,
        "catalog_version": "v1",
        "correlation": "ticket-3",
        "attributes": {"value": 10},
    }
    body = Decision.model_validate(fields | changes)
    return Event(body.decision_id, "touchback/ask", "touchback.decision.v1", "c1", AT, body)


async def test_an_effort_signal_opens_a_case_that_shows_no_score(route_db: db.Database) -> None:
    await take(route_db, KNOWN, _decided("case"))
    await take(route_db, KNOWN, _decided("case"), _decided("case", decision_id="d2"))

    (opened,) = await case_events(route_db, "opened")
    (attached,) = await case_events(route_db, "attached")
    (alert,) = await rows(route_db, "deliveries")
    assert (opened.team, opened.score.source, opened.correlation) == (
        "billing",
        "signal",
        "ticket-3",
    )
    assert attached.score.response_id == "d2"
    assert Notice.model_validate(alert["notice"]).score is None


async def test_a_signal_to_notify_tells_the_team_and_opens_nothing(route_db: db.Database) -> None:
    event = _decided("notify", notify="team", attribution={"team": "billing"})

    await take(route_db, KNOWN, event, _decided("notify", decision_id="d2", notify="customer"))
    await take(route_db, KNOWN, event, _decided("ask", decision_id="d3"))

    (alert,) = await rows(route_db, "deliveries")
    assert (alert["team"], alert["notice"]["type"], alert["owed"]) == (
        "billing",
        "signal.noticed",
        False,
    )
    assert await rows(route_db, "cases") == []


LATE = {
    "touchpoint": "promise-missed",
    "on": {"signal": "ordering.order.delayed"},
    "act": "notify",
    "notice": {
        "to": "team",
        "subject": {"en": "A promise\n will be missed", "zh": "我们将无法按时送达"},
        "text": {"en": "Call before they do.", "zh": "请先联系客户。"},
    },
    "owner": "billing",
}


@pytest.mark.parametrize(
    ("language", "subject", "text"),
    [
        ("en", "A promise will be missed", "Call before they do."),
        ("zh", "我们将无法按时送达", "请先联系客户。"),
    ],
)
async def test_a_notice_to_a_team_is_told_in_the_words_of_the_catalog_and_its_language(
    route_db: db.Database, mail_sink: MailSink, language: str, subject: str, text: str
) -> None:
    touchpoint = Touchpoint.model_validate(LATE)
    billing = team("billing").model_copy(update={"language": language})
    known = Catalog(
        version="v1",
        teams=(team("care"), billing),
        touchpoints=(touchpoint,),
        routing=Routing.model_validate({"team": "care"}),
    )
    event = _decided("notify", notify="team", touchpoint="promise-missed")

    await take(route_db, known, event, now=SystemClock().now())
    async with delivering(loop_of(route_db, known, smtp=f"smtp://127.0.0.1:{mail_sink.port}")):
        await eventually(lambda: len(mail_sink.mails) == 1, within=10)

    (mail,) = mail_sink.mails
    (alert,) = await rows(route_db, "deliveries")
    assert (mail.message["Subject"], text in mail.text) == (subject, True)
    assert (alert["notice"]["subject"], alert["notice"]["text"]) == (subject, text)


async def test_a_notice_whose_words_the_catalog_has_lost_is_told_all_the_same(
    route_db: db.Database,
) -> None:
    await take(route_db, KNOWN, _decided("notify", notify="team", attribution={"team": "care"}))

    (alert,) = await rows(route_db, "deliveries")
    assert (alert["notice"]["subject"], alert["notice"]["text"]) == (None, None)


def _feedback(name: str, **changes: Any) -> Event:
    fields: dict[str, Any] = {
        "feedback_id": name,
        "customer_id": name,
        "text": "The app hides the cancel button.",
        "channel": "page",
        "received_at": AT,
    }
    body = Feedback.model_validate(fields | changes)
    kind = "touchback.feedback.received.v1"
    return Event(name, "touchback/collect", kind, name, AT, body)


@pytest.mark.parametrize(
    ("said", "source", "shown"),
    [
        ({"metric": "csat", "score": 1, "band": "low"}, "feedback", "CSAT 1"),
        ({"urgent": True}, "signal", None),
        ({"metric": "csat", "score": 5, "band": "high", "urgent": True}, "signal", None),
    ],
)
async def test_unasked_words_that_are_low_or_urgent_open_a_case(
    route_db: db.Database, said: dict[str, Any], source: str, shown: str | None
) -> None:
    await take(route_db, KNOWN, _feedback("f1", **said))

    (opened,) = await case_events(route_db, "opened")
    (alert,) = await rows(route_db, "deliveries")
    score = Notice.model_validate(alert["notice"]).score
    assert (opened.touchpoint, opened.score.source) == ("feedback", source)
    assert (score and f"{score.metric.upper()} {score.score}") == shown


CHOOSY = catalog({"team": "care", "advocacy": {"team": "care", "when": "response.score == 10"}})


@pytest.mark.parametrize(
    ("known", "changes"),
    [
        pytest.param(KNOWN, {}, id="without a score"),
        pytest.param(KNOWN, {"metric": "csat", "score": 3, "band": "mid"}, id="middling"),
        pytest.param(KNOWN, {"metric": "csat", "score": 5, "band": "high"}, id="high"),
        pytest.param(CHOOSY, {"metric": "csat", "score": 5, "band": "high"}, id="no advocate's"),
    ],
)
async def test_other_unasked_words_are_read_by_the_team_without_a_case(
    route_db: db.Database, known: Catalog, changes: dict[str, Any]
) -> None:
    event = _feedback("f1", **changes)

    await take(route_db, known, event)
    await take(route_db, known, event)

    (alert,) = await rows(route_db, "deliveries")
    assert alert["notice"]["type"] == "feedback.received"
    assert "cancel button" in alert["notice"]["comment"]
    assert await rows(route_db, "cases") == []


async def test_a_case_keeps_the_rules_by_which_it_is_worked_on(route_db: db.Database) -> None:
    await take(route_db, KNOWN, completed(response()))

    (opened,) = await case_events(route_db, "opened")
    assert opened.policy is not None
    assert (opened.policy.time_zone, opened.policy.fallback) == ("UTC", "care")


async def test_a_summary_is_owed_once_however_often_it_is_looked_for(
    route_db: db.Database,
) -> None:
    mail = Channel(
        channel="lead", kind="email", address="lead@care.test", alerts=False, summary="daily"
    )
    known = catalog(None, team("care", *team("care").channels, mail))
    await take(route_db, known, completed(response()))
    morning = SystemClock().now().replace(hour=9)
    summaries = Summaries(route_db, FrozenClock(morning), lambda: known, CONSOLE)

    await summaries.step()
    await summaries.step()

    found = await rows(route_db, "deliveries")
    told = [row for row in found if row["notice"]["type"] == "team.summary"]
    assert [row["channel"] for row in told] == ["lead"]
    assert {row["channel"] for row in found} == {"care-mail", "lead"}


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "in one batch"])
async def test_a_summary_judges_a_case_that_came_back_by_its_first_cycle(
    route_db: db.Database, together: bool
) -> None:
    known = catalog(None, team("care"))
    await take(route_db, known, completed(response()))
    (opened,) = await case_events(route_db, "opened")
    met = opened.deadlines[1].model_copy(update={"met_at": AT + timedelta(hours=1)})
    first = (opened.deadlines[0], met, *opened.deadlines[2:])
    again = tuple(d.model_copy(update={"cycle": 2, "met_at": None}) for d in first)
    late = tuple(d.model_copy(update={"met_at": AT + timedelta(days=9)}) for d in again)
    events = [
        from_close(opened, "resolved", version=2, state="resolved", deadlines=first),
        from_close(opened, "reopened", version=3, state="assigned", deadlines=again),
        from_close(opened, "contacted", version=4, state="contacted", deadlines=late),
    ]

    for batch in [events] if together else [[event] for event in events]:
        await take(route_db, known, *batch)

    async with route_db.connection() as connection:
        (kept,) = map(kept_of, await store.of_team(connection, "care", AT))
    assert kept.first == first
    assert kept.deadlines == late


class FrozenClock:
    """A moment that does not pass."""

    def __init__(self, moment: datetime) -> None:
        self._moment = moment

    def now(self) -> datetime:
        return self._moment
