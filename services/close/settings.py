"""Where things are, for this service."""

from __future__ import annotations

from shared import settings


class Settings(settings.Settings):
    """The general settings are all this service needs."""

    http_port: int = 8085
