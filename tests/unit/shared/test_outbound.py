"""Which addresses webhooks may reach, and when to come back."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import pytest

from shared.outbound import AddressRefused, Guard, retry_after

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
        "fe80::1%eth0",
        "fd00::1",
        "fec0::1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "240.0.0.1",
    ],
)
def test_inner_addresses_are_refused(address: str) -> None:
    assert not Guard([]).permits(address)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_permitted(address: str) -> None:
    assert Guard([]).permits(address)


def test_an_allowed_network_is_permitted_and_nothing_beside_it() -> None:
    guard = Guard(["10.0.0.0/24"])

    assert guard.permits("10.0.0.255")
    assert guard.permits("::ffff:10.0.0.1")
    assert guard.permits("64:ff9b::a00:1")
    assert not guard.permits("10.0.1.0")


def test_no_socket_is_made_to_a_refused_address() -> None:
    with pytest.raises(AddressRefused):
        Guard([]).socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(None, None, id="absent"),
        pytest.param("120", timedelta(seconds=120), id="seconds"),
        pytest.param("Mon, 02 Mar 2026 12:01:00 GMT", timedelta(minutes=1), id="a date"),
        pytest.param("Mon, 02 Mar 2026 11:00:00 GMT", timedelta(0), id="a date gone by"),
        pytest.param("soon", None, id="neither"),
        pytest.param("-5", None, id="negative"),
        pytest.param("9" * 40, timedelta(seconds=10**8), id="absurdly long"),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(
    header: str | None, expected: timedelta | None
) -> None:
    assert retry_after(header, AT) == expected
