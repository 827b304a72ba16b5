"""Who owns a low score, and how urgent it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from services.route import policy
from services.route.model import Assigned, Priority
from shared.catalog import RESPONSE_RULES, PriorityRule, Route, Routing
from shared.contracts.responses import Response
from shared.rules import Inputs, RuleFailed

URGENT: Priority = "high"
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")
"""Scripts that write no spaces between words."""


def assign(response: Response, root: Routing, low_scores: int = 1) -> Assigned:
    """Find the owner: the deepest, leftmost match; the root where nothing matches or a rule fails.

    A route with `continue` hands its team and priority on to its later siblings, and is itself
    the match when none of them is. The first of the root's `priorities` that matches outranks what
    the tree says. `low_scores` is how many the customer has given lately, this one included.
    """
    fallback = Assigned(root.team or "", root.priority or "normal", ("root",), "no_rule_matched")
    try:
        inputs = bind(response, root, low_scores)
    except RuleFailed as error:
        return replace(fallback, reason="rule_error", error=error.reason)
    try:
        owner = _descend(root.routes, fallback, inputs, "")
    except RuleFailed as error:
        owner = replace(fallback, reason="rule_error", error=error.reason)
    return _prioritised(owner, root.priorities, inputs)


def _descend(routes: Sequence[Route], above: Assigned, inputs: Inputs, prefix: str) -> Assigned:
    found = above
    for position, route in enumerate(routes, 1):
        if route.when is not None and not route.when.holds(inputs):
            continue
        here = Assigned(
            route.team or found.team,
            route.priority or found.priority,
            (*found.path, _step(prefix, position, route)),
            "rule_matched",
        )
        found = _descend(route.routes, here, inputs, f"{prefix}{position}.")
        if not route.continue_:
            break
    return found


def _step(prefix: str, position: int, route: Route) -> str:
    return f"{prefix}{position}" + (f": {route.when.text}" if route.when else "")


def _prioritised(owner: Assigned, rules: Sequence[PriorityRule], inputs: Inputs) -> Assigned:
    for position, rule in enumerate(rules, 1):
        try:
            matched = rule.when.holds(inputs)
        except RuleFailed as error:
            # Nobody can say that it is not urgent.
            return replace(owner, priority=URGENT, error=owner.error or error.reason)
        if matched:
            path = (*owner.path, _urgency_step(position, rule))
            return replace(owner, priority=rule.priority, path=path)
    return owner


def _urgency_step(position: int, rule: PriorityRule) -> str:
    return f"priority {position}: {rule.when.text}"


# --- what rules see ------------------------------------------------------------------------------


def bind(response: Response, root: Routing, low_scores: int = 1) -> Inputs:
    """Prepare what rules see of a response; raises RuleFailed when it is too large for them."""
    fields = {**_fields(response), "low_scores": low_scores}
    fields["keywords"] = keywords(response.comment, root.keywords)
    # Measured without the comment, which is bounded by itself: see policy.COMMENT_IN_RULES.
    RESPONSE_RULES.bind({"response": fields})
    comment = response.comment[: policy.COMMENT_IN_RULES] if response.comment else None
    return RESPONSE_RULES.bind({"response": {**fields, "comment": comment}}, size=0)


def _fields(response: Response) -> dict[str, Any]:
    attributes, attribution = response.attributes, response.attribution
    return {
        "touchpoint": response.touchpoint,
        "survey": response.survey,
        "metric": response.metric,
        "score": response.score,
        "band": response.band,
        "language": response.language,
        "channel": response.channel,
        "customer_id": response.customer_id,
        "stage": response.stage or attribution.stage,
        "attributes": attributes,
        "attribution": attribution.model_dump(),
        # Asked for so often that a rule need not look whether they are there.
        "product": attribution.product or _text(attributes.get("product")),
        "region": _text(attributes.get("region")),
        "segment": _text(attributes.get("segment")),
        "value": _number(attributes.get("value")),
        "root_cause": _text(attributes.get("root_cause") or response.answers.get("root_cause")),
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, (int, float, str)) else 0.0
    except ValueError:
        return 0.0


def keywords(comment: str | None, known: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the names of those lists of which the comment holds a word.

    A word stands for all that begin with it (`cancel`, `cancellation`); in scripts without spaces
    it may stand anywhere.
    """
    if not comment:
        return []
    text = comment[: policy.COMMENT_FOR_KEYWORDS].casefold()
    return [name for name, words in known.items() if _any_of(tuple(words)).search(text)]


@lru_cache(maxsize=256)
def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    each = (word.casefold() for word in words)
    return re.compile("|".join(("" if _WIDE.search(w) else r"\b") + re.escape(w) for w in each))


# --- how much of the tree is used ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often each branch was taken; `root` are those that no rule matched, `errors` failed.

    The rules of urgency, which hold for the whole tree, count as leaves.
    """

    total: int
    root: int
    errors: int
    hits: Mapping[str, int]
    leaves: tuple[str, ...]

    @property
    def never(self) -> tuple[str, ...]:
        """The leaves that nothing reached."""
        return tuple(leaf for leaf in self.leaves if not self.hits[leaf])


def coverage(assigned: Iterable[Assigned], root: Routing) -> Coverage:
    """Count the branches that these assignments took."""
    branches = dict(_branches(root.routes, ""))
    branches |= {_urgency_step(n, rule): True for n, rule in enumerate(root.priorities, 1)}
    hits = dict.fromkeys(branches, 0)
    total = fallen = errors = 0
    for each in assigned:
        total += 1
        errors += each.reason == "rule_error"
        fallen += each.reason == "no_rule_matched"
        for step in each.path:
            if step in hits:
                hits[step] += 1
    leaves = tuple(step for step, leaf in branches.items() if leaf)
    return Coverage(total, fallen, errors, hits, leaves)


def _branches(routes: Sequence[Route], prefix: str) -> Iterable[tuple[str, bool]]:
    for position, route in enumerate(routes, 1):
        yield _step(prefix, position, route), not route.routes
        yield from _branches(route.routes, f"{prefix}{position}.")
