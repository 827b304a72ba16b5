"""One machine, one command: embedded broker and PostgreSQL, and the six services beside them.

Reads and writes no topic of its own and owns no schema: it starts the others as processes, which
is why it may not import them. What it starts keeps its data under one folder and ends when it ends.
"""

from __future__ import annotations
