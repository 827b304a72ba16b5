"""After an answer: what the thanks promise, what a page saves by itself, and one's own words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from services.collect import decide
from services.collect.model import InvitationId
from shared.contracts.cases import CaseEvent, Deadline
from tests.integration.collect.service import Collect
from tests.support.clock import START
from tests.unit.close.cases import a_score, an_event

ANSWER = decide.response_id(InvitationId("i-1"))
FULL = {"comment": "Nobody came", "reason": "slow", "effort": "5", "contact": "yes"}


async def answer(collect: Collect, score: int = 3, **more: str) -> None:
    """Answer both pages."""
    await collect.invite()
    await collect.browser.post(collect.page, data={"score": str(score)})
    await collect.browser.post(f"{collect.page}/more", data=more)


def a_case(**changes: object) -> CaseEvent:
    """A case that the answer opened."""
    score = a_score(ANSWER, START)
    return an_event("0badcafe-1", "c-1", **{"team": "support-leads", "score": score, **changes})


async def test_the_thanks_name_the_owner_and_the_deadline_of_the_case(collect: Collect) -> None:
    await answer(collect, contact="yes")
    await collect.hear_cases(a_case())
    page = (await collect.browser.get(f"{collect.page}/thanks")).text
    assert "Support Leads has your answer now, and gets in touch with you by" in page
    assert "March 2, 2026, 5:00" in page  # four hours after it was received, in the brand's zone
    assert "0BADCAFE" in page


async def test_without_a_wish_for_contact_none_is_promised(collect: Collect) -> None:
    await answer(collect)
    await collect.hear_cases(a_case())
    page = (await collect.browser.get(f"{collect.page}/thanks")).text
    assert "looks into it by" in page
    assert "in touch" not in page


async def test_the_newest_word_on_a_case_counts_whatever_the_order(collect: Collect) -> None:
    await answer(collect, contact="yes")
    met = tuple(
        Deadline.model_validate({**each.model_dump(), "met_at": START})
        for each in a_case().deadlines
    )
    handed_over = a_case(version=2, team="billing-care")
    contacted = a_case(version=3, team="billing-care", state="contacted", deadlines=met)
    await collect.hear_cases(a_case(), handed_over)
    assert "Billing Care" in (await collect.browser.get(f"{collect.page}/thanks")).text
    await collect.hear_cases(contacted, handed_over)
    page = (await collect.browser.get(f"{collect.page}/thanks")).text
    assert "Billing Care has been in touch with you" in page


async def test_while_nobody_has_the_case_only_what_is_usual_is_said(collect: Collect) -> None:
    await answer(collect)
    page = (await collect.browser.get(f"{collect.page}/thanks")).text
    assert "mostly Support Leads, who usually look into it within 24 hours" in page
    assert "Reference" not in page


async def test_a_review_is_offered_after_a_high_score_and_never_before(collect: Collect) -> None:
    await collect.invite()
    review = "https://reviews.example/northwind-power"
    assert review not in (await collect.browser.get(collect.page, params={"score": "10"})).text
    await collect.browser.post(collect.page, data={"score": "10"})
    assert review not in (await collect.browser.get(f"{collect.page}/more")).text
    await collect.browser.post(f"{collect.page}/more", data={})
    assert review in (await collect.browser.get(f"{collect.page}/thanks")).text
    await collect.browser.post(collect.page, data={"score": "8"})
    assert review not in (await collect.browser.get(f"{collect.page}/thanks")).text


async def test_reasons_and_effort_travel_with_the_answer(collect: Collect) -> None:
    await answer(collect, **FULL)
    [_, (_, final)] = await collect.published()
    assert final.answers == {"reasons": ["slow"], "effort": 5, "contact_wanted": True}


async def test_what_a_page_saves_by_itself_is_durable_and_said_once_it_is_final(
    collect: Collect,
) -> None:
    await collect.invite()
    own = {"own": "1"}
    tapped = await collect.browser.post(collect.page, data={"score": "2", "number": "5", **own})
    assert tapped.status_code == 204
    late = await collect.browser.post(collect.page, data={"score": "9", "number": "4", **own})
    assert late.status_code == 204
    draft = {"comment": "Nobody", "number": "6", **own}
    assert (await collect.browser.post(f"{collect.page}/more", data=draft)).status_code == 204
    assert await collect.said() == [("received", 2)]
    collect.clock.advance(timedelta(seconds=60))
    await collect.sweep()
    assert [(type, body.comment) for type, body in await collect.published()] == [
        ("received", None),
        ("completed", "Nobody"),
    ]


@pytest.mark.parametrize(
    ("page", "form"),
    [
        pytest.param("", {"score": "", "own": "1"}, id="no score yet"),
        pytest.param("/more", {"comment": "x" * 2001, "own": "1"}, id="a comment too long so far"),
    ],
)
async def test_what_is_not_whole_yet_is_not_said_to_be_saved(
    collect: Collect, page: str, form: Mapping[str, str]
) -> None:
    await collect.invite()
    if page:
        await collect.browser.post(collect.page, data={"score": "3"})
    assert (await collect.browser.post(collect.page + page, data=form)).status_code == 202


async def test_my_answer_is_shown_and_handed_out_whole(collect: Collect) -> None:
    await answer(collect, **FULL)
    page = (await collect.browser.get(f"{collect.page}/mine")).text
    for words in ("3 of 10", "Nobody came", "It took too long", "Very much effort", "2029"):
        assert words in page
    file = await collect.browser.get(f"{collect.page}/mine.json")
    assert "attachment" in file.headers["content-disposition"]
    assert file.json()["comment"] == "Nobody came"
    assert (file.json()["score"], file.json()["effort"], file.json()["reasons"]) == (3, 5, ["slow"])


async def test_my_words_can_be_deleted_at_any_time_and_the_others_hear_of_it(
    collect: Collect,
) -> None:
    await answer(collect, **FULL)
    collect.clock.advance(timedelta(days=40))
    gone = await collect.browser.post(f"{collect.page}/mine")
    assert (gone.status_code, gone.headers["location"]) == (303, f"{collect.page}/mine")
    page = (await collect.browser.get(f"{collect.page}/mine")).text
    assert "Your words are deleted" in page
    assert "Nobody came" not in page
    last, body = (await collect.published())[-1]
    assert (last, body.score, body.comment) == ("amended", 3, None)
    assert body.answers == {"withdrawn": True}
    async with collect.runtime.database.connection() as connection:
        row = await connection.fetchrow("select comment, answers, contact_wanted from responses")
    assert tuple(row) == (None, {"withdrawn": True}, False)


async def test_without_an_answer_there_is_nothing_to_show_or_delete(collect: Collect) -> None:
    await collect.invite()
    for method, path in (("GET", "/mine"), ("GET", "/mine.json"), ("POST", "/mine")):
        page = await collect.browser.request(method, collect.page + path)
        assert page.status_code == 404
        assert "There is no answer yet" in page.text


async def test_every_end_offers_another_way_to_be_heard(collect: Collect) -> None:
    await answer(collect)
    collect.clock.advance(timedelta(days=2))
    for path in (collect.page, "/s/unknown", f"{collect.page}/thanks", f"{collect.page}/mine"):
        page = (await collect.browser.get(path)).text
        assert 'href="/f' in page
        assert "https://northwind.example/help" in page
