"""What every detector promises, whatever its method (conventions, item 13)."""

import contextlib

import numpy as np
import pytest
import torch
from random_features import make_features

from adviz import (
    DN2,
    SPADE,
    ConventionalDistillation,
    Features,
    PaDiM,
    PatchCore,
    Prediction,
    ReverseDistillation,
    detectors,
)
from adviz._support import progress

STUDENTS = (ConventionalDistillation, ReverseDistillation)
VARIANTS = {
    "DN2, IVF": lambda: DN2(index="ivf"),
    "DN2, two layers": lambda: DN2(layers=(16, 32), k_images=3),
    "SPADE, per layer": lambda: SPADE(match="per_layer", distance="euclidean", score_neighbors=2),
    "SPADE, window": lambda: SPADE(
        search="window", radius=3, layer_upsample="bilinear", gallery="random"
    ),
    "SPADE, IVF-PQ": lambda: SPADE(search="ivfpq"),
    "PaDiM, Cholesky": lambda: PaDiM(dimension=4),
    "PatchCore, adaptive": lambda: PatchCore(
        aggregation="adaptive", dimension=8, image_score="max"
    ),
    "PatchCore, proxies": lambda: PatchCore(sampler="proxies", coreset=0.3),
    "PatchCore, random": lambda: PatchCore(sampler="random", coreset=0.5, distance="squared"),
}
SHORT = {  # trainings
    "ReverseDistillation": lambda: ReverseDistillation(epochs=20, student="small"),
    "ConventionalDistillation": lambda: ConventionalDistillation(epochs=20, student="small"),
}
# every detector that is registered, with its defaults
DETECTORS = {name: getattr(detectors, name) for name in dir(detectors)} | SHORT | VARIANTS


def features_for(detector, n_images, seed, defect=None, dtype=np.float32):
    """Return random features of a pattern: in noise alone there is nothing to learn, and no
    direction is unusual.
    """
    return make_features(
        n_images,
        seed,
        defect,
        dtype,
        pattern=4.0,
        pixels=isinstance(detector, ConventionalDistillation),
    )


@pytest.fixture(params=DETECTORS.values(), ids=DETECTORS)
def detector(request):
    return request.param()


@pytest.fixture
def train(detector):
    return features_for(detector, 12, 0)


@pytest.fixture
def test(detector):
    return features_for(detector, 5, 1, defect=3)


def test_fit_returns_self_and_shows_in_the_repr(detector, train):
    assert "not fitted" in repr(detector)
    assert "not fitted" in detector._repr_html_()
    assert detector.fit(train) is detector
    assert "layers_=" in repr(detector)
    assert type(detector).__name__ in detector._repr_html_()


def test_predict_before_fit_says_so(detector, test):
    with pytest.raises(
        ValueError, match=r"must be fitted before it predicts: call fit\(features\)"
    ):
        detector.predict(test)


def test_a_defect_scores_above_every_good_image_and_in_its_place(detector, train, test):
    prediction = detector.fit(train).predict(test)
    assert prediction.score.argmax() == 3
    if prediction.anomaly_map is not None:
        row, column = np.unravel_index(
            prediction.anomaly_map[3].argmax(), prediction.anomaly_map[3].shape
        )
        assert row >= 28
        assert column >= 28


def test_shapes_are_as_promised(detector, train, test):
    prediction = detector.fit(train).predict(test)
    assert isinstance(prediction, Prediction)
    assert prediction.score.shape == (5,)
    assert prediction.anomaly_map is None or prediction.anomaly_map.shape == (5, 64, 64)
    assert prediction.detector == type(detector).__name__
    for found in prediction.neighbors.values():
        assert found.image.max() < 12
        assert found.location.max() < found.grid[0] * found.grid[1]
        assert found.order == "retrieval" or (np.diff(found.distance, axis=-1) >= 0).all()


def test_the_same_seed_gives_the_same_result(detector, train, test):
    first = detector.fit(train).predict(test)
    again = detector.fit(train).predict(test)
    np.testing.assert_array_equal(first.score, again.score)
    for name, found in first.neighbors.items():
        np.testing.assert_array_equal(found.image, again.neighbors[name].image)


def test_inputs_are_not_modified(detector, train, test):
    copies = [
        {name: array.copy() for name, array in features.items()} for features in (train, test)
    ]
    detector.fit(train).predict(test)
    for features, copy in zip((train, test), copies, strict=True):
        for name, array in copy.items():
            np.testing.assert_array_equal(features[name], array)


def test_one_by_one_agrees_with_a_batch(detector, train, test):
    together = detector.fit(train).predict(test)
    for index in range(5):
        alone = detector.predict(test.select(images=[index]))
        # distances are re-scored by direct subtraction, so only the order of float32 sums is left
        np.testing.assert_allclose(alone.score[0], together.score[index], rtol=1e-5)
        if alone.anomaly_map is not None:
            np.testing.assert_allclose(alone.anomaly_map[0], together.anomaly_map[index], rtol=1e-4)


def test_more_images_than_are_computed_at_once_agree_with_fewer(detector, train):
    many = features_for(detector, 19, 2, defect=11)
    together = detector.fit(train.select(images=[0, 1, 2, 3])).predict(many)
    parts = [detector.predict(many.select(images=list(range(*ends)))) for ends in ((0, 6), (6, 19))]
    np.testing.assert_allclose(
        together.score, np.concatenate([part.score for part in parts]), rtol=1e-5
    )
    for name, values in together.layer_maps.items():
        # float32; a student's one minus cosine and PaDiM's signed shares cancel digits
        found = np.concatenate([part.layer_maps[name] for part in parts])
        np.testing.assert_allclose(values, found, rtol=1e-4, atol=1e-5 * np.abs(values).max())
    for name, found in together.neighbors.items():
        np.testing.assert_array_equal(
            found.image, np.concatenate([part.neighbors[name].image for part in parts])
        )


def test_who_watches_is_told_how_far_the_work_is_and_how_much_there_is(detector, train, test):
    seen = []
    with progress.watched(lambda *step: seen.append(step)):
        detector.fit(train.select(images=[0, 1, 2, 3])).predict(test)
    assert bool(seen) == (not isinstance(detector, DN2))  # which takes no time
    for _, done, total in seen:
        assert 0 <= done <= total
    if isinstance(detector, STUDENTS):
        assert [done for label, done, _ in seen if label == "student"] == list(range(21))


def test_float16_features_work(detector, train, test):
    full = detector.fit(train).predict(test).score
    halves = [
        features_for(detector, 12, 0, dtype=np.float16),
        features_for(detector, 5, 1, defect=3, dtype=np.float16),
    ]
    half = detector.fit(halves[0]).predict(halves[1]).score
    if isinstance(detector, STUDENTS):  # its training amplifies roundings: another student, as good
        assert half.argmax() == 3
        half = detector.fit(train).predict(halves[1]).score
    # features of order 1 to 10 are rounded to 11 bits; another patch may win where two are about as
    # far
    np.testing.assert_allclose(half, full, rtol=0.02)


def test_no_image_is_refused(detector, train):
    with pytest.raises(ValueError, match="at least one image, got none"):
        detector.fit(train.select(images=[]))
    with pytest.raises(ValueError, match="at least one image, got none"):
        detector.fit(train).predict(train.select(images=[]))


def test_features_of_another_backbone_are_refused(detector, train, test):
    marked = [
        Features(dict(part), image_size=(64, 64), backbone="lite", digest=digest)
        for part, digest in ((train, "a"), (test, "b"))
    ]
    with pytest.raises(
        ValueError, match="training's backbone lite a, got lite b: extract both with one backbone"
    ):
        detector.fit(marked[0]).predict(marked[1])
    prediction = detector.predict(marked[0])
    assert (prediction.backbone, prediction.digest) == ("lite", "a")


def test_neighbours_can_be_subtracted_without_wrapping(detector, train, test):
    for found in detector.fit(train).predict(test).neighbors.values():
        assert found.image.dtype == np.int32
        assert found.location.dtype == np.int16


def test_one_training_image_is_enough(detector, train, test):
    if getattr(detector, "k_images", None) == 3:
        with pytest.raises(
            ValueError, match="k_images must be between 1 and the 1 that exist, got 3"
        ):
            detector.fit(train.select(images=[0]))
        return
    if isinstance(detector, STUDENTS):
        with pytest.raises(ValueError, match="at least 2 training images, got 1"):
            detector.fit(train.select(images=[0]))
        return
    assert np.isfinite(detector.fit(train.select(images=[0])).predict(test).score).all()


def test_nan_features_name_the_layer_and_the_image(detector, train, test):
    for name in train:
        train[name][7, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinity in layer\d of image 7"):
        detector.fit(train)


def test_nan_test_features_are_refused(detector, train, test):
    for name in test:
        test[name][2, 0, 0, 0] = np.inf
    with pytest.raises(ValueError, match=r"NaN or infinity in layer\d of image 2"):
        detector.fit(train).predict(test)


def test_a_missing_layer_lists_those_there_are(detector, train):
    with pytest.raises(ValueError, match=r"layer1 \(stride 4\); extract others .*\), got \d+"):
        detector.fit(train.select(["layer1"]))


def test_other_channels_at_test_time_are_refused(detector, train):
    detector.fit(train)
    other = Features(
        {name: np.repeat(array, 2, axis=1) for name, array in train.items()}, image_size=(64, 64)
    )
    with pytest.raises(ValueError, match="expected the channels of the training features"):
        detector.predict(other)


@pytest.fixture(params=[make for make in DETECTORS.values() if not isinstance(make(), STUDENTS)])
def matcher(request):
    """A detector that is fitted in one go: it needs no gradients, and an interrupted fit has
    learned nothing.
    """
    return request.param()


def test_inference_mode_changes_nothing(matcher):
    train, test = features_for(matcher, 12, 0), features_for(matcher, 5, 1, defect=3)
    expected = matcher.fit(train).predict(test)
    with torch.inference_mode():
        np.testing.assert_array_equal(matcher.predict(test).score, expected.score)
        matcher.fit(train)
    np.testing.assert_array_equal(matcher.predict(test).score, expected.score)


class Breaking(Features):
    """Features that are read so many times, and then Ctrl-C comes."""

    reads = 10**6

    def __getitem__(self, layer):
        self.reads -= 1
        if self.reads < 0:
            raise KeyboardInterrupt
        return super().__getitem__(layer)

    def select(self, layers=None, images=None):
        found = super().select(layers, images)
        copy = Breaking(
            dict(found), image_size=found.image_size, strides=found.strides, ids=found.ids
        )
        copy.reads = self.reads
        return copy


@pytest.mark.parametrize("reads", [1, 4, 7, 10])
def test_a_fit_that_is_interrupted_leaves_the_former_model(matcher, reads):
    test = features_for(matcher, 5, 1, defect=3)
    expected = matcher.fit(features_for(matcher, 12, 0)).predict(test)
    other = features_for(matcher, 9, 5)
    breaking = Breaking(
        dict(other), image_size=other.image_size, strides=other.strides, ids=other.ids
    )
    breaking.reads = reads
    with contextlib.suppress(KeyboardInterrupt):
        matcher.fit(breaking)
        expected = matcher.predict(test)  # it was read less often
    np.testing.assert_array_equal(matcher.predict(test).score, expected.score)


@pytest.mark.parametrize("reads", [1, 4])
def test_a_first_fit_that_is_interrupted_leaves_nothing(matcher, reads):
    other = features_for(matcher, 9, 5)
    breaking = Breaking(
        dict(other), image_size=other.image_size, strides=other.strides, ids=other.ids
    )
    breaking.reads = reads
    before = dict(vars(matcher))
    with contextlib.suppress(KeyboardInterrupt):
        matcher.fit(breaking)
        return  # it was read less often
    assert vars(matcher) == before
