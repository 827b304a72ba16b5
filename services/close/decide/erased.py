"""What becomes of a case whose customer was erased."""

from __future__ import annotations

from datetime import datetime

from services.close.decide.changes import changed
from services.close.model import Case, Changed


def forgotten(case: Case, now: datetime) -> Changed:
    """End it: there is nobody any more whom a team could get in touch with."""
    changes = {"actor": "close", "state": "suppressed"}
    return changed(case, "suppressed", "customer_erased", changes, now)
