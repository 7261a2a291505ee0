"""What counted errors say of the rates on further images."""

import numpy as np
import pytest
from scipy.stats import binom

from adviz import Prediction, calibrate, data
from adviz.evaluation import ErrorRate


@pytest.mark.parametrize(("count", "of"), [(0, 1), (1, 1), (0, 30), (4, 30), (30, 30), (3, 1000)])
def test_the_interval_ends_where_the_count_would_be_unlikely(count, of):
    """Each end leaves 2.5 % to the counts beyond; the definition of Clopper and Pearson."""
    low, high = ErrorRate(count, of).interval
    assert low == 0 if count == 0 else binom.sf(count - 1, of, low) == pytest.approx(0.025)
    assert high == 1 if count == of else binom.cdf(count, of, high) == pytest.approx(0.025)


def test_the_promise_is_one_sided_and_holds():
    rate = ErrorRate(2, 200, confidence=0.9)
    assert binom.cdf(2, 200, rate.promise) == pytest.approx(0.1)
    assert rate.rate < rate.promise < rate.interval[1]
    assert ErrorRate(3, 3).promise == 1
    # Of draws with a true rate of 5 %, the promise is broken in 10 % at most
    counts = np.arange(201)
    promises = np.array([ErrorRate(int(n), 200, 0.9).promise for n in counts])
    assert binom.pmf(counts, 200, 0.05)[promises < 0.05].sum() <= 0.1


@pytest.mark.parametrize(("count", "of", "rate"), [(0, 112, 0.02), (1, 20, 0.1), (0, 500, 0.02)])
def test_so_many_more_images_are_needed_and_not_one_fewer(count, of, rate):
    more = ErrorRate(count, of).images_for(rate)
    assert ErrorRate(count, of + more).promise <= rate
    assert more == 0 or ErrorRate(count, of + more - 1).promise > rate


def test_what_is_no_count_or_rate_is_refused():
    for given in ((3, 2), (-1, 5), (0, 0)):
        with pytest.raises(ValueError, match="expected a count from 0"):
            ErrorRate(*given)
    with pytest.raises(ValueError, match="a confidence between 0 and 1, got 0 of 5 and 95"):
        ErrorRate(0, 5, 95)
    with pytest.raises(ValueError, match="expected a rate above 0 and below 1, got 2"):
        ErrorRate(0, 5).images_for(2)


def split_of(labels, folder):
    names = [f"{folder}/{number}" for number in range(len(labels))]
    pixels = np.zeros((len(labels), 8, 8, 3), np.uint8)
    geometry = data.Geometry(8, crop=False)
    return data.Split.from_arrays(pixels, labels, names=names, geometry=geometry)


def test_a_threshold_counts_its_errors():
    labels = [0, 0, 0, 1, 1, -1]
    prediction = Prediction(np.array([1.0, 2, 5, 3, 9, 9]), detector="mine")
    split = split_of(labels, "line")
    threshold = calibrate(prediction, split, rule="full_recall")
    rates = threshold.error_rates(prediction, split, confidence=0.9)
    assert rates.false_alarms == ErrorRate(1, 3, 0.9)
    assert rates.misses == ErrorRate(0, 2, 0.9)
    assert rates.optimistic
    others = split_of([0, 0, 0, 0, 0, 0], "other")
    rates = threshold.error_rates(prediction, others)
    assert rates.false_alarms == ErrorRate(4, 6)
    assert rates.misses is None
    assert not rates.optimistic


def test_errors_of_another_detector_are_not_counted():
    split = split_of([0, 1], "line")
    threshold = calibrate(Prediction(np.array([1.0, 2]), detector="mine"), split)
    with pytest.raises(ValueError, match="expected a prediction of the detector 'mine'"):
        threshold.error_rates(Prediction(np.array([1.0, 2]), detector="other"), split)
