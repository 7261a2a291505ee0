import re

import numpy as np
import pytest
from PIL import Image

from adviz import Neighbors, Prediction, data, explore
from adviz.core import maps


@pytest.fixture(scope="module")
def category(tmp_path_factory):
    """Three training images; test images good, good, hole, hole."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    mask = np.zeros((256, 256), np.uint8)
    mask[100:140, 100:140] = 255
    for files in ("train/good 0 1 2", "test/good 0 1", "test/hole 0 1"):
        folder, *numbers = files.split()
        (root / "plate" / folder).mkdir(parents=True)
        for number in numbers:
            image = Image.fromarray(rng.integers(0, 255, (256, 256, 3), dtype=np.uint8))
            image.save(root / "plate" / folder / f"{number}.png")
    (root / "plate/ground_truth/hole").mkdir(parents=True)
    for number in (0, 1):
        Image.fromarray(mask).save(root / f"plate/ground_truth/hole/{number}_mask.png")
    return data.mvtec(root, "plate")


def prediction(detector, *, whole=False, cells=False, layers=True):
    rng = np.random.default_rng(1)
    image = np.broadcast_to(np.arange(3), (4, 7, 7, 3))
    neighbors = {}
    if whole:
        neighbors["image"] = Neighbors(
            rng.random((4, 1, 1, 3)), image[:, :1, :1], np.zeros((4, 1, 1, 3), int)
        )
    if cells:
        found = rng.random((4, 7, 7, 3)), image, rng.integers(0, 49, (4, 7, 7, 3))
        neighbors["patch"] = Neighbors(*found, (7, 7), "retrieval")
    maps = {"layer1": rng.random((4, 7, 7)), "layer2": rng.random((4, 7, 7))} if layers else {}
    anomaly = rng.random((4, 224, 224)) if layers or cells else None
    return Prediction(rng.random(4), anomaly, maps, neighbors, detector=detector)


@pytest.fixture
def view(category):
    predictions = {
        "SPADE": prediction("SPADE", whole=True, cells=True),
        "PatchCore": prediction("PatchCore", cells=True, layers=False),
        "PaDiM": prediction("PaDiM"),
        "DN2": prediction("DN2", whole=True, layers=False),
    }
    return explore.retrieval(
        category, predictions, channels={"PaDiM": lambda image, row, column: np.arange(20.0) - row}
    )


def picture(view):
    return view._page.value


def test_it_opens_with_the_highest_pixel_picked(view):
    maps = view._predictions["plate"]["SPADE"].anomaly_map
    assert view.picked == np.unravel_index(maps[0].argmax(), (224, 224))
    assert view.evidence.searched == "patch"
    assert f"pixel {view.picked[0]}, {view.picked[1]}" in view.status
    assert "layer1" in view._page.value
    assert view._picker.overlay.cells == [7, 7]


def test_another_pick_shows_other_matches(view):
    before, text = picture(view), view.status
    view.picked = (5, 200)
    assert view.evidence.cell == (0, 6)
    assert picture(view) != before
    assert view.status != text


def test_the_pick_stays_when_the_method_changes_and_moves_with_the_image(view):
    view.picked = (40, 50)
    for name in ("PatchCore", "PaDiM", "SPADE"):
        view.detector = name
        assert view.picked == (40, 50)
        assert "Error" not in view.status
    view.image = 2
    maps = view._predictions["plate"]["SPADE"].anomaly_map
    assert view.picked == np.unravel_index(maps[2].argmax(), (224, 224))


def test_fewer_neighbours_are_answered_from_those_found(view):
    view.k = 3
    three = view.evidence
    view.k = 1
    assert len(view.evidence.image) == 1
    assert view.evidence.image[0] == 0  # the first that was retrieved, not the nearest
    assert len(three.image) == 3
    view.k = 2
    view.detector = "PaDiM"  # has none
    assert view.k == 1
    view.detector = "SPADE"
    assert view.k == 2


def test_giving_up_the_pick_shows_whole_images(view):
    cells = picture(view)
    view._whole.click()
    assert view.picked is None
    assert view.evidence is None
    assert picture(view) != cells
    view.detector = "PatchCore"
    assert "PatchCore compares patches: pick a pixel" in view.status


def test_a_method_without_neighbours_is_beside_the_mean_of_the_normal_images(view, category):
    view.detector = "PaDiM"
    view.wait()
    mean = np.mean([category.train.image(index) for index in range(3)], axis=0)
    # Rounded to whole grey values
    np.testing.assert_allclose(view._normals["plate"].mean(), mean, atol=0.51)
    assert "beside the mean of the normal images" in view._page.value
    assert "map at this pixel" in view._page.value
    assert "channel 19" in view._page.value


def test_what_a_method_cannot_say_of_a_pixel_is_said(view):
    view.picked = (40, 50)
    view.detector = "PatchCore"
    assert "PatchCore does not split its distance by layer" in view._page.value
    view.detector = "DN2"
    assert "DN2 compares whole images: nothing was looked up for a single pixel" in view._page.value


def test_defects_are_gone_through_on_their_own(view):
    view.defect = "hole"
    assert view.image == 2
    view._images.move(1)
    assert view.image == 3
    with pytest.raises(
        ValueError, match=r"one of the 2 test images of defect 'hole' \(2 to 3\), got 0"
    ):
        view.image = 0
    view.defect = "all"
    view.image = 0
    assert view.image == 0


def test_an_image_that_was_not_segmented_says_so(view):
    view._predictions["plate"]["SPADE"].neighbors["patch"].distance[1] = np.nan
    view.image = 1
    assert "Error: ValueError: this image was not segmented" in view.status


def test_the_static_picture_is_the_one_on_show(view, tmp_path):
    view.save(str(tmp_path / "view.png"))
    with Image.open(tmp_path / "view.png") as image:
        assert image.size[0] > 400
        assert np.asarray(image).std() > 10


def test_another_image_is_drawn_once(view, monkeypatch):
    drawn, draw = [], view._draw
    monkeypatch.setattr(view, "_draw", lambda: drawn.append(view.image) or draw())
    view.image = 2
    view.picked = (5, 5)
    assert drawn == [2, 2]


def test_an_image_that_cannot_be_read_is_said_and_the_next_is_shown(view, category, monkeypatch):
    read = type(category.test).__getitem__

    def fail(split, index):
        if index == 1:
            raise OSError("this file is gone")
        return read(split, index)

    monkeypatch.setattr(type(category.test), "__getitem__", fail)
    view.image = 1
    assert view.status == "Error: OSError: this file is gone"
    view.image = 2
    assert "image 3 of 4" in view.status


def bars(view):
    """Return the bars' heights in percent, which of them are filled, and those of the line."""
    chart = view._page.value.split("adviz-ranks")[1].split("<table")[0]
    found = re.findall(
        r"height:([\d.]+)%;box-sizing:border-box;border:1px solid #\w+;(background)?", chart
    )
    line = [float(part) for part in re.findall(r"bottom:([\d.]+)%;border-top", chart)]
    return [float(part) for part, _ in found], [bool(filled) for _, filled in found], line


def test_distances_are_by_rank_with_the_score_of_every_smaller_k(view):
    view.picked, view.k = (40, 50), 2
    distance = view._prediction.neighbors["patch"].distance[0, 40 * 7 // 224, 50 * 7 // 224]
    heights, filled, line = bars(view)
    # Printed with one decimal
    np.testing.assert_allclose(heights, 100 * distance / distance.max(), atol=0.06)
    np.testing.assert_allclose(
        line, 100 * np.minimum.accumulate(distance) / distance.max(), atol=0.06
    )
    assert filled == [True, True, False]
    assert "[k = 2]" in view._page.value
    view.picked = None
    whole = view._prediction.neighbors["image"].distance[0, 0, 0]
    _, _, line = bars(view)
    np.testing.assert_allclose(line, 100 * np.cumsum(whole) / [1, 2, 3] / whole.max(), atol=0.06)


def test_without_retrieved_images_k_does_not_change_the_score(category):
    found = prediction("PatchCore", cells=True, layers=False)
    patch = found.neighbors["patch"]
    nearest = Neighbors(np.sort(patch.distance), patch.image, patch.location, patch.grid)
    view = explore.retrieval(
        category, Prediction(found.score, found.anomaly_map, {}, {"patch": nearest})
    )
    assert "the score does not depend on their number k" in view._page.value
    assert bars(view)[2] == []


@pytest.fixture
def many():
    """A prediction with twelve retrieved images, whose map is the smoothed minimum over them."""
    rng = np.random.default_rng(2)
    distance, image = rng.random((4, 7, 7, 12)), np.broadcast_to(np.arange(12) % 3, (4, 7, 7, 12))
    patch = Neighbors(distance, image, rng.integers(0, 49, (4, 7, 7, 12)), (7, 7), "retrieval")
    whole = Neighbors(
        np.sort(rng.random((4, 1, 1, 12))), image[:, :1, :1], np.zeros((4, 1, 1, 12), int)
    )
    joined = maps.smooth(maps.resize(distance.min(-1), (224, 224)))
    return Prediction(rng.random(4), joined, {}, {"image": whole, "patch": patch}, detector="SPADE")


def test_the_map_follows_k(category, many):
    view = explore.retrieval(category, many)
    for k in (12, 3, 1):
        view.k = k
        shown = np.frombuffer(view._picker.overlay.scores, "<f4").reshape(224, 224)
        least = many.neighbors["patch"].distance[0, ..., :k].min(-1)
        np.testing.assert_allclose(
            shown, maps.smooth(maps.resize(least[None], (224, 224)))[0], atol=1e-6
        )
        assert "The map is that of" not in view._page.value


def test_a_map_that_cannot_follow_k_stays_and_that_is_said(view):
    view.k = 2
    shown = np.frombuffer(view._picker.overlay.scores, "<f4").reshape(224, 224)
    np.testing.assert_array_equal(shown, view._prediction.anomaly_map[0].astype("f4"))
    assert "The map is that of k = 3" in view._page.value


def test_all_neighbours_are_shown_small_where_they_are_many(category, many):
    view = explore.retrieval(category, many)
    view.k = 4
    assert "adviz-crowd" not in view._page.value
    view.k = 12
    crowd = view._page.value.split("adviz-crowd")[1]
    assert crowd.count("<img") == 12
    nearest = view.evidence.rank[0]
    assert f">{nearest} ▲<" in crowd
    # Training images 0, 1, 2, 0, ..
    assert f"rank {nearest} · {nearest % 3 - 1 if nearest % 3 else 2} ·" in crowd
    view.picked = None
    assert "the 10 normal images most like it" in view._page.value
    assert view._page.value.split("adviz-crowd")[1].count("<img") == 2


def test_images_that_were_not_retrieved_are_not_called_so(category, many):
    patch, whole = many.neighbors["patch"], many.neighbors["image"]
    drawn = Neighbors(whole.distance, (whole.image + 1) % 3, whole.location)
    other = Prediction(many.score, many.anomaly_map, {}, {"image": drawn, "patch": patch})
    view = explore.retrieval(category, {"retrieved": many, "random": other})
    assert "retrieved ones" not in view._page.value
    view.detector = "random"
    assert "These images were not retrieved" in view._page.value
    view.picked = None
    assert "These images are not those whose patches are searched" in view._page.value


def test_many_pictures_are_read_beside_the_page(many, tmp_path):
    train = data.Split.from_arrays(
        np.random.default_rng(0).integers(0, 255, (12, 32, 32, 3), np.uint8), [0] * 12
    )
    test = data.Split.from_arrays(np.zeros((4, 32, 32, 3), np.uint8), [0, 0, 1, 1])
    patch, whole = many.neighbors["patch"], many.neighbors["image"]
    every = np.broadcast_to(np.arange(12), (4, 7, 7, 12))
    neighbors = {
        "patch": Neighbors(patch.distance, every, patch.location, (7, 7), "retrieval"),
        "image": whole,
    }
    found = Prediction(many.score, None, {}, neighbors)
    view = explore.retrieval(data.Category("own", train, test), found)
    view.picked, view.k = (5, 5), 12
    view.wait()
    assert view._page.value.split("adviz-crowd")[1].count("<img") == 12
    assert view._busy.layout.display == "none"


def test_colours_opacity_and_contour_are_state(view):
    shared = view._shared_limits()
    overlay = view._picker.overlay
    assert view.limits == pytest.approx(shared)
    view.limits = (0.2, 1.5)
    assert overlay.limits == [0.2, 1.5]
    view.image = 2
    assert overlay.limits == [0.2, 1.5]  # chosen colours stay
    view._picker._colours.children[-1].click()
    assert (view.limits, overlay.limits) == (pytest.approx(shared), pytest.approx(list(shared)))
    view.limits = (0.2, 0.4)
    view.detector = "PaDiM"  # has maps of its own scale
    assert view.limits == pytest.approx(view._shared_limits())
    view.opacity, view.contour, view.fade = 0.3, False, False
    assert (overlay.opacity, overlay.contour, overlay.fade) == (0.3, False, False)
    assert (view.opacity, view.contour, view.fade) == (0.3, False, False)
    with pytest.raises(
        ValueError, match=r"limits must be two numbers, the smaller first, got \(2, 1\)"
    ):
        view.limits = (2, 1)


def test_similarities_are_printed_beside_their_complements(category):
    view = explore.retrieval(category, {"RD": prediction("RD")}, units={"RD": "1 - cosine"})
    view.wait()
    value = view.evidence.layers["layer1"]
    assert f"layer1 · cosine {1 - value:.3f}" in view._page.value
    assert "each layer&#x27;s map at this pixel, 1 - cosine" in view._page.value


def test_scores_alone_are_shown_and_said(category):
    view = explore.retrieval(category, {"own": Prediction(np.arange(4.0), detector="own")})
    assert view.picked is None
    assert "There is no map of this image" in view._page.value
    assert "pick a pixel" not in view.status
    view.picked = (3, 4)
    assert (
        "own gives neither neighbours nor layers&#x27; maps: of a pixel nothing is known"
        in view._page.value
    )
    assert view._picker._range.disabled
    assert "Error" not in view.status


def test_training_images_may_have_another_size(many):
    rng = np.random.default_rng(0)
    train = data.Split.from_arrays(
        rng.integers(0, 255, (3, 60, 80, 3), np.uint8),
        [0] * 3,
        geometry=data.Geometry(28, resize=None),
    )
    test = data.Split.from_arrays(rng.integers(0, 255, (4, 60, 80, 3), np.uint8), [0, 0, 1, 1])
    category = data.Category("own", train, test)
    assert train.image_size == (28, 28)
    view = explore.retrieval(category, {"SPADE": many, "PaDiM": prediction("PaDiM")})
    view.picked, view.k = (100, 100), 12
    assert all(
        top + high <= 28 and left + wide <= 28 for top, left, high, wide in view.evidence.boxes
    )
    view.detector = "PaDiM"
    view.wait()
    assert "Error" not in view.status
    assert view.static() is not None
