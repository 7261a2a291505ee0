"""Print how long adviz takes beside what a user would pick instead; see README.md."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import textwrap
import time
from datetime import date
from pathlib import Path

os.environ.setdefault("ADVIZ_PROGRESS", "0")
# Waiting threads that spin take the cores from each other
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks import baseline
from benchmarks.timing import Options, Section, Target, cores, machine, use_threads

NAMES = (
    "coreset",
    "search",
    "spade",
    "padim",
    "distillation",
    "metrics",
    "embedding",
    "features",
    "end_to_end",
    "growth",
    "race",
)


HERE = Path(__file__).parent
RESULTS = HERE / "results.md"
BASELINE = HERE / "baseline.json"


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmarks named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(NAMES)}; default: all"
    )
    parser.add_argument(
        "--repeats", type=int, default=3, help="rounds of every comparison (default: 3)"
    )
    parser.add_argument("--quick", action="store_true", help="few images and 1 round: does it run?")
    parser.add_argument(
        "--full", action="store_true", help="also WideResNet50 and 1.6 million rows"
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=cores(),
        help="of every library (default: the cores there are)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the ratios there")
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="FILE",
        help=f"say what became slower than in a run whose ratios it holds, such as benchmarks/{BASELINE.name}",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help=f"write {RESULTS.name} and {BASELINE.name} anew; of a run of all",
    )
    args = parser.parse_args(arguments)
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"expected some of {', '.join(NAMES)}, got {', '.join(sorted(unknown))}")
    if args.write and (args.names or args.quick or args.full):
        parser.error("expected --write without NAME, --quick and --full: it keeps runs of all")
    options = Options(1 if args.quick else args.repeats, args.quick, args.full, args.threads)
    before = {}
    if args.baseline:
        try:
            before = baseline.read(args.baseline, options)
        except (OSError, ValueError) as error:
            parser.error(str(error))
    start = time.perf_counter()
    limits = use_threads(args.threads)
    head = (
        f"{machine()}; {args.threads} threads\n\nMedians of {options.repeats} interleaved rounds; a ratio is the "
        f"median of each round's.\n"
    )
    print(head, flush=True)
    sections: list[Section] = []
    for name in args.names or NAMES:
        began = time.perf_counter()
        for section in importlib.import_module(f"benchmarks.{name}").run(options):
            print(section, flush=True)
            sections.append(section)
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    del limits
    minutes = (time.perf_counter() - start) / 60
    targets = _table([target for section in sections for target in section.targets])
    if not args.quick:
        print(targets)
    if args.json:
        baseline.write(args.json, sections, options)
    if args.baseline:
        found = list(baseline.slower(sections, before, whole=not args.names)) or ["nothing"]
        print("\n### Slower than the baseline\n", *(f"- {line}" for line in found), sep="\n")
    if args.write:
        baseline.write(BASELINE, sections, options)
        RESULTS.write_text(_results(head, minutes, targets, sections), encoding="utf-8")


def _results(head: str, minutes: float, targets: str, sections: list[Section]) -> str:
    """Return the page of results, its sentences in lines of at most 120 characters."""
    page = "\n".join(
        [
            "# Results\n",
            "Written by `python -m benchmarks --write`. How it is measured, and what it rests on: "
            "[README.md](README.md).\n",
            f"{date.today()}: {head}",
            f"All in one go: {minutes:.0f} minutes.\n",
            targets.replace("### ", "## "),
            "\n## Tables\n",
            "A *row* is a feature vector, of a patch or a memory bank entry; *cells* in a title are the locations of a "
            "feature map,\nand *shares* the contributions of layers.\n",
            *map(str, sections),
        ]
    )
    return "\n".join(map(_wrapped, page.split("\n")))


def _wrapped(line: str) -> str:
    """Return a line, or what it says in several; rows of tables stay."""
    if line.startswith("|"):
        return line
    indent = "  " if line.startswith("- ") else ""
    return textwrap.fill(
        line, 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _table(targets: list[Target]) -> str:
    lines = ["### Targets", "", "| target | measured | holds |", "|---|---:|---|"]
    return "\n".join(
        [
            *lines,
            *(
                f"| {t.promise} | {t.measured} | {'yes' if t.holds else '**no**'} |"
                for t in targets
            ),
        ]
    )


if __name__ == "__main__":
    main()
