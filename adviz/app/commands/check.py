"""`adviz check`: look through a data set's folder, and say what it takes to learn from it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from adviz.app.commands.errors import Failed
from adviz.app.commands.sentences import false_alarms, indented

if TYPE_CHECKING:
    from adviz.data import Category

SUMMARY = "look through a data set's folder: what is missing, what looks wrong"
NEEDS: dict[str, str] = {}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    path_help = (
        "folder of a part, with good/ and, if there are any, bad/; or of a data set such as MVTec "
        "AD, or of one category of it; nothing in it is changed"
    )
    parser.add_argument("path", type=Path, metavar="PATH", help=path_help)


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
    without_code = _without_code(
        options.path, may_be_copies=bool(report.of("near duplicates across parts"))
    )
    if without_code:
        print(f"\nOr without code\n{without_code}", flush=True)


def _without_code(path: Path, *, may_be_copies: bool) -> str:
    """Return how to go on with `adviz learn`; "" where it does not learn from such a folder."""
    from adviz import data
    from adviz.app.learned import TooFew, photographs

    learn = f"adviz learn {data.quoted(path)}"
    try:
        part = photographs(path)
    except TooFew as error:
        return indented(f"{learn}: {error}")
    except (ValueError, FileNotFoundError):  # several categories, or a published layout
        return ""
    lines = [
        f"  {learn}",
        indented(_what_learn_does(part, data.folder(path), may_be_copies=may_be_copies), 4),
        "  adviz judge PHOTOGRAPH",
        indented("says whether another photograph is anomalous, where, and why", 4),
        f"  adviz new {data.quoted(path)}",
        indented("writes a notebook with the same steps, to look closer", 4),
    ]
    return "\n".join(lines)


def _what_learn_does(part: Category, as_read: Category, *, may_be_copies: bool) -> str:
    """Return how photographs are divided and resized, and what their number promises.

    Parameters
    ----------
    part: the photographs as `adviz learn` takes them.
    as_read: as `data.folder`, whose numbers the check prints.
    may_be_copies: whether the check found photographs that look nearly the same.
    """
    from adviz.app.learned import RATE, least_rate, needed

    assert part.validation is not None  # noqa: S101 (`photographs` holds some out)
    n_learned, n_held_out = len(part.train), len(part.validation)
    n_good = n_learned + n_held_out
    rate = max(RATE, least_rate(n_held_out))
    height, width = part.train.image_size
    of_other_parts = ", if no two of all are of one part," if may_be_copies else ""
    text = (
        f"learns from {n_learned} good photographs, and sets a threshold on {n_held_out} others, "
        f"every third of the {n_good}. Of further good ones{of_other_parts} "
        f"{false_alarms(n_held_out, rate)} are false alarms"
    )
    if rate > RATE:
        text += f". {100 * RATE:g} % on average takes {needed(RATE)} good ones"
    text += f". Photographs become {width}x{height} pixels, and nothing is cut off"
    differences = []
    if len(as_read.train) != n_good:
        differences.append(("keeps every fifth good one for a test", "a threshold needs more"))
    if as_read.train.geometry.crop:
        differences.append(("cuts off the edges, as papers do", "a defect may be there"))
    if differences:
        others, reasons = zip(*differences, strict=True)
        text += (
            f". (Above, and in Python, data.folder {' and '.join(others)}; here "
            f"{', and '.join(reasons)})"
        )
    return text
