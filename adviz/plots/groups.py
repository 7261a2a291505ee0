"""Groups of pictures, such as an image and its map, many on a page with one colour scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from adviz.plots import style
from adviz.plots.checks import (
    as_array,
    check_image,
    check_length,
    check_limits,
    check_map,
    check_mask,
)
from adviz.plots.colours import BAR_ROOM, THRESHOLD_COLOUR, Limits, colour_bar
from adviz.plots.outlines import draw_outline, draw_truth, outline_legend

FOOT = 0.45  # inches below the captions, for the outlines' names
BETWEEN = 0.28  # inches between two groups, beside the gap between panels


@dataclass(frozen=True, eq=False)
class Picture:
    """One panel of a group: an image or a map, with outlines.

    Attributes
    ----------
    image: (H, W, 3) uint8, or None where `values` are drawn.
    values: (H, W) float in the unit of the page's limits; drawn in the colours of maps.
    truth: (H, W) bool, outlined; None or empty = not drawn.

    Examples
    --------
    >>> plots.Picture(category.test.image(0), truth=category.test.mask(0)).size
    (224, 224)
    """

    image: np.ndarray | None = None
    values: np.ndarray | None = None
    truth: np.ndarray | None = None

    def __post_init__(self) -> None:
        for name in ("image", "values", "truth"):
            object.__setattr__(self, name, as_array(getattr(self, name)))
        if (self.image is None) == (self.values is None):
            raise ValueError("a picture needs an image or values, and not both")
        if self.image is not None:
            check_image(self.image)
        elif self.values is not None:
            check_map(self.values, self.size)
        if self.truth is not None:
            check_mask(self.truth, self.size)

    @property
    def size(self) -> tuple[int, int]:
        """H and W."""
        panel = self.values if self.image is None else self.image
        height, width = np.shape(panel)[:2] if panel is not None else (0, 0)
        return height, width


@dataclass(frozen=True)
class _GroupPage(style.Page):
    """A page whose panels come in groups, with more room between groups."""

    group_size: int = 1

    def _group_gaps(self, column: int) -> float:
        """Return the extra room left of a column, inches."""
        return column // self.group_size * BETWEEN

    @property
    def panel(self) -> tuple[float, float]:
        """Return width and height of one panel, inches."""
        gaps = (self.columns - 1) * self.gap + self._group_gaps(self.columns - 1)
        room = self.width - self.left - self.right - gaps
        width = min(style.LARGEST_PANEL, room / self.columns)
        return width, width * self.aspect

    @property
    def size(self) -> tuple[float, float]:
        """Return width and height of the figure, inches."""
        width, height = super().size
        return width + self._group_gaps(self.columns - 1), height

    def column_left(self, column: int) -> float:
        """Return the distance of a column's panels from the left edge, inches."""
        return super().column_left(column) + self._group_gaps(column)

    @property
    def group_width(self) -> float:
        """Return how wide the captions may be, inches."""
        return self.group_size * (self.panel[0] + self.gap)


def picture_groups(
    groups: Sequence[Sequence[Picture]],
    names: Sequence[str],
    captions: Sequence[str],
    *,
    per_row: int = 3,
    limits: Limits | None = None,
    threshold: float | None = None,
    title: str = "",
    quantity: str = "anomaly score",
    note: str = "",
) -> style.StaticFigure:
    """Draw groups of pictures with captions and one printed scale for all maps.

    Parameters
    ----------
    groups: each with one picture for every name.
    names: of the pictures of a group, printed over the first row.
    captions: a text for every group.
    per_row: groups in a row, >= 1.
    limits: (low, high) of the maps' colours; None only where there is no map.
    threshold: outlines where a map reaches it, dashed; None = not.
    title, quantity, note: texts over the figure, along the colour scale, and below the figure.

    Returns
    -------
    StaticFigure; its panels are labelled "group 0 <name>" and so on; a scale, if there are maps,
    "scale".

    Raises
    ------
    ValueError: no group, numbers that do not fit, or maps without limits.

    Examples
    --------
    >>> group = [plots.Picture(category.test.image(0), truth=category.test.mask(0))]
    >>> plots.picture_groups([group], ["image"], ["a chipped corner"])
    <StaticFigure size ...>
    """
    if not groups or per_row < 1:
        raise ValueError(
            "picture_groups needs groups and per_row >= 1, "
            f"got {len(groups)} groups, per_row={per_row}"
        )
    check_length(captions, len(groups), "captions", "groups")
    for group in groups:
        check_length(group, len(names), "a group", "names")
    pictures = list(chain(*groups))
    maps = [picture.values for picture in pictures]
    has_map = any(values is not None for values in maps)
    if has_map:
        check_limits((0.0, 0.0) if limits is None else limits)
    per_row = min(per_row, len(groups))
    page = _page(groups, captions, per_row, title, limits is not None, note)
    figure = page.figure(title)
    for number, (group, caption) in enumerate(zip(groups, captions, strict=True)):
        row, group_column = divmod(number, per_row)
        first_column = group_column * len(names)
        # The pictures of a group, from left to right
        for offset, (picture, name) in enumerate(zip(group, names, strict=True)):
            axes = page.axes(figure, row, first_column + offset, f"group {number} {name}")
            _draw(axes, picture, limits, threshold)
            if row == 0:
                axes.set_title(name, fontsize=style.SMALL_SIZE, color=style.INK, pad=4)
        x = page.column_left(first_column)
        y = page.row_top(row) + page.panel[1] + 0.04
        style.write(figure, x, y, "\n".join(_caption_lines(caption, page)), size=style.SMALL_SIZE)
    if limits is not None and has_map:
        colour_bar(figure, page, maps, limits, threshold, quantity)
    note_lines = _note_lines(note, page)
    note_height = style.line_inches(style.SMALL_SIZE, len(note_lines)) + 0.06
    outlined_map = f"outline of map ≥ {style.number(threshold)}" if threshold is not None else ""
    outline_legend(
        figure,
        (style.MARGIN, note_height + 0.1),
        location="lower left",
        truth=any(picture.truth is not None and picture.truth.any() for picture in pictures),
        threshold=outlined_map if has_map else "",
    )
    y = page.size[1] - note_height
    style.write(figure, style.MARGIN, y, "\n".join(note_lines), size=style.SMALL_SIZE)
    return figure


def _page(
    groups: Sequence[Sequence[Picture]],
    captions: Sequence[str],
    groups_per_row: int,
    title: str,
    bar: bool,
    note: str,
) -> _GroupPage:
    """Return the layout of the figure."""
    rows = -(-len(groups) // groups_per_row)
    group_size = len(groups[0])
    page = _GroupPage(
        rows,
        groups_per_row * group_size,
        aspect=max(picture.size[0] / picture.size[1] for picture in chain(*groups)),
        above=[],
        right=BAR_ROOM if bar else style.MARGIN,
        gap=0.06,
        group_size=group_size,
    )
    # The heights of captions and note depend on the width of the groups only, which is known now
    most_lines = max(len(_caption_lines(caption, page)) for caption in captions)
    caption_height = style.line_inches(style.SMALL_SIZE, most_lines) + 0.16
    note_height = style.line_inches(style.SMALL_SIZE, len(_note_lines(note, page)))
    first_row = style.title_room(title, page.size[0]) + style.NAMES_HEIGHT
    return replace(
        page,
        above=[first_row, *[caption_height] * (rows - 1)],
        bottom=caption_height + FOOT + note_height,
    )


def _note_lines(note: str, page: _GroupPage) -> list[str]:
    return style.lines_of(note, page.size[0] - 2 * style.MARGIN, style.SMALL_SIZE, most=3)


def _caption_lines(caption: str, page: _GroupPage) -> list[str]:
    lines: list[str] = []
    for paragraph in caption.splitlines():
        lines += style.lines_of(paragraph, page.group_width, style.SMALL_SIZE)
    return lines


def _draw(axes: Axes, picture: Picture, limits: Limits | None, threshold: float | None) -> None:
    if picture.image is not None:
        style.show_image(axes, picture.image)
    elif picture.values is not None and limits is not None:
        axes.imshow(
            picture.values, cmap=style.MAP_COLOURS, norm=Normalize(*limits), interpolation="auto"
        )
        if threshold is not None:
            draw_outline(axes, picture.values >= threshold, THRESHOLD_COLOUR, "dashed")
    draw_truth(axes, picture.truth)
