"""Silence is counted: asked, reached, answered, silent, and who may still answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.contracts.asks import Decision, Outcome
from shared.contracts.asks import Silence as Reason
from shared.links import Links
from shared.records import Record
from tests.integration.collect.service import KEY, TOKEN, Collect, record
from tests.support.clock import START

PERSON = {"user-agent": "Mozilla/5.0 (iPhone) Safari/605.1", "accept-language": "en"}
SCANNER = {"user-agent": "Mozilla/5.0 (compatible; SafeLinks/1.0; bot)", "accept-language": "en"}


async def silence(collect: Collect, query: str = "", token: str = TOKEN) -> httpx.Response:
    """Ask for the counts."""
    headers = {"authorization": f"Bearer {token}"}
    return await collect.browser.get(f"/v1/silence{query}", headers=headers)


async def ask(collect: Collect, number: int, state: str = "sent", **changes: Any) -> str:
    """Let an invitation arrive; returns its page."""
    name = f"i-{number}"
    await collect.invite(state, id=f"e-{number}", invitation_id=name, **changes)
    return f"/s/{Links([KEY]).sign('survey', name)}"


async def test_each_ask_is_counted_by_what_became_of_it(collect: Collect) -> None:
    soon = START + timedelta(hours=1)
    finished = await ask(collect, 1, expires_at=soon)
    unfinished = await ask(collect, 2)
    opened = await ask(collect, 3, expires_at=soon)
    await ask(collect, 4, "reminded")
    await ask(collect, 5, "failed")
    await ask(collect, 6, "cancelled")
    await ask(collect, 7, "scheduled")
    await ask(collect, 8, occurred_at=START - timedelta(days=60))
    await collect.browser.post(opened, data={"own": "1"}, headers=PERSON)
    await collect.browser.post(finished, data={"score": "2"})
    await collect.browser.post(f"{finished}/more", data={"comment": "slow"})
    await collect.browser.post(unfinished, data={"score": "2"})
    collect.clock.advance(timedelta(hours=2))

    said = (await silence(collect)).json()

    assert said["touchpoints"] == [
        {
            "touchpoint": "support-closed",
            "eligible": 0,
            "asked": 7,
            "delivered": 4,
            "failed": 1,
            "cancelled": 1,
            "opened": 3,
            "started": 1,
            "answered": 2,
            "unfinished": 1,
            "silent": 1,
            "waiting": 1,
        }
    ]
    assert (await silence(collect, "?days=90")).json()["touchpoints"][0]["asked"] == 8


def decided(number: int, outcome: Outcome, why: Reason | None = None, **ago: int) -> Record:
    """What `ask` made of a moment."""
    body = Decision(
        decision_id=f"d-{number}",
        touchpoint="delivered",
        customer_id=f"c-{number}",
        signal="ordering.order.delivered",
        source="shop",
        source_event_id=f"e-{number}",
        occurred_at=START - timedelta(**ago),
        decided_at=START,
        outcome=outcome,
        silence=why,
        catalog_version="v",
    )
    return record(body, "touchback.decision.v1", f"d-{number}", number)


async def test_moments_that_could_have_been_asked_about_are_counted_beside_the_asks(
    collect: Collect,
) -> None:
    batch = [
        decided(1, "ask"),
        decided(2, "silent", "cap_person"),
        decided(3, "silent", "not_eligible"),
        decided(4, "silent", "sampled_out", days=3),
        decided(5, "silent", "holdout", days=60),
        decided(6, "notify"),
    ]
    await collect.consumer.take(batch)
    await collect.consumer.take(batch)  # a replay
    await collect.invite(id="i", invitation_id="i-9", touchpoint="delivered")

    (found,) = (await silence(collect)).json()["touchpoints"]
    assert (found["touchpoint"], found["eligible"], found["asked"]) == ("delivered", 3, 1)
    (longer,) = (await silence(collect, "?days=90")).json()["touchpoints"]
    assert longer["eligible"] == 4


async def test_who_touches_the_question_has_started_and_is_told_of_once(collect: Collect) -> None:
    await collect.invite()
    for _ in range(2):
        said = await collect.browser.post(collect.page, data={"own": "1"}, headers=PERSON)
        assert said.status_code == 202
    (event,) = await collect.events()
    body: Any = event.body
    assert event.type == "touchback.response.started.v1"
    assert (body.score, body.band, body.customer_id, body.invitation_id) == (
        None,
        None,
        "c-1",
        "i-1",
    )
    await collect.browser.post(collect.page, data={"score": "2"})
    await collect.browser.post(collect.page, data={"own": "1"}, headers=PERSON)
    (_, started), (_, received) = await collect.published()
    assert started.response_id == received.response_id
    assert await collect.said() == [("started", None), ("received", 2)]
    metrics = (await collect.browser.get("/metrics")).text
    labels = 'survey="support-nps",touchpoint="support-closed"'
    assert f"touchback_responses_started_total{{{labels}}} 1.0" in metrics


async def test_a_program_that_opens_links_has_not_started(collect: Collect) -> None:
    await collect.invite()
    for headers in (SCANNER, {"user-agent": "curl/8"}, {**PERSON, "sec-purpose": "prefetch"}):
        await collect.browser.get(collect.page, headers=headers)
        await collect.browser.post(collect.page, data={"own": "1"}, headers=headers)
    assert await collect.published() == []


@pytest.mark.parametrize("days", ["0", "401", "x", "1.5", "²", ""])
async def test_a_span_that_is_none_is_refused(collect: Collect, days: str) -> None:
    refused = await silence(collect, f"?days={days}")
    assert (refused.status_code, refused.headers["content-type"]) == (
        400,
        "application/problem+json",
    )


async def test_only_a_token_for_reading_may_ask(collect: Collect) -> None:
    assert (await silence(collect, token="other")).status_code == 403
    assert (await silence(collect, token="wrong")).status_code == 401
