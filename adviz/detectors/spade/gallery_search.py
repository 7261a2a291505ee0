"""SPADE's gallery search: the nearest patches in each gallery image for all patches of an image.

Section 3.3. Layers of different resolution are compared jointly, each at its own resolution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from adviz._support import full_float32, workers
from adviz.core import index_from_arrays, index_to_arrays, index_with_rows, ivfpq, nearest

BLOCK = 2**23  # bytes of one block of distances; of those tried the fastest
TRAINING = 2**16  # patches that a quantiser learns from
SHORTLIST = 8  # candidates of an index that are re-scored
Size = tuple[int, int]


# The form that is searched


class Cells(NamedTuple):
    """The layers of one image as rows, in an order of slots in which every coarse layer repeats.

    The location at slot p of the finest grid lies, in a layer of G locations, inside that layer's
    location at slot p % G. So a coarse layer's distances are added to a finer one's by whole
    contiguous rows.

    Attributes
    ----------
    levels: (G, C + 1) float32 for every grid, finest first: [-2x, |x|^2] of all its layers x
        together.
    layers: which level and which of its columns each layer is.
    cell: (P,) int64, flat location of the finest grid at each of its slots.
    grids: (rows, columns) of every level.
    """

    levels: list[Tensor]
    layers: list[tuple[int, slice]]
    cell: Tensor
    grids: list[Size]

    def among(self, inside: Tensor) -> Cells:
        """Let a search find only those locations that are inside, (P,) bool by flat location."""
        finest = self.levels[0]
        outside = ~inside.to(self.cell.device)[self.cell]
        finest[outside, -1] = torch.inf  # their |x|^2, and so every distance to them
        return self

    def concatenated(self) -> np.ndarray:
        """Return (P, C) float32: all layers at each location of the finest grid, row by row."""
        repeated = []
        for rows in self.levels:
            values = rows[:, :-1] * -0.5  # exact: -2x was stored
            repeated.append(values.repeat(len(self.cell) // len(rows), 1))
        by_slot = torch.cat(repeated, 1)
        return by_slot[torch.argsort(self.cell)].cpu().numpy()


def nested(sizes: Sequence[Size]) -> tuple[list[Size], list[int]]:
    """Return the grids that divide each other, finest first, and each layer's number among them.

    A layer that divides no finer one has number 0: it must be brought to the finest grid.
    """
    grids = [max(sizes)]
    for rows, columns in sorted(set(sizes), reverse=True)[1:]:
        finer_rows, finer_columns = grids[-1]
        if finer_rows % rows == 0 and finer_columns % columns == 0:
            grids.append((rows, columns))
    return grids, [grids.index(size) if size in grids else 0 for size in sizes]


def as_cells(layers: Sequence[Tensor], upsample: str, *, native: bool) -> Cells:
    """Bring the (C, h, w) layers of one image to the form that is searched.

    With ``native`` only layers that are not `nested` are brought to the finest grid: the others are
    compared at their own resolution, to the same result as nearest upsampling. Otherwise all are.
    """
    grids, _ = nested([(layer.shape[1], layer.shape[2]) for layer in layers])
    if not native:
        grids = grids[:1]
    device = layers[0].device
    orders = {
        grid: order.to(device) for grid, order in zip(grids, _slot_orders(grids), strict=True)
    }
    rows_of = {grid: torch.empty(len(order), 0, device=device) for grid, order in orders.items()}
    columns = []
    for layer in layers:
        size = (layer.shape[1], layer.shape[2])
        values = layer
        if size not in orders:
            size = grids[0]
            values = functional.interpolate(layer[None], size, mode=upsample)[0]
        start = rows_of[size].shape[1]
        columns.append((grids.index(size), slice(start, start + len(values))))
        rows = values.flatten(1).T[orders[size]]  # (G, C)
        rows_of[size] = torch.cat([rows_of[size], rows], 1)
    levels = [
        torch.cat([-2 * rows, rows.square().sum(1, keepdim=True)], 1) for rows in rows_of.values()
    ]
    return Cells(levels, columns, orders[grids[0]], grids)


def _slot_orders(grids: Sequence[Size]) -> list[Tensor]:
    """Return for every grid, finest first, the flat location at each slot.

    All coarse locations' first children come first, then all second children, and so on.
    """
    cells = torch.arange(grids[-1][0] * grids[-1][1])
    orders = [cells]
    for coarse, fine in zip(grids[:0:-1], grids[-2::-1], strict=True):
        down = fine[0] // coarse[0]
        across = fine[1] // coarse[1]
        first_child = cells // coarse[1] * down * fine[1] + cells % coarse[1] * across
        offsets = [row * fine[1] + column for row, column in np.ndindex(down, across)]
        cells = torch.cat([first_child + offset for offset in offsets])
        orders.append(cells)
    return orders[::-1]


# The exact search


class _Block(NamedTuple):
    """A block of comparisons: which of the query's coarsest locations with which of a gallery's.

    `far` is (q, g) bool, the pairs that are out of reach; None = none.
    """

    query: slice
    gallery: slice
    far: Tensor | None


def _rows_in(rows: Tensor, cells: slice, coarsest: int) -> Tensor:
    """Return those of (G, C) rows that lie in some of the image's coarsest locations."""
    if cells == slice(0, coarsest):
        return rows
    return rows.view(-1, coarsest, rows.shape[1])[:, cells].reshape(-1, rows.shape[1])


class Search:
    """An exact search for the nearest patches, planned once for all images of one shape.

    Parameters
    ----------
    query, gallery: `Cells` of any image to search for, and in.
    count: slots to find in each gallery image.
    radius: only locations at most so many rows and columns away, on the finest grid, which is then
        the same for both; None = anywhere.

    Notes
    -----
    It finds what this loop finds, with all layers brought to the finest grid by replication, x of
    the query (P, C) and y of one gallery image (P', C)::

        for p in range(P):
            distances = np.array([((x[p] - y[q]) ** 2).sum() for q in range(P')])
            if radius is not None:
                distances[far_from(p)] = np.inf
            slots[p] = np.argsort(distances)[:count]

    Up to |x|^2, which all distances of a patch share, they are [x, 1] times [-2y, |y|^2]: one
    matrix product a level. A coarse level's product is computed once for all finer locations inside
    (`_nearest`). Products round differently from differences, so `match_image` computes the
    distances of what was found again.
    """

    def __init__(self, query: Cells, gallery: Cells, count: int, radius: int | None) -> None:
        self.count = min(count, len(gallery.cell))
        self._radius = radius
        rows, columns = query.grids[-1]
        finest = query.grids[0]
        self._query_size = rows * columns
        self._gallery_size = gallery.grids[-1][0] * gallery.grids[-1][1]
        # Rows and columns of the finest grid at each slot, and the radius in coarsest locations
        self._position = torch.stack([query.cell // finest[1], query.cell % finest[1]], 1)
        self._reach = -(-(radius or 0) * rows // finest[0]) * columns
        step = max(1, BLOCK * self._query_size // (4 * len(query.cell) * len(gallery.cell)))
        if radius is not None:
            # Whole rows, so that little of the gallery is in reach
            step = max(1, step // columns) * columns
        starts = range(0, self._query_size, step)
        self._blocks = [self._block(start, min(start + step, self._query_size)) for start in starts]

    def _block(self, start: int, stop: int) -> _Block:
        """Return the comparisons of the query's coarsest locations from start to stop."""
        query = slice(start, stop)
        if self._radius is None:
            return _Block(query, slice(0, self._gallery_size), None)
        first = max(0, start - self._reach)
        gallery = slice(first, min(self._gallery_size, stop + self._reach))
        query_position = _rows_in(self._position, query, self._query_size)
        gallery_position = _rows_in(self._position, gallery, self._query_size)
        offsets = (query_position[:, None] - gallery_position).abs()  # (q, g, 2)
        return _Block(query, gallery, offsets.amax(2) > self._radius)

    def __call__(self, query: Cells, gallery: Sequence[Cells]) -> Tensor:
        """Return (P, K, count) int64 slots in each of K images, nearest first.

        They are -1 where a window holds no more.
        """
        repeats = len(query.cell) // self._query_size
        shape = (repeats, self._query_size, len(gallery), self.count)
        slots = torch.empty(shape, dtype=torch.int64, device=query.cell.device)
        levels = []
        for rows in query.levels:
            ones = torch.ones_like(rows[:, :1])
            levels.append(torch.cat([rows[:, :-1] * -0.5, ones], 1))  # [x, 1]
        query_rows = []  # of every block, its rows of every level
        for block in self._blocks:
            query_rows.append([_rows_in(rows, block.query, self._query_size) for rows in levels])

        def compare(image: int) -> None:
            for block, rows in zip(self._blocks, query_rows, strict=True):
                in_image = self._compared(rows, gallery[image].levels, block)
                slots[:, block.query, image] = in_image.view(repeats, -1, self.count)

        with full_float32(), workers(slots.device) as pool:
            list(pool.map(compare, range(len(gallery))))
        return slots.flatten(0, 1)

    def _compared(
        self, query_rows: Sequence[Tensor], gallery_levels: Sequence[Tensor], block: _Block
    ) -> Tensor:
        """Return (q, count) slots in one gallery image for the patches of a block."""
        products = []
        for query, level in zip(query_rows, gallery_levels, strict=True):
            gallery = _rows_in(level, block.gallery, self._gallery_size)
            products.append(query @ gallery.T)
        if block.far is not None:
            products[0].masked_fill_(block.far, torch.inf)
        if self.count == 1:
            distance, in_block = _nearest(products)
        else:
            distance, in_block = _nearest_few(products, self.count)
        # From slots among the block's gallery locations to slots among all
        size = block.gallery.stop - block.gallery.start
        slots: Tensor = (
            in_block // size * self._gallery_size + in_block % size + block.gallery.start
        )
        return slots.masked_fill_(distance.isinf(), -1)


def _nearest(products: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the (q, 1) least sum over the levels and its slot.

    Only the best child of a coarse location can win, because its children share all coarser
    distances: so every level is reduced to the next one's columns before that is added. It equals
    the minimum over the columns of the sum of all levels, coarse ones repeated.

    Parameters
    ----------
    products: (rows, columns) of every level, finest first.
    """
    sums = [products[0]]
    for product in products[1:]:
        least = sums[-1].view(len(sums[-1]), -1, product.shape[1]).amin(1)
        least.view(-1, *product.shape).add_(product)
        sums.append(least)
    distance, slot = sums[-1].min(1)
    row = torch.arange(len(slot), device=slot.device)
    # From the coarsest level down: which child gave that minimum
    for finer, coarse in zip(sums[-2::-1], sums[:0:-1], strict=True):
        child = finer.view(len(finer), -1, coarse.shape[1])[row, :, slot].argmin(1)
        slot = child * coarse.shape[1] + slot
    return distance[:, None], slot[:, None]


def _nearest_few(products: Sequence[Tensor], count: int) -> tuple[Tensor, Tensor]:
    """Return the (q, count) least sums over the levels, and their slots; see `_nearest`."""
    total = products[-1]
    for finer in products[-2::-1]:
        children = finer.shape[1] // total.shape[1]
        by_child = finer.view(-1, len(total), children, total.shape[1])
        by_child.add_(total[:, None])
        total = finer
    least = total.topk(min(count, total.shape[1]), largest=False)
    missing = (0, count - least.values.shape[1])
    distances = functional.pad(least.values, missing, value=torch.inf)
    return distances, functional.pad(least.indices, missing)


# The approximate search


class CellIndex:
    """An IVF-PQ index of the patches of each training image, with one quantiser for all.

    So the nearest patches *in each image* are found, and a smaller K stays a running minimum.

    Parameters
    ----------
    images: `Cells` of every training image.
    count: slots to find in each gallery image.

    Raises
    ------
    ValueError: fewer than 256 patches in all.  ModuleNotFoundError: faiss is not installed.
    """

    def __init__(self, images: Sequence[Cells], count: int) -> None:
        self._rows = [cells.concatenated() for cells in images]
        self.count = min(count, len(self._rows[0]))
        step = -(-len(images) * len(self._rows[0]) // TRAINING)
        sample = np.concatenate([rows[::step] for rows in self._rows])
        trained = ivfpq(sample)
        self._indexes = [index_with_rows(trained, rows) for rows in self._rows]

    @classmethod
    def of_arrays(
        cls, images: Sequence[Cells], count: int, arrays: Mapping[str, np.ndarray]
    ) -> CellIndex:
        """Return the index over the same images that has these `arrays`.

        Raises
        ------
        ValueError: they do not fit.
        """
        index = cls.__new__(cls)
        index._rows = [cells.concatenated() for cells in images]
        index.count = min(count, len(index._rows[0]))
        index._indexes = []
        for lists, codes, rows in zip(arrays["lists"], arrays["codes"], index._rows, strict=True):
            of_image = {**arrays, "lists": lists, "codes": codes}
            index._indexes.append(index_from_arrays(of_image, rows))
        return index

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what is learned, as arrays.

        They are those of `faiss_state.index_to_arrays`, with (N, P) lists and (N, P, parts) codes.
        """
        of_images = [index_to_arrays(index) for index in self._indexes]
        lists = np.stack([arrays["lists"] for arrays in of_images])
        codes = np.stack([arrays["codes"] for arrays in of_images])
        return {**of_images[0], "lists": lists, "codes": codes}

    def __call__(self, query: Cells, gallery: Sequence[Cells], images: Sequence[int]) -> Tensor:
        """Return what a `Search` does, approximately.

        `gallery` are the training images of the numbers `images`.
        """
        rows = query.concatenated()
        by_image = []
        for image in images:
            _, nearest_cells = nearest(
                rows,
                self._rows[image],
                self.count,
                index=self._indexes[image],
                shortlist=SHORTLIST,
            )
            by_image.append(nearest_cells)  # (P, count)
        cells = torch.from_numpy(np.stack(by_image, 1)).to(query.cell.device)  # (P, K, count)
        slot_of_cell = torch.argsort(gallery[0].cell)
        return slot_of_cell[cells][query.cell]


# From slots to scores


class Match(NamedTuple):
    """What was found for the P patches of one image in K gallery images, by L layers.

    Attributes
    ----------
    distance: (P, K), squared, to the nearest patch in each gallery image.
    cell: (P, K) int64, that patch's flat location.
    contributions: (L, P), each layer's part of the score, which is their sum: the mean squared
        distance to the kappa nearest patches.
    """

    distance: Tensor
    cell: Tensor
    contributions: Tensor


def match_image(query: Cells, gallery: Sequence[Cells], slots: Tensor, kappa: int) -> Match:
    """Turn the (P, K, count) slots found for an image in each of K gallery images into scores.

    They come from matrix products or an index; their distances are computed again by direct
    subtraction, layer by layer, so that they are exact to float32 and a patch is at distance 0 from
    itself. The score is the mean over the kappa nearest patches of all K images (Eq. 3).
    """
    by_image = [_distances(query, image, slots[:, k]) for k, image in enumerate(gallery)]
    by_layer = torch.stack(by_image, 2)  # (L, P, K, count)
    by_layer[:, slots < 0] = torch.inf
    total = by_layer.sum(0)  # (P, K, count)
    closest = total.argmin(2, keepdim=True)  # (P, K, 1)
    distance = total.gather(2, closest)[..., 0]
    cell = gallery[0].cell[slots.gather(2, closest)[..., 0]]
    best = total.flatten(1).topk(kappa, dim=1, largest=False).indices  # (P, kappa) of K * count
    contributions = by_layer.flatten(2).gather(2, best.expand(len(by_layer), -1, -1)).mean(2)
    order = torch.argsort(query.cell)  # from slots back to locations
    return Match(distance[order].cpu(), cell[order].cpu(), contributions[:, order].cpu())


def _distances(query: Cells, gallery: Cells, slots: Tensor) -> Tensor:
    """Return the (L, P, count) squared distances of every patch to the given slots of an image."""
    differences = []
    for query_rows, gallery_rows in zip(query.levels, gallery.levels, strict=True):
        values = gallery_rows[slots % len(gallery_rows)]  # (P, count, C + 1)
        by_repeat = values.view(-1, len(query_rows), slots.shape[1], query_rows.shape[1])
        # Of -2x: twice the distance
        differences.append(by_repeat.sub_(query_rows[:, None]).view(*slots.shape, -1))
    lengths = [
        torch.linalg.vector_norm(differences[level][..., columns], dim=2)
        for level, columns in query.layers
    ]
    return torch.stack(lengths).square_().div_(4)
