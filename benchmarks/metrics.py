"""Time adviz.metrics beside scikit-learn on the same maps, interleaved in one run; print medians and ratios.

Run `python benchmarks/metrics.py`. Only the ratios mean anything on another machine.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from scipy import ndimage
from sklearn import metrics as sklearn_metrics

from adviz import metrics


def make(n: int, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, size, size) float32 smooth maps and masks, half of the images with one to three round defects."""
    rng = np.random.default_rng(seed)
    row, col = np.mgrid[:size, :size]
    maps = ndimage.gaussian_filter(rng.standard_normal((n, size, size), np.float32), (0, 4, 4))
    maps /= maps.std()
    masks = np.zeros(maps.shape, bool)
    for mask in masks[: n // 2]:
        for _ in range(rng.integers(1, 4)):
            y, x, radius = [*rng.integers(0, size, 2).tolist(), rng.uniform(size / 56, size / 10)]
            mask |= (row - y) ** 2 + (col - x) ** 2 <= radius**2
    return maps + 1.5 * ndimage.gaussian_filter(masks.astype(np.float32), (0, 3, 3)), masks


def naive_pro(scores: np.ndarray, masks: np.ndarray, steps: int, limit: float = 0.3) -> float:
    """Loop over thresholds and regions, as most published code does; `steps` thresholds."""
    found = [ndimage.label(mask, np.ones((3, 3))) for mask in masks]
    x, y = [0.0], [0.0]
    for threshold in np.quantile(scores[~masks], np.linspace(1, 0.6, steps)):
        flagged = scores >= threshold
        overlaps = [f[r == i].mean() for f, (r, k) in zip(flagged, found, strict=True) for i in range(1, k + 1)]
        x.append(float(flagged[~masks].mean()))
        y.append(float(np.mean(overlaps)))
    grid = np.append(np.asarray(x)[np.asarray(x) < limit], limit)
    return float(np.trapezoid(np.interp(grid, x, y), grid) / limit)


def sklearn_all(scores: np.ndarray, masks: np.ndarray) -> dict[str, float]:
    """AUROC, average precision and best F1 with scikit-learn's three functions."""
    flat, truth = scores.ravel(), masks.ravel()
    precision, recall, _ = sklearn_metrics.precision_recall_curve(truth, flat)
    return {
        "auroc": sklearn_metrics.roc_auc_score(truth, flat),
        "ap": sklearn_metrics.average_precision_score(truth, flat),
        "f1": float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300))),
    }


def interleaved(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the median seconds of every task, run in turn."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak(task: Callable[[], object]) -> float:
    """Return the extra memory of a task at its peak, in MiB."""
    tracemalloc.start()
    task()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found / 2**20


def check(scores: np.ndarray, masks: np.ndarray) -> None:
    """Assert that what is timed agrees."""
    ours, theirs = metrics.pixel_metrics(scores, masks), sklearn_all(scores, masks)
    areas = metrics.auroc_and_pro(scores, masks)
    values = (ours.auroc, ours.average_precision, ours.f1.f1, *areas)
    np.testing.assert_allclose(values, (*theirs.values(), theirs["auroc"], ours.pro), rtol=0, atol=1e-9)
    print(f"largest difference from scikit-learn {np.abs(np.subtract(values[:3], list(theirs.values()))).max():.1e}")
    print(f"PRO-global: curve {ours.pro:.9f}, closed form off by {areas[1] - ours.pro:.0e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=83)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--naive-steps", type=int, default=20)
    args = parser.parse_args()
    scores, masks = make(args.images, args.size)
    flat, truth = scores.ravel(), masks.ravel()
    print(f"{args.images} maps of {args.size} px, {masks.mean():.1%} anomalous, {len(np.unique(flat))} distinct scores")
    check(scores, masks)
    print(f"PRO-global: naive loop, {args.naive_steps} thresholds {naive_pro(scores, masks, args.naive_steps):.9f}")
    tasks: dict[str, Callable[[], object]] = {
        "scikit-learn AUROC": lambda: sklearn_metrics.roc_auc_score(truth, flat),
        "adviz AUROC": lambda: metrics.auroc(flat, truth),
        "scikit-learn AUROC + AP + F1max": lambda: sklearn_all(scores, masks),
        "adviz pixel_metrics (AUROC, AP, F1max, PRO, 3 curves)": lambda: metrics.pixel_metrics(scores, masks),
        f"naive PRO alone, {args.naive_steps} thresholds": lambda: naive_pro(scores, masks, args.naive_steps),
        "adviz auroc_and_pro (exact)": lambda: metrics.auroc_and_pro(scores, masks),
        "adviz PRO-global-200": lambda: metrics.pro(scores, masks, "global-200"),
        "adviz PRO-per-image": lambda: metrics.pro(scores, masks, "per-image"),
    }
    seconds = interleaved(tasks, args.rounds)
    for name, value in seconds.items():
        print(f"{name:56s}{value:8.3f} s {peak(tasks[name]):7.0f} MiB")
    sk_auroc, auroc, sk_all, ours, naive, areas, *_ = seconds.values()
    print(f"AUROC: {sk_auroc / auroc:.1f}x scikit-learn")
    print(f"pixel_metrics: {sk_all / ours:.1f}x scikit-learn, {(sk_all + naive) / ours:.1f}x scikit-learn + naive PRO")
    print(f"auroc_and_pro: {sk_auroc / areas:.1f}x scikit-learn's AUROC, {(sk_auroc + naive) / areas:.1f}x with PRO")


if __name__ == "__main__":
    main()
