"""A paper's table compared with our results, as text, HTML, LaTeX, Markdown and CSV."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adviz.sweep import Experiment, ExperimentResult, Report
from adviz.tables.cell_results import LABELS, FilledCell, fill, value_of
from adviz.tables.layout import Head, Layout, laid_out
from adviz.tables.methods import named_networks
from adviz.tables.remarks import remarks
from adviz.tables.setting import NETWORKS
from adviz.tables.table import DESCRIPTIONS, PRO_DESCRIPTIONS, Cell, Table

if TYPE_CHECKING:
    import pandas as pd

# In place of our value: none is planned, or its experiments have not been done
NOTHING = "-"
TO_BE_DONE = "..."
STYLES: list[Any] = [
    {"selector": "td", "props": "text-align: right; white-space: nowrap"},
    {"selector": "td.adviz-ours", "props": "background: rgba(0, 114, 178, .12)"},
    {
        "selector": "th.row_heading",
        "props": "text-align: left; white-space: nowrap; vertical-align: top",
    },
    {
        "selector": "caption",
        "props": "text-align: left; font-size: 110%; padding-bottom: 6px; white-space: nowrap",
    },
]


@dataclass(frozen=True, eq=False)
class Comparison:
    """A paper's table with our results next to the printed values; see `compare`.

    Attributes
    ----------
    table: what was planned.
    filled: its cells, with our results.
    remarks: sentences on data that are incomplete, or are not the paper's.

    Examples
    --------
    >>> comparison = tables.compare(tables.plan("spade", 1), rows=[])
    >>> comparison.lines[0]
    'GeoTrans'
    """

    table: Table
    filled: tuple[FilledCell, ...]
    remarks: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """Return the cells in long form: printed, ours, delta, definition, note, and result files.

        Examples
        --------
        >>> tables.compare(tables.plan("spade", 1), []).to_frame()["printed"].notna().all()
        np.True_
        """
        import pandas as pd

        return pd.DataFrame([self._record(filled) for filled in self.filled])

    def _record(self, filled: FilledCell) -> dict[str, Any]:
        """Return a cell as a row of `to_frame`."""
        cell = filled.cell
        paths = [result.path for result in filled.results if result.path is not None]
        return {
            "paper": self.table.name.paper,
            "table": self.table.name.table,
            "dataset": cell.dataset,
            "data": cell.data,
            "category": cell.category,
            "method": cell.method,
            "variant": cell.variant,
            "metric": cell.metric,
            "unit": cell.unit,
            "printed": cell.printed,
            "printed std": cell.std,
            "ours": filled.ours,
            "ours std": filled.std,
            "delta": filled.delta,
            "seeds": filled.seeds,
            "missing": filled.missing,
            "definition": self.definition(cell.metric),
            "note": "; ".join(filter(None, (cell.note, cell.reason, filled.reason))),
            "rows": " ".join(path.name for path in paths),
        }

    @property
    def lines(self) -> list[str]:
        """The name of every cell's table row: method, variant, and data set if several."""
        datasets = {filled.cell.dataset for filled in self.filled}
        names = []
        for filled in self.filled:
            cell = filled.cell
            parts = [cell.method, cell.variant.replace(";", ", ")]
            if len(datasets) > 1:
                parts.append(cell.dataset)
            names.append(", ".join(filter(None, parts)))
        return names

    @property
    def of_ours(self) -> list[FilledCell]:
        """The cells that may hold results: on other data than the paper's not the printed ones."""
        apart = not self.table.setting.uses_paper_data
        return [filled for filled in self.filled if filled.cell.data or not apart]

    def layout(self, *, others: bool = True) -> Layout:
        """Return which cell stands where.

        Parameters
        ----------
        others: whether methods that are not ours are kept, where there are any of ours.
        """
        return laid_out(self, others=others)

    def value(self, cell: Cell, row: ExperimentResult) -> float:
        """Return a result's value in the cell's unit."""
        return value_of(row, cell, self.table.stored_metric(cell.metric))

    def definition(self, metric: str) -> str:
        """Return what a metric of ours is, in words."""
        if metric == "pro":
            return PRO_DESCRIPTIONS[self.table.pro]
        return DESCRIPTIONS[metric]

    @property
    def missing(self) -> list[Experiment]:
        """The experiments that have no result."""
        done = {result.experiment for filled in self.filled for result in filled.results}
        return [experiment for experiment in self.table.experiments if experiment not in done]

    def wide(self) -> pd.DataFrame:
        """Return texts as they are laid out: methods and variants by categories and metrics.

        A text is "printed | ours (delta)", with what there is of it; "*" marks a printed value that
        is uncertain. On other data than the paper's, printed values and ours have rows or columns
        of their own, under a head that says which they are.
        """
        import pandas as pd

        layout = self.layout()
        texts = [[_text(filled) if filled else "" for filled in row] for row in layout.cells]
        return pd.DataFrame(texts, _index(layout.rows), _index(layout.columns))

    def __repr__(self) -> str:
        name = self.table.name
        return f"{name}: {name.title}\n{self.wide().to_string()}\n{self._legend()}"

    def to_markdown(self) -> str:
        """Return the table in Markdown."""
        frame = self.wide()
        rows = [[self.layout().corner, *map(_flat, frame.columns)]]
        rows.append(["---"] * len(rows[0]))
        for head, texts in zip(frame.index, frame.to_numpy().tolist(), strict=True):
            rows.append([_flat(head), *texts])
        body = "\n".join(_markdown_row(row) for row in rows)
        name = self.table.name
        return f"**{name}**: {name.title}\n\n{body}\n\n{self._legend()}\n"

    def to_latex(self) -> str:
        """Return the table in LaTeX, for the packages booktabs and multirow."""
        name = self.table.name
        styled = self.wide().style.format(escape="latex")
        styled = styled.format_index(escape="latex", axis=0).format_index(escape="latex", axis=1)
        caption = _latex_escaped(f"{name}: {name.title}. {self._legend()}")
        return str(styled.to_latex(hrules=True, caption=caption))

    def to_csv(self) -> str:
        """Return all cells in long form as CSV."""
        return str(self.to_frame().to_csv(index=False))

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self, folder: str | Path | None = None) -> str:
        """Return the table in HTML, with links to our results.

        Parameters
        ----------
        folder: that the links start from; None = the current one.
        """
        import pandas as pd

        base = Path(folder or ".").resolve()
        layout = self.layout()
        texts = [[_html(filled, base) if filled else "" for filled in row] for row in layout.cells]
        frame = pd.DataFrame(texts, _index(layout.rows), _index(layout.columns))
        classes = [[_css_class(filled) for filled in row] for row in layout.cells]
        name = self.table.name
        caption = f"<b>{html.escape(str(name))}</b>: {html.escape(name.title)}"
        styled = frame.rename(index=html.escape, columns=html.escape).style
        styled = styled.set_td_classes(pd.DataFrame(classes, styled.index, styled.columns))
        styled = styled.set_caption(caption).set_table_styles(STYLES)
        return f"{styled.to_html()}<p style='max-width:900px'>{html.escape(self._legend())}</p>"

    @property
    def stand_ins(self) -> list[str]:
        """Which of our networks replace which of the papers'."""
        ours = self.table.setting.networks
        used: set[str] = set()
        for cell in self.table.cells:
            if cell.experiments:
                used |= set(named_networks(cell.variant))
        return [
            f"{ours[network]} for {network}"
            for network in NETWORKS
            if network in used and ours[network] != NETWORKS[network]
        ]

    def _legend(self) -> str:
        """Return in words what the numbers are."""
        if self.table.setting.uses_paper_data:
            texts = ["printed | ours (ours - printed)"]
        else:
            texts = ["printed: the paper's, on its data; ours: of other images, no comparison"]
        metrics = dict.fromkeys(filled.cell.metric for filled in self.filled)
        # What ours are, since definitions differ between papers
        texts += [f"{LABELS[metric]}: {self.definition(metric)}" for metric in metrics]
        if self.stand_ins:
            texts.append(f"networks: {', '.join(self.stand_ins)}")
        if any(filled.uncertain for filled in self.filled):
            texts.append("*: the printed value is uncertain, see the note")
        if any(_text(filled) == NOTHING for filled in self.filled):
            texts.append(
                f"{NOTHING}: a method that is not one of ours, or left out here, or without data"
            )
        seeds = sorted({filled.seeds for filled in self.filled if filled.seeds})
        texts.append(f"seeds: {', '.join(map(str, seeds)) or 'none yet'}")
        texts += self.remarks
        if self.missing:
            texts.append(
                f"{len(self.missing)} of {len(self.table.experiments)} experiments "
                "are still to be done"
            )
        return "; ".join(texts) + "."


def compare(table: Table, rows: Iterable[ExperimentResult] | Report) -> Comparison:
    """Fill a table with our results.

    Parameters
    ----------
    table: from `plan`.
    rows: results of a `sweep.Report`, or that itself, so that broken experiments and missing data
        are named too; results of other experiments do not matter.

    Notes
    -----
    An average is over categories first, for each seed, then over seeds; a seed without a result for
    one of the categories is left out.

    Examples
    --------
    >>> comparison = tables.compare(tables.plan("patchcore", "S1", tables.reduced()), rows=[])
    >>> len(comparison.missing)
    10
    """
    report = rows if isinstance(rows, Report) else Report(list(rows))
    results = {result.experiment: result for result in report.results}
    broken = dict(report.broken)
    filled = [fill(cell, results, table.stored_metric(cell.metric), broken) for cell in table.cells]
    sentences = remarks(table.cells, results, broken, report.missing_data)
    return Comparison(table, tuple(filled), tuple(sentences))


def _index(heads: list[Head]) -> pd.Index:
    """Return heads as an index, with their groups where there are any."""
    import pandas as pd

    texts = [head.text for head in heads]
    if not any(head.group for head in heads):
        return pd.Index(texts)
    return pd.MultiIndex.from_arrays([[head.group for head in heads], texts])


def _flat(head: Any) -> str:
    """Return a head in one text."""
    return ": ".join(head) if isinstance(head, tuple) else str(head)


def _css_class(filled: FilledCell | None) -> str:
    """Return how a cell looks: ours of other images stand on a ground of their own."""
    return "adviz-ours" if filled and filled.cell.data else ""


def _html(filled: FilledCell, base: Path) -> str:
    """Return a cell's text as HTML, with a link to our results."""
    if np.isnan(filled.ours):
        return html.escape(_text(filled))
    return _linked(_text(filled), filled, base)


def _text(filled: FilledCell) -> str:
    """Return a cell's text: "printed | ours (delta)", with what there is of it."""
    printed, ours, delta = filled.texts
    if printed and ours:
        return f"{printed} | {ours} ({delta})"
    if not ours and filled.missing:
        ours = TO_BE_DONE
    return " | ".join(filter(None, (printed, ours))) or NOTHING


def _linked(text: str, filled: FilledCell, base: Path) -> str:
    """Return a text as HTML that links to its result, or to the folder of several."""
    paths = [result.path for result in filled.results if result.path is not None]
    if not paths:
        return html.escape(text)
    target = os.path.relpath(paths[0] if len(paths) == 1 else paths[0].parent, base)
    # A link's title with hundreds of files would fill the screen
    title = ", ".join(path.name for path in paths[:20])
    if len(paths) > 20:
        title += ", ..."
    return f'<a href="{html.escape(target)}" title="{html.escape(title)}">{html.escape(text)}</a>'


def _markdown_row(texts: Iterable[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"


def _latex_escaped(text: str) -> str:
    # pandas escapes cells and heads, but not captions
    for sign in "&%$#_{}":
        text = text.replace(sign, f"\\{sign}")
    return text
