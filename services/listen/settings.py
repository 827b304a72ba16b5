"""Where things are for `listen`."""

from __future__ import annotations

from pydantic import Field

from shared import settings


class Settings(settings.Settings):
    """Contact details are encrypted with the first of `pii_keys`.

    `source_secrets` are what `secrets` of a webhook in the catalog name.
    """

    http_port: int = Field(default=8081, ge=0, le=65535)
    pii_keys: settings.Keys
    source_secrets: settings.Secrets = Field(default_factory=dict)
