"""The retrieval explorer in JupyterLab: a click explains a pixel, a reload of the page keeps what was chosen."""

import re

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

CELL = """import numpy as np
from adviz import DN2, SPADE, Backbone, Features, PaDiM, data, explore
category, rng = data.demo("mesh"), np.random.default_rng(0)
few = list(range(0, len(category.test), 6))
category = data.Category("mesh", category.train.subset(range(8)), category.test.subset(few))
layers = lambda n: {"layer2": rng.random((n, 4, 28, 28), np.float32), "layer4": rng.random((n, 6, 7, 7), np.float32)}
train, test = (Features(layers(len(split)), image_size=(224, 224)) for split in (category.train, category.test))
spade = SPADE(layers=("layer2",), image_layers=("layer4",)).fit(train).predict(test)
padim = PaDiM(layers=("layer2",)).fit(train).predict(test)
dn2 = DN2(layers=("layer4",)).fit(train).predict(test)
view = explore.retrieval(category, {"SPADE": spade, "PaDiM": padim, "DN2": dn2})
view"""


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "retrieval.ipynb", CELL)
    cells = shared_page.run_all("retrieval.ipynb", seconds=180)
    assert [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"] == []
    return shared_page


@pytest.fixture
def page(explorer, screenshot):
    canvas(explorer).scroll_into_view_if_needed()
    return explorer


def canvas(page):
    return page.find("canvas.adviz-overlay")


def status(page):
    return page.find(".adviz-status")


def test_a_click_explains_that_pixel(page):
    page.changes(lambda: canvas(page).click(position={"x": 90, "y": 180}))
    expect(status(page)).to_contain_text("pixel 112, 56")  # 360 pixels of the screen are 224 of the image
    expect(page.find(".adviz-readout")).to_contain_text("row 112, column 56 · map")
    expect(page.find(".adviz-shares")).to_contain_text("layer2")


def test_arrow_keys_go_from_cell_to_cell(page):
    canvas(page).click(position={"x": 90, "y": 180})
    expect(status(page)).to_contain_text("pixel 112, 56")
    page.changes(lambda: canvas(page).press("ArrowRight"))
    expect(status(page)).to_contain_text("pixel 112, 64")


def test_the_pick_stays_when_the_method_changes(page):
    canvas(page).click(position={"x": 180, "y": 90})
    expect(status(page)).to_contain_text("pixel 56, 112")
    choose = page.find(".adviz-detector select").select_option
    page.changes(lambda: choose("PaDiM"))
    expect(status(page)).to_contain_text(re.compile("PaDiM .* pixel 56, 112"))
    page.changes(lambda: choose("SPADE"))


def test_fewer_neighbours_and_whole_images(page):
    canvas(page).click(position={"x": 180, "y": 90})
    handle = page.find(".adviz-k .noUi-handle")
    page.changes(lambda: [handle.press("ArrowLeft") for _ in range(4)])
    page.changes(lambda: page.find(".adviz-whole").click())
    expect(status(page)).not_to_contain_text("pixel")


def test_defects_and_images_are_gone_through(page):
    options = page.find(".adviz-defect select option").all_inner_texts()
    assert options[0] == "all"
    last = [name for name in options[1:] if name != "good"][-1]
    page.changes(lambda: page.find(".adviz-defect select").select_option(last))
    expect(status(page)).to_contain_text(f"anomalous: {last}")
    page.find(".adviz-defect select").select_option("all")
    page.changes(page.find(".adviz-next").click)


def test_a_reloaded_page_shows_the_same(explorer):
    canvas(explorer).click(position={"x": 30, "y": 30})
    expect(status(explorer)).to_contain_text("pixel 18, 18")
    text = status(explorer).inner_text()
    explorer.browser.evaluate("async () => { await window.jupyterapp.commands.execute('docmanager:save'); }")
    explorer.browser.reload()
    explorer.browser.wait_for_function("window.jupyterapp !== undefined")
    explorer.browser.evaluate("async () => { await window.jupyterapp.restored; }")
    expect(status(explorer)).to_have_text(text)
    expect(explorer.find(".adviz-readout")).to_contain_text("row 18, column 18")
    explorer.screenshot("test_a_reloaded_page_shows_the_same")
