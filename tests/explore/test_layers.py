import re
import threading

import numpy as np
import pytest
from PIL import Image

from adviz import Prediction, data, explore, plots
from adviz.data import Category, Geometry, Split
from adviz.explore.layers.judging import measured, of_image
from adviz.explore.layers.mixer import Mixer
from adviz.explore.layers.mixing import Mix, mixed

IMAGES = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), dtype=np.uint8)
NAMES = ("layer1", "layer2")
OWN = Mix(NAMES, (1.0, 1.0))


@pytest.fixture(scope="module")
def categories(tmp_path_factory):
    """Two categories of four test images: good, good, hole, hole."""
    root = tmp_path_factory.mktemp("data")
    mask = np.zeros((32, 32), np.uint8)
    mask[8:14, 10:18] = 255
    for name in ("nut", "mesh"):
        for number, file in enumerate(
            ["train/good/0", "test/good/0", "test/good/1", "test/hole/0", "test/hole/1"]
        ):
            path = root / name / f"{file}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(IMAGES[number % 4]).save(path)
        (root / name / "ground_truth/hole").mkdir(parents=True)
        for number in (0, 1):
            Image.fromarray(mask).save(root / name / f"ground_truth/hole/{number}_mask.png")
    return {
        name: data.mvtec(root, name, geometry=Geometry(32, crop=False)) for name in ("nut", "mesh")
    }


@pytest.fixture
def predictions():
    rng = np.random.default_rng(1)

    def one(mix):
        layers = {
            "layer1": rng.random((4, 8, 8), np.float32),
            "layer2": 2 * rng.random((4, 4, 4), np.float32),
        }
        own = (
            3 * rng.random((4, 32, 32), np.float32) if mix is None else mixed(layers, mix, (32, 32))
        )
        return Prediction(np.arange(4.0), own, layer_maps=layers)

    return {name: {"reverse": one(OWN), "forward": one(None)} for name in ("nut", "mesh")}


@pytest.fixture
def view(categories, predictions):
    view = explore.layers(categories, predictions)
    view.wait()
    return view


def panels(view):
    return {axes.get_label(): axes for axes in view.static().axes}


def page(view):
    return view._page.value, view._overlay.scores, view._values.value


def test_it_opens_with_the_detectors_own_way(view, predictions):
    own = predictions["nut"]["reverse"].anomaly_map
    assert (view.layers, view.join, view.root, view.sigma) == (NAMES, "sum", False, 4.0)
    assert (view.preset, view.weights) == ("the detector's own", {"layer1": 1.0, "layer2": 1.0})
    assert view.status.endswith("fusion: layer1 + layer2, sum, sigma 4 (the detector's own way)")
    np.testing.assert_allclose(view.mixed, own[0], rtol=1e-6)
    # One scale with the detector's own map
    assert view._overlay.limits == list(plots.shared_limits(list(own)))
    assert view.picked == np.unravel_index(own[0].argmax(), (32, 32))


CHANGES = [
    ("image", 3), ("detector", "forward"), ("category", "mesh"), ("image", 2),
    ("layers", ("layer2",)),
    ("layers", NAMES), ("weights", {"layer2": 2.5}), ("join", "product"), ("root", True),
    ("sigma", 1.5),
    ("preset", "layer1"), ("defect", "good"), ("picked", (3, 4)), ("own_scale", True),
]  # fmt: skip


def test_every_control_changes_status_or_picture_and_is_state(view):
    for name, value in CHANGES:
        before = page(view), view.status
        setattr(view, name, value)
        view.wait()
        assert "Error" not in view.status
        assert page(view) != before[0], name
        if name not in ("picked", "own_scale", "weights"):
            assert view.status != before[1], name
        got = getattr(view, name)
        assert got == (value if name != "weights" else {"layer1": 1.0, "layer2": 2.5})


def test_the_mixed_map_and_its_metrics_are_those_of_the_state(view, categories, predictions):
    view.category, view.image, view.detector = "mesh", 2, "forward"
    view.weights, view.join, view.root, view.sigma = {"layer1": 0.5}, "product", True, 1.0
    mix, found = Mix(NAMES, (0.5, 1.0), "product", True, 1.0), predictions["mesh"]["forward"]
    np.testing.assert_array_equal(view.mixed, mixed(found.layer_maps, mix, (32, 32))[2])
    np.testing.assert_array_equal(
        np.frombuffer(view._overlay.scores, np.float32).reshape(32, 32), view.mixed
    )
    view.wait()
    splits = {name: category.test for name, category in categories.items()}
    expected = {
        (name, who): measured(predictions[name]["forward"], way, split.labels, split.masks_array())
        for name, split in splits.items()
        for who, way in (("mix", mix), ("detector", None))
    }
    for who, one in (("mix", view.mixed), ("detector", found.anomaly_map[2])):
        assert view.metrics["category"][who] == expected["mesh", who]
        assert view.metrics["image"][who] == of_image(one, splits["mesh"].mask(2))
        mean = {
            key: np.mean([expected[name, who][key] for name in splits])
            for key in expected["mesh", who]
        }
        assert view.metrics["all"][who] == pytest.approx(mean)
    difference = 100 * (expected["mesh", "mix"]["pro"] - expected["mesh", "detector"]["pro"])
    assert f"{difference:+.1f} points" in view._page.value
    assert "mean of 2 categories" in view._page.value


def test_what_is_still_computed_is_said_and_another_mix_stops_it(view, monkeypatch):
    import threading

    from adviz.explore.layers import judging

    go, asked, really = threading.Event(), [], judging.mix_all

    def slow(layer_maps, mix, size, boxes):
        asked.append(mix.sigma)
        go.wait(20)
        return really(layer_maps, mix, size, boxes)

    monkeypatch.setattr(judging, "mix_all", slow)
    view.sigma = 2.0
    assert set(view.metrics) == {"image"}
    assert view._page.value.count("is being computed") == 2
    assert view.busy
    view.sigma = 3.0
    go.set()
    view.wait()
    assert set(view.metrics) == {"image", "category", "all"}
    assert "is being computed" not in view._page.value
    assert asked.count(3.0) == 2  # each category once
    view.sigma = 3.5
    view.sigma = 3.0
    view.wait()
    assert asked.count(3.0) == 2  # known


def test_presets_are_followed_and_recognised(view):
    view.preset = "layer2"
    assert (view.layers, view.preset) == (("layer2",), "layer2")
    view.weights = {"layer2": 2.0}
    assert view.preset == "own choice"
    view.layers, view.weights = NAMES, {"layer2": 1.0}
    assert view.preset == "the detector's own"
    view.join = "product"
    assert view.preset == "layer1 + layer2"
    view.preset = "the detector's own"
    assert (view.join, view.layers) == ("sum", NAMES)
    with pytest.raises(ValueError, match=r"preset must be one of .*, got 'layer9'"):
        view.preset = "layer9"
    view.detector = "forward"  # its own way is not known
    assert view._mixer._preset.options == ("layer1", "layer2", "layer1 + layer2", "own choice")
    assert (view.layers, view.preset) == (NAMES, "layer1 + layer2")


def test_a_mix_stays_with_another_detector_but_the_own_one_follows(view):
    view.layers, view.sigma = ("layer1",), 2.0
    view.detector = "forward"
    assert (view.layers, view.sigma) == (("layer1",), 2.0)
    view.detector = "reverse"
    assert (view.layers, view.sigma) == (("layer1",), 2.0)


def test_detectors_may_have_other_layers(categories, predictions):
    rng = np.random.default_rng(5)
    own = mixed(
        {"image": (cells := rng.random((4, 4, 4), np.float32))},
        Mix(("image",), (1.0,), root=True),
        (32, 32),
    )
    predictions["nut"]["one"] = Prediction(np.arange(4.0), own, {"image": cells})
    view = explore.layers(categories, predictions)
    view.layers = ("layer2",)
    view.detector = "one"
    assert (view.layers, view.root, view.weights) == (("image",), True, {"image": 1.0})
    view.detector = "reverse"
    assert (view.layers, view.root) == (NAMES, False)
    view.wait()
    assert "all" in view.metrics


def test_nothing_to_mix_is_said_and_the_page_stays(view):
    before = page(view)
    view.layers = ()
    assert view.status.startswith(
        "Error: ValueError: expected at least one layer with a weight above 0, got none"
    )
    assert page(view) == before
    view.layers = ("layer1",)
    assert "fusion: layer1, sum" in view.status


def test_state_that_cannot_be_shown_is_refused(view):
    with pytest.raises(ValueError, match="among layer1, layer2, got layer9"):
        view.layers = ("layer9",)
    with pytest.raises(ValueError, match=r"between 0 and 5 and sigma .* got .*7"):
        view.weights = {"layer1": 7.0}
    with pytest.raises(ValueError, match="sigma between 0 and 16"):
        view.sigma = 40
    with pytest.raises(ValueError, match="expected a fusion by sum, mean, product, got 'max'"):
        view.join = "max"
    assert view.preset == "the detector's own"


def test_the_picked_pixel_is_read_out_in_every_layer(view, predictions):
    view.image, view.picked = 1, (9, 30)
    found = predictions["nut"]["reverse"]
    shown = view._values.value
    assert "layers at pixel 9, 30" in shown
    printed = [float(text) for text in re.findall(r"padding-right:12px'>([\d.]+)</td>", shown)]
    values = [
        maps[(1, *cell)]
        for maps, cell in zip(found.layer_maps.values(), ((2, 7), (1, 3)), strict=True)
    ]
    # Four digits of the largest, which is below 2
    assert printed == pytest.approx(values, abs=6e-4)
    view.picked = None
    assert view._values.value == ""


def test_the_figure_shows_the_maps_of_the_state_on_scales_shared_by_all_images(view, predictions):
    view.category, view.detector, view.image = "mesh", "reverse", 1
    found, shown = predictions["mesh"]["reverse"], panels(view)
    assert "map other" not in shown  # it is the detector's own
    everything = np.concatenate([np.ravel(array) for array in found.layer_maps.values()]).astype(
        float
    )
    for name, values in found.layer_maps.items():
        picture = shown[f"map {name}"].images[0]
        np.testing.assert_array_equal(picture.get_array(), values[1])
        assert picture.get_clim() == pytest.approx(tuple(np.percentile(everything, (0.5, 99.8))))
    fused = shown["map fused"].images[0]
    np.testing.assert_array_equal(fused.get_array(), found.anomaly_map[1])
    assert fused.get_clim() == plots.shared_limits(list(found.anomaly_map))


def test_the_figure_shows_the_mix_and_layers_on_their_own_scales(view, predictions):
    view.own_scale, view.layers, view.image = True, ("layer2",), 3
    shown = panels(view)
    np.testing.assert_array_equal(shown["map other"].images[0].get_array(), view.mixed)
    for name, values in predictions["nut"]["reverse"].layer_maps.items():
        assert shown[f"map {name}"].images[0].get_clim() == plots.shared_limits(list(values))


def test_one_category_and_one_prediction_are_enough_without_masks(predictions):
    split = Split.from_arrays(IMAGES, [0, 1, 0, -1], geometry=Geometry(32, crop=False))
    view = explore.layers(Category("nut", split, split), predictions["nut"]["reverse"])
    view.wait()
    assert "nut · detector · image 1 of 4" in view.status
    view.image = 1
    assert "no ground truth of this image" in view._page.value
    assert np.isnan(view.metrics["category"]["mix"]["pro"])
    assert "undefined" in view._page.value
    assert view.metrics["category"]["mix"]["image_auroc"] >= 0


def test_layers_searched_alone_can_be_mixed(categories):
    rng = np.random.default_rng(3)
    alone = {}
    for name, side in (("layer1", 8), ("layer2", 4)):
        cells = rng.random((4, side, side), np.float32)
        own = mixed({name: cells}, Mix((name,), (1.0,)), (32, 32))
        alone[name] = Prediction(own.max((1, 2)), own, {name: cells})
    view = explore.layers(categories["nut"], {"alone": alone})
    assert (view.join, view.preset) == ("mean", "the detector's own")
    np.testing.assert_allclose(
        view.mixed, (alone["layer1"].anomaly_map + alone["layer2"].anomaly_map)[0] / 2, rtol=1e-5
    )


def test_a_prediction_that_is_computed_when_chosen(categories, predictions):
    found = {"quick": predictions["nut"]["reverse"], "later": lambda: predictions["nut"]["forward"]}
    view = explore.layers(categories["nut"], found)
    view.detector = "later"
    view.wait()
    assert "nut · later" in view.status
    assert "category" in view.metrics
    bad = explore.layers(categories["nut"], {**found, "DN2": lambda: Prediction(np.arange(4.0))})
    bad.detector = "DN2"
    bad.wait()
    assert bad.status.endswith(
        "expected predictions with layer maps and an anomaly map, got DN2 without"
    )


def test_a_prediction_without_layer_maps_is_refused(categories):
    with pytest.raises(ValueError, match="with layer maps and an anomaly map, got DN2 without"):
        explore.layers(categories["nut"], {"DN2": Prediction(np.arange(4.0))})
    maps = Prediction(np.arange(4.0), np.ones((4, 32, 32), np.float32))
    with pytest.raises(ValueError, match="got SPADE without"):
        explore.layers(categories["nut"], {"SPADE": maps})


def test_the_figure_can_be_saved(view, tmp_path):
    view.layers = ("layer1",)
    view.save(str(tmp_path / "layers.pdf"))
    assert (tmp_path / "layers.pdf").read_bytes().startswith(b"%PDF")


def test_what_is_set_while_work_beside_the_page_draws_is_not_lost(view):
    drawing, done = threading.Event(), threading.Event()

    def draw():
        with view._mixer._quiet:
            drawing.set()
            assert done.wait(60)

    work = threading.Thread(target=draw)
    work.start()
    assert drawing.wait(60)
    try:
        view.preset, view.join, view.sigma = "layer2", "sum", 1.0
        assert (view.layers, view.join, view.sigma) == (("layer2",), "sum", 1.0)
        assert "layer2, sum" in view.status
        view.preset = "the detector's own"
        assert (view.layers, view.preset) == (NAMES, "the detector's own")
    finally:
        done.set()
        work.join()
    assert "own way" in view.status


def test_offering_what_is_there_touches_no_control():
    mixer = Mixer(lambda _change: None)
    mixer.offer(NAMES, OWN)
    mixer.preset, seen = "layer2", []
    mixer._preset.observe(seen.append)
    mixer.offer(NAMES, OWN)
    assert seen == []
    assert mixer.preset == "layer2"
