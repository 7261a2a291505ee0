"""PatchCore's coreset: the exact block-wise search beside one pass over all rows a pick."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from adviz.core.coreset import (
    Grid,
    anchor_distance,
    jl_dimension,
    k_center_greedy,
    project,
    random,
    to_grid,
)
from benchmarks.data import training_patches
from benchmarks.greedy import Greedy, products
from benchmarks.timing import Options, Section, Way, installed, interleaved

PICKS = 100  # of the ways that take as long for every pick
SLOW_PICKS = 10


def run(options: Options) -> Iterator[Section]:
    """Time 10 % and 1 % in 128 dimensions, and 10 % in the dimensions that anomalib would choose."""
    patches = training_patches(options.quick)
    points = project(patches, 128, seed=0)
    grid = to_grid(points)
    order, _ = k_center_greedy(grid, len(points) // 10)
    fact = _check(grid, points, order)
    for share in (0.10, 0.01):
        section = _published(grid, points, share, options)
        section.facts.append(fact)
        yield section
    yield _anomalib(patches, options)


def _check(grid: Grid, points: np.ndarray, order: np.ndarray) -> str:
    """Assert that the order is the plain loop's, and with caps the approximate rule's; return the
    fact.
    """
    picks = len(grid.rows) // 100
    integers = grid.rows.astype(np.float64)
    plain = Greedy(integers, first=int(order[0])).pick(picks - 1)
    assert np.array_equal(plain, order[:picks]), "the block-wise order is not the plain loop's"
    cap = anchor_distance(points, seed=0)
    rule = Greedy(integers, cap=cap * grid.scale).pick(picks // 4 - 1)
    ours, _ = k_center_greedy(grid, picks // 4, cap=cap)
    same = np.array_equal(rule, ours)
    assert same, "with caps, the block-wise order is not the approximate rule's"
    return f"checked: the first {picks} picks equal plain greedy on the grid, {picks // 4} with caps the published rule"


def _published(grid: Grid, points: np.ndarray, share: float, options: Options) -> Section:
    rows = points  # the ways that are commonly written take float32 points as they are
    count = int(share * len(rows))
    plain = Greedy(rows, first=0)
    rule = Greedy(rows, cap=anchor_distance(rows, seed=0))
    parts = count / PICKS
    section = Section(f"Coreset, {share:.0%} of {len(rows)} x {rows.shape[1]}: {count} picks")
    section.rows = interleaved(
        [
            Way("adviz, exact", lambda: k_center_greedy(grid, count)),
            Way(
                "gemv greedy", lambda: plain.pick(PICKS), parts, f"own writing, {PICKS} picks timed"
            ),
            Way(
                "published approximate rule",
                lambda: rule.pick(PICKS),
                parts,
                f"own writing, {PICKS} picks timed",
            ),
            Way(
                "the gemv alone",
                lambda: products(rows, PICKS),
                parts,
                "the least that one pass a pick can cost",
            ),
            Way("adviz, grid included", lambda: k_center_greedy(points, count)),
        ],
        options.repeats,
    )
    cost = section.seconds("published approximate rule") / section.seconds("the gemv alone")
    section.facts.append(
        f"the published rule in our writing takes {cost:.2f} of the gemv alone (allowed: 1.5)"
    )
    tenth = share == 0.10
    section.expect(f"coreset {share:.0%}, exact", "published approximate rule", 20 if tenth else 12)
    section.within(
        f"coreset {share:.0%}, seconds (for orientation)",
        section.seconds("adviz, exact"),
        2.5 if tenth else 0.6,
    )
    return section


def _anomalib(patches: np.ndarray, options: Options) -> Section:
    """Compare with anomalib's sampler: exact after a random start, in Johnson and Lindenstrauss'
    dimensions.
    """
    dimension = jl_dimension(len(patches))
    points = project(patches, dimension, seed=0)
    grid, count = to_grid(points), len(points) // 10
    own = Greedy(points, first=int(random(len(points), 1, 0)[0]))
    section = Section(
        f"Coreset, 10% of {len(points)} x {dimension} (anomalib's dimensions): {count} picks"
    )
    section.rows = interleaved(
        [
            Way("adviz, exact", lambda: k_center_greedy(grid, count, first=own.order[0])),
            Way(
                "anomalib's rule, own writing",
                lambda: own.pick(PICKS),
                count / PICKS,
                f"{PICKS} picks timed",
            ),
            Way(
                "anomalib",
                _sampler(points),
                count / SLOW_PICKS,
                f"KCenterGreedy, {SLOW_PICKS} picks timed",
            ),
        ],
        options.repeats,
    )
    section.expect("coreset 10%, anomalib's dimensions", "anomalib", 100)
    return section


def _sampler(points: np.ndarray) -> Callable[[], object] | None:
    """Return some picks of anomalib's own sampler, on points that are projected already."""
    if not installed("anomalib"):
        return None
    from anomalib.models.components.sampling.k_center_greedy import KCenterGreedy

    sampler = KCenterGreedy(torch.from_numpy(points), 0.10)
    sampler.features = sampler.embedding

    def pick() -> None:
        sampler.reset_distances()
        row = torch.tensor(0)
        for _ in range(SLOW_PICKS):
            sampler.update_distances(row)
            row = sampler.get_new_idx()

    return pick
