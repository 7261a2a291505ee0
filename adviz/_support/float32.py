"""Full float32 in matrix products, whatever the session allows torch to round; and what it allows, as text."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_lock = threading.Lock()
_before: list[Any] = []  # the settings that the first of those inside found
_inside = 0


@contextmanager
def full_float32() -> Iterator[None]:
    """Keep products in float32 on CPUs and GPUs that were allowed to multiply in bfloat16 or TF32, autocast included.

    The settings are the whole process's: the first of several threads sets them, the last puts them
    back.
    """
    global _inside
    with _lock:
        if not _inside:
            _before[:] = [getattr(settings, name) for settings, name, _ in _products()]
            for settings, name, exact in _products():
                setattr(settings, name, exact)
        _inside += 1
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                for (settings, name, _), value in zip(_products(), _before, strict=True):
                    setattr(settings, name, value)


def allowed() -> str:
    """Return what torch may round in products and convolutions, for keys of what it computes."""
    backends = torch.backends
    places = [
        (backends.mkldnn, "matmul"),
        (backends.mkldnn, "conv"),
        (backends.cuda, "matmul"),
        (backends.cudnn, "conv"),
    ]
    found = [getattr(getattr(owner, name, None), "fp32_precision", None) for owner, name in places]
    if None in found:  # torch before 2.9
        found = [torch.get_float32_matmul_precision(), backends.cudnn.allow_tf32]
    return " ".join(map(str, found))


def _products() -> list[tuple[Any, str, Any]]:
    """Return where precision is set, under which name, and the value that rounds nothing."""
    owners = [
        getattr(backend, "matmul", None) for backend in (torch.backends.mkldnn, torch.backends.cuda)
    ]
    if all(hasattr(owner, "fp32_precision") for owner in owners):
        return [(owner, "fp32_precision", "ieee") for owner in owners]
    return [(torch.backends.cuda.matmul, "allow_tf32", False)]
