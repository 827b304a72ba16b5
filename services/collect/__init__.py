"""Collect: customers answer late, twice, partly or never; here no answer is lost or counted twice.

Reads `touchback.invitations`, `touchback.answers`, for what it promises in its thanks
`touchback.cases`, and for what became of all moments `touchback.decisions`; answers also come by
its pages and its API.
Writes `touchback.responses`. Owns the schema `collect`.
"""

from __future__ import annotations
