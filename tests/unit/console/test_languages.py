"""Pages speak one language at a time, and Chinese is complete."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from services.console.languages import LOCALE, catalogues, chosen

ROOM = LOCALE.parent
SOURCES = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
PLACES = re.compile(r"%\(\w+\)[sd]")


def catalogue(language: str) -> Catalog:
    """The texts of a language."""
    file = LOCALE / language / "LC_MESSAGES" / "messages.po"
    return read_po(BytesIO(file.read_bytes()))


def said() -> set[str]:
    """Every text that the pages say."""
    found = extract_from_dir(ROOM, SOURCES, keywords=KEYWORDS)
    return {text if isinstance(text, str) else text[0] for _, _, text, _, _ in found}


@pytest.mark.parametrize("language", sorted(set(catalogues()) - {"en"}))
def test_a_language_says_everything_and_keeps_every_placeholder(language: str) -> None:
    known = catalogue(language)
    assert said() - {m.id if isinstance(m.id, str) else m.id[0] for m in known} == set()
    for message in known:
        ids = message.id if isinstance(message.id, (tuple, list)) else [message.id]
        texts = message.string if isinstance(message.string, (tuple, list)) else [message.string]
        if ids[0]:
            assert all(texts), ids
            for text in texts:
                assert set(PLACES.findall(text or "")) == set(PLACES.findall(ids[-1])), ids
            assert not message.fuzzy, ids


def test_nothing_is_translated_that_no_page_says() -> None:
    ids = {m.id if isinstance(m.id, str) else m.id[0] for m in catalogue("zh")} - {""}
    assert ids == said()


@pytest.mark.parametrize(
    ("explicit", "header", "expected"),
    [
        pytest.param(["zh", "en"], "en", "zh", id="the link wins"),
        pytest.param([None, "zh"], "en", "zh", id="then the cookie"),
        pytest.param(["fr", None], "zh-CN,zh;q=0.9,en;q=0.5", "zh", id="then the browser"),
        pytest.param([None, None], "en;q=0.5,zh;q=0.9", "zh", id="by its weights"),
        pytest.param([None, None], "fr,de;q=x,,;q=", "en", id="else English"),
    ],
)
def test_the_language_is_chosen(explicit: list[str | None], header: str, expected: str) -> None:
    assert chosen(explicit, header, ["en", "zh"]) == expected
