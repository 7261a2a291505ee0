"""What explorers are told; expected values come from the definitions, made with numpy alone."""

import gc
import io
import json
import threading
from itertools import pairwise

import numpy as np
import pytest
from bank_data import small_category
from PIL import Image
from scipy import ndimage

from adviz import DN2, SPADE, Features, Neighbors, PaDiM, PatchCore, Prediction, data
from adviz._support import progress
from adviz.data import Geometry, Split
from adviz.explore.kit import pictures
from adviz.explore.kit.facts import layer_facts
from adviz.explore.kit.packing import names_of, packed, part_key
from adviz.explore.kit.source import KINDS, Source

ODD = ("a/b", "100%", "%2F", "fehlerhaft: größe")


def features_of(count, rng):
    layers = {
        "layer1": rng.normal(size=(count, 5, 8, 8)),
        "layer2": rng.normal(size=(count, 6, 4, 4)),
    }
    layers["pool"] = rng.normal(size=(count, 7, 1, 1))
    floats = {name: values.astype(np.float32) for name, values in layers.items()}
    return Features(floats, image_size=(32, 32))


@pytest.fixture(scope="module")
def category(tmp_path_factory):
    """Six training images; test images good, good, hole, hole of 32 x 32 pixels."""
    return small_category(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def predictions():
    rng = np.random.default_rng(0)
    train = features_of(6, rng)
    test = features_of(4, rng)
    layers = ("layer1", "layer2")
    spade = {"layers": layers, "image_layers": ("pool",), "k_images": 3, "k_images_score": 3}
    detectors = {
        "PatchCore": PatchCore(layers=layers, coreset=0.5),
        "PaDiM": PaDiM(layers=layers),
        "SPADE": SPADE(**spade),
        "SPADE per layer": SPADE(**spade, match="per_layer"),
        "DN2": DN2(layers=("pool",), k_images=2),
    }
    found = {name: detector.fit(train).predict(test) for name, detector in detectors.items()}
    middle = float(np.sort(found["SPADE"].score)[1:3].mean())
    found["gated"] = SPADE(**spade, segment_above=middle).fit(train).predict(test)
    return found


@pytest.fixture
def source(category, predictions):
    return Source(
        {"plate": category},
        {"plate": predictions},
    )


def opened(content):
    return np.asarray(Image.open(io.BytesIO(content)))


def bilinear(count, size):
    """Return the (size, count) weights that enlarge a line, sample centres at half-pixels."""
    places = (np.arange(size) + 0.5) * count / size - 0.5
    distance = np.abs(places.clip(0, count - 1)[:, None] - np.arange(count))
    return (1 - distance).clip(0)


def map_of(part, facts, size):
    """Return the map of an image as the browser makes it."""
    if "map" in part:
        low, high = part["range"].astype(float)
        return low + part["map"] * (high - low) / 65535
    squares = part["cells"] if "cells" in part else part["distance"].min(-1)
    values = np.sqrt(squares) if facts["root"] else squares
    rows, columns = (bilinear(*pair) for pair in zip(values.shape, size, strict=True))
    made = ndimage.gaussian_filter(rows @ values @ columns.T, 4, truncate=4, mode="reflect")
    if "box" in part:
        top, left, bottom, right = part["box"]
        inside = np.zeros(size, bool)
        inside[top:bottom, left:right] = True
        made = np.where(inside, made, 0)
    return made


def assert_maps_are_the_stored_ones(source, detector):
    facts = source.facts["categories"]["plate"]["detectors"][detector]
    stored = source.prediction("plate", detector).anomaly_map
    for image, one in enumerate(stored):
        part = source.part(f"found/plate/{part_key(detector)}/{image}")
        made = map_of(part, facts, one.shape)
        assert np.abs(made - one).max() <= 2e-3 * np.ptp(one)  # what `reproduces` allows, twice


# --- facts


def test_the_facts_are_plain_exact_and_complete(source, category, predictions):
    facts = source.facts
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    assert (facts["small"], facts["columns"], facts["page"], facts["sigma"]) == (96, 8, 64, 4.0)
    assert facts["id"] == source.id
    one = facts["categories"]["plate"]
    assert one["size"] == one["trainSize"] == [32, 32]
    assert one["names"] == ["good/0", "good/1", "hole/0", "hole/1"]
    assert one["trainNames"] == [f"good/{number}" for number in range(6)]
    assert one["labels"] == [0, 0, 1, 1]
    assert one["defects"] == ["good", "good", "hole", "hole"]
    assert one["masked"] is True
    for name, prediction in predictions.items():
        found = one["detectors"][name]
        np.testing.assert_array_equal(found["scores"], prediction.score.astype(np.float64))
        scores = np.array(found["scores"])
        assert found["fullRecall"] == scores[2:].min()
        assert found["thresholdName"] == "F1-optimal"
        assert found["threshold"] in scores
    patchcore = one["detectors"]["PatchCore"]
    assert (patchcore["k"], patchcore["order"], patchcore["searched"]) == (5, "distance", "patch")
    assert patchcore["cells"] == patchcore["grid"] == [8, 8]
    assert patchcore["root"] is True
    assert patchcore["wholeK"] == 0
    pixels = predictions["PatchCore"].anomaly_map
    assert patchcore["ends"] == [float(pixels.min()), float(pixels.max())]
    np.testing.assert_allclose(
        patchcore["limits"], np.percentile(pixels.astype(float), (0.5, 99.8)), rtol=1e-12
    )
    spade = one["detectors"]["SPADE"]
    assert (spade["k"], spade["order"], spade["wholeK"], spade["root"]) == (
        3,
        "retrieval",
        3,
        False,
    )
    padim = one["detectors"]["PaDiM"]
    assert (padim["k"], padim["grid"], padim["order"], padim["searched"]) == (0, None, "", "")
    assert padim["cells"] == [8, 8]
    dn2 = one["detectors"]["DN2"]
    assert (dn2["limits"], dn2["ends"], dn2["root"], dn2["k"]) == (None, None, None, 0)
    assert dn2["wholeK"] == 2
    assert dn2["layers"] == []  # one value for each image is no map


def test_whether_the_score_is_the_maps_maximum(source, predictions):
    detectors = source.facts["categories"]["plate"]["detectors"]
    for name, prediction in predictions.items():
        maps = prediction.anomaly_map
        same = maps is not None and np.allclose(prediction.score, maps.max((1, 2)), rtol=1e-5)
        assert detectors[name]["peak"] is bool(same)


def test_layers_are_named_with_their_strides(category):
    rng = np.random.default_rng(0)
    sizes = {"layer1": (8, 8), "layer2": (4, 4), "16": (2, 2), "pool": (1, 1)}
    maps = {name: rng.random((4, *size), np.float32) for name, size in sizes.items()}
    source = Source.of(category, Prediction(rng.random(4), layer_maps=maps, detector="mine"))
    layers = source.facts["categories"]["plate"]["detectors"]["mine"]["layers"]
    labels = [layer["label"] for layer in layers]
    assert labels == ["layer1 (stride 4)", "layer2 (stride 8)", "stride 16"]
    assert [layer["cells"] for layer in layers] == [[8, 8], [4, 4], [2, 2]]
    part = source.part("found/plate/mine/3")
    for number, name in enumerate(("layer1", "layer2", "16")):
        np.testing.assert_array_equal(part[f"layer{number}"], maps[name][3])
    assert set(part) == {"layer0", "layer1", "layer2"}


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        # stages of a network, of which the finest has the stride of the maps, 224 / 28
        (["layer2", "layer3"], ["layer2 (stride 8)", "layer3 (stride 16)"]),
        # a module of one's own whose layer1 has another stride than a stage
        (["layer1", "layer2"], ["layer1", "layer2"]),
        (["blocks.3", "blocks.5"], ["blocks.3", "blocks.5"]),
    ],
)
def test_layers_at_the_detectors_own_resolution(names, labels):
    layers = {name: np.zeros((1, 28, 28)) for name in names}
    assert [layer["label"] for layer in layer_facts(layers, 224)] == labels


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [-1, -1, -1, -1], [1, -1, 0, -1]])
def test_what_the_labels_do_not_tell_is_null(labels):
    images = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), dtype=np.uint8)
    train = Split.from_arrays(images, [0] * 4, geometry=Geometry(32, crop=False))
    test = Split.from_arrays(images, labels, geometry=Geometry(32, crop=False))
    category = data.Category("plate", train, test)
    pixels = np.random.default_rng(1).random((4, 32, 32))
    prediction = Prediction(np.arange(4.0), pixels, detector="mine")
    source = Source.of(category, prediction)
    one = json.loads(json.dumps(source.facts, allow_nan=False))["categories"]["plate"]
    assert one["labels"] == labels
    assert one["masked"] is False
    assert (one["detectors"]["mine"]["fullRecall"] is None) == (1 not in labels)
    for key in source.keys(photos=True):
        packed(source.part(key))
    assert source.part("pixels/plate/mine") == {}
    assert ("mask" in source.part("test/plate/0")) == (labels[0] == 0)
    assert source.part("numbers/plate/mine")["numbers"]["pixel_auroc"] is None


# --- what was found


def test_every_map_can_be_made_of_its_part(source, predictions):
    for detector, prediction in predictions.items():
        if prediction.anomaly_map is not None:
            assert_maps_are_the_stored_ones(source, detector)
    assert "map" not in source.part("found/plate/PatchCore/0")
    assert "map" not in source.part("found/plate/SPADE/0")
    padim = source.part("found/plate/PaDiM/1")
    layers = predictions["PaDiM"].layer_maps
    np.testing.assert_allclose(padim["cells"], layers["layer1"][1] + layers["layer2"][1], rtol=1e-6)
    assert "map" not in padim


def test_a_map_that_does_not_follow_is_sent(category):
    rng = np.random.default_rng(0)
    pixels = rng.random((4, 32, 32), np.float32)
    pixels[2] = 0.25
    prediction = Prediction(rng.random(4), pixels, {"layer1": rng.random((4, 8, 8))})
    source = Source.of(category, {"mine": prediction})
    facts = source.facts["categories"]["plate"]["detectors"]["mine"]
    assert facts["root"] is None
    for image, one in enumerate(pixels):
        part = source.part(f"found/plate/mine/{image}")
        assert part["map"].dtype == np.uint16
        step = np.ptp(one) / 65535
        made = map_of(part, facts, (32, 32))
        np.testing.assert_allclose(made, one, atol=step, rtol=1e-6)
        assert "cells" not in part


def test_one_image_whose_map_does_not_follow_is_sent_alone(category, predictions):
    found = predictions["SPADE"]
    pixels = found.anomaly_map.copy()
    pixels[1, 3:9, 3:9] += np.ptp(pixels)
    source = Source.of(category, {"SPADE": Prediction(found.score, pixels, {}, found.neighbors)})
    sent = [image for image in range(4) if "map" in source.part(f"found/plate/SPADE/{image}")]
    assert sent == [1]
    assert_maps_are_the_stored_ones(source, "SPADE")


def test_images_that_were_not_segmented_keep_their_nan(source, predictions):
    segmented = predictions["gated"].segmented
    assert 0 < segmented.sum() < 4
    facts = source.facts["categories"]["plate"]["detectors"]["gated"]
    assert facts["root"] is False
    for image, is_segmented in enumerate(segmented):
        part = source.part(f"found/plate/gated/{image}")
        assert np.isnan(part["distance"]).all() == (not is_segmented)
        assert ("map" in part) == (not is_segmented)
    assert_maps_are_the_stored_ones(source, "gated")


def test_neighbours_are_those_of_the_prediction(source, predictions):
    for detector, searched in (("PatchCore", "patch"), ("SPADE", "patch"), ("SPADE per layer", "")):
        found = predictions[detector].neighbors
        if not searched:
            searched = max(
                (name for name in found if found[name].grid != (1, 1)),
                key=lambda name: found[name].distance.shape[1],
            )
            assert searched == "layer1"
        facts = source.facts["categories"]["plate"]["detectors"][detector]
        assert facts["searched"] == searched
        part = source.part(f"found/plate/{detector}/2")
        np.testing.assert_array_equal(part["distance"], found[searched].distance[2])
        np.testing.assert_array_equal(part["location"], found[searched].location[2])
        images = np.broadcast_to(part["image"], found[searched].image[2].shape)
        np.testing.assert_array_equal(images, found[searched].image[2])
    assert source.part("found/plate/SPADE/2")["image"].shape == (3,)
    assert source.part("found/plate/PatchCore/2")["image"].shape == (8, 8, 5)
    whole = predictions["SPADE"].neighbors["image"]
    part = source.part("found/plate/SPADE/2")
    np.testing.assert_array_equal(part["wholeDistance"], whole.distance[2, 0, 0])
    np.testing.assert_array_equal(part["wholeImage"], whole.image[2, 0, 0])
    assert set(source.part("found/plate/DN2/2")) == {"wholeDistance", "wholeImage"}


def test_large_numbers_of_locations_take_four_bytes(category):
    rng = np.random.default_rng(0)
    location = rng.integers(0, 70_000, (4, 4, 4, 2))
    location[0] = 65_535
    location[1, 0, 0, 0] = 65_536
    found = Neighbors(rng.random((4, 4, 4, 2)), location % 6, location, (250, 280))
    source = Source.of(category, {"mine": Prediction(np.zeros(4), neighbors={"patch": found})})
    assert source.part("found/plate/mine/0")["location"].dtype == np.uint16
    part = source.part("found/plate/mine/1")
    assert part["location"].dtype == np.uint32
    np.testing.assert_array_equal(part["location"], location[1])


def test_files_may_hold_fewer_neighbours_and_digits(source, predictions):
    full = source.part("found/plate/SPADE/0")
    one = source.part("found/plate/SPADE/0", k=1, half=True)
    assert one["distance"].dtype == np.float16
    np.testing.assert_allclose(one["distance"], full["distance"][..., :1], rtol=1e-3)
    np.testing.assert_array_equal(one["location"], full["location"][..., :1])
    np.testing.assert_array_equal(one["wholeDistance"], full["wholeDistance"][:1])
    # the map stays that of all neighbours
    distance = predictions["SPADE"].neighbors["patch"].distance[0]
    np.testing.assert_array_equal(one["cells"], distance.min(-1).astype(np.float32))
    assert "map" not in one
    facts = source.facts_with(k=1)["categories"]["plate"]["detectors"]
    assert (facts["SPADE"]["k"], facts["SPADE"]["wholeK"], facts["PaDiM"]["k"]) == (1, 1, 0)
    stored = predictions["SPADE"].anomaly_map[0]
    np.testing.assert_allclose(
        map_of(one, facts["SPADE"], (32, 32)), stored, atol=np.ptp(stored) * 1e-4
    )
    # the nearest is the first where they are in order, so that one is enough for the map
    assert "map" not in source.part("found/plate/PatchCore/0", k=1)
    assert source.part("found/plate/SPADE/0") is full


def test_files_without_neighbours_have_the_same_map(source, predictions):
    none = source.part("found/plate/SPADE/0", k=0)
    assert set(none) == {"cells"}
    facts = source.facts_with(k=0)["categories"]["plate"]["detectors"]["SPADE"]
    assert (facts["k"], facts["wholeK"], facts["layers"]) == (0, 0, [])
    stored = predictions["SPADE"].anomaly_map[0]
    np.testing.assert_allclose(map_of(none, facts, (32, 32)), stored, atol=np.ptp(stored) * 1e-4)


@pytest.mark.parametrize("scale", [1e6, 1e-7])
def test_distances_that_half_precision_does_not_hold_stay(category, scale):
    rng = np.random.default_rng(0)
    distance = (scale * rng.random((4, 4, 4, 2))).astype(np.float32)
    found = Neighbors(distance, np.zeros((4, 4, 4, 2), int), np.zeros((4, 4, 4, 2), int), (4, 4))
    source = Source.of(category, {"mine": Prediction(np.zeros(4), neighbors={"patch": found})})
    part = source.part("found/plate/mine/0", half=True)
    np.testing.assert_array_equal(part["distance"], distance[0])


@pytest.fixture(scope="module")
def letterboxed(tmp_path_factory):
    """Landscapes and portraits of two sizes, fitted into 32 x 32 pixels."""
    root = tmp_path_factory.mktemp("boxes") / "strips"
    rng = np.random.default_rng(0)
    sizes = {
        "train/good": [(40, 80)] * 3,
        "test/good": [(40, 80), (80, 40)],
        "test/hole": [(20, 25)],
    }
    for folder, shapes in sizes.items():
        (root / folder).mkdir(parents=True)
        for number, shape in enumerate(shapes):
            pixels = rng.integers(0, 255, (*shape, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{number}.png")
    return data.folder(root, geometry=Geometry(32, crop=False, aspect="letterbox"))


def test_letterboxed_maps_are_zero_in_padding(letterboxed):
    rng = np.random.default_rng(0)
    boxes = letterboxed.test.boxes
    np.testing.assert_array_equal(boxes, [[8, 0, 24, 32], [0, 8, 32, 24], [3, 0, 29, 32]])
    distance = rng.random((3, 8, 8, 2)).astype(np.float32)
    none = np.zeros(distance.shape, int)
    rows = bilinear(8, 32)
    large = np.stack([rows @ one @ rows.T for one in np.sqrt(distance.min(-1))])
    smooth = ndimage.gaussian_filter(large, (0, 4, 4), truncate=4, mode="reflect")
    pixels = np.zeros((3, 32, 32), np.float32)
    for one, smoothed, (top, left, bottom, right) in zip(pixels, smooth, boxes, strict=True):
        one[top:bottom, left:right] = smoothed[top:bottom, left:right]
    found = {"patch": Neighbors(distance, none, none, (8, 8))}
    prediction = Prediction(pixels.max((1, 2)), pixels, {}, found, boxes=boxes)
    source = Source({"plate": letterboxed}, {"plate": {"mine": prediction}})
    facts = source.facts["categories"]["plate"]["detectors"]["mine"]
    assert facts["root"] is True
    assert facts["ends"][0] > 0  # the zeros of the padding count for nothing
    inside = np.concatenate([one[one > 0] for one in pixels]).astype(float)
    np.testing.assert_allclose(facts["limits"], np.percentile(inside, (0.5, 99.8)), rtol=1e-9)
    values = source.part("quantiles/plate/mine")["values"]
    assert values[0] == inside.min()
    for image in range(3):
        part = source.part(f"found/plate/mine/{image}")
        assert "map" not in part
        np.testing.assert_array_equal(part["box"], boxes[image])
        assert part["box"].dtype == np.uint16
    assert_maps_are_the_stored_ones(source, "mine")
    photo = opened(source.part("photo/test/plate/1")["image"])
    assert photo.shape == (80, 80, 3)
    assert (np.abs(photo[:, :16].astype(int) - 128) <= 2).all()  # JPEG
    assert source.part("photo/test/plate/2") == {}  # of 25 pixels, enlarged already


# --- pictures


def test_pictures_are_the_images(source, category):
    for split_name in ("test", "train"):
        image = getattr(category, split_name).image(1)
        assert source.part(f"{split_name}/plate/1")["image"] == saved(image)
    bits = np.unpackbits(source.part("test/plate/2")["mask"])
    np.testing.assert_array_equal(bits.reshape(32, 32), category.test.mask(2))
    assert "mask" not in source.part("train/plate/1")
    mean = np.mean([category.train.image(index) for index in range(6)], axis=0)
    assert source.part("mean/plate")["image"] == saved(mean.round().astype(np.uint8))


def saved(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=90, subsampling=0)
    return file.getvalue()


def test_small_pictures_lie_in_their_squares():
    shades = np.arange(70)
    images = np.broadcast_to(3 * shades[:, None, None].astype(np.uint8), (70, 20, 40))
    split = Split.from_arrays(
        images,
        [0] * 69 + [1],
        geometry=Geometry((20, 40), crop=False),
        names=map(str, 100 + shades),
    )
    pixels = np.zeros((70, 20, 40), np.float32)
    pixels[65] = 1
    category = data.Category("strips", split, split)
    source = Source.of(category, Prediction(np.zeros(70), pixels, detector="mine"))
    assert pictures.small_box((20, 40)) == (24, 0, 48, 96)
    pages = [opened(source.part(f"small/test/strips/{page}")["image"]) for page in (0, 1)]
    assert [page.shape for page in pages] == [(768, 768, 3), (96, 768, 3)]
    for index in range(70):
        page, place = divmod(index, 64)
        row, column = divmod(place, 8)
        square = pages[page][96 * row : 96 * (row + 1), 96 * column : 96 * (column + 1)].astype(int)
        assert np.abs(square[28:68, 4:-4] - 3 * index).max() <= 4  # JPEG
        assert np.abs(square[:16] - 128).max() <= 4
    with_maps = opened(source.part("maps/strips/mine/1")["image"]).astype(int)
    assert np.ptp(with_maps[48, 48]) <= 4  # grey where the map is 0
    assert np.ptp(with_maps[48, 144]) > 60  # image 65 is the second of this page
    assert [key for key in source.keys() if key.startswith("small")] == [
        f"small/{split}/strips/{page}" for split in ("test", "train") for page in (0, 1)
    ]
    with pytest.raises(KeyError, match="expected a page from 0 to 1, got '2'"):
        source.part("small/test/strips/2")
    assert [key for key in source.keys(images=[65]) if key.startswith("small/test")] == [
        "small/test/strips/1"
    ]


# --- what all images tell


def test_numbers_of_a_category(source, category, predictions):
    masks = category.test.masks_array()
    assert source.part("areas/plate")["pixels"].tolist() == masks.sum((1, 2)).tolist()
    ranks = np.array([one.score.argsort().argsort() / 3 for one in predictions.values()])
    part = source.part("disagreement/plate")
    np.testing.assert_allclose(part["scores"], np.ptp(ranks, axis=0))
    assert part["maps"].shape == (4,)
    for detector, prediction in predictions.items():
        numbers = source.part(f"numbers/plate/{detector}")["numbers"]
        good, anomalous = prediction.score[:2], prediction.score[2:]
        assert numbers["image_auroc"] == np.mean(anomalous[:, None] > good)
        if prediction.anomaly_map is None:
            assert numbers["pixel_threshold"] is None
            assert source.part(f"pixels/plate/{detector}") == {}
            assert source.part(f"quantiles/plate/{detector}") == {}
            assert source.part(f"maps/plate/{detector}/0") == {}
            continue
        pixels = prediction.anomaly_map
        values = source.part(f"quantiles/plate/{detector}")["values"]
        assert values.dtype == np.float32
        ordered = np.sort(pixels.astype(float), axis=None)
        places = np.linspace(0, len(ordered) - 1, 2001)
        expected = np.interp(places, np.arange(len(ordered)), ordered)
        np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-6)
        (threshold,) = source.part(f"pixels/plate/{detector}")["threshold"]
        assert f1(pixels >= threshold, masks) == max(
            f1(pixels >= value, masks) for value in [*np.unique(pixels)[::7].tolist(), threshold]
        )


def f1(predicted, truth):
    return 2 * np.sum(predicted & truth) / (np.sum(predicted) + np.sum(truth))


def test_missed_images_get_guesses(source, category, predictions):
    for image in (2, 3):
        tags = source.part(f"guess/plate/PatchCore/{image}")["tags"]
        peak = predictions["PatchCore"].anomaly_map[image].argmax()
        hit = category.test.mask(image).ravel()[peak]
        assert tags[0][0] == ("localised but under-weighted" if hit else "not recovered")
        assert source.part(f"guess/plate/DN2/{image}")["tags"] == []
    assert source.part("guess/plate/PatchCore/0") == {"tags": []}


def test_pixels_without_masks_have_no_threshold(tmp_path, predictions):
    category = small_category(tmp_path, masks=False)
    source = Source.of(category, {"PatchCore": predictions["PatchCore"]})
    assert source.facts["categories"]["plate"]["masked"] is False
    assert source.part("pixels/plate/PatchCore") == {}
    assert source.part("areas/plate")["pixels"].tolist() == [0, 0, 0, 0]
    assert "mask" not in source.part("test/plate/2")
    assert not {"pixels", "areas"} & {names_of(key)[0] for key in source.keys()}
    assert source.part("numbers/plate/PatchCore")["numbers"]["pro"] is None
    assert source.part("guess/plate/PatchCore/2") == {"tags": []}


# --- keys


def test_every_part_has_a_key_and_is_packed_whole(source):
    kinds = set()
    for key in source.keys(photos=True):
        part = source.part(key)
        heads, values = packed(part)
        assert [head["name"] for head in heads] == list(part)
        for head, value in zip(heads, values, strict=True):
            original = part[head["name"]]
            if head["dtype"] == "jpeg":
                assert value == original
            elif head["dtype"] == "json":
                assert json.loads(value) == original
            else:
                read = np.frombuffer(value, f"<{head['dtype']}").reshape(head["shape"])
                np.testing.assert_array_equal(read, original)
        kinds.add(names_of(key)[0])
    assert kinds == set(KINDS)


def test_arrays_are_packed_by_rows_and_low_bytes_first():
    values = np.arange(6, dtype=">f4").reshape(2, 3).T
    heads, (content,) = packed({"values": values})
    assert heads == [{"name": "values", "dtype": "f4", "shape": [3, 2]}]
    assert content == np.array([0, 3, 1, 4, 2, 5], "<f4").tobytes()


def test_keys_may_be_few(source, predictions):
    keys = list(source.keys(images=[1], k=1))
    assert "found/plate/SPADE/1" in keys
    assert not [key for key in keys if key.startswith("photo") or key.endswith("SPADE/2")]
    trained = {int(names_of(key)[2]) for key in keys if key.startswith("train")}
    expected = set()
    for prediction in predictions.values():
        for found in prediction.neighbors.values():
            if found.grid == (1, 1) or found is prediction.neighbors.get("patch"):
                expected |= set(found.image[1][..., 0].ravel().tolist())
    expected |= set(predictions["SPADE per layer"].neighbors["layer1"].image[1][..., 0].ravel())
    assert trained == expected
    assert set(source.keys(kinds={"mean", "areas"})) == {"mean/plate", "areas/plate"}
    assert list(source.keys(images={"plate": [2]}, kinds={"test"})) == ["test/plate/2"]


@pytest.mark.parametrize("name", ODD)
def test_names_may_hold_any_sign(category, predictions, name):
    assert names_of(part_key("found", name, name, 3)) == ("found", name, name, "3")
    source = Source({name: category}, {name: {name: predictions["PatchCore"]}})
    found = source.part(part_key("found", name, name, 0))
    np.testing.assert_array_equal(
        found["distance"], predictions["PatchCore"].neighbors["patch"].distance[0]
    )
    for key in source.keys():
        source.part(key)


def test_keys_are_escaped_as_in_the_browser():
    assert part_key("found", "a/b", "100%", 3) == "found/a%2Fb/100%25/3"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("nothing/plate", "expected a kind of test, train, .* guess"),
        ("test/plate", "expected test/category/image"),
        ("test/plate/0/1", "expected test/category/image"),
        ("test/gear/0", "expected a category, one of plate, got 'gear'"),
        ("test/plate/4", "expected a test image from 0 to 3, got '4'"),
        ("test/plate/-1", "expected a test image from 0 to 3, got '-1'"),
        ("found/plate/mine/0", "expected a detector of plate, one of PatchCore, .* got 'mine'"),
        ("photo/validation/plate/0", "expected test or train, got 'validation'"),
        ("maps/plate/PatchCore/1", "expected a page from 0 to 0, got '1'"),
        ("areas/gear", "expected a category, one of plate, got 'gear'"),
        ("", "expected a kind of"),
    ],
)
def test_another_key_is_refused_in_words(source, key, words):
    with pytest.raises(KeyError, match=words) as error:
        source.part(key)
    assert repr(key) in str(error.value)


# --- predictions that are functions


def test_what_is_not_computed_is_missing_until_it_is(category, predictions):
    def compute():
        return predictions["SPADE"]

    source = Source.of(category, {"PaDiM": predictions["PaDiM"], "SPADE": compute})
    assert source.facts["categories"]["plate"]["detectors"]["SPADE"] is None
    assert source.missing("plate", "SPADE") is compute
    assert source.missing("plate", "PaDiM") is None
    for key in ("found/plate/SPADE/0", "disagreement/plate", "maps/plate/SPADE/0"):
        with pytest.raises(RuntimeError, match="SPADE of plate has not been computed yet"):
            source.part(key)
    assert not [key for key in source.keys() if "SPADE" in key or key.startswith("disagreement")]
    with pytest.raises(TypeError, match="expected a Prediction of SPADE, or a function"):
        source.computed("plate", "SPADE", 3)
    with pytest.raises(ValueError, match="SPADE's prediction of the 4 test images of plate"):
        source.computed("plate", "SPADE", Prediction(np.zeros(3)))
    with pytest.raises(KeyError, match="got 'DN2'"):
        source.missing("plate", "DN2")

    source.computed("plate", "SPADE", compute())
    assert source.missing("plate", "SPADE") is None
    assert source.facts["categories"]["plate"]["detectors"]["SPADE"]["k"] == 3
    assert source.part("disagreement/plate")["scores"].shape == (4,)
    assert_maps_are_the_stored_ones(source, "SPADE")
    # another explorer, of the same function, knows it already
    assert Source.of(category, {"PaDiM": predictions["PaDiM"], "SPADE": compute}) is source


def test_what_is_no_prediction_is_refused(category, predictions):
    with pytest.raises(ValueError, match="got one of 3 images"):
        Source.of(category, Prediction(np.zeros(3)))
    with pytest.raises(TypeError, match="expected a Category or several by name"):
        Source.of(3, predictions)
    with pytest.raises(ValueError, match="expected predictions for category 'plate'"):
        Source.of({"plate": category}, {"gear": predictions})


# --- one source, several users


def test_the_same_objects_have_one_source_as_long_as_it_is_used(category, predictions):
    source = Source.of(category, predictions)
    assert Source.of({"plate": category}, {"plate": dict(predictions)}) is source
    assert Source.of(category, {"PaDiM": predictions["PaDiM"]}) is not source
    first = source.id
    del source
    gc.collect()
    assert Source.of(category, predictions).id != first


def test_two_sources_make_equal_parts(category, predictions):
    one, other = (Source({"plate": category}, {"plate": predictions}) for _ in range(2))
    assert one.id != other.id
    assert one.facts | {"id": ""} == other.facts | {"id": ""}
    assert list(one.keys()) == list(other.keys())
    for key in one.keys():
        assert packed(one.part(key)) == packed(other.part(key))


def test_parts_are_kept_and_shared_by_threads(source):
    keys = list(source.keys())
    found = []

    def ask(start):
        parts = {key: source.part(key) for key in keys[start:] + keys[:start]}
        found.append((parts, source.facts))

    threads = [threading.Thread(target=ask, args=(start,)) for start in (0, 7, 20, 31)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for (one, facts), (other, same) in pairwise(found):
        assert facts == same
        for key in keys:
            assert one[key] is other[key]


def test_quick_parts_do_not_wait_for_slow_ones(source):
    entered, go_on = threading.Event(), threading.Event()

    def report(label, done, total):
        entered.set()
        go_on.wait(120)  # as long as the parts below may take on a loaded machine

    def make_mean():
        with progress.watched(report):
            source.part("mean/plate")

    thread = threading.Thread(target=make_mean)
    thread.start()
    assert entered.wait(10)
    assert "image" in source.part("test/plate/0")
    assert "distance" in source.part("found/plate/PatchCore/0")
    assert thread.is_alive()
    go_on.set()
    thread.join()
    assert not source.slow("mean/plate")


def test_slow_parts_can_be_stopped_and_made_later(source):
    class Halt(Exception):
        pass

    def halt(label, done, total):
        raise Halt

    slow = ["mean/plate", "small/test/plate/0", "small/train/plate/0", "maps/plate/PatchCore/0"]
    slow += ["numbers/plate/PatchCore", "quantiles/plate/PatchCore", "disagreement/plate"]
    for key in [*slow, "areas/plate"]:
        assert source.slow(key)
        with progress.watched(halt), pytest.raises(Halt):
            source.part(key)
        assert source.slow(key)
        source.part(key)
        assert not source.slow(key)
    assert source.slow("photo/test/plate/0")
    assert source.slow("guess/plate/PatchCore/2")
    for key in ("test/plate/0", "train/plate/0", "found/plate/PatchCore/0"):
        assert not source.slow(key)


def test_the_parts_in_memory_are_bounded_by_their_bytes(category, predictions, monkeypatch):
    monkeypatch.setattr("adviz.explore.kit.parts.HELD", 4_000)
    source = Source({"plate": category}, {"plate": predictions})
    first = source.part("test/plate/0")
    assert source.part("test/plate/0") is first
    for image in range(6):
        source.part(f"train/plate/{image}")
    assert source.part("test/plate/0") is not first
    assert sum(source._held._bytes.values()) <= 4_000


def test_an_explorer_adds_a_kind_of_parts(source):
    made = []

    def make(key):
        made.append(key)
        return {"values": np.arange(2.0)}

    source.add("own", make)
    source.add("soon", make, quick=True)
    assert source.slow("own/plate/0")
    assert not source.slow("soon/plate/0")
    for _ in range(2):
        assert source.part("own/plate/0")["values"].tolist() == [0, 1]
    assert made == ["own/plate/0"]
    assert not source.slow("own/plate/0")
