"""The maps of a network's layers beside each other: who sees the defect, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes

from adviz.plots import style
from adviz.plots.checks import (
    check_finite,
    check_image,
    check_limits,
    check_map,
    check_mask,
    takes_arrays,
)
from adviz.plots.colours import Limits
from adviz.plots.rows import TRUTH_COLOUR, outline

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
    joined: str = "joined",
    mixed: np.ndarray | None = None,
    mixed_limits: Limits | None = None,
) -> style.StaticFigure:
    """Draw an image, every layer's own map in its own resolution, and the map they are joined to.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    mask: (H, W) bool, drawn as an outline on the image; None = unknown.
    layer_maps: name -> (h, w) float, at least one; cells are drawn as they are, not smoothed.
    anomaly_map: (H, W) float, score units.
    layer_limits, limits: (low, high) of the layers' colours, one for all of them or one each by
        name, and of the joined map's.
    title: text over the figure.
    joined: what the joined map is called.
    mixed, mixed_limits: (H, W) float, another way to join them, and its (low, high); None = none.

    Returns
    -------
    StaticFigure; its panels are labelled "image", "map <layer>", "map joined" and "map mixed", its
    scales "scale layers" (or "scale <layer>"), "scale joined" and "scale mixed".

    Raises
    ------
    ValueError: shapes or dtypes that do not fit, no layer, values or limits that are not finite.

    Examples
    --------
    >>> image, maps = category.test.image(0), {name: found[0] for name, found in prediction.layer_maps.items()}
    >>> one, limits = prediction.anomaly_map[0], plots.shared_limits(prediction.anomaly_map)
    >>> plots.layer_row(image, None, maps, one, layer_limits=(0, 900), limits=limits)
    <StaticFigure size ...>
    """
    each = (
        layer_limits
        if isinstance(layer_limits, Mapping)
        else dict.fromkeys(layer_maps, layer_limits)
    )
    _check(image, mask, layer_maps, each)
    drawn = {"joined": (joined, anomaly_map, limits)}
    if mixed is not None:
        drawn["mixed"] = ("mixed", mixed, mixed_limits or limits)
    size = (image.shape[0], image.shape[1])
    for _, values, ends in drawn.values():
        check_map(values, size)
        check_limits(ends)
    panels = {**{name: (name, values, each[name]) for name, values in layer_maps.items()}, **drawn}
    names = style.line_inches(style.LABEL_SIZE) + 0.06
    # How wide it is does not depend on the title
    draft = style.Page(1, len(panels) + 1, size[0] / size[1], [])
    page = replace(draft, above=[style.title_room(title, draft.size[0]) + names], bottom=FOOT)
    figure = page.figure(title)
    draw_image(page.axes(figure, 0, 0, ""), image, mask)
    for column, (label, (name, values, ends)) in enumerate(panels.items(), 1):
        axes = page.axes(figure, 0, column, f"map {label}")
        draw_map(axes, name, values, ends, mask, size)
        if label in drawn or isinstance(layer_limits, Mapping):
            draw_scale(figure, page, axes, (column, column), ends, label)
        elif column == 1:
            draw_scale(figure, page, axes, (1, len(layer_maps)), ends, "layers")
    return figure


def draw_map(
    axes: Axes,
    name: str,
    values: np.ndarray,
    limits: Limits,
    mask: np.ndarray | None,
    size: tuple[int, int],
) -> None:
    """Draw a map over the area of its image, with the ground truth's outline."""
    axes.set_title(name, fontsize=style.LABEL_SIZE, color=style.INK, pad=5, parse_math=False)
    axes.imshow(
        values, cmap=style.MAP_COLOURS, vmin=limits[0], vmax=limits[1], interpolation="nearest", aspect="equal",
        extent=(-0.5, size[1] - 0.5, size[0] - 0.5, -0.5),
    )  # fmt: skip
    if mask is not None:
        outline(axes, mask, TRUTH_COLOUR, "solid")


def _check(
    image: np.ndarray,
    mask: np.ndarray | None,
    layer_maps: Mapping[str, np.ndarray],
    limits: Mapping[str, Limits],
) -> None:
    check_image(image)
    if mask is not None:
        check_mask(mask, (image.shape[0], image.shape[1]))
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
    axes.set_title("image", fontsize=style.LABEL_SIZE, color=style.INK, pad=5)
    if mask is not None:
        outline(axes, mask, TRUTH_COLOUR, "solid")
    said = (
        "ground truth unknown"
        if mask is None
        else "no defect marked"
        if not mask.any()
        else "outlined: defect"
    )
    axes.set_xlabel(said, fontsize=style.SMALL_SIZE, color=style.INK, labelpad=4)


def draw_scale(
    figure: style.StaticFigure,
    page: style.Page,
    drawn: Axes,
    columns: tuple[int, int],
    limits: Limits,
    name: str,
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
        scale.ax.set_xlabel(
            "one scale for all layers", fontsize=style.SMALL_SIZE, color=style.INK, labelpad=-12
        )
