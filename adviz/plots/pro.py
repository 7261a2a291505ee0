"""PRO as pictures: how regions fill up as the threshold falls, and the curve that their mean draws."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from adviz.metrics import Curve
from adviz.plots import style
from adviz.plots.checks import check_image, check_length, check_mask, takes_arrays
from adviz.plots.curves import check_limit
from adviz.plots.outlines import outlined

TINT, STRIPE = 0.75, 6  # opacity of what is flagged; pixels of a stripe and of the gap after it
FOUND, WRONG = style.BLUE, style.VERMILLION


@takes_arrays
def region_fill(image: np.ndarray, mask: np.ndarray, flagged: np.ndarray) -> np.ndarray:
    """Return a picture of what is flagged: within the defects solid blue, elsewhere striped vermillion.

    Parameters
    ----------
    image: (H, W, 3) uint8, shown grey.
    mask: (H, W) bool, the defects, whose outlines are white.
    flagged: (H, W) bool.

    Returns
    -------
    (H, W, 3) uint8.

    Raises
    ------
    ValueError: shapes or dtypes that do not fit.

    Examples
    --------
    >>> plots.region_fill(category.test.image(0), category.test.mask(0), prediction.anomaly_map[0] > 20).shape
    (224, 224, 3)
    """
    check_image(image)
    size = (image.shape[0], image.shape[1])
    check_mask(mask, size)
    check_mask(flagged, size, "flagged")
    # ITU-R BT.601 luma
    grey = np.repeat((image @ np.array([0.299, 0.587, 0.114]))[..., None], 3, axis=2)
    rows, columns = np.indices(size)
    stripes = (rows + columns) % (2 * STRIPE) < STRIPE
    for where, colour in ((flagged & mask, FOUND), (flagged & ~mask & stripes, WRONG)):
        grey[where] = (1 - TINT) * grey[where] + TINT * style.rgb(colour)
    return outlined(np.rint(grey).astype(np.uint8), mask)


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
    """Draw the picture of one image beside the PRO curve up to a limit, and what each region adds to it.

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
    >>> regions, curve = metrics.region_curves(maps, masks), metrics.pro_curve(maps, masks)
    >>> picture = plots.region_fill(category.test.image(0), masks[0], maps[0] > 20)
    >>> options = {"areas": regions.area, "limit": 0.3, "point": (0.1, 0.9), "value": regions.integral.mean()}
    >>> plots.pro_page(picture, curve, regions.integral, **options)
    <StaticFigure size ... with 3 Axes>
    """
    check_image(picture)
    check_limit(limit)
    check_length(areas, len(integrals), "areas", "integrals")
    across, side, below = 12.0, 3.0, 0.65
    top = style.title_room(title, across) + 0.35
    down = top + side + below
    figure = style.StaticFigure(across, down)
    style.write_title(figure, title)
    places = {"picture": 0.15, "pro": 4.05, "regions": 8.35}
    panels = {
        name: figure.add_axes(
            (x / across, below / down, (side if name == "picture" else 3.3) / across, side / down),
            label=name,
        )
        for name, x in places.items()
    }
    style.frame(panels["picture"])
    style.show_image(panels["picture"], picture)
    style.write(
        figure,
        0.15,
        top + side + 0.12,
        "blue: found · striped: false positives",
        size=style.SMALL_SIZE,
    )
    _curve(panels["pro"], curve, limit, point, value)
    _regions(panels["regions"], areas, integrals, value)
    return figure


def _curve(
    axes: Axes, curve: Curve, limit: float, point: tuple[float, float], value: float
) -> None:
    """Draw the curve, its area up to the limit and where we are on it."""
    kept, inside = curve.thinned(2000), np.linspace(0, limit, 200)
    style.plain_axes(axes, "false positive rate of the pixels", "mean overlap per region")
    axes.plot(kept.x, kept.y, color=style.BLUE, linewidth=2.2)
    axes.fill_between(
        inside, np.interp(inside, kept.x, kept.y), color=style.SKY, alpha=0.3, linewidth=0
    )
    axes.plot(*point, "o", color=style.VERMILLION, markersize=10, markeredgecolor=style.INK)
    axes.set(xlim=(0, min(1.0, 1.3 * limit)), ylim=(0, 1.03))
    axes.set_title(
        f"PRO-global up to {limit:g}: {value:.3f}",
        fontsize=style.LABEL_SIZE,
        color=style.INK,
        loc="left",
    )


def _regions(axes: Axes, areas: np.ndarray, integrals: np.ndarray, value: float) -> None:
    """Draw every region's own integral, whose mean is PRO, against its area."""
    style.plain_axes(axes, "region's area (px)", "its own integral")
    axes.plot(areas, integrals, "D", color=style.BLUE, alpha=0.7, markersize=6, linestyle="")
    axes.axhline(value, color=style.INK, linestyle="dashed", linewidth=1.5)
    axes.set(xscale="log", ylim=(-0.03, 1.03))
    smallest, largest = axes.get_xlim()
    # There are no two powers of ten, and all of a logarithmic scale's marks would be named
    if largest < 10 * smallest:
        axes.set(xscale="linear")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.set_title(
        "every region weighs the same", fontsize=style.LABEL_SIZE, color=style.INK, loc="left"
    )
