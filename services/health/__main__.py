"""`touchback health`: exit code 0 when the service here is ready, 1 and one line when it is not."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from urllib.error import HTTPError
from urllib.request import urlopen

USUAL_PORT = "8080"
SECONDS = 4.0


def missing(port: str) -> str | None:
    """Return what the service on this port misses, None when it is ready.

    The standard library alone: this runs every few seconds beside each service, and importing
    what a service imports would cost more than the service itself does when it is idle.
    """
    try:
        with urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=SECONDS):
            return None
    except HTTPError as error:
        return error.read(2000).decode(errors="replace")
    except OSError as error:
        return f"nobody answers on port {port}: {error}"


def app(arguments: Sequence[str], prog_name: str) -> None:
    """Say what is missing, if anything."""
    if arguments:
        sys.stdout.write(f"usage: {prog_name}\n\n{__doc__}\n")
        sys.exit(0 if "--help" in arguments else 2)
    absent = missing(os.environ.get("TOUCHBACK_HTTP_PORT", USUAL_PORT))
    if absent is not None:
        sys.stderr.write(f"touchback: not ready: {absent}\n")
        sys.exit(1)


if __name__ == "__main__":
    app(sys.argv[1:], "touchback health")
