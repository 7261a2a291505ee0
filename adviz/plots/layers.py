"""The distance maps of a network's layers beside each other and beside their fusion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes

from adviz.plots import style
from adviz.plots.checks import (
    check_finite,
    check_image,
    check_limits,
    check_map,
    check_mask,
    image_size,
    takes_arrays,
)
from adviz.plots.colours import Limits
from adviz.plots.outlines import draw_truth

FOOT = 0.62  # inches below the panels: their scale and what it means


@takes_arrays
def layer_row(
    image: np.ndarray,
    mask: np.ndarray | None,
    layer_maps: Mapping[str, np.ndarray],
    anomaly_map: np.ndarray,
    *,
    layer_limits: Limits | Mapping[str, Limits],
    limits: Limits,
    title: str = "",
    fused_name: str = "fused",
    other: np.ndarray | None = None,
    other_limits: Limits | None = None,
) -> style.StaticFigure:
    """Draw an image, every layer's map in its own resolution, and the map they are fused to.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    mask: (H, W) bool, drawn as an outline on the image; None = unknown.
    layer_maps: name -> (h, w) float, at least one; drawn without smoothing.
    anomaly_map: (H, W) float, score units.
    layer_limits, limits: (low, high) of the layers' colours, one for all of them or one each by
        name, and of the fused map's.
    title: text over the figure.
    fused_name: title of the fused map.
    other, other_limits: (H, W) float, another fusion, and its (low, high); None = none.

    Returns
    -------
    StaticFigure; its panels are labelled "image", "map <layer>", "map fused" and "map other", its
    scales "scale layers" (or "scale <layer>"), "scale fused" and "scale other".

    Raises
    ------
    ValueError: shapes or dtypes that do not fit, no layer, values or limits that are not finite.

    Examples
    --------
    >>> image, anomaly_map = category.test.image(0), prediction.anomaly_map[0]
    >>> maps = {layer: values[0] for layer, values in prediction.layer_maps.items()}
    >>> limits = plots.shared_limits(prediction.anomaly_map)
    >>> plots.layer_row(image, None, maps, anomaly_map, layer_limits=(0, 900), limits=limits)
    <StaticFigure size ...>
    """
    one_scale = not isinstance(layer_limits, Mapping)
    if isinstance(layer_limits, Mapping):
        limits_of = layer_limits
    else:
        limits_of = dict.fromkeys(layer_maps, layer_limits)
    _check(image, mask, layer_maps, limits_of)
    size = image_size(image)
    # Panels from left to right, by the end of their label
    maps = {name: _Map(name, values, limits_of[name]) for name, values in layer_maps.items()}
    maps["fused"] = _Map(fused_name, anomaly_map, limits)
    if other is not None:
        maps["other"] = _Map("other fusion", other, other_limits or limits)
    for label in maps.keys() - layer_maps.keys():
        check_map(maps[label].values, size)
        check_limits(maps[label].limits)
    page = row_page(len(maps) + 1, size, title)
    figure = page.figure(title)
    draw_image(page.axes(figure, 0, 0, ""), image, mask)
    for column, (label, layer) in enumerate(maps.items(), 1):
        axes = page.axes(figure, 0, column, f"map {label}")
        draw_map(axes, layer.name, layer.values, layer.limits, mask, size)
        if label not in layer_maps or not one_scale:
            draw_scale(figure, page, axes, (column, column), layer.limits, label)
        elif column == 1:
            bar = draw_scale(figure, page, axes, (1, len(layer_maps)), layer.limits, "layers")
            text = "one scale for all layers"
            bar.set_xlabel(text, fontsize=style.SMALL_SIZE, color=style.INK, labelpad=-12)
    return figure


@dataclass(frozen=True, eq=False)
class _Map:
    """A map with its name and the range of its colours."""

    name: str
    values: np.ndarray
    limits: Limits


def row_page(columns: int, size: tuple[int, int], title: str, name_lines: int = 1) -> style.Page:
    """Return the page for an image and its maps of (H, W) pixels, with scales below them."""
    page = style.Page(1, columns, aspect=size[0] / size[1], above=[])
    names = style.line_inches(style.LABEL_SIZE, name_lines) + 0.06
    # How wide the page is does not depend on what stands above the panels
    return replace(page, above=[style.title_room(title, page.size[0]) + names], bottom=FOOT)


def draw_map(
    axes: Axes,
    name: str,
    values: np.ndarray,
    limits: Limits,
    mask: np.ndarray | None,
    size: tuple[int, int],
) -> None:
    """Draw a map over the area of its image, with the ground truth's outline."""
    style.panel_title(axes, name)
    height, width = size
    axes.imshow(
        values,
        cmap=style.MAP_COLOURS,
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
        aspect="equal",
        extent=(-0.5, width - 0.5, height - 0.5, -0.5),
    )
    draw_truth(axes, mask)


def _check(
    image: np.ndarray,
    mask: np.ndarray | None,
    layer_maps: Mapping[str, np.ndarray],
    limits: Mapping[str, Limits],
) -> None:
    check_image(image)
    if mask is not None:
        check_mask(mask, image_size(image))
    if not layer_maps or set(limits) != set(layer_maps):
        raise ValueError(
            "layer_maps must hold at least one layer, and layer_limits the same, got "
            f"{', '.join(layer_maps) or 'none'} and {', '.join(limits) or 'none'}"
        )
    for name, values in layer_maps.items():
        if np.ndim(values) != 2:
            raise ValueError(
                f"the map of {name} must have shape (h, w), got shape {np.shape(values)}"
            )
        check_finite(values, f"the map of {name}")
        check_limits(limits[name])


def draw_image(axes: Axes, image: np.ndarray, mask: np.ndarray | None) -> None:
    """Draw an image with the ground truth's outline, and say what is outlined."""
    axes.set_label("image")
    style.show_image(axes, image)
    style.panel_title(axes, "image")
    draw_truth(axes, mask)
    if mask is None:
        truth = "ground truth unknown"
    elif mask.any():
        truth = "outlined: defect"
    else:
        truth = "no defect marked"
    style.caption(axes, truth)


def draw_scale(
    figure: style.StaticFigure,
    page: style.Page,
    map_axes: Axes,
    columns: tuple[int, int],
    limits: Limits,
    name: str,
) -> Axes:
    """Draw a colour bar with its ends printed, below the panels from one column to another."""
    first, last = columns
    left = page.column_left(first)
    width = page.column_left(last) + page.panel[0] - left
    top = page.size[1] - 0.34 - 0.14
    bar = figure.panel(left, top, width, 0.14, f"scale {name}")
    figure.colorbar(map_axes.images[0], cax=bar, orientation="horizontal", ticks=list(limits))
    texts = [style.number(value, span=limits[1] - limits[0]) for value in limits]
    bar.set_xticklabels(texts, fontsize=style.SMALL_SIZE, color=style.INK)
    # The ends' numbers stay within the bar
    for text, align in zip(bar.get_xticklabels(), ("left", "right"), strict=True):
        text.set(ha=align)
    return bar
