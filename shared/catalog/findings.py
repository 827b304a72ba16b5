"""What is wrong with a catalog, where, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.errors import TouchbackError


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing wrong, in words a person can act on; `file` is relative to the catalog."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class UnusableCatalog(TouchbackError):
    """There is no catalog to check: the folder is missing or unreadable."""


class InvalidCatalog(TouchbackError):
    """The catalog has findings, so nothing is loaded from it."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(str(finding) for finding in findings))
        self.findings = tuple(findings)


def suggest(word: str, known: Iterable[str]) -> str:
    """Return `did you mean` when a known word is close, else the list of what there is."""
    words = sorted(known)
    close = difflib.get_close_matches(word, words, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"there is {', '.join(words)}" if words else "there is none yet"
