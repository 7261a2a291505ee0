"""Full float32 in matrix products, whatever the session allows torch to round; and what it allows, as text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch


@contextmanager
def full_float32() -> Iterator[None]:
    """Keep products in float32 on CPUs and GPUs that were allowed to multiply in bfloat16 or TF32."""
    with ExitStack() as stack:
        for settings, name, exact in _products():
            stack.callback(setattr, settings, name, getattr(settings, name))
            setattr(settings, name, exact)
        yield


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
    owners = [getattr(backend, "matmul", None) for backend in (torch.backends.mkldnn, torch.backends.cuda)]
    if all(hasattr(owner, "fp32_precision") for owner in owners):
        return [(owner, "fp32_precision", "ieee") for owner in owners]
    return [(torch.backends.cuda.matmul, "allow_tf32", False)]
