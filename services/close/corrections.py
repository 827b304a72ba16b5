"""Answers that their customers corrected, kept until the case is there that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.close.store import QUERIES
from shared import db
from shared.contracts.base import Band
from shared.contracts.cases import CaseScore, chosen
from shared.contracts.responses import Response


@dataclass(frozen=True, slots=True)
class Correction:
    """What an answer has become."""

    response_id: str
    customer_id: str
    score: int
    band: Band
    comment: str | None
    chosen: Mapping[str, Any]
    at: datetime

    def of(self, score: CaseScore) -> CaseScore:
        """Return the score as it is now."""
        said = {"score": self.score, "band": self.band, "comment": self.comment, "at": self.at}
        return score.model_copy(update={**said, **chosen(self.chosen)})


Corrections = Mapping[str, Correction]
"""The newest of each response."""


def corrected(response: Response) -> Correction | None:
    """Return what the response says; None where it can change no case."""
    if response.score is None or response.band is None or response.origin == "import":
        return None
    return Correction(
        response.response_id,
        response.customer_id,
        response.score,
        response.band,
        response.comment,
        chosen(response.answers),
        response.at,
    )


async def hold(
    connection: db.Connection, heard: Iterable[Correction], joined: Mapping[str, str], now: datetime
) -> Corrections:
    """Return what is known of these answers, heard now or kept before.

    `joined` are the responses that opened or joined cases in this batch, with their customers. All
    of them are held until the transaction ends.
    """
    newest = {each.response_id: each for each in sorted(heard, key=lambda each: each.at)}
    customers = {**joined, **{name: each.customer_id for name, each in newest.items()}}
    if not customers:
        return {}
    ids = sorted(customers)
    names = [customers[each] for each in ids]
    rows = await connection.fetch(QUERIES["corrections_hold"], ids, names, now)
    for row in rows:
        known = newest.get(row["response_id"])
        if row["band"] is not None and (known is None or known.at < row["at"]):
            newest[row["response_id"]] = Correction(**dict(row))
    return newest


async def keep(connection: db.Connection, known: Corrections, owned: Mapping[str, str]) -> None:
    """Keep those whose case has not come yet; `owned` are the responses of which it has."""
    waiting = [each for name, each in sorted(known.items()) if name not in owned]
    if waiting:
        await connection.execute(
            QUERIES["corrections_keep"],
            [each.response_id for each in waiting],
            [each.score for each in waiting],
            [each.band for each in waiting],
            [each.comment for each in waiting],
            [dict(each.chosen) for each in waiting],
            [each.at for each in waiting],
        )
    if owned:
        await connection.execute(QUERIES["corrections_drop"], sorted(owned))
