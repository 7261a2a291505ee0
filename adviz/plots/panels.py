"""Several small charts of lines with error bars, in one figure with one legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from adviz.plots import interactive, style
from adviz.plots.chart import Chart
from adviz.plots.checks import as_array, check_length
from adviz.plots.style import curve_style

# Inches
PANEL_WIDTH = 3.1
PANEL_HEIGHT = 2.35
LEFT = 0.8  # of the first panel
RIGHT = 0.25  # of the last panel
GAP = 0.75  # between columns
BETWEEN = 1.05  # between rows
AXIS = 0.62  # below a panel, for its axis
LEGEND_LINE = 0.27
LETTER = 0.088  # of the legend's text
SAMPLE = 0.72  # of a legend's line, with the gaps around it
CLOSEST = 0.075  # of the axis: names that are closer would touch
PRINTED = "printed in the paper"


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a panel.

    Attributes
    ----------
    x: (P,) positions on the axis: numbers, or 0, 1, ... for the panel's `ticks`.
    y: (P,) values; NaN where there is none.
    spread: (P,) half lengths of the error bars; NaN = none.
    printed: (P,) what a paper prints for the same points; NaN = nothing.
    details: P texts for the hover, such as the setting of each point; empty = none.

    Examples
    --------
    >>> plots.Line(x=np.array([1, 2]), y=np.array([0.8, 0.9])).spread is None
    True
    """

    x: np.ndarray
    y: np.ndarray
    spread: np.ndarray | None = None
    printed: np.ndarray | None = None
    details: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("x", "y", "spread", "printed"):
            object.__setattr__(self, name, as_array(getattr(self, name)))
        for name, values in (("y", self.y), ("spread", self.spread), ("printed", self.printed)):
            if values is not None and np.shape(values) != np.shape(self.x):
                raise ValueError(
                    f"{name} must have the shape {np.shape(self.x)} of x, got {np.shape(values)}"
                )
        if self.details:
            check_length(self.details, len(self.x), "details", "x")


@dataclass(frozen=True, eq=False)
class Panel:
    """A chart of a figure.

    Attributes
    ----------
    x, y: texts of the axes; panels with the same y share its scale.
    lines: name -> line; the legend is of all panels.
    title: over the chart, may be empty.
    ticks: position on the horizontal axis -> its name; None = the numbers themselves.
    logarithmic: the horizontal axis.
    reference: name and height of a level line; None = none.
    joined: whether lines join their points; not where the positions are no quantity.

    Examples
    --------
    >>> line = plots.Line(x=np.array([1, 2]), y=np.array([0.8, 0.9]))
    >>> plots.Panel("images", "AUROC", {"PatchCore": line}).title
    ''
    """

    x: str
    y: str
    lines: Mapping[str, Line]
    title: str = ""
    ticks: Mapping[float, str] | None = None
    logarithmic: bool = False
    reference: tuple[str, float] | None = None
    joined: bool = True


def panel_grid(panels: Sequence[Panel], columns: int, *, title: str = "", note: str = "") -> Chart:
    """Draw charts of lines with error bars, row by row, with one legend below.

    Parameters
    ----------
    panels: the charts.
    columns: in a row, >= 1.
    title, note: texts over the figure, and below it on paper.

    Returns
    -------
    Chart. A line has the same colour, dashes and marker in all panels; printed values are hollow
    markers. A panel without any value says so. Pointed at, a marker says its line, place, value
    with the spread, `details`, and what is printed. The axes of the static figure are labelled
    "panel 0", "panel 1", ...

    Raises
    ------
    ValueError: no panel, or fewer than one column.

    Examples
    --------
    >>> line = plots.Line(x=np.array([1, 2]), y=np.array([0.8, 0.9]))
    >>> plots.panel_grid([plots.Panel("images", "AUROC", {"PatchCore": line})], columns=1)
    Chart('')
    """
    if not panels or columns < 1:
        raise ValueError(
            f"panel_grid needs panels and columns >= 1, got {len(panels)} panels, columns={columns}"
        )
    columns = min(columns, len(panels))
    # A line has the same place in the legend, and so the same colour, in all panels
    names = list(dict.fromkeys(chain(*(panel.lines for panel in panels))))
    return Chart(
        title,
        lambda: _interactive(panels, columns, names, title, note),
        lambda: _static(panels, columns, names, title, note),
    )


def _static(
    panels: Sequence[Panel], columns: int, names: Sequence[str], title: str, note: str
) -> style.StaticFigure:
    """Draw the panels with matplotlib."""
    rows = -(-len(panels) // columns)
    handles = _legend_handles(panels, names)
    width = LEFT + columns * PANEL_WIDTH + (columns - 1) * GAP + RIGHT
    text_width = width - 2 * style.MARGIN
    names_per_row = _names_per_row(list(handles), text_width)
    note_lines = style.lines_of(note, text_width, style.SMALL_SIZE, most=4)
    # From top to bottom: title, panels' titles, rows of panels, axis, legend, note
    top = style.title_room(title, width)
    top += 0.42 if any(panel.title for panel in panels) else 0.2
    axis = AXIS
    if any(_has_two_lines(panel) for panel in panels):
        axis += LEGEND_LINE
    legend_y = top + rows * PANEL_HEIGHT + (rows - 1) * BETWEEN + axis
    note_y = legend_y + LEGEND_LINE * -(-len(handles) // names_per_row)
    height = note_y + style.line_inches(style.SMALL_SIZE, len(note_lines)) + 0.12
    figure = style.StaticFigure(width, height)
    style.write_title(figure, title)
    limits = _limits(panels)
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        x = LEFT + column * (PANEL_WIDTH + GAP)
        y = top + row * (PANEL_HEIGHT + BETWEEN)
        axes = figure.panel(x, y, PANEL_WIDTH, PANEL_HEIGHT, f"panel {number}")
        _draw(axes, panel, names, limits[panel.y])
    figure.legend(
        handles=list(handles.values()),
        labels=list(handles),
        loc="upper left",
        bbox_to_anchor=(style.MARGIN / width, 1 - (legend_y - 0.04) / height),
        ncols=names_per_row,
        handlelength=2.8,
        columnspacing=1.4,
        **style.PLAIN_LEGEND,
    )
    style.write(figure, style.MARGIN, note_y, "\n".join(note_lines), size=style.SMALL_SIZE)
    return figure


def _legend_handles(panels: Sequence[Panel], names: Sequence[str]) -> dict[str, Line2D]:
    """Return a handle for every line, one for printed values and one for each level line."""
    handles = {}
    for number, name in enumerate(names):
        colour, dashes, marker = curve_style(number)
        handles[name] = Line2D([], [], color=colour, linestyle=dashes, marker=marker, ms=6, lw=1.8)
    lines = chain(*(panel.lines.values() for panel in panels))
    if any(_has_values(line.printed) for line in lines):
        handles[PRINTED] = Line2D(
            [], [], color=style.INK, linestyle="", marker="o", ms=9, mfc="none", mew=1.3
        )
    for panel in panels:
        if panel.reference is not None:
            name, _ = panel.reference
            handles[name] = Line2D([], [], color=style.INK, linestyle=":", lw=1.6)
    return handles or {"": Line2D([], [], linestyle="")}


def _names_per_row(names: Sequence[str], room: float) -> int:
    """Return how many names fit side by side, in columns as wide as their longest name."""
    for count in range(len(names), 1, -1):
        deep = -(-len(names) // count)  # a legend is filled column by column
        columns = [names[start : start + deep] for start in range(0, len(names), deep)]
        if sum(LETTER * max(map(len, column)) + SAMPLE for column in columns) <= room:
            return len(columns)
    return 1


def _has_values(values: np.ndarray | None) -> bool:
    return values is not None and bool(np.isfinite(values).any())


def _has_two_lines(panel: Panel) -> bool:
    """Return whether a name of a position is broken."""
    return any("\n" in name for name in (panel.ticks or {}).values())


def _limits(panels: Sequence[Panel]) -> dict[str, tuple[float, float]]:
    """Return the ends of the axis of every quantity: all that is drawn, with some air."""
    values_of: dict[str, list[float]] = {}
    # Panels with the same quantity share its scale
    for panel in panels:
        values = values_of.setdefault(panel.y, [])
        for line in panel.lines.values():
            values += _drawn_values(line)
        if panel.reference is not None:
            values.append(panel.reference[1])
    limits = {}
    for name, values in values_of.items():
        finite = [value for value in values if np.isfinite(value)] or [0.0, 1.0]
        low = min(finite)
        high = max(finite)
        air = 0.07 * (high - low) or 0.5
        limits[name] = low - air, high + air
    return limits


def _drawn_values(line: Line) -> list[float]:
    """Return all heights that a line, its error bars and its printed values reach."""
    half_length = np.zeros(np.shape(line.y)) if line.spread is None else np.nan_to_num(line.spread)
    values = [*(line.y - half_length), *(line.y + half_length)]
    if line.printed is not None:
        values += list(line.printed)
    return values


def _draw(axes: Axes, panel: Panel, names: Sequence[str], limits: tuple[float, float]) -> None:
    style.plain_axes(axes, panel.x, panel.y)
    style.chart_title(axes, panel.title, pad=6)
    if panel.logarithmic:
        axes.set_xscale("log")
        axes.minorticks_off()
    for name, line in panel.lines.items():
        _draw_line(axes, name, line, names.index(name), panel.joined)
    if panel.reference is not None:
        _, level = panel.reference
        axes.axhline(level, color=style.INK, linestyle=":", linewidth=1.6, label="_reference")
    if panel.ticks is not None:
        _draw_ticks(axes, panel.ticks, panel.logarithmic)
    axes.set_ylim(*limits)
    axes.tick_params(labelsize=style.SMALL_SIZE - 1)
    lines = panel.lines.values()
    if not any(_has_values(line.y) or _has_values(line.printed) for line in lines):
        style.say(axes, "no results yet")


def _draw_line(axes: Axes, name: str, line: Line, number: int, joined: bool) -> None:
    """Draw a line with its error bars, and hollow markers for what a paper prints."""
    colour, dashes, marker = curve_style(number)
    finite = np.isfinite(line.y)
    axes.plot(
        line.x[finite],
        line.y[finite],
        color=colour,
        linestyle=dashes if joined else "",
        marker=marker,
        markersize=6,
        linewidth=1.8,
        label=name,
    )
    if line.spread is not None:
        axes.errorbar(
            line.x,
            line.y,
            line.spread,
            color=colour,
            linestyle="",
            capsize=3,
            elinewidth=1.2,
            label="_spread",
        )
    if line.printed is not None:
        axes.plot(
            line.x,
            line.printed,
            marker,
            color=colour,
            markerfacecolor="none",
            markersize=10,
            markeredgewidth=1.3,
            label="_printed",
        )


def _draw_ticks(axes: Axes, ticks: Mapping[float, str], logarithmic: bool) -> None:
    names = _tick_names(ticks, logarithmic)
    axes.set_xticks(list(names), list(names.values()))
    if any("\n" in name for name in names.values()):
        axes.margins(x=0.14)


def _tick_names(ticks: Mapping[float, str], logarithmic: bool) -> dict[float, str]:
    """Return position -> name, "" for those too close to the one before."""
    positions = sorted(ticks)
    along = np.log(positions) if logarithmic else np.array(positions, float)
    closest = CLOSEST * np.ptp(along)
    names = {}
    last_named = -np.inf
    for position, along_axis in zip(positions, along, strict=True):
        if along_axis - last_named < closest:
            names[position] = ""
        else:
            names[position] = ticks[position]
            last_named = along_axis
    return names


def _interactive(
    panels: Sequence[Panel], columns: int, names: Sequence[str], title: str, note: str
) -> go.Figure:
    """Draw the panels with plotly."""
    figure = interactive.grid(
        -(-len(panels) // columns),
        columns,
        title=title,
        note=note,
        panel_titles=[interactive.escaped(panel.title) for panel in panels],
        gap=0.1 if columns < 3 else 0.075,
        legend_lines=-(-len(names) // columns) + 1,
    )
    limits = _limits(panels)
    shown: set[str] = set()  # in the legend
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        traces = _traces(panel, names)
        for trace in traces:
            trace.showlegend = trace.legendgroup not in shown
            shown.add(trace.legendgroup)
            figure.add_trace(trace, row + 1, column + 1)
        axis: dict[str, Any] = {"title_text": interactive.escaped(panel.x)}
        if panel.logarithmic:
            axis["type"] = "log"
        if panel.ticks is not None:
            ticks = _tick_names(panel.ticks, panel.logarithmic)
            axis["tickvals"] = list(ticks)
            axis["ticktext"] = [interactive.escaped(name) for name in ticks.values()]
        figure.update_xaxes(axis, row=row + 1, col=column + 1)
        figure.update_yaxes(
            title_text=interactive.escaped(panel.y),
            range=interactive.plain(limits[panel.y]),
            row=row + 1,
            col=column + 1,
        )
        if not any(_has_values(np.array(trace.y, float)) for trace in traces):
            interactive.say(figure, "no results yet", row + 1, column + 1)
    return figure


def _traces(panel: Panel, names: Sequence[str]) -> list[go.Scatter]:
    """Return what is drawn in a panel: lines, what papers print for them, and the level line."""
    traces = []
    for name, line in panel.lines.items():
        traces.append(_line_trace(panel, name, line, names.index(name)))
    for name, line in panel.lines.items():
        if _has_values(line.printed):
            traces.append(_printed_trace(panel, name, line, names.index(name)))
    if panel.reference is not None:
        traces.append(_level_trace(panel, *panel.reference))
    return traces


def _line_trace(panel: Panel, name: str, line: Line, number: int) -> go.Scatter:
    finite = np.isfinite(line.y)
    hover = [text for text, drawn in zip(_hover(panel, name, line), finite, strict=True) if drawn]
    spread = None
    if _has_values(line.spread):
        bars = interactive.plain(np.asarray(line.spread)[finite])
        spread = {"array": bars, "thickness": 1.2, "width": 4}
    return go.Scatter(
        x=interactive.plain(line.x[finite]),
        y=interactive.plain(line.y[finite]),
        error_y=spread,
        mode="lines+markers" if panel.joined else "markers",
        line=style.plotly_line(number, width=2),
        marker={"symbol": style.SYMBOLS[number % len(style.SYMBOLS)], "size": 8},
        name=interactive.escaped(name),
        legendgroup=name,
        text=hover,
        hovertemplate="%{text}<extra></extra>",
    )


def _printed_trace(panel: Panel, name: str, line: Line, number: int) -> go.Scatter:
    return go.Scatter(
        x=interactive.plain(line.x),
        y=interactive.plain(line.printed),
        mode="markers",
        marker={
            "symbol": f"{style.SYMBOLS[number % len(style.SYMBOLS)]}-open",
            "size": 12,
            "color": style.PALETTE[number % len(style.PALETTE)],
            "line": {"width": 1.5},
        },
        name=PRINTED,
        legendgroup=PRINTED,
        text=_hover(panel, name, line),
        hovertemplate="%{text}<extra></extra>",
    )


def _level_trace(panel: Panel, name: str, level: float) -> go.Scatter:
    """Return the level line, from the first to the last place of the panel."""
    places = [*chain(*(line.x for line in panel.lines.values())), *(panel.ticks or {})] or [0, 1]
    ends = [min(places), max(places)]
    return go.Scatter(
        x=interactive.plain(ends),
        y=interactive.plain([level, level]),
        mode="lines",
        line={"color": style.INK, "dash": "dot", "width": 1.6},
        name=interactive.escaped(name),
        legendgroup=name,
        hovertemplate=f"{interactive.escaped(f'{name}: {style.number(level)}')}<extra></extra>",
    )


def _hover(panel: Panel, name: str, line: Line) -> list[str]:
    """Return what each point of a line says when it is pointed at."""
    texts = []
    nothing = np.full(np.shape(line.x), np.nan)
    spreads = nothing if line.spread is None else line.spread
    printed = nothing if line.printed is None else line.printed
    for number, x in enumerate(np.asarray(line.x, float).tolist()):
        place = (panel.ticks or {}).get(x, style.number(x)).replace("\n", ", ")
        parts = [f"{panel.x}: {place}"]
        if np.isfinite(line.y[number]):
            value = f"{panel.y}: {style.number(line.y[number])}"
            if np.isfinite(spreads[number]):
                value += f" ± {spreads[number]:.2g}"
            parts.append(value)
        if np.isfinite(printed[number]):
            parts.append(f"{PRINTED}: {style.number(printed[number])}")
        if line.details:
            parts.append(line.details[number])
        texts.append(interactive.hover(name, *parts))
    return texts
