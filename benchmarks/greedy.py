"""Greedy samplers as they are commonly written: one pass over all rows for every pick."""

from __future__ import annotations

import numpy as np
import torch


class Greedy:
    """Farthest-first search with one matrix-vector product a pick, which reads all rows.

    It keeps squared distances, which have the same maximum as distances, in preallocated arrays;
    every other step touches one number a row where the product reads `columns` of them. With `cap`,
    distances start there instead of at infinity: the published approximate rule, whose caps are the
    mean distances to 10 random rows. It computes in the precision of `rows`.
    """

    def __init__(
        self, rows: np.ndarray, first: int | None = None, cap: np.ndarray | None = None
    ) -> None:
        self.rows = torch.from_numpy(rows)
        self.norm = (self.rows * self.rows).sum(1)
        self.product = torch.empty_like(self.norm)
        self.best = torch.full_like(self.norm, torch.inf)
        if cap is not None:
            self.best = torch.from_numpy(cap).to(self.norm.dtype).square()
        self.order: list[int] = []
        self.take(int(self.best.argmax()) if first is None else first)

    def take(self, row: int) -> None:
        """Add a row, and lower every row's distance to the nearest taken one."""
        torch.addmv(self.norm, self.rows, self.rows[row], alpha=-2, out=self.product)
        self.product += self.norm[row]
        torch.minimum(self.best, self.product, out=self.best)
        self.best[row] = -1
        self.order.append(row)

    def pick(self, count: int) -> np.ndarray:
        """Take so many rows more, each the farthest; return all taken so far."""
        for _ in range(count):
            self.take(int(self.best.argmax()))
        return np.array(self.order)


def products(rows: np.ndarray, count: int) -> None:
    """Do nothing but the matrix-vector products of so many picks."""
    values = torch.from_numpy(rows)
    out = torch.empty(len(rows))
    for row in range(count):
        torch.mv(values, values[row], out=out)
