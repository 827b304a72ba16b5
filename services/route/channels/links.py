"""Links in a mail that act on its case: signed for `close`, which shows before it acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.route.channels.words import say
from services.route.model import Letter
from shared.contracts import actions
from shared.contracts.actions import LinkAction
from shared.contracts.cases import CaseState
from shared.links import Links

_TO_TAKE: tuple[LinkAction, ...] = ("acknowledge", "contacted")
_OFFERED: Mapping[CaseState | None, tuple[LinkAction, ...]] = {
    # A mail stays as it was sent: what comes after taking the case is in it already.
    None: _TO_TAKE,
    "new": _TO_TAKE,
    "assigned": _TO_TAKE,
    "acknowledged": ("contacted",),
}
_LABELS: Mapping[LinkAction, str] = {"acknowledge": "Take it", "contacted": "Contacted"}


class ActionLinks:
    """Signs what may be done from a mail; a link holds an action and a case, and nobody's name."""

    def __init__(self, keys: Sequence[str], close_url: str) -> None:
        self._links = Links(keys)
        self._close_url = close_url

    def of(self, letter: Letter) -> tuple[tuple[str, str], ...]:
        """Return label and address of each link; of a case that is taken care of there are none."""
        case_id = letter.notice.case_id
        if case_id is None:
            return ()
        offered = _OFFERED.get(letter.notice.state, ())
        language = letter.team.language
        return tuple((say(language, _LABELS[each]), self._link(each, case_id)) for each in offered)

    def _link(self, action: LinkAction, case_id: str) -> str:
        token = self._links.sign(actions.PURPOSE, actions.subject(action, case_id))
        return f"{self._close_url}/a/{token}"
