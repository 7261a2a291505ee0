"""A desk: the traits of several explorers as one state, and the views that show it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from traitlets import TraitError

from adviz import Prediction, explore, maps
from adviz.data import Category
from adviz.explore.compare.view import CompareView
from adviz.explore.desk import VIEWS
from adviz.explore.kit.packing import names_of
from adviz.explore.layers.view import LayersView
from adviz.explore.retrieval.view import RetrievalView
from adviz.explore.thresholds.view import ThresholdsView

COUNT = 6  # test images
SECONDS = 20

ALL = [name for name in VIEWS if name != "bank"]  # which needs a trace

# --- which views


def test_it_begins_with_what_says_something(category, predictions, desk):
    assert desk.views == ["retrieval", "compare", "thresholds"]
    assert desk.order == "score"
    assert desk.image == int(desk.prediction.score.argmax())
    alone = explore.desk(category, predictions["PatchCore"])
    assert alone.views == ["retrieval", "thresholds"]
    plain = Prediction(np.arange(float(COUNT)))
    assert explore.desk(category, plain).views == ["thresholds"]


def test_one_photograph_without_neighbours_has_results_alone(category):
    one = Category("nut", category.train, category.test.subset([0]))
    assert explore.desk(one, Prediction(np.ones(1))).views == ["results"]


def test_views_are_chosen_by_name_and_in_order(category, predictions):
    desk = explore.desk(category, predictions, ["compare", "results"])
    assert desk.views == ["compare", "results"]
    desk.views = ["thresholds"]
    assert desk.views == ["thresholds"]
    desk.views = []
    assert desk.views == []


@pytest.mark.parametrize("views", [["scatter"], ["compare", "compare"]])
def test_unknown_views_are_refused(desk, category, predictions, views):
    with pytest.raises(TraitError, match="views must be some of results, retrieval"):
        desk.views = views
    assert desk.views == ["retrieval", "compare", "thresholds"]
    with pytest.raises(TraitError, match="each once"):
        explore.desk(category, predictions, views)


# --- one state


def test_its_state_is_that_of_all_its_views(desk):
    for view in VIEWS.values():
        assert set(view.STATE) <= set(desk.STATE)
    assert len(set(desk.STATE)) == len(desk.STATE)


def test_the_state_is_plain_and_restores_it(desk, category, predictions):
    desk.detector, desk.image, desk.k = "PaDiM", 4, 2
    desk.picked, desk.relative, desk.views = [3, 5], True, ["compare", "retrieval"]
    desk.threshold = 1.5
    text = json.dumps(desk.state)
    other = explore.desk(category, predictions)
    other.state = json.loads(text)
    assert other.state == desk.state
    assert other.threshold == 1.5
    assert other.picked == [3, 5]


def test_what_follows_is_what_single_explorers_say(desk, category, predictions):
    desk.detector, desk.image, desk.picked = "PatchCore", 3, [9, 12]
    retrieval = explore.retrieval(category, predictions)
    retrieval.state = {name: getattr(desk, name) for name in RetrievalView.STATE}
    np.testing.assert_array_equal(desk.evidence.distance, retrieval.evidence.distance)
    thresholds = explore.thresholds(category, predictions)
    thresholds.state = {name: getattr(desk, name) for name in ThresholdsView.STATE}
    assert desk.outcome == thresholds.outcome
    assert desk.errors == thresholds.errors
    compare = explore.compare(category, predictions)
    compare.wait(SECONDS)
    assert desk.table.keys() == compare.table.keys()
    desk.order = compare.order
    np.testing.assert_array_equal(desk.disagreement, compare.disagreement)
    assert desk.image == compare.image  # another order begins at its first image


def test_it_is_linked_with_a_single_explorer(desk, category, predictions):
    view = explore.retrieval(category, predictions)
    desk.image, desk.k = 2, 1
    explore.link(desk, view)
    assert (view.image, view.k) == (2, 1)
    assert {name for _, _, name in desk.links} == set(RetrievalView.STATE)


def test_options_are_those_of_the_explorers(category, predictions):
    def channels(image, row, column):
        return np.arange(4.0) + image + row + column

    desk = explore.desk(
        category,
        predictions,
        channels={"PaDiM": channels},
        units={"PaDiM": "nats"},
        gate={"DN2": 0.5},
    )
    assert desk.options["channels"] == ["PaDiM"]
    assert desk.options["units"] == {"PaDiM": "nats"}
    np.testing.assert_array_equal(
        desk.part("channels/nut/PaDiM/1/2/3")["values"], np.arange(4.0) + 6
    )
    desk.detector = "DN2"
    assert desk.gate is not None
    with pytest.raises(ValueError, match="expected gate to name some"):
        explore.desk(category, predictions, gate={"SPADE": 1.0})


# --- work


def test_predictions_are_computed_when_a_view_needs_them(category, predictions):
    made = []

    def later():
        made.append("DN2")
        return predictions["DN2"]

    desk = explore.desk(category, {"PaDiM": predictions["PaDiM"], "DN2": later}, ["results"])
    desk.wait(SECONDS)
    assert made == []
    desk.views = ["compare"]
    desk.wait(SECONDS)
    assert made == ["DN2"]
    assert desk.table.keys() == {"PaDiM", "DN2"}


# --- pictures and files


@pytest.mark.parametrize("view", ALL)
def test_the_first_view_is_drawn_for_paper(desk, view):
    desk.views = [view]
    desk.wait(SECONDS)
    assert desk.static().savefig
    assert desk.picture().startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("views", "there", "missing"),
    [
        (["results"], {"test", "found"}, {"train", "numbers", "guess"}),
        (["retrieval"], {"train"}, {"numbers", "guess"}),
        (["compare"], {"numbers", "disagreement"}, {"train", "guess"}),
        (["thresholds"], {"pixels", "maps"}, {"train", "numbers"}),
        (["pro"], {"regions"}, {"train", "numbers", "guess"}),
        (["layers"], {"ways", "layers", "fusion", "numbers"}, {"train", "guess"}),
        (ALL, {"train", "numbers", "maps", "regions"}, set()),
    ],
)
def test_a_file_holds_what_its_views_ask_for(desk, views, there, missing):
    desk.views = views
    keys = desk.export_keys()
    kinds = {names_of(key)[0] for key in keys}
    assert len(keys) == len(set(keys))
    assert there <= kinds
    assert not missing & kinds
    assert any(names_of(key)[1] == "train" for key in keys) == ("retrieval" in views)


def test_a_bank_is_a_view_where_its_trace_is_given(category, trace, banked, desk, tmp_path):
    view = explore.desk(category, banked, ["retrieval", "bank"], traces=trace)
    key = view.options["banks"][category.name]
    assert len(view.part(key)["x"]) == len(trace.points)
    assert key in view.export_keys()
    found = view.part(f"found/{category.name}/PatchCore/0")
    grid = trace.grid[1]
    bank = set(zip(trace.image.tolist(), trace.location.tolist(), strict=True))
    matched = zip(found["image"].ravel().tolist(), found["location"].ravel().tolist(), strict=True)
    assert grid > 0
    assert set(matched) <= bank
    assert view.export(tmp_path / "desk.html").exists()
    view.close()
    with pytest.raises(TraitError, match="needs traces="):
        desk.views = ["bank"]
    with pytest.raises(ValueError, match="expected traces of nut, got one of screw"):
        explore.desk(category, banked, traces={"screw": trace})


def test_desks_with_other_traces_show_other_banks(category, trace, banked):
    """They share a source, not their points, and those of one trace are made once."""
    fewer = replace(trace, points=trace.points[::-1].copy())
    desks = [explore.desk(category, banked, ["bank"], traces=one) for one in (trace, fewer, trace)]
    first, second, third = (desk.options["banks"][category.name] for desk in desks)
    assert first == third
    assert desks[0].source is desks[1].source
    here, there = desks[1].part(first), desks[0].part(second)
    assert not np.array_equal(here["x"], there["x"])
    assert here is not there
    np.testing.assert_array_equal(desks[0].part(first)["x"], here["x"])


# --- layers


@pytest.fixture(scope="module")
def layered(category):
    """A detector of two layers, and one whose score is all that it tells."""
    rng = np.random.default_rng(2)
    cells = {f"layer{n}": rng.random((COUNT, 8, 8), np.float32) for n in (1, 2)}
    own = maps.smooth(maps.resize(sum(cells.values()), (32, 32)))
    return {
        "two": Prediction(own.max((1, 2)), own, cells),
        "score": Prediction(np.arange(float(COUNT))),
    }


def test_layers_are_mixed_on_a_desk(category, layered):
    view = explore.desk(category, layered, ["layers", "compare"])
    view.wait(SECONDS)
    assert view.preset == "the detector's own"
    np.testing.assert_allclose(view.mixed, view.prediction.anomaly_map[view.image], atol=1e-3)
    view.layers, view.weights = ["layer2"], {"layer2": 2}
    view.wait(SECONDS)
    alone = explore.layers(category, layered["two"])
    alone.state = {name: getattr(view, name) for name in LayersView.STATE if name != "detector"}
    alone.wait(SECONDS)
    assert view.mix == alone.mix
    np.testing.assert_array_equal(view.mixed, alone.mixed)
    assert view.metrics == alone.metrics
    assert view.table.keys() == layered.keys()
    with pytest.raises(TraitError, match="a weight must be between 0 and 5"):
        view.weights = {"layer1": 9}
    with pytest.raises(TraitError, match="layers must be one of layer1, layer2"):
        view.layers = ["layer3"]
    restored = explore.desk(category, layered)
    restored.state = json.loads(json.dumps(view.state))
    assert restored.mix == view.mix


def test_a_detector_without_layers_is_one_of_a_desk(category, layered):
    view = explore.desk(category, layered, ["layers"])
    assert view.static().savefig
    view.detector = "score"
    view.wait(SECONDS)
    assert view.static().savefig
    assert view.picture().startswith(b"\xff\xd8")
    later = {"two": layered["two"], "score": lambda: layered["score"]}
    pending = explore.desk(category, later, ["layers"])
    pending.detector = "score"
    pending.wait(SECONDS)
    assert pending.error == ""


def test_a_file_holds_the_fusions_of_its_story(category, layered):
    view = explore.desk(category, layered, ["layers", "retrieval"])
    view.wait(SECONDS)
    before = set(view.export_keys())
    steps = [("One layer.", {"layers": ["layer1"], "sigma": 1.5}, lambda _: True)]
    told = explore.story(view, steps)
    told.desk.views, told.desk.sigma, told.desk.layers = ["results"], None, []
    more = set(view.export_keys()) - before
    assert {names_of(key)[0] for key in more} == {"fusion"}
    assert any(json.loads(names_of(key)[3])[4] == 1.5 for key in more)


def test_it_begins_with_as_many_views_as_there_is_room_for(category, layered, banked, trace):
    assert explore.desk(category, layered["two"]).views == ["layers", "thresholds"]
    assert explore.desk(category, layered).views == ["compare", "layers", "thresholds"]
    found = explore.desk(category, banked, traces=trace)
    assert found.views == ["retrieval", "bank", "thresholds"]


def test_it_is_exported(desk, tmp_path):
    desk.views = ["thresholds", "retrieval"]
    page = desk.export(tmp_path / "desk.html").read_text(encoding="utf-8")
    assert '"views": ["thresholds", "retrieval"]' in page
    assert '"steps": []' in page


def test_classes_of_views_keep_what_they_are():
    """A desk changes none of the explorers that it is made of."""
    assert CompareView.order.default_value == "disagreement of scores"
    assert "views" not in RetrievalView.STATE
