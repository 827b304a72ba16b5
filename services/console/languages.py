"""English stands in the templates; every other language is a gettext catalogue in `locale/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).parent / "locale"
ENGLISH = "en"


def catalogues(folder: Path = LOCALE) -> Mapping[str, NullTranslations]:
    """Read the catalogues; compiled here, so that no built file can be older than its source."""
    found: dict[str, NullTranslations] = {ENGLISH: NullTranslations()}
    for file in sorted(folder.glob("*/LC_MESSAGES/messages.po")):
        language, compiled = file.parts[-3], BytesIO()
        with file.open("rb") as source:
            write_mo(compiled, read_po(source, locale=language))
        compiled.seek(0)
        found[language] = GNUTranslations(compiled)
    return found


def chosen(explicit: Iterable[str | None], header: str, offered: Iterable[str]) -> str:
    """Return the first explicit choice that is offered, else the browser's best, else English."""
    known = list(offered)
    for choice in explicit:
        if choice in known:
            return str(choice)
    return negotiate_locale(_preferred(header), known, sep="-") or ENGLISH


def _preferred(header: str) -> list[str]:
    weighed = []
    for position, part in enumerate(header.split(",")[:20]):
        tag, _, weight = part.strip().partition(";q=")
        if weight.replace(".", "", 1).isdecimal() or not weight:
            weighed.append((-float(weight or 1), position, tag.strip()))
    return [tag for _, _, tag in sorted(weighed) if tag]
