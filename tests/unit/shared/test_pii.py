"""Contact details mean nothing without a key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UnreadableMessage
from shared.pii import Pii

OLD, NEW = "o" * 32, "n" * 32


@given(st.text())
def test_every_text_comes_back_and_is_not_visible(text: str) -> None:
    token = Pii([NEW]).encrypt(text)
    assert Pii([NEW]).decrypt(token) == text
    assert len(text) < 4 or text not in token


def test_keys_rotate() -> None:
    assert Pii([NEW, OLD]).decrypt(Pii([OLD]).encrypt("a@b.example")) == "a@b.example"


def test_a_detail_under_a_lost_key_is_refused() -> None:
    with pytest.raises(UnreadableMessage, match="TOUCHBACK_PII_KEYS"):
        Pii([NEW]).decrypt(Pii([OLD]).encrypt("a@b.example"))


def test_a_detail_is_brought_under_the_newest_key_once() -> None:
    keys = Pii([NEW, OLD])
    fresh = keys.renewed(Pii([OLD]).encrypt("a@b.example"))
    assert fresh is not None
    assert Pii([NEW]).decrypt(fresh) == "a@b.example"
    assert keys.renewed(fresh) is None


def test_a_detail_under_a_lost_key_cannot_be_brought_under_another() -> None:
    with pytest.raises(UnreadableMessage, match="TOUCHBACK_PII_KEYS"):
        Pii([NEW]).renewed(Pii([OLD]).encrypt("a@b.example"))
