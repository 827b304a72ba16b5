"""How TOUCHBACK_SMTP_URL is read, once for all that send mail."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import aiosmtplib


def client(url: str, own_name: str, timeout: float) -> aiosmtplib.SMTP:
    """Return a client, not connected yet; `url` is smtp://, smtp+starttls:// or smtps://.

    `own_name` is what we call ourselves: finding out the machine's name may ask the network, and
    block the loop meanwhile.
    """
    parts = urlsplit(url)
    tls, starttls = parts.scheme == "smtps", parts.scheme == "smtp+starttls"
    return aiosmtplib.SMTP(
        hostname=parts.hostname,
        port=parts.port or (465 if tls else 587 if starttls else 25),
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        use_tls=tls,
        start_tls=starttls,
        local_hostname=own_name,
        timeout=timeout,
    )
