import numpy as np
import pytest
import sklearn.metrics

from adviz.metrics import (
    auroc,
    f1_threshold,
    false_positives_at_full_recall,
    full_recall_threshold,
    perfect,
)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("step", [None, 1])
def test_f1_is_the_best_of_all_thresholds(seed, step):
    rng = np.random.default_rng(seed)
    labels = rng.random(60) < 0.4
    scores = rng.normal(size=60) + labels
    scores = np.round(scores / step) * step if step else scores
    tried = {t: sklearn.metrics.f1_score(labels, scores >= t) for t in np.unique(scores)}
    found = f1_threshold(scores, labels)
    assert found.f1 == pytest.approx(max(tried.values()), rel=1e-15)
    assert found.threshold == max(
        t for t, f1 in tried.items() if np.isclose(f1, max(tried.values()), rtol=1e-14)
    )
    flagged = scores >= found.threshold
    assert found.false_positives == np.sum(flagged & ~labels)
    assert found.false_negatives == np.sum(~flagged & labels)


def test_the_highest_of_equally_good_thresholds_wins():
    # at 3: tp 1, fn 1, fp 0 -> 2/3; at 1: tp 2, fp 2 -> 4/6; both are 2/3
    found = f1_threshold(np.array([3.0, 2, 2, 1]), np.array([1, 0, 0, 1]))
    assert found == (3, 2 / 3, 0, 1)


def test_float32_thresholds_are_observed_scores():
    scores = np.array([0.1, 0.7, 0.2, 0.9], np.float32)
    found = f1_threshold(scores, [0, 1, 0, 1])
    assert found.threshold == scores[1]
    assert (scores >= found.threshold).sum() == 2


def test_perfect_and_full_recall():
    scores = np.array([0.0, 1, 2, 3])
    assert f1_threshold(scores, [0, 0, 1, 1]) == (2, 1, 0, 0)
    assert false_positives_at_full_recall(scores, [0, 0, 1, 1]) == 0
    assert false_positives_at_full_recall(scores, [0, 1, 0, 1]) == 1
    assert full_recall_threshold(scores, [0, 1, 0, 1]) == 1
    assert np.isnan(full_recall_threshold(scores, np.zeros(4)))
    assert false_positives_at_full_recall(np.ones(4), [0, 1, 0, 1]) == 2  # a tie is flagged with it
    assert perfect(scores, [0, 0, 1, 1])
    assert not perfect(scores, [0, 1, 0, 1])
    assert not perfect(np.array([0.0, 1, 1]), [0, 0, 1])


def test_perfect_means_auroc_one():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        scores, labels = rng.integers(0, 5, 5), np.array([0, 0, 1, 1, 1])
        assert (
            perfect(scores, labels)
            == (auroc(scores, labels) == 1)
            == (scores[:2].max() < scores[2:].min())
        )


def test_without_anomalous_items_everything_is_nan():
    assert np.isnan(f1_threshold(np.arange(3.0), np.zeros(3))).all()
    assert np.isnan(false_positives_at_full_recall(np.arange(3.0), np.zeros(3)))
    assert not perfect(np.arange(3.0), np.zeros(3))


def test_without_normal_items_everything_is_flagged():
    assert f1_threshold(np.arange(3.0), np.ones(3)) == (0, 1, 0, 0)
    assert false_positives_at_full_recall(np.arange(3.0), np.ones(3)) == 0


def test_scores_that_are_not_finite_are_refused():
    for metric in (f1_threshold, false_positives_at_full_recall, perfect):
        with pytest.raises(ValueError, match="finite"):
            metric(np.array([0, np.nan]), [0, 1])
