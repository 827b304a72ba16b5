"""Signed links: opaque to people, with no personal data, each for one purpose only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from itsdangerous import BadData, URLSafeTimedSerializer

from shared.clock import SystemClock
from shared.errors import InvalidLink


class Links:
    """Makes and reads tokens. The first key signs; all keys verify, so that keys can rotate."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(reversed(keys))  # itsdangerous signs with the last one

    def _serializer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._keys,
            salt=f"touchback.{purpose}",
            signer_kwargs={"digest_method": sha256, "key_derivation": "hmac"},
        )

    def sign(self, purpose: str, subject: str) -> str:
        """Return a token for this subject: an id, never a person's data."""
        return str(self._serializer(purpose).dumps(subject))

    def read(self, purpose: str, token: str, max_age: timedelta | None = None) -> str:
        """Return the subject; raises InvalidLink when forged, for another purpose, or too old.

        One from the future is taken: the machine that signed it has another clock than this one.
        """
        serializer = self._serializer(purpose)
        try:
            subject, signed_at = serializer.loads(token, return_timestamp=True)
        except BadData as error:
            raise InvalidLink("this link is not one of ours") from error
        if max_age is not None and SystemClock().now() - signed_at > max_age:
            raise InvalidLink("this link has expired")
        return str(subject)
