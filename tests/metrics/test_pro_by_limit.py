import numpy as np
import pytest

from adviz import metrics
from adviz._support import progress
from adviz.metrics import PRO_DEFINITIONS, pro_by_limit, pro_with_reason, region_curves

LIMITS = np.array([0.01, 0.05, 0.3, 0.77, 1.0])


def made(kind, seed=0):
    """Return (4, 12, 16) scores and masks with three regions on two images."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((4, 12, 16), bool)
    masks[1, 2:7, 3:9] = masks[2, 8:11, 9:15] = masks[2, 0, 0] = True
    scores = {
        "smooth": rng.random(masks.shape) + 0.4 * masks,
        "few values": rng.integers(0, 4, masks.shape) + masks.astype(float),
        "perfect": masks.astype(float),
    }[kind]
    return scores.astype(np.float32), masks


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("connectivity", [8, 4])
@pytest.mark.parametrize("kind", ["smooth", "few values", "perfect"])
def test_it_equals_every_number_alone(kind, connectivity, padded):
    scores, masks = made(kind)
    valid = None
    if padded:
        valid = np.ones(masks.shape, bool)
        valid[:, :, 15] = masks[:, :, 15]
    found = pro_by_limit(scores, masks, LIMITS, connectivity, valid=valid)
    np.testing.assert_array_equal(found.limits, LIMITS)
    for place, limit in enumerate(LIMITS):
        alone = region_curves(scores, masks, limit, connectivity, valid=valid)
        np.testing.assert_allclose(found.integrals[:, place], alone.integral, atol=1e-12)
        for number, name in enumerate(PRO_DEFINITIONS):
            value, reason = pro_with_reason(scores, masks, name, limit, connectivity, valid=valid)
            np.testing.assert_allclose(found.values[place, number], value, atol=1e-12)
            assert found.reasons[place].get(name, "") == reason


def test_an_image_without_a_normal_pixel_has_no_pro_of_its_own():
    scores, masks = made("smooth")
    masks[3] = True
    found = pro_by_limit(scores, masks, LIMITS)
    value, reason = pro_with_reason(scores, masks, "per-image", 0.3)
    assert np.isnan([value, found.values[2, 2]]).all()
    assert found.reasons[2]["per-image"] == reason
    assert "1 of 3 anomalous images: no normal pixel" in reason


@pytest.mark.parametrize(
    ("masks", "limits", "message"),
    [
        (np.zeros((4, 12, 16), bool), LIMITS, "got no anomalous pixel"),
        (np.ones((4, 12, 16), bool), LIMITS, "got no normal pixel"),
        (made("smooth")[1], np.array([0.3, 0.0]), r"in \(0, 1\], got 0.0"),
    ],
)
def test_what_cannot_be_measured_is_refused(masks, limits, message):
    with pytest.raises(ValueError, match=message):
        pro_by_limit(made("smooth")[0], masks, limits)


def test_it_can_be_stopped():
    def report(step, done, total):
        if step == "limits" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), progress.watched(report):
        metrics.pro_by_limit(*made("smooth"), LIMITS)
