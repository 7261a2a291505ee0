import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from adviz.metrics import auroc, auroc_differences


@pytest.fixture
def scores():
    """Labels and two methods' scores of 27 images; whole numbers, so that some are equal."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [12, 15])
    return (
        labels,
        rng.integers(0, 9, 27) + 3.0 * labels,
        100.0 * (rng.integers(0, 9, 27) + 5 * labels),
    )


def test_the_draws_are_those_of_whole_test_sets_drawn_one_by_one(scores):
    labels, before, after = scores
    found = auroc_differences(before, after, labels, draws=5, seed=3)
    rng = np.random.default_rng(3)
    drawn = [rng.multinomial(count, np.full(count, 1 / count), size=5) for count in (15, 12)]
    for number in range(5):
        repeated = np.concatenate(
            [
                np.repeat(12 + np.arange(15), drawn[0][number]),
                np.repeat(np.arange(12), drawn[1][number]),
            ]
        )
        one, two = (roc_auc_score(labels[repeated], values[repeated]) for values in (before, after))
        assert found[number] == pytest.approx(two - one, abs=1e-12)


def test_they_lie_around_the_difference_and_spread_as_independent_draws_do(scores):
    labels, before, after = scores
    found = auroc_differences(before, after, labels, draws=4000)
    difference = auroc(after, labels) - auroc(before, labels)
    assert found.mean() == pytest.approx(difference, abs=4 * found.std() / np.sqrt(4000))
    rng = np.random.default_rng(1)
    plain = []
    for _ in range(400):
        rows = np.concatenate([rng.integers(0, 12, 12), 12 + rng.integers(0, 15, 15)])
        plain.append(auroc(after[rows], labels[rows]) - auroc(before[rows], labels[rows]))
    # 400 draws know a deviation to 3.5 %
    assert found.std() == pytest.approx(np.std(plain), rel=0.15)


def test_a_method_does_not_differ_from_itself_in_other_units(scores):
    labels, before, _ = scores
    assert not auroc_differences(before, before**3 + 7, labels, draws=50).any()


def test_pairing_matters(scores):
    labels, before, _ = scores
    noisy = before + np.random.default_rng(0).normal(0, 0.1, len(before))
    assert (
        auroc_differences(before, noisy, labels).std()
        < 0.5 * auroc_differences(before, before[::-1] * 0 + 1, labels).std()
    )


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_without_one_of_the_classes_it_is_undefined(labels):
    assert np.isnan(
        auroc_differences(np.arange(3.0), np.arange(3.0), np.array(labels), draws=4)
    ).all()


def test_a_single_draw_is_one_difference(scores):
    labels, before, after = scores
    assert auroc_differences(before, after, labels, draws=1).shape == (1,)


def test_errors():
    with pytest.raises(ValueError, match="draws must be at least 1, got 0"):
        auroc_differences(np.arange(2.0), np.arange(2.0), np.array([0, 1]), draws=0)
    with pytest.raises(ValueError, match="finite"):
        auroc_differences(np.arange(2.0), np.array([0, np.nan]), np.array([0, 1]))
