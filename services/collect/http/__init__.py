"""What `collect` offers to programs: answers and feedback by API, and the document about it."""

from __future__ import annotations
