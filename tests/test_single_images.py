"""One image at a time, from an array or a file, with a fitted detector or one that was loaded."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from adviz import (
    DN2,
    SPADE,
    AnomalyDINO,
    Backbone,
    ConventionalDistillation,
    Features,
    PaDiM,
    PatchCore,
    ReverseDistillation,
    calibrate,
)
from adviz.data import Geometry, Split

GEOMETRY = Geometry(64, resize=70)
STUDENT = {"student": "small", "width": 0.25, "epochs": 2}
# Networks, which may add in another order
STUDENTS = "ReverseDistillation", "ConventionalDistillation"
DETECTORS = {
    "DN2": lambda: DN2(layers=(16,)),
    "SPADE": lambda: SPADE(image_layers=(16,)),
    "PaDiM": lambda: PaDiM(dimension=30),
    "PatchCore": PatchCore,
    "ReverseDistillation": lambda: ReverseDistillation(**STUDENT),
    "ConventionalDistillation": lambda: ConventionalDistillation(**STUDENT),
}
# What scores and maps of a batch and of its images one by one differ by, relative to the largest.
# Measured on built-in bottles and nuts at 128 px, with torch and OpenVINO: 0 for neighbours and
# PaDiM, 1e-7 for students (the last bit of float32), 4e-7 in features of ResNet18. A network may
# sum in another order for another batch, which is why more is allowed, and as much is kept by
# thresholds.
AGREEMENT = 1e-5


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Files of several sizes and modes, and the same images as arrays."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    paths, arrays = [], []
    for number, shape in enumerate(
        [(90, 80, 3), (75, 120), (64, 64, 3), (200, 100, 3), (90, 80), (71, 71, 3)]
    ):
        coarse = rng.integers(0, 255, (5, 5, *shape[2:]), dtype=np.uint8)
        array = np.asarray(Image.fromarray(coarse).resize(shape[1::-1], Image.Resampling.BICUBIC))
        paths.append(folder / f"{number} ü.png")
        Image.fromarray(array).save(paths[-1])
        arrays.append(array)
    return paths, arrays


@pytest.fixture(scope="module", params=["torch", "openvino"])
def features(request, photos):
    """Features to learn from, of a batch of other images, and of these one by one: from their files
    and as arrays.
    """
    backbone = Backbone("efficientnet_lite0", layers=("image", 4, 8, 16), runtime=request.param)
    paths, arrays = photos
    split = Split(paths[:3], [0] * 3, [None] * 3, ["good"] * 3, geometry=GEOMETRY)
    options = {"geometry": split.geometry, "cache": False}
    one_by_one = [
        [backbone.extract([item], **options) for item in items[3:]] for items in (paths, arrays)
    ]
    return backbone.extract(split, cache=False), backbone.extract(paths[3:], **options), one_by_one


@pytest.mark.parametrize("name", DETECTORS)
def test_batch_or_one_by_one_from_arrays_or_files_gives_the_same(name, features):
    train, batch, one_by_one = features
    detector = DETECTORS[name]().fit(train)
    together = detector.predict(batch)
    for number, ones in enumerate(zip(*one_by_one, strict=True)):
        alone, array = (detector.predict(one) for one in ones)
        np.testing.assert_array_equal(alone.score, array.score)  # the same pixels in the same batch
        pairs = [(alone.score[0], together.score[number], together.score)]
        if together.anomaly_map is not None:
            pairs.append((alone.anomaly_map[0], together.anomaly_map[number], together.anomaly_map))
        for here, there, every in pairs:
            np.testing.assert_allclose(here, there, rtol=0, atol=AGREEMENT * np.abs(every).max())


@pytest.mark.parametrize("form", ["contiguous", "channels last", "float16"])
@pytest.mark.parametrize(
    "name", [*sorted(set(DETECTORS) - set(STUDENTS)), "PaDiM of many images", "AnomalyDINO"]
)
def test_of_the_same_features_scores_are_the_same_to_the_last_bit_in_any_batch(name, form):
    """No product of matrices has another shape for another number of images, and no sum another
    order.
    """
    rng, sides = np.random.default_rng(0), {"layer1": (8, 16), "layer2": (12, 8), "layer3": (16, 4)}
    train, test = (
        Features(
            {
                layer: arranged(rng.normal(size=(n, c, s, s)), form)
                for layer, (c, s) in sides.items()
            },
            image_size=(64, 64),
        )
        for n in (40, 21)
    )
    more = {
        "PaDiM of many images": lambda: PaDiM(dimension=20),
        "AnomalyDINO": lambda: AnomalyDINO(neighbors=2),
    }
    detector = {**DETECTORS, **more}[name]().fit(train)
    together = detector.predict(test)
    for size in (1, 2, 3, 5, 8, 13):
        parts = [
            detector.predict(test.select(images=range(i, min(21, i + size))))
            for i in range(0, 21, size)
        ]
        np.testing.assert_array_equal(
            np.concatenate([part.score for part in parts]), together.score
        )
        if together.anomaly_map is not None:
            np.testing.assert_array_equal(
                np.concatenate([part.anomaly_map for part in parts]), together.anomaly_map
            )


def arranged(values, form):
    """Return features as they may lie in memory."""
    if form == "channels last":
        return np.ascontiguousarray(values.astype(np.float32).transpose(0, 2, 3, 1)).transpose(
            0, 3, 1, 2
        )
    return values.astype(np.float16 if form == "float16" else np.float32)


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
    assert tiny.extract(mixed, geometry=GEOMETRY).ids == [
        str(paths[0]),
        "1",
        str(paths[2]),
        "3",
        "4",
        str(paths[5]),
    ]
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
        (
            [np.full((8, 8, 3), 7.0)],
            ValueError,
            "floats in 0..1 or 8-bit integers, got float64 from 7 to 7 as number 0",
        ),
        (
            ["a.png", np.zeros((8, 8, 5), np.uint8)],
            ValueError,
            "got shape .8, 8, 5. as number 1: choose one or three",
        ),
        ([np.zeros((0, 8), np.uint8)], ValueError, "as number 0"),
        ([np.zeros((2, 8, 8, 3), np.uint8)], ValueError, "as number 0"),
        ([3], TypeError, "PIL images, arrays or tensors of numbers, got a int as number 0"),
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
        with pytest.raises(
            ValueError, match=r"prepared as in training, by Geometry.*geometry=detector\.geometry_"
        ):
            detector.predict(tiny.extract([arrays[0]], geometry=other))
    # The same pixels
    detector.predict(tiny.extract([arrays[0]], geometry=Geometry(64, resize=70, mask_rule=">0")))
    features = tiny.extract([arrays[0]])
    assert features.select(images=[0]).geometry == Geometry()
    features.geometry = None  # it is meant
    assert detector.predict(features).anomaly_map.shape == (1, 224, 224)


def test_live_with_what_was_saved(tiny, photos, tmp_path):
    """A second program, which has the detector's file and a threshold's, and an image from a
    camera.
    """
    paths, arrays = photos
    split = Split(paths, [0] * 6, [None] * 6, ["good"] * 6, geometry=GEOMETRY)
    fitted = PatchCore(layers=("one", "two")).fit(tiny.extract(split.subset([0, 1, 2, 3])))
    held_out = split.subset([4, 5])
    line = calibrate(
        fitted.predict(tiny.extract(held_out)), held_out, rule="max_good", held_out=True
    )
    digest = fitted.save(tmp_path / "nut.safetensors")
    detector = PatchCore.load(tmp_path / "nut.safetensors", digest=digest)
    for image, expected in ((arrays[4], False), (255 - arrays[0], True)):
        prediction = detector.predict(tiny.extract([image], geometry=detector.geometry_))
        assert line.is_anomalous(prediction).tolist() == [expected]


@pytest.fixture
def deep(tmp_path):
    """Return 12-bit photographs, of which the last is dark."""
    paths = []
    for number in range(4):
        top = 300 if number == 3 else 4096
        values = np.random.default_rng(number).integers(0, top, (70, 80), dtype=np.uint16)
        Image.fromarray(values).save(tmp_path / f"{number}.tif")
        paths.append(tmp_path / f"{number}.tif")
    return paths


def test_a_single_photograph_of_12_bits_is_read_as_the_training_images_were(tiny, deep, tmp_path):
    """The number of bits travels with the detector, also through a file."""
    split = Split(deep, [0] * 4, [None] * 4, ["good"] * 4, geometry=GEOMETRY)
    fitted = PatchCore(layers=("one", "two")).fit(tiny.extract(split.subset([0, 1, 2])))
    fitted.save(tmp_path / "cup.safetensors")
    detector = PatchCore.load(tmp_path / "cup.safetensors")
    assert detector.geometry_ == dataclasses.replace(GEOMETRY, bits=12)
    alone = tiny.extract([deep[3]], geometry=detector.geometry_)
    np.testing.assert_array_equal(alone["one"], tiny.extract(split.subset([3]))["one"])
    detector.predict(alone)
    by_itself = Split([deep[3]], [0], [None], ["good"], geometry=GEOMETRY)
    with pytest.raises(
        ValueError, match=r"prepared as in training, by Geometry.*bits=12.*got Geometry.*bits=10"
    ):
        detector.predict(tiny.extract(by_itself))


def test_a_list_of_photographs_of_12_bits_is_read_as_16_with_one_warning(tiny, deep):
    with pytest.warns(
        UserWarning, match=r"values that fit into 12: .* geometry=Geometry\(bits=12\)"
    ) as said:
        features = tiny.extract(deep, geometry=GEOMETRY)
    assert len(said) == 1
    assert features.geometry.bits == 16
    meant = tiny.extract(deep, geometry=dataclasses.replace(GEOMETRY, bits=16))  # nothing is said
    np.testing.assert_array_equal(features["one"], meant["one"])


def test_a_list_of_photographs_of_all_16_bits_is_read_without_a_word(tiny, deep):
    values = np.asarray(Image.open(deep[0])) * np.uint16(16)
    Image.fromarray(values).save(deep[0])
    features = tiny.extract(deep, geometry=GEOMETRY)
    mixed = tiny.extract([deep[0], np.zeros((8, 8), np.uint8)], geometry=GEOMETRY)
    np.testing.assert_allclose(mixed["one"][0], features["one"][0])


def test_another_number_of_bits_is_not_found_in_the_cache(deep, tmp_path):
    backbone = Backbone("efficientnet_lite0", layers=(8,))
    split = Split(deep, [0] * 4, [None] * 4, ["good"] * 4, geometry=Geometry(64, crop=False))
    first = backbone.extract(split, cache=tmp_path / "cache")
    other = backbone.extract(
        split.with_geometry(Geometry(64, crop=False, bits=14)), cache=tmp_path / "cache"
    )
    assert not np.array_equal(first["layer2"], other["layer2"])
    again = backbone.extract(
        split.with_geometry(Geometry(64, crop=False, bits=12)), cache=tmp_path / "cache"
    )
    np.testing.assert_array_equal(first["layer2"], again["layer2"])
