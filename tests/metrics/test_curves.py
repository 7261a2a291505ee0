import numpy as np
import pytest
import sklearn.metrics

from adviz.metrics import Curve, auroc, average_precision, precision_recall_curve, roc_curve

# Sums of at most a few hundred float64 terms between 0 and 1: rounding stays far below this.
ROUNDING = 1e-12


def random_scores(seed, n=200, step=None, dtype=np.float64):
    rng = np.random.default_rng(seed)
    labels = rng.random(n) < rng.uniform(0.05, 0.95)
    labels[:2] = 0, 1
    scores = rng.normal(size=n) + labels
    return (np.round(scores / step) * step if step else scores).astype(dtype), labels


CASES = [
    (seed, step, dtype)
    for seed in range(4)
    for step in (None, 0.5, 3)
    for dtype in ("f2", "f4", "f8")
]


@pytest.mark.parametrize(("seed", "step", "dtype"), CASES)
def test_areas_equal_scikit_learn(seed, step, dtype):
    scores, labels = random_scores(seed, step=step, dtype=dtype)
    assert auroc(scores, labels) == pytest.approx(
        sklearn.metrics.roc_auc_score(labels, scores), rel=0, abs=ROUNDING
    )
    expected = sklearn.metrics.average_precision_score(labels, scores)
    assert average_precision(scores, labels) == pytest.approx(expected, rel=0, abs=ROUNDING)


@pytest.mark.parametrize(("seed", "step", "dtype"), CASES)
def test_curves_equal_scikit_learn(seed, step, dtype):
    scores, labels = random_scores(seed, step=step, dtype=dtype)
    roc, (x, y, threshold) = (
        roc_curve(scores, labels),
        sklearn.metrics.roc_curve(labels, scores, drop_intermediate=False),
    )
    np.testing.assert_allclose(roc.x, x, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(roc.y, y, rtol=0, atol=ROUNDING)
    np.testing.assert_array_equal(roc.threshold, threshold)
    curve, (y, x, threshold) = (
        precision_recall_curve(scores, labels),
        sklearn.metrics.precision_recall_curve(labels, scores),
    )
    np.testing.assert_allclose(curve.x, x[::-1], rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(curve.y, y[::-1], rtol=0, atol=ROUNDING)
    np.testing.assert_array_equal(curve.threshold[1:], threshold[::-1])


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    scores, labels = random_scores(7, n=40, step=1)
    pairs = [np.sign(a - b) / 2 + 0.5 for a in scores[labels] for b in scores[~labels]]
    assert auroc(scores, labels) == pytest.approx(np.mean(pairs), rel=0, abs=ROUNDING)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_extreme_float_values_keep_their_order(dtype):
    tiny, huge = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max
    scores = np.array([-huge, -1, -tiny, -0.0, 0.0, tiny, 1, huge], dtype)
    curve = roc_curve(scores, np.array([0, 0, 1, 0, 1, 1, 0, 1]))
    np.testing.assert_array_equal(curve.threshold, [np.inf, huge, 1, tiny, 0, -tiny, -1, -huge])
    np.testing.assert_array_equal(curve.y * 4, [0, 1, 1, 2, 3, 4, 4, 4])
    # The two zeros are one threshold
    np.testing.assert_array_equal(curve.x * 4, [0, 0, 1, 1, 2, 2, 3, 4])


def test_integer_scores_and_labels_are_taken():
    assert auroc(np.array([1, 2, 3, 4], np.uint8), [0, 1, 0, 1]) == 0.75


def test_scores_and_labels_are_not_modified():
    scores, labels = random_scores(0, dtype=np.float32)
    kept = scores.copy(), labels.copy()
    auroc(scores, labels)
    np.testing.assert_array_equal(scores, kept[0])
    np.testing.assert_array_equal(labels, kept[1])


def test_constant_scores():
    scores, labels = np.ones(4), np.array([0, 1, 1, 1])
    assert auroc(scores, labels) == 0.5
    assert average_precision(scores, labels) == 0.75
    np.testing.assert_array_equal(roc_curve(scores, labels).x, [0, 1])


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1], []])
def test_one_class_is_nan_not_zero(labels):
    scores = np.arange(float(len(labels)))
    assert np.isnan(auroc(scores, labels))
    assert np.isnan(average_precision(scores, labels)) == (not any(labels))
    roc, curve = roc_curve(scores, labels), precision_recall_curve(scores, labels)
    assert np.isnan(roc.y).all() == (not any(labels))
    assert np.isnan(roc.x).all() == all(labels)
    assert np.isnan(curve.x).all() == (not any(labels))


def test_average_precision_without_normal_items_is_one():
    assert average_precision(np.arange(3.0), np.ones(3)) == 1


@pytest.mark.parametrize("metric", [auroc, average_precision, roc_curve, precision_recall_curve])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(metric, bad):
    with pytest.raises(
        ValueError, match=r"finite, got 1 NaN or infinite of 3, the first at index \(1,\)"
    ):
        metric(np.array([0, bad, 1], np.float32), [0, 1, 0])


def test_of_several_scores_that_are_not_finite_the_first_is_named():
    with pytest.raises(ValueError, match=r"got 2 NaN or infinite of 4, the first at index \(1,\)"):
        auroc(np.array([0, np.nan, 1, np.inf]), [0, 1, 0, 1])


def test_bad_labels_shapes_and_dtypes_are_refused():
    with pytest.raises(
        ValueError, match=r"got the values \[-1, 0, 1\]; leave unlabelled images out"
    ):
        auroc(np.arange(3.0), [0, 1, -1])
    with pytest.raises(ValueError, match=r"got \(3,\) and \(2,\)"):
        auroc(np.arange(3.0), [0, 1])
    with pytest.raises(ValueError, match="ravel"):
        auroc(np.zeros((2, 2)), np.zeros((2, 2)))
    with pytest.raises(TypeError, match="real numbers"):
        auroc(np.array(["a", "b"]), [0, 1])


def test_thinned_keeps_ends_steep_parts_and_only_original_points():
    scores, labels = random_scores(1, n=20_000)
    curve = roc_curve(scores + 3 * labels, labels)
    thin = curve.thinned(100)
    assert 50 < len(thin) <= 100
    for name in ("x", "y", "threshold"):
        whole, part = getattr(curve, name), getattr(thin, name)
        assert (part[0], part[-1]) == (whole[0], whole[-1])
        assert np.isin(part, whole).all()
    gaps = np.abs(np.diff(thin.x)) + np.abs(np.diff(thin.y))
    assert gaps.max() < 3 * 2 / 100  # the whole way is 2 long; a point's own step may come on top
    np.testing.assert_array_equal(thin.x, np.sort(thin.x))


def test_thinned_leaves_short_and_undefined_curves_usable():
    curve = Curve(np.arange(3.0), np.arange(3.0), np.arange(3.0))
    assert curve.thinned(3) is curve
    assert len(curve.thinned(2)) == 2
    long = Curve(np.arange(5000.0), np.zeros(5000), np.zeros(5000))
    assert (len(long.thinned()), long.thinned(5000)) == (1000, long)
    undefined = roc_curve(np.arange(50.0), np.zeros(50)).thinned(10)
    assert np.isnan(undefined.y).all()
    assert (undefined.x[0], undefined.x[-1]) == (0, 1)
    assert repr(curve) == "Curve(3 points)"
    with pytest.raises(ValueError, match="at least 2"):
        curve.thinned(1)


def test_thinned_keeps_an_end_that_coincides_with_other_points():
    thin = Curve(np.r_[0, 1, np.ones(20)], np.r_[0, 1, np.ones(20)], -np.arange(22.0)).thinned(5)
    np.testing.assert_array_equal(thin.threshold, [0, -1, -21])


def test_curve_checks_its_shapes():
    with pytest.raises(ValueError, match="share one shape"):
        Curve(np.zeros(3), np.zeros(2), np.zeros(3))
