"""Do the tests notice faults? Seeded faults in four groups of modules, each against the tests that
run its line.

``python -m tests.mutation --seed 0 --per-module 150`` from the repository's root; nothing is
written but the result.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.edits import Edit, edits_of, required_arguments, sample
from tests.mutation.running import Outcome, import_what_all_need, measured, outcomes

MATCHERS = ("detectors/test_patchcore.py", "detectors/test_spade.py")
SEARCHES = "core/test_search_properties.py"
# group -> its files, the tests (of those that exist) that are to notice its faults, and a factor on
# --per-module
MODULES = {
    "metrics": ("adviz/metrics/*.py", ("metrics",), 1),
    "coreset": (
        "adviz/core/coreset/*.py",
        ("core/test_coreset.py", "core/test_coverage.py", SEARCHES, MATCHERS[0]),
        1,
    ),
    "neighbors": ("adviz/core/neighbors.py", ("core/test_neighbors.py", SEARCHES, *MATCHERS), 1),
    "detectors": ("adviz/detectors/**/*.py", ("detectors",), 2),
}
LEFT_OUT = (  # a minute for lines that faster tests run as well
    "detectors/test_distillation_quality.py",
    "detectors/test_reverse_distillation.py::test_wide_resnet50_at_256_pixels_in_one_step",
)
KILLED = ("test", "import", "collection", "time", "crash")  # by what; all but "survived"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    root = Path.cwd()
    if not (root / "adviz").is_dir() or not (root / "tests").is_dir():
        raise SystemExit(f"expected to be started in the repository's root, got {root}")
    os.nice(10)
    started = time.monotonic()
    import_what_all_need()
    files = {Path("tests", test) for name in options.modules for test in MODULES[name][1]}
    there = sorted(
        str(file) for file in files if file.exists() and not files.intersection(file.parents)
    )
    places = {name: _places(name, options.only) for name in options.modules}
    sources = sorted(path for of_module in places.values() for path in of_module)
    tests = measured(there, sources, [f"tests/{test}" for test in LEFT_OUT])
    print(
        f"{len(tests.seconds)} tests, {sum(tests.seconds.values()):.0f} s; {time.monotonic() - started:.0f} s so far"
    )
    for seed in options.seed:
        started = time.monotonic()
        edits = {
            name: sample(places[name], options.per_module * MODULES[name][2], seed)
            for name in options.modules
        }
        before = _before(options.after)
        found = {
            name: [before[edit] for edit in of_module if edit in before]
            for name, of_module in edits.items()
        }
        edits = {
            name: [edit for edit in of_module if edit not in before]
            for name, of_module in edits.items()
        }
        file = _write(found, seed, options)
        for number, (name, outcome) in enumerate(
            outcomes(edits, tests, jobs=options.jobs, budget=options.budget), 1
        ):
            found[name].append(outcome)
            print(f"{number:4} {outcome.seconds:5.1f} s {outcome.by:10} {outcome.edit}", flush=True)
            file = _write(found, seed, options)
        _report(found, seed)
        print(
            f"\n{(time.monotonic() - started) / 60:.0f} minutes; {file} has every fault and what noticed it"
        )
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.mutation", description=__doc__)
    parser.add_argument(
        "--seed",
        type=int,
        nargs="+",
        default=[0],
        help="which faults are drawn; several = several runs",
    )
    parser.add_argument(
        "--per-module",
        type=int,
        default=60,
        help="faults a module, detectors twice as many; 0 = all",
    )
    parser.add_argument("--modules", nargs="+", choices=MODULES, default=list(MODULES))
    parser.add_argument("--only", default="", help="only files whose path contains this")
    parser.add_argument(
        "--after",
        type=Path,
        nargs="+",
        default=[],
        help="results, of stopped runs too: what was noticed stays so",
    )
    parser.add_argument("--jobs", type=int, default=2, help="faults tried at once")
    parser.add_argument(
        "--budget", type=float, default=10.0, help="seconds of tests beside the most telling"
    )
    parser.add_argument(
        "--result",
        type=Path,
        default=Path(".cache/mutation.json"),
        help="file to write; the seed is added to its name",
    )
    return parser.parse_args(arguments)


def _places(name: str, only: str) -> dict[str, list[list[Edit]]]:
    paths = sorted(str(path) for path in Path().glob(MODULES[name][0]) if only in str(path))
    required = required_arguments(Path("adviz").rglob("*.py"))
    return {path: edits_of(path, Path(path).read_bytes(), required) for path in paths}


def _before(files: Sequence[Path]) -> dict[Edit, Outcome]:
    """Return the outcomes of former runs, but for the faults that survived them."""
    read = [
        Outcome.of_json(values)
        for file in files
        for part in json.loads(file.read_text())["faults"].values()
        for values in part
    ]
    return {outcome.edit: outcome for outcome in read if outcome.by != "survived"}


def _write(found: dict[str, list[Outcome]], seed: int, options: argparse.Namespace) -> Path:
    file = options.result.with_stem(f"{options.result.stem}-{seed}")
    file.parent.mkdir(parents=True, exist_ok=True)
    result = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "seed": seed,
        "per_module": options.per_module,
        "faults": {
            name: [outcome.as_json() for outcome in of_module] for name, of_module in found.items()
        },
    }
    file.write_text(json.dumps(result, indent=1))
    return file


def _report(found: dict[str, list[Outcome]], seed: int) -> None:
    everything = [outcome for of_module in found.values() for outcome in of_module]
    print(f"\nSurvived (seed {seed}):")
    for outcome in everything:
        if outcome.by == "survived":
            print(f"  {outcome.edit}   [{outcome.tests} tests]")
    print(
        f"\n{'':12}{'drawn':>8}"
        + "".join(f"{by:>12}" for by in (*KILLED, "survived"))
        + f"{'score':>8}"
    )
    for name, of_group in {**found, "all": everything, **_by_operator(everything)}.items():
        if of_group:
            counts = Counter(outcome.by for outcome in of_group)
            score = 1 - counts["survived"] / len(of_group)
            numbers = "".join(f"{counts[by]:12}" for by in (*KILLED, "survived"))
            print(f"{name:12}{len(of_group):8}{numbers}{score:8.1%}")


def _by_operator(everything: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for outcome in sorted(everything, key=lambda outcome: outcome.edit.operator):
        found.setdefault(outcome.edit.operator, []).append(outcome)
    return found


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Libraries that were imported to be forked complain on standard error when they are torn down
    os._exit(code)
