"""Where things are, for this service."""

from __future__ import annotations

from shared import settings
from shared.settings import Keys, Networks


class Settings(settings.Settings):
    """Without `link_keys` there are no action links; without the secret no Slack buttons.

    `outbound_allow` are networks that Slack's answers may be sent to besides public addresses.
    """

    http_port: int = 8085
    link_keys: Keys | None = None
    slack_signing_secret: str | None = None
    outbound_allow: Networks = ()
