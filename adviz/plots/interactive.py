"""Plotly's side of charts with several panels: their layout, and numbers as a page stores them."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from adviz.plots import style

DIGITS = 5  # significant ones, of what is stored and pointed at
# Pixels
TITLE = 16  # letter size
NOTE = 12
TOP = 40  # above the panels, beside title and note
LEFT = 62
AXIS = 62  # below a panel, for its axis
BETWEEN = 96  # rows of panels: the upper one's axis, the lower one's title
LEGEND_LINE = 24
LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "yanchor": "top", "font_size": 13}
# Letters
TITLE_LINE = 56
NOTE_LINE = 80
HOVER_LINE = 46


def grid(
    rows: int,
    columns: int,
    *,
    title: str = "",
    note: str = "",
    panel_titles: Sequence[str] = (),
    panel_height: int = 235,
    gap: float = 0.08,
    widths: Sequence[float] | None = None,
    legend_lines: int = 1,
) -> go.Figure:
    """Return empty panels in the style of all charts, with room for one legend below.

    Parameters
    ----------
    rows, columns: of panels.
    title, note: texts above; a note follows the title in smaller letters.
    panel_titles: over the panels, row by row, escaped; empty = none.
    panel_height: pixels.
    gap: between columns, as a fraction of the width.
    widths: of the columns, relative to each other; None = equal.
    legend_lines: rows that the legend fills in a notebook.
    """
    # Plotly asks pandas for types, and fails while another thread is still importing it
    import pandas  # noqa: F401

    title_lines = style.lines_of(title, TITLE_LINE * 0.65 * TITLE / 72, TITLE)
    note_lines = style.lines_of(note, NOTE_LINE * 0.65 * NOTE / 72, NOTE, most=7)
    top = TOP + round(1.3 * (TITLE * len(title_lines) + NOTE * len(note_lines)))
    if any("<br>" in text for text in panel_titles):
        top += 18
    panels = rows * panel_height + (rows - 1) * BETWEEN
    bottom = AXIS + LEGEND_LINE * legend_lines
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=list(panel_titles),
        horizontal_spacing=gap if columns > 1 else 0,
        vertical_spacing=BETWEEN / panels if rows > 1 else 0,
        column_widths=list(widths) if widths else None,
    )
    figure.update_layout(
        template="none",
        paper_bgcolor=style.PAPER,
        plot_bgcolor=style.PAPER,
        height=top + panels + bottom,
        margin={"l": LEFT, "r": 20, "t": top, "b": bottom},
        font={"family": style.FAMILY, "size": 13, "color": style.INK},
        hoverlabel={"font_size": 13, "align": "left"},
        title={
            "text": _heading(title_lines, note_lines),
            "x": 0,
            "xref": "paper",
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "yref": "container",
            "pad": {"t": 17},  # of a line's middle, not of its upper edge
            "font_size": TITLE,
        },
        legend={**LEGEND, "y": -(AXIS - 8) / panels},
        showlegend=True,
    )
    axis = {**style.PLOTLY_AXIS, "tickfont_size": 12, "title_font_size": 13, "title_standoff": 6}
    figure.update_xaxes(axis)
    figure.update_yaxes(axis)
    # Titles of panels over their left ends, as on paper
    for annotation in figure.layout.annotations:
        (left,) = {
            x_axis.domain[0]
            for x_axis in figure.select_xaxes()
            if x_axis.domain[0] <= annotation.x <= x_axis.domain[1]
        }
        annotation.update(font_size=13, x=left, xanchor="left", align="left", yshift=4)
    return figure


def _heading(title_lines: Sequence[str], note_lines: Sequence[str]) -> str:
    """Return the title and, smaller, the note below it."""
    heading = "<br>".join(f"<b>{escaped(line)}</b>" for line in title_lines)
    if not note_lines:
        return heading
    note = "<br>".join(escaped(line) for line in note_lines)
    return f"{heading}<br><span style='font-size:{NOTE}px'>{note}</span>"


def say(figure: go.Figure, text: str, row: int, column: int) -> None:
    """Write a remark in the middle of a panel that has nothing to show."""
    figure.add_annotation(
        text=f"<i>{escaped(text)}</i>",
        x=0.5,
        y=0.5,
        xref="x domain",
        yref="y domain",
        showarrow=False,
        font={"size": 14, "color": style.REMARK},
        row=row,
        col=column,
    )


def hover(title: str, *parts: str) -> str:
    """Return what a mark says when it is pointed at: a bold title, then parts, in short lines."""
    lines = [f"<b>{escaped(title)}</b>"] if title else []
    for part in parts:
        lines += [escaped(line) for line in textwrap.wrap(part, HOVER_LINE)]
    return "<br>".join(lines)


def escaped(text: str) -> str:
    """Return a text as plotly shows it letter by letter; broken lines stay broken."""
    return html.escape(text, quote=False).replace("\n", "<br>")


def plain(values: Any) -> list[float | int | None]:
    """Return numbers as JSON has them: five significant digits, None for what is not finite.

    A page stores each digit, and its readers' machines differ in the last ones.
    """
    rounded: list[float | int | None] = []
    for value in np.asarray(values).ravel().tolist():
        if isinstance(value, int):
            rounded.append(value)
        else:
            rounded.append(float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None)
    return rounded
