"""Pages speak one language at a time, and every language says everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

SERVICES = Path(__file__).parents[2] / "services"
ROOMS = (SERVICES / "collect" / "pages", SERVICES / "console", SERVICES / "close")
METHODS = [("templates/**.html", "jinja2.ext:babel_extract"), ("**.py", "python")]
WORDS = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
CATALOGUES = [
    pytest.param(room, file, id=f"{room.name}-{file.parts[-3]}")
    for room in ROOMS
    for file in sorted((room / "locales").glob("*/LC_MESSAGES/messages.po"))
]
each_catalogue = pytest.mark.parametrize(("room", "file"), CATALOGUES)


def said(room: Path) -> Iterator[tuple[str, str | None]]:
    """Every text that the pages show, and its context."""
    for _, _, text, _, context in extract_from_dir(room, METHODS, keywords=WORDS):
        yield _key(text), context


def _key(text: str | tuple[str, ...] | list[str]) -> str:
    return text if isinstance(text, str) else text[0]


def read(file: Path) -> Catalog:
    with file.open("rb") as source:
        return read_po(source, locale=file.parts[-3])


def complete(message: Message | None) -> bool:
    if message is None or message.fuzzy:
        return False
    texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
    return all(texts)


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_there_are_texts_and_a_chinese_catalogue_to_check(room: Path) -> None:
    assert len(list(said(room))) > 15
    assert (room / "locales" / "zh" / "LC_MESSAGES" / "messages.po").is_file()


@each_catalogue
def test_every_text_is_translated(room: Path, file: Path) -> None:
    known = read(file)
    assert [text for text, about in said(room) if not complete(known.get(text, about))] == []


@each_catalogue
def test_no_translation_is_for_a_text_that_is_gone(room: Path, file: Path) -> None:
    wanted = {text for text, _ in said(room)}
    assert {_key(message.id) for message in read(file) if message.id} - wanted == set()


@each_catalogue
def test_translations_keep_their_placeholders(room: Path, file: Path) -> None:
    assert [error for message in read(file) if message.id for error in message.check()] == []
