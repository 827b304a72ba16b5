"""A survey that promises anonymity keeps it: in every table, message, log line and metric."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.collect.service import CATALOG, TOKEN, Collect, answered, started
from tests.support.catalogs import write_catalog
from tests.support.clock import START, ManualClock
from tests.unit.collect.facts import FILES

SURVEY = "surveys/support-nps.yaml"
UNLINKED = {**FILES, SURVEY: FILES[SURVEY] + b"anonymous: true\n"}
DAY = START.replace(hour=0) - timedelta(hours=1)
"""Midnight in Berlin, where the example's brand is at home."""
TOLD = DAY + timedelta(hours=26)
ANSWERED = timedelta(hours=3, minutes=17, seconds=23)
TRACES = ("c-1", "i-1", "ticket-7", "ada-the-agent", "15:17:23")
"""What would lead to the giver of an answer: who, which ask, about what, served by whom, when."""
WHOSE = {"agent": "ada-the-agent", "team": "support-leads", "stage": "service"}


@pytest.fixture
async def collect(migrated: str, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Collect]:
    async with started(migrated, clock, write_catalog(tmp_path, UNLINKED)) as service:
        yield service


async def give(collect: Collect, score: int = 2) -> str:
    """Let the customer answer at 15:17:23; returns the page that leads to the answer."""
    await collect.invite(attribution=WHOSE, attributes={"order": "ticket-7"})
    collect.clock.advance(ANSWERED)
    form = {"score": str(score), "key": "of-the-form", "anonymous": "yes"}
    sent = await collect.browser.post(collect.page, data=form)
    assert sent.status_code == 303
    return sent.headers["location"].removesuffix("/more")


async def tell(collect: Collect) -> None:
    """Let the day be over."""
    collect.clock.advance(TOLD - collect.clock.now())
    await collect.sweep()


async def everything(collect: Collect) -> dict[str, str]:
    """All that the service keeps, as text: rows with their bytes read, by table."""
    async with collect.runtime.database.connection() as connection:
        tables = await connection.fetch(
            "select table_name from information_schema.tables where table_schema = 'collect'"
        )
        return {
            name: "\n".join(
                " ".join(words(value))
                for row in await connection.fetch(f"select * from {name}")
                for value in row.values()
            )
            for (name,) in tables
        }


def words(value: Any) -> Iterator[str]:
    match value:
        case bytes():
            yield value.decode()
        case list():
            for each in value:
                yield from words(each)
        case _:
            yield str(value)


def found(kept: dict[str, str], *beside: str) -> list[tuple[str, str]]:
    """Where traces stand, beside the ask itself and that it arrived."""
    return [
        (table, trace)
        for table, text in kept.items()
        for trace in TRACES
        if trace in text and table not in beside
    ]


async def test_nothing_kept_or_told_leads_from_the_answer_to_its_giver(
    collect: Collect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    page = await give(collect)
    await collect.browser.post(f"{page}/more", data={"comment": "Nobody came", "contact": "yes"})
    before = await everything(collect)
    await tell(collect)
    after = await everything(collect)
    metrics = (await collect.browser.get("/metrics")).text

    for kept in (before, after):
        assert found(kept, "invitations") == [], kept
        assert "15:17" not in kept["invitations"]
        assert "Nobody came" in kept["responses"]
    assert "Nobody came" in after["outbox"]
    async with collect.runtime.database.connection() as connection:
        asked = await connection.fetchrow("select *, xmin from invitations")
        given = await connection.fetchrow("select *, xmin from responses")
    assert not {str(each) for each in given.values()} & {
        asked["invitation_id"],
        asked["customer_id"],
    }
    assert given["response_id"] not in before["invitations"] + after["invitations"]
    assert given["xmin"] != asked["xmin"]  # nor were they written in one transaction
    said = "\n".join(map(str, map(vars, caplog.records)))
    assert [trace for trace in TRACES[:4] if trace in said + metrics] == []


async def test_what_is_told_waits_for_the_end_of_the_day_and_names_the_day_alone(
    collect: Collect,
) -> None:
    page = await give(collect)
    assert await collect.published() == []
    collect.clock.advance(TOLD - collect.clock.now() - timedelta(seconds=1))
    await collect.sweep()
    assert await collect.published() == []
    await tell(collect)

    events = await collect.events()
    assert [each.type.split(".")[2] for each in events] == ["received", "completed"]
    for event in events:
        body: Any = event.body
        assert event.subject == body.customer_id == f"anonymous-{body.response_id}"
        assert (body.anonymous, body.unlinked, body.invitation_id) == (True, True, None)
        assert (event.time, body.received_at, body.at) == (DAY, DAY, DAY)
        assert (body.score, body.band, body.correlation, body.attributes) == (2, "low", None, {})
        assert body.attribution.model_dump(exclude_none=True) == {
            "team": "support-leads",
            "stage": "service",
        }
    assert (await collect.browser.get(page)).status_code == 410
    assert await collect.counted() == {("support-closed", "support-nps", "low"): 1}


async def test_a_link_is_used_once_though_nobody_knows_for_which_answer(collect: Collect) -> None:
    page = await give(collect)
    again = await collect.browser.post(collect.page, data={"score": "9", "key": "another"})
    assert again.status_code == 410
    assert "nothing leads from this link to it" in again.text
    assert 'href="/f"' in again.text
    assert (await collect.browser.get(collect.page)).status_code == 410
    assert (await collect.rows())["responses"] == 1
    assert "2 of 10" in (await collect.browser.get(f"{page}/mine")).text


async def test_the_same_form_again_leads_to_the_same_answer(collect: Collect) -> None:
    page = await give(collect)
    form = {"score": "2", "key": "of-the-form", "anonymous": "yes"}
    again = await collect.browser.post(collect.page, data=form)
    assert again.headers["location"] == f"{page}/more"
    assert (await collect.rows())["responses"] == 1


async def test_two_forms_at_once_are_one_answer(collect: Collect) -> None:
    await collect.invite()
    forms = [{"score": str(each), "key": f"form-{each}"} for each in range(5)]
    sent = await asyncio.gather(*(collect.browser.post(collect.page, data=f) for f in forms))
    assert sorted(each.status_code for each in sent) == [303, 410, 410, 410, 410]
    assert (await collect.rows())["responses"] == 1


async def test_the_answer_can_be_changed_and_its_words_deleted_by_its_own_page(
    collect: Collect,
) -> None:
    page = await give(collect)
    await collect.browser.post(page, data={"score": "9"})
    await collect.browser.post(f"{page}/more", data={"comment": "Anna helped"})
    copy = (await collect.browser.get(f"{page}/mine.json")).json()
    assert (copy["score"], copy["comment"], "customer" in copy) == (9, "Anna helped", False)
    await collect.browser.post(f"{page}/mine")
    assert "Anna helped" not in str(await everything(collect))
    await tell(collect)
    assert await collect.said() == [("received", 9), ("completed", 9)]


async def test_the_pages_say_what_is_true_of_such_an_answer(collect: Collect) -> None:
    await collect.invite()
    asked = (await collect.browser.get(collect.page)).text
    assert "Anonymous: nothing leads from your answer to you." in asked
    assert "together with your customer number" not in asked
    assert "data-keep" not in asked  # a save on the way would use up the link
    page = await give(collect)
    more = (await collect.browser.get(f"{page}/more")).text
    assert "leave out what shows who you are" in more
    assert "Please contact me" not in more
    thanks = (await collect.browser.get(f"{page}/thanks")).text
    assert "does not learn who wrote it" in thanks
    assert 'href="/f"' in thanks
    mine = (await collect.browser.get(f"{page}/mine")).text
    assert "customer number" not in mine
    assert "March 2, 2026<" in mine


async def test_what_a_page_has_promised_holds_when_the_catalog_changes_meanwhile(
    migrated: str, clock: ManualClock
) -> None:
    async with started(migrated, clock, CATALOG) as named:
        await named.invite()
        promised = {"score": "2", "key": "of-the-form", "anonymous": "yes"}
        sent = await named.browser.post(named.page, data=promised)
        assert sent.headers["location"] != f"{named.page}/more"
        assert await named.published() == []
        kept = await everything(named)
        assert "c-1" not in kept["responses"]


async def test_an_answer_by_topic_or_program_loses_whom_it_names(collect: Collect) -> None:
    collect.clock.advance(ANSWERED)
    await collect.hear(answered(correlation="ticket-7", attributes={"agent": "ada-the-agent"}))
    posted = await post(collect, customer_id="c-1", correlation="ticket-7", attributes={"x": "i-1"})
    assert (posted.status_code, posted.json()["anonymous"]) == (201, True)
    repeated = await post(
        collect, customer_id="c-1", correlation="ticket-7", attributes={"x": "i-1"}
    )
    assert repeated.json() == posted.json()
    assert (await post(collect, score=9)).status_code == 422
    assert await collect.published() == []
    await tell(collect)
    assert len(await collect.published()) == 4
    kept = await everything(collect)
    assert found(kept, "inbox") == []


async def post(collect: Collect, **changes: Any) -> httpx.Response:
    body = {"touchpoint": "support-closed", "score": 2, **changes}
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": "k-1"}
    return await collect.browser.post("/v1/responses", json=body, headers=headers)


async def test_a_day_is_that_of_the_brands_place(migrated: str, tmp_path: Path) -> None:
    policy = FILES["policy.yaml"] + b"\n"
    there = policy.replace(b"time_zone: ", b"time_zone: Asia/Shanghai #")
    catalog = write_catalog(tmp_path, {**UNLINKED, "policy.yaml": there})
    async with started(migrated, ManualClock(START + timedelta(hours=5)), catalog) as collect:
        await collect.invite()
        await collect.browser.post(collect.page, data={"score": "2"})
        async with collect.runtime.database.connection() as connection:
            day = await connection.fetchval("select received_at from responses")
        assert day.isoformat() == "2026-03-02T16:00:00+00:00"
