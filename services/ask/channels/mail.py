"""The mail that asks: one question, its scale as links, why it came, and how to stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.ask.channels.smtp import Mailer
from services.ask.channels.words import DATES, WORDS, frame, told
from services.ask.letters import BadAddress, Letter, Prepared
from shared.catalog.fields import in_language
from shared.catalog.touchpoints import Survey

ROW = 6
"""Scores in one row: eleven cells in one line do not fit a telephone."""

_TEMPLATES = Path(__file__).parents[1] / "templates"


class Composer:
    """Makes mails from the templates."""

    def __init__(self, sender: str) -> None:
        self._sender = sender
        self._templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=select_autoescape(("html",)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def compose(self, letter: Letter) -> EmailMessage:
        """Return the mail with a text and an HTML part; raises BadAddress."""
        if letter.survey is None:
            return self._tell(letter)
        page = _page(letter, letter.survey)
        message = _envelope(letter, self._sender, str(page["subject"]))
        message["List-Unsubscribe"] = f"<{letter.stop_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(self._templates.get_template("ask.txt").render(page))
        html = self._templates.get_template("ask.html").render(page)
        message.add_alternative(html, subtype="html")
        return message

    def _tell(self, letter: Letter) -> EmailMessage:
        subject, text = told(letter)
        language = frame(letter.invitation.language or "")
        page = {"language": language, "brand": letter.brand, "subject": subject, "text": text}
        page |= {"words": WORDS[language], "reference": letter.invitation.correlation}
        message = _envelope(letter, self._sender, f"{letter.brand.name}: {subject}")
        message.set_content(self._templates.get_template("notice.txt").render(page))
        html = self._templates.get_template("notice.html").render(page)
        message.add_alternative(html, subtype="html")
        return message


class MailChannel:
    """Sends by mail."""

    def __init__(self, composer: Composer, mailer: Mailer) -> None:
        self._composer = composer
        self._mailer = mailer

    async def prepare(self, letter: Letter) -> Prepared:
        """Write the mail and have its address accepted; raises BadAddress."""
        message = self._composer.compose(letter)
        return await self._mailer.prepare(message, letter.recipient)

    async def close(self) -> None:
        """Leave the mail server."""
        await self._mailer.close()


def _envelope(letter: Letter, sender: str, subject: str) -> EmailMessage:
    message = EmailMessage()
    domain = sender.rpartition("@")[2]
    message["From"] = Address(_line(letter.brand.name), addr_spec=sender)
    message["To"] = _address(letter.recipient)
    message["Subject"] = _line(subject)[:120]
    message["Date"] = format_datetime(letter.written_at)
    # The same for every attempt, so that a repeat is recognised as one.
    name, ask = letter.invitation.invitation_id, f"<{letter.invitation.invitation_id}@{domain}>"
    message["Message-ID"] = ask if letter.kind == "ask" else f"<{name}.{letter.kind}@{domain}>"
    if letter.kind == "reminder":
        message["In-Reply-To"] = ask
    message["Auto-Submitted"] = "auto-generated"
    return message


def _address(text: str) -> Address:
    try:
        return Address(addr_spec=text)
    except (MessageError, ValueError, IndexError) as error:
        # Without the cause: its message holds the address.
        raise BadAddress(f"not a mail address ({type(error).__name__})") from None


def _page(letter: Letter, survey: Survey) -> Mapping[str, object]:
    invitation, brand = letter.invitation, letter.brand
    language = survey.language(invitation.language)
    words, date = WORDS[frame(language)], DATES[frame(language)]
    question, again = in_language(survey.question, language), letter.kind == "reminder"
    lead = words["reminder"] if again else ""
    why = words["why_again" if again else "why"]
    scores = [] if survey.metric == "experience" else list(survey.scale.scores)
    return {
        "language": language,
        "words": words,
        "brand": brand,
        "subject": f"{brand.name}: {lead}{question}",
        "again": words["again"] if again else None,
        "question": question,
        "ends": words["ends"].format(
            low=survey.scale.minimum,
            low_label=in_language(survey.low_label, language),
            high=survey.scale.maximum,
            high_label=in_language(survey.high_label, language),
        ),
        "rows": _rows(scores),
        "url": invitation.survey_url,
        "stop_url": letter.stop_url,
        "why": why.format(date=date.format(invitation.occurred_at), brand=brand.name),
        "reference": invitation.correlation,
        "until": words["until"].format(date=date.format(invitation.expires_at)),
    }


def _rows(scores: Sequence[int]) -> list[Sequence[int]]:
    return [scores[start : start + ROW] for start in range(0, len(scores), ROW)]


def _line(text: str) -> str:
    return " ".join(text.split())
