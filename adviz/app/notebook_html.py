"""Executed notebooks, to be stored, printed, or written as one HTML page."""

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
    """Remove what differs between runs or machines and is no result; in place, and returned.

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
    texts = []
    for cell in notebook.cells:
        if "table" in cell.metadata.get("tags", []):
            for output in cell.get("outputs", []):
                text = output.get("text") or output.get("data", {}).get("text/plain", "")
                if text:
                    texts.append(text.rstrip("\n"))
    return texts


def to_html(notebook: NotebookNode, title: str) -> str:
    """Return the executed notebook as one page that loads nothing from the network."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(raw_template=OFFLINE_TEMPLATE, embed_images=True)
    resources = {"metadata": {"name": title}}
    page, _ = exporter.from_notebook_node(with_plotly_html(notebook), resources=resources)
    return str(page)


def with_plotly_html(notebook: NotebookNode) -> NotebookNode:
    """Return a copy with plotly figures as HTML, which nbconvert cannot draw.

    The first figure carries plotly's script.
    """
    import plotly.io

    result = copy.deepcopy(notebook)
    has_script = False
    for cell in result.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if PLOTLY_FIGURE in data:
                figure = data.pop(PLOTLY_FIGURE)
                data["text/html"] = plotly.io.to_html(
                    {"data": figure["data"], "layout": figure["layout"]},
                    full_html=False,
                    validate=False,
                    include_plotlyjs=not has_script,
                    include_mathjax=False,
                )
                has_script = True
    return result
