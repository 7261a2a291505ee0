"""A table of texts as a figure, for papers and for pages that show no widgets."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.lines import Line2D

from adviz.plots import style
from adviz.plots.checks import takes_arrays

SIZE = 10  # points
LETTER = 0.63 * SIZE / 72  # inches of an average letter of DejaVu Sans
ASCENT = SIZE / 72  # inches from the top of a line to its base line
GAP = 0.16  # inches between columns
NARROWEST = 6.5  # inches of a figure
HEAD_LETTERS = 14  # of a column's head before it is broken
LEGEND_SIZE = 9
MUTED = "#6B6B6B"


@takes_arrays
def table_figure(
    rows: Sequence[str],
    columns: Sequence[str],
    texts: Sequence[Sequence[str]],
    muted: np.ndarray | None = None,
    *,
    corner: str = "",
    title: str = "",
    legend: str = "",
) -> style.StaticFigure:
    """Draw a table.

    Parameters
    ----------
    rows, columns: heads; those of columns are broken where they are long.
    texts: for each row a text for each column; a line break in them is one.
    muted: (rows, columns) bool, cells in grey and slanted; None = none.
    corner: head of the column of heads.
    title, legend: texts above and below the table.

    Returns
    -------
    StaticFigure, as large as the table needs.

    Raises
    ------
    ValueError: no row or column, or another number of texts than cells.

    Examples
    --------
    >>> plots.table_figure(["PatchCore"], ["hex_nut"], [["98.5"]], corner="image AUROC")
    <StaticFigure size ...>
    """
    shape = (len(rows), len(columns))
    if 0 in shape or len(texts) != shape[0] or any(len(line) != shape[1] for line in texts):
        raise ValueError(
            f"expected a text for each of {shape} cells, got rows of {[len(line) for line in texts]}"
        )
    if muted is not None and np.shape(muted) != shape:
        raise ValueError(f"muted must have the shape of the table {shape}, got {np.shape(muted)}")
    heads = [_head(name) for name in columns]
    first = _width([corner, *rows])
    right = (
        style.MARGIN
        + first
        + np.cumsum(
            [GAP + _width([head, *cells]) for head, *cells in zip(heads, *texts, strict=True)]
        )
    )
    width = max(float(right[-1]) + style.MARGIN, NARROWEST)
    foot = textwrap.wrap(legend, int((width - 2 * style.MARGIN) / (LETTER * LEGEND_SIZE / SIZE)))
    heights = [
        _height([corner, *heads]),
        *(_height([name, *line]) for name, line in zip(rows, texts, strict=True)),
    ]
    top = 0.1 + style.title_room(title, width)
    figure = style.StaticFigure(
        width, top + sum(heights) + style.line_inches(LEGEND_SIZE, len(foot)) + 0.25
    )
    style.write_title(figure, title)
    edges = top + np.cumsum([0, *heights])
    greys = np.zeros((shape[0] + 1, shape[1]), bool)
    if muted is not None:
        greys[1:] = muted
    for i, (name, line) in enumerate(zip([corner, *rows], [heads, *texts], strict=True)):
        _write(figure, style.MARGIN, edges[i], name, bold=True, align="left")
        for x, text, grey in zip(right, line, greys[i], strict=True):
            _write(figure, x, edges[i], text, bold=i == 0, align="right", muted=grey)
    for y in (edges[0], edges[1], edges[-1]):
        _rule(figure, float(y), float(right[-1]))
    style.write(figure, style.MARGIN, float(edges[-1]) + 0.1, "\n".join(foot), size=LEGEND_SIZE)
    return figure


def _head(name: str) -> str:
    """Break a head at spaces, and where a setting allows it: after "=", "_" and "+"."""
    lines = [""]
    for part in re.findall(r"\S+?[=_+]|\S+\s*", name):
        if lines[-1] and len((lines[-1] + part).strip()) > HEAD_LETTERS:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def _width(texts: Sequence[str]) -> float:
    return LETTER * max(len(line) for text in texts for line in (text or " ").split("\n"))


def _height(texts: Sequence[str]) -> float:
    return style.line_inches(SIZE, max(text.count("\n") + 1 for text in texts)) + 0.06


def _write(
    figure: style.StaticFigure,
    x: float,
    y: float,
    text: str,
    *,
    bold: bool,
    align: str,
    muted: bool = False,
) -> None:
    across, down = figure.get_size_inches()
    # One by one: lines of a row stand on one base line
    for number, line in enumerate(text.split("\n")):
        base = y + 0.04 + ASCENT + style.line_inches(SIZE, number)
        figure.text(
            x / across, 1 - base / down, line, ha=align, va="baseline", fontsize=SIZE, parse_math=False,
            color=MUTED if muted else style.INK, fontweight="bold" if bold else "normal",
            style="italic" if muted else "normal",
        )  # fmt: skip


def _rule(figure: style.StaticFigure, y: float, right: float) -> None:
    across, down = figure.get_size_inches()
    ends = (style.MARGIN / across, right / across)
    figure.add_artist(Line2D(ends, (1 - y / down,) * 2, color=style.INK, linewidth=0.8))
