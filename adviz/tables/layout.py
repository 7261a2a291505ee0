"""How a paper's table is laid out: its rows and columns, and which cell stands where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from adviz.tables.cell_results import FilledCell

if TYPE_CHECKING:
    from adviz.tables.comparison import Comparison

FEW = 4  # categories, up to which they are columns
STACKED = 8  # columns, beyond which printed and ours stand above each other
PRINTED, OURS = "printed", "ours"
AS_PRINTED = "as printed"  # a line without anything of ours
# How a cell's reason begins -> the same in two words
REMARKS = {"left out": "left out", "these data": "no data"}
Place = tuple[str, str]
Key = tuple[str, str, str]  # group, category, metric


@dataclass(frozen=True)
class Head:
    """The head of a row or column.

    Attributes
    ----------
    name, small: two texts, the second below the first.
    theirs: whether there is nothing of ours in it.
    group: what its values are of, where the table has printed values and ours of other images.
    """

    name: str
    small: str = ""
    theirs: bool = False
    group: str = ""

    @property
    def text(self) -> str:
        """Both texts."""
        return f"{self.name}, {self.small}" if self.small else self.name


@dataclass(frozen=True, eq=False)
class Layout:
    """Where every cell of a table stands.

    Attributes
    ----------
    corner: what the rows are.
    rows, columns: their heads.
    cells: for each row a cell for each column, None where there is none.
    places: (name of the line, name of the place in it) -> (row, column), line by line.
    hidden: how many lines are left out.
    """

    corner: str
    rows: list[Head]
    columns: list[Head]
    cells: list[list[FilledCell | None]]
    places: dict[Place, tuple[int, int]]
    hidden: int = 0

    @property
    def stacked(self) -> bool:
        """Whether printed and ours have no room beside each other."""
        return len(self.columns) > STACKED


@dataclass(frozen=True)
class _Line:
    """A method in one variant: its name, and its cells."""

    name: str
    cells: Mapping[Key, FilledCell]

    @property
    def is_theirs(self) -> bool:
        return not any(filled.cell.experiments for filled in self.cells.values())

    def has(self, metric: str) -> bool:
        return any(key[2] == metric for key in self.cells)

    def head(self, uses_paper_data: bool, metric: str = "") -> Head:
        """Return its head: the method, below it the variant; without results the reason follows."""
        cell = next(iter(self.cells.values())).cell
        remark = ""
        if self.is_theirs:
            remark = AS_PRINTED if uses_paper_data else _remark(cell.reason)
        dataset = cell.dataset if cell.dataset != "mvtec_ad" else ""
        words = [*cell.variant.split(";"), dataset, metric, remark]
        return Head(cell.method, ", ".join(filter(None, words)), self.is_theirs)


def laid_out(comparison: Comparison, *, others: bool = True) -> Layout:
    """Return the layout of a table.

    Methods are its rows, unless it has more categories than methods. On other data than the paper's
    the printed values come first, and ours have rows or columns of their own.

    A line is a method in one variant; a place in it is a category, and the metric where there are
    several.

    Parameters
    ----------
    comparison: the table.
    others: whether lines that are not ours are kept, where there are any of ours.
    """
    lines = _lines(comparison)
    ours = [line for line in lines if not line.is_theirs]
    shown = lines if others or not ours else ours
    keys = _keys(shown)
    pairs = list(dict.fromkeys((group, category) for group, category, _ in keys))
    metrics = list(dict.fromkeys(metric for _, _, metric in keys))
    uses_paper_data = comparison.table.setting.uses_paper_data
    several = len(metrics) > 1
    is_upright = len(pairs) > max(FEW, len(shown))
    cells: list[list[FilledCell | None]]
    if is_upright:
        # Ours come first: they are seen on a narrow page
        in_order = sorted(shown, key=lambda line: line.is_theirs)
        across = [(line, metric) for line, metric in product(in_order, metrics) if line.has(metric)]
        cells = [[line.cells.get((*pair, metric)) for line, metric in across] for pair in pairs]
        rows = [Head(category, group=group) for group, category in pairs]
        columns = [line.head(uses_paper_data, metric if several else "") for line, metric in across]
        at = {
            (line.name, (*pair, metric)): (row, column)
            for row, pair in enumerate(pairs)
            for column, (line, metric) in enumerate(across)
        }
    else:
        cells = [[line.cells.get(key) for key in keys] for line in shown]
        rows = [line.head(uses_paper_data) for line in shown]
        categories = {category for _, category in pairs}
        columns = [_place_head(key, several, len(categories) > 1) for key in keys]
        at = {
            (line.name, key): (row, column)
            for row, line in enumerate(shown)
            for column, key in enumerate(keys)
        }
    places = {
        (line.name, _place(key, several)): at[line.name, key]
        for line in shown
        for key in keys
        if key in line.cells
    }
    corner = "category" if is_upright else "method"
    return Layout(
        metrics[0] if not several else corner,
        rows,
        columns,
        cells,
        places,
        len(lines) - len(shown),
    )


def _lines(comparison: Comparison) -> list[_Line]:
    """Return the lines of a table; each has its cells by group, category and metric."""
    uses_paper_data = comparison.table.setting.uses_paper_data
    cells_of: dict[str, dict[Key, FilledCell]] = {}
    for name, filled in zip(comparison.lines, comparison.filled, strict=True):
        cell = filled.cell
        group = ""
        if not uses_paper_data:
            group = f"{OURS}: {cell.data}" if cell.data else PRINTED
        cells_of.setdefault(name, {})[group, cell.category or "all", filled.metric] = filled
    return [_Line(name, cells) for name, cells in cells_of.items()]


def _keys(lines: list[_Line]) -> list[Key]:
    """Return all places of lines in order: printed before ours, averages last in each."""
    longest = sorted(lines, key=lambda line: len(line.cells), reverse=True)
    keys = list(dict.fromkeys(key for line in longest for key in line.cells))
    pairs = list(dict.fromkeys((group, category) for group, category, _ in keys))
    metrics = list(dict.fromkeys(metric for _, _, metric in keys))
    # Stable sorts: averages last, as in most papers, and ours after what is printed
    pairs.sort(key=lambda pair: pair[1].startswith("average"))
    pairs.sort(key=lambda pair: pair[0] != PRINTED)
    return [(*pair, metric) for pair in pairs for metric in metrics if (*pair, metric) in keys]


def _remark(reason: str) -> str:
    """Return in two words why a line of ours has no results; "" for a method that is not ours."""
    found = (words for start, words in REMARKS.items() if reason.startswith(start))
    return next(found, "")


def _place(key: Key, with_metric: bool) -> str:
    """Return the name of a place in a line."""
    group, category, metric = key
    name = f"{PRINTED}: {category}" if group == PRINTED else category
    return f"{name}, {metric}" if with_metric else name


def _place_head(key: Key, several_metrics: bool, several_categories: bool) -> Head:
    group, category, metric = key
    if not several_metrics:
        return Head(category, group=group)
    return Head(metric, category if several_categories else "", group=group)
