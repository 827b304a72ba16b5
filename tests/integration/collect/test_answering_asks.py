"""An answer from elsewhere is the answer to the ask that it can only be about: its link closes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.collect import record
from tests.integration.collect.service import TOKEN, Collect, answered
from tests.support.wait import eventually
from tests.unit.collect.facts import POLICY, a_submission

ABOUT = {"correlation": "ticket-7"}
NOBODY = {"customer_known": False, "customer_id": "stand-in"}
OTHER = {"id": "e-2", "invitation_id": "i-2"}


async def answers(collect: Collect) -> list[tuple[str, str | None]]:
    """Who gave each answer, and to which ask."""
    said = [body for happening, body in await collect.published() if happening == "received"]
    return [(each.customer_id, each.invitation_id) for each in said]


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param({}, ABOUT, id="of the customer, about the ticket"),
        pytest.param({}, {**ABOUT, **NOBODY}, id="about the ticket"),
        pytest.param({}, {**NOBODY, "invitation_id": "i-1"}, id="names the ask alone"),
        pytest.param({"correlation": None}, {}, id="about nothing, like the ask"),
    ],
)
async def test_an_answer_by_topic_is_the_answer_to_the_only_open_ask(
    collect: Collect, asked: dict[str, Any], given: dict[str, Any]
) -> None:
    await collect.invite(**asked)
    await collect.hear(answered(**given))
    assert await answers(collect) == [("c-1", "i-1")]
    assert (await collect.published())[0][1].attribution.team == "support-leads"
    collect.clock.advance(timedelta(hours=25))
    assert (await collect.browser.get(collect.page)).status_code == 410


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        pytest.param({}, {}, id="about nothing"),
        pytest.param({}, {"correlation": "ticket-8"}, id="about another ticket"),
        pytest.param({"customer_id": "c-2"}, ABOUT, id="of another customer"),
        pytest.param({"customer_id": "c-2"}, {"invitation_id": "i-1"}, id="names another's ask"),
        pytest.param({"touchpoint": "first-bill"}, ABOUT, id="at another touchpoint"),
        pytest.param({"id": "e-1", "state": "cancelled"}, ABOUT, id="cancelled"),
    ],
)
async def test_an_answer_to_nothing_that_was_asked_is_one_of_its_own(
    collect: Collect, asked: dict[str, Any], given: dict[str, Any]
) -> None:
    await collect.invite(**asked)
    await collect.hear(answered(**given))
    assert await answers(collect) == [("c-1", None)]


async def test_what_was_known_of_the_customer_goes_along_with_the_answer(collect: Collect) -> None:
    await collect.invite(attributes={"segment": "business", "value": 9000.0, "region": "north"})
    await collect.hear(answered(attributes={"region": "south"}, **ABOUT))
    found = (await collect.published())[0][1].attributes
    assert (found["segment"], found["value"], found["region"]) == ("business", 9000.0, "south")


async def test_of_two_open_asks_an_answer_must_name_the_one(collect: Collect) -> None:
    await collect.invite()
    await collect.invite(**OTHER)
    await collect.hear(answered(answer_id="1", **ABOUT))
    await collect.hear(answered(answer_id="2", invitation_id="i-2", **ABOUT), offset=1)
    assert await answers(collect) == [("c-1", None), ("c-1", "i-2")]


async def test_an_ask_has_one_answer_and_what_comes_after_it_is_kept_too(collect: Collect) -> None:
    await collect.invite()
    await collect.hear(answered(answer_id="1", **ABOUT), answered(answer_id="2", **ABOUT))
    await collect.hear(answered(answer_id="3", **ABOUT), offset=2)
    assert sorted(await answers(collect), key=str) == [
        ("c-1", "i-1"),
        ("c-1", None),
        ("c-1", None),
    ]
    assert sum((await collect.counted()).values()) == 3


async def test_an_answer_by_api_that_names_its_ask_may_come_twice(collect: Collect) -> None:
    await collect.invite()
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": "k-1"}
    body = {"touchpoint": "support-closed", "score": 2, "invitation_id": "i-1"}
    kept = [await collect.browser.post("/v1/responses", json=body, headers=headers) for _ in "12"]
    assert [each.status_code for each in kept] == [201, 201]
    assert await answers(collect) == [("c-1", "i-1")]
    assert (await collect.published())[0][1].correlation == "ticket-7"


async def test_a_score_on_the_page_that_comes_at_the_same_moment_changes_that_answer(
    collect: Collect,
) -> None:
    await collect.invite()
    database, given = collect.runtime.database, a_submission(**ABOUT)
    async with database.transaction() as connection:
        await record.keep(connection, [given], POLICY, collect.clock.now())
        clicked = asyncio.create_task(collect.browser.post(collect.page, data={"score": "9"}))

        async def waits() -> bool:
            async with database.connection() as other:
                return bool(
                    await other.fetchval("select exists (select from pg_locks where not granted)")
                )

        await eventually(waits, within=20)
    assert (await clicked).status_code == 303
    assert await collect.said() == [("received", 3), ("completed", 3), ("amended", 9)]
