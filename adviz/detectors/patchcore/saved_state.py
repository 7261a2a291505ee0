"""What a fitted PatchCore has learned, as arrays and numbers for a file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from adviz._support import archive, current_names
from adviz.core import CoresetTrace
from adviz.detectors.persistence.checked_state import CheckedState, index_arrays, restore_index

if TYPE_CHECKING:
    from adviz.detectors.patchcore.detector import PatchCore

LARGEST_POOLING = 2**24  # values of an adaptive pooling, above which a file is not believed


def state_of(detector: PatchCore) -> dict[str, Any]:
    """Return the bank, where its entries come from, and the index."""
    return {
        "aggregation": detector.aggregation_,
        "grid": detector.grid_,
        "trace": archive.parts(detector.trace_),
        "losses": getattr(detector, "losses_", None),
        "bank": detector.bank_,
        "bank_image": detector.bank_image_,
        "bank_cell": detector.bank_location_,
        "index": index_arrays(detector._index),
        "k_used": detector.k_used_,
        "b_used": detector.b_used_,
    }


def restore(detector: PatchCore, state: Mapping[str, Any]) -> None:
    """Set what `state_of` returned in a detector that has its options and layers."""
    checked = CheckedState(state)
    _restore_aggregation(detector, checked)
    bank = checked.array("bank", "float32", "M D")
    _check_dimension(detector, bank)
    detector._embedding = detector._new_embedding()
    detector.grid_ = checked.value("grid", tuple[int, int], least=1)
    trace = _trace(checked.nested("trace"), len(bank), detector.grid_)
    if trace.bound is not None and (detector.shards is None or trace.bound < 0):
        raise ValueError("expected a bound of the radius, 0 or more, only with shards")
    detector.trace_ = trace
    if detector.sampler == "proxies":
        detector.losses_ = checked.array("losses", "float64", "E")
    else:
        checked.value("losses", None)
    detector.bank_ = bank
    detector.bank_image_ = checked.array("bank_image", "int32", "M")
    detector.bank_location_ = checked.array("bank_cell", "int", "M")
    same_image = detector.bank_image_ == trace.image[trace.order]
    same_location = detector.bank_location_ == trace.location[trace.order]
    if not same_image.all() or not same_location.all():
        raise ValueError("expected the bank's rows to come from where the trace says")
    detector.candidates_ = len(trace.points)
    detector.bank_size_ = len(bank)
    detector._index = restore_index(checked, bank, approximate=detector.index == "ivfpq")
    detector.k_used_ = checked.value("k_used", int, least=1, most=len(bank))
    detector.b_used_ = checked.value("b_used", int, least=1, most=len(bank))
    checked.end()


def _restore_aggregation(detector: PatchCore, checked: CheckedState) -> None:
    aggregation = checked.value("aggregation", str)
    allowed = ("adaptive", "mean") if detector.aggregation is None else (detector.aggregation,)
    if aggregation not in allowed:
        raise ValueError(f"expected the aggregation {detector.aggregation}, got {aggregation!r}")
    detector.aggregation_ = aggregation


def _check_dimension(detector: PatchCore, bank: np.ndarray) -> None:
    """Refuse a bank of vectors that the options do not make, or poolings of an absurd size."""
    channels = detector._channels.values()
    dimension = sum(channels) if detector.aggregation_ == "mean" else detector.dimension
    pooled = len(channels) * (detector.layer_dimension or detector.dimension)
    neighbourhoods = sum(channels) * detector.patch_size**2
    if bank.shape[1] != dimension or max(pooled, neighbourhoods) > LARGEST_POOLING:
        raise ValueError(
            f"expected patches of {dimension} numbers, got a bank of shape {bank.shape}"
        )


def _trace(state: Mapping[str, Any], size: int, grid: tuple[int, int]) -> CoresetTrace:
    """Return the trace of a bank of some size, over images whose patches lie in a grid."""
    # Without a bound in files of before there was one
    state = {"bound": None, **current_names(state, {"cell": "location"})}
    checked = CheckedState(state, n=size)
    points = checked.array("points", "float32", "M d")
    trace = CoresetTrace(
        points,
        checked.array("order", "int", "n", below=len(points)),
        checked.array("radius", "float64", "n", nan=True),
        checked.array("image", "int32", "M"),
        checked.array("location", "int", "M"),
        checked.value("sampler", str),
        checked.value("digest", str),
        checked.value("grid", tuple[int, int] | None),
        checked.value("bound", float | None),
    )
    checked.end()
    n_locations = grid[0] * grid[1]
    outside = trace.location.min(initial=0) < 0 or trace.location.max(initial=0) >= n_locations
    outside = outside or trace.image.min(initial=0) < 0
    ascending = np.diff(trace.image.astype(np.int64) * n_locations + trace.location) > 0
    if outside or not ascending.all() or trace.grid not in (None, grid):
        raise ValueError(
            "expected the locations of one training image after the other's in the trace, each once"
        )
    return trace
