"""How a paper's table is laid out on the page.

What its rows and columns are, and what stands in a cell.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from adviz.explore.kit.texts import PENDING
from adviz.explore.widgets import Entry, Head

if TYPE_CHECKING:
    from adviz.sweep import Experiment
    from adviz.tables import Comparison, FilledCell

BOTH, OURS, DELTA = "printed | ours", "ours", "delta"
SHOWS = (BOTH, OURS, DELTA)
FEW = 4  # categories, up to which they are columns
STACKED = 8  # columns, beyond which printed and ours stand above each other
NOTHING = "-"
AS_PRINTED, NOT_OURS = "as printed", "not ours"
# How a cell's reason begins -> the same in two words
REMARKS = {"left out": "left out", "these data": "no data"}
Place = tuple[str, str]


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


def entries(
    layout: Layout, shows: str, broken: Mapping[Experiment, str], queued: Container[Experiment]
) -> list[list[Entry | None]]:
    """Return what stands in each cell.

    Parameters
    ----------
    layout: of the table.
    shows: "printed | ours", "ours" or "delta".
    broken: experiment -> what went wrong.
    queued: experiments that are waiting.
    """

    def made(one: FilledCell | None) -> Entry | None:
        return None if one is None else _entry(one, shows, broken, queued)

    return [[made(one) for one in line] for line in layout.cells]


def _entry(
    one: FilledCell, shows: str, broken: Mapping[Experiment, str], queued: Container[Experiment]
) -> Entry:
    printed, ours, delta = one.texts
    if not one.cell.experiments:
        return Entry(first=printed if shows == BOTH else NOTHING, title=_title(one), theirs=True)
    why = reason(one, broken)
    state = _state(one, why, queued)
    second = f"{ours} {state}".strip() if ours else state
    if shows == DELTA:
        second = delta or (NOTHING if ours else state)
    return Entry(
        printed if shows == BOTH else "", second, _title(one, f"broken: {why}" if why else "")
    )


def _state(one: FilledCell, why: str, queued: Container[Experiment]) -> str:
    """Say what is the matter with a cell that lacks experiments, in a word."""
    if not one.missing:
        return "" if one.texts[1] else "undefined"
    if any(experiment in queued for experiment in one.cell.experiments):
        return "queued"
    if why:
        return "broken"
    done = len(one.cell.experiments) - one.missing
    return f"{done}/{len(one.cell.experiments)}" if done else PENDING


def reason(one: FilledCell, broken: Mapping[Experiment, str]) -> str:
    """Return what went wrong with an experiment that a cell lacks, in a line.

    "" where nothing did.
    """
    there = {row.experiment for row in one.results}
    found = (broken[e] for e in one.cell.experiments if e in broken and e not in there)
    return last_line(next(found, ""))


def last_line(text: str) -> str:
    """Return what a traceback ends with."""
    return text.strip().splitlines()[-1] if text.strip() else ""


def _title(one: FilledCell, why: str = "") -> str:
    """Return what hovering over a cell says."""
    cell = one.cell
    missing = f"{one.missing} of {len(cell.experiments)} experiments missing" if one.missing else ""
    return " · ".join(
        filter(
            None,
            [f"{cell.method} {cell.category} {one.metric}", cell.note, cell.reason, why, missing],
        )
    )


def legend(
    layout: Layout, comparison: Comparison, shows: str, marks: list[list[Entry | None]]
) -> str:
    """Say what stands in the cells, what every metric is.

    The signs in the cells are explained, too.
    """
    papers = comparison.table.setting.uses_paper_data
    words = {
        BOTH: "Printed above ours" if layout.stacked else "Printed | ours",
        OURS: "Ours",
        DELTA: "Ours - printed",
    }
    lines = [
        words[shows]
        if papers
        else "Ours, on other data than the paper's: no printed value to compare with"
    ]
    named = {one.metric: one.cell.metric for one in comparison.filled}
    lines += [f"{name}: {comparison.definition(metric)}" for name, metric in named.items()]
    shown = [one for line in marks for one in line if one is not None]
    if any(one.first.endswith("*") for one in shown):
        lines.append("*: the printed value is uncertain, its note is in the cell's detail")
    if any(one.theirs for one in shown):
        lines.append("Grey and slanted: nothing of ours")
    if stand_ins := comparison.stand_ins:
        lines.append(f"Networks: {', '.join(stand_ins)}")
    if layout.hidden:
        lines.append(f"{layout.hidden} methods that are not ours are not shown")
    if any(PENDING in one.second for one in shown):
        lines.append(f"{PENDING}: still to be done")
    if any("/" in one.second for one in shown):
        lines.append("2/15: experiments of the cell that are done")
    return ". ".join(lines) + "."
