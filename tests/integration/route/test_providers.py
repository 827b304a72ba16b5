"""Fake Slack, Teams and PagerDuty: what they are told, and what their bad days do."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from shared import db
from shared.catalog import Catalog, Channel
from tests.integration.route.ground import (
    ShiftedClock,
    case_events,
    completed,
    delivering,
    from_close,
    loop_of,
    rows,
    states,
    take,
)
from tests.support.rough import Manner, RoughServer
from tests.support.sinks import Answer, WebhookSink
from tests.support.wait import eventually
from tests.unit.route.catalogs import catalog, response, team

SLACK_SAYS = b'{"ok": true, "channel": "C0123", "ts": "171.001"}'


def _slack(url: str) -> Channel:
    return Channel(channel="chat", kind="slack", secret="bot", to="C0123", url=url)


def _secrets(sink: WebhookSink) -> dict[str, str]:
    return {"bot": "xoxb-1", "flow": sink.url("/flow"), "pager": "k" * 32}


async def _low(database: db.Database, known: Catalog, name: str = "r1") -> None:
    now = ShiftedClock().now()
    said = response(name, customer_id=name, received_at=now, at=now, comment="Never <b>again</b>")
    await take(database, known, completed(said), now=now)


def _answers(**said: Any) -> Answer:
    return Answer(headers={"content-type": "application/json"}, body=json.dumps(said).encode())


async def test_slack_gets_a_message_that_follows_the_case(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    webhook_sink.answer_always(Answer(body=SLACK_SAYS))
    known = catalog(None, team("care", _slack(webhook_sink.url("/api"))))
    await _low(route_db, known)
    (case,) = await case_events(route_db, "opened")

    async with delivering(loop_of(route_db, known, secrets=_secrets(webhook_sink))):
        await eventually(lambda: _are(route_db, delivered=1), within=10)
        taken = from_close(
            case, "acknowledged", version=2, previous="assigned", state="acknowledged",
            assignee="ines",
        )  # fmt: skip
        await take(route_db, known, taken)
        await take(route_db, known, taken)
        await eventually(lambda: _are(route_db, delivered=2), within=10)

    post, update, reply = [(c.path, json.loads(c.body)) for c in webhook_sink.calls]
    assert webhook_sink.calls[0].headers["authorization"] == "Bearer xoxb-1"
    assert (post[0], post[1]["channel"]) == ("/api/chat.postMessage", "C0123")
    assert (update[0], update[1]["ts"]) == ("/api/chat.update", "171.001")
    assert "ines" in json.dumps(update[1]["blocks"])
    assert (reply[0], reply[1]["thread_ts"]) == ("/api/chat.postMessage", "171.001")
    assert "Taken" in reply[1]["text"]


async def test_a_case_that_went_on_while_its_alert_was_under_way_is_told_afterwards(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    webhook_sink.answer_always(Answer(delay=0.5, body=SLACK_SAYS))
    known = catalog(None, team("care", _slack(webhook_sink.url("/api"))))
    await _low(route_db, known)
    (case,) = await case_events(route_db, "opened")

    async with delivering(loop_of(route_db, known, secrets=_secrets(webhook_sink))):
        await eventually(lambda: len(webhook_sink.calls) == 1, within=10)
        await take(route_db, known, from_close(case, "resolved", version=5, state="resolved"))
        await eventually(lambda: len(webhook_sink.calls) == 3, within=10)

    assert webhook_sink.calls[1].path == "/api/chat.update"
    assert "✅" in webhook_sink.calls[1].body.decode()


@pytest.mark.parametrize(
    ("answer", "failure", "state"),
    [
        (_answers(ok=False, error="invalid_auth"), "unauthorized", "exhausted"),
        (_answers(ok=False, error="channel_not_found"), "not_found", "exhausted"),
        (_answers(ok=False, error="internal_error"), "server_error", "due"),
        (_answers(ok=False, error="ratelimited"), "rate_limited", "due"),
        (_answers(ok=False, error="invalid_blocks"), "client_error", "exhausted"),
        (Answer(body=b"<html>"), "server_error", "due"),
        (Answer(429, headers={"retry-after": "17"}), "rate_limited", "due"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_slack_says_no_with(
    route_db: db.Database, webhook_sink: WebhookSink, answer: Answer, failure: str, state: str
) -> None:
    webhook_sink.answer_always(answer)
    known = catalog(None, team("care", _slack(webhook_sink.url("/api"))))
    await _low(route_db, known)
    clock = ShiftedClock()

    async with delivering(loop_of(route_db, known, secrets=_secrets(webhook_sink), clock=clock)):
        await eventually(lambda: _failed(route_db), within=10)

    (row,) = await rows(route_db, "deliveries")
    assert (row["failure"], row["state"]) == (failure, state)
    if answer.status == 429:
        wait = row["next_at"] - clock.now()
        assert timedelta(seconds=12) < wait <= timedelta(seconds=17)


@pytest.mark.parametrize("manner", ["reset", "half", "drip", "hang", "endless"])
async def test_a_rough_slack_is_tried_again_and_holds_up_nobody(
    route_db: db.Database, webhook_sink: WebhookSink, manner: Manner
) -> None:
    webhook_sink.answer_always(Answer(body=SLACK_SAYS))
    async with RoughServer(manner) as rough:
        well = _slack(webhook_sink.url("/api")).model_copy(update={"channel": "well"})
        tree = {"team": "care", "routes": [{"when": "response.score == 1", "team": "billing"}]}
        known = catalog(tree, team("care", _slack(rough.url("/api"))), team("billing", well))
        await _low(route_db, known)
        now = ShiftedClock().now()
        other = response("r2", customer_id="c2", score=1, received_at=now, at=now)
        await take(route_db, known, completed(other), now=now)

        async with delivering(loop_of(route_db, known, secrets=_secrets(webhook_sink))):
            await eventually(lambda: len(webhook_sink.calls) == 1, within=5)
            await eventually(lambda: rough.calls >= 1, within=5)
            if manner != "hang":
                await eventually(lambda: _failed(route_db), within=10)

    assert (await states(route_db))["delivered"] == 1


async def test_teams_and_pagerduty_are_told_and_pagerduty_of_the_end(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    webhook_sink.answer_always(Answer(202))
    pager = Channel(
        channel="pager", kind="pagerduty", secret="pager", url=webhook_sink.url("/enqueue")
    )
    flow = Channel(channel="flow", kind="teams", secret="flow")
    known = catalog(None, team("care", flow, pager))
    await _low(route_db, known)
    (case,) = await case_events(route_db, "opened")

    async with delivering(loop_of(route_db, known, secrets=_secrets(webhook_sink))):
        await eventually(lambda: _are(route_db, delivered=2), within=10)
        await take(route_db, known, from_close(case, "closed", version=7, state="closed"))
        await eventually(lambda: _are(route_db, delivered=3), within=10)

    told = {call.path: json.loads(call.body) for call in webhook_sink.calls[:2]}
    assert told["/flow"]["attachments"][0]["content"]["type"] == "AdaptiveCard"
    assert told["/enqueue"]["event_action"] == "trigger"
    end = json.loads(webhook_sink.calls[2].body)
    assert (end["event_action"], end["dedup_key"]) == ("resolve", case.case_id)


async def _are(database: db.Database, **expected: int) -> bool:
    return await states(database) == expected


async def _failed(database: db.Database) -> bool:
    return any(row["failure"] for row in await rows(database, "deliveries"))
