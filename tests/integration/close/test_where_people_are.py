"""Acting from where people are: links in mails, Slack's buttons."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import urlencode

import httpx
import pytest
from aiohttp import web as aioweb
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from services.close import record
from services.close.http import Acting, ActionLinks, SlackActions
from services.close.http.slack import signature
from services.close.policy import Policy
from shared import db, web
from shared.catalog import Member
from shared.clock import SystemClock
from shared.contracts import actions
from shared.links import Links
from tests.integration.close.cases import published, take, told
from tests.integration.close.test_time import RULES
from tests.support.clock import START, ManualClock
from tests.support.wait import eventually
from tests.unit.close.cases import a_score, an_event

LENA = Member(member="lena", name="Lena", slack="U0LENA")
MAREK = Member(member="marek", name="Marek")
POLICY = Policy(
    frozenset({"billing-care", "customer-care"}),
    (60, 900, 14400, 172800),
    members={"billing-care": (LENA, MAREK)},
)
CHINESE = replace(POLICY, languages={"billing-care": "zh"})
LINKS = Links(["k" * 32])
SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # noqa: S105  (of the provider's own example)


class Told:
    """Where Slack takes what only the clicker sees."""

    def __init__(self) -> None:
        self.url = ""
        self.texts: list[dict[str, object]] = []

    async def take(self, request: aioweb.Request) -> aioweb.Response:
        self.texts.append(json.loads(await request.text()))
        return aioweb.Response(text="ok")


@pytest.fixture
async def slack() -> AsyncIterator[Told]:
    told = Told()
    app = aioweb.Application()
    app.router.add_post("/respond", told.take)
    runner = aioweb.AppRunner(app)
    await runner.setup()
    site = aioweb.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    told.url = f"http://127.0.0.1:{runner.addresses[0][1]}/respond"
    yield told
    await runner.cleanup()


@pytest.fixture
def policy() -> Policy:
    """The catalog as `close` reads it."""
    return POLICY


@pytest.fixture
async def http(
    close: db.Database, clock: ManualClock, policy: Policy
) -> AsyncIterator[httpx.AsyncClient]:
    acting = Acting(close, clock, lambda: policy)
    routes = [
        *ActionLinks(acting, LINKS, lambda: policy).routes(),
        *SlackActions(acting, clock, lambda: policy, SECRET, ["127.0.0.0/8"]).routes(),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: web.on_http_error})
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://close") as client:
        await take(close, told(an_event(policy=RULES)))
        yield client


def link(action: actions.LinkAction = "acknowledge", case_id: str = "c1") -> str:
    return f"/a/{LINKS.sign(actions.PURPOSE, actions.subject(action, case_id))}"


def click(
    slack: Told | None = None,
    action: str = "touchback.acknowledge",
    user: str = "U0LENA",
    version: int = 1,
    at: str = "1.1",
) -> bytes:
    button = {"action_id": action, "action_ts": at, "value": actions.value("c1", version)}
    payload = {
        "type": "block_actions",
        "user": {"id": user, "username": user.lower()},
        "actions": [button],
        "response_url": slack.url if slack else None,
    }
    return urlencode({"payload": json.dumps(payload)}).encode()


async def press(
    http: httpx.AsyncClient, body: bytes, secret: str = SECRET, age: int = 0
) -> httpx.Response:
    stamp = str(int(START.timestamp()) - age)
    headers = {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature(secret, stamp, body),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return await http.post("/slack/actions", content=body, headers=headers)


async def test_looking_at_a_link_changes_nothing_and_sending_its_form_takes_the_case(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    page = await http.get(link())
    assert (page.status_code, "Take the case" in page.text) == (200, True)
    assert "Charged twice" not in page.text
    await http.head(link())
    assert await published(close) == []
    key = re.search(r'name="key" value="([^"]+)"', page.text)
    assert key is not None
    form = {"actor": "lena", "key": key[1], "version": "1"}
    for _ in range(2):  # a double click is one
        done = await http.post(link(), data=form)
        assert (done.status_code, "lena has this case" in done.text) == (200, True)
    [(type, event)] = await published(close)
    assert (type, event.assignee) == ("touchback.case.acknowledged.v1", "lena")


async def test_the_second_to_follow_the_link_learns_who_was_first(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    await http.post(link(), data={"actor": "lena", "key": "1"})
    late = await http.post(link(), data={"actor": "marek", "key": "2"})
    assert (late.status_code, "lena has this case. Nothing was changed." in late.text) == (
        409,
        True,
    )
    again = await http.post(link(), data={"actor": "lena", "key": "3"})
    assert again.status_code == 200
    assert len(await published(close)) == 1


async def test_a_contact_needs_its_outcome_and_what_was_typed_is_kept(
    http: httpx.AsyncClient,
) -> None:
    await http.post(link(), data={"actor": "lena", "key": "1"})
    form = {"actor": "lena", "how": "chat", "outcome": " ", "key": "2"}
    missing = await http.post(link("contacted"), data=form)
    assert missing.status_code == 422
    assert re.search(r'value="chat" selected', missing.text)
    done = await http.post(link("contacted"), data={**form, "outcome": "all well"})
    assert done.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/a/nonsense", id="no token at all"),
        pytest.param(f"/a/{LINKS.sign('survey', 'acknowledge:c1')}", id="for another purpose"),
        pytest.param(f"/a/{LINKS.sign(actions.PURPOSE, 'destroy:c1')}", id="an unknown action"),
        pytest.param(f"/a/{LINKS.sign(actions.PURPOSE, 'acknowledge:c9')}", id="an unknown case"),
    ],
)
async def test_a_link_that_does_not_work_says_so(http: httpx.AsyncClient, path: str) -> None:
    for found in (await http.get(path), await http.post(path, data={"actor": "lena"})):
        assert (found.status_code, "This link does not work" in found.text) == (404, True)


@pytest.mark.parametrize(("days", "status"), [(29, 200), (31, 404)])
async def test_a_link_expires_after_thirty_days(
    http: httpx.AsyncClient,
    close: db.Database,
    monkeypatch: pytest.MonkeyPatch,
    days: int,
    status: int,
) -> None:
    sent = int(SystemClock().now().timestamp()) - days * 86400
    with monkeypatch.context() as then:
        then.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda self: sent)
        old = link()
    assert (await http.get(old)).status_code == status
    acted = await http.post(old, data={"actor": "lena", "key": "1"})
    assert acted.status_code == status
    assert len(await published(close)) == (status == 200)


async def test_the_page_speaks_chinese_to_who_reads_it(http: httpx.AsyncClient) -> None:
    page = await http.get(link(), headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert '<html lang="zh">' in page.text
    assert "认领个案" in page.text


async def test_a_deadline_is_told_by_the_clock_on_the_teams_wall(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    shanghai = RULES.model_copy(update={"time_zone": "Asia/Shanghai"})
    unasked = a_score().model_copy(update={"source": "signal"})
    await take(close, told(an_event("c2", policy=shanghai, score=unasked)))
    page = await http.get(link(case_id="c2"))
    assert "no score · until 2026-03-02 20:15 (Asia/Shanghai)" in page.text


async def test_a_button_in_slack_takes_the_case_under_the_name_of_the_catalog(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    for _ in range(2):  # Slack repeats what it heard no answer to
        pressed = await press(http, click())
        assert (pressed.status_code, pressed.text) == (200, "")
    [(type, event)] = await published(close)
    assert (type, event.assignee) == ("touchback.case.acknowledged.v1", "lena")
    await press(http, click(action="touchback.contacted", version=2, at="1.2"))
    assert (await published(close))[-1][1].contact_how == "slack"


async def test_only_the_second_clicker_sees_that_somebody_was_first(
    http: httpx.AsyncClient, close: db.Database, slack: Told
) -> None:
    await press(http, click())
    late = await press(http, click(slack, user="U0MAREK", at="2.2"))
    assert late.status_code == 200
    [told] = await eventually(lambda: slack.texts, within=10)
    assert (told["response_type"], told["replace_original"]) == ("ephemeral", False)
    assert told["text"] == "lena has this case. Its state is now: taken."
    assert len(await published(close)) == 1


@pytest.mark.parametrize("policy", [CHINESE], ids=["a Chinese team"])
async def test_the_clicker_is_told_in_the_language_of_the_team(
    http: httpx.AsyncClient, slack: Told
) -> None:
    await press(http, click(slack, action="touchback.contacted"))
    await eventually(lambda: len(slack.texts) == 1, within=10)
    await press(http, click())
    await press(http, click(slack, user="U0MAREK", at="2.2"))
    await eventually(lambda: len(slack.texts) == 2, within=10)
    assert [each["text"] for each in slack.texts] == [
        "此个案尚无人认领。请先认领。",
        "lena 正在处理此个案。当前状态：已认领。",
    ]


@pytest.mark.parametrize("policy", [CHINESE], ids=["a Chinese team"])
async def test_without_a_case_the_clickers_team_says_the_language(
    http: httpx.AsyncClient, close: db.Database, slack: Told
) -> None:
    await close.close()
    await press(http, click(slack))
    [told] = await eventually(lambda: slack.texts, within=10)
    assert told["text"] == "目前无法更改个案。请稍后再试。"


async def test_a_contact_before_anybody_took_the_case_takes_it_too(
    http: httpx.AsyncClient, close: db.Database
) -> None:
    page = await http.get(link("contacted"))
    assert "saving this takes it too" in page.text
    assert '<button name="take" value="1">Take the case and save this</button>' in page.text
    form = {"actor": "lena", "how": "phone", "outcome": "all well", "key": "1", "version": "1"}
    refused = await http.post(link("contacted"), data=form)
    assert refused.status_code == 409
    assert "Nobody has taken this case. Take it first." in refused.text
    assert '<button name="take" value="1">' in refused.text
    assert ">all well</textarea>" in refused.text
    assert await published(close) == []
    for _ in range(2):
        done = await http.post(link("contacted"), data={**form, "take": "1", "key": "2"})
        assert done.status_code == 200
    said = [(type.split(".")[2], event.actor) for type, event in await published(close)]
    assert said == [("acknowledged", "lena"), ("contacted", "lena")]


async def test_who_took_it_meanwhile_keeps_it(http: httpx.AsyncClient, close: db.Database) -> None:
    await http.post(link(), data={"actor": "marek", "key": "1"})
    form = {"actor": "lena", "how": "phone", "outcome": "x", "key": "2", "version": "1"}
    late = await http.post(link("contacted"), data={**form, "take": "1"})
    assert late.status_code == 409
    assert "marek has this case. Nothing was changed." in late.text
    assert len(await published(close)) == 1


async def test_slack_is_answered_in_time_though_the_database_is_away(
    http: httpx.AsyncClient, close: db.Database, slack: Told
) -> None:
    await close.close()
    pressed = await asyncio.wait_for(press(http, click(slack)), 3)
    assert pressed.status_code == 200
    [told] = await eventually(lambda: slack.texts, within=10)
    assert "Try again" in str(told["text"])


async def test_slack_is_answered_in_time_though_somebody_holds_the_case(
    http: httpx.AsyncClient, close: db.Database, slack: Told
) -> None:
    async with close.transaction() as connection:
        await record.held(connection, ["c1"])
        pressed = await asyncio.wait_for(press(http, click(slack)), 3)
        assert pressed.status_code == 200
        [told] = await eventually(lambda: slack.texts, within=10)
    assert "Try again" in str(told["text"])
    assert await published(close) == []
    await press(http, click(slack))  # the same click, sent again
    assert len(await published(close)) == 1


@pytest.mark.parametrize(
    ("secret", "age", "status"),
    [
        pytest.param(SECRET, 300, 200, id="five minutes old"),
        pytest.param(SECRET, 301, 401, id="older than five minutes"),
        pytest.param(SECRET, -301, 401, id="from the future"),
        pytest.param("another", 0, 401, id="signed by somebody else"),
    ],
)
async def test_only_what_our_app_signed_lately_is_believed(
    http: httpx.AsyncClient, close: db.Database, secret: str, age: int, status: int
) -> None:
    assert (await press(http, click(), secret, age)).status_code == status
    assert len(await published(close)) == (status == 200)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(click(action="somebody.elses"), id="a button of another app"),
        pytest.param(click(action="touchback.destroy"), id="a button we do not know"),
    ],
)
async def test_buttons_that_are_not_ours_do_nothing(
    http: httpx.AsyncClient, close: db.Database, body: bytes
) -> None:
    assert (await press(http, body)).status_code == 200
    assert await published(close) == []


async def test_what_is_no_interaction_is_refused(http: httpx.AsyncClient) -> None:
    assert (await press(http, b"payload=[]")).status_code == 400


def test_the_signature_is_that_of_the_providers_example() -> None:
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2F"
        b"commands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    assert signature(SECRET, "1531420618", body) == (
        "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    )
