"""Notebooks as pages that load nothing."""

import re

import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from adviz.app.notebook_html import EXPLORERS, to_html

EQUATIONS = (
    "# A $K$\n\n$$\\frac{TP}{TP + FP} \\le b$$\n\nIt costs `$5`, $x^2$ and [more](02.ipynb)."
)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def page(*cells):
    return BeautifulSoup(to_html(new_notebook(cells=list(cells)), "page"), "html.parser").body


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
