"""The browser tests can fail.

A notebook whose widget works passes, one whose callback is not wired does not.
"""

import re

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect

CELLS = [
    """import io, ipywidgets as w, numpy as np
from PIL import Image
def square(value):
    file = io.BytesIO()
    Image.fromarray(np.full((40, 60), value, np.uint8)).save(file, "png")
    return file.getvalue()
category = w.Dropdown(options={"mesh": 80, "brick": 200}).add_class("adviz-category")
status = w.HTML("mesh").add_class("adviz-status")
picture = w.Image(value=square(80), layout=w.Layout(width="60px"))""",
    """def show(change):
    status.value = category.label; picture.value = square(change.new)
category.observe(show, "value")
w.VBox([category, status, w.Box([picture]).add_class("adviz-view")])""",
]
WIRED = 'category.observe(show, "value")'


def errors(cells):
    return [
        output["ename"]
        for cell in cells
        for output in cell["outputs"]
        if output["output_type"] == "error"
    ]


def choose_brick(page):
    """Choose another category, and expect text and picture to follow."""
    picture = page.find(".adviz-view img")
    before = picture.get_attribute("src")
    page.find(".adviz-category select").select_option("brick")
    expect(page.find(".adviz-status")).to_contain_text("brick", timeout=3000)
    expect(picture).not_to_have_attribute("src", before, timeout=3000)


def test_widget_that_works(lab, lab_page):
    write_notebook(lab.folder, "works.ipynb", *CELLS)
    cells = lab_page.run_all("works.ipynb")
    assert [cell["execution_count"] for cell in cells] == [1, 2]
    assert errors(cells) == []
    choose_brick(lab_page)


def test_widget_whose_callback_is_not_wired(lab, lab_page):
    assert WIRED in CELLS[1]
    write_notebook(lab.folder, "mutant.ipynb", CELLS[0], CELLS[1].replace(WIRED, ""))
    assert errors(lab_page.run_all("mutant.ipynb")) == []
    with pytest.raises(AssertionError, match="brick"):
        choose_brick(lab_page)


def test_failing_cell_is_seen_and_a_hanging_one_ends(lab, lab_page):
    write_notebook(lab.folder, "bad.ipynb", "1 / 0", "2")
    cells = lab_page.run_all("bad.ipynb")
    assert errors(cells) == ["ZeroDivisionError"]
    assert cells[1]["execution_count"] is None
    write_notebook(lab.folder, "slow.ipynb", "import time; time.sleep(30)")
    with pytest.raises(Exception, match=re.escape("slow.ipynb ran for 1 s")):
        lab_page.run_all("slow.ipynb", seconds=1)


def test_exception_in_the_page_is_collected(lab_page):
    lab_page.browser.evaluate("() => { setTimeout(() => { throw new Error('on purpose'); }, 0); }")
    lab_page.browser.wait_for_timeout(300)
    assert any("on purpose" in problem for problem in lab_page.problems)
    lab_page.problems.clear()
