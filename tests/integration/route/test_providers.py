"""Fake Slack, Teams and PagerDuty: what they are told, and what their bad days do."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any, Self

import pytest
from aiohttp import web

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
from tests.support.processes import LOOPBACK
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


class Slack:
    """A Slack of a few lines: keeps what is posted; the answer to the first post gets lost."""

    def __init__(self, *, may_read: bool) -> None:
        self.calls: list[str] = []
        self.posted: list[dict[str, Any]] = []
        self._may_read = may_read

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/api/{method}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, 0).start()
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}/api"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        self.calls.append(method)
        if method in ("conversations.history", "conversations.replies"):
            return web.json_response(await self._found(request))
        said = await request.json()
        if method == "chat.postMessage":
            self.posted.append({**said, "ts": f"171.{len(self.posted)}"})
            if self.calls.count(method) in (1, 3):
                return await self._broken_off(request)
        ts = said.get("ts") or self.posted[-1]["ts"]
        return web.json_response({"ok": True, "channel": "C0123", "ts": ts})

    async def _found(self, request: web.Request) -> dict[str, Any]:
        asked = await request.post()
        assert asked["include_all_metadata"] == "true"
        assert float(str(asked["oldest"])) < time.time()
        if not self._may_read:
            return {"ok": False, "error": "missing_scope"}
        here = [m for m in self.posted if m.get("thread_ts") == asked.get("ts")]
        return {"ok": True, "messages": [{"ts": "1.0", "text": "of somebody"}, *reversed(here)]}

    async def _broken_off(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"content-length": "100"})
        await answer.prepare(request)
        await answer.write(b'{"ok": tr')
        assert request.transport is not None
        request.transport.abort()
        return answer


@pytest.mark.parametrize("may_read", [True, False])
async def test_a_message_whose_answer_was_lost_is_looked_for_before_it_is_posted_again(
    route_db: db.Database, may_read: bool
) -> None:
    async with Slack(may_read=may_read) as slack:
        known = catalog(None, team("care", _slack(slack.url)))
        await _low(route_db, known)
        (case,) = await case_events(route_db, "opened")
        clock = ShiftedClock()

        async with delivering(loop_of(route_db, known, secrets={"bot": "xoxb-1"}, clock=clock)):
            await eventually(lambda: _failed(route_db), within=10)
            assert [row["failure"] for row in await rows(route_db, "deliveries")] == ["answer_lost"]
            clock.ahead = timedelta(seconds=6)
            await eventually(lambda: _are(route_db, delivered=1), within=10)
            if not may_read:
                # Nobody can know: repeating beats silence.
                assert len(slack.posted) == 2
                return
            assert [each.get("thread_ts") for each in slack.posted] == [None]
            (row,) = await rows(route_db, "deliveries")
            assert row["receipt"] == {"channel": "C0123", "ts": "171.0"}

            taken = from_close(case, "acknowledged", version=2, state="acknowledged")
            await take(route_db, known, taken)
            await eventually(lambda: _are(route_db, delivered=2), within=10)

    assert slack.calls[2:] == ["chat.update", "chat.postMessage"]


async def test_a_reply_whose_answer_was_lost_is_looked_for_in_its_thread(
    route_db: db.Database,
) -> None:
    async with Slack(may_read=True) as slack:
        slack.calls.append("chat.postMessage")
        known = catalog(None, team("care", _slack(slack.url)))
        await _low(route_db, known)
        (case,) = await case_events(route_db, "opened")
        clock = ShiftedClock()

        async with delivering(loop_of(route_db, known, secrets={"bot": "xoxb-1"}, clock=clock)):
            await eventually(lambda: _are(route_db, delivered=1), within=10)
            await take(route_db, known, from_close(case, "acknowledged", version=2))
            await eventually(lambda: _failed(route_db), within=10)
            clock.ahead = timedelta(seconds=6)
            await eventually(lambda: _are(route_db, delivered=2), within=10)

    assert [each.get("thread_ts") for each in slack.posted] == [None, "171.0"]
    assert slack.calls[-2:] == ["chat.update", "conversations.replies"]


@pytest.mark.parametrize("manner", ["reset", "half", "drip", "hang", "endless"])
async def test_a_rough_slack_holds_up_nobody(
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
            await eventually(lambda: _some_delivered(route_db), within=5)


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


async def _some_delivered(database: db.Database) -> bool:
    return (await states(database))["delivered"] == 1


async def _failed(database: db.Database) -> bool:
    return any(row["failure"] for row in await rows(database, "deliveries"))
