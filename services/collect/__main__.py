"""The process of `collect`."""

from __future__ import annotations

import os

from services.collect.app import build
from services.collect.settings import Settings
from shared import process

app = process.commands("collect", Settings, build, os.environ)

if __name__ == "__main__":
    app()
