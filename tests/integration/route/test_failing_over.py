"""People's channels take turns; a storm reaches them as one digest; systems get everything."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from services.route import store
from services.route.decide import standings
from shared import db
from shared.catalog import Catalog, Channel, Routing
from shared.contracts.cases import NOT_TAKEN, CaseEvent
from shared.contracts.envelope import Event
from tests.integration.route.ground import (
    ShiftedClock,
    case_events,
    completed,
    counted,
    delivering,
    from_close,
    loop_of,
    rows,
    said,
    states,
    take,
)
from tests.support.sinks import MailSink, WebhookSink
from tests.support.wait import eventually
from tests.unit.route.catalogs import catalog, hook, response, team


def _mail(name: str) -> Channel:
    return Channel(channel=name, kind="email", address=f"{name}@example.test")


def _slack(name: str) -> Channel:
    return Channel(channel=name, kind="slack", secret="bot", to="C0123")


def _chat(sink: WebhookSink) -> Channel:
    return Channel(channel="chat", kind="teams", secret="flow")


async def _low(database: db.Database, known: Catalog, *names: str) -> None:
    now = ShiftedClock().now()
    events = [completed(response(n, customer_id=n, received_at=now, at=now)) for n in names]
    await take(database, known, *events, now=now)


async def test_the_next_channel_is_spared_when_the_first_accepts(
    route_db: db.Database, mail_sink: MailSink
) -> None:
    known = catalog(None, team("care", _mail("a"), _mail("b")))
    await _low(route_db, known, "r1")

    async with delivering(loop_of(route_db, known, smtp=f"smtp://127.0.0.1:{mail_sink.port}")):
        await eventually(lambda: _are(route_db, delivered=1, spared=1), within=10)

    assert [mail.recipients for mail in mail_sink.mails] == [("a@example.test",)]
    assert (await said(route_db))["alert.queued.v1"] == 1


async def test_after_two_minutes_the_next_channel_is_told_while_the_first_is_tried_on(
    route_db: db.Database, webhook_sink: WebhookSink, mail_sink: MailSink
) -> None:
    webhook_sink.answer_always(500)
    known = catalog(None, team("care", _chat(webhook_sink), _mail("b")))
    await _low(route_db, known, "r1")
    clock = ShiftedClock()
    loop = loop_of(
        route_db,
        known,
        clock=clock,
        smtp=f"smtp://127.0.0.1:{mail_sink.port}",
        secrets={"flow": webhook_sink.url("/flow")},
    )

    async with delivering(loop):
        await eventually(lambda: len(webhook_sink.calls) == 1, within=10)
        assert mail_sink.mails == []
        clock.ahead = timedelta(seconds=121)
        await eventually(lambda: len(mail_sink.mails) == 1, within=10)
        await eventually(lambda: _are(route_db, delivered=1, due=1), within=10)

    assert await counted(route_db, "alerts_failed_over") == {("email",): 1}
    assert (await said(route_db))["alert.queued.v1"] == 2


@pytest.mark.parametrize(
    ("status", "health"), [(401, "broken"), (404, "broken"), (410, "disabled")]
)
async def test_an_endpoint_that_refuses_us_is_failed_over_at_once_and_remembered(
    route_db: db.Database, webhook_sink: WebhookSink, mail_sink: MailSink, status: int, health: str
) -> None:
    webhook_sink.answer_always(status)
    care = team("care", _chat(webhook_sink), _mail("b"))
    known = catalog(None, care, team("ops", _mail("ops")))
    known = known.model_copy(
        update={"routing": Routing.model_validate({"team": "care", "operators": "ops"})}
    )
    loop = loop_of(
        route_db,
        known,
        smtp=f"smtp://127.0.0.1:{mail_sink.port}",
        secrets={"flow": webhook_sink.url("/flow")},
    )

    async with delivering(loop):
        await _low(route_db, known, "r1")
        await eventually(lambda: len(mail_sink.mails) == 2, within=10)
        await eventually(lambda: _are(route_db, delivered=2, exhausted=1), within=10)
        (row,) = await rows(route_db, "endpoints")
        assert (row["endpoint"], row["state"]) == ("care/chat", health)
        # The next one does not wait two minutes for it, and the operators are told once.
        await _low(route_db, known, "r2")
        await eventually(lambda: len(mail_sink.mails) == 3, within=10)
        await eventually(lambda: _are(route_db, delivered=3, exhausted=2), within=10)

    async with route_db.connection() as connection:
        refusals = await store.refusals(connection)
    chat = next(each for each in standings(known, refusals) if each.channel == "chat")
    assert (chat.team, chat.kind, chat.state, chat.failure) == (
        "care",
        "teams",
        health,
        row["failure"],
    )
    assert len(webhook_sink.calls) == (1 if health == "disabled" else 2)
    subjects = sorted(mail.message["Subject"] for mail in mail_sink.mails)
    assert [s for s in subjects if s.startswith("Channel")] == ["Channel care/chat refuses alerts"]


async def test_an_endpoint_that_accepts_again_is_forgotten(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    webhook_sink.answer_next(403)
    known = catalog(None, team("care", hook("hook", webhook_sink.url("/hook"))))

    async with delivering(loop_of(route_db, known)):
        await _low(route_db, known, "r1")
        await eventually(lambda: _are(route_db, exhausted=1), within=10)
        assert len(await rows(route_db, "endpoints")) == 1
        await _low(route_db, known, "r2")
        await eventually(lambda: _are(route_db, exhausted=1, delivered=1), within=10)

    assert await rows(route_db, "endpoints") == []


async def test_a_storm_is_one_digest_for_people_and_every_alert_for_systems(
    route_db: db.Database, webhook_sink: WebhookSink, mail_sink: MailSink
) -> None:
    known = catalog(
        None, team("care", hook("hook", webhook_sink.url("/hook")), _mail("a"), _mail("b"))
    )
    clock = ShiftedClock()
    for part in (range(4), range(4, 9), range(9, 12)):
        await _low(route_db, known, *(f"r{n}" for n in part))
    smtp = f"smtp://127.0.0.1:{mail_sink.port}"

    async with delivering(loop_of(route_db, known, smtp=smtp, clock=clock)):
        await eventually(lambda: len(webhook_sink.calls) == 12, within=10)
        await eventually(lambda: len(mail_sink.mails) == 5, within=10)
        clock.ahead = timedelta(seconds=31)
        await eventually(lambda: len(mail_sink.mails) == 6, within=10)
        # 12 webhooks, 5 mails, 7 gathered ones and their digest; nothing for the second mailbox.
        await eventually(lambda: _delivered(route_db, 25), within=10)
        clock.ahead = timedelta(minutes=3)
        await eventually(lambda: _are(route_db, delivered=25, spared=13), within=10)

    assert mail_sink.mails[-1].message["Subject"] == "7 alerts · First bill"
    assert mail_sink.mails[-1].text.count("NPS 2") == 7
    assert {mail.recipients for mail in mail_sink.mails} == {("a@example.test",)}
    assert (await said(route_db))["alert.delivered.v1"] == 24


async def test_what_was_gathered_counts_as_told_only_once_its_digest_has_arrived_with_it(
    route_db: db.Database, mail_sink: MailSink
) -> None:
    known = catalog(None, team("care", _mail("a")))
    clock = ShiftedClock()
    await _low(route_db, known, *(f"r{n}" for n in range(30)))
    smtp = f"smtp://127.0.0.1:{mail_sink.port}"

    async with delivering(loop_of(route_db, known, smtp=smtp, clock=clock)):
        await eventually(lambda: _are(route_db, delivered=5, gathered=25, due=1), within=10)
        mail_sink.answer_next("451 try later")
        clock.ahead = timedelta(seconds=31)
        await eventually(lambda: mail_sink.refused == 1, within=10)
        await eventually(lambda: _tried(route_db, "smtp_temporary"), within=10)
        assert await _are(route_db, delivered=5, gathered=25, due=1)
        clock.ahead = timedelta(seconds=40)
        await eventually(lambda: _are(route_db, delivered=31), within=10)

    mail = mail_sink.mails[-1]
    (digest,) = await _digests(route_db)
    assert mail.message["Message-ID"] == f"<{digest['alert_id']}@mail.test>"
    assert mail.message["Subject"] == "25 alerts · First bill"
    gathered = [row for row in await rows(route_db, "deliveries") if row["digest_id"]]
    shown = [row for row in gathered if f"/cases/{row['case_id']}" in mail.text]
    assert (len(gathered), len(shown)) == (25, 20)
    assert "and 5 more" in mail.text
    assert all(row["delivered_at"] >= digest["delivered_at"] for row in gathered)


async def test_a_second_digest_waits_for_the_end_of_the_span(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = catalog(None, team("care", _mail("a")))
    await _low(route_db, known, *(f"r{n}" for n in range(6)))
    (first,) = await _digests(route_db)
    async with route_db.transaction() as connection:
        await connection.execute("update deliveries set attempts = 1 where state = 'due'")

    await _low(route_db, known, "r6")

    second = [row for row in await _digests(route_db) if row["alert_id"] != first["alert_id"]]
    assert second[0]["next_at"] - first["created_at"] == timedelta(minutes=10)


async def test_high_scores_go_to_the_advocates_and_the_team_that_earned_them(
    route_db: db.Database,
) -> None:
    root = {
        "team": "care",
        "advocacy": {"team": "advocates", "when": "response.score == 10", "tell_owner": True},
        "routes": [{"when": 'response.touchpoint == "first-bill"', "team": "billing"}],
    }
    known = catalog(root, team("care"), team("billing"), team("advocates"))
    ten = completed(response("r1", score=10, band="high"))

    await take(route_db, known, ten, completed(response("r2", score=9, band="high")))
    await take(route_db, known, ten)

    found = await rows(route_db, "deliveries", "team")
    assert [row["team"] for row in found] == ["advocates", "billing"]
    assert {row["notice"]["type"] for row in found} == {"score.high"}
    assert "customer" not in json.dumps(found[0]["notice"])


def _praised(name: str) -> Event:
    return completed(response(name, customer_id=name, score=10, band="high"))


def _warned(case: CaseEvent) -> Event:
    return from_close(case, "warned", version=2, reason=NOT_TAKEN)


async def test_a_notice_that_is_no_case_is_told_by_one_channel(
    route_db: db.Database, mail_sink: MailSink
) -> None:
    root = {"team": "care", "advocacy": {"team": "care"}}
    known = catalog(root, team("care", _mail("a"), _mail("b"), _mail("c")))
    clock = ShiftedClock()
    await take(route_db, known, _praised("r1"), now=clock.now())

    loop = loop_of(route_db, known, smtp=f"smtp://127.0.0.1:{mail_sink.port}", clock=clock)
    async with delivering(loop):
        await eventually(lambda: _are(route_db, delivered=1, spared=2), within=10)

    assert [mail.recipients for mail in mail_sink.mails] == [("a@example.test",)]
    assert await said(route_db) == {}


async def test_a_notice_that_is_no_case_goes_to_the_next_channel_at_once_if_refused(
    route_db: db.Database, webhook_sink: WebhookSink, mail_sink: MailSink
) -> None:
    webhook_sink.answer_always(404)
    root = {"team": "care", "advocacy": {"team": "care"}}
    known = catalog(root, team("care", _chat(webhook_sink), _mail("b"), _mail("c")))
    clock = ShiftedClock()
    await take(route_db, known, _praised("r1"), now=clock.now())
    loop = loop_of(
        route_db,
        known,
        clock=clock,
        smtp=f"smtp://127.0.0.1:{mail_sink.port}",
        secrets={"flow": webhook_sink.url("/flow")},
    )

    async with delivering(loop):
        await eventually(lambda: _are(route_db, exhausted=1, delivered=1, spared=1), within=10)

    assert [mail.recipients for mail in mail_sink.mails] == [("b@example.test",)]
    assert await counted(route_db, "alerts_failed_over") == {("email",): 1}


async def test_a_warning_that_one_channel_accepts_is_told_by_no_other(
    route_db: db.Database, mail_sink: MailSink
) -> None:
    known = catalog(None, team("care", _mail("a"), _mail("b")))
    clock = ShiftedClock()
    await _low(route_db, known, "r1")
    (opened,) = await case_events(route_db, "opened")
    await take(route_db, known, _warned(opened), now=clock.now())

    loop = loop_of(route_db, known, smtp=f"smtp://127.0.0.1:{mail_sink.port}", clock=clock)
    async with delivering(loop):
        await eventually(lambda: _are(route_db, delivered=2, spared=2), within=10)

    assert {mail.recipients for mail in mail_sink.mails} == {("a@example.test",)}


async def test_what_changes_a_message_reaches_every_channel_that_has_it(
    route_db: db.Database, webhook_sink: WebhookSink
) -> None:
    known = catalog(None, team("care", _slack("one"), _slack("two")))
    await _low(route_db, known, "r1")
    async with route_db.transaction() as connection:
        await connection.execute(
            "update deliveries set state = 'delivered', delivered_at = created_at"
        )
    (opened,) = await case_events(route_db, "opened")
    now = ShiftedClock().now()

    await take(route_db, known, from_close(opened, "acknowledged", version=2), now=now)

    found = await rows(route_db, "deliveries")
    changes = [row for row in found if row["notice"]["type"] == "case.changed"]
    assert [row["next_at"] for row in changes] == [now, now]


async def test_too_many_notices_about_one_touchpoint_are_one_digest_however_they_come(
    route_db: db.Database,
) -> None:
    root = {"team": "care", "advocacy": {"team": "care"}}
    known = catalog(root, team("care", _mail("a")))
    now = ShiftedClock().now()

    for part in (range(3), range(3, 6), range(6, 9)):
        await take(route_db, known, *(_praised(f"r{n}") for n in part), now=now)

    assert await _are(route_db, due=6, gathered=4)
    assert len(await _digests(route_db)) == 1


async def test_a_low_score_of_nobody_known_is_told_to_the_fallback_team_if_its_own_cannot_be(
    route_db: db.Database, webhook_sink: WebhookSink, mail_sink: MailSink
) -> None:
    webhook_sink.answer_always(404)
    root = {"team": "care", "routes": [{"when": "true", "team": "billing"}]}
    billing = team("billing", _chat(webhook_sink), hook("hook", webhook_sink.url("/hook")))
    known = catalog(root, team("care", _mail("a")), billing)
    clock = ShiftedClock()
    unlinked = response("r1", customer_id="anonymous-r1", anonymous=True, unlinked=True)
    await take(route_db, known, completed(unlinked), now=clock.now())
    loop = loop_of(
        route_db,
        known,
        clock=clock,
        smtp=f"smtp://127.0.0.1:{mail_sink.port}",
        secrets={"flow": webhook_sink.url("/flow")},
    )

    async with delivering(loop):
        await eventually(lambda: _are(route_db, exhausted=2, delivered=1), within=10)

    (mail,) = mail_sink.mails
    assert mail.recipients == ("a@example.test",)
    assert "no alert has reached team Billing" in mail.text
    assert await counted(route_db, "alerts_escalated") == {("billing",): 1}
    assert await said(route_db) == {}


async def _digests(database: db.Database) -> list[db.Row]:
    found = await rows(database, "deliveries", "created_at")
    return [row for row in found if row["notice"]["type"] == "alerts.digest"]


async def _tried(database: db.Database, failure: str) -> bool:
    return any(row["failure"] == failure for row in await rows(database, "deliveries"))


async def _delivered(database: db.Database, count: int) -> bool:
    return (await states(database))["delivered"] == count


async def _are(database: db.Database, **expected: int) -> bool:
    return await states(database) == expected
