"""Contact details are encrypted on topics; `listen` writes them and only `ask` reads them."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.errors import UnreadableMessage

_UNKNOWN_KEY = "a contact detail is encrypted with a key that TOUCHBACK_PII_KEYS does not hold"


class Pii:
    """Encrypts with the first key and decrypts with any, so that keys can rotate."""

    def __init__(self, keys: Sequence[str]) -> None:
        fernets = [Fernet(urlsafe_b64encode(sha256(key.encode()).digest())) for key in keys]
        self._newest = fernets[0]
        self._fernet = MultiFernet(fernets)

    def encrypt(self, text: str) -> str:
        """Return the text as a token that means nothing without a key."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Return the text; raises UnreadableMessage when no key of ours made the token."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as error:
            raise UnreadableMessage(_UNKNOWN_KEY) from error

    def renewed(self, token: str) -> str | None:
        """Return it under the first key, None when it is so already; raises as decrypt() does."""
        try:
            self._newest.decrypt(token.encode())
        except InvalidToken:
            pass
        else:
            return None
        try:
            return self._fernet.rotate(token.encode()).decode()
        except InvalidToken as error:
            raise UnreadableMessage(_UNKNOWN_KEY) from error
