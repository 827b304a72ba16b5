"""What comes in over HTTP: the interface for tools, links in mails, Slack's buttons."""

from __future__ import annotations

from services.close.http.api import Api

__all__ = ["Api"]
