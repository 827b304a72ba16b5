"""The `touchback` command: hands over to the service or tool that its first word names."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version


@dataclass(frozen=True, slots=True)
class Command:
    """What a first word stands for: a module to run, and words to put before the rest."""

    module: str
    help: str
    words: tuple[str, ...] = ()


COMMANDS: dict[str, Command] = {
    "up": Command("services.local", "run all six services on this machine", ("up",)),
    "demo": Command("services.local", "up, and a generated day of customer life", ("demo",)),
    "play": Command("services.local", "put JSON lines onto source topics", ("play",)),
    "catalog": Command("shared.catalog", "check a catalog, and say what differs from another"),
    "catalog simulate": Command(
        "services.ask", "what a catalog would do with a few events", ("simulate",)
    ),
    "health": Command("services.health", "ask the service of this container whether it is ready"),
    "erase": Command("services.ask", "remove a customer's identity everywhere", ("erase",)),
    "listen": Command("services.listen", "the service that maps source events to signals"),
    "ask": Command("services.ask", "the service that decides whether to ask"),
    "collect": Command("services.collect", "the service that takes answers"),
    "route": Command("services.route", "the service that brings low scores to their owners"),
    "close": Command("services.close", "the service that keeps cases until they are put right"),
    "console": Command("services.console", "the service that shows it all"),
}


def usage() -> str:
    """Return the list of commands, one a line."""
    lines = [f"  {name:<16} {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(["usage: touchback COMMAND [ARGUMENT ...]", "", *lines, ""]) + (
        "\n`touchback COMMAND --help` says more, `touchback --version` what this is."
    )


def release() -> str:
    """Return version and revision, as `touchback_build_info` has them."""
    revision = os.environ.get("TOUCHBACK_REVISION", "unknown")
    return f"touchback {version('touchback')} (revision {revision})"


def main() -> None:
    """Run the command's own program; exit code 2 when there is no such command."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("--help", "-h"):
        sys.stdout.write(usage() + "\n")
        return
    if name == "--version":
        sys.stdout.write(f"{release()}\n")
        return
    if f"{name} {rest[0] if rest else ''}" in COMMANDS:
        name = f"{name} {rest.pop(0)}"
    command = COMMANDS.get(name)
    if command is None:
        sys.exit(_unknown(name))
    # Only the program asked for is loaded. Its help speaks of `touchback`, not of a module.
    try:
        program = import_module(f"{command.module}.__main__").app
    except ModuleNotFoundError as error:
        sys.exit(_missing(error))
    spoken = "touchback" if command.words else f"touchback {name}"
    program([*command.words, *rest], prog_name=spoken)


def _missing(error: ModuleNotFoundError) -> int:
    """Say what to do when this environment is older than the code, as after a pull."""
    package = (error.name or "").partition(".")[0]
    if package in ("", "services", "shared"):
        raise error
    sys.stderr.write(
        f"touchback: the package {package} is not installed here; `make setup` brings"
        " everything that requirements.lock names\n"
    )
    return 2


def _unknown(name: str) -> int:
    sys.stderr.write(f"touchback: no command {name!r}; should be one of {', '.join(COMMANDS)}\n")
    return 2


if __name__ == "__main__":
    main()
