"""The door: who is in, who is not, and what a stolen, old or forged sign-in is worth."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from services.console import passwords
from services.console.door import AT_ONCE, COOKIE, FREE, SHORTEST, Door, Rules
from services.console.outbound import Done
from services.console.settings import Settings
from shared.errors import InvalidSettings
from shared.links import Links
from tests.integration.console.conftest import KEY, OPEN_HOUSE, Desk, form
from tests.support.clock import START, ManualClock
from tests.unit.close.cases import an_event

OPENED = "touchback.case.opened.v1"
PASSWORD = "correct horse battery"  # noqa: S105  (of these tests)
KEPT = passwords.hashed(PASSWORD)
HOUSE = Rules(True, {"lena": KEPT}, (), "X-Forwarded-User", frozenset())
BEHIND = Rules(True, {}, [ip_network("127.0.0.0/8")], "X-Forwarded-User", frozenset())
locked = pytest.mark.parametrize("house", [HOUSE], ids=["by password"])
proxied = pytest.mark.parametrize("house", [BEHIND], ids=["by proxy"])


async def sign_in(
    desk: Desk, name: str = "lena", password: str = PASSWORD, back: str = "/"
) -> httpx.Response:
    """Fill the form at the door."""
    fields = form(await desk.page("/sign-in"), "/sign-in")
    data = {**fields, "back": back, "name": name, "password": password}
    return await desk.browser.post("/sign-in", data=data)


@locked
@pytest.mark.parametrize("path", ["/", "/cases/c1", "/customers/u1", "/causes"])
async def test_whoever_is_outside_is_brought_to_the_door_and_back(desk: Desk, path: str) -> None:
    await desk.hears(OPENED, an_event())
    away = await desk.browser.get(path)
    assert away.status_code == 303
    assert away.headers["location"].startswith("/sign-in?back=%2F")
    entered = await sign_in(desk, back=path)
    assert (entered.status_code, entered.headers["location"]) == (303, path)
    assert (await desk.browser.get(path)).status_code == 200


@locked
async def test_the_name_of_the_sign_in_stands_on_the_case_whatever_else_is_said(desk: Desk) -> None:
    await desk.hears(OPENED, an_event())
    desk.close.outcome = Done(an_event(version=2, state="acknowledged", assignee="lena"))
    await sign_in(desk)
    desk.browser.cookies.set("touchback_name", "the-boss")
    take = "/cases/c1/acknowledge"
    taken = await desk.submit("/cases/c1", take, actor="the-boss", name="the-boss")
    assert taken.status_code == 303
    [(_, _, body, _)] = desk.close.sent
    assert body == {"actor": "lena", "version": 1}


@locked
@pytest.mark.parametrize(
    ("name", "password"),
    [
        pytest.param("lena", "wrong horse battery", id="a wrong password"),
        pytest.param("marek", PASSWORD, id="an unknown name"),
        pytest.param("lena", "", id="no password"),
        pytest.param("", "", id="nothing"),
    ],
)
async def test_what_does_not_belong_together_lets_nobody_in(
    desk: Desk, name: str, password: str
) -> None:
    refused = await sign_in(desk, name, password)
    assert refused.status_code == 401
    assert "Name and password do not belong together" in refused.text
    assert password == "" or password not in refused.text
    assert COOKIE not in desk.browser.cookies
    assert (await desk.browser.get("/")).status_code == 303


@locked
async def test_too_many_wrong_passwords_cost_time_also_for_the_right_one(desk: Desk) -> None:
    for _ in range(FREE):
        assert (await sign_in(desk, password="no")).status_code == 401
    held = await sign_in(desk)
    assert (held.status_code, held.headers["retry-after"]) == (429, "60")
    desk.clock.advance(SHORTEST)
    assert (await sign_in(desk)).status_code == 303


async def test_the_wait_doubles_and_the_right_password_ends_it() -> None:
    clock = ManualClock(START)
    door = Door(HOUSE, Links([KEY]), clock, lambda: {})
    waits = []
    for _ in range(FREE + 5):
        found = await door.enter("lena", "no")
        while isinstance(found, timedelta):
            waits.append(found)
            clock.advance(found)
            found = await door.enter("lena", "no")
        assert found is False
    assert waits == [timedelta(minutes=each) for each in (1, 2, 4, 8, 15)]
    clock.advance(timedelta(minutes=15))
    assert await door.enter("lena", PASSWORD) is True
    assert await door.enter("lena", "no") is False
    assert await door.enter("lena", PASSWORD) is True, "the wrong ones before are forgotten"


async def test_few_passwords_are_looked_at_at_once() -> None:
    door = a_door()
    found = await asyncio.gather(*(door.enter("nobody", "no") for _ in range(AT_ONCE + 2)))
    assert found == [False] * AT_ONCE + [timedelta(seconds=5)] * 2
    assert await door.enter("lena", PASSWORD) is True


def test_a_password_costs_whoever_guesses_it() -> None:
    assert KEPT.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@locked
async def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(desk: Desk) -> None:
    kept = next(
        each.lower()
        for each in (await sign_in(desk)).headers.get_list("set-cookie")
        if each.startswith(COOKIE)
    )
    assert "httponly" in kept
    assert "samesite=lax" in kept


@locked
@pytest.mark.parametrize("secure", [False, True])
async def test_behind_https_no_cookie_goes_in_clear(desk: Desk, secure: bool) -> None:
    first = await desk.browser.get("/sign-in?lang=zh")
    kept = [*first.headers.get_list("set-cookie")]
    kept += (await sign_in(desk)).headers.get_list("set-cookie")
    assert len(kept) >= 3
    assert {"; secure" in each.lower() for each in kept} == {secure}


@locked
@pytest.mark.parametrize(
    "cookie",
    [
        pytest.param("nonsense", id="nonsense"),
        pytest.param(Links(["x" * 32]).sign("sign-in", '["lena", "x"]'), id="another key"),
        pytest.param(Links([KEY]).sign("form", '["lena", "x"]'), id="another purpose"),
        pytest.param(Links([KEY]).sign("sign-in", '["lena", "x"]'), id="an earlier password"),
        pytest.param(Links([KEY]).sign("sign-in", '["marek", null]'), id="nobody of the list"),
        pytest.param(Links([KEY]).sign("sign-in", "7"), id="of another release"),
    ],
)
async def test_a_cookie_that_is_not_ours_opens_nothing(desk: Desk, cookie: str) -> None:
    desk.browser.cookies.set(COOKIE, cookie)
    assert (await desk.browser.get("/")).status_code == 303


def a_door(rules: Rules = HOUSE, lasts: timedelta = timedelta(hours=12)) -> Door:
    return Door(rules, Links([KEY]), ManualClock(START), lambda: {}, lasts)


def asked(door: Door, cookie: str = "", peer: str = "127.0.0.1", **headers: str) -> str | None:
    """Who a door thinks is asking."""
    from_cookie = [(b"cookie", f"{COOKIE}={cookie}".encode())]
    given = [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()]
    scope = {"type": "http", "headers": from_cookie + given, "client": (peer, 1)}
    person = door.person(Request(scope))
    return person and person.name


def test_a_sign_in_ends() -> None:
    token = a_door().token("lena")
    assert asked(a_door(), token) == "lena"
    assert asked(a_door(lasts=timedelta(seconds=-1)), token) is None


def test_another_password_ends_the_sign_ins_of_the_old_one() -> None:
    token = a_door().token("lena")
    again = Rules(True, {"lena": passwords.hashed(PASSWORD)}, (), "X-Forwarded-User", frozenset())
    assert asked(a_door(again), token) is None


@locked
async def test_signing_out_forgets_who_it_was(desk: Desk) -> None:
    await sign_in(desk)
    out = await desk.submit("/", "/sign-out")
    assert (out.status_code, out.headers["location"]) == (303, "/sign-in")
    assert (await desk.browser.get("/")).status_code == 303


@locked
async def test_a_form_of_another_person_in_the_same_browser_does_nothing(desk: Desk) -> None:
    await desk.hears(OPENED, an_event())
    fields = form(await desk.page("/sign-in"), "/sign-in")  # of nobody, in this browser
    await sign_in(desk)
    take = {**form(await desk.page("/"), "/cases/c1/acknowledge"), "token": fields["token"]}
    refused = await desk.browser.post("/cases/c1/acknowledge", data=take)
    assert (refused.status_code, desk.close.sent) == (422, [])


@locked
async def test_the_door_opens_to_its_own_form_only(desk: Desk) -> None:
    data = {"name": "lena", "password": PASSWORD, "token": "forged"}
    assert (await desk.browser.post("/sign-in", data=data)).status_code == 422
    assert (await desk.browser.get("/")).status_code == 303


@locked
async def test_what_was_typed_when_the_sign_in_ended_is_still_to_be_read(desk: Desk) -> None:
    given = {"outcome": "a long <story>", "how": "phone", "key": "k", "version": "1"}
    response = await desk.browser.post("/cases/c1/contacted", data=given)
    assert response.status_code == 401
    assert "a long &lt;story&gt;" in response.text
    assert desk.close.sent == []


@locked
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="nothing"),
        pytest.param({"Authorization": "Bearer x"}, 401, id="an unknown token"),
        pytest.param({"Authorization": "Bearer other"}, 403, id="a token for other things"),
        pytest.param({"Authorization": "Bearer a-program"}, 200, id="the right token"),
    ],
)
async def test_programs_show_a_token(desk: Desk, headers: dict[str, str], status: int) -> None:
    for path in ("/v1/summary", "/v1/scores", "/v1/journey"):
        assert (await desk.browser.get(path, headers=headers)).status_code == status


@locked
@pytest.mark.parametrize("path", ["/?fragment=rows", "/live"])
async def test_what_a_script_asks_for_is_refused_plainly(desk: Desk, path: str) -> None:
    assert (await desk.browser.get(path)).status_code == 401


@locked
async def test_the_way_back_leads_nowhere_else(desk: Desk) -> None:
    response = await sign_in(desk, back="https://evil.example/")
    assert response.headers["location"] == "/"


@proxied
async def test_a_proxy_in_front_says_who_it_is(desk: Desk) -> None:
    await desk.hears(OPENED, an_event())
    desk.browser.headers["X-Forwarded-User"] = "lena@shop.example"
    page = await desk.page("/")
    assert "lena@shop.example" in page
    assert "Sign out" not in page
    await desk.submit("/", "/cases/c1/acknowledge")
    [(_, _, body, _)] = desk.close.sent
    assert body["actor"] == "lena@shop.example"


@pytest.mark.parametrize(
    ("peer", "header", "expected"),
    [
        pytest.param("127.9.9.9", {"x_forwarded_user": "lena"}, "lena", id="from the proxy"),
        pytest.param("::ffff:127.0.0.1", {"x_forwarded_user": "lena"}, "lena", id="as IPv6"),
        pytest.param("10.0.0.1", {"x_forwarded_user": "lena"}, None, id="from elsewhere"),
        pytest.param("::1", {"x_forwarded_user": "lena"}, None, id="over the other protocol"),
        pytest.param("127.0.0.1", {"x_forwarded_user": "  "}, None, id="an empty name"),
        pytest.param("127.0.0.1", {"x_forwarded_email": "lena"}, None, id="another header"),
        pytest.param("127.0.0.1", {}, None, id="no header"),
    ],
)
def test_only_the_configured_proxy_is_believed(
    peer: str, header: dict[str, str], expected: str | None
) -> None:
    assert asked(a_door(BEHIND), peer=peer, **header) == expected


def test_a_mail_address_that_the_catalog_knows_becomes_the_members_name() -> None:
    known = {"lena@shop.example": "lena"}
    door = Door(BEHIND, Links([KEY]), ManualClock(START), lambda: known)
    assert asked(door, x_forwarded_user="Lena@Shop.example") == "lena"


async def test_where_nobody_signs_in_only_the_own_address_is_answered(desk: Desk) -> None:
    assert OPEN_HOUSE.hosts == {"console"}
    assert (await desk.browser.get("/")).status_code == 200
    rebound = await desk.browser.get("/", headers={"Host": "evil.example"})
    assert rebound.status_code == 421


GIVEN = {
    "TOUCHBACK_KAFKA_BOOTSTRAP_SERVERS": "localhost:1",
    "TOUCHBACK_POSTGRES_DSN": "postgresql://localhost/x",
    "TOUCHBACK_LINK_KEYS": KEY,
    "TOUCHBACK_API_TOKEN": "t",
}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param({}, "nobody could sign in", id="nobody is named"),
        pytest.param({"USERS": "{}"}, "nobody could sign in", id="an empty list"),
        pytest.param({"USERS": '{"lena": "hunter2"}'}, "lena: this is no hash", id="no hash"),
        pytest.param({"USERS": "lena"}, "should be a JSON object", id="no list"),
        pytest.param({"PROXIES": "proxy"}, "TOUCHBACK_CONSOLE_PROXIES", id="no network"),
        pytest.param({"SIGN_IN": "perhaps"}, "TOUCHBACK_CONSOLE_SIGN_IN", id="neither nor"),
    ],
)
def test_a_console_that_nobody_could_enter_does_not_start(
    tmp_path: Path, more: dict[str, str], said: str
) -> None:
    with pytest.raises(InvalidSettings) as refused:
        settings(tmp_path, more)
    assert said in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"SIGN_IN": "none"}, id="none, said outright"),
        pytest.param({"PROXIES": "10.0.0.0/8"}, id="a proxy is enough"),
        pytest.param({"USERS": f'{{"lena": "{KEPT}"}}'}, id="people are enough"),
    ],
)
def test_a_console_that_somebody_may_enter_starts(tmp_path: Path, more: dict[str, str]) -> None:
    assert settings(tmp_path, more).http_port == 8080


def settings(catalog: Path, more: dict[str, str]) -> Settings:
    named = {f"TOUCHBACK_CONSOLE_{name}": text for name, text in more.items()}
    return Settings.load({**GIVEN, "TOUCHBACK_CATALOG": str(catalog), **named})


def test_the_same_letters_are_the_same_password_on_every_keyboard() -> None:
    assert passwords.matches("cafe\u0301 au lait!", passwords.hashed("caf\u00e9 au lait!"))
    assert not passwords.matches("cafe au lait!", passwords.hashed("caf\u00e9 au lait!"))
