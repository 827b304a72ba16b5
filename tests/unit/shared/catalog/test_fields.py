"""Durations, times of day and languages are read as people write them."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.catalog.fields import duration, in_language, time_of_day

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@given(count=st.integers(0, 999_999), unit=st.sampled_from("smhd"))
def test_a_duration_is_its_count_of_units(count: int, unit: str) -> None:
    assert duration(f"{count}{unit}") == timedelta(seconds=count * SECONDS[unit])


@pytest.mark.parametrize(
    "text", ["", "24", "h", "1.5h", "-1h", "1h30m", "1w", "1000000d", " 1h", "1H", 24, True, None]
)
def test_anything_else_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="write 30s, 15m, 24h or 3d"):
        duration(text)


def test_no_delay_is_written_as_zero() -> None:
    assert duration(0) == duration("0s") == timedelta(0)


@given(moment=st.times())
def test_a_time_of_day_is_read_back(moment: time) -> None:
    assert time_of_day(f"{moment:%H:%M}") == time(moment.hour, moment.minute)


@pytest.mark.parametrize("text", ["24:01", "9:00", "09:60", "09", 540, None])
def test_a_wrong_time_of_day_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match="write 09:00 or 20:30"):
        time_of_day(text)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        pytest.param("zh", "谢谢", id="the language itself"),
        pytest.param("zh-CN", "谢谢", id="its base language"),
        pytest.param("pt-BR", "Obrigado", id="a regional text before the base one"),
        pytest.param("fr", "Thank you", id="an unknown language gets the first"),
        pytest.param(None, "Thank you", id="no language gets the first"),
    ],
)
def test_texts_are_found_by_language(wanted: str | None, text: str) -> None:
    texts = {"en": "Thank you", "zh": "谢谢", "pt": "Obrigadinho", "pt-BR": "Obrigado"}
    assert in_language(texts, wanted) == text
