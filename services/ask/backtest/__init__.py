"""What a catalog would have done: real events, the same decisions, and a clock that only they move.

`said` reads what was heard, `life` brings customers through it, `figures` counts what came of it,
`words` and `page` show it, `inputs` and `commands` are the doors. All but the last two are pure:
the same input and the same catalog give the same bytes.
"""

from __future__ import annotations
