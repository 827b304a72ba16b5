"""Whether a posted event comes from its source: every scheme is a description, checked one way.

Pure. A scheme says where signatures stand, what they are made over, and how they are written.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from shared.catalog.webhooks import PLACEHOLDER, Digest, Encoding, Webhook

Reason = Literal["unsigned", "bad_signature", "stale"]
_STANDARD_SECRET = "whsec_"
_EPOCH = re.compile(r"\d{1,16}")
_MILLISECONDS_FROM = 100_000_000_000


@dataclass(frozen=True, slots=True)
class Scheme:
    """How one kind of sender signs.

    Signatures stand in `header`, apart by `separator`, each after `prefix`. The time stands in a
    header of its own, or after `timestamp_prefix` beside the signatures.
    """

    header: str
    signed: str
    encoding: Encoding
    prefix: str = ""
    separator: str | None = None
    digest: Digest = "sha256"
    timestamp_header: str | None = None
    timestamp_prefix: str | None = None
    id_header: str | None = None
    secret_in_base64: bool = False

    @property
    def dated(self) -> bool:
        """Whether the time of sending is signed too; without it a copy looks like a retry."""
        return "{timestamp}" in self.signed


KNOWN: Mapping[str, Scheme] = {
    "stripe": Scheme(
        header="stripe-signature",
        signed="{timestamp}.{body}",
        encoding="hex",
        prefix="v1=",
        separator=",",
        timestamp_prefix="t=",
    ),
    "shopify": Scheme(header="x-shopify-hmac-sha256", signed="{body}", encoding="base64"),
    "zendesk": Scheme(
        header="x-zendesk-webhook-signature",
        signed="{timestamp}{body}",
        encoding="base64",
        timestamp_header="x-zendesk-webhook-signature-timestamp",
    ),
    "standard": Scheme(
        header="webhook-signature",
        signed="{id}.{timestamp}.{body}",
        encoding="base64",
        prefix="v1,",
        separator=" ",
        timestamp_header="webhook-timestamp",
        id_header="webhook-id",
        secret_in_base64=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Genuine:
    """The source said this. `content` is the same for each copy of what was signed.

    It is None where nothing is signed, so that copies cannot be told apart. `delivery` is the
    sender's own id, where it is signed: the same whenever it tries again.
    """

    content: str | None
    dated: bool
    delivery: str | None = None


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Nobody knows who said this; `detail` helps who is connecting a sender."""

    reason: Reason
    detail: str


Verdict: TypeAlias = Genuine | Doubtful


def check(
    webhook: Webhook,
    secrets: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
) -> Verdict:
    """Judge a request by its lower-case headers and its body, byte for byte."""
    if webhook.scheme == "basic":
        return _password(secrets, headers)
    return _signature(_scheme(webhook), secrets, headers, body, now, webhook.tolerance)


def _scheme(webhook: Webhook) -> Scheme:
    if webhook.scheme != "hmac":
        return KNOWN[webhook.scheme]
    return Scheme(
        header=(webhook.header or "").lower(),
        signed=webhook.signed,
        encoding=webhook.encoding,
        prefix=webhook.prefix,
        separator=webhook.separator,
        digest=webhook.digest,
        timestamp_header=webhook.timestamp_header and webhook.timestamp_header.lower(),
        id_header=webhook.id_header and webhook.id_header.lower(),
    )


def _password(secrets: Iterable[str], headers: Mapping[str, str]) -> Verdict:
    kind, _, given = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic" or not given:
        return Doubtful("unsigned", "the header authorization has no user and password")
    wanted = (base64.b64encode(secret.encode()) for secret in secrets)
    if not _any_equal(wanted, [given.strip().encode()]):
        return Doubtful("bad_signature", "user and password are not those that were agreed")
    return Genuine(content=None, dated=False)


def _signature(
    scheme: Scheme,
    secrets: Iterable[str],
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    tolerance: timedelta,
) -> Verdict:
    given = _pieces(scheme, headers)
    signatures = [
        piece.removeprefix(scheme.prefix) for piece in given if piece.startswith(scheme.prefix)
    ]
    words = {"timestamp": _timestamp(scheme, headers, given), "id": _delivery(scheme, headers)}
    if not signatures:
        return Doubtful("unsigned", f"the header {scheme.header} has no signature")
    if missing := [name for name in PLACEHOLDER.findall(scheme.signed) if words.get(name) == ""]:
        return Doubtful("unsigned", f"the signed {missing[0]} is absent")
    content = _content(scheme, words, body)
    made = [hmac.digest(_key(scheme, secret), content, scheme.digest) for secret in secrets]
    if not _any_equal(made, (_decoded(scheme, each) for each in signatures)):
        return Doubtful("bad_signature", "no signature fits body and secret")
    if scheme.dated and not _fresh(words["timestamp"], now, tolerance):
        return Doubtful("stale", f"the signed time is more than {tolerance} from now")
    return Genuine(hashlib.sha256(content).hexdigest(), scheme.dated, words["id"] or None)


def _pieces(scheme: Scheme, headers: Mapping[str, str]) -> list[str]:
    value = headers.get(scheme.header, "")
    pieces = value.split(scheme.separator) if scheme.separator else [value]
    return [piece.strip() for piece in pieces if piece.strip()]


def _timestamp(scheme: Scheme, headers: Mapping[str, str], given: Iterable[str]) -> str:
    if scheme.timestamp_header is not None:
        return headers.get(scheme.timestamp_header, "")
    prefix = scheme.timestamp_prefix
    if prefix is None:
        return ""
    return next((each.removeprefix(prefix) for each in given if each.startswith(prefix)), "")


def _delivery(scheme: Scheme, headers: Mapping[str, str]) -> str:
    return headers.get(scheme.id_header, "") if scheme.id_header else ""


def _content(scheme: Scheme, words: Mapping[str, str], body: bytes) -> bytes:
    """Put together what the sender signed; the body as it came, byte for byte."""
    parts = PLACEHOLDER.split(scheme.signed)
    made = [part.encode() for part in parts]
    for place in range(1, len(parts), 2):
        made[place] = body if parts[place] == "body" else words[parts[place]].encode()
    return b"".join(made)


def _key(scheme: Scheme, secret: str) -> bytes:
    if not scheme.secret_in_base64:
        return secret.encode()
    text = secret.removeprefix(_STANDARD_SECRET)
    return base64.b64decode(text + "=" * (-len(text) % 4))


def _decoded(scheme: Scheme, signature: str) -> bytes:
    """Return the bytes of a signature; what cannot be one fits nothing."""
    try:
        if scheme.encoding == "hex":
            return bytes.fromhex(signature)
        return base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _any_equal(wanted: Iterable[bytes], given: Iterable[bytes]) -> bool:
    """Compare each with each, in a time that says nothing about where they differ."""
    candidates = list(given)
    found = [hmac.compare_digest(one, other) for one in wanted for other in candidates]
    return any(found)


def _fresh(text: str, now: datetime, tolerance: timedelta) -> bool:
    at = _moment(text)
    return at is not None and abs(now - at) <= tolerance


def _moment(text: str) -> datetime | None:
    """Read seconds or milliseconds since 1970, or ISO 8601."""
    try:
        if _EPOCH.fullmatch(text):
            number = int(text)
            seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
            return datetime.fromtimestamp(seconds, UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def unusable(webhook: Webhook, secret: str) -> str | None:
    """Say what is wrong with a secret before a sender finds out."""
    if not secret:
        return "is empty"
    if webhook.scheme == "basic" and ":" not in secret:
        return "should be user:password"
    if webhook.scheme == "standard":
        try:
            _key(KNOWN["standard"], secret)
        except (ValueError, binascii.Error):
            return "is not whsec_ and base64"
    return None
