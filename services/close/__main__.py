"""The process: keeps cases until they are put right."""

from __future__ import annotations

import os

from services.close.app import build
from services.close.settings import Settings
from shared import process

app = process.commands("close", Settings, build, os.environ)

if __name__ == "__main__":
    app()
