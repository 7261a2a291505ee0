import numpy as np
import pytest
from PIL import Image

from adviz import Neighbors, Prediction, data, explore


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
        neighbors["image"] = Neighbors(rng.random((4, 1, 1, 3)), image[:, :1, :1], np.zeros((4, 1, 1, 3), int))
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
    assert view._overlay.cells == [7, 7]


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
    assert "PatchCore compares cells: pick a pixel" in view.status


def test_a_method_without_neighbours_is_beside_the_mean_of_the_normal_images(view, category):
    view.detector = "PaDiM"
    mean = np.mean([category.train.image(index) for index in range(3)], axis=0)
    np.testing.assert_allclose(view._mean(), mean, atol=0.51)  # rounded to whole grey values
    assert "map at this pixel" in view._page.value
    assert "channel 19" in view._page.value
    view.detector = "DN2"
    assert "DN2 does not split its distance by layer" in view._page.value


def test_defects_are_gone_through_on_their_own(view):
    view.defect = "hole"
    assert view.image == 2
    view._images.move(1)
    assert view.image == 3
    with pytest.raises(ValueError, match=r"one of the 2 test images of defect 'hole' \(2 to 3\), got 0"):
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
