"""Fusions of layers, against the detectors' own maps and plain restatements of the definitions."""

import numpy as np
import pytest
from scipy import ndimage

from adviz import SPADE, Features, PaDiM, PatchCore, Prediction, ReverseDistillation
from adviz.core import maps
from adviz.explore.layers.mixing import (
    Mix,
    chosen_mix,
    mix_all,
    mixed,
    own_mix,
    presets,
    preview_limits,
    separate,
)

SIZE = (64, 64)
NAMES = ("layer1", "layer2", "layer3")


def features(images, seed):
    rng = np.random.default_rng(seed)
    shapes = {"layer1": (4, 16, 16), "layer2": (6, 8, 8), "layer3": (8, 4, 4), "layer4": (8, 2, 2)}
    arrays = {name: rng.random((images, *shape), np.float32) for name, shape in shapes.items()}
    strides = dict(zip(shapes, (4, 8, 16, 32), strict=True))
    return Features(arrays, image_size=SIZE, strides=strides)


@pytest.fixture(scope="module")
def train():
    return features(12, 0)


@pytest.fixture(scope="module")
def test():
    return features(5, 1)


def every(**options):
    return Mix(NAMES, (1.0,) * 3, **options)


DETECTORS = {
    "PatchCore": (PatchCore(layers=(4, 8, 16), coreset=0.1), every(root=True)),
    "PatchCore, squared": (
        PatchCore(layers=(4, 8, 16), coreset=0.1, distance="squared", sigma=0),
        every(sigma=0.0),
    ),
    "SPADE": (SPADE(k_images=3), every()),
    "SPADE, euclidean": (SPADE(k_images=3, distance="euclidean"), every(root=True)),
    "SPADE, per layer": (SPADE(k_images=3, match="per_layer"), every(join="mean")),
    "PaDiM": (PaDiM(dimension=12), every(root=True)),
    "PaDiM, paper": (PaDiM(dimension=12, upsample="bicubic"), every(root=True, enlarge="bicubic")),
}


@pytest.mark.parametrize("name", DETECTORS)
def test_the_detectors_own_way_is_found_and_its_map_is_reproduced(name, train, test):
    detector, expected = DETECTORS[name]
    prediction = detector.fit(train).predict(test)
    mix = own_mix(prediction)
    assert mix == expected
    again = mixed(prediction.layer_maps, mix, SIZE)
    # the shares are added up in another order than the distance was: float32
    np.testing.assert_allclose(
        again, prediction.anomaly_map, rtol=2e-4, atol=2e-4 * prediction.anomaly_map.max()
    )


@pytest.mark.parametrize("join", ["sum", "product"])
def test_reverse_distillations_way_is_found(join, train, test):
    options = {"student": "small", "width": 0.5, "epochs": 1, "batch": 4}
    prediction = ReverseDistillation(map=join, device="cpu", **options).fit(train).predict(test)
    mix = own_mix(prediction)
    assert mix == every(join=join, enlarge="bilinear, corners aligned")
    # the product of three small numbers: relative to the largest
    tolerance = 1e-5 * prediction.anomaly_map.max()
    np.testing.assert_allclose(
        mixed(prediction.layer_maps, mix, SIZE), prediction.anomaly_map, atol=tolerance
    )


def test_no_way_is_named_where_none_gives_the_map(train, test):
    prediction = SPADE(k_images=3, sigma=3.0).fit(train).predict(test)
    assert own_mix(prediction) is None
    assert own_mix(Prediction(np.zeros(2))) is None


@pytest.fixture
def cells():
    """Three layers on one grid."""
    rng = np.random.default_rng(2)
    return {name: rng.random((2, 8, 8), np.float32) for name in NAMES}


def test_layers_on_one_grid_are_joined_in_cells(cells):
    one, _, three = cells.values()
    mix = Mix(("layer1", "layer3"), (2.0, 0.5), "product", True, 3.0)
    joined = np.sqrt(one.astype(float) ** 2 * three.astype(float) ** 0.5)
    large = maps.resize(joined, SIZE)
    expected = [
        ndimage.gaussian_filter(values, 3.0, truncate=4.0, mode="reflect") for values in large
    ]
    np.testing.assert_allclose(mixed(cells, mix, SIZE), expected, rtol=1e-5)


@pytest.mark.parametrize("join", ["sum", "product"])
def test_a_detector_whose_maps_are_mirrored_at_the_border_is_recognised(join):
    rng = np.random.default_rng(4)
    layer_maps = {name: rng.random((2, 8, 8)).astype(np.float32) for name in ("layer1", "layer2")}
    parts = [values.astype(float) for values in layer_maps.values()]
    joined = parts[0] + parts[1] if join == "sum" else parts[0] * parts[1]
    large = maps.resize(joined, SIZE)
    smoothed = np.stack(
        [ndimage.gaussian_filter(one, 4, mode="mirror", truncate=4.0) for one in large]
    )
    own = own_mix(Prediction(smoothed.max((1, 2)), smoothed, layer_maps))
    assert own == Mix(("layer1", "layer2"), (1.0, 1.0), join, border="mirror")
    np.testing.assert_allclose(mixed(layer_maps, own, SIZE), smoothed, rtol=1e-5)


def test_layers_on_several_grids_are_joined_at_the_images_size():
    rng = np.random.default_rng(3)
    found = {"layer1": rng.random((2, 16, 16)), "layer2": rng.random((2, 8, 8))}
    mix = Mix(("layer1", "layer2"), (1.0, 3.0), "product", sigma=0.0)
    large = [maps.resize(values, SIZE).astype(float) for values in found.values()]
    np.testing.assert_allclose(mixed(found, mix, SIZE), large[0] * large[1] ** 3, rtol=1e-5)


def test_a_mean_is_weighted_and_a_weight_of_0_leaves_a_layer_out(cells):
    mean = Mix(NAMES, (1.0, 3.0, 0.0), "mean", sigma=0.0)
    expected = (cells["layer1"] + 3 * cells["layer2"]) / 4
    np.testing.assert_allclose(mixed(cells, mean, (8, 8)), expected, rtol=1e-6)
    product = Mix(NAMES, (1.0, 0.0, 0.0), "product", sigma=0.0)
    np.testing.assert_array_equal(mixed(cells, product, (8, 8)), cells["layer1"])


def test_negative_shares_count_as_0_under_a_root_and_in_a_product_only():
    found = {"a": np.full((1, 2, 2), -1.0), "b": np.full((1, 2, 2), 0.25)}
    mix = Mix(("a", "b"), (1.0, 1.0), sigma=0.0)
    assert mixed(found, mix, (2, 2)).max() == -0.75
    for join, root in (("sum", True), ("product", False)):
        assert (mixed(found, Mix(("a", "b"), (1.0, 1.0), join, root, 0.0), (2, 2)) == 0).all()


def test_nothing_to_mix_and_unknown_layers_are_refused(cells):
    for mix in (Mix((), ()), Mix(("layer1",), (0.0,))):
        with pytest.raises(ValueError, match="at least one layer with a weight above 0, got none"):
            mixed(cells, mix, SIZE)
    with pytest.raises(ValueError, match="among layer1, layer2, layer3, got layer9"):
        mixed(cells, Mix(("layer9",), (1.0,)), SIZE)


def test_many_images_are_mixed_as_one_is():
    found = {"a": np.random.default_rng(0).random((19, 4, 4), np.float32)}
    mix = Mix(("a",), (1.0,))
    np.testing.assert_array_equal(mix_all(found, mix, (32, 32)), mixed(found, mix, (32, 32)))


def test_the_presets_are_the_rows_of_the_tables():
    assert presets(NAMES) == {
        "layer1": ("layer1",),
        "layer2": ("layer2",),
        "layer3": ("layer3",),
        "layer2 + layer3": ("layer2", "layer3"),
        "layer1 + layer2 + layer3": NAMES,
    }
    assert presets(["layer2"]) == {"layer2": ("layer2",)}


def test_each_layers_own_search_is_put_together(train, test):
    own = {name: PatchCore(layers=(name,), coreset=0.1).fit(train).predict(test) for name in NAMES}
    joined = separate(own)
    for name, found in own.items():
        np.testing.assert_allclose(
            joined.layer_maps[name], np.sqrt(found.layer_maps[name]), rtol=1e-6
        )
    np.testing.assert_allclose(
        joined.anomaly_map, np.mean([found.anomaly_map for found in own.values()], axis=0)
    )
    np.testing.assert_array_equal(joined.score, joined.anomaly_map.max((1, 2)))
    assert own_mix(joined) == every(join="mean")


def test_what_is_no_search_of_one_layer_is_refused(train, test):
    both = PatchCore(layers=(8, 16), coreset=0.1).fit(train).predict(test)
    with pytest.raises(
        ValueError, match=r"expected layer2's own map, .* got one with layer2, layer3"
    ):
        separate({"layer2": both})
    with pytest.raises(ValueError, match="got one with no layer maps"):
        separate({"layer2": Prediction(np.zeros(2))})
    maps_ = {
        size: Prediction(np.zeros(1), np.zeros((1, size, size)), {"a": np.zeros((1, 2, 2))})
        for size in (4, 8)
    }
    with pytest.raises(ValueError, match=r"one size, got shapes \[\(1, 4, 4\), \(1, 8, 8\)\]"):
        separate({"a": maps_[4], "b": maps_[8]})


def test_the_previewed_scale_is_near_that_of_the_maps(train, test):
    prediction = PatchCore(layers=(4, 8, 16), coreset=0.1).fit(train).predict(test)
    for mix in (every(root=True), every(join="mean"), Mix(("layer3",), (2.0,), sigma=6.0)):
        found = mixed(prediction.layer_maps, mix, SIZE)
        low, high = preview_limits(prediction.layer_maps, mix, SIZE)
        expected = np.percentile(found, (0.5, 99.8))
        assert (low, high) == pytest.approx(expected, abs=0.15 * float(np.ptp(found)))


NOTHING = {"layers": [], "weights": {}, "join": "", "root": None, "sigma": None}


def test_what_is_not_chosen_is_the_detectors_own():
    own = every(join="mean", root=True, enlarge="bicubic", border="mirror")
    assert chosen_mix(NAMES, own, NOTHING) == own
    assert chosen_mix(NAMES, None, NOTHING) == every()
    some = {"layers": ["layer3", "layer9"], "weights": {"layer3": 0.5, "layer1": 2.0}}
    found = chosen_mix(NAMES, own, NOTHING | some)
    assert found == Mix(("layer3",), (0.5,), "mean", True, 4.0, "bicubic", "mirror")
    # none of the chosen layers is there: all enter
    assert chosen_mix(NAMES, own, NOTHING | {"layers": ["layer9"]}) == own
    other = chosen_mix(NAMES, own, NOTHING | {"join": "sum", "root": False, "sigma": 0.0})
    assert (other.join, other.root, other.sigma) == ("sum", False, 0)


def test_a_mix_is_a_text_and_back():
    mix = chosen_mix(("größte / 1", "b%"), None, NOTHING | {"weights": {"b%": 0.1 + 0.2}})
    text = '[["größte / 1","b%"],[1,0.3],"sum",false,4,"bilinear","reflect"]'
    assert mix.as_text() == text
    assert Mix.of_text(text) == mix
