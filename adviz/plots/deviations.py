"""From one configuration to another: what every step gained or lost."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from adviz.plots import style

NOTHING = 0.05  # points; what is printed as 0.0
# Inches
WIDTH = 9.6  # of the figure
ROW = 0.36  # of one bar
NAMES = 3.3  # left of the chart
VALUES = 0.75  # right of the chart
FOOT = 0.62  # below, for the axis
BAR = 0.62  # height of a bar, in rows


def signed(value: float) -> str:
    """Format a difference in points with its sign and one decimal.

    What rounds to nothing is 0.0, and NaN is n/a.

    Examples
    --------
    >>> plots.signed(0.9), plots.signed(0.01), plots.signed(float("nan"))
    ('+0.9', '0.0', 'n/a')
    """
    if np.isnan(value):
        return "n/a"
    return "0.0" if abs(value) < NOTHING else f"{value:+.1f}"


def waterfall(
    start: tuple[str, float],
    steps: Mapping[str, tuple[float, float]],
    end: tuple[str, float],
    *,
    quantity: str,
    title: str = "",
) -> style.StaticFigure:
    """Draw the steps from one value to another, a bar each from the value before to that after.

    Parameters
    ----------
    start, end: name and value, in points (per cent); NaN where it is not known.
    steps: name -> (value before, value after), points, drawn from top to bottom. Where each step
        starts at the end of the one before it, they add up; where all start at `start`, each is
        shown alone. NaN says "not known" in words.
    quantity: name of the values, along the axis.
    title: text over the chart.

    Returns
    -------
    StaticFigure with one panel, "waterfall". Its axis begins where there is something to see; where
    cut, it says so.

    Raises
    ------
    ValueError: an infinite value.

    Examples
    --------
    >>> steps = {"crop": (90.0, 92.0), "sigma": (92.0, 91.5)}
    >>> plots.waterfall(("paper", 90.0), steps, ("code", 91.5), quantity="image AUROC")
    <StaticFigure size ... with 1 Axes>
    """
    values = np.array([start[1], end[1], *np.ravel(list(steps.values()))], float)
    if np.isinf(values).any():
        raise ValueError(
            f"values must be finite, or NaN where they are not known, got {values.tolist()}"
        )
    # From top to bottom: the start, every step, the end
    names = [start[0], *steps, end[0]]
    figure, axes = _empty(names, title)
    limits = _limits(values)
    cut = " (the axis is cut)" if limits[0] > 0 else ""
    axes.set(xlim=limits, xlabel=f"{quantity}, points{cut}")
    _draw_total(axes, 0, start[1], limits)
    for row, (before, after) in enumerate(steps.values(), 1):
        _draw_step(axes, row, before, after, limits)
    _draw_total(axes, len(names) - 1, end[1], limits)
    _draw_links(axes, [(start[1], start[1]), *steps.values(), (end[1], end[1])])
    return figure


def _empty(names: list[str], title: str) -> tuple[style.StaticFigure, Axes]:
    """Return the figure with its named rows and no bars."""
    top = style.title_room(title, WIDTH) + 0.1
    height = ROW * len(names)
    figure = style.StaticFigure(WIDTH, top + height + FOOT)
    style.write_title(figure, title)
    axes = figure.panel(NAMES, top, WIDTH - NAMES - VALUES, height, "waterfall")
    style.plain_axes(axes, "", "")
    axes.set(yticks=[], ylim=(len(names) - 0.5, -0.5))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    # Texts, as ticks cost several times their time
    for row, name in enumerate(names):
        axes.text(
            -0.01,
            row,
            style.wrapped(name, NAMES, style.SMALL_SIZE, most=1),
            transform=axes.get_yaxis_transform(),
            ha="right",
            va="center",
            color=style.INK,
            fontsize=style.SMALL_SIZE,
            parse_math=False,
        )
    return figure, axes


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of the axis: all values, with room for the numbers beside the bars."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 100.0
    low = known.min()
    high = known.max()
    # At least half a point, so that noise does not fill the chart
    span = max(high - low, 0.5)
    return float(low - 0.25 * span), float(high + 0.2 * span)


def _draw_total(axes: Axes, row: int, value: float, limits: tuple[float, float]) -> None:
    """Draw the bar of the first or the last value, from the axis on."""
    if np.isnan(value):
        _write_unknown(axes, row, limits)
        return
    axes.barh(row, value - limits[0], left=limits[0], height=BAR, color=style.UNLABELLED)
    _write_value(axes, row, value, f"{value:.1f}")


def _draw_step(
    axes: Axes, row: int, before: float, after: float, limits: tuple[float, float]
) -> None:
    """Draw one step with its signed value: hatched where it loses, a line where nothing changes."""
    change = after - before
    if np.isnan(change):
        _write_unknown(axes, row, limits)
        return
    if abs(change) < NOTHING:
        ends = [row - BAR / 2, row + BAR / 2]
        axes.plot([after, after], ends, color=style.INK, linewidth=2)
    else:
        axes.barh(
            row,
            change,
            left=before,
            height=BAR,
            facecolor=style.BLUE if change > 0 else style.VERMILLION,
            hatch="" if change > 0 else "///",
            edgecolor=style.PAPER,
            linewidth=0,
        )
    _write_value(axes, row, max(before, after), signed(change))


def _write_unknown(axes: Axes, row: int, limits: tuple[float, float]) -> None:
    axes.annotate(
        "not known",
        (limits[0], row),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        ha="left",
        fontsize=style.SMALL_SIZE,
        color=style.REMARK,
        style="italic",
    )


def _write_value(axes: Axes, row: int, x: float, text: str) -> None:
    axes.annotate(
        text,
        (x, row),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=style.SMALL_SIZE,
        color=style.INK,
        fontweight="bold",
    )


def _draw_links(axes: Axes, values: list[tuple[float, float]]) -> None:
    """Join a bar's end to the next bar's beginning by a thin line where they are one value."""
    rows = []
    ends = []
    for row, ((_, end), (beginning, _)) in enumerate(pairwise(values)):
        if end == beginning:
            rows.append(row)
            ends.append(end)
    bottom = np.array(rows) + BAR / 2
    axes.vlines(ends, bottom, bottom + 1 - BAR, style.INK, lw=0.9)
