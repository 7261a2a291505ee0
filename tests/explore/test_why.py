"""Why did this one photograph fail? Its map and neighbours, from a file or an image in memory."""

from types import SimpleNamespace

import numpy as np
import pytest
import traitlets
from PIL import Image

from adviz import (
    DN2,
    AnomalyDINO,
    Backbone,
    Features,
    PaDiM,
    PatchCore,
    Prediction,
    calibrate,
    data,
    explore,
)

GEOMETRY = data.Geometry(64, crop=False)
LAYERS = ("layer2", "layer3")
N_TRAIN = 8


@pytest.fixture(scope="module")
def category():
    whole = data.demo("hex_nut")
    train = whole.train.subset(range(N_TRAIN)).with_geometry(GEOMETRY)
    return data.Category("hex_nut", train, whole.test.with_geometry(GEOMETRY))


@pytest.fixture(scope="module")
def backbone():
    return Backbone("efficientnet_lite0", layers=(8, 16))


@pytest.fixture(scope="module")
def train(category, backbone):
    return backbone.extract(category.train)


@pytest.fixture(scope="module")
def detector(train):
    return PatchCore(layers=(8, 16), coreset=1.0).fit(train)


@pytest.fixture(scope="module")
def photograph(category):
    return category.test.paths[0]


@pytest.fixture(scope="module")
def expected(category, backbone, detector):
    """What the detector predicts of the photograph among the test images."""
    return detector.predict(backbone.extract(category.test.subset([0])))


def test_a_file_is_compared_with_the_normal_images(photograph, detector, category, expected):
    view = explore.why(photograph, detector, normal=category.train)
    assert view.category == photograph.name
    np.testing.assert_allclose(view.prediction.score, expected.score, rtol=1e-4)
    np.testing.assert_allclose(view.prediction.anomaly_map, expected.anomaly_map, rtol=1e-3)
    assert view.evidence.image.max() < N_TRAIN
    number = int(view.evidence.image[0])
    shown = view.source.categories[photograph.name].train
    np.testing.assert_array_equal(shown.image(number), category.train.image(number))
    assert view.static().axes


def test_the_image_is_unlabelled_and_there_is_no_verdict(photograph, detector, category):
    view = explore.why(str(photograph), detector, normal=category.train)
    facts = view.facts["categories"][photograph.name]
    assert facts["labels"] == [-1]
    assert not facts["masked"]
    (found,) = facts["detectors"].values()
    assert found["threshold"] is None
    assert np.isnan(view.threshold)


@pytest.mark.parametrize("kind", [np.asarray, lambda image: image], ids=["array", "PIL image"])
def test_an_image_in_memory(photograph, detector, category, expected, kind):
    with Image.open(photograph) as file:
        image = kind(file.convert("RGB"))
    view = explore.why(image, detector, normal=category.train)
    assert view.category == "image"
    np.testing.assert_allclose(view.prediction.score, expected.score, rtol=1e-4)


def test_a_grey_array_is_an_image(detector, category):
    rng = np.random.default_rng(0)
    grey = rng.integers(0, 255, (90, 120), np.uint8)
    view = explore.why(grey, detector, normal=category.train)
    assert view.source.sample("image", 0).image.shape == (64, 64, 3)


def test_grey_pictures_stand_for_normal_images_that_are_not_given(photograph, detector):
    view = explore.why(photograph, detector)
    train = view.source.categories[photograph.name].train
    assert len(train) == 1 + view.prediction.neighbors["patch"].image.max()
    assert (train.image(len(train) - 1) == 128).all()
    names = view.facts["categories"][photograph.name]["trainNames"]
    assert names[0] == "normal image 0"
    assert view.static().axes
    assert view.opening.keys() >= {f"train/{photograph.name}/{view.evidence.image[0]}"}


def test_several_detectors_read_one_extraction(photograph, train, detector, category):
    several = {
        "patches": detector,
        "PaDiM": PaDiM(layers=(16,)).fit(train),
        "whole": DN2(layers=(16,), k_images=3).fit(train),
        "DINO": AnomalyDINO(layers=(8,)).fit(train),
    }
    view = explore.why(photograph, several, normal=category.train)
    assert list(view.source.predictions[photograph.name]) == list(several)
    for name in several:
        view.detector = name
        assert view.static().axes
    view.detector = "PaDiM"
    assert set(view.evidence.layers) == {"layer3"}
    view.detector = "whole"
    assert view.pixel is None
    assert len(view.prediction.neighbors["image"].image[0, 0, 0]) == 3


def test_a_saved_detector(photograph, detector, category, expected, tmp_path):
    detector.save(tmp_path / "detector.adviz")
    loaded = PatchCore.load(tmp_path / "detector.adviz")
    view = explore.why(photograph, loaded, normal=category.train)
    np.testing.assert_allclose(view.prediction.score, expected.score, rtol=1e-4)


# Thresholds


def test_a_threshold_is_a_score(photograph, detector):
    view = explore.why(photograph, detector, thresholds=0.5)
    assert view.threshold == 0.5


def test_a_threshold_is_what_calibrate_returned(photograph, detector, category, backbone):
    some = category.test.subset([0, 1, 20, 21])
    threshold = calibrate(detector.predict(backbone.extract(some)), some)
    view = explore.why(photograph, {"mine": detector}, thresholds={"mine": threshold})
    assert view.threshold == threshold.value
    assert view.thresholds == {f"{photograph.name}/mine": threshold.value}
    other = PaDiM(layers=(16,)).fit(backbone.extract(category.train))
    with pytest.raises(ValueError, match="expected a prediction of the detector 'PatchCore'"):
        explore.why(photograph, {"other": other}, thresholds={"other": threshold})


def test_colours_go_to_twice_the_threshold_where_the_score_is_the_maps_maximum(
    photograph, train, detector
):
    mine = {"PaDiM": PaDiM(layers=(16,)).fit(train), "PatchCore": detector}
    both = {"PaDiM": 2.5, "PatchCore": 2.5}
    view = explore.why(photograph, mine, thresholds=both)
    assert view.limits == {f"{photograph.name}/PaDiM": [0.0, 5.0]}  # PatchCore weighs its score
    assert explore.why(photograph, mine).limits == {}
    # no middle of a scale
    assert explore.why(photograph, mine["PaDiM"], thresholds=-1.0).limits == {}


def test_thresholds_that_fit_no_detector_are_refused(photograph, detector):
    with pytest.raises(ValueError, match="expected thresholds of mine, got one of yours"):
        explore.why(photograph, {"mine": detector}, thresholds={"yours": 1.0})
    two = {"one": detector, "other": detector}
    with pytest.raises(
        ValueError, match=r"expected thresholds by detector, of one, other, got 1\.0"
    ):
        explore.why(photograph, two, thresholds=1.0)
    with pytest.raises(traitlets.TraitError, match="a threshold must be a finite score, got nan"):
        explore.why(photograph, detector, thresholds=float("nan"))


# How images are prepared


def test_letterboxed_images(category, backbone):
    geometry = data.Geometry(64, aspect="letterbox", crop=False)
    train = category.train.with_geometry(geometry)
    detector = PatchCore(layers=(8, 16), coreset=1.0).fit(backbone.extract(train))
    wide = np.random.default_rng(0).integers(0, 255, (60, 120, 3), np.uint8)
    view = explore.why(wide, detector, normal=train)
    assert view.prediction.boxes.tolist() == [[16, 0, 48, 64]]
    row, _ = view.pixel
    assert 16 <= row < 48


def test_normal_images_are_shown_as_the_detector_saw_them(photograph, detector, category):
    other = category.train.with_geometry(data.Geometry(96))
    view = explore.why(photograph, detector, normal=other)
    assert view.source.categories[photograph.name].train.image_size == (64, 64)


@pytest.fixture
def unprepared(train):
    """A detector that does not know how its images were prepared."""
    plain = Features(dict(train), image_size=(64, 64), backbone=train.backbone)
    return PatchCore(layers=LAYERS, coreset=1.0).fit(plain)


def test_where_the_detector_does_not_know_the_normal_images_do(photograph, unprepared, category):
    view = explore.why(photograph, unprepared, normal=category.train)
    assert view.source.sample(photograph.name, 0).image.shape == (64, 64, 3)
    view = explore.why(photograph, unprepared)
    assert view.source.sample(photograph.name, 0).image.shape == (224, 224, 3)


class Brightness:
    """A detector of one's own, which scores how bright the features are."""

    def predict(self, features):
        (layer,) = features.select([16]).values()
        mean = layer.mean(1)
        size = features.image_size
        factors = size[0] // mean.shape[1], size[1] // mean.shape[2]
        return Prediction(mean.max((1, 2)), np.kron(mean, np.ones((1, *factors))))


def test_a_detector_of_ones_own_needs_the_backbone(photograph, detector, category, backbone):
    view = explore.why(photograph, Brightness(), normal=category.train, backbone=backbone)
    assert view.detector == "Brightness"
    assert view.static().axes
    both = {"own": Brightness(), "PatchCore": detector}
    view = explore.why(photograph, both, backbone=backbone)
    assert view.source.sample(photograph.name, 0).image.shape == (64, 64, 3)
    with pytest.raises(ValueError, match=r"got own, which does not: .* or give backbone="):
        explore.why(photograph, both)


# What is refused


def test_no_detector_is_refused(photograph, expected):
    with pytest.raises(
        ValueError, match="expected a fitted detector, or several by name, got none"
    ):
        explore.why(photograph, {})
    with pytest.raises(TypeError, match="got list, which has no predict"):
        explore.why(photograph, [])
    with pytest.raises(TypeError, match="got found, which has no predict"):
        explore.why(photograph, {"found": expected})


def test_one_that_is_not_fitted_is_refused(photograph, detector, backbone):
    with pytest.raises(ValueError, match=r"got new, which does not: call fit\(features\) first"):
        explore.why(photograph, {"old": detector, "new": PatchCore()})
    with pytest.raises(ValueError, match="PatchCore must be fitted before it predicts"):
        explore.why(photograph, PatchCore(), backbone=backbone)


def test_detectors_of_other_geometries_are_refused(photograph, detector, category, backbone):
    larger = backbone.extract(category.train.with_geometry(data.Geometry(96)))
    other = PatchCore(layers=(8, 16)).fit(larger)
    with pytest.raises(ValueError, match=r"images of one geometry, got .* of one and .* of other"):
        explore.why(photograph, {"one": detector, "other": other})


def labelled(detector, label):
    """Return a stand-in for a detector that was fitted on features of that name."""
    return SimpleNamespace(
        backbone_=label,
        layers_=LAYERS,
        geometry_=detector.geometry_,
        title=f"on {label}",
        predict=detector.predict,
    )


def test_detectors_of_other_backbones_are_refused(photograph, detector):
    two = {"one": detector, "other": labelled(detector, "resnet18.a1_in1k")}
    with pytest.raises(ValueError, match=r"efficientnet_lite0 of one, resnet18.a1_in1k of other"):
        explore.why(photograph, two)


@pytest.mark.parametrize("label", ["", "efficientnet_lite0 (random)", "resnet18 (mine.pth)"])
def test_weights_that_are_not_known_need_the_backbone(photograph, detector, backbone, label):
    named = {"one": labelled(detector, label)}
    with pytest.raises(ValueError, match=r"expected backbone=, .* does not tell all of it"):
        explore.why(photograph, named)
    assert explore.why(photograph, named, backbone=backbone).detector == "one"


def test_another_backbone_is_refused(photograph, detector):
    other = Backbone("efficientnet_lite0", layers=(8, 16), weights="random")
    with pytest.raises(ValueError, match="expected features of the training's backbone"):
        explore.why(photograph, detector, backbone=other)


def test_too_few_normal_images_are_refused(photograph, detector, category):
    with pytest.raises(ValueError, match="expected the split that the detectors were fitted on"):
        explore.why(photograph, detector, normal=category.train.subset([0]))


def test_a_file_that_is_not_there_is_named(detector, tmp_path):
    with pytest.raises(FileNotFoundError, match="gone"):
        explore.why(tmp_path / "gone.png", detector)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises((OSError, ValueError), match="text"):
        explore.why(tmp_path / "text.png", detector)
