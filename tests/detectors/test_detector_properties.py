"""What holds for the detectors whatever the features: more normals never raise a map, order does
not matter.
"""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adviz import DN2, SPADE, Features, PaDiM, PatchCore

# Re-scored by direct subtraction in float32.
ROUNDING = 1e-5
MATCHERS = {
    "DN2": lambda n: DN2(k_images=min(3, n)),
    "SPADE": lambda n: SPADE((4, 8), k_images=min(3, n)),
    "SPADE, per layer": lambda n: SPADE(
        (4, 8), k_images=min(3, n), match="per_layer", distance="euclidean"
    ),
    "PaDiM": lambda n: PaDiM((4, 8), dimension=4),
    "PatchCore": lambda n: PatchCore((4, 8), coreset=1.0),
}
every_matcher = pytest.mark.parametrize("make", MATCHERS.values(), ids=MATCHERS)


@st.composite
def splits(draw, least=1):
    """Training and test features of a few images with two maps and a last block."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, columns = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    shapes = {
        "layer1": (2, 2 * rows, 2 * columns),
        "layer2": (3, rows, columns),
        "layer4": (4, 1, 1),
    }
    shift, scale = draw(st.sampled_from([0.0, 100.0])), draw(st.sampled_from([0.1, 1.0, 30.0]))
    made = []
    for count in (draw(st.integers(least, 5)), draw(st.integers(1, 4))):
        layers = {
            n: (shift + scale * rng.normal(size=(count, *s))).astype(np.float32)
            for n, s in shapes.items()
        }
        strides = {"layer1": 4, "layer2": 8, "layer4": 32}
        made.append(Features(layers, image_size=(8 * rows, 8 * columns), strides=strides))
    return made


def predicted(detector, train, test):
    return detector.fit(train).predict(test)


def assert_alike(one, other, images=slice(None)):
    # PaDiM's covariances have condition numbers up to 30**2 / 0.01, which multiply float32's 6e-8
    rtol = 1e-2 if one.detector == "PaDiM" else 10 * ROUNDING
    np.testing.assert_allclose(one.score, other.score[images], rtol=rtol)
    if one.anomaly_map is not None:
        np.testing.assert_allclose(one.anomaly_map, other.anomaly_map[images], rtol=rtol)


@given(splits(), st.sampled_from(["joint", "per_layer"]), st.sampled_from(["nearest", "bilinear"]))
def test_spades_map_never_rises_with_k_nor_with_the_windows_radius(case, match, upsample):
    train, test = case
    options = {"match": match, "layer_upsample": upsample, "layers": (4, 8)}
    ks = [
        predicted(SPADE(k_images=k, **options), train, test).anomaly_map
        for k in range(1, train.n_images + 1)
    ]
    windows = [
        predicted(
            SPADE(k_images=1, search="window", radius=radius, **options), train, test
        ).anomaly_map
        for radius in range(4)
    ]
    for found in (ks, windows):
        for fewer, more in pairwise(found):
            assert (more <= fewer * (1 + ROUNDING)).all()


@given(splits(), st.integers(1, 4))
def test_more_neighbours_never_lower_a_mean_of_distances(case, most):
    """The score is a mean over the nearest, each farther than the one before."""
    train, test = case
    spades = [
        predicted(SPADE((4, 8), score_neighbors=kappa), train, test).anomaly_map
        for kappa in range(1, most + 1)
    ]
    dn2s = [predicted(DN2(k_images=k), train, test).score for k in range(1, train.n_images + 1)]
    for found in (spades, dn2s):
        for fewer, more in pairwise(found):
            assert (more >= fewer * (1 - ROUNDING)).all()


@given(splits(), st.data())
def test_a_larger_bank_is_never_farther(case, data):
    train, test = case
    shares = sorted(data.draw(st.sets(st.sampled_from([0.2, 0.5, 0.8, 1.0]), min_size=2)))
    maps = [
        predicted(PatchCore((4, 8), coreset=share), train, test).anomaly_map for share in shares
    ]
    for fewer, more in pairwise(maps):
        assert (more <= fewer * (1 + ROUNDING)).all()


@every_matcher
@given(case=splits(2), seed=st.integers(0, 2**32 - 1), data=st.data())
def test_the_order_of_the_images_and_who_else_is_tested_change_nothing(make, case, seed, data):
    train, test = case
    rng = np.random.default_rng(seed)
    expected = predicted(make(train.n_images), train, test)
    mixed = train.select(images=rng.permutation(train.n_images))
    # More than a batch of 8
    chosen = data.draw(st.lists(st.integers(0, test.n_images - 1), min_size=1, max_size=9))
    assert_alike(
        predicted(make(train.n_images), mixed, test.select(images=chosen)), expected, chosen
    )


@every_matcher
@given(case=splits())
def test_a_training_image_is_nearer_to_itself_than_anything_moved_away(make, case):
    train, _ = case
    detector = make(train.n_images).fit(train)
    own = detector.predict(train)
    spread = max(float(array.std()) for array in train.values())
    far = Features(
        {n: a + 100 * spread + 1 for n, a in train.items()},
        image_size=train.image_size,
        strides=train.strides,
    )
    assert detector.predict(far).score.min() > own.score.max()
    if isinstance(detector, PatchCore):
        assert (own.neighbors["patch"].distance[..., 0] == 0).all()
        assert own.anomaly_map.max() == 0


@given(splits(2), st.sampled_from([0.5, 2.0, 64.0]))
def test_distances_scale_with_the_features(case, factor):
    """Powers of two, by which float32 scales exactly."""
    train, test = case
    large = [
        Features(
            {n: factor * a for n, a in part.items()},
            image_size=part.image_size,
            strides=part.strides,
        )
        for part in case
    ]
    for make, power in (
        (MATCHERS["DN2"], 2),
        (MATCHERS["SPADE"], 2),
        (MATCHERS["SPADE, per layer"], 1),
    ):
        before, after = (
            predicted(make(train.n_images), train, test),
            predicted(make(train.n_images), *large),
        )
        np.testing.assert_allclose(after.score, factor**2 * before.score, rtol=10 * ROUNDING)
        if before.anomaly_map is not None:
            np.testing.assert_allclose(
                after.anomaly_map, factor**power * before.anomaly_map, rtol=10 * ROUNDING
            )
    before, after = (predicted(PatchCore((4, 8), coreset=0.5), *pair) for pair in (case, large))
    np.testing.assert_allclose(after.anomaly_map, factor * before.anomaly_map, rtol=10 * ROUNDING)
