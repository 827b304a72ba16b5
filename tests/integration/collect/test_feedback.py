"""Unasked: what customers tell by themselves is kept once, and says how well they are known."""

from __future__ import annotations

import re

import pytest

from shared.contracts.responses import Feedback
from shared.links import Links
from tests.integration.collect.service import KEY, Collect
from tests.support.clock import START

WORDS = {"comment": "The stairs are dark", "score": "2"}


async def told(collect: Collect) -> list[Feedback]:
    """What was published."""
    return [each.body for each in await collect.events() if isinstance(each.body, Feedback)]


async def test_anybody_may_tell_anything(collect: Collect) -> None:
    sent = await collect.browser.post("/f", data=WORDS, params={"lang": "zh"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/f/thanks?lang=zh")
    assert "我们已收到" in (await collect.browser.get(sent.headers["location"])).text
    [said] = await told(collect)
    assert (said.text, said.score, said.band, said.metric) == (WORDS["comment"], 2, "low", "csat")
    assert (said.urgent, said.language, said.received_at) == (False, "zh", START)
    assert said.anonymous
    assert said.customer_id == f"anonymous-{said.feedback_id}"


async def test_a_form_of_another_site_needs_no_more_than_two_fields(collect: Collect) -> None:
    headers = {"origin": "https://shop.example"}
    sent = await collect.browser.post("/f", data={**WORDS, "customer": "c-9"}, headers=headers)
    assert sent.status_code == 303
    [said] = await told(collect)
    assert (said.customer_id, said.anonymous, said.verified) == ("c-9", False, False)


async def test_who_comes_from_a_question_is_known_and_what_it_was_about(collect: Collect) -> None:
    await collect.invite()
    page = await collect.browser.get(f"/f/{collect.token}")
    assert 'name="customer"' not in page.text
    await collect.browser.post(f"/f/{collect.token}", data={**WORDS, "urgent": "yes"})
    [said] = await told(collect)
    assert (said.customer_id, said.verified, said.urgent) == ("c-1", True, True)
    assert (said.touchpoint, said.correlation) == ("support-closed", "ticket-7")
    assert said.attribution.team == "support-leads"


async def test_who_is_known_may_still_be_nobody(collect: Collect) -> None:
    await collect.invite()
    await collect.browser.post(f"/f/{collect.token}", data={**WORDS, "anonymous": "yes"})
    [said] = await told(collect)
    assert said.anonymous
    assert (said.touchpoint, said.correlation, said.attribution.team) == (None, None, None)
    assert "c-1" not in said.model_dump_json()


async def test_the_same_form_twice_is_one_message(collect: Collect) -> None:
    found = re.search(r'name="key" value="([^"]+)"', (await collect.browser.get("/f")).text)
    assert found
    for _ in range(2):
        sent = await collect.browser.post("/f", data={**WORDS, "key": found[1]})
        assert sent.status_code == 303
    assert len(await told(collect)) == 1
    assert (await collect.rows())["feedback"] == 1


@pytest.mark.parametrize(
    ("form", "words"),
    [
        pytest.param({"score": "2"}, "a few words are enough", id="no words"),
        pytest.param({"comment": "Dark"}, "Choose how you feel about it", id="no feeling"),
        pytest.param({"comment": "x" * 2001, "score": "2"}, "by 1 character", id="too long"),
    ],
)
async def test_what_is_missing_is_said_and_nothing_typed_is_lost(
    collect: Collect, form: dict[str, str], words: str
) -> None:
    page = await collect.browser.post("/f", data={**form, "customer": "c-9", "urgent": "yes"})
    assert page.status_code == 422
    assert words in page.text
    assert form.get("comment", "") in page.text
    assert 'value="c-9"' in page.text
    assert re.search(r'name="urgent" value="yes" checked', page.text)
    assert await told(collect) == []


async def test_looking_at_the_form_writes_nothing(collect: Collect) -> None:
    await collect.invite()
    before = await collect.rows()
    for path in ("/f", f"/f/{collect.token}", "/f/thanks"):
        for method in ("GET", "HEAD"):
            assert (await collect.browser.request(method, path)).status_code == 200
    assert await collect.rows() == before


async def test_without_the_database_the_words_stay_on_the_page(collect: Collect) -> None:
    await collect.runtime.database.close()
    page = await collect.browser.post("/f", data={**WORDS, "urgent": "yes", "key": "k-1"})
    assert page.status_code == 503
    assert "The stairs are dark</textarea>" in page.text
    for field in ('name="score" value="2"', 'name="urgent" value="yes"', 'name="key" value="k-1"'):
        assert field in page.text


async def test_a_link_that_is_not_ours_tells_nothing(collect: Collect) -> None:
    forged = Links(["x" * 32]).sign("survey", "i-1")
    page = await collect.browser.post(f"/f/{forged}", data=WORDS)
    assert (page.status_code, await told(collect)) == (404, [])
    assert KEY not in page.text
