"""How coreset and search grow with the bank, and what the ways out cost: pre-sampling and
approximate search.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import faiss
import numpy as np

from adviz.core.coreset import k_center_greedy, project, random, to_grid
from adviz.core.neighbors import ivf, ivfpq, nearest
from benchmarks.data import features, patches, training_patches
from benchmarks.timing import Options, Row, Section, Way, interleaved, once, peak_memory

SIZES = (16_384, 40_960, 81_920, 163_856)
LARGE = 10  # copies of the bank, each moved a little, are the 1.6 M rows
SHARES = (0.5, 0.25, 0.1)


def run(options: Options) -> Iterator[Section]:
    """Time growing banks, the coreset of a sample of them, and searches in the whole bank."""
    bank = training_patches(options.quick)
    points = project(bank, 128, seed=0)
    yield _coreset(points, options)
    yield _samples(points, options)
    part = bank[: SIZES[1]]  # building the indexes of the whole bank takes many minutes
    yield _approximate(part, patches(features(options.quick)[1].select(images=[0])), options)
    if options.full:
        yield _large(points)


def _coreset(points: np.ndarray, options: Options) -> Section:
    """Time 10 % of more and more rows (whole images of them)."""
    sizes = [size for size in SIZES if size <= len(points)]
    section = Section("Growth: coreset 10% of more and more rows, 128 columns")
    grids = {size: to_grid(points[:size]) for size in sizes}
    ways = [
        Way(f"{size} rows", partial(k_center_greedy, grids[size], size // 10)) for size in sizes
    ]
    rows = interleaved(ways, min(options.repeats, 3))
    section.rows = [Row(row.name, row.seconds, None, "") for row in rows]
    laws = [
        np.log(b.seconds / a.seconds) / np.log(n / m)
        for (m, a), (n, b) in pairwise(zip(sizes, rows, strict=True))
        if a.seconds and b.seconds
    ]
    if laws:
        section.facts.append(
            f"time grows as rows to the power of {', '.join(f'{law:.1f}' for law in laws)}"
        )
    return section


def _samples(points: np.ndarray, options: Options) -> Section:
    """Choose as many rows as 1 % from a uniform sample; the radius is that over all rows."""
    count = len(points) // 100
    section = Section(f"Growth: {count} picks from all rows, and from a sample of them drawn first")
    for share in (1.0, *SHARES):
        drawn = np.sort(random(len(points), round(share * len(points)), seed=0))
        order, _ = k_center_greedy(points[drawn], count)
        ways = [Way("", partial(k_center_greedy, points[drawn], count))]
        seconds = interleaved(ways, min(options.repeats, 3))[0].seconds
        section.rows.append(
            Row(f"{share:.0%} of the rows", seconds, None, _cover(points, points[drawn][order]))
        )
    section.rows.append(
        Row("random picks", None, None, _cover(points, points[random(len(points), count, 0)]))
    )
    return section


def _cover(points: np.ndarray, kept: np.ndarray) -> str:
    """Return the largest and the mean distance of all rows to the kept ones."""
    distance = np.sqrt(np.maximum(faiss.knn(points, kept, 1)[0], 0))
    return f"covering radius {distance.max():.2f}, mean distance {distance.mean():.2f}"


def _approximate(bank: np.ndarray, query: np.ndarray, options: Options) -> Section:
    """Search a bank exactly, by inverted files, and by product codes; all re-scored exactly by
    `nearest`.
    """
    section = Section(
        f"Growth: {len(query)} queries in {len(bank)} x {bank.shape[1]}, exact and approximate"
    )
    exact = nearest(query, bank, 1)
    ways = [Way("exact", partial(nearest, query, bank, 1))]
    for name, build in (("IVF, 8 probes", ivf), ("IVF-PQ, 8 probes", ivfpq)):
        indexes: list[object] = []
        seconds = once(lambda make=build, keep=indexes: keep.append(make(bank)))
        search = partial(
            nearest, query, bank, 1, index=indexes[0], **({"shortlist": 1} if build is ivf else {})
        )
        distance, row = search()
        recall, far = (
            np.mean(row == exact[1]),
            np.sqrt(distance).mean() / np.sqrt(exact[0]).mean() - 1,
        )
        image = np.sqrt(distance.max() / exact[0].max()) - 1
        ways.append(
            Way(
                name,
                search,
                note=f"built in {seconds:.0f} s; recall {recall:.2f}, mean {far:+.1%}, max {image:+.1%}",
            )
        )
    section.rows = interleaved(ways, min(options.repeats, 3))
    return section


def _large(points: np.ndarray) -> Section:
    """Choose 1 % of ten moved copies of the bank, once."""
    rng = np.random.default_rng(0)
    spread = points.std(0) * 0.1
    rows = np.concatenate(
        [points + spread * rng.standard_normal(points.shape, np.float32) for _ in range(LARGE)]
    )
    section = Section(f"Growth: 1% of {len(rows)} x {rows.shape[1]}, once")
    with peak_memory() as peak:
        seconds = once(lambda: k_center_greedy(rows, len(rows) // 100))
        section.rows.append(
            Row("adviz, grid included", seconds, None, f"{peak():.0f} MiB beside the rows")
        )
    return section
