"""What samplers keep of a category's patches, what they leave out and what that costs.

As plain arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isqrt
from typing import TypeVar

import numpy as np

from adviz._support import progress_bar
from adviz.core import CoresetTrace, nearest_chosen, principal_plane, rows_kept
from adviz.data import Split
from adviz.evaluation import Result, evaluate
from adviz.explore.kit.evidence import cells_inside
from adviz.prediction import Neighbors, Prediction

STEPS = 65535  # of the plane's coordinates, which the browser gets as whole numbers
MANTISSAS = (1, 1.5, 2, 3, 5, 7)  # six steps of the budget a decade
RADIUS, USED = "covering radius", "fraction of the bank used"
METRICS = {"image_auroc": "image AUROC", "pixel_auroc": "pixel AUROC", "pro": "PRO"}
Curve = tuple[np.ndarray, np.ndarray]
Budgets = Mapping[str, Mapping[float, Prediction]]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Usage:
    """Which rows of a bank were the nearest of a test patch at least once.

    Attributes
    ----------
    rows, used: different rows in the bank, and those of them that were used.
    row, times: the row (among all) that was used most often, the lowest of several, and by how many
        test patches.
    patches: test patches.
    """

    rows: int
    used: int
    row: int
    times: int
    patches: int

    @property
    def share(self) -> float:
        """Share of the bank's rows that were used."""
        return self.used / self.rows


def bank_usage(
    trace: CoresetTrace, found: Neighbors, count: int, valid: np.ndarray | None = None
) -> Usage:
    """Count how often each entry of a coreset is the nearest of a test patch.

    The coreset is the first `count` chosen entries, `found` the neighbours of the test patches.

    A bank of as many rows as there are is all of them, whatever the sampler. Patches count whose
    middle is `valid`, (N, H, W) bool; None = all.

    Raises
    ------
    ValueError: a neighbour that is not among these rows: the prediction is another bank's.
    """
    cells = max(int(trace.location.max()), int(found.location.max())) + 1
    total = len(trace.points)
    bank = np.arange(total) if count == total else np.unique(trace.order[:count])
    places = trace.image[bank].astype(np.int64) * cells + trace.location[bank]
    nearest = found.image[..., 0].astype(np.int64) * cells + found.location[..., 0]
    nearest = nearest.ravel() if valid is None else nearest[cells_inside(valid, nearest.shape[1:])]
    used, times = np.unique(nearest, return_counts=True)
    strange = ~np.isin(used, places)
    if strange.any():
        image, cell = divmod(int(used[strange][0]), cells)
        raise ValueError(
            f"expected a prediction with the first {count} entries of the {trace.sampler} trace, "
            "got one whose nearest patches lie elsewhere, "
            f"such as location {cell} of training image {image}"
        )
    most = int(times.argmax())
    row = int(bank[places == used[most]][0])
    return Usage(len(bank), len(used), row, int(times[most]), len(nearest))


def steps(count: int, more: set[int]) -> list[int]:
    """Return sizes from 1 to `count`, about equally far apart as logarithms.

    The sizes of `more` are among them.
    """
    regular = {round(m * 10**power) for power in range(len(str(count))) for m in MANTISSAS}
    return sorted({step for step in regular | more if 1 <= step < count} | {count})


class Bank:
    """The candidate rows of one category's memory bank, and what each sampler keeps of them.

    Parameters
    ----------
    traces: sampler's name -> its trace; all over the same rows. Distances are those of the first
        one's `points`.
    split: the test images.
    images: how many training images there are.
    predictions: sampler's name -> {share of the rows: prediction with a bank of that size}.
    results: the same of what `evaluate` says; what is not given is computed by `lessons`.

    Attributes
    ----------
    trace: the first; its points, images and cells are those of all.
    grid: (rows, columns) of the training images' cells.
    usage: sampler -> {rows: Usage}.  results: sampler -> {rows: Result}.
    distances: sampler -> {size: (M,) distance of every entry to its nearest chosen one}, as far as
        they are known.
    nearest: the same of which one that is, as its place in the order of choice.
    version: counts what was learned.

    Raises
    ------
    ValueError: traces of other rows, names that have no trace, or predictions of other images or of
        another bank.
    """

    def __init__(
        self,
        traces: Mapping[str, CoresetTrace],
        split: Split,
        images: int,
        predictions: Budgets | None = None,
        results: Mapping[str, Mapping[float, Result]] | None = None,
    ) -> None:
        self.traces, self.split, self.version = dict(traces), split, 0
        self.trace = next(iter(self.traces.values()))
        self.total = len(self.trace.points)
        _check(self.traces, images, predictions or {}, results or {}, split)
        self.predictions = self._by_rows(predictions or {})
        self.results = self._by_rows(results or {})
        self.grid = self.trace.grid or _square(int(self.trace.location.max()) + 1)
        self.distances: dict[str, dict[int, np.ndarray]] = {}
        self.nearest: dict[str, dict[int, np.ndarray]] = {}
        self._rows = np.full((images, int(np.prod(self.grid))), -1, np.int64)
        self._rows[self.trace.image, self.trace.location] = np.arange(self.total)
        self.usage = {name: self._usage(name) for name in self.traces}
        self._same_points = {
            name: self._points_are_shared(trace) for name, trace in self.traces.items()
        }

    @cached_property
    def _principal(self) -> tuple[np.ndarray, np.ndarray]:
        return principal_plane(self.trace.points)

    @cached_property
    def whole_numbers(self) -> tuple[np.ndarray, np.ndarray]:
        """All rows in the plane as the browser gets them.

        (M, 2) uint16 numbers of steps, and (3,) float64: where both axes start, and their common
        step.
        """
        plane = self._principal[0].astype(np.float64)
        start = plane.min(0)
        step = float((plane - start).max()) / STEPS or 1.0
        numbers = ((plane - start) / step).round().astype(np.uint16)
        return numbers, np.array([*start, step])

    @property
    def plane(self) -> tuple[np.ndarray, np.ndarray]:
        """All rows in the plane, (M, 2), to one of 65,535 steps.

        The second value is the fraction of the variance of each direction.
        """
        numbers, (x, y, step) = self.whole_numbers
        return np.array([x, y]) + step * numbers, self._principal[1]

    def inside(self, outline: Sequence[float]) -> np.ndarray:
        """Return the rows inside of an outline of the plane, [x, y, x, y, ...], (k,) int64.

        By the even-odd rule, as ``insideOf`` of lasso.js in the browser.
        """
        corners = np.asarray(outline, np.float64).reshape(-1, 2)
        x, y = self.plane[0].T
        within = np.zeros(self.total, bool)
        for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, 1, 0), strict=True):
            rows = np.flatnonzero((y0 > y) != (y1 > y))
            within[rows] ^= x[rows] < (x1 - x0) * (y[rows] - y0) / (y1 - y0) + x0
        return np.flatnonzero(within)

    def steps(self, name: str) -> list[int]:
        """Return the sizes of the coreset that are looked at.

        Learned proxies have only one, they are not nested.
        """
        count = len(self.traces[name].order)
        return (
            [count]
            if self.traces[name].sampler == "proxies"
            else steps(count, set(self.predictions.get(name, {})))
        )

    def order(self, name: str, count: int) -> np.ndarray:
        """Return the first `count` rows that a sampler chose."""
        return self.traces[name].order[:count]

    def distance(self, name: str, count: int) -> np.ndarray | None:
        """Return (M,) distances to the nearest of the first `count` chosen rows.

        None while they are not known.
        """
        return self.distances.get(name, {}).get(count)

    def radius(self, name: str, count: int) -> float | None:
        """Return the covering radius of the first `count` rows; None while it is not known."""
        trace = self.traces[name]
        known = float(trace.radius[count - 1]) if self._same_points[name] else float("nan")
        if np.isfinite(known):
            return known
        distance = self.distance(name, count)
        return None if distance is None else float(distance.max())

    def curves(self) -> dict[str, dict[str, Curve]]:
        """Return quantity -> {sampler: (rows, values)}.

        Unknown and undefined values are left out, samplers are not.
        """
        radius = {
            name: {count: self.radius(name, count) for count in self.steps(name)}
            for name in self.traces
        }
        found = {RADIUS: {name: _curve(values) for name, values in radius.items()}}
        for key, title in METRICS.items():
            found[title] = {
                name: _curve(
                    {count: getattr(one, key) for count, one in self.results.get(name, {}).items()}
                )
                for name in self.traces
            }
        used = {
            name: {count: one.share for count, one in usage.items()}
            for name, usage in self.usage.items()
        }
        found[USED] = {name: _curve(values) for name, values in used.items()}
        return {
            title: curves
            for title, curves in found.items()
            if any(len(rows) for rows, _ in curves.values())
        }

    @property
    def limits(self) -> tuple[float, float]:
        """Ends of the axis of budgets: one row, and the largest bank that anything is known of."""
        sizes = [len(trace.order) for trace in self.traces.values()]
        return 1.0, float(
            max([*sizes, *(count for found in self.results.values() for count in found)])
        )

    def tested(self, name: str, count: int, image: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what the patches of a test image were compared with, by the bank of a size.

        (rows, columns) distances, and of each patch the row that is its nearest, -1 where it is no
        candidate.

        Raises
        ------
        KeyError: there is no prediction with that bank, or it has no neighbours.
        """
        found = self.predictions[name][count].neighbors["patch"]
        rows = self._rows[found.image[image, ..., 0], found.location[image, ..., 0]]
        return np.sqrt(found.distance[image, ..., 0]).astype(np.float32), rows

    def nearest_chosen(self, row: int, name: str, count: int) -> tuple[int, float]:
        """Return the chosen row that stands for a row, and how far it is."""
        order, points = self.order(name, count), self.trace.points
        square = np.square(points[order] - points[row]).sum(1)
        best = int(square.argmin())
        return int(order[best]), float(np.sqrt(square[best]))

    @property
    def learned(self) -> bool:
        """Whether everything is known."""
        return set(self.distances) >= set(self.traces) and not list(self._unjudged())

    def lessons(self) -> Iterator[None]:
        """Compute what is not known yet, piece by piece."""
        for name in self.traces:
            if name not in self.distances:
                self.learn(name)
                yield
        missing = list(self._unjudged())
        for name, count in progress_bar(missing, label="metrics"):
            self.results.setdefault(name, {})[count] = evaluate(
                self.predictions[name][count], self.split
            )
        if missing:
            self.version += 1
            yield

    def learn(self, name: str) -> None:
        """Compute the distances to the coresets of a sampler."""
        counts = self.steps(name)
        distances, nearest = nearest_chosen(self.trace.points, self.traces[name].order, counts)
        self.nearest[name] = dict(zip(counts, nearest, strict=True))
        self.distances[name] = dict(zip(counts, distances, strict=True))
        self.version += 1

    def _unjudged(self) -> Iterator[tuple[str, int]]:
        for name, predictions in self.predictions.items():
            yield from (
                (name, count) for count in predictions if count not in self.results.get(name, {})
            )

    def _by_rows(self, found: Mapping[str, Mapping[float, T]]) -> dict[str, dict[int, T]]:
        return {
            name: {rows_kept(share, self.total): value for share, value in sorted(values.items())}
            for name, values in found.items()
        }

    def _usage(self, name: str) -> dict[int, Usage]:
        """Return the usage of the banks that are told apart by the trace; proxies know one."""
        trace, sizes = self.traces[name], self.steps(name)
        return {
            count: bank_usage(trace, prediction.neighbors["patch"], count, prediction.valid)
            for count, prediction in self.predictions.get(name, {}).items()
            if count in {*sizes, self.total} and "patch" in prediction.neighbors
        }

    def _points_are_shared(self, trace: CoresetTrace) -> bool:
        return trace.points is self.trace.points or np.array_equal(trace.points, self.trace.points)


def _curve(values: Mapping[int, float | None]) -> Curve:
    known = {
        rows: value
        for rows, value in sorted(values.items())
        if value is not None and np.isfinite(value)
    }
    return np.array(list(known), dtype=np.int64), np.array(list(known.values()), dtype=np.float64)


def _square(cells: int) -> tuple[int, int]:
    side = isqrt(cells)
    if side * side != cells:
        raise ValueError(
            f"expected a trace with its grid, or square images, got {cells} locations and no grid"
        )
    return side, side


def _check(
    traces: Mapping[str, CoresetTrace],
    images: int,
    predictions: Budgets,
    results: Mapping[str, Mapping[float, Result]],
    test: Split,
) -> None:
    first = next(iter(traces.values()))
    for name, trace in traces.items():
        if not (
            np.array_equal(trace.image, first.image)
            and np.array_equal(trace.location, first.location)
        ):
            raise ValueError(
                f"expected traces of the same patches, got others in {name!r}: fit on the same "
                "images"
            )
    if int(first.image.max()) >= images:
        raise ValueError(
            f"expected patches of {images} training images, got some of image "
            f"{int(first.image.max())}"
        )
    for name in {**predictions, **results}:
        if name not in traces:
            raise ValueError(
                f"expected predictions and results of {', '.join(traces)}, got some of {name!r}"
            )
    for name, found in predictions.items():
        for share, prediction in found.items():
            if len(prediction) != len(test):
                raise ValueError(
                    f"expected predictions of the {len(test)} test images, got one of "
                    f"{len(prediction)} for {name} at "
                    f"{share:g}"
                )
            prediction.check_images(test.ids)
