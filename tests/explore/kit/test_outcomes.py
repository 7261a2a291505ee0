import numpy as np
import pytest
import sklearn.metrics

from adviz.explore.kit import outcomes

SCORES = np.array([0.1, 0.9, 0.5, 0.7, 0.3, 0.8])
LABELS = np.array([0, 0, 1, 1, 1, -1])


@pytest.mark.parametrize("seed", range(5))
def test_outcome_is_the_confusion_matrix_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    scores, labels = np.round(rng.random(40), 1), rng.integers(0, 2, 40)
    found, flagged = outcomes.outcome(scores, labels, 0.4), scores >= 0.4
    (tn, fp), (fn, tp) = sklearn.metrics.confusion_matrix(labels, flagged)
    assert found == outcomes.Outcome(0.4, tp, fn, fp, tn, 0, 0)
    assert found.precision == pytest.approx(sklearn.metrics.precision_score(labels, flagged))
    assert found.recall == pytest.approx(sklearn.metrics.recall_score(labels, flagged))
    assert found.f1 == pytest.approx(sklearn.metrics.f1_score(labels, flagged))


def test_unlabelled_images_are_in_no_ratio():
    found = outcomes.outcome(SCORES, LABELS, 0.7)
    assert found == outcomes.Outcome(0.7, 1, 2, 1, 1, 1, 0)
    assert (found.precision, found.recall, found.f1) == (1 / 2, 1 / 3, 2 / 5)


def test_ratios_that_are_undefined_are_nan():
    nothing = outcomes.outcome(SCORES, LABELS, 2.0)
    assert np.isnan(nothing.precision)
    assert (nothing.recall, nothing.f1) == (0, 0)
    good = outcomes.outcome(SCORES, np.zeros(6), 0.5)
    assert np.isnan([good.recall, good.f1]).all()
    assert good.precision == 0


def test_errors_are_those_on_the_wrong_side_the_worst_first():
    found = outcomes.wrong(
        np.array([5.0, 4, 1, 3, 2, 5, 4]), np.array([0, 0, 1, 1, 1, -1, -1]), 4.0
    )
    assert found.false_positives.tolist() == [0, 1]
    assert found.false_negatives.tolist() == [2, 4, 3]
    assert found.unlabelled.tolist() == [5, 6]


def test_a_float32_score_at_its_own_value_is_flagged():
    scores = np.array([0.1, 0.7], np.float32)
    assert outcomes.outcome(scores, np.array([0, 1]), float(scores[1])).true_positives == 1
    assert outcomes.wrong(scores, np.array([0, 1]), float(scores[1])).false_negatives.tolist() == []


def test_where_the_line_starts():
    # 3 found, 1 wrong: better than any other
    assert outcomes.first_threshold(SCORES, LABELS) == (0.3, "F1-optimal")
    good, why = outcomes.first_threshold(SCORES, np.where(LABELS == 1, 0, LABELS))
    assert outcomes.outcome(SCORES, np.zeros(6), good).false_positives == 0
    assert good == np.nextafter(0.9, 1)
    assert "good" in why
    line, why = outcomes.first_threshold(np.arange(100.0), np.full(100, -1))
    assert line == 95
    assert "5%" in why


def test_full_recall_is_the_highest_threshold_that_misses_nothing():
    line = outcomes.full_recall(SCORES, LABELS)
    assert outcomes.outcome(SCORES, LABELS, line).false_negatives == 0
    assert outcomes.outcome(SCORES, LABELS, np.nextafter(line, 1)).false_negatives == 1
    assert np.isnan(outcomes.full_recall(SCORES, np.zeros(6)))
