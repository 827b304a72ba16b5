"""One trace from a source event to the alert about its low score, told by six processes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import aiohttp
import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.clock import SystemClock
from tests.integration.process.test_loop import (
    mail_to,
    survey_link,
)
from tests.support import outside, reading
from tests.support.sinks import WebhookSink
from tests.support.stack import PROJECT, SERVICES, Ground, World, world
from tests.support.wait import eventually

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]
SOON = 60.0
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
DECIDED = ("touchback-ask", "decide")
CHAIN = [
    ("touchback-listen", "map"),
    DECIDED,
    ("touchback-collect", "answer"),
    ("touchback-route", "route"),
    ("touchback-route", "alert"),
]
"""What hangs on what, from the source event to the channel of the team."""


@dataclass(frozen=True, slots=True)
class Span:
    """One thing that was done."""

    service: str
    name: str
    id: str
    parent: str
    trace: str


@dataclass(frozen=True, slots=True)
class Traced:
    """A stack, and the collector that it tells of its spans."""

    world: World
    collector: WebhookSink

    def spans(self) -> list[Span]:
        return [span for call in self.collector.calls for span in _spans(call.body)]


def _spans(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        names = {each.key: each.value.string_value for each in resource.resource.attributes}
        for scope in resource.scope_spans:
            for each in scope.spans:
                ids = (each.span_id.hex(), each.parent_span_id.hex(), each.trace_id.hex())
                yield Span(names["service.name"], each.name, *ids)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def traced(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Traced]:
    catalog = PROJECT / "deploy" / "catalog"
    folder = tmp_path_factory.mktemp("traced")
    async with WebhookSink() as collector, world(ground, folder, catalog) as made:
        made.stack.environment["TOUCHBACK_OTLP_ENDPOINT"] = collector.url("").rstrip("/")
        made.stack.environment["OTEL_BSP_SCHEDULE_DELAY"] = "200"
        made.stack.start()
        await made.stack.ready()
        yield Traced(made, collector)


async def test_it_is_one_trace_from_the_event_to_the_alert(traced: Traced) -> None:
    now, stack = SystemClock().now(), traced.world.stack
    await outside.publish(stack, "crm.customers", outside.a_customer("traced", now))

    async def card() -> int:
        return await stack.count("ask", "contacts where customer_id = 'traced'")

    await eventually(card, within=SOON)
    async with outside.producing(stack) as producer:
        await producer.send_and_wait(
            "support.events",
            value=json.dumps(outside.a_closed_ticket("traced", now)).encode(),
            headers=[("traceparent", PARENT.encode())],
        )
    mail = await mail_to(traced.world, "traced@customers.example")
    link = survey_link(mail, traced.world)
    async with aiohttp.ClientSession() as client:
        # A mail may be faster than what collect hears of it.
        async def page() -> bool:
            async with client.get(link) as response:
                return response.status == 200

        await eventually(page, within=SOON)
        await outside.answer(client, link, 0, "Nobody called me back.")

    def complete() -> list[Span] | None:
        found = [span for span in traced.spans() if span.trace == TRACE]
        done = {(span.service, span.name) for span in found}
        return found if done >= {*CHAIN, ("touchback-ask", "ask")} else None

    found = await eventually(complete, within=SOON)
    by_id = {span.id: span for span in found}
    alert = next(span for span in found if span.name == "alert")
    chain = [alert]
    while chain[0].parent in by_id:
        chain.insert(0, by_id[chain[0].parent])
    # The answer goes on from what collect heard of the ask last: that it is to be, or that it left.
    asking = ("touchback-ask", "ask")
    named = [(span.service, span.name) for span in chain]
    assert [DECIDED if each == asking else each for each in named] == CHAIN
    assert chain[0].parent == "00f067aa0ba902b7", "the span of the source system"
    said = {event.traceparent.split("-")[1] for topic in ("touchback.alerts", "touchback.responses")
            for event in await reading.events(stack, topic) if event.traceparent}  # fmt: skip
    assert said == {TRACE}


async def test_logs_and_spans_share_their_trace(traced: Traced) -> None:
    known = {span.trace for span in traced.spans()}
    logged: dict[str, set[str]] = {}
    for name in SERVICES:
        lines = traced.world.stack.log(name).read_text("utf-8").splitlines()
        logged[name] = {json.loads(line).get("trace_id") for line in lines if line.startswith("{")}
    assert TRACE in logged["route"]
    assert logged["route"] - {None} <= known
