"""The nearest cells of one image for every cell of another, over layers of different resolution (SPADE 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from adviz.neighbors import ivfpq, nearest, refilled

BLOCK = 2**22  # bytes of one block of distances; small enough for a core's cache
TRAINING = 2**16  # cells that a quantiser learns from
SHORTLIST = 8  # candidates of an index that are re-scored


def pyramid(layers: Sequence[Tensor], upsample: str) -> list[Tensor]:
    """Return the (C, h, w) layers of one image, ready for `nearest_cells`.

    ``upsample="bilinear"`` brings them all to the finest grid; "nearest" only those whose cells do not divide it, since
    the others are compared at their own resolution, to the same result.
    """
    grid = max(layer.shape[1:] for layer in layers)
    mode = {"nearest": "nearest", "bilinear": "bilinear"}[upsample]
    return [
        layer
        if upsample == "nearest" and _ratio(layer, grid)
        else functional.interpolate(layer[None], tuple(grid), mode=mode)[0]
        for layer in layers
    ]


def nearest_cells(
    query: Sequence[Tensor], gallery: Sequence[Tensor], count: int, radius: int | None
) -> tuple[Tensor, Tensor]:
    """Find, for every cell of the query's finest grid, the nearest cells of the gallery image.

    Parameters
    ----------
    query, gallery: layers of one image each, (C, h, w), from `pyramid`; the finest of a pair have the same grid.
    count: how many cells; fewer are found where a window holds fewer (distance inf).
    radius: only cells at most so many rows and columns away; None = anywhere.

    Returns
    -------
    distance: (cells, count) squared Euclidean over all layers, ascending, up to rounding of the expanded square.
    cell: (cells, count) int64, flat cells of the gallery's finest grid.
    """
    rows, columns = max(layer.shape[1:] for layer in query)
    coarsest = max(rows // layer.shape[1] for layer in query)
    step = max(1, BLOCK // (4 * columns * rows * columns) // coarsest) * coarsest
    found = []
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        reach = rows if radius is None else radius
        top = max(0, start - reach) // coarsest * coarsest
        bottom = min(rows, -((stop + reach) // -coarsest) * coarsest)
        block = _distances(query, gallery, (start, stop), (top, bottom), (rows, columns))
        if radius is not None:
            _mask(block, start, top, radius)
        block = block.flatten(2).flatten(0, 1)
        near = block.min(1, keepdim=True) if count == 1 else block.topk(min(count, block.shape[1]), 1, largest=False)
        found.append((near[0], near[1] + top * columns))
    return torch.cat([part[0] for part in found]), torch.cat([part[1] for part in found])


class Match(NamedTuple):
    """What `match_image` found for the P cells of one image in K gallery images of L layers; squared distances.

    Attributes
    ----------
    distance: (P, K), to the nearest cell in each gallery image.
    cell: (P, K) int64, that cell.
    shares: (L, P), each layer's part of the score, which is their sum: the mean distance to the kappa nearest cells.
    """

    distance: Tensor
    cell: Tensor
    shares: Tensor


class CellIndex:
    """IVF-PQ over the cells of all training images: one quantiser for all, and for each image its own inverted lists.

    So the nearest cells *in each image* are found, and a smaller K stays a running minimum. Concatenated cells are kept
    beside the layers, to re-score what the index proposes.

    Parameters
    ----------
    images: layers of every training image, from `pyramid`.

    Raises
    ------
    ValueError: fewer than 256 cells in all.  ModuleNotFoundError: faiss is not installed.
    """

    def __init__(self, images: Sequence[Sequence[Tensor]]) -> None:
        self._cells = [_concatenated(layers) for layers in images]
        step = -(-len(images) * len(self._cells[0]) // TRAINING)
        trained = ivfpq(np.concatenate([cells[::step] for cells in self._cells]))
        self._indexes = [refilled(trained, cells) for cells in self._cells]

    def nearest_cells(self, query: Sequence[Tensor], image: int, count: int) -> tuple[Tensor, Tensor]:
        """Return what the function `nearest_cells` does, of a training image's number, but approximately."""
        cells, index = self._cells[image], self._indexes[image]
        distance, cell = nearest(_concatenated(query), cells, min(count, len(cells)), index=index, shortlist=SHORTLIST)
        return torch.from_numpy(distance), torch.from_numpy(cell)


def _concatenated(layers: Sequence[Tensor]) -> np.ndarray:
    """Return (cells, C) float32: all layers of one image on the finest grid."""
    grid = max(layer.shape[1:] for layer in layers)
    fine = [functional.interpolate(layer[None], tuple(grid), mode="nearest")[0] for layer in layers]
    return torch.cat(fine).flatten(1).T.contiguous().numpy()


def match_image(
    query: Sequence[Tensor], gallery: Sequence[Sequence[Tensor]], found: Sequence[tuple[Tensor, Tensor]], kappa: int
) -> Match:
    """Turn the cells found for an image in each of K gallery images into scores and shares (SPADE Eq. 3).

    Candidates come from matrix products or an index; their distances are computed again by direct subtraction, layer by
    layer, so that they are exact to float32 and a cell is at distance 0 from itself.
    """
    reach = torch.stack([distance for distance, _ in found], 1).isinf()  # (P, K, kappa): outside the window
    cell = torch.stack([index for _, index in found], 1)
    parts = torch.stack([_direct(query, other, index) for other, (_, index) in zip(gallery, found, strict=True)], 2)
    parts[:, reach] = torch.inf
    total = parts.sum(0)
    closest = total.argmin(2, keepdim=True)
    best = total.flatten(1).topk(kappa, dim=1, largest=False).indices
    shares = parts.flatten(2).gather(2, best.expand(len(parts), -1, -1)).mean(2)
    return Match(total.gather(2, closest)[..., 0], cell.gather(2, closest)[..., 0], shares)


def _direct(query: Sequence[Tensor], other: Sequence[Tensor], cell: Tensor) -> Tensor:
    """Return (L, P, kappa) squared distances of every cell to the given cells, by subtraction."""
    grid = max(layer.shape[1:] for layer in query)
    row, column = cell // grid[1], cell % grid[1]
    rows, columns = torch.arange(grid[0]).repeat_interleave(grid[1]), torch.arange(grid[1]).repeat(grid[0])
    parts = []
    for ours, theirs in zip(query, other, strict=True):
        ratio = grid[0] // ours.shape[1]
        q = ours[:, rows // ratio, columns // ratio]
        parts.append((q[..., None] - theirs[:, row // ratio, column // ratio]).square_().sum(0))
    return torch.stack(parts)


def _ratio(layer: Tensor, grid: Sequence[int]) -> int:
    """Return how many of the grid's cells one of the layer's covers in each direction; 0 when not a whole number."""
    ratio = grid[0] // layer.shape[1]
    return ratio if (layer.shape[1] * ratio, layer.shape[2] * ratio) == tuple(grid) else 0


def _distances(
    query: Sequence[Tensor],
    gallery: Sequence[Tensor],
    rows: tuple[int, int],
    among: tuple[int, int],
    grid: tuple[int, int],
) -> Tensor:
    """Return (query rows, columns, gallery rows, columns) squared distances between two bands of the finest grid.

    A coarse layer is multiplied at its own resolution and its distances are repeated by broadcasting.
    """
    total = torch.zeros(rows[1] - rows[0], grid[1], among[1] - among[0], grid[1])
    for ours, theirs in zip(query, gallery, strict=True):
        ratio = grid[0] // ours.shape[1]
        q = ours[:, rows[0] // ratio : rows[1] // ratio]
        g = theirs[:, among[0] // ratio : among[1] // ratio]
        product = q.flatten(1).T @ g.flatten(1)
        squares = q.square().sum(0).view(-1, 1) + g.square().sum(0).view(1, -1)
        distance = squares.add_(product, alpha=-2).view(*q.shape[1:], *g.shape[1:])
        shape = [size for side in distance.shape for size in (side, ratio)]
        total.view(shape).add_(distance[:, None, :, None, :, None, :, None])
    return total


def _mask(block: Tensor, start: int, top: int, radius: int) -> None:
    """Put cells outside the window out of reach."""
    across = torch.arange(block.shape[1])
    row = (torch.arange(block.shape[0])[:, None] + start - torch.arange(block.shape[2]) - top).abs() > radius
    column = (across[:, None] - across).abs() > radius
    block.masked_fill_(row[:, None, :, None] | column[None, :, None, :], torch.inf)
