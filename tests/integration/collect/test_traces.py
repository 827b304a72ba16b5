"""An answer goes on with the trace of its ask, unless nobody may tell whose answer it is."""

from __future__ import annotations

from dataclasses import replace

from services.collect import traces
from services.collect.app import MIGRATIONS
from services.collect.model import InvitationId, Response, ResponseId
from shared import db, migrate
from tests.support.clock import START

ASKED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LATER = "00-11111111111111111111111111111111-2222222222222222-01"
ANSWER = Response(
    response_id=ResponseId("r1"),
    invitation_id=InvitationId("i1"),
    touchpoint="delivered",
    survey="delivery",
    metric="csat",
    customer_id="c1",
    score=1,
    band="low",
    language="en",
    channel="email",
    origin="page",
    received_at=START,
    changed_at=START,
)


async def test_an_answer_goes_on_with_the_first_trace_of_its_ask(database: str) -> None:
    await migrate.apply(database, "collect", MIGRATIONS)
    pool = db.Database(database, "collect")
    await pool.open()
    async with pool.transaction() as connection:
        await traces.keep(connection, {"i1": ASKED}, START)
        await traces.keep(connection, {"i1": LATER, "r2": LATER}, START)
        by_topic = replace(ANSWER, response_id=ResponseId("r2"), invitation_id=None, origin="topic")
        unknown = replace(by_topic, response_id=ResponseId("r3"))
        found = await traces.of(connection, [ANSWER, by_topic, unknown])
        assert found == {"r1": ASKED, "r2": LATER}
        assert await traces.of(connection, [replace(ANSWER, unlinked=True)]) == {}
    await pool.close()
