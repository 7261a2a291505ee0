"""Methods side by side in JupyterLab.

The most disputed image first, every control, a click, a reload.
"""

import re

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

CELLS = [
    """import numpy as np
from adviz import Prediction, data, explore, maps
rng, categories, predictions = np.random.default_rng(0), {}, {}
for name in ("bottle", "hex_nut"):
    whole = data.demo(name)
    test = whole.test.subset(range(0, len(whole.test), 5))
    categories[name] = data.Category(name, whole.train, test)
    truth = maps.resize(test.masks_array(), (28, 28), "area")
    predictions[name] = {"DN2": Prediction(rng.random(len(test)))}
    for method, scale in {"SPADE": 1.0, "PatchCore": 20.0}.items():
        cells = scale * (truth + rng.random(truth.shape, np.float32))
        own = maps.smooth(maps.resize(cells, (224, 224)))
        predictions[name][method] = Prediction(own.max((1, 2)), own)
view = explore.compare(categories, predictions)
view""",
    """if "again" in globals():  # not when all cells are run
    view._order.unobserve_all("value")
    view._relative.unobserve_all("value")
again = True""",
]


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "compare.ipynb", *CELLS)
    shared_page.run("compare.ipynb")
    return shared_page


@pytest.fixture
def page(explorer, screenshot):
    explorer.find(".adviz-category").evaluate("part => part.scrollIntoView()")
    idle(explorer)
    return explorer


def idle(page):
    """Wait until all metrics are there."""
    expect(page.find(".adviz-busy")).to_be_hidden()
    expect(page.find(".adviz-table")).not_to_contain_text("…")


def status(page):
    return page.find(".adviz-status")


def choose(page, control, value):
    page.changes(lambda: page.find(f".adviz-{control} select").select_option(value))


def disagreement(page):
    return float(re.search(r"disagreement of \w+ ([\d.]+)", status(page).inner_text())[1])


def test_it_opens_with_the_most_disputed_image_and_steps_down(page):
    found = [disagreement(page)]
    for _ in range(4):
        page.changes(page.find(".adviz-next").click)
        found.append(disagreement(page))
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]
    page.changes(page.find(".adviz-previous").click)
    assert disagreement(page) == found[3]
    page.changes(lambda: page.find(".adviz-image .noUi-handle").press("Home"))
    assert disagreement(page) == found[0]


def test_orders(page):
    order = page.find(".adviz-order select").select_option
    order("disagreement of maps")
    expect(status(page)).to_contain_text("disagreement of maps")
    order("as stored")
    expect(status(page)).to_have_text(re.compile("bottle · image 1 of [^·]*· [^·]*$"))
    order("score of the detector")
    expect(status(page)).to_contain_text("score of DN2")
    page.find(".adviz-detector select").select_option("PatchCore")
    expect(status(page)).to_contain_text("score of PatchCore")
    expect(page.find(".adviz-view")).to_contain_text("rank 1 of")
    order("disagreement of scores")
    expect(status(page)).to_contain_text("disagreement of scores")


def test_maps_are_divided_by_their_thresholds(page):
    view = page.find(".adviz-view")
    expect(view).to_contain_text("each detector on its own scale")
    page.changes(page.find(".adviz-relative input").click)
    expect(view).to_contain_text(
        "map / threshold, 1 = the F1-optimal one of its pixels; that of DN2 is undefined"
    )
    page.changes(page.find(".adviz-relative input").click)


def test_a_click_reads_out_every_method(page):
    canvas, values = page.find("canvas.adviz-overlay"), page.find(".adviz-values")
    canvas.click(position={"x": 150, "y": 75})
    expect(values).to_contain_text(re.compile("pixel 5[56], 11[123]"))  # 300 pixels are 224
    row, column = map(int, re.search(r"pixel (\d+), (\d+)", values.inner_text()).groups())
    expect(values).to_contain_text(re.compile(r"SPADE.*%.*PatchCore.*%", re.S))
    canvas.press("ArrowRight")
    expect(values).to_contain_text(f"pixel {row}, {column + 1}")


def test_the_scatters_axes(page):
    for axis, method in (("x", "PatchCore"), ("y", "DN2")):
        choose(page, axis, method)
    expect(page.find(".adviz-scatter svg")).to_have_attribute(
        "aria-label", re.compile("scores of PatchCore and DN2")
    )
    expect(page.find(".adviz-scatter span")).to_be_visible()


def test_categories_and_defects(page):
    choose(page, "category", "hex_nut")
    idle(page)
    expect(page.find(".adviz-table")).to_contain_text("hex_nut")
    choose(page, "defect", "good")
    expect(status(page)).to_contain_text("hex_nut")
    expect(status(page)).to_contain_text("good")
    choose(page, "category", "bottle")


def test_a_narrow_page_is_not_scrolled_sideways(page):
    page.browser.set_viewport_size({"width": 1000, "height": 900})
    page.find(".adviz-category").evaluate("part => part.scrollIntoView()")
    wide = page.find(".adviz-view").evaluate("part => part.scrollWidth - part.clientWidth")
    page.screenshot("compare_narrow")
    page.browser.set_viewport_size({"width": 1280, "height": 900})
    assert wide <= 1


def test_a_reloaded_page_shows_the_same(page):
    page.find(".adviz-order select").select_option("disagreement of maps")
    expect(status(page)).to_contain_text("disagreement of maps")
    page.changes(page.find(".adviz-next").click)
    text = status(page).inner_text()
    page.reload()
    expect(status(page)).to_have_text(text)
    expect(page.find(".adviz-order select")).to_have_value("disagreement of maps")
    expect(page.find(".adviz-counter")).to_have_text(re.compile("^2 of"))


def test_a_control_that_is_not_wired_is_noticed(page):
    page.run_cell(1)
    page.stays(page.find(".adviz-relative input").click)
    page.stays(lambda: page.find(".adviz-order select").select_option("score of the detector"))
    page.changes(page.find(".adviz-next").click)
