"""Figures of scores, curves and points: what a row holds of single images, and PatchCore's picture of a coreset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adviz.core import coreset
from adviz.plots import curve_sheet, histogram_sheet, sampling_panels
from adviz.sweep import ExperimentResult
from adviz.tables.figures.plans import FigurePlan
from adviz.tables.statistics import by_line

if TYPE_CHECKING:
    from adviz.plots import StaticFigure

POINTS, CHOSEN = 900, 36  # of the two clouds
# X, y, width
CENTRES = ((-4.0, 3.0, 0.9), (3.5, 4.0, 0.5), (4.0, -3.5, 1.1), (-3.5, -4.0, 0.35), (0.0, 0.0, 0.3))
WEIGHTS = (0.42, 0.2, 0.32, 0.04, 0.02)  # two clusters are rare: what random points miss
CLOUDS = ("multimodal", "uniform")
KINDS = ("at the F1-optimal threshold", "at full recall")


def clouds(seed: int = 0) -> dict[str, np.ndarray]:
    """Return two sets of points in the plane, (900, 2) each: clusters of unequal size, and a filled square."""
    rng = np.random.default_rng(seed)
    centre = np.array(CENTRES)[rng.choice(len(CENTRES), POINTS, p=WEIGHTS)]
    clusters = centre[:, :2] + rng.normal(size=(POINTS, 2)) * centre[:, 2:]
    return dict(zip(CLOUDS, (clusters, rng.uniform(-5, 5, (POINTS, 2))), strict=True))


def choices(points: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Return what a greedy coreset and a random draw choose of some points: sampler -> (36,) int."""
    return {
        "greedy coreset": coreset.k_center_greedy(points, CHOSEN)[0],
        "random": coreset.random(len(points), CHOSEN, seed),
    }


def radii(points: np.ndarray, seed: int = 0) -> dict[str, float]:
    """Return how far the worst point is from the nearest chosen one, for both samplers (Eq. 5)."""
    chosen = choices(points, seed)
    return {
        name: float(coreset.covering_radius(points, rows, [CHOSEN])[0])
        for name, rows in chosen.items()
    }


def plane(plan: FigurePlan) -> StaticFigure:
    """Draw coreset and random points of two clouds (PatchCore, Fig. 3); the points are ours, the paper gives none."""
    points = clouds()
    chosen: dict[str, dict[str, np.ndarray]] = {}
    captions: dict[str, dict[str, str]] = {}
    for name, cloud in points.items():
        radius = radii(cloud)
        for sampler, rows in choices(cloud).items():
            chosen.setdefault(sampler, {})[name] = rows
            captions.setdefault(sampler, {})[name] = (
                f"{CHOSEN} of {POINTS} points, covering radius {radius[sampler]:.2f}"
            )
    return sampling_panels(points, chosen, captions, title=f"{plan.name}: {plan.name.title}")


def histograms(plan: FigurePlan, rows: list[ExperimentResult]) -> StaticFigure:
    """Draw the scores of good and anomalous images of every category (RD, Fig. 5)."""
    scores = {
        row.experiment.category: (
            np.array(row.images["scores"], float),
            np.array(row.images["labels"]),
        )
        for row in rows
    }
    areas = {row.experiment.category: row.metrics["image_auroc"] for row in rows}
    known = {name: area for name, area in areas.items() if np.isfinite(area)}
    return histogram_sheet(scores, areas=known, title=f"{plan.name}: {plan.name.title}")


def curves(plan: FigurePlan, rows: list[ExperimentResult]) -> StaticFigure:
    """Draw precision-recall and ROC curves, and errors, of every method and category (PatchCore, Fig. S3)."""
    methods = by_line(plan.compare(rows))
    drawn = {
        method: {
            row.experiment.category: {k: (xy[0], xy[1]) for k, xy in row.curves.items()}
            for row in each
        }
        for method, each in methods.items()
    }
    errors = {
        method: {row.experiment.category: _errors(row) for row in each}
        for method, each in methods.items()
    }
    return curve_sheet(drawn, errors, KINDS, title=f"{plan.name}: {plan.name.title}")


def _errors(row: ExperimentResult) -> tuple[float, float]:
    found = row.metrics
    return found["false_positives"] + found["false_negatives"], found["errors_at_full_recall"]
