"""One Jinja environment for all pages; language, zone and time come with each page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from gettext import NullTranslations
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from services.console import words
from services.console.model import Moment, Standing
from shared import business_time
from shared.business_time import Span
from shared.catalog import SCALES, in_language
from shared.contracts.cases import CaseEvent, CaseScore, Deadline

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Speech:
    """How one page speaks: its language, its time zone, and when it was made."""

    language: str
    translations: NullTranslations
    zone: ZoneInfo
    now: datetime

    def say(self, words: Mapping[Any, str], word: Any) -> str:
        """Translate a word of the contracts; one that is new here stands as it is."""
        known = words.get(word)
        if known is None:
            return str(word[-1] if isinstance(word, tuple) else word)
        return self.translations.gettext(known)

    def state(self, state: str) -> str:
        return self.say(words.STATES, state)

    def state_of(self, event: CaseEvent) -> str:
        """Say the state; a case that its team has once more is no new one."""
        again = any(each.cycle > 1 for each in event.deadlines)
        if again and event.state in ("new", "assigned"):
            return self.translations.gettext("Opened again")
        return self.state(event.state)

    def clock(self, clock: str) -> str:
        return self.say(words.CLOCKS, clock)

    def stopped(self, clock: str) -> str:
        return self.say(words.STOPPED, clock)

    def kind(self, moment: Moment) -> str:
        return self.say(words.KINDS, moment.kind)

    def title(self, moment: Moment) -> str:
        return self.say(words.TITLES, (moment.kind, moment.title))

    def actor(self, actor: str) -> str:
        return self.say(words.ACTORS, actor)

    def reason(self, reason: str) -> str:
        """Say why something happened; nothing where its title says it, or it was a clock's turn."""
        if reason in words.REASONS:
            return self.say(words.REASONS, reason)
        clock = reason.split("_")[0]
        return self.stopped(clock) if clock in words.STOPPED else ""

    def how(self, how: str) -> str:
        return self.say(words.HOW, how)

    def metric(self, metric: str) -> str:
        return self.say(words.METRICS, metric)

    def given(self, score: CaseScore) -> str:
        """Say the score, or that nobody gave one: an event stands for it then."""
        if score.source == "signal":
            return self.translations.gettext("no score")
        return f"{self.metric(score.metric)} {score.score}"

    def score(self, score: CaseScore) -> str:
        """Return what the score means beside its number: how far the scale goes, and whither."""
        scale = SCALES[score.metric]
        gettext = self.translations.gettext
        if score.source == "signal":
            return gettext("noticed without asking")
        if score.metric == "ces":
            return gettext("of %(top)s, %(top)s is hardest") % {"top": scale.maximum}
        return gettext("of %(top)s") % {"top": scale.maximum}

    def pill(self, standing: Standing) -> str:
        """Say how much time is left, or how late it is."""
        span, gettext = self.span(abs(standing.left)), self.translations.gettext
        text = gettext("%(span)s late") if standing.late else gettext("%(span)s left")
        return text % {"span": span}

    def span(self, span: timedelta) -> str:
        """Say a length of time in its two greatest units."""
        minutes = int(span.total_seconds()) // 60
        days, hours, minutes = minutes // 1440, minutes % 1440 // 60, minutes % 60
        gettext = self.translations.gettext
        if days:
            text = gettext("%(days)s d %(hours)s h") if hours else gettext("%(days)s d")
        elif hours:
            text = gettext("%(hours)s h %(minutes)s min") if minutes else gettext("%(hours)s h")
        else:
            text = gettext("%(minutes)s min")
        return text % {"days": days, "hours": hours, "minutes": minutes}

    @property
    def today(self) -> date:
        """Return the day it is where the console's clock hangs."""
        return self.now.astimezone(self.zone).date()

    def share(self, share: Mapping[str, Any]) -> str:
        """Say a share of n with its interval, or that n is too small for one."""
        if share["too_few"]:
            return self.translations.gettext("too few: %(n)s") % {"n": share["n"]}
        text = self.translations.gettext("%(share)s (%(low)s to %(high)s, n = %(n)s)")
        return text % {
            **{name: f"{share[name]:.0%}" for name in ("share", "low", "high")},
            "n": share["n"],
        }

    def ratio(self, cause: Mapping[str, Any]) -> str:
        """Say how many times as often as before, with the interval."""
        high = "∞" if cause["high"] is None else f"{cause['high']:.1f}"
        if cause["ratio"] is None and not cause["hot"]:
            return self.translations.gettext("new, too few to tell")
        if cause["ratio"] is None:
            return self.translations.gettext("new, at least %(low)s ×") % {
                "low": f"{cause['low']:.1f}"
            }
        text = self.translations.gettext("%(ratio)s × (%(low)s to %(high)s)")
        return text % {"ratio": f"{cause['ratio']:.1f}", "low": f"{cause['low']:.1f}", "high": high}

    def step(self, step: str) -> str:
        return self.say(words.JOURNEY, step)

    def verdict(self, verdict: str) -> str:
        return self.say(words.VERDICTS, verdict)

    def day(self, day: str) -> str:
        """Say a day of the calendar."""
        return str(format_date(date.fromisoformat(day), "medium", locale=self.language))

    def text(self, texts: Mapping[str, str]) -> str:
        """Return a text of the catalog in the language of the page."""
        return in_language(texts, self.language)

    def arithmetic(self, deadline: Deadline, event: CaseEvent) -> Sequence[Span]:
        """Return the stretches of open hours that lead to a deadline, where that is not plain."""
        if deadline.measure != "business" or deadline.met_at or not event.policy:
            return ()
        rules = event.policy
        since = deadline.resumed_at or deadline.started_at
        if since is None or deadline.paused_at:
            return ()
        left = timedelta(seconds=deadline.target_seconds - deadline.used_seconds)
        calendar = business_time.calendar(rules.time_zone, rules.hours, rules.holidays)
        return business_time.explain(since, left, calendar)

    def target(self, deadline: Deadline) -> str:
        """Say how long a clock was allowed to run."""
        return self.seconds(deadline.target_seconds)

    def seconds(self, seconds: float) -> str:
        return self.span(timedelta(seconds=seconds))

    def wall(self, at: datetime) -> str:
        """Say when something is by the clock on the wall; the day only when it is not today."""
        local = at.astimezone(self.zone)
        if local.date() == self.now.astimezone(self.zone).date():
            return str(format_time(local, "HH:mm", locale=self.language))
        pattern = "M月d日 HH:mm" if self.language == "zh" else "d MMM, HH:mm"
        return str(format_datetime(local, pattern, locale=self.language))


@pass_context
def _gettext(context: Context, message: str) -> str:
    return str(context["speech"].translations.gettext(message))


@pass_context
def _ngettext(context: Context, one: str, many: str, count: int) -> str:
    return str(context["speech"].translations.ngettext(one, many, count))


def environment() -> Environment:
    """Return the templates; a name that is missing is an error, not an empty text."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    install = made.install_gettext_callables  # type: ignore[attr-defined]  # of the extension
    install(_gettext, _ngettext, newstyle=True)
    return made
