"""Outlines of regions, such as the ground truth: painted into a picture, or drawn in axes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from adviz.plots import style
from adviz.plots.checks import check_image, check_mask, image_size, takes_arrays
from adviz.plots.colours import THRESHOLD_COLOUR

TRUTH_COLOUR = style.VERMILLION
DASH = 4  # pixels of a dash, and of the gap after it
# Points
LINE_WIDTH = 1.8
STROKE_WIDTH = 3.2


@takes_arrays
def outlined(
    image: np.ndarray, region: np.ndarray, *, colour: str = "#FFFFFF", dashed: bool = False
) -> np.ndarray:
    """Paint the border of a region into a picture, with a stroke of opposite brightness around it.

    Parameters
    ----------
    image: (H, W, 3) uint8, not changed.
    region: (H, W) bool; the border is its outermost pixels, also along the edge of the picture.
    colour: of the border, "#RRGGBB".
    dashed: whether the border has gaps: the second cue next to the colour.

    Returns
    -------
    (H, W, 3) uint8.

    Raises
    ------
    ValueError: shapes or dtypes that do not fit.

    Examples
    --------
    >>> plots.outlined(category.test.image(0), category.test.mask(0), colour="#FF0000").shape
    (224, 224, 3)
    """
    check_image(image)
    check_mask(region, image_size(image))
    painted = image.copy()
    if not region.any():
        return painted
    padded = np.pad(region, 1)  # (H + 2, W + 2)
    # Every pixel's four neighbours: above, below, left, right; (H, W) each
    neighbors = padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]
    border = region & ~np.logical_and.reduce(neighbors)
    stroke = ~region & np.logical_or.reduce(neighbors)
    if dashed:
        rows, columns = np.indices(region.shape)
        border &= (rows + columns) // DASH % 2 == 0
    paint = style.rgb(colour)
    painted[stroke] = 0 if paint.mean() > 127 else 255
    painted[border] = paint
    return painted


def draw_outline(axes: Axes, region: np.ndarray, colour: str, line: str) -> None:
    """Draw the border of a region in axes, on a stroke of the opposite brightness."""
    if not region.any():
        return
    height, width = region.shape
    # A region that touches the edge gets a closed line
    padded = np.pad(region.astype(float), 1)  # (H + 2, W + 2)
    x = np.arange(-1, width + 1)
    y = np.arange(-1, height + 1)
    contour = axes.contour(
        x, y, padded, levels=[0.5], colors=[colour], linewidths=LINE_WIDTH, linestyles=line
    )
    stroke = style.BLACK if colour == "#FFFFFF" else "#FFFFFF"
    contour.set_path_effects([withStroke(linewidth=STROKE_WIDTH, foreground=stroke)])
    axes.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def draw_truth(axes: Axes, mask: np.ndarray | None) -> None:
    """Draw the outline of the ground truth, where it is known."""
    if mask is not None:
        draw_outline(axes, mask, TRUTH_COLOUR, "solid")


def outline_legend(
    figure: style.StaticFigure,
    anchor: tuple[float, float],
    *,
    location: Literal["lower left", "center right"],
    truth: bool,
    threshold: str,
) -> None:
    """Draw a legend of the outlines of a figure, if there are any.

    Parameters
    ----------
    anchor: where the legend stands, inches from the left and from the lower edge.
    location: the corner of the legend that stands there, as matplotlib's `loc`.
    truth: whether a ground truth is outlined.
    threshold: name of the outline of the threshold; "" = none is drawn.
    """
    handles = []
    if truth:
        label = "outline of the ground truth"
        handles.append(Line2D([], [], color=TRUTH_COLOUR, linewidth=2, label=label))
    if threshold:
        line = Line2D(
            [], [], color=THRESHOLD_COLOUR, linewidth=2, linestyle="dashed", label=threshold
        )
        line.set_path_effects([withStroke(linewidth=STROKE_WIDTH, foreground=style.BLACK)])
        handles.append(line)
    if handles:
        width, height = figure.get_size_inches()
        figure.legend(
            handles=handles,
            loc=location,
            bbox_to_anchor=(anchor[0] / width, anchor[1] / height),
            ncols=2,
            borderpad=0,
            handlelength=2.6,
            **style.PLAIN_LEGEND,
        )
