import numpy as np
import pytest
from scipy import ndimage

from adviz.metrics import auroc, pro, region_curves


def data(seed, *, ties=False, n=5, side=24):
    rng = np.random.default_rng(seed)
    masks = ndimage.gaussian_filter(rng.random((n, side, side)), (0, 1.5, 1.5)) > 0.56
    masks[0] = False  # a good image
    scores = rng.random((n, side, side)) + 0.6 * masks
    return (np.round(scores, 1) if ties else scores).astype(np.float32), masks


def naive(scores, masks, connectivity):
    """Return (image, mask) of every region, straight from the definition."""
    structure = np.ones((3, 3)) if connectivity == 8 else None
    found = []
    for image, mask in enumerate(masks):
        labelled, count = ndimage.label(mask, structure)
        found += [(image, labelled == number) for number in range(1, count + 1)]
    return found


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("limit", [0.05, 0.3, 1.0])
def test_the_mean_over_the_regions_is_pro(limit, connectivity, ties):
    scores, masks = data(0, ties=ties)
    found = region_curves(scores, masks, limit, connectivity)
    assert found.integral.mean() == pytest.approx(
        pro(scores, masks, "global", limit, connectivity), abs=1e-12
    )
    whole = np.average(found.auroc, weights=found.area)
    assert whole == pytest.approx(auroc(scores.ravel(), masks.ravel()), abs=1e-12)


@pytest.mark.parametrize("connectivity", [4, 8])
def test_regions_and_overlaps_are_those_of_the_definition(connectivity):
    scores, masks = data(1)
    found, expected = (
        region_curves(scores, masks, 0.4, connectivity),
        naive(scores, masks, connectivity),
    )
    assert found.image.tolist() == [image for image, _ in expected]
    assert found.area.tolist() == [mask.sum() for _, mask in expected]
    for box, (_, mask) in zip(found.box, expected, strict=True):
        rows, columns = np.nonzero(mask)
        assert box.tolist() == [rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1]
    for fpr in (0.0, 0.1, 0.25, 0.4):
        line = found.threshold(fpr)
        overlaps = [np.mean(scores[image][mask] >= line) for image, mask in expected]
        np.testing.assert_allclose(found.overlap(line), overlaps, atol=1e-15)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("fpr", [0.0, 0.05, 0.123, 0.3, 1.0])
def test_the_threshold_is_the_lowest_that_flags_no_more_than_asked(fpr, ties):
    scores, masks = data(2, ties=ties)
    found, normal = region_curves(scores, masks, 1.0), scores[~masks]
    line = found.threshold(fpr)
    share = np.mean(normal >= line)
    assert found.false_positive_rate(line) == pytest.approx(share, abs=1e-15)
    assert share <= fpr + 1e-12
    if fpr < 1:
        below = normal[normal < line].max()  # one step further down
        assert np.mean(normal >= below) > fpr


def test_the_area_under_a_regions_own_curve():
    """Ten normal pixels 0 ... 9; a region of two pixels at 8.5 and 5.5: found at FPR .1 and .4."""
    scores = np.array([[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 8.5, 5.5]]], np.float32)
    masks = np.zeros((1, 2, 6), bool)
    masks[0, 1, 4:] = True
    found = region_curves(scores, masks, limit=0.5)
    assert found.integral[0] == pytest.approx((0.5 * 0.4 + 0.5 * 0.1) / 0.5)
    assert [found.overlap(found.threshold(fpr))[0] for fpr in (0, 0.1, 0.3, 0.4, 0.5)] == [
        0,
        0.5,
        0.5,
        1,
        1,
    ]
    assert found.auroc[0] == pytest.approx((0.9 + 0.6) / 2)


def test_what_has_exactly_the_threshold_is_flagged():
    """As on every curve: 2 of 3 pixels, and 1 of 3 normal ones, have a score of 5 or more."""
    scores = np.array([[[1, 2, 5, 4, 5, 6]]], np.float32)
    found = region_curves(scores, np.array([[[0, 0, 0, 1, 1, 1]]]), limit=1.0)
    assert found.overlap(5.0) == 2 / 3
    assert found.false_positive_rate(5.0) == 1 / 3


def test_a_limit_of_one_holds_every_pixel():
    scores, masks = data(3)
    found = region_curves(scores, masks, 1.0)
    line = found.threshold(1.0)
    assert found.false_positive_rate(line) == 1
    assert (found.overlap(line) == 1).all()
    assert line == scores.min()


def test_a_limit_that_rounding_puts_below_a_whole_number_of_pixels_can_be_asked_for():
    """0.29 * 100 is 28.999999999999996; at an FPR of .29 29 of 100 pixels are above."""
    scores, masks = np.arange(101.0)[None, None], np.zeros((1, 1, 101), bool)
    masks[0, 0, 50] = True
    found = region_curves(scores, masks, limit=0.29)
    assert found.false_positive_rate(found.threshold(0.29)) == 0.29


@pytest.mark.parametrize("lowest", [-7.0, 2.0])
def test_at_a_limit_of_one_an_anomalous_pixel_below_all_normal_ones_is_flagged_too(lowest):
    scores, masks = np.arange(12.0).reshape(1, 3, 4), np.zeros((1, 3, 4), bool)
    masks[0, 1, 1:3] = True
    scores[0, 1, 1:3] = lowest, 20.0
    found = region_curves(scores, masks, 1.0)
    assert found.threshold(1.0) == min(lowest, 0.0)
    assert found.overlap(found.threshold(1.0)) == 1


def test_normal_scores_are_kept_as_far_as_the_limit_needs():
    scores, masks = data(3)
    normal = np.sort(scores[~masks])[::-1]
    kept = region_curves(scores, masks, 0.1).highest
    np.testing.assert_array_equal(kept, normal[: int(np.ceil(0.1 * len(normal))) + 1])


def test_what_has_no_pro_is_refused():
    scores, masks = data(4)
    with pytest.raises(ValueError, match="got no anomalous pixel"):
        region_curves(scores, np.zeros_like(masks))
    with pytest.raises(ValueError, match="got no normal pixel"):
        region_curves(scores, np.ones_like(masks))
    with pytest.raises(ValueError, match="limit"):
        region_curves(scores, masks, 0.0)
    with pytest.raises(ValueError, match=r"between 0 and the limit 0.3, got 0.5"):
        region_curves(scores, masks).threshold(0.5)
