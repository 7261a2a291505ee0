"""Image | ground truth | map | overlay: rows of panels that share one printed colour scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from adviz.plots import style
from adviz.plots.checks import (
    check_image,
    check_length,
    check_limits,
    check_map,
    check_mask,
    takes_arrays,
)
from adviz.plots.colours import THRESHOLD_COLOUR, Limits, colour_bar, overlay

COLUMNS = ("image", "ground truth", "map", "overlay")
TRUTH_COLOUR = style.VERMILLION
# Inches: right of the panels for the colour bar, below them for the printed scale
BAR_ROOM, FOOT_ROOM = 1.5, 0.45
NAMES_ROOM = style.line_inches(style.LABEL_SIZE) + 0.06  # inches, for the columns' names


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
    """Draw one image beside its ground truth, its anomaly map and the overlay of both; see `anomaly_rows`.

    Examples
    --------
    >>> maps = prediction.anomaly_map
    >>> limits = plots.shared_limits(maps)
    >>> plots.anomaly_row(category.test.image(0), category.test.mask(0), maps[0], limits=limits)
    <StaticFigure size ... with 5 Axes>
    """
    return anomaly_rows(
        [image], [mask], [anomaly_map], limits=limits, title=title, threshold=threshold, relative=relative,
        quantity=quantity,
    )  # fmt: skip


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
    """Draw image | ground truth | map | overlay, one row per image, all maps on one printed scale.

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
    _check_threshold(threshold, relative)
    if relative and threshold is not None and limits is not None:
        maps = [None if values is None else values / threshold for values in maps]
        limits, quantity, threshold = (
            (limits[0] / threshold, limits[1] / threshold),
            f"{quantity} / threshold",
            1.0,
        )
    page = _page(images, titles or [""] * len(images), title)
    figure = page.figure(title)
    for row, (image, mask, values) in enumerate(zip(images, masks, maps, strict=True)):
        panels = [
            page.axes(figure, row, column, f"row {row} {name}")
            for column, name in enumerate(COLUMNS)
        ]
        _draw_row(panels, image, mask, values, limits, threshold)
        if titles:
            top = (
                page.row_top(row) - style.title_room(titles[row]) - (NAMES_ROOM if row == 0 else 0)
            )
            style.write_title(figure, titles[row], y=top, bold=False)
        if row == 0:
            _column_names(panels)
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
        size = (image.shape[0], image.shape[1])
        if mask is not None:
            check_mask(mask, size, f"mask of row {row}")
        if values is not None:
            check_map(values, size, f"map of row {row}")
    if limits is not None:
        check_limits(limits)
    elif any(values is not None for values in maps):
        raise ValueError(
            "limits must be (low, high) where a map is drawn, got None; see shared_limits"
        )


def _check_threshold(threshold: float | None, relative: bool) -> None:
    if threshold is not None and not np.isfinite(threshold):
        raise ValueError(f"threshold must be finite, got {threshold}")
    if relative and (threshold is None or threshold <= 0):
        raise ValueError(
            f"relative=True divides by the threshold, which must be positive, got {threshold}"
        )


def _page(images: Sequence[np.ndarray], titles: Sequence[str], title: str) -> style.Page:
    aspect = max(image.shape[0] / image.shape[1] for image in images)
    above = [style.title_room(text) + 0.12 for text in titles]
    above[0] += style.title_room(title) + NAMES_ROOM - 0.12
    return style.Page(len(images), len(COLUMNS), aspect, above, right=BAR_ROOM, bottom=FOOT_ROOM)


def _column_names(panels: Sequence[Axes]) -> None:
    for axes, name in zip(panels, COLUMNS, strict=True):
        axes.set_title(name, fontsize=style.LABEL_SIZE, color=style.INK, pad=5)


def _draw_row(
    panels: Sequence[Axes],
    image: np.ndarray,
    mask: np.ndarray | None,
    values: np.ndarray | None,
    limits: Limits | None,
    threshold: float | None,
) -> None:
    picture, truth, heat, mixed = panels
    style.show_image(picture, image)
    if mask is None:
        style.say(truth, "no ground truth")
    else:
        truth.imshow(mask, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        if not mask.any():
            style.say(truth, "no defect marked", "#DDDDDD")
    if values is None or limits is None:
        style.say(heat, "no map")
        style.say(mixed, "no map")
        return
    heat.imshow(values, cmap=style.MAP_COLOURS, norm=Normalize(*limits), interpolation="auto")
    style.show_image(mixed, overlay(image, values, limits=limits))
    for axes in (heat, mixed) if threshold is not None else ():
        outline(axes, values >= threshold, THRESHOLD_COLOUR, "dashed")
    if mask is not None:
        outline(mixed, mask, TRUTH_COLOUR, "solid")


def outline(axes: Axes, region: np.ndarray, colour: str, line: str) -> None:
    """Draw the border of a region on a stroke of the opposite brightness, so that it shows on any ground."""
    if not region.any():
        return
    padded = np.pad(region.astype(float), 1)  # a region that touches the edge gets a closed line
    x, y = np.arange(-1, region.shape[1] + 1), np.arange(-1, region.shape[0] + 1)
    contour = axes.contour(
        x, y, padded, levels=[0.5], colors=[colour], linewidths=1.8, linestyles=line
    )
    contour.set_path_effects(
        [withStroke(linewidth=3.2, foreground="#000000" if colour == "#FFFFFF" else "#FFFFFF")]
    )
    axes.set(xlim=(-0.5, region.shape[1] - 0.5), ylim=(region.shape[0] - 0.5, -0.5))


def _foot(
    figure: style.StaticFigure,
    page: style.Page,
    masks: Sequence[np.ndarray | None],
    maps: Sequence[np.ndarray | None],
    limits: Limits,
    threshold: float | None,
) -> None:
    """Print the scale's ends and say what the outlines are, below the panels."""
    across, down = page.size
    many = sum(values is not None for values in maps) > 1
    low, high = (style.number(value, span=limits[1] - limits[0]) for value in limits)
    scale = f"{'one colour scale for every map' if many else 'colour scale'}: {low} to {high}"
    style.write(
        figure, page.left, down - FOOT_ROOM / 2, scale, size=style.SMALL_SIZE, align="center"
    )
    handles = []
    if any(mask is not None and mask.any() for mask in masks):
        handles.append(
            Line2D([], [], color=TRUTH_COLOUR, linewidth=2, label="outline of the ground truth")
        )
    if threshold is not None:
        name = f"map ≥ {style.number(threshold, span=limits[1] - limits[0])}"
        handles.append(
            Line2D([], [], color=THRESHOLD_COLOUR, linewidth=2, linestyle="dashed", label=name)
        )
        handles[-1].set_path_effects([withStroke(linewidth=3.2, foreground="#000000")])
    if handles:
        figure.legend(
            handles=handles, loc="center right", bbox_to_anchor=(1 - page.right / across, FOOT_ROOM / 2 / down),
            ncols=2, frameon=False, fontsize=style.SMALL_SIZE, borderaxespad=0, borderpad=0, handlelength=2.6,
        )  # fmt: skip
