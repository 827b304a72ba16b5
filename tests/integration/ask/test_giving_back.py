"""What is not handed over yet can still be taken back: by its customer, a fault, or a stop."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage

import aiosmtplib
import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from services.ask.channels.mail import Composer
from services.ask.channels.smtp import Mailer, Ready
from services.ask.handlers import Desk as Decider
from services.ask.letters import Letter
from services.ask.metrics import decision_delay
from shared import db
from shared.links import Links
from shared.pulse import Pulse
from tests.integration.ask.ground import (
    KEYS,
    URL,
    CountingSink,
    a_sender,
    events,
    failures,
    plan,
    states,
    tell,
)
from tests.support.clock import ManualClock
from tests.support.sinks import MailSink
from tests.support.wait import eventually
from tests.unit.ask.moments import a_catalog, an_opt_out, hours


@pytest.mark.parametrize(
    ("touchpoint", "outcome"),
    [
        pytest.param(None, "failed", id="of everything"),
        pytest.param("delivered", "failed", id="of this touchpoint"),
        pytest.param("late", "sent", id="of another touchpoint"),
    ],
)
async def test_who_opts_out_between_decision_and_mail_gets_no_mail(
    pool: db.Database,
    clock: ManualClock,
    mailer: Mailer,
    mail_sink: MailSink,
    touchpoint: str | None,
    outcome: str,
) -> None:
    await plan(pool, "kim")
    decider = Decider(a_catalog, Links(KEYS), URL, decision_delay(CollectorRegistry()))
    await tell(pool, decider, an_opt_out("kim", touchpoint))
    assert await a_sender(pool, clock, mailer).step()
    assert (await states(pool), await events(pool)) == ([outcome], [outcome])
    refused = outcome == "failed"
    assert await failures(pool) == ({("email", "opted_out"): 1} if refused else {})
    assert len(mail_sink.mails) == (0 if refused else 1)


class Faulty(Composer):
    """Breaks once."""

    def __init__(self) -> None:
        super().__init__("ask@shop.example")
        self.broken = True

    def compose(self, letter: Letter) -> EmailMessage:
        if self.broken:
            self.broken = False
            raise KeyError(letter.recipient)
        return super().compose(letter)


async def test_an_ask_that_cannot_be_composed_is_tried_again(
    pool: db.Database,
    clock: ManualClock,
    mailer: Mailer,
    mail_sink: MailSink,
    caplog: pytest.LogCaptureFixture,
) -> None:
    await plan(pool, "kim")
    sender = a_sender(pool, clock, mailer, composer=Faulty())
    assert await sender.step()
    assert (await states(pool), await events(pool)) == (["planned"], [])
    (said,) = (each.__dict__["detail"] for each in caplog.records if "detail" in each.__dict__)
    assert said.startswith("KeyError at test_giving_back.py:")
    clock.advance(hours(1))
    assert await sender.step()
    assert (await states(pool), len(mail_sink.mails)) == (["sent"], 1)


async def test_an_ask_is_not_claimed_when_its_customer_cannot_be_read(
    pool: db.Database, clock: ManualClock, mailer: Mailer, mail_sink: MailSink
) -> None:
    await plan(pool, "kim")
    async with pool.transaction() as connection:
        await connection.execute("alter table contacts rename to contacts_away")
    sender = a_sender(pool, clock, mailer)
    with pytest.raises(asyncpg.UndefinedTableError):
        await sender.step()
    assert await states(pool) == ["planned"]
    async with pool.transaction() as connection:
        await connection.execute("alter table contacts_away rename to contacts")
    assert await sender.step()
    assert (await states(pool), len(mail_sink.mails)) == (["sent"], 1)


class Slow(Mailer):
    """Never gets as far as handing over."""

    async def prepare(self, message: EmailMessage, recipient: str) -> Ready:
        await asyncio.Event().wait()
        raise AssertionError


class Torn(aiosmtplib.SMTP):
    """Breaks in an unforeseen way, in the middle of a mail."""

    async def data(self, *args: object, **more: object) -> aiosmtplib.SMTPResponse:
        raise RuntimeError


async def test_an_unforeseen_fault_in_the_middle_of_a_mail_leaves_it_unknown(
    pool: db.Database, clock: ManualClock, mailer: Mailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiosmtplib, "SMTP", Torn)
    await plan(pool, "kim")
    assert await a_sender(pool, clock, mailer).step()
    assert await states(pool) == ["unknown"]


async def test_a_stop_before_anything_was_handed_over_gives_the_ask_back(
    pool: db.Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ask.sweep.FINISH", 0.05)
    await plan(pool, "kim")
    mailer = Slow("smtp://127.0.0.1:1", "ask@shop.example")
    task = asyncio.create_task(a_sender(pool, clock, mailer).run(Pulse("sender", lambda: 0.0)))

    async def claimed() -> bool:
        return await states(pool) == ["sending"]

    await eventually(claimed, within=10)
    task.cancel()
    await asyncio.wait({task}, timeout=10)
    assert (await states(pool), await events(pool)) == (["planned"], [])


async def test_a_stop_waits_two_seconds_for_a_slow_server(
    pool: db.Database, clock: ManualClock
) -> None:
    await plan(pool, "kim")
    async with CountingSink() as sink:
        mailer = Mailer(f"smtp://127.0.0.1:{sink.port}", "ask@shop.example")
        handing = asyncio.Event()

        async def take_long() -> None:
            handing.set()
            await asyncio.sleep(2)

        sink.meanwhile = take_long
        task = asyncio.create_task(a_sender(pool, clock, mailer).run(Pulse("sender", lambda: 0.0)))
        async with asyncio.timeout(10):
            await handing.wait()
        task.cancel()
        await asyncio.wait({task}, timeout=10)
    assert (await states(pool), await events(pool)) == (["sent"], ["sent"])
