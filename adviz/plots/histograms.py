"""A small histogram of the scores of good and anomalous images for every category."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from adviz.plots import interactive, style
from adviz.plots.chart import Chart
from adviz.plots.checks import check_scores, takes_arrays
from adviz.plots.scores import bar_trace, draw_histograms, histogram_bars

COLUMNS = 5
COLUMNS_WITH_HOVER = 3
# Inches
PANEL_WIDTH = 1.95
PANEL_HEIGHT = 1.3
LEFT = 0.55  # of the first column
GAP = 0.42  # between columns
ABOVE = 0.4  # every row, for its title
BELOW = 0.3  # every row, for its numbers
ROW = ABOVE + PANEL_HEIGHT + BELOW
LEGEND = 0.75


@takes_arrays
def histogram_sheet(
    scores: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    areas: Mapping[str, float] | None = None,
    bins: int = 25,
    title: str = "",
    quantity: str = "image score, 0 = lowest, 1 = highest of the category",
) -> Chart:
    """Draw a histogram for every category, its scores brought to 0..1 for display.

    Parameters
    ----------
    scores: category -> ((N,) float scores, (N,) labels: 0 good, 1 anomalous, -1 unlabelled).
    areas: category -> AUROC, printed over its panel; missing = not printed.
    bins: of every histogram, >= 1.
    title: text over the figure.
    quantity: the name of the horizontal axes.

    Returns
    -------
    Chart. A bar that is pointed at says how many images have which scores, in the scores' own
    unit. The panels of the static figure are labelled with the categories.

    Raises
    ------
    ValueError: no category, scores that are not finite, or labels that do not fit.

    Examples
    --------
    >>> scores = {"hex_nut": (prediction.score, category.test.labels)}
    >>> plots.histogram_sheet(scores, areas={"hex_nut": 0.98}, title="nuts")
    Chart('nuts')
    """
    if not scores:
        raise ValueError("histogram_sheet needs at least one category, got none")
    for name, (values, labels) in scores.items():
        check_scores(values, f"scores of {name}")
        if np.shape(labels) != np.shape(values):
            raise ValueError(
                f"expected a label for each of the {len(values)} scores of {name}, "
                f"got {np.shape(labels)}"
            )
    return Chart(
        title,
        lambda: _interactive(scores, areas or {}, bins, title, quantity),
        lambda: _static(scores, areas or {}, bins, title, quantity),
    )


def _static(
    scores: Mapping[str, tuple[np.ndarray, np.ndarray]],
    areas: Mapping[str, float],
    bins: int,
    title: str,
    quantity: str,
) -> style.StaticFigure:
    """Draw the sheet with matplotlib."""
    columns = min(COLUMNS, len(scores))
    rows = -(-len(scores) // columns)
    width = max(LEFT + columns * PANEL_WIDTH + (columns - 1) * GAP + 0.15, 7.0)
    top = style.title_room(title, width) + 0.1
    height = top + rows * ROW + LEGEND
    figure = style.StaticFigure(width, height)
    style.write_title(figure, title)
    for number, (name, (values, labels)) in enumerate(scores.items()):
        row, column = divmod(number, columns)
        x = LEFT + column * (PANEL_WIDTH + GAP)
        y = top + row * ROW + ABOVE
        axes = figure.panel(x, y, PANEL_WIDTH, PANEL_HEIGHT, name)
        _histogram(axes, values, labels, bins)
        heading = _heading(name, areas)
        axes.set_title(
            heading, fontsize=style.SMALL_SIZE, color=style.INK, loc="left", pad=4, parse_math=False
        )
    handles = _legend_handles(figure)
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="lower left",
        bbox_to_anchor=(style.MARGIN / width, 0.1 / height),
        ncols=3,
        **style.PLAIN_LEGEND,
    )
    axis_names = f"across: {quantity}; up: images"
    y = height - LEGEND + 0.1
    style.write(figure, style.MARGIN, y, axis_names, size=style.SMALL_SIZE)
    return figure


def _legend_handles(figure: style.StaticFigure) -> dict[str, Artist]:
    """Return a handle for every group that occurs in any panel."""
    handles: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    return handles


def _histogram(axes: Axes, values: np.ndarray, labels: np.ndarray, bins: int) -> None:
    scaled, _, _ = _scaled(values)
    style.plain_axes(axes, "", "")
    draw_histograms(axes, scaled, labels, _edges(bins))
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.tick_params(labelsize=style.SMALL_SIZE - 2)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def _heading(name: str, areas: Mapping[str, float]) -> str:
    if name in areas:
        return f"{name}: AUROC {style.number(areas[name], span=0.2)}"
    return name


def _edges(bins: int) -> np.ndarray:
    return np.linspace(0, 1, bins + 1)


def _scaled(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return scores brought to 0..1, (N,), with the lowest and how far the highest is from it."""
    low = float(values.min())
    span = float(values.max()) - low
    # To 0..1, so that categories with different units can be compared
    if span > 0:
        return (values - low) / span, low, span
    return np.zeros_like(values), low, span


def _interactive(
    scores: Mapping[str, tuple[np.ndarray, np.ndarray]],
    areas: Mapping[str, float],
    bins: int,
    title: str,
    quantity: str,
) -> go.Figure:
    """Draw the sheet with plotly."""
    columns = min(COLUMNS_WITH_HOVER, len(scores))
    figure = interactive.grid(
        -(-len(scores) // columns),
        columns,
        title=title,
        note=f"across: {quantity}; up: images",
        panel_titles=[interactive.escaped(_heading(name, areas)) for name in scores],
        panel_height=170,
        gap=0.06,
    )
    edges = _edges(bins)
    shown: set[str] = set()  # in the legend
    for number, (name, (values, labels)) in enumerate(scores.items()):
        row, column = divmod(number, columns)
        scaled, low, span = _scaled(values)
        texts = []
        # The scores' own unit
        for first, last in pairwise((low + span * edges).tolist()):
            of_bin = f"score {style.number(first)} to {style.number(last)}"
            texts.append(interactive.hover("", name, of_bin))
        for bars in histogram_bars(scaled, labels, edges):
            trace = bar_trace(bars, edges, texts, name=bars.group.name)
            trace.legendgroup = bars.group.name
            trace.showlegend = bars.group.name not in shown
            shown.add(bars.group.name)
            figure.add_trace(trace, row + 1, column + 1)
    figure.update_layout(barmode="overlay", bargap=0)
    figure.update_xaxes(range=[-0.02, 1.02], tickvals=[0, 0.5, 1])
    figure.update_yaxes(nticks=5, tickformat="d")
    return figure
