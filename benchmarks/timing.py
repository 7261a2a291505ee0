"""The frame of every benchmark: ways of doing one piece of work, timed in turn, and the tables they
end up in.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import os
import platform
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

import psutil

ABSENT = "not installed"


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    repeats: int = 5
    quick: bool = False
    full: bool = False
    threads: int = 1


@dataclass(frozen=True)
class Way:
    """One way to do the work.

    Attributes
    ----------
    name: whose it is.
    run: does it, or a part of it where the cost of a part is constant; None = its package is not
        installed.
    factor: how many such parts the whole work has.
    note: said beside its time.
    """

    name: str
    run: Callable[[], object] | None
    factor: float = 1.0
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One line of a table: seconds for the whole work, and how many times as long as adviz that is."""

    name: str
    seconds: float | None
    ratio: float | None
    note: str


@dataclass(frozen=True)
class Target:
    """A promise of performance, what was measured, and whether it holds."""

    promise: str
    measured: str
    holds: bool


@dataclass
class Section:
    """What one benchmark prints."""

    title: str
    facts: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)

    def ratio(self, name: str) -> float | None:
        """Return the ratio of a row; None where it was not timed."""
        return next((row.ratio for row in self.rows if row.name == name), None)

    def seconds(self, name: str) -> float:
        """Return the seconds of a row that was timed."""
        return next(
            row.seconds for row in self.rows if row.name == name and row.seconds is not None
        )

    def expect(self, promise: str, name: str, least: float) -> None:
        """Add the target that a way takes at least so many times as long as adviz; skipped where it
        is absent.
        """
        if (ratio := self.ratio(name)) is not None:
            self.at_least(f"{promise}: >= {least:g}x {name}", ratio, least)

    def at_least(self, promise: str, ratio: float, least: float) -> None:
        """Add the target that a ratio reaches a number."""
        self.targets.append(Target(promise, f"{ratio:.1f}x", ratio >= least))

    def within(self, promise: str, value: float, limit: float, unit: str = "") -> None:
        """Add the target that a measured value is at most its limit."""
        self.targets.append(
            Target(f"{promise}: <= {limit:g}{unit}", f"{value:.3g}{unit}", value <= limit)
        )

    def __str__(self) -> str:
        lines = [f"### {self.title}", "", *(f"- {fact}" for fact in self.facts)]
        if self.rows:
            lines += ["", "| way | seconds | x adviz | note |", "|---|---:|---:|---|"]
        for row in self.rows:
            seconds = (
                ""
                if row.seconds is None
                else f"{row.seconds:.3g}"
                if row.seconds < 100
                else f"{row.seconds:.0f}"
            )
            ratio = (
                ""
                if row.ratio is None
                else f"{row.ratio:.3g}"
                if row.ratio < 100
                else f"{row.ratio:.0f}"
            )
            lines.append(f"| {row.name} | {seconds} | {ratio} | {row.note} |")
        return "\n".join([*lines, ""])


def interleaved(ways: Sequence[Way], repeats: int) -> list[Row]:
    """Time every way once a round, `repeats` rounds: other load then meets all of them alike.

    Seconds are medians over the rounds. The ratio is the median of each round's ratio to the first
    way, which is adviz. Nothing is warmed up here: the checks before the timing have run every way
    once.
    """
    seconds: dict[str, list[float]] = {way.name: [] for way in ways if way.run}
    for _ in range(repeats):
        for way in ways:
            if way.run:
                seconds[way.name].append(once(way.run) * way.factor)
    first = seconds[ways[0].name]
    rows = []
    for way in ways:
        if way.run is None:
            rows.append(Row(way.name, None, None, ABSENT))
            continue
        ratios = [other / ours for other, ours in zip(seconds[way.name], first, strict=True)]
        note = "; ".join(
            part for part in ("extrapolated" if way.factor != 1 else "", way.note) if part
        )
        rows.append(
            Row(way.name, statistics.median(seconds[way.name]), statistics.median(ratios), note)
        )
    return rows


def once(task: Callable[[], object]) -> float:
    """Return the seconds of one run."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


@contextmanager
def peak_memory() -> Iterator[Callable[[], float]]:
    """Watch the resident memory of this process; the value is called for the peak above the start,
    in MiB.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # what earlier work freed must not hide what this one takes
    process, stop = psutil.Process(), threading.Event()
    start = highest = process.memory_info().rss

    def watch() -> None:
        nonlocal highest
        while not stop.wait(0.005):
            highest = max(highest, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield lambda: (max(highest, process.memory_info().rss) - start) / 2**20
    finally:
        stop.set()
        watcher.join()


def installed(package: str) -> bool:
    """Return whether a package can be imported."""
    return importlib.util.find_spec(package) is not None


def use_threads(count: int) -> object:
    """Give every pool the same number of threads; the limits last as long as what is returned."""
    import faiss
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(count)
    faiss.omp_set_num_threads(count)
    return threadpool_limits(count)


def machine() -> str:
    """Describe the machine in one paragraph: processor, cores, memory, versions, and how busy it
    is.
    """
    packages = (
        "numpy",
        "scipy",
        "torch",
        "faiss-cpu",
        "scikit-learn",
        "scikit-image",
        "torchmetrics",
        "anomalib",
    )
    here = {"faiss-cpu": "faiss", "scikit-learn": "sklearn", "scikit-image": "skimage"}
    versions = [f"{name} {version(name)}" for name in packages if installed(here.get(name, name))]
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{_processor()}, {cores()} cores, {memory:.0f} GiB; load average {os.getloadavg()[0]:.1f}; "
        f"Python {platform.python_version()}, {', '.join(versions)}"
    )


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def _processor() -> str:
    import torch

    with open("/proc/cpuinfo") as lines:
        name = next(
            (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?"
        )
    return f"{name} ({torch.backends.cpu.get_cpu_capability()}, {platform.machine()})"
