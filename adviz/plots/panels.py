"""Several small charts of lines with error bars, in one figure with one legend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from adviz.plots import style
from adviz.plots.checks import as_array
from adviz.plots.coreset import curve_style

WIDE, HIGH = 3.1, 2.35  # inches, of the axes of a panel
LEFT, GAP, BETWEEN, RIGHT = (
    0.8,
    0.75,
    1.05,
    0.25,
)  # inches: first panel's margin, between columns, rows, the right margin
LEGEND_LINE = 0.27  # inches
LETTER = 0.088  # inches, of the legend's text
SAMPLE = 0.72  # inches, of a legend's line, with the gaps around it
NEAREST = 0.075  # of the axis: names that are closer would touch
PRINTED = "printed in the paper"


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a panel.

    Attributes
    ----------
    x: (P,) places on the axis, numbers, or positions 0, 1, ... of the panel's `ticks`.
    y: (P,) values; NaN where there is none.
    spread: (P,) half lengths of the error bars; NaN = none.
    printed: (P,) what a paper prints for the same points; NaN = nothing.

    Examples
    --------
    >>> plots.Line(x=np.array([1, 2]), y=np.array([0.8, 0.9])).spread is None
    True
    """

    x: np.ndarray
    y: np.ndarray
    spread: np.ndarray | None = None
    printed: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("x", "y", "spread", "printed"):
            object.__setattr__(self, name, as_array(getattr(self, name)))
        for name, values in (("y", self.y), ("spread", self.spread), ("printed", self.printed)):
            if values is not None and np.shape(values) != np.shape(self.x):
                raise ValueError(
                    f"{name} must have the shape {np.shape(self.x)} of x, got {np.shape(values)}"
                )


@dataclass(frozen=True, eq=False)
class Panel:
    """A chart of a figure.

    Attributes
    ----------
    x, y: texts of the axes; panels with the same y share its scale.
    lines: name -> line; the legend is of all panels.
    title: over the chart, may be empty.
    ticks: names of the places on the horizontal axis: at 0, 1, ... or at the numbers that they are
        mapped from; None = numbers in their own right.
    logarithmic: the horizontal axis.
    reference: name and height of a level line; None = none.
    joined: whether lines join their points; not where the places are no quantity.

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


def panel_grid(
    panels: Sequence[Panel], columns: int, *, title: str = "", note: str = ""
) -> style.StaticFigure:
    """Draw charts of lines with error bars, row by row, with one legend below.

    Parameters
    ----------
    panels: the charts.
    columns: in a row, >= 1.
    title, note: texts over the figure and below it.

    Returns
    -------
    StaticFigure; its axes are labelled "panel 0", "panel 1", ... A line has the same colour, dashes
    and marker in all panels; printed values are hollow markers. A panel without any value says so.

    Raises
    ------
    ValueError: no panel, or fewer than one column.

    Examples
    --------
    >>> line = plots.Line(x=np.array([1, 2]), y=np.array([0.8, 0.9]))
    >>> plots.panel_grid([plots.Panel("images", "AUROC", {"PatchCore": line})], columns=1)
    <StaticFigure size ...>
    """
    if not panels or columns < 1:
        raise ValueError(
            f"panel_grid needs panels and columns >= 1, got {len(panels)} panels, columns={columns}"
        )
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    across = LEFT + columns * WIDE + (columns - 1) * GAP + RIGHT
    entries = _entries(panels, names)
    per_row = _per_row(list(entries), across - 2 * style.MARGIN)
    legend = LEGEND_LINE * -(-len(entries) // per_row)
    words = style.lines_of(note, across - 2 * style.MARGIN, style.SMALL_SIZE, most=4)
    axis = 0.62 + LEGEND_LINE * any(
        "\n" in name for panel in panels for name in (panel.ticks or {}).values()
    )
    foot = axis + legend + style.line_inches(style.SMALL_SIZE, len(words)) + 0.12
    top = (0.42 if any(panel.title for panel in panels) else 0.2) + style.title_room(title, across)
    down = top + rows * HIGH + (rows - 1) * BETWEEN + foot
    figure = style.StaticFigure(across, down)
    style.write_title(figure, title)
    limits = _limits(panels)
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        box = LEFT + column * (WIDE + GAP), down - top - row * (HIGH + BETWEEN) - HIGH
        axes = figure.add_axes(
            (box[0] / across, box[1] / down, WIDE / across, HIGH / down), label=f"panel {number}"
        )
        _draw(axes, panel, names, limits[panel.y])
    figure.legend(
        handles=list(entries.values()), labels=list(entries), loc="upper left", ncols=per_row, frameon=False,
        bbox_to_anchor=(style.MARGIN / across, (foot - axis + 0.04) / down), fontsize=style.SMALL_SIZE,
        handlelength=2.8, borderaxespad=0, columnspacing=1.4,
    )  # fmt: skip
    style.write(
        figure, style.MARGIN, down - foot + axis + legend, "\n".join(words), size=style.SMALL_SIZE
    )
    return figure


def _entries(panels: Sequence[Panel], names: Sequence[str]) -> dict[str, Line2D]:
    """Return the legend: a handle for every line, and one for what is printed and for level lines."""
    entries = {}
    for number, name in enumerate(names):
        colour, dashes, marker = curve_style(number)
        entries[name] = Line2D([], [], color=colour, linestyle=dashes, marker=marker, ms=6, lw=1.8)
    if any(_has(line.printed) for panel in panels for line in panel.lines.values()):
        entries[PRINTED] = Line2D(
            [], [], color=style.INK, linestyle="", marker="o", ms=9, mfc="none", mew=1.3
        )
    for name in dict.fromkeys(
        panel.reference[0] for panel in panels if panel.reference is not None
    ):
        entries[name] = Line2D([], [], color=style.INK, linestyle=":", lw=1.6)
    return entries or {"": Line2D([], [], linestyle="")}


def _per_row(names: Sequence[str], room: float) -> int:
    """Return how many names fit side by side, in columns as wide as their longest name."""
    for count in range(len(names), 1, -1):
        deep = -(-len(names) // count)  # a legend is filled column by column
        columns = [names[start : start + deep] for start in range(0, len(names), deep)]
        if sum(LETTER * max(map(len, column)) + SAMPLE for column in columns) <= room:
            return len(columns)
    return 1


def _has(values: np.ndarray | None) -> bool:
    return values is not None and bool(np.isfinite(values).any())


def _limits(panels: Sequence[Panel]) -> dict[str, tuple[float, float]]:
    """Return for every quantity the ends of its axis: what is drawn, with a little air."""
    found: dict[str, list[float]] = {}
    for panel in panels:
        values = found.setdefault(panel.y, [])
        for line in panel.lines.values():
            bar = (
                np.nan_to_num(line.spread)
                if line.spread is not None
                else np.zeros(np.shape(line.y))
            )
            values += [
                *(line.y - bar),
                *(line.y + bar),
                *(() if line.printed is None else line.printed),
            ]
        values += [panel.reference[1]] if panel.reference is not None else []
    limits = {}
    for name, every in found.items():
        finite = [one for one in every if np.isfinite(one)] or [0.0, 1.0]
        low, high = min(finite), max(finite)
        air = 0.07 * (high - low) or 0.5
        limits[name] = low - air, high + air
    return limits


def _draw(axes: Axes, panel: Panel, names: Sequence[str], limits: tuple[float, float]) -> None:
    style.plain_axes(axes, panel.x, panel.y)
    axes.set_title(panel.title, fontsize=style.LABEL_SIZE, color=style.INK, loc="left", pad=6)
    if panel.logarithmic:
        axes.set_xscale("log")
        axes.minorticks_off()
    for name, line in panel.lines.items():
        colour, dashes, marker = curve_style(names.index(name))
        known = np.isfinite(line.y)
        dashes = dashes if panel.joined else ""
        axes.plot(
            line.x[known],
            line.y[known],
            color=colour,
            linestyle=dashes,
            marker=marker,
            ms=6,
            lw=1.8,
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
                ms=10,
                mew=1.3,
                label="_printed",
            )
    if panel.reference is not None:
        axes.axhline(
            panel.reference[1], color=style.INK, linestyle=":", linewidth=1.6, label="_reference"
        )
    if panel.ticks is not None:
        _ticks(axes, panel)
    axes.set_ylim(*limits)
    axes.tick_params(labelsize=style.SMALL_SIZE - 1)
    if not any(_has(line.y) or _has(line.printed) for line in panel.lines.values()):
        style.say(axes, "no rows yet")


def _ticks(axes: Axes, panel: Panel) -> None:
    """Name the places, without the names of those that lie too close to the one before."""
    ticks = dict(sorted((panel.ticks or {}).items()))
    places = list(ticks)
    along = np.log(places) if panel.logarithmic else np.array(places, float)
    shown, last = [], -np.inf
    for place, name in zip(along, ticks.values(), strict=True):
        near = place - last < NEAREST * np.ptp(along)
        shown.append("" if near else name)
        last = last if near else place
    axes.set_xticks(places, shown)
    if any("\n" in name for name in shown):
        axes.margins(x=0.14)
