"""One link, address or program cannot crowd out the others."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.collect.limits import Limits, address

PROXIES = [ip_network("10.0.0.0/8")]


@given(
    st.integers(1, 600),
    st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=200),
)
def test_no_minute_and_no_longer_time_lets_in_more_than_it_may(
    per_minute: int, pauses: list[float]
) -> None:
    now = 0.0
    limits = Limits(lambda: now)
    let_in: list[float] = []
    for pause in pauses:
        now += pause
        if limits.wait("a", per_minute) == 0:
            let_in.append(now)
    for first, start in enumerate(let_in):
        for more, end in enumerate(let_in[first:], 1):
            assert more <= per_minute * (1 + (end - start) / 60) + 1e-3


def test_who_waits_as_long_as_told_is_let_in_and_others_never_wait() -> None:
    now = 0.0
    limits = Limits(lambda: now)
    assert [limits.wait("a", 3) for _ in range(3)] == [0, 0, 0]
    seconds = limits.wait("a", 3)
    assert seconds == pytest.approx(20)
    assert limits.wait("b", 3) == 0
    now += seconds
    assert limits.wait("a", 3) == 0


def test_it_remembers_no_more_than_it_may() -> None:
    limits = Limits(lambda: 0.0, most=2)
    for name in ("a", "b", "c"):
        assert limits.wait(name, 1) == 0
    assert limits.wait("c", 1) > 0
    assert limits.wait("a", 1) == 0


@pytest.mark.parametrize(
    ("peer", "forwarded", "who"),
    [
        pytest.param("8.8.8.8", "", "8.8.8.8", id="straight from the internet"),
        pytest.param("8.8.8.8", "1.1.1.1", "8.8.8.8", id="a header that nobody vouches for"),
        pytest.param("10.1.1.1", "1.1.1.1", "1.1.1.1", id="through our proxy"),
        pytest.param("10.1.1.1", "9.9.9.9, 1.1.1.1, 10.2.2.2", "1.1.1.1", id="two proxies"),
        pytest.param("10.1.1.1", "192.168.7.7", "192.168.7.7", id="at home behind our proxy"),
        pytest.param("10.1.1.1", "", None, id="the proxy itself"),
        pytest.param("192.168.1.1", "1.1.1.1", None, id="perhaps a proxy"),
        pytest.param("10.1.1.1", "nonsense", None, id="nonsense"),
        pytest.param(None, "", None, id="nobody"),
        pytest.param("2606:4700:1:2:3:4:5:6", "", "2606:4700:1:2::/64", id="a household"),
    ],
)
def test_an_address_is_that_of_whoever_came_before_our_proxies(
    peer: str | None, forwarded: str, who: str | None
) -> None:
    assert address(peer, forwarded, PROXIES) == who
