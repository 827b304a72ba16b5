"""Languages: nothing untranslated, the right one chosen, none mixed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from services.collect.pages import languages, render

PAGES = Path(render.__file__).parent
METHODS = [("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
WORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
CATALOGUES = sorted(languages.LOCALES.glob("*/LC_MESSAGES/messages.po"))


def needed() -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    """Every text that the pages show."""
    for _, _, message, _, context in extract_from_dir(PAGES, METHODS, keywords=WORDS):
        yield message, context


def read(file: Path) -> Catalog:
    with file.open("rb") as source:
        return read_po(source, locale=file.parts[-3])


def complete(message: Message | None) -> bool:
    if message is None or message.fuzzy:
        return False
    texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return all(texts)


def test_there_are_texts_and_catalogues_to_check() -> None:
    assert len(list(needed())) > 30
    assert [file.parts[-3] for file in CATALOGUES] == ["zh"]


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parts[-3])
def test_every_text_is_translated(file: Path) -> None:
    catalogue = read(file)
    missing = [text for text, about in needed() if not complete(catalogue.get(_key(text), about))]
    assert missing == []


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parts[-3])
def test_no_translation_is_for_a_text_that_is_gone(file: Path) -> None:
    wanted = {_key(text) for text, _ in needed()}
    assert {_key(message.id) for message in read(file) if message.id} <= wanted


@pytest.mark.parametrize("file", CATALOGUES, ids=lambda file: file.parts[-3])
def test_translations_keep_their_placeholders(file: Path) -> None:
    faults = [error for message in read(file) if message.id for error in message.check()]
    assert faults == []


def _key(text: str | tuple[str, ...] | list[str]) -> str:
    return text if isinstance(text, str) else text[0]


@pytest.mark.parametrize(
    ("wishes", "chosen"),
    [
        pytest.param([None, None], "en", id="no wish"),
        pytest.param(["zh-CN"], "zh", id="a region of it"),
        pytest.param(["zh_Hans_CN"], "zh", id="as POSIX writes it"),
        pytest.param(["fr", "zh"], "zh", id="the second wish"),
        pytest.param(["../../etc", "x" * 5000, "zh"], "zh", id="nonsense before it"),
    ],
)
def test_the_first_wish_that_is_offered_is_chosen(wishes: list[str | None], chosen: str) -> None:
    assert languages.choose(wishes, ["en", "zh"]) == chosen


def test_the_browser_orders_its_languages_by_liking() -> None:
    assert languages.accepted("fr;q=0.2, zh-CN, en;q=0.9, xx;q=0, yy;q=z") == ["zh-CN", "en", "fr"]
