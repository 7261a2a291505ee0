"""A memory bank in pictures: quantities against its size, and its rows in the plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from adviz.plots import style
from adviz.plots.checks import check_scores, takes_arrays

Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]
MARKERS = "osD^vPX"  # the third cue, beside colour and dashes: where lines lie on each other
WIDE, HIGH = 2.75, 2.1  # inches, of a small chart
ROOM = (0.66, 0.12, 0.3, 0.5)  # inches left, right, above and below its axes
# Inches: the scatter of the static picture, between panels, below them
SIDE, GAP, FOOT = 4.0, 0.55, 0.75


@takes_arrays
def budget_chart(
    curves: Curves, quantity: str, *, limits: tuple[float, float], budget: float | None = None
) -> style.StaticFigure:
    """Draw a quantity against the size of the memory bank, on a logarithmic axis, in a small chart.

    Parameters
    ----------
    curves: sampler -> ((n,) rows of the bank, (n,) values). Their order gives colours, dashes and
        markers, so that a sampler without values (empty arrays) keeps those of the others as they
        are in other charts; see `curve_style`.
    quantity: the chart's title.
    limits: smallest and largest number of rows on the axis; the same for charts that are compared.
    budget: rows, marked by a line; None = not marked.

    Returns
    -------
    StaticFigure with one panel, labelled with the quantity, and no legend.

    Raises
    ------
    ValueError: arrays of two lengths, values that are not finite, or limits that are not 1 or more
        in rising order.

    Examples
    --------
    >>> curves = {"greedy": (np.array([10, 100]), np.array([4.0, 2.5]))}
    >>> plots.budget_chart(curves, "covering radius", limits=(1, 1000), budget=50)
    <StaticFigure size ... with 1 Axes>
    """
    figure = style.StaticFigure(WIDE, HIGH)
    left, right, above, below = ROOM
    box = (left / WIDE, below / HIGH, 1 - (left + right) / WIDE, 1 - (above + below) / HIGH)
    _panel(figure.add_axes(box, label=quantity), curves, quantity, limits, budget)
    return figure


def curve_style(number: int) -> tuple[str, Any, str]:
    """Return colour, dashes (matplotlib) and marker of a chart's curve with this number, from 0.

    Examples
    --------
    >>> colour, dashes, marker = plots.curve_style(0)
    >>> colour.startswith("#")
    True
    """
    return (
        style.PALETTE[number % len(style.PALETTE)],
        style.LINE_STYLES[number % len(style.LINE_STYLES)],
        MARKERS[number % len(MARKERS)],
    )


def share_of_axis(count: float, limits: tuple[float, float]) -> float:
    """Return how far along a small chart's width a number of rows lies, 0 to 1 of the whole figure.

    Examples
    --------
    >>> left, middle, right = (plots.share_of_axis(count, (1, 10_000)) for count in (1, 100, 10_000))
    >>> round(middle - left, 6) == round(right - middle, 6)
    True
    """
    low, high = _ends(limits)
    along = (np.log(count) - np.log(low)) / (np.log(high) - np.log(low))
    return float(ROOM[0] + along * (WIDE - ROOM[0] - ROOM[1])) / WIDE


@takes_arrays
def coreset_figure(
    plane: np.ndarray,
    colours: np.ndarray,
    chosen: np.ndarray,
    charts: Mapping[str, Curves],
    *,
    limits: tuple[float, float],
    budget: float | None = None,
    painting: np.ndarray | None = None,
    title: str = "",
    note: str = "",
) -> style.StaticFigure:
    """Draw all rows in the plane with the chosen ones ringed, beside up to two quantities against the bank's size.

    Parameters
    ----------
    plane: (M, 2) float.
    colours: (M, 3) uint8.
    chosen: (n,) int, rows to ring.
    charts: quantity -> curves, as for `budget_chart`; the first two are drawn.
    limits, budget: as for `budget_chart`.
    painting: (M,) int, the order in which points are drawn; None = their own.
    title, note: texts over and below the scatter.

    Returns
    -------
    StaticFigure; its panels are labelled "plane" and with the quantities.

    Raises
    ------
    ValueError: shapes that do not fit, or as `budget_chart`.

    Examples
    --------
    >>> plane, colours = np.random.default_rng(0).normal(size=(50, 2)), np.full((50, 3), 99, "uint8")
    >>> curves = {"greedy": (np.array([1, 10]), np.array([4.0, 2.5]))}
    >>> plots.coreset_figure(plane, colours, np.arange(5), {"radius": curves}, limits=(1, 50))
    <StaticFigure size ... with 2 Axes>
    """
    if plane.ndim != 2 or plane.shape[1] != 2 or colours.shape != (len(plane), 3):
        raise ValueError(
            f"expected (M, 2) points and (M, 3) colours, got {plane.shape} and {colours.shape}"
        )
    shown = dict(list(charts.items())[:2])
    across = 2 * style.MARGIN + SIDE * 1.2 + len(shown) * (GAP + 0.3 + 3.0)
    top = 0.35 + style.title_room(title, across)
    down = top + SIDE + FOOT
    figure = style.StaticFigure(across, down)
    style.write_title(figure, title)
    box = (style.MARGIN / across, FOOT / down, SIDE * 1.2 / across, SIDE / down)
    _scatter(figure.add_axes(box, label="plane"), plane, colours, chosen, painting)
    style.write(
        figure, style.MARGIN, down - FOOT + 0.08, "\n".join(_lines(note)), size=style.SMALL_SIZE
    )
    for number, (quantity, curves) in enumerate(shown.items()):
        left = style.MARGIN + SIDE * 1.2 + GAP + 0.3 + number * (3.0 + GAP + 0.3)
        box = (left / across, FOOT / down, 3.0 / across, SIDE / down)
        _panel(figure.add_axes(box, label=quantity), curves, quantity, limits, budget)
    _legend(figure, shown, down, across)
    return figure


def _panel(
    axes: Axes, curves: Curves, quantity: str, limits: tuple[float, float], budget: float | None
) -> None:
    """Draw the curves, and mark the present budget."""
    for number, (name, (counts, values)) in enumerate(curves.items()):
        if np.shape(counts) != np.shape(values):
            raise ValueError(
                f"{name} must have a value for each number of rows, got {len(values)} for {len(counts)}"
            )
        if not len(counts):
            continue
        check_scores(values, f"{quantity} of {name}")
        colour, dashes, marker = curve_style(number)
        axes.plot(
            counts, values, color=colour, linestyle=dashes, marker=marker, ms=4, lw=1.8, label=name
        )
    style.plain_axes(axes, "rows in the bank", "")
    axes.set_title(quantity, fontsize=style.LABEL_SIZE, color=style.INK, loc="left", pad=6)
    axes.set(xscale="log", xlim=_ends(limits))
    axes.tick_params(labelsize=style.SMALL_SIZE - 1)
    axes.xaxis.label.set_fontsize(style.SMALL_SIZE)
    axes.minorticks_off()
    if budget is not None:
        axes.axvline(budget, color=style.INK, linestyle="dashed", linewidth=1.5)


def _ends(limits: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of the axis, with a little air."""
    low, high = limits
    if not 1 <= low <= high:
        raise ValueError(
            f"limits must be numbers of rows, 1 or more, in rising order, got {limits}"
        )
    return low / 1.3, high * 1.3


def _scatter(
    axes: Axes,
    plane: np.ndarray,
    colours: np.ndarray,
    chosen: np.ndarray,
    painting: np.ndarray | None,
) -> None:
    order = np.arange(len(plane)) if painting is None else painting
    axes.scatter(
        plane[order, 0], plane[order, 1], s=2, c=colours[order] / 255, linewidths=0, rasterized=True
    )
    many = len(chosen) > 800
    axes.scatter(
        plane[chosen, 0], plane[chosen, 1], s=7 if many else 16, facecolors="none", edgecolors="#000000",
        linewidths=0.4 if many else 0.9, rasterized=True,
    )  # fmt: skip
    style.frame(axes)
    axes.set_facecolor(style.PAPER)
    axes.set_aspect("equal", adjustable="datalim")  # one scale: distances can be compared


def _lines(note: str) -> list[str]:
    return style.lines_of(note, SIDE * 1.2, style.SMALL_SIZE, most=3)


def _legend(
    figure: style.StaticFigure, charts: Mapping[str, Curves], down: float, across: float
) -> None:
    names = {name: number for curves in charts.values() for number, name in enumerate(curves)}
    handles = []
    for name, number in names.items():
        colour, dashes, marker = curve_style(number)
        handles.append(
            Line2D([], [], color=colour, linestyle=dashes, marker=marker, ms=4, lw=1.8, label=name)
        )
    if handles:
        figure.legend(
            handles=handles, loc="lower right", bbox_to_anchor=(1 - style.MARGIN / across, 0.05 / down),
            ncols=len(handles), frameon=False, fontsize=style.SMALL_SIZE, borderaxespad=0, borderpad=0,
            handlelength=2.6,
        )  # fmt: skip
