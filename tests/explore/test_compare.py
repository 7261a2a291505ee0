import threading

import numpy as np
import pytest
from PIL import Image

from adviz import Prediction, data, explore, plots
from adviz.data import Category, Geometry, Split
from adviz.explore.kit.disagreement import compared, map_disagreement, score_disagreement

COUNT = 6
IMAGES = np.random.default_rng(0).integers(0, 255, (COUNT + 1, 32, 32, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def categories(tmp_path_factory):
    """Two categories of six test images: three good, three with a hole."""
    root = tmp_path_factory.mktemp("data")
    mask = np.zeros((32, 32), np.uint8)
    mask[8:14, 10:18] = 255
    files = ["train/good/0", *(f"test/{kind}/{n}" for kind in ("good", "hole") for n in range(3))]
    for name in ("nut", "mesh"):
        for number, file in enumerate(files):
            path = root / name / f"{file}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(IMAGES[number]).save(path)
        (root / name / "ground_truth/hole").mkdir(parents=True)
        for number in range(3):
            Image.fromarray(mask).save(root / name / f"ground_truth/hole/{number}_mask.png")
    return {
        name: data.mvtec(root, name, geometry=Geometry(32, crop=False)) for name in ("nut", "mesh")
    }


def made(seed, scale=1.0):
    rng = np.random.default_rng(seed)
    return Prediction(
        rng.permutation(COUNT) * scale + 1.0, scale * rng.random((COUNT, 32, 32), np.float32)
    )


@pytest.fixture
def predictions():
    return {
        "nut": {
            "SPADE": made(1),
            "PaDiM": made(2, 50.0),
            "DN2": Prediction(np.arange(float(COUNT))),
        },
        "mesh": {"SPADE": made(4), "PaDiM": made(5), "DN2": Prediction(np.arange(float(COUNT)))},
    }


@pytest.fixture
def view(categories, predictions):
    view = explore.compare(categories, predictions)
    view.wait()
    return view


def page(view):
    return view._page.value, view._overlay.scores, view._values.value


def test_it_opens_with_the_most_disputed_image(view, predictions):
    by = score_disagreement(np.stack([p.score for p in predictions["nut"].values()]))
    assert by.max() > by.min()
    np.testing.assert_array_equal(view.disagreement, by)
    assert (view.order, view.image) == ("disagreement of scores", int(by.argmax()))
    assert view.status.endswith(f"disagreement of scores {by.max():.3g}")
    assert (view.x, view.y) == ("SPADE", "PaDiM")


@pytest.mark.parametrize("order", explore.compare.__globals__["ORDERS"])
def test_the_images_are_gone_through_in_the_order_of_disagreement(view, predictions, order):
    found = predictions["nut"]
    view.detector = "PaDiM"
    view.order = order
    values = {
        "disagreement of scores": score_disagreement(np.stack([p.score for p in found.values()])),
        "disagreement of maps": map_disagreement(
            [found["SPADE"].anomaly_map, found["PaDiM"].anomaly_map]
        ),
        "score of the detector": found["PaDiM"].score,
        "as stored": -np.arange(COUNT),
    }[order]
    seen = [view.image]
    for _ in range(COUNT - 1):
        view._images.move(1)
        seen.append(view.image)
    assert sorted(seen) == list(range(COUNT))
    assert (np.diff(values[seen]) <= 0).all()
    view.defect = "hole"
    assert view.image == next(image for image in seen if image >= 3)
    assert view._images.slider.max == 3


CHANGES = [
    ("image", 4), ("detector", "PaDiM"), ("order", "score of the detector"), ("detector", "SPADE"),
    ("x", "DN2"),
    ("y", "SPADE"), ("relative", True), ("picked", (3, 4)), ("category", "mesh"),
    ("defect", "good"),
]  # fmt: skip


def test_every_control_changes_the_page_and_is_state(view):
    for name, value in CHANGES:
        before = page(view)
        setattr(view, name, value)
        view.wait()
        assert "Error" not in view.status
        assert page(view) != before, name
        assert getattr(view, name) == value


def test_the_table_has_every_methods_numbers(view, categories, predictions):
    view.category = "mesh"
    view.wait()
    test = categories["mesh"].test
    for name, found in predictions["mesh"].items():
        np.testing.assert_equal(view.table[name], compared(found, test.labels, test.masks_array()))
        assert f"{view.table[name]['image_auroc']:.3f}" in view._page.value
    wrong = view.table["SPADE"]["false_positives"], view.table["SPADE"]["false_negatives"]
    assert f">{wrong[0]} + {wrong[1]}<" in view._page.value
    assert view._page.value.count("undefined") == 2  # DN2's pixel metrics


def test_numbers_that_are_still_computed_are_awaited(view, monkeypatch):
    go, really = threading.Event(), compared
    monkeypatch.setitem(
        explore.compare.__globals__, "compared", lambda *args: go.wait(20) and really(*args)
    )
    view.category = "mesh"
    assert view.table == {}
    assert "…" in view._page.value
    view.relative = True
    assert "that of SPADE, PaDiM, DN2 is being computed" in view._page.value
    go.set()
    view.wait()
    assert set(view.table) == {"SPADE", "PaDiM", "DN2"}
    assert "…" not in view._page.value
    assert "that of DN2 is undefined without maps and masks" in view._page.value


def test_each_method_has_its_own_scale_unless_maps_are_divided_by_their_thresholds(
    view, predictions
):
    view.image = 3
    shown = {axes.get_label(): axes for axes in view.static().axes}
    for name in ("SPADE", "PaDiM"):
        maps = predictions["nut"][name].anomaly_map
        drawn = shown[f"map {name}"].images[0]
        np.testing.assert_array_equal(drawn.get_array(), maps[3])
        assert drawn.get_clim() == plots.shared_limits(list(maps))
    assert view._overlay.limits == list(
        plots.shared_limits(list(predictions["nut"]["SPADE"].anomaly_map))
    )
    view.relative = True
    shown = {axes.get_label(): axes for axes in view.static().axes}
    for name in ("SPADE", "PaDiM"):
        drawn = shown[f"map {name}"].images[0]
        expected = predictions["nut"][name].anomaly_map[3] / view.table[name]["pixel_threshold"]
        np.testing.assert_allclose(drawn.get_array(), expected, rtol=1e-6)
        assert drawn.get_clim() == (0, 2)
    assert view._overlay.limits == [0, 2]


def test_every_method_says_score_rank_and_verdict(view, predictions):
    view.image = 4
    for found in predictions["nut"].values():
        rank = 1 + sum(score > found.score[4] for score in found.score)
        assert f"score {found.score[4]:.4g}<br>rank {rank} of 6" in view._page.value
    assert (
        "predicted anomalous: right" in view._page.value
        or "predicted good: missed" in view._page.value
    )


def test_this_image_is_ringed_where_the_scatter_has_it(view, predictions):
    view.x, view.y = "PaDiM", "DN2"
    _, places = view._scatter_of("nut", "PaDiM", "DN2")
    scores = [predictions["nut"][name].score for name in ("PaDiM", "DN2")]
    assert ((places > 0) & (places < 1)).all()
    assert np.corrcoef(places[:, 0], scores[0])[0, 1] == pytest.approx(1)
    assert np.corrcoef(places[:, 1], scores[1])[0, 1] == pytest.approx(-1)  # downwards
    left, top = places[view.image]
    assert f"left:{left:.2%};top:{top:.2%}" in view._page.value


def test_the_picked_pixel_is_read_out_in_every_method(view, predictions):
    view.picked = (9, 30)
    for name in ("SPADE", "PaDiM"):
        maps = predictions["nut"][name].anomaly_map
        value = maps[view.image, 9, 30]
        assert f">{value:.4g}<" in view._values.value
        assert f">{(maps < value).mean():.1%}<" in view._values.value
    assert "DN2" not in view._values.value
    view.picked = None
    assert "Click the image" in view._values.value


def test_without_labels_and_masks_it_says_what_is_missing(predictions):
    split = Split.from_arrays(IMAGES[:COUNT], [-1] * COUNT, geometry=Geometry(32, crop=False))
    view = explore.compare(Category("nut", split, split), predictions["nut"])
    view.wait()
    assert "There is no ground truth of this image" in view._page.value
    assert "no map" in view._page.value
    assert view._page.value.count("undefined") == 12  # four numbers of three methods
    view.relative = True
    assert "SPADE, PaDiM, DN2 is undefined without maps and masks" in view._page.value
    assert view._overlay.limits != [0, 2]
    view.static()


def test_one_method_has_nothing_to_disagree_with(categories, predictions):
    view = explore.compare(categories["nut"], {"SPADE": predictions["nut"]["SPADE"]})
    assert (view.disagreement == 0).all()
    view.order = "disagreement of maps"
    assert view.disagreement is None
    assert [view._shown[place] for place in range(COUNT)] == list(range(COUNT))
    assert (view.x, view.y) == ("SPADE", "SPADE")


def test_methods_that_are_computed_when_needed(categories, predictions):
    found = {
        "SPADE": lambda: predictions["nut"]["SPADE"],
        "PaDiM": lambda: predictions["nut"]["PaDiM"],
    }
    view = explore.compare(categories["nut"], found)
    view.wait()
    by = score_disagreement(np.stack([predictions["nut"][name].score for name in found]))
    np.testing.assert_array_equal(view.disagreement, by)
    assert by[view.image] == by.max()
    assert set(view.table) == set(found)


def test_categories_may_have_other_methods(categories, predictions):
    predictions["mesh"] = {"PaDiM": predictions["mesh"]["PaDiM"], "other": made(7)}
    view = explore.compare(categories, predictions)
    view.y = "DN2"
    view.category = "mesh"
    assert (view.x, view.y) == ("PaDiM", "other")
    assert "Error" not in view.status


def test_the_figure_can_be_saved(view, tmp_path):
    view.save(str(tmp_path / "compare.pdf"))
    assert (tmp_path / "compare.pdf").read_bytes().startswith(b"%PDF")
