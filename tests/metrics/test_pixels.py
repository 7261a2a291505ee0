import numpy as np
import pytest
import sklearn.metrics
from naive_metrics import naive_pro, random_maps

from adviz.metrics import f1_threshold, pixel_metrics, pro_curve, roc_curve

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
    np.testing.assert_allclose((found.auroc, found.average_precision, found.pro), expected, rtol=0, atol=ROUNDING)
    assert found.f1 == f1_threshold(flat, truth)
    assert found.f1.f1 == pytest.approx(sklearn.metrics.f1_score(truth, flat >= found.f1.threshold), rel=1e-15)
    assert found.reasons == {}


def test_curves_are_those_of_the_single_functions():
    scores, masks = random_maps(1, dtype=np.float32)
    curves = pixel_metrics(scores, masks, points=10_000).curves
    assert set(curves) == {"roc", "precision_recall", "pro"}
    for found, expected in (
        (curves["roc"], roc_curve(scores.ravel(), masks.ravel())),
        (curves["pro"], pro_curve(scores, masks)),
    ):
        np.testing.assert_allclose([found.x, found.y], [expected.x, expected.y], rtol=0, atol=ROUNDING)
    assert all(len(curve) <= 50 for curve in pixel_metrics(scores, masks, points=50).curves.values())


def test_connectivity_reaches_pro():
    scores, masks = random_maps(1)
    expected = naive_pro(scores, masks, connectivity=4)
    assert pixel_metrics(scores, masks, connectivity=4).pro == pytest.approx(expected, rel=0, abs=ROUNDING)


def test_undefined_metrics_are_nan_with_a_reason_and_have_no_curve():
    scores, masks = random_maps(0)
    found = pixel_metrics(scores, np.zeros_like(masks))
    assert np.isnan([found.auroc, found.average_precision, found.pro, *found.f1]).all()
    assert found.reasons == dict.fromkeys(("auroc", "average_precision", "pro", "f1"), "no anomalous pixel")
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
