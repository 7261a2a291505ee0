"""Long work in JupyterLab: the page says at once that it is busy, stays alive.

And a button stops the work.
"""

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

CELL = """import time
import numpy as np
from adviz import Prediction, explore
from adviz._support import progress_bar
from adviz.data import Category, Geometry, Split
images = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3), dtype=np.uint8)
split = Split.from_arrays(images, [0, 1, 0, 1], geometry=Geometry(32, crop=False))
def slow(count):
    for _ in progress_bar(range(count), label="steps"):
        time.sleep(0.02)
    return Prediction(np.arange(4.0) + count)
found = {"quick": Prediction(np.arange(4.0))}
found |= {"slow": lambda: slow(100), "endless": lambda: slow(10**6)}
view = explore.results(Category("nut", split, split), found)
view"""


@pytest.fixture(scope="module")
def explorer(lab, shared_page):
    write_notebook(lab.folder, "work.ipynb", CELL)
    shared_page.run("work.ipynb")
    return shared_page


@pytest.fixture
def page(explorer, screenshot):
    explorer.explorer()
    return explorer


def choose(page, detector):
    page.find(".av-detector select").select_option(detector)


def test_it_says_that_it_is_busy_and_then_shows_the_result(page):
    busy = page.find(".av-busy")
    expect(busy).to_be_hidden()
    choose(page, "slow")
    expect(busy).to_contain_text("nut · slow: steps")
    page.find(".av-next").click()  # the page is alive
    expect(page.find(".av-status")).to_contain_text("nut · slow")
    expect(busy).to_be_hidden()
    expect(page.find(".av-status")).to_contain_text("score 10")  # 100 and its place


def test_a_button_stops_it(page):
    busy = page.find(".av-busy")
    choose(page, "endless")
    expect(busy).to_contain_text("nut · endless: steps")
    page.find(".av-stop").click()
    expect(busy).to_be_hidden()
    choose(page, "quick")
    expect(page.find(".av-status")).to_contain_text("nut · quick · image")
