"""Retention: rows go when their time is over, in slices, the oldest first.

Business counters are tallies (shared/tallies.py) and never rows, so nothing that is counted falls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import db
from shared.catalog.policy import Retention

AT_ONCE = 5_000
"""Rows per transaction: a slice is over long before anybody waits for it."""

_OLD = (
    "with gone as (delete from {self.table} where ctid = any(array(select ctid from {self.table}"
    " where {self.at} < $1 and {self.where} order by {self.at} limit {most}"
    " for update skip locked)) returning {self.key})"
)
_COUNTED = " select count(*) from gone"
_ALONG = ", from_{table} as (delete from {table} using gone where {table}.{key} = gone.{key})"


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of `table` go once `at`, an indexed column, is longer ago than `span` says.

    Only those go that are as `where` wants them. Rows of the tables `along` with the same `key` go
    in the same statement.
    """

    table: str
    at: str
    span: Callable[[], timedelta]
    where: str = "true"
    key: str = "ctid"
    along: tuple[str, ...] = ()

    @property
    def sql(self) -> str:
        """The statement; all names in it are the program's own."""
        along = (_ALONG.format(table=table, key=self.key) for table in self.along)
        return _OLD.format(self=self, most=AT_ONCE) + "".join(along) + _COUNTED


def tombstones(spans: Callable[[], Retention]) -> Rule:
    """Return how long it is remembered who was erased: as long as anything of that time is kept."""
    return Rule("tombstones", "at", lambda: spans().longest)


async def prune(connection: db.Connection, rule: Rule, now: datetime) -> bool:
    """Delete a slice of what is too old; True when there may be more of it."""
    gone = await connection.fetchval(rule.sql, now - rule.span())
    return bool(gone == AT_ONCE)
