"""Acting on a case from where an alert was read: Slack's buttons, and links in mails."""

from __future__ import annotations

from typing import Literal, get_args

LinkAction = Literal["acknowledge", "contacted", "waiting", "reassign"]
LINK_ACTIONS: tuple[LinkAction, ...] = get_args(LinkAction)
"""What a link may do; `reassign` hands the case back to its team."""

PURPOSE = "action"
"""Of the signed token (shared/links.py) in `/a/{token}`; its subject is that of `subject`."""

SLACK_PREFIX = "touchback."
"""A button's `action_id` is this and the action; its `value` is that of `value`."""


def subject(action: LinkAction, case_id: str) -> str:
    """Return what an action link is signed for."""
    return f"{action}:{case_id}"


def of_subject(text: str) -> tuple[LinkAction, str] | None:
    """Return action and case of a link; None when this release does not know the action."""
    action, _, case_id = text.partition(":")
    known = next((each for each in LINK_ACTIONS if each == action), None)
    return None if known is None or not case_id else (known, case_id)


def value(case_id: str, version: int) -> str:
    """Return what a button is about: the case, and the version that its message showed."""
    return f"{case_id}:{version}"


def of_value(text: str) -> tuple[str, int] | None:
    """Return case and version of a button; None when it is none of ours."""
    case_id, _, version = text.rpartition(":")
    if not case_id or not (version.isascii() and version.isdecimal()) or len(version) > 9:
        return None
    return case_id, int(version)
