"""The retrieval explorer in JupyterLab.

A click explains a pixel, a reload of the page keeps what was chosen.
"""

import re

import pytest
from lab_server import write_notebook
from playwright.sync_api import TimeoutError, expect

CELL = """import numpy as np
from adviz import DN2, SPADE, Backbone, Features, PaDiM, data, explore
category, rng = data.demo("mesh"), np.random.default_rng(0)
few = list(range(0, len(category.test), 6))
category = data.Category("mesh", category.train.subset(range(8)), category.test.subset(few))
def features(split):
    layer2 = rng.random((len(split), 4, 28, 28), np.float32)
    layer4 = rng.random((len(split), 6, 7, 7), np.float32)
    return Features({"layer2": layer2, "layer4": layer4}, image_size=(224, 224))
train, test = features(category.train), features(category.test)
spade = SPADE(layers=("layer2",), image_layers=("layer4",)).fit(train).predict(test)
padim = PaDiM(layers=("layer2",)).fit(train).predict(test)
dn2 = DN2(layers=("layer4",)).fit(train).predict(test)
view = explore.retrieval(category, {"SPADE": spade, "PaDiM": padim, "DN2": dn2})
view"""
MUTANT = """mutant = explore.retrieval(category, {"SPADE": spade, "DN2": dn2})
mutant._k.unobserve_all("value"); mutant._picker.overlay.unobserve_all("picked")
mutant"""
SIZES = """element => {
  const output = element.closest('.jp-OutputArea-output');
  return [output.scrollWidth, output.clientWidth, element.getBoundingClientRect().width];
}"""


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "retrieval.ipynb", CELL, MUTANT)
    shared_page.run("retrieval.ipynb")
    return shared_page


@pytest.fixture
def page(explorer, screenshot):
    canvas(explorer).scroll_into_view_if_needed()
    return explorer


def canvas(page, number=0):
    return page.find("canvas.adviz-overlay").nth(number)


def status(page):
    return page.find(".adviz-status").first


def readout(page):
    return page.find(".adviz-readout").first


def at(row, column):
    """Return where the middle of a pixel of the image is: 320 pixels of the screen are 224 of it."""
    return {"x": (column + 0.5) * 320 / 224, "y": (row + 0.5) * 320 / 224}


def test_a_click_explains_that_pixel(page):
    page.changes(lambda: canvas(page).click(position=at(112, 56)))
    expect(status(page)).to_contain_text("pixel 112, 56")
    expect(readout(page)).to_contain_text("row 112, column 56 · map")
    expect(page.find(".adviz-shares").first).to_contain_text("layer2")


def test_arrow_keys_go_from_cell_to_cell(page):
    canvas(page).click(position=at(112, 56))
    expect(status(page)).to_contain_text("pixel 112, 56")
    page.changes(lambda: canvas(page).press("ArrowRight"))
    expect(status(page)).to_contain_text("pixel 112, 64")


def test_the_pick_stays_when_the_method_changes(page):
    canvas(page).click(position=at(56, 112))
    expect(status(page)).to_contain_text("pixel 56, 112")
    choose = page.find(".adviz-detector select").first.select_option
    page.changes(lambda: choose("PaDiM"))
    expect(status(page)).to_contain_text(re.compile("PaDiM .* pixel 56, 112"))
    page.changes(lambda: choose("SPADE"))
    scale = page.find(".adviz-scale").first
    # PaDiM's is about 1 to 5
    expect(scale).to_have_text(re.compile(r"^0\.00\d+\n?0\.01\d*$"), use_inner_text=True)


def test_fewer_neighbours_and_whole_images(page):
    canvas(page).click(position=at(56, 112))
    handle = page.find(".adviz-k .noUi-handle").first
    page.changes(lambda: [handle.press("ArrowLeft") for _ in range(4)])
    expect(page.find(".adviz-ranks").first).to_contain_text("filled: the first k = 1;")
    expect(page.find(".adviz-crowd")).to_have_count(1)  # the other view's
    page.changes(lambda: [handle.press("ArrowRight") for _ in range(6)])
    expect(page.find(".adviz-crowd").first.locator("img")).to_have_count(7)
    page.changes(lambda: page.find(".adviz-whole").first.click())
    expect(status(page)).not_to_contain_text("pixel")


def test_a_view_whose_callbacks_are_not_wired_is_noticed(page):
    handle = page.find(".adviz-k .noUi-handle").nth(1)
    handle.scroll_into_view_if_needed()
    for act in (
        lambda: handle.press("ArrowLeft"),
        lambda: canvas(page, 1).click(position={"x": 20, "y": 20}),
    ):
        with pytest.raises(TimeoutError):
            page.changes(act, number=1, patience=700)


def test_colours_opacity_and_contour_are_answered_in_the_browser(page):
    picture = "c => c.toDataURL()"
    for selector in (".adviz-limits .noUi-handle-upper", ".adviz-opacity .noUi-handle"):
        before, ends = canvas(page).evaluate(picture), page.find(".adviz-scale").first.inner_text()
        for _ in range(5):
            page.find(selector).first.press("ArrowLeft")
        page.browser.wait_for_function(
            "([c, before]) => c.toDataURL() !== before", arg=[canvas(page).element_handle(), before]
        )
        assert (page.find(".adviz-scale").first.inner_text() != ends) == ("limits" in selector)
    for name in ("contour", "fade"):
        before = canvas(page).evaluate(picture)
        page.find(f".adviz-{name} input").first.click()
        page.browser.wait_for_function(
            "([c, before]) => c.toDataURL() !== before", arg=[canvas(page).element_handle(), before]
        )
    shown = page.find(".adviz-scale").first.inner_text()
    page.find(".adviz-reset").first.click()
    expect(page.find(".adviz-scale").first).not_to_have_text(shown)


def test_defects_and_images_are_gone_through(page):
    options = page.find(".adviz-defect").first.locator("option").all_inner_texts()
    assert options[0] == "all"
    last = [name for name in options[1:] if name != "good"][-1]
    page.changes(lambda: page.find(".adviz-defect select").first.select_option(last))
    expect(status(page)).to_contain_text(f"anomalous: {last}")
    page.find(".adviz-defect select").first.select_option("all")
    page.changes(page.find(".adviz-next").first.click)


def test_texts_are_legible_in_the_dark_theme(page):
    canvas(page).click(position=at(56, 112))
    page.use_theme("JupyterLab Dark")
    try:
        for detector in ("PaDiM", "SPADE"):
            page.changes(
                lambda name=detector: page.find(".adviz-detector select").first.select_option(name)
            )
            for part in (".adviz-status", ".adviz-view", ".adviz-readout", ".adviz-scale"):
                assert page.contrast(part) >= 4.5, (detector, part)
        page.screenshot("retrieval_dark")
    finally:
        page.use_theme("JupyterLab Light")
    assert page.contrast(".adviz-view") >= 4.5


def test_nothing_is_cut_off_on_a_narrow_page(page):
    page.browser.set_viewport_size({"width": 1000, "height": 900})
    try:
        for detector in ("SPADE", "PaDiM", "DN2"):
            page.find(".adviz-detector select").first.select_option(detector)
            expect(status(page)).to_contain_text(detector)
            content, room, page_width = page.find(".adviz-view").first.evaluate(SIZES)
            assert content <= room, detector
            assert page_width >= 440, detector  # below the picture, not squeezed beside it
        page.screenshot("retrieval_narrow")
    finally:
        page.browser.set_viewport_size({"width": 1280, "height": 900})
    page.find(".adviz-detector select").first.select_option("SPADE")


def test_a_zoomed_picture_is_read_out_and_picked_where_it_is_seen(page):
    canvas(page).click(position=at(112, 112))
    expect(readout(page)).to_contain_text("row 112, column 112")
    for _ in range(8):
        canvas(page).press("+")  # round the pick, to 0.8^8 of the width
    wide = 224 * 0.8**8
    corner = 112 - 112 * 0.8**8
    for x, y in ((10, 10), (300, 200)):
        row, column = (int(corner + part * wide / 320) for part in (y, x))
        canvas(page).hover(position={"x": x, "y": y})
        expect(readout(page)).to_contain_text(f"row {row}, column {column} ·")
    page.changes(lambda: canvas(page).click(position={"x": 300, "y": 200}))
    expect(status(page)).to_contain_text(f"pixel {row}, {column}")
    canvas(page).dblclick(position={"x": 300, "y": 200})
    canvas(page).hover(position={"x": 1, "y": 1})
    expect(readout(page)).to_contain_text("row 0, column 0 ·")


def test_a_reloaded_page_shows_the_same(explorer):
    canvas(explorer).click(position={"x": 26, "y": 26})
    expect(status(explorer)).to_contain_text("pixel 18, 18")
    for _ in range(5):
        explorer.find(".adviz-limits .noUi-handle-upper").first.press("ArrowLeft")
    text, ends = status(explorer).inner_text(), explorer.find(".adviz-scale").first.inner_text()
    explorer.reload()
    expect(status(explorer)).to_have_text(text)
    expect(explorer.find(".adviz-scale").first).to_have_text(ends, use_inner_text=True)
    expect(readout(explorer)).to_contain_text("row 18, column 18")
    explorer.screenshot("test_a_reloaded_page_shows_the_same")
