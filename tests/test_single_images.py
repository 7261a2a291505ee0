"""One image at a time, from an array or a file, with a fitted detector or one that was loaded."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from adviz import (
    DN2,
    SPADE,
    Backbone,
    ConventionalDistillation,
    PaDiM,
    PatchCore,
    ReverseDistillation,
    calibrate,
)
from adviz.data import Geometry, Split

GEOMETRY = Geometry(64, resize=70)
STUDENT = {"student": "small", "width": 0.25, "epochs": 2}
DETECTORS = {
    "DN2": lambda: DN2(layers=(16,)),
    "SPADE": lambda: SPADE(image_layers=(16,)),
    "PaDiM": lambda: PaDiM(dimension=30),
    "PatchCore": PatchCore,
    "ReverseDistillation": lambda: ReverseDistillation(**STUDENT),
    "ConventionalDistillation": lambda: ConventionalDistillation(**STUDENT),
}
# What the scores of a batch and of its images one by one differ by, relative: the last bits of the network's
# convolutions, whose order of summing depends on the batch. PaDiM's inverse covariance of few images amplifies them.
AGREEMENT = {"PaDiM": 1e-3}
USUAL = 1e-4


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Files of several sizes and modes, and the same images as arrays."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    paths, arrays = [], []
    for number, shape in enumerate([(90, 80, 3), (75, 120), (64, 64, 3), (200, 100, 3), (90, 80), (71, 71, 3)]):
        coarse = rng.integers(0, 255, (5, 5, *shape[2:]), dtype=np.uint8)
        array = np.asarray(Image.fromarray(coarse).resize(shape[1::-1], Image.Resampling.BICUBIC))
        paths.append(folder / f"{number} ü.png")
        Image.fromarray(array).save(paths[-1])
        arrays.append(array)
    return paths, arrays


@pytest.fixture(scope="module", params=["torch", "openvino"])
def backbone(request):
    return Backbone("efficientnet_lite0", layers=("image", 4, 8, 16), runtime=request.param)


@pytest.fixture(scope="module")
def features(backbone, photos):
    paths, _ = photos
    split = Split(paths, [0] * 6, [None] * 6, ["good"] * 6, geometry=GEOMETRY)
    return backbone.extract(split, cache=False)


def without_cache(backbone, source, **options):
    return backbone.extract(source, cache=False, **options)


@pytest.mark.parametrize("name", DETECTORS)
def test_batch_or_one_by_one_from_arrays_or_files_gives_the_same(name, backbone, features, photos):
    paths, arrays = photos
    detector = DETECTORS[name]().fit(features)
    together = detector.predict(without_cache(backbone, paths, geometry=detector.geometry_))
    for number, (path, array) in enumerate(zip(paths, arrays, strict=True)):
        one = [detector.predict(without_cache(backbone, [item], geometry=detector.geometry_)) for item in (path, array)]
        np.testing.assert_array_equal(one[0].score, one[1].score)  # the same pixels in the same batch
        scale = np.abs(together.score).max()
        tolerance = AGREEMENT.get(name, USUAL)
        np.testing.assert_allclose(one[0].score[0], together.score[number], rtol=0, atol=tolerance * scale)
        if together.anomaly_map is not None:
            scale = np.abs(together.anomaly_map).max()
            np.testing.assert_allclose(
                one[0].anomaly_map[0], together.anomaly_map[number], rtol=0, atol=tolerance * scale
            )


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 8, 3, 2, 1)

    def forward(self, x):
        return self.two(self.one(x))


@pytest.fixture(scope="module")
def tiny():
    return Backbone(Tiny(), layers=["one", "two"])


def test_files_and_arrays_of_any_size_may_be_mixed(tiny, photos):
    paths, arrays = photos
    mixed = [paths[0], arrays[1], str(paths[2]), arrays[3], arrays[4], paths[5]]
    expected = tiny.extract(Split(paths, [0] * 6, [None] * 6, [""] * 6, geometry=GEOMETRY))
    for source in (mixed, paths, arrays, tuple(arrays)):
        found = tiny.extract(source, geometry=GEOMETRY)
        assert (found.image_size, found.geometry) == ((64, 64), GEOMETRY)
        for name in expected:
            np.testing.assert_array_equal(found[name], expected[name])
    assert tiny.extract(mixed, geometry=GEOMETRY).ids == [str(paths[0]), "1", str(paths[2]), "3", "4", str(paths[5])]
    assert tiny.extract(mixed[:2]).geometry == Geometry()  # the default
    assert tiny.extract(mixed[:2]).image_size == (224, 224)


def test_one_array_of_images_is_taken_as_it_is_unless_a_geometry_is_given(tiny):
    images = np.random.default_rng(0).integers(0, 255, (2, 80, 80, 3), dtype=np.uint8)
    found = tiny.extract(images)
    assert (found.image_size, found.geometry) == ((80, 80), None)
    cut = tiny.extract(images, geometry=GEOMETRY)
    for name, values in tiny.extract(list(images), geometry=GEOMETRY).items():
        np.testing.assert_array_equal(cut[name], values)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ([np.zeros((8, 8, 3))], ValueError, "got shape .8, 8, 3. of float64 as number 0: values in 0..1 become"),
        (["a.png", np.zeros((8, 8, 4), np.uint8)], ValueError, "got shape .8, 8, 4. of uint8 as number 1"),
        ([np.zeros((0, 8), np.uint8)], ValueError, "as number 0"),
        ([np.zeros((2, 8, 8, 3), np.uint8)], ValueError, "as number 0"),
        ([3], TypeError, "expected image files and arrays, got a int as number 0"),
        (np.zeros((8, 8, 3), np.uint8), ValueError, r"give a single image as \[image\]"),
        ("a.png", TypeError, r"got one path: use \['a.png'\]"),
    ],
)
def test_what_is_no_image_is_refused(tiny, source, error, message):
    with pytest.raises(error, match=message):
        tiny.extract(source)


def test_a_split_has_its_own_geometry(tiny, photos):
    split = Split(photos[0], [0] * 6, [None] * 6, [""] * 6, geometry=GEOMETRY)
    with pytest.raises(ValueError, match=r"give source\.with_geometry\(geometry\)"):
        tiny.extract(split, geometry=Geometry())


def test_another_geometry_than_in_training_is_an_error(tiny, photos):
    """Also for detectors that take images of any size: their scores would be of another scale."""
    paths, arrays = photos
    detector = PatchCore(layers=("one", "two")).fit(tiny.extract(paths, geometry=GEOMETRY))
    for other in (Geometry(), Geometry(64), Geometry(64, resize=70, interpolation="lanczos")):
        with pytest.raises(ValueError, match=r"prepared as in training, by Geometry.*geometry=detector\.geometry_"):
            detector.predict(tiny.extract([arrays[0]], geometry=other))
    detector.predict(tiny.extract([arrays[0]], geometry=Geometry(64, resize=70, mask_rule=">0")))  # the same pixels
    features = tiny.extract([arrays[0]])
    assert features.select(images=[0]).geometry == Geometry()
    features.geometry = None  # it is meant
    assert detector.predict(features).anomaly_map.shape == (1, 224, 224)


def test_live_with_what_was_saved(tiny, photos, tmp_path):
    """A second program, which has the detector's file and a threshold's, and an image from a camera."""
    paths, arrays = photos
    split = Split(paths, [0] * 6, [None] * 6, ["good"] * 6, geometry=GEOMETRY)
    fitted = PatchCore(layers=("one", "two")).fit(tiny.extract(split.subset([0, 1, 2, 3])))
    held_out = split.subset([4, 5])
    line = calibrate(fitted.predict(tiny.extract(held_out)), held_out, rule="max_good", held_out=True)
    digest = fitted.save(tmp_path / "nut.safetensors")
    detector = PatchCore.load(tmp_path / "nut.safetensors", digest=digest)
    for image, expected in ((arrays[4], False), (255 - arrays[0], True)):
        prediction = detector.predict(tiny.extract([image], geometry=detector.geometry_))
        assert line.flag(prediction).tolist() == [expected]
