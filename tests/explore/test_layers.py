import numpy as np
import pytest

from adviz import Prediction, explore, plots
from adviz.data import Category, Geometry, Split

IMAGES = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), dtype=np.uint8)


def category(name):
    split = Split.from_arrays(IMAGES, [0, 1, 0, 1], ["good", "hole", "good", "hole"], geometry=Geometry(32, crop=False))
    return Category(name, split, split)


@pytest.fixture
def predictions():
    rng = np.random.default_rng(1)

    def one():
        layers = {"layer1": rng.random((4, 8, 8), np.float32), "layer2": 2 * rng.random((4, 4, 4), np.float32)}
        return Prediction(np.arange(4.0), 3 * rng.random((4, 32, 32), np.float32), layer_maps=layers)

    return {name: {"reverse": one(), "forward": one()} for name in ("nut", "mesh")}


@pytest.fixture
def view(predictions):
    return explore.layers({name: category(name) for name in ("nut", "mesh")}, predictions)


def panels(view):
    return {axes.get_label(): axes for axes in view.static().axes}


def test_every_control_changes_status_and_picture(view):
    pictures, lines = [view._page.value], [view.status]
    for name, value in (("image", 3), ("detector", "forward"), ("category", "mesh"), ("image", 2)):
        setattr(view, name, value)
        pictures.append(view._page.value)
        lines.append(view.status)
    assert len(set(pictures)) == len(set(lines)) == 5
    assert view.status.startswith("mesh · forward · image 3 of 4 · good · score 2, flagged")


def test_the_picture_shows_the_maps_of_the_state_on_scales_shared_by_all_images(view, predictions):
    view.category, view.detector, view.image = "mesh", "forward", 1
    found, shown = predictions["mesh"]["forward"], panels(view)
    for name, values in found.layer_maps.items():
        picture = shown[f"map {name}"].images[0]
        np.testing.assert_array_equal(picture.get_array(), values[1])
        everything = np.concatenate([np.ravel(array) for array in found.layer_maps.values()])
        assert picture.get_clim() == pytest.approx(tuple(np.percentile(everything.astype(float), (0.5, 99.8))))
    joined = shown["map joined"].images[0]
    np.testing.assert_array_equal(joined.get_array(), found.anomaly_map[1])
    assert joined.get_clim() == plots.shared_limits(list(found.anomaly_map))


def test_one_category_and_one_prediction_are_enough(predictions):
    assert "nut · detector · image 1 of 4" in explore.layers(category("nut"), predictions["nut"]["reverse"]).status


def test_a_prediction_without_layer_maps_is_refused():
    with pytest.raises(ValueError, match="with layer maps and an anomaly map, got DN2 without"):
        explore.layers(category("nut"), {"DN2": Prediction(np.arange(4.0))})
    maps = Prediction(np.arange(4.0), np.ones((4, 32, 32), np.float32))
    with pytest.raises(ValueError, match="got SPADE without"):
        explore.layers(category("nut"), {"SPADE": maps})
