"""Points in the plane and the few that stand for them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from adviz.plots import style
from adviz.plots.checks import takes_arrays

SIDE, GAP = 3.4, 0.25  # inches: a panel, and between columns
NAMES = 1.35  # inches left of the rows, for the samplers' names
CAPTION = 0.32  # inches over a panel


@takes_arrays
def sampling_panels(
    clouds: Mapping[str, np.ndarray],
    chosen: Mapping[str, Mapping[str, np.ndarray]],
    captions: Mapping[str, Mapping[str, str]] | None = None,
    *,
    title: str = "",
) -> style.StaticFigure:
    """Draw points in the plane with the chosen ones marked: a column for every cloud, a row for every sampler.

    Parameters
    ----------
    clouds: name -> (M, 2) float.
    chosen: sampler -> cloud -> (n,) int, numbers of the chosen points.
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
    for name, points in clouds.items():
        if np.ndim(points) != 2 or np.shape(points)[1] != 2:
            raise ValueError(f"expected (M, 2) points in {name}, got shape {np.shape(points)}")
        for sampler, each in chosen.items():
            if np.max(each[name], initial=0) >= len(points) or np.min(each[name], initial=0) < 0:
                raise ValueError(
                    f"expected {sampler} to choose points of {name} from 0 to {len(points) - 1}"
                )
    across = style.MARGIN + NAMES + len(clouds) * SIDE + (len(clouds) - 1) * GAP + style.MARGIN
    top = style.title_room(title, across) + 0.1 + style.line_inches(style.LABEL_SIZE) + 0.05
    down = top + len(chosen) * (SIDE + CAPTION) + 0.1
    figure = style.StaticFigure(across, down)
    style.write_title(figure, title)
    for column, (name, points) in enumerate(clouds.items()):
        x = style.MARGIN + NAMES + column * (SIDE + GAP)
        style.write(figure, x, top - style.line_inches(style.LABEL_SIZE) - 0.02, name, bold=True)
        for row, (sampler, each) in enumerate(chosen.items()):
            y = top + row * (SIDE + CAPTION) + CAPTION
            box = (x / across, 1 - (y + SIDE) / down, SIDE / across, SIDE / down)
            _cloud(figure.add_axes(box, label=f"{sampler}, {name}"), points, each[name])
            style.write(
                figure,
                x,
                y - 0.27,
                ((captions or {}).get(sampler) or {}).get(name, ""),
                size=style.SMALL_SIZE,
            )
    for row, sampler in enumerate(chosen):
        words = "\n".join(style.lines_of(sampler, NAMES, style.LABEL_SIZE, most=3))
        style.write(
            figure,
            style.MARGIN,
            top + row * (SIDE + CAPTION) + CAPTION + SIDE / 2 - 0.2,
            words,
            bold=True,
        )
    return figure


def _cloud(axes: Axes, points: np.ndarray, chosen: np.ndarray) -> None:
    axes.scatter(
        points[:, 0], points[:, 1], s=9, color=style.BLUE, alpha=0.45, linewidths=0, label="points"
    )
    edge = style.INK
    axes.scatter(
        points[chosen, 0], points[chosen, 1], s=34, color=style.VERMILLION, marker="D", edgecolors=edge, linewidths=0.7,
        label="chosen",
    )  # fmt: skip
    middle, half = (points.max(0) + points.min(0)) / 2, float(np.ptp(points, 0).max()) / 2 * 1.06
    style.frame(axes)
    axes.set_facecolor(style.PAPER)
    low, high = middle - half, middle + half
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
