import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from adviz import Prediction, metrics
from adviz.explore.layers.judging import mean_of, measured, of_image
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


def test_means_are_over_those_categories_where_a_metric_is_defined():
    nan = float("nan")
    one = {"image_auroc": 0.5, "pixel_auroc": nan, "pro": nan}
    mean = mean_of([one, {"image_auroc": 1.0, "pixel_auroc": nan, "pro": 0.25}])
    assert mean["image_auroc"] == 0.75
    assert mean["pro"] == 0.25
    assert np.isnan(mean["pixel_auroc"])
