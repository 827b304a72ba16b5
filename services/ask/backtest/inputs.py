"""What is given: files of JSON lines, standard input, and (in `topic`) topics as they stand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from services.ask.backtest.said import Look, Said, look
from services.ask.backtest.spool import Spool
from shared.errors import InvalidSettings, UnreadableMessage

TOPIC = "topic:"
STEP = 1000


class Input:
    """What was read. `say` is called with one line for each bad one, and for each topic."""

    def __init__(
        self,
        wanted: frozenset[str],
        say: Callable[[str], None],
        advance: Callable[[int], None] = lambda size: None,
    ) -> None:
        self.wanted = wanted
        self.advance = advance
        self.lines = self.refused = 0
        self.has_cards = False
        """Whether any contact card is in it."""
        self.say = say
        self._spool = Spool(wanted)

    @property
    def heard(self) -> int:
        """How many matter."""
        return self._spool.count

    @property
    def unused(self) -> int:
        """How many say nothing here, or are signals that nothing depends on."""
        return self.lines - self.refused - self.heard

    @property
    def span(self) -> tuple[datetime | None, datetime | None]:
        """When the first and the last that matters happened."""
        return self._spool.first, self._spool.last

    def in_order(self) -> Iterator[Said]:
        """Yield what matters in the order of time, whatever the order of the input."""
        return self._spool.in_order()

    def close(self) -> None:
        """Leave nothing on disk."""
        self._spool.close()

    def keep(self, seen: Look, line: bytes) -> None:
        """Take what a line says."""
        self._spool.add(seen.at, line)
        self.has_cards = self.has_cards or seen.is_card

    def refuse(self, place: str, error: Exception) -> None:
        """Take note of what cannot be read."""
        self.refused += 1
        self.say(f"{place}: {error}")


def size(names: Sequence[str]) -> int | None:
    """Return how many bytes there are to read, None where that is not known."""
    if any(name == "-" or name.startswith(TOPIC) for name in names):
        return None
    return sum(path.stat().st_size for name in names if (path := Path(name)).is_file())


def read_file(name: str, into: Input) -> None:
    """Read JSON lines; raises InvalidSettings where there is no such file."""
    if name == "-":
        _lines("standard input", sys.stdin.buffer, into)
        return
    try:
        with Path(name).open("rb") as stream:
            _lines(name, stream, into)
    except OSError as error:
        raise InvalidSettings(f"{name}: cannot read it: {error.strerror}") from error


def _lines(name: str, stream: IO[bytes], into: Input) -> None:
    keep, wanted, done, number = into.keep, into.wanted, 0, 0
    for number, line in enumerate(stream, start=1):
        done += len(line)
        if not number % STEP:
            into.advance(done)
            done = 0
        try:
            seen = look(line, wanted)
        except UnreadableMessage as error:
            if line.strip():
                into.refuse(f"{name}, line {number}", error)
        else:
            if seen is not None:
                keep(seen, line)
    into.lines += number
    into.advance(done)
