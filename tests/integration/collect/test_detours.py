"""Links that lost their end, taps too many, words for a question that had closed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from shared.contracts.responses import Feedback
from tests.integration.collect.service import Collect

WORDS = {"comment": "The stairs are dark", "score": "2"}
LATE = "Nobody called, and now it is too late"


async def told(collect: Collect) -> list[Feedback]:
    """What was published unasked."""
    return [each.body for each in await collect.events() if isinstance(each.body, Feedback)]


@pytest.mark.parametrize("path", ["/", "/s", "/s/", "/s/{token}/thanks/now", "/f/a/b", "/stop"])
async def test_who_gets_lost_meets_a_page(collect: Collect, path: str) -> None:
    await collect.invite()
    page = await collect.browser.get(path.format(token=collect.token), follow_redirects=True)
    assert page.status_code == 404
    assert "We do not know this link" in page.text
    assert 'href="/f"' in page.text


@pytest.mark.parametrize("behind", ["/", ".", ").", ">", "。"])
async def test_what_stands_behind_a_link_in_a_sentence_does_no_harm(
    collect: Collect, behind: str
) -> None:
    await collect.invite()
    link = f"{collect.page}{behind}"
    page = await collect.browser.get(link, params={"score": "3"}, follow_redirects=True)
    assert page.status_code == 200
    assert 'value="3" checked' in page.text
    (form,) = re.findall(r'<form method="post" action="([^"]+)"', page.text)
    assert (await collect.browser.post(form, data={"score": "3"})).status_code == 303
    assert (await collect.rows())["responses"] == 1


async def test_a_tap_too_many_on_a_form_without_a_key_is_the_same_message(
    collect: Collect,
) -> None:
    for agent in ("Firefox", "Firefox", "Safari"):
        sent = await collect.browser.post("/f", data=WORDS, headers={"user-agent": agent})
        assert sent.status_code == 303
    await collect.browser.post("/f", data={**WORDS, "score": "1"}, headers={"user-agent": "Safari"})
    assert [each.score for each in await told(collect)] == [2, 2, 1]


@pytest.mark.parametrize("closed", ["expired", "answered"])
async def test_words_for_a_closed_question_stay_on_the_page_and_find_another_way(
    collect: Collect, closed: str
) -> None:
    await collect.invite()
    if closed == "answered":
        await collect.browser.post(collect.page, data={"score": "2"})
    collect.clock.advance(timedelta(days=60))
    page = await collect.browser.post(f"{collect.page}/more", data={"comment": LATE})
    assert page.status_code == 410
    assert f"{LATE}</textarea>" in page.text
    (where,) = re.findall(r'<form method="post" action="([^"]+)"', page.text)

    form = await collect.browser.post(where, data={"comment": LATE, "moved": "yes"})
    assert (form.status_code, f"{LATE}</textarea>" in form.text) == (200, True)
    assert "There is a problem" not in form.text
    assert await told(collect) == []
    await collect.browser.post(where, data={"comment": LATE, "score": "1"})
    (said,) = await told(collect)
    assert (said.text, said.customer_id, said.correlation) == (LATE, "c-1", "ticket-7")


async def test_a_comment_is_written_in_the_direction_of_its_script(collect: Collect) -> None:
    await collect.invite()
    await collect.browser.post(collect.page, data={"score": "2"})
    more = await collect.browser.get(f"{collect.page}/more")
    assert 'name="comment" rows="5" dir="auto"' in more.text
    await collect.browser.post(f"{collect.page}/more", data={"comment": "لم يتصل أحد"})
    assert 'class="words" dir="auto"' in (await collect.browser.get(f"{collect.page}/mine")).text
