"""One process a fault: forked from a parent that has imported all but adviz, it imports the faulty
module and tests.
"""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import importlib
import importlib.util
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from tests.mutation.child import FAILED, INTERRUPTED, PASSED, Faulty, traced, tried
from tests.mutation.edits import Edit

# What takes seconds to import and is not adviz.
COMMON = (
    "faiss", "hypothesis", "matplotlib.pyplot", "numpy", "pandas", "PIL.Image", "psutil", "pytest", "safetensors.torch",
    "scipy.ndimage", "scipy.sparse", "scipy.stats", "skimage.measure", "skimage.data", "sklearn.metrics",
    "sklearn.covariance", "sklearn.decomposition", "sklearn.neighbors", "timm", "torch", "torch._dynamo", "torchvision",
    "tqdm.auto",
)  # fmt: skip
# Which tests are the most telling of a file, where they are not those of its own name. A file whose
# name is not unique is written with its folder.
STUDENTS = ("test_reverse_distillation.py", "test_plain_distillation.py")
TELLING = {
    "checks": ("test_curves.py", "test_overlap.py"),
    "counts": ("test_curves.py", "test_pixels.py"),
    **dict.fromkeys(
        ("prototypes", "greedy", "integer_grid", "random_projection"), ("test_coreset.py",)
    ),
    "detectors/base": ("test_contract.py",),
    "gallery_search": ("test_spade.py",),
    "spade/detector": ("test_spade.py",),
    "dn2": ("test_spade.py",),
    **dict.fromkeys(
        (
            "distillation/base",
            "distillation/networks",
            "distillation/reverse",
            "distillation/training",
            "teacher",
        ),
        STUDENTS,
    ),
    **dict.fromkeys(
        ("conventional", "forward_networks"), ("test_conventional_distillation.py", STUDENTS[1])
    ),
    "patchcore/detector": ("test_patchcore.py",),
    "embedding": ("test_patch_embedding.py",),
    "image_score": ("test_patchcore.py",),
}
MEMORY = 8 * 2**30  # bytes that one fault may allocate


@dataclass
class Tests:
    """What the tests of the tree as it is run: all of them pass.

    Attributes
    ----------
    seconds: test -> how long it takes.
    ran: path -> line -> the tests that run it.
    """

    seconds: dict[str, float]
    ran: dict[str, dict[int, set[str]]]

    def of(self, edit: Edit, budget: float = float("inf")) -> list[str]:
        """Return the tests that can see a fault: the most telling, then the others, each the
        fastest first.

        Of the others not more than take `budget` seconds, so that a fault may survive that a
        further one would notice.
        """
        lines = self.ran.get(edit.path, {})
        file = Path(edit.path).with_suffix("")
        in_folder = f"{file.parent.name}/{file.name}"
        named = TELLING.get(in_folder) or TELLING.get(file.name, (f"test_{file.name}.py",))
        if edit.lines is None:
            found = set(self.seconds)
        else:
            found = {
                test for n in range(edit.lines[0], edit.lines[1] + 1) for test in lines.get(n, ())
            }
        telling = {test for test in found if test.partition("::")[0].rpartition("/")[2] in named}
        others = sorted(found - telling, key=lambda test: (self.seconds[test], test))
        spent = accumulate((self.seconds[test] for test in others), initial=0.0)
        first = sorted(telling, key=lambda test: (self.seconds[test], test))
        return [
            *first,
            *(test for test, before in zip(others, spent, strict=False) if before <= budget),
        ]


@dataclass(frozen=True)
class Outcome:
    """What became of a fault: what noticed it, or "survived"; after how many tests that can see it."""

    edit: Edit
    by: str
    test: str
    tests: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Outcome:
        lines = values["edit"]["lines"]
        edit = Edit(**{**values["edit"], "lines": lines if lines is None else tuple(lines)})
        return cls(**{**values, "edit": edit})


def import_what_all_need() -> None:
    """Import what is common to all faults, so that a fork of this process has it."""
    os.environ |= {
        "ADVIZ_PROGRESS": "0",
        "OMP_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "passive",
        "MPLBACKEND": "agg",
    }
    # Looking for plugins takes longer than most tests
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in COMMON:
        if importlib.util.find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    import hypothesis

    hypothesis.settings.register_profile("mutation", database=None, derandomize=True)
    hypothesis.settings.load_profile("mutation")
    if any(name.partition(".")[0] == "adviz" for name in sys.modules):
        raise RuntimeError("expected that nothing has imported adviz, or a fault would not be seen")
    gc.freeze()  # a child need not go through a million objects that it shares


def measured(files: Sequence[str], sources: Sequence[str], left_out: Sequence[str] = ()) -> Tests:
    """Run the tests on the tree as it is; return how long each takes and which lines it runs.

    That is kept in the folder .cache for as long as the tree stays as it is.

    Raises
    ------
    RuntimeError: they do not all pass: what fails without a fault says nothing of one.
    """
    arguments = [*files, *(f"--deselect={test}" for test in left_out)]
    digest = hashlib.blake2b(json.dumps([arguments, list(sources)]).encode(), digest_size=8)
    for path in sorted([*Path("adviz").rglob("*.py"), *Path("tests").rglob("*.py")]):
        digest.update(path.read_bytes())
    kept = Path(".cache", f"mutation-tests-{digest.hexdigest()}.json")
    if not kept.exists():
        child = _Child(partial(traced, arguments, sources))
        result = child.wait()
        if result is None or result["code"] != PASSED:
            raise RuntimeError(
                f"expected that all tests pass without a fault: {result}\n{child.tail()}"
            )
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(result))
    result = json.loads(kept.read_text())
    ran = {
        path: {int(n): set(tests) for n, tests in lines.items()}
        for path, lines in result["ran"].items()
    }
    return Tests(result["seconds"], ran)


def outcomes(
    edits: Mapping[str, Sequence[Edit]],
    tests: Tests,
    *,
    jobs: int,
    budget: float = float("inf"),
    patience: float = 10.0,
) -> Iterator[tuple[str, Outcome]]:
    """Try all faults, `jobs` at once, beginning with none at all, which has to survive in every
    module.

    A test may take `patience` seconds of processor time and five times as much as it does without a
    fault.

    Raises
    ------
    RuntimeError: the tests fail on a file that was put in place unchanged.
    """
    waiting = [
        (name, _unchanged(of_module[0].path)) for name, of_module in edits.items() if of_module
    ]
    waiting += [(name, edit) for name, of_module in edits.items() for edit in of_module]
    running: dict[_Child, tuple[str, Edit, int]] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            name, edit = waiting.pop(0)
            chosen = {test: patience + 5 * tests.seconds[test] for test in tests.of(edit, budget)}
            running[_Child(partial(tried, Faulty(edit), chosen, patience))] = (
                name,
                edit,
                len(chosen),
            )
        for child in [child for child in running if child.ended()]:
            name, edit, count = running.pop(child)
            outcome = _judged(child, edit, count)
            if edit.operator:
                yield name, outcome
            elif outcome.by != "survived":
                raise RuntimeError(
                    f"expected that {name} survives without a fault: {outcome}\n{child.tail()}"
                )
        time.sleep(0.02)


def _unchanged(path: str) -> Edit:
    return Edit(path, "", 1, 0, 0, "", None)


def _judged(child: _Child, edit: Edit, count: int) -> Outcome:
    """Say what noticed the fault; what is neither a test nor the fault's own doing is an error of
    ours.
    """
    result = child.wait()
    if result is None:
        by, test = ("time" if child.late else "crash"), ""
    elif result["code"] == PASSED:
        by, test = "survived", ""
    elif result["code"] in (FAILED, INTERRUPTED) and result["test"]:
        by, test = result["kind"], result["test"]
    else:
        raise RuntimeError(f"expected a test's verdict on {edit}, got {result}\n{child.tail()}")
    return Outcome(edit, by, test, count, child.seconds)


class _Child:
    """A forked process that runs a function and writes its result, a JSON value, to a file."""

    def __init__(self, work: Callable[[], dict[str, Any]]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mutation-")
        self._result, self._output = (
            Path(self._folder.name, name) for name in ("result.json", "output")
        )
        self._started, self._status = time.monotonic(), None
        self._pid = os.fork()
        if self._pid == 0:
            self._be(work)

    def _be(self, work: Callable[[], dict[str, Any]]) -> None:
        code = 1
        try:
            output = os.open(self._output, os.O_WRONLY | os.O_CREAT)
            os.dup2(output, 1)
            os.dup2(output, 2)
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            self._result.write_text(json.dumps(work()))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # no cleaning up of what is the parent's

    def ended(self) -> bool:
        if self._status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._status, self.seconds = status, time.monotonic() - self._started
        return self._status is not None

    @property
    def late(self) -> bool:
        """Whether the system ended it because it took too long."""
        status = self._status or 0
        return os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM)

    def wait(self) -> dict[str, Any] | None:
        """Return what it wrote; None where it did not come to that."""
        while not self.ended():
            time.sleep(0.02)
        return json.loads(self._result.read_text()) if self._status == 0 else None

    def tail(self) -> str:
        """Return the end of what it printed."""
        return self._output.read_text(errors="replace")[-3000:]
