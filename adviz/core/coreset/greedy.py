"""PatchCore's coreset: exact greedy k-centre in blocks of rows (Algorithm 1, Eq. 5)."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import Executor
from functools import partial

import numpy as np
import torch

from adviz._support import as_numpy, check_device, device_here, progress_bar, workers
from adviz.core.coreset.integer_grid import LIMIT, Grid, check_memory, to_grid
from adviz.core.coreset.random_projection import check_count

REFRESH = 8192  # rows whose bounds are brought up to date at once
CANDIDATES = 1024  # of these, rows that are chosen from
# Rows that one thread of a CPU refreshes together; their product stays in its cache
TILE = 1024
CHUNK = 1024  # choices that these rows are compared with at once


def k_center_greedy(
    points: np.ndarray | Grid,
    count: int,
    *,
    first: int | None = None,
    cap: np.ndarray | None = None,
    device: str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Choose a coreset greedily: each time the row that is farthest from those chosen so far.

    PatchCore, Algorithm 1 and Eq. 5 (Gonzalez' greedy k-centre), exactly, on an integer grid about
    as fine as float32 (see `Grid` and `to_grid`). The order is that of this loop on the grid's
    rows, index by index, on every machine and any number of threads; ties go to the lowest row::

        order = [first]
        nearest = squared_distance(rows, rows[first])
        while len(order) < count:
            order.append(nearest.argmax())
            nearest = minimum(nearest, squared_distance(rows, rows[order[-1]]))

    Interrupting it (Ctrl-C, the stop button) warns and returns the rows chosen so far.

    Parameters
    ----------
    points: (M, d) float, or their `Grid` where it has been made.
    count: rows to choose, 1 <= count <= M.
    first: row to start from; None = the row farthest from the mean of all rows.
    cap: (M,) Euclidean, upper bounds of the rows' distances from the start on (`anchor_distance`);
        the search then starts from the largest, and knows no covering radius.
    device: where the matrix products run, "auto", "cpu" or "cuda"; the order is the same.

    Returns
    -------
    order: (count,) int64, nested; shorter when interrupted.
    radius: (count,) float64, covering radius after each choice, Euclidean, in the units of
        `points`; rounding to the grid moves it by at most sqrt(d) / scale. NaN after the last
        choice of an interrupted search, and with a cap.

    Raises
    ------
    ValueError: no row, NaN or infinity, a count, a first row or a device that does not exist.
    MemoryError: the search needs more memory than is free; the message says how much, and what
        helps.

    Notes
    -----
    Why the fast search equals the loop: a row's distance to the chosen ones only falls, so a stale
    distance is an upper bound. Only the rows with the largest bounds are refreshed, by matrix
    products, and each only until it falls behind the other rows; among them rows are chosen as long
    as the best one beats the bounds of all other rows, which proves that it is the farthest of all.
    On the grid every product is exact, so that no order of summing changes a distance. Memory
    beside `points` and their grid is O(M), 8 (d + 1) bytes a choice and 8 MiB a thread.

    A loop in float64 on `points` themselves may choose another of two rows whose distances differ
    by less than the grid's rounding. On the projected patches of the built-in categories (50,176
    rows of 128 numbers) the first 501 and 1,003 choices are that loop's, index by index; with one
    row moved 30 times as far out as well, but that in one of six categories some neighbours of the
    order changed places. So one seed's bank is the method's, not the rounding's; another seed's
    projection gives another bank.

    Examples
    --------
    >>> from adviz import coreset
    >>> order, radius = coreset.k_center_greedy(np.array([[0.0], [1], [3]]), 2, first=0)
    >>> order, radius.round(3)
    (array([0, 2]), array([3., 1.]))
    """
    check_device(device)
    device = device_here(device)
    grid, scale = points if isinstance(points, Grid) else to_grid(points)
    check_count(count, len(grid))
    if first is not None and not 0 <= first < len(grid):
        raise ValueError(f"first must be a row from 0 to {len(grid) - 1}, got {first}")
    bound = None if cap is None else _checked_cap(cap, len(grid), first) * scale
    products = 8 * TILE * CHUNK * torch.get_num_threads() + 16 * CANDIDATES**2
    need = 56 * len(grid) + 8 * count * (grid.shape[1] + 3) + products
    check_memory(need, f"choosing {count} of {len(grid)} rows")
    with workers(device) as pool:
        search = _Greedy(torch.from_numpy(grid).to(device), count, bound, pool)
        if cap is None:
            if first is None:
                first = int(search.norm.cpu().numpy().argmax())
            search.start(first)
        count = search.run(count)
    radius = np.sqrt(search.distance[1 : count + 1]) / scale
    if cap is not None:
        radius = np.full(count, np.nan)
    return search.order[:count], radius


def _checked_cap(cap: np.ndarray, n_rows: int, first: int | None) -> np.ndarray:
    cap = as_numpy(cap)
    if np.shape(cap) != (n_rows,) or not np.isfinite(cap).all() or first is not None:
        raise ValueError(
            f"cap must be {n_rows} finite distances, without first, "
            f"got {np.shape(cap)} and {first=}"
        )
    return np.asarray(cap, np.float64)


class _Greedy:
    """A greedy search that keeps an upper bound of every row's distance to the chosen rows.

    Attributes
    ----------
    rows: (M, d) float32, the grid.
    norm: (M,) float64, squared.
    bound: (M,) float64, upper bounds of the squared distance; -1 for chosen rows.
    seen: (M,) int, how many choices each bound accounts for.
    order: chosen rows; the first `chosen` entries are valid.
    distance: squared, of each choice to those before it.
    centres: columns [-2c, |c|^2] of the choices, see `_augmented`.
    """

    def __init__(
        self, grid: torch.Tensor, count: int, cap: np.ndarray | None, pool: Executor
    ) -> None:
        self.rows = grid
        device = grid.device
        self.norm = torch.empty(len(grid), dtype=torch.float64, device=device)
        is_integer = True
        for start in range(0, len(grid), REFRESH):
            part = grid[start : start + REFRESH]
            # Written in place: small results between large ones break up the heap
            self.norm[start : start + REFRESH] = part.double().square().sum(1)
            is_integer = is_integer and bool((part == part.round()).all())
        if float(self.norm.max()) >= LIMIT or not is_integer:
            raise ValueError(
                "expected integer rows short enough to be multiplied exactly: "
                "make the grid with to_grid"
            )
        self.bound = np.full(len(grid), np.inf) if cap is None else np.square(cap)
        self.seen = np.zeros(len(grid), dtype=np.int64)
        # One more than asked for: its distance is the last covering radius
        self.limit = min(count + 1, len(grid))
        self.chosen = 0
        self.order = np.empty(self.limit, dtype=np.int64)
        self.distance = np.zeros(max(count + 1, self.limit))
        self.centres = torch.empty(
            self.limit, grid.shape[1] + 1, dtype=torch.float64, device=device
        )
        self.pool = pool
        self.tile = REFRESH if grid.is_cuda else TILE
        self.scratch = threading.local()  # a thread's memory for its products

    def start(self, first: int) -> None:
        """Choose the first row and compare all rows with it, so that it need not be remembered."""
        self._choose(first, 0.0)
        centre = self.rows[first].double()
        product = torch.empty_like(self.norm)
        for start in range(0, len(self.rows), REFRESH):
            part = self.rows[start : start + REFRESH]
            product[start : start + REFRESH] = part.double() @ centre
        self.bound = (self.norm + self.norm[first] - 2 * product).cpu().numpy()
        self.bound[first] = -1
        self.seen[:] = 1

    def run(self, count: int) -> int:
        """Choose `count` rows, and one more for the radius; return how many were chosen."""
        progress = progress_bar(label="coreset", total=count)
        progress.update(self.chosen)
        try:
            while self.chosen < self.limit:
                before = self.chosen
                self.block()
                progress.update(min(self.chosen, count) - min(before, count))
        except KeyboardInterrupt:
            if not self.chosen:
                raise
            warnings.warn(
                f"interrupted: the coreset has {self.chosen} of {count} rows", stacklevel=3
            )
            if self.chosen <= count:
                self.distance[self.chosen] = np.nan
            return min(count, self.chosen)
        finally:
            progress.close()
        return count

    def block(self) -> None:
        """Refresh the rows with the largest bounds, and choose among them while that is proven."""
        rows, largest_outside = self._largest(np.arange(len(self.bound)), REFRESH)
        any_stale = self._refresh(rows, largest_outside)
        candidates, largest_left = self._largest(rows, CANDIDATES)
        floor = max(largest_outside, largest_left)  # bound of the best row that is no candidate
        candidates = np.sort(candidates[self.bound[candidates] > floor])
        if len(candidates):
            self._choose_among(candidates, floor)
            return
        if any_stale:  # smaller bounds by now: begin again
            return
        # A plateau of equal bounds: the lowest rows first, as argmax would
        top = self.bound.max()
        candidates = np.flatnonzero(self.bound == top)
        if not self._refresh(candidates):
            self._choose_among(candidates[:CANDIDATES], float(top), plateau=True)

    def _largest(self, rows: np.ndarray, count: int) -> tuple[np.ndarray, float]:
        """Return the `count` rows of largest bound, and the largest bound of the others or -inf."""
        if len(rows) <= count:
            return rows, -np.inf
        bound = self.bound[rows]
        order = np.argpartition(bound, len(rows) - count)
        return rows[order[-count:]], float(bound[order[:-count]].max())

    def _refresh(self, rows: np.ndarray, level: float = -np.inf) -> bool:
        """Bring the bounds of `rows` up to date, or to `level` at most; return if any was stale."""
        stale = rows[self.seen[rows] < self.chosen]
        if not len(stale):
            return False
        # Rows that have seen as many choices share a tile, and skip these together
        stale = stale[np.argsort(self.seen[stale], kind="stable")]
        tiles = np.split(stale, range(self.tile, len(stale), self.tile))
        refreshed = self.pool.map(partial(self._refreshed, level=level), tiles)
        for tile, (bound, seen) in zip(tiles, refreshed, strict=True):
            self.bound[tile] = bound
            self.seen[tile] = seen
        return True

    def _refreshed(self, rows: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return new bounds of n `rows` and how many choices these account for, (n,) each.

        A row whose bound falls to `level` is left there: it cannot be chosen before the others.
        """
        bound = self.bound[rows]
        seen = self.seen[rows]
        index = self._index(rows)
        points = self._augmented(index)
        norm = self.norm[index]
        active = np.arange(len(rows))  # positions in `rows` whose bound is above `level`
        for start in range(int(seen[0]), self.chosen, CHUNK):
            centres = self.centres[start : min(start + CHUNK, self.chosen)]
            product = self._scratch(len(active), len(centres))
            torch.mm(points, centres.T, out=product)
            nearest = (product.amin(1) + norm).cpu().numpy()
            bound[active] = np.minimum(bound[active], nearest)
            seen[active] = np.maximum(seen[active], start + len(centres))
            above = np.flatnonzero(bound[active] > level)
            if not len(above):
                break
            if len(above) < len(active):
                active = active[above]
                above_index = self._index(above)
                points = points.index_select(0, above_index)
                norm = norm[above_index]
        return bound, seen

    def _scratch(self, rows: int, columns: int) -> torch.Tensor:
        """Return memory for a product, which the thread uses again and again."""
        if not hasattr(self.scratch, "product"):
            self.scratch.product = self.norm.new_empty(self.tile * CHUNK)
        product: torch.Tensor = self.scratch.product
        return product[: rows * columns].view(rows, columns)

    def _index(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(rows).to(self.rows.device)

    def _augmented(self, index: torch.Tensor) -> torch.Tensor:
        """Return [x, 1] for each row, whose product with [-2c, |c|^2] is |x - c|^2 - |x|^2."""
        points = self.rows.new_ones(len(index), self.rows.shape[1] + 1, dtype=torch.float64)
        points[:, :-1] = self.rows.index_select(0, index)  # three times as fast as rows[index]
        return points

    def _choose_among(self, candidates: np.ndarray, floor: float, *, plateau: bool = False) -> None:
        """Choose greedily among `candidates` while the farthest beats (plateau: ties) `floor`."""
        index = self._index(candidates)
        norm = self.norm[index, None]
        columns = torch.cat([-2 * self.rows[index].double(), norm], 1)
        between = (self._augmented(index) @ columns.T + norm).cpu().numpy()  # squared distances
        bound = self.bound[candidates]
        before = self.chosen
        best = int(bound.argmax())
        while self.chosen < self.limit:
            if bound[best] < floor or (bound[best] == floor and not plateau):
                break
            self._choose(candidates[best], float(bound[best]))
            np.minimum(bound, between[best], out=bound)
            bound[best] = -1
            best = int(bound.argmax())
        self._remember(before)
        self.bound[candidates] = bound
        self.seen[candidates] = self.chosen

    def _choose(self, row: int, distance: float) -> None:
        self.order[self.chosen] = row
        self.distance[self.chosen] = distance
        self.chosen += 1

    def _remember(self, since: int) -> None:
        """Store the columns [-2c, |c|^2] of the choices from number `since` on."""
        index = self._index(self.order[since : self.chosen])
        self.centres[since : self.chosen, :-1] = -2 * self.rows[index].double()
        self.centres[since : self.chosen, -1] = self.norm[index]
