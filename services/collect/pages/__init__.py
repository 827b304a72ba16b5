"""The pages customers see: the question, the follow-up, the thanks, and the way out."""

from __future__ import annotations
