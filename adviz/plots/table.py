"""A table of texts as a figure, for papers and for pages without widgets."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.lines import Line2D

from adviz.plots import style
from adviz.plots.checks import takes_arrays

# Points
SIZE = 10
LEGEND_SIZE = 9
LETTER = 0.63 / 72  # width of an average letter of DejaVu Sans, inches a point
ASCENT = SIZE / 72  # inches from the top of a line to its base line
GAP = 0.16  # inches between columns
NARROWEST = 6.5  # inches of a figure
HEAD_LETTERS = 14  # of a column's head before it is broken
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
    """Draw a table of texts.

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
        lengths = [len(line) for line in texts]
        raise ValueError(f"expected a text for each of {shape} cells, got rows of {lengths}")
    if muted is not None and np.shape(muted) != shape:
        raise ValueError(f"muted must have the shape of the table {shape}, got {np.shape(muted)}")
    heads = [_broken(name) for name in columns]
    # The first row and column are the heads
    grid = [heads, *texts]
    row_names = [corner, *rows]
    is_muted = np.zeros((len(grid), len(columns)), bool)
    if muted is not None:
        is_muted[1:] = muted
    # Columns are as wide as their longest line, and aligned at the right
    column_widths = [GAP + _width(column) for column in zip(*grid, strict=True)]
    right_ends = style.MARGIN + _width(row_names) + np.cumsum(column_widths)
    heights = [_height([name, *row]) for name, row in zip(row_names, grid, strict=True)]
    width = max(float(right_ends[-1]) + style.MARGIN, NARROWEST)
    legend_letters = int((width - 2 * style.MARGIN) / (LETTER * LEGEND_SIZE))
    legend_lines = textwrap.wrap(legend, legend_letters)
    legend_height = style.line_inches(LEGEND_SIZE, len(legend_lines))
    top = 0.1 + style.title_room(title, width)
    figure = style.StaticFigure(width, top + sum(heights) + legend_height + 0.25)
    style.write_title(figure, title)
    edges = (top + np.cumsum([0, *heights])).tolist()  # the rows' upper edges, and the lowest edge
    for i, (name, row) in enumerate(zip(row_names, grid, strict=True)):
        _write(figure, style.MARGIN, edges[i], name, bold=True, align="left")
        for j, text in enumerate(row):
            is_head = i == 0
            muted_text = bool(is_muted[i, j])
            x = right_ends[j]
            _write(figure, x, edges[i], text, bold=is_head, align="right", muted=muted_text)
    for y in (edges[0], edges[1], edges[-1]):
        _draw_rule(figure, y, float(right_ends[-1]))
    legend_text = "\n".join(legend_lines)
    style.write(figure, style.MARGIN, edges[-1] + 0.1, legend_text, size=LEGEND_SIZE)
    return figure


def _broken(head: str) -> str:
    """Break a column's head at spaces, and in options after "=", "_" and "+"."""
    lines = [""]
    for part in re.findall(r"\S+?[=_+]|\S+\s*", head):
        if lines[-1] and len((lines[-1] + part).strip()) > HEAD_LETTERS:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def _width(texts: Sequence[str]) -> float:
    """Return the width of the longest line of some texts, inches."""
    lines = "\n".join(texts).split("\n")
    return LETTER * SIZE * max(1, *map(len, lines))


def _height(texts: Sequence[str]) -> float:
    """Return the height of the text with most lines, inches."""
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
    """Write the lines of a cell, whose base lines are those of the whole row."""
    width, height = figure.get_size_inches()
    for number, line in enumerate(text.split("\n")):
        base = y + 0.04 + ASCENT + style.line_inches(SIZE, number)
        figure.text(
            x / width,
            1 - base / height,
            line,
            ha=align,
            va="baseline",
            fontsize=SIZE,
            parse_math=False,
            color=MUTED if muted else style.INK,
            fontweight="bold" if bold else "normal",
            style="italic" if muted else "normal",
        )


def _draw_rule(figure: style.StaticFigure, y: float, right: float) -> None:
    width, height = figure.get_size_inches()
    ends = (style.MARGIN / width, right / width)
    level = 1 - y / height
    figure.add_artist(Line2D(ends, (level, level), color=style.INK, linewidth=0.8))
