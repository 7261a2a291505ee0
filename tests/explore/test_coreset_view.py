import dataclasses
import re
import threading

import numpy as np
import pytest
from bank_data import N_TRAIN, SHARES, SIDE, small_bank, small_category
from PIL import Image

from adviz import PatchCore, Prediction, data, evaluate, explore, plots
from adviz.explore.coreset import page as coreset_page
from adviz.explore.coreset.page import COLUMN, DISTANCE, IMAGE, ORDER, ROW
from adviz.plots import style


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
    opened.picked, opened.chosen, opened.image = None, [], 0
    return opened


def page(view):
    return view._page.value


def colours(view):
    return np.frombuffer(view._scatter.colours, np.uint8).reshape(-1, 3)


def test_it_opens_with_one_per_cent_and_learns_the_rest(view, found):
    assert (view.category, view.sampler, view.budget) == ("plate", "greedy", 1)
    view.budget = 24
    assert view.status.startswith("plate · greedy · 24 entries of 96 (25%) · covering radius ")
    assert np.isclose(view.radius, found.traces["greedy"].radius[23])
    assert f"covering radius {style.number(view.radius)}" in view.status
    assert "Error" not in view.status


def test_the_points_are_all_rows_and_the_rings_the_first_of_the_order(view, found):
    for name, trace in found.traces.items():
        view.sampler, view.budget = name, 10
        assert np.frombuffer(view._scatter.order, "<u4").tolist() == trace.order.tolist()
        assert view._scatter.count == 10
    assert len(view._scatter.points) == 8 * 96


@pytest.mark.parametrize("budget", [1, 5, 48])
def test_the_budget_changes_status_page_and_the_budget_line(view, budget):
    view.budget = 24
    before, text = page(view), view.status
    view.budget = budget
    assert page(view) != before
    assert view.status != text
    along = plots.position_on_axis(budget, (1, 48))
    assert page(view).count(f"left:{along:.2%}") == 5  # one line a chart
    with pytest.raises(
        ValueError,
        match=r"expected one of the slider's steps \[1, 2, 3, 4, 5, 7, .*\], got 6",
    ):
        view.budget = 6


def test_the_sampler_keeps_the_budget_and_changes_the_numbers(view, found, category):
    view.budget = 24
    text = view.status
    view.sampler = "random"
    assert view.budget == 24
    assert view.status != text
    points, order = found.traces["random"].points, found.traces["random"].order[:24]
    expected = np.linalg.norm(points[:, None] - points[order], axis=2).min(1).max()
    assert np.isclose(view.radius, expected)
    result = evaluate(found.predictions["random"][0.25], category.test)
    assert f">{result.pro:.3f}<" in page(view)
    with pytest.raises(Exception, match="Invalid selection"):
        view.sampler = "best"


def test_usage_is_told_where_there_is_a_prediction(view):
    view.budget = 24
    assert f"{coreset_page.share(view.usage.share)} of the bank used at test time" in view.status
    assert f"nearest of {view.usage.times} of 64 test patches" in page(view)
    view.budget = 10
    assert view.usage is None
    assert "AUROC, PRO and use are known for 4, 24, 48 entries of greedy" in page(view)
    assert "test time" not in view.status


def test_colours_are_those_of_the_definitions(view, found):
    trace = found.traces["greedy"]
    view.budget, view.image = 24, 2
    far = view._bank.distance("greedy", 24)
    ends = (0, max(far.max(), view._bank.distance("random", 24).max()))
    ranks = np.full(96, 0)
    ranks[trace.order[:24]] = np.arange(1, 25)
    expected = {
        DISTANCE: plots.heat(far, ends),
        ROW: plots.heat(trace.location // SIDE, (0, SIDE - 1)),
        COLUMN: plots.heat(trace.location % SIDE, (0, SIDE - 1)),
        IMAGE: np.where((trace.image == 2)[:, None], coreset_page.SHOWN, coreset_page.GREY),
    }
    for name, wanted in expected.items():
        view.colour = name
        np.testing.assert_array_equal(colours(view), wanted)
    view.colour = ORDER
    shown = colours(view)
    assert (shown[ranks == 0] == coreset_page.GREY).all()
    brightness = shown[trace.order[:24]].astype(int).sum(1)
    assert (np.diff(brightness) <= 0).all()  # the first choice is the brightest
    assert brightness[0] > brightness[-1]
    assert view._scatter.count == 0  # rings would hide them


def test_what_matters_is_painted_last(view, found):
    view.budget = 24
    painting = np.frombuffer(view._scatter.painting, "<u4")
    assert (np.diff(view._bank.distance("greedy", 24)[painting]) >= 0).all()
    view.colour = ORDER
    order = found.traces["greedy"].order[:24]
    assert np.frombuffer(view._scatter.painting, "<u4")[-24:].tolist() == order[::-1].tolist()
    view.colour, view.image = IMAGE, 3
    last = np.frombuffer(view._scatter.painting, "<u4")[-(SIDE**2) :]
    assert (found.traces["greedy"].image[last] == 3).all()
    view.colour = ROW
    assert view._scatter.painting == b""


def test_a_pick_shows_its_image_its_cell_and_what_stands_for_it(view, found):
    trace = found.traces["greedy"]
    view.budget = 10
    row = int(np.setdiff1d(np.flatnonzero(trace.image == 4), trace.order[:10])[0])
    view.picked = row
    assert (view.image, view.picked) == (4, row)
    assert [place // 8 for place in view._overlay.picked] == list(
        divmod(int(trace.location[row]), SIDE)
    )
    nearest, distance = view._bank.nearest_chosen(row, "greedy", 10)
    number = trace.order.tolist().index(nearest) + 1
    assert f"choice {number} · distance {style.number(distance)}" in view._beside.value
    assert f"entry {row} picked" in view.status
    view.picked = int(trace.order[2])
    assert "choice 3" in view._beside.value
    assert "nearest chosen patch" not in view._beside.value
    view.picked = None
    assert view._overlay.picked == []
    assert "Click a point" in view._beside.value


def test_a_click_on_a_cell_of_the_image_picks_its_row(view):
    view.image = 3
    view._overlay.picked = [17, 30]
    assert view.picked == view._bank.row_at(3, 2 * SIDE + 3)
    assert "picked" in view.status
    view.image = 1  # the pick lies on another image
    assert view.picked is None
    assert view._overlay.picked == []


def test_the_image_shows_its_distances_and_its_chosen_cells(view, found):
    trace = found.traces["greedy"]
    view.budget = 24
    for image in (0, 5):
        view.image = image
        mine = [row for row in trace.order[:24].tolist() if trace.image[row] == image]
        marks = view._overlay.markers
        places = [(int(mark["top"]) // 8, int(mark["left"]) // 8) for mark in marks]
        assert places == [divmod(int(trace.location[row]), SIDE) for row in mine]
        numbers = [str(trace.order.tolist().index(row) + 1) for row in mine[:5]]
        assert [mark["text"] for mark in marks] == numbers + [""] * (len(mine) - len(numbers))
        shown = np.frombuffer(view._overlay.scores, "<f4").reshape(SIDE, SIDE)
        np.testing.assert_array_equal(
            shown.ravel(), view._bank.distance("greedy", 24)[trace.image == image]
        )
    with pytest.raises(ValueError, match="image must be a training image from 0 to 5, got 6"):
        view.image = 6


def test_where_the_rows_come_from_is_counted(view, found):
    view.budget, view.image = 24, 2
    trace = found.traces["greedy"]
    counts = np.bincount(trace.image[trace.order[:24]], minlength=N_TRAIN)
    bars = re.findall(r"title='(\d): (\d+) entr(?:y|ies)'", page(view))
    assert [(int(name), int(count)) for name, count in bars] == list(enumerate(counts))
    assert f"dark orange: 2 ({counts[2]})" in page(view)
    assert "dashed: 4 each" in page(view)
    positions = np.bincount(trace.location[trace.order[:24]], minlength=SIDE**2)
    assert f">{positions.max()}</span>" in page(view)  # the end of the scale


def test_a_selection_shows_its_patches_and_counts_those_in_the_bank(view, found):
    view.budget, chosen = 24, np.arange(10, 70)
    view.chosen = chosen
    kept = np.isin(chosen, found.traces["greedy"].order[:24]).sum()
    assert (
        f"60 entries selected, {kept} of them in the bank (15 if drawn evenly); 24 shown, 36 more"
        in page(view)
    )
    selection = page(view).partition("adviz-selection")[2].partition("adviz-values")[0]
    assert selection.count("<figure") == 24
    shown = np.linspace(10, 69, 24).round().astype(int)
    assert selection.count("kept</div>") == np.isin(shown, found.traces["greedy"].order[:24]).sum()
    assert view.chosen.tolist() == chosen.tolist()
    view.chosen = [3, 1, 3]
    assert "2 entries selected" in view.status
    assert (
        page(view).partition("adviz-selection")[2].partition("adviz-values")[0].count("<figure")
        == 2
    )
    view.chosen = []
    assert "adviz-selection" not in page(view)


def test_the_static_picture_follows_the_state(view, found, tmp_path):
    view.sampler, view.budget, view.colour = "random", 24, ROW
    figure = view.static()
    rings = figure.axes[0].collections[1].get_offsets()
    np.testing.assert_allclose(rings, view._bank.plane[0][found.traces["random"].order[:24]])
    assert [axes.get_label() for axes in figure.axes] == ["plane", "covering radius", "image AUROC"]
    view.save(str(tmp_path / "view.png"))
    with Image.open(tmp_path / "view.png") as image:
        assert image.size[0] > 900
        assert np.asarray(image).std() > 10


def test_a_single_trace_is_enough(category, found):
    view = explore.coreset(category, found.traces["greedy"])
    view.wait(60)
    assert view.usage is None
    assert "There are no predictions" in page(view)
    assert view._sampler.options == ("greedy",)
    view.budget = 48
    assert "48 entries of 96 (50%)" in view.status
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
    view.budget = 24
    assert page(view).count(">0.123<") == 2
    assert "Error" not in view.status


def test_missing_masks_and_labels_are_said(found, tmp_path):
    bare = small_category(tmp_path, masks=False)
    view = explore.coreset(bare, found.traces, found.predictions)
    view.wait(60)
    assert "Metrics are undefined: the test set has no masks." in page(view)
    assert "image AUROC" in page(view)
    split = bare.test
    unlabelled = data.Split(
        split.paths, [-1] * 4, [None] * 4, ["unlabelled"] * 4, geometry=split.geometry
    )
    view = explore.coreset(
        data.Category("plate", bare.train, unlabelled), found.traces, found.predictions
    )
    view.wait(60)
    view.budget = 24
    assert "Metrics are undefined: " in page(view)
    assert view.usage.rows == 24
    assert "Error" not in view.status


def test_several_categories_are_gone_through(category, found, tmp_path):
    other, more = small_category(tmp_path, seed=1), small_bank(seed=1)
    view = explore.coreset(
        {"plate": category, "disc": other},
        {"plate": found.traces, "disc": more.traces["random"]},
        {"plate": found.predictions},
    )
    view.wait(60)
    view.sampler, view.picked, view.chosen = "greedy", 95, [4, 5]
    view.category = "disc"
    view.wait(60)
    assert (view.sampler, view.picked, len(view.chosen), view.image) == ("random", None, 0, 0)
    assert view.status.startswith("disc · random · ")
    assert np.isclose(view.radius, view._bank.distance("random", view.budget).max())
    view.category = "plate"
    assert view._sampler.options == ("greedy", "random")
    assert "Error" not in view.status


def test_proxies_have_one_budget_and_are_said_to_be_no_patches(category, found):
    detector = PatchCore(layers=("layer",), coreset=0.25, sampler="proxies").fit(found.train)
    traces = {**found.traces, "proxies": detector.trace_}
    view = explore.coreset(category, traces, {"proxies": {0.25: detector.predict(found.test)}})
    view.wait(60)
    view.sampler = "proxies"
    assert (view.budget, view._budget.disabled) == (24, True)
    assert "Learned proxies are no patches" in page(view)
    assert view.usage is not None


def test_it_can_be_stopped_and_starts_again(category, found, monkeypatch):
    from adviz._support import progress
    from adviz.explore.coreset import bank

    entered, coverage = threading.Event(), bank.coverage

    def endless(*_):
        for _ in progress.progress_bar(iter(int, 1), label="coverage"):
            entered.set()

    monkeypatch.setattr(bank, "coverage", endless)
    view = explore.coreset(category, found.traces)
    assert entered.wait(30)
    view.budget = 10
    view.sampler = "random"
    assert "covering radius is being computed" in view.status
    assert "the distances are not known yet" in view._legend.value
    view.stop()
    view.wait(60)
    assert view.status == "stopped"
    monkeypatch.setattr(bank, "coverage", coverage)
    view.sampler = "greedy"
    view.wait(60)
    view.sampler = "random"
    assert view.radius is not None


def test_an_image_that_cannot_be_read_is_said_and_the_next_is_shown(category, found, monkeypatch):
    read = type(category.train).image

    def fail(split, index):
        if index == 1:
            raise OSError("this file is gone")
        return read(split, index)

    monkeypatch.setattr(type(category.train), "image", fail)
    view = explore.coreset(category, found.traces)
    view.wait(60)
    view.image = 1
    assert view.status == "Error: OSError: this file is gone"
    view.image = 2
    assert "Error" not in view.status


def test_names_from_files_are_escaped(category, found):
    trace = found.traces["greedy"]
    view = explore.coreset(category, {"<b>greedy</b>": trace})
    view.wait(60)
    assert "<b>greedy" not in page(view) + view._status.value


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
