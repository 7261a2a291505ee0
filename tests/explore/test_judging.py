import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from adviz import Prediction, metrics
from adviz.data import Category, Geometry, Split
from adviz.explore.layers.judging import Judge, measured, metric_table, of_image
from adviz.explore.layers.mixing import Mix, mixed

LABELS = np.array([0, 1, -1, 1, 0])
RNG = np.random.default_rng(0)
MASKS = np.zeros((5, 16, 16), bool)
MASKS[1, 2:5, 2:9] = MASKS[3, 8:12, 8:12] = True
PREDICTION = Prediction(
    RNG.random(5),
    RNG.random((5, 16, 16), np.float32) + MASKS,
    {"a": RNG.random((5, 8, 8)), "b": RNG.random((5, 4, 4))},
)
KEPT = LABELS >= 0
MIX = Mix(("a", "b"), (1.0, 2.0), sigma=1.0)


@pytest.mark.parametrize("mix", [None, MIX])
def test_metrics_are_those_of_the_labelled_images(mix):
    found = measured(PREDICTION, mix, LABELS, MASKS)
    own = PREDICTION.anomaly_map if mix is None else mixed(PREDICTION.layer_maps, mix, (16, 16))
    score = PREDICTION.score if mix is None else own.max((1, 2))
    assert found["image_auroc"] == roc_auc_score(LABELS[KEPT], score[KEPT])
    assert found["pixel_auroc"] == pytest.approx(
        roc_auc_score(MASKS[KEPT].ravel(), own[KEPT].ravel())
    )
    assert found["pro"] == pytest.approx(metrics.pro(own[KEPT], MASKS[KEPT]))


def test_what_is_undefined_is_nan():
    without = measured(PREDICTION, None, LABELS, None)
    assert np.isnan([without["pixel_auroc"], without["pro"]]).all()
    assert without["image_auroc"] == without["image_auroc"]
    assert np.isnan(list(measured(PREDICTION, MIX, np.full(5, -1), MASKS).values())).all()
    assert np.isnan(list(of_image(PREDICTION.anomaly_map[0], MASKS[0]).values())).all()
    assert np.isnan(list(of_image(PREDICTION.anomaly_map[0], None).values())).all()


def test_the_metrics_of_one_image_are_those_of_its_pixels():
    found = of_image(PREDICTION.anomaly_map[1], MASKS[1])
    assert found["pixel_auroc"] == pytest.approx(
        roc_auc_score(MASKS[1].ravel(), PREDICTION.anomaly_map[1].ravel())
    )
    assert found["pro"] == pytest.approx(metrics.pro(PREDICTION.anomaly_map[1:2], MASKS[1:2]))


def test_a_judge_computes_once_and_means_over_what_is_defined():
    images = RNG.integers(0, 255, (5, 16, 16, 3), dtype=np.uint8)
    labels = {"nut": LABELS, "cap": np.array([0, 1, 0, 1, 1]), "bag": np.full(5, -1)}
    splits = {
        name: Split.from_arrays(images, each, geometry=Geometry(16, crop=False))
        for name, each in labels.items()
    }
    judge = Judge({name: Category(name, split, split) for name, split in splits.items()})
    keys = [(name, "X", None) for name in splits]
    assert judge.missing(keys) == keys
    for key in keys[:2]:
        judge.measure(key, PREDICTION)
    assert judge.missing(keys) == keys[2:]
    judge.measure(keys[2], PREDICTION)
    both = [
        roc_auc_score(labels[name][labels[name] >= 0], PREDICTION.score[labels[name] >= 0])
        for name in ("nut", "cap")
    ]
    mean = judge.mean(keys)
    assert mean["image_auroc"] == pytest.approx(np.mean(both))
    assert np.isnan(mean["pro"])  # no masks


def test_the_table_says_differences_in_points_with_their_sign():
    low, high = {"pixel_auroc": 0.9, "pro": float("nan")}, {"pixel_auroc": 0.912, "pro": 0.5}
    text = metric_table("nut", {"mix": low, "detector": high})
    assert "-1.2 points" in text
    assert "+1.2 points" in metric_table("nut", {"mix": high, "detector": low})
    assert text.count("undefined") == 1
    assert "nan" not in text
    assert "computed" in metric_table("nut", None)
