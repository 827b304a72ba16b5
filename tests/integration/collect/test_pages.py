"""A customer's way through the pages: what each step keeps, says, and refuses."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from services.collect import store
from services.collect.model import InvitationId
from shared import timers
from shared.contracts.responses import OptOut
from shared.links import Links
from tests.integration.collect.service import KEY, Collect, started
from tests.support.clock import ManualClock
from tests.support.wait import eventually
from tests.unit.collect.facts import an_invitation

DAY = timedelta(hours=24)


async def test_a_score_a_comment_and_thanks(collect: Collect) -> None:
    await collect.invite()
    asked = await collect.browser.get(collect.page)
    assert asked.status_code == 200
    assert "how likely are you to recommend Northwind Power" in asked.text

    sent = await collect.browser.post(collect.page, data={"score": "3"})
    assert (sent.status_code, sent.headers["location"]) == (303, f"{collect.page}/more")
    assert await collect.said() == [("received", 3)]

    more = await collect.browser.get(f"{collect.page}/more")
    assert "What disappointed you?" in more.text
    assert "Please contact me about this" in more.text
    form = {"comment": "Nobody called back\r\nfor a week", "contact": "yes"}
    added = await collect.browser.post(f"{collect.page}/more", data=form)
    assert added.headers["location"] == f"{collect.page}/thanks"
    assert "glad that you told us" in (await collect.browser.get(added.headers["location"])).text

    (_, received), (last, final) = await collect.published()
    assert last == "completed"
    assert final.response_id == received.response_id
    assert (final.score, final.band, final.metric, final.origin) == (3, "low", "nps", "page")
    assert final.comment == "Nobody called back\nfor a week"
    assert final.answers == {"contact_wanted": True}
    assert (final.received_at, final.invitation_id) == (collect.clock.now(), "i-1")
    assert (final.correlation, final.attribution.team) == ("ticket-7", "support-leads")
    assert (await collect.rows())["timers"] == 0
    assert await collect.counted() == {("support-closed", "support-nps", "low"): 1}


async def test_the_contact_wish_is_offered_for_low_scores_only(collect: Collect) -> None:
    await collect.invite()
    await collect.browser.post(collect.page, data={"score": "9"})
    more = await collect.browser.get(f"{collect.page}/more")
    assert "Please contact me" not in more.text


async def test_a_score_in_the_link_is_only_preselected_and_says_so(collect: Collect) -> None:
    await collect.invite()
    page = (await collect.browser.get(collect.page, params={"score": "3"})).text
    assert 'value="3" checked' in page
    assert page.count(" checked") == 1
    assert "You picked 3" in page
    nonsense = (await collect.browser.get(collect.page, params={"score": "99"})).text
    assert " checked" not in nonsense


async def test_without_a_second_page_an_answer_is_final_after_a_minute(collect: Collect) -> None:
    await collect.invite()
    await collect.browser.post(collect.page, data={"score": "3"})
    collect.clock.advance(timedelta(seconds=59))
    assert await collect.sweep() == 0
    collect.clock.advance(timedelta(seconds=1))
    assert await collect.sweep() == 1
    assert await collect.said() == [("received", 3), ("completed", 3)]
    assert await collect.sweep() == 0


async def test_a_restart_in_between_loses_nothing(migrated: str, clock: ManualClock) -> None:
    async with started(migrated, clock) as before:
        await before.invite()
        await before.browser.post(before.page, data={"score": "3"})
    clock.advance(timedelta(minutes=5))
    async with started(migrated, clock) as after:
        await after.sweep()
        assert await after.said() == [("received", 3), ("completed", 3)]
        assert (await after.published())[-1][1].received_at == clock.now() - timedelta(minutes=5)


async def test_a_changed_score_amends_and_its_minute_starts_again(collect: Collect) -> None:
    await collect.invite()
    await collect.browser.post(collect.page, data={"score": "9"})
    collect.clock.advance(timedelta(seconds=40))
    await collect.browser.post(collect.page, data={"score": "2"})
    collect.clock.advance(timedelta(seconds=40))
    assert await collect.sweep() == 0
    collect.clock.advance(timedelta(seconds=20))
    await collect.sweep()
    assert await collect.said() == [("received", 9), ("amended", 2), ("completed", 2)]
    assert await collect.counted() == {("support-closed", "support-nps", "low"): 1}


async def test_an_answer_can_be_changed_for_a_day_also_after_it_was_final(collect: Collect) -> None:
    await collect.invite()
    await collect.browser.post(collect.page, data={"score": "3"})
    await collect.browser.post(f"{collect.page}/more", data={"comment": "slow"})
    collect.clock.advance(DAY - timedelta(seconds=1))
    told = await collect.browser.get(collect.page)
    assert (told.status_code, "You have already answered" in told.text) == (200, True)
    again = await collect.browser.get(collect.page, params={"change": "1"})
    assert 'value="3" checked' in again.text
    await collect.browser.post(collect.page, data={"score": "8"})
    kept = await collect.browser.get(f"{collect.page}/more")
    assert "slow</textarea>" in kept.text
    collect.clock.advance(timedelta(seconds=1))
    late = await collect.browser.post(collect.page, data={"score": "10"})
    assert late.status_code == 410
    assert "You have already answered" in late.text
    assert (await collect.said())[2:] == [("amended", 8)]
    assert (await collect.browser.get(f"{collect.page}/thanks")).status_code == 200


async def test_a_double_click_counts_once(collect: Collect) -> None:
    await collect.invite()
    both = (collect.browser.post(collect.page, data={"score": "3"}) for _ in range(2))
    assert [each.status_code for each in await asyncio.gather(*both)] == [303, 303]
    assert await collect.said() == [("received", 3)]


async def test_two_changes_at_once_are_both_kept(collect: Collect) -> None:
    await collect.invite()
    await collect.browser.post(collect.page, data={"score": "3"})
    await collect.browser.post(f"{collect.page}/more", data={})
    for score in range(4, 9):
        await asyncio.gather(
            collect.browser.post(collect.page, data={"score": str(score)}),
            collect.browser.post(f"{collect.page}/more", data={"comment": f"comment {score}"}),
        )
        last = (await collect.published())[-1][1]
        assert (last.score, last.comment) == (score, f"comment {score}")


async def test_a_comment_that_meets_the_sweep_waits_for_it_and_completes_nothing_twice(
    collect: Collect,
) -> None:
    await collect.invite()
    await collect.browser.post(collect.page, data={"score": "3"})
    collect.clock.advance(timedelta(minutes=1))
    comment = collect.browser.post(f"{collect.page}/more", data={"comment": "slow"})
    await asyncio.gather(collect.sweep(), comment)
    said = [type for type, _ in await collect.published()]
    assert said.count("completed") == 1
    assert (await collect.published())[-1][1].comment == "slow"


async def test_a_missing_score_is_explained_and_nothing_is_kept(collect: Collect) -> None:
    await collect.invite()
    before = await collect.rows()
    for form in ({}, {"score": "11"}, {"score": "drop table"}):
        page = await collect.browser.post(collect.page, data=form)
        assert page.status_code == 422
        assert "<title>Error: " in page.text
        assert 'href="#score-0"' in page.text
    assert await collect.rows() == before


async def test_a_comment_too_long_comes_back_whole(collect: Collect) -> None:
    await collect.invite()
    await collect.browser.post(collect.page, data={"score": "3"})
    text = "慢" * 2100
    page = await collect.browser.post(f"{collect.page}/more", data={"comment": text})
    assert page.status_code == 422
    assert text in page.text
    assert "Shorten your comment by 100 characters" in page.text
    assert await collect.said() == [("received", 3)]
    assert (await collect.rows())["timers"] == 1


async def test_an_invitation_still_on_its_way_loses_no_answer(collect: Collect) -> None:
    early = await collect.browser.get(collect.page, params={"score": "3"})
    assert (early.status_code, early.headers["retry-after"]) == (503, "5")
    assert f'href="{collect.page}?score=3"' in early.text
    posted = await collect.browser.post(collect.page, data={"score": "3"})
    assert posted.status_code == 503
    assert 'name="score" value="3"' in posted.text
    await collect.invite()
    assert (await collect.browser.post(collect.page, data={"score": "3"})).status_code == 303


async def test_without_the_database_a_page_keeps_what_was_typed(collect: Collect) -> None:
    await collect.runtime.database.close()
    form = {"score": "3", "comment": "A long story <b>", "contact": "yes"}
    page = await collect.browser.post(f"{collect.page}/more?lang=zh", data=form)
    assert page.status_code == 503
    assert "A long story &lt;b&gt;</textarea>" in page.text
    assert 'name="contact" value="yes"' in page.text
    assert f'action="{collect.page}/more?lang=zh"' in page.text
    assert "没有丢失" in page.text


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        pytest.param("cancelled", 410, "no longer asked", id="cancelled"),
        pytest.param("expired", 410, "This question has closed", id="expired"),
    ],
)
async def test_closed_questions_explain_themselves(
    collect: Collect, state: str, status: int, words: str
) -> None:
    await collect.invite(state)
    for page in (
        await collect.browser.get(collect.page),
        await collect.browser.post(collect.page, data={"score": "3"}),
    ):
        assert page.status_code == status
        assert words in page.text
        assert "Nothing was saved" in page.text
        assert "https://northwind.example/help" in page.text
    assert await collect.said() == []


@pytest.mark.parametrize("purpose", ["stop", "action", None], ids=["stop", "action", "forged"])
async def test_links_for_something_else_or_forged_are_unknown(
    collect: Collect, purpose: str | None
) -> None:
    await collect.invite()
    links = Links([KEY]) if purpose else Links(["x" * 32])
    page = await collect.browser.get("/s/" + links.sign(purpose or "survey", "i-1"))
    assert page.status_code == 404
    assert "We do not know this link" in page.text


async def test_the_first_page_alone_is_no_way_around_the_question(collect: Collect) -> None:
    await collect.invite()
    for page in ("/more", "/thanks"):
        seen = await collect.browser.get(collect.page + page)
        assert (seen.status_code, seen.headers["location"]) == (303, collect.page)
    posted = await collect.browser.post(f"{collect.page}/more", data={"comment": "x"})
    assert posted.headers["location"] == collect.page


@pytest.mark.parametrize(
    ("query", "invitation", "browser", "language"),
    [
        pytest.param("zh", "en", "en", "zh", id="the link's"),
        pytest.param(None, "zh-CN", "en", "zh", id="the recipient's"),
        pytest.param(None, None, "zh-CN,zh;q=0.9", "zh", id="the browser's"),
        pytest.param("fr", None, "fr", "en", id="none of them is there"),
    ],
)
async def test_the_language_is(
    collect: Collect, query: str | None, invitation: str | None, browser: str, language: str
) -> None:
    await collect.invite(language=invitation)
    page = await collect.browser.get(
        collect.page,
        params={"lang": query} if query else {},
        headers={"accept-language": browser},
    )
    assert f'<html lang="{language}">' in page.text
    assert ("提交分数" in page.text, "Send score" in page.text) == (
        language == "zh",
        language != "zh",
    )


async def test_two_languages_at_once_are_never_mixed(collect: Collect) -> None:
    await collect.invite()
    wishes = ["zh", "en"] * 10
    pages = await asyncio.gather(
        *(collect.browser.get(collect.page, params={"lang": each}) for each in wishes)
    )
    assert ["提交分数" in page.text for page in pages] == [each == "zh" for each in wishes]


async def test_pages_are_private_and_run_only_what_is_ours(collect: Collect) -> None:
    await collect.invite()
    page = await collect.browser.get(collect.page)
    policy = page.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "connect-src 'self'"} <= set(policy)
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.text.count("<script") == page.text.count('<script src="/static/collect.js?') == 1
    assert "style=" not in page.text
    style = await collect.browser.get("/static/collect.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "--brand: #0b6e4f" in style.text
    assert len(page.content) + len(style.content) < 15_000


@pytest.mark.parametrize("purpose", ["stop", "survey"])
@pytest.mark.parametrize("arrived", [True, False], ids=["known", "not here yet"])
async def test_opting_out_takes_a_post_and_is_kept_once(
    collect: Collect, purpose: str, arrived: bool
) -> None:
    if arrived:
        await collect.invite()
    page = "/stop/" + Links([KEY]).sign(purpose, "i-1")
    assert "Shall we stop asking you?" in (await collect.browser.get(page)).text
    for _ in range(2):
        done = await collect.browser.post(page, data={"List-Unsubscribe": "One-Click"})
        assert (done.status_code, "We will not ask you again" in done.text) == (200, True)
    assert (await collect.rows())["opt_outs"] == 1
    assert "We will not ask you again" in (await collect.browser.get(page)).text


async def test_one_question_may_be_stopped_alone_and_all_of_them_later(collect: Collect) -> None:
    await collect.invite()
    page = "/stop/" + Links([KEY]).sign("stop", "i-1")
    at = collect.clock.now()
    assert f'formaction="{page}?only=this"' in (await collect.browser.get(page)).text
    for _ in range(2):
        done = await collect.browser.post(f"{page}?only=this")
        assert "We will not ask you this again" in done.text
    one = OptOut(customer_id="c-1", touchpoint="support-closed", invitation_id="i-1", at=at)
    assert await collect.opt_outs() == [one]
    collect.clock.advance(timedelta(hours=1))
    for only in ("", "?only=this"):
        done = await collect.browser.post(page + only)
        assert "We will not ask you again" in done.text
    all_of_them = one.model_copy(update={"touchpoint": None, "at": at + timedelta(hours=1)})
    assert await collect.opt_outs() == [one, all_of_them]


async def test_an_opt_out_is_published_once(collect: Collect) -> None:
    await collect.invite()
    page = "/stop/" + Links([KEY]).sign("stop", "i-1")
    await collect.browser.post(page)
    stopped_at = collect.clock.now()
    collect.clock.advance(timedelta(hours=1))
    await collect.browser.post(page)
    await collect.invite("reminded", id="e-2")
    assert await collect.opt_outs() == [
        OptOut(customer_id="c-1", touchpoint=None, invitation_id="i-1", at=stopped_at)
    ]


async def test_an_opt_out_is_published_once_its_customer_is_known(collect: Collect) -> None:
    await collect.browser.post("/stop/" + Links([KEY]).sign("stop", "i-1"))
    stopped_at = collect.clock.now()
    assert await collect.opt_outs() == []
    collect.clock.advance(timedelta(minutes=1))
    await collect.invite("scheduled", id="e-1")
    await collect.invite("sent", id="e-2")
    assert [(each.customer_id, each.at) for each in await collect.opt_outs()] == [
        ("c-1", stopped_at)
    ]


async def test_an_opt_out_that_crosses_its_invitation_is_published(collect: Collect) -> None:
    database, now = collect.runtime.database, collect.clock.now()
    async with database.transaction() as connection:
        await store.save_invitations(connection, [an_invitation()])
        await store.say_opt_outs(connection, [InvitationId("i-1")], now)
        page = "/stop/" + Links([KEY]).sign("stop", "i-1")
        stop = asyncio.create_task(collect.browser.post(page))
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"

        async def blocked() -> bool:
            async with database.connection() as other:
                return bool(await other.fetchval(waiting)) or stop.done()

        await eventually(blocked, within=10)
    assert (await stop).status_code == 200
    assert len(await collect.opt_outs()) == 1


async def test_an_opt_out_that_cannot_be_published_is_not_said_to_be_recorded(
    collect: Collect,
) -> None:
    await collect.invite()
    async with collect.runtime.database.transaction() as connection:
        await connection.execute("alter table outbox rename to outbox_away")
    with pytest.raises(asyncpg.UndefinedTableError):
        await collect.browser.post("/stop/" + Links([KEY]).sign("stop", "i-1"))
    async with collect.runtime.database.transaction() as connection:
        await connection.execute("alter table outbox_away rename to outbox")
    assert (await collect.rows())["opt_outs"] == 0


async def test_a_comment_loses_the_character_that_cannot_be_kept(collect: Collect) -> None:
    await collect.invite()
    await collect.browser.post(collect.page, data={"score": "3"})
    posted = await collect.browser.post(f"{collect.page}/more", data={"comment": "too\x00 slow"})
    assert posted.status_code == 303
    assert (await collect.published())[-1][1].comment == "too slow"


async def test_a_timer_of_an_answer_that_is_gone_does_no_harm(collect: Collect) -> None:
    async with collect.runtime.database.transaction() as connection:
        await timers.schedule(connection, [timers.Timer("final", "gone", collect.clock.now())])
    assert await collect.sweep() == 1
    assert await collect.said() == []
