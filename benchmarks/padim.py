"""PaDiM: batched, low-rank Gaussians beside numpy's and scipy's functions in a loop over positions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from scipy.spatial.distance import mahalanobis
from threadpoolctl import threadpool_limits

from adviz import PaDiM
from adviz.features.features import Features
from benchmarks.data import features, widened
from benchmarks.timing import Options, Section, Way, interleaved, peak_memory

PART = 16  # positions that the loops are timed on; each costs the same
IMAGES = 8
AGREEMENT = 1e-5  # relative to the largest distance


def run(options: Options) -> Iterator[Section]:
    """Time d = 100 on the embedded network and d = 550 on WideResNet50's channels."""
    train, test = features(options.quick)
    layers = (4, 8, 16)
    few = range(min(IMAGES, test.n_images))
    yield _section(train.select(layers), test.select(layers, few), 100, options)
    yield _section(widened(train), widened(test, len(few)), 550, options)


def _section(train: Features, test: Features, dimension: int, options: Options) -> Section:
    with peak_memory() as peak:
        fitted = PaDiM(dimension=dimension).fit(train)
        extra = peak()
    vectors, queries = (_part(found, fitted.channels_) for found in (train, test))
    count, positions = test.n_images, len(fitted.mean_)
    stored = fitted.factor_.factor.nbytes / 2**30
    section = Section(
        f"PaDiM, {positions} positions, {train.n_images} training images, d = {dimension}"
    )
    section.facts.append(_check(fitted, test, vectors, queries))
    section.facts.append(f"model {stored:.2f} GiB, {extra / 1024:.2f} GiB more while it is fitted")
    inverses = _invert(vectors)
    parts = positions / PART
    fit = [
        Way("adviz fit", partial(PaDiM(dimension=dimension).fit, train)),
        Way(
            "np.cov and np.linalg.inv loop",
            lambda: _invert(vectors),
            parts,
            f"{PART} positions timed",
        ),
    ]
    score = [
        Way(
            f"adviz score, {count} images",
            partial(fitted.predict, test),
            note="maps, smoothing, shares included",
        ),
        Way(
            "scipy mahalanobis loop",
            lambda: _distances(inverses, queries),
            parts,
            f"{PART} positions timed, no map",
        ),
    ]
    section.rows = interleaved(fit, options.repeats) + interleaved(score, options.repeats)
    _targets(section, dimension, count, stored)
    return section


def _targets(section: Section, dimension: int, count: int, stored: float) -> None:
    fit, score = (
        section.seconds("adviz fit"),
        section.seconds(f"adviz score, {count} images") / count,
    )
    limits = {100: (0.5, 0.015), 550: (6, 0.15)}[dimension]
    section.within(f"PaDiM d={dimension} fit, seconds (for orientation)", fit, limits[0])
    section.within(
        f"PaDiM d={dimension} score of an image, seconds (for orientation)", score, limits[1]
    )
    if dimension == 550:
        section.within("PaDiM d=550, model", stored, 1.5, " GiB")


def _part(found: Features, channels: np.ndarray) -> np.ndarray:
    """Return (PART, images, d) float64 of positions spread over the grid."""
    size = max(array.shape[2:] for array in found.values())
    row, column = np.divmod(_places(size[0] * size[1]), size[1])
    layers = [
        array[:, :, row * array.shape[2] // size[0], column * array.shape[3] // size[1]]
        for array in found.values()
    ]
    return np.concatenate(layers, 1)[:, channels].transpose(2, 0, 1).astype(np.float64)


def _places(positions: int) -> np.ndarray:
    return np.linspace(0, positions - 1, PART).astype(int)


def _invert(vectors: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the mean and the inverse covariance of every position, one after the other.

    One thread does it: with matrices of this size several mostly wait for each other (five times as
    long on two busy cores), which would flatter what they are compared with.
    """
    found = []
    with threadpool_limits(1, user_api="blas"):
        for rows in vectors:
            covariance = np.cov(rows, rowvar=False) + 0.01 * np.eye(rows.shape[1])
            found.append((rows.mean(0), np.linalg.inv(covariance)))
    return found


def _distances(inverses: list[tuple[np.ndarray, np.ndarray]], queries: np.ndarray) -> np.ndarray:
    """Return (positions, images) Mahalanobis distances, one after the other."""
    pairs = zip(inverses, queries, strict=True)
    with threadpool_limits(1, user_api="blas"):
        return np.array(
            [[mahalanobis(row, mean, inverse) for row in rows] for (mean, inverse), rows in pairs]
        )


def _check(fitted: PaDiM, test: Features, vectors: np.ndarray, queries: np.ndarray) -> str:
    """Assert that distances agree with scipy's in float64."""
    squared = np.sum(list(fitted.predict(test).layer_maps.values()), axis=0)
    ours = np.sqrt(squared.reshape(len(squared), -1)[:, _places(len(fitted.mean_))].T)
    theirs = _distances(_invert(vectors), queries)
    error = np.abs(ours - theirs).max() / theirs.max()
    assert error < AGREEMENT, f"a Mahalanobis distance is off by {error:.1e}"
    return f"checked: distances equal scipy's in float64 to {error:.0e} of the largest (allowed: {AGREEMENT:.0e})"
