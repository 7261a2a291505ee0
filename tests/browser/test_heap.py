"""The page of an explorer takes no more memory after hours of use than after a minute."""

import inspect

import explorer_data
import pytest
from driving import Driven, Live
from lab_server import write_notebook
from playwright.sync_api import expect

CLICKS = 150  # of a round
METHODS = ("SPADE", "PaDiM")
CELL = """from adviz import explore
view = explore.retrieval(categories, predictions)
view"""


@pytest.fixture
def page(lab, shared_page):
    write_notebook(lab.folder, "heap.ipynb", inspect.getsource(explorer_data), CELL)
    shared_page.run("heap.ipynb")
    return shared_page


def held(page):
    """Return bytes of the page's heap, nodes of its document and listeners.

    After its garbage is collected.
    """
    session = page.browser.context.new_cdp_session(page.browser)
    session.send("Performance.enable")
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return {name: found[name] for name in ("JSHeapUsedSize", "Nodes", "JSEventListeners")}


def use(page, *, methods):
    """Click all over the image; with `methods` choose the other one before every tenth click."""
    driven = Driven(page.explorer(), Live(page.browser, "view"))
    readout = driven.find(".av-readout").first
    for turn in range(CLICKS):
        if methods and turn % 10 == 9:
            driven.choose("detector", METHODS[turn // 10 % 2])
        row, column = 61 * turn % 220, 37 * turn % 220
        driven.pick(row, column)
        expect(readout).to_contain_text(f"row {row}, column {column}")
    return held(page)


@pytest.mark.soak
def test_hundreds_of_clicks_leave_nothing_in_the_page(page):
    use(page, methods=True)
    before = use(page, methods=True)
    clicked = use(page, methods=False)
    assert clicked["Nodes"] - before["Nodes"] < CLICKS / 5
    assert clicked["JSEventListeners"] - before["JSEventListeners"] < CLICKS / 5
    changed = use(page, methods=True)
    assert changed["Nodes"] - clicked["Nodes"] < CLICKS / 5
    assert changed["JSEventListeners"] - clicked["JSEventListeners"] < CLICKS / 5
    # 14 kB a click: a page with its pictures takes more
    assert changed["JSHeapUsedSize"] - before["JSHeapUsedSize"] < 4 * 2**20
