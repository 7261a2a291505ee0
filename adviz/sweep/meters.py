"""Seconds, memory and versions of an experiment, for the record."""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

from adviz.core import faiss_build

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "scipy",
    "scikit-learn",
    "faiss-cpu",
    "faiss-gpu",
    "pillow",
)
INTERVAL = 0.02  # seconds between two measurements of the memory
MAX_DEPTH = 6  # of containers in containers in a detector
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
    """Yield a meter that watches this process's resident memory until the block ends."""
    import psutil

    process = psutil.Process()
    done = threading.Event()
    meter = Meter()
    before = process.memory_info().rss

    def watch() -> None:
        while not done.wait(INTERVAL):
            meter.peak_bytes = max(meter.peak_bytes, process.memory_info().rss - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield meter
    finally:
        done.set()
        watcher.join()


def stored_bytes(detector: object) -> int:
    """Return how many bytes of arrays a fitted detector needs to predict."""
    bytes_by_array: dict[int, int] = {}  # each array counts once, however often it is referred to

    def visit(value: Any, depth: int) -> None:
        if isinstance(value, np.ndarray | torch.Tensor):
            bytes_by_array[id(value)] = int(value.nbytes)
        elif isinstance(value, torch.nn.Module):
            for tensor in (*value.parameters(), *value.buffers()):
                visit(tensor, depth)
        elif depth < MAX_DEPTH:
            for item in _items_of(value, is_detector=value is detector):
                visit(item, depth + 1)

    visit(detector, 0)
    return sum(bytes_by_array.values())


def _items_of(value: Any, is_detector: bool) -> Iterable[Any]:
    """Return what a container holds, or the attributes of a detector or another object of adviz."""
    if isinstance(value, dict):
        return value.values()
    if isinstance(value, list | tuple):
        return value
    is_ours = is_detector or type(value).__module__.startswith("adviz.")
    if is_ours and hasattr(value, "__dict__"):
        return [item for name, item in vars(value).items() if name not in NO_MODEL]
    return ()


def surroundings(threads: int) -> dict[str, Any]:
    """Return versions and machine, for the record."""
    return {
        "versions": dict(_versions()),
        "faiss": faiss_build(),
        "machine": machine(),
        "threads": threads,
    }


def machine() -> dict[str, Any]:
    """Return what this machine is, as far as seconds depend on it."""
    return {
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


@cache
def _versions() -> dict[str, str]:
    """Return the versions of the packages that decide results; read from disk once."""
    # adviz's distribution has another name than the module
    versions = {"adviz": sys.modules["adviz"].__version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions | {"python": platform.python_version()}
