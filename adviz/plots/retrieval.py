"""The normal images retrieved for a test image, and the nearest patches in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from adviz.plots import style
from adviz.plots.checks import (
    check_box,
    check_finite,
    check_image,
    check_length,
    image_size,
    takes_arrays,
)

QUERY_COLOUR = style.VERMILLION
NEIGHBOR_COLOUR = style.BLUE
MOST_COLUMNS = 7  # the query and six neighbours; more neighbours continue in the next row
Box = tuple[int, int, int, int]


@takes_arrays
def neighbor_strip(
    image: np.ndarray,
    neighbors: Sequence[np.ndarray],
    distances: np.ndarray,
    *,
    captions: Sequence[str] = (),
    title: str = "",
    unit: str = "d²",
    width: float = style.WIDTH,
) -> style.StaticFigure:
    """Draw a test image followed by the normal images retrieved for it, with their distances.

    Parameters
    ----------
    image: (H, W, 3) uint8, the query.
    neighbors: k images (H, W, 3) uint8, in the order to draw, k >= 1; sizes may differ.
    distances: (k,) float, feature units (squared Euclidean in `Neighbors`).
    captions: k texts printed below the neighbours, such as file names; empty for none.
    title: text over the figure.
    unit: what the distance is called in the printed "d² = 12.3".
    width: of the page at most, inches.

    Returns
    -------
    StaticFigure; its panels are labelled "query", "neighbor 0" .. "neighbor k-1".

    Raises
    ------
    ValueError: shapes, dtypes or lengths that do not fit, distances that are not finite.

    Examples
    --------
    >>> neighbors = prediction.neighbors["patch"]
    >>> normal = [category.train.image(index) for index in neighbors.image[0, 14, 14]]
    >>> plots.neighbor_strip(category.test.image(0), normal, neighbors.distance[0, 14, 14])
    <StaticFigure size ... with 6 Axes>
    """
    _check_neighbors(image, neighbors, distances)
    if captions:
        check_length(captions, len(neighbors), "captions", "neighbors")
    columns = min(len(neighbors) + 1, MOST_COLUMNS)
    rows = -(-len(neighbors) // (columns - 1))
    panel_width = style.Page(rows, columns, 1, [], width=width).panel[0]
    texts = _texts(distances, captions, unit, panel_width)
    page = style.captioned_page(columns, [image, *neighbors], texts, title, width, rows)
    figure = page.figure(title)
    query = page.axes(figure, 0, 0, "query")
    _show(query, image, QUERY_COLOUR)
    style.caption(query, "query")
    for index, (neighbor, text) in enumerate(zip(neighbors, texts, strict=True)):
        # The first column of every row is the query's
        row, column = divmod(index, columns - 1)
        axes = page.axes(figure, row, column + 1, f"neighbor {index}")
        _show(axes, neighbor, NEIGHBOR_COLOUR)
        style.caption(axes, text)
    return figure


@takes_arrays
def patch_strip(
    image: np.ndarray,
    cell_box: Box,
    neighbor_images: Sequence[np.ndarray],
    neighbor_boxes: Sequence[Box],
    distances: np.ndarray,
    *,
    captions: Sequence[str] = (),
    title: str = "",
    unit: str = "d²",
    context: float = 1.0,
    width: float = style.WIDTH,
) -> style.StaticFigure:
    """Draw a patch of a test image beside its nearest training patches, in place and enlarged.

    Parameters
    ----------
    image: (H, W, 3) uint8, the query's image.
    cell_box: (top, left, height, width) of the query patch, pixels.
    neighbor_images: k images (H, W, 3) uint8 that hold the matches, 1 <= k <= 6; one image may come
        several times.
    neighbor_boxes: k boxes like `cell_box`, each in its own image.
    distances: (k,) float, feature units (squared Euclidean in `Neighbors`).
    captions: k texts printed under the neighbours; empty for none.
    title: text over the figure.
    unit: what the distance is called.
    context: how much is shown around the box in the enlargement, in box sizes on each side, >= 0.
        What lies outside the image stays empty.
    width: of the page at most, inches.

    Returns
    -------
    StaticFigure; its panels are labelled "query", "neighbor 0" .. and, enlarged, "query patch",
    "neighbor 0 patch" ..; the enlargements keep the pixel coordinates of their image.

    Raises
    ------
    ValueError: shapes, dtypes or lengths that do not fit, a box outside its image, more than six
        neighbours.

    Examples
    --------
    >>> normal, box = category.train.image(0), (96, 96, 32, 32)
    >>> plots.patch_strip(category.test.image(0), box, [normal], [box], np.array([1.5]))
    <StaticFigure size ... with 4 Axes>
    """
    _check_neighbors(image, neighbor_images, distances)
    check_length(neighbor_boxes, len(neighbor_images), "neighbor_boxes", "neighbors")
    if captions:
        check_length(captions, len(neighbor_images), "captions", "neighbors")
    if len(neighbor_images) >= MOST_COLUMNS:
        raise ValueError(
            f"patch_strip shows at most {MOST_COLUMNS - 1} neighbours, got {len(neighbor_images)}"
        )
    if not 0 <= context < np.inf:
        raise ValueError(f"context must be a finite number >= 0 of box sizes, got {context}")
    pictures = [image, *neighbor_images]
    boxes = [cell_box, *neighbor_boxes]
    names = ["query", *(f"neighbor {index}" for index in range(len(neighbor_images)))]
    for picture, box, name in zip(pictures, boxes, names, strict=True):
        check_box(box, image_size(picture), f"the box of {name}")
    square_panels = style.Page(2, len(pictures), 1, [], width=width)
    texts = ["query", *_texts(distances, captions, unit, square_panels.panel[0])]
    page = replace(
        square_panels,
        aspect=max(picture.shape[0] / picture.shape[1] for picture in pictures),
        above=[style.title_room(title, square_panels.size[0]), 0.12],
        bottom=style.text_room(texts),
    )
    figure = page.figure(title)
    for column, (picture, box, name) in enumerate(zip(pictures, boxes, names, strict=True)):
        # Above the whole image, below the surroundings of the box
        colour = NEIGHBOR_COLOUR if column else QUERY_COLOUR
        full_image = page.axes(figure, 0, column, name)
        _show(full_image, picture, colour)
        _mark(full_image, box, colour)
        patch = page.axes(figure, 1, column, f"{name} patch")
        _enlarge(patch, picture, box, context, page.aspect)
        _mark(patch, box, colour)
        style.caption(patch, texts[column])
    return figure


def _check_neighbors(
    image: np.ndarray, neighbors: Sequence[np.ndarray], distances: np.ndarray
) -> None:
    check_image(image)
    if len(neighbors) == 0:
        raise ValueError("neighbors must hold at least one image, got none")
    for index, neighbor in enumerate(neighbors):
        check_image(neighbor, f"neighbor {index}")
    if np.shape(distances) != (len(neighbors),):
        raise ValueError(
            f"distances must have shape ({len(neighbors)},), got shape {np.shape(distances)}"
        )
    check_finite(distances, "distances")


def _show(axes: Axes, picture: np.ndarray, colour: str) -> None:
    style.show_image(axes, picture)
    style.frame(axes, colour, 2.5)


def _texts(distances: np.ndarray, captions: Sequence[str], unit: str, inches: float) -> list[str]:
    """Return the text below each neighbour: its rank, its distance and its caption."""
    # Four significant digits of the largest, the same decimals for all
    span = float(np.abs(distances).max()) / 10 or None
    texts = []
    for index, distance in enumerate(distances):
        value = f"{unit} = {style.number(distance, span)}"
        lines = [f"{index + 1} · {value}"]
        if len(style.lines_of(lines[0], inches, style.SMALL_SIZE)) > 1:
            lines = [str(index + 1), value]
        if captions:
            lines += style.lines_of(captions[index], inches, style.SMALL_SIZE)
        texts.append("\n".join(lines))
    return texts


def _mark(axes: Axes, box: Box, colour: str) -> None:
    """Draw a box on pixel borders: pixel (0, 0) reaches from -0.5 to 0.5."""
    top, left, height, width = box
    corner = (left - 0.5, top - 0.5)
    for line_colour, line_width, label in (("#FFFFFF", 4.0, "halo"), (colour, 2.2, "box")):
        rectangle = Rectangle(
            corner,
            width,
            height,
            fill=False,
            edgecolor=line_colour,
            linewidth=line_width,
            label=label,
        )
        axes.add_patch(rectangle)


def _enlarge(axes: Axes, picture: np.ndarray, box: Box, context: float, aspect: float) -> None:
    """Draw the surroundings of a box, in a window of the panel's shape, at their coordinates."""
    top, left, height, width = box
    x = left + width / 2 - 0.5
    y = top + height / 2 - 0.5
    half_width = max(width, height / aspect) * (0.5 + context)
    half_height = half_width * aspect
    # Only the part of the picture inside the window is drawn
    first_row = max(0, int(y - half_height))
    end_row = min(picture.shape[0], int(np.ceil(y + half_height)) + 1)
    first_column = max(0, int(x - half_width))
    end_column = min(picture.shape[1], int(np.ceil(x + half_width)) + 1)
    axes.imshow(
        picture[first_row:end_row, first_column:end_column],
        extent=(first_column - 0.5, end_column - 0.5, end_row - 0.5, first_row - 0.5),
        interpolation="nearest",
        aspect="equal",
    )
    axes.set(xlim=(x - half_width, x + half_width), ylim=(y + half_height, y - half_height))
