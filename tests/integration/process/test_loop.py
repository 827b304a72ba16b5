"""The whole loop on the example catalog: a closed ticket, a mail, an answer, a team that acts."""

from __future__ import annotations

import html
import json
import re
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
import pytest_asyncio
from standardwebhooks import Webhook

from services.console.funnel import STEPS
from shared import topics
from shared.clock import SystemClock
from tests.support import outside, reading
from tests.support.sinks import ReceivedCall, ReceivedMail
from tests.support.stack import PROJECT, SECRET, TOKEN, Ground, World, world
from tests.support.wait import eventually, eventually_holds

pytestmark = pytest.mark.asyncio(loop_scope="module")
SOON = 20.0
QUIET = 3
COMMENT = "Nobody <called> me back."
REACHED = {"how": "phone", "outcome": "We talked about it."}
RESOLVED = {
    "root_cause": "not-solved",
    "action": "Called back.",
    "outcome": "Content again.",
}
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    catalog = PROJECT / "deploy" / "catalog"
    async with world(ground, tmp_path_factory.mktemp("loop"), catalog) as made:
        ask_soon_after(made.stack.catalog / "touchpoints.yaml", "put-right")
        wait_shortly(made.stack.catalog / "teams.yaml", "delivery-ops")
        made.stack.start()
        await made.stack.ready()
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


def ask_soon_after(file: Path, touchpoint: str) -> None:
    """Whether it was put right is asked at once: nobody waits a minute for a test."""
    text = file.read_text("utf-8")
    before, found, rest = text.partition(f"- touchpoint: {touchpoint}\n")
    assert found
    assert "delay: 1m" in rest
    file.write_text(before + found + rest.replace("delay: 1m", "delay: 1s", 1), "utf-8")


def wait_shortly(file: Path, team: str) -> None:
    """Customers of one team have seconds instead of a week to say whether it was put right."""
    before, found, rest = file.read_text("utf-8").partition(f"- team: {team}\n")
    assert found
    given = "resolve: 2d}"
    assert given in rest
    shorter = rest.replace(given, f"resolve: 2d, quiet: {QUIET}s}}", 1)
    file.write_text(before + found + shorter, "utf-8")


async def becomes_known(running: World, customer: str) -> None:
    now = SystemClock().now()
    await outside.publish(running.stack, "crm.customers", outside.a_customer(customer, now))

    async def card() -> int:
        return await running.stack.count("ask", f"contacts where customer_id = '{customer}'")

    await eventually(card, within=SOON)


async def asked(running: World, customer: str) -> ReceivedMail:
    """The mail that a customer gets about a closed ticket."""
    await becomes_known(running, customer)
    now = SystemClock().now()
    await outside.publish(running.stack, "support.events", outside.a_closed_ticket(customer, now))
    return await mail_to(running, f"{customer}@customers.example")


async def mail_to(running: World, address: str, number: int = 1, words: str = "") -> ReceivedMail:
    """The first, second, … mail to an address that has these words in it."""

    def those() -> ReceivedMail | None:
        mails = [m for m in running.mails.mails if address in m.recipients and words in m.text]
        return mails[number - 1] if len(mails) >= number else None

    return await eventually(those, within=SOON)


def survey_link(mail: ReceivedMail, running: World) -> str:
    """The link behind a score in the mail's plain part, without the score."""
    found = re.search(rf"{re.escape(running.stack.url('collect'))}/s/\S+", mail.text)
    assert found, mail.text
    return found[0].split("?")[0]


async def opens(browser: aiohttp.ClientSession, link: str) -> None:
    """Wait until the page is there: a mail may be faster than what collect hears of it."""

    async def page() -> bool:
        async with browser.get(link) as response:
            assert response.status == 200, await response.text()
            return True

    await eventually(page, within=SOON)


def alert_about(running: World, comment: str) -> ReceivedCall | None:
    calls = running.hooks.calls
    return next((call for call in calls if json.loads(call.body)["comment"] == comment), None)


async def act(
    browser: aiohttp.ClientSession,
    running: World,
    case: str,
    action: str,
    body: Mapping[str, object],
) -> dict[str, Any]:
    """One action at `close`'s API; returns the case after it."""
    url = running.stack.url("close", f"/v1/cases/{case}/{action}")
    headers = {**BEARER, "Idempotency-Key": uuid.uuid4().hex}
    async with browser.post(url, json={"actor": "noor", **body}, headers=headers) as response:
        assert response.status == 200, await response.text()
        done: dict[str, Any] = (await response.json())["case"]
        return done


async def case_page(browser: aiohttp.ClientSession, running: World, case: str) -> str:
    async with browser.get(running.stack.url("console", f"/cases/{case}")) as response:
        assert response.status == 200
        page = await response.text()
    assert "<called>" not in page, "what a customer wrote is text"
    return html.unescape(page)


async def shown(browser: aiohttp.ClientSession, running: World, case: str, *words: str) -> None:
    """Wait until the case's page says all this."""

    async def all_of_it() -> bool:
        page = await case_page(browser, running, case)
        missing = [word for word in words if word not in page]
        assert not missing, f"the page lacks {missing}"
        return True

    await eventually(all_of_it, within=SOON, every=0.2)


async def test_from_a_closed_ticket_to_a_resolved_case(
    running: World, browser: aiohttp.ClientSession
) -> None:
    customer = "c-loop"
    link = survey_link(await asked(running, customer), running)
    await opens(browser, f"{link}?score=1")
    assert await running.stack.count("collect", "responses") == 0, "looking is not answering"
    await outside.answer(browser, link, 1, COMMENT)

    call = await eventually(lambda: alert_about(running, COMMENT), within=SOON)
    alert = Webhook(SECRET).verify(call.body, dict(call.headers))
    assert (call.path, alert["team"], alert["priority"]) == (
        "/hooks/support-leads",
        "support-leads",
        "high",
    )
    case = alert["case_id"]
    team_mail = await mail_to(running, "support-leads@northwind.example", words=case)
    assert case[:6] in str(team_mail.message["subject"])
    assert customer not in call.body.decode() + team_mail.text, "an alert tells nobody who it was"

    await shown(browser, running, case, "<p>New", COMMENT)
    taken = await take_by_mail(browser, running, team_mail, case)
    await shown(browser, running, case, "<p>Taken · noor")
    reached = await act(
        browser, running, case, "contacted", {"version": taken["version"], **REACHED}
    )
    await shown(browser, running, case, "<p>Contacted · noor", REACHED["outcome"])
    resolved = await act(
        browser, running, case, "resolve", {"version": reached["version"], **RESOLVED}
    )
    assert resolved["state"] == "resolved"
    told = ("The problem was not solved", RESOLVED["action"], RESOLVED["outcome"])
    await shown(browser, running, case, "<p>Resolved · noor", *told)


async def take_by_mail(
    browser: aiohttp.ClientSession, running: World, mail: ReceivedMail, case: str
) -> dict[str, Any]:
    """Follow the first link that acts; only sending its form takes the case."""
    before = await _read(browser, running, case)
    found = re.search(rf"{re.escape(running.stack.url('close'))}/a/\S+", mail.text)
    assert found, mail.text
    async with browser.get(found[0]) as response:
        page = await response.text()
        assert response.status == 200, page
    assert await _read(browser, running, case) == before, "looking is not acting"
    hidden = dict(re.findall(r'name="(key|version)" value="([^"]+)"', page))
    async with browser.post(found[0], data={**hidden, "actor": "noor"}) as response:
        assert response.status == 200, await response.text()
    taken = await _read(browser, running, case)
    assert (taken["state"], taken["assignee"]) == ("acknowledged", "noor")
    return taken


async def _read(browser: aiohttp.ClientSession, running: World, case: str) -> dict[str, Any]:
    """The case as `close` has it, once it has it."""

    async def found() -> dict[str, Any] | None:
        url = running.stack.url("close", f"/v1/cases/{case}")
        async with browser.get(url, headers=BEARER) as response:
            return (await response.json())["case"] if response.status == 200 else None

    return await eventually(found, within=SOON)


async def resolved(
    running: World, browser: aiohttp.ClientSession, customer: str
) -> tuple[str, str]:
    """A low score whose case was worked on; returns the case and the link that asks about it."""
    first = survey_link(await asked(running, customer), running)
    await opens(browser, first)
    await outside.answer(browser, first, 1, f"Said by {customer}.")
    call = await eventually(lambda: alert_about(running, f"Said by {customer}."), within=SOON)
    case = str(json.loads(call.body)["case_id"])
    await put_right(browser, running, case)
    again = survey_link(await mail_to(running, f"{customer}@customers.example", 2), running)
    assert again != first
    await opens(browser, again)
    assert (await _read(browser, running, case))["state"] == "resolved", "only the customer closes"
    return case, again


async def put_right(
    browser: aiohttp.ClientSession, running: World, case: str, cause: str = "not-solved"
) -> None:
    """The team takes a case, talks to the customer, and resolves it."""
    version = (await _read(browser, running, case))["version"]
    steps: dict[str, Mapping[str, object]] = {
        "acknowledge": {},
        "contacted": REACHED,
        "resolve": {**RESOLVED, "root_cause": cause},
    }
    for action, body in steps.items():
        done = await act(browser, running, case, action, {"version": version, **body})
        version = done["version"]


async def became(
    browser: aiohttp.ClientSession, running: World, case: str, state: str
) -> dict[str, Any]:
    """The case once it has this state."""

    async def now() -> dict[str, Any]:
        found = await _read(browser, running, case)
        assert found["state"] == state
        return found

    return await eventually(now, within=SOON, every=0.1)


async def test_a_customer_who_agrees_closes_the_case(
    running: World, browser: aiohttp.ClientSession
) -> None:
    case, link = await resolved(running, browser, "c-agrees")
    await outside.answer(browser, link, 5, "Quick and kind.")

    closed = await became(browser, running, case, "closed")

    assert (closed["actor"], closed["reason"]) == ("customer", "customer_agrees")
    await shown(browser, running, case, "<p>Closed")

    async def all_the_way() -> None:
        async with browser.get(running.stack.url("console", "/v1/journey")) as response:
            stages = (await response.json())["stages"]
        points = [point for stage in stages for point in stage["touchpoints"]]
        (found,) = [each["steps"] for each in points if each["touchpoint"] == "support-closed"]
        assert (found["confirmed"], found["unconfirmed"]) == (1, 0)
        assert all(found[each] for each in STEPS if each not in ("started", "unconfirmed")), found

    await eventually_holds(all_the_way, within=SOON, every=0.2)


async def test_a_customer_who_disagrees_opens_the_case_again_and_others_are_told(
    running: World, browser: aiohttp.ClientSession
) -> None:
    case, link = await resolved(running, browser, "c-disagrees")
    await outside.answer(browser, link, 1, "Still nobody called.")

    again = await became(browser, running, case, "assigned")

    assert (again["reason"], again["escalated_to"]) == ("customer_disagrees", "customer-care")
    told = await mail_to(running, "customer-care@northwind.example", words=case)
    assert "Support leads resolved it, and the customer disagrees" in told.text
    back = await mail_to(running, "support-leads@northwind.example", 2, words=case)
    assert "the customer is still unhappy" in back.text


async def test_a_customer_who_says_nothing_is_silent_and_not_content(
    running: World, browser: aiohttp.ClientSession
) -> None:
    customer, said = "c-silent", "Two days late, said elsewhere."
    await becomes_known(running, customer)
    late = outside.a_survey_answer(customer, SystemClock().now(), said)
    await outside.publish(running.stack, "surveys.answers", late)
    call = await eventually(lambda: alert_about(running, said), within=SOON)
    alert = json.loads(call.body)
    assert alert["team"] == "delivery-ops"
    await put_right(browser, running, alert["case_id"], "late")
    question = await mail_to(running, f"{customer}@customers.example")

    over = await became(browser, running, alert["case_id"], "closed_unconfirmed")

    assert (over["actor"], over["reason"]) == ("close", "quiet_period")
    await shown(browser, running, alert["case_id"], "it is not known whether it was put right")
    labels = '{priority="high",team="delivery-ops"}'
    async with browser.get(running.stack.url("close", "/metrics")) as response:
        metrics = await response.text()
    assert f"touchback_cases_closed_unconfirmed_total{labels} 1.0" in metrics
    assert f"touchback_cases_closed_total{labels} 0.0" in metrics

    link = survey_link(question, running)
    await opens(browser, link)
    await outside.answer(browser, link, 5)  # late is better than never
    await became(browser, running, alert["case_id"], "closed")


async def test_every_link_in_the_mail_leads_somewhere(
    running: World, browser: aiohttp.ClientSession
) -> None:
    mail = await asked(running, "c-links")
    links = set(re.findall(r"http://127\.0\.0\.1:\d+/\S+", mail.text))
    assert {urlsplit(link).path.split("/")[1] for link in links} == {"s", "stop"}
    for link in links:
        await opens(browser, link)
    assert await running.stack.count("collect", "responses where customer_id = 'c-links'") == 0
    assert "c-links" not in "".join(links), "an address tells nobody who it was"


async def test_an_unreadable_message_is_kept_whole_and_stops_nothing(running: World) -> None:
    bad = b'\xff\x00{"type": "ticket.closed", not JSON'
    before = len(await reading.records(running.stack, topics.DEAD_LETTERS))
    await outside.publish(running.stack, "support.events", bad)
    await asked(running, "c-after")

    async def letters() -> list[bytes | None]:
        found = await reading.records(running.stack, topics.DEAD_LETTERS)
        about = [letter.text_headers for letter in found[before:]]
        assert all(each["x-error-topic"] == "support.events" for each in about)
        assert all(each["x-error-service"] == "listen" for each in about)
        return [letter.value for letter in found[before:]]

    assert await eventually(letters, within=SOON, every=0.2) == [bad]
