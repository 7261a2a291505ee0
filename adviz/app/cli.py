"""The command `adviz`: what it can do, and how it ends."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

from adviz import __version__
from adviz.app.commands import cache, check, demo, export_model, judge, lab, learn, new, run
from adviz.app.commands.errors import Failed, UsageError

DESCRIPTION = "Image anomaly detection: learn from good photographs, judge others, see why."


class Command(Protocol):
    """What a module of `adviz.app.commands` offers."""

    @property
    def SUMMARY(self) -> str:
        """One line for `adviz --help`."""

    @property
    def NEEDS(self) -> Mapping[str, str]:
        """Modules of the extra `lab` that it needs, and what they are called."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> Any:
        """Add what the command takes."""

    def main(self, options: argparse.Namespace) -> int | None:
        """Do it; return the exit status, None = 0. `UsageError` is status 2, `Failed` is 1."""


# A new command is a module and a line here
COMMANDS: dict[str, Command] = {
    "lab": lab,
    "demo": demo,
    "run": run,
    "check": check,
    "learn": learn,
    "judge": judge,
    "new": new,
    "cache": cache,
    "export-model": export_model,
}


def require_installed(name: str) -> None:
    """Raise an error that tells how to install what a command needs, where it is missing."""
    modules = COMMANDS[name].NEEDS
    missing = [title for module, title in modules.items() if find_spec(module) is None]
    if missing:
        titles = " and ".join(missing)
        raise UsageError(f'adviz {name} needs {titles}: pip install "adviz-anomaly[lab]"')


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(prog="adviz", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"adviz {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.add_arguments(
            commands.add_parser(name, help=command.SUMMARY, description=command.__doc__)
        )
    commands.add_parser("version", help="print the version")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return 0, 1 if something did not pass, 2 after a wrong request.

    Without a command it prints the help, and that is a wrong request: a script may have lost it. A
    command may return another status, which its help states.
    """
    parser = build_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return 2
    if options.command == "version":
        print(f"adviz {__version__}")
        return 0
    try:
        require_installed(options.command)
        return COMMANDS[options.command].main(options) or 0
    except Failed as error:
        print(f"adviz: {error}", file=sys.stderr)
        return 1
    except (UsageError, OSError) as error:
        print(f"adviz: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
