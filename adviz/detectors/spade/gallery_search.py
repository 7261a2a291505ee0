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
# Bounds: where the finest level has so many channels and locations, one axis for so many channels.
# Axes of more channels take longer to find than they save
BOUNDED_CHANNELS = range(128, 513)
BOUNDED_LOCATIONS = 784
CHANNELS_OF_AN_AXIS = 8
TILE = 2**21  # bytes of bounds in memory at once
MOST_LEFT = 12  # pairs of a patch, on average, that are compared in full
UNIT = 2.0**-24  # relative rounding of float32
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

    The finest level costs most. Where it has many channels, `_Bounds` leave few pairs of patches
    that are compared in all of them. Every gallery image has a nearest patch in the result, so that
    no distance in one image bounds those in another.
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
        self._axes = self._principal_axes(query, gallery)
        # Coarsest locations searched by bounds: a few that tell whether it pays, and the rest
        first = -(-self._query_size // 8)
        self._bounded = [slice(0, first), slice(first, self._query_size)]
        self._blocks = [self._block(start, min(start + step, self._query_size)) for start in starts]

    def _principal_axes(self, query: Cells, gallery: Cells) -> Tensor | None:
        """Return (C, d) float32, axes for `_Bounds`; None where products alone are faster."""
        values = gallery.levels[0][:, :-1]
        n_channels = values.shape[1]
        n_locations = min(len(query.cell), len(gallery.cell))
        one_nearest = self.count == 1 and self._radius is None and values.device.type == "cpu"
        if not one_nearest or n_channels not in BOUNDED_CHANNELS or n_locations < BOUNDED_LOCATIONS:
            return None
        double = values.double()
        _, axes = torch.linalg.eigh(double.T @ double)  # the strongest last
        strongest: Tensor = axes[:, -(n_channels // CHANNELS_OF_AN_AXIS) :]
        return strongest.float()

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
        slots = torch.full(shape, -1, device=query.cell.device)
        levels = [_factors(rows) for rows in query.levels]
        query_rows = []  # of every block, its rows of every level
        for block in self._blocks:
            query_rows.append([_rows_in(rows, block.query, self._query_size) for rows in levels])
        bounds: list[tuple[slice, _Bounds]] = []

        def compare(image: int) -> None:
            gallery_levels = gallery[image].levels
            in_image = slots[:, :, image]  # (repeats, coarsest locations, count)
            if self._axes is not None and bounds:
                few = _reduced(gallery_levels[0], self._axes)
                for cells, bounded in bounds:
                    found = bounded.nearest(gallery_levels, few)
                    if found is None:
                        break  # the other patches are alike
                    in_image[:, cells, 0] = found.view(repeats, -1)
            n_compared = 0
            for block, rows in zip(self._blocks, query_rows, strict=True):
                if not bounds or (in_image[:, block.query] < 0).any():
                    found = self._compared(rows, gallery_levels, block)
                    in_image[:, block.query] = found.view(repeats, -1, self.count)
                    n_compared += 1
            if image == 0 and n_compared > len(self._blocks) // 2:
                bounds.clear()  # the other images are alike

        with full_float32(), workers(slots.device) as pool:
            if self._axes is not None:
                for cells in self._bounded:
                    finest = _rows_in(query.levels[0], cells, self._query_size)
                    coarse = [_rows_in(rows, cells, self._query_size) for rows in levels[1:]]
                    bounds.append((cells, _Bounds(finest, coarse, self._axes)))
            # The first image tells whether bounds pay
            list(pool.map(compare, range(min(1, len(gallery)))))
            list(pool.map(compare, range(1, len(gallery))))
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


def _factors(rows: Tensor) -> Tensor:
    """Return [x, 1] of (G, C + 1) rows [-2x, |x|^2]."""
    return torch.cat([rows[:, :-1] * -0.5, torch.ones_like(rows[:, :1])], 1)


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
    if len(products) > 1:
        sums += _sums(_least_children(products[0], products[1].shape[1]), products[1:])
    distance, slot = sums[-1].min(1)
    return distance[:, None], _slot_of_finest(sums, slot)[:, None]


def _sums(least: Tensor, products: Sequence[Tensor]) -> list[Tensor]:
    """Return (q, columns) of every coarser level: the least sum up to it.

    Parameters
    ----------
    least: (q, columns) of the finer levels, in the columns of the first product; overwritten.
    products: (rows, columns) of every coarser level.
    """
    sums: list[Tensor] = []
    for product in products:
        if sums:
            least = _least_children(sums[-1], product.shape[1])
        least.view(-1, *product.shape).add_(product)
        sums.append(least)
    return sums


def _least_children(distances: Tensor, columns: int) -> Tensor:
    return distances.view(len(distances), -1, columns).amin(1)


def _slot_of_finest(sums: Sequence[Tensor], slot: Tensor) -> Tensor:
    """Return which (q,) slots of the finest sums gave the minima in slots of the coarsest."""
    row = torch.arange(len(slot), device=slot.device)
    for finer, coarse in zip(sums[-2::-1], sums[:0:-1], strict=True):
        child = finer.view(len(finer), -1, coarse.shape[1])[row, :, slot].argmin(1)
        slot = child * coarse.shape[1] + slot
    return slot


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


# Bounds of the finest level


def _reduced(rows: Tensor, axes: Tensor) -> Tensor:
    """Return (G, d + 2) [-2Px, -2|Rx|, |x|^2] of (G, C + 1) rows [-2x, |x|^2]; see `_Bounds`."""
    values = rows[:, :-1]
    along = values @ axes
    rest = torch.addmm(values, along, axes.T, alpha=-1)
    length = torch.linalg.vector_norm(rest, dim=1, keepdim=True)
    return torch.cat([along, -length, rows[:, -1:]], 1)


class _Bounds:
    """The search for a block of patches that compares few pairs of them in all channels.

    With d orthonormal axes, Px the part of x along them and Rx the rest, ::

        |q - x|^2 = |Pq - Px|^2 + |Rq - Rx|^2 >= |Pq - Px|^2 + (|Rq| - |Rx|)^2

    is a distance of d + 1 columns. The pair of the least bound is compared in full; nearer ones
    have bounds below that distance, and are compared in full too.

    Parameters
    ----------
    finest: (q, C + 1), the block's rows of the finest level, see `Cells`.
    coarse: its `_factors` of the other levels.
    axes: (C, d) of the finest level.
    """

    def __init__(self, finest: Tensor, coarse: Sequence[Tensor], axes: Tensor) -> None:
        self._finest = finest
        self._square = finest[:, :-1].square().sum(1).div_(4)  # (q,) |q|^2
        self._few = _factors(_reduced(finest, axes))
        self._coarse = coarse
        self._row = torch.arange(len(finest))

    def nearest(self, gallery: Sequence[Tensor], few: Tensor) -> Tensor | None:
        """Return the (q,) slots that `_nearest` finds, -1 where rounding cannot tell two apart.

        Parameters
        ----------
        gallery: (G, C + 1) rows of every level of a gallery image.
        few: the finest of them `_reduced`.

        Returns
        -------
        None where too many pairs are left.
        """
        products = [rows @ level.T for rows, level in zip(self._coarse, gallery[1:], strict=True)]
        if not products:  # a coarser level at which nothing differs
            products = [torch.zeros(1, len(few) // _divisor(len(few)))]
        columns = products[0].shape[1]
        sums = _sums(self._least_bounds(few, columns), products)
        # The pair of the least bound
        parent = _slot_of_finest(sums, sums[-1].argmin(1))
        child = self._child_bounds(few, self._row, parent, columns).argmin(1)
        first = child * columns + parent
        distance = self._distances(gallery[0], self._row, first)
        limit = self._total(distance, products, self._row, first)
        limit += self._rounding(gallery, few, distance)
        # From the coarsest level down, the (pairs,) rows and slots whose bound is within the limit
        row, slot = torch.nonzero(sums[-1] <= limit[:, None], as_tuple=True)
        above = torch.zeros(len(row))  # the sum of the coarser levels
        for level in range(len(products) - 1, -1, -1):
            if len(row) > MOST_LEFT * len(limit):
                return None
            columns = products[level].shape[1]
            above += products[level][row % len(products[level]), slot % columns]
            if level > 0:
                bounds = sums[level - 1].view(len(limit), -1, columns)[row, :, slot]
            else:
                bounds = self._child_bounds(few, row, slot, columns)
            pair, child = torch.nonzero(bounds + above[:, None] <= limit[row, None], as_tuple=True)
            row = row[pair]
            slot = child * columns + slot[pair]
            above = above[pair]
        if len(row) > MOST_LEFT * len(limit):
            return None
        in_full = distance[row]
        others = torch.nonzero(slot != first[row])[:, 0]
        in_full[others] = self._distances(gallery[0], row[others], slot[others])
        total = self._total(in_full, products, row, slot)
        least = torch.full_like(limit, torch.inf).scatter_reduce_(0, row, total, "amin")
        rounding = 8 * UNIT * (self._square[row] + gallery[0][slot, -1])
        best = torch.nonzero(total <= least[row] + rounding)[:, 0]
        found = torch.full_like(first, -1)
        found[row[best]] = slot[best]
        found[torch.bincount(row[best], minlength=len(limit)) > 1] = -1
        return found

    def _least_bounds(self, few: Tensor, columns: int) -> Tensor:
        """Return (q, columns): the least bound of each column's children."""
        least = torch.empty(len(self._few), columns)
        step = max(1, TILE // (4 * len(few)))
        for start in range(0, len(least), step):
            bounds = self._few[start : start + step] @ few.T
            torch.amin(bounds.view(len(bounds), -1, columns), 1, out=least[start : start + step])
        return least

    def _child_bounds(self, few: Tensor, row: Tensor, slot: Tensor, columns: int) -> Tensor:
        """Return (pairs, children): the bounds of the children of (pairs,) slots."""
        by_child = few.view(-1, columns, few.shape[1]).index_select(1, slot)
        return torch.einsum("cpd,pd->pc", by_child, self._few.index_select(0, row))

    def _distances(self, gallery: Tensor, row: Tensor, slot: Tensor) -> Tensor:
        """Return the (pairs,) squared distances of the finest level."""
        differences = gallery.index_select(0, slot).sub_(self._finest.index_select(0, row))
        lengths: Tensor = torch.linalg.vector_norm(differences[:, :-1], dim=1)
        return lengths.square_().div_(4)  # of -2x: twice as long

    def _total(
        self, distance: Tensor, products: Sequence[Tensor], row: Tensor, slot: Tensor
    ) -> Tensor:
        """Return (pairs,) sums over the levels, as products have them: less |q|^2."""
        total = distance - self._square[row]
        for product in products:
            total += product[row % len(product), slot % product.shape[1]]
        return total

    def _rounding(self, gallery: Sequence[Tensor], few: Tensor, distance: Tensor) -> Tensor:
        """Return (q,): how far rounding can bring a bound above a `distance`.

        Products of d columns round by d units of |q|^2 + |x|^2. Projections move points by C units
        of their length, and so a squared distance by 4 C units of its root times that length.
        """
        squares = [rows[:, -1][rows[:, -1].isfinite()].max() for rows in gallery]
        finest = self._square.max() + squares[0]
        products = 2 * (few.shape[1] + 32) * finest + 8 * sum(squares)
        moved = gallery[0].shape[1] * (4 * (2 * finest * distance).sqrt() + 2 * distance)
        return UNIT * (products + moved)


def _divisor(count: int) -> int:
    """Return the smallest number from 4 on that divides a count."""
    return next(parts for parts in range(4, count + 1) if count % parts == 0)


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
        rows = (slots % len(gallery_rows)).flatten()
        values = gallery_rows.index_select(0, rows)  # (P * count, C + 1)
        by_repeat = values.view(-1, len(query_rows), slots.shape[1], query_rows.shape[1])
        # Of -2x: twice the distance
        differences.append(by_repeat.sub_(query_rows[:, None]).view(*slots.shape, -1))
    lengths = [
        torch.linalg.vector_norm(differences[level][..., columns], dim=2)
        for level, columns in query.layers
    ]
    return torch.stack(lengths).square_().div_(4)
