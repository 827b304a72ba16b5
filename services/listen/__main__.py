"""The process `listen`, and its operator commands."""

from __future__ import annotations

import os

from services.listen import letterbox, switch, workbench
from services.listen.app import build
from services.listen.settings import Settings
from shared import process

app = process.commands("listen", Settings, build, os.environ)
app.add_typer(letterbox.commands(os.environ), name="dead-letters")
workbench.add_try(app, os.environ)
workbench.add_tail(app, os.environ)
workbench.add_infer(app)
switch.add_sources(app, os.environ)
switch.add_resume(app, os.environ)

if __name__ == "__main__":
    app()
