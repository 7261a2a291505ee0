"""The maps of a network's layers beside each other: who sees the defect, and where."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from adviz.plots import style
from adviz.plots.checks import check_finite, check_image, check_limits, check_map, check_mask
from adviz.plots.colours import Limits
from adviz.plots.rows import TRUTH_COLOUR, outline

FOOT = 0.62  # inches below the panels: their scale and what it means


def layer_row(
    image: np.ndarray,
    mask: np.ndarray | None,
    layer_maps: Mapping[str, np.ndarray],
    anomaly_map: np.ndarray,
    *,
    layer_limits: Limits,
    limits: Limits,
    title: str = "",
    joined: str = "joined",
) -> style.StaticFigure:
    """Draw an image, every layer's own map in its own resolution, and the map they are joined to.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    mask: (H, W) bool, drawn as an outline on the image; None = unknown.
    layer_maps: name -> (h, w) float, at least one; cells are drawn as they are, not smoothed.
    anomaly_map: (H, W) float, score units.
    layer_limits, limits: (low, high) of the layers' colours, one for all of them, and of the joined map's.
    title: text over the figure.
    joined: what the joined map is called.

    Returns
    -------
    StaticFigure; its panels are labelled "image", "map <layer>" and "map joined", its scales "scale layers" and
    "scale joined".

    Raises
    ------
    ValueError: shapes or dtypes that do not fit, no layer, values or limits that are not finite.
    """
    _check(image, mask, layer_maps, anomaly_map, layer_limits, limits)
    count, size = len(layer_maps) + 2, (image.shape[0], image.shape[1])
    names = style.line_inches(style.LABEL_SIZE) + 0.06
    above = style.title_room(title) + names
    page = style.Page(1, count, size[0] / size[1], [above], bottom=FOOT)
    figure = page.figure(title)
    panels = [page.axes(figure, 0, column, "") for column in range(count)]
    _show_image(panels[0], image, mask)
    everything = {**layer_maps, joined: anomaly_map}
    for number, (axes, (name, values)) in enumerate(zip(panels[1:], everything.items(), strict=True)):
        last = number == len(layer_maps)
        axes.set_label(f"map {'joined' if last else name}")
        axes.set_title(name, fontsize=style.LABEL_SIZE, color=style.INK, pad=5, parse_math=False)
        low, high = limits if last else layer_limits
        extent = (-0.5, size[1] - 0.5, size[0] - 0.5, -0.5)
        axes.imshow(
            values, cmap=style.MAP_COLOURS, vmin=low, vmax=high, interpolation="nearest", extent=extent, aspect="equal"
        )
        if mask is not None:
            outline(axes, mask, TRUTH_COLOUR, "solid")
    _scale(figure, page, panels[1], (1, count - 2), layer_limits, "layers")
    _scale(figure, page, panels[-1], (count - 1, count - 1), limits, "joined")
    return figure


def _check(
    image: np.ndarray,
    mask: np.ndarray | None,
    layer_maps: Mapping[str, np.ndarray],
    anomaly_map: np.ndarray,
    layer_limits: Limits,
    limits: Limits,
) -> None:
    check_image(image)
    size = (image.shape[0], image.shape[1])
    if mask is not None:
        check_mask(mask, size)
    check_map(anomaly_map, size)
    if not layer_maps:
        raise ValueError("layer_maps must hold at least one layer, got none")
    for name, values in layer_maps.items():
        if np.ndim(values) != 2:
            raise ValueError(f"the map of {name} must have shape (h, w), got shape {np.shape(values)}")
        check_finite(values, f"the map of {name}")
    check_limits(layer_limits)
    check_limits(limits)


def _show_image(axes: Axes, image: np.ndarray, mask: np.ndarray | None) -> None:
    axes.set_label("image")
    style.show_image(axes, image)
    axes.set_title("image", fontsize=style.LABEL_SIZE, color=style.INK, pad=5)
    if mask is not None:
        outline(axes, mask, TRUTH_COLOUR, "solid")
    said = "ground truth unknown" if mask is None else "no defect marked" if not mask.any() else "outlined: defect"
    axes.set_xlabel(said, fontsize=style.SMALL_SIZE, color=style.INK, labelpad=4)


def _scale(
    figure: style.StaticFigure, page: style.Page, drawn: Axes, columns: tuple[int, int], limits: Limits, name: str
) -> None:
    """Draw a colour bar below some panels, with its ends printed."""
    (width, _), (across, down) = page.panel, page.size
    left = page.left + columns[0] * (width + page.gap)
    right = page.left + columns[1] * (width + page.gap) + width
    box = (left / across, 0.34 / down, (right - left) / across, 0.14 / down)
    bar = figure.add_axes(box, label=f"scale {name}")
    scale = figure.colorbar(drawn.images[0], cax=bar, orientation="horizontal", ticks=list(limits))
    texts = [style.number(value, span=limits[1] - limits[0]) for value in limits]
    scale.ax.set_xticklabels(texts, fontsize=style.SMALL_SIZE, color=style.INK)
    for text, align in zip(scale.ax.get_xticklabels(), ("left", "right"), strict=True):
        text.set(ha=align)
    if name == "layers":
        scale.ax.set_xlabel("one scale for all layers", fontsize=style.SMALL_SIZE, color=style.INK, labelpad=-12)
