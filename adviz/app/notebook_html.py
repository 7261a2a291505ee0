"""Executed notebooks made fit to be stored, printed, or mailed as one page."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
PLOTLY_FIGURE = "application/vnd.plotly.v1+json"
# nbconvert's page without what it would load from the network: require.js, MathJax, Mermaid and the
# widget manager.
OFFLINE_TEMPLATE = """{%- extends 'lab/index.html.j2' -%}
{%- block html_head_js -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
"""


def tidy(notebook: NotebookNode) -> NotebookNode:
    """Drop what differs from run to run or from machine to machine and is no result; in place, and returned.

    Widget views go too: without their state, which takes megabytes, a stored view only shows an
    error message.
    """
    notebook.metadata.pop("widgets", None)
    notebook.metadata.kernelspec = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return notebook


def tables(notebook: NotebookNode) -> list[str]:
    """Return the text of every output of the cells tagged "table"."""
    outputs = [
        output
        for cell in notebook.cells
        if "table" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
    ]
    texts = [
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
    ]
    return [text.rstrip("\n") for text in texts if text]


def to_html(notebook: NotebookNode, title: str) -> str:
    """Return the executed notebook as one page that loads nothing from the network."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(raw_template=OFFLINE_TEMPLATE, embed_images=True)
    page, _ = exporter.from_notebook_node(
        with_plotly_drawn(notebook), resources={"metadata": {"name": title}}
    )
    return str(page)


def with_plotly_drawn(notebook: NotebookNode) -> NotebookNode:
    """Return a copy with plotly figures as HTML, as nbconvert cannot draw them; the first one brings the script."""
    import plotly.io

    drawn = copy.deepcopy(notebook)
    outputs = [output.get("data", {}) for cell in drawn.cells for output in cell.get("outputs", [])]
    figures = [data for data in outputs if PLOTLY_FIGURE in data]
    for position, data in enumerate(figures):
        figure = data.pop(PLOTLY_FIGURE)
        parts = {"data": figure["data"], "layout": figure["layout"]}
        data["text/html"] = plotly.io.to_html(
            parts,
            full_html=False,
            validate=False,
            include_plotlyjs=position == 0,
            include_mathjax=False,
        )
    return drawn
