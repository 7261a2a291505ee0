"""A table with the paper's values and ours beside each other, as text, HTML, LaTeX, Markdown and CSV."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adviz.sweep import Experiment, ExperimentResult, Report
from adviz.tables.filled import LABELS, Filled, fill, value_of
from adviz.tables.incomplete import remarks
from adviz.tables.methods import named_networks
from adviz.tables.setting import NETWORKS
from adviz.tables.table import DEFINITIONS, Cell, Table

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "-"


@dataclass(frozen=True, eq=False)
class Comparison:
    """A paper's table, filled as far as there are rows; see `compare`.

    Attributes
    ----------
    table: what was planned.
    filled: its cells, with what our rows say.
    remarks: sentences on data that are incomplete, or are not the paper's.

    Examples
    --------
    >>> comparison = tables.compare(tables.plan("spade", 1), rows=[])
    >>> comparison.lines[0]
    'GeoTrans'
    """

    table: Table
    filled: tuple[Filled, ...]
    remarks: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return a line for every cell: printed, ours, delta, definition, note, and the files of the rows.

        Examples
        --------
        >>> tables.compare(tables.plan("spade", 1), []).to_frame()["printed"].notna().all()
        np.True_
        """
        import pandas as pd

        lines = []
        for one in self.filled:
            cell = one.cell
            lines.append(
                {
                    "paper": self.table.name.paper,
                    "table": self.table.name.table,
                    "dataset": cell.dataset,
                    "category": cell.category,
                    "method": cell.method,
                    "variant": cell.variant,
                    "metric": cell.metric,
                    "unit": cell.unit,
                    "printed": cell.printed,
                    "printed std": cell.std,
                    "ours": one.ours,
                    "ours std": one.std,
                    "delta": one.delta,
                    "seeds": one.seeds,
                    "missing": one.missing,
                    "definition": self.definition(cell.metric),
                    "note": "; ".join(filter(None, (cell.note, cell.reason, one.reason))),
                    "rows": " ".join(row.path.name for row in one.results if row.path is not None),
                }
            )
        return pd.DataFrame(lines)

    @property
    def lines(self) -> list[str]:
        """For each cell the name of its line: method and variant, and the data set where there are several."""
        several = len({one.cell.dataset for one in self.filled}) > 1
        parts = [
            (c.method, c.variant.replace(";", ", "), c.dataset * several)
            for c in (f.cell for f in self.filled)
        ]
        return [", ".join(filter(None, words)) for words in parts]

    def value(self, cell: Cell, row: ExperimentResult) -> float:
        """Return what a row says of a cell, in the cell's unit."""
        return value_of(row, cell, self.table.pro)

    def definition(self, metric: str) -> str:
        """Return what a metric of ours is, in words."""
        return DEFINITIONS[self.table.pro if metric == "pro" else metric]

    @property
    def missing(self) -> list[Experiment]:
        """The experiments that have no row."""
        there = {row.experiment for one in self.filled for row in one.results}
        return [one for one in self.table.experiments if one not in there]

    def wide(self) -> pd.DataFrame:
        """Return texts as the paper lays them out: a line for each method and variant, a column for each place.

        A text is "printed | ours (delta)", with what there is of it; "*" marks a printed value that
        is uncertain.
        """
        import pandas as pd

        lines: dict[str, dict[tuple[str, str], str]] = {}
        for one, name in zip(self.filled, self.lines, strict=True):
            line = lines.setdefault(name, {})
            line[one.cell.category or "all", one.metric] = _text(one)
        frame = pd.DataFrame(
            list(lines.values()), index=pd.Index(lines, name=str(self.table.name))
        ).fillna("")
        frame.columns = pd.MultiIndex.from_tuples(frame.columns)
        if frame.columns.get_level_values(1).nunique() == 1:
            frame.columns = pd.Index(frame.columns.get_level_values(0), name=frame.columns[0][1])
        return frame

    def __repr__(self) -> str:
        return f"{self.table.name}: {self.table.name.title}\n{self.wide().to_string()}\n{self._legend()}"

    def to_markdown(self) -> str:
        """Return the table in Markdown."""
        frame = self.wide()
        heads = [" ".join(one) if isinstance(one, tuple) else str(one) for one in frame.columns]
        rows = [
            [str(name), *values]
            for name, values in zip(frame.index, frame.to_numpy().tolist(), strict=True)
        ]
        lines = [["method", *heads], ["---"] * (len(heads) + 1), *rows]
        text = "\n".join(
            "| " + " | ".join(str(one).replace("|", "\\|") for one in line) + " |" for line in lines
        )
        return f"**{self.table.name}**: {self.table.name.title}\n\n{text}\n\n{self._legend()}\n"

    def to_latex(self) -> str:
        """Return the table in LaTeX, for the package booktabs."""
        styled = self.wide().style.format(escape="latex").format_index(escape="latex", axis=0)
        caption = f"{self.table.name}: {self.table.name.title}. {self._legend()}"
        return str(
            styled.format_index(escape="latex", axis=1).to_latex(
                hrules=True, caption=_escaped(caption)
            )
        )

    def to_csv(self) -> str:
        """Return all cells in long form as CSV."""
        return str(self.to_frame().to_csv(index=False))

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self, folder: str | Path | None = None) -> str:
        """Return the table in HTML; our values link to their rows, as seen from `folder` (None = here)."""
        base = Path(folder or ".").resolve()
        frame = self.wide().map(html.escape)
        for one, name in zip(self.filled, self.lines, strict=True):
            if one.results and not np.isnan(one.ours):
                column = (one.cell.category or "all", one.metric)
                key = column if column in frame.columns else column[0]
                frame.loc[name, key] = _linked(_text(one), one, base)
        title = f"<b>{html.escape(str(self.table.name))}</b>: {html.escape(self.table.name.title)}"
        # The title says which table it is
        named = frame.rename(index=html.escape).rename_axis(index=None)
        styled = named.style.set_caption(title).set_table_styles(STYLES)
        return f"{styled.to_html()}<p style='max-width:900px'>{html.escape(self._legend())}</p>"

    @property
    def stand_ins(self) -> list[str]:
        """Return which of our networks stands for which of the papers', where it is another one."""
        ours = self.table.setting.networks
        names = {
            name
            for one in self.table.cells
            if one.experiments
            for name in named_networks(one.variant)
        }
        return [
            f"{ours[name]} for {name}"
            for name in NETWORKS
            if name in names and ours[name] != NETWORKS[name]
        ]

    def _legend(self) -> str:
        """Say what the numbers are."""
        metrics = dict.fromkeys(one.cell.metric for one in self.filled)
        words = [f"{LABELS[metric]}: {self.definition(metric)}" for metric in metrics]
        first = "printed | ours (ours - printed)"
        if not self.table.setting.papers:
            first = (
                "ours, on other data than the paper's: there is no printed value to compare with"
            )
        words.insert(0, first)
        if stand_ins := self.stand_ins:
            words.append(f"networks: {', '.join(stand_ins)}")
        if any(one.uncertain for one in self.filled):
            words.append("*: the printed value is uncertain, see the note")
        if any(_text(one) == NOTHING for one in self.filled):
            words.append(
                f"{NOTHING}: a method that is not one of ours, or left out here, or without data"
            )
        seeds = {one.seeds for one in self.filled if one.seeds}
        words.append(f"seeds: {', '.join(map(str, sorted(seeds))) or 'none yet'}")
        words += self.remarks
        if self.missing:
            words.append(
                f"{len(self.missing)} of {len(self.table.experiments)} experiments are still to be done"
            )
        return "; ".join(words) + "."


STYLES: list[Any] = [
    {"selector": "td", "props": "text-align: right; white-space: nowrap"},
    {"selector": "th.row_heading", "props": "text-align: left; white-space: nowrap"},
    {
        "selector": "caption",
        "props": "text-align: left; font-size: 110%; padding-bottom: 6px; white-space: nowrap",
    },
]


def compare(table: Table, rows: Iterable[ExperimentResult] | Report) -> Comparison:
    """Put what rows say into a table.

    Parameters
    ----------
    table: from `plan`.
    rows: of a `sweep.Report`, or that itself, so that what is broken or lacking is said too; those
        of other experiments do not matter.

    Notes
    -----
    An average is over categories first, for each seed, then over seeds; a seed without a row for
    one of the categories is left out.

    Examples
    --------
    >>> comparison = tables.compare(tables.plan("patchcore", "S1", tables.reduced()), rows=[])
    >>> len(comparison.missing)
    10
    """
    report = rows if isinstance(rows, Report) else Report(list(rows))
    known, broken = {row.experiment: row for row in report.results}, dict(report.broken)
    filled = tuple(fill(cell, known, table.pro, broken) for cell in table.cells)
    return Comparison(
        table, filled, tuple(remarks(table.cells, known, broken, report.missing_data))
    )


def _text(one: Filled) -> str:
    printed, ours, delta = one.texts
    if not ours:
        return (
            printed + (" | ..." if one.missing else "")
            if printed
            else "..."
            if one.missing
            else NOTHING
        )
    return f"{printed} | {ours} ({delta})" if printed else ours


def _linked(text: str, one: Filled, base: Path) -> str:
    """Return a text as HTML that links to its row, or to the folder of several."""
    files = [row.path for row in one.results if row.path is not None]
    if not files:
        return html.escape(text)
    target = os.path.relpath(files[0] if len(files) == 1 else files[0].parent, base)
    title = ", ".join(file.name for file in files[:20]) + (", ..." if len(files) > 20 else "")
    return f'<a href="{html.escape(target)}" title="{html.escape(title)}">{html.escape(text)}</a>'


def _escaped(text: str) -> str:
    for sign in "&%$#_{}":
        text = text.replace(sign, f"\\{sign}")
    return text
