"""Which experiments fill a figure of a paper."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adviz._support import meant
from adviz.sweep import Experiment, ExperimentResult
from adviz.tables.ablations import RESOLUTION
from adviz.tables.comparison import Comparison, compare
from adviz.tables.lines import SCORES, Line, lines
from adviz.tables.printed import PAPERS, Name, values
from adviz.tables.setting import Setting
from adviz.tables.table import Table, assembled

if TYPE_CHECKING:
    from adviz.plots import StaticFigure
    from adviz.tables.figures.drawn import Predict

DETECTION, BOTH = ("image_auroc",), ("image_auroc", "pixel_auroc")
SIDES = (1, 3, 5, 7, 9)
LEVELS = ("1", "2", "3", "1+2", "2+3", "1+2+3")
DEFAULT_SIDE, DEFAULT_LEVELS = 3, "2+3"  # which the variant does not name
SHARES = ("100%", "50%", "25%", "10%", "1%", "0.1%")
LEARNED = ("10%", "1%", "0.1%")  # proxies: learning more of them takes days on the papers' data
UNTRAINED = ("100%", "10%", "1%", "0.1%")
LOCAL: tuple[Line, ...] = (
    ("PatchCore", "coreset=10%"),
    *(("PatchCore", f"coreset=10%;neighborhood={p}") for p in SIDES if p != DEFAULT_SIDE),
    *(
        ("PatchCore", f"coreset=10%;layers={levels}")
        for levels in LEVELS
        if levels != DEFAULT_LEVELS
    ),
)
SAMPLERS: tuple[Line, ...] = (
    *(("PatchCore", f"coreset={share}") for share in SHARES),
    *(("PatchCore", f"coreset={share};sampler=random") for share in SHARES[1:]),
    *(("PatchCore", f"coreset={share};sampler=proxies") for share in LEARNED),
)
RANDOM: tuple[Line, ...] = tuple(
    ("PatchCore", f"coreset={share};weights=random") for share in UNTRAINED
)
THREE: tuple[Line, ...] = (("SPADE", ""), ("PaDiM", ""), ("PatchCore", "coreset=25%"))
OURS: tuple[Line, ...] = (("RD4AD", "image_size=256"),)
WRN = "backbone=wide_resnet50"
FOUR: tuple[Line, ...] = (*OURS, ("PatchCore", "coreset=10%"), ("PaDiM", WRN), ("SPADE", WRN))
NOT_SAID = "The paper does not say which coreset: 10 % here, but where the budget itself is varied."


@dataclass(frozen=True)
class _Content:
    """What a figure is made of: lines with metrics, on average or for each category, or a whole printed table."""

    title: str
    lines: tuple[Line, ...] = ()
    metrics: tuple[str, ...] = SCORES
    each: bool = False
    table: str = ""
    note: str = ""


CONTENTS = {
    ("spade", "1"): _Content(
        "anomalies beside the normal image retrieved first", (("SPADE", ""),), DETECTION, True
    ),
    ("spade", "2"): _Content(
        "one image, its neighbour, and what has no match in it", (("SPADE", ""),), DETECTION, True
    ),
    ("patchcore", "3"): _Content("coreset against random points, in the plane"),
    ("patchcore", "4"): _Content("neighbourhood and hierarchy levels", LOCAL, BOTH, note=NOT_SAID),
    ("patchcore", "5"): _Content("samplers against the bank's size", SAMPLERS, BOTH),
    ("patchcore", "6"): _Content("few training images", table="S5"),
    ("patchcore", "S1"): _Content(
        "false positives at the F1-optimal threshold", THREE[2:], DETECTION, True
    ),
    ("patchcore", "S2"): _Content(
        "false negatives at the F1-optimal threshold", THREE[2:], DETECTION, True
    ),
    ("patchcore", "S3"): _Content(
        "precision-recall and ROC curves, and errors", THREE, DETECTION, True
    ),
    ("patchcore", "S4"): _Content("image size and neighbourhood", RESOLUTION, note=NOT_SAID),
    ("patchcore", "S5"): _Content(
        "neighbourhood and hierarchy levels, with PRO", LOCAL, note=NOT_SAID
    ),
    ("patchcore", "S6"): _Content("samplers against the bank's size, with PRO", SAMPLERS + RANDOM),
    ("rd", "5"): _Content("scores of good and anomalous images", OURS, DETECTION, True),
    ("rd", "6"): _Content("the largest defects", OURS, ("pro",), True),
    ("rd", "7"): _Content("the smallest defects", OURS, ("pro",), True),
    ("rd", "6-7"): _Content(
        "large against small defects, in numbers", FOUR, ("pro", "pixel_auroc"), True
    ),
}
FIGURES = tuple(Name(paper, figure, one.title, "Fig.") for (paper, figure), one in CONTENTS.items())


@dataclass(frozen=True, eq=False)
class FigurePlan:
    """A figure of a paper and what is to be done to draw it; see `plan_figure`.

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
    def name(self) -> Name:
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
        """Return the numbers behind the figure, beside printed ones where a table has them."""
        return compare(self.table, rows)

    def draw(
        self,
        rows: Iterable[ExperimentResult] = (),
        *,
        root: str | Path | None = None,
        predict: Predict | None = None,
    ) -> StaticFigure:
        """Draw the figure from rows; what has no row is left out.

        Parameters
        ----------
        rows: of a `sweep.Report`; those of other experiments do not matter.
        root: folder of the data sets, for figures of images and maps.
        predict: experiment -> (category, prediction), for these; None = `sweep.predict`, which does
            them again (rows hold no maps).

        Raises
        ------
        ValueError: the figure cannot be drawn without rows, and none of its own are among these.

        Examples
        --------
        >>> tables.plan_figure("patchcore", 3).draw()
        <StaticFigure size ...>
        """
        from adviz.tables.figures.drawn import draw

        return draw(self, list(rows), None if root is None else Path(root), predict)

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
    key = paper, str(figure)
    if key not in CONTENTS:
        there = "; ".join(
            f"{p}: {', '.join(f for q, f in CONTENTS if q == p)}"
            for p in ("spade", "patchcore", "rd")
        )
        raise ValueError(
            f"expected a paper and one of its figures ({there}), got {paper!r}, {figure!r}{meant(paper, PAPERS)}"
        )
    one = CONTENTS[key]
    printed = (
        values(paper, one.table)
        if one.table
        else lines(paper, one.lines, one.metrics, each=one.each)
    )
    return FigurePlan(assembled(Name(*key, one.title, "Fig."), printed, setting, pro), one.note)
