"""A table of a paper: the experiments that fill it, and the printed values beside ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from adviz.sweep import Experiment
from adviz.tables.methods import Configuration, configuration
from adviz.tables.printed import Name, named, values
from adviz.tables.setting import NO_PROTOCOL, TEXTURES, Setting

if TYPE_CHECKING:
    import pandas as pd

# How each paper's own code computes PRO (methods: per-image in the codes of PatchCore and reverse
# distillation).
PRO = {"spade": "pro", "patchcore": "pro_per_image", "rd": "pro_per_image"}
DEFINITIONS = {
    "image_auroc": "AUROC of the image scores",
    "pixel_auroc": "AUROC of all pixels of a category",
    "pro": "PRO-global: all thresholds, false positive rate over all normal pixels, up to 0.3",
    "pro_200": "PRO-global-200: 200 thresholds, up to 0.3",
    "pro_per_image": "PRO-per-image: the mean over anomalous images, up to 0.3",
    "misclassified": "images on the wrong side of the category's F1-optimal threshold, sum over the categories",
    "full_recall": "good images flagged where every anomalous one is, sum over the categories",
    "solved": "share of the categories with an image AUROC of exactly 1",
    "bank_used": "share of the memory bank's patches that are the nearest one of some test patch",
    "time_s": "seconds for an image on this machine, network included",
    "memory_mb": "MiB of the arrays of the fitted detector, without the network",
}
DIGITS = {"count": 0, "s": 2, "MB": 0}  # printed of a unit; 1 of the others
# "": over a whole data set, or a count in all of it
AVERAGES = ("average", "average_textures", "average_objects", "")


@dataclass(frozen=True)
class Cell:
    """A place in a table.

    Attributes
    ----------
    dataset, category, method, variant, metric: as in `adviz.reference`; a category may be an
        average.
    printed, std: the paper's value, in `unit`; NaN where it prints none (or other data are used).
    unit: "%", "s", "MB" or "count".
    note: on the printed value.
    reason: why there are no experiments; "" where there are.
    experiments: what fills it.

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
    reason: str = ""
    experiments: tuple[Experiment, ...] = ()

    def text(self, value: float) -> str:
        """Return a value with the decimals of the unit; "" for NaN.

        Examples
        --------
        >>> tables.plan("spade", 1).cells[0].text(85.5)
        '85.5'
        """
        return "" if value != value else f"{value:.{DIGITS.get(self.unit, 1)}f}"


@dataclass(frozen=True, eq=False)
class Table:
    """A paper's table and what is to be done to fill it; see `plan`.

    Attributes
    ----------
    name: paper, number and title.
    setting: on what it is regenerated.
    cells: every place, line by line.
    pro: which of the definitions of PRO stands for the paper's: "pro", "pro_200" or
        "pro_per_image".

    Raises
    ------
    ValueError: no such definition.

    Examples
    --------
    >>> table = tables.plan("spade", 1)
    >>> len(table.cells), len(table.experiments)
    (5, 15)
    """

    name: Name
    setting: Setting
    cells: tuple[Cell, ...]
    pro: str

    def __post_init__(self) -> None:
        if self.pro not in ("pro", "pro_200", "pro_per_image"):
            raise ValueError(f'pro must be "pro", "pro_200" or "pro_per_image", got {self.pro!r}')

    @property
    def experiments(self) -> list[Experiment]:
        """All that fill it, each once."""
        return list(dict.fromkeys(one for cell in self.cells for one in cell.experiments))

    def __repr__(self) -> str:
        ours = sum(bool(cell.experiments) for cell in self.cells)
        return f"{self.name}: {len(self.cells)} cells, {ours} of them from {len(self.experiments)} experiments"


def plan(
    paper: str, table: str | int, setting: Setting | None = None, *, pro: str | None = None
) -> Table:
    """Return a table of a paper, with the experiments that fill it.

    Parameters
    ----------
    paper, table: "spade", "patchcore" or "rd", and the paper's number; `adviz.tables.NAMES` has
        all.
    setting: on what; None = the paper's data and networks.
    pro: which definition stands for the paper's PRO, "pro" (global), "pro_200" or "pro_per_image";
        None = the one of the paper's own code (SPADE has none: "pro").

    Raises
    ------
    ValueError: no such table or definition.

    Examples
    --------
    >>> tables.plan("patchcore", "S1", tables.reduced())
    PatchCore, Table S1: ...
    """
    name = named(paper, table)
    return assembled(name, values(name.paper, name.table), setting, pro)


def assembled(name: Name, lines: pd.DataFrame, setting: Setting | None, pro: str | None) -> Table:
    """Return a table of lines that look as `values` has them; what is not printed is NaN in them."""
    if pro is not None and pro not in ("pro", "pro_200", "pro_per_image"):
        raise ValueError(f'pro must be "pro", "pro_200", "pro_per_image" or None, got {pro!r}')
    chosen = setting or Setting()
    cells = [
        cell
        for (dataset, method, variant), printed in lines.groupby(
            ["dataset", "method", "variant"], sort=False
        )
        for cell in _line(name, str(dataset), str(method), str(variant), printed, chosen)
    ]
    return Table(name, chosen, tuple(cells), PRO[name.paper] if pro is None else pro)


def _line(
    name: Name, dataset: str, method: str, variant: str, printed: Any, setting: Setting
) -> Iterator[Cell]:
    """Yield the cells of a line: those that the paper prints, or on other data those that it would have."""
    found = configuration(name, dataset, method, variant, setting)
    folder, categories = setting.folders.get(dataset), tuple(setting.categories.get(dataset, ()))
    if not isinstance(found, str) and (folder is None or not categories):
        found = NO_PROTOCOL.get(dataset, "these data are not part of this setting")
    rows = printed.to_dict("records") if setting.papers else _elsewhere(printed, categories)
    for row in rows:
        where = _part(row["category"], categories)
        done: tuple[Experiment, ...] = ()
        if isinstance(found, Configuration) and folder is not None:
            pairs = product(setting.seeds, where)
            done = tuple(
                _experiment(found, folder, category, seed, setting) for seed, category in pairs
            )
        yield Cell(
            dataset=dataset,
            method=method,
            variant=variant,
            reason=""
            if done
            else found
            if isinstance(found, str)
            else "these data have no such category",
            experiments=done,
            **{key: row[key] for key in ("category", "metric", "unit", "note")},
            printed=row["value"],
            std=row["std"],
        )


def _elsewhere(printed: Any, categories: Sequence[str]) -> list[dict[str, Any]]:
    """Return what a line would print on other categories: nothing, at as many places."""
    rows = []
    for (metric, unit), part in printed.groupby(["metric", "unit"], sort=False):
        there = list(part["category"])
        names = [*categories] if any(one not in AVERAGES for one in there) else []
        names += [one for one in ("average", "") if one in there]
        nothing = {
            "metric": metric,
            "unit": unit,
            "note": "",
            "value": float("nan"),
            "std": float("nan"),
        }
        rows += [{**nothing, "category": one} for one in names]
    return rows


def _part(category: str, categories: Sequence[str]) -> list[str]:
    """Return the categories that a cell is about: one, or those that are averaged."""
    if category not in AVERAGES:
        return [category] if category in categories else []
    if category in ("average", ""):
        return list(categories)
    return [one for one in categories if (one in TEXTURES) == (category == "average_textures")]


def _experiment(
    found: Configuration, folder: str, category: str, seed: int, setting: Setting
) -> Experiment:
    return Experiment(
        data=folder,
        category=category,
        detector=found.detector,
        backbones=found.networks,
        weights=found.weights,
        geometry=found.geometry,
        seed=seed,
        shots=found.shots,
        every=setting.every,
        size=found.size,
    )
