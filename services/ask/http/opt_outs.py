"""Wishes to be left alone that reach people by phone or mail: kept, or taken back, by a program."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.ask import contacts
from services.ask.http.customers import WRITE
from services.ask.http.once import Door, Said, parsed
from shared import db, outbox, web
from shared.catalog.catalog import Catalog
from shared.catalog.findings import suggest
from shared.contracts.api import Body
from shared.contracts.base import Name
from shared.contracts.envelope import stable_id
from shared.contracts.responses import OptOut, OptOutLifted


class Wish(Body):
    """Whether a customer wants to be asked about a touchpoint, or, without one, at all."""

    customer_id: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]
    touchpoint: Name | None = None
    opted_out: bool


class OptOutApi:
    """POST /v1/opt-outs."""

    def __init__(self, door: Door, catalog: Callable[[], Catalog]) -> None:
        self._door = door
        self._catalog = catalog

    def routes(self) -> list[Route]:
        """Return the paths."""
        return [Route("/v1/opt-outs", self.wish, methods=["POST"])]

    async def wish(self, request: Request) -> Response:
        """Keep a wish, or take it back, and tell the others; returns all that are left."""
        holder = web.require(request, self._door.tokens, WRITE)
        body = await web.body(request)
        said = parsed(Wish, body)
        if said.opted_out:
            self._check(said.touchpoint)

        async def work(connection: db.Connection, now: datetime) -> Said:
            await _take(connection, said, now)
            left = (await contacts.opt_outs(connection, [said.customer_id])).get(said.customer_id)
            about = sorted(each or "everything" for each in left or ())
            return 200, {"customer_id": said.customer_id, "opted_out_of": about}

        return await self._door.write(request, holder, "opt-out.wish", body, work)

    def _check(self, touchpoint: str | None) -> None:
        known = {each.touchpoint for each in self._catalog().touchpoints}
        if touchpoint is not None and touchpoint not in known:
            raise HTTPException(422, f"no touchpoint {touchpoint!r}, {suggest(touchpoint, known)}")


async def _take(connection: db.Connection, said: Wish, now: datetime) -> None:
    about = {"customer_id": said.customer_id, "touchpoint": said.touchpoint, "at": now}
    wish = OptOut.model_validate(about)
    if said.opted_out:
        await contacts.save_opt_outs(connection, [wish])
    elif not await contacts.lift_opt_out(connection, said.customer_id, said.touchpoint):
        return
    kind = "recorded" if said.opted_out else "lifted"
    event = outbox.event(
        service="ask",
        type=f"touchback.opt-out.{kind}.v1",
        body=wish if said.opted_out else OptOutLifted.model_validate(about),
        customer_id=said.customer_id,
        at=now,
        id=stable_id("opt-out", kind, said.customer_id, said.touchpoint or "", now.isoformat()),
    )
    await outbox.add(connection, [event], now)
