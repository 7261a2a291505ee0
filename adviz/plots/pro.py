"""PRO in pictures: how much of each region lies above a threshold, and the curve of their mean."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from adviz.metrics import Curve
from adviz.plots import style
from adviz.plots.checks import (
    check_image,
    check_length,
    check_mask,
    image_size,
    takes_arrays,
)
from adviz.plots.colours import grey
from adviz.plots.curves import CURVE_KINDS, check_limit
from adviz.plots.outlines import outlined

TINT = 0.75  # opacity of the colours
STRIPE = 6  # pixels of a stripe, and of the gap after it
CORRECT_COLOUR = style.BLUE
FALSE_COLOUR = style.VERMILLION
# Inches: sizes, and where the picture and the charts begin
WIDTH = 12.0
SIDE = 3.0
CHART_WIDTH = 3.3
PICTURE_X = 0.15
CURVE_X = 4.05
REGIONS_X = 8.35


@takes_arrays
def region_fill(image: np.ndarray, mask: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Tint the pixels predicted anomalous: blue in the defects, striped vermillion elsewhere.

    Parameters
    ----------
    image: (H, W, 3) uint8, drawn grey.
    mask: (H, W) bool, the defects, whose outlines are white.
    predicted: (H, W) bool, the pixels predicted anomalous.

    Returns
    -------
    (H, W, 3) uint8.

    Raises
    ------
    ValueError: shapes or dtypes that do not fit.

    Examples
    --------
    >>> predicted = prediction.anomaly_map[0] > 20
    >>> plots.region_fill(category.test.image(0), category.test.mask(0), predicted).shape
    (224, 224, 3)
    """
    check_image(image)
    size = image_size(image)
    check_mask(mask, size)
    check_mask(predicted, size, "predicted")
    picture = np.repeat(grey(image), 3, axis=2)  # (H, W, 3)
    rows, columns = np.indices(size)
    stripes = (rows + columns) % (2 * STRIPE) < STRIPE
    for region, colour in (
        (predicted & mask, CORRECT_COLOUR),
        (predicted & ~mask & stripes, FALSE_COLOUR),
    ):
        picture[region] = (1 - TINT) * picture[region] + TINT * style.rgb(colour)
    return outlined(np.rint(picture).astype(np.uint8), mask)


@takes_arrays
def pro_page(
    picture: np.ndarray,
    curve: Curve,
    integrals: np.ndarray,
    *,
    areas: np.ndarray,
    limit: float,
    point: tuple[float, float],
    value: float,
    title: str = "",
) -> style.StaticFigure:
    """Draw an image beside the PRO curve up to a limit, and every region's contribution to it.

    Parameters
    ----------
    picture: (H, W, 3) uint8, as from `region_fill`.
    curve: mean overlap per region against the false positive rate (FPR).
    integrals, areas: (R,) each region's area under its own curve up to the limit, 0..1, and its
        pixels.
    limit: FPR up to which the area counts, in (0, 1].
    point: (FPR, mean overlap) to mark.
    value: PRO, the area up to the limit divided by the limit, and the mean of the integrals.
    title: text over the figure.

    Returns
    -------
    StaticFigure; its axes are labelled "picture", "pro" and "regions".

    Raises
    ------
    ValueError: shapes that do not fit, a limit outside (0, 1].

    Examples
    --------
    >>> maps, masks = prediction.anomaly_map, category.test.masks_array()
    >>> regions = metrics.region_curves(maps, masks)
    >>> pro = {"curve": metrics.pro_curve(maps, masks), "value": regions.integral.mean()}
    >>> pro |= {"integrals": regions.integral, "areas": regions.area}
    >>> picture = plots.region_fill(category.test.image(0), masks[0], maps[0] > 20)
    >>> plots.pro_page(picture, **pro, limit=0.3, point=(0.1, 0.9))
    <StaticFigure size ... with 3 Axes>
    """
    check_image(picture)
    check_limit(limit)
    check_length(areas, len(integrals), "areas", "integrals")
    top = style.title_room(title, WIDTH) + 0.35
    figure = style.StaticFigure(WIDTH, top + SIDE + 0.65)
    style.write_title(figure, title)
    picture_axes = figure.panel(PICTURE_X, top, SIDE, SIDE, "picture")
    style.frame(picture_axes)
    style.show_image(picture_axes, picture)
    # The picture's colours; those of the charts are named by their axes
    key = "blue: found · striped: false positives"
    style.write(figure, PICTURE_X, top + SIDE + 0.12, key, size=style.SMALL_SIZE)
    curve_axes = figure.panel(CURVE_X, top, CHART_WIDTH, SIDE, "pro")
    _draw_curve(curve_axes, curve, limit, point)
    style.chart_title(curve_axes, f"PRO-global up to {limit:g}: {value:.3f}")
    regions_axes = figure.panel(REGIONS_X, top, CHART_WIDTH, SIDE, "regions")
    _draw_regions(regions_axes, areas, integrals, value)
    style.chart_title(regions_axes, "every region weighs the same")
    return figure


def _draw_curve(axes: Axes, curve: Curve, limit: float, point: tuple[float, float]) -> None:
    """Draw the curve, its area up to the limit and the current point on it."""
    thinned = curve.thinned(2000)
    style.plain_axes(axes, CURVE_KINDS["pro"].x, CURVE_KINDS["pro"].y)
    axes.plot(thinned.x, thinned.y, color=style.BLUE, linewidth=2.2)
    x = np.linspace(0, limit, 200)
    y = np.interp(x, thinned.x, thinned.y)
    axes.fill_between(x, y, color=style.SKY, alpha=0.3, linewidth=0)
    axes.plot(*point, "o", color=style.VERMILLION, markersize=10, markeredgecolor=style.INK)
    axes.set(xlim=(0, min(1.0, 1.3 * limit)), ylim=(0, 1.03))


def _draw_regions(axes: Axes, areas: np.ndarray, integrals: np.ndarray, value: float) -> None:
    """Draw every region's own integral, whose mean is PRO, against its area."""
    style.plain_axes(axes, "region's area (px)", "its own integral")
    axes.plot(areas, integrals, "D", color=style.BLUE, alpha=0.7, markersize=6, linestyle="")
    axes.axhline(value, color=style.INK, linestyle="dashed", linewidth=1.5)
    axes.set(xscale="log", ylim=(-0.03, 1.03))
    smallest, largest = axes.get_xlim()
    # Less than a power of ten: a logarithmic axis would print all its minor marks
    if largest < 10 * smallest:
        axes.set(xscale="linear")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
