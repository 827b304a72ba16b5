"""The process: shows people their cases."""

from __future__ import annotations

import os

from services.console.app import build
from services.console.settings import Settings
from shared import process

app = process.commands("console", Settings, build, os.environ)

if __name__ == "__main__":
    app()
