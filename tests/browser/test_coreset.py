"""The coreset explorer in JupyterLab.

Budget, sampler, colours, a pick, the keys, a lasso, a cell of an image.
"""

import re

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

CELL = """import numpy as np
from adviz import Features, PatchCore, explore
from adviz.data import Category, Geometry, Split
rng, size = np.random.default_rng(0), Geometry(64, crop=False)
images = rng.integers(0, 255, (12, 64, 64, 3), dtype=np.uint8)
train = Split.from_arrays(images[:8], [0] * 8, geometry=size)
test = Split.from_arrays(images[8:], [0, 0, 1, 1], geometry=size)
layers = lambda n: {"layer": rng.normal(size=(n, 5, 8, 8)).astype(np.float32)}
old, new = (Features(layers(len(split)), image_size=(64, 64)) for split in (train, test))
banks = {
    name: PatchCore(layers=("layer",), coreset=0.5, sampler=name).fit(old)
    for name in ("greedy", "random")
}
found = {name: bank.predict_coreset_sizes(new, [0.02, 0.1, 0.5]) for name, bank in banks.items()}
traces = {name: bank.trace_ for name, bank in banks.items()}
view = explore.coreset(Category("tile", train, test), traces, found)
view.wait()
view"""
UNWIRED = """unwired = explore.coreset(Category("tile", train, test), traces, found)
unwired.wait()
for control in (unwired._budget, unwired._sampler, unwired._colour, unwired._images.slider):
    control.unobserve_all("value")
unwired._scatter.unobserve_all()
unwired"""


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "coreset.ipynb", CELL, UNWIRED)
    shared_page.run("coreset.ipynb")
    return shared_page


@pytest.fixture
def page(explorer, screenshot):
    points(explorer).scroll_into_view_if_needed()
    return explorer


def points(page, number=0):
    return page.find("canvas.adviz-scatter").nth(number)


def picture(page):
    return page.find("canvas.adviz-overlay").first


def status(page):
    return page.find(".adviz-status").first


def handle(page, name, number=0):
    return page.find(f".adviz-{name} .noUi-handle").nth(number)


def lasso(page, left, top, right, bottom):
    box, mouse = points(page).bounding_box(), page.browser.mouse
    mouse.move(box["x"] + left, box["y"] + top)
    mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom)):
        mouse.move(box["x"] + x, box["y"] + y)
    mouse.up()


def test_the_budget_moves_rings_line_and_numbers(page):
    expect(page.find(".adviz-readout").first).to_contain_text("512 points · 5 ringed")
    before = page.find(".adviz-budget-line").first.get_attribute("style")
    page.changes(lambda: handle(page, "budget").press("ArrowRight"))
    expect(status(page)).to_contain_text(
        "tile · greedy · 7 entries of 512 (1.4%) · covering radius"
    )
    expect(page.find(".adviz-readout").first).to_contain_text("512 points · 7 ringed")
    assert page.find(".adviz-budget-line").first.get_attribute("style") != before
    page.changes(lambda: handle(page, "budget").press("ArrowRight"))
    # 10 rows are one of the predictions
    expect(status(page)).to_contain_text("of the bank used at test time")


def test_the_sampler_changes_and_keeps_the_budget(page):
    rows = re.search(r"\d+ entries of 512", status(page).inner_text())[0]
    page.changes(lambda: page.find(".adviz-sampler select").first.select_option("random"))
    expect(status(page)).to_contain_text(f"tile · random · {rows}")
    page.changes(lambda: page.find(".adviz-sampler select").first.select_option("greedy"))


def test_every_colour_has_its_legend(page):
    legend = page.find(".adviz-legend").first
    words = {
        "order of choice": "number of the choice",
        "training image": "patches of the displayed training image",
        "row in the image": "row in the image, from 0",
        "column in the image": "column in the image, from 0",
        "distance to the coreset": "the farthest on top",
    }
    for name, text in words.items():
        page.find(".adviz-colour select").first.select_option(name)
        expect(legend).to_contain_text(text)
    expect(page.find(".adviz-readout").first).to_contain_text("ringed")


def test_a_point_is_explained_and_arrow_keys_go_along_the_order(page):
    points(page).click(position={"x": 230, "y": 200})
    expect(status(page)).to_contain_text(re.compile(r"entry \d+ picked"))
    expect(page.find(".adviz-picked").first).to_contain_text("this patch")
    points(page).press("ArrowRight")
    expect(page.find(".adviz-picked").first).to_contain_text(
        re.compile(r"choice \d+|nearest chosen patch")
    )
    points(page).press("Escape")
    for key, number in (("Right", 1), ("Left", 1), ("Right", 2), ("Right", 3), ("Left", 2)):
        points(page).press(f"Arrow{key}")
        expect(page.find(".adviz-picked").first).to_contain_text(
            re.compile(rf"location \d, \d · choice {number}\b")
        )
    points(page).press("Escape")
    expect(status(page)).not_to_contain_text("picked")


def test_a_cell_of_the_training_image_is_picked(page):
    page.find(".adviz-image .noUi-handle").first.press("Home")
    picture(page).click(position={"x": 340 * 2.5 / 8, "y": 340 * 5.5 / 8})
    expect(status(page)).to_contain_text("entry 42 picked")  # image 0, cell 5, 2 of 8 x 8
    page.changes(page.find(".adviz-next").first.click)
    expect(page.find(".adviz-counter").first).to_have_text("2 of 8")
    expect(status(page)).not_to_contain_text("picked")


def test_a_lasso_shows_patches(page):
    page.changes(lambda: lasso(page, 150, 100, 330, 300))
    selection = page.find(".adviz-selection").first
    expect(selection).to_contain_text(
        re.compile(r"\d+ entries selected, \d+ of them in the bank \([\d.]+ if drawn")
    )
    assert selection.locator("figure").count() == 24
    points(page).press("Escape")
    expect(page.find(".adviz-selection")).to_have_count(0)


def test_nothing_is_wider_than_the_page(page):
    for width in (1280, 1000):
        page.browser.set_viewport_size({"width": width, "height": 900})
        page.browser.wait_for_timeout(200)
        cells = page.find(".jp-OutputArea-output").evaluate_all(
            "cells => cells.map(cell => cell.scrollWidth - cell.clientWidth)"
        )
        assert max(cells) <= 0, f"scrolls at {width}"
    page.browser.set_viewport_size({"width": 1280, "height": 900})


def test_an_explorer_whose_controls_are_not_wired_is_noticed(page):
    """The assertions above fail on it: nothing that is shown changes."""
    page.stays(lambda: handle(page, "budget", 1).press("ArrowRight"), number=1)
    page.stays(lambda: page.find(".adviz-sampler select").nth(1).select_option("random"), number=1)
    page.stays(lambda: points(page, 1).click(position={"x": 230, "y": 200}), number=1)


def test_a_reloaded_page_shows_the_same(explorer):
    points(explorer).click(position={"x": 230, "y": 200})
    expect(status(explorer)).to_contain_text("picked")
    text = status(explorer).inner_text()
    explorer.reload()
    expect(status(explorer)).to_have_text(text)
    entry = re.search(r"entry (\d+) picked", text)[1]
    expect(explorer.find(".adviz-readout").first).to_contain_text(f"point {entry}")
    explorer.screenshot("test_a_reloaded_coreset_shows_the_same")
