"""Features kept as float16 against float32: bounds derived from the rounding, and threads that
change last bits only.

float16 rounds a number to 11 bits, by at most U = 2**-11 of it, and below 2**-14 by at most 2**-25.
A vector x moves by at most U |x|, so the distance between x and y changes by at most U (|x| + |y|).
The least of several distances, means of them, bilinear resizing and smoothing change by no more
than the worst of what goes in.
"""

import numpy as np
import pytest
from plain_distillation import judged
from plain_patchcore import embedded
from plain_spade import full_features, pooled
from random_features import make_features

from adviz import (
    DN2,
    SPADE,
    ConventionalDistillation,
    Features,
    PaDiM,
    PatchCore,
    ReverseDistillation,
)
from threads import on_threads

U = 2.0**-11
SLACK = 1 + 1e-3  # for the float32 in which both sides are computed
LAYERS = ("layer1", "layer2", "layer3")


def rounded(features):
    return Features(
        {name: array.astype(np.float16) for name, array in features.items()}, image_size=(64, 64)
    )


def lengths(vectors):
    """The largest |x| among the vectors, float16's smallest numbers included."""
    return np.linalg.norm(np.abs(vectors) + 2.0**-14, axis=-1).max()


@pytest.fixture(scope="module")
def data():
    """Training and test features as float32 and rounded, with channels of different means as real
    ones have.
    """
    single = (
        make_features(8, seed=40, pattern=4, pixels=True),
        make_features(4, seed=41, defect=2, pattern=4, pixels=True),
    )
    return single, tuple(rounded(part) for part in single)


def within(found, exact, bound):
    """Assert that the change is within the bound, and that the bound is less than a thousand times
    more.
    """
    change = np.abs(found - exact).max()
    assert change <= bound * SLACK, (change, bound)
    assert change > bound / 1000


def root_bound(exact, change):
    """How much a square can change whose root changes by so much."""
    return change * (2 * np.sqrt(exact.max()) + change)


def test_dn2(data):
    (train, test), halves = data
    exact, found = (DN2(("layer3",)).fit(a).predict(b).score for a, b in (data[0], halves))
    # the mean of a cell's roundings is bounded by the mean of the cells' sizes
    change = U * sum(
        lengths(pooled({"layer3": np.abs(part["layer3"])}, ["layer3"])) for part in (train, test)
    )
    within(found, exact, root_bound(exact, change))


@pytest.mark.parametrize(
    "options", [{}, {"layer_upsample": "bilinear"}, {"search": "window", "radius": 1}], ids=str
)
def test_spade(data, options):
    """With all training images in the gallery, so that the same ones are compared."""
    (train, test), halves = data
    exact, found = (SPADE(k_images=8, **options).fit(a).predict(b) for a, b in (data[0], halves))
    change = U * sum(
        lengths(full_features({n: np.abs(part[n]) for n in LAYERS}, LAYERS))
        for part in (train, test)
    )
    squared = sum(exact.layer_maps.values())
    within(sum(found.layer_maps.values()), squared, root_bound(squared, change))
    within(found.anomaly_map, exact.anomaly_map, root_bound(squared, change))


def test_padim(data):
    """The Gaussian is that of float32; |L^-1 (x' - x)| <= U |x| / sqrt(epsilon), as no eigenvalue
    is below epsilon.
    """
    (train, test), (_, half) = data
    detector = PaDiM(dimension=6).fit(train)
    exact, found = detector.predict(test), detector.predict(half)
    change = (
        U
        * lengths(full_features({n: test[n] for n in LAYERS}, LAYERS)[..., detector.channels_])
        / 0.1
    )
    within(found.anomaly_map, exact.anomaly_map, change)
    within(found.score, exact.score, change)
    refitted = PaDiM(dimension=6).fit(rounded(train)).predict(half)
    # measured, as a covariance's inverse has no such bound: 0.09 % of the largest value; 0.5 % are
    # allowed
    np.testing.assert_allclose(
        refitted.anomaly_map, exact.anomaly_map, atol=5e-3 * exact.anomaly_map.max()
    )


@pytest.mark.parametrize(
    "how", [{"aggregation": "mean"}, {"aggregation": "adaptive", "dimension": 8}], ids=str
)
@pytest.mark.parametrize("squared", [False, True])
def test_patchcore(data, how, squared):
    """A full bank, so that the rows are the same ones; and a coreset that was chosen and kept as
    float32.
    """
    (train, test), (half_train, half) = data
    # every embedding takes weighted means, and those of the absolute values bound those of their
    # roundings
    sizes = [
        embedded([np.abs(part[n]) for n in ("layer2", "layer3")], **how) for part in (train, test)
    ]
    options = {**how, "image_score": "max", "distance": "squared" if squared else "euclidean"}
    detector = PatchCore(coreset=1.0, **options).fit(train)
    exact, found = (
        detector.predict(test),
        PatchCore(coreset=1.0, **options).fit(half_train).predict(half),
    )
    nearest = exact.neighbors["patch"].distance[..., 0]
    for prediction, reference, change in (
        (found, exact, U * sum(map(lengths, sizes))),
        (detector.predict(half), exact, U * lengths(sizes[1])),
    ):
        bound = root_bound(nearest, change) if squared else change
        within(prediction.anomaly_map, reference.anomaly_map, bound)
        within(prediction.score, reference.score, bound)


def test_a_reweighted_score_where_the_same_rows_are_compared(data):
    """Eq. 7's weight w = 1 - p: with all distances off by at most c, p moves by at most c / 2, w s
    by c + c s / 2.
    """
    (train, test), (_, half) = data
    detector = PatchCore(coreset=0.2, aggregation="mean").fit(train)
    exact, found = detector.predict(test), detector.predict(half)
    sizes = embedded([np.abs(test[n]) for n in ("layer2", "layer3")], aggregation="mean")
    change, largest = U * lengths(sizes), np.sqrt(exact.neighbors["patch"].distance[..., 0].max())
    np.testing.assert_array_equal(
        found.neighbors["patch"].image[..., 0], exact.neighbors["patch"].image[..., 0]
    )
    within(found.score, exact.score, change + change * largest / 2)


@pytest.mark.parametrize("kind", [ReverseDistillation, ConventionalDistillation])
def test_distillation(data, kind):
    """The teacher's part has a bound, the student's has not: together 2.1 U were measured, 4 U are
    allowed.
    """
    (train, test), (_, half) = data
    detector = kind(epochs=4, student="small").fit(train)
    exact, found = detector.predict(test), detector.predict(half)
    # the teacher's part alone, the student's layers as they were: x / |x| moves by at most U, and
    # so does the cosine
    same = judged({n: half[n].astype(float) for n in LAYERS}, detector.rebuild(test), (64, 64))
    for name in LAYERS:
        assert np.abs(same.layer_maps[name] - exact.layer_maps[name]).max() <= U * SLACK + 1e-6
        assert np.abs(found.layer_maps[name] - exact.layer_maps[name]).max() <= 4 * U
    np.testing.assert_allclose(found.score, exact.score, atol=len(LAYERS) * 4 * U)


# ---- threads

DETECTORS = {
    "DN2": DN2,
    "SPADE": lambda: SPADE(k_images=4),
    "SPADE, window": lambda: SPADE(k_images=4, search="window", radius=1),
    "PaDiM": PaDiM,
    "PaDiM, Cholesky": lambda: PaDiM(dimension=4),
    "PatchCore": PatchCore,
    "PatchCore, adaptive": lambda: PatchCore(aggregation="adaptive", dimension=8),
    "ReverseDistillation": lambda: ReverseDistillation(epochs=2, student="small"),
    "ConventionalDistillation": lambda: ConventionalDistillation(epochs=2, student="small"),
}


@pytest.mark.parametrize("make", DETECTORS.values(), ids=DETECTORS)
def test_two_threads_find_what_one_finds(data, make):
    train, test = data[0]
    one, two = (on_threads(count, lambda: make().fit(train).predict(test)) for count in (1, 2))
    # float32 sums in another order; a student's training carries such differences on from step to
    # step
    rtol = 1e-3 if "Distillation" in one.detector else 1e-5
    np.testing.assert_allclose(two.score, one.score, rtol=rtol)
    if one.anomaly_map is not None:
        np.testing.assert_allclose(two.anomaly_map, one.anomaly_map, rtol=rtol)
    for name, found in one.neighbors.items():
        np.testing.assert_array_equal(two.neighbors[name].image, found.image)
        np.testing.assert_array_equal(two.neighbors[name].location, found.location)


def test_two_threads_choose_the_same_coreset(data):
    one, two = (
        on_threads(count, lambda: PatchCore(coreset=0.3).fit(data[0][0]).trace_) for count in (1, 2)
    )
    np.testing.assert_array_equal(two.order, one.order)
    assert two.digest == one.digest
