"""Which rows of a memory bank to keep: indices out, never features, but for learned proxies, which are no rows."""

from adviz.coreset.basis import learn_proxies
from adviz.coreset.covering import coverage, covering_radius, in_plane
from adviz.coreset.greedy import k_center_greedy
from adviz.coreset.grid import Grid, to_grid
from adviz.coreset.sampling import CoresetTrace, anchor_distance, jl_dimension, project, projection, random, rows_kept

__all__ = [
    "CoresetTrace",
    "Grid",
    "anchor_distance",
    "coverage",
    "covering_radius",
    "in_plane",
    "jl_dimension",
    "k_center_greedy",
    "learn_proxies",
    "project",
    "projection",
    "random",
    "rows_kept",
    "to_grid",
]


def __dir__() -> list[str]:
    return sorted(__all__)
