"""Every kind of receiver on a bad day: a named failure each, and the right time to try again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.route.model import Failure, Kind
from shared import db
from shared.catalog import PEOPLE, Catalog, Channel
from tests.integration.route.ground import completed, delivering, loop_of, rows, take
from tests.support.clock import ManualClock
from tests.support.rough import MailManner, Manner, RoughMailServer, RoughServer
from tests.support.sinks import Answer, MailSink, WebhookSink
from tests.support.wait import eventually
from tests.unit.route.catalogs import AT, catalog, response, team

HTTP: tuple[Kind, ...] = ("webhook", "slack", "teams", "pagerduty", "alertmanager")
MAIL: tuple[Kind, ...] = ("email",)
SOON = timedelta(seconds=5)
"""People's and systems' schedules both have their second attempt then."""

Outcome = tuple[Failure, timedelta] | None
"""What it failed with and how long it waits for the next attempt; None where it was accepted."""


def _channel(kind: Kind, url: str) -> Channel:
    needs: Mapping[str, Mapping[str, str]] = {
        "webhook": {"url": url, "secret": "owners"},
        "slack": {"url": url, "secret": "bot", "to": "C0123"},
        "teams": {"secret": "flow"},
        "pagerduty": {"url": url, "secret": "bot"},
        "alertmanager": {"url": url},
        "email": {"address": "care@example.test"},
    }
    return Channel(channel=f"to-{kind}", kind=kind, **needs[kind])  # type: ignore[arg-type]


def _each_a_team(url: str, kinds: Sequence[Kind] = HTTP) -> Catalog:
    """One team for each kind, so that none is spared because of another."""
    routes = [{"when": f'response.touchpoint == "{kind}"', "team": kind} for kind in kinds]
    teams = [team(kind, _channel(kind, url)) for kind in kinds]
    return catalog({"team": kinds[0], "routes": routes}, *teams)


async def _low(database: db.Database, known: Catalog, kinds: Sequence[Kind] = HTTP) -> None:
    said = [response(kind, customer_id=kind, touchpoint=kind) for kind in kinds]
    await take(database, known, *map(completed, said))


async def _outcomes(
    database: db.Database, known: Catalog, url: str, **more: Any
) -> dict[str, Outcome]:
    """By kind: what came of the first attempt, and how long the alert waits for the next one.

    The loop's clock stands still, so that the wait is exact.
    """
    secrets = {"bot": "b" * 32, "flow": url}
    async with delivering(loop_of(database, known, clock=ManualClock(AT), secrets=secrets, **more)):
        await eventually(lambda: _all_tried(database), within=25)
    return {row["kind"]: _outcome(row) for row in await rows(database, "deliveries")}


async def _all_tried(database: db.Database) -> bool:
    found = await rows(database, "deliveries")
    return all(row["failure"] or row["state"] == "delivered" for row in found)


def _outcome(row: db.Row) -> Outcome:
    if row["state"] == "delivered":
        return None
    assert row["state"] == "due"
    return row["failure"], row["next_at"] - AT


def _but(usual: Outcome, **others: Outcome) -> dict[str, Outcome]:
    return {**dict.fromkeys(HTTP, usual), **others}


LOST: Outcome = ("answer_lost", SOON)
"""What Slack thinks stands in its body alone; the others have said yes with their status."""


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        ("hang", _but(("timeout", SOON))),
        ("slow", _but(("timeout", SOON))),
        ("reset", _but(("network", SOON))),
        ("half", _but(None, slack=LOST)),
        ("drip", _but(None, slack=LOST)),
        ("endless", _but(None, slack=LOST)),
    ],
)
async def test_a_receiver_that_breaks_off_or_keeps_us_waiting(
    route_db: db.Database, manner: Manner, expected: Mapping[str, Outcome]
) -> None:
    async with RoughServer(manner) as rough:
        known = _each_a_team(rough.url("/x"))
        await _low(route_db, known)

        assert await _outcomes(route_db, known, rough.url("/x")) == expected
        assert rough.calls == len(HTTP)


@pytest.mark.parametrize(
    ("asked", "people", "systems"),
    [
        pytest.param("17", 17, 17, id="a time between two attempts"),
        pytest.param("1", 5, 5, id="sooner than we would"),
        pytest.param("120", 120, 120, id="some minutes"),
        pytest.param("86400", 600, 600, id="longer than anybody may wait for an alert"),
        pytest.param("Mon, 02 Mar 2026 12:00:20 GMT", 20, 20, id="a date"),
        pytest.param("soon", 5, 5, id="neither seconds nor a date"),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_that_asks_for_a_pause(
    route_db: db.Database,
    webhook_sink: WebhookSink,
    status: int,
    asked: str,
    people: int,
    systems: int,
) -> None:
    webhook_sink.answer_always(Answer(status, headers={"retry-after": asked}))
    known = _each_a_team(webhook_sink.url("/x"))
    await _low(route_db, known)

    found = await _outcomes(route_db, known, webhook_sink.url("/x"))

    failure: Failure = "rate_limited" if status == 429 else "server_error"
    wait = {kind: people if kind in PEOPLE else systems for kind in HTTP}
    assert found == {kind: (failure, timedelta(seconds=wait[kind])) for kind in HTTP}


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        ("hang", ("timeout", SOON)),
        ("drip", ("timeout", SOON)),
        ("late", ("timeout", SOON)),
        ("reset", ("network", SOON)),
        ("half", ("network", SOON)),
    ],
)
async def test_a_mail_server_that_breaks_off_or_keeps_us_waiting(
    route_db: db.Database, manner: MailManner, expected: Outcome
) -> None:
    known = _each_a_team("", MAIL)
    async with RoughMailServer(manner) as rough:
        await _low(route_db, known, MAIL)
        smtp = f"smtp://127.0.0.1:{rough.port}"

        assert await _outcomes(route_db, known, "", smtp=smtp) == {"email": expected}


@pytest.mark.parametrize(
    "reply", ["421 4.3.2 closing", "450 4.2.1 busy", "451 4.7.1 wait", "452 4.3.1 full"]
)
async def test_a_mail_server_that_wants_it_later(
    route_db: db.Database, mail_sink: MailSink, reply: str
) -> None:
    known = _each_a_team("", MAIL)
    mail_sink.answer_always(reply)
    await _low(route_db, known, MAIL)
    smtp = f"smtp://127.0.0.1:{mail_sink.port}"

    assert await _outcomes(route_db, known, "", smtp=smtp) == {"email": ("smtp_temporary", SOON)}
