"""The scores of good and anomalous images, a small histogram for every category."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from adviz.plots import style
from adviz.plots.checks import check_scores, takes_arrays
from adviz.plots.scores import GROUPS

COLUMNS = 5
WIDE, HIGH = 1.95, 1.3  # inches, of a panel's axes
LEFT, GAP, ABOVE = 0.55, 0.42, 0.4
BELOW = 0.3  # inches under every row, for its numbers
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
    >>> plots.histogram_sheet({"hex_nut": (prediction.score, category.test.labels)}, areas={"hex_nut": 0.98})
    <StaticFigure size ... with 1 Axes>
    """
    if not scores:
        raise ValueError("histogram_sheet needs at least one category, got none")
    columns = min(COLUMNS, len(scores))
    rows = -(-len(scores) // columns)
    across = max(LEFT + columns * WIDE + (columns - 1) * GAP + 0.15, 7.0)
    top = style.title_room(title, across) + 0.1
    down = top + rows * (ABOVE + HIGH + BELOW) + LEGEND
    figure = style.StaticFigure(across, down)
    style.write_title(figure, title)
    for number, (name, (values, labels)) in enumerate(scores.items()):
        check_scores(values, f"scores of {name}")
        if np.shape(labels) != np.shape(values):
            raise ValueError(
                f"expected a label for each of the {len(values)} scores of {name}, got {np.shape(labels)}"
            )
        row, column = divmod(number, columns)
        x, y = LEFT + column * (WIDE + GAP), top + row * (ABOVE + HIGH + BELOW) + ABOVE
        axes = figure.add_axes(
            (x / across, 1 - (y + HIGH) / down, WIDE / across, HIGH / down), label=name
        )
        _histogram(axes, values, labels, bins)
        area = (areas or {}).get(name)
        words = name if area is None else f"{name}: AUROC {style.number(area, span=0.2)}"
        axes.set_title(
            words, fontsize=style.SMALL_SIZE, color=style.INK, loc="left", pad=4, parse_math=False
        )
    handles, names = figure.axes[0].get_legend_handles_labels()
    for axes in figure.axes[1:]:
        found = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        handles += [found[name] for name in found if name not in names]
        names += [name for name in found if name not in names]
    figure.legend(handles, names, loc="lower left", bbox_to_anchor=(style.MARGIN / across, 0.1 / down), frameon=False,
                  ncols=3, fontsize=style.SMALL_SIZE, borderaxespad=0)  # fmt: skip
    words = f"across: {quantity}; up: images"
    style.write(figure, style.MARGIN, down - LEGEND + 0.1, words, size=style.SMALL_SIZE)
    return figure


def _histogram(axes: Axes, values: np.ndarray, labels: np.ndarray, bins: int) -> None:
    low, high = float(values.min()), float(values.max())
    unit = (values - low) / (high - low) if high > low else np.zeros_like(values)
    edges = np.linspace(0, 1, bins + 1).tolist()
    style.plain_axes(axes, "", "")
    for name, label, colour, _, hatch in GROUPS:
        chosen = unit[labels == label]
        if len(chosen):
            axes.hist(
                chosen,
                edges,
                label=name,
                facecolor=colour,
                edgecolor=style.PAPER,
                alpha=0.75,
                hatch=hatch,
                lw=0.4,
            )
            axes.hist(chosen, edges, histtype="step", edgecolor=colour, linewidth=1.2)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.tick_params(labelsize=style.SMALL_SIZE - 2)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
