"""The explorer of deviations in JupyterLab: options are flipped, run, stopped, maps displayed."""

import re

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

CELL = """import time, zlib
import numpy as np
from scipy.ndimage import gaussian_filter, zoom
from adviz import Prediction, data, explore
from adviz._support import progress_bar
def few(name):
    test = data.demo(name).test
    return data.Category(name, test, test.subset(range(0, len(test), 4)))
categories = {name: few(name) for name in ("hex_nut", "brick")}
masks = {name: c.test.masks_array() for name, c in categories.items()}
def noise(name, option, size):
    generator = np.random.default_rng(zlib.crc32(f"{name}{option}".encode()))
    return generator.random((len(masks[name]), size, size))
def run(name, options):
    for _ in progress_bar(range(options.get("epochs", 1)), label="epoch"):
        time.sleep(0.02)
    known = ("start", "image_score", "distance")
    drawn = ("paper", *(option for option in known if option in options))
    rough = sum(noise(name, option, 14) for option in drawn)
    found = gaussian_filter(zoom(rough, (1, 16, 16), order=1) + 0.5 * masks[name], (0, 4, 4))
    found = found ** 2 if "distance" in options else found
    return Prediction(found.max((1, 2)), found)
steps = {
    "official": {"start": ("farthest", "anchors"), "image_score": ("reweighted", "max"),
                 "distance": ("euclidean", "squared")},
    "slow": {"epochs": (1, 10**6), "no <b>change</b> at all": (1, 1)},
}
view = explore.deviations(categories, steps, run)
view"""
MUTANT = """unwired = explore.deviations(categories, steps, run)
ticks = unwired._lists["official"]._ticks
for control in (unwired._mode, unwired._metric, unwired._category, *ticks.values()):
    control.unobserve_all("value")
unwired"""
OFFICIAL = "paper → official · one after the other · image AUROC · mean"


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "deviations.ipynb", CELL, MUTANT)
    shared_page.run("deviations.ipynb")
    return shared_page


@pytest.fixture
def page(explorer, screenshot):
    first(explorer, ".adviz-target").scroll_into_view_if_needed()
    return explorer


def first(page, selector):
    """Return a control of the view; the second view of the notebook is the mutant."""
    return page.find(selector).first


def choose(page, name, value):
    first(page, f".adviz-{name} select").select_option(value)


def tick(page, option):
    return first(page, f".adviz-option-{option} input[type=checkbox]")


def status(page):
    return first(page, ".adviz-status")


def header(page):
    """Return the heads of the table's columns."""
    return first(page, ".adviz-view table").locator("tr").first.locator("th").all_inner_texts()[1:]


def test_nothing_is_run_before_it_is_asked_for(page):
    expect(status(page)).to_have_text(f"{OFFICIAL} · 0 of 8 runs")
    expect(first(page, ".adviz-run")).to_have_text("run 8 missing")
    expect(first(page, ".adviz-maps")).to_contain_text("Choose a category")
    expect(first(page, ".adviz-step")).to_be_hidden()


def test_the_button_runs_what_is_missing(page):
    first(page, ".adviz-run").click()
    expect(status(page)).to_have_text(f"{OFFICIAL} · 8 of 8 runs", timeout=20_000)
    expect(first(page, ".adviz-run")).to_be_disabled()
    expect(first(page, ".adviz-view table")).to_contain_text(re.compile(r"[+-]\d+\.\d"))
    assert header(page) == ["paper", "start", "image_score", "distance", "official"]


def test_options_are_flipped_and_moved(page):
    page.changes(lambda: first(page, ".adviz-option-start .adviz-down").click())
    assert header(page) == ["paper", "image_score", "start", "distance", "official"]
    expect(status(page)).to_contain_text("6 of 8 runs")
    page.changes(lambda: first(page, ".adviz-option-start .adviz-up").click())
    expect(status(page)).to_contain_text("8 of 8 runs")
    page.changes(lambda: tick(page, "distance").press("Space"))
    assert header(page) == ["paper", "start", "image_score", "all together"]
    page.changes(lambda: tick(page, "distance").click())


def test_each_alone_and_other_metrics(page):
    page.changes(lambda: choose(page, "mode", "each alone"))
    first(page, ".adviz-run").click()
    expect(first(page, ".adviz-view")).to_contain_text("Alone, the flips add up to")
    page.changes(lambda: choose(page, "metric", "PRO"))
    expect(status(page)).to_contain_text("each alone · PRO · mean")
    page.changes(lambda: choose(page, "metric", "image AUROC"))
    page.changes(lambda: choose(page, "mode", "one after the other"))


def test_a_category_shows_its_maps_before_and_after_a_step(page):
    page.changes(lambda: choose(page, "category", "hex_nut"))
    pictures = first(page, ".adviz-maps").locator("figure")
    expect(pictures).to_have_count(5)
    expect(first(page, ".adviz-maps")).to_contain_text("distance changes the unit of the maps")
    choose(page, "step", "start")
    expect(pictures.nth(2)).to_contain_text("start: farthest")
    expect(pictures.nth(3)).to_contain_text("start: anchors")
    expect(pictures.nth(4)).to_contain_text("after - before")
    choose(page, "defect", "dent")
    expect(status(page)).to_contain_text(re.compile(r"image \d+ of 12: dent"))
    before = pictures.first.locator("img").get_attribute("src")
    first(page, ".adviz-next").click()
    expect(first(page, ".adviz-counter")).to_have_text("2 of 3")
    expect(pictures.first.locator("img")).not_to_have_attribute("src", before)
    first(page, ".adviz-image .noUi-handle").press("ArrowLeft")
    expect(pictures.first.locator("img")).to_have_attribute("src", before)
    first(page, ".adviz-maps").scroll_into_view_if_needed()


def test_long_runs_can_be_stopped(page):
    page.changes(lambda: choose(page, "target", "slow"))
    expect(status(page)).to_contain_text("2 of 6 runs")
    first(page, ".adviz-run").click()
    expect(first(page, ".adviz-busy")).to_contain_text("hex_nut: 2 of 3: epoch")
    first(page, ".adviz-stop").click()
    expect(first(page, ".adviz-busy")).to_be_hidden()
    expect(status(page)).to_have_text("stopped")
    page.changes(lambda: choose(page, "target", "official"))


@pytest.mark.parametrize(
    "act",
    [
        lambda page: page.find(".adviz-mode select").nth(1).select_option("each alone"),
        lambda page: page.find(".adviz-metric select").nth(1).select_option("PRO"),
        lambda page: page.find(".adviz-category select").nth(1).select_option("brick"),
        lambda page: page.find(".adviz-option-distance input").nth(1).click(),
    ],
    ids=["mode", "metric", "category", "option"],
)
def test_an_unwired_control_is_noticed(explorer, act):
    explorer.stays(lambda: act(explorer), number=1)


def test_a_reloaded_page_shows_the_same(page):
    page.changes(lambda: choose(page, "category", "brick"))
    choose(page, "step", "image_score")
    expect(first(page, ".adviz-maps")).to_contain_text("image_score: max")
    page.changes(lambda: first(page, ".adviz-option-start .adviz-down").click())
    expect(status(page)).to_contain_text("brick")
    text, columns = status(page).inner_text(), header(page)
    page.reload()
    expect(status(page)).to_have_text(text)
    assert header(page) == columns == ["paper", "image_score", "start", "distance", "official"]
    assert first(page, ".adviz-step select").input_value() == "image_score"
    expect(first(page, ".adviz-option-image_score .adviz-up")).to_be_disabled()
    first(page, ".adviz-target").scroll_into_view_if_needed()
