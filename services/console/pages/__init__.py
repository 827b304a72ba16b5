"""The pages: inbox, cases, customers, root causes, the journey, the door. GET writes nothing."""

from __future__ import annotations

from services.console.pages.acting import Acts
from services.console.pages.cases import Cases
from services.console.pages.causes import Causes
from services.console.pages.doorway import Doorway
from services.console.pages.journey import Journey
from services.console.pages.paper import LOCALES, Paper

__all__ = ["LOCALES", "Acts", "Cases", "Causes", "Doorway", "Journey", "Paper"]
