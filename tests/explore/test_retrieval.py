"""What an image and its pixels were compared with: the state of the explorer and its figure."""

import json

import numpy as np
import pytest
import traitlets
from bank_data import small_category

from adviz import Neighbors, Prediction, data, explore
from adviz.core import maps
from adviz.explore.kit.packing import part_key

SIDE, CELLS, NEAREST = 32, 8, 3  # pixels of an image, patches along a side, neighbours of each
N_TEST, N_TRAIN = 4, 6
SECONDS = 20  # more than anything here takes on a loaded machine


@pytest.fixture(scope="module")
def category(tmp_path_factory):
    """Six training images; test images good, good, hole, hole."""
    return small_category(tmp_path_factory.mktemp("data"))


def whole_neighbors(rng, k=NEAREST, n_test=N_TEST):
    shape = n_test, 1, 1, k
    images = np.broadcast_to(np.arange(k) % N_TRAIN, shape)
    return Neighbors(np.sort(rng.random(shape)), images, np.zeros(shape, int))


def patch_neighbors(rng, k=NEAREST, order="retrieval", n_test=N_TEST):
    shape = n_test, CELLS, CELLS, k
    distance = rng.random(shape)
    if order == "distance":
        distance = np.sort(distance)
    images = np.broadcast_to(np.arange(k) % N_TRAIN, shape)
    return Neighbors(distance, images, rng.integers(0, CELLS * CELLS, shape), (CELLS, CELLS), order)


def prediction(detector, *, whole=False, patches="", layers=True, n_test=N_TEST):
    """Return a prediction; `patches`: the order of their neighbours, "" = none."""
    rng = np.random.default_rng(1)
    neighbors = {}
    if whole:
        neighbors["image"] = whole_neighbors(rng, n_test=n_test)
    if patches:
        neighbors["patch"] = patch_neighbors(rng, order=patches, n_test=n_test)
    layer_maps = {}
    if layers:
        layer_maps = {name: rng.random((n_test, CELLS, CELLS)) for name in ("layer1", "layer2")}
    anomaly_map = rng.random((n_test, SIDE, SIDE)) if layers or patches else None
    return Prediction(rng.random(n_test), anomaly_map, layer_maps, neighbors, detector=detector)


@pytest.fixture
def view(category):
    predictions = {
        "SPADE": prediction("SPADE", whole=True, patches="retrieval"),
        "PatchCore": prediction("PatchCore", patches="distance", layers=False),
        "PaDiM": prediction("PaDiM"),
        "DN2": prediction("DN2", whole=True, layers=False),
    }
    channels = {"PaDiM": lambda _image, row, column: np.arange(20.0) + 100 * row + column}
    one = explore.retrieval(category, predictions, channels=channels)
    yield one
    one.close()


def peak(view, image=0, detector="SPADE"):
    found = view.source.prediction("plate", detector).anomaly_map[image]
    return np.unravel_index(found.argmax(), found.shape)


def words(figure):
    """Return all that stands in a figure."""
    texts = [text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text"))]
    return " | ".join(text.replace("\n", " ") for text in texts if text)


# The pixel


def test_it_opens_with_the_highest_pixel_picked(view):
    assert view.picked == []
    assert view.pixel == peak(view)
    found = view.evidence
    assert found.searched == "patch"
    assert found.pixel == peak(view)
    assert found.cells == (CELLS, CELLS)
    assert set(found.layers) == {"layer1", "layer2"}
    nearest = {f"train/plate/{number}" for number in found.image[:4]}
    assert set(view.opening) == {"test/plate/0", "found/plate/SPADE/0", *nearest}


def test_another_pick_has_other_neighbours(view):
    before = view.evidence
    view.picked = [2, 30]
    found = view.evidence
    assert view.pixel == (2, 30)
    assert (found.cell, found.box) == ((0, 7), (0, 28, 4, 4))
    distance = view.prediction.neighbors["patch"].distance[0, 0, 7]
    np.testing.assert_array_equal(found.distance, np.sort(distance))
    np.testing.assert_array_equal(found.rank, 1 + np.argsort(distance))
    assert found.layers != before.layers


def test_the_pick_stays_with_another_detector_and_goes_with_the_image(view):
    view.picked = [10, 20]
    for name in ("PatchCore", "PaDiM", "DN2", "SPADE"):
        view.detector = name
        assert view.pixel == (10, 20)
        assert view.evidence.pixel == (10, 20)
    view.image = 2
    assert view.picked == []
    assert view.pixel == peak(view, 2)


def test_every_detector_has_a_peak_of_its_own(view):
    for name in ("SPADE", "PatchCore", "PaDiM"):
        view.detector, view.k = name, NEAREST
        assert view.pixel == peak(view, detector=name)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("picked", [SIDE, 0], r"picked must be \[\] or \[row, column\] of an image of 32x32"),
        ("picked", [1.5, 2], "picked"),
        ("k", 0, "k"),
        ("rank", -1, "rank"),
        ("whole", "yes", "whole"),
        ("image", N_TEST, "image must be between 0 and 3, got 4"),
        ("detector", "RD", "detector must be one of SPADE, PatchCore, PaDiM, DN2, got 'RD'"),
        ("order", "disagreement of maps", "order must be one of score, as stored"),
    ],
)
def test_what_does_not_exist_is_refused_and_nothing_changes(view, name, value, message):
    before = view.state
    with pytest.raises(traitlets.TraitError, match=message):
        setattr(view, name, value)
    assert view.state == before


# How many neighbours count


def test_fewer_neighbours_are_answered_from_those_found(view):
    view.k = NEAREST
    assert len(view.evidence.image) == NEAREST
    view.k = 1
    assert view.evidence.image.tolist() == [0]  # the first that was retrieved, not the nearest
    view.k = 2
    assert sorted(view.evidence.rank) == [1, 2]
    view.k = 50
    assert len(view.evidence.image) == NEAREST


def test_k_stays_with_a_detector_that_has_fewer_neighbours(view):
    view.k = 2
    view.detector = "PaDiM"  # has none
    assert (view.k, len(view.evidence.image)) == (2, 0)
    view.detector = "SPADE"
    assert len(view.evidence.image) == 2


@pytest.fixture
def many():
    """A prediction with twelve retrieved images, whose map is the smoothed minimum over them."""
    rng = np.random.default_rng(2)
    neighbors = {"image": whole_neighbors(rng, 12), "patch": patch_neighbors(rng, 12)}
    least = neighbors["patch"].distance.min(-1)
    joined = maps.smooth(maps.resize(least, (SIDE, SIDE)))
    return Prediction(rng.random(N_TEST), joined, {}, neighbors, detector="SPADE")


def test_the_peak_is_that_of_the_map_with_k_neighbours(category, many):
    view = explore.retrieval(category, many)
    for k in (12, 3, 1):
        view.k = k
        least = many.neighbors["patch"].distance[0, ..., :k].min(-1)
        expected = maps.smooth(maps.resize(least[None], (SIDE, SIDE)))[0]
        assert view.pixel == np.unravel_index(expected.argmax(), expected.shape)


def test_a_map_that_does_not_follow_k_stays(view):
    view.k = 1
    assert view.pixel == peak(view)


# Whole images


def test_whole_images_are_compared_in_place_of_patches(view):
    view.whole = True
    assert view.pixel is None
    assert view.evidence is None
    text = words(view.static())
    assert "the 3 normal images most like it" in text
    view.k = 1
    assert "the normal image most like it" in words(view.static())


def test_a_pick_looks_at_patches_again(view):
    view.whole = True
    view.picked = [3, 4]
    assert not view.whole
    assert view.evidence.pixel == (3, 4)


def test_whole_images_stay_with_another_image_and_detector(view):
    view.whole = True
    view.image, view.detector = 1, "DN2"
    assert view.whole
    assert "the 3 normal images most like it" in words(view.static())


def test_whole_images_of_a_detector_that_compares_patches_alone(view):
    view.detector, view.whole = "PatchCore", True
    assert view.evidence is None
    assert view.static().axes  # the image and its map


def test_a_detector_of_whole_images_has_no_patches(view):
    view.detector = "DN2"
    assert view.pixel is None
    view.picked = [3, 4]
    found = view.evidence
    assert (found.searched, found.layers, len(found.image)) == ("", {}, 0)
    assert "the 3 normal images most like it" in words(view.static())


# Detectors that find less


def test_without_neighbours_a_patch_is_beside_the_mean_of_the_normal_images(view, category):
    view.detector = "PaDiM"
    found = view.evidence
    assert found.searched == ""
    layer_maps = view.prediction.layer_maps
    for name, value in found.layers.items():
        assert value == layer_maps[name][(0, *found.cell)]
    text = words(view.static())
    assert "no neighbours: beside the mean of the normal images" in text
    assert "sum of the layers" in text
    mean = np.mean([category.train.image(index) for index in range(N_TRAIN)], axis=0)
    # Rounded to whole grey values
    np.testing.assert_allclose(view.source.mean("plate"), mean, atol=0.51)
    assert view.part("mean/plate")["image"][:2] == b"\xff\xd8"  # a JPEG file


def test_contributions_of_channels_are_a_part(view):
    key = part_key("channels", "plate", "PaDiM", 2, 3, 4)
    np.testing.assert_array_equal(view.part(key)["values"], np.arange(20.0) + 304)
    assert view.part(key)["values"].dtype == np.float32
    assert view.options["channels"] == ["PaDiM"]


def test_channels_that_cannot_be_had_are_answered_in_words(category, monkeypatch):
    def no_features(_image, _row, _column):
        raise OSError("the features are gone")

    view = explore.retrieval(category, prediction("PaDiM"), channels={"PaDiM": no_features})
    sent = []
    monkeypatch.setattr(view, "send", lambda content, _buffers=(): sent.append(content["parts"]))
    view._answer(view, {"ask": ["channels/plate/PaDiM/0/1/2", "channels/plate/SPADE/0/1/2"]}, [])
    view.wait(SECONDS)
    errors = [part["error"] for parts in sent for part in parts]
    assert "OSError: the features are gone" in errors
    assert len(errors) == 2


def test_units_are_told_to_the_browser(category):
    view = explore.retrieval(category, {"RD": prediction("RD")}, units={"RD": "1 - cosine"})
    assert view.options["units"] == {"RD": "1 - cosine"}


def test_scores_alone_are_enough(category):
    view = explore.retrieval(category, {"own": Prediction(np.arange(4.0), detector="own")})
    assert view.pixel is None
    assert view.evidence is None
    assert view.static().axes
    view.picked = [3, 4]
    found = view.evidence
    assert (found.searched, found.layers) == ("", {})
    assert view.static().axes


def test_an_image_that_was_not_segmented_has_no_evidence_and_says_so(category):
    found = prediction("SPADE", whole=True, patches="retrieval")
    found.neighbors["patch"].distance[1] = np.nan
    view = explore.retrieval(category, found)
    assert len(view.evidence.image) == NEAREST
    view.image = 1
    assert len(view.evidence.image) == 0
    with pytest.raises(ValueError, match="this image was not segmented"):
        view.static()
    # the widget is shown without a picture beside it
    bundle, _ = view._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "image/jpeg" not in bundle


def test_a_prediction_may_be_computed_when_it_is_first_chosen(category):
    calls = []

    def later():
        calls.append(1)
        return prediction("SPADE", patches="retrieval")

    view = explore.retrieval(category, {"PaDiM": prediction("PaDiM"), "later": later})
    assert calls == []
    view.detector = "later"
    view.wait(SECONDS)
    assert len(view.evidence.image) == NEAREST
    view.detector = "PaDiM"
    view.detector = "later"
    assert calls == [1]
    view.close()


def test_the_first_prediction_may_be_a_function(category):
    view = explore.retrieval(category, {"later": lambda: prediction("SPADE", patches="distance")})
    assert "test/plate/0" in view.opening
    view.wait(SECONDS)
    assert view.evidence.searched == "patch"
    view.close()


# What images are like


def test_training_images_may_have_another_size(many):
    rng = np.random.default_rng(0)
    train = data.Split.from_arrays(
        rng.integers(0, 255, (N_TRAIN, 60, 80, 3), np.uint8),
        [0] * N_TRAIN,
        geometry=data.Geometry(28, resize=None),
    )
    pixels = rng.integers(0, 255, (N_TEST, SIDE, SIDE, 3), np.uint8)
    geometry = data.Geometry(SIDE, crop=False)
    test = data.Split.from_arrays(pixels, [0, 0, 1, 1], geometry=geometry)
    view = explore.retrieval(
        data.Category("own", train, test), {"SPADE": many, "PaDiM": prediction("PaDiM")}
    )
    view.picked, view.k = [20, 20], 12
    for top, left, height, width in view.evidence.boxes:
        assert top + height <= 28
        assert left + width <= 28
    assert view.static().axes
    view.detector = "PaDiM"
    assert view.static().axes


def test_letterboxed_images_have_their_boxes(many):
    rng = np.random.default_rng(0)
    geometry = data.Geometry(SIDE, aspect="letterbox")
    train, test = (
        data.Split.from_arrays(
            rng.integers(0, 255, (count, 20, 40, 3), np.uint8), labels, geometry=geometry
        )
        for count, labels in ((N_TRAIN, [0] * N_TRAIN), (N_TEST, [0, 0, 1, 1]))
    )
    boxes = test.boxes
    inside = maps.inside(boxes, (SIDE, SIDE))
    found = Prediction(
        many.score,
        np.where(inside, many.anomaly_map, 0),
        {},
        many.neighbors,
        detector="SPADE",
        boxes=boxes,
    )
    view = explore.retrieval(data.Category("wide", train, test), found)
    view.k = 12
    row, column = view.pixel
    assert inside[0, row, column]
    np.testing.assert_array_equal(view.part("found/wide/SPADE/0")["box"], boxes[0])
    assert view.static().axes


# Several categories, and names


def test_categories_have_their_own_detectors_and_images(category):
    test = category.test.subset([0, 2])
    part = data.Category("part", category.train, test)
    view = explore.retrieval(
        {"plate": category, "part": part},
        {
            "plate": {"SPADE": prediction("SPADE", patches="retrieval")},
            "part": {"X": prediction("X", patches="distance", n_test=2)},
        },
    )
    view.image, view.picked = 3, [1, 2]
    view.category = "part"
    assert (view.detector, view.image, view.picked) == ("X", 0, [])
    assert view.evidence.searched == "patch"
    view.category = "plate"
    assert view.detector == "SPADE"


NAMES = ["a/b %2F", "<b>&\"'", "ä 名", "..", "100%"]


@pytest.mark.parametrize("name", NAMES)
def test_names_may_hold_any_sign(category, name):
    one = data.Category(name, category.train, category.test)
    found = {name: prediction("PaDiM", patches="distance")}
    view = explore.retrieval(one, found, channels={name: lambda *location: np.array(location)})
    keys = [key for key in view.opening if key.startswith("found/")]
    assert keys == [part_key("found", name, name, 0)]
    assert "image" in view.part(part_key("test", name, 3))
    values = view.part(part_key("channels", name, name, 1, 2, 3))["values"]
    assert values.tolist() == [1, 2, 3]
    view.threshold = 0.25
    assert view.threshold == 0.25
    assert view.static().axes


# State and pictures


def test_the_state_is_plain_and_restores_what_it_was(view, category):
    view.detector, view.image = "PaDiM", 3
    view.picked, view.k, view.rank = [3, 4], 2, 1
    view.limits = {"plate/PaDiM": [0.2, 1.5]}
    saved = json.loads(json.dumps(view.state))
    found = {"SPADE": prediction("SPADE"), "PaDiM": prediction("PaDiM")}
    other = explore.retrieval(category, found)
    other.state = saved
    assert other.state == saved
    assert other.pixel == (3, 4)
    view.whole = True
    other.state = view.state
    assert other.whole
    other.close()


def test_the_static_picture_has_the_nearest_patches(view):
    view.k = NEAREST
    text = words(view.static())
    assert "the nearest patch of each of 3 normal images" in text
    for rank in view.evidence.rank:
        assert f"rank {rank} · " in text
    view.k = 1
    assert "the nearest normal patch" in words(view.static())
    view.detector, view.k = "PatchCore", NEAREST
    assert "the 3 nearest normal patches" in words(view.static())


def test_chosen_colours_are_those_of_the_static_picture(view):
    view.detector, view.whole = "PatchCore", True
    view.limits = {"plate/PatchCore": [0.2, 0.4]}
    axes = {one.get_label(): one for one in view.static().axes}
    assert axes["row 0 map"].images[0].get_clim() == (0.2, 0.4)


def test_the_static_picture_can_be_saved(view, tmp_path):
    view.save(tmp_path / "view.pdf")
    assert (tmp_path / "view.pdf").read_bytes().startswith(b"%PDF")


def test_an_exported_page_has_the_training_images_that_are_neighbours(view):
    keys = view.export_keys(images=[0])
    train = {key for key in keys if key.startswith("train/")}
    assert train == {f"train/plate/{number}" for number in range(NEAREST)}
    assert "mean/plate" in keys
