import numpy as np
import pytest
from naive_metrics import (
    naive_pro,
    naive_pro_200,
    naive_pro_per_image,
    naive_pro_points,
    random_maps,
)

from adviz.metrics import (
    auroc,
    auroc_and_pro,
    pixel_metrics,
    pro,
    pro_curve,
    pro_with_reason,
    region_curves,
)

# Sums of a few thousand float64 terms between 0 and 1, divided by a limit of at least 0.05.
ROUNDING = 1e-12
CASES = [
    (seed, step, dtype) for seed in range(3) for step in (None, 0.5, 3) for dtype in ("f4", "f8")
]


@pytest.mark.parametrize(("seed", "step", "dtype"), CASES)
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_global_equals_the_definition(seed, step, dtype, limit):
    scores, masks = random_maps(seed, step=step, dtype=dtype)
    assert pro(scores, masks, limit=limit) == pytest.approx(
        naive_pro(scores, masks, limit), rel=0, abs=ROUNDING
    )


@pytest.mark.parametrize("definition", ["global", "global-200", "per-image"])
def test_connectivity_four_equals_the_definition_and_differs_from_eight(definition):
    naive = {"global": naive_pro, "global-200": naive_pro_200, "per-image": naive_pro_per_image}[
        definition
    ]
    scores, masks = random_maps(1)
    four, eight = (pro(scores, masks, definition, connectivity=c) for c in (4, 8))
    assert four == pytest.approx(naive(scores, masks, connectivity=4), rel=0, abs=ROUNDING)
    assert eight == pytest.approx(naive(scores, masks, connectivity=8), rel=0, abs=ROUNDING)
    assert abs(four - eight) > 1e-3


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_curve_equals_the_definition(dtype):
    scores, masks = random_maps(2, step=0.25, dtype=dtype)
    curve = pro_curve(scores, masks)
    x, y = np.transpose(naive_pro_points(scores, masks))
    np.testing.assert_allclose(curve.x, x, rtol=0, atol=ROUNDING)
    np.testing.assert_allclose(curve.y, y, rtol=0, atol=ROUNDING)
    np.testing.assert_array_equal(curve.threshold, [np.inf, *np.unique(scores)[::-1]])


def test_the_limit_one_is_the_area_of_the_full_curve():
    scores, masks = random_maps(3)
    curve = pro_curve(scores, masks)
    assert pro(scores, masks, limit=1) == pytest.approx(
        np.trapezoid(curve.y, curve.x), rel=0, abs=ROUNDING
    )


@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("step", [None, 1])
def test_closed_form_equals_auroc_and_pro(limit, step):
    scores, masks = random_maps(4, step=step, dtype=np.float32)
    found = auroc_and_pro(scores, masks, limit)
    expected = auroc(scores.ravel(), masks.ravel()), naive_pro(scores, masks, limit)
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(("seed", "step", "dtype"), CASES)
@pytest.mark.parametrize("limit", [0.3, 1.0])
def test_two_hundred_thresholds_equal_the_published_loop(seed, step, dtype, limit):
    scores, masks = random_maps(seed, step=step, dtype=dtype)
    # The loop computes its thresholds in the precision of the maps
    scores = scores.astype(np.float64)
    for definition, naive in (("global-200", naive_pro_200), ("per-image", naive_pro_per_image)):
        found, reason = pro_with_reason(scores.astype(dtype), masks, definition, limit)
        if not reason:
            assert found == pytest.approx(naive(scores, masks, limit), rel=0, abs=ROUNDING)
    assert step == 3 or not reason  # three or four distinct scores may leave fewer than two points


def test_the_three_definitions_differ():
    scores, masks = random_maps(5, n=8, size=24)
    found = {pro(scores, masks, definition) for definition in ("global", "global-200", "per-image")}
    assert len(np.unique(np.round(list(found), 2))) == 3


def test_good_images_count_for_global_and_not_per_image():
    scores, masks = random_maps(6)
    raised = scores.copy()
    raised[-1] += 3  # false alarms on the good image
    assert pro(raised, masks) < pro(scores, masks)
    assert pro(raised, masks, "per-image") == pro(scores, masks, "per-image")


def test_every_region_weighs_the_same_whatever_its_area():
    masks, scores = np.zeros((1, 10, 10), bool), np.zeros((1, 10, 10))
    masks[0, 0, 0] = masks[0, 5:, 5:] = True
    scores[0, 0, 0] = 1  # found: 1 pixel of 26, but one region of two
    # The other region comes with the background, on the diagonal up to 0.3
    half_and_chance = 0.5 + 0.5 * 0.3 / 2
    assert pro(scores, masks) == pytest.approx(half_and_chance, rel=0, abs=ROUNDING)


def test_the_usual_limit_is_the_default_of_all():
    scores, masks = random_maps(7)
    usual = pro(scores, masks, limit=0.3)
    found = (
        pro(scores, masks),
        auroc_and_pro(scores, masks)[1],
        region_curves(scores, masks).integral.mean(),
    )
    assert found == pytest.approx((usual,) * 3, rel=0, abs=ROUNDING)
    assert pixel_metrics(scores, masks).pro == pytest.approx(usual, rel=0, abs=ROUNDING)


def test_constant_scores_are_the_diagonal():
    _, masks = random_maps(0)
    scores = np.ones(masks.shape, np.float32)
    assert pro(scores, masks) == pytest.approx(0.15, rel=0, abs=ROUNDING)
    for definition in ("global-200", "per-image"):
        value, reason = pro_with_reason(scores, masks, definition)
        assert np.isnan(value)
        assert "the FPR is 0 at all of the 200 thresholds" in reason


def test_a_perfect_map_is_one_and_the_published_code_divides_zero_by_zero():
    _, masks = random_maps(0)
    assert pro(masks.astype(float), masks) == pytest.approx(1, rel=0, abs=ROUNDING)
    assert np.isnan(pro(masks.astype(float), masks, "global-200"))


def test_a_single_point_below_the_limit_is_no_curve():
    masks, scores = np.zeros((1, 2, 10), bool), np.zeros((1, 2, 10))
    masks[0, 0, 0] = True
    scores[0, 1] = 1
    scores[0, 1, 0] = scores[0, 0, 0] = 1.004  # only the last threshold lies between 1 and 1.004
    value, reason = pro_with_reason(scores, masks, "global-200")
    assert np.isnan(value)
    assert reason == "fewer than two of the 200 thresholds have an FPR below 0.3"


@pytest.mark.parametrize("definition", ["global", "global-200", "per-image"])
def test_one_class_of_pixels_is_nan_with_a_reason(definition):
    scores, _ = random_maps(0)
    value, reason = pro_with_reason(scores, np.zeros(scores.shape, bool), definition)
    assert np.isnan(value)
    assert reason == "no anomalous pixel"
    value, reason = pro_with_reason(scores, np.ones(scores.shape, bool), definition)
    assert np.isnan(value)
    assert reason.endswith("no normal pixel")
    assert np.isnan(pro(scores, np.ones(scores.shape, bool), definition))
    assert np.isnan(auroc_and_pro(scores, np.zeros(scores.shape, bool))).all()


def test_per_image_is_undefined_when_one_image_is():
    scores, masks = random_maps(0)
    masks[1] = True
    n = masks.any(axis=(1, 2)).sum()
    value, reason = pro_with_reason(scores, masks, "per-image")
    assert np.isnan(value)
    assert reason == f"undefined on 1 of {n} anomalous images: no normal pixel"
    assert 0 < pro(scores, masks) < 1  # the other images have normal pixels


def test_curve_is_nan_along_the_undefined_axis():
    scores, _ = random_maps(0)
    assert np.isnan(pro_curve(scores, np.zeros(scores.shape, bool)).y).all()
    assert np.isnan(pro_curve(scores, np.ones(scores.shape, bool)).x).all()


@pytest.mark.parametrize("definition", ["global", "global-200", "per-image"])
def test_bad_input_is_refused(definition):
    scores, masks = random_maps(0)
    for limit in (0, -0.1, 1.5, np.nan):
        with pytest.raises(ValueError, match=r"\(0, 1\]"):
            pro(scores, masks, definition, limit=limit)
    with pytest.raises(ValueError, match="8 or 4"):
        pro(scores, masks, definition, connectivity=6)
    with pytest.raises(ValueError, match="shape"):
        pro(scores[0], masks[0], definition)
    with pytest.raises(ValueError, match="shape"):
        pro(scores[:, :-1], masks, definition)
    scores[2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"first at index \(2, 3, 4\)"):
        pro(scores, masks, definition)


def test_unknown_definition_lists_the_three():
    with pytest.raises(ValueError, match="'global', 'global-200', 'per-image', got 'mean'"):
        pro(*random_maps(0), definition="mean")
