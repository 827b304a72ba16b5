"""What `collect` counts."""

from __future__ import annotations

from typing import Literal

from prometheus_client import CollectorRegistry, Counter

from services.collect.policy import Policy
from shared.labels import MOST, OTHER
from shared.metrics import PREFIX, TallyMetric

BANDS = ("low", "mid", "high")
Visitor = Literal["browser", "scanner"]


class Views:
    """Counts who looks at questions. Looking writes nothing, so this starts at 0 with the process.

    Programs that follow every link of a mail are counted apart: a look is never an answer.
    """

    def __init__(self, registry: CollectorRegistry, policy: Policy) -> None:
        self._counter = Counter(
            f"{PREFIX}survey_views",
            "Looks at a question since this process started, by browsers and by mail scanners.",
            ("touchpoint", "visitor"),
            registry=registry,
        )
        asking = [each.touchpoint for each in policy.touchpoints.values() if each.survey]
        self._known = {*asking[: MOST["touchpoint"]], OTHER}
        for touchpoint in self._known:
            for visitor in ("browser", "scanner"):
                self._counter.labels(touchpoint, visitor)

    def seen(self, touchpoint: str, visitor: Visitor) -> None:
        """Count one look; touchpoints that came with a newer catalog are counted together."""
        self._counter.labels(touchpoint if touchpoint in self._known else OTHER, visitor).inc()


def tallies(policy: Policy) -> list[TallyMetric]:
    """Return the counters, each known label set at 0."""
    asking = [each for each in policy.touchpoints.values() if each.survey]
    labels = ("touchpoint", "survey", "band")
    zeros = tuple((each.touchpoint, each.survey or "", band) for each in asking for band in BANDS)
    return [
        TallyMetric(
            "responses",
            "Answers that became final, by the quality of the experience they report.",
            labels,
            zeros,
        ),
        TallyMetric(
            "responses_started",
            "Times that somebody was seen at a question before they answered it.",
            ("touchpoint", "survey"),
            tuple((each.touchpoint, each.survey or "") for each in asking),
        ),
        TallyMetric(
            "responses_imported", "Answers of long ago that were brought in.", labels, zeros
        ),
    ]
