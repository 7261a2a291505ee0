"""Point clouds in the plane and the subsets that samplers choose from them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from adviz.plots import style
from adviz.plots.checks import takes_arrays

# Inches
SIDE = 3.4  # of a panel
GAP = 0.25  # between columns
NAMES = 1.35  # left of the rows, for the samplers' names
CAPTION = 0.32  # over a panel


@takes_arrays
def sampling_panels(
    clouds: Mapping[str, np.ndarray],
    chosen: Mapping[str, Mapping[str, np.ndarray]],
    captions: Mapping[str, Mapping[str, str]] | None = None,
    *,
    title: str = "",
) -> style.StaticFigure:
    """Draw point clouds with the chosen points marked, a column each, a row for every sampler.

    Parameters
    ----------
    clouds: name -> (M, 2) float.
    chosen: sampler -> cloud -> (n,) int, indices of the chosen points.
    captions: sampler -> cloud -> text over that panel.
    title: text over the figure.

    Returns
    -------
    StaticFigure; its panels are labelled "sampler, cloud". The axes of a column share their limits,
    and one unit is as long across as up.

    Raises
    ------
    ValueError: a cloud that is not (M, 2), or chosen points that do not exist.

    Examples
    --------
    >>> points = np.random.default_rng(0).normal(size=(50, 2))
    >>> plots.sampling_panels({"one cloud": points}, {"random": {"one cloud": np.arange(5)}})
    <StaticFigure size ... with 1 Axes>
    """
    _check(clouds, chosen)
    line_height = style.line_inches(style.LABEL_SIZE)
    width = NAMES + len(clouds) * SIDE + (len(clouds) - 1) * GAP + 2 * style.MARGIN
    top = style.title_room(title, width) + 0.1 + line_height + 0.05
    figure = style.StaticFigure(width, top + len(chosen) * (SIDE + CAPTION) + 0.1)
    style.write_title(figure, title)
    first_x = style.MARGIN + NAMES
    for column, name in enumerate(clouds):
        x = first_x + column * (SIDE + GAP)
        style.write(figure, x, top - line_height - 0.02, name, bold=True)
    # A row of panels for every sampler, its name at the left
    for row, (sampler, indices) in enumerate(chosen.items()):
        y = top + row * (SIDE + CAPTION) + CAPTION
        sampler_name = style.wrapped(sampler, NAMES, style.LABEL_SIZE, most=3)
        style.write(figure, style.MARGIN, y + SIDE / 2 - 0.2, sampler_name, bold=True)
        sampler_captions = (captions or {}).get(sampler, {})
        for column, (name, points) in enumerate(clouds.items()):
            x = first_x + column * (SIDE + GAP)
            axes = figure.panel(x, y, SIDE, SIDE, f"{sampler}, {name}")
            _draw_cloud(axes, points, indices[name])
            caption = sampler_captions.get(name, "")
            style.write(figure, x, y - 0.27, caption, size=style.SMALL_SIZE)
    return figure


def _check(
    clouds: Mapping[str, np.ndarray], chosen: Mapping[str, Mapping[str, np.ndarray]]
) -> None:
    for name, points in clouds.items():
        if np.ndim(points) != 2 or np.shape(points)[1] != 2:
            raise ValueError(f"expected (M, 2) points in {name}, got shape {np.shape(points)}")
        for sampler, indices in chosen.items():
            last = len(points) - 1
            if np.max(indices[name], initial=0) > last or np.min(indices[name], initial=0) < 0:
                raise ValueError(f"expected {sampler} to choose points of {name} from 0 to {last}")


def _draw_cloud(axes: Axes, points: np.ndarray, chosen: np.ndarray) -> None:
    x, y = points.T  # (M,) each
    axes.scatter(x, y, s=9, color=style.BLUE, alpha=0.45, linewidths=0, label="points")
    axes.scatter(
        x[chosen],
        y[chosen],
        s=34,
        color=style.VERMILLION,
        marker="D",
        edgecolors=style.INK,
        linewidths=0.7,
        label="chosen",
    )
    style.frame(axes)
    axes.set_facecolor(style.PAPER)
    # A square around all points, with some air
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    half = float(np.ptp(points, axis=0).max()) / 2 * 1.06
    low = middle - half
    high = middle + half
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
