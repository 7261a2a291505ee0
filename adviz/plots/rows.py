"""Image | ground truth | map | overlay: rows of panels that share one printed colour scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from adviz.plots import style
from adviz.plots.checks import (
    check_image,
    check_length,
    check_limits,
    check_map,
    check_mask,
    check_threshold,
    image_size,
    takes_arrays,
)
from adviz.plots.colours import BAR_ROOM, THRESHOLD_COLOUR, Limits, colour_bar, overlay
from adviz.plots.outlines import draw_outline, draw_truth, outline_legend

COLUMNS = ("image", "ground truth", "map", "overlay")
FOOT_ROOM = 0.45  # inches below the panels, for the printed scale


@takes_arrays
def anomaly_row(
    image: np.ndarray,
    mask: np.ndarray | None,
    anomaly_map: np.ndarray | None,
    *,
    limits: Limits | None,
    title: str = "",
    threshold: float | None = None,
    relative: bool = False,
    quantity: str = "anomaly score",
) -> style.StaticFigure:
    """Draw one image, its ground truth, its anomaly map and their overlay; see `anomaly_rows`.

    Examples
    --------
    >>> maps = prediction.anomaly_map
    >>> limits = plots.shared_limits(maps)
    >>> plots.anomaly_row(category.test.image(0), category.test.mask(0), maps[0], limits=limits)
    <StaticFigure size ... with 5 Axes>
    """
    return anomaly_rows(
        [image],
        [mask],
        [anomaly_map],
        limits=limits,
        title=title,
        threshold=threshold,
        relative=relative,
        quantity=quantity,
    )


@takes_arrays
def anomaly_rows(
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray | None],
    maps: Sequence[np.ndarray | None],
    *,
    limits: Limits | None,
    titles: Sequence[str] = (),
    title: str = "",
    threshold: float | None = None,
    relative: bool = False,
    quantity: str = "anomaly score",
) -> style.StaticFigure:
    """Draw image | ground truth | map | overlay, a row per image, all maps on one printed scale.

    Parameters
    ----------
    images: N images (H, W, 3) uint8, N >= 1.
    masks: N masks (H, W) bool; None says "no ground truth" in the panel.
    maps: N maps (H, W) float, score units; None says "no map" in the panel.
    limits: (low, high) of the colours, score units, as from `shared_limits`; None only where there
        is no map at all.
    titles: N texts, one over each row; empty for none.
    title: text over the figure.
    threshold: score; draws the outline of map >= threshold and marks it on the colour bar.
    relative: divide maps and limits by the threshold, so that 1 is the decision: the display of
        PatchCore's appendix C.4.
    quantity: what the colours mean, printed along the colour bar.

    Returns
    -------
    StaticFigure; its panels are labelled "row 0 image" .. "row 0 overlay" and its colour bar
    "scale".

    Raises
    ------
    ValueError: shapes, dtypes or lengths that do not fit, limits not finite or reversed, `relative`
        without a positive threshold.

    Examples
    --------
    >>> split, maps = category.test, prediction.anomaly_map[:2]
    >>> images, masks = [split.image(0), split.image(1)], [split.mask(0), split.mask(1)]
    >>> plots.anomaly_rows(images, masks, maps, limits=plots.shared_limits(maps))
    <StaticFigure size ... with 9 Axes>
    """
    _check_rows(images, masks, maps, titles, limits)
    check_threshold(threshold)
    if relative:
        if threshold is None or threshold <= 0:
            raise ValueError(
                f"relative=True divides by the threshold, which must be positive, got {threshold}"
            )
        maps = [None if values is None else values / threshold for values in maps]
        if limits is not None:
            limits = (limits[0] / threshold, limits[1] / threshold)
        quantity = f"{quantity} / threshold"
        threshold = 1.0
    page = _page(images, titles or [""] * len(images), title)
    figure = page.figure(title)
    for row, (image, mask, values) in enumerate(zip(images, masks, maps, strict=True)):
        panels = [
            page.axes(figure, row, column, f"row {row} {name}")
            for column, name in enumerate(COLUMNS)
        ]
        _draw_row(panels, image, mask, values, limits, threshold)
        column_names_room = 0.0
        if row == 0:
            column_names_room = style.NAMES_HEIGHT
            for axes, name in zip(panels, COLUMNS, strict=True):
                style.panel_title(axes, name)
        if titles:
            y = page.row_top(row) - style.title_room(titles[row]) - column_names_room
            style.write_title(figure, titles[row], y=y, bold=False)
    # One scale for all rows
    if limits is not None and any(values is not None for values in maps):
        colour_bar(figure, page, maps, limits, threshold, quantity)
        _foot(figure, page, masks, maps, limits, threshold)
    return figure


def _check_rows(
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray | None],
    maps: Sequence[np.ndarray | None],
    titles: Sequence[str],
    limits: Limits | None,
) -> None:
    if len(images) == 0:
        raise ValueError("images must hold at least one image, got none")
    check_length(masks, len(images), "masks", "images")
    check_length(maps, len(images), "maps", "images")
    if titles:
        check_length(titles, len(images), "titles", "images")
    for row, (image, mask, values) in enumerate(zip(images, masks, maps, strict=True)):
        check_image(image, f"image of row {row}")
        if mask is not None:
            check_mask(mask, image_size(image), f"mask of row {row}")
        if values is not None:
            check_map(values, image_size(image), f"map of row {row}")
    if limits is not None:
        check_limits(limits)
    elif any(values is not None for values in maps):
        raise ValueError(
            "limits must be (low, high) where a map is drawn, got None; see shared_limits"
        )


def _page(images: Sequence[np.ndarray], titles: Sequence[str], title: str) -> style.Page:
    # All panels have the shape of the tallest image
    aspect = max(image.shape[0] / image.shape[1] for image in images)
    above = [style.title_room(text) + 0.12 for text in titles]
    above[0] += style.title_room(title) + style.NAMES_HEIGHT - 0.12
    return style.Page(len(images), len(COLUMNS), aspect, above, right=BAR_ROOM, bottom=FOOT_ROOM)


def _draw_row(
    panels: Sequence[Axes],
    image: np.ndarray,
    mask: np.ndarray | None,
    values: np.ndarray | None,
    limits: Limits | None,
    threshold: float | None,
) -> None:
    image_panel, truth_panel, map_panel, overlay_panel = panels
    style.show_image(image_panel, image)
    if mask is None:
        style.say(truth_panel, "no ground truth")
    else:
        truth_panel.imshow(mask, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        if not mask.any():
            style.say(truth_panel, "no defect marked", "#DDDDDD")
    if values is None or limits is None:
        style.say(map_panel, "no map")
        style.say(overlay_panel, "no map")
        return
    map_panel.imshow(values, cmap=style.MAP_COLOURS, norm=Normalize(*limits), interpolation="auto")
    style.show_image(overlay_panel, overlay(image, values, limits=limits))
    if threshold is not None:
        for axes in (map_panel, overlay_panel):
            draw_outline(axes, values >= threshold, THRESHOLD_COLOUR, "dashed")
    draw_truth(overlay_panel, mask)


def _foot(
    figure: style.StaticFigure,
    page: style.Page,
    masks: Sequence[np.ndarray | None],
    maps: Sequence[np.ndarray | None],
    limits: Limits,
    threshold: float | None,
) -> None:
    """Print the scale's ends and the legend of the outlines, below the panels."""
    span = limits[1] - limits[0]
    low, high = (style.number(value, span) for value in limits)
    scale = "colour scale"
    if sum(values is not None for values in maps) > 1:
        scale = "one colour scale for every map"
    width, height = page.size
    middle = height - FOOT_ROOM / 2
    text = f"{scale}: {low} to {high}"
    style.write(figure, page.left, middle, text, size=style.SMALL_SIZE, align="center")
    outline_legend(
        figure,
        (width - page.right, FOOT_ROOM / 2),
        location="center right",
        truth=any(mask is not None and mask.any() for mask in masks),
        threshold="" if threshold is None else f"map ≥ {style.number(threshold, span)}",
    )
