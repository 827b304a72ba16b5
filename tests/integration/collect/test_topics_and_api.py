"""Answers that come whole: by topic from other tools, and by API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.collect.app import build
from services.collect.store import QUERIES
from tests.integration.collect.service import TOKEN, Collect, answered, record, settings_for
from tests.support.clock import START, ManualClock


async def test_an_answer_from_another_tool_is_received_and_completed_at_once(
    collect: Collect,
) -> None:
    tool_time = START - timedelta(days=3)
    await collect.hear(
        answered(comment=" late\x00 ", answered_at=tool_time, attributes={"o": "SP"})
    )
    (first, received), (second, completed) = await collect.published()
    assert (first, second) == ("received", "completed")
    assert received == completed
    assert (received.score, received.band, received.comment) == (2, "low", "late")
    assert (received.origin, received.channel) == ("topic", "survey-tool")
    assert received.received_at == START
    assert received.attributes == {"o": "SP", "answered_at": tool_time.isoformat()}
    assert received.attribution.team == "support-leads"
    assert await collect.counted() == {("support-closed", "support-nps", "low"): 1}


async def test_the_same_answer_counts_once_however_it_comes_back(collect: Collect) -> None:
    await collect.hear(answered(), answered())
    await collect.hear(answered(), offset=2)
    async with collect.runtime.database.transaction() as connection:
        await connection.execute("delete from inbox")  # forgotten after its retention
    await collect.hear(answered(), offset=3)
    assert await collect.said() == [("received", 2), ("completed", 2)]
    assert sum((await collect.counted()).values()) == 1


async def test_two_tools_may_use_the_same_id(collect: Collect) -> None:
    one, other = answered(source="phone"), answered(source="chat")
    await collect.consumer.take(
        [record(one, "touchback.answer.v1", "e-1"), record(other, "touchback.answer.v1", "e-2")]
    )
    assert (await collect.rows())["responses"] == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"touchpoint": "nowhere"}, "touchpoint 'nowhere' is not in the catalog", id="touchpoint"
        ),
        pytest.param(
            {"score": 11}, "11 is not a score of nps: give a whole number from 0 to 10", id="score"
        ),
    ],
)
async def test_a_wrong_answer_goes_to_the_dead_letters_and_holds_up_no_other(
    collect: Collect, changes: dict[str, Any], reason: str
) -> None:
    await collect.hear(
        answered(answer_id="1"), answered(answer_id="2", **changes), answered(answer_id="3")
    )
    assert await collect.refusals() == [f"answer refused: {reason}"]
    assert (await collect.rows())["responses"] == 2


async def test_the_newest_description_of_an_invitation_wins_whatever_the_order(
    collect: Collect,
) -> None:
    later = START + timedelta(hours=1)
    await collect.invite("cancelled", id="e-2", at=later)
    await collect.invite("sent", id="e-1", at=START)
    assert (await collect.browser.get(collect.page)).status_code == 410


async def test_a_resent_invitation_may_be_open_for_longer(collect: Collect) -> None:
    await collect.invite("scheduled", id="e-1", expires_at=START + timedelta(hours=1))
    await collect.invite("sent", id="e-2", expires_at=START + timedelta(hours=3))
    collect.clock.advance(timedelta(hours=2))
    assert (await collect.browser.get(collect.page)).status_code == 200


async def post(
    collect: Collect, key: str | None = "k-1", token: str = TOKEN, **changes: Any
) -> httpx.Response:
    """Post an answer to the API."""
    headers = {"authorization": f"Bearer {token}"}
    if key:
        headers["idempotency-key"] = key
    body = {"touchpoint": "support-closed", "customer_id": "c-1", "score": 2, **changes}
    return await collect.browser.post("/v1/responses", json=body, headers=headers)


async def test_the_api_takes_an_answer_once_per_key(collect: Collect) -> None:
    first = await post(collect, comment="slow")
    assert first.status_code == 201
    collect.clock.advance(timedelta(hours=1))
    again = await post(collect, comment="slow")
    assert (again.status_code, again.json()) == (201, first.json())
    assert await collect.said() == [("received", 2), ("completed", 2)]
    response = (await collect.published())[0][1]
    assert (response.response_id, response.origin) == (first.json()["response_id"], "api")


async def test_a_key_is_not_taken_for_another_answer(collect: Collect) -> None:
    await post(collect)
    other = await post(collect, score=9)
    assert other.status_code == 422
    assert "used for another message" in other.json()["title"]
    assert len(await collect.said()) == 2


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        pytest.param({"token": "wrong"}, 401, id="unknown token"),
        pytest.param({"token": "other"}, 403, id="token for something else"),
        pytest.param({"key": None}, 400, id="no key"),
        pytest.param({"score": 11}, 422, id="score off the scale"),
        pytest.param({"score": "2"}, 422, id="score as text"),
        pytest.param({"touchpoint": "nowhere"}, 422, id="unknown touchpoint"),
        pytest.param({"scroe": 1}, 422, id="unknown field"),
        pytest.param({"comment": "x" * 2001}, 422, id="comment too long"),
        pytest.param({"attributes": {"x": "y" * 20_000}}, 413, id="body too large"),
        pytest.param({"customer_id": "c\x00"}, 422, id="U+0000 in the customer"),
        pytest.param({"touchpoint": "support-closed\x00"}, 422, id="U+0000 in the touchpoint"),
        pytest.param({"comment": "so\x00so"}, 422, id="U+0000 in the comment"),
        pytest.param({"language": "en\x00"}, 422, id="U+0000 in the language"),
        pytest.param({"correlation": "\x00"}, 422, id="U+0000 in the correlation"),
        pytest.param({"attributes": {"x\x00": 1}}, 422, id="U+0000 in a name"),
        pytest.param({"attributes": {"x": [{"y": "\x00"}]}}, 422, id="U+0000 deep inside"),
    ],
)
async def test_the_api_refuses(collect: Collect, changes: dict[str, Any], status: int) -> None:
    refused = await post(collect, **changes)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert (await collect.rows())["responses"] == 0


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
async def test_the_api_refuses_numbers_that_json_does_not_know(
    collect: Collect, number: str
) -> None:
    answer = '{"touchpoint": "support-closed", "customer_id": "c-1", "score": 2, "attributes": '
    body = f'{answer}{{"x": {{"y": {number}}}}}}}'
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": "k-1"}
    refused = await collect.browser.post("/v1/responses", content=body, headers=headers)
    assert (refused.status_code, (await collect.rows())["responses"]) == (422, 0)


async def test_a_text_that_only_looks_like_the_character_is_kept(collect: Collect) -> None:
    kept = await post(collect, comment="\\u0000", attributes={"x": [None, True, 1.5, "\\x00"]})
    assert kept.status_code == 201
    assert (await collect.published())[0][1].comment == "\\u0000"


async def test_the_api_says_when_it_could_not_keep_an_answer(collect: Collect) -> None:
    await collect.runtime.database.close()
    refused = await post(collect)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")


async def test_every_query_can_be_prepared(collect: Collect) -> None:
    async with collect.runtime.database.connection() as connection:
        for query in QUERIES.values():
            await connection.prepare(query)


async def test_the_counter_shows_each_band_of_each_touchpoint_from_the_start(
    migrated: str, clock: ManualClock, collect: Collect
) -> None:
    assert build(settings_for(migrated), clock).service == "collect"
    metrics = (await collect.browser.get("/metrics")).text
    for band in ("low", "mid", "high"):
        labels = f'band="{band}",survey="support-nps",touchpoint="support-closed"'
        assert f"touchback_responses_total{{{labels}}} 0.0" in metrics
