"""The image under its map in JupyterLab.

What is drawn, picked, zoomed and read out, and that a reload keeps it.
"""

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

CELLS = [
    """import numpy as np
from adviz.explore.widgets import PatchOverlay
image = np.full((40, 60, 3), 200, np.uint8)
scores = np.zeros((10, 15)); scores[2, 3] = 4.0; scores[9, 14] = np.nan
mask = np.zeros((40, 60), bool); mask[20:30, 40:50] = True
overlay = PatchOverlay(image, scores, mask, width=480, unit="distance")
overlay.opacity, overlay.fade = 1.0, False; overlay.mark([(4, 40, 8, 8)], ["match"])
overlay""",
    "overlay.picked, overlay.view",
]
PIXEL = """(canvas, [x, y]) => {
  const ratio = canvas.width / canvas.clientWidth;
  const pixel = canvas.getContext('2d').getImageData(x * ratio, y * ratio, 1, 1);
  return Array.from(pixel.data.slice(0, 3));
}"""
LOWEST, HIGHEST = (0, 34, 78), (254, 232, 56)  # the ends of matplotlib's cividis


@pytest.fixture(scope="module")
def notebook(lab):
    write_notebook(lab.folder, "overlay.ipynb", *CELLS)
    return "overlay.ipynb"


@pytest.fixture
def page(notebook, shared_page, screenshot):
    """Run the notebook again, in the same kernel: each test has a widget of its own."""
    shared_page.run(notebook)
    expect(canvas(shared_page)).to_be_visible()
    return shared_page


def canvas(page):
    return page.find("canvas.adviz-overlay")


def readout(page):
    return page.find(".adviz-readout")


def colour(page, x, y):
    """Return the colour at a point of the canvas, in CSS pixels.

    8 of them are a pixel of the image.
    """
    return tuple(canvas(page).evaluate(PIXEL, [x, y]))


def near(found, expected):
    return max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 3


def test_the_map_is_drawn_in_its_cells_and_nan_is_not(page):
    assert near(colour(page, 3 * 32 + 16, 2 * 32 + 16), HIGHEST)
    assert near(colour(page, 16, 200), LOWEST)
    assert near(colour(page, 14 * 32 + 16, 9 * 32 + 16), (200, 200, 200))


def test_the_contour_and_the_markers_are_drawn(page):
    assert near(colour(page, 45 * 8, 20 * 8), (255, 255, 255))  # the upper edge of the mask
    assert near(colour(page, 44 * 8, 4 * 8), (230, 159, 0))  # the upper edge of the marker
    assert near(colour(page, 45 * 8, 25 * 8), LOWEST)  # inside the mask only its edge is drawn


def test_hovering_reads_out_and_clicking_picks(page):
    canvas(page).hover(position={"x": 3 * 32 + 16, "y": 2 * 32 + 16})
    expect(readout(page)).to_have_text("row 10, column 14 · distance 4.000 · normal")
    canvas(page).click(position={"x": 45 * 8, "y": 25 * 8})
    expect(readout(page)).to_contain_text("row 25, column 45 · distance 0.000 · defect")
    # The frame of the picked cell, rows 24 to 27
    assert near(colour(page, 45 * 8 + 8, 24 * 8), (255, 255, 255))
    ran = page.run_all("overlay.ipynb")  # the kernel knows, until the first cell makes a new widget
    assert ran[1]["outputs"][0]["data"]["text/plain"] == "([], [])"


def test_arrow_keys_move_by_cells_and_keys_zoom(page):
    canvas(page).click(position={"x": 10 * 8, "y": 10 * 8})
    canvas(page).press("ArrowRight")
    expect(readout(page)).to_contain_text("row 10, column 14")
    canvas(page).press("Alt+ArrowDown")
    expect(readout(page)).to_contain_text("row 39, column 14")
    canvas(page).press("+")
    page.browser.wait_for_function(
        "c => Number(c.dataset.drawn) > 3", arg=canvas(page).element_handle()
    )
    canvas(page).hover(position={"x": 2, "y": 2})
    expect(readout(page)).not_to_contain_text("row 0,")
    canvas(page).press("0")
    canvas(page).hover(position={"x": 2, "y": 2})
    expect(readout(page)).to_contain_text("row 0, column 0")
