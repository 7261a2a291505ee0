"""From one configuration to another, step by step: what every step won or lost, and how it changed a map."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from adviz.plots import style
from adviz.plots.checks import check_limits, takes_arrays

# Purple below, orange above; apart for the colour-blind, and not the colours of maps
DIFFERENCES = "PuOr_r"
NOTHING = 0.05  # points; what is printed as 0.0
# Inches: a bar's room, the names' left of it, the values' right of the chart
ROW, NAMES, LEGEND = 0.36, 3.3, 0.75


def signed(value: float) -> str:
    """Print a difference in points with its sign and one decimal; what rounds to nothing as 0.0, NaN as n/a.

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
    """Draw what leads from one value to another: a bar a step, from the value before it to the value after it.

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
    names = [start[0], *steps, end[0]]
    figure, axes = _empty(names, title)
    limits = _limits(values)
    cut = " (the axis is cut)" if limits[0] > 0 else ""
    axes.set(xlim=limits, xlabel=f"{quantity}, points{cut}")
    for row, (_, value) in ((0, start), (len(names) - 1, end)):
        _total(axes, row, value, limits)
    for row, (before, after) in enumerate(steps.values(), 1):
        _step(axes, row, before, after, limits)
    _links(axes, [(start[1], start[1]), *steps.values(), (end[1], end[1])])
    return figure


@takes_arrays
def signed_heat(difference: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return the colours of a difference, (..., 3) uint8, as `heat` does of a map.

    Limits (-a, a) make no change almost white.

    Examples
    --------
    >>> plots.signed_heat(np.zeros((1, 1)), (-1, 1))
    array([[[247, 247, 246]]], dtype=uint8)
    """
    check_limits(limits)
    share = np.clip(
        (np.asarray(difference, np.float32) - limits[0]) / (limits[1] - limits[0]), 0, 1
    )
    table = (mpl.colormaps[DIFFERENCES](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    return np.asarray(table[(share * 255).round().astype(np.uint8)])


def _empty(names: list[str], title: str) -> tuple[style.StaticFigure, Axes]:
    """Return the figure with its named rows and no bars."""
    across, below, above = 9.6, 0.62, style.title_room(title, 9.6) + 0.1
    down = above + ROW * len(names) + below
    figure = style.StaticFigure(across, down)
    box = (NAMES / across, below / down, 1 - (NAMES + LEGEND) / across, ROW * len(names) / down)
    axes = figure.add_axes(box, label="waterfall")
    style.write_title(figure, title)
    style.plain_axes(axes, "", "")
    axes.set(yticks=[], ylim=(len(names) - 0.5, -0.5))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    for row, name in enumerate(names):  # texts, as ticks cost several times their time
        line = "".join(style.lines_of(name, NAMES, style.SMALL_SIZE, most=1))
        axes.text(
            -0.01, row, line, transform=axes.get_yaxis_transform(), ha="right", va="center", color=style.INK,
            fontsize=style.SMALL_SIZE, parse_math=False,
        )  # fmt: skip
    return figure, axes


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Return the part of the axis to show: all values, with room for what is printed beside the bars."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 100.0
    low, high = known.min(), known.max()
    span = max(high - low, 0.5)
    return float(low - 0.25 * span), float(high + 0.2 * span)


def _total(axes: Axes, row: int, value: float, limits: tuple[float, float]) -> None:
    if np.isnan(value):
        _unknown(axes, row, limits)
        return
    axes.barh(row, value - limits[0], left=limits[0], height=0.62, color=style.UNLABELLED)
    _print(axes, row, value, f"{value:.1f}")


def _step(axes: Axes, row: int, before: float, after: float, limits: tuple[float, float]) -> None:
    """Draw one step: hatched where it loses, a line where it does nothing, its signed value always beside it."""
    change = after - before
    if np.isnan(change):
        _unknown(axes, row, limits)
        return
    if abs(change) < NOTHING:
        axes.plot([after, after], [row - 0.31, row + 0.31], color=style.INK, linewidth=2)
    else:
        colour, hatch = (style.BLUE, "") if change > 0 else (style.VERMILLION, "///")
        axes.barh(
            row,
            change,
            left=before,
            height=0.62,
            facecolor=colour,
            hatch=hatch,
            edgecolor=style.PAPER,
            linewidth=0,
        )
    _print(axes, row, max(before, after), signed(change))


def _unknown(axes: Axes, row: int, limits: tuple[float, float]) -> None:
    axes.annotate(
        "not known", (limits[0], row), xytext=(6, 0), textcoords="offset points", va="center", ha="left",
        fontsize=style.SMALL_SIZE, color="#666666", style="italic",
    )  # fmt: skip


def _print(axes: Axes, row: int, x: float, text: str) -> None:
    axes.annotate(
        text, (x, row), xytext=(5, 0), textcoords="offset points", va="center", fontsize=style.SMALL_SIZE,
        color=style.INK, fontweight="bold",
    )  # fmt: skip


def _links(axes: Axes, values: list[tuple[float, float]]) -> None:
    """Join each bar's end with the next bar's beginning by a thin line where the two are one value."""
    same = [
        (row, after)
        for row, ((_, after), (before, _)) in enumerate(pairwise(values))
        if after == before
    ]
    axes.vlines(
        [x for _, x in same],
        [y + 0.31 for y, _ in same],
        [y + 0.69 for y, _ in same],
        style.INK,
        lw=0.9,
    )
