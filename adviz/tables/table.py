"""A table of a paper, planned: its cells with printed values and the experiments to fill them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from adviz._support import got
from adviz.metrics import PRO_DEFINITIONS
from adviz.sweep import DEMO, Experiment
from adviz.tables.methods import OURS, Configuration, compares_networks, configuration
from adviz.tables.paper_values import TableName, ValueKey, table_name, values
from adviz.tables.setting import CLASSES_UNKNOWN, TEXTURES, Setting

if TYPE_CHECKING:
    import pandas as pd

# How each paper's own code computes PRO; SPADE has published none
PAPERS_PRO = {"spade": "global", "patchcore": "per-image", "rd": "per-image"}
# Definition of PRO -> its name in stored results
STORED_PRO = {"global": "pro", "global-200": "pro_200", "per-image": "pro_per_image"}
PRO_DESCRIPTIONS = {
    "global": "PRO-global: all thresholds, false positive rate over all normal pixels, up to 0.3",
    "global-200": "PRO-global-200: 200 thresholds, up to 0.3",
    "per-image": "PRO-per-image: the mean over anomalous images, up to 0.3",
}
# Metric -> what ours is; PRO has several definitions
DESCRIPTIONS = {
    "image_auroc": "AUROC of the image scores",
    "pixel_auroc": "AUROC of all pixels of a category",
    "misclassified": (
        "images on the wrong side of the category's F1-optimal threshold, sum over the categories"
    ),
    "full_recall": "false positives at 100 % recall, sum over the categories",
    "solved": "fraction of the categories with an image AUROC of exactly 1",
    "bank_used": (
        "fraction of the memory bank's entries that are the nearest one of some test patch"
    ),
    "time_s": "seconds for an image on the machine that measured them, network included",
    "memory_mb": "MiB of the arrays of the fitted detector, without the network",
}
DIGITS = {"count": 0, "s": 2, "MB": 0}  # decimals printed for a unit; 1 for the others
# "": over a whole data set, or a count in all of it
AVERAGES = ("average", "average_textures", "average_objects", "")
NAN = float("nan")
# Folder in place of a data set of the papers -> its name in a table's head
OTHER_DATA = {DEMO: "built-in images"}
NOT_HERE = "printed on the paper's data, which are not here"


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its printed value and its experiments.

    Attributes
    ----------
    dataset, category, method, variant, metric: as in `adviz/tables/reference`; a
        category may be an average.
    printed, std: the paper's value, in `unit`; NaN where it prints none.
    unit: "%", "s", "MB" or "count".
    note: on the printed value.
    data: what ours are made of, where that is not what the paper's are; "" = the paper's data, or
        there is nothing of ours.
    reason: why there are no experiments; "" where there are.
    experiments: whose results fill it.

    Examples
    --------
    >>> cell = tables.plan("spade", 1).cells[0]
    >>> cell.method, cell.text(cell.printed)
    ('...', '...')
    """

    dataset: str
    category: str
    method: str
    variant: str
    metric: str
    printed: float
    std: float
    unit: str
    note: str
    data: str = ""
    reason: str = ""
    experiments: tuple[Experiment, ...] = ()

    @property
    def value_key(self) -> ValueKey:
        """What its value is of, but for the data set."""
        return ValueKey(self.category, self.method, self.variant, self.metric)

    def text(self, value: float) -> str:
        """Return a value with the decimals of the unit; "" for NaN.

        Examples
        --------
        >>> tables.plan("spade", 1).cells[0].text(85.5)
        '85.5'
        """
        if math.isnan(value):
            return ""
        return f"{value:.{DIGITS.get(self.unit, 1)}f}"


@dataclass(frozen=True, eq=False)
class Table:
    """A paper's table and the experiments that fill it; see `plan`.

    Attributes
    ----------
    name: paper, number and title.
    setting: on what it is regenerated.
    cells: all of them, row by row.
    pro: which definition of PRO is compared with the paper's: "global", "global-200" or
        "per-image".

    Raises
    ------
    ValueError: no such definition.

    Examples
    --------
    >>> table = tables.plan("spade", 1)
    >>> len(table.cells), len(table.experiments)
    (5, 15)
    """

    name: TableName
    setting: Setting
    cells: tuple[Cell, ...]
    pro: str

    def __post_init__(self) -> None:
        if self.pro not in PRO_DEFINITIONS:
            known = ", ".join(map(repr, PRO_DEFINITIONS))
            raise ValueError(f"pro must be one of {known}, {got(self.pro, PRO_DEFINITIONS)}")

    @property
    def experiments(self) -> list[Experiment]:
        """All that fill it, each once."""
        experiments: list[Experiment] = []
        for cell in self.cells:
            experiments += cell.experiments
        return list(dict.fromkeys(experiments))

    def __repr__(self) -> str:
        filled = sum(bool(cell.experiments) for cell in self.cells)
        return (
            f"{self.name}: {len(self.cells)} cells, {filled} of them from "
            f"{len(self.experiments)} experiments"
        )

    def stored_metric(self, metric: str) -> str:
        """Return a metric's name in stored results, which hold PRO in all definitions."""
        return STORED_PRO[self.pro] if metric == "pro" else metric


def plan(
    paper: str, table: str | int, setting: Setting | None = None, *, pro: str | None = None
) -> Table:
    """Return a table of a paper, with the experiments that fill it.

    Parameters
    ----------
    paper, table: "spade", "patchcore" or "rd", and the paper's number; `adviz.tables.NAMES` has
        all.
    setting: on what; None = the paper's data and networks.
    pro: which definition of PRO is compared with the paper's, "global", "global-200" or
        "per-image", see `metrics.pro`; None = the setting's, or else that of the paper's own code
        (SPADE has none: "global").

    Raises
    ------
    ValueError: no such table or definition.

    Examples
    --------
    >>> tables.plan("patchcore", "S1", tables.reduced())
    PatchCore, Table S1: ...
    """
    name = table_name(paper, table)
    return plan_rows(name, values(name.paper, name.table), setting, pro)


def plan_rows(
    name: TableName, rows: pd.DataFrame, setting: Setting | None, pro: str | None
) -> Table:
    """Return a table of rows in the form of `values`, in which unprinted values are NaN."""
    setting = setting or Setting()
    if compares_networks(rows["variant"]):
        networks = {**setting.networks, **setting.compared_networks}
        setting = dataclasses.replace(setting, networks=networks)
    # A table row is one method in one variant, on one data set
    groups = rows.groupby(["dataset", "method", "variant"], sort=False)
    cells: list[Cell] = []
    for (dataset, method, variant), printed in groups:
        cells += _row_cells(name, dataset, method, variant, printed, setting)
    if pro is None:
        pro = setting.pro or PAPERS_PRO[name.paper]
    return Table(name, setting, tuple(cells), pro)


def _row_cells(
    name: TableName, dataset: str, method: str, variant: str, printed: Any, setting: Setting
) -> list[Cell]:
    """Return the cells of a row: those that the paper prints, or their like on other data."""
    categories = tuple(setting.categories.get(dataset, ()))
    # A configuration, or the reason why there are no experiments
    configured = configuration(name, dataset, method, variant, setting)
    folder = setting.folders.get(dataset, "")
    if isinstance(configured, Configuration) and not (folder and categories):
        configured = CLASSES_UNKNOWN.get(dataset, "these data are not part of this setting")

    def cell(value: Mapping[str, Any], data: str = "") -> Cell:
        experiments: tuple[Experiment, ...] = ()
        if isinstance(configured, str):
            reason = configured
        elif not (data or setting.uses_paper_data):
            reason = NOT_HERE
        else:
            averaged = _cell_categories(value["category"], categories)
            experiments = _experiments(configured, folder, averaged, setting)
            reason = "" if experiments else "these data have no such category"
        return Cell(
            dataset=dataset,
            category=value["category"],
            method=method,
            variant=variant,
            metric=value["metric"],
            printed=value["value"],
            std=value["std"],
            unit=value["unit"],
            note=value["note"],
            data=data,
            reason=reason,
            experiments=experiments,
        )

    values_there = printed.to_dict("records")
    if setting.uses_paper_data:
        return [cell(value) for value in values_there]
    # Printed values stand alone, and ours in cells of their own: they are of other images
    cells = [cell(value) for value in values_there if not math.isnan(value["value"])]
    is_ours = method in OURS or isinstance(configured, Configuration)  # a baseline is, in one paper
    if is_ours and folder and categories:
        data = OTHER_DATA.get(folder, folder)
        cells += [cell(value, data) for value in _unprinted_values(printed, categories)]
    return cells


def _unprinted_values(printed: Any, categories: Sequence[str]) -> list[dict[str, Any]]:
    """Return the values that a row would have on other categories, all NaN."""
    row_values = []
    for (metric, unit), part in printed.groupby(["metric", "unit"], sort=False):
        printed_categories = set(part["category"])
        # As many averages as the paper prints; one by category for each of ours
        names = list(categories) if printed_categories - set(AVERAGES) else []
        names += [average for average in ("average", "") if average in printed_categories]
        value = {"metric": metric, "unit": unit, "value": NAN, "std": NAN, "note": ""}
        row_values += [{**value, "category": name} for name in names]
    return row_values


def _cell_categories(category: str, categories: Sequence[str]) -> list[str]:
    """Return the categories that a cell is about: one, or those that it averages."""
    if category in ("average", ""):
        return list(categories)
    # MVTec AD's two kinds of categories
    if category == "average_textures":
        return [name for name in categories if name in TEXTURES]
    if category == "average_objects":
        return [name for name in categories if name not in TEXTURES]
    return [category] if category in categories else []


def _experiments(
    configured: Configuration, folder: str, categories: Sequence[str], setting: Setting
) -> tuple[Experiment, ...]:
    """Return the experiments of a cell, for every seed and category."""
    return tuple(
        Experiment(
            data=folder,
            category=category,
            detector=configured.detector,
            backbones=configured.networks,
            weights=configured.weights,
            geometry=configured.geometry,
            seed=seed,
            shots=configured.shots,
            every=setting.every,
            size=configured.size,
        )
        for seed, category in product(setting.seeds, categories)
    )
