"""Logs as JSON lines: a constant message, ids and an action beside it, never customer text."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from secrets import token_hex

from shared import tracing

_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    "message",
    "asctime",
    "taskName",
}


def new_traceparent() -> str:
    """Return a fresh W3C trace context."""
    return f"00-{token_hex(16)}-{token_hex(8)}-01"


_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent() -> str | None:
    """Return the trace context of the work at hand."""
    return _traceparent.get()


def trace_id() -> str | None:
    """Return the id of the trace that the work at hand is part of."""
    parent = _traceparent.get()
    return parent.split("-")[1] if parent else None


def example() -> dict[str, str] | None:
    """Return what a measurement carries along, so that its trace can be found."""
    found = trace_id()
    return {"trace_id": found} if found else None


@contextmanager
def within(parent: str | None) -> Iterator[None]:
    """Do the work inside in the name of this trace, or of a new one."""
    # It comes from outside: what has not the right form is no trace of anybody's.
    good = parent and _TRACEPARENT.fullmatch(parent)
    token = _traceparent.set(parent if good else new_traceparent())
    try:
        yield
    finally:
        _traceparent.reset(token)


@contextmanager
def trace(parent: str | None, name: str) -> Iterator[None]:
    """Do the work inside as a part of this trace that can be seen, where anybody looks."""
    if not tracing.listening():
        with within(parent):
            yield
        return
    good = parent if parent and _TRACEPARENT.fullmatch(parent) else None
    with tracing.span(name, good) as here, within(here):
        yield


class JsonLines(logging.Formatter):
    """One JSON object per record; what was passed as `extra` stands beside the message."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if found := trace_id():
            line["trace_id"] = found
        given = {k: v for k, v in vars(record).items() if k not in _STANDARD}
        line |= {k: self._without_rows(v) if isinstance(v, str) else v for k, v in given.items()}
        if record.exc_info:
            line["exception"] = self._without_rows(self.formatException(record.exc_info))
        return json.dumps(line, default=str, ensure_ascii=False)

    @staticmethod
    def _without_rows(text: str) -> str:
        """Leave out where PostgreSQL quotes the row at fault: it holds what customers said."""
        return "\n".join(line for line in text.splitlines() if not line.startswith("DETAIL:"))


def configure(service: str, level: str) -> None:
    """Send all logs of this process to standard error, as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # These report each reconnection attempt at length; our own lines say what is missing.
    for noisy in ("aiokafka", "uvicorn.access", "uvicorn.error", "mail.log"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
