"""A chart in JupyterLab: a picture until the pointer enters it, then plotly, whose marks answer."""

from lab_server import write_notebook
from playwright.sync_api import expect

CODE = """
import numpy as np
from adviz import plots

x, y = np.array([1, 2, 5]), np.array([61.0, 80.0, 93.4])
line = plots.Line(x, y, details=["little", "coreset 10 %, p = 3", "much"])
plots.panel_grid([plots.Panel("shots", "AUROC, %", {"PatchCore": line})], 1, title="Few shots")
"""


def middle(element):
    """Return where the pointer goes to reach an element, in pixels of the page."""
    box = element.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_chart_has_hover_in_jupyterlab(lab, shared_page):
    write_notebook(lab.folder, "chart.ipynb", CODE)
    (cell,) = shared_page.run("chart.ipynb")
    assert {"image/png", "application/vnd.plotly.v1+json"} <= set(cell["outputs"][0]["data"])
    chart = shared_page.find(".js-plotly-plot")
    # Plotly's renderer shows the stored picture first: a notebook opens quickly
    picture = shared_page.find(".jp-OutputArea-output img")
    expect(picture).to_be_visible()
    shared_page.browser.mouse.move(*middle(picture))
    expect(chart.locator(".gtitle")).to_contain_text("Few shots")
    expect(picture).to_be_hidden()
    # Plotly's layer for dragging lies over the marks
    shared_page.browser.mouse.move(*middle(chart.locator(".points path.point").nth(1)))
    told = chart.locator(".hoverlayer .hovertext")
    for words in ("PatchCore", "shots: 2", "AUROC, %: 80", "coreset 10 %, p = 3"):
        expect(told).to_contain_text(words)
    assert shared_page.problems == []
