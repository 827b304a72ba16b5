"""What a form brought: nothing of it is lost, also when it cannot be taken."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.requests import Request

from services.collect.policy import LONGEST_COMMENT
from shared import web
from shared.catalog.scales import Scale

# A comment at its full length in Chinese is 18 KB in a form, and one far too long must come back
# to its writer whole.
LARGEST_FORM = 128 * 1024


@dataclass(frozen=True, slots=True)
class Form:
    """The fields as they were sent; `score` and `comment` are as yet unchecked."""

    score: str | None = None
    comment: str = ""
    contact: bool = False


async def read(request: Request) -> Form:
    """Read the form; raises HTTPException 413 when it is beyond all measure."""
    body = await web.body(request, LARGEST_FORM)
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    comment = fields.get("comment", [""])[-1].replace("\r\n", "\n").replace("\x00", "")
    return Form(
        score=fields["score"][-1] if "score" in fields else None,
        comment=comment.strip(),
        contact="contact" in fields,
    )


def score(text: str | None, scale: Scale) -> int | None:
    """Return the score a text names; None when it is not one of the scale."""
    known = {str(each): each for each in scale.scores}
    return known.get(text or "")


def too_long(comment: str) -> int:
    """Return by how many characters a comment is too long, 0 when it is not."""
    return max(0, len(comment) - LONGEST_COMMENT)
