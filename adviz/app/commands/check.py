"""`adviz check`: look through a data set's folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from adviz.app.commands.errors import Failed

SUMMARY = "look through a data set's folder: what is missing, what looks wrong"
NEEDS: dict[str, str] = {}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    parser.add_argument("path", type=Path, metavar="PATH")


def main(options: argparse.Namespace) -> None:
    """Print the check of a data set's folder; fail if anything can change results."""
    from adviz import data

    # The head is printed while images are still being opened.
    report = data.check(options.path, watch=lambda check: print(check.head(), flush=True))
    print(report.body())
    if not report.layout:
        raise Failed("no data set that can be read; the lines above lead to one")
    if not report.ok:
        raise Failed("what is marked with ! can change results")
