"""The process of `collect`."""

from __future__ import annotations

import os

from services.collect.app import build, policy_of
from services.collect.importing import add_import
from services.collect.settings import Settings
from shared import process

app = process.commands("collect", Settings, build, os.environ)
add_import(app, os.environ, policy_of)

if __name__ == "__main__":
    app()
