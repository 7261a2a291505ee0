"""From scores to colours: the shared range, the overlay and the colour bar."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from adviz.plots import style
from adviz.plots.checks import check_finite, check_image, check_limits, check_map, takes_arrays

STRONGEST_TINT = 0.8  # opacity of the map's colour where the score reaches the upper limit
THRESHOLD_COLOUR = "#FFFFFF"
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
    pixels = np.concatenate(present).astype(np.float64)
    check_finite(pixels, "maps")
    low, high = (float(value) for value in np.percentile(pixels, percentiles))
    return (low, high) if low < high else (low, low + max(1.0, abs(low)))


@takes_arrays
def heat(anomaly_map: np.ndarray, limits: Limits) -> np.ndarray:
    """Return the colours of a map, (..., 3) uint8; (low, high) are the ends of the scale, score units.

    Examples
    --------
    >>> plots.heat(prediction.anomaly_map[0], plots.shared_limits(prediction.anomaly_map)).shape
    (224, 224, 3)
    """
    check_limits(limits)
    values = (np.asarray(anomaly_map, np.float32) - limits[0]) / (limits[1] - limits[0])
    table = (mpl.colormaps[style.MAP_COLOURS](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
    return np.asarray(table[(np.clip(values, 0, 1) * 255).round().astype(np.uint8)])


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
    check_map(anomaly_map, (image.shape[0], image.shape[1]))
    check_limits(limits)
    strength = np.clip((anomaly_map.astype(np.float64) - limits[0]) / (limits[1] - limits[0]), 0, 1)
    grey = (image @ np.array([0.299, 0.587, 0.114]))[..., None]  # ITU-R BT.601 luma
    colour = 255 * mpl.colormaps[style.MAP_COLOURS](strength)[..., :3]
    opacity = STRONGEST_TINT * strength[..., None]
    mixed: np.ndarray = np.rint((1 - opacity) * grey + opacity * colour).astype(np.uint8)
    return mixed


def colour_bar(
    figure: style.StaticFigure,
    page: style.Page,
    maps: Sequence[np.ndarray | None],
    limits: Limits,
    threshold: float | None,
    quantity: str,
) -> None:
    """Draw the one colour bar right of the panels, as tall as all rows, with the threshold marked on it."""
    across, down = page.size
    x, top = across - page.right + 0.15, page.row_top(0)
    tall = page.row_top(page.rows - 1) + page.panel[1] - top
    bar = figure.add_axes(
        (x / across, 1 - (top + tall) / down, 0.2 / across, tall / down), label="scale"
    )
    drawn = next(
        axes.images[0]
        for axes in figure.axes
        if str(axes.get_label()).endswith(" map") and axes.images
    )
    present = [values for values in maps if values is not None]
    below, above = (
        min(v.min() for v in present) < limits[0],
        max(v.max() for v in present) > limits[1],
    )
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get(
        (below, above), "neither"
    )
    _scale(figure, drawn, bar, limits, extend, tall)
    bar.set_ylabel(
        "\n".join(style.lines_of(quantity, tall, style.LABEL_SIZE)),
        fontsize=style.LABEL_SIZE,
        va="bottom",
    )
    bar.yaxis.set_label_coords((page.right - 0.2) / 0.2, 0.5)  # in widths of the bar
    if threshold is not None and limits[0] <= threshold <= limits[1]:
        bar.axhline(threshold, color="#000000", linewidth=3.2)
        bar.axhline(threshold, color=THRESHOLD_COLOUR, linewidth=1.8)


def _scale(
    figure: style.StaticFigure,
    drawn: AxesImage,
    bar: Axes,
    limits: Limits,
    extend: str,
    tall: float,
) -> None:
    """Draw a colour bar of some inches whose ends are printed, with round numbers between them where there is room."""
    low, high = limits
    room = max(0.08, 1.3 * style.line_inches(style.SMALL_SIZE) / tall) * (high - low)
    ticks = [
        low,
        *(
            v
            for v in MaxNLocator(max(1, min(4, int(tall / 0.4)))).tick_values(low, high)
            if low + room < v < high - room
        ),
        high,
    ]
    scale = figure.colorbar(drawn, cax=bar, extend=extend, extendfrac=0.03, ticks=ticks)
    names = [style.number(tick, span=high - low) for tick in ticks]
    scale.ax.set_yticklabels(names, fontsize=style.SMALL_SIZE, color=style.INK)
