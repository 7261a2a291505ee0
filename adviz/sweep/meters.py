"""What an experiment costs: seconds, bytes, and on what."""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

PACKAGES = (
    "adviz",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "scipy",
    "scikit-learn",
    "faiss-cpu",
    "pillow",
)
STEP = 0.02  # seconds between looks at the memory
NO_MODEL = ("trace_",)  # what a fitted detector keeps for people to look at


@dataclass
class Meter:
    """Seconds by name of what was timed, and the most memory beyond that of the beginning."""

    seconds: dict[str, float] = field(default_factory=dict)
    peak_bytes: int = 0

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the seconds of the block to those of `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


@contextmanager
def metered() -> Iterator[Meter]:
    """Yield a meter that watches this process's resident memory (and a GPU's, if there is one) until the block ends."""
    import psutil

    process, done, meter = psutil.Process(), threading.Event(), Meter()
    before = process.memory_info().rss

    def watch() -> None:
        while not done.wait(STEP):
            meter.peak_bytes = max(meter.peak_bytes, process.memory_info().rss - before)

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield meter
    finally:
        done.set()
        watcher.join()


def stored_bytes(detector: object) -> int:
    """Return how many bytes of arrays a fitted detector needs to judge an image."""
    seen: dict[int, int] = {}

    def visit(value: Any, depth: int) -> None:
        if isinstance(value, np.ndarray | torch.Tensor):
            seen[id(value)] = int(value.nbytes)
        elif isinstance(value, torch.nn.Module):
            for one in (*value.parameters(), *value.buffers()):
                visit(one, depth)
        elif isinstance(value, dict | list | tuple) and depth < 6:
            for one in value.values() if isinstance(value, dict) else value:
                visit(one, depth + 1)
        elif depth < 6 and (value is detector or type(value).__module__.startswith("adviz.")):
            for name, one in vars(value).items() if hasattr(value, "__dict__") else ():
                if name not in NO_MODEL:
                    visit(one, depth + 1)

    visit(detector, 0)
    return sum(seen.values())


def surroundings(threads: int) -> dict[str, Any]:
    """Return versions and machine, for the record."""
    return {"versions": dict(_versions()), "machine": machine(), "threads": threads}


def machine() -> dict[str, Any]:
    """Return what this machine is, as far as seconds depend on it."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "gpu": gpu,
    }


@cache
def _versions() -> dict[str, str]:
    """Return the packages' versions, which are read from many files and stay what they are."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found | {"python": platform.python_version()}
