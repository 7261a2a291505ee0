import numpy as np
import pytest
import sklearn.metrics
from naive_metrics import naive_pro, random_maps

from adviz.metrics import f1_threshold, pixel_metrics, precision_recall_curve, pro_curve, roc_curve

# Sums of a few thousand float64 terms between 0 and 1, divided by a limit of at least 0.05.
ROUNDING = 1e-12


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("step", [None, 0.5, 3])
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_one_sort_equals_scikit_learn_and_the_definition(dtype, step, limit):
    scores, masks = random_maps(0, step=step, dtype=dtype)
    flat, truth = scores.ravel(), masks.ravel()
    found = pixel_metrics(scores, masks, limit=limit)
    expected = (
        sklearn.metrics.roc_auc_score(truth, flat),
        sklearn.metrics.average_precision_score(truth, flat),
        naive_pro(scores, masks, limit),
    )
    np.testing.assert_allclose(
        (found.auroc, found.average_precision, found.pro), expected, rtol=0, atol=ROUNDING
    )
    assert found.f1 == f1_threshold(flat, truth)
    assert found.f1.f1 == pytest.approx(
        sklearn.metrics.f1_score(truth, flat >= found.f1.threshold), rel=1e-15
    )
    assert found.reasons == {}


@pytest.mark.parametrize("step", [None, 0.25])
def test_curves_are_those_of_the_single_functions_without_points_inside_straight_lines(step):
    scores, masks = random_maps(1, dtype=np.float32, step=step)
    curves = pixel_metrics(scores, masks, points=10_000).curves
    flat = scores.ravel(), masks.ravel()
    full = {
        "roc": roc_curve(*flat),
        "precision_recall": precision_recall_curve(*flat),
        "pro": pro_curve(scores, masks),
    }
    assert set(curves) == set(full)
    for name, whole in full.items():
        found = curves[name]
        kept = np.flatnonzero(np.isin(whole.threshold, found.threshold))
        for axis in ("x", "y", "threshold"):
            np.testing.assert_array_equal(getattr(found, axis), getattr(whole, axis)[kept])
        # Constant between the ends of a straight line
        level = whole.x if name == "precision_recall" else whole.y
        left_out = np.setdiff1d(np.arange(len(whole)), kept)
        after = kept[np.searchsorted(kept, left_out)]
        np.testing.assert_array_equal(level[left_out], level[after])
        np.testing.assert_array_equal(
            level[left_out], level[kept[np.searchsorted(kept, left_out) - 1]]
        )
        assert len(left_out) > 0


def test_curves_have_at_most_the_points_asked_for():
    scores, masks = random_maps(1, dtype=np.float32)
    assert all(
        10 < len(curve) <= 50 for curve in pixel_metrics(scores, masks, points=50).curves.values()
    )


def test_connectivity_reaches_pro():
    scores, masks = random_maps(1)
    expected = naive_pro(scores, masks, connectivity=4)
    assert pixel_metrics(scores, masks, connectivity=4).pro == pytest.approx(
        expected, rel=0, abs=ROUNDING
    )


def test_undefined_metrics_are_nan_with_a_reason_and_have_no_curve():
    scores, masks = random_maps(0)
    found = pixel_metrics(scores, np.zeros_like(masks))
    assert np.isnan([found.auroc, found.average_precision, found.pro, *found.f1]).all()
    assert found.reasons == dict.fromkeys(
        ("auroc", "average_precision", "pro", "f1"), "no anomalous pixel"
    )
    assert found.curves == {}
    found = pixel_metrics(scores, np.ones_like(masks))
    assert np.isnan([found.auroc, found.pro]).all()
    assert found.average_precision == 1
    assert found.reasons == dict.fromkeys(("auroc", "pro"), "no normal pixel")
    assert set(found.curves) == {"precision_recall"}


def test_input_is_checked_and_not_modified():
    scores, masks = random_maps(0, dtype=np.float32)
    kept = scores.copy(), masks.copy()
    pixel_metrics(scores, masks)
    np.testing.assert_array_equal(scores, kept[0])
    np.testing.assert_array_equal(masks, kept[1])
    with pytest.raises(ValueError, match="limit"):
        pixel_metrics(scores, masks, limit=0)
    scores[0, 0, 0] = np.inf
    with pytest.raises(ValueError, match="finite"):
        pixel_metrics(scores, masks)
