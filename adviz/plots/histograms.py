"""A small histogram of the scores of good and anomalous images for every category."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from adviz.plots import style
from adviz.plots.checks import check_scores, takes_arrays
from adviz.plots.scores import draw_histograms

COLUMNS = 5
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
) -> style.StaticFigure:
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
    StaticFigure; its panels are labelled with the categories.

    Raises
    ------
    ValueError: no category, scores that are not finite, or labels that do not fit.

    Examples
    --------
    >>> scores = {"hex_nut": (prediction.score, category.test.labels)}
    >>> plots.histogram_sheet(scores, areas={"hex_nut": 0.98})
    <StaticFigure size ... with 1 Axes>
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
        heading = name
        if areas and name in areas:
            heading = f"{name}: AUROC {style.number(areas[name], span=0.2)}"
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
    low = float(values.min())
    high = float(values.max())
    # To 0..1, so that categories with different units can be compared
    if high > low:
        scaled = (values - low) / (high - low)  # (N,), 0..1
    else:
        scaled = np.zeros_like(values)
    style.plain_axes(axes, "", "")
    draw_histograms(axes, scaled, labels, np.linspace(0, 1, bins + 1))
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.tick_params(labelsize=style.SMALL_SIZE - 2)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
