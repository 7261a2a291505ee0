"""Detectors in scikit-learn: clones, pipelines, searches, and its signs."""

import numpy as np
import pytest
from random_features import make_features
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, ParameterGrid, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from adviz import DN2, Features, OutlierDetector, PaDiM, PatchCore

FOLDS = StratifiedKFold(3)
LABELS = np.array([0] * 12 + [1] * 6)


def vectors():
    """Twelve good images and six anomalous ones, in which one channel of eight is shifted."""
    values = np.random.default_rng(0).normal(size=(18, 8)).astype(np.float32)
    values[12:, 3] += 9
    return values


def single_images(features):
    return [features.select(images=[index]) for index in range(features.n_images)]


def test_scores_are_those_of_the_detector_with_the_other_sign():
    train, test = make_features(12), make_features(5, seed=1, defect=3)
    estimator = OutlierDetector(PatchCore(coreset=0.2)).fit(train)
    expected = PatchCore(coreset=0.2).fit(train).predict(test).score
    np.testing.assert_array_equal(estimator.score_samples(test), -expected)
    np.testing.assert_allclose(estimator.score_samples(single_images(test)), -expected, rtol=1e-6)
    assert estimator.score_samples(test).argmin() == 3
    assert not hasattr(estimator.detector, "layers_")


def test_a_pipeline_on_bare_arrays():
    array = vectors()
    pipeline = make_pipeline(StandardScaler(), PCA(5), OutlierDetector(DN2(k_images=2)))
    normality = pipeline.fit(array[:12]).score_samples(array)
    prepared = PCA(5).fit_transform(StandardScaler().fit_transform(array[:12]))
    scaler = StandardScaler().fit(array[:12])
    both = PCA(5).fit(scaler.transform(array[:12])).transform(scaler.transform(array))

    def features(values):
        values = np.asarray(values, np.float32)[:, :, None, None]
        return Features({"layer": values}, image_size=(1, 1))

    detector = DN2(layers=("layer",), k_images=2).fit(features(prepared))
    np.testing.assert_allclose(normality, -detector.predict(features(both)).score, rtol=1e-5)
    assert roc_auc_score(LABELS, -normality) == 1


def test_a_clone_has_the_options_and_is_not_fitted():
    estimator = OutlierDetector(PatchCore(coreset=0.3), threshold=2.0).fit(make_features(4))
    again = clone(estimator)
    assert again.get_params()["detector__coreset"] == 0.3
    assert again.threshold == 2.0
    assert again.detector is not estimator.detector
    assert not hasattr(again, "detector_")
    assert again.set_params(detector__coreset=0.5).detector.coreset == 0.5
    assert estimator.detector.coreset == 0.3


def test_options_are_searched_by_the_auroc_of_good_and_anomalous_images():
    images = single_images(make_features(12)) + single_images(make_features(6, seed=1, defect=0))
    for index in range(13, 18):  # image 12 has its defect already
        images[index] = make_features(1, seed=index, defect=0)
    grid = {"detector__coreset": [0.1, 0.5], "detector__image_score": ["max"]}
    search = GridSearchCV(OutlierDetector(PatchCore()), grid, cv=FOLDS).fit(images, LABELS)
    assert search.best_score_ == 1
    assert search.best_estimator_.detector_.image_score == "max"
    # Refitted on all good images, and on none of the anomalous ones
    assert set(search.best_estimator_.detector_.bank_image_) <= set(range(12))
    assert len(search.best_estimator_.detector_.bank_) == int(
        search.best_params_["detector__coreset"] * 12 * 64
    )


def test_a_parameter_grid_and_cross_validation_on_arrays():
    array = vectors()
    for options in ParameterGrid({"detector__k_images": [1, 3]}):
        estimator = OutlierDetector(DN2()).set_params(**options)
        assert cross_val_score(estimator, array, LABELS, cv=FOLDS).tolist() == [1, 1, 1]


def test_there_are_decisions_only_where_there_is_a_threshold():
    train, test = make_features(12), make_features(5, seed=1, defect=3)
    without = OutlierDetector(PaDiM()).fit(train)
    assert not hasattr(without, "predict")
    assert not hasattr(without, "decision_function")
    score = -without.score_samples(test)
    threshold = np.sort(score)[-2]  # which counts as anomalous itself
    estimator = OutlierDetector(PaDiM(), threshold=threshold).fit(train)
    is_anomalous = score >= threshold
    assert estimator.predict(test).tolist() == np.where(is_anomalous, -1, 1).tolist()
    np.testing.assert_array_equal(estimator.decision_function(test) <= 0, is_anomalous)


def test_an_array_of_maps_is_one_layer_whatever_the_detector_calls_it():
    array = make_features(6)["layer2"]
    for layer in ("mine", 8):
        estimator = OutlierDetector(PatchCore(layers=(layer,), coreset=0.2)).fit(array)
        assert estimator.score_samples(array[:2]).shape == (2,)
        assert estimator.detector_.grid_ == (8, 8)


def test_what_is_no_features_is_refused_in_words():
    estimator = OutlierDetector(PatchCore(coreset=0.2))
    with pytest.raises(ValueError, match="must be fitted before it scores"):
        estimator.score_samples(make_features(2))
    with pytest.raises(ValueError, match=r"one layer for an array, got layers \(8, 16\)"):
        estimator.fit(np.zeros((3, 4)))
    with pytest.raises(ValueError, match=r"got an array of shape \(3, 4, 5\)"):
        estimator.fit(np.zeros((3, 4, 5)))
    with pytest.raises(TypeError, match=r"expected an array \(N, C\) .* got a list"):
        estimator.fit([])
    with pytest.raises(ValueError, match=r"label 0 \(good\) to learn from, got none"):
        estimator.fit(make_features(2), [1, 1])
    with pytest.raises(ValueError, match=r"expected 2 labels, .* got shape \(3,\)"):
        estimator.fit(make_features(2), [0, 0, 0])
    with pytest.raises(ValueError, match="same layers and image size, got others"):
        estimator.fit([make_features(1), make_features(1, size=128)])
    with pytest.raises(TypeError, match=r"expected a detector, such as PatchCore\(\), got <class"):
        OutlierDetector(PatchCore).fit(make_features(2))
