"""Acting from a page: real forms, done once, refused kindly, and nothing typed is lost."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.close.decide import POSSIBLE
from services.console.decide import STEPS, steps
from services.console.forms import FORMS
from services.console.outbound import Away, Close, Conflict, Done, Outcome, Refused
from shared.contracts.cases import CaseState, Deadline
from tests.integration.console.conftest import Desk, form
from tests.support.clock import START
from tests.unit.close.cases import an_event

OPENED = "touchback.case.opened.v1"
TAKE = "/cases/c1/acknowledge"
TAKEN = an_event(version=2, state="acknowledged", assignee="lena")


@pytest.fixture
async def agent(desk: Desk) -> Desk:
    """Lena, before one open case."""
    await desk.hears(OPENED, an_event())
    await desk.says_who("Lena 李")
    return desk


async def test_taking_a_case_goes_to_close_and_back_to_the_list(agent: Desk) -> None:
    agent.close.outcome = Done(TAKEN)
    response = await agent.submit("/?state=all", f"{TAKE}?state=all")
    assert (response.status_code, response.headers["location"]) == (303, "/?state=all")
    [(case_id, action, body, key)] = agent.close.sent
    assert (case_id, action) == ("c1", "acknowledge")
    assert body == {"actor": "Lena 李", "version": 1}
    assert len(key) == 36
    assert "Taken" in await agent.page("/")  # at once, before the topic brings it


async def test_a_form_sent_twice_carries_the_same_key(agent: Desk) -> None:
    fields = form(await agent.page("/"), TAKE)
    for _ in range(2):
        await agent.browser.post(TAKE, data=fields)
    keys = {key for _, _, _, key in agent.close.sent}
    assert len(agent.close.sent) == 2
    assert len(keys) == 1


async def test_the_second_taker_reads_who_has_it(agent: Desk) -> None:
    agent.close.outcome = Conflict(outdated=True, assignee="marek", state="acknowledged")
    response = await agent.submit("/", TAKE)
    assert response.status_code == 409
    assert "marek has this case" in response.text
    assert "<h1>Inbox" in response.text


@pytest.mark.parametrize(
    ("outcome", "status", "message"),
    [
        pytest.param(Away(), 503, "Nothing is lost", id="close is away"),
        pytest.param(Conflict(False, None, "resolved"), 409, "now “Resolved”", id="impossible"),
        pytest.param(Refused("how: too long"), 422, "how: too long", id="refused"),
    ],
)
async def test_whatever_goes_wrong_what_was_typed_stays(
    agent: Desk, outcome: Outcome, status: int, message: str
) -> None:
    taken = an_event(version=2, state="acknowledged", assignee="lena")
    await agent.hears("touchback.case.acknowledged.v1", taken, source="touchback/close")
    agent.close.outcome = outcome
    response = await agent.submit(
        "/cases/c1", "/cases/c1/contacted", how="chat", outcome="a long <story>"
    )
    assert response.status_code == status
    assert message in response.text
    assert "a long &lt;story&gt;</textarea>" in response.text
    assert 'value="chat" selected' in response.text


async def test_a_form_that_is_not_filled_in_does_not_reach_close(agent: Desk) -> None:
    taken = an_event(version=2, state="acknowledged", assignee="lena")
    await agent.hears("touchback.case.acknowledged.v1", taken, source="touchback/close")
    response = await agent.submit("/cases/c1", "/cases/c1/contacted", how="chat", outcome="  ")
    assert response.status_code == 422
    assert "Fill in every field" in response.text
    assert agent.close.sent == []


@pytest.mark.parametrize(
    ("state", "step", "typed", "action", "sent"),
    [
        pytest.param(
            "assigned",
            "reassign",
            {"to": "parcels", "reason": "theirs"},
            "reassign",
            {"team": "parcels", "reason": "theirs"},
            id="hand over to a team",
        ),
        pytest.param(
            "contacted",
            "reassign",
            {"to": "care/ines", "reason": "speaks Dutch"},
            "reassign",
            {"team": "care", "assignee": "ines", "reason": "speaks Dutch"},
            id="hand over to a person",
        ),
        pytest.param("acknowledged", "hand_back", {"reason": " "}, "reassign", {}, id="hand back"),
        pytest.param(
            "acknowledged",
            "hand_back",
            {"reason": "off sick"},
            "reassign",
            {"reason": "off sick"},
            id="hand back, and say why",
        ),
        pytest.param("contacted", "waiting", {"until": ""}, "waiting", {}, id="wait"),
        pytest.param(
            "contacted",
            "waiting",
            {"until": "2026-03-04", "note": "the bank"},
            "waiting",
            {"until": "2026-03-05T00:00:00+01:00", "note": "the bank"},
            id="wait until the end of a day",
        ),
        pytest.param("assigned", "merge", {"into": "c2"}, "merge", {"into": "c2"}, id="merge"),
        pytest.param(
            "assigned", "correct", {"reason": "typo"}, "correct", {"reason": "typo"}, id="correct"
        ),
        pytest.param(
            "contacted",
            "suppress",
            {"reason": "outage"},
            "suppress",
            {"reason": "outage"},
            id="suppress",
        ),
    ],
)
async def test_every_form_reaches_close_as_its_action(
    desk: Desk, state: str, step: str, typed: dict[str, str], action: str, sent: dict[str, str]
) -> None:
    await desk.hears(OPENED, an_event(state=state, version=3))
    await desk.hears(OPENED, an_event("c2", touchpoint="delivered"))
    await desk.says_who("lena")
    desk.close.outcome = Done(an_event(state=state, version=4))
    response = await desk.submit("/cases/c1", f"/cases/c1/{step}", **typed)
    assert (response.status_code, response.headers["location"]) == (303, "/cases/c1")
    [(case_id, name, body, _)] = desk.close.sent
    assert (case_id, name) == ("c1", action)
    assert body == {"actor": "lena", "version": 3, **sent}


@pytest.mark.parametrize(
    ("step", "typed"),
    [
        pytest.param("reassign", {"to": "parcels", "reason": ""}, id="no reason"),
        pytest.param("reassign", {"to": "", "reason": "r"}, id="nobody chosen"),
        pytest.param("correct", {"reason": ""}, id="no reason to correct"),
        pytest.param("merge", {}, id="no case chosen"),
        pytest.param("waiting", {"until": "tomorrow"}, id="no day"),
    ],
)
async def test_a_form_that_lacks_something_stays_open(
    desk: Desk, step: str, typed: dict[str, str]
) -> None:
    await desk.hears(OPENED, an_event(state="contacted"))
    await desk.hears(OPENED, an_event("c2", touchpoint="delivered"))
    await desk.says_who("lena")
    response = await desk.submit("/cases/c1", f"/cases/c1/{step}", **typed)
    assert (response.status_code, desk.close.sent) == (422, [])
    assert "<details open>" in response.text


async def test_merging_is_offered_with_open_cases_of_the_same_customer_only(desk: Desk) -> None:
    await desk.hears(OPENED, an_event())
    await desk.hears(OPENED, an_event("c3", customer_id="somebody-else"))
    await desk.hears(OPENED, an_event("c4", state="closed"))
    assert "/cases/c1/merge" not in await desk.page("/cases/c1")
    await desk.hears(OPENED, an_event("c2", touchpoint="delivered"))
    page = await desk.page("/cases/c1")
    assert re.findall(r'<option value="(c\d)"', page) == ["c2"]


async def test_a_merged_case_leads_to_the_one_that_goes_on(desk: Desk) -> None:
    await desk.hears(OPENED, an_event(state="merged", merged_into="c2"))
    assert '<a href="/cases/c2">Work goes on' in await desk.page("/cases/c1")


@pytest.mark.parametrize("state", STEPS)
def test_only_what_close_may_accept_is_offered(state: CaseState) -> None:
    offered = {FORMS[step].action for step in steps(state)}
    assert offered <= set(POSSIBLE[state])


async def test_nobody_acts_without_a_name(desk: Desk) -> None:
    await desk.hears(OPENED, an_event())
    response = await desk.submit("/", TAKE)
    assert response.status_code == 422
    assert "Say who you are first" in response.text
    assert desk.close.sent == []


@pytest.mark.parametrize("token", ["", "forged", "of another visitor"])
async def test_a_form_of_another_site_does_nothing(agent: Desk, token: str) -> None:
    fields = form(await agent.page("/"), TAKE)
    if token == "of another visitor":
        agent.browser.cookies.set("touchback_session", "somebody-else")
    else:
        fields["token"] = token
    response = await agent.browser.post(TAKE, data=fields)
    assert response.status_code == 422
    assert agent.close.sent == []


async def test_the_session_cookie_never_leaves_the_site(desk: Desk) -> None:
    response = await desk.browser.get("/")
    cookie = response.headers["set-cookie"].lower()
    assert "samesite=lax" in cookie
    assert "httponly" in cookie


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/\\evil.example", ""])
async def test_no_form_leads_off_the_site(agent: Desk, back: str) -> None:
    agent.close.outcome = Done(TAKEN)
    response = await agent.submit("/", TAKE, back=back)
    assert response.headers["location"] == "/"


async def test_an_unknown_step_is_404(agent: Desk) -> None:
    assert (await agent.browser.post("/cases/c1/explode", data={})).status_code == 404


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("assigned", "acknowledge"),
        ("acknowledged", "contacted"),
        ("contacted", "resolve"),
        ("waiting_customer", "resolve"),
        ("resolved", "reopen"),
    ],
)
async def test_a_case_offers_its_next_step_first(desk: Desk, state: str, expected: str) -> None:
    await desk.hears(OPENED, an_event(state=state, assignee="lena"))
    page = await desk.page("/cases/c1")
    first = page.index('<form method="post" action="/cases/c1/')
    assert page[first:].startswith(f'<form method="post" action="/cases/c1/{expected}"')


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("resolved", "closes without confirmation on 9 Mar, 13:00"),
        ("closed", "The customer agrees that it was put right."),
        ("closed_unconfirmed", "it is not known whether it was put right"),
    ],
)
async def test_a_done_case_says_who_has_the_word(desk: Desk, state: str, said: str) -> None:
    quiet = Deadline(clock="confirm", due_at=START + timedelta(days=7), target_seconds=604800)
    done = an_event(state=state, assignee="lena")
    clocks = (*done.deadlines, quiet)
    await desk.hears(OPENED, done.model_copy(update={"deadlines": clocks}))
    assert said in await desk.page("/cases/c1")


async def answer(status: int, content: Any) -> Outcome:
    """What the client makes of an answer of `close`."""
    seen: list[Any] = []

    async def reply(request: web.Request) -> web.Response:
        seen.append((request.headers["Authorization"], request.headers["Idempotency-Key"]))
        return web.json_response(content, status=status)

    app = web.Application()
    app.router.add_post("/v1/cases/c1/note", reply)
    async with TestServer(app) as server:
        close = Close(str(server.make_url("/")), "secret")
        outcome = await close.act("c1", "note", {"note": "x"}, "k1")
    assert seen == [("Bearer secret", "k1")]
    return outcome


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        pytest.param(200, {"case": TAKEN.model_dump(mode="json")}, Done(TAKEN), id="done"),
        pytest.param(
            409,
            {"reason": "outdated_version", "assignee": "marek", "state": "acknowledged"},
            Conflict(True, "marek", "acknowledged"),
            id="somebody was faster",
        ),
        pytest.param(422, {"title": "no", "detail": "why"}, Refused("why"), id="refused"),
        pytest.param(503, {"title": "away"}, Away(), id="its database is away"),
        pytest.param(401, {"title": "token"}, Away(), id="our token is not known"),
        pytest.param(200, {"case": {}}, Away(), id="an answer we cannot read"),
    ],
)
async def test_answers_of_close_are_understood(
    status: int, content: Any, expected: Outcome
) -> None:
    assert await answer(status, content) == expected


async def test_a_close_that_is_not_there_is_away() -> None:
    assert await Close("http://127.0.0.1:1", "t").act("c1", "note", {}, "k") == Away()
