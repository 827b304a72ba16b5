"""What `collect` counts."""

from __future__ import annotations

from services.collect.policy import Policy
from shared.metrics import TallyMetric

BANDS = ("low", "mid", "high")


def tallies(policy: Policy) -> list[TallyMetric]:
    """Return the counters, each known label set at 0."""
    asking = [each for each in policy.touchpoints.values() if each.survey]
    return [
        TallyMetric(
            "responses",
            "Answers that became final, by the quality of the experience they report.",
            ("touchpoint", "survey", "band"),
            tuple((each.touchpoint, each.survey or "", band) for each in asking for band in BANDS),
        )
    ]
