"""Who said it: holders of tokens keep their keys apart, orders lead to customers, or to nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.contracts.asks import Decision
from shared.contracts.base import Attribution
from shared.contracts.responses import Feedback
from tests.integration.collect.service import OTHERS, TOKEN, Collect, answered, record
from tests.support.clock import START

ANSWER = {"touchpoint": "support-closed", "score": 2}
WORDS = {"text": " The lift is broken. ", "score": 1}


async def post(
    collect: Collect, path: str, body: dict[str, Any], key: str = "k-1", token: str = TOKEN
) -> httpx.Response:
    """Post to the API."""
    headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
    return await collect.browser.post(path, json=body, headers=headers)


async def feedback(collect: Collect) -> list[Feedback]:
    """What was published of what was said unasked."""
    return [each.body for each in await collect.events() if isinstance(each.body, Feedback)]


async def test_a_key_belongs_to_its_holder_alone(collect: Collect) -> None:
    body = {**ANSWER, "customer_id": "c-1"}
    one = await post(collect, "/v1/responses", body)
    other = await post(collect, "/v1/responses", {**body, "score": 9}, token=OTHERS)
    assert (one.status_code, other.status_code) == (201, 201)
    assert one.json()["response_id"] != other.json()["response_id"]
    assert (await collect.rows())["responses"] == 2


async def test_an_answer_that_names_its_ticket_finds_who_was_asked_about_it(
    collect: Collect,
) -> None:
    await collect.invite()
    kept = await post(collect, "/v1/responses", {**ANSWER, "correlation": "ticket-7"})
    assert kept.json()["anonymous"] is False
    response = (await collect.published())[0][1]
    assert (response.customer_id, response.anonymous) == ("c-1", False)
    assert response.attribution == Attribution(team="support-leads", stage="service")


async def test_an_answer_about_a_ticket_that_nobody_knows_is_kept_and_said_to_be_anonymous(
    collect: Collect,
) -> None:
    kept = await post(collect, "/v1/responses", {**ANSWER, "correlation": "ticket-8"})
    assert kept.json() == {
        "response_id": kept.json()["response_id"],
        "band": "low",
        "anonymous": True,
    }
    response = (await collect.published())[0][1]
    assert response.customer_id == f"anonymous-{response.response_id}"
    assert (response.anonymous, response.correlation) == (True, "ticket-8")


async def decided(collect: Collect, customer: str, number: str, about: str = "ticket-8") -> None:
    """Let `ask` decide not to ask about a moment."""
    body = Decision(
        decision_id=number,
        touchpoint="delivered",
        customer_id=customer,
        signal="ordering.order.delivered",
        source="shop",
        source_event_id=number,
        occurred_at=START,
        decided_at=START,
        outcome="silent",
        silence="sampled_out",
        catalog_version="v",
        correlation=about,
    )
    await collect.consumer.take([record(body, "touchback.decision.v1", number)])


async def test_an_answer_about_what_nobody_was_asked_about_finds_whose_it_is(
    collect: Collect,
) -> None:
    for number in ("d-1", "d-2"):
        await decided(collect, "c-5", number)
    body = {**ANSWER, "correlation": "ticket-8"}
    assert (await post(collect, "/v1/responses", body)).json()["anonymous"] is False
    words = await post(collect, "/v1/feedback", {**WORDS, "correlation": "ticket-8"})
    assert words.json()["anonymous"] is False
    await decided(collect, "c-6", "d-3")
    again = await post(collect, "/v1/responses", body, key="k-2")
    assert again.json()["anonymous"] is True, "two customers have something of that number"
    assert [each.customer_id for each in await feedback(collect)] == ["c-5"]


async def test_the_same_answer_again_stays_what_it_was_when_its_customer_is_known_by_then(
    collect: Collect,
) -> None:
    body = {**ANSWER, "correlation": "ticket-7"}
    first = await post(collect, "/v1/responses", body)
    await collect.invite()
    again = await post(collect, "/v1/responses", body)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.json()["anonymous"] is True


async def test_an_answer_from_a_topic_that_names_no_customer_is_looked_up_too(
    collect: Collect,
) -> None:
    await collect.invite()
    nobody = {"customer_known": False, "customer_id": "stand-in"}
    await collect.hear(
        answered(answer_id="1", correlation="ticket-7", **nobody),
        answered(answer_id="2", correlation="ticket-8", **nobody),
        answered(answer_id="3", **nobody),
    )
    responses = [body for happening, body in await collect.published() if happening == "received"]
    assert [each.anonymous for each in responses] == [False, True, True]
    assert responses[0].customer_id == "c-1"
    assert len({each.customer_id for each in responses}) == 3


async def test_an_order_and_a_ticket_with_one_number_are_not_mistaken_for_each_other(
    collect: Collect,
) -> None:
    await collect.invite(correlation="7")
    bill = {"invitation_id": "i-2", "touchpoint": "first-bill", "survey": "bill-effort"}
    await collect.invite(id="e-2", correlation="7", customer_id="c-2", **bill)
    await post(collect, "/v1/responses", {**ANSWER, "correlation": "7"})
    await post(
        collect,
        "/v1/responses",
        {**ANSWER, "correlation": "7", "touchpoint": "first-bill"},
        key="k-2",
    )
    found = [body.customer_id for kind, body in await collect.published() if kind == "received"]
    assert found == ["c-1", "c-2"]
    await post(collect, "/v1/feedback", {**WORDS, "correlation": "7"}, key="k-3")
    assert (await feedback(collect))[0].anonymous


async def test_feedback_by_api_is_kept_once_and_vouched_for(collect: Collect) -> None:
    body = {**WORDS, "customer_id": "c-9", "urgent": True, "language": "en"}
    first = await post(collect, "/v1/feedback", body)
    collect.clock.advance(timedelta(hours=1))
    again = await post(collect, "/v1/feedback", body)
    assert (first.status_code, again.json()) == (201, first.json())
    (said,) = await feedback(collect)
    assert (said.customer_id, said.text, said.score, said.band) == (
        "c-9",
        "The lift is broken.",
        1,
        "low",
    )
    assert (said.verified, said.anonymous, said.urgent) == (True, False, True)
    assert (said.channel, said.origin, said.received_at) == ("api", "api", START)


async def test_feedback_by_api_may_be_anonymous_or_name_a_ticket(collect: Collect) -> None:
    await collect.invite()
    assert (await post(collect, "/v1/feedback", WORDS)).json()["anonymous"] is True
    about = {**WORDS, "correlation": "ticket-7"}
    assert (await post(collect, "/v1/feedback", about, key="k-2")).json()["anonymous"] is False
    assert [each.customer_id.startswith("anonymous-") for each in await feedback(collect)] == [
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({**WORDS, "text": " "}, 422, id="no words"),
        pytest.param({**WORDS, "score": 6}, 422, id="score off the scale"),
        pytest.param({**WORDS, "urgent": "yes"}, 422, id="a word for true"),
        pytest.param({**WORDS, "text": "x" * 2001}, 422, id="too long"),
        pytest.param({"text": "x"}, 422, id="no score"),
    ],
)
async def test_feedback_by_api_is_refused(
    collect: Collect, body: dict[str, Any], status: int
) -> None:
    refused = await post(collect, "/v1/feedback", body)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert (await collect.rows())["feedback"] == 0


async def test_a_key_of_feedback_is_not_taken_for_other_words(collect: Collect) -> None:
    await post(collect, "/v1/feedback", WORDS)
    other = await post(collect, "/v1/feedback", {**WORDS, "score": 5})
    assert other.status_code == 422
    assert len(await feedback(collect)) == 1
