import threading

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from adviz import Prediction, data, explore, plots
from adviz.data import Category, Geometry, Split
from adviz.explore.layers import mixing, parts
from adviz.explore.layers.judging import measured, of_image
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


def answered(view, keys):
    """Return what the browser gets when it asks for parts, key -> answer."""
    sent = []
    view.send = lambda message, _buffers=None: sent.extend(message["parts"])
    view._answer(view, {"ask": keys}, [])
    view.wait()
    return {answer["key"]: answer for answer in sent}


def test_it_opens_with_the_detectors_own_way(view, predictions):
    own = predictions["nut"]["reverse"].anomaly_map
    assert view.mix == OWN
    assert view.preset == "the detector's own"
    assert view.state["layers"] == []
    assert view.state["join"] == ""
    np.testing.assert_allclose(view.mixed, own[0], rtol=1e-6)
    part = view.part("ways/nut/reverse")
    assert part["names"] == list(NAMES)
    assert part["cells"] == [[8, 8], [4, 4]]
    (way,) = part["own"]
    assert (way["join"], way["root"], way["sigma"]) == ("sum", False, 4.0)
    assert view.part("ways/nut/forward")["own"] == []
    # the first picture needs no answer of the kernel
    assert {"ways/nut/reverse", "layers/nut/reverse/0"} <= set(view.opening)


def test_choices_are_state_and_change_the_mix(view):
    for name, value in [
        ("layers", ["layer2"]),
        ("weights", {"layer2": 2.5}),
        ("join", "product"),
        ("root", True),
        ("sigma", 1.5),
    ]:
        before = view.mix
        setattr(view, name, value)
        assert view.mix != before, name
        assert view.state[name] == value
    assert view.mix == Mix(("layer2",), (2.5,), "product", True, 1.5)
    view.own_scale = True
    view.wait()
    assert view.error == ""


def test_the_mixed_map_and_its_metrics_are_those_of_the_state(view, categories, predictions):
    view.category, view.image, view.detector = "mesh", 2, "forward"
    view.weights, view.join, view.root, view.sigma = {"layer1": 0.5}, "product", True, 1.0
    mix, found = Mix(NAMES, (0.5, 1.0), "product", True, 1.0), predictions["mesh"]["forward"]
    np.testing.assert_array_equal(view.mixed, mixed(found.layer_maps, mix, (32, 32))[2])
    view.wait()
    splits = {name: category.test for name, category in categories.items()}
    expected = {
        (name, who): measured(predictions[name]["forward"], way, split.labels, split.masks_array())
        for name, split in splits.items()
        for who, way in (("mix", mix), ("detector", None))
    }
    for who, one in (("mix", view.mixed), ("detector", found.anomaly_map[2])):
        assert view.metrics["category"][who] == pytest.approx(expected["mesh", who])
        assert view.metrics["image"][who] == of_image(one, splits["mesh"].mask(2))
        mean = {
            key: np.mean([expected[name, who][key] for name in splits])
            for key in expected["mesh", who]
        }
        assert view.metrics["all"][who] == pytest.approx(mean)


def test_the_browser_gets_metrics_and_limits_of_a_mix(view, predictions):
    view.layers, view.sigma = ["layer2"], 2.0
    key = parts.fusion_key("nut", "reverse", view.mix)
    assert key == 'fusion/nut/reverse/[["layer2"],[1],"sum",false,2,"bilinear","reflect"]'
    answers = answered(view, [key])
    assert [head["name"] for head in answers[key]["heads"]] == ["limits", "numbers"]
    part = view.part(key)
    assert part["numbers"] == pytest.approx(view.metrics["category"]["mix"])
    maps = predictions["nut"]["reverse"].layer_maps
    assert part["limits"] == list(mixing.preview_limits(maps, view.mix, (32, 32)))


def test_layers_of_an_image_are_sent_as_they_are(view, predictions):
    part = view.part("layers/mesh/forward/2")
    found = predictions["mesh"]["forward"].layer_maps
    for number, name in enumerate(NAMES):
        np.testing.assert_array_equal(part[f"layer{number}"], found[name][2])


def test_another_mix_stops_the_metrics_of_the_former(view, monkeypatch):
    from adviz.explore.layers import judging

    go, asked, really = threading.Event(), [], judging.mix_all

    def slow(layer_maps, mix, size, boxes):
        asked.append(mix.sigma)
        go.wait(20)
        return really(layer_maps, mix, size, boxes)

    monkeypatch.setattr(judging, "mix_all", slow)
    view.sigma = 2.0
    assert set(view.metrics) == {"image"}
    while not asked:
        threading.Event().wait(0.01)
    assert view.busy == "computing metrics of the fusion …"
    view.sigma = 3.0
    go.set()
    view.wait()
    assert set(view.metrics) == {"image", "category", "all"}
    assert asked == [2.0, 3.0, 3.0]  # each category once; the second one of the former mix never
    view.sigma = 3.5
    view.sigma = 3.0
    view.wait()
    assert asked.count(3.0) == 2  # known


def test_the_other_categories_of_a_mix_are_not_stopped_by_the_first(view, monkeypatch):
    from adviz.explore.layers import judging

    go, really = threading.Event(), judging.mix_all

    def slow(*given):
        go.wait(20)
        return really(*given)

    monkeypatch.setattr(judging, "mix_all", slow)
    sent = []
    view.send = lambda message, _buffers=None: sent.extend(message["parts"])
    view.sigma = 2.0
    first = parts.fusion_key("nut", "reverse", view.mix)
    view._answer(view, {"ask": [first]}, [])  # the browser, which asks for what it draws
    go.set()
    view.wait()
    assert not [answer for answer in sent if answer.get("stopped")]
    assert set(view.metrics) == {"image", "category", "all"}


def test_presets_are_followed_and_recognised(view):
    view.preset = "layer2"
    assert (view.layers, view.preset) == (["layer2"], "layer2")
    view.weights = {"layer2": 2.0}
    assert view.preset == "own choice"
    view.layers, view.weights = NAMES, {"layer2": 1.0}
    assert view.preset == "the detector's own"
    view.join = "product"
    assert view.preset == "layer1 + layer2"
    view.preset = "the detector's own"
    assert view.mix == OWN
    assert (view.join, view.layers) == ("", [])
    for name in ("layer9", "own choice"):
        with pytest.raises(ValueError, match=rf"preset must be one of .*, got '{name}'"):
            view.preset = name
    view.detector = "forward"  # its own way is not known
    assert view.preset == "layer1 + layer2"
    with pytest.raises(ValueError, match="preset must be one of layer1, layer2, layer1"):
        view.preset = "the detector's own"


def test_a_choice_stays_with_another_detector_and_the_rest_is_its_own(categories, predictions):
    rng = np.random.default_rng(5)
    cells = rng.random((4, 4, 4), np.float32)
    own = mixed({"image": cells}, Mix(("image",), (1.0,), root=True), (32, 32))
    predictions["nut"]["one"] = Prediction(np.arange(4.0), own, {"image": cells})
    view = explore.layers(categories, predictions)
    view.layers = ("layer2",)
    view.detector = "one"
    assert view.mix == Mix(("image",), (1.0,), root=True)
    assert view.preset == "the detector's own"
    view.detector = "forward"
    assert view.mix.layers == ("layer2",)
    view.detector = "reverse"
    assert view.mix.layers == ("layer2",)
    view.wait()
    assert "all" in view.metrics
    view.detector = "one"
    view.wait()
    assert view.metrics["all"] == view.metrics["category"]  # no other category has it


def test_without_a_weight_there_is_no_map(view):
    view.layers, view.weights = ["layer1"], {"layer1": 0.0}
    view.wait()
    assert view.error == ""
    with pytest.raises(ValueError, match="at least one layer with a weight above 0, got none"):
        _ = view.mixed


def test_state_that_cannot_be_shown_is_refused(view):
    before = view.state
    with pytest.raises(TraitError, match="layers must be one of layer1, layer2, got 'layer9'"):
        view.layers = ("layer9",)
    with pytest.raises(TraitError, match="weight must be between 0 and 5, got 7"):
        view.weights = {"layer1": 7.0}
    with pytest.raises(TraitError, match="one of layer1, layer2, got 'layer9'"):
        view.weights = {"layer9": 1.0}
    with pytest.raises(TraitError, match="sigma"):
        view.sigma = 40
    with pytest.raises(TraitError, match=r"'join' trait .* 'product'.*, not the str 'max'"):
        view.join = "max"
    assert view.state == before


def test_the_picked_pixel_is_read_out_in_every_layer(view, predictions):
    view.image, view.picked = 1, (9, 30)
    maps = predictions["nut"]["reverse"].layer_maps
    assert view.values == {"layer1": maps["layer1"][1, 2, 7], "layer2": maps["layer2"][1, 1, 3]}
    view.picked = []
    own = predictions["nut"]["reverse"].anomaly_map[1]
    row, column = np.unravel_index(own.argmax(), own.shape)
    assert view.values["layer2"] == maps["layer2"][1, row // 8, column // 8]


def test_the_figure_shows_the_maps_of_the_state_on_scales_shared_by_all_images(view, predictions):
    view.category, view.detector, view.image = "mesh", "reverse", 1
    found, shown = predictions["mesh"]["reverse"], panels(view)
    assert "map other" not in shown  # it is the detector's own
    everything = np.concatenate([np.ravel(array) for array in found.layer_maps.values()])
    ends = tuple(np.percentile(everything.astype(float), (0.5, 99.8)))
    for name, values in found.layer_maps.items():
        picture = shown[f"map {name}"].images[0]
        np.testing.assert_array_equal(picture.get_array(), values[1])
        assert picture.get_clim() == pytest.approx(ends)
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
    view.image = 1
    assert np.isnan(view.metrics["image"]["mix"]["pro"])
    assert np.isnan(view.metrics["category"]["mix"]["pro"])
    assert view.metrics["category"]["mix"]["image_auroc"] >= 0


def test_layers_searched_alone_can_be_mixed(categories):
    rng = np.random.default_rng(3)
    alone = {}
    for name, side in (("layer1", 8), ("layer2", 4)):
        cells = rng.random((4, side, side), np.float32)
        own = mixed({name: cells}, Mix((name,), (1.0,)), (32, 32))
        alone[name] = Prediction(own.max((1, 2)), own, {name: cells})
    view = explore.layers(categories["nut"], {"alone": alone})
    assert (view.mix.join, view.preset) == ("mean", "the detector's own")
    np.testing.assert_allclose(
        view.mixed, (alone["layer1"].anomaly_map + alone["layer2"].anomaly_map)[0] / 2, rtol=1e-5
    )


def test_a_prediction_that_is_computed_when_chosen(categories, predictions):
    found = {"quick": predictions["nut"]["reverse"], "later": lambda: predictions["nut"]["forward"]}
    view = explore.layers(categories["nut"], found)
    view.layers = ["of the later one"]  # nobody knows yet
    view.detector = "later"
    view.wait()
    assert view.facts["categories"]["nut"]["detectors"]["later"] is not None
    assert "category" in view.metrics
    bad = explore.layers(categories["nut"], {**found, "DN2": lambda: Prediction(np.arange(4.0))})
    bad.detector = "DN2"
    bad.wait()
    assert bad.error.endswith(
        "expected predictions with layer maps and an anomaly map, got DN2 without"
    )


def test_a_prediction_without_layer_maps_is_refused(categories):
    with pytest.raises(ValueError, match="with layer maps and an anomaly map, got DN2 without"):
        explore.layers(categories["nut"], {"DN2": Prediction(np.arange(4.0))})
    maps = Prediction(np.arange(4.0), np.ones((4, 32, 32), np.float32))
    with pytest.raises(ValueError, match="got SPADE without"):
        explore.layers(categories["nut"], {"SPADE": maps})


def test_a_source_with_detectors_without_layers_says_that_they_have_none(categories, predictions):
    """Other explorers show them beside the layers."""
    both = {"reverse": predictions["nut"]["reverse"], "DN2": Prediction(np.arange(4.0))}
    view = explore.results(categories["nut"], both)
    parts.add_to(view.source)
    assert view.part("ways/nut/DN2") == {"names": []}
    assert "fusion" not in {key.split("/")[0] for key in view.export_keys()}


def test_an_exported_page_holds_presets_and_the_chosen_mix(view):
    view.layers, view.weights = NAMES, {"layer2": 2.5}
    keys = view.export_keys(images=[1, 9])
    assert len(keys) == len(set(keys))
    assert {"ways/mesh/forward", "layers/nut/reverse/1", "numbers/nut/reverse"} <= set(keys)
    assert not any(key.startswith(("layers/nut/reverse/0", "layers/nut/reverse/9")) for key in keys)
    fusions = {key for key in keys if key.startswith("fusion/mesh/reverse")}
    assert {parts.fusion_key("mesh", "reverse", view.mix)} < fusions
    view.preset = "layer2"
    assert parts.fusion_key("mesh", "reverse", view.mix) in fusions
    view.preset = "the detector's own"
    assert parts.fusion_key("mesh", "reverse", view.mix) in fusions


def test_the_figure_can_be_saved(view, tmp_path):
    view.layers = ("layer1",)
    view.save(str(tmp_path / "layers.pdf"))
    assert (tmp_path / "layers.pdf").read_bytes().startswith(b"%PDF")


def test_a_state_is_plain_data_that_restores_it(view):
    view.layers, view.sigma, view.own_scale = ("layer2",), 2.5, True
    state = view.state
    view.preset = "the detector's own"
    view.state = state
    assert view.mix == Mix(("layer2",), (1.0,), sigma=2.5)
