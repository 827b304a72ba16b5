"""`touchback health` says whether the service of this container is ready."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from tests.support.processes import free_port


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield str(server.server_port)
        finally:
            server.shutdown()
            thread.join()


def health(port: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "services", "health"],
        env={**os.environ, "TOUCHBACK_HTTP_PORT": port},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_ready_service_is_healthy() -> None:
    with answering(200, b"{}") as port:
        said = health(port)
    assert (said.returncode, said.stderr) == (0, "")


def test_what_is_missing_is_told() -> None:
    with answering(503, b'{"missing": ["postgres: away"]}') as port:
        said = health(port)
    assert said.returncode == 1
    assert said.stderr == 'touchback: not ready: {"missing": ["postgres: away"]}\n'


def test_a_service_that_does_not_answer_is_not_healthy() -> None:
    port = str(free_port())
    said = health(port)
    assert said.returncode == 1
    assert said.stderr.startswith(f"touchback: not ready: nobody answers on port {port}: ")
