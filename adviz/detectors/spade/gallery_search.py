"""The nearest cells of one image for every cell of another, over layers of different resolution (SPADE 3.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from adviz._support import full_float32, workers
from adviz.core import ivfpq, nearest, put_together, refilled, taken_apart

BLOCK = 2**23  # bytes of one block of distances; of those tried the fastest
TRAINING = 2**16  # cells that a quantiser learns from
SHORTLIST = 8  # candidates of an index that are re-scored
Size = tuple[int, int]


class Cells(NamedTuple):
    """The layers of one image as rows, in an order of places in which every coarse layer repeats.

    The cell at place p of the finest grid lies, in a layer of G cells, inside the cell at place p %
    G. So a coarse layer's distances are added to a finer one's by whole contiguous rows.

    Attributes
    ----------
    levels: (G, C + 1) float32 for every grid, finest first: [-2x, |x|^2] of all its layers x
        together.
    layers: which level and which of its columns each layer is.
    cell: (P,) int64, flat cell of the finest grid at each of its places.
    grids: (rows, columns) of every level.
    """

    levels: list[Tensor]
    layers: list[tuple[int, slice]]
    cell: Tensor
    grids: list[Size]

    def among(self, inside: Tensor) -> Cells:
        """Return the cells, of which only those that are inside, (P,) bool by flat cell, can be found from now on."""
        finest = self.levels[0]
        finest[~inside.to(self.cell.device)[self.cell], -1] = torch.inf
        return self

    def concatenated(self) -> np.ndarray:
        """Return (P, C) float32: all layers at each cell of the finest grid, row by row."""
        halves = [rows[:, :-1] * -0.5 for rows in self.levels]
        together = torch.cat([rows.repeat(len(self.cell) // len(rows), 1) for rows in halves], 1)
        return together[torch.argsort(self.cell)].cpu().numpy()


def nested(sizes: Sequence[Size]) -> tuple[list[Size], list[int]]:
    """Return the grids, finest first, of which each divides the one before, and each layer's number among them.

    A layer that divides no finer one has number 0: it must be brought to the finest grid.
    """
    grids = [max(sizes)]
    for size in sorted(set(sizes), reverse=True)[1:]:
        if grids[-1][0] % size[0] == 0 == grids[-1][1] % size[1]:
            grids.append(size)
    return grids, [grids.index(size) if size in grids else 0 for size in sizes]


def as_cells(layers: Sequence[Tensor], upsample: str, *, native: bool) -> Cells:
    """Bring the (C, h, w) layers of one image to the form that is searched.

    With ``native`` only layers that are not `nested` are brought to the finest grid: the others are
    compared at their own resolution, to the same result as nearest upsampling. Otherwise all are.
    """
    grids = nested([(layer.shape[1], layer.shape[2]) for layer in layers])[0][
        : None if native else 1
    ]
    device = layers[0].device
    orders = {grid: order.to(device) for grid, order in zip(grids, _places(grids), strict=True)}
    together = {grid: torch.empty(len(order), 0, device=device) for grid, order in orders.items()}
    columns = []
    for layer in layers:
        size = (layer.shape[1], layer.shape[2])
        if size not in orders:
            layer, size = functional.interpolate(layer[None], grids[0], mode=upsample)[0], grids[0]
        start = together[size].shape[1]
        columns.append((grids.index(size), slice(start, start + len(layer))))
        together[size] = torch.cat([together[size], layer.flatten(1).T[orders[size]]], 1)
    levels = [
        torch.cat([-2 * rows, rows.square().sum(1, keepdim=True)], 1) for rows in together.values()
    ]
    return Cells(levels, columns, orders[grids[0]], grids)


def _places(grids: Sequence[Size]) -> list[Tensor]:
    """Return for every grid, finest first, the flat cell at each place: a child of every coarse cell, then the next."""
    cells = torch.arange(grids[-1][0] * grids[-1][1])
    orders = [cells]
    for coarse, fine in zip(grids[:0:-1], grids[-2::-1], strict=True):
        down, across = fine[0] // coarse[0], fine[1] // coarse[1]
        corner = cells // coarse[1] * down * fine[1] + cells % coarse[1] * across
        cells = torch.cat([corner + i * fine[1] + j for i in range(down) for j in range(across)])
        orders.append(cells)
    return orders[::-1]


class _Block(NamedTuple):
    """Which coarsest cells of the query to compare with which of the gallery, and (q, g) bool what is out of reach."""

    own: slice
    among: slice
    far: Tensor | None


def _part(rows: Tensor, cells: slice, coarsest: int) -> Tensor:
    """Return those of (G, C) rows that lie in some of the image's coarsest cells."""
    if cells == slice(0, coarsest):
        return rows
    return rows.view(-1, coarsest, rows.shape[1])[:, cells].reshape(-1, rows.shape[1])


class Search:
    """A search for the nearest cells, planned once for all images of one shape.

    Parameters
    ----------
    query, gallery: `Cells` of any image to search for, and in.
    count: places to find in each gallery image.
    radius: only cells at most so many rows and columns away, on the finest grid, which is then the
        same for both; None = anywhere.
    """

    def __init__(self, query: Cells, gallery: Cells, count: int, radius: int | None) -> None:
        self.count, self._radius = min(count, len(gallery.cell)), radius
        (rows, columns), finest = query.grids[-1], query.grids[0]
        self._own, self._other = rows * columns, gallery.grids[-1][0] * gallery.grids[-1][1]
        self._reach = -(-(radius or 0) * rows // finest[0]) * columns
        self._position = torch.stack([query.cell // finest[1], query.cell % finest[1]], 1)
        step = max(1, BLOCK * self._own // (4 * len(query.cell) * len(gallery.cell)))
        if radius is not None:
            # Whole rows, so that little of the gallery is in reach
            step = max(1, step // columns) * columns
        self._blocks = [
            self._block(start, min(start + step, self._own)) for start in range(0, self._own, step)
        ]

    def _block(self, start: int, stop: int) -> _Block:
        own = slice(start, stop)
        if self._radius is None:
            return _Block(own, slice(0, self._other), None)
        among = slice(max(0, start - self._reach), min(self._other, stop + self._reach))
        ours, theirs = (_part(self._position, part, self._own) for part in (own, among))
        return _Block(own, among, (ours[:, None] - theirs).abs().amax(2) > self._radius)

    def __call__(self, query: Cells, gallery: Sequence[Cells]) -> Tensor:
        """Return (P, K, count) int64 places in each of K images, nearest first; -1 where a window holds no more."""
        shape = (len(query.cell) // self._own, self._own, len(gallery), self.count)
        found = torch.empty(shape, dtype=torch.int64, device=query.cell.device)
        ones = [
            torch.cat([rows[:, :-1] * -0.5, torch.ones_like(rows[:, :1])], 1)
            for rows in query.levels
        ]
        ours = [[_part(rows, block.own, self._own) for rows in ones] for block in self._blocks]

        def compare(number: int) -> None:
            for block, rows in zip(self._blocks, ours, strict=True):
                place = self._compared(rows, gallery[number].levels, block)
                found[:, block.own, number] = place.view(len(found), -1, self.count)

        with full_float32(), workers(found.device) as pool:
            list(pool.map(compare, range(len(gallery))))
        return found.flatten(0, 1)

    def _compared(self, ours: Sequence[Tensor], levels: Sequence[Tensor], block: _Block) -> Tensor:
        """Return (q, count) places in one gallery image for the cells of a block."""
        size = block.among.stop - block.among.start
        products = [
            q @ _part(g, block.among, self._other).T for q, g in zip(ours, levels, strict=True)
        ]
        if block.far is not None:
            products[0].masked_fill_(block.far, torch.inf)
        distance, place = (
            _nearest(products) if self.count == 1 else _nearest_few(products, self.count)
        )
        known: Tensor = place // size * self._other + place % size + block.among.start
        return known.masked_fill_(distance.isinf(), -1)


def _nearest(products: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return (q, 1) least sum over the levels and its place, from (rows, columns) of every level, finest first.

    Only the best child of a coarse cell can win, because its children share all coarser distances:
    so every level is reduced to the next one's columns before that is added.
    """
    sums = [products[0]]
    for product in products[1:]:
        least = sums[-1].view(len(sums[-1]), -1, product.shape[1]).amin(1)
        least.view(-1, *product.shape).add_(product)
        sums.append(least)
    distance, place = sums[-1].min(1)
    every = torch.arange(len(place), device=place.device)
    for finer, coarse in zip(sums[-2::-1], sums[:0:-1], strict=True):
        child = finer.view(len(finer), -1, coarse.shape[1])[every, :, place].argmin(1)
        place = child * coarse.shape[1] + place
    return distance[:, None], place[:, None]


def _nearest_few(products: Sequence[Tensor], count: int) -> tuple[Tensor, Tensor]:
    """Return (q, count) least sums over the levels, and their places."""
    total = products[-1]
    for finer in products[-2::-1]:
        finer.view(-1, len(total), finer.shape[1] // total.shape[1], total.shape[1]).add_(
            total[:, None]
        )
        total = finer
    few = total.topk(min(count, total.shape[1]), largest=False)
    missing = (0, count - few.values.shape[1])
    return functional.pad(few.values, missing, value=torch.inf), functional.pad(
        few.indices, missing
    )


class CellIndex:
    """IVF-PQ over the cells of all training images: one quantiser for all, and for each image its own inverted lists.

    So the nearest cells *in each image* are found, and a smaller K stays a running minimum.

    Parameters
    ----------
    images: `Cells` of every training image.
    count: places to find in each gallery image.

    Raises
    ------
    ValueError: fewer than 256 cells in all.  ModuleNotFoundError: faiss is not installed.
    """

    def __init__(self, images: Sequence[Cells], count: int) -> None:
        self._rows = [cells.concatenated() for cells in images]
        self.count = min(count, len(self._rows[0]))
        step = -(-len(images) * len(self._rows[0]) // TRAINING)
        trained = ivfpq(np.concatenate([rows[::step] for rows in self._rows]))
        self._indexes = [refilled(trained, rows) for rows in self._rows]

    @classmethod
    def of_arrays(
        cls, images: Sequence[Cells], count: int, arrays: Mapping[str, np.ndarray]
    ) -> CellIndex:
        """Return the index over the same images whose `arrays` these are; ValueError where they do not fit."""
        index = cls.__new__(cls)
        index._rows = [cells.concatenated() for cells in images]
        index.count = min(count, len(index._rows[0]))
        each = zip(arrays["lists"], arrays["codes"], index._rows, strict=True)
        index._indexes = [
            put_together({**arrays, "lists": lists, "codes": codes}, rows)
            for lists, codes, rows in each
        ]
        return index

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what is learned: `adviz.inverted.taken_apart`, with (N, P) lists and (N, P, parts) codes."""
        every = [taken_apart(index) for index in self._indexes]
        return {
            **every[0],
            **{name: np.stack([one[name] for one in every]) for name in ("lists", "codes")},
        }

    def __call__(self, query: Cells, gallery: Sequence[Cells], images: Sequence[int]) -> Tensor:
        """Return what a `Search` does, for gallery images that are the training images of these numbers, roughly."""
        rows, found = query.concatenated(), []
        for image in images:
            index = self._indexes[image]
            found.append(
                nearest(rows, self._rows[image], self.count, index=index, shortlist=SHORTLIST)[1]
            )
        cells = torch.from_numpy(np.stack(found, 1)).to(query.cell.device)
        return torch.argsort(gallery[0].cell)[cells][query.cell]


class Match(NamedTuple):
    """What was found for the P cells of one image in K gallery images of L layers; squared distances.

    Attributes
    ----------
    distance: (P, K), to the nearest cell in each gallery image.
    cell: (P, K) int64, that cell.
    contributions: (L, P), each layer's part of the score, which is their sum: the mean distance to the
        kappa nearest cells.
    """

    distance: Tensor
    cell: Tensor
    contributions: Tensor


def match_image(query: Cells, gallery: Sequence[Cells], place: Tensor, kappa: int) -> Match:
    """Turn the (P, K, count) places found for an image in each of K gallery images into scores (Eq. 3).

    The places come from matrix products or an index; their distances are computed again by direct
    subtraction, layer by layer, so that they are exact to float32 and a cell is at distance 0 from
    itself.
    """
    # (L, P, K, count)
    parts = torch.stack([_direct(query, other, place[:, k]) for k, other in enumerate(gallery)], 2)
    parts[:, place < 0] = torch.inf
    total = parts.sum(0)
    closest = total.argmin(2, keepdim=True)
    best = total.flatten(1).topk(kappa, dim=1, largest=False).indices
    contributions = parts.flatten(2).gather(2, best.expand(len(parts), -1, -1)).mean(2)
    found = Match(
        total.gather(2, closest)[..., 0],
        gallery[0].cell[place.gather(2, closest)[..., 0]],
        contributions,
    )
    order = torch.argsort(query.cell)  # from places back to cells
    return Match(
        found.distance[order].cpu(), found.cell[order].cpu(), found.contributions[:, order].cpu()
    )


def _direct(query: Cells, other: Cells, place: Tensor) -> Tensor:
    """Return (L, P, count) squared distances of every place to the given ones, by subtraction."""
    differences = []
    for ours, theirs in zip(query.levels, other.levels, strict=True):
        difference = theirs[place % len(theirs)].view(-1, len(ours), place.shape[1], ours.shape[1])
        # Of -2x: twice the distance
        differences.append(difference.sub_(ours[:, None]).view(*place.shape, -1))
    lengths = [
        torch.linalg.vector_norm(differences[level][..., columns], dim=2)
        for level, columns in query.layers
    ]
    return torch.stack(lengths).square_().div_(4)
