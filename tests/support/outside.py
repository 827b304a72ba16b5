"""The world outside as tests play it: source events, invitations, customers who follow links."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import aiohttp

from shared import kafka, topics
from shared.contracts.asks import Invitation
from shared.contracts.envelope import Event, encode, stable_id
from shared.links import Links
from tests.support.stack import LINK_KEY, Stack


@asynccontextmanager
async def producing(stack: Stack) -> AsyncIterator[Any]:
    """A producer as other systems have one."""
    producer = await kafka.producer(stack.settings)
    try:
        yield producer
    finally:
        await producer.stop()


async def publish(stack: Stack, topic: str, *bodies: Mapping[str, object] | bytes) -> None:
    """Put events of a source system onto its topic, in order."""
    async with producing(stack) as producer:
        for body in bodies:
            value, key = (body, None) if isinstance(body, bytes) else as_record(body)
            await producer.send_and_wait(topic, value=value, key=key)


def as_record(body: Mapping[str, object]) -> tuple[bytes, bytes]:
    """Value and key of a source's event."""
    return json.dumps(body).encode(), str(body["customer"]).encode()


def invitation(
    stack: Stack, number: int, *, touchpoint: str, survey: str, now: datetime
) -> Invitation:
    """An ask that was sent, whose link opens at `collect`."""
    name = stable_id("invitation", str(number))
    return Invitation(
        invitation_id=name,
        decision_id=stable_id("decision", str(number)),
        touchpoint=touchpoint,
        survey=survey,
        customer_id=f"customer-{number}",
        channel="email",
        language="en",
        survey_url=stack.url("collect", f"/s/{Links([LINK_KEY]).sign('survey', name)}"),
        occurred_at=now - timedelta(hours=1),
        expires_at=now + timedelta(days=14),
        at=now,
    )


async def invite(stack: Stack, invitations: Sequence[Invitation]) -> None:
    """Say as `ask` does that these went out."""
    async with producing(stack) as producer:
        for each in invitations:
            event = Event(
                id=stable_id("sent", each.invitation_id),
                source="touchback/ask",
                type="touchback.invitation.sent.v1",
                subject=each.customer_id,
                time=each.at,
                body=each,
            )
            headers, value = encode(event)
            await producer.send_and_wait(
                topics.INVITATIONS, value=value, key=each.customer_id.encode(), headers=headers
            )


async def answer(
    client: aiohttp.ClientSession, url: str, score: int, comment: str | None = None
) -> None:
    """What a customer's browser does: choose a score, send it, add to it, send that."""
    async with client.post(url, data={"score": str(score)}, allow_redirects=False) as first:
        assert first.status == 303, await first.text()
    async with client.post(
        f"{url}/more", data={"comment": comment or ""}, allow_redirects=False
    ) as second:
        assert second.status == 303, await second.text()


def where_it_is_noon(now: datetime) -> str:
    """A time zone in which nobody is disturbed by a mail now; the sign is turned round in these."""
    east = 12 - now.hour
    return f"Etc/GMT{-east:+d}" if east else "Etc/GMT"


def a_customer(customer: str, now: datetime) -> dict[str, object]:
    return {
        "id": f"card-{customer}",
        "customer": customer,
        "at": now.isoformat(),
        "email": f"{customer}@customers.example",
        "name": "Ada",
        "locale": "en",
        "time_zone": where_it_is_noon(now),
        "segment": "home",
    }


def a_survey_answer(customer: str, now: datetime, comment: str) -> dict[str, object]:
    """The lowest score, given to another survey tool."""
    return {
        "id": f"said-{customer}",
        "type": "survey.answered",
        "touchpoint": "delivered",
        "customer": customer,
        "at": now.isoformat(),
        "score": 1,
        "comment": comment,
        "language": "en",
        "region": "north",
    }


def a_closed_ticket(customer: str, now: datetime) -> dict[str, object]:
    """Closed long enough ago that the question about it is due."""
    return {
        "id": f"closed-{customer}",
        "type": "ticket.closed",
        "customer": customer,
        "at": (now - timedelta(minutes=31)).isoformat(),
        "ticket": f"tic-{sha256(customer.encode()).hexdigest()[:8]}",
        "agent": "noor",
        "topic": "moving house",
        "region": "north",
    }
