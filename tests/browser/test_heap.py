"""The page of an explorer takes no more memory after hours of use than after a minute."""

import pytest
from lab_server import write_notebook
from playwright.sync_api import expect
from test_retrieval import CELL

CLICKS = 150  # of a round
METHODS = ("SPADE", "PaDiM")


@pytest.fixture
def page(lab, shared_page):
    write_notebook(lab.folder, "heap.ipynb", CELL)
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
    canvas, status = page.find("canvas.adviz-overlay").first, page.find(".adviz-status").first
    for turn in range(CLICKS):
        if methods and turn % 10 == 9:
            page.find(".adviz-detector select").first.select_option(METHODS[turn // 10 % 2])
        across, down = 37 * turn % 300 + 10, 61 * turn % 300 + 10
        canvas.click(position={"x": across, "y": down})
        row, column = (int(place * 224 / 320) for place in (down, across))
        expect(status).to_contain_text(f"pixel {row}, {column}")
    return held(page)


@pytest.mark.soak
def test_hundreds_of_clicks_leave_nothing_in_the_page(page):
    use(page, methods=True)
    before = use(page, methods=True)
    clicked = use(page, methods=False)
    assert clicked["Nodes"] - before["Nodes"] < CLICKS / 5
    assert clicked["JSEventListeners"] - before["JSEventListeners"] < CLICKS / 5
    changed = use(page, methods=True)
    # Another method brings another slider over the colours; of the one before ipywidgets keeps
    # about 20 nodes.
    assert changed["Nodes"] - clicked["Nodes"] < 30 * CLICKS / 10
    assert changed["JSEventListeners"] - clicked["JSEventListeners"] < 15 * CLICKS / 10
    # 14 kB a click: a page with its pictures takes more
    assert changed["JSHeapUsedSize"] - before["JSHeapUsedSize"] < 4 * 2**20
