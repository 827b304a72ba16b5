"""A service from its command line: settings, logs, HTTP server, signals, exit codes."""

from __future__ import annotations

import gc
import re
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

import typer
import uvicorn
import uvloop

from shared import db, kafka, logs, migrate, tracing
from shared.catalog.fields import duration
from shared.clock import Clock, SystemClock
from shared.errors import InvalidSettings, TouchbackError, Unavailable
from shared.runtime import Runtime
from shared.settings import Settings

S = TypeVar("S", bound=Settings)
Build = Callable[[S, Clock], Runtime]
UNUSABLE = 2
_AGO = re.compile(r"\d+[smhd]")


def fail(error: TouchbackError) -> typer.Exit:
    """Print one clear line and return the exit to raise."""
    typer.echo(f"touchback: {error}", err=True)
    return typer.Exit(UNUSABLE)


def moment(text: str | None, now: datetime) -> datetime | None:
    """Read a time as commands take it: `2026-03-02T08:00:00Z`, or `2h` for two hours ago."""
    if text is None:
        return None
    if _AGO.fullmatch(text):
        return now - duration(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        wrong = TouchbackError(f"{text!r} is not a time, write 2026-03-02T08:00:00Z or 2h")
        raise fail(wrong) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def commands(
    service: str, settings_type: type[S], build: Build[S], environ: Mapping[str, str]
) -> typer.Typer:
    """Return the commands that every service has: `run` and `migrate`."""
    app = typer.Typer(
        name=service, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
    )

    @app.command()
    def run() -> None:
        """Run the service until it is told to stop."""
        try:
            settings = settings_type.load(environ)
            logs.configure(service, settings.log_level)
            if settings.otlp_endpoint:
                tracing.configure(service, settings.otlp_endpoint)
            serve(build(settings, SystemClock()))
        except TouchbackError as error:
            raise fail(error) from None

    @app.command("migrate")
    def bring_up_to_date() -> None:
        """Bring the service's schema and Touchback's topics up to date."""
        try:
            runtime = build(settings_type.load(environ), SystemClock())
            uvloop.run(_migrate(runtime))
        except TouchbackError as error:
            raise fail(error) from None

    return app


async def _migrate(runtime: Runtime) -> None:
    settings = runtime.settings
    for name in await migrate.apply(settings.postgres_dsn, runtime.service, runtime.migrations):
        typer.echo(f"applied {name}")
    for name in await kafka.create_topics(settings, runtime.source_topics):
        typer.echo(f"created topic {name}")


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise InvalidSettings(
            f"TOUCHBACK_HTTP_PORT: cannot listen on {host}:{port}: {error.strerror};"
            " stop what uses it, or choose another port"
        ) from error
    return bound


async def _refuse_older_schema(runtime: Runtime) -> None:
    """Stop the start when the schema is old; when PostgreSQL is away, readiness will say so."""
    try:
        connection = await db.connect(runtime.settings.postgres_dsn, runtime.service)
    except Unavailable as error:
        if isinstance(error.__cause__, db.REFUSED):
            raise InvalidSettings(f"TOUCHBACK_POSTGRES_DSN: {error.__cause__}") from None
        return
    try:
        await migrate.verify(connection, runtime.service, runtime.migrations)
    finally:
        connection.terminate()


def settle_memory() -> None:
    """Have the garbage collector pass over what is here to stay, and come less often.

    Batches make and drop thousands of objects, none in a circle: by default it would look through
    everything there is many times in each, which took a fifth of the time of reading records.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def serve(runtime: Runtime) -> None:
    """Run until SIGTERM or SIGINT; then stop in order and return, within 10 s."""
    settle_memory()
    uvloop.run(_serve(runtime))


async def _serve(runtime: Runtime) -> None:
    await _refuse_older_schema(runtime)
    settings = runtime.settings
    listening = _bound(settings.http_host, settings.http_port)
    # The server puts these back and raises the signal again once it has stopped: by then the stop
    # is complete, and the exit code must say so.
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: None)
    server = uvicorn.Server(
        uvicorn.Config(
            runtime.application(),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
            proxy_headers=False,
        )
    )
    await server.serve(sockets=[listening])
    tracing.flush()
    if not server.started:
        sys.exit(1)
