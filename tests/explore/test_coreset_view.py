import dataclasses
import json
import threading

import numpy as np
import pytest
from bank_data import N_TRAIN, SHARES, SIDE, small_bank, small_category
from PIL import Image
from traitlets import TraitError

from adviz import PatchCore, Prediction, data, evaluate, explore
from adviz.explore.coreset.figure import COLUMN, DISTANCE, IMAGE, ORDER, ROW, point_values
from adviz.explore.kit.packing import packed


@pytest.fixture(scope="module")
def category(tmp_path_factory):
    return small_category(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def found():
    return small_bank()


@pytest.fixture(scope="module")
def opened(category, found):
    view = explore.coreset(category, found.traces, found.predictions)
    view.wait(60)
    return view


@pytest.fixture
def view(opened):
    """The explorer as it opens; making one takes a second."""
    opened.sampler, opened.budget, opened.colour = "greedy", 1, DISTANCE
    opened.picked, opened.chosen, opened.lasso, opened.image = None, [], [], 0
    opened.test, opened.patch = None, []
    return opened


def facts(view):
    """Return what the browser knows of the displayed sampler."""
    return view.facts["categories"][view.category]["samplers"][view.sampler]


def test_it_opens_with_one_per_cent_and_learns_the_rest(view, found):
    assert (view.category, view.sampler, view.budget, view.size) == ("plate", "greedy", 1, 1)
    assert view.facts["categories"]["plate"]["learned"]
    view.budget = 24
    assert np.isclose(view.radius, found.traces["greedy"].radius[23])
    known = facts(view)
    assert known["radius"][known["sizes"].index(24)] == view.radius
    assert view.error == ""
    json.dumps(view.facts, allow_nan=False)


def test_the_points_are_all_rows_and_the_order_is_that_of_the_trace(view, found):
    for name, trace in found.traces.items():
        assert view.part(f"order/plate/{name}")["order"].tolist() == trace.order.tolist()
    points = view.part("points/plate")
    assert points["x"].dtype == points["y"].dtype == np.uint16
    x, y, step = points["frame"]
    plane = np.stack([x + step * points["x"], y + step * points["y"]], 1)
    np.testing.assert_allclose(plane, view._bank.plane[0])
    np.testing.assert_array_equal(points["image"], trace.image)
    np.testing.assert_array_equal(points["location"], trace.location)
    assert max(points["x"].max(), points["y"].max()) == 65535


@pytest.mark.parametrize(("budget", "size"), [(1, 1), (6, 7), (24, 24), (30, 30), (90, 48)])
def test_a_size_that_is_not_offered_is_the_nearest_that_is(view, budget, size):
    view.budget = budget
    assert (view.budget, view.size) == (budget, size)
    assert view.size in facts(view)["sizes"]
    with pytest.raises(TraitError):
        view.budget = 0


def test_the_sampler_keeps_the_size_and_changes_the_numbers(view, found, category):
    view.budget = 24
    view.sampler = "random"
    assert view.size == 24
    points, order = found.traces["random"].points, found.traces["random"].order[:24]
    expected = np.linalg.norm(points[:, None] - points[order], axis=2).min(1).max()
    assert np.isclose(view.radius, expected)
    result = evaluate(found.predictions["random"][0.25], category.test)
    assert facts(view)["results"]["24"]["pro"] == result.pro
    with pytest.raises(TraitError, match="sampler must be one of greedy, random"):
        view.sampler = "best"


def test_half_the_precision_keeps_a_thousandth_of_the_largest_distance(view):
    key = "distances/plate/random/24"
    exact, coarse = view.source.part(key)["distance"], view.source.part(key, half=True)["distance"]
    assert coarse.dtype == exact.dtype == np.uint16
    assert np.abs(coarse.astype(int) - exact).max() <= 65535 / 1000 / 2
    assert len(np.unique(coarse)) > 1
    np.testing.assert_array_equal(view.source.part(key)["distance"], exact)  # not changed


def test_distances_and_what_stands_for_each_row_are_parts(view, found):
    trace = found.traces["random"]
    part = view.part("distances/plate/random/24")
    distance = part["distance"] / 65535 * part["most"][0]
    between = np.linalg.norm(trace.points[:, None] - trace.points[trace.order[:24]], axis=2)
    np.testing.assert_allclose(distance, between.min(1), atol=1e-4)
    rows = np.arange(96)
    stand = between[rows, part["nearest"]]
    np.testing.assert_allclose(stand, between.min(1), atol=1e-4)
    for rank, row in enumerate(trace.order[:24]):
        assert part["nearest"][row] == rank
    assert packed(part)[0][0] == {"name": "distance", "dtype": "u2", "shape": [96]}


def test_usage_is_told_where_there_is_a_prediction(view):
    view.budget = 24
    assert facts(view)["usage"]["24"]["used"] == view.usage.used
    assert facts(view)["usage"]["24"]["share"] == view.usage.share
    view.budget = 10
    assert view.usage is None
    assert facts(view)["predicted"] == [4, 24, 48]


def test_a_test_image_tells_what_its_patches_match(view, found):
    trace = found.traces["greedy"]
    part = view.part("tested/plate/greedy/24/2")
    neighbors = found.predictions["greedy"][0.25].neighbors["patch"]
    assert part["grid"].tolist() == [SIDE, SIDE]
    np.testing.assert_array_equal(trace.image[part["row"]], neighbors.image[2, ..., 0].ravel())
    np.testing.assert_array_equal(
        trace.location[part["row"]], neighbors.location[2, ..., 0].ravel()
    )
    np.testing.assert_allclose(
        part["distance"], np.sqrt(neighbors.distance[2, ..., 0]).ravel(), rtol=1e-6
    )
    assert np.isin(part["row"], trace.order[:24]).all()
    with pytest.raises(KeyError, match="is no part"):
        view.part("tested/plate/greedy/10/2")


def test_values_of_colours_are_those_of_the_definitions(view, found):
    trace, bank = found.traces["greedy"], view._bank
    far = bank.distance("greedy", 24)
    limits = (0, max(far.max(), bank.distance("random", 24).max()))
    expected = {
        DISTANCE: (far, limits),
        ROW: (trace.location // SIDE, (0, SIDE - 1)),
        COLUMN: (trace.location % SIDE, (0, SIDE - 1)),
        IMAGE: (np.where(trace.image == 2, 1, np.nan), (0, 1)),
    }
    for name, (values, ends) in expected.items():
        got, scale = point_values(bank, "greedy", 24, name, 2)
        np.testing.assert_allclose(got, values)
        assert np.allclose(scale, ends)
    ranks, scale = point_values(bank, "greedy", 24, ORDER, 2)
    assert ranks[trace.order[:24]].tolist() == list(range(-1, -25, -1))
    assert np.isnan(np.delete(ranks, trace.order[:24])).all()
    assert scale == (-24.0, -1.0)


def test_a_pick_shows_its_image_and_another_image_gives_it_up(view, found):
    row = int(np.flatnonzero(found.traces["greedy"].image == 4)[3])
    view.picked = row
    assert (view.image, view.picked) == (4, row)
    view.image = 1
    assert view.picked is None
    with pytest.raises(TraitError, match="picked must be an entry from 0 to 95 or None, got 96"):
        view.picked = 96
    with pytest.raises(TraitError, match="image must be between 0 and 5, got 6"):
        view.image = 6
    with pytest.raises(TraitError, match="test must be between 0 and 3, got 4"):
        view.test = 4


def test_entries_are_selected_by_an_outline_or_by_their_numbers(view):
    view.chosen = np.array([3, 1, 3])
    assert view.chosen == [1, 3]
    assert view.selected.tolist() == [1, 3]
    plane = view._bank.plane[0]
    low, high = np.quantile(plane[:, 0], [0.205, 0.605])
    bottom, top = plane[:, 1].min() - 1, plane[:, 1].max() + 1
    view.lasso = [low, bottom, high, bottom, high, top, low, top]
    assert view.chosen == []
    within = (plane[:, 0] > low) & (plane[:, 0] < high)
    assert view.selected.tolist() == np.flatnonzero(within).tolist()
    view.chosen = [5]
    assert view.lasso == []
    with pytest.raises(TraitError, match="three corners or more"):
        view.lasso = [1.0, 2.0]
    with pytest.raises(TraitError, match="chosen must be entries from 0 to 95, got 2 to 96"):
        view.chosen = [96, 2]


def test_a_state_can_be_taken_and_given_back(view):
    view.sampler, view.budget, view.colour, view.picked = "random", 24, ROW, 50
    view.zoom, view.test, view.patch = [0.5, 0.1, 3.0], 1, [2, 2]
    view.lasso = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0]
    state = json.loads(json.dumps(view.state))
    view.sampler, view.budget, view.picked, view.lasso, view.zoom = "greedy", 1, None, [], []
    view.state = state
    assert view.state == state
    view.zoom = []
    for name, value in (("zoom", [1.0]), ("closeup", [1.0, 1.0, 0.5]), ("patch", [1])):
        with pytest.raises(TraitError, match=f"{name} must be"):
            setattr(view, name, value)


def test_every_key_of_an_exported_page_has_a_part(view):
    keys = view.export_keys(images=[1, 2])
    assert len(set(keys)) == len(keys)
    for key in keys:
        assert view.part(key)
    kinds = {key.split("/")[0] for key in keys}
    assert kinds == {"small", "train", "test", "points", "order", "distances", "tested"}
    tested = [key for key in keys if key.startswith("tested")]
    assert len(tested) == 2 * 2 * len(SHARES)  # samplers, images, sizes
    view.test = 3
    assert view.exported_state([1, 2])["test"] is None
    for bad in ("order", "order/plate/best", "tested/plate/greedy/24/9", "train/plate/x", "what/x"):
        with pytest.raises(KeyError, match="is no part"):
            view.part(bad)


def test_a_page_is_exported_with_all_that_is_learned(category, found, tmp_path):
    view = explore.coreset(category, found.traces, found.predictions)
    path = view.export(tmp_path / "bank.html")
    assert view.source.banks["plate"].learned
    assert "<title>plate: greedy, random</title>" in path.read_text(encoding="utf-8")


def test_the_static_picture_follows_the_state(view, found, tmp_path):
    view.sampler, view.budget, view.colour = "random", 24, ROW
    figure = view.static()
    rings = figure.axes[0].collections[1].get_offsets()
    np.testing.assert_allclose(rings, view._bank.plane[0][found.traces["random"].order[:24]])
    assert [axes.get_label() for axes in figure.axes] == ["plane", "covering radius", "image AUROC"]
    for colour in (DISTANCE, ORDER, IMAGE, COLUMN):
        view.colour = colour
        assert view.static().axes[0].collections[0].get_offsets().shape == (96, 2)
    view.save(str(tmp_path / "view.png"))
    with Image.open(tmp_path / "view.png") as image:
        assert image.size[0] > 900
        assert np.asarray(image).std() > 10


def test_a_single_trace_is_enough(category, found):
    view = explore.coreset(category, found.traces["greedy"])
    view.wait(60)
    assert view.usage is None
    assert list(view.facts["categories"]["plate"]["samplers"]) == ["greedy"]
    assert facts(view)["predicted"] == []
    with_predictions = explore.coreset(
        category, found.traces["greedy"], found.predictions["greedy"]
    )
    with_predictions.wait(60)
    with_predictions.budget = 24
    assert with_predictions.usage.rows == 24


def test_results_that_are_handed_in_are_shown_as_they_are(category, found, monkeypatch):
    results = {
        name: {
            share: dataclasses.replace(evaluate(one, category.test), pro=0.12345)
            for share, one in found_.items()
        }
        for name, found_ in found.predictions.items()
    }
    from adviz.explore.coreset import bank

    monkeypatch.setattr(bank, "evaluate", None)
    view = explore.coreset(category, found.traces, found.predictions, results=results)
    view.wait(60)
    samplers = view.facts["categories"]["plate"]["samplers"]
    assert [one["results"]["24"]["pro"] for one in samplers.values()] == [0.12345, 0.12345]
    assert view.error == ""


def test_missing_masks_and_labels_are_said(found, tmp_path):
    bare = small_category(tmp_path, masks=False)
    view = explore.coreset(bare, found.traces, found.predictions)
    view.wait(60)
    reasons = view.facts["categories"]["plate"]["reasons"]
    assert reasons == {"undefined": ["the test set has no masks"], "fewer": []}
    assert facts(view)["results"]["24"]["image_auroc"] is not None
    assert facts(view)["results"]["24"]["pro"] is None
    split = bare.test
    unlabelled = data.Split(
        split.paths, [-1] * 4, [None] * 4, ["unlabelled"] * 4, geometry=split.geometry
    )
    view = explore.coreset(
        data.Category("plate", bare.train, unlabelled), found.traces, found.predictions
    )
    view.wait(60)
    view.budget = 24
    assert view.facts["categories"]["plate"]["reasons"]["undefined"]
    assert view.usage.rows == 24
    assert view.error == ""


def test_several_categories_are_gone_through(category, found, tmp_path):
    other, more = small_category(tmp_path, seed=1), small_bank(seed=1)
    view = explore.coreset(
        {"plate": category, "disc": other},
        {"plate": found.traces, "disc": more.traces["random"]},
        {"plate": found.predictions},
    )
    view.wait(60)
    view.sampler, view.picked, view.chosen, view.test = "greedy", 95, [4, 5], 1
    view.category = "disc"
    view.wait(60)
    assert (view.sampler, view.picked, view.chosen, view.image) == ("random", None, [], 0)
    assert (view.test, view.size) == (None, 1)
    assert np.isclose(view.radius, view._bank.distance("random", view.size).max())
    view.category = "plate"
    assert view.sampler == "random"
    assert view.error == ""
    assert view.source.image_counts() == [4]


def test_proxies_have_one_size(category, found):
    detector = PatchCore(layers=("layer",), coreset=0.25, sampler="proxies").fit(found.train)
    traces = {**found.traces, "proxies": detector.trace_}
    view = explore.coreset(category, traces, {"proxies": {0.25: detector.predict(found.test)}})
    view.wait(60)
    view.sampler = "proxies"
    assert view.size == 24
    assert facts(view)["proxies"]
    assert facts(view)["sizes"] == [24]
    assert view.usage is not None
    assert view.part("tested/plate/proxies/24/0")["row"].min() >= 0


def test_it_can_be_stopped_and_starts_again(category, found, monkeypatch):
    from adviz._support import progress
    from adviz.explore.coreset import bank

    entered, nearest_chosen = threading.Event(), bank.nearest_chosen

    def endless(*_):
        for _ in progress.progress_bar(iter(int, 1), label="coverage"):
            entered.set()

    monkeypatch.setattr(bank, "nearest_chosen", endless)
    view = explore.coreset(category, found.traces)
    assert entered.wait(30)
    view.budget = 10
    view.sampler = "random"
    assert view.radius is None
    assert "coverage and metrics" in view.busy
    assert not facts(view)["covered"]
    assert set(facts(view)["radius"]) == {None}
    assert view.source.slow("distances/plate/random/10")
    view.stop()
    view.wait(60)
    assert (view.busy, view.error) == ("", "")
    monkeypatch.setattr(bank, "nearest_chosen", nearest_chosen)
    view.sampler = "greedy"
    view.wait(60)
    view.sampler = "random"
    assert view.radius is not None
    assert not view.source.slow("distances/plate/random/10")


def test_what_goes_wrong_is_said(category, found, monkeypatch):
    from adviz.explore.coreset import bank

    def fail(*_):
        raise OSError("this disk is gone")

    monkeypatch.setattr(bank, "evaluate", fail)
    view = explore.coreset(category, found.traces, found.predictions)
    view.wait(60)
    assert view.error == "Error: OSError: this disk is gone"


def test_what_cannot_be_shown_is_refused(category, found):
    with pytest.raises(ValueError, match=r"expected traces for each of \['plate'\]"):
        explore.coreset(category, {})
    with pytest.raises(ValueError, match="expected traces for each of"):
        explore.coreset({}, {})
    with pytest.raises(
        TypeError, match=r"predictions as {fraction of the bank: prediction}.*got a Prediction"
    ):
        explore.coreset(category, found.traces, Prediction(np.zeros(4)))
    with pytest.raises(
        TypeError, match=r"the trace of a fitted PatchCore, detector\.trace_, .* got a Prediction"
    ):
        explore.coreset(category, next(iter(found.predictions["random"].values())))
    with pytest.raises(ValueError, match="expected traces of the same patches"):
        explore.coreset(
            category,
            {**found.traces, "x": dataclasses.replace(found.traces["greedy"], image=np.zeros(96))},
        )
    swapped = {"greedy": found.predictions["random"]}
    with pytest.raises(ValueError, match="got one whose nearest patches lie elsewhere"):
        explore.coreset(category, found.traces, swapped)
    assert SHARES[0] in found.predictions["greedy"]
    assert N_TRAIN == len(category.train)
