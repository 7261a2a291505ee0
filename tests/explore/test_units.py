"""Explorers that know how strange good images are: numbers in units of good, anchored colours."""

import numpy as np
import pytest

from adviz import Features, Null, PaDiM, PatchCore, Prediction, explore
from adviz.data import Category
from adviz.evaluation import Distribution
from adviz.explore.kit.facts import good_table


@pytest.fixture(scope="module")
def found(category):
    """Predictions and nulls of two detectors."""
    rng = np.random.default_rng(1)
    train, test = (
        Features({"layer": rng.random((count, 4, 8, 8), np.float32)}, image_size=(32, 32))
        for count in (len(category.train), len(category.test))
    )
    detectors = {
        "PatchCore": PatchCore(layers=("layer",), coreset=0.5, neighbors=3),
        "PaDiM": PaDiM(layers=("layer",)),
    }
    predictions = {name: one.fit(train).predict(test) for name, one in detectors.items()}
    nulls = {name: Null.of(one.predict_left_out(train)) for name, one in detectors.items()}
    return predictions, nulls


def facts_of(view, detector):
    return view.facts["categories"][view.category]["detectors"][detector]


def test_the_middle_of_the_colours_is_where_one_good_pixel_of_a_thousand_is_higher(category, found):
    predictions, nulls = found
    view = explore.results(category, predictions, nulls=nulls)
    for name, null in nulls.items():
        facts = facts_of(view, name)
        low, high = facts["limits"]
        pixels = null.good["pixels"]
        higher = pixels.n_at_least((low + high) / 2 * (1 + 1e-9))
        assert 0.5e-3 * pixels.count < higher <= 1e-3 * pixels.count
        assert facts["ends"][0] == low
        assert facts["ends"][1] >= max(high, predictions[name].anomaly_map.max())
        assert facts["good"]["images"] == null.n_images
        assert facts["good"]["pixels"]["count"] == null.good["pixels"].count
    assert facts_of(view, "PatchCore")["good"]["nearest"]["count"] > 0
    assert facts_of(view, "PaDiM")["good"]["nearest"] is None  # it has no neighbours


def test_detectors_that_are_compared_are_on_one_scale(category, found):
    predictions, nulls = found
    view = explore.compare(category, predictions, nulls=nulls)
    for name, null in nulls.items():
        middle = sum(facts_of(view, name)["limits"]) / 2
        assert null.p_values(middle) == pytest.approx(1e-3, abs=5e-4)


def test_without_nulls_nothing_is_said_and_with_them_also_later(category, found):
    predictions, nulls = found
    fresh = {name: explore_copy(one) for name, one in predictions.items()}
    before = facts_of(explore.retrieval(category, fresh), "PaDiM")
    assert before["good"] is None
    after = facts_of(explore.retrieval(category, fresh, nulls={"PaDiM": nulls["PaDiM"]}), "PaDiM")
    assert after["good"]["score"]["count"] == nulls["PaDiM"].n_images
    assert after["limits"] != before["limits"]


def explore_copy(prediction):
    """Return an equal prediction that no explorer knows."""
    return Prediction(**{name: getattr(prediction, name) for name in vars(prediction)})


def test_a_null_alone_is_that_of_the_only_detector(category, found):
    predictions, nulls = found
    only = {"PaDiM": predictions["PaDiM"]}
    view = explore.thresholds(category, only, nulls=nulls["PaDiM"])
    assert facts_of(view, "PaDiM")["good"]
    with pytest.raises(ValueError, match="expected nulls by detector, of PatchCore, PaDiM"):
        explore.retrieval(category, predictions, nulls=nulls["PaDiM"])


def test_other_nulls_are_refused(category, found):
    predictions, nulls = found
    with pytest.raises(ValueError, match="expected nulls of PatchCore, PaDiM, got one of 'SPADE'"):
        explore.results(category, predictions, nulls={"SPADE": nulls["PaDiM"]})
    with pytest.raises(ValueError, match=r"make another one: Null\.of"):
        explore.desk(category, predictions, nulls={"PaDiM": nulls["PatchCore"]})
    with pytest.raises(TypeError, match=r"expected a Null of PaDiM.* got a Prediction"):
        explore.results(category, predictions, nulls={"PaDiM": predictions["PaDiM"]})


def test_of_several_categories_each_has_its_own(category, found):
    predictions, nulls = found
    other = Category("other", category.train, category.test)
    both = {"nut": category, "other": other}
    only = {name: {"PaDiM": explore_copy(predictions["PaDiM"])} for name in both}
    null = nulls["PaDiM"]
    for flat in (null, {"PaDiM": null}):
        with pytest.raises(ValueError, match="by category and detector, since each was fitted"):
            explore.results(both, only, nulls=flat)
    view = explore.results(both, only, nulls={"other": {"PaDiM": null}})
    told = {name: view.facts["categories"][name]["detectors"]["PaDiM"]["good"] for name in both}
    assert told["nut"] is None
    assert told["other"]["images"] == null.n_images
    with pytest.raises(ValueError, match="nulls of categories nut, other, got one of 'third'"):
        explore.results(both, only, nulls={"third": {"PaDiM": null}})


def test_explorers_of_the_same_predictions_without_nulls_stay_as_they_were(category, found):
    predictions, nulls = found
    fresh = {name: explore_copy(one) for name, one in predictions.items()}
    plain = explore.results(category, fresh)
    with_nulls = explore.results(category, fresh, nulls=nulls)
    key = f"maps/{category.name}/PaDiM/0"
    assert plain.source.part(key) != with_nulls.source.part(key)
    assert facts_of(explore.results(category, fresh), "PaDiM")["good"] is None


def test_where_nearly_all_good_pixels_are_equal_the_colours_stay(category):
    maps = np.zeros((6, 32, 32), np.float32)
    maps[3:, 8:14] = 2
    one = Prediction(maps.max((1, 2)), maps, detector="mine")
    null = Null.of(Prediction(np.zeros(4), np.zeros((4, 32, 32)), detector="mine"))
    plain = facts_of(explore.results(category, explore_copy(one)), "mine")
    facts = facts_of(explore.results(category, one, nulls=null), "mine")
    assert facts["limits"] == plain["limits"]
    assert not facts["anchored"]


def test_of_a_prediction_that_comes_later_the_null_is_used_then(category, found):
    predictions, nulls = found
    later = {"PaDiM": lambda: predictions["PaDiM"], "PatchCore": predictions["PatchCore"]}
    view = explore.results(category, later, nulls=nulls)
    view.source.compute_all()
    assert view.source.facts["categories"][category.name]["detectors"]["PaDiM"]["good"]


def test_a_browser_gets_little_of_millions():
    values = np.random.default_rng(0).gamma(2, 3, 2_000_000)
    table = good_table(Distribution.of(values))
    assert len(table["values"]) < 1000
    assert table["atLeast"][0] == table["count"] == 2_000_000
    assert table["beyond"][-1] == 0
