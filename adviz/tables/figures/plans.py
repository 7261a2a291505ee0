"""The papers' figures: the experiments behind each, and its drawing from their results."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from adviz import sweep
from adviz._support import did_you_mean
from adviz.sweep import Experiment, ExperimentResult
from adviz.tables.comparison import Comparison, compare
from adviz.tables.figures.contents import CONTENTS, FEW_CATEGORIES
from adviz.tables.paper_values import MVTEC_AD, PAPERS, TableName, printed_rows, values
from adviz.tables.setting import PHOTOGRAPHS, Setting
from adviz.tables.shipped import shipped_prediction
from adviz.tables.table import Table, plan_rows

if TYPE_CHECKING:
    from adviz.data import Category
    from adviz.plots import Chart, StaticFigure
    from adviz.prediction import Prediction
    from adviz.tables.figures.pictures import Predict


@dataclass(frozen=True, eq=False)
class FigurePlan:
    """A figure of a paper and the experiments behind it; see `plan_figure`.

    Attributes
    ----------
    table: its numbers as a table: name, setting, cells with their experiments.
    note: what the paper leaves open.

    Examples
    --------
    >>> figure = tables.plan_figure("patchcore", 3)
    >>> figure.experiments
    []
    """

    table: Table
    note: str = ""

    @property
    def name(self) -> TableName:
        """Paper, number and title."""
        return self.table.name

    @property
    def setting(self) -> Setting:
        """On what it is drawn."""
        return self.table.setting

    @property
    def experiments(self) -> list[Experiment]:
        """All that it needs, each once; PatchCore's Fig. 3 needs none."""
        return self.table.experiments

    def compare(self, rows: Iterable[ExperimentResult]) -> Comparison:
        """Return the numbers behind the figure, with printed ones where a table has them."""
        return compare(self.table, rows)

    def draw(
        self,
        rows: Iterable[ExperimentResult] = (),
        *,
        root: str | Path | None = None,
        predict: Predict | None = None,
    ) -> Chart | StaticFigure:
        """Draw the figure from results; experiments without one are left out.

        A chart has hover, and `static()` for paper; what has images or maps is a picture.

        Parameters
        ----------
        rows: results of a `sweep.Report`; those of other experiments do not matter.
        root: folder of the data sets, for figures of images and maps.
        predict: experiment -> (category, prediction), for these. None = maps that come with adviz
            where the result does, else `sweep.predict`, which does the experiment again (results
            hold no maps).

        Raises
        ------
        ValueError: the figure needs results, and none of its own are among these.

        Examples
        --------
        >>> tables.plan_figure("patchcore", 3).draw()
        <StaticFigure size ...>
        """
        # Here, because they load matplotlib
        from adviz.tables.figures import charts, distributions, pictures

        key = (self.name.paper, self.name.table)
        if key == ("patchcore", "3"):
            return distributions.plane(self.name)
        own = set(self.experiments)
        rows = list(rows)
        results = [result for result in rows if result.experiment in own]
        if not results:
            raise ValueError(
                f"expected rows of {self!r}, got {len(rows)} of others: run plan.experiments first"
            )
        # Pictures need maps, and so a prediction; the other figures need numbers alone
        if key in pictures.FIGURES:
            first = pictures.first_of_each(results)
            if predict is None:
                predict = partial(_predict, {one.experiment: one for one in first}, root)
            return pictures.FIGURES[key](self.name, first, predict)
        if key == ("rd", "5"):
            return distributions.histograms(self.name, pictures.first_of_each(results))
        if key == ("patchcore", "S3"):
            return distributions.curves(self.compare(results))
        return charts.FIGURES[key](self.compare(results), self.note)

    def __repr__(self) -> str:
        return f"{self.name}: {self.name.title}; {len(self.experiments)} experiments"


def plan_figure(
    paper: str, figure: str | int, setting: Setting | None = None, *, pro: str | None = None
) -> FigurePlan:
    """Return a figure of a paper, with the experiments that fill it.

    Parameters
    ----------
    paper, figure: "spade", "patchcore" or "rd", and the paper's number; `adviz.tables.FIGURES` has
        all. RD's "6-7" are numbers in place of its two figures of examples.
    setting: on what; None = the paper's data and networks.
    pro: as for `plan`.

    Raises
    ------
    ValueError: no such figure or definition.

    Examples
    --------
    >>> str(tables.plan_figure("patchcore", 5, tables.reduced()).name)
    'PatchCore, Fig. 5'
    """
    import pandas as pd

    key = (paper, str(figure))
    if key not in CONTENTS:
        numbers: dict[str, list[str]] = {}
        for known_paper, number in CONTENTS:
            numbers.setdefault(known_paper, []).append(number)
        known = "; ".join(f"{name}: {', '.join(each)}" for name, each in numbers.items())
        raise ValueError(
            f"expected a paper and one of its figures ({known}), got {paper!r}, {figure!r}"
            f"{did_you_mean(paper, PAPERS)}"
        )
    content = CONTENTS[key]
    setting = setting or Setting()
    if content.few:
        setting = _with_few_categories(setting)
    if content.table:
        rows = values(paper, content.table)
    else:
        rows = printed_rows(paper, content.rows, content.metrics, by_category=content.by_category)
    others = ("stc",) if content.scene else PHOTOGRAPHS if content.photographs else ()
    for dataset in others:
        if names := setting.categories.get(dataset):
            # One scene or class is enough for a picture
            one = {**setting.categories, dataset: names[:1]}
            setting = dataclasses.replace(setting, categories=one)
            row = rows.iloc[:1].assign(
                dataset=dataset, category="", value=float("nan"), std=float("nan"), note=""
            )
            rows = pd.concat([rows, row])
    name = TableName(paper, str(figure), content.title, "Fig.")
    return FigurePlan(plan_rows(name, rows, setting, pro), content.note)


def _predict(
    results: Mapping[Experiment, ExperimentResult], root: str | Path | None, experiment: Experiment
) -> tuple[Category, Prediction]:
    """Return the maps that come with adviz, where the result does; else do the experiment again."""
    result = results[experiment]
    found = shipped_prediction(result) if result.path is None else None
    return found or sweep.predict(experiment, None if root is None else Path(root))


def _with_few_categories(setting: Setting) -> Setting:
    """Return the setting with some categories of MVTec AD, or what stands for it, and one seed."""
    names = setting.categories[MVTEC_AD]
    step = math.ceil(len(names) / FEW_CATEGORIES)
    few = {**setting.categories, MVTEC_AD: names[::step]}
    return dataclasses.replace(setting, categories=few, seeds=setting.seeds[:1])
