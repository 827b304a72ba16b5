"""What the words of the contracts are called on a page. Each is a message for translators."""

from __future__ import annotations

from collections.abc import Mapping


def N_(text: str) -> str:  # noqa: N802  (the name translators' tools look for)
    """Mark a text for translation; it is translated where it is shown."""
    return text


STATES: Mapping[str, str] = {
    "new": N_("New"),
    "assigned": N_("New"),
    "acknowledged": N_("Taken"),
    "contacted": N_("Contacted"),
    "waiting_customer": N_("Waiting for customer"),
    "resolved": N_("Resolved"),
    "closed": N_("Closed"),
    "closed_unconfirmed": N_("Closed without confirmation"),
    "merged": N_("Merged"),
    "suppressed": N_("Suppressed"),
    "corrected": N_("Corrected"),
}

CLOCKS: Mapping[str, str] = {
    "acknowledge": N_("take it by"),
    "contact": N_("first contact by"),
    "resolve": N_("put right by"),
}

STOPPED: Mapping[str, str] = {
    "acknowledge": N_("Taken"),
    "contact": N_("First contact"),
    "resolve": N_("Put right"),
}

METRICS: Mapping[str, str] = {
    "nps": "NPS",
    "csat": "CSAT",
    "ces": "CES",
    "ces2": "CES 2.0",
    "experience": N_("Experience"),
}

KINDS: Mapping[str, str] = {
    "decision": N_("event"),
    "invitation": N_("ask"),
    "response": N_("answer"),
    "feedback": N_("told us"),
    "case": N_("case"),
    "alert": N_("alert"),
}

TITLES: Mapping[tuple[str, str], str] = {
    ("decision", "ask"): N_("Will be asked"),
    ("decision", "silent"): N_("Not asked"),
    ("decision", "case"): N_("Case without asking"),
    ("decision", "notify"): N_("Team informed"),
    ("invitation", "scheduled"): N_("Planned"),
    ("invitation", "sent"): N_("Sent"),
    ("invitation", "reminded"): N_("Reminded"),
    ("invitation", "cancelled"): N_("Cancelled"),
    ("invitation", "failed"): N_("Could not be sent"),
    ("invitation", "expired"): N_("Expired"),
    ("response", "started"): N_("Started"),
    ("response", "received"): N_("Score given"),
    ("response", "amended"): N_("Changed"),
    ("response", "completed"): N_("Finished"),
    ("feedback", "received"): N_("Unasked"),
    ("case", "opened"): N_("Opened"),
    ("case", "attached"): N_("Another low score joined"),
    ("case", "acknowledged"): N_("Taken"),
    ("case", "contacted"): N_("Customer contacted"),
    ("case", "waiting"): N_("Waiting for customer"),
    ("case", "resolved"): N_("Resolved"),
    ("case", "reopened"): N_("Reopened"),
    ("case", "reassigned"): N_("Handed over"),
    ("case", "noted"): N_("Note"),
    ("case", "resumed"): N_("Back to work"),
    ("case", "warned"): N_("Time is running out"),
    ("case", "breached"): N_("Time is up"),
    ("case", "escalated"): N_("Others were told"),
    ("case", "closed"): N_("Closed"),
    ("case", "merged"): N_("Merged"),
    ("case", "suppressed"): N_("Suppressed"),
    ("case", "corrected"): N_("Corrected"),
    ("case", "rescored"): N_("Score corrected"),
    ("alert", "queued"): N_("Queued"),
    ("alert", "delivered"): N_("Delivered"),
    ("alert", "failed"): N_("Failed"),
    ("alert", "exhausted"): N_("Given up"),
}

ACTORS: Mapping[str, str] = {
    "route": "Touchback",
    "close": "Touchback",
    "customer": N_("the customer"),
}
"""Who is no person of a team."""

REASONS: Mapping[str, str] = {
    "low_score_after_resolution": N_("after it was resolved: it is open again"),
    "customer_disagrees": N_("the customer is not content with how it was put right"),
    "customer_agrees": N_("the customer agrees"),
    "customer_undecided": N_("the customer finds it neither good nor bad"),
    "quiet_period": N_("the customer said nothing more"),
    "waited_long_enough": N_("the customer was waited for long enough"),
    "no_contact_in_time": N_("nobody reached the customer in time: the team has it back"),
    "handed_back": N_("back to the team"),
    "corrected_by_customer": N_("the customer corrected the score"),
    "customer_erased": N_("the customer's data were erased"),
    "gathered": N_("goes into a digest"),
    "silenced": N_("held back by a silence"),
    "failed_over": N_("another channel did not take it"),
    "none_accepted": N_("no channel of another team took it"),
}
"""Why, where the title alone does not say it."""

HOW: Mapping[str, str] = {
    "phone": N_("Phone"),
    "email": N_("Email"),
    "chat": N_("Chat"),
    "message": N_("Text message"),
    "in_person": N_("In person"),
}

JOURNEY: Mapping[str, str] = {
    "eligible": N_("Moments"),
    "invited": N_("Planned"),
    "delivered": N_("Asked"),
    "started": N_("Started"),
    "answered": N_("Answered"),
    "low": N_("Low"),
    "case": N_("Cases"),
    "contacted": N_("Contacted"),
    "resolved": N_("Resolved"),
    "confirmed": N_("Agreed"),
    "unconfirmed": N_("Silent"),
}

VERDICTS: Mapping[str, str] = {
    "better": N_("fewer low scores than before"),
    "worse": N_("more low scores than before"),
    "unclear": N_("no difference beyond doubt"),
    "too_few": N_("too few answers to tell"),
}
"""What a fix did to the share of low scores."""
