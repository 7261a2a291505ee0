"""Thresholds that know where they come from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import adviz
from adviz import Prediction, Threshold, calibrate
from adviz._support import archive
from adviz.data import Split


def split(labels, folder="test", name="nut"):
    names = [
        f"{folder}/{'dent' if label == 1 else 'good'}/{number}.png"
        for number, label in enumerate(labels)
    ]
    pixels = np.zeros((len(labels), 4, 4), np.uint8)
    return Split.from_arrays(pixels, labels, names=names, name=name)


def prediction(score, **facts):
    return Prediction(
        np.asarray(score, np.float32),
        **{"detector": "PatchCore", "backbone": "lite", "digest": "01", **facts},
    )


GOOD, BAD = [0.1, 0.2, 0.3, 0.6], [0.5, 0.7, 0.9]
# The last is not labelled
SCORE, LABELS = prediction([*GOOD, *BAD, 5.0]), [0, 0, 0, 0, 1, 1, 1, -1]


def test_f1_takes_the_best_threshold():
    found = calibrate(SCORE, split(LABELS), rule="f1")
    f1 = {
        t: 2 * sum(b >= t for b in BAD) / (sum(b >= t for b in BAD) + sum(g >= t for g in GOOD) + 3)
        for t in GOOD + BAD
    }
    best = np.float64(np.float32(max(f1, key=f1.get)))
    # A margin below the observed score
    assert best * (1 - 1e-5) == pytest.approx(found.value, rel=1e-9)
    assert (found.n_good, found.n_anomalous) == (4, 3)
    np.testing.assert_array_equal(found.is_anomalous(SCORE), np.array([*GOOD, *BAD, 5.0]) >= 0.5)


def test_full_recall_flags_every_anomalous_image():
    found = calibrate(SCORE, split(LABELS), rule="full_recall")
    assert found.value == pytest.approx(0.5 * (1 - 1e-5), rel=1e-9)
    assert found.is_anomalous(SCORE)[4:7].all()


def test_max_good_flags_no_good_image_and_what_is_a_margin_above():
    found = calibrate(SCORE, split(LABELS), rule="max_good")
    assert not found.is_anomalous(SCORE)[:4].any()
    assert not found.is_anomalous(prediction([0.6 * (1 + 0.9e-5)])).any()
    assert found.is_anomalous(prediction([0.6 * (1 + 1.2e-5)])).all()
    assert (found.n_good, found.n_anomalous) == (4, 0)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6, -1.0, 0.0])
@pytest.mark.parametrize("rule", ["f1", "full_recall", "max_good", "false_positive_rate"])
def test_every_rule_holds_for_its_own_images_in_any_batch(rule, scale):
    """Scores then differ by less than the margin from those that the threshold was set by."""
    rng = np.random.default_rng(0)
    score = scale * (1 + rng.normal(size=60).astype(np.float32) + 2 * (np.arange(60) >= 40))
    labels = [0] * 40 + [1] * 20
    if scale < 0:
        labels = labels[::-1]
    options = {"rate": 0.2} if rule == "false_positive_rate" else {}
    found = calibrate(prediction(score), split(labels), rule=rule, **options)
    good = np.array(labels) == 0
    expected = found.is_anomalous(prediction(score))
    for _ in range(20):
        alone = score * (1 + 0.9e-5 * rng.uniform(-1, 1, size=60))
        flagged = found.is_anomalous(prediction(alone))
        if rule == "max_good":
            assert not flagged[good].any()
        elif rule == "full_recall":
            assert flagged[~good].all()
        elif rule == "false_positive_rate":
            assert flagged[good].mean() <= 0.2
        else:
            np.testing.assert_array_equal(flagged, expected)


def test_the_best_f1_is_kept_between_scores_that_lie_close():
    """Half way to the next lower score is the most that the margin takes."""
    close = np.nextafter(np.float32(0.5), np.float32(0))
    found = calibrate(prediction([0.1, close, 0.5, 0.7]), split([0, 0, 1, 1]), rule="f1")
    assert found.is_anomalous(prediction([0.1, close, 0.5, 0.7])).tolist() == [
        False,
        False,
        True,
        True,
    ]
    assert close < found.value < 0.5


@pytest.mark.parametrize(
    ("rate", "count", "rank"),
    [(0.01, 99, 99), (0.1, 9, 9), (0.5, 9, 5), (0.25, 99, 75), (0.3, 9, 7)],
)
def test_a_false_positive_rate_takes_the_conservative_order_statistic(rate, count, rank):
    score = np.random.default_rng(0).permutation(count).astype(float)
    found = calibrate(prediction(score), split([0] * count), rule="false_positive_rate", rate=rate)
    assert not found.is_anomalous(prediction([rank - 1.0]))[0]
    assert found.is_anomalous(prediction([rank - 0.999]))[0]


def test_on_average_no_more_good_images_are_flagged_than_promised():
    """And not much below: from rate - 1 / (n + 1) to rate, here .06 to .1, over draws of both."""
    rng, flagged = np.random.default_rng(0), []
    for _ in range(400):
        found = calibrate(
            prediction(rng.normal(size=24)), split([0] * 24), rule="false_positive_rate", rate=0.1
        )
        flagged.append(found.is_anomalous(prediction(rng.normal(size=200))).mean())
    # rank 23 of 24 promises .08 exactly; the mean of 400 draws has a standard error of .0027
    assert np.mean(flagged) == pytest.approx(0.08, abs=4 * 0.0027)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    score=st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=40),
    rate=st.floats(0.01, 0.99),
)
def test_the_share_flagged_among_the_images_themselves_is_below_the_rate(score, rate):
    images = prediction(score), split([0] * len(score))
    if len(score) < 1 / rate - 1 - 1e-6:
        with pytest.raises(ValueError, match="needs at least"):
            calibrate(*images, rule="false_positive_rate", rate=rate)
        return
    assert (
        calibrate(*images, rule="false_positive_rate", rate=rate).is_anomalous(images[0]).mean()
        <= rate
    )


def test_too_few_images_say_how_many_are_needed():
    with pytest.raises(
        ValueError, match=r"rate of 0.01 needs at least 99 good images, got 98: .* a rate of 0.0101"
    ):
        calibrate(prediction(np.arange(98)), split([0] * 98), rule="false_positive_rate", rate=0.01)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([0, 0], {"rule": "f1"}, 'rule "f1" needs an anomalous image, got none'),
        ([0, -1], {"rule": "full_recall"}, 'rule "full_recall" needs an anomalous image'),
        ([1, 1], {"rule": "max_good"}, 'rule "max_good" needs good images, got none'),
        ([1, -1], {"rule": "false_positive_rate", "rate": 0.5}, "needs good images, got none"),
        ([0, 1, 1], {}, "describe the same images, got 2 and 3"),
        ([0, 1], {"rule": "best"}, "rule must be one of"),
        ([0, 1], {"rule": "f1", "rate": 0.1}, "rate goes with the rule"),
        ([0, 1], {"rule": "false_positive_rate"}, "rate goes with the rule"),
        ([0, 1], {"rule": "false_positive_rate", "rate": 0.0}, "above 0 and below 1"),
        ([0, 1], {"rule": "false_positive_rate", "rate": 1.0}, "above 0 and below 1"),
    ],
)
def test_what_a_rule_cannot_work_with_is_refused(labels, options, message):
    with pytest.raises(ValueError, match=message):
        calibrate(prediction([0.0, 1.0]), split(labels), **options)


def test_it_says_by_which_rule_and_on_which_images_it_was_set():
    text = repr(calibrate(SCORE, split(LABELS), rule="f1"))
    assert text.startswith("Threshold(0.5 by f1, on 4 good and 3 anomalous images of nut [")
    assert "for PatchCore on lite" in text
    assert text.endswith(
        "; set on the TEST data themselves: errors counted on them are optimistic)"
    )
    other = calibrate(SCORE, split([0] * 8), rule="false_positive_rate", rate=0.25, held_out=True)
    assert "by false_positive_rate 0.25, on 8 good" in repr(other)
    assert "TEST" not in repr(other)
    assert "TEST" not in repr(calibrate(SCORE, split(LABELS, "validation")))
    assert "TEST" in repr(calibrate(SCORE, split(LABELS, "validation"), held_out=False))
    training = calibrate(SCORE, split([0] * 8, "train"), rule="max_good")
    assert "TRAINING images, which the detector knows" in repr(training)
    aside = calibrate(SCORE, split([0] * 8, "train"), rule="max_good", held_out=True)
    assert repr(aside).endswith("for PatchCore on lite)")


def test_other_images_or_labels_have_another_digest():
    first = calibrate(SCORE, split(LABELS)).images
    assert calibrate(SCORE, split(LABELS)).images == first
    assert calibrate(SCORE, split(LABELS, "validation")).images != first
    assert calibrate(SCORE, split([1, *LABELS[1:]])).images != first


@pytest.mark.parametrize("facts", [{"detector": "SPADE"}, {"backbone": "other"}, {"digest": "02"}])
def test_scores_of_another_detector_or_backbone_are_refused(facts):
    threshold = calibrate(SCORE, split(LABELS))
    name = next(iter(facts))
    with pytest.raises(
        ValueError, match=f"prediction of the {name} .* calibrate another threshold"
    ):
        threshold.is_anomalous(prediction([1.0], **facts))
    # Not known: nothing to compare
    assert threshold.is_anomalous(prediction([1.0], **{name: ""})).tolist() == [True]


def test_what_is_saved_is_loaded(tmp_path):
    for options in ({"rule": "f1"}, {"rule": "false_positive_rate", "rate": 0.3}):
        threshold = calibrate(SCORE, split(LABELS, name="nüt"), **options)
        digest = threshold.save(tmp_path / "line")
        assert Threshold.load(tmp_path / "line", digest=digest) == threshold
        assert adviz.load(tmp_path / "line") == threshold


@pytest.mark.parametrize(
    "change",
    [{"value": float("nan")}, {"rule": "best"}, {"rate": 0.1}, {"n_good": "4"}, {"more": 1}],
)
def test_a_file_whose_contents_do_not_fit_is_refused(tmp_path, change):
    threshold = calibrate(SCORE, split(LABELS))
    archive.write(tmp_path / "line", "Threshold", {**archive.parts(threshold), **change})
    with pytest.raises(
        ValueError, match=r"expected a saved Threshold in .*, but its parts do not fit"
    ):
        Threshold.load(tmp_path / "line")


def test_a_threshold_knows_images_that_it_was_set_on():
    everything = split(LABELS)
    best = calibrate(SCORE, everything, held_out=True)
    assert best.is_set_on(everything)
    assert not best.is_set_on(split(LABELS, folder="other"))
    above_good = calibrate(SCORE, everything, rule="max_good", held_out=True)
    assert above_good.is_set_on(everything)
    assert above_good.is_set_on(everything.subset(range(4)))
    assert not above_good.is_set_on(everything.subset(range(3)))
    assert not best.is_set_on(everything.subset(range(4)))
