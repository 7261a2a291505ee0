"""What a forked process does: import one faulty module and run the tests, or trace which lines the
tests run.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import resource
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from tests.mutation.edits import Edit

QUIET = "-x -q -p no:cacheprovider -p no:nbval -p no:xdist -W ignore::pytest.PytestAssertRewriteWarning".split()
PASSED, FAILED, INTERRUPTED = 0, 1, 2  # pytest's exit codes


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from bytes that are not those of its file."""

    code: CodeType

    def get_code(self, fullname: str) -> CodeType:
        return self.code


class Faulty:
    """Finds one module, with the fault in it; all others are found as ever.

    Raises
    ------
    SyntaxError: the fault makes no Python of it, which is a fault of ours.
    """

    def __init__(self, edit: Edit) -> None:
        path = Path(edit.path).resolve()
        parts = Path(edit.path).with_suffix("").parts
        self.name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        source = edit.applied(path.read_bytes())
        self.loader = _Loader(self.name, str(path))
        self.loader.code = compile(source, str(path), "exec", dont_inherit=True)
        self.spec = importlib.util.spec_from_file_location(self.name, path, loader=self.loader)
        if self.spec is None:
            raise RuntimeError(f"no module can be made of {path}")

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        return self.spec if name == self.name else None


class _Watcher:
    """Pytest's hooks: run only some tests, in their order and within their time; remember the first
    that fails.
    """

    def __init__(self, chosen: Mapping[str, float]) -> None:
        self.place = {test: place for place, test in enumerate(chosen)}
        self.limits = chosen
        self.failed, self.kind = "", "test"

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        _end_after(self.limits[nodeid])

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self.place),
            key=lambda i: self.place[i.nodeid],
        )

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed and not self.failed:
            self.failed, self.kind = report.nodeid, "collection"

    def pytest_keyboard_interrupt(self) -> None:
        self.failed = self.failed or "interrupted"


def _end_after(seconds: float) -> None:
    """Let the system end this process when it has used so much more processor time, or 20 times as
    long has passed.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    limit = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
    signal.setitimer(signal.ITIMER_REAL, 20 * seconds)


def tried(faulty: Faulty, chosen: Mapping[str, float], patience: float) -> dict[str, Any]:
    """Import the faulty module, then run the tests file by file, in the order of their first ones,
    until one fails.

    `chosen` is how many seconds each of them may take; beside it `patience` is for imports and for
    collecting.
    """
    _end_after(patience)
    sys.meta_path.insert(0, faulty)
    try:
        importlib.import_module(faulty.name)
    except Exception as error:  # any error at all is the fault's
        return {"code": FAILED, "kind": "import", "test": repr(error)}
    files: dict[str, dict[str, float]] = {}
    for test, seconds in chosen.items():
        files.setdefault(test.partition("::")[0], {})[test] = seconds
    for file in files:
        _end_after(patience)
        watcher = _Watcher(files[file])
        code = int(pytest.main([*QUIET, file], plugins=[watcher]))
        if code != PASSED:
            return {"code": code, "kind": watcher.kind, "test": watcher.failed}
    return {"code": PASSED, "kind": "", "test": ""}


class _Tracer:
    """Pytest's hooks: which lines of some files each test runs, and how long it takes.

    Lines of a fixture that several tests share are those of every test in the file.
    """

    def __init__(self, sources: Sequence[str]) -> None:
        self.names = {str(Path(path).resolve()): path for path in sources}
        self.ran: dict[str, dict[int, set[str]]] = {path: defaultdict(set) for path in sources}
        self.seconds: dict[str, float] = {}
        self.current, self.shared = "", False
        self.tests: dict[str, list[str]] = defaultdict(list)

    def __call__(self, frame: FrameType, event: str, _argument: object) -> Any:
        path = self.names.get(frame.f_code.co_filename)
        if path is None:
            return None
        lines = self.ran[path]

        def line(frame: FrameType, event: str, _argument: object) -> Any:
            if event == "line" and self.current:
                lines[frame.f_lineno].add(
                    self.current.partition("::")[0] if self.shared else self.current
                )
            return line

        return line

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.current = nodeid
        self.tests[nodeid.partition("::")[0]].append(nodeid)
        self.seconds[nodeid] = -time.process_time()  # which other programs do not lengthen
        threading.settrace(self)
        sys.settrace(self)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        sys.settrace(None)
        self.seconds[nodeid] += time.process_time()
        self.current = ""

    def result(self, code: int) -> dict[str, Any]:
        """Return everything as JSON values, without files in the place of tests."""

        def tests(names: set[str]) -> list[str]:
            return [
                test for name in names for test in ([name] if "::" in name else self.tests[name])
            ]

        ran = {
            path: {n: tests(names) for n, names in lines.items()}
            for path, lines in self.ran.items()
        }
        return {"code": code, "seconds": self.seconds, "ran": ran}


def traced(files: Sequence[str], sources: Sequence[str]) -> dict[str, Any]:
    """Run all tests of some files; return how long each takes and which lines of the sources it
    runs.
    """
    tracer = _Tracer(sources)

    class Shared:
        @pytest.hookimpl(wrapper=True)
        def pytest_fixture_setup(self, fixturedef: Any) -> Any:
            before, tracer.shared = tracer.shared, tracer.shared or fixturedef.scope != "function"
            try:
                return (yield)
            finally:
                tracer.shared = before

    code = int(pytest.main([*QUIET, *files], plugins=[tracer, Shared()]))
    return tracer.result(code)
