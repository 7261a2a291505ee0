"""How strange good images are to each other, and what other numbers mean by that."""

import dataclasses

import numpy as np
import pytest

from adviz import Null, Prediction
from adviz.evaluation import null as module
from adviz.evaluation.null import STEPS, TAIL, Distribution


@pytest.fixture
def good():
    """Predictions of 20 good images with maps of 8 x 8 pixels."""
    rng = np.random.default_rng(0)
    return Prediction(
        score=rng.gamma(3, size=20),
        anomaly_map=rng.gamma(2, size=(20, 8, 8)).astype(np.float32),
        layer_maps={"layer2": rng.gamma(2, size=(20, 2, 2))},
        detector="PatchCore",
        backbone="lite0",
        digest="abc",
    )


def test_a_p_value_is_the_fraction_of_good_ones_that_are_as_large(good):
    null = Null.of(good)
    ascending = np.sort(good.score)
    values = np.array([ascending[0] - 1, ascending[0], ascending[-1], ascending[-1] + 1e-9])
    np.testing.assert_array_equal(null.p_values(values, "score"), np.array([21, 21, 2, 1]) / 21)
    pixel = good.anomaly_map[3, 4, 5]
    expected = (1 + (good.anomaly_map >= pixel).sum()) / (1 + good.anomaly_map.size)
    assert null.p_values(pixel) == expected
    assert null.p_values(good.layer_maps["layer2"], "layer2").shape == (20, 2, 2)


def test_of_very_many_values_the_largest_are_exact_and_the_others_nearly():
    rng = np.random.default_rng(1)
    values = rng.normal(size=300_000).astype(np.float32).round(4)  # with ties
    good = Distribution.of(values)
    assert len(good.values) <= TAIL + STEPS
    asked = np.concatenate([rng.normal(size=2_000), values[:2_000]]).astype(np.float32)
    asked = np.append(asked, [values.min() - 1, values.max(), values.max() + 1])
    exact = (values >= asked[:, None]).sum(1)
    found = good.n_at_least(asked)
    np.testing.assert_array_equal(found[exact < TAIL // 2], exact[exact < TAIL // 2])
    assert (found >= exact).all()
    assert (found - exact).max() <= len(values) / STEPS + 100  # ties of rounded values
    assert Distribution.of(np.zeros((3, 4))).n_at_least(np.array([0, 1])).tolist() == [12, 0]


@pytest.mark.parametrize("count", [1, 2, TAIL - 1, TAIL, TAIL + 1, TAIL + STEPS - 1])
def test_any_number_of_values_has_a_distribution(count):
    values = np.random.default_rng(count).normal(size=count)
    good = Distribution.of(values)
    assert good.count == count
    exact = (values >= values[:50, None]).sum(1)
    np.testing.assert_array_equal(good.n_at_least(values[:50]), exact)


def test_of_further_good_images_p_values_are_uniform():
    rng = np.random.default_rng(2)
    null = Null.of(Prediction(score=rng.gamma(3, size=4_999)))
    p = null.p_values(rng.gamma(3, size=20_000), "score")
    for rate in (0.01, 0.1, 0.5):
        # 4 standard deviations of both draws
        allowed = 4 * np.sqrt(rate * (1 - rate) * (1 / 4_999 + 1 / 20_000))
        assert abs((p <= rate).mean() - rate) < allowed


def test_words_have_the_count_and_never_say_all_of_what_is_not():
    pixels = np.arange(1.0, 50_001).reshape(5, 100, 100)
    null = Null.of(Prediction(score=np.arange(1.0, 6), anomaly_map=pixels))
    assert null.in_words(60_000) == "stranger than all 50,000 pixels of 5 good images"
    assert null.in_words(50_000) == "stranger than 99.998 % of 50,000 pixels of 5 good images"
    assert null.in_words(49_994) == "stranger than 99.986 % of 50,000 pixels of 5 good images"
    assert null.in_words(25_001) == "stranger than 50 % of 50,000 pixels of 5 good images"
    assert null.in_words(0) == "stranger than 0 % of 50,000 pixels of 5 good images"
    assert null.in_words(3.5, "score") == "stranger than 60 % of 5 good images"
    with_layer = Null.of(Prediction(np.ones(2), layer_maps={"layer2": np.ones((2, 3, 3))}))
    words = "stranger than all 18 locations of 2 good images in layer2"
    assert with_layer.in_words(2, "layer2") == words


def test_in_units_of_good_detectors_are_on_one_scale(good):
    null = Null.of(good)
    test = dataclasses.replace(good, score=good.score + 100, anomaly_map=good.anomaly_map * 3)
    units = test.to_units(null)
    np.testing.assert_allclose(units.score, np.log10(21))
    np.testing.assert_allclose(
        units.anomaly_map, -np.log10(null.p_values(test.anomaly_map)), rtol=1e-6
    )
    assert units.anomaly_map.dtype == np.float32
    assert units.anomaly_map.min() >= 0
    scaled = {"score": 7.0 * good.score, "anomaly_map": 7.0 * good.anomaly_map}
    other = dataclasses.replace(good, **scaled, layer_maps={}, detector="another")
    same = dataclasses.replace(other, **scaled).to_units(Null.of(other))
    np.testing.assert_array_equal(same.score, good.to_units(null).score)


def test_padding_is_no_good_image(good):
    boxes = np.tile([2, 0, 6, 8], (20, 1))
    padded = dataclasses.replace(good, boxes=boxes)
    null = Null.of(padded)
    assert null.good["pixels"].count == 20 * 4 * 8
    assert not padded.to_units(null).anomaly_map[:, :2].any()


def test_a_null_of_another_detector_is_refused(good):
    null = Null.of(good)
    with pytest.raises(ValueError, match="expected a prediction of the detector 'PatchCore'"):
        dataclasses.replace(good, detector="PaDiM").to_units(null)
    with pytest.raises(ValueError, match=r"of the digest 'abc'.* make another one: Null\.of"):
        dataclasses.replace(good, digest="def").to_units(null)
    with pytest.raises(
        ValueError, match=r"what this null has \(score, layer2, mean layer2, pixels\), got 'layer9'"
    ):
        null.p_values(1.0, "layer9")
    with pytest.raises(ValueError, match=r"what this null has \(score\)"):
        Null.of(Prediction(np.ones(3))).p_values(1.0)
    with pytest.raises(TypeError, match="expected a Prediction of good images"):
        Null.of(np.ones(3))
    with pytest.raises(ValueError, match="at least one good image"):
        Null.of(Prediction(np.ones(0)))
    with pytest.raises(TypeError, match="a Null"):
        good.to_units(3)


def test_it_is_saved_and_read(good, tmp_path):
    null = Null.of(good)
    digest = null.save(tmp_path / "null.adviz")
    read = Null.load(tmp_path / "null.adviz", digest=digest)
    assert repr(read) == repr(null) == "Null(20 good images, 1,280 pixels, for PatchCore on lite0)"
    np.testing.assert_array_equal(read.p_values(good.anomaly_map), null.p_values(good.anomaly_map))
    np.testing.assert_array_equal(
        read.p_values(good.layer_maps["layer2"], "layer2"),
        null.p_values(good.layer_maps["layer2"], "layer2"),
    )


@pytest.mark.parametrize(
    ("values", "at_least", "count"),
    [
        ([1, 1], [2, 1], 2),
        ([1, 2], [2, 2], 2),
        ([1, 2], [3, 1], 2),
        ([], [], 0),
        ([np.nan], [1], 1),
    ],
)
def test_a_file_that_is_no_distribution_is_refused(values, at_least, count):
    with pytest.raises(ValueError, match="expected rising values"):
        Distribution(np.array(values, float), np.array(at_least, int), count)
    assert module.TAIL > module.STEPS
