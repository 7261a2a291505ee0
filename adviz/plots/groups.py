"""Groups of pictures that belong together, such as an image and its map, many on a page with one colour scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from adviz.plots import style
from adviz.plots.checks import (
    as_array,
    check_image,
    check_length,
    check_limits,
    check_map,
    check_mask,
)
from adviz.plots.colours import THRESHOLD_COLOUR, Limits, colour_bar
from adviz.plots.rows import BAR_ROOM, NAMES_ROOM, TRUTH_COLOUR, outline

FOOT = 0.45  # inches below the captions, for the outlines' names
BETWEEN = 0.28  # inches between two groups, beside the gap between panels


@dataclass(frozen=True, eq=False)
class Picture:
    """A panel of a group: an image or a map, with outlines.

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
        shown = self.values if self.image is None else self.image
        height, width = np.shape(shown)[:2] if shown is not None else (0, 0)
        return height, width


@dataclass(frozen=True)
class _Groups(style.Page):
    """A page whose panels come in groups of `each`, with more room between groups."""

    each: int = 1

    def _before(self, column: int) -> float:
        return column // self.each * BETWEEN

    @property
    def panel(self) -> tuple[float, float]:
        room = (
            self.width
            - self.left
            - self.right
            - (self.columns - 1) * self.gap
            - self._before(self.columns - 1)
        )
        width = min(style.LARGEST_PANEL, room / self.columns)
        return width, width * self.aspect

    @property
    def size(self) -> tuple[float, float]:
        across, down = super().size
        return across + self._before(self.columns - 1), down

    def place(self, column: int) -> float:
        """Return where a column starts, inches from the left."""
        return self.left + column * (self.panel[0] + self.gap) + self._before(column)

    def axes(self, figure: Figure, row: int, column: int, label: str) -> Axes:
        (width, height), (across, down) = self.panel, self.size
        y = down - self.row_top(row) - height
        axes: Axes = figure.add_axes(
            (self.place(column) / across, y / down, width / across, height / down), label=label
        )
        style.frame(axes)
        return axes


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
    """Draw groups of pictures, several in a row, with a caption below each and one printed scale for all maps.

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
            f"picture_groups needs groups and per_row >= 1, got {len(groups)} groups, per_row={per_row}"
        )
    check_length(captions, len(groups), "captions", "groups")
    for group in groups:
        check_length(group, len(names), "a group", "names")
    maps = [picture.values for group in groups for picture in group]
    if any(values is not None for values in maps):
        check_limits((0.0, 0.0) if limits is None else limits)
    page = _page(groups, captions, min(per_row, len(groups)), title, limits is not None, note)
    figure = page.figure(title)
    for number, (group, caption) in enumerate(zip(groups, captions, strict=True)):
        row, place = divmod(number, min(per_row, len(groups)))
        for column, (picture, name) in enumerate(zip(group, names, strict=True)):
            axes = page.axes(figure, row, place * len(names) + column, f"group {number} {name}")
            _draw(axes, picture, limits, threshold)
            if row == 0:
                axes.set_title(name, fontsize=style.SMALL_SIZE, color=style.INK, pad=4)
        x, y = page.place(place * len(names)), page.row_top(row) + page.panel[1] + 0.04
        style.write(figure, x, y, "\n".join(_wrapped(caption, page)), size=style.SMALL_SIZE)
    if limits is not None and any(values is not None for values in maps):
        colour_bar(figure, page, maps, limits, threshold, quantity)
    words = _note(note, page)
    y = page.size[1] - style.line_inches(style.SMALL_SIZE, len(words)) - 0.06
    _legend(figure, page, groups, threshold, page.size[1] - y)
    style.write(figure, style.MARGIN, y, "\n".join(words), size=style.SMALL_SIZE)
    return figure


def _page(
    groups: Sequence[Sequence[Picture]],
    captions: Sequence[str],
    across: int,
    title: str,
    bar: bool,
    note: str,
) -> _Groups:
    """Return the layout: how tall the captions are depends on how wide the groups are, so that is found first."""
    rows, each = -(-len(groups) // across), len(groups[0])
    aspect = max(picture.size[0] / picture.size[1] for group in groups for picture in group)
    right = BAR_ROOM if bar else style.MARGIN
    draft = _Groups(rows, across * each, aspect, [], right=right, gap=0.06, each=each)
    lines = max(len(_wrapped(caption, draft)) for caption in captions)
    below = style.line_inches(style.SMALL_SIZE, lines) + 0.16
    above = [style.title_room(title, draft.size[0]) + NAMES_ROOM, *[below] * (rows - 1)]
    bottom = below + FOOT + style.line_inches(style.SMALL_SIZE, len(_note(note, draft)))
    return _Groups(
        rows, across * each, aspect, above, right=right, bottom=bottom, gap=0.06, each=each
    )


def _note(note: str, page: _Groups) -> list[str]:
    return style.lines_of(note, page.size[0] - 2 * style.MARGIN, style.SMALL_SIZE, most=3)


def _wrapped(caption: str, page: _Groups) -> list[str]:
    wide = page.each * (page.panel[0] + page.gap)
    return [
        line
        for text in caption.splitlines()
        for line in style.lines_of(text, wide, style.SMALL_SIZE)
    ]


def _draw(axes: Axes, picture: Picture, limits: Limits | None, threshold: float | None) -> None:
    if picture.image is not None:
        style.show_image(axes, picture.image)
    elif picture.values is not None and limits is not None:
        axes.imshow(
            picture.values, cmap=style.MAP_COLOURS, norm=Normalize(*limits), interpolation="auto"
        )
        if threshold is not None:
            outline(axes, picture.values >= threshold, THRESHOLD_COLOUR, "dashed")
    if picture.truth is not None:
        outline(axes, picture.truth, TRUTH_COLOUR, "solid")


def _legend(
    figure: style.StaticFigure,
    page: _Groups,
    groups: Sequence[Sequence[Picture]],
    threshold: float | None,
    up: float,
) -> None:
    """Name the outlines, `up` inches above the lower edge."""
    handles = []
    if any(
        picture.truth is not None and picture.truth.any() for group in groups for picture in group
    ):
        handles.append(
            Line2D([], [], color=TRUTH_COLOUR, linewidth=2, label="outline of the ground truth")
        )
    if threshold is not None and any(
        picture.values is not None for group in groups for picture in group
    ):
        name = f"outline of map ≥ {style.number(threshold)}"
        handles.append(
            Line2D([], [], color=THRESHOLD_COLOUR, linewidth=2, linestyle="dashed", label=name)
        )
        handles[-1].set_path_effects([withStroke(linewidth=3.2, foreground="#000000")])
    if handles:
        across, down = page.size
        figure.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(style.MARGIN / across, (up + 0.1) / down), ncols=2,
            frameon=False, fontsize=style.SMALL_SIZE, borderaxespad=0, borderpad=0, handlelength=2.6,
        )  # fmt: skip
