"""Alerts arrive: signed, again until accepted, with the same id, and none holds up another."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry
from standardwebhooks import Webhook

from services.route.sweep import PER_ENDPOINT
from shared import db
from shared.catalog import Catalog, Channel
from shared.clock import SystemClock
from shared.contracts.envelope import stable_id
from shared.wake import Wake
from tests.integration.route.ground import (
    SECRET,
    ShiftedClock,
    completed,
    counted,
    delivering,
    loop_of,
    rows,
    said,
    states,
    take,
)
from tests.support.sinks import Answer, MailSink, WebhookSink
from tests.support.wait import eventually
from tests.unit.route.catalogs import catalog, hook, response, team


def _mailbox(name: str = "mail") -> Channel:
    return Channel(channel=name, kind="email", address="care@example.test")


def _to(sink: WebhookSink, *more: Channel) -> Catalog:
    return catalog(None, team("care", hook("hook", sink.url("/hook")), *more))


async def _low(database: db.Database, known: Catalog, *names: str) -> None:
    now = SystemClock().now()
    events = [
        completed(response(name, customer_id=name, received_at=now, at=now))
        for name in names or ("r1",)
    ]
    await take(database, known, *events, now=now)


async def test_an_alert_is_delivered_signed_and_said_so(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = _to(webhook_sink)
    await _low(route_db, known)

    async with delivering(loop_of(route_db, known)):
        await eventually(lambda: _all_delivered(route_db, 1), within=5)

    (call,) = webhook_sink.calls
    alert_id = stable_id("alert", stable_id("case", "r1"), "hook")
    assert call.headers["webhook-id"] == call.headers["idempotency-key"] == alert_id
    body = Webhook(SECRET).verify(call.body, dict(call.headers))
    assert body["type"] == "case.opened"
    assert body["score"] == {"metric": "nps", "score": 2, "scale": "0-10"}
    assert "customer" not in call.body.decode()
    assert (await said(route_db))["alert.delivered.v1"] == 1
    assert await counted(route_db, "alerts_delivered") == {("webhook",): 1}
    assert (await rows(route_db, "cases"))[0]["routed_at"] is not None


async def test_a_mail_reaches_the_team(
    route_db: db.Database, webhook_sink: WebhookSink, mail_sink: MailSink
) -> None:
    known = _to(webhook_sink, _mailbox())
    await _low(route_db, known)

    async with delivering(loop_of(route_db, known, smtp=f"smtp://127.0.0.1:{mail_sink.port}")):
        await eventually(lambda: _all_delivered(route_db, 2), within=5)

    (mail,) = mail_sink.mails
    case_id = stable_id("case", "r1")
    assert mail.recipients == ("care@example.test",)
    assert mail.message["Message-ID"] == f"<{stable_id('alert', case_id, 'mail')}@mail.test>"
    assert f"/cases/{case_id}" in mail.text


async def test_what_failed_is_sent_again_with_the_same_id(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = _to(webhook_sink)
    webhook_sink.answer_next(500)
    await _low(route_db, known)
    clock = ShiftedClock()

    async with delivering(loop_of(route_db, known, clock=clock)):
        await eventually(lambda: _failed_once(route_db), within=5)
        (row,) = await rows(route_db, "deliveries")
        assert timedelta(seconds=3) < row["next_at"] - clock.now() <= timedelta(seconds=5)
        clock.ahead = timedelta(seconds=6)
        await eventually(lambda: _all_delivered(route_db, 1), within=5)

    first, second = webhook_sink.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    Webhook(SECRET).verify(first.body, dict(first.headers))
    assert await said(route_db) == {
        "case.opened.v1": 1,
        "alert.queued.v1": 1,
        "alert.failed.v1": 1,
        "alert.delivered.v1": 1,
    }
    assert await counted(route_db, "alert_failures") == {("webhook", "server_error"): 1}


async def test_a_receiver_that_hangs_does_not_delay_another(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    async with WebhookSink() as hanging:
        hanging.answer_always(Answer(delay=60))
        known = _to(webhook_sink, hook("dead", hanging.url("/dead")))
        await _low(route_db, known, *(f"r{n}" for n in range(30)))

        started = time.monotonic()
        async with delivering(loop_of(route_db, known)):
            await eventually(lambda: len(webhook_sink.calls) == 30, within=5)
            taken = time.monotonic() - started

        assert len(hanging.calls) == 4
    assert taken < 3


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "unauthorized"), (404, "not_found"), (302, "redirected")]
)
async def test_a_permanent_refusal_ends_it_and_says_so(
    route_db: db.Database, webhook_sink: WebhookSink, status: int, reason: str
) -> None:
    known = _to(webhook_sink)
    webhook_sink.answer_always(Answer(status, headers={"location": webhook_sink.url("/inner")}))
    await _low(route_db, known)

    async with delivering(loop_of(route_db, known)):
        await eventually(lambda: _exhausted(route_db), within=5)

    (row,) = await rows(route_db, "deliveries")
    assert (row["failure"], row["attempts"]) == (reason, 1)
    assert len(webhook_sink.calls) == 1
    assert (await said(route_db))["alert.exhausted.v1"] == 1


async def test_a_mail_refused_for_now_is_due_again_and_one_refused_for_good_is_not(
    route_db: db.Database, mail_sink: MailSink
) -> None:
    known = catalog(None, team("care", _mailbox("a")))
    mail_sink.answer_next("451 try later", "554 no such user")
    await _low(route_db, known, "r1", "r2")

    async with delivering(loop_of(route_db, known, smtp=f"smtp://127.0.0.1:{mail_sink.port}")):
        await eventually(lambda: mail_sink.refused == 2 or None, within=5)
        await eventually(lambda: _states_are(route_db, due=1, exhausted=1), within=5)

    failures = {row["failure"] for row in await rows(route_db, "deliveries")}
    assert failures == {"smtp_temporary", "smtp_permanent"}


async def test_after_a_crash_the_lease_runs_out_and_the_alert_is_sent_again(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = _to(webhook_sink)
    await _low(route_db, known)
    crashed = loop_of(route_db, known)
    await crashed.step()
    await eventually(lambda: len(webhook_sink.calls) == 1, within=5)
    # Nothing was written down; until the lease ends, nobody else takes the row.
    clock = ShiftedClock(timedelta(seconds=20))
    second = loop_of(route_db, known, clock=clock)
    assert await second.step() == 0

    clock.ahead = timedelta(seconds=31)
    async with delivering(second):
        await eventually(lambda: _all_delivered(route_db, 1), within=5)

    assert len({call.headers["webhook-id"] for call in webhook_sink.calls}) == 1
    assert len(webhook_sink.calls) == 2
    async with delivering(crashed):
        await asyncio.sleep(0)  # it comes back to life too late: its fence no longer holds
    assert (await said(route_db))["alert.delivered.v1"] == 1


async def test_what_ended_while_others_were_written_down_still_counts_as_on_its_way(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    """So a kill repeats no more alerts than may be on their way at once."""
    known = _to(webhook_sink)
    await _low(route_db, known, *(f"r{n}" for n in range(10)))
    webhook_sink.answer_next(200, *[Answer(delay=0.5)] * 3)
    registry = CollectorRegistry()
    deliveries = loop_of(route_db, known, registry=registry)

    def ended() -> float | None:
        return registry.get_sample_value(
            "touchback_alert_attempt_seconds_count", {"channel": "webhook"}
        )

    assert await deliveries.step() == PER_ENDPOINT
    await eventually(lambda: ended() == 1, within=5)
    async with route_db.transaction() as other:
        await other.execute("select from deliveries where attempts = 1 for update")
        writing = asyncio.create_task(deliveries.step())
        await eventually(lambda: ended() == PER_ENDPOINT, within=5)

    claimed = await writing
    async with delivering(deliveries):
        await eventually(lambda: _all_delivered(route_db, 10), within=5)

    assert claimed == 1


async def test_two_loops_share_the_work_and_send_nothing_twice(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = _to(webhook_sink)
    await _low(route_db, known, *(f"r{n}" for n in range(60)))

    async with delivering(loop_of(route_db, known)), delivering(loop_of(route_db, known)):
        await eventually(lambda: _all_delivered(route_db, 60), within=15)

    assert len(webhook_sink.calls) == 60
    assert len({call.headers["webhook-id"] for call in webhook_sink.calls}) == 60


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_an_inner_address_is_refused_unless_it_is_allowed(
    route_db: db.Database, webhook_sink: WebhookSink, host: str
) -> None:
    known = catalog(None, team("care", hook("hook", f"http://{host}:{webhook_sink.port}/")))
    await _low(route_db, known)

    async with delivering(loop_of(route_db, known, allowed=["10.0.0.0/8"])):
        await eventually(lambda: _exhausted(route_db), within=5)

    assert (await rows(route_db, "deliveries"))[0]["failure"] == "address_refused"
    assert webhook_sink.calls == []


async def test_an_endless_answer_is_cut_off_and_counts_as_accepted(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = _to(webhook_sink)
    webhook_sink.answer_always(Answer(200, body=b"x" * 5_000_000))
    await _low(route_db, known)

    async with delivering(loop_of(route_db, known)):
        await eventually(lambda: _all_delivered(route_db, 1), within=5)


async def test_an_alert_for_a_channel_that_is_gone_waits_until_it_is_back(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = _to(webhook_sink)
    await _low(route_db, known)
    clock = ShiftedClock()

    async with delivering(loop_of(route_db, catalog(), clock=clock)):
        await eventually(lambda: _failed_once(route_db), within=5)
    (row,) = await rows(route_db, "deliveries")
    assert (row["state"], row["failure"]) == ("due", "no_channel")

    clock.ahead = timedelta(seconds=6)
    async with delivering(loop_of(route_db, known, clock=clock)):
        await eventually(lambda: _all_delivered(route_db, 1), within=5)


async def test_an_alert_whose_secret_is_not_set_waits_until_it_is(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    reloaded = catalog(None, team("care", hook("hook", webhook_sink.url("/hook"), "not-set")))
    await _low(route_db, reloaded)
    clock = ShiftedClock()

    async with delivering(loop_of(route_db, reloaded, clock=clock)):
        await eventually(lambda: _failed_once(route_db), within=5)
    (row,) = await rows(route_db, "deliveries")
    assert (row["state"], row["failure"]) == ("due", "no_secret")

    clock.ahead = timedelta(seconds=6)
    async with delivering(loop_of(route_db, _to(webhook_sink), clock=clock)):
        await eventually(lambda: _all_delivered(route_db, 1), within=5)


async def test_a_row_of_another_release_ends_with_a_clear_failure_and_harms_no_other(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = _to(webhook_sink)
    await _low(route_db, known, "r1", "r2")
    async with route_db.transaction() as connection:
        await connection.execute(
            "update deliveries set kind = 'pigeon', notice = $1 where case_id = $2",
            {"type": "case.of.next.year"},
            stable_id("case", "r1"),
        )

    async with delivering(loop_of(route_db, known)):
        await eventually(lambda: _both_ended(route_db), within=5)

    (broken,) = [row for row in await rows(route_db, "deliveries") if row["state"] == "exhausted"]
    assert (broken["failure"], broken["attempts"]) == ("unreadable", 1)


async def test_a_commit_wakes_the_loop_at_once(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = _to(webhook_sink)
    wake = Wake(route_db)
    seconds: list[float] = []

    async with delivering(loop_of(route_db, known, wake=wake), wake):
        for n in range(10):
            started = time.monotonic()
            await _low(route_db, known, f"r{n}")
            count = n + 1
            await eventually(lambda count=count: len(webhook_sink.calls) == count, within=5)  # type: ignore[misc]
            seconds.append(webhook_sink.calls[-1].arrived_at - started)
            await asyncio.sleep(0)

    assert sorted(seconds)[5] < 0.3


async def _all_delivered(database: db.Database, count: int) -> bool:
    return await states(database) == {"delivered": count}


async def _exhausted(database: db.Database) -> bool:
    return await states(database) == {"exhausted": 1}


async def _states_are(database: db.Database, **expected: int) -> bool:
    failed = [row for row in await rows(database, "deliveries") if row["failure"]]
    return len(failed) == 2 and await states(database) == expected


async def _both_ended(database: db.Database) -> bool:
    return await states(database) == {"delivered": 1, "exhausted": 1}


async def _failed_once(database: db.Database) -> bool:
    return (await said(database)).get("alert.failed.v1") == 1
