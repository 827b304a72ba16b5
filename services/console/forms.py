"""What each form asks for, and what `close` is sent of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.console.model import Step


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form; `action` is what `close` calls it."""

    action: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


FORMS: Mapping[Step, Form] = {
    "acknowledge": Form("acknowledge"),
    "contacted": Form("contacted", ("how", "outcome")),
    "waiting": Form("waiting", (), ("until", "note")),
    "resolve": Form("resolve", ("root_cause", "action", "outcome")),
    "reopen": Form("reopen", ("reason",)),
    "reassign": Form("reassign", ("to", "reason")),
    "hand_back": Form("reassign", (), ("reason",)),
    "note": Form("note", ("note",)),
    "merge": Form("merge", ("into",)),
    "correct": Form("correct", ("reason",)),
    "suppress": Form("suppress", ("reason",)),
}


def missing(form: Form, given: Mapping[str, str]) -> bool:
    """Tell whether something is left to fill in."""
    return not all(given.get(name, "").strip() for name in form.required)


def body(form: Form, given: Mapping[str, str], zone: ZoneInfo) -> dict[str, Any]:
    """Return what was typed as `close` takes it; raises ValueError for what is no day."""
    names = (*form.required, *form.optional)
    typed: dict[str, Any] = {name: text for name in names if (text := given.get(name, "").strip())}
    if "to" in typed:
        team, _, person = typed.pop("to").partition("/")
        typed |= {"team": team, **({"assignee": person} if person else {})}
    if "until" in typed:
        # To the end of that day.
        day = date.fromisoformat(typed["until"]) + timedelta(days=1)
        typed["until"] = datetime.combine(day, time(), zone).isoformat()
    return typed
