"""Languages of the pages: English in the templates, every other one as a gettext catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import UnknownLocaleError, parse_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCE = "en"
"""The language the templates are written in; it needs no catalogue."""


def _read(file: Path, language: str) -> GNUTranslations:
    with file.open("rb") as source:
        catalogue = read_po(source, locale=language, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def load(folder: Path) -> Mapping[str, NullTranslations]:
    """Return the catalogues by language, English first; a folder more is a language more."""
    files = sorted(folder.glob("*/LC_MESSAGES/messages.po"))
    found: dict[str, NullTranslations] = {SOURCE: NullTranslations()}
    found.update((file.parts[-3], _read(file, file.parts[-3])) for file in files)
    return found


def accepted(header: str) -> list[str]:
    """Return the languages of an Accept-Language header, the best liked first."""
    liked: list[tuple[float, str]] = []
    for part in header[:1000].split(","):
        tag, _, parameters = part.strip().partition(";")
        name, _, value = parameters.strip().partition("=")
        try:
            quality = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if tag and quality > 0:
            liked.append((-quality, tag))
    return [tag for _, tag in sorted(liked, key=lambda each: each[0])]


def choose(wishes: Sequence[str | None], offered: Sequence[str]) -> str:
    """Return the first wish that is offered (`zh-CN` is served by `zh`), else the first offer."""
    for wish in wishes:
        base = _base(wish or "")
        if base in offered:
            return base
    return offered[0]


def _base(tag: str) -> str:
    try:
        return parse_locale(tag, sep="-" if "-" in tag else "_")[0]
    except (UnknownLocaleError, ValueError):
        return ""
