"""From scores to colours: the shared range, the overlay and the colour bar."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from adviz.plots import style
from adviz.plots.checks import (
    check_finite,
    check_image,
    check_limits,
    check_map,
    image_size,
    takes_arrays,
)

STRONGEST_TINT = 0.8  # opacity of the map's colour where the score reaches the upper limit
THRESHOLD_COLOUR = "#FFFFFF"
# Purple below, orange above; apart for the colour-blind, and not the colours of maps
DIFFERENCE_COLOURS = "PuOr_r"
LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
BAR_ROOM = 1.5  # inches right of the panels for the colour bar
Limits = tuple[float, float]


@takes_arrays
def shared_limits(
    maps: Sequence[np.ndarray | None], percentiles: tuple[float, float] = (0.5, 99.8)
) -> Limits:
    """Choose one colour range for several maps.

    Parameters
    ----------
    maps: (N, H, W) float or N maps (H, W), scores; entries that are None are skipped.
    percentiles: of all pixels together, 0..100, rising; the ends are cut so that one hot pixel does
        not darken the rest.

    Returns
    -------
    (low, high), score units, low < high; maps that are constant give a range of max(1, abs(low))
    above their value.

    Raises
    ------
    ValueError: no map at all, values that are not finite, or percentiles that do not rise within
        0..100.

    Examples
    --------
    >>> plots.shared_limits([np.arange(100.0).reshape(10, 10), None], percentiles=(0, 100))
    (0.0, 99.0)
    """
    if len(percentiles) != 2 or not 0 <= percentiles[0] < percentiles[1] <= 100:
        raise ValueError(f"percentiles must rise within 0..100, got {tuple(percentiles)}")
    present = [np.ravel(values) for values in maps if values is not None and np.size(values)]
    if not present:
        raise ValueError(f"maps must hold at least one map, got {len(maps)} entries without values")
    pixels = np.concatenate(present).astype(np.float64)  # (all pixels of all maps,)
    check_finite(pixels, "maps")
    low, high = (float(value) for value in np.percentile(pixels, percentiles))
    if low == high:
        high = low + max(1.0, abs(low))
    return low, high


@takes_arrays
def heat(anomaly_map: np.ndarray, limits: Limits) -> np.ndarray:
    """Return the colours of a map, (..., 3) uint8; limits are (low, high) in score units.

    Examples
    --------
    >>> plots.heat(prediction.anomaly_map[0], plots.shared_limits(prediction.anomaly_map)).shape
    (224, 224, 3)
    """
    return _coloured(anomaly_map, limits, style.MAP_COLOURS)


@takes_arrays
def signed_heat(difference: np.ndarray, limits: Limits) -> np.ndarray:
    """Return the colours of a difference of maps, (..., 3) uint8, from purple to orange.

    Limits (-a, a) make no change almost white.

    Examples
    --------
    >>> plots.signed_heat(np.zeros((1, 1)), (-1, 1))
    array([[[247, 247, 246]]], dtype=uint8)
    """
    return _coloured(difference, limits, DIFFERENCE_COLOURS)


def _coloured(values: np.ndarray, limits: Limits, colormap: str) -> np.ndarray:
    """Look values up in the 256 colours of a matplotlib colormap; (...) to (..., 3) uint8."""
    check_limits(limits)
    low, high = limits
    position = np.clip((np.asarray(values, np.float32) - low) / (high - low), 0, 1)
    colours = mpl.colormaps[colormap](np.arange(256))[:, :3]  # (256, 3), 0..1
    table = (colours * 255).round().astype(np.uint8)
    return np.asarray(table[(position * 255).round().astype(np.uint8)])


@takes_arrays
def overlay(image: np.ndarray, anomaly_map: np.ndarray, *, limits: Limits) -> np.ndarray:
    """Tint the grey image with the map's colours, more strongly where the score is higher.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    anomaly_map: (H, W) float, score units.
    limits: (low, high), score units; at or below low the grey image stays as it is.

    Returns
    -------
    (H, W, 3) uint8.

    Examples
    --------
    >>> limits = plots.shared_limits(prediction.anomaly_map)
    >>> plots.overlay(category.test.image(0), prediction.anomaly_map[0], limits=limits).dtype
    dtype('uint8')
    """
    check_image(image)
    check_map(anomaly_map, image_size(image))
    check_limits(limits)
    low, high = limits
    strength = np.clip((anomaly_map.astype(np.float64) - low) / (high - low), 0, 1)  # (H, W)
    colour = 255 * mpl.colormaps[style.MAP_COLOURS](strength)[..., :3]  # (H, W, 3)
    # The tint grows with the score, so that low scores leave the image visible
    opacity = STRONGEST_TINT * strength[..., None]  # (H, W, 1)
    tinted = (1 - opacity) * grey(image) + opacity * colour
    return np.asarray(np.rint(tinted).astype(np.uint8))


def grey(image: np.ndarray) -> np.ndarray:
    """Return the brightness of an image; (H, W, 3) to (H, W, 1) float."""
    return np.asarray((image @ LUMA)[..., None])


def colour_bar(
    figure: style.StaticFigure,
    page: style.Page,
    maps: Sequence[np.ndarray | None],
    limits: Limits,
    threshold: float | None,
    quantity: str,
) -> None:
    """Draw the colour bar of all maps right of the panels, with the threshold marked on it."""
    x = page.size[0] - page.right + 0.15
    top = page.row_top(0)
    height = page.row_top(page.rows - 1) + page.panel[1] - top
    bar = figure.panel(x, top, 0.2, height, "scale")
    _scale(figure, bar, limits, _extend(maps, limits), height)
    bar.set_ylabel(
        style.wrapped(quantity, height, style.LABEL_SIZE), fontsize=style.LABEL_SIZE, va="bottom"
    )
    bar.yaxis.set_label_coords((page.right - 0.2) / 0.2, 0.5)  # in widths of the bar
    if threshold is not None and limits[0] <= threshold <= limits[1]:
        bar.axhline(threshold, color=style.BLACK, linewidth=3.2)
        bar.axhline(threshold, color=THRESHOLD_COLOUR, linewidth=1.8)


def _extend(maps: Sequence[np.ndarray | None], limits: Limits) -> str:
    """Return at which ends matplotlib's colour bar is pointed: where values lie outside."""
    present = [values for values in maps if values is not None]
    below = min(values.min() for values in present) < limits[0]
    above = max(values.max() for values in present) > limits[1]
    if below and above:
        return "both"
    if below:
        return "min"
    return "max" if above else "neither"


def _scale(
    figure: style.StaticFigure, bar: Axes, limits: Limits, extend: str, height: float
) -> None:
    """Draw a colour bar with its ends printed, and round numbers between them where they fit."""
    low, high = limits
    # Numbers keep a line's height, or 8 % of a tall bar, away from the ends
    gap = max(0.08, 1.3 * style.line_inches(style.SMALL_SIZE) / height) * (high - low)
    most = max(1, min(4, int(height / 0.4)))
    round_numbers = MaxNLocator(most).tick_values(low, high)
    ticks = [low, *(value for value in round_numbers if low + gap < value < high - gap), high]
    scale = figure.colorbar(
        _first_map(figure), cax=bar, extend=extend, extendfrac=0.03, ticks=ticks
    )
    names = [style.number(tick, span=high - low) for tick in ticks]
    scale.ax.set_yticklabels(names, fontsize=style.SMALL_SIZE, color=style.INK)


def _first_map(figure: style.StaticFigure) -> AxesImage:
    """Return the image of the first panel with a map; all have the same colours."""
    for axes in figure.axes:
        if str(axes.get_label()).endswith(" map") and axes.images:
            return axes.images[0]
    raise LookupError("the figure has no panel with a map")
