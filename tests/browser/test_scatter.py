"""The scatter of 160,000 points in JupyterLab: its colours, a lasso, a pick and the keys."""

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

CELL = """import numpy as np
from adviz.explore.widgets import PatchScatter
rng = np.random.default_rng(0)
points = np.concatenate([rng.uniform(0, 1, (160_000, 2)), [[3.0, 0.5]]])
colours = np.zeros((len(points), 3), np.uint8); colours[:, 0] = 200
scatter = PatchScatter(points, colours, order=np.array([160_000, 5, 6]))
scatter"""
PIXEL = """(canvas, [x, y]) => {
  const ratio = canvas.width / canvas.clientWidth;
  return Array.from(canvas.getContext('2d').getImageData(x * ratio, y * ratio, 1, 1).data);
}"""


@pytest.fixture
def page(lab, lab_page):
    write_notebook(lab.folder, "scatter.ipynb", CELL)
    lab_page.run("scatter.ipynb")
    expect(canvas(lab_page)).to_be_visible()
    return lab_page


def canvas(page):
    return page.find("canvas.adviz-scatter")


def readout(page):
    return page.find(".adviz-readout")


def test_points_are_painted_ringed_selected_and_picked(page):
    # 536 CSS pixels hold x from 0 to 3, so a unit is 178.7 of them; 210 is the middle of the
    # height, y = 0.5
    assert canvas(page).evaluate(PIXEL, [80, 210]) == [200, 0, 0, 255]
    # Nothing: the page's paper shows
    assert canvas(page).evaluate(PIXEL, [350, 210]) == [0, 0, 0, 0]
    expect(readout(page)).to_have_text("160001 points · 3 ringed")
    box = canvas(page).bounding_box()
    mouse = page.browser.mouse
    mouse.move(box["x"] + 500, box["y"] + 150)
    mouse.down()
    for x, y in ((555, 150), (555, 270), (500, 270)):
        mouse.move(box["x"] + x, box["y"] + y)
    mouse.up()
    expect(readout(page)).to_have_text("160001 points · 3 ringed · 1 selected")
    canvas(page).click(position={"x": 548, "y": 210})
    expect(readout(page)).to_have_text("160001 points · 3 ringed · point 160000")
    canvas(page).press("ArrowRight")  # the next in the order
    expect(readout(page)).to_have_text("160001 points · 3 ringed · point 5")
    canvas(page).press("Escape")
    expect(readout(page)).to_have_text("160001 points · 3 ringed")
