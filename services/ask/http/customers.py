"""The card of a customer: read, replaced, erased. What stands on it is stored nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.ask import contacts, people
from services.ask.http.once import Door, Said, customer_of, parsed
from services.ask.model import Contact
from shared import db, web
from shared.catalog.fields import Email, TimeZone
from shared.contracts.api import Body
from shared.contracts.base import Moment, Name
from shared.contracts.signals import Consent
from shared.errors import UnreadableMessage
from shared.pii import Pii

READ, WRITE, ERASE = "customers:read", "customers:write", "customers:erase"
ENCRYPTED = ("email", "phone", "name")
Phone = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$")]
Locale = Annotated[str, Field(pattern=r"^[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", max_length=35)]


class Card(Body):
    """A whole card: what it leaves out is taken away. `phone` is international, as +49301234567."""

    email: Annotated[Email, Field(max_length=254)] | None = None
    phone: Phone | None = None
    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    locale: Locale | None = None
    time_zone: TimeZone | None = None
    account_zone: TimeZone | None = None
    segment: Name | None = None
    value: float | None = Field(default=None, allow_inf_nan=False)
    consent: Consent | None = None
    consent_source: Name | None = None
    consent_at: Moment | None = None

    @field_validator("name", "segment", "consent_source", "email")
    @classmethod
    def _can_be_kept(cls, text: str | None) -> str | None:
        if text and "\x00" in text:
            raise ValueError("no text may hold the character U+0000")
        return text

    @model_validator(mode="after")
    def _consent_has_an_origin(self) -> Card:
        told = self.consent in ("granted", "refused")
        if told and (self.consent_source is None or self.consent_at is None):
            raise ValueError("`consent` needs `consent_source` and `consent_at`: where, and when")
        return self


class CustomerApi:
    """GET, PUT and DELETE /v1/customers/{customer}."""

    def __init__(self, door: Door, pii: Pii) -> None:
        self._door = door
        self._pii = pii

    def routes(self) -> list[Route]:
        """Return the paths."""
        path = "/v1/customers/{customer:path}"
        return [
            Route(path, self.read, methods=["GET"]),
            Route(path, self.replace, methods=["PUT"]),
            Route(path, self.erase, methods=["DELETE"]),
        ]

    async def read(self, request: Request) -> Response:
        """Return the card, its wishes, and which addresses bounced."""
        web.require(request, self._door.tokens, READ)
        customer = customer_of(request)
        async with self._door.database.connection() as connection:
            card = (await contacts.cards(connection, [customer])).get(customer)
            wishes = (await contacts.opt_outs(connection, [customer])).get(customer, frozenset())
            bounced = await contacts.dead(connection, customer)
        if card is None and not wishes and not bounced:
            raise HTTPException(404, "nothing is known of this customer")
        about = self._readable(card or Contact())
        stopped = sorted(each or "everything" for each in wishes)
        return JSONResponse(
            {"customer_id": customer, **about, "opted_out_of": stopped, "bounced": bounced},
            headers={"Cache-Control": "no-store"},
        )

    async def replace(self, request: Request) -> Response:
        """Put a card in the place of what was known."""
        holder = web.require(request, self._door.tokens, WRITE)
        customer, body = customer_of(request), await web.body(request)
        card = parsed(Card, body)

        async def work(connection: db.Connection, now: datetime) -> Said:
            await contacts.replace(connection, customer, self._fields(card), now)
            return 200, {"updated_at": now.isoformat()}

        return await self._door.write(request, holder, "customer.replace", body, work)

    async def erase(self, request: Request) -> Response:
        """Remove the customer's identity and words here, and tell every other service to."""
        holder = web.require(request, self._door.tokens, ERASE)
        customer = customer_of(request)

        async def work(connection: db.Connection, now: datetime) -> Said:
            await people.erase(connection, customer, now)
            return 202, {"erased_at": now.isoformat()}

        return await self._door.write(request, holder, "customer.erase", b"", work)

    def _fields(self, card: Card) -> dict[str, str | None]:
        given = card.model_dump(mode="json")
        return {
            name: self._pii.encrypt(value) if value and name in ENCRYPTED else _text(value)
            for name, value in given.items()
        }

    def _readable(self, card: Contact) -> dict[str, Any]:
        return {
            name: self._decrypted(value) if name in ENCRYPTED and value else value
            for name in contacts.CARD
            for value in [getattr(card, name)]
        }

    def _decrypted(self, token: str) -> str:
        try:
            return self._pii.decrypt(token)
        except UnreadableMessage as error:
            raise HTTPException(500, str(error)) from error


def _text(value: object) -> str | None:
    return None if value is None else str(value)
