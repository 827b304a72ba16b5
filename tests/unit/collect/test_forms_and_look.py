"""Forms keep what was typed; the brand's colour is readable whatever it is."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from services.collect.model import More
from services.collect.pages import forms, look
from shared.catalog import colours
from shared.catalog.policy import Brand
from shared.catalog.scales import SCALES

channels = st.integers(0, 255)


async def read(body: bytes) -> forms.Form:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return await forms.read(Request({"type": "http", "method": "POST", "headers": []}, receive))


async def test_a_form_is_read_with_its_characters() -> None:
    body = urlencode({"score": "3", "comment": " 太慢了\r\n👎\x00 ", "contact": "yes"}).encode()
    assert await read(body) == forms.Form({"score": "3"}, "太慢了\n👎", contact=True)


async def test_an_empty_form_and_broken_bytes_are_no_error() -> None:
    assert await read(b"") == forms.Form()
    assert (await read(b"comment=%ff%fe")).comment == "\ufffd\ufffd"


async def test_a_full_comment_in_chinese_fits() -> None:
    text = "慢" * 2000
    assert (await read(urlencode({"comment": text}).encode())).comment == text


async def test_a_form_beyond_all_measure_is_refused() -> None:
    with pytest.raises(HTTPException) as refused:
        await read(b"comment=" + b"x" * forms.LARGEST_FORM)
    assert refused.value.status_code == 413


@pytest.mark.parametrize("text", [None, "", "11", "-1", "3.0", "03", "three", "٣", " 3"])
def test_only_the_numbers_of_the_scale_are_scores(text: str | None) -> None:
    assert forms.score(text, SCALES["nps"]) is None


def test_both_ends_of_the_scale_are_scores() -> None:
    assert [forms.score(text, SCALES["nps"]) for text in ("0", "10")] == [0, 10]


@pytest.mark.parametrize(("length", "over"), [(2000, 0), (2001, 1)])
def test_a_comment_is_too_long_from_its_2001st_character(length: int, over: int) -> None:
    assert forms.too_long("慢" * length) == over


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param({"needs": "5", "ease": "2", "enjoyment": "4"}, 2, id="the worst of three"),
        pytest.param({"needs": "5", "ease": "2"}, None, id="one is missing"),
        pytest.param(
            {"needs": "5", "ease": "2", "enjoyment": "6"}, None, id="one is off the scale"
        ),
        pytest.param({"score": "3"}, None, id="a single score is none of them"),
    ],
)
def test_an_experience_needs_all_its_parts(chosen: dict[str, str], expected: int | None) -> None:
    rating = forms.rating(forms.Form(chosen), SCALES["experience"])
    assert (rating and rating.score) == expected


def test_what_was_not_offered_was_not_chosen() -> None:
    form = forms.Form(reasons=("late", "<b>", "late"), effort="9")
    assert forms.more(form, ("damaged", "late")) == More(None, False, ("late",), None)


@pytest.mark.parametrize(
    ("text", "number"),
    [("17", 17), ("", 0), ("-1", 0), ("٣", 0), ("9" * 40, 0), ("1e3", 0)],
    ids=["a number", "empty", "negative", "other digits", "too large", "with an exponent"],
)
async def test_the_number_of_a_save_is_a_number_or_none(text: str, number: int) -> None:
    assert (await read(urlencode({"number": text, "own": "1"}).encode())).number == number


@given(st.tuples(channels, channels, channels))
def test_any_colour_becomes_readable_on_light_and_on_dark(colour: colours.Rgb) -> None:
    for ground in (colours.LIGHT, colours.DARK):
        found = colours.readable(colour, ground)
        assert colours.contrast(found, ground) >= colours.READABLE


def test_a_readable_brand_colour_is_left_alone() -> None:
    assert colours.readable((11, 110, 79), colours.LIGHT) == (11, 110, 79)
    assert "--brand: #0b6e4f" in look.stylesheet(Brand(color="#0B6E4F"))
    assert "--brand: #4cc296" in look.stylesheet(Brand(color="#0B6E4F", color_dark="#4CC296"))


def test_black_on_white_has_the_greatest_contrast() -> None:
    assert colours.contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
