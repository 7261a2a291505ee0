"""The threshold explorer in JupyterLab.

Every control, tags that are kept, and a reload of the page.
"""

import re

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

DATA = """import numpy as np
from adviz import Prediction, data, explore
rng, categories, found = np.random.default_rng(0), {}, {}
for name in ("mesh", "hex_nut"):
    whole = data.demo(name)
    test = whole.test.subset(range(0, len(whole.test), 6))
    maps = (rng.random((len(test), 224, 224)) * 0.2).astype(np.float32)
    maps += 0.3 * test.masks_array()
    score = rng.random(len(test)) + 2 * (test.labels == 1)
    score[np.flatnonzero(test.labels == 1)[0]] = -1  # full recall costs every good image
    score[np.flatnonzero(test.labels == 0)[0]] = 2.5
    categories[name] = data.Category(name, whole.train.subset([0]), test)
    found[name] = {"SPADE": Prediction(score, maps), "peak": Prediction(maps.max((1, 2)), maps)}
"""
CELL = (
    DATA + "view = explore.thresholds(categories, found, gate={'SPADE': 0.05})\nview.wait()\nview"
)
MUTANT = (
    "other = explore.thresholds(categories, found)\nother._slider.unobserve_all('value')\nother"
)


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "thresholds.ipynb", CELL, MUTANT)
    shared_page.run("thresholds.ipynb")
    return shared_page


@pytest.fixture
def page(explorer, screenshot):
    explorer.find(".adviz-threshold").first.scroll_into_view_if_needed()
    return explorer


def first(page, selector):
    return page.find(selector).first


def now(page):
    """Return the threshold and the counts of errors as the page prints them."""
    row = first(page, ".adviz-view tr:has(th:text-is('current'))").inner_text()
    return re.findall(r"[\d.]+", row)[:3]


def test_the_threshold_is_moved_by_keys_and_buttons(page):
    best = now(page)
    page.changes(lambda: first(page, ".adviz-threshold .noUi-handle").press("ArrowRight"))
    assert float(now(page)[0]) > float(best[0])
    page.changes(lambda: first(page, ".adviz-full").click())
    assert now(page)[2] == "0"  # nothing is missed
    page.changes(lambda: first(page, ".adviz-best").click())
    assert now(page) == best


def test_one_threshold_for_all_and_the_relative_map(page):
    page.changes(lambda: first(page, ".adviz-pooled input").check())
    expect(first(page, ".adviz-view")).to_contain_text("2 categories, one threshold")
    page.changes(lambda: first(page, ".adviz-pooled input").uncheck())
    page.changes(lambda: first(page, ".adviz-relative button >> nth=1").click())
    expect(first(page, ".adviz-view")).to_contain_text("1 is the decision")
    page.changes(lambda: first(page, ".adviz-relative button >> nth=0").click())


def test_category_detector_defect_and_image(page):
    page.changes(lambda: first(page, ".adviz-detector select").select_option("peak"))
    expect(first(page, ".adviz-view")).to_contain_text("which is the maximum of the map")
    expect(first(page, ".adviz-gate")).to_be_hidden()
    page.changes(lambda: first(page, ".adviz-detector select").select_option("SPADE"))
    page.changes(lambda: first(page, ".adviz-category select").select_option("hex_nut"))
    page.changes(lambda: first(page, ".adviz-defect select").select_option("good"))
    page.changes(lambda: first(page, ".adviz-next").click())
    expect(first(page, ".adviz-status")).to_contain_text(
        re.compile("hex_nut · SPADE · image .* · good")
    )


def test_errors_are_gone_to_tagged_and_kept_in_a_file(page, lab):
    page.changes(lambda: first(page, ".adviz-full").click())
    page.changes(lambda: first(page, ".adviz-next-error").click())
    page.changes(lambda: first(page, ".adviz-error select").select_option(index=2))
    page.changes(lambda: first(page, ".adviz-previous-error").click())
    expect(first(page, ".adviz-status")).to_contain_text("a false positive")
    first(page, ".adviz-tag select").select_option("label ambiguity")
    expect(first(page, ".adviz-walls")).to_contain_text("label ambiguity")
    note = first(page, ".adviz-note input")
    note.fill("dust")
    note.press("Enter")
    first(page, ".adviz-file input").fill("my_tags.json")
    first(page, ".adviz-save").click()
    expect(first(page, ".adviz-status")).to_have_text("1 tags written to my_tags.json")
    assert '"note": "dust"' in (lab.folder / "my_tags.json").read_text()
    first(page, ".adviz-load").click()
    expect(first(page, ".adviz-status")).to_have_text("1 tags read from my_tags.json")
    first(page, ".adviz-file input").fill("none.json")
    first(page, ".adviz-load").click()
    expect(first(page, ".adviz-status")).to_contain_text("Error: FileNotFoundError")
    page.changes(lambda: first(page, ".adviz-best").click())


def test_the_gate_is_moved(page):
    first(page, ".adviz-gate").scroll_into_view_if_needed()
    before = first(page, ".adviz-gating").inner_text()
    for _ in range(30):
        first(page, ".adviz-gate .noUi-handle").press("ArrowRight")
    expect(first(page, ".adviz-gating")).not_to_have_text(before)


def test_an_unwired_slider_is_noticed(page):
    page.stays(
        lambda: page.find(".adviz-threshold .noUi-handle").nth(1).press("ArrowRight"), number=1
    )


def test_it_is_no_wider_than_the_page_and_a_reload_keeps_it(explorer):
    overflow = "node => node.scrollWidth - node.clientWidth"
    panel = explorer.find(".jp-WindowedPanel-outer, .jp-NotebookPanel-notebook").first
    assert panel.evaluate(overflow) <= 0
    explorer.changes(lambda: first(explorer, ".adviz-relative button >> nth=1").click())
    explorer.changes(lambda: first(explorer, ".adviz-threshold .noUi-handle").press("ArrowRight"))
    text, number = first(explorer, ".adviz-status").inner_text(), now(explorer)
    explorer.reload()
    expect(first(explorer, ".adviz-status")).to_have_text(text)
    assert now(explorer) == number
    expect(first(explorer, ".adviz-view")).to_contain_text("1 is the decision")
    explorer.screenshot("thresholds_after_a_reload")
