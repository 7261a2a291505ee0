"""What a test image was compared with: the retrieved normal images, and the matched cells in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from adviz.plots import style
from adviz.plots.checks import check_box, check_finite, check_image, check_length, takes_arrays

QUERY_COLOUR, NEIGHBOR_COLOUR = style.VERMILLION, style.BLUE
MOST_COLUMNS = 7  # the query and six neighbours; more neighbours continue on the next line
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
    """Draw a test image followed by the K normal images retrieved for it, with their distances.

    Parameters
    ----------
    image: (H, W, 3) uint8, the query.
    neighbors: K images (H, W, 3) uint8, in the order to show, K >= 1; sizes may differ.
    distances: (K,) float, feature units (squared Euclidean in `Neighbors`).
    captions: K texts printed below the neighbours, such as file names; empty for none.
    title: text over the figure.
    unit: what the distance is called in the printed "d² = 12.3".
    width: of the page at most, inches.

    Returns
    -------
    StaticFigure; its panels are labelled "query", "neighbor 0" .. "neighbor K-1".

    Raises
    ------
    ValueError: shapes, dtypes or lengths that do not fit, distances that are not finite.

    Examples
    --------
    >>> found = prediction.neighbors["patch"]
    >>> normal = [category.train.image(index) for index in found.image[0, 14, 14]]
    >>> plots.neighbor_strip(category.test.image(0), normal, found.distance[0, 14, 14])
    <StaticFigure size ... with 6 Axes>
    """
    _check_neighbors(image, neighbors, distances)
    if captions:
        check_length(captions, len(neighbors), "captions", "neighbors")
    columns = min(len(neighbors) + 1, MOST_COLUMNS)
    rows = -(-len(neighbors) // (columns - 1))
    # How wide things are does not depend on the texts
    draft = style.Page(rows, columns, 1, [], width=width)
    texts = _texts(distances, captions, unit, draft.panel[0])
    below = style.text_room(texts)
    aspect = max(picture.shape[0] / picture.shape[1] for picture in (image, *neighbors))
    page = style.Page(
        rows,
        columns,
        aspect,
        [style.title_room(title, draft.size[0]), *[below] * (rows - 1)],
        bottom=below,
        width=width,
    )
    figure = page.figure(title)
    query = page.axes(figure, 0, 0, "query")
    _show(query, image, QUERY_COLOUR, "query")
    for index, (neighbor, text) in enumerate(zip(neighbors, texts, strict=True)):
        row, column = divmod(index, columns - 1)
        _show(
            page.axes(figure, row, column + 1, f"neighbor {index}"), neighbor, NEIGHBOR_COLOUR, text
        )
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
    """Draw one cell of a test image beside its nearest training cells: where they lie above, enlarged below.

    Parameters
    ----------
    image: (H, W, 3) uint8, the query's image.
    cell_box: (top, left, height, width) of the query cell, pixels.
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
    pictures, boxes = [image, *neighbor_images], [cell_box, *neighbor_boxes]
    names = ["query", *(f"neighbor {index}" for index in range(len(neighbor_images)))]
    for picture, box, name in zip(pictures, boxes, names, strict=True):
        check_box(box, (picture.shape[0], picture.shape[1]), f"the box of {name}")
    aspect = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    draft = style.Page(2, len(pictures), 1, [], width=width)
    texts = ["query", *_texts(distances, captions, unit, draft.panel[0])]
    above = [style.title_room(title, draft.size[0]), 0.12]
    page = style.Page(2, len(pictures), aspect, above, bottom=style.text_room(texts), width=width)
    figure = page.figure(title)
    for column, (picture, box, name, text) in enumerate(
        zip(pictures, boxes, names, texts, strict=True)
    ):
        colour = NEIGHBOR_COLOUR if column else QUERY_COLOUR
        whole, patch = (
            page.axes(figure, 0, column, name),
            page.axes(figure, 1, column, f"{name} patch"),
        )
        _show(whole, picture, colour, "")
        _mark(whole, box, colour)
        _enlarge(patch, picture, box, context, page.aspect)
        _mark(patch, box, colour)
        patch.set_xlabel(
            text, fontsize=style.SMALL_SIZE, color=style.INK, labelpad=4, parse_math=False
        )
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


def _show(axes: Axes, picture: np.ndarray, colour: str, text: str) -> None:
    style.show_image(axes, picture)
    style.frame(axes, colour, 2.5)
    axes.set_xlabel(text, fontsize=style.SMALL_SIZE, color=style.INK, labelpad=4, parse_math=False)


def _texts(distances: np.ndarray, captions: Sequence[str], unit: str, inches: float) -> list[str]:
    """Return the lines below each neighbour: its rank, its distance and what the caller wants to say."""
    # Four significant digits of the largest, the same for all
    span = float(np.abs(distances).max()) / 10 or None
    texts = [
        f"{index + 1} · {unit} = {style.number(value, span)}"
        for index, value in enumerate(distances)
    ]
    below = [style.lines_of(caption, inches, style.SMALL_SIZE) for caption in captions] or [
        []
    ] * len(texts)
    return ["\n".join([text, *lines]) for text, lines in zip(texts, below, strict=True)]


def _mark(axes: Axes, box: Box, colour: str) -> None:
    """Draw a box on pixel borders: pixel (0, 0) reaches from -0.5 to 0.5."""
    top, left, height, width = box
    corner = (left - 0.5, top - 0.5)
    axes.add_patch(
        Rectangle(
            corner, width, height, fill=False, edgecolor="#FFFFFF", linewidth=4.0, label="halo"
        )
    )
    axes.add_patch(
        Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=2.2, label="box")
    )


def _enlarge(axes: Axes, picture: np.ndarray, box: Box, context: float, aspect: float) -> None:
    """Show the surroundings of a box, in a window of the panel's shape, at the picture's own coordinates."""
    top, left, height, width = box
    half = max(width, height / aspect) * (0.5 + context)
    x, y = left + width / 2 - 0.5, top + height / 2 - 0.5
    rows = slice(
        max(0, int(y - half * aspect)), min(picture.shape[0], int(np.ceil(y + half * aspect)) + 1)
    )
    columns = slice(max(0, int(x - half)), min(picture.shape[1], int(np.ceil(x + half)) + 1))
    extent = (columns.start - 0.5, columns.stop - 0.5, rows.stop - 0.5, rows.start - 0.5)
    axes.imshow(picture[rows, columns], extent=extent, interpolation="nearest", aspect="equal")
    axes.set(xlim=(x - half, x + half), ylim=(y + half * aspect, y - half * aspect))
