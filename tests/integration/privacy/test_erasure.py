"""After an erasure no table of any service holds a trace of the person, whatever comes late."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from typer.testing import CliRunner

from services.ask.__main__ import app as ask
from shared.contracts.responses import Feedback
from shared.contracts.signals import Answer, Profile, Signal
from shared.links import Links
from shared.pii import Pii
from tests.integration.privacy.house import KEY, SERVICES, TOKEN, House
from tests.support.clock import START, ManualClock

KIM = "kim-4711"
ADDRESS = "kim.secret@example.com"
TWO_MINUTES = timedelta(minutes=2)
TOKENS = Pii(["p" * 32])
WORDS = ("the parcel was soaked", "my neighbour took it", "nobody ever answers", "called Kim back")
SCORES = "select customer_id, score, comment from responses order by score"


def profile(customer: str = KIM) -> Profile:
    """A contact card, as `listen` makes it."""
    return Profile(
        customer_id=customer, source="shop", updated_at=START, email=TOKENS.encrypt(ADDRESS)
    )


def delivered(customer: str = KIM) -> Signal:
    """What asks."""
    return Signal(
        signal="order.delivered",
        source="shop",
        source_event_id=f"e-{len(customer)}",
        customer_id=customer,
        occurred_at=START,
        correlation="order-of-" + customer,
        attributes={"late": True, "to": ADDRESS},
    )


def answer(customer: str = KIM, comment: str = WORDS[0]) -> Answer:
    """A low score with words, from another tool, about what we did not ask about."""
    return Answer(
        answer_id=f"a-{customer}",
        source="survey-tool",
        touchpoint="delivered",
        customer_id=customer,
        score=1,
        comment=comment,
        answered_at=START,
        correlation="earlier-order-of-" + customer,
    )


async def post(house: House, service: str, path: str, **what: object) -> httpx.Response:
    """Send something to a service."""
    application: Starlette = house.runtimes[service].application()
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://survey") as browser:
        headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": path}
        return await browser.post(path, headers=headers, **what)  # type: ignore[arg-type]


async def live(house: House) -> None:
    """A customer is asked, answers twice, writes, and a person works on their case."""
    await house.tell("touchback.profile.v1", profile(), "p")
    await house.tell("touchback.signal.v1", delivered(), "s")
    await house.settle()
    await house.tell("touchback.answer.v1", answer(), "a")
    said = Feedback(
        feedback_id="f",
        customer_id=KIM,
        text=WORDS[2],
        channel="web",
        received_at=START,
        metric="csat",
        score=1,
        band="low",
    )
    await house.tell("touchback.feedback.received.v1", said, "f", "collect")
    await house.settle()
    (asked,) = await house.rows("collect", "select invitation_id from invitations")
    page = f"/s/{Links([KEY]).sign('survey', asked['invitation_id'])}"
    assert (await post(house, "collect", page, data={"score": "2"})).status_code == 303
    more = await post(house, "collect", f"{page}/more", data={"comment": WORDS[1]})
    assert more.status_code == 303, more.text
    await house.settle()
    for case in await house.rows("close", "select case_id, version from cases"):
        body = {"version": case["version"], "actor": "sam", "note": WORDS[3]}
        path = f"/v1/cases/{case['case_id']}/note"
        assert (await post(house, "close", path, json=body)).status_code == 200
    await house.settle()


async def erase(database: str, catalog: Path) -> None:
    """As an operator does it."""
    environment = {
        "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": "localhost:1",
        "TOUCHBACK_POSTGRES_DSN": database,
        "TOUCHBACK_CATALOG": str(catalog),
        "TOUCHBACK_SMTP_URL": "smtp://127.0.0.1:1",
        "TOUCHBACK_LINK_KEYS": KEY,
        "TOUCHBACK_PII_KEYS": "p" * 32,
    }
    done = await asyncio.to_thread(CliRunner().invoke, ask, ["erase", KIM], env=environment)
    assert done.exit_code == 0, done.output


@pytest.fixture
async def lived(house: House) -> House:
    """Everybody knows the customer."""
    await live(house)
    return house


async def test_the_search_finds_a_trace_in_every_service_while_there_is_one(lived: House) -> None:
    found = await lived.traces(KIM, *WORDS)
    assert {each.partition(".")[0] for each in found} == set(SERVICES)
    for each in (KIM, *WORDS):
        assert any(trace.endswith(each) for trace in found), each


async def test_no_table_of_any_service_holds_a_trace(
    lived: House, database: str, catalog: Path
) -> None:
    await erase(database, catalog)
    await lived.settle()
    assert await lived.traces(KIM, ADDRESS, *WORDS) == []


async def test_what_is_said_again_later_brings_nobody_back(
    lived: House, database: str, catalog: Path, clock: ManualClock
) -> None:
    clock.advance(TWO_MINUTES)
    await erase(database, catalog)
    await lived.settle()
    await lived.replay()
    assert await lived.traces(KIM, ADDRESS, *WORDS) == []


async def test_what_was_never_heard_before_brings_nobody_in(
    house: House, database: str, catalog: Path
) -> None:
    await erase(database, catalog)
    await house.settle()
    await live_late(house)
    assert await house.traces(KIM, ADDRESS, *WORDS) == []


async def live_late(house: House) -> None:
    """What was on its way when the customer was erased."""
    await house.tell("touchback.profile.v1", profile(), "p")
    await house.tell("touchback.signal.v1", delivered(), "s")
    await house.tell("touchback.answer.v1", answer(), "a")
    await house.settle()


async def test_scores_stay_without_the_person(lived: House, database: str, catalog: Path) -> None:
    before = await lived.rows("collect", SCORES)
    await erase(database, catalog)
    await lived.settle()
    after = await lived.rows("collect", SCORES)
    assert [row["score"] for row in after] == [row["score"] for row in before] == [1, 2]
    assert [row["comment"] for row in after] == [None, None]
    assert all(row["customer_id"].startswith("erased:") for row in after)


async def test_others_are_left_as_they_are(lived: House, database: str, catalog: Path) -> None:
    await lived.tell("touchback.answer.v1", answer("lee-1", "all gone"), "a-lee")
    await lived.settle()
    before = await lived.traces("lee-1", "all gone")
    await erase(database, catalog)
    await lived.settle()
    assert await lived.traces("lee-1", "all gone") == before


async def test_open_cases_end_and_alerts_on_their_way_are_not_sent(
    lived: House, database: str, catalog: Path
) -> None:
    await erase(database, catalog)
    await lived.settle()
    for service in ("close", "route", "console"):
        states = await lived.rows(service, "select distinct state from cases")
        assert [row["state"] for row in states] == ["suppressed"], service
    waiting = "select from deliveries where state = 'due' and owed"
    assert await lived.rows("route", waiting) == []


async def test_a_link_that_the_customer_still_holds_leads_nowhere(
    lived: House, database: str, catalog: Path
) -> None:
    (asked,) = await lived.rows("collect", "select invitation_id from invitations")
    page = f"/s/{Links([KEY]).sign('survey', asked['invitation_id'])}"
    await erase(database, catalog)
    await lived.settle()
    refused = await post(lived, "collect", page, data={"score": "1"})
    assert refused.status_code != 303
    assert len(await lived.rows("collect", SCORES)) == 2


async def test_what_waits_to_be_published_goes_without_the_person(
    lived: House, database: str, catalog: Path
) -> None:
    await lived.execute("collect", "update responses set completed_at = null")
    await lived.tell("touchback.answer.v1", answer(KIM).model_copy(update={"answer_id": "b"}), "b")
    assert any(each.startswith("collect.outbox") for each in await lived.traces(WORDS[0]))
    await erase(database, catalog)
    (said,) = await lived.rows("ask", "select payload from outbox where payload is not null")
    assert KIM.encode() in said["payload"], "the others are still to be told whom"
    await lived.settle()
    assert await lived.traces(KIM, ADDRESS, *WORDS) == []
