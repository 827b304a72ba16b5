"""Where things are for `collect`."""

from __future__ import annotations

from shared import settings


class Settings(settings.Settings):
    """`link_keys` sign the links of the survey pages: the first signs, all are accepted.

    `trusted_proxies` are the networks whose `X-Forwarded-For` is believed.
    """

    http_port: int = 8083
    link_keys: settings.Keys
    trusted_proxies: settings.Networks = ()
