"""PatchCore's coreset: exact greedy k-centre, in blocks, on an integer grid (Algorithm 1, Eq. 5)."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import Executor
from functools import partial

import numpy as np
import torch

from adviz._support import as_numpy, bar, check_device, workers
from adviz.core.coreset.integer_grid import LIMIT, Grid, check_memory, to_grid
from adviz.core.coreset.random_projection import check_count

REFRESH = 8192  # rows brought up to date at once
CANDIDATES = 1024  # rows picked from
# Rows that are refreshed together, by one thread of a CPU; their product stays in its cache
TILE = 1024
CHUNK = 1024  # choices that they see at once


def k_center_greedy(
    points: np.ndarray | Grid,
    count: int,
    *,
    first: int | None = None,
    cap: np.ndarray | None = None,
    device: str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Choose rows so that the farthest row is as near as possible: each time the row farthest from those chosen.

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
    points: (M, d) float, or their `Grid` when it is at hand.
    count: rows to choose, 1 <= count <= M.
    first: row to start from; None = the row farthest from the mean of all rows.
    cap: (M,) Euclidean distances that no row's counts beyond, from the start on
        (`anchor_distance`); the search then starts from the largest, and knows no covering radius.
    device: where the matrix products run, "cpu" or "cuda"; the order is the same.

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
    A loop in float64 on `points` themselves may choose another of two rows whose distances differ
    by less than the grid's rounding. On the projected patches of the built-in categories (50,176
    rows of 128 numbers) the first 501 and 1,003 choices are that loop's, index by index; with one
    row moved 30 times as far out as well, but that in one of six categories some neighbours of the
    order changed places. So one seed's bank is the method's, not the rounding's; another seed's
    projection gives another bank.

    A row's distance to the chosen ones only falls, so a stale distance is an upper bound. Only the
    rows with the largest bounds are refreshed, by matrix products, and each only until it falls
    behind the rows outside; among them rows are chosen as long as the best one beats every bound
    outside, which proves it is the farthest of all. Memory beside `points` and their grid is O(M),
    8 (d + 1) bytes a choice and 8 MiB a thread.

    Examples
    --------
    >>> from adviz import coreset
    >>> order, radius = coreset.k_center_greedy(np.array([[0.0], [1], [3]]), 2, first=0)
    >>> order, radius.round(3)
    (array([0, 2]), array([3., 1.]))
    """
    check_device(device)
    grid, scale = points if isinstance(points, Grid) else to_grid(points)
    check_count(count, len(grid))
    if first is not None and not 0 <= first < len(grid):
        raise ValueError(f"first must be a row from 0 to {len(grid) - 1}, got {first}")
    cap = None if cap is None else as_numpy(cap)
    if cap is not None and (
        np.shape(cap) != (len(grid),) or not np.isfinite(cap).all() or first is not None
    ):
        raise ValueError(
            f"cap must be {len(grid)} finite distances, without first, got {np.shape(cap)} and {first=}"
        )
    products = 8 * TILE * CHUNK * torch.get_num_threads() + 16 * CANDIDATES**2
    need = 56 * len(grid) + 8 * count * (grid.shape[1] + 3) + products
    check_memory(need, f"choosing {count} of {len(grid)} rows")
    bound = None
    if cap is not None:
        bound = np.square(np.asarray(cap, np.float64) * scale)
    with workers(device) as pool:
        search = _Greedy(torch.from_numpy(grid).to(device), count, bound, pool)
        if cap is None:
            search.start(int(search.norm.cpu().numpy().argmax()) if first is None else first)
        count = search.run(count)
    radius = np.sqrt(search.distance[1 : count + 1]) / scale
    return search.order[:count], radius if cap is None else np.full(count, np.nan)


class _Greedy:
    """A block-wise greedy search: for every row an upper bound, and how many choices that bound has seen."""

    def __init__(
        self, grid: torch.Tensor, count: int, bound: np.ndarray | None, pool: Executor
    ) -> None:
        self.rows = grid
        parts = torch.split(grid, REFRESH)
        self.norm = torch.empty(len(grid), dtype=torch.float64, device=grid.device)
        for part, norm in zip(parts, torch.split(self.norm, REFRESH), strict=True):
            # into its place: small results between large ones break up the heap
            norm[:] = part.double().square().sum(1)
        whole = all(bool((part == part.round()).all()) for part in parts)
        if float(self.norm.max()) >= LIMIT or not whole:
            raise ValueError(
                "expected integer rows short enough to be multiplied exactly: make the grid with to_grid"
            )
        self.bound = np.full(len(grid), np.inf, dtype=np.float64) if bound is None else bound
        self.seen = np.zeros(len(grid), dtype=np.int64)
        # One more than asked for: its distance is the last covering radius
        self.limit = min(count + 1, len(grid))
        self.order = np.empty(self.limit, dtype=np.int64)
        # Squared, of each choice to those before it
        self.distance = np.zeros(max(count + 1, self.limit))
        self.centres = torch.empty(
            self.limit, grid.shape[1] + 1, dtype=torch.float64, device=grid.device
        )
        self.pool, self.tile = pool, REFRESH if grid.is_cuda else TILE
        self.scratch = threading.local()  # of each thread: room for its products
        self.chosen = 0

    def start(self, first: int) -> None:
        """Choose the first row, show it to all rows, and so need not remember it."""
        self._choose(first, 0.0)
        centre, product = self.rows[first].double(), torch.empty_like(self.norm)
        for part, found in zip(
            torch.split(self.rows, REFRESH), torch.split(product, REFRESH), strict=True
        ):
            found[:] = part.double() @ centre
        self.bound = (self.norm + self.norm[first] - 2 * product).cpu().numpy()
        self.bound[first] = -1
        self.seen[:] = 1

    def run(self, count: int) -> int:
        """Choose `count` rows, and one more for the radius; return how many it were when it was interrupted."""
        progress = bar(label="coreset", total=count)
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
        """Refresh the rows with the largest bounds, and choose among them as far as that is provably right."""
        rows, outside = self._largest(np.arange(len(self.bound)), REFRESH)
        tighter = self._refresh(rows, outside)
        candidates, left = self._largest(rows, CANDIDATES)
        floor = max(outside, left)
        candidates = np.sort(candidates[self.bound[candidates] > floor])
        if not len(candidates):
            if tighter:
                return
            # A plateau of equal bounds: the lowest rows first, as argmax would
            top = self.bound.max()
            candidates = np.flatnonzero(self.bound == top)
            if self._refresh(candidates):
                return
            self._choose_among(candidates[:CANDIDATES], float(top), plateau=True)
        else:
            self._choose_among(candidates, floor)

    def _largest(self, rows: np.ndarray, count: int) -> tuple[np.ndarray, float]:
        """Return the `count` rows of largest bound, and the largest bound left out (-inf when none is)."""
        if len(rows) <= count:
            return rows, -np.inf
        bound = self.bound[rows]
        split = np.argpartition(bound, len(rows) - count)
        return rows[split[-count:]], float(bound[split[:-count]].max())

    def _refresh(self, rows: np.ndarray, level: float = -np.inf) -> bool:
        """Show `rows` the choices they have not seen, until their bound is at most `level`; say if any was stale."""
        stale = rows[self.seen[rows] < self.chosen]
        stale = stale[np.argsort(self.seen[stale], kind="stable")]
        parts = np.split(stale, range(self.tile, len(stale), self.tile)) if len(stale) else []
        for part, (bound, seen) in zip(
            parts, self.pool.map(partial(self._shown, level=level), parts), strict=True
        ):
            self.bound[part], self.seen[part] = bound, seen
        return len(stale) > 0

    def _shown(self, rows: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the new bounds of `rows`, and how many choices each of them has seen then.

        A row whose bound falls to `level` sees no more: it cannot be chosen before the others.
        """
        bound, seen, left = self.bound[rows], self.seen[rows], np.arange(len(rows))
        index = self._index(rows)
        points, norm = self._augmented(index), self.norm[index]
        if not hasattr(self.scratch, "product"):
            self.scratch.product = torch.empty(
                self.tile * CHUNK, dtype=torch.float64, device=index.device
            )
        product = self.scratch.product
        for start in range(int(seen[0]), self.chosen, CHUNK):
            centres = self.centres[start : min(start + CHUNK, self.chosen)]
            distance = torch.mm(
                points, centres.T, out=product[: len(left) * len(centres)].view(len(left), -1)
            )
            bound[left] = np.minimum(bound[left], (distance.amin(1) + norm).cpu().numpy())
            seen[left] = np.maximum(seen[left], start + len(centres))
            above = np.flatnonzero(bound[left] > level)
            if len(above) == 0:
                break
            if len(above) < len(left):
                kept = self._index(above)
                left, points, norm = left[above], points.index_select(0, kept), norm[kept]
        return bound, seen

    def _index(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(rows).to(self.rows.device)

    def _augmented(self, index: torch.Tensor) -> torch.Tensor:
        """Return the columns [x, 1], whose product with [-2c, |c|^2] is the distance less |x|^2."""
        points = self.rows.new_ones(len(index), self.rows.shape[1] + 1, dtype=torch.float64)
        points[:, :-1] = self.rows.index_select(0, index)  # three times as fast as rows[index]
        return points

    def _choose_among(self, candidates: np.ndarray, floor: float, *, plateau: bool = False) -> None:
        """Choose greedily among `candidates` while the farthest of them beats every row outside (plateau: ties it)."""
        index = self._index(candidates)
        columns = torch.cat([-2 * self.rows[index].double(), self.norm[index, None]], 1)
        between = (self._augmented(index) @ columns.T + self.norm[index, None]).cpu().numpy()
        bound, before = self.bound[candidates], self.chosen
        best = int(bound.argmax())
        while (
            bound[best] > floor or (plateau and bound[best] == floor)
        ) and self.chosen < self.limit:
            self._choose(candidates[best], float(bound[best]))
            np.minimum(bound, between[best], out=bound)
            bound[best] = -1
            best = int(bound.argmax())
        self._remember(before)
        self.bound[candidates] = bound
        self.seen[candidates] = self.chosen

    def _choose(self, row: int, distance: float) -> None:
        self.order[self.chosen], self.distance[self.chosen] = row, distance
        self.chosen += 1

    def _remember(self, since: int) -> None:
        """Store the columns [-2c, |c|^2] of the choices from number `since` on."""
        index = self._index(self.order[since : self.chosen])
        self.centres[since : self.chosen, :-1] = -2 * self.rows[index].double()
        self.centres[since : self.chosen, -1] = self.norm[index]
