"""Matrix products in full float32, even if the session allows torch to round."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

_lock = threading.Lock()
_settings_before: list[Any] = []  # as they were when the first thread entered
_n_inside = 0  # threads in `full_float32`


@contextmanager
def full_float32() -> Iterator[None]:
    """Compute products in float32 even where bfloat16, TF32 or autocast is allowed.

    The settings are the process's: the first of several threads sets them, the last puts them back.
    """
    global _n_inside
    with _lock:
        if not _n_inside:
            _settings_before[:] = [getattr(settings, name) for settings, name, _ in _products()]
            for settings, name, exact in _products():
                setattr(settings, name, exact)
        _n_inside += 1
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        with _lock:
            _n_inside -= 1
            if not _n_inside:
                for (settings, name, _), value in zip(_products(), _settings_before, strict=True):
                    setattr(settings, name, value)


def allowed() -> str:
    """Return the precision that torch is allowed in products and convolutions, as text."""
    backends = torch.backends
    operations = [
        (backends.mkldnn, "matmul"),
        (backends.mkldnn, "conv"),
        (backends.cuda, "matmul"),
        (backends.cudnn, "conv"),
    ]
    precisions = [
        getattr(getattr(backend, name, None), "fp32_precision", None)
        for backend, name in operations
    ]
    if None in precisions:  # torch before 2.9
        precisions = [torch.get_float32_matmul_precision(), backends.cudnn.allow_tf32]
    return " ".join(map(str, precisions))


def _products() -> list[tuple[Any, str, Any]]:
    """Return (object, attribute, value that rounds nothing) of torch's settings for products."""
    backends = (torch.backends.mkldnn, torch.backends.cuda)
    owners = [getattr(backend, "matmul", None) for backend in backends]
    if all(hasattr(owner, "fp32_precision") for owner in owners):
        return [(owner, "fp32_precision", "ieee") for owner in owners]
    return [(torch.backends.cuda.matmul, "allow_tf32", False)]
