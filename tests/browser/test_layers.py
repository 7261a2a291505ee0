"""The mixer in JupyterLab: every control changes the fused map.

And the metrics arrive while the page stays alive.
"""

import re

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

CELLS = [
    """import numpy as np
from adviz import Prediction, data, explore, maps
rng, categories, predictions = np.random.default_rng(0), {}, {}
for name in ("transistor", "hex_nut"):
    whole = data.demo(name)
    test = whole.test.subset(range(0, len(whole.test), 5))
    categories[name] = data.Category(name, whole.train, test)
    truth = maps.resize(test.masks_array(), (28, 28), "area")
    noise = rng.random((2, len(test), 28, 28), np.float32)
    cells = {"layer2": 0.2 * noise[0] + truth, "layer3": 2 * noise[1] + truth}
    own = maps.smooth(maps.resize(np.sqrt(sum(cells.values())), (224, 224)))
    share = {"layer1": rng.random((len(test), 56, 56), np.float32), **cells}
    both = Prediction(own.max((1, 2)), own, cells)
    predictions[name] = {"PatchCore": both, "other": Prediction(both.score, own, share)}
view = explore.layers(categories, predictions)
view""",
    """if "again" in globals():  # not when all cells are run
    view._mixer._sigma.unobserve_all("value")
    view._mixer._root.unobserve_all("value")
again = True""",
]


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "layers.ipynb", *CELLS)
    shared_page.run("layers.ipynb")
    return shared_page


@pytest.fixture
def page(explorer, screenshot):
    explorer.find(".adviz-category").evaluate("part => part.scrollIntoView()")
    idle(explorer)
    return explorer


def idle(page):
    """Wait until all metrics are there."""
    expect(page.find(".adviz-busy")).to_be_hidden()
    expect(page.find(".adviz-metrics")).not_to_contain_text("is being computed")


def status(page):
    return page.find(".adviz-status")


def moved(page, act):
    """Do `act`, and wait for another page and for its metrics."""
    page.changes(act)
    idle(page)


def test_it_opens_with_the_detectors_own_mix_and_its_metrics(page):
    expect(status(page)).to_contain_text(
        "fusion: layer2 + layer3, sum, root, sigma 4 (the detector's own way)"
    )
    metrics = page.find(".adviz-metrics")
    for title in ("this image", "transistor", "mean of 2 categories"):
        expect(metrics).to_contain_text(title)
    assert metrics.inner_text().count("\t0.0 points") >= 5  # it is the detector's own map


def test_layers_are_left_out_and_weighed(page):
    moved(page, lambda: page.find(".adviz-layer-layer3 input").click())
    expect(status(page)).to_contain_text("fusion: layer2, sum, root, sigma 4")
    expect(page.find(".adviz-preset select")).to_have_value("layer2")
    # Layer3 is noise
    expect(page.find(".adviz-metrics")).to_contain_text(re.compile(r"\+\d+\.[1-9] points"))
    moved(page, lambda: page.find(".adviz-layer-layer3 input").click())
    moved(page, lambda: page.find(".adviz-weight-layer3 .noUi-handle").press("ArrowLeft"))
    expect(page.find(".adviz-preset select")).to_have_value("own choice")
    moved(page, lambda: page.find(".adviz-preset select").select_option("the detector's own"))


def test_the_way_of_joining(page):
    moved(page, lambda: page.find(".adviz-join select").select_option("product"))
    expect(status(page)).to_contain_text("layer2 + layer3, product, root")
    moved(page, lambda: page.find(".adviz-root input").click())
    expect(status(page)).to_contain_text("product, sigma 4")
    moved(page, lambda: page.find(".adviz-sigma .noUi-handle").press("ArrowRight"))
    expect(status(page)).to_contain_text("sigma 4.5")
    moved(page, lambda: page.find(".adviz-preset select").select_option("the detector's own"))
    expect(status(page)).to_contain_text("sum, root, sigma 4 (the detector's own way)")


def test_a_click_reads_out_every_layer(page):
    canvas = page.find("canvas.adviz-overlay")
    canvas.click(position={"x": 150, "y": 75})
    # 300 pixels are 224
    expect(page.find(".adviz-values")).to_contain_text("layers at pixel 56, 112")
    canvas.press("ArrowRight")
    expect(page.find(".adviz-values")).to_contain_text("layers at pixel 56, 120")
    expect(page.find(".adviz-readout")).to_contain_text("row 56, column 120 · fused map")


def test_own_scales(page):
    box = page.find(".adviz-own-scale input")
    page.changes(box.click)
    expect(page.find(".adviz-view")).to_contain_text("each on its own scale")
    page.changes(box.click)


def test_other_layers_images_and_categories(page):
    moved(page, lambda: page.find(".adviz-detector select").select_option("other"))
    expect(page.find(".adviz-layers")).to_contain_text("layer1")
    expect(status(page)).to_contain_text("fusion: layer1 + layer2 + layer3")
    moved(page, lambda: page.find(".adviz-detector select").select_option("PatchCore"))
    moved(page, page.find(".adviz-next").click)
    expect(status(page)).to_contain_text("image 2 of")
    moved(page, lambda: page.find(".adviz-category select").select_option("hex_nut"))
    expect(page.find(".adviz-metrics")).to_contain_text("hex_nut")
    moved(page, lambda: page.find(".adviz-defect select").select_option(index=2))
    moved(page, lambda: page.find(".adviz-category select").select_option("transistor"))


def test_a_narrow_page_is_not_scrolled_sideways(page):
    page.browser.set_viewport_size({"width": 1000, "height": 900})
    page.find(".adviz-category").evaluate("part => part.scrollIntoView()")
    wide = page.find(".adviz-view").evaluate("part => part.scrollWidth - part.clientWidth")
    page.screenshot("layers_narrow")
    page.browser.set_viewport_size({"width": 1280, "height": 900})
    assert wide <= 1


def test_a_reloaded_page_shows_the_same(page):
    moved(page, lambda: page.find(".adviz-preset select").select_option("layer3"))
    text, metrics = status(page).inner_text(), page.find(".adviz-metrics").inner_text()
    page.reload()
    expect(status(page)).to_have_text(text)
    expect(page.find(".adviz-metrics")).to_have_text(metrics, use_inner_text=True)
    expect(page.find(".adviz-preset select")).to_have_value("layer3")
    expect(page.find(".adviz-layer-layer2 input")).not_to_be_checked()


def test_a_control_that_is_not_wired_is_noticed(page):
    page.run_cell(1)
    page.stays(lambda: page.find(".adviz-sigma .noUi-handle").press("ArrowRight"))
    page.stays(lambda: page.find(".adviz-root input").click())
    moved(page, lambda: page.find(".adviz-join select").select_option("mean"))
    expect(status(page)).to_contain_text("fusion: layer3, mean")
