"""Each training image, scored by what was learned from the others."""

import dataclasses

import numpy as np
import pytest
from random_features import make_features
from test_contract import DETECTORS, STUDENTS, features_for

from adviz import DN2, SPADE, AnomalyDINO, Features, PaDiM, PatchCore, Prediction, detectors
from adviz.detectors import Detector

N = 9
EXACT = {
    "DN2": lambda: DN2(layers=(16, 32), k_images=3, image_distance="euclidean"),
    "DN2, IVF": lambda: DN2(),
    "SPADE": lambda: SPADE(k_images=4),
    "SPADE, all images": lambda: SPADE(score_neighbors=2, match="per_layer"),
    "SPADE, window": lambda: SPADE(search="window", radius=1, k_images=3),
    "PaDiM, few images": lambda: PaDiM(),
    "PaDiM, as many": lambda: PaDiM(dimension=N),
    "PaDiM, one fewer": lambda: PaDiM(dimension=N - 1),
    "PaDiM, many images": lambda: PaDiM(dimension=4, epsilon=0.3),
    "AnomalyDINO": lambda: AnomalyDINO(neighbors=3),
    "PatchCore, all patches": lambda: PatchCore(coreset=1.0),
}


def refitted(detector, features, image):
    """Return what a detector fitted on the other images predicts of one, the plain way."""
    others = [number for number in range(features.n_images) if number != image]
    fitted = dataclasses.replace(detector).fit(features.select(images=others))
    return fitted.predict(features.select(images=[image])), np.array(others)


@pytest.mark.parametrize("name", EXACT)
def test_it_is_what_detectors_fitted_on_the_others_predict(name):
    detector = EXACT[name]()
    features = features_for(detector, N, seed=0)
    left_out = detector.fit(features).predict_left_out(features)
    for image in (0, 4, N - 1):
        expected, others = refitted(detector, features, image)
        np.testing.assert_allclose(left_out.score[image], expected.score[0], rtol=2e-4)
        if expected.anomaly_map is not None:
            tolerance = 2e-4 * expected.anomaly_map.max()
            np.testing.assert_allclose(
                left_out.anomaly_map[image], expected.anomaly_map[0], atol=tolerance
            )
        for layer, values in expected.layer_maps.items():
            tolerance = 5e-4 * np.abs(values).max()
            np.testing.assert_allclose(left_out.layer_maps[layer][image], values[0], atol=tolerance)
        for key, found in expected.neighbors.items():
            np.testing.assert_array_equal(
                left_out.neighbors[key].image[image], others[found.image][0]
            )
            np.testing.assert_array_equal(
                left_out.neighbors[key].location[image], found.location[0]
            )


def test_with_more_channels_than_images_no_digits_are_lost():
    """The others' covariance hardly knows the direction of the image: a rank-one update in float32
    has no digit left there.
    """
    rng = np.random.default_rng(0)
    values = 10 * rng.normal(size=(6, 40, 2, 2)).astype(np.float32)
    detector = PaDiM(layers=("layer",), dimension=40, epsilon=1e-4, sigma=0)
    features = Features({"layer": values}, image_size=(16, 16))
    left_out = detector.fit(features).predict_left_out(features)
    vectors = values[:, :, 1, 0].astype(np.float64)
    others = np.delete(vectors, 2, axis=0)
    deviation = vectors[2] - others.mean(0)
    inverse = np.linalg.inv(np.cov(others.T) + 1e-4 * np.eye(40))
    expected = deviation @ inverse @ deviation
    np.testing.assert_allclose(left_out.layer_maps["layer"][2, 1, 0], expected, rtol=1e-5)


@pytest.mark.parametrize("name", DETECTORS)
def test_neighbours_are_in_other_images_and_nothing_learned_changes(name):
    detector = DETECTORS[name]()
    if isinstance(detector, STUDENTS):
        detector = dataclasses.replace(detector, epochs=1)
    features = features_for(detector, 10, seed=0)
    before = detector.fit(features).predict(features)
    left_out = detector.predict_left_out(features)
    assert isinstance(left_out, Prediction)
    assert left_out.ids == before.ids
    assert left_out.detector == before.detector
    assert set(left_out.layer_maps) == set(before.layer_maps)
    own = np.arange(10)[:, None, None, None]
    for found in left_out.neighbors.values():
        assert (found.image != own).all()
        assert (found.image < 10).all()
    np.testing.assert_array_equal(detector.predict(features).score, before.score)
    if not isinstance(detector, STUDENTS):
        assert np.median(left_out.score) > np.median(before.score)


def test_patchcore_searches_the_entries_of_the_others():
    features = make_features(8, 0, None, np.float32, pattern=4.0)
    detector = PatchCore(coreset=0.3, neighbors=2).fit(features)
    left_out = detector.predict_left_out(features)
    found = left_out.neighbors["patch"]
    entries = set(zip(detector.bank_image_.tolist(), detector.bank_location_.tolist(), strict=True))
    of_image = found.image[3].ravel().tolist(), found.location[3].ravel().tolist()
    assert set(zip(*of_image, strict=True)) <= {entry for entry in entries if entry[0] != 3}


def test_a_bank_of_one_image_is_refused_in_words():
    features = make_features(4, 0, None, np.float32)
    detector = PatchCore(coreset=1e-9, neighbors=1).fit(features)
    with pytest.raises(
        ValueError, match="expected a bank with entries of several images, got all 1"
    ):
        detector.predict_left_out(features)


@pytest.mark.parametrize("name", ["PatchCore", "SPADE", "PaDiM", "DN2"])
def test_other_images_than_the_trained_ones_are_refused(name):
    detector = getattr(detectors, name)()
    with pytest.raises(ValueError, match="must be fitted"):
        detector.predict_left_out(make_features(4, 0, None, np.float32))
    detector.fit(make_features(5, 0, None, np.float32))
    with pytest.raises(ValueError, match=r"expected the features of the 5 training images.*of 4"):
        detector.predict_left_out(make_features(4, 0, None, np.float32))
    few = make_features(2, 0, None, np.float32)
    with pytest.raises(ValueError, match="3 or more"):
        detector.fit(few).predict_left_out(few)


@pytest.mark.parametrize("folds", [3, 8])
def test_folds_are_fitted_anew(folds):
    features = make_features(8, 0, None, np.float32, pattern=4.0)
    detector = PatchCore(coreset=0.1, neighbors=1).fit(features)
    left_out = detector.predict_left_out(features, folds=folds)
    others = [image for image in range(8) if image % folds != 2]
    fitted = dataclasses.replace(detector).fit(features.select(images=others))
    expected = fitted.predict(features.select(images=[2]))
    assert left_out.score[2] == expected.score[0]
    numbers = np.array(others)[expected.neighbors["patch"].image[0]]
    np.testing.assert_array_equal(left_out.neighbors["patch"].image[2], numbers)
    for wrong in (1, 9):
        with pytest.raises(ValueError, match="folds must be from 2 to the 8 images"):
            detector.predict_left_out(features, folds=wrong)


def test_equal_images_are_told_apart():
    """Where others equal an image, it need not be among its own nearest."""
    features = make_features(6, 0, None, np.float32)
    twins = features.select(images=[0, 0, 0, 0, 1, 2])
    left_out = DN2(k_images=2).fit(twins).predict_left_out(twins)
    assert (left_out.neighbors["image"].image[:, 0, 0] != np.arange(6)[:, None]).all()
    np.testing.assert_array_equal(left_out.score[:4], 0)


def test_a_detector_of_ones_own_is_fitted_on_four_fifths():
    fitted_on = []

    @dataclasses.dataclass(repr=False)
    class Mean(Detector):
        layers: tuple = (16,)

        def fit(self, features):
            (layer,) = self._fitting(features).values()
            fitted_on.append(features.ids)
            self.mean_ = layer.mean(0)
            return self

        def predict(self, features):
            (layer,) = self._predicting(features).values()
            return Prediction(((layer - self.mean_) ** 2).mean((1, 2, 3)), ids=features.ids)

    features = make_features(7, 0, None, np.float32)
    left_out = Mean().fit(features).predict_left_out(features)
    assert left_out.ids == tuple(features.ids)
    assert [len(ids) for ids in fitted_on] == [7, 5, 5, 6, 6, 6]
    assert features.ids[1] not in fitted_on[2]
    assert features.ids[6] not in fitted_on[2]
