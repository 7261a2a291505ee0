"""Metrics on random scores: bounds, invariances, and the definitions on all small cases."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from naive_metrics import naive_pro, naive_pro_200, naive_pro_per_image

from adviz.metrics import (
    PRO_DEFINITIONS,
    auroc,
    auroc_and_pro,
    auroc_differences,
    average_precision,
    f1_threshold,
    false_positives_at_full_recall,
    full_recall_threshold,
    pixel_metrics,
    precision_recall_curve,
    pro,
    pro_curve,
    pro_with_reason,
    region_curves,
    regions,
    roc_curve,
)

# Sums of at most a few hundred float64 terms between 0 and 1, divided by a limit of at least 0.05.
ROUNDING = 1e-12
# Few distinct values, so that ties between the classes are the rule and not the exception.
VALUES = st.sampled_from([-7.5, -1.0, -0.0, 0.0, 0.25, 1.0, 1.5, 3e4])
LIMITS = st.sampled_from([0.05, 0.3, 0.5, 1.0])
DTYPES = st.sampled_from([np.float16, np.float32, np.float64])


@st.composite
def scored(draw, both=True):
    """Scores of 1 to 40 items and their labels, of both classes unless told otherwise."""
    count = draw(st.integers(2 if both else 1, 40))
    values = VALUES if draw(st.booleans()) else st.floats(-6e4, 6e4, width=16)
    scores = draw(arrays.arrays(np.float64, count, elements=values)).astype(draw(DTYPES))
    labels = draw(arrays.arrays(bool, count))
    assume(not both or labels.any() > labels.all())
    return scores, labels


@st.composite
def mapped(draw):
    """One to three small maps and masks with normal and anomalous pixels."""
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(2, 7)))
    values = VALUES if draw(st.booleans()) else st.floats(-6e4, 6e4, width=16)
    masks = draw(arrays.arrays(bool, shape))
    assume(masks.any() > masks.all())
    return draw(arrays.arrays(np.float64, shape, elements=values)).astype(draw(DTYPES)), masks


def monotone(scores, kind):
    """Return strictly rising float64 functions of float16 values, at least 6e-8 apart."""
    scores = scores.astype(np.float64)
    return {
        "affine": 8 * scores - 3,
        "cubic": scores**3 + scores,
        "rank": np.unique(scores, return_inverse=True)[1],
    }[kind]


KINDS = st.sampled_from(["affine", "cubic", "rank"])


def everything(scores, labels):
    """All numbers of (M,) scores that no unit enters."""
    return [
        auroc(scores, labels),
        average_precision(scores, labels),
        *f1_threshold(scores, labels)[1:],
        false_positives_at_full_recall(scores, labels),
    ]


def all_pixels(scores, masks, limit):
    found = pixel_metrics(scores, masks, limit=limit)
    return [found.auroc, found.average_precision, found.pro, *found.f1[1:]]


@given(scored())
def test_metrics_are_shares_and_curves_rise(case):
    scores, labels = case
    base = labels.mean()
    assert 0 <= auroc(scores, labels) <= 1
    assert 0 < average_precision(scores, labels) <= 1
    # flagging everything is one of the thresholds, and its F1 is 2 base / (1 + base)
    assert 2 * base / (1 + base) - ROUNDING <= f1_threshold(scores, labels).f1 <= 1
    assert 0 <= false_positives_at_full_recall(scores, labels) <= (~labels).sum()
    for curve in (roc_curve(scores, labels), precision_recall_curve(scores, labels)):
        assert (np.diff(curve.x) >= 0).all()
        assert (np.diff(curve.threshold) < 0).all()
        assert (curve.x[0], curve.x[-1]) == (0, 1)
        assert ((curve.y >= 0) & (curve.y <= 1)).all()
    assert (np.diff(roc_curve(scores, labels).y) >= 0).all()


@given(scored(), KINDS)
def test_strictly_rising_functions_of_the_scores_change_nothing(case, kind):
    scores, labels = case
    scores = scores.astype(np.float16)  # of which `monotone` keeps all apart
    changed = monotone(scores, kind)
    np.testing.assert_array_equal(everything(changed, labels), everything(scores, labels))
    for make in (roc_curve, precision_recall_curve):
        before, after = make(scores, labels), make(changed, labels)
        np.testing.assert_array_equal((after.x, after.y), (before.x, before.y))


@given(scored(), st.randoms(use_true_random=False))
def test_the_order_of_the_items_changes_nothing(case, random):
    scores, labels = case
    order = list(range(len(scores)))
    random.shuffle(order)
    np.testing.assert_array_equal(
        everything(scores[order], labels[order]), everything(scores, labels)
    )


@given(scored())
def test_the_other_way_round_auroc_is_the_rest_to_one(case):
    scores, labels = case
    assert auroc(-scores, labels) == pytest.approx(1 - auroc(scores, labels), rel=0, abs=ROUNDING)
    assert auroc(scores, ~labels) == pytest.approx(1 - auroc(scores, labels), rel=0, abs=ROUNDING)


@given(arrays.arrays(bool, st.integers(2, 40)))
def test_perfect_inverted_and_constant_scores(labels):
    assume(labels.any() > labels.all())
    perfect, constant = labels.astype(float), np.full(len(labels), 2.5)
    n, anomalous = len(labels), labels.sum()
    assert everything(perfect, labels) == [1, 1, 1, 0, 0, 0]
    assert auroc(-perfect, labels) == 0
    assert false_positives_at_full_recall(-perfect, labels) == n - anomalous
    # Only when everything is flagged are anomalous items flagged
    for alike in (-perfect, constant):
        found = f1_threshold(alike, labels)
        assert found.f1 == pytest.approx(2 * anomalous / (n + anomalous), rel=1e-15)
        assert found[2:] == (n - anomalous, 0)
        assert average_precision(alike, labels) == pytest.approx(anomalous / n, rel=1e-15)
    assert auroc(constant, labels) == 0.5


@given(scored())
def test_no_threshold_has_a_better_f1_and_full_recall_is_the_highest_that_flags_all(case):
    """By brute force: every observed score, and one below and one above all of them."""
    scores, labels = case
    scores = scores.astype(np.float64)
    tried = {
        t: 2 * (labels & (scores >= t)).sum() / (labels.sum() + (scores >= t).sum())
        for t in [*scores, -1e9, 1e9]
    }
    best, found = max(tried.values()), f1_threshold(scores, labels)
    assert found.f1 == pytest.approx(best, rel=1e-14)
    assert found.threshold == max(
        t for t, f1 in tried.items() if np.isclose(f1, best, rtol=1e-14, atol=0)
    )
    flagged = scores >= found.threshold
    assert (found.false_positives, found.false_negatives) == (
        (flagged & ~labels).sum(),
        (~flagged & labels).sum(),
    )
    recalls_all = [t for t in scores if (scores[labels] >= t).all()]
    assert full_recall_threshold(scores, labels) == max(recalls_all)
    assert false_positives_at_full_recall(scores, labels) == min(
        (scores[~labels] >= t).sum() for t in recalls_all
    )


@given(scored(), st.integers(0, 100))
def test_differences_of_auroc_lie_within_what_there_can_be(case, seed):
    scores, labels = case
    other = np.random.default_rng(seed).normal(size=len(scores))
    there, back = (
        auroc_differences(scores, other, labels, 20, seed),
        auroc_differences(other, scores, labels, 20, seed),
    )
    assert (np.abs(there) <= 1 + ROUNDING).all()
    np.testing.assert_allclose(there, -back, rtol=0, atol=ROUNDING)


# ---- maps


@given(mapped(), LIMITS)
def test_pixel_metrics_are_shares_and_pro_rises_with_the_curve(case, limit):
    scores, masks = case
    found = pixel_metrics(scores, masks, limit=limit)
    values = [found.auroc, found.average_precision, found.pro, found.f1.f1]
    assert all(-ROUNDING <= value <= 1 + ROUNDING for value in values)
    curve = pro_curve(scores, masks)
    assert (np.diff(curve.x) >= 0).all()
    assert (np.diff(curve.y) >= -ROUNDING).all()
    np.testing.assert_allclose(
        (curve.x[[0, -1]], curve.y[[0, -1]]), [[0, 1], [0, 1]], rtol=0, atol=ROUNDING
    )


@given(mapped(), LIMITS, st.sampled_from([4, 8]))
def test_exact_pro_is_the_naive_one_in_all_three_ways(case, limit, connectivity):
    scores, masks = case
    expected = naive_pro(scores, masks, limit, connectivity)
    assert pro(scores, masks, limit=limit, connectivity=connectivity) == pytest.approx(
        expected, rel=0, abs=ROUNDING
    )
    one_sort = pixel_metrics(scores, masks, limit=limit, connectivity=connectivity).pro
    assert one_sort == pytest.approx(expected, rel=0, abs=ROUNDING)
    if connectivity == 8:
        flat = scores.ravel().astype(np.float64), masks.ravel()
        both = auroc(*flat), expected
        np.testing.assert_allclose(auroc_and_pro(scores, masks, limit), both, rtol=0, atol=ROUNDING)


@given(mapped(), LIMITS)
def test_the_published_loops_are_what_they_are_wherever_they_are_defined(case, limit):
    scores, masks = case
    # The loop takes its thresholds in the maps' precision, ours in float64
    double = scores.astype(np.float64)
    for definition, naive in (("global-200", naive_pro_200), ("per-image", naive_pro_per_image)):
        found, reason = pro_with_reason(scores, masks, definition, limit)
        assert np.isnan(found) == bool(reason)
        if not reason:
            assert found == pytest.approx(naive(double, masks, limit), rel=0, abs=ROUNDING)
            assert -ROUNDING <= found <= 1 + ROUNDING


@given(mapped(), KINDS, LIMITS)
def test_strictly_rising_functions_of_the_maps_change_no_exact_metric(case, kind, limit):
    scores, masks = case
    scores = scores.astype(np.float16)
    changed = monotone(scores, kind)
    # Float32 and float64 are sorted, and so summed, in two ways
    for numbers in (all_pixels, auroc_and_pro):
        np.testing.assert_allclose(
            numbers(changed, masks, limit), numbers(scores, masks, limit), rtol=0, atol=ROUNDING
        )


@given(mapped(), LIMITS, st.randoms(use_true_random=False))
def test_the_order_of_the_images_and_turning_them_changes_nothing(case, limit, random):
    scores, masks = case
    order = list(range(len(scores)))
    random.shuffle(order)
    expected = all_pixels(scores, masks, limit)
    # regions are summed in another order
    for again in (
        (scores[order], masks[order]),
        (scores[:, ::-1], masks[:, ::-1]),
        (scores.mT, masks.mT),
    ):
        np.testing.assert_allclose(all_pixels(*again, limit), expected, rtol=0, atol=ROUNDING)
        for definition in PRO_DEFINITIONS:
            one, other = (pro(*pair, definition, limit=limit) for pair in (again, case))
            np.testing.assert_allclose(one, other, rtol=0, atol=ROUNDING)


@given(mapped(), LIMITS)
def test_perfect_inverted_and_constant_maps(case, limit):
    masks = case[1]
    perfect = masks.astype(np.float32)
    assert all_pixels(perfect, masks, limit) == pytest.approx(
        [1, 1, 1, 1, 0, 0], rel=0, abs=ROUNDING
    )
    assert pixel_metrics(-perfect, masks, limit=limit).auroc == 0
    # All normal pixels come first
    assert pro(-perfect, masks, limit=limit) == pytest.approx(0, abs=ROUNDING)
    # The diagonal
    assert pro(0 * perfect, masks, limit=limit) == pytest.approx(limit / 2, abs=ROUNDING)


@given(st.integers(0, 2**32 - 1))
def test_random_maps_are_as_good_as_chance(seed):
    """Areas of independent noise: half of all, half of the limit, within six deviations."""
    rng = np.random.default_rng(seed)
    masks = np.kron(rng.random((8, 8, 8)) < 0.2, np.ones((1, 4, 4))).astype(bool)
    masks[0, :2, :2] = False, True
    scores = rng.normal(size=masks.shape)
    anomalous, areas = masks.sum(), regions(masks)[1]
    # Mann and Whitney's
    spread = np.sqrt(masks.size / (12.0 * anomalous * (masks.size - anomalous)))
    assert abs(pixel_metrics(scores, masks).auroc - 0.5) < 6 * spread
    # one anomalous pixel adds max(0, 1 - u / 0.3), of variance below 0.09; a region averages its
    # pixels
    assert abs(pro(scores, masks) - 0.15) < 6 * 0.3 * np.sqrt((1 / areas).sum()) / len(areas) + 0.01


@given(mapped(), LIMITS, st.sampled_from([4, 8]))
def test_what_single_regions_add_has_pro_as_its_mean(case, limit, connectivity):
    scores, masks = case
    found = region_curves(scores, masks, limit, connectivity)
    assert found.area.sum() == masks.sum()
    expected = naive_pro(scores, masks, limit, connectivity)
    assert found.integral.mean() == pytest.approx(expected, rel=0, abs=ROUNDING)
    whole = auroc(scores.ravel(), masks.ravel())
    assert np.average(found.auroc, weights=found.area) == pytest.approx(whole, rel=0, abs=ROUNDING)
    normal = scores[~masks].astype(np.float64)
    # The lowest threshold that flags so few: the next one down flags more
    for fpr in (0, limit / 3, limit):
        threshold = found.threshold(fpr)
        assert (normal >= threshold).mean() <= fpr + ROUNDING
        lower = normal[normal < threshold]
        assert not len(lower) or (normal >= lower.max()).mean() > fpr


@given(mapped(), st.sampled_from([4, 8]))
def test_regions_are_connected_numbered_and_never_touch(case, connectivity):
    ids, areas = regions(case[1], connectivity)
    assert areas.sum() == case[1].sum()
    np.testing.assert_array_equal(np.unique(ids[ids > 0]), np.arange(len(areas)) + 1)
    steps = [(0, 1), (1, 0), *([(1, 1), (1, -1)] if connectivity == 8 else [])]
    for down, across in steps:  # two anomalous neighbours are of one region
        padded = np.pad(ids.astype(int), ((0, 0), (0, 1), (1, 1)))
        moved = np.roll(padded, (-down, -across), (1, 2))
        assert ((padded == moved) | (padded == 0) | (moved == 0)).all()
