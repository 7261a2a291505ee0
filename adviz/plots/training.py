"""The course of a training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.ticker import MaxNLocator

from adviz.plots import style
from adviz.plots.checks import check_scores, takes_arrays


@takes_arrays
def loss_curve(
    losses: Mapping[str, np.ndarray] | np.ndarray, *, epochs: int | None = None, title: str = ""
) -> style.StaticFigure:
    """Draw the loss of every epoch.

    Parameters
    ----------
    losses: (epochs,) float, or several by name; they need not be equally long. An empty one leaves
        the chart empty.
    epochs: how far the horizontal axis reaches; None = to the longest.
    title: text over the chart.

    Returns
    -------
    StaticFigure with one panel, "losses"; the vertical axis begins at 0.

    Raises
    ------
    ValueError: a loss that is not finite, or an array that is not one-dimensional.

    Examples
    --------
    >>> plots.loss_curve(np.array([1.0, 0.5, 0.4]), epochs=10)
    <StaticFigure size ... with 1 Axes>
    """
    curves = losses if isinstance(losses, Mapping) else {"": losses}
    for name, values in curves.items():
        if np.size(values):
            check_scores(values, f"losses {name}".strip())
    figure, axes = style.static_chart(
        title, "epoch", "mean loss of the epoch", label="losses", height=3.2, legend=any(curves)
    )
    for number, (name, values) in enumerate(curves.items()):
        colour, dashes, _ = style.curve_style(number)
        axes.plot(
            np.arange(1, len(values) + 1),
            values,
            color=colour,
            linestyle=dashes,
            marker="o" if len(values) == 1 else None,  # a line needs two points
            linewidth=2,
            label=name,
        )
    most_epochs = max((len(values) for values in curves.values()), default=1)
    highest = max((float(np.max(values)) for values in curves.values() if len(values)), default=1.0)
    # The axis begins at 0, so that a loss of half the size looks so
    axes.set(xlim=(1, max(2, most_epochs, epochs or 0)), ylim=(0, 1.05 * highest or 1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if any(curves):
        style.legend_at_right(axes)
    return figure
