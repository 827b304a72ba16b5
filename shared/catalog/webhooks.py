"""How a source that posts its events proves that it is who it says."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.catalog.fields import Entry, FromYaml, Name, Span

Scheme = Literal["stripe", "shopify", "zendesk", "standard", "hmac", "basic"]
Digest = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]

PLACEHOLDER = re.compile(r"\{(\w+)\}")
LONGEST_TOLERANCE = timedelta(hours=24)
_WORDS = {"body", "timestamp", "id"}
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class Webhook(Entry):
    """The scheme of the sender, and the names of its secrets in TOUCHBACK_SOURCE_SECRETS.

    Any of the secrets will do, so that they can be changed without losing an event. What follows
    `tolerance` describes a sender of scheme `hmac`; the other schemes are known.
    """

    scheme: Scheme
    secrets: Annotated[tuple[Name, ...], FromYaml, Field(min_length=1)]
    tolerance: Span = timedelta(minutes=5)
    header: Header | None = None
    prefix: Annotated[str, Field(max_length=32)] = ""
    separator: Annotated[str, Field(min_length=1, max_length=4)] | None = None
    digest: Digest = "sha256"
    encoding: Encoding = "hex"
    signed: Annotated[str, Field(max_length=200)] = "{body}"
    timestamp_header: Header | None = None
    id_header: Header | None = None

    @model_validator(mode="after")
    def _fits_its_scheme(self) -> Self:
        if self.tolerance > LONGEST_TOLERANCE:
            raise ValueError("`tolerance` is at most 24h: longer, and old requests pass as new")
        given = self.model_fields_set - {"scheme", "secrets", "tolerance"}
        if self.scheme != "hmac" and given:
            raise ValueError(
                f"`{min(given)}` belongs to scheme hmac, {self.scheme} is known: remove it"
            )
        if self.scheme == "hmac":
            self._is_described()
        return self

    def _is_described(self) -> None:
        if self.header is None:
            raise ValueError("scheme hmac needs `header`, where the signature stands")
        words = PLACEHOLDER.findall(self.signed)
        if words.count("body") != 1 or set(words) - _WORDS or len(set(words)) < len(words):
            raise ValueError("`signed` is made of {body}, {timestamp} and {id}, each at most once")
        for word, header in (("timestamp", self.timestamp_header), ("id", self.id_header)):
            if (word in words) != (header is not None):
                raise ValueError(
                    f"`{word}_header` and {{{word}}} in `signed` go together: what is not signed"
                    " proves nothing"
                )
