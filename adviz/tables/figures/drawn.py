"""From a figure's plan and rows to its drawing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from adviz import sweep
from adviz.sweep import ExperimentResult
from adviz.tables.figures import charts, distributions, pictures
from adviz.tables.figures.pictures import Predict
from adviz.tables.figures.plans import FigurePlan

if TYPE_CHECKING:
    from adviz.plots import StaticFigure

__all__ = ["Predict", "draw"]

CHARTS: dict[tuple[str, str], Callable[[FigurePlan, list[ExperimentResult]], StaticFigure]] = {
    ("patchcore", "4"): charts.local,
    ("patchcore", "S5"): charts.local,
    ("patchcore", "5"): charts.samplers,
    ("patchcore", "S6"): charts.samplers,
    ("patchcore", "6"): charts.shots,
    ("patchcore", "S4"): charts.resolutions,
    ("patchcore", "S3"): distributions.curves,
    ("rd", "5"): distributions.histograms,
    ("rd", "6-7"): charts.sizes,
}
PICTURES: dict[
    tuple[str, str], Callable[[FigurePlan, list[ExperimentResult], Predict], StaticFigure]
] = {
    ("patchcore", "S1"): pictures.false_positives,
    ("patchcore", "S2"): pictures.false_negatives,
    ("rd", "6"): pictures.largest,
    ("rd", "7"): pictures.smallest,
    ("spade", "1"): pictures.retrieved,
    ("spade", "2"): pictures.one_retrieved,
}


def draw(
    plan: FigurePlan, rows: list[ExperimentResult], root: Path | None, predict: Predict | None
) -> StaticFigure:
    """Draw a figure; see `FigurePlan.draw`."""
    key = plan.name.paper, plan.name.table
    if not plan.table.cells:
        return distributions.plane(plan)
    wanted = set(plan.experiments)
    own = [row for row in rows if row.experiment in wanted]
    if not own:
        raise ValueError(
            f"expected rows of {plan!r}, got {len(rows)} of others: run plan.experiments first"
        )
    if key in PICTURES:
        again = predict or partial(sweep.predict, root=root)
        return PICTURES[key](plan, pictures.first_of_each(own), again)
    if key == ("rd", "5"):
        own = pictures.first_of_each(own)
    return CHARTS[key](plan, own)
