"""Pixel metrics of a whole test set from one sort, beside the packages that a user would call."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from scipy import ndimage
from skimage import measure
from sklearn import metrics as sklearn_metrics

from adviz import metrics
from adviz.metrics import regions
from benchmarks.timing import Options, Section, Way, installed, interleaved

STEPS = 200  # thresholds of the usual loop
PART = 5  # of them timed; each costs the same
LIMIT = 0.3
EXACT = 1e-9
SINGLE = 1e-6  # of packages that sum in float32
BINNED = 1e-2
TWO, ALL = "adviz AUROC + PRO", "adviz AUROC + AP + F1max + PRO + curves"


def run(options: Options) -> Iterator[Section]:
    """Time 83 synthetic maps of 224 px: as many distinct scores as real ones have, and known
    regions.
    """
    scores, masks = make(12 if options.quick else 83, 224)
    flat, truth = scores.ravel(), masks.ravel()
    others = _torch_ways(scores, masks)
    section = Section(
        f"Metrics, {len(scores)} maps of 224 px, {masks.mean():.1%} anomalous, {len(np.unique(flat))} distinct scores"
    )
    section.facts += _check(scores, masks, others)
    ours: list[Way] = [
        Way(TWO, lambda: metrics.auroc_and_pro(scores, masks), note="exact"),
        Way(ALL, lambda: metrics.pixel_metrics(scores, masks), note="exact"),
    ]
    theirs = [
        Way("scikit-learn AUROC", lambda: sklearn_metrics.roc_auc_score(truth, flat)),
        Way("scikit-learn AUROC + AP + F1max", lambda: sklearn_all(scores, masks)),
        Way("one argsort, exact PRO", lambda: argsort_pro(scores, masks), note="own writing"),
        *(Way(name, task) for name, task in others.items()),
        Way(
            "scikit-image loop, PRO",
            partial(region_loop, scores, masks),
            STEPS / PART,
            f"{PART} of {STEPS} timed",
        ),
    ]
    section.rows = interleaved([*ours, *theirs], options.repeats)
    section.facts.append(_memory(ours + theirs[:3]))
    _targets(section)
    yield section


def make(n: int, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, size, size) float32 smooth maps in [0, 1] and masks, half of them with one to
    three round defects.
    """
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:size, :size]
    maps = ndimage.gaussian_filter(rng.standard_normal((n, size, size), np.float32), (0, 4, 4))
    maps /= maps.std()
    masks = np.zeros(maps.shape, bool)
    for mask in masks[: n // 2]:
        for _ in range(rng.integers(1, 4)):
            y, x, radius = [*rng.integers(0, size, 2).tolist(), rng.uniform(size / 56, size / 10)]
            mask |= (row - y) ** 2 + (col - x) ** 2 <= radius**2
    maps += 1.5 * ndimage.gaussian_filter(masks.astype(np.float32), (0, 3, 3))
    return (maps - maps.min()) / (maps.max() - maps.min()), masks


def sklearn_all(scores: np.ndarray, masks: np.ndarray) -> tuple[float, float, float]:
    """AUROC, average precision and best F1 with scikit-learn's three functions."""
    flat, truth = scores.ravel(), masks.ravel()
    precision, recall, _ = sklearn_metrics.precision_recall_curve(truth, flat)
    return (
        float(sklearn_metrics.roc_auc_score(truth, flat)),
        float(sklearn_metrics.average_precision_score(truth, flat)),
        float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300))),
    )


def argsort_pro(scores: np.ndarray, masks: np.ndarray) -> float:
    """Exact PRO from an argsort of all pixels and two cumulative sums: the shortest exact way in
    plain numpy.
    """
    ids, areas = regions(masks)
    order = np.argsort(-scores.ravel(), kind="stable")
    weights = np.append(0.0, 1 / (areas * len(areas)))[ids.ravel()[order]]
    ranked = scores.ravel()[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    fpr, overlap = np.cumsum(weights == 0)[ends], np.cumsum(weights)[ends]
    fpr = np.append(0.0, fpr / fpr[-1])
    overlap = np.append(0.0, overlap)
    inside = fpr < LIMIT
    x = np.append(fpr[inside], LIMIT)
    return float(
        np.trapezoid(np.append(overlap[inside], np.interp(LIMIT, fpr, overlap)), x) / LIMIT
    )


def region_loop(
    scores: np.ndarray, masks: np.ndarray, thresholds: Sequence[float] | None = None
) -> tuple[float, float]:
    """Loop over thresholds, images and scikit-image's regions: the form of most published code.

    Returns the last threshold's false positive rate and mean overlap; the curve's area costs
    nothing beside it.
    """
    chosen = (
        np.linspace(scores.min(), scores.max(), STEPS)[:: STEPS // PART]
        if thresholds is None
        else thresholds
    )
    rate = overlap = 0.0
    for threshold in chosen:
        flagged = scores > threshold
        overlaps = []
        for image, mask in zip(flagged, masks, strict=True):
            for region in measure.regionprops(measure.label(mask)):
                found = image[region.coords[:, 0], region.coords[:, 1]].sum()
                overlaps.append(found / region.area)
        rate, overlap = float((flagged & ~masks).sum() / (~masks).sum()), float(np.mean(overlaps))
    return rate, overlap


def _torch_ways(scores: np.ndarray, masks: np.ndarray) -> dict[str, Callable[[], object] | None]:
    """Return torchmetrics' AUROC, exact and in 200 bins, and anomalib's exact PRO; None where not
    installed.
    """
    ways: dict[str, Callable[[], object] | None] = dict.fromkeys(
        ("torchmetrics AUROC, exact", "torchmetrics AUROC, 200 bins", "anomalib PRO")
    )
    maps, truth = torch.from_numpy(scores), torch.from_numpy(masks).long()
    if installed("torchmetrics"):
        from torchmetrics.functional.classification import binary_auroc

        flat = maps.ravel(), truth.ravel()
        ways["torchmetrics AUROC, exact"] = lambda: float(binary_auroc(*flat))
        ways["torchmetrics AUROC, 200 bins"] = lambda: float(binary_auroc(*flat, thresholds=STEPS))
    if installed("anomalib"):
        from anomalib.metrics.aupro import _AUPRO

        def pro() -> float:
            metric = _AUPRO(fpr_limit=LIMIT)
            metric.update(maps, truth)
            return float(metric.compute())

        ways["anomalib PRO"] = pro
    return ways


def _check(
    scores: np.ndarray, masks: np.ndarray, others: dict[str, Callable[[], object] | None]
) -> list[str]:
    """Assert that what is timed agrees, and say how far the approximate ways are off."""
    ours, areas = metrics.pixel_metrics(scores, masks), metrics.auroc_and_pro(scores, masks)
    values = ours.auroc, ours.average_precision, ours.f1.f1, ours.pro, *areas
    theirs = sklearn_all(scores, masks)
    pro = argsort_pro(scores, masks)
    np.testing.assert_allclose(values, (*theirs, pro, theirs[0], pro), rtol=0, atol=EXACT)
    error = np.abs(np.subtract(values[:4], (*theirs, pro))).max()
    threshold = float(np.quantile(scores, 0.9))
    assert 0 <= region_loop(scores, masks, [threshold])[1] <= 1
    off = []
    for name, task in others.items():
        if task is not None:
            value = float(task())  # type: ignore[arg-type]
            difference = value - (ours.pro if name.endswith("PRO") else ours.auroc)
            assert abs(difference) < (BINNED if "bins" in name else SINGLE), (
                f"{name} is off by {difference:.1e}"
            )
            off.append(f"{name} {difference:+.0e}")
    return [
        f"checked: equal to scikit-learn and to one argsort to {error:.0e} (allowed: {EXACT:.0e})",
        *([f"off by: {', '.join(off)}"] if off else []),
    ]


def _memory(ways: Sequence[Way]) -> str:
    """Return what some ways allocate at their peak, as numpy reports it."""
    found = []
    for way in ways:
        if way.run:
            tracemalloc.start()
            way.run()
            found.append(f"{way.name} {tracemalloc.get_traced_memory()[1] / 2**20:.0f} MiB")
            tracemalloc.stop()
    return f"extra memory: {', '.join(found)}"


def _targets(section: Section) -> None:
    """Compare with scikit-learn for AUROC, AP and F1 and anomalib for PRO, or one argsort where
    that is absent.
    """
    name = "one argsort, exact PRO" if section.ratio("anomalib PRO") is None else "anomalib PRO"
    pro, both, everything = (section.seconds(way) for way in (name, TWO, ALL))
    few = (section.seconds("scikit-learn AUROC") + pro) / both
    most = (section.seconds("scikit-learn AUROC + AP + F1max") + pro) / everything
    section.at_least(f"AUROC + PRO: >= 20x scikit-learn + {name}", few, 20)
    section.at_least(f"AUROC + AP + F1max + PRO + curves: >= 10x scikit-learn + {name}", most, 10)
    section.within("AUROC + PRO, seconds (for orientation)", both, 0.08)
    section.within("all metrics and curves, seconds (for orientation)", everything, 0.3)
