"""The contact budget: other senders ask before they write, and spend from the same budget."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.ask import lives, sends
from services.ask.budget import Standing, judge
from services.ask.http.once import Door, Refusal, Said, customer_of, parsed
from shared import db, web
from shared.catalog.catalog import Catalog
from shared.contracts.api import Body
from shared.contracts.base import Name

READ, SPEND = "budget:read", "budget:spend"


class Spend(Body):
    """Who writes to the customer, such as `newsletter`."""

    sender: Name


class BudgetApi:
    """GET and POST /v1/contact-budget/{customer}."""

    def __init__(self, door: Door, catalog: Callable[[], Catalog]) -> None:
        self._door = door
        self._catalog = catalog

    def routes(self) -> list[Route]:
        """Return the paths."""
        path = "/v1/contact-budget/{customer:path}"
        return [
            Route(path, self.read, methods=["GET"]),
            Route(path, self.spend, methods=["POST"]),
        ]

    async def read(self, request: Request) -> Response:
        """Say whether there is budget, without spending any."""
        web.require(request, self._door.tokens, READ)
        customer, now = customer_of(request), self._door.clock.now()
        async with self._door.database.connection() as connection:
            standing = await self._standing(connection, customer, now)
        return JSONResponse(
            {"customer_id": customer, **_said(standing)}, headers={"Cache-Control": "no-store"}
        )

    async def spend(self, request: Request) -> Response:
        """Spend the budget: from now on the caps count this like an ask of ours."""
        holder = web.require(request, self._door.tokens, SPEND)
        customer, body = customer_of(request), await web.body(request)
        wish = parsed(Spend, body)

        async def work(connection: db.Connection, now: datetime) -> Said:
            await lives.lock(connection, [customer])
            standing = await self._standing(connection, customer, now)
            if standing.reason:
                raise Refusal(409, "the budget is spent or not ours to spend", _said(standing))
            await sends.add_spend(connection, customer, wish.sender, now)
            return 200, {"granted": True, "spent_at": now.isoformat()}

        return await self._door.write(request, holder, "budget.spend", body, work)

    async def _standing(self, connection: db.Connection, customer: str, now: datetime) -> Standing:
        person = (await lives.load(connection, [customer], now))[customer]
        return judge(person, self._catalog().policy.caps, now)


def _said(standing: Standing) -> dict[str, object]:
    return {
        "granted": standing.reason is None,
        "reason": standing.reason,
        "next_possible_at": standing.next_at.isoformat() if standing.next_at else None,
    }
