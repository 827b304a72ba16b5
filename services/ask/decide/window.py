"""When customers may be written to: the send window of their own zone, also when clocks change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.ask.model import Contact
from services.ask.policy import Plan
from shared.catalog.policy import SendWindow

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def zone(contact: Contact, attributes: Mapping[str, object], plan: Plan) -> ZoneInfo:
    """Return the zone of the customer, else of the account: the one that the event is about (its
    attribute `time_zone`), or the one on the card; else of the touchpoint, else of the policy,
    which is UTC unless told otherwise."""
    account = attributes.get("time_zone")
    cards = (contact.time_zone, account, contact.account_zone)
    for name in (*cards, plan.time_zone, plan.last_time_zone):
        if name and isinstance(name, str) and (found := _known(name)):
            return found
    return ZoneInfo("UTC")


def opens_at(now: datetime, window: SendWindow, zone: ZoneInfo) -> datetime:
    """Return `now` inside the window, else the moment at which it opens next, in UTC."""
    local = now.astimezone(zone)
    if window.start <= local.time() < window.end:
        return now
    day = local.date() if local.time() < window.start else local.date() + DAY
    while True:
        opening = _first_valid(day, window.start, zone)
        # A day that the zone skipped, or an hour so large that the window fell into it.
        if opening.date() == day and opening.time() < window.end:
            return opening.astimezone(UTC)
        day += DAY


def _first_valid(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return that local time, or the next minute that exists in the zone."""
    naive = datetime.combine(day, at)
    while True:
        local = naive.replace(tzinfo=zone)
        if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive:
            return local
        naive += MINUTE


def _known(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
