"""Our results in a cell of a table: mean and spread over seeds, or why there is no number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from adviz.sweep import Experiment, ExperimentResult
from adviz.tables.paper_values import UNCERTAIN
from adviz.tables.table import NAN, Cell

# Metric -> its name in tables and figures
LABELS = {
    "image_auroc": "image AUROC",
    "pixel_auroc": "pixel AUROC",
    "pro": "PRO",
    "misclassified": "misclassified",
    "full_recall": "false positives at 100 % recall",
    "solved": "categories solved",
    "bank_used": "bank used",
    "time_s": "seconds",
    "memory_mb": "MB",
}
MIB = 2**20


@dataclass(frozen=True, eq=False)
class FilledCell:
    """A cell of a table with our results.

    Attributes
    ----------
    cell: with the printed value.
    ours, std: mean and standard deviation (of a sample, over seeds) in the cell's unit; NaN where
        there is nothing.
    seeds: how many are in it.
    rows: the results that it was made of.
    missing: how many of its experiments have no result.
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
        """The metric's label."""
        return LABELS[self.cell.metric]

    @property
    def texts(self) -> tuple[str, str, str]:
        """Printed, ours and delta with the unit's decimals: "" for none, "*" for uncertain."""
        printed = self.cell.text(self.cell.printed)
        ours = self.cell.text(self.ours)
        delta = ""
        if printed and ours:
            sign = "+" if self.delta >= 0 else ""
            delta = sign + self.cell.text(self.delta)
        if printed and self.uncertain:
            printed += "*"
        if ours and self.seeds > 1:
            ours += f" ± {self.cell.text(self.std)}"
        return printed, ours, delta

    @property
    def uncertain(self) -> bool:
        """Whether the printed value could not be read without doubt."""
        return self.cell.note.startswith(UNCERTAIN)


def fill(
    cell: Cell,
    results: Mapping[Experiment, ExperimentResult],
    stored_metric: str,
    broken: Mapping[Experiment, str],
) -> FilledCell:
    """Return a cell with our results, averaged over the seeds that have all categories.

    Parameters
    ----------
    cell: of a table.
    results: of its experiments and of others.
    stored_metric: the name of the cell's metric in results, see `Table.stored_metric`.
    broken: experiment -> what went wrong.
    """
    # seed -> a result for each category, None where it is missing
    by_seed: dict[int, list[ExperimentResult | None]] = {}
    # What depends on no seed is one experiment, named once for each
    for experiment in dict.fromkeys(cell.experiments):
        by_seed.setdefault(experiment.seed, []).append(results.get(experiment))
    combine = np.sum if cell.unit == "count" else np.mean
    seed_values: list[float] = []
    used: list[ExperimentResult] = []
    for seed_results in by_seed.values():
        done = [result for result in seed_results if result is not None]
        used += done
        # An average over fewer categories would be of something else
        if len(done) == len(seed_results):
            seed_values.append(
                float(combine([value_of(result, cell, stored_metric) for result in done]))
            )
    return FilledCell(
        cell=cell,
        ours=float(np.mean(seed_values)) if seed_values else NAN,
        std=float(np.std(seed_values, ddof=1)) if len(seed_values) > 1 else NAN,
        seeds=len(seed_values),
        results=tuple(used),
        missing=sum(experiment not in results for experiment in cell.experiments),
        reason=_why_incomplete(cell, stored_metric, used, broken),
    )


def value_of(result: ExperimentResult, cell: Cell, stored_metric: str) -> float:
    """Return a result's value in the cell's unit."""
    if cell.metric == "time_s":
        seconds = result.measured["seconds"]
        return float(seconds["forward_per_image"] + seconds["predict_per_image"])
    if cell.metric == "memory_mb":
        return float(result.measured["model_bytes"] / MIB)
    if cell.metric == "misclassified":
        positives = result.metrics["false_positives"]
        negatives = result.metrics["false_negatives"]
        if "errors=false_positive" in cell.variant:
            return float(positives)
        if "errors=false_negative" in cell.variant:
            return float(negatives)
        return float(positives + negatives)
    if cell.metric == "full_recall":
        return float(result.metrics["false_positives_at_full_recall"])
    if cell.metric == "solved":
        return 100.0 * (result.metrics["image_auroc"] == 1)
    if cell.metric == "bank_used":
        return 100 * float(result.facts.get("bank_used", NAN))
    return 100 * result.metrics[stored_metric]


def _why_incomplete(
    cell: Cell,
    stored_metric: str,
    results: Iterable[ExperimentResult],
    broken: Mapping[Experiment, str],
) -> str:
    """Return by category why there is no number; "" where none was tried, or where all is well."""
    metric = "false_positives" if cell.metric == "misclassified" else stored_metric
    reasons = {
        result.experiment.category: result.reasons[metric]
        for result in results
        if metric in result.reasons
    }
    for experiment in cell.experiments:
        if experiment in broken:
            reasons[experiment.category] = broken[experiment].splitlines()[-1]
    return "; ".join(f"{category}: {reason}" for category, reason in reasons.items())
