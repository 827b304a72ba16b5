"""Which forms are the same tap."""

from __future__ import annotations

from starlette.requests import Request

from services.collect.pages import taps
from services.collect.pages.forms import Form


def request(path: str = "/f", agent: str = "Firefox") -> Request:
    """A form's way here."""
    headers = [(b"user-agent", agent.encode())]
    return Request(
        {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers}
        | {"client": ("192.0.2.1", 1), "scheme": "http", "server": ("survey", 80)}
    )


def test_the_same_form_is_the_same_tap_for_ten_seconds_and_then_another() -> None:
    now = 100.0
    known = taps.Taps(lambda: now)
    form = Form(comment="Dark", chosen={"score": "1"})
    first = known.key(request(), form)
    now += taps.AGAIN
    assert known.key(request(), form) == first
    now += 0.001
    assert known.key(request(), form) != first


def test_another_form_reader_or_link_is_another_tap() -> None:
    known = taps.Taps(lambda: 0.0)
    form = Form(comment="Dark", chosen={"score": "1"})
    keys = {
        known.key(request(), form),
        known.key(request(), Form(comment="Dark", chosen={"score": "2"})),
        known.key(request(agent="Safari"), form),
        known.key(request(path="/f/token"), form),
    }
    assert len(keys) == 4


def test_a_form_with_a_key_keeps_it() -> None:
    assert taps.Taps(lambda: 0.0).key(request(), Form(key="its own")) == "its own"


def test_it_remembers_no_more_than_it_may() -> None:
    known = taps.Taps(lambda: 0.0)
    first = known.key(request(), Form(comment="first"))
    for number in range(taps.MOST):
        known.key(request(), Form(comment=str(number)))
    assert known.key(request(), Form(comment="first")) != first
