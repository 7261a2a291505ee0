"""Notebooks as pages that load nothing."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from adviz.app.notebook_html import EXPLORERS, to_html

EQUATIONS = (
    "# A $K$\n\n$$\\frac{TP}{TP + FP} \\le b$$\n\nIt costs `$5`, $x^2$ and [more](02.ipynb)."
)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def page(*cells, folder=Path("nowhere")):
    html = to_html(new_notebook(cells=list(cells)), "page", folder)
    return BeautifulSoup(html, "html.parser").body


@pytest.fixture(scope="module")
def text():
    return page(
        new_markdown_cell(EQUATIONS),
        new_code_cell("assert 1 + 1 == 2", metadata={"jupyter": {"source_hidden": True}}),
        new_code_cell("print(2)"),
    )


def test_equations_are_mathml(text):
    assert [math.get("display") for math in text.find_all("math")] == ["inline", "block", "inline"]
    assert text.h1.math.mi.text == "K"
    assert len(text.find_all("mfrac")) == 1
    assert text.code.text == "$5"
    assert "$$" not in text.text
    assert not re.search(r"ns\d:", str(text))


def test_folded_code_is_left_out(text):
    assert "1 + 1" not in text.text
    assert "print" in text.text


def test_explorers_are_said_to_be_pictures(text):
    assert EXPLORERS.strip("*") not in text.text
    assert EXPLORERS.strip("*") in page(new_code_cell("explore.results(one, two)")).text


def test_attached_pictures_stay():
    cell = new_markdown_cell("![a](attachment:a.png)", attachments={"a.png": {"image/png": PIXEL}})
    assert page(cell).img["src"] == f"data:image/png;base64,{PIXEL}"


def test_links_lead_to_pages_that_are_there_and_the_others_are_words(tmp_path):
    (tmp_path / "02 b.html").write_text("a page")
    links = "[a](02%20b.ipynb#Why), [b](03.ipynb), [c](https://example.org/x), [d](#below)"
    links += f", [e]({'n' * 300}.ipynb), [f](%00.md)"
    cell = page(new_markdown_cell(links), folder=tmp_path).find(class_="jp-RenderedMarkdown")
    assert cell.text.strip() == "a, b, c, d, e, f"
    targets = [link["href"] for link in cell.find_all("a")]
    assert targets == ["02%20b.html#Why", "https://example.org/x", "#below"]
