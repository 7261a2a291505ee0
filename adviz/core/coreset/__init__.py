"""Coresets of a memory bank: features in, indices of the chosen rows out.

Learned proxies alone are new features, for they are no rows.
"""

from adviz.core.coreset.coverage import coverage, covering_radius, principal_plane
from adviz.core.coreset.greedy import k_center_greedy
from adviz.core.coreset.integer_grid import Grid, to_grid
from adviz.core.coreset.prototypes import learn_proxies
from adviz.core.coreset.random_projection import (
    CoresetTrace,
    anchor_distance,
    jl_dimension,
    project,
    projection,
    random,
    rows_kept,
)
from adviz.core.coreset.two_rounds import TwoRounds, k_center_two_rounds

__all__ = [
    "CoresetTrace",
    "Grid",
    "TwoRounds",
    "anchor_distance",
    "coverage",
    "covering_radius",
    "jl_dimension",
    "k_center_greedy",
    "k_center_two_rounds",
    "learn_proxies",
    "principal_plane",
    "project",
    "projection",
    "random",
    "rows_kept",
    "to_grid",
]


def __dir__() -> list[str]:
    return sorted(__all__)
