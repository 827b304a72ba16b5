"""Brings asks and reminders out, one at a time per channel: each is sent once, or it is said that
nobody knows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.ask import contacts, outcomes, sends
from services.ask.decide.window import opens_at, zone
from services.ask.letters import Deferred, Outcome, Postponed, Rejected
from services.ask.model import Contact, Sending, stopped_by
from services.ask.outbound import Address, Outbound
from services.ask.policy import FIELDS, REPEATABLE, Plan, plan_of, reachable
from shared import db, logs
from shared.catalog.catalog import NotInCatalog
from shared.clock import Clock
from shared.errors import TouchbackError
from shared.pulse import Pulse
from shared.tallies import Tally
from shared.wake import Wake, wait

LEASE = timedelta(seconds=90)
"""Longer than the longest send, so that only a dead sender loses it."""

POLL = 5.0
FINISH = 3.0
"""Seconds that a send may take to finish when the process is told to stop."""

GIVE_BACK = 1.0
"""Seconds to give back, after that, what was not handed over yet."""

WRITE_TRIES = 6


@dataclass(frozen=True, slots=True)
class Claim:
    """An ask to send, and what stands against it since it was decided."""

    sending: Sending
    address: Address
    refused: Rejected | Postponed | None


class _NoToken(Exception):
    """The channel took as much as it may for now; the next token comes after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Sender:
    """The one loop that sends by a channel. Any number of replicas may run it side by side."""

    def __init__(
        self, database: db.Database, clock: Clock, wake: Wake, outbound: Outbound, channel: str
    ) -> None:
        self._database = database
        self._clock = clock
        self._event = wake.event("sends")
        self._outbound = outbound
        self._channel = channel
        self._pause = 0.0

    async def run(self, pulse: Pulse) -> None:
        """Send until cancelled; raises when PostgreSQL is away, to be run again."""
        try:
            while True:
                pulse.beat()
                if not await _finished(self.step()):
                    await self.expire()
                    await wait(self._event, await self._until_next())
        finally:
            await self._outbound.close(self._channel)

    async def step(self) -> bool:
        """Send one; False when none may go out now."""
        now = self._clock.now()
        self._pause = 0.0
        try:
            async with self._database.transaction() as connection:
                claim = await self._claim(connection, now)
        except _NoToken as none:
            self._pause = none.seconds
            return False
        if claim is None:
            return False
        with logs.trace(claim.sending.traceparent, "ask"):
            await self._write_down(claim.sending, await self._outcome(claim, now))
        return True

    async def expire(self) -> None:
        """Take asks from senders that died in the middle: where a repeat would not be recognised,
        silence beats asking twice."""
        async with self._database.transaction() as connection:
            tally = Tally()
            now = self._clock.now()
            for invitation_id, channel in await sends.expire(connection, now, REPEATABLE):
                tally.add("invitation_failures", channel, "unknown")
                outcomes.log_unknown(invitation_id, "the sender died")
            await tally.write(connection)

    async def _until_next(self) -> float:
        async with self._database.connection() as connection:
            at = await sends.next_work(connection, self._channel)
        if at is None:
            return POLL
        # Never without a pause: work that is due may be locked by another sender.
        return min(POLL, max(0.05, self._pause, (at - self._clock.now()).total_seconds()))

    async def _claim(self, connection: db.Connection, now: datetime) -> Claim | None:
        # All in one transaction: when PostgreSQL goes away in the middle, nothing was claimed.
        sending = await sends.claim(connection, self._channel, now, now + LEASE)
        if sending is None:
            return None
        refused = await self._refusal(connection, sending, now)
        if refused is None:
            await self._take_token(connection, now)
        return Claim(sending, await _address(connection, sending), refused)

    async def _take_token(self, connection: db.Connection, now: datetime) -> None:
        rate = self._outbound.catalog().policy.channels.outlet(self._channel).per_minute
        if rate and not await sends.take_token(connection, self._channel, rate, now):
            raise _NoToken(60 / rate)

    async def _refusal(
        self, connection: db.Connection, sending: Sending, now: datetime
    ) -> Rejected | Postponed | None:
        """Judge once more what may have changed since the decision."""
        asked, plan = sending.invitation, self._plan(sending)
        if plan is None:
            return Rejected("not_eligible")
        if now > sending.deadline:
            return Rejected("stale_event")
        wishes = (await contacts.opt_outs(connection, [asked.customer_id])).get(asked.customer_id)
        if stopped_by(wishes or frozenset(), asked.touchpoint):
            return Rejected("opted_out")
        cards = await contacts.cards(connection, [asked.customer_id])
        card = cards.get(asked.customer_id, Contact())
        if card.consent == "refused":
            return Rejected("no_consent")
        if not reachable(card, sending.channel):
            return Rejected("no_address")
        return await _overtaken(connection, sending, plan) or _hour(sending, card, plan, now)

    def _plan(self, sending: Sending) -> Plan | None:
        catalog = self._outbound.catalog()
        try:
            return plan_of(catalog.touchpoint(sending.invitation.touchpoint), catalog)
        except NotInCatalog:
            return None

    async def _outcome(self, claim: Claim, now: datetime) -> Outcome:
        if claim.refused:
            return claim.refused
        try:
            ready = await self._outbound.prepare(claim.sending, claim.address, now)
        except asyncio.CancelledError:
            await self._write_down(claim.sending, Deferred("the process stops"))
            raise
        return ready if isinstance(ready, Deferred | Rejected) else await ready.hand_over()

    async def _write_down(self, sending: Sending, outcome: Outcome) -> None:
        """Write the outcome, trying again for a while: it is known now, and only here."""
        catalog = self._outbound.catalog()
        for attempt in range(1, WRITE_TRIES + 1):
            try:
                async with self._database.transaction() as connection:
                    now = self._clock.now()
                    await outcomes.write(connection, sending, outcome, catalog, now)
            except (TouchbackError, *db.AWAY):
                if attempt == WRITE_TRIES:
                    raise
                await asyncio.sleep(0.1 * 2**attempt)
            else:
                return


async def _overtaken(connection: db.Connection, sending: Sending, plan: Plan) -> Rejected | None:
    settled = await sends.settled(connection, sending, sorted(plan.cancel_on))
    if settled:
        return Rejected("open_case" if settled == "open_case" else "cancelled", settled)
    counts = not sending.reminds and not sending.exempt
    if counts and await sends.other_contact(connection, sending):
        return Rejected("cap_person")
    return None


def _hour(
    sending: Sending, card: Contact, plan: Plan, now: datetime
) -> Rejected | Postponed | None:
    opening = opens_at(now, plan.window, zone(card, sending.invitation.attributes, plan))
    if opening > sending.deadline:
        return Rejected("quiet_hours_expired")
    return Postponed(opening) if opening > now else None


async def _address(connection: db.Connection, sending: Sending) -> Address:
    field = FIELDS.get(sending.channel)
    if field is None:
        return Address()
    return Address(*await contacts.address(connection, sending.invitation.customer_id, field))


async def _finished(step: Awaitable[bool]) -> bool:
    """Let a step that has begun come to its end, also when the process is told to stop."""
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        _, unfinished = await asyncio.wait({task}, timeout=FINISH)
        task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=GIVE_BACK)
        raise
