"""Each write once: the same Idempotency-Key again gives the same answer and changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TypeVar

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from services.ask import contacts
from shared import db, web
from shared.clock import Clock
from shared.contracts.api import Body
from shared.contracts.envelope import describe
from shared.settings import Tokens


class Refusal(Exception):
    """The request is refused for a reason that a program can read; nothing was changed."""

    def __init__(self, status: int, title: str, about: Mapping[str, object]) -> None:
        super().__init__(title)
        self._status, self._title, self._about = status, title, about

    def response(self) -> Response:
        """Return it as problem details, with what they are about."""
        body = {"type": "about:blank", "title": self._title, "status": self._status, **self._about}
        return JSONResponse(body, self._status, media_type="application/problem+json")


B = TypeVar("B", bound=Body)
Said = tuple[int, Mapping[str, object]]
Work = Callable[[db.Connection, datetime], Awaitable[Said]]


@dataclass(frozen=True, slots=True)
class Door:
    """What every path of the interface stands on."""

    database: db.Database
    tokens: Tokens
    clock: Clock

    async def write(
        self, request: Request, holder: str, action: str, body: bytes, work: Work
    ) -> Response:
        """Do the work in one transaction; what it refuses by raising does not use the key up.

        Keys belong to the holder of the token: two senders may choose the same one.
        """
        key = f"{holder}/{web.idempotency_key(request)}"
        now = self.clock.now()
        fingerprint = sha256(request.url.path.encode() + b"\x00" + body).hexdigest()
        try:
            async with self.database.transaction() as connection:
                known = await contacts.once(connection, action, key, fingerprint, now)
                if known is None:
                    known = contacts.Once(fingerprint, *await work(connection, now))
                    await contacts.keep_once(connection, action, key, known)
        except Refusal as refusal:
            return refusal.response()
        if known.fingerprint != fingerprint:
            raise HTTPException(422, "this Idempotency-Key was used for another request")
        return JSONResponse(known.said, status_code=known.status)


def customer_of(request: Request) -> str:
    """Return the customer of the path; raises HTTPException 404 for what can be none."""
    customer = str(request.path_params["customer"])
    if not 1 <= len(customer) <= 256 or "\x00" in customer:
        raise HTTPException(404, "no customer has such an id")
    return customer


def parsed(kind: type[B], body: bytes) -> B:
    """Read a body; raises HTTPException 422 with one line that says what is wrong."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(422, describe(error)) from None
