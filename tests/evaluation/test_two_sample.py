"""Whether images are stranger than good ones."""

import numpy as np
import pytest

from adviz import Null, Prediction, drift
from adviz.evaluation.two_sample import _detectable, _holm, _sample


def prediction(score, layer=0.0, detector="mine"):
    maps = np.full((len(score), 4, 4), 1.0) + np.asarray(layer).reshape(-1, 1, 1)
    return Prediction(np.asarray(score), layer_maps={"layer2": maps}, detector=detector)


def test_it_is_mann_and_whitneys_count_of_pairs():
    good, today = np.array([1.0, 2, 2, 5]), np.array([2.0, 3, 6])
    found = drift(Null.of(prediction(good)), prediction(today))
    pairs = (today[:, None] > good) + 0.5 * (today[:, None] == good)
    assert found.shifts["score"].stranger == pytest.approx(pairs.mean())
    assert found.shifts["layer2"].stranger == 0.5  # all are equal
    np.testing.assert_allclose(found.p_values, [4 / 5, 2 / 5, 1 / 5])
    assert "3 images against 4 good ones; score: stranger in 75 % of pairs" in repr(found)


def test_the_sample_is_that_of_the_null():
    good = np.array([3.0, 1, 2, 2, 2])
    null = Null.of(prediction(good))
    np.testing.assert_array_equal(_sample(null.good["score"]), np.sort(good))


def test_good_images_drift_as_seldom_as_the_level_says():
    """In 400 draws at 5 %: 20 expected, more than 33 in one of 1000 cases."""
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(400):
        scores, layers = rng.normal(size=(2, 90))
        null = Null.of(prediction(scores[:60], layers[:60]))
        found += drift(null, prediction(scores[60:], layers[60:])).found
    assert found <= 33


def test_the_shift_that_is_said_to_be_found_is_found_in_four_of_five_draws():
    """With one test alone; 320 of 400 expected, 26 are three standard deviations and more."""
    rng = np.random.default_rng(1)
    detectable = _detectable(40, 60, 0.05)
    # Of normal scores that are this much larger, that fraction of pairs is
    from scipy.stats import norm

    by = norm.ppf(detectable) * np.sqrt(2)
    found = 0
    for _ in range(400):
        null = Null.of(Prediction(rng.normal(size=60), detector="mine"))
        today = Prediction(rng.normal(by, size=40), detector="mine")
        found += drift(null, today).found
    assert abs(found - 320) <= 26


def test_a_layer_alone_can_drift():
    rng = np.random.default_rng(2)
    null = Null.of(prediction(rng.normal(size=50), rng.normal(size=50)))
    found = drift(null, prediction(rng.normal(size=30), rng.normal(2, size=30)))
    assert found.found
    assert found.shifts["score"].p_value > 0.05 > found.shifts["layer2"].p_value


def test_p_values_of_several_tests_are_made_larger():
    assert _holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert _holm([0.9, 0.6]) == [1.0, 1.0]


def test_other_detectors_and_levels_are_refused():
    null = Null.of(prediction([1.0, 2]))
    with pytest.raises(ValueError, match="expected a prediction of the detector 'mine'"):
        drift(null, prediction([1.0], detector="other"))
    with pytest.raises(ValueError, match="expected a level above 0 and below 1, got 5"):
        drift(null, prediction([1.0]), level=5)
    with pytest.raises(ValueError, match="at least one image, got none"):
        drift(null, prediction([]))
