"""Several methods beside each other: their maps of one image, and the scores of two of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from adviz.plots import style
from adviz.plots.checks import (
    check_image,
    check_length,
    check_limits,
    check_map,
    check_mask,
    check_scores,
    image_size,
    takes_arrays,
)
from adviz.plots.colours import Limits
from adviz.plots.layers import draw_image, draw_map, draw_scale, row_page
from adviz.plots.scores import GROUPS


@takes_arrays
def comparison_row(
    image: np.ndarray,
    mask: np.ndarray | None,
    maps: Mapping[str, np.ndarray | None],
    *,
    limits: Mapping[str, Limits],
    captions: Mapping[str, str] | None = None,
    title: str = "",
) -> style.StaticFigure:
    """Draw an image beside every method's map of it, each on its own printed scale.

    Parameters
    ----------
    image: (H, W, 3) uint8.
    mask: (H, W) bool, drawn as an outline; None = unknown.
    maps: method -> (H, W) float, at least one; None says "no map" in its panel.
    limits: method -> (low, high) of the colours, for those with a map.
    captions: method -> text in up to two lines, above its map and below its name.
    title: text over the figure.

    Returns
    -------
    StaticFigure; its panels are labelled "image" and "map <method>", its scales "scale <method>".

    Raises
    ------
    ValueError: shapes or dtypes that do not fit, no method, values or limits that are not finite.

    Examples
    --------
    >>> limits = {"PatchCore": plots.shared_limits(prediction.anomaly_map)}
    >>> maps = {"PatchCore": prediction.anomaly_map[0]}
    >>> image, mask = category.test.image(0), category.test.mask(0)
    >>> plots.comparison_row(image, mask, maps, limits=limits)
    <StaticFigure size ...>
    """
    check_image(image)
    size = image_size(image)
    if mask is not None:
        check_mask(mask, size)
    if not maps:
        raise ValueError("maps must hold at least one method, got none")
    # Each map has its own scale: methods have different units
    headings = {name: _heading(name, (captions or {}).get(name, "")) for name in maps}
    caption_lines = max((captions or {}).get(name, "").count("\n") + 1 for name in maps)
    name_lines = caption_lines + bool(captions)
    page = row_page(len(maps) + 1, size, title, name_lines)
    figure = page.figure(title)
    draw_image(page.axes(figure, 0, 0, ""), image, mask)
    for column, (name, values) in enumerate(maps.items(), 1):
        axes = page.axes(figure, 0, column, f"map {name}")
        if values is None:
            style.say(axes, "no map")
            style.panel_title(axes, headings[name])
            continue
        check_map(values, size, f"map of {name}")
        check_limits(limits[name])
        draw_map(axes, headings[name], values, limits[name], mask, size)
        draw_scale(figure, page, axes, (column, column), limits[name], name)
    return figure


def _heading(name: str, caption: str) -> str:
    return f"{name}\n{caption}" if caption else name


@takes_arrays
def score_scatter(
    x: np.ndarray,
    y: np.ndarray,
    labels: np.ndarray,
    *,
    names: tuple[str, str],
    current: int | None = None,
    thresholds: tuple[float, float] | None = None,
    title: str = "",
) -> style.StaticFigure:
    """Draw every image at the scores that two methods give it.

    Parameters
    ----------
    x, y: (N,) float, scores of the two methods, in their own units.
    labels: (N,) int: 0 good, 1 anomalous, -1 unlabelled; told apart by colour and marker.
    names: of the two methods.
    current: image to ring; None = none.
    thresholds: of the two methods, dashed; where they cross, the quarters are "both flag",
        "neither", "only one".
    title: text over the chart.

    Returns
    -------
    StaticFigure; its axes are labelled "scatter".

    Raises
    ------
    ValueError: shapes that do not fit, scores that are not finite, or a current image that does not
        exist.

    Examples
    --------
    >>> labels, score = category.test.labels, prediction.score
    >>> plots.score_scatter(score, score**2, labels, names=("PatchCore", "its square"))
    <StaticFigure size ... with 1 Axes>
    """
    check_scores(x, "x")
    check_scores(y, "y")
    check_length(y, len(x), "y", "images")
    check_length(labels, len(x), "labels", "images")
    if current is not None and not 0 <= current < len(x):
        raise ValueError(f"current must be one of the {len(x)} images, got {current}")
    # As small as a map in the explorer, beside which it stands
    figure = style.StaticFigure(4.4, 3.6)
    axes = figure.add_axes((0.17, 0.16, 0.79, 0.72 if title else 0.8), label="scatter")
    style.write_title(figure, title, bold=False)
    style.plain_axes(axes, f"score of {names[0]}", f"score of {names[1]}")
    # Anomalous images lie on top of good ones
    for group in GROUPS:
        chosen = labels == group.label
        if not chosen.any():
            continue
        axes.plot(
            x[chosen],
            y[chosen],
            marker=group.marker,
            markersize=6,
            color=group.colour,
            alpha=0.75,
            linestyle="none",
            label=group.name,
            markeredgecolor=style.PAPER,
            markeredgewidth=0.5,
        )
    if thresholds is not None and np.isfinite(thresholds).all():
        axes.axvline(thresholds[0], color=style.INK, linestyle="dashed", linewidth=1.2)
        axes.axhline(thresholds[1], color=style.INK, linestyle="dashed", linewidth=1.2)
    if current is not None:
        axes.plot(
            x[current],
            y[current],
            marker="o",
            markersize=15,
            markerfacecolor="none",
            markeredgewidth=2.2,
            markeredgecolor=style.BLACK,
            linestyle="none",
            label="this image",
        )
    axes.legend(fontsize=9, loc="best", framealpha=0.85, edgecolor=style.GRID)
    return figure
