"""Collect: customers answer late, twice, partly or never; here no answer is lost or counted twice.

Reads `touchback.invitations` and `touchback.answers`; answers also come by its pages and its API.
Writes `touchback.responses`. Owns the schema `collect`.
"""

from __future__ import annotations
