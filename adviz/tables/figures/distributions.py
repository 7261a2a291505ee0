"""Figures of score distributions, of curves, and of a coreset in the plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adviz.plots import curve_sheet, histogram_sheet, sampling_panels
from adviz.sweep import ExperimentResult
from adviz.tables.comparison import Comparison
from adviz.tables.figures.coreset_example import (
    N_CHOSEN,
    N_POINTS,
    choices,
    covering_radius,
    point_sets,
)
from adviz.tables.paper_values import TableName
from adviz.tables.statistics import by_row

if TYPE_CHECKING:
    from adviz.plots import Chart, StaticFigure

ERROR_KINDS = ("at the F1-optimal threshold", "at 100 % recall")


def plane(name: TableName) -> StaticFigure:
    """Draw coreset and random points of two point sets (PatchCore, Fig. 3).

    The points are ours, the paper gives none.
    """
    points = point_sets()
    chosen: dict[str, dict[str, np.ndarray]] = {}
    captions: dict[str, dict[str, str]] = {}
    for set_name, set_points in points.items():
        for sampler, indices in choices(set_points).items():
            radius = covering_radius(set_points, indices)
            caption = f"{N_CHOSEN} of {N_POINTS} points, covering radius {radius:.2f}"
            chosen.setdefault(sampler, {})[set_name] = indices
            captions.setdefault(sampler, {})[set_name] = caption
    return sampling_panels(points, chosen, captions, title=f"{name}: {name.title}")


def histograms(name: TableName, results: list[ExperimentResult]) -> Chart:
    """Draw the scores of good and anomalous images of every category (RD, Fig. 5)."""
    scores = {}
    aurocs = {}
    for result in results:
        category = result.experiment.category
        category_scores = np.array(result.images["scores"], float)
        scores[category] = (category_scores, np.array(result.images["labels"]))
        if np.isfinite(result.metrics["image_auroc"]):
            aurocs[category] = result.metrics["image_auroc"]
    return histogram_sheet(scores, areas=aurocs, title=f"{name}: {name.title}")


def curves(comparison: Comparison) -> Chart:
    """Draw the curves and errors of every method and category (PatchCore, Fig. S3)."""
    # method -> category -> curves, errors
    curves_of_methods = {}
    errors_of_methods = {}
    for method, results in by_row(comparison).items():
        curves_of_methods[method] = {result.experiment.category: _xy(result) for result in results}
        errors_of_methods[method] = {
            result.experiment.category: _errors(result) for result in results
        }
    name = comparison.table.name
    return curve_sheet(
        curves_of_methods, errors_of_methods, ERROR_KINDS, title=f"{name}: {name.title}"
    )


def _xy(result: ExperimentResult) -> dict[str, tuple[list[float], list[float]]]:
    return {kind: (curve[0], curve[1]) for kind, curve in result.curves.items()}


def _errors(result: ExperimentResult) -> tuple[float, float]:
    """Return the errors at the F1-optimal threshold and at 100 % recall."""
    values = result.metrics
    return values["false_positives"] + values["false_negatives"], values[
        "false_positives_at_full_recall"
    ]
