"""What a provider reports by topic, mapped by sources.yaml alone, ends addresses and asks."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from services.ask import contacts
from services.ask.handlers import parse
from services.ask.reports import Reports
from services.listen.decide import understand
from services.listen.model import Mapped
from services.listen.policy import dialects
from shared import outbox
from shared.catalog.loader import load_files
from shared.consume import Item
from shared.contracts.signals import Signal
from shared.errors import UnreadableMessage
from shared.records import Record
from tests.integration.ask.ground import Post, events, failures, states
from tests.support.catalogs import SOURCES, catalog_files
from tests.support.clock import START
from tests.unit.ask.moments import a_signal, an_event


def a_report(outcome: str, about: str | None, event: str = "r1") -> Signal:
    """As `listen` maps a bounce: the provider knows no customer."""
    return a_signal(event, customer="-", name=f"touchback.delivery.{outcome}", correlation=about)


PROVIDER = (
    """\
- source: mails
  topic: mail.events
  format: json
  signals:
    - signal: touchback.delivery.hard_bounce
      when: 'body.kind == "bounce"'
      id: 'body.id'
      customer: '"-"'
      occurred_at: 'timestamp(body.at)'
      correlation: 'body.ask'
"""
    + SOURCES
)


async def hear(post: Post, *signals: Signal) -> None:
    """One batch, as the consumer gives it."""
    said = [an_event(each) for each in signals]
    items = [Item(each.source, each.id, each) for each in said]
    handle = Reports(post.outbound(), post.desk().hear)
    async with post.pool.transaction() as connection:
        await handle(connection, items, post.clock.now())


async def asked(post: Post) -> str:
    post.use("email")
    await post.plan()
    await post.sender("email").step()
    return await post.invitation()


async def test_a_bounce_heard_on_a_topic_ends_the_address_and_comes_once(post: Post) -> None:
    id = await asked(post)
    await hear(post, a_report("hard_bounce", id), a_report("hard_bounce", id, "r2"))
    assert (await states(post.pool), await events(post.pool)) == (["failed"], ["sent", "failed"])
    assert await failures(post.pool) == {("email", "bounced"): 1}
    async with post.pool.connection() as connection:
        assert (await contacts.cards(connection, ["kim"]))["kim"].email is None


async def test_a_complaint_heard_on_a_topic_is_an_opt_out(post: Post) -> None:
    await hear(post, a_report("complaint", await asked(post)))
    async with post.pool.connection() as connection:
        assert (await contacts.opt_outs(connection, ["kim"]))["kim"] == frozenset({None})


async def test_what_a_provider_puts_on_its_topic_reaches_the_ask(post: Post) -> None:
    catalog = load_files(catalog_files({"sources.yaml": PROVIDER}))
    body = {"kind": "bounce", "id": "7", "ask": await asked(post), "at": START.isoformat()}
    record = Record("mail.events", 0, 0, 0, None, json.dumps(body).encode(), ())
    (found,) = understand(record, catalog.sources[0], dialects(catalog).used)
    assert isinstance(found, Mapped)
    await hear(post, *(each for each in found.messages if isinstance(each, Signal)))
    assert await states(post.pool) == ["failed"]


async def test_what_came_along_with_a_report_is_decided_as_ever(post: Post) -> None:
    id = await asked(post)
    await hear(post, a_signal("e2", customer="lee"), a_report("delivered", id))
    async with post.pool.connection() as connection:
        found = await connection.fetchval(
            "select count(*) from decisions where customer_id = 'lee'"
        )
        signals = await connection.fetchval("select count(*) from signals where customer_id = '-'")
    assert (found, signals) == (1, 0), "a report is nothing that happened to a customer"


async def test_a_report_about_an_ask_of_somebody_else_changes_nothing(
    post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    await asked(post)
    await hear(post, a_report("hard_bounce", str(uuid4())))
    assert await states(post.pool) == ["sent"]
    assert "report" in caplog.text


@pytest.mark.parametrize(
    ("signal", "complaint"),
    [
        pytest.param(a_report("hard_bounce", None), "Message-ID", id="names no ask"),
        pytest.param(a_report("hard_bounce", "order 7"), "Message-ID", id="names an order"),
        pytest.param(a_report("bounced", str(uuid4())), "there are", id="no such word"),
    ],
)
def test_a_report_that_nothing_can_be_done_with_goes_to_the_dead_letters(
    signal: Signal, complaint: str
) -> None:
    said = outbox.event(
        service="listen", type="touchback.signal.v1", body=signal, customer_id="-", at=START
    )
    record = Record(said.topic, 0, 0, 0, said.key, said.payload, tuple(said.headers))
    with pytest.raises(UnreadableMessage, match=complaint):
        parse(record)
