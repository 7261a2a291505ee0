"""`adviz demo`: the quickstart, run without a browser and written as a page."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from adviz.app.commands import lab, run

SUMMARY = "run the quickstart without a browser, print its table, write a page"
NEEDS = run.NEEDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    default = Path("quickstart.html")
    html_help = f"the page to write; default: {default}, here"
    parser.add_argument("--html", type=Path, default=default, metavar="PAGE", help=html_help)


def main(options: argparse.Namespace) -> None:
    """Run the shipped quickstart in a temporary folder, print its table and write it as a page."""
    with tempfile.TemporaryDirectory(prefix="adviz-demo-") as folder:
        notebook = lab.notebooks_folder() / lab.QUICKSTART
        run.run(notebook, Path(folder), page=options.html, in_place=False)
