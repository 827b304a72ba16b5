"""The states of a case and who may move it where, written out: DESIGN's list, row by row."""

from __future__ import annotations

from itertools import product

import pytest

from services.close.decide import POSSIBLE, transition
from services.close.model import Changed, Refused
from tests.unit.close.cases import a_case
from tests.unit.close.test_transition import act

ENDS = {"merge": "merged", "correct": "corrected", "suppress": "suppressed"}
NEW = {"acknowledge": "acknowledged", "reassign": "assigned", "note": "=", **ENDS}
OVER = {"reopen": "assigned", "note": "="}
ROWS: dict[str, dict[str, str]] = {
    "new": NEW,
    "assigned": NEW,
    "acknowledged": {"contacted": "contacted", "reassign": "assigned", "note": "=", **ENDS},
    "contacted": {
        "contacted": "contacted",
        "waiting": "waiting_customer",
        "resolve": "resolved",
        "reassign": "assigned",
        "note": "=",
        **ENDS,
    },
    "waiting_customer": {
        "contacted": "contacted",
        "resolve": "resolved",
        "reassign": "assigned",
        "note": "=",
        **ENDS,
    },
    "resolved": OVER,
    "closed": OVER,
    "closed_unconfirmed": OVER,
    "merged": {"note": "="},
    "suppressed": {"note": "="},
    "corrected": {"note": "="},
}
ACTIONS = sorted({action for row in ROWS.values() for action in row})


@pytest.mark.parametrize(("state", "action"), list(product(ROWS, ACTIONS)))
def test_a_person_moves_a_case_along_the_list_only(state: str, action: str) -> None:
    case = a_case(state=state)
    outcome = transition(case, act(case, action), case.started_at)
    leads = ROWS[state].get(action)
    if leads is None:
        assert isinstance(outcome, Refused)
        assert outcome.reason == "not_possible"
    else:
        assert isinstance(outcome, Changed)
        assert outcome.case.event.state == (state if leads == "=" else leads)


def test_what_is_called_possible_is_what_the_list_says() -> None:
    assert {state: set(row) for state, row in POSSIBLE.items()} == {
        state: set(row) for state, row in ROWS.items()
    }
