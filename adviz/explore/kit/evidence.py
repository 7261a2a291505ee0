"""What a pixel or an image was compared with, from its prediction alone.

Neighbours, layers' shares, a smaller K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adviz.core import maps
from adviz.prediction import Neighbors, Prediction

Box = tuple[int, int, int, int]
SAME = 1e-3  # of a map's range: two ways of computing it differ by rounding, another method by more


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a pixel of a test image was compared with.

    Attributes
    ----------
    pixel: (row, column) in the image.
    cell: (row, column) of the cell that it lies in; (rows, columns) of that grid are `cells`.
    box: (top, left, height, width) of the cell, image pixels.
    image: (n,) int, training images of the nearest cells, nearest first; empty for methods without
        neighbours.
    boxes: n boxes of these cells, pixels of the training images.
    distance: (n,) float, as in `Neighbors`.
    rank: (n,) int, place of each image among the retrieved (SPADE) or the nearest, from 1.
    layers: layer -> value of its map at the pixel; shares of the distance where the cell has
        neighbours.
    searched: name of the neighbours in the prediction, "" without.
    """

    pixel: tuple[int, int]
    cell: tuple[int, int]
    cells: tuple[int, int]
    box: Box
    image: np.ndarray
    boxes: list[Box]
    distance: np.ndarray
    rank: np.ndarray
    layers: dict[str, float]
    searched: str


def evidence(
    prediction: Prediction,
    image: int,
    pixel: tuple[int, int],
    *,
    size: tuple[int, int],
    train_size: tuple[int, int] | None = None,
    k: int | None = None,
) -> Evidence:
    """Return what a pixel of a test image was compared with.

    Parameters
    ----------
    prediction: of the test images.
    image: index of the test image.
    pixel: (row, column), image pixels.
    size, train_size: (H, W) of the test and the training images; None = the same.
    k: neighbours to look at; of retrieved images the first k, whose nearest cells are then sorted
        by distance. None = all.

    Raises
    ------
    ValueError: an image or a pixel that does not exist, or a k below 1.
    """
    if not 0 <= image < len(prediction):
        raise ValueError(f"image must be between 0 and {len(prediction) - 1}, got {image}")
    if not all(0 <= place < side for place, side in zip(pixel, size, strict=True)):
        raise ValueError(f"pixel must lie in an image of {size}, got {pixel}")
    if k is not None and k < 1:
        raise ValueError(f"k must be 1 or more, got {k}")
    layers = {
        name: float(values[(image, *_cell(pixel, size, values.shape[1:]))])
        for name, values in layers_of(prediction).items()
    }
    grid, searched = cell_grid(prediction, size), searched_cells(prediction)
    cell = _cell(pixel, size, grid)
    none = np.empty(0, np.int64)
    if not searched:
        return Evidence(
            pixel, cell, grid, cell_box(cell, size, grid), none, [], np.empty(0), none, layers, ""
        )
    found = prediction.neighbors[searched]
    at = (image, *cell, slice(k))
    distance, images, cells = found.distance[at], found.image[at], found.location[at]
    order = np.argsort(distance, kind="stable")
    order = order[np.isfinite(distance[order])]  # NaN: not segmented
    boxes = [
        cell_box(divmod(int(place), found.grid[1]), train_size or size, found.grid)
        for place in cells[order]
    ]
    box = cell_box(cell, size, grid)
    return Evidence(
        pixel, cell, grid, box, images[order], boxes, distance[order], order + 1, layers, searched
    )


def count_of(prediction: Prediction, *, cells: bool) -> int:
    """Return how many neighbours each cell has.

    Those of whole images if cells have none or are not asked for.
    """
    name, whole = searched_cells(prediction), whole_images(prediction)
    found = prediction.neighbors[name] if name and (cells or whole is None) else whole
    return 1 if found is None else found.distance.shape[3]


def map_with(prediction: Prediction, image: int, k: int) -> np.ndarray | None:
    """Return the anomaly map that an image has with its first k retrieved images alone.

    It is the smoothed running minimum of the stored distances, exact where that reproduces the
    stored map with all of them (SPADE with kappa = 1, joint layers, squared distances, sigma 4).

    Returns
    -------
    (H, W) float; the stored map where k is all of them, or where K has no meaning. None: there is
    no map, or the prediction does not tell what it would be.
    """
    stored, found = prediction.anomaly_map, prediction.neighbors.get("patch")
    if (
        stored is None
        or found is None
        or found.order != "retrieval"
        or k >= found.distance.shape[3]
    ):
        return None if stored is None else stored[image]
    least = np.minimum.accumulate(found.distance[image], axis=-1)[..., [k - 1, -1]]
    fewer, every = maps.smooth(maps.resize(np.moveaxis(least, -1, 0), stored.shape[1:]))
    if prediction.boxes is not None:
        inside = maps.inside(prediction.boxes[[image]], stored.shape[1:])[0]
        fewer, every = np.where(inside, fewer, 0), np.where(inside, every, 0)
    same = np.abs(every - stored[image]).max() <= SAME * np.ptp(stored[image])
    return np.asarray(fewer) if same else None


def cell_grid(prediction: Prediction, size: tuple[int, int]) -> tuple[int, int]:
    """Return (rows, columns) of the cells that a prediction tells apart.

    Without neighbours, those of its finest map.
    """
    searched = searched_cells(prediction)
    shapes = [values.shape[1:] for values in layers_of(prediction).values()]
    rows, columns = (
        prediction.neighbors[searched].distance.shape[1:3]
        if searched
        else max(shapes, default=size)
    )
    return rows, columns


def searched_cells(prediction: Prediction) -> str:
    """Return the name of the neighbours of cells in a prediction.

    "patch", else its finest layer's; "" without.
    """
    cells = {name: found for name, found in prediction.neighbors.items() if found.grid != (1, 1)}
    return (
        "patch"
        if "patch" in cells
        else max(cells, key=lambda name: cells[name].distance.shape[1], default="")
    )


def whole_images(prediction: Prediction) -> Neighbors | None:
    """Return the neighbours of whole images (DN2, SPADE's first stage), if there are any."""
    found = prediction.neighbors.get("image")
    return found if found is not None and found.grid == (1, 1) else None


def layers_of(prediction: Prediction) -> dict[str, np.ndarray]:
    """Return the layers' maps, (N, h, w) each, without those of a single value."""
    return {
        name: values for name, values in prediction.layer_maps.items() if values.shape[1:] != (1, 1)
    }


def _cell(pixel: tuple[int, int], size: tuple[int, int], grid: tuple[int, ...]) -> tuple[int, int]:
    """Return the cell of a grid that a pixel lies in."""
    return pixel[0] * grid[0] // size[0], pixel[1] * grid[1] // size[1]


def cells_inside(valid: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """Return which cells of a grid have a middle that is no padding.

    (..., rows, columns) bool from (..., H, W).
    """
    rows, columns = (
        ((np.arange(count) + 0.5) * side / count).astype(int)
        for count, side in zip(grid, valid.shape[-2:], strict=True)
    )
    return np.asarray(valid[..., rows[:, None], columns])


def cell_box(cell: tuple[int, int], size: tuple[int, int], grid: tuple[int, ...]) -> Box:
    """Return (top, left, height, width) of a cell of a grid over an image of `size`, pixels.

    At least one.
    """
    (top, bottom), (left, right) = (
        (place * side // count, max(place * side // count + 1, (place + 1) * side // count))
        for place, side, count in zip(cell, size, grid, strict=True)
    )
    return top, left, bottom - top, right - left
