"""A team in Slack: button pressed, case taken, message edited, the late one told; on real Kafka."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
import pytest_asyncio

from services.close.http.slack import signature
from shared import topics
from shared.clock import SystemClock
from shared.contracts.envelope import Event, encode
from tests.support import outside
from tests.support.sinks import Answer
from tests.support.stack import TOKEN, Ground, World, world
from tests.support.wait import eventually
from tests.unit.route.catalogs import response

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240)]
SOON = 30.0
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # noqa: S105  (of the provider's own example)
SAID = {"ok": True, "channel": "C0123", "ts": "171.001"}
CATALOG = {
    "teams.yaml": """\
- team: care
  name: Care
  language: zh
  members:
    - {member: lena, name: Lena, slack: U0LENA}
  channels:
    - {channel: care-chat, kind: slack, secret: bot, to: C0123, url: "http://127.0.0.1:8090/api"}
- team: hurried
  name: Hurried
  channels:
    - {channel: hurried-chat, kind: slack, secret: bot, to: C0124, url: "http://127.0.0.1:8090/api"}
  targets:
    high: {acknowledge: 5s, contact: 4h, resolve: 2d}
    normal: {acknowledge: 5s, contact: 4h, resolve: 2d}
""",
    "routing.yaml": """\
team: care
routes:
  - {when: 'response.comment.contains("hurry")', team: hurried}
""",
    "sources.yaml": "[]\n",
    "touchpoints.yaml": "[]\n",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """`route` and `close`, and a Slack that says yes."""
    given = tmp_path_factory.mktemp("given")
    for name, text in CATALOG.items():
        (given / name).write_text(text)
    async with world(ground, tmp_path_factory.mktemp("slack"), given) as made:
        made.hooks.answer_always(Answer(body=json.dumps(SAID).encode()))
        made.stack.environment["TOUCHBACK_SLACK_SIGNING_SECRET"] = SECRET
        made.stack.start("route", "close")
        await made.stack.ready("route", "close")
        yield made


async def low_score(running: World, name: str, comment: str) -> None:
    now = SystemClock().now()
    said = response(name, customer_id=name, received_at=now, at=now, comment=comment)
    kind = "touchback.response.completed.v1"
    headers, value = encode(Event(name, "touchback/collect", kind, name, now, said))
    async with outside.producing(running.stack) as producer:
        await producer.send_and_wait(
            topics.RESPONSES, value=value, key=name.encode(), headers=headers
        )


def told(running: World, method: str, words: str) -> list[dict[str, Any]]:
    """What Slack was told by this method, with these words in it."""
    calls = (call for call in running.hooks.calls if call.path == f"/api/{method}")
    bodies = [json.loads(call.body) for call in calls]
    return [each for each in bodies if words in json.dumps(each, ensure_ascii=False)]


def button(message: dict[str, Any], action: str) -> dict[str, Any]:
    elements = [e for block in message["blocks"] for e in block.get("elements", [])]
    return next(e for e in elements if e.get("action_id") == action)


async def press(running: World, pressed: dict[str, Any], user: str, at: str) -> int:
    """Press it, as Slack tells us; Slack waits three seconds for an answer."""
    payload = {
        "type": "block_actions",
        "user": {"id": user, "username": user.lower()},
        "actions": [{**pressed, "action_ts": at}],
        "response_url": running.hooks.url("/respond"),
    }
    body = urlencode({"payload": json.dumps(payload)}).encode()
    stamp = str(int(SystemClock().now().timestamp()))
    headers = {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature(SECRET, stamp, body),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    url = running.stack.url("close", "/slack/actions")
    async with (
        asyncio.timeout(3),
        aiohttp.ClientSession(headers=headers) as client,
        client.post(url, data=body) as answer,
    ):
        return answer.status


async def the_case(running: World, case_id: str) -> dict[str, Any]:
    url = running.stack.url("close", f"/v1/cases/{case_id}")
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(headers=bearer) as client, client.get(url) as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = (await answer.json())["case"]
        return found


async def test_a_button_takes_the_case_and_every_message_says_so(running: World) -> None:
    await low_score(running, "c-slack", "Nobody called.")
    [message] = await eventually(
        lambda: told(running, "chat.postMessage", "Nobody called."), within=SOON
    )
    take = button(message, "touchback.acknowledge")
    case_id = take["value"].rpartition(":")[0]
    await eventually(lambda: the_case(running, case_id), within=SOON)
    assert await press(running, take, "U0LENA", "1.1") == 200
    taken = await the_case(running, case_id)
    assert (taken["state"], taken["assignee"], taken["version"]) == ("acknowledged", "lena", 2)

    [edited] = await eventually(lambda: told(running, "chat.update", "lena"), within=SOON)
    assert (edited["channel"], edited["ts"]) == (SAID["channel"], SAID["ts"])
    left = [e.get("action_id") for b in edited["blocks"] for e in b.get("elements", [])]
    assert "touchback.acknowledge" not in left
    replies = await eventually(
        lambda: told(running, "chat.postMessage", '"thread_ts": "171.001"'), within=SOON
    )
    assert "lena" in replies[0]["text"]

    assert await press(running, take, "U0LATE", "2.2") == 200

    def said() -> list[dict[str, Any]]:
        calls = (call for call in running.hooks.calls if call.path == "/respond")
        return [json.loads(call.body) for call in calls]

    [refusal] = await eventually(said, within=SOON)
    assert refusal["response_type"] == "ephemeral"
    assert refusal["text"] == "lena 正在处理此个案。当前状态：已认领。"
    assert (await the_case(running, case_id))["version"] == 2


async def test_a_case_that_nobody_takes_is_told_of_again_before_its_time_is_up(
    running: World,
) -> None:
    await low_score(running, "c-hurry", "Please hurry.")
    warned = "Nobody has taken this yet"
    [again] = await eventually(lambda: told(running, "chat.postMessage", warned), within=SOON)
    assert again["channel"] == "C0124"
    case_id = button(again, "touchback.acknowledge")["value"].rpartition(":")[0]
    async with running.stack.reading("close") as connection:
        rows = await connection.fetch(
            "select type, reason, at from case_events where case_id = $1 order by version", case_id
        )
    reasons = [row["reason"] for row in rows]
    assert reasons.count("acknowledge_at_80") == 1
    assert await press(running, button(again, "touchback.acknowledge"), "U0LENA", "3.1") == 200
    taken = await the_case(running, case_id)
    assert (taken["state"], taken["assignee"]) == ("acknowledged", "lena")
