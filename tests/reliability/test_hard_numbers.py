"""Numbers at the ends of what arithmetic holds, and data sets at the ends of what they can be:
right, or refused.
"""

import numpy as np
import pytest
from conditions import small_features, small_tree
from PIL import Image

from adviz import (
    DN2,
    SPADE,
    Features,
    PaDiM,
    PatchCore,
    Prediction,
    ReverseDistillation,
    data,
    evaluate,
)
from adviz.core import neighbors
from adviz.data import Geometry, Split

MATCHERS = {
    "DN2": lambda: DN2(layers=(16,)),
    "SPADE": lambda: SPADE(layers=(8, 16), image_layers=(16,), k_images=2, k_images_score=2),
    "PaDiM": lambda: PaDiM(layers=(4, 8), sigma=0),
    "PatchCore": lambda: PatchCore(layers=(8, 16), coreset=0.5, image_score="max"),
    "PatchCore, random": lambda: PatchCore(
        layers=(8, 16), coreset=0.5, sampler="random", image_score="max"
    ),
}
DETECTORS = MATCHERS | {
    "DN2, inverted file": lambda: DN2(layers=(16,), index="ivf"),
    "SPADE, product codes": lambda: SPADE(
        layers=(8, 16), image_layers=(16,), search="ivfpq", k_images=2, k_images_score=2
    ),
    "ReverseDistillation": lambda: ReverseDistillation(
        layers=(4, 8, 16), epochs=1, student="small"
    ),
}
GEOMETRY = Geometry(32, crop=False)


@pytest.fixture(params=MATCHERS.values(), ids=MATCHERS)
def matcher(request):
    return request.param()


@pytest.fixture(params=DETECTORS.values(), ids=DETECTORS)
def detector(request):
    return request.param()


def same(features, value):
    return Features(
        {name: np.full_like(array, value) for name, array in features.items()}, image_size=(64, 64)
    )


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_training_images_without_any_variation(matcher, value):
    """A dead network, or one image over and over: what is alike scores 0 and what is not scores
    above.
    """
    matcher.fit(same(small_features(6), value))
    np.testing.assert_array_equal(matcher.predict(same(small_features(2), value)).score, [0, 0])
    found = matcher.predict(small_features(3, seed=1))
    assert (found.score > 0).all()
    assert found.anomaly_map is None or np.isfinite(found.anomaly_map).all()


def test_training_images_that_are_all_the_same_one(matcher):
    test = small_features(4, seed=1, defect=2)
    found = matcher.fit(small_features(6).select(images=[0] * 6)).predict(test)
    assert np.isfinite(found.score).all()
    assert found.score.argmax() == 2


@pytest.mark.parametrize("scale", [1e16, 1e30, 1e-17, 1e-40])
def test_features_whose_squares_float32_does_not_hold_are_refused(detector, scale):
    """Their distances would be infinite, or all 0, and faiss ends the whole process where it meets
    infinity.
    """
    message = r"expected a largest value between 1e-15 and 1e\+15, got .* in layer\d: float32 does not hold its square"
    with pytest.raises(ValueError, match=message):
        detector.fit(small_features(6, scale=scale))
    with pytest.raises(ValueError, match=message):
        detector.fit(small_features(6)).predict(small_features(2, seed=1, scale=scale))


@pytest.mark.parametrize("scale", [1e-13, 1e13])
def test_features_within_these_limits_are_compared_as_others_are(matcher, scale):
    test = small_features(4, seed=1, defect=2)
    expected = matcher.fit(small_features(6)).predict(test).score
    if isinstance(matcher, PaDiM):  # its regularisation, 0.01, is in the features' unit
        assert (
            matcher.fit(small_features(6, scale=scale))
            .predict(small_features(4, 1, 2, scale=scale))
            .score.all()
        )
        return
    power = 1 if isinstance(matcher, PatchCore) else 2
    found = (
        matcher.fit(small_features(6, scale=scale))
        .predict(small_features(4, 1, 2, scale=scale))
        .score
    )
    # Roundings of float32, and of the scale
    np.testing.assert_allclose(found / scale**power, expected, rtol=2e-4)


@pytest.mark.parametrize("scale", [3000, 3e-6])
def test_float16_features_at_both_its_ends_find_the_defect(matcher, scale):
    """Up to 65504, and down to where its numbers have three bits left; the sums are float32."""
    train, test = (
        small_features(6, dtype=np.float16, scale=scale),
        small_features(4, 1, 2, np.float16, scale),
    )
    assert max(abs(array).max() for array in test.values()) > (30000 if scale > 1 else 0)
    assert matcher.fit(train).predict(test).score.argmax() == 2


def test_rows_whose_distances_are_no_numbers_are_refused():
    rows = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    message = "expected a bank without NaN, and rows whose squared distances float32 holds"
    with pytest.raises(ValueError, match=message):
        neighbors.nearest(rows * np.float32(1e25), rows * np.float32(1e25), 2)
    broken = rows.copy()
    broken[3] = np.nan
    with pytest.raises(ValueError, match=message):
        neighbors.nearest(rows, broken, 5)


def split(labels):
    count = len(labels)
    return Split.from_arrays(np.zeros((count, 8, 8, 3), np.uint8), labels, geometry=GEOMETRY)


def test_scores_at_the_ends_of_float64_are_only_ordered():
    scores = np.array([-1.7e308, 5e-324, 0.0, 1.7e308])
    assert evaluate(Prediction(scores), split([0, 1, 0, 1])).image_auroc == 1
    assert evaluate(Prediction(scores), split([0, 1, 0, 1])).threshold_f1 == 5e-324


def test_scores_that_are_all_equal_tell_nothing():
    found = evaluate(Prediction(np.full(6, 0.25)), split([0, 0, 0, 0, 1, 1]))
    assert (found.image_auroc, found.image_ap) == (0.5, pytest.approx(1 / 3))
    assert (found.threshold_f1, found.false_positives, found.false_positives_at_full_recall) == (
        0.25,
        4,
        4,
    )


def test_a_defect_of_one_pixel_counts(tmp_path):
    category = small_tree(tmp_path / "nut")
    for path in (tmp_path / "nut" / "ground_truth").rglob("*.png"):
        mask = np.zeros((32, 32), np.uint8)
        mask[20, 5] = 255
        Image.fromarray(mask).save(path)
    maps = np.zeros((4, 32, 32))
    maps[:, 20, 5] = [0, 0, 1, 1]
    found = evaluate(Prediction(np.array([0, 0, 1.0, 1]), maps), category.test)
    assert (found.pixel_auroc, found.pixel_ap, found.pro) == (1, 1, 1)
    missed = evaluate(Prediction(np.array([0, 0, 1.0, 1]), np.roll(maps, 1, axis=2)), category.test)
    assert missed.pixel_auroc < 0.5  # the only pixels of the defects share the lowest value
    assert missed.pro < 0.2
    assert data.folder(tmp_path / "nut", geometry=GEOMETRY).test.masks_array().sum() == 2


def test_a_split_without_images_has_no_metrics_and_no_features():
    nothing = split([])
    found = evaluate(Prediction(np.zeros(0)), nothing)
    assert np.isnan(found.image_auroc)
    assert found.reasons["image_auroc"] == "no anomalous image in the test set"
    with pytest.raises(ValueError, match="expected the features of at least one image, got none"):
        DN2(layers=(16,)).fit(small_features(2).select(images=[]))


def test_a_prediction_of_another_category_with_as_many_images_is_refused(tmp_path):
    nut, bolt = (
        small_tree(tmp_path / name, defect=defect)
        for name, defect in (("nut", "hole"), ("bolt", "bent"))
    )
    train, test = small_features(4), small_features(4, seed=1, defect=2, ids=nut.test.ids)
    prediction = PatchCore(layers=(8, 16), coreset=0.5).fit(train).predict(test)
    resized = Prediction(prediction.score, ids=prediction.ids)
    assert evaluate(resized, nut.test).image_auroc >= 0.5
    with pytest.raises(
        ValueError, match=r"image 0 is 'test/bent/0.png' here and was 'test/good/0.png'"
    ):
        evaluate(resized, bolt.test)
