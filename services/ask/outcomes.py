"""What became of an ask, written with its message and its counters in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.ask import contacts, sends
from services.ask.letters import Accepted, Ambiguous, Deferred, Outcome, Postponed, Rejected
from services.ask.model import Contact, Sending
from services.ask.outbound import Outbound
from services.ask.policy import FIELDS, reachable
from shared import db, outbox
from shared.catalog.catalog import Catalog, NotInCatalog
from shared.catalog.touchpoints import Touchpoint
from shared.contracts.asks import Invitation
from shared.contracts.envelope import stable_id
from shared.contracts.responses import OptOut
from shared.tallies import Tally
from shared.timers import backoff
from shared.wake import notify

_log = logging.getLogger(__name__)
TRIES = 5
"""Deferrals over one channel before the next one is tried, where there is a next one."""

ELSEWHERE = frozenset(
    {"no_address", "address_refused", "mail_refused", "channel_broken", "bounced"}
)
"""Failures of a channel, after which another one may do; all others concern the customer."""


async def write(
    connection: db.Connection, sending: Sending, outcome: Outcome, catalog: Catalog, now: datetime
) -> None:
    """Write down an outcome."""
    if sending.reminds:
        await _reminder(connection, sending, outcome, now)
        return
    match outcome:
        case Accepted():
            await _sent(connection, sending, catalog, now)
        case Rejected():
            await _failed(connection, sending, outcome, catalog, now)
        case Deferred():
            await _deferred(connection, sending, outcome, catalog, now)
        case Postponed(until=until):
            await sends.mark_again(connection, sending, sending.channel, sending.tried, until)
        case Ambiguous():
            await _unknown(connection, sending, outcome)


async def next_channel(connection: db.Connection, sending: Sending, catalog: Catalog) -> str | None:
    """Return the channel to try after those that were tried; None when there is no other."""
    touchpoint = _touchpoint(catalog, sending.invitation.touchpoint)
    customer = sending.invitation.customer_id
    card = (await contacts.cards(connection, [customer])).get(customer, Contact())
    tried = {*sending.tried, sending.channel}
    channels = touchpoint.channels if touchpoint else ()
    usable = (each for each in channels if each not in tried and reachable(card, each))
    return next(usable, None)


def log_unknown(invitation_id: str, detail: str) -> None:
    """Say that nobody knows what became of an ask."""
    extra = {"action": "ask_unknown", "invitation": invitation_id, "detail": detail}
    _log.error("nobody knows whether this ask was sent; it is not sent again", extra=extra)


def said(what: str, invitation: Invitation, now: datetime) -> outbox.Outgoing:
    """Wrap what became of an invitation for the outbox."""
    return outbox.event(
        service="ask",
        type=f"touchback.invitation.{what}.v1",
        body=invitation,
        customer_id=invitation.customer_id,
        at=now,
        # An ask that bounced may be sent again over another channel: that is another message.
        id=stable_id(f"invitation.{what}", invitation.invitation_id, *_again(invitation)),
    )


def _again(invitation: Invitation) -> tuple[str, ...]:
    return () if invitation.channel == "email" else (invitation.channel,)


def _touchpoint(catalog: Catalog, name: str) -> Touchpoint | None:
    try:
        return catalog.touchpoint(name)
    except NotInCatalog:
        return None


async def _sent(
    connection: db.Connection, sending: Sending, catalog: Catalog, now: datetime
) -> None:
    invitation = sending.as_sent(now)
    touchpoint = _touchpoint(catalog, invitation.touchpoint)
    reminder = touchpoint.reminder if touchpoint else None
    remind_at = now + reminder.after if reminder and not sending.tells else None
    until = invitation.expires_at if _awaits_answer(invitation, catalog) else None
    if not await sends.mark_sent(connection, sending, invitation, now, remind_at, until):
        return
    if not sending.tells:
        await outbox.add(connection, [said("sent", invitation, now)], now)
    counter = "notices" if sending.tells else "invitations"
    await _count(connection, counter, invitation.touchpoint, invitation.channel)
    action = "notice_sent" if sending.tells else "ask_sent"
    _log.info("sent", extra={"action": action, **_about(sending)})


def _awaits_answer(invitation: Invitation, catalog: Catalog) -> bool:
    """Whether its silence will be known: who answers an anonymous survey is not."""
    try:
        return not catalog.survey(invitation.survey).anonymous
    except NotInCatalog:
        return False


async def _failed(
    connection: db.Connection, sending: Sending, outcome: Rejected, catalog: Catalog, now: datetime
) -> None:
    other = (
        await next_channel(connection, sending, catalog) if outcome.reason in ELSEWHERE else None
    )
    extra = {"action": "ask_failed", **_about(sending), "reason": outcome.reason}
    if other:
        tried = [*sending.tried, sending.channel]
        if await sends.mark_again(connection, sending, other, tried, now):
            await _count(connection, "invitation_failures", sending.channel, outcome.reason)
            await notify(connection, "sends")
        _log.warning("ask goes to the next channel", extra={**extra, "next": other})
        return
    update = {"at": now, "failure": outcome.reason}
    invitation = sending.invitation.model_copy(update=update)
    if not await sends.mark_failed(connection, sending, invitation):
        return
    if not sending.tells:
        # What took the reason to ask away says so whenever it is found out.
        what = "cancelled" if outcome.reason == "cancelled" else "failed"
        await outbox.add(connection, [said(what, invitation, now)], now)
    await _count(connection, "invitation_failures", sending.channel, outcome.reason)
    _log.warning("ask failed", extra={**extra, "detail": outcome.detail})


async def _deferred(
    connection: db.Connection, sending: Sending, outcome: Deferred, catalog: Catalog, now: datetime
) -> None:
    tired = sending.attempts >= TRIES
    other = await next_channel(connection, sending, catalog) if tired else None
    tried = [*sending.tried, sending.channel] if other else sending.tried
    at = now if other else _next_try(sending, outcome, now)
    await sends.mark_again(connection, sending, other or sending.channel, tried, at)
    extra = {"action": "ask_deferred", **_about(sending), "detail": outcome.detail, "next": other}
    _log.warning("ask is tried again later", extra=extra)


def _next_try(sending: Sending, outcome: Deferred, now: datetime) -> datetime:
    # However long a provider asks for: as long as an ask waits, its customer gets no other one.
    wait = max(backoff(sending.attempts), outcome.retry_after or timedelta(0))
    return min(now + wait, sending.deadline + timedelta(milliseconds=1))


async def _unknown(connection: db.Connection, sending: Sending, outcome: Ambiguous) -> None:
    if await sends.mark_unknown(connection, sending):
        await _count(connection, "invitation_failures", sending.channel, "unknown")
        log_unknown(sending.invitation.invitation_id, outcome.detail)


async def _reminder(
    connection: db.Connection, sending: Sending, outcome: Outcome, now: datetime
) -> None:
    """A reminder is a courtesy: it counts nowhere, and what does not work out is let go."""
    if isinstance(outcome, Deferred) and sending.attempts < TRIES:
        at = _next_try(sending, outcome, now)
        await sends.mark_reminded(connection, sending, "planned", at)
        return
    if isinstance(outcome, Postponed):
        await sends.mark_reminded(connection, sending, "planned", outcome.until)
        return
    states: Mapping[type[Outcome], str] = {Accepted: "sent", Ambiguous: "unknown"}
    state = states.get(type(outcome), "dropped")
    if await sends.mark_reminded(connection, sending, state) and state == "sent":
        update = {"at": now}
        reminded = sending.invitation.model_copy(update=update)
        await outbox.add(connection, [said("reminded", reminded, now)], now)
    extra = {"action": "reminder", **_about(sending), "outcome": state}
    _log.info("reminder", extra={**extra, "reason": getattr(outcome, "reason", None)})


async def _count(connection: db.Connection, metric: str, *labels: str) -> None:
    tally = Tally()
    tally.add(metric, *labels)
    await tally.write(connection)


def _about(sending: Sending) -> dict[str, object]:
    invitation = sending.invitation
    return {
        "invitation": invitation.invitation_id,
        "touchpoint": invitation.touchpoint,
        "channel": sending.channel,
        "attempt": sending.attempts,
    }


@dataclass(frozen=True, slots=True)
class Report:
    """What a provider says about an ask that it had accepted."""

    outcome: str
    at: datetime


async def reported(
    connection: db.Connection,
    sending: Sending,
    state: str,
    report: Report,
    outbound: Outbound,
    now: datetime,
) -> None:
    """Act on a report: a bounce ends an address, a complaint is a wish to be left alone."""
    asked = sending.invitation
    await _count(connection, "delivery_reports", sending.channel, report.outcome)
    if report.outcome == "complaint":
        wish = OptOut(
            customer_id=asked.customer_id, invitation_id=asked.invitation_id, at=report.at
        )
        await contacts.save_opt_outs(connection, [wish])
        await outbox.add(connection, [_wish(wish, now)], now)
    if report.outcome != "hard_bounce":
        return
    await _end_address(connection, sending, outbound)
    if state in ("sent", "unknown"):
        await _bounced(connection, sending, outbound.catalog(), now)


async def _end_address(connection: db.Connection, sending: Sending, outbound: Outbound) -> None:
    """End the use of the address that it was sent to: a newer one may have come meanwhile."""
    field, customer = FIELDS.get(sending.channel), sending.invitation.customer_id
    if field is None:
        return
    known, _ = await contacts.address(connection, customer, field)
    sent_to = sending.sent_to
    same = sent_to is None or outbound.same(known, sent_to)
    await contacts.mark_dead(connection, customer, field, sent_to, known if same else None)


async def _bounced(
    connection: db.Connection, sending: Sending, catalog: Catalog, now: datetime
) -> None:
    tried = [*sending.tried, sending.channel]
    other = (
        await next_channel(connection, sending, catalog) if now <= sending.useful_until else None
    )
    await _count(connection, "invitation_failures", sending.channel, "bounced")
    if other:
        again = sending.invitation.model_copy(update={"channel": other})
        await sends.mark_bounced(connection, sending, "planned", again, tried, now)
        await notify(connection, "sends")
        return
    failed = sending.invitation.model_copy(update={"at": now, "failure": "bounced"})
    await sends.mark_bounced(connection, sending, "failed", failed, tried, now)
    if not sending.tells:
        await outbox.add(connection, [said("failed", failed, now)], now)


def _wish(wish: OptOut, now: datetime) -> outbox.Outgoing:
    return outbox.event(
        service="ask",
        type="touchback.opt-out.recorded.v1",
        body=wish,
        customer_id=wish.customer_id,
        at=now,
        id=stable_id("complaint", wish.invitation_id or ""),
    )
