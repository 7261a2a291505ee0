import dataclasses
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
import torch

import adviz
from adviz import metrics
from adviz._support import archive
from adviz.evaluation import Result, evaluate
from adviz.prediction import Prediction

PIXEL = ("pixel_auroc", "pixel_ap", "pro")


@dataclass
class FakeSplit:
    labels: np.ndarray
    masks: np.ndarray | None
    image_size: tuple[int, int] = (12, 10)
    name: str = "nut"
    without_mask: str = ""

    def __len__(self):
        return len(self.labels)

    @property
    def has_masks(self):
        return self.masks is not None

    def masks_array(self):
        if self.without_mask:
            raise ValueError(f"no mask for {self.without_mask}")
        return self.masks


def make(seed=0, labels=(0, 0, 0, 1, 1, 1), size=(12, 10), dtype=np.float32):
    """A prediction and its split: a block of defect in every anomalous image, noisy scores."""
    rng = np.random.default_rng(seed)
    labels = np.asarray(labels, np.int8)
    masks = np.zeros((len(labels), *size), bool)
    masks[labels == 1, 2:6, 3:7] = True
    maps = (rng.normal(size=masks.shape) + masks).astype(dtype)
    score = rng.normal(size=len(labels)) + (labels == 1)
    return Prediction(score, maps, detector="PatchCore"), FakeSplit(labels, masks, size)


def test_every_metric_is_the_one_of_the_library_of_metrics():
    prediction, split = make()
    result = evaluate(prediction, split)
    truth, score = split.labels, prediction.score
    pixels, flat = split.masks.ravel(), prediction.anomaly_map.ravel()
    # Sums of a few hundred float64 terms between 0 and 1.
    assert result.image_auroc == pytest.approx(
        sklearn.metrics.roc_auc_score(truth, score), abs=1e-12
    )
    assert result.image_ap == pytest.approx(
        sklearn.metrics.average_precision_score(truth, score), abs=1e-12
    )
    assert result.pixel_auroc == pytest.approx(
        sklearn.metrics.roc_auc_score(pixels, flat), abs=1e-12
    )
    assert result.pixel_ap == pytest.approx(
        sklearn.metrics.average_precision_score(pixels, flat), abs=1e-12
    )
    assert result.pro == pytest.approx(metrics.pro(prediction.anomaly_map, split.masks), abs=1e-12)
    best = metrics.f1_threshold(score, truth)
    assert (result.threshold_f1, result.f1, result.false_positives, result.false_negatives) == best
    assert result.false_positives_at_full_recall == metrics.false_positives_at_full_recall(
        score, truth
    )
    assert (result.category, result.detector) == ("nut", "PatchCore")
    assert (result.n_good, result.n_anomalous, result.n_unlabelled) == (3, 3, 0)
    assert result.reasons == {}
    assert set(result.curves) == {
        "roc",
        "precision_recall",
        "pixel_roc",
        "pixel_precision_recall",
        "pro",
    }


@pytest.mark.parametrize("definition", metrics.PRO_DEFINITIONS)
@pytest.mark.parametrize("limit", [0.05, 0.3])
def test_the_definition_and_limit_of_pro_are_used_and_named(definition, limit):
    prediction, split = make()
    result = evaluate(prediction, split, pro=definition, pro_limit=limit)
    expected = metrics.pro(prediction.anomaly_map, split.masks, definition, limit)
    assert result.pro == pytest.approx(expected, abs=1e-12)  # two formulas of the same sum
    assert (result.pro_definition, result.pro_limit) == (definition, limit)
    name = f"PRO-{definition}" + ("@0.05" if limit == 0.05 else "")
    assert f"{name} {result.pro:.3f}" in repr(result)
    assert name in result._repr_html_()


def test_unlabelled_images_are_left_out():
    prediction, split = make(labels=(0, -1, 1, 0, 1, -1))
    result = evaluate(prediction, split)
    kept = split.labels >= 0
    subset = FakeSplit(split.labels[kept], split.masks[kept])
    expected = evaluate(
        Prediction(prediction.score[kept], prediction.anomaly_map[kept], detector="PatchCore"),
        subset,
    ).to_frame()
    assert result.n_unlabelled == 2
    assert (
        result.to_frame().drop(columns="n_unlabelled").equals(expected.drop(columns="n_unlabelled"))
    )
    assert "(2 unlabelled left out)" in repr(result)


def test_size_resizes_maps_by_mean_and_masks_by_majority():
    prediction, split = make(labels=(0, 1, 1), size=(8, 8))
    split.masks[1] = False
    split.masks[1, :2, :2] = split.masks[1, 4, 4:6] = split.masks[1, 6:, 0] = split.masks[
        1, 7, 1
    ] = True
    maps = prediction.anomaly_map.reshape(3, 4, 2, 4, 2).mean((2, 4))
    masks = split.masks.reshape(3, 4, 2, 4, 2).mean((2, 4)) > 0.5
    assert masks[1, 0, 0]
    assert not masks[1, 2, 2]  # exactly half is not more than half
    assert masks[1, 3, 0]
    result = evaluate(prediction, split, size=4)
    # The maps are averaged in float32: pixels that are not tied keep their order, so only sums
    # differ.
    assert result.pixel_auroc == pytest.approx(
        sklearn.metrics.roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-12
    )
    assert result.pro == pytest.approx(metrics.pro(maps, masks), abs=1e-12)
    assert result.image_auroc == evaluate(prediction, split).image_auroc
    assert result.pixel_auroc != evaluate(prediction, split).pixel_auroc


def test_no_maps_is_nan_with_a_reason():
    prediction, split = make()
    result = evaluate(Prediction(prediction.score), split)
    assert np.isnan([result.pixel_auroc, result.pixel_ap, result.pro]).all()
    assert result.reasons == dict.fromkeys(PIXEL, "the detector has no maps")
    assert set(result.curves) == {"roc", "precision_recall"}
    assert "undefined: pixel_auroc, pixel_ap, pro (the detector has no maps)" in repr(result)
    assert "the detector has no maps" in result._repr_html_()
    assert "pro: the detector has no maps" in result.to_frame()["reasons"][0]
    assert not np.isnan(result.image_auroc)


def test_no_masks_is_nan_with_a_reason():
    prediction, split = make()
    split.masks = None
    result = evaluate(prediction, split)
    assert np.isnan([result.pixel_auroc, result.pixel_ap, result.pro]).all()
    assert result.reasons == dict.fromkeys(PIXEL, "the test set has no masks")


def test_an_error_of_another_kind_of_split_comes_through():
    prediction, split = make()
    split.without_mask = "scratch/004.png"
    with pytest.raises(ValueError, match=r"scratch/004\.png"):
        evaluate(prediction, split)


def test_without_anomalous_images_everything_is_nan_with_a_reason():
    result = evaluate(*make(labels=(0, 0, 0)))
    values = [
        f.name
        for f in fields(Result)
        if isinstance(getattr(result, f.name), float) and f.name != "pro_limit"
    ]
    assert len(values) == 10
    assert np.isnan([getattr(result, name) for name in values]).all()
    assert result.reasons == dict.fromkeys(values, "no anomalous image in the test set")
    assert result.curves == {}


def test_without_good_images_only_the_image_auroc_is_nan():
    result = evaluate(*make(labels=(1, 1, 1)))
    assert np.isnan(result.image_auroc)
    assert result.reasons == {"image_auroc": "no normal image in the test set"}
    assert 0 < result.pro < 1
    assert set(result.curves) == {"precision_recall", "pixel_roc", "pixel_precision_recall", "pro"}


def test_without_labelled_images_everything_is_nan():
    result = evaluate(*make(labels=(-1, -1)))
    assert (result.n_good, result.n_anomalous, result.n_unlabelled) == (0, 0, 2)
    assert np.isnan([result.image_auroc, result.f1, result.pro]).all()


def test_masks_that_are_empty_after_the_crop_are_nan_with_a_reason():
    prediction, split = make()
    split.masks[:] = False
    result = evaluate(prediction, split)
    assert result.reasons == dict.fromkeys(PIXEL, "no anomalous pixel")


def test_the_reason_of_a_definition_of_pro_comes_along():
    prediction, split = make()
    flat = Prediction(prediction.score, np.ones_like(prediction.anomaly_map))
    result = evaluate(flat, split, pro="global-200")
    assert np.isnan(result.pro)
    assert list(result.reasons) == ["pro"]
    assert "the FPR is 0" in result.reasons["pro"]
    assert evaluate(flat, split).pro == pytest.approx(0.15, abs=1e-12)  # the diagonal up to 0.3


def test_what_does_not_match_is_an_error_with_both_values():
    prediction, split = make()
    with pytest.raises(ValueError, match="same images, got 6 and 5"):
        evaluate(prediction, FakeSplit(split.labels[:5], split.masks[:5]))
    split.image_size = (24, 20)
    with pytest.raises(ValueError, match=r"\(24, 20\), got \(12, 10\); .*resize"):
        evaluate(prediction, split)


def test_bad_options_and_values_are_refused_even_without_maps():
    prediction, split = make()
    bare = Prediction(prediction.score)
    with pytest.raises(ValueError, match="'global', 'global-200', 'per-image', got 'mean'"):
        evaluate(bare, split, pro="mean")
    with pytest.raises(ValueError, match=r"\(0, 1\], got 0"):
        evaluate(bare, split, pro_limit=0)
    with pytest.raises(
        ValueError, match=r"size must be a whole number of pixels, or a pair .* at least 1, got 0"
    ):
        evaluate(bare, split, size=0)
    bare.score[2] = np.nan
    with pytest.raises(ValueError, match="finite"):
        evaluate(bare, split)
    with pytest.raises(ValueError, match="-1, 0 or 1"):
        evaluate(prediction, FakeSplit(split.labels + 1, split.masks))


def test_curves_are_thinned():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 2000).astype(np.int8)
    result = evaluate(Prediction(rng.normal(size=4000) + labels), FakeSplit(labels, None))
    assert all(100 < len(curve) <= 1000 for curve in result.curves.values())


def test_frame_has_one_row_with_a_column_for_every_metric():
    frame = evaluate(*make()).to_frame()
    assert frame.shape == (1, len(fields(Result)) - 1)
    assert list(frame.columns) == [
        f.name for f in fields(Result) if f.name not in ("reasons", "curves")
    ] + ["reasons"]
    assert frame["pro_definition"][0] == "global"
    assert frame["reasons"][0] == ""


def test_text_is_a_few_lines_and_html_is_escaped():
    prediction, split = make()
    split.name = "<b>nut</b>"
    result = evaluate(prediction, split)
    lines = repr(result).splitlines()
    assert lines[0] == "<b>nut</b>, PatchCore: 3 good and 3 anomalous images"
    assert len(lines) == 5
    assert max(map(len, lines)) <= 100
    assert "<b>" not in result._repr_html_()
    assert "&lt;b&gt;nut" in result._repr_html_()


def test_a_prediction_of_other_images_of_the_same_number_is_refused():
    prediction, split = make()
    split.ids = [f"test/{number}.png" for number in range(6)]
    mine = dataclasses.replace(prediction, ids=tuple(f"nut/{name}" for name in split.ids))
    assert repr(evaluate(mine, split)) == repr(evaluate(prediction, split))
    other = dataclasses.replace(prediction, ids=tuple(split.ids[::-1]))
    with pytest.raises(
        ValueError, match=r"image 0 is 'test/0.png' here and was 'test/5.png' when it was predicted"
    ):
        evaluate(other, split)


def test_a_saved_result_is_loaded(tmp_path):
    """With its curves, and with NaN where a metric is undefined."""
    for labels in ((0, 0, 0, 1, 1, 1), (0, 0, 0)):
        result = evaluate(*make(labels=labels))
        digest = result.save(tmp_path / "result")
        for found in (
            Result.load(tmp_path / "result", digest=digest),
            adviz.load(tmp_path / "result"),
        ):
            assert repr(found) == repr(result)
            assert found.reasons == result.reasons
            for field in fields(Result):
                if field.name != "curves":
                    here, there = getattr(found, field.name), getattr(result, field.name)
                    assert (type(here), repr(here)) == (type(there), repr(there)), field.name
            assert list(found.curves) == list(result.curves)
            for name, curve in result.curves.items():
                for axis in ("x", "y", "threshold"):
                    np.testing.assert_array_equal(
                        getattr(found.curves[name], axis), getattr(curve, axis)
                    )


def test_a_result_saved_under_a_fields_old_name_is_loaded(tmp_path):
    result = evaluate(*make(labels=(0, 0, 0)))
    content = archive.parts(result)
    for names in (content, content["reasons"]):
        names["errors_at_full_recall"] = names.pop("false_positives_at_full_recall")
    archive.write(tmp_path / "result", "Result", content)
    loaded = Result.load(tmp_path / "result")
    assert loaded.shown() == result.shown()
    assert loaded.reasons == result.reasons


@pytest.mark.parametrize(
    "change", [{"pro": "high"}, {"reasons": {"a": 1}}, {"curves": {"roc": {}}}, {"n_good": None}]
)
def test_a_file_that_is_no_result_is_refused(tmp_path, change):
    result = evaluate(*make())
    archive.write(tmp_path / "result", "Result", {**archive.parts(result), **change})
    with pytest.raises(
        ValueError, match=r"expected a saved Result in .*, but its parts do not fit"
    ):
        Result.load(tmp_path / "result")


# ---- bare arrays


def as_tensors(*arrays):
    return [torch.from_numpy(np.array(array)) for array in arrays]


def as_lists(*arrays):
    return [array.tolist() for array in arrays]


@pytest.mark.parametrize("given", [list, as_lists, as_tensors], ids=["arrays", "lists", "tensors"])
def test_bare_arrays_have_the_metrics_of_a_prediction_and_a_split(given):
    prediction, split = make(labels=(0, 0, -1, 1, 1, 1))
    expected = evaluate(prediction, split).to_frame().drop(columns=["category", "detector"])
    arrays = [prediction.score, split.labels, prediction.anomaly_map, split.masks]
    score, labels, maps, masks = arrays if given is list else given(*arrays)
    result = evaluate(score, labels, maps=maps, masks=masks).to_frame()
    assert result.drop(columns=["category", "detector"]).equals(expected)
    # Either may be bare alone; masks may have a channel, and other numbers than 1
    many = np.asarray(split.masks)[:, None] * 255
    assert evaluate(prediction, labels, masks=many).pixel_ap == expected["pixel_ap"][0]
    assert evaluate(score, split, maps=maps).pixel_ap == expected["pixel_ap"][0]


def test_bare_scores_and_labels_alone_have_image_metrics():
    prediction, split = make()
    result = evaluate(prediction.score, split.labels)
    assert result.image_auroc == evaluate(prediction, split).image_auroc
    assert result.reasons["pixel_auroc"] == "the detector has no maps"
    result = evaluate(prediction.score, split.labels, maps=prediction.anomaly_map)
    assert result.reasons["pro"] == "the test set has no masks"
    result = evaluate(pd.Series(prediction.score), pd.Series(split.labels))
    assert result.image_auroc == evaluate(prediction, split).image_auroc


def test_bare_arrays_that_do_not_fit_are_refused_in_words():
    prediction, split = make()
    score, labels, maps, masks = (
        prediction.score,
        split.labels,
        prediction.anomaly_map,
        split.masks,
    )

    def refused(error, message, *values, **options):
        with pytest.raises(error, match=message):
            evaluate(*values, **options)

    refused(ValueError, "same images, got 6 and 5", score, labels[:5])
    refused(
        ValueError, r"labels must have shape \(N,\).*got shape \(6, 1\)", score, labels[:, None]
    )
    refused(ValueError, r"labels must be -1, 0 or 1, got \[0, 2\]", score, labels * 2)
    refused(
        TypeError, "labels must be numbers, 0 good and 1 anomalous, got a list", score, ["a"] * 6
    )
    refused(ValueError, r"score must have shape \(N,\)", maps, labels)
    refused(ValueError, r"anomaly_map must have shape \(6, h", score, labels, maps=maps[:3])
    refused(
        ValueError,
        r"masks must have shape \(6, h.*got shape \(12, 10\)",
        score,
        labels,
        masks=masks[0],
    )
    refused(
        ValueError,
        r"have the size of the split's images, \(6, 10\), got \(12, 10\)",
        *(score, labels),
        maps=maps,
        masks=masks[:, :6],
    )
    refused(
        ValueError,
        "masks of good images, got some in 3, first number 0",
        score,
        labels,
        masks=~masks,
    )
    refused(TypeError, "masks must be numbers", score, labels, masks=["a.png"] * 6)
    refused(ValueError, "no maps= beside a Prediction", prediction, labels, maps=maps)
    refused(ValueError, "no masks= beside a Split", score, split, masks=masks)
    refused(
        TypeError, "a Prediction, then the Split of its images, got a FakeSplit", split, prediction
    )
    refused(TypeError, "the Split of the predicted images after the Prediction", score, None)
