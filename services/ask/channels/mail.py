"""The mail that asks: one question, its scale as links, why it came, and how to stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from shared.catalog.fields import in_language
from shared.catalog.policy import Brand
from shared.catalog.touchpoints import Survey
from shared.contracts.asks import Invitation

ROW = 6
"""Scores in one row: eleven cells in one line do not fit a telephone."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "press": "Choose a number, then press Send on the page that opens.",
        "open": "Answer on one short page",
        "why": "Why you get this: on {date} you had to do with {brand}. We ask about it once.",
        "reference": "Reference: {reference}",
        "until": "The link works until {date}.",
        "stop": "Do not ask me again",
        "help": "Need help instead?",
    },
    "zh": {
        "press": "请选择一个分数，然后在打开的页面上按“发送”。",
        "open": "打开一页简短的问卷",
        "why": "您收到此邮件的原因：{date}您曾与{brand}有过往来。此事我们只询问一次。",
        "reference": "参考编号：{reference}",
        "until": "链接有效期至{date}。",
        "stop": "不再询问我",
        "help": "需要帮助？",
    },
}
_DATES = {"en": "{0.day} {0:%B} {0.year}", "zh": "{0.year}年{0.month}月{0.day}日"}
_TEMPLATES = Path(__file__).parents[1] / "templates"


class BadAddress(ValueError):
    """The address is not one that mail can go to."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What one mail says. `brand` and `survey` are those of the catalog."""

    invitation: Invitation
    survey: Survey
    brand: Brand
    stop_url: str
    sender: str
    recipient: str
    written_at: datetime


class Composer:
    """Makes mails from the templates."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=select_autoescape(("html",)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def compose(self, letter: Letter) -> EmailMessage:
        """Return the mail with a text and an HTML part; raises BadAddress."""
        page = _page(letter)
        message = _envelope(letter, str(page["question"]))
        message.set_content(self._templates.get_template("ask.txt").render(page))
        html = self._templates.get_template("ask.html").render(page)
        message.add_alternative(html, subtype="html")
        return message


def _envelope(letter: Letter, question: str) -> EmailMessage:
    message = EmailMessage()
    domain = letter.sender.rpartition("@")[2]
    message["From"] = Address(_line(letter.brand.name), addr_spec=letter.sender)
    message["To"] = _address(letter.recipient)
    message["Subject"] = _line(f"{letter.brand.name}: {question}")[:120]
    message["Date"] = format_datetime(letter.written_at)
    # The same for every attempt, so that a repeat is recognised as one.
    message["Message-ID"] = f"<{letter.invitation.invitation_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["List-Unsubscribe"] = f"<{letter.stop_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return message


def _address(text: str) -> Address:
    try:
        return Address(addr_spec=text)
    except (MessageError, ValueError, IndexError) as error:
        # Without the cause: its message holds the address.
        raise BadAddress(f"not a mail address ({type(error).__name__})") from None


def _page(letter: Letter) -> dict[str, object]:
    invitation, survey, brand = letter.invitation, letter.survey, letter.brand
    language = survey.language(invitation.language)
    frame = "zh" if language.partition("-")[0] == "zh" else "en"
    words, date = WORDS[frame], _DATES[frame]
    scores = [] if survey.metric == "experience" else list(survey.scale.scores)
    return {
        "language": language,
        "words": words,
        "brand": brand,
        "ink": _ink(brand.color),
        "question": in_language(survey.question, language),
        "low_label": in_language(survey.low_label, language),
        "high_label": in_language(survey.high_label, language),
        "rows": _rows(scores),
        "url": invitation.survey_url,
        "stop_url": letter.stop_url,
        "why": words["why"].format(date=date.format(invitation.occurred_at), brand=brand.name),
        "reference": invitation.correlation,
        "until": words["until"].format(date=date.format(invitation.expires_at)),
    }


def _rows(scores: Sequence[int]) -> list[Sequence[int]]:
    return [scores[start : start + ROW] for start in range(0, len(scores), ROW)]


def _line(text: str) -> str:
    return " ".join(text.split())


def _ink(colour: str) -> str:
    """Return black or white, whichever is easier to read on the colour (WCAG 2 luminance)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000000" if luminance > 0.179 else "#ffffff"
