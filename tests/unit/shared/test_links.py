"""A token says whom it is for, to those who hold the key, and for one purpose."""

from __future__ import annotations

from datetime import timedelta

import pytest
from itsdangerous import TimestampSigner

from shared.errors import InvalidLink
from shared.links import Links

OLD, NEW = "o" * 32, "n" * 32


def test_a_token_gives_back_its_subject() -> None:
    links = Links([NEW])
    assert links.read("survey", links.sign("survey", "invitation-1")) == "invitation-1"


def test_a_token_of_an_older_key_is_still_read_after_rotation() -> None:
    token = Links([OLD]).sign("survey", "invitation-1")
    assert Links([NEW, OLD]).read("survey", token) == "invitation-1"


def test_the_newest_key_signs() -> None:
    token = Links([NEW, OLD]).sign("survey", "invitation-1")
    assert Links([NEW]).read("survey", token) == "invitation-1"


def test_a_token_for_another_purpose_is_refused() -> None:
    links = Links([NEW])
    with pytest.raises(InvalidLink, match="not one of ours"):
        links.read("stop", links.sign("survey", "invitation-1"))


@pytest.mark.parametrize("token", ["", "abc", "abc.def.ghi", "é" * 10, "a" * 5000])
def test_what_nobody_signed_is_refused(token: str) -> None:
    with pytest.raises(InvalidLink, match="not one of ours"):
        Links([NEW]).read("survey", token)


def test_a_token_past_its_age_has_expired() -> None:
    links = Links([NEW])
    with pytest.raises(InvalidLink, match="expired"):
        links.read("survey", links.sign("survey", "x"), max_age=timedelta(seconds=-1))


def test_a_token_of_a_machine_whose_clock_is_ahead_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    links = Links([NEW])
    now = TimestampSigner(NEW).get_timestamp()
    with monkeypatch.context() as ahead:
        ahead.setattr(TimestampSigner, "get_timestamp", lambda _: now + 90)
        token = links.sign("session", "lena")
    assert links.read("session", token, max_age=timedelta(hours=1)) == "lena"
