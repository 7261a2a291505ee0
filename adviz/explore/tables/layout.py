"""How a paper's table is laid out on the page.

What its rows and columns are, and what stands in a cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adviz.tables import Comparison, FilledCell

BOTH, OURS, DELTA = "printed | ours", "ours", "delta"
SHOWS = (BOTH, OURS, DELTA)
FEW = 4  # categories, up to which they are columns
STACKED = 8  # columns, beyond which printed and ours stand above each other
NOTHING = "-"
PENDING = "…"  # being computed, or still to be done
AS_PRINTED, NOT_OURS = "as printed", "not ours"
# How a cell's reason begins -> the same in two words
REMARKS = {"left out": "left out", "these data": "no data"}
Place = tuple[str, str]


@dataclass(frozen=True)
class Head:
    """The head of a row or column.

    Attributes
    ----------
    name, small: two texts, the second below the first.
    theirs: whether there is nothing of ours in it, which is grey and slanted.
    """

    name: str
    small: str = ""
    theirs: bool = False

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
    cells: for each row a cell for each column, None where the paper has none.
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


def laid_out(comparison: Comparison, *, others: bool = True) -> Layout:
    """Return the layout of a table.

    Methods are its rows, unless it has more categories than methods.

    A line is a method in one variant; a place in it is a category, and the metric where there are
    several. Without `others` only lines that are ours are kept, if there are any. As columns, ours
    come first: they are seen on a narrow page.
    """
    every: dict[str, dict[tuple[str, str], FilledCell]] = {}
    for name, one in zip(comparison.lines, comparison.filled, strict=True):
        every.setdefault(name, {})[one.cell.category or "all", one.metric] = one
    ours = {name: line for name, line in every.items() if not _theirs(line)}
    lines = every if others or not ours else ours
    longest = sorted(lines.values(), key=len, reverse=True)
    categories = list(dict.fromkeys(category for line in longest for category, _ in line))
    categories.sort(key=lambda name: name.startswith("average"))  # last, as in most papers
    metrics = list(dict.fromkeys(metric for line in longest for _, metric in line))
    used = {key for line in lines.values() for key in line}
    papers = comparison.table.setting.uses_paper_data
    upright = len(categories) > max(FEW, len(lines))
    across = [(c, m) for c in categories for m in metrics if (c, m) in used]
    cells: list[list[FilledCell | None]]
    if upright:
        first = sorted(lines, key=lambda name: _theirs(lines[name]))
        pairs = [
            (name, metric) for name in first for metric in metrics if _has(lines[name], metric)
        ]
        cells = [
            [lines[name].get((category, metric)) for name, metric in pairs]
            for category in categories
        ]
        rows = [Head(one) for one in categories]
        columns = [
            _line_head(lines[name], papers, metric if len(metrics) > 1 else "")
            for name, metric in pairs
        ]
        at = {
            (name, (c, m)): (i, j)
            for i, c in enumerate(categories)
            for j, (name, m) in enumerate(pairs)
        }
    else:
        cells = [[line.get(key) for key in across] for line in lines.values()]
        rows = [_line_head(line, papers) for line in lines.values()]
        columns = [_place_head(*key, len(categories), len(metrics)) for key in across]
        at = {(name, key): (i, j) for i, name in enumerate(lines) for j, key in enumerate(across)}
    places = {
        (name, f"{key[0]}, {key[1]}" if len(metrics) > 1 else key[0]): at[name, key]
        for name, line in lines.items()
        for key in across
        if key in line
    }
    corner = metrics[0] if len(metrics) == 1 else "category" if upright else "method"
    return Layout(corner, rows, columns, cells, places, len(every) - len(lines))


def _has(line: Mapping[tuple[str, str], FilledCell], metric: str) -> bool:
    return any(one == metric for _, one in line)


def _theirs(line: Mapping[tuple[str, str], FilledCell]) -> bool:
    return not any(one.cell.experiments for one in line.values())


def _line_head(line: Mapping[tuple[str, str], FilledCell], papers: bool, metric: str = "") -> Head:
    """Return the head of a line: its method, below it its variant.

    Where we have no result, the reason follows.
    """
    cell = next(iter(line.values())).cell
    theirs = _theirs(line)
    remark = (
        AS_PRINTED
        if papers
        else next((w for why, w in REMARKS.items() if cell.reason.startswith(why)), NOT_OURS)
    )
    words = [*cell.variant.split(";"), cell.dataset if cell.dataset != "mvtec_ad" else "", metric]
    return Head(cell.method, ", ".join(filter(None, [*words, remark if theirs else ""])), theirs)


def _place_head(category: str, metric: str, categories: int, metrics: int) -> Head:
    if metrics == 1:
        return Head(category)
    return Head(metric, category if categories > 1 else "")


def texts_of(cell: Mapping[str, Any], shows: str) -> tuple[str, str]:
    """Return the two texts of a cell that `cells.described` made: tables.js has its twin.

    Parameters
    ----------
    cell: of the table's part.
    shows: "printed | ours", "ours" or "delta".
    """
    printed = cell["printed"] if shows == BOTH else ""
    if cell["theirs"]:
        return (printed if shows == BOTH else NOTHING), ""
    ours = f"{cell['ours']} {cell['state']}".strip()
    if shows == DELTA:
        ours = cell["delta"] or (NOTHING if cell["ours"] else cell["state"])
    return printed, ours


def legend(
    layout: Layout, comparison: Comparison, shows: str, cells: Sequence[Mapping[str, Any]]
) -> str:
    """Say what stands in the cells, what every metric is, and what the signs mean.

    Parameters
    ----------
    layout, comparison: the table.
    shows: "printed | ours", "ours" or "delta".
    cells: those of the layout, as `cells.described` made them.
    """
    lines = [_shown_words(layout, comparison, shows)]
    named = {one.metric: one.cell.metric for one in comparison.filled}
    lines += [f"{name}: {comparison.definition(metric)}" for name, metric in named.items()]
    shown = [texts_of(one, shows) for one in cells]
    if any(first.endswith("*") for first, _ in shown):
        lines.append("*: the printed value is uncertain, its note is in the cell's detail")
    if any(one["theirs"] for one in cells):
        lines.append("Grey and slanted: nothing of ours")
    if stand_ins := comparison.stand_ins:
        lines.append(f"Networks: {', '.join(stand_ins)}")
    if layout.hidden:
        lines.append(f"{layout.hidden} methods that are not ours are not shown")
    if any(PENDING in second for _, second in shown):
        lines.append(f"{PENDING}: still to be done")
    if any("/" in second for _, second in shown):
        lines.append("2/15: experiments of the cell that are done")
    return ". ".join(lines) + "."


def _shown_words(layout: Layout, comparison: Comparison, shows: str) -> str:
    if not comparison.table.setting.uses_paper_data:
        return "Ours, on other data than the paper's: no printed value to compare with"
    if shows == OURS:
        return "Ours"
    if shows == DELTA:
        return "Ours - printed"
    return "Printed above ours" if layout.stacked else "Printed | ours"
