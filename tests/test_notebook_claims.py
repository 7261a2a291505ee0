"""What the notebooks say about their tables is what the tables say."""

import math
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from notebook_claims import CLAIMS, OTHER
from test_notebooks import NOTEBOOKS, QUICKSTART, REPOSITORY

NUMBER = r"(-?(?:\d{1,3}(?: \d{3})+|\d*\.?\d+))"
# names, formulas, code, links and the numbers of tables, equations and layers: no number about an
# output stands in them
ASIDE = re.compile(
    r"`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\[[^\]]*\]\([^)]*\)|\d+ x \d+(?: x \d+)?|\d+ px"
    r"|\d{4}\.\d{5}|\b(?:Tables?|Figures?|Figs?\.|Sections?|Eqs?\.|Algorithm|arXiv|layers?|strides?) [A-Z]?\d[\d.]*"
    r"(?:(?:,| and| to| or) [A-Z]?\d[\d.]*)*|\b[A-Za-z]+\d+\w*",
    re.DOTALL,
)
BEYOND = {"00_start_here"}  # the table of contents: minutes and names


class Rows:
    """The stored text of a notebook's outputs."""

    def __init__(self, notebook):
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        texts = [
            output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
        ]
        self.text = "\n".join(texts)

    def __call__(self, *words):
        """Return the numbers behind these words, of which each is looked for after the one before,
        in their line; without spreads.
        """
        rest = re.sub(r"± \S+", "", self.behind(words))
        return [value for token in rest.split() if (value := number(token)) is not None]

    def spreads(self, *words):
        """Return the spreads behind these words: what stands behind each ±."""
        return [float(spread) for spread in re.findall(r"± (\S+)", self.behind(words))]

    def behind(self, words):
        """Return the rest of the line that these words are in."""
        end = 0
        for word in words:
            blanks = r"[ \t]+".join(re.escape(part) for part in word.split())
            found = re.compile(rf"(?<!\S){blanks}(?!\S)").search(self.text, end)
            if found is None:
                raise LookupError(f"no {word!r} in the outputs, of {words}")
            end = found.end()
        return self.text[end:].split("\n", 1)[0]


def number(token):
    """Return the number that a token of a table is; a dash is nan, and ± and = are none."""
    if token in ("-", "—"):
        return math.nan
    try:
        return float(token.strip("%,"))
    except ValueError:
        return None


def pattern(words):
    """Return the expression that finds a claim's words, with a group for each number."""
    return re.compile(re.escape(words).replace(r"\#", NUMBER))


def faults(notebook, claims, other):
    """Yield what is wrong, not found, or said about a number without a claim."""
    row = Rows(notebook)
    texts = [cell.source for cell in notebook.cells[1:] if cell.cell_type == "markdown"]
    texts = [text for text in texts if not text.startswith("## Try this")]
    for words, holds in claims.items():
        found = [match for text in texts for match in pattern(words).finditer(text)]
        if not found:
            yield f"not said: {words}"
        for match in found:
            if not holds([float(value.replace(" ", "")) for value in match.groups()], row):
                yield f"not so: {match[0]}"
    for words in other:
        if not any(words in text for text in texts):
            yield f"not said: {words}"
    for text in texts:
        for words in claims:
            text = pattern(words).sub("", text)
        for words in other:
            text = text.replace(words, "")
        for line in ASIDE.sub("", text).splitlines():
            if re.search(r"\d", line):
                yield f"no claim about the number in: {line}"


@pytest.mark.parametrize(
    "file", [file for file in NOTEBOOKS if file.stem not in BEYOND], ids=lambda file: file.stem
)
def test_every_number_in_a_sentence_is_that_of_the_outputs(file):
    notebook = nbformat.read(file, as_version=4)
    assert list(faults(notebook, CLAIMS.get(file.stem, {}), OTHER.get(file.stem, []))) == []


def test_claims_are_about_notebooks_that_are_there():
    assert {*CLAIMS, *OTHER, *BEYOND} <= {file.stem for file in NOTEBOOKS}


def small(sentence, table="   AUROC  PRO\nA   0.90    -\nB   0.80 0.70 ± 0.10"):
    code = new_code_cell("1", outputs=[new_output("stream", text=table)])
    return new_notebook(cells=[new_markdown_cell("# 1?"), code, new_markdown_cell(sentence)])


def test_a_row_is_read_by_its_words():
    row = Rows(small(""))
    assert row("B") == row("AUROC", "B") == [0.8, 0.7]
    assert row.spreads("B") == [0.1]
    assert row("A")[0] == 0.9
    assert math.isnan(row("A")[1])
    with pytest.raises(LookupError, match="no 'C' in the outputs"):
        row("B", "C")


def test_a_wrong_number_a_wrong_order_and_a_number_without_a_claim_are_seen():
    claims = {
        "A has #, B #": lambda said, row: said == [row("A")[0], row("B")[0]] and said[0] > said[1]
    }
    right = "A has 0.90, B 0.80, by `k=3` and Table 7."
    assert list(faults(small(right), claims, [])) == []
    assert list(faults(small("A has 0.90, B 0.85."), claims, [])) == ["not so: A has 0.90, B 0.85"]
    turned = small("A has 0.80, B 0.90.", "A 0.80\nB 0.90")
    assert list(faults(turned, claims, [])) == ["not so: A has 0.80, B 0.90"]
    assert list(faults(small("Other."), claims, ["2 %"])) == [
        "not said: A has #, B #",
        "not said: 2 %",
    ]
    assert list(faults(small(f"{right}\nC has 0.10."), claims, [])) == [
        "no claim about the number in: C has 0.10."
    ]
    assert list(faults(small(f"{right}\nC has 0.10."), claims, ["C has 0.10"])) == []


def test_the_pages_means_and_spreads_hold_the_quickstarts_seed():
    """Within three standard deviations, and what has no seed is equal."""
    row = Rows(nbformat.read(QUICKSTART, as_version=4))
    lines = re.findall(
        r"^\| (\w+) \|(.+± .+)\|$",
        (REPOSITORY / "docs" / "built-in-data.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    assert len(lines) == 6
    for category, cells in lines:
        told = [[float(value) for value in cell.split("±")] for cell in cells.split("|")]
        columns = [(name, column) for column in (0, 2) for name in ("SPADE", "PaDiM", "PatchCore")]
        for (name, column), (mean, *spread) in zip(columns, told, strict=True):
            allowed = 3 * spread[0] + 0.0056 if spread else 0.0001  # the notebook shows two digits
            assert abs(row("FN", category, name)[column] - mean) <= allowed, (category, name)
