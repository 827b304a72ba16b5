"""Where things are for `collect`."""

from __future__ import annotations

from shared import settings


class Settings(settings.Settings):
    """`link_keys` sign the links of the survey pages: the first signs, all are accepted."""

    http_port: int = 8083
    link_keys: settings.Keys
