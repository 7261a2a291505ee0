"""The PRO explorer in JupyterLab: every control, going to a region, and a reload of the page."""

import re

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

CELL = """import numpy as np
from adviz import Prediction, data, explore
whole, rng = data.demo("bottle"), np.random.default_rng(0)
test = whole.test.subset(range(0, len(whole.test), 4))
category = data.Category("bottle", whole.train.subset([0]), test)
maps = rng.random((len(test), 224, 224)).astype(np.float32) + 0.6 * test.masks_array()
found = {name: Prediction(maps.max((1, 2)) , maps ** power) for name, power in (("A", 1), ("B", 3))}
view = explore.pro(category, found)
view.wait()
view"""
MUTANT = (
    "other = explore.pro(category, found)\nother.wait()\nother._fpr.unobserve_all('value')\nother"
)


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "pro.ipynb", CELL, MUTANT)
    shared_page.run("pro.ipynb")
    return shared_page


@pytest.fixture
def page(explorer, screenshot):
    explorer.find(".adviz-fpr").first.scroll_into_view_if_needed()
    return explorer


def first(page, selector):
    return page.find(selector).first


def rate(page):
    found = re.search(
        r"FPR (\d\.\d+), mean overlap (\d\.\d+)", first(page, ".adviz-status").inner_text()
    )
    return float(found[1]), float(found[2])


def test_regions_fill_up_as_the_rate_rises(page):
    before = rate(page)
    for _ in range(3):
        page.changes(lambda: first(page, ".adviz-fpr .noUi-handle").press("ArrowRight"))
    assert all(new > old for new, old in zip(rate(page), before, strict=True))


def test_limit_and_connectivity_are_chosen(page):
    first(page, ".adviz-limit button >> nth=1").click()
    expect(first(page, ".adviz-view")).to_contain_text("PRO-global up to 0.05")
    first(page, ".adviz-connectivity button >> nth=1").click()
    expect(first(page, ".adviz-view")).to_contain_text("PRO-per-image")
    expect(first(page, ".adviz-connectivity .mod-active")).to_have_text("4")
    first(page, ".adviz-limit button >> nth=0").click()
    first(page, ".adviz-connectivity button >> nth=0").click()
    expect(first(page, ".adviz-view")).to_contain_text("PRO-global up to 0.3")


def test_a_region_is_gone_to_and_framed(page):
    page.changes(lambda: first(page, ".adviz-next-region").click())
    options = first(page, ".adviz-region select").locator("option").all_inner_texts()
    image = re.search(r"image\s(\d+)", options[1])[1]
    expect(first(page, ".adviz-status")).to_contain_text(f"image {image} of")
    assert "outline" in first(page, ".adviz-view").inner_html()
    page.changes(lambda: first(page, ".adviz-region select").select_option(index=len(options) - 1))


def test_detector_defect_and_image(page):
    first(page, ".adviz-detector select").select_option("B")
    expect(first(page, ".adviz-status")).to_contain_text(re.compile("B · .* mean overlap"))
    page.changes(lambda: first(page, ".adviz-defect select").select_option("crack"))
    page.changes(lambda: first(page, ".adviz-next").click())
    expect(first(page, ".adviz-status")).to_contain_text("anomalous: crack")


def test_an_unwired_slider_is_noticed(page):
    page.stays(lambda: page.find(".adviz-fpr .noUi-handle").nth(1).press("ArrowRight"), number=1)


def test_a_reloaded_page_shows_the_same(explorer):
    text = first(explorer, ".adviz-status").inner_text()
    explorer.reload()
    expect(first(explorer, ".adviz-status")).to_have_text(text)
    explorer.screenshot("pro_after_a_reload")
