from itertools import combinations

import numpy as np
import pytest
from scipy.stats import spearmanr

from adviz import Prediction, evaluate, metrics
from adviz.explore.kit.disagreement import (
    compared,
    highest_first,
    map_disagreement,
    percentile_ranks,
    score_disagreement,
    standing,
)

RNG = np.random.default_rng(0)


def test_a_percentile_rank_is_the_share_of_the_others_below():
    scores = RNG.permutation(11) ** 2.0
    expected = [sum(other < score for other in scores) / 10 for score in scores]
    np.testing.assert_allclose(percentile_ranks(scores), expected)
    # Ties share the middle
    np.testing.assert_allclose(percentile_ranks(np.array([5.0, 1.0, 5.0])), [0.75, 0, 0.75])
    assert percentile_ranks(np.array([3.0])) == 0


def test_disagreement_of_scores_is_the_span_of_the_ranks_whatever_the_units():
    scores = np.array([[1.0, 2, 3, 4, 5], [10, 50, 30, 40, 20], [5, 4, 3, 2, 1]])
    np.testing.assert_allclose(score_disagreement(scores), [1.0, 0.75, 0.0, 0.5, 1.0])
    stretched = scores * [[1], [1000], [1]] + [[0], [7], [-3]]
    np.testing.assert_array_equal(score_disagreement(stretched), score_disagreement(scores))
    assert (score_disagreement(np.stack([scores[0], scores[0] ** 3])) == 0).all()


def test_disagreement_of_maps_is_one_minus_the_mean_rank_correlation_of_cells():
    found = [RNG.random((3, 64, 64)), RNG.random((3, 64, 64)), RNG.random((3, 32, 32))]
    cells = [
        f.reshape(3, 16, f.shape[1] // 16, 16, f.shape[2] // 16).mean((2, 4)).reshape(3, -1)
        for f in found
    ]
    expected = [
        1
        - np.mean([spearmanr(one[i], other[i]).statistic for one, other in combinations(cells, 2)])
        for i in range(3)
    ]
    # Float32 can swap two cells
    np.testing.assert_allclose(map_disagreement(found), expected, atol=1e-3)
    np.testing.assert_allclose(
        map_disagreement([found[0], np.exp(found[2]).repeat(2, 1).repeat(2, 2)])[:0], []
    )


def test_maps_that_order_places_alike_agree_and_a_constant_one_has_no_order():
    grid = np.kron(RNG.random((2, 16, 16)), np.ones((1, 4, 4)))
    np.testing.assert_allclose(map_disagreement([grid, 3 * grid**2]), 0, atol=1e-6)
    np.testing.assert_allclose(map_disagreement([grid, -grid]), 2, atol=1e-6)
    np.testing.assert_allclose(map_disagreement([grid, np.zeros_like(grid)]), 1)
    with pytest.raises(ValueError, match="at least two methods to compare, got 1"):
        map_disagreement([grid])


def test_the_order_is_falling_and_stable_with_nan_last():
    assert highest_first(np.array([1.0, np.nan, 3, 1, 3])).tolist() == [2, 4, 0, 3, 1]


@pytest.fixture
def made():
    labels = np.array([0, 0, 1, 1, -1, 1])
    masks = np.zeros((6, 16, 16), bool)
    masks[2, :4, :4] = masks[3, 8:, 8:] = masks[5, 3, 3] = True
    return (
        Prediction(RNG.random(6), RNG.random((6, 16, 16), np.float32) + 0.5 * masks),
        labels,
        masks,
    )


def test_the_tables_numbers_are_those_of_evaluate(made):
    class Split:
        name, image_size, has_masks = "", (16, 16), True

        def __init__(self, labels, masks):
            self.labels, self.masks_array = labels, lambda: masks

        def __len__(self):
            return len(self.labels)

    prediction, labels, masks = made
    found, expected = compared(*made), evaluate(prediction, Split(labels, masks))
    for name in ("image_auroc", "pixel_auroc", "pro", "false_positives", "false_negatives"):
        assert found[name] == pytest.approx(getattr(expected, name))
    assert found["threshold"] == expected.threshold_f1
    kept = labels >= 0
    best = metrics.f1_threshold(prediction.anomaly_map[kept].ravel(), masks[kept].ravel())
    assert found["pixel_threshold"] == pytest.approx(best.threshold)


def test_what_is_undefined_is_nan(made):
    prediction, labels, masks = made
    without = compared(prediction, labels, None)
    assert np.isnan([without[name] for name in ("pixel_auroc", "pro", "pixel_threshold")]).all()
    nothing = compared(Prediction(prediction.score), np.full(6, -1), masks)
    assert np.isnan(list(nothing.values())).all()


def test_the_standing_of_an_image():
    scores, labels = np.array([1.0, 6, 3, 2, 5, 9]), np.array([0, 0, 1, 1, 1, -1])
    best = metrics.f1_threshold(scores[:5], labels[:5] == 1).threshold
    assert best == 2
    verdicts = [
        "predicted good: right",
        "predicted anomalous: false alarm",
        *["predicted anomalous: right"] * 3,
        "predicted anomalous",
    ]
    assert [standing(scores, labels, image).verdict for image in range(6)] == verdicts
    second = standing(scores, labels, 1)
    assert (second.score, second.rank, second.count) == (6, 2, 6)
    assert standing(scores, labels, 1, threshold=7).verdict == "predicted good: right"
    labels[3] = 0
    assert (
        standing(np.array([1.0, 6, 3, 2, 5, 4]), np.array([1, 0, 0, 0, 1, 1]), 0).verdict
        == "predicted good: missed"
    )
    assert standing(np.array([2.0, 2, 1]), labels[:3] * 0, 1).rank == 1
    assert standing(scores, labels * 0, 0).verdict == ""
