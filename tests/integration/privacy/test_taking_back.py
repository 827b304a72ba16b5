"""Words that their author takes back are forgotten by everybody who repeated them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.contracts.responses import Response
from tests.integration.privacy.house import House
from tests.integration.privacy.test_erasure import KIM, WORDS, answer
from tests.support.clock import START

TAKEN = "touchback.response.amended.v1"


async def response_of(house: House) -> Response:
    """The answer, as `collect` last told it."""
    said = [each for each in house.said if each.topic == "touchback.responses"]
    return Response.model_validate_json(said[-1].value or b"")


async def take_back(house: House, response: Response, id: str = "w") -> None:
    """As the page of the customer's own words does it; `collect` forgets them itself."""
    await house.execute("collect", "update responses set comment = null")
    changes = {"comment": None, "answers": {"withdrawn": True}, "at": START + timedelta(hours=1)}
    await house.tell(TAKEN, response.model_copy(update=changes), id, "collect")
    await house.settle()


@pytest.fixture
async def said(house: House) -> House:
    """Somebody gave a low score and said why."""
    await house.tell("touchback.answer.v1", answer(), "a")
    await house.settle()
    return house


async def test_nobody_keeps_the_words_and_everybody_the_score(said: House) -> None:
    assert len(await said.traces(WORDS[0])) > 5
    await take_back(said, await response_of(said))
    assert await said.traces(WORDS[0]) == []
    (case,) = await said.rows("close", "select customer_id, snapshot from cases")
    assert (case["customer_id"], case["snapshot"]["score"]["score"]) == (KIM, 1)


async def test_what_they_chose_is_forgotten_with_their_words(said: House) -> None:
    answers = {"reasons": ["late-bird"], "effort": 5, "contact_wanted": True}
    whose = {"customer_id": "sam", "response_id": "of-sam", "correlation": None}
    chosen = (await response_of(said)).model_copy(update={"answers": answers, **whose})
    await said.tell("touchback.response.completed.v1", chosen, "c", "collect")
    await said.settle()
    found = {each.partition(".")[0] for each in await said.traces("late-bird")}
    assert found >= {"route", "close", "console"}
    (case,) = await said.rows("close", "select snapshot from cases where customer_id = 'sam'")
    score = case["snapshot"]["score"]
    assert {name: score[name] for name in answers} == answers

    await take_back(said, chosen)
    await said.execute("console", "delete from cases")  # who begins anew reads it all again
    for record in [each for each in said.said if b"late-bird" in (each.value or b"")]:
        for service in ("route", "close", "console"):
            await said.execute(service, "delete from inbox")
        await said.hand_out(record)
    await said.settle()
    assert await said.traces("late-bird") == []
    (case,) = await said.rows("close", "select snapshot from cases where customer_id = 'sam'")
    assert not case["snapshot"]["score"]["contact_wanted"]


async def test_what_comes_later_does_not_bring_the_words_back(said: House) -> None:
    await take_back(said, await response_of(said))
    await said.execute("collect", "delete from responses")
    for service in ("route", "close", "console"):
        await said.execute(service, "delete from inbox")
    for record in [each for each in said.said if each.topic != "touchback.answers"]:
        await said.hand_out(record)
    await said.settle()
    assert await said.traces(WORDS[0]) == []


async def test_words_said_after_that_count_again(said: House) -> None:
    response = await response_of(said)
    await take_back(said, response)
    changes = {"comment": "what I meant", "at": START + timedelta(hours=2)}
    await said.tell(TAKEN, response.model_copy(update=changes), "again", "collect")
    await said.settle()
    (case,) = await said.rows("close", "select snapshot from cases")
    assert case["snapshot"]["score"]["comment"] == "what I meant"
    assert await said.traces(WORDS[0]) == []


async def test_what_the_customer_said_of_the_resolution_is_forgotten_too(said: House) -> None:
    (case,) = await said.rows("close", "select case_id, version from cases")
    await said.execute(
        "close",
        "update cases set state = 'resolved',"
        " snapshot = snapshot || jsonb_build_object('state', 'resolved')",
    )
    answered = (await response_of(said)).model_copy(
        update={
            "response_id": "recovery",
            "correlation": case["case_id"],
            "comment": WORDS[2],
            "score": 5,
            "band": "high",
        }
    )
    await said.tell("touchback.response.completed.v1", answered, "r", "collect")
    await said.settle()
    assert {each.partition(".")[0] for each in await said.traces(WORDS[2])} >= {"close", "console"}
    await take_back(said, answered)
    assert await said.traces(WORDS[2]) == []
