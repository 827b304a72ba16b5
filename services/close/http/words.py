"""What states are called where people act on cases. Each is a message for translators."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shared.contracts.cases import CaseState

LOCALES = Path(__file__).parent.parent / "locales"


def N_(text: str) -> str:  # noqa: N802  (the name translators' tools look for)
    """Mark a text for translation; it is translated where it is shown."""
    return text


STATES: Mapping[CaseState, str] = {
    "new": N_("new"),
    "assigned": N_("new"),
    "acknowledged": N_("taken"),
    "contacted": N_("customer contacted"),
    "waiting_customer": N_("waiting for the customer"),
    "resolved": N_("resolved"),
    "closed": N_("closed"),
    "closed_unconfirmed": N_("closed without confirmation"),
    "merged": N_("merged"),
    "suppressed": N_("not worked on"),
    "corrected": N_("the score was a mistake"),
}
