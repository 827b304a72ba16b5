"""What a form brought: nothing of it is lost, also when it cannot be taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from starlette.requests import Request

from services.collect.model import More, Rating
from shared import web
from shared.catalog.scales import EXPERIENCE_PARTS, Scale
from shared.contracts.answering import LONGEST_COMMENT

# A comment at its full length in Chinese is 18 KB in a form, and one far too long must come back
# to its writer whole.
LARGEST_FORM = 128 * 1024
EFFORTS = range(1, 6)
LONGEST_CUSTOMER = 128


@dataclass(frozen=True, slots=True)
class Form:
    """The fields as they were sent, as yet unchecked.

    `chosen` are the scores by the name of their field. `number` is that of a save which the page
    made by itself, `own` says that it was one. `moved` says that the words were for a question
    that had closed: nobody left out anything.
    """

    chosen: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""
    contact: bool = False
    reasons: tuple[str, ...] = ()
    effort: str | None = None
    number: int = 0
    own: bool = False
    key: str = ""
    customer: str = ""
    urgent: bool = False
    anonymous: bool = False
    moved: bool = False


async def read(request: Request) -> Form:
    """Read the form; raises HTTPException 413 when it is beyond all measure."""
    body = await web.body(request, LARGEST_FORM)
    sent = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    fields = {name: values[-1].replace("\x00", "") for name, values in sent.items()}
    return Form(
        chosen={name: fields[name] for name in ("score", *EXPERIENCE_PARTS) if name in fields},
        comment=fields.get("comment", "").replace("\r\n", "\n").strip(),
        contact="contact" in fields,
        reasons=tuple(sent.get("reason", ())),
        effort=fields.get("effort"),
        number=_number(fields.get("number", "")),
        own="own" in fields,
        key=fields.get("key", "")[:64],
        customer=fields.get("customer", "").strip()[:LONGEST_CUSTOMER],
        urgent="urgent" in fields,
        anonymous="anonymous" in fields,
        moved="moved" in fields,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else 0


def score(text: str | None, scale: Scale) -> int | None:
    """Return the score a text names; None when it is not one of the scale."""
    known = {str(each): each for each in scale.scores}
    return known.get(text or "")


def names(scale: Scale) -> tuple[str, ...]:
    """Return the fields of the first page: one score, or the parts of an experience."""
    return EXPERIENCE_PARTS if scale.metric == "experience" else ("score",)


def scores(form: Form, scale: Scale) -> dict[str, int]:
    """Return what was chosen, by field, without what is not on the scale."""
    found = {name: score(form.chosen.get(name), scale) for name in names(scale)}
    return {name: each for name, each in found.items() if each is not None}


def rating(form: Form, scale: Scale) -> Rating | None:
    """Return what was chosen; None while something is missing."""
    found = scores(form, scale)
    if len(found) < len(names(scale)):
        return None
    worst = min(found.values())
    return Rating(worst, found if scale.metric == "experience" else {})


def more(form: Form, offered: tuple[str, ...]) -> More:
    """Return what the second page brought; reasons and efforts it did not offer are left out."""
    effort = {str(each): each for each in EFFORTS}.get(form.effort or "")
    reasons = tuple(name for name in offered if name in form.reasons)
    return More(form.comment or None, form.contact, reasons, effort)


def too_long(comment: str) -> int:
    """Return by how many characters a comment is too long, 0 when it is not."""
    return max(0, len(comment) - LONGEST_COMMENT)
