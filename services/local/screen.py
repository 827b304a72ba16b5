"""What the demo shows: a line for each thing that happened, and the sums below."""

from __future__ import annotations

from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from shared.contracts.asks import Decision
from shared.contracts.cases import CaseEvent
from shared.contracts.envelope import Event
from shared.contracts.responses import Response
from shared.contracts.signals import Signal

STYLES = {"low": "bold red", "mid": "yellow", "high": "green"}


class Screen:
    """Lines scroll by; on a terminal the sums stay at the bottom."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._counts: Counter[str] = Counter()
        self._silences: Counter[str] = Counter()
        self._slowest = 0.0
        self._live = Live(console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def say(self, text: str, style: str = "") -> None:
        """Print one line."""
        self._console.print(Text(text, style=style), soft_wrap=True)
        self._live.update(self.sums())

    def event(self, event: Event) -> None:
        """Show one message of ours, in words; what says nothing new is only counted."""
        body = event.body
        if isinstance(body, Signal):
            self._counts["events in"] += 1
            self._live.update(self.sums())
        elif isinstance(body, Decision):
            self._decision(body)
        elif isinstance(body, Response) and event.type == "touchback.response.received.v1":
            self._response(body)
        elif isinstance(body, CaseEvent) and event.source == "touchback/close":
            self.say(f"   case {body.case_id[:8]} {body.state} by {body.actor}", "cyan")

    def _decision(self, decision: Decision) -> None:
        what = f"{decision.signal} of {decision.customer_id} at {decision.touchpoint}"
        if decision.outcome == "ask":
            self._counts["asked"] += 1
            self.say(f"?  ask     {what}")
        else:
            reason = decision.silence or decision.outcome
            self._counts["silent"] += 1
            self._silences[reason] += 1
            self.say(f"·  silent  {what}: {reason}", "dim")

    def _response(self, response: Response) -> None:
        self._counts["answers"] += 1
        band = response.band or "mid"
        said = f" “{response.comment}”" if response.comment else ""
        self.say(
            f"<  answer  {response.metric.upper()} {response.score} ({band})"
            f" from {response.customer_id} about {response.touchpoint}{said}",
            STYLES[band],
        )

    def delivered(self, team: str, channel: str, what: str, seconds: float) -> None:
        """Show a low score at its team, and how long after the answer."""
        self._counts[f"alerts by {channel}"] += 1
        self._slowest = max(self._slowest, seconds)
        self.say(f"!  {team} has {what} by {channel}, {seconds:.2f} s after the answer", "bold")

    def sums(self) -> Group:
        """Return the lines at the bottom."""
        counts = " · ".join(f"{name} {count}" for name, count in self._counts.items())
        silences = ", ".join(f"{name} {count}" for name, count in self._silences.most_common())
        slowest = f" · slowest alert {self._slowest:.2f} s" if self._slowest else ""
        return Group(
            Text(f"── {counts}{slowest}", style="bold"),
            Text(f"   silent because: {silences}" if silences else "", style="dim"),
        )
