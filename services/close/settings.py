"""Where things are, for this service."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from shared import settings
from shared.settings import Keys, Networks


def _given(secret: str | None) -> str | None:
    # An empty file says that there is none: as a key it would verify what anybody signs.
    return secret or None


class Settings(settings.Settings):
    """Without `link_keys` there are no action links; without the secret no Slack buttons.

    `outbound_allow` are networks that Slack's answers may be sent to besides public addresses.
    """

    http_port: int = 8085
    link_keys: Keys | None = None
    slack_signing_secret: Annotated[str | None, BeforeValidator(_given)] = None
    outbound_allow: Networks = ()
