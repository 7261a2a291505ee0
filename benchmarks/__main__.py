"""Print how long adviz takes beside what a user would pick instead; see README.md."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time

os.environ.setdefault("ADVIZ_PROGRESS", "0")
# Waiting threads that spin take the cores from each other
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks.timing import Options, Target, cores, machine, use_threads

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
)


def main() -> None:
    """Run the benchmarks named on the command line, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which of {', '.join(NAMES)}; default: all"
    )
    parser.add_argument(
        "--repeats", type=int, default=5, help="rounds of every comparison (default: 5)"
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
    args = parser.parse_args()
    if unknown := set(args.names) - set(NAMES):
        parser.error(f"expected some of {', '.join(NAMES)}, got {', '.join(sorted(unknown))}")
    options = Options(1 if args.quick else args.repeats, args.quick, args.full)
    limits = use_threads(args.threads)
    print(
        f"{machine()}; {args.threads} threads\n\nMedians of {options.repeats} interleaved rounds; a ratio is the "
        f"median of each round's.\n",
        flush=True,
    )
    targets: list[Target] = []
    for name in args.names or NAMES:
        start = time.perf_counter()
        for section in importlib.import_module(f"benchmarks.{name}").run(options):
            print(section, flush=True)
            targets += section.targets
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    if not args.quick:
        print(_table(targets))
    del limits


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
