"""Send windows: in the customer's own zone, to the second, also when the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ask.decide.window import opens_at, zone
from services.ask.model import Contact
from shared.catalog.policy import SendWindow
from tests.unit.ask.moments import a_catalog, a_plan, a_signal

DAY = SendWindow()
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC")


def opens(local: str, window: SendWindow = DAY, zone: str = "Europe/Berlin") -> str:
    """When the window opens for a local time, in local time."""
    where = ZoneInfo(zone)
    now = datetime.fromisoformat(local).replace(tzinfo=where).astimezone(UTC)
    return opens_at(now, window, where).astimezone(where).isoformat()


@pytest.mark.parametrize(
    ("local", "opening"),
    [
        pytest.param("2026-03-03T08:59:59", "2026-03-03T09:00:00+01:00", id="a second too early"),
        pytest.param("2026-03-03T09:00:00", "2026-03-03T09:00:00+01:00", id="at the start"),
        pytest.param("2026-03-03T19:59:59", "2026-03-03T19:59:59+01:00", id="the last second"),
        pytest.param("2026-03-03T20:00:00", "2026-03-04T09:00:00+01:00", id="the end is outside"),
        pytest.param("2026-03-03T00:00:00", "2026-03-03T09:00:00+01:00", id="midnight"),
        pytest.param(
            "2026-03-28T21:00:00", "2026-03-29T09:00:00+02:00", id="the night the clocks go forward"
        ),
        pytest.param(
            "2026-10-24T21:00:00", "2026-10-25T09:00:00+01:00", id="the night the clocks go back"
        ),
    ],
)
def test_the_window_opens_at_its_local_time(local: str, opening: str) -> None:
    assert opens(local) == opening


def test_a_local_time_that_does_not_exist_moves_to_the_next_valid_minute() -> None:
    early = SendWindow(start=time(2, 30), end=time(6))
    assert opens("2026-03-29T00:10:00", early) == "2026-03-29T03:00:00+02:00"
    assert opens("2026-03-30T00:10:00", early) == "2026-03-30T02:30:00+02:00"


def test_a_local_time_that_comes_twice_is_meant_the_first_time() -> None:
    early = SendWindow(start=time(2, 30), end=time(6))
    assert opens("2026-10-25T00:10:00", early) == "2026-10-25T02:30:00+02:00"


def test_a_window_that_falls_into_the_missing_hour_opens_a_day_later() -> None:
    short = SendWindow(start=time(2, 10), end=time(2, 50))
    assert opens("2026-03-29T01:00:00", short) == "2026-03-30T02:10:00+02:00"


def test_a_day_that_a_zone_skipped_has_no_window() -> None:
    assert opens("2011-12-29T21:00:00", zone="Pacific/Apia") == "2011-12-31T09:00:00+14:00"


@given(
    now=st.integers(1_300_000_000, 1_900_000_000).map(lambda s: datetime.fromtimestamp(s, UTC)),
    name=st.sampled_from(ZONES),
    start=st.integers(0, 23 * 60).map(lambda m: time(m // 60, m % 60)),
)
def test_the_opening_is_never_early_and_always_inside(
    now: datetime, name: str, start: time
) -> None:
    window, where = SendWindow(start=start, end=time.max), ZoneInfo(name)
    opening = opens_at(now, window, where)
    assert opening >= now
    assert window.start <= opening.astimezone(where).time() < window.end
    assert opens_at(opening, window, where) == opening


@pytest.mark.parametrize(
    ("card", "account", "touchpoint", "policy", "found"),
    [
        pytest.param("Asia/Tokyo", "Europe/Rome", "UTC", "Asia/Dhaka", "Asia/Tokyo", id="customer"),
        pytest.param(None, "Europe/Rome", "UTC", "Asia/Dhaka", "Europe/Rome", id="account"),
        pytest.param(None, None, "Europe/Oslo", "Asia/Dhaka", "Europe/Oslo", id="touchpoint"),
        pytest.param(None, None, None, "Asia/Dhaka", "Asia/Dhaka", id="policy"),
        pytest.param(None, None, None, None, "UTC", id="nobody says: UTC"),
        pytest.param("Mars/Base", 7, "Europe/Oslo", None, "Europe/Oslo", id="no such zone"),
    ],
)
def test_the_zone_is_the_customers_else_the_next_best(
    card: str | None, account: object, touchpoint: str | None, policy: str | None, found: str
) -> None:
    own = f"\n  time_zone: {touchpoint}" if touchpoint else ""
    all_ = f"time_zone: {policy}\n" if policy else ""
    entry = f"- touchpoint: delivered\n  on: {{signal: order.delivered}}\n  survey: delivery{own}\n"
    plan = a_plan("delivered", a_catalog({"touchpoints.yaml": entry, "policy.yaml": all_}))
    signal = a_signal(time_zone=account)
    assert zone(Contact(time_zone=card), signal.attributes, plan).key == found
