"""What rows say of a place in a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adviz.sweep import Experiment, ExperimentResult
from adviz.tables.incomplete import why_nothing
from adviz.tables.printed import UNCERTAIN
from adviz.tables.table import Cell

LABELS = {
    "image_auroc": "image AUROC",
    "pixel_auroc": "pixel AUROC",
    "pro": "PRO",
    "misclassified": "misclassified",
    "full_recall": "errors at full recall",
    "solved": "categories solved",
    "bank_used": "bank used",
    "time_s": "seconds",
    "memory_mb": "MB",
}
MIB = 2**20


@dataclass(frozen=True, eq=False)
class Filled:
    """A cell with what our rows say.

    Attributes
    ----------
    cell: the place, and the printed value.
    ours, std: mean and standard deviation (of a sample, over seeds) in the cell's unit; NaN where
        there is nothing.
    seeds: how many are in it.
    rows: the rows that it was made of.
    missing: how many of its experiments have no row.
    reason: why there is no number, or not of all categories, though experiments were tried.

    Examples
    --------
    >>> filled = tables.compare(tables.plan("spade", 1), []).filled[0]
    >>> filled.seeds, filled.texts
    (0, ('67.2', '', ''))
    """

    cell: Cell
    ours: float
    std: float
    seeds: int
    results: tuple[ExperimentResult, ...]
    missing: int
    reason: str = ""

    @property
    def delta(self) -> float:
        """Ours minus the paper's, in the cell's unit."""
        return self.ours - self.cell.printed

    @property
    def metric(self) -> str:
        """What the metric is called."""
        return LABELS[self.cell.metric]

    @property
    def texts(self) -> tuple[str, str, str]:
        """Printed, ours and delta with the decimals of the unit; "" for what is not there, "*" for uncertain."""
        printed, ours = self.cell.text(self.cell.printed), self.cell.text(self.ours)
        delta = (
            f"{'+' if self.delta >= 0 else ''}{self.cell.text(self.delta)}"
            if printed and ours
            else ""
        )
        spread = f" ± {self.cell.text(self.std)}" if ours and self.seeds > 1 else ""
        return printed and printed + "*" * self.uncertain, ours + spread, delta

    @property
    def uncertain(self) -> bool:
        """Whether the printed value could not be read without doubt."""
        return self.cell.note.startswith(UNCERTAIN)


def fill(
    cell: Cell,
    known: Mapping[Experiment, ExperimentResult],
    pro: str,
    broken: Mapping[Experiment, str],
) -> Filled:
    """Return a cell with what rows say: of those that are known, for every seed that has all of them."""
    by_seed: dict[int, list[ExperimentResult | None]] = {}
    for one in cell.experiments:
        by_seed.setdefault(one.seed, []).append(known.get(one))
    whole = [
        [row for row in found if row is not None] for found in by_seed.values() if None not in found
    ]
    join = np.sum if cell.unit == "count" else np.mean
    values = np.array([join([value_of(row, cell, pro) for row in found]) for found in whole])
    rows = tuple(row for found in by_seed.values() for row in found if row is not None)
    missing = sum(one not in known for one in cell.experiments)
    mean = float(values.mean()) if len(values) else float("nan")
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return Filled(
        cell, mean, spread, len(values), rows, missing, why_nothing(cell, pro, rows, broken)
    )


def value_of(row: ExperimentResult, cell: Cell, pro: str) -> float:
    """Return a row's value in the cell's unit."""
    seconds = row.measured["seconds"]
    if cell.metric == "time_s":
        return float(seconds["forward_per_image"] + seconds["predict_per_image"])
    if cell.metric == "memory_mb":
        return float(row.measured["model_bytes"] / MIB)
    if cell.metric == "misclassified":
        kinds = ("false_positive", "false_negative")
        wanted = [kind for kind in kinds if f"errors={kind}" in cell.variant] or kinds
        return float(sum(row.metrics[f"{kind}s"] for kind in wanted))
    if cell.metric == "full_recall":
        return float(row.metrics["errors_at_full_recall"])
    if cell.metric == "solved":
        return 100.0 * (row.metrics["image_auroc"] == 1)
    if cell.metric == "bank_used":
        return 100 * float(row.facts.get("bank_used", float("nan")))
    return 100 * row.metrics[pro if cell.metric == "pro" else cell.metric]
