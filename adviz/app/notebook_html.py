"""Executed notebooks, to be stored, printed, or written as one HTML page."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

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
NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'
EXPLORERS = (
    "*Explorers are pictures on this page; they answer in Jupyter, where the notebook runs.*"
)


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


def to_html(notebook: NotebookNode, title: str, folder: Path) -> str:
    """Return the executed notebook as one page that loads nothing from the network.

    Equations are MathML, code that the notebook folds is left out, and where it has explorers, of
    which a page holds pictures, it says so. Links to other notebooks lead to their pages in
    `folder`, where this one will lie; those that lead nowhere there are words.
    """
    from nbconvert import HTMLExporter
    from nbformat.v4 import new_markdown_cell

    shown = with_plotly_html(notebook)
    for cell in shown.cells:
        if cell.metadata.get("jupyter", {}).get("source_hidden"):
            cell.metadata["transient"] = {"remove_source": True}
    if any("explore." in cell.source for cell in shown.cells if cell.cell_type == "code"):
        shown.cells.insert(0, new_markdown_cell(EXPLORERS))
    exporter = HTMLExporter(raw_template=OFFLINE_TEMPLATE, embed_images=True)
    exporter.register_filter("markdown2html", markdown_filter(folder))
    page, _ = exporter.from_notebook_node(shown, resources={"metadata": {"name": title}})
    return str(page)


def markdown_filter(folder: Path) -> Callable[[Any, str], str]:
    """Return nbconvert's filter for markdown cells, with equations as MathML.

    Browsers draw MathML without a script. Links are those of a page in `folder`.
    """
    import latex2mathml.converter
    from jinja2 import pass_context
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    def mathml(equation: str, display: str) -> str:
        text: str = latex2mathml.converter.convert(equation, display=display)
        return text.replace(NAMESPACE, "")  # which nbconvert would spell out in headings

    class Renderer(IPythonRenderer):  # type: ignore[misc]
        def inline_math(self, body: str) -> str:
            return mathml(body, "inline")

        def block_math(self, body: str) -> str:
            return mathml(body, "block")

        def link(self, text: str, url: str, title: str | None = None) -> str:
            parts = urlsplit(url)
            if not parts.scheme and parts.path:
                path = re.sub(r"\.ipynb$", ".html", parts.path)
                if not os.path.exists(folder / unquote(path)):  # which no name makes fail
                    return text
                url = parts._replace(path=path).geturl()
            return str(super().link(text, url, title))

    @pass_context
    def to_html(context: Any, source: str) -> str:
        attachments = context.get("cell", {}).get("attachments", {})
        renderer = Renderer(escape=False, embed_images=True, attachments=attachments)
        return str(MarkdownWithMath(renderer=renderer).render(source))

    return to_html


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
