"""Lines in the order of time, however many: sorted piece by piece, kept on disk, and merged."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO

from services.ask.backtest.said import Said, from_line
from shared.errors import InvalidSettings

PIECE = 50_000
"""So many lines are held in memory; more of them go to a temporary file."""


@dataclass(slots=True)
class _Run:
    """Lines in order on disk; more may be added while time goes on."""

    file: IO[bytes]
    last: datetime


class Spool:
    """Takes lines in any order, and gives them back in the order of time, as often as wanted."""

    def __init__(self, wanted: frozenset[str], piece: int = PIECE) -> None:
        self.first: datetime | None = None
        self.last: datetime | None = None
        self.count = 0
        self._wanted = wanted
        self._piece = piece
        self._held: list[tuple[datetime, bytes]] = []
        self._runs: list[_Run] = []

    def add(self, at: datetime, line: bytes) -> None:
        """Take a line that said something at that time."""
        if self.first is None or at < self.first:
            self.first = at
        if self.last is None or at > self.last:
            self.last = at
        self._held.append((at, line))
        self.count += 1
        if len(self._held) >= self._piece:
            with _room():
                self._put_away()

    def close(self) -> None:
        """Leave nothing on disk."""
        for run in self._runs:
            run.file.close()

    def in_order(self) -> Iterator[Said]:
        """Yield what the lines say; what happened at once stays in the order of the input."""
        self._held.sort(key=_time)
        pieces = [self._read(run.file) for run in self._runs]
        pieces.append(self._said(line for _, line in self._held))
        if len(self._runs) == 1 and self._held and self._held[0][0] >= self._runs[0].last:
            yield from pieces[0]
            yield from pieces[1]
        else:
            yield from heapq.merge(*pieces, key=lambda said: said.at)

    def _put_away(self) -> None:
        self._held.sort(key=_time)
        first, last = self._held[0][0], self._held[-1][0]
        # Input that is in order, as most is, makes one run.
        run = next((each for each in self._runs[-1:] if each.last <= first), None)
        if run is None:
            run = _Run(TemporaryFile(), last)  # noqa: SIM115  (it stays open until `close`)
            self._runs.append(run)
        run.file.writelines(line if line[-1:] == b"\n" else line + b"\n" for _, line in self._held)
        run.last = last
        self._held.clear()

    def _read(self, file: IO[bytes]) -> Iterator[Said]:
        with _room():
            file.seek(0)
        yield from self._said(file)

    def _said(self, lines: Iterator[bytes] | IO[bytes]) -> Iterator[Said]:
        for line in lines:
            said = from_line(line, self._wanted)
            if said is not None:
                yield said


def _time(held: tuple[datetime, bytes]) -> datetime:
    return held[0]


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InvalidSettings(
            f"cannot sort the input in a temporary file: {error.strerror}; should have room for"
            " what matters of it (TMPDIR says where)"
        ) from error
