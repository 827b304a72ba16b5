"""What comes in over HTTP: the interface for tools, links in mails, Slack's buttons."""

from __future__ import annotations

from services.close.http.acting import Acting
from services.close.http.api import Api
from services.close.http.figures import Figures
from services.close.http.links import ActionLinks
from services.close.http.slack import SlackActions

__all__ = ["Acting", "ActionLinks", "Api", "Figures", "SlackActions"]
