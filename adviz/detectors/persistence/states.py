"""What each detector has learned, as arrays and numbers, and back: only here is said what of a detector is in a file.

Whatever does not fit together is refused, because a file need not be what `save` wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from adviz._support import archive
from adviz.core import CoresetTrace
from adviz.detectors.distillation.base import Distiller
from adviz.detectors.distillation.conventional import ConventionalDistillation
from adviz.detectors.distillation.reverse import ReverseDistillation
from adviz.detectors.distillation.teacher import joined_layers
from adviz.detectors.dn2 import DN2
from adviz.detectors.padim import Covariance, PaDiM
from adviz.detectors.patchcore.detector import PatchCore
from adviz.detectors.patchcore.embedding import PatchEmbedding
from adviz.detectors.persistence import spade_state
from adviz.detectors.persistence.checked_state import (
    Held,
    Kept,
    index_kept,
    index_restored,
    whole_numbers,
)
from adviz.detectors.spade.detector import SPADE

WEIGHTS = 2**24  # of an adaptive pooling, above which a file is not believed


@dataclass(frozen=True)
class State:
    """How a detector's state is taken out, and put into one that has its options and layers; attributes as in `fit`."""

    kept: Callable[[Any], dict[str, Any]]
    restore: Callable[[Any, Kept], None]


def _dn2_kept(detector: DN2) -> dict[str, Any]:
    features, index = detector.mean_features_, index_kept(detector._index)
    return {"k_used": detector.k_used_, "mean_features": features, "index": index}


def _dn2_restored(detector: DN2, state: Kept) -> None:
    held = Held(state, C=sum(detector._channels.values()))
    features = held.array("mean_features", "float32", "N C")
    detector.k_used_ = held.fact("k_used", int, least=1, most=len(features))
    detector.mean_features_ = features
    detector._index = index_restored(held, features, wanted=detector.index == "ivf")
    held.end()


def _padim_kept(detector: PaDiM) -> dict[str, Any]:
    factor = detector.factor_
    return {
        "image_size": detector.image_size_,
        "grid": tuple(detector.grid_),
        "channels": detector.channels_,
        "mean": detector.mean_.numpy(),
        "factor": factor.factor.numpy(),
        "count": factor.count,
        "low_rank": factor.low_rank,
    }


def _padim_restored(detector: PaDiM, state: Kept) -> None:
    held, total = Held(state), sum(detector._channels.values())
    channels = held.array("channels", "int64", "d", below=total)
    if (np.diff(channels) <= 0).any() or not len(channels):
        raise ValueError("expected ascending channels, at least one")
    detector.channels_, detector.dimension_ = channels, len(channels)
    detector.image_size_ = held.fact("image_size", tuple[int, int], least=1)
    detector.grid_ = held.fact("grid", tuple[int, int], least=1)
    held.sides |= {"P": detector.grid_[0] * detector.grid_[1], "1": 1}
    detector.mean_ = torch.from_numpy(held.array("mean", "float32", "P 1 d"))
    low_rank, count = held.fact("low_rank", bool), held.fact("count", int, least=1)
    factor = held.array("factor", "float32", "P n d" if low_rank else "P d d")
    if low_rank and count != max(factor.shape[1] - 1, 1):
        raise ValueError(f"expected factors of {count + 1} images, got shape {factor.shape}")
    detector.factor_ = Covariance.kept(
        torch.from_numpy(factor), detector.epsilon, count, low_rank=low_rank
    )
    held.end()


def _patchcore_kept(detector: PatchCore) -> dict[str, Any]:
    return {
        "aggregation": detector.aggregation_,
        "grid": detector.grid_,
        "trace": archive.parts(detector.trace_),
        "losses": getattr(detector, "losses_", None),
        "bank": detector.bank_,
        "bank_image": detector.bank_image_,
        "bank_cell": detector.bank_cell_,
        "index": index_kept(detector._index),
        "k_used": detector.k_used_,
        "b_used": detector.b_used_,
    }


def _patchcore_restored(detector: PatchCore, state: Kept) -> None:
    held, counts = Held(state), detector._channels
    detector.aggregation_ = held.fact("aggregation", str)
    if detector.aggregation_ not in ("adaptive", "mean") or detector.aggregation not in (
        None,
        detector.aggregation_,
    ):
        raise ValueError(
            f"expected the aggregation {detector.aggregation}, got {detector.aggregation_!r}"
        )
    size = sum(counts.values()) if detector.aggregation_ == "mean" else detector.dimension
    bank = held.array("bank", "float32", "M D")
    pooled = len(counts) * (detector.layer_dimension or detector.dimension)
    if (
        bank.shape[1] != size
        or max(pooled, sum(counts.values()) * detector.patch_size**2) > WEIGHTS
    ):
        raise ValueError(f"expected patches of {size} numbers, got a bank of shape {bank.shape}")
    detector._embedding = PatchEmbedding(
        counts,
        detector.aggregation_,
        detector.patch_size,
        detector.stride,
        detector.dimension,
        detector.layer_dimension,
    )
    detector.grid_ = held.fact("grid", tuple[int, int], least=1)
    detector.trace_ = _trace(held.part("trace"), len(bank), detector.grid_)
    losses = (
        held.array("losses", "float64", "E")
        if detector.sampler == "proxies"
        else held.fact("losses", None)
    )
    if losses is not None:
        detector.losses_ = losses
    detector.bank_ = bank
    detector.bank_image_ = held.array("bank_image", "int32", "M")
    detector.bank_cell_ = held.array("bank_cell", "int", "M")
    origin, order = detector.trace_, detector.trace_.order
    if (detector.bank_image_ != origin.image[order]).any() or (
        detector.bank_cell_ != origin.cell[order]
    ).any():
        raise ValueError("expected the bank's rows to come from where the trace says")
    detector.candidates_, detector.bank_size_ = len(origin.points), len(bank)
    detector._index = index_restored(held, bank, wanted=detector.index == "ivfpq")
    detector.k_used_ = held.fact("k_used", int, least=1, most=len(bank))
    detector.b_used_ = held.fact("b_used", int, least=1, most=len(bank))
    held.end()


def _trace(state: Kept, rows: int, grid: tuple[int, int]) -> CoresetTrace:
    held = Held(state, n=rows)
    points = held.array("points", "float32", "M d")
    trace = CoresetTrace(
        points,
        held.array("order", "int", "n", below=len(points)),
        held.array("radius", "float64", "n", nan=True),
        held.array("image", "int32", "M"),
        held.array("cell", "int", "M"),
        held.fact("sampler", str),
        held.fact("digest", str),
        held.fact("grid", tuple[int, int] | None),
    )
    held.end()
    cells = grid[0] * grid[1]
    outside = (trace.image < 0).any() or (trace.cell < 0).any() or (trace.cell >= cells).any()
    rising = np.diff(trace.image.astype(np.int64) * cells + trace.cell) > 0
    if outside or not rising.all() or trace.grid not in (None, grid):
        raise ValueError(
            "expected the cells of one training image after the other's in the trace, each once"
        )
    return trace


def _student_kept(detector: Distiller) -> dict[str, Any]:
    weights = detector.network_.state_dict()
    return {
        "batch": detector.batch_,
        "image_size": detector.image_size_,
        "strides": detector.strides_,
        "signed": detector.signed_,
        "halvings": getattr(detector, "_halvings", None),
        "losses": detector.losses_,
        "network": {name: values.detach().cpu().numpy() for name, values in weights.items()},
    }


def _student_restored(detector: Distiller, state: Kept) -> None:
    """Rebuild the networks from the options without memory of their own, and give them the file's weights."""
    held = Held(state)
    halvings = held.fact("halvings", int | None)
    if (halvings is not None) != isinstance(detector, ConventionalDistillation) or not 0 <= (
        halvings or 0
    ) <= 16:
        raise ValueError(
            f"expected halvings for a student of the pixels, and none for another, got {halvings}"
        )
    if isinstance(detector, ConventionalDistillation):
        detector._halvings = halvings
    detector.batch_ = held.fact("batch", int, least=2)
    detector.image_size_ = held.fact("image_size", tuple[int, int], least=1)
    detector.strides_ = whole_numbers(held.part("strides"), detector.layers_)
    detector.signed_ = held.fact("signed", tuple[str, ...])
    if len(set(detector.signed_)) != len(detector.signed_):
        raise ValueError(f"expected every signed layer once, got {str(detector.signed_)[:80]}")
    joined_layers(detector._taught(), detector.strides_, detector.map_layers)
    with torch.device("meta"):
        network = detector._network()
    shapes = {
        name: (tuple(values.shape), values.dtype) for name, values in network.state_dict().items()
    }
    weights = {name: torch.from_numpy(values) for name, values in held.part("network").items()}
    found = {name: (tuple(values.shape), values.dtype) for name, values in weights.items()}
    if found != shapes:
        differ = [name for name in {**shapes, **found} if shapes.get(name) != found.get(name)]
        raise ValueError(
            f"expected the weights of the student that the options describe, got others: {differ[0]}"
        )
    if not all(values.isfinite().all() for values in weights.values()):
        raise ValueError("expected finite weights, got NaN or infinity")
    network.load_state_dict({name: weights[name] for name in shapes}, assign=True)
    detector.device_ = detector._device()
    network = network.to(detector.device_).to(memory_format=torch.channels_last)
    detector._adopt(network, held.array("losses", "float64", "E"))
    held.end()


STUDENT = State(_student_kept, _student_restored)
STATES: dict[str, State] = {
    DN2.__name__: State(_dn2_kept, _dn2_restored),
    SPADE.__name__: State(spade_state.kept, spade_state.restore),
    PaDiM.__name__: State(_padim_kept, _padim_restored),
    PatchCore.__name__: State(_patchcore_kept, _patchcore_restored),
    ReverseDistillation.__name__: STUDENT,
    ConventionalDistillation.__name__: STUDENT,
}
