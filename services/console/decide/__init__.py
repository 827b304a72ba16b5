"""The heart: what is said about a case, and what the figures say."""

from __future__ import annotations

from services.console.decide.cases import STEPS, reopening, standing, steps
from services.console.decide.figures import journey, scores, summary

__all__ = ["STEPS", "journey", "reopening", "scores", "standing", "steps", "summary"]
