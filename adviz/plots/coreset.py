"""A coreset in pictures: quantities against its size, and the memory bank in the plane."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from adviz.plots import style
from adviz.plots.checks import check_scores, takes_arrays
from adviz.plots.style import curve_style

Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]
# A small chart, inches, and the room around its axes
WIDTH = 2.75
HEIGHT = 2.1
LEFT = 0.66
RIGHT = 0.12
ABOVE = 0.3
BELOW = 0.5
# The static figure, inches
SCATTER_WIDTH = 4.8
SIDE = 4.0  # height of all its panels
CHART_WIDTH = 3.0
GAP = 0.85
FOOT = 0.75
MANY = 800  # chosen points, from which their rings are small


@takes_arrays
def coreset_size_chart(
    curves: Curves, quantity: str, *, limits: tuple[float, float], coreset_size: float | None = None
) -> style.StaticFigure:
    """Draw a quantity against the size of the memory bank, on a logarithmic axis, in a small chart.

    Parameters
    ----------
    curves: sampler -> ((n,) coreset sizes, (n,) values). Their order gives colours, dashes and
        markers, so that a sampler without values (empty arrays) keeps those of the others as they
        are in other charts; see `curve_style`.
    quantity: the chart's title.
    limits: smallest and largest coreset size on the axis; the same for charts that are compared.
    coreset_size: the size to mark by a vertical line; None = none.

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
    >>> plots.coreset_size_chart(curves, "covering radius", limits=(1, 1000), coreset_size=50)
    <StaticFigure size ... with 1 Axes>
    """
    figure = style.StaticFigure(WIDTH, HEIGHT)
    axes = figure.panel(LEFT, ABOVE, WIDTH - LEFT - RIGHT, HEIGHT - ABOVE - BELOW, quantity)
    _draw_curves(axes, curves, quantity, limits, coreset_size)
    return figure


@takes_arrays
def coreset_figure(
    plane: np.ndarray,
    colours: np.ndarray,
    chosen: np.ndarray,
    charts: Mapping[str, Curves],
    *,
    limits: tuple[float, float],
    coreset_size: float | None = None,
    painting: np.ndarray | None = None,
    title: str = "",
    note: str = "",
) -> style.StaticFigure:
    """Draw a bank in the plane with the coreset ringed, beside quantities against its size.

    Parameters
    ----------
    plane: (M, 2) float, the memory bank projected to two dimensions.
    colours: (M, 3) uint8.
    chosen: (n,) int, entries of the coreset, to ring.
    charts: quantity -> curves, as for `coreset_size_chart`; the first two are drawn.
    limits, coreset_size: as for `coreset_size_chart`.
    painting: (M,) int, the order in which points are drawn; None = their own.
    title, note: texts over and below the scatter.

    Returns
    -------
    StaticFigure; its panels are labelled "plane" and with the quantities.

    Raises
    ------
    ValueError: shapes that do not fit, or as `coreset_size_chart`.

    Examples
    --------
    >>> plane = np.random.default_rng(0).normal(size=(50, 2))
    >>> colours = np.full((50, 3), 99, np.uint8)
    >>> curves = {"greedy": (np.array([1, 10]), np.array([4.0, 2.5]))}
    >>> plots.coreset_figure(plane, colours, np.arange(5), {"radius": curves}, limits=(1, 50))
    <StaticFigure size ... with 2 Axes>
    """
    if plane.ndim != 2 or plane.shape[1] != 2 or colours.shape != (len(plane), 3):
        raise ValueError(
            f"expected (M, 2) points and (M, 3) colours, got {plane.shape} and {colours.shape}"
        )
    drawn_charts = dict(list(charts.items())[:2])
    width = 2 * style.MARGIN + SCATTER_WIDTH + len(drawn_charts) * (GAP + CHART_WIDTH)
    top = 0.35 + style.title_room(title, width)
    figure = style.StaticFigure(width, top + SIDE + FOOT)
    style.write_title(figure, title)
    plane_axes = figure.panel(style.MARGIN, top, SCATTER_WIDTH, SIDE, "plane")
    _draw_plane(plane_axes, plane, colours, chosen, painting)
    note_text = style.wrapped(note, SCATTER_WIDTH, style.SMALL_SIZE, most=3)
    style.write(figure, style.MARGIN, top + SIDE + 0.08, note_text, size=style.SMALL_SIZE)
    x = style.MARGIN + SCATTER_WIDTH + GAP
    for quantity, curves in drawn_charts.items():
        axes = figure.panel(x, top, CHART_WIDTH, SIDE, quantity)
        _draw_curves(axes, curves, quantity, limits, coreset_size)
        x += CHART_WIDTH + GAP
    _legend(figure, drawn_charts)
    return figure


def _draw_curves(
    axes: Axes,
    curves: Curves,
    quantity: str,
    limits: tuple[float, float],
    coreset_size: float | None,
) -> None:
    """Draw the curves of all samplers, and mark the current coreset size."""
    for number, (name, (sizes, values)) in enumerate(curves.items()):
        if np.shape(sizes) != np.shape(values):
            raise ValueError(
                f"{name} must have a value for each coreset size, "
                f"got {len(values)} for {len(sizes)}"
            )
        if not len(sizes):
            continue
        check_scores(values, f"{quantity} of {name}")
        colour, dashes, marker = curve_style(number)
        axes.plot(
            sizes,
            values,
            color=colour,
            linestyle=dashes,
            marker=marker,
            markersize=4,
            linewidth=1.8,
            label=name,
        )
    style.plain_axes(axes, "coreset size", "")
    style.chart_title(axes, quantity, pad=6)
    axes.set(xscale="log", xlim=_axis_ends(limits))
    axes.tick_params(labelsize=style.SMALL_SIZE - 1)
    axes.xaxis.label.set_fontsize(style.SMALL_SIZE)
    axes.minorticks_off()
    if coreset_size is not None:
        axes.axvline(coreset_size, color=style.INK, linestyle="dashed", linewidth=1.5)


def _axis_ends(limits: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of the axis, with some air on a logarithmic scale."""
    low, high = limits
    if not 1 <= low <= high:
        raise ValueError(f"limits must be coreset sizes, 1 or more, in rising order, got {limits}")
    return low / 1.3, high * 1.3


def _draw_plane(
    axes: Axes,
    plane: np.ndarray,
    colours: np.ndarray,
    chosen: np.ndarray,
    painting: np.ndarray | None,
) -> None:
    """Draw all entries as dots, and rings around the chosen ones."""
    order = np.arange(len(plane)) if painting is None else painting
    x, y = plane.T  # (M,) each
    axes.scatter(x[order], y[order], s=2, c=colours[order] / 255, linewidths=0, rasterized=True)
    size, line_width = (7, 0.4) if len(chosen) > MANY else (16, 0.9)
    axes.scatter(
        x[chosen],
        y[chosen],
        s=size,
        facecolors="none",
        edgecolors=style.BLACK,
        linewidths=line_width,
        rasterized=True,
    )
    style.frame(axes)
    axes.set_facecolor(style.PAPER)
    axes.set_aspect("equal", adjustable="datalim")  # one scale: distances can be compared


def _legend(figure: style.StaticFigure, charts: Mapping[str, Curves]) -> None:
    """Draw the legend of the samplers at the lower right."""
    handles: dict[str, Line2D] = {}
    for curves in charts.values():
        for number, name in enumerate(curves):
            colour, dashes, marker = curve_style(number)
            handles[name] = Line2D(
                [], [], color=colour, linestyle=dashes, marker=marker, markersize=4, linewidth=1.8
            )
    if handles:
        width, height = figure.get_size_inches()
        figure.legend(
            handles.values(),
            handles.keys(),
            loc="lower right",
            bbox_to_anchor=(1 - style.MARGIN / width, 0.05 / height),
            ncols=len(handles),
            borderpad=0,
            handlelength=2.6,
            **style.PLAIN_LEGEND,
        )
