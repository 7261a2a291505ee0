"""The mixer in an exported page and in JupyterLab: every control changes the fused map and its metrics."""

import functools
import inspect
import tempfile
from pathlib import Path

import checks
import explorer_data
import numpy as np
import pytest
from driving import Driven, Exported, Live
from exports import with_changed_code
from lab_server import write_notebook
from pages import axe, opened_file
from playwright.sync_api import expect

from adviz import Prediction, explore, maps

ELSEWHERE = "\N{EN DASH}"  # in place of numbers that a file lacks
PENDING = "…"
LAYERS = ["layer1", "layer2", "layer3"]


def prepared():
    """Return predictions whose layer2 sees the defects; of the others one is noise, one coarse."""
    rng = np.random.default_rng(0)
    found = {}
    for name, category in explorer_data.categories.items():
        truth = maps.resize(category.test.masks_array(), (28, 28), "area")
        count = len(truth)
        cells = {
            "layer2": 0.2 * rng.random((count, 28, 28), np.float32) + truth,
            "layer3": 2 * rng.random((count, 28, 28), np.float32) + truth,
        }
        own = maps.smooth(maps.resize(np.sqrt(sum(cells.values())), (224, 224)))
        both = Prediction(own.max((1, 2)), own, cells)
        finer = {"layer1": rng.random((count, 56, 56), np.float32), **cells}
        found[name] = {"PatchCore": both, "other": Prediction(both.score, own, finer)}
    return found


def text_of_cells():
    """Return the source of a notebook that displays the explorer."""
    made = inspect.getsource(prepared).replace("explorer_data.", "")
    return f"from adviz import Prediction, explore, maps\n{made}\nview = explore.layers(categories, prepared())\nview"


@functools.cache
def file():
    folder = tempfile.TemporaryDirectory(prefix="adviz-layers-")
    view = explore.layers(explorer_data.categories, prepared())
    view.sigma = 2.0  # a choice of its own, whose metrics are in the page
    path = view.export(Path(folder.name) / "layers.html")
    view.sigma = None
    return path, folder  # which is there as long as the process


@pytest.fixture(scope="module")
def page(chromium):
    with opened_file(chromium, file()[0]) as page:
        yield page


@pytest.fixture
def driven(page):
    found = Driven(page.explorer(), Exported(page.browser))
    found.place.assign({"sigma": None})
    found.first = {**found.first, "sigma": None}
    found.reset()
    yield found
    found.reset()
    problems = list(page.problems)
    page.problems.clear()
    assert problems == [], "what the page complains of"


def weight(driven, layer):
    """Return the slider of a layer."""
    return driven.find(".av-weights input[type=range]").nth(layer)


def box(driven, layer):
    return driven.find(".av-weights input[type=checkbox]").nth(layer)


def numbers(driven):
    """Return the metrics' table, a list of texts for each of its lines."""
    return driven.find(".av-numbers-table").evaluate(
        "table => [...table.tBodies].flatMap(body => [...body.rows]).map("
        "row => [...row.cells].map(one => one.textContent))"
    )


def it_opens_with_the_detectors_own_way(driven):
    expect(driven.status).to_contain_text(
        "fusion: layer2 + layer3, sum, root, sigma 4 (the detector's own way)"
    )
    expect(driven.find(".av-preset select")).to_have_value("the detector's own")
    # the other category's come when they are measured
    driven.until(
        lambda: PENDING not in str(numbers(driven)) and "of 2 categories" in str(numbers(driven)),
        "all metrics",
    )
    found = numbers(driven)
    heads = [row[0] for row in found if len(row) == 1]
    assert heads == ["this image", "all 12 test images of mesh", "mean of 2 categories"]
    # it is the detector's own map
    assert sum(row[-1] == "0.0" for row in found) >= 7


def layers_enter_and_are_left_out(driven):
    driven.redraws(lambda: box(driven, 1).click())
    driven.becomes(layers=["layer2"])
    expect(driven.status).to_contain_text("fusion: layer2, sum, root, sigma 4")
    expect(driven.find(".av-preset select")).to_have_value("layer2")
    expect(box(driven, 0)).to_be_disabled()  # one has to stay
    # layer3 is noise
    driven.until(lambda: numbers(driven)[2][-1].startswith("+"), "a better fusion")
    driven.redraws(lambda: driven.find("button.av-tile-title:visible").nth(1).click())
    driven.becomes(layers=LAYERS[1:])
    driven.redraws(lambda: driven.find("button.av-only").nth(1).click())
    driven.becomes(layers=["layer3"])


def weights_are_moved(driven):
    slider = weight(driven, 1)
    assert slider.bounding_box()["width"] >= 120
    driven.redraws(lambda: driven.press("ArrowLeft", slider))
    driven.becomes(weights={"layer3": 0.9})
    expect(driven.find(".av-preset select")).to_have_value("own choice")
    driven.redraws(lambda: slider.fill("3"))
    driven.becomes(weights={"layer3": 3})
    expect(driven.find(".av-weights output").nth(1)).to_have_text("\N{MULTIPLICATION SIGN} 3.0")
    slider.fill("0")
    weight(driven, 0).fill("0")
    expect(driven.find(".av-mixer .av-note")).to_contain_text("No layer has a weight above 0")
    driven.choose("preset", "the detector's own")
    driven.becomes(weights={}, layers=[], join="", root=None, sigma=None)


def the_way_of_joining(driven):
    driven.redraws(lambda: driven.choose("join", "product"))
    expect(driven.status).to_contain_text("layer2 + layer3, product, root")
    driven.redraws(lambda: driven.tick("root"))
    expect(driven.status).to_contain_text("product, sigma 4")
    driven.redraws(lambda: driven.slide("sigma", 1.5))
    driven.becomes(join="product", root=False, sigma=1.5)
    driven.push("undo")
    driven.becomes(sigma=None)


def a_pick_reads_out_every_layer(driven):
    driven.choose("preset", "layer3")
    driven.becomes(layers=["layer3"])
    driven.pick(56, 112)
    driven.becomes(picked=[56, 112])
    expect(driven.find(".av-layer-values")).to_contain_text("Layers at row 56, column 112")
    expect(driven.find(".av-readout").first).to_contain_text("fused map")
    # a click in a map of a layer picks, and leaves the layer out of the fusion
    driven.find(".av-tile canvas:visible").nth(2).click(position={"x": 20, "y": 20})
    driven.until(lambda: driven.state("picked") != [56, 112], "another pick")
    assert driven.state("layers") == ["layer3"]


def other_detectors_and_categories(driven):
    driven.choose("detector", "other")
    expect(driven.status).to_contain_text("fusion: layer1 + layer2 + layer3, sum, sigma 4")
    expect(driven.find(".av-weights input[type=range]")).to_have_count(3)
    driven.choose("detector", "PatchCore")
    expect(driven.find(".av-weights input[type=range]")).to_have_count(2)
    driven.choose("category", "hex_nut")
    driven.until(lambda: "hex_nut" in str(numbers(driven)), "the metrics of the other category")
    driven.press("]")
    driven.until(lambda: driven.state("image") != 0, "another image")


CHECKS = [
    it_opens_with_the_detectors_own_way,
    layers_enter_and_are_left_out,
    weights_are_moved,
    the_way_of_joining,
    a_pick_reads_out_every_layer,
    other_detectors_and_categories,
]


# one of the others needs a detector without maps, which this explorer refuses
SHARED = [check for check in checks.SHARED if check is not checks.detectors]


@pytest.mark.parametrize("check", CHECKS + SHARED, ids=lambda check: check.__name__)
def test_it_answers_in_a_file(driven, check):
    check(driven)


def test_own_scales(driven):
    third = driven.find(".av-tile-numbers:visible").nth(3)
    before = third.inner_text()
    driven.tick("own-scale")
    driven.becomes(own_scale=True)
    expect(third).not_to_have_text(before)


def test_metrics_that_a_file_lacks_are_said_to_be_elsewhere(driven):
    driven.becomes(sigma=None)
    driven.slide("sigma", 2)  # which was chosen when it was written
    driven.until(lambda: numbers(driven)[4][1] != PENDING, "metrics")
    assert numbers(driven)[4][1] not in (ELSEWHERE, "")
    driven.slide("sigma", 3)
    expect(driven.find(".av-fusion-table")).to_contain_text("a notebook measures every fusion")
    found = numbers(driven)
    assert found[4][1] == ELSEWHERE
    assert found[1][1] not in (ELSEWHERE, PENDING)  # this image's follow


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(chromium, scheme):
    with opened_file(chromium, file()[0], scheme=scheme) as page:
        driven = Driven(page.explorer(), Exported(page.browser))
        driven.complete()
        box(driven, 1).click()
        found = axe(page.browser)
        assert found == [], "\n".join(found)


@pytest.mark.parametrize("width", [360, 900])
def test_it_fits_into_a_narrow_window(chromium, width):
    with opened_file(chromium, file()[0], width=width) as page:
        driven = Driven(page.explorer(), Exported(page.browser))
        driven.complete()
        assert page.wider() <= 0
        assert page.wider(".av-mixer, .av-fusion-table, .av-layer-values, .av-layer-maps") <= 0
        assert weight(driven, 0).bounding_box()["width"] >= 100
        driven.redraws(lambda: weight(driven, 0).fill("3"))


def test_a_handler_that_is_missing_is_noticed(chromium, tmp_path):
    right, wrong = (f'control.addEventListener("{event}", ' for event in ("input", "no"))
    mutant = with_changed_code(file()[0], right, wrong, tmp_path / "mutant.html")
    with opened_file(chromium, mutant) as page:
        driven = Driven(page.explorer(), Exported(page.browser))
        driven.complete()
        before = driven.drawing()
        weight(driven, 1).fill("3")
        page.browser.wait_for_timeout(300)
        assert driven.drawing() == before


# --- with a kernel


@pytest.fixture(scope="module")
def lab_page(lab, shared_page):
    write_notebook(lab.folder, "layers.ipynb", inspect.getsource(explorer_data), text_of_cells())
    shared_page.run("layers.ipynb")
    return shared_page


def test_it_answers_in_jupyterlab(lab_page, screenshot):
    driven = Driven(lab_page.explorer(), Live(lab_page.browser, "view"))
    driven.complete()
    for check in CHECKS:
        check(driven)
        driven.reset()
    # every fusion is measured
    weight(driven, 1).fill("2.5")
    driven.becomes(weights={"layer3": 2.5})
    driven.until(lambda: PENDING not in str(numbers(driven)), "all metrics")
    assert ELSEWHERE not in str([row[1:2] for row in numbers(driven)])
    before = numbers(driven)
    driven.place.assign({"weights": {}})  # Python moves the sliders
    expect(weight(driven, 1)).to_have_value("1")
    driven.until(lambda: numbers(driven) != before, "other metrics")
    driven.reset()
