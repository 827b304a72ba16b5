"""Passwords as they are kept: Argon2id in its usual form, with the costs that OWASP names."""

from __future__ import annotations

import re
from os import urandom
from unicodedata import normalize

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MEMORY_KIB, TIMES, LANES = 19 * 1024, 2, 1
SHORTEST = 12
_KEPT = re.compile(r"\$argon2id\$v=19\$m=(\d{1,6}),t=(\d{1,2}),p=(\d)\$[\w+/]{11,}\$[\w+/]{22,}")


def hashed(password: str) -> str:
    """Return what to keep instead of the password."""
    hasher = Argon2id(
        salt=urandom(16), length=32, iterations=TIMES, lanes=LANES, memory_cost=MEMORY_KIB
    )
    return hasher.derive_phc_encoded(_bytes(password))


def matches(password: str, kept: str) -> bool:
    """Tell whether this is the password."""
    try:
        Argon2id.verify_phc_encoded(_bytes(password), kept)
    except InvalidKey:
        return False
    return True


def is_kept(text: str) -> bool:
    """Tell whether this was made by `hashed`, or by another program in the same form."""
    return _KEPT.fullmatch(text) is not None


def _bytes(password: str) -> bytes:
    # The same letters are the same password, whatever keyboard they were typed on.
    return normalize("NFKC", password).encode()
