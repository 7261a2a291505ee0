"""Every notebook keeps what a student is promised: a question, its minutes, short cells, folded
checks, sound links.
"""

import re
from statistics import median

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from test_notebooks import NOTEBOOKS, REPOSITORY

CONTENTS = REPOSITORY / "notebooks" / "00_start_here.ipynb"
CHECK = "# Checks, which nobody has to read."
TIMES = re.compile(r"\*\*About (\d+) minutes to read; runs in about (\d+) seconds on two cores")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#([^)\s]+))?\)")
FILE = re.compile(r"`((?:docs|data|benchmarks)/[\w./-]+\.\w+)`")
ROW = re.compile(r"^\| \[(\w+)\]\((?:notebooks/)?\1\.ipynb\) \| (.+) \| (\d+) \|$", re.MULTILINE)
SOLUTIONS = "solutions.md"  # beside the notebooks, also in a copy of them
LONGEST, TYPICAL = 12, 5  # lines of a code cell that is read


def headings(notebook):
    """Return the anchors that JupyterLab gives to a notebook's headings."""
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return [title.replace(" ", "-") for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]


def broken_links(notebook):
    """Return the links of a notebook that lead to no notebook, to no heading of it, or to no file
    of the repository.
    """
    for cell in notebook.cells:
        if cell.cell_type != "markdown":
            continue
        for target, anchor in LINK.findall(cell.source):
            file = REPOSITORY / "notebooks" / target
            if target == SOLUTIONS:
                if f"## {anchor}" not in file.read_text(encoding="utf-8").splitlines():
                    yield f"no solutions of {anchor}"
            elif not target.startswith("http") and not (
                target.endswith(".ipynb") and file.is_file()
            ):
                yield f"no notebook {target}"
            elif anchor and anchor not in headings(nbformat.read(file, as_version=4)):
                yield f"no heading {target}#{anchor}"
        yield from (
            f"no file {name}"
            for name in FILE.findall(cell.source)
            if not (REPOSITORY / name).is_file()
        )


def shown(cell):
    """Tell whether a reader sees a picture or a table below this cell."""
    pictures = any("image/jpeg" in output.get("data", {}) for output in cell.get("outputs", []))
    return pictures or "table" in cell.metadata.get("tags", [])


def unexplained(notebook):
    """Return the pictures and tables of which neither the text before nor the text after says what
    to look at.
    """
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and shown(cell):
            before = [
                one.source for one in notebook.cells[:position] if one.cell_type == "markdown"
            ][-1:]
            after = [
                one.source for one in notebook.cells[position:] if one.cell_type == "markdown"
            ][:1]
            if not any("What to look at" in text for text in before + after):
                yield f"nothing says what to look at: {cell.source[:60]}"


def faults_of_code(notebook):
    """Return which cells are too long to be read, and which checks are not folded away."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        check, folded = (
            cell.source.startswith(CHECK),
            cell.metadata.get("jupyter", {}).get("source_hidden", False),
        )
        if check != folded:
            yield f"folded, but no check, or the other way round: {cell.source[:60]}"
        if not check and re.search(r"^\s*assert |np\.testing", cell.source, re.MULTILINE):
            yield f"checks where one reads: {cell.source[:60]}"
        if not check and cell.source.count("\n") >= LONGEST:
            yield f"{cell.source.count(chr(10)) + 1} lines: {cell.source[:60]}"
    lines = [cell.source.count("\n") + 1 for cell in code if not cell.source.startswith(CHECK)]
    if median(lines) > TYPICAL:
        yield f"{median(lines)} lines in the middle cell"


def faults_of_text(notebook):
    """Return which of the promised parts a notebook lacks."""
    text = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    if not re.match(r"# .+\?\n", text[0]):
        yield "begins with no question"
    (tries,) = [one for one in text if one.startswith("## Try this\n")] or [""]
    if not 2 <= len(re.findall(r"^\* ", tries, re.MULTILINE)) <= 4:
        yield "has no two to four things to try"
    if not text[-1].startswith("## Summary\n"):
        yield "does not end with a summary"
    if not re.search(r"\*\*Next\*\*.*\]\(\w+\.ipynb", text[-1]):
        yield "does not say what to read next"


def missing_times(notebook):
    """Return whether a notebook lacks the minutes to read it or the measured seconds to run it."""
    if not TIMES.search(notebook.cells[0].source):
        yield "does not say how long it takes"


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
@pytest.mark.parametrize(
    "faults", [missing_times, faults_of_text, faults_of_code, unexplained, broken_links]
)
def test_notebook_keeps_what_a_student_is_promised(file, faults):
    assert list(faults(nbformat.read(file, as_version=4))) == []


def title_and_minutes(file):
    first = nbformat.read(file, as_version=4).cells[0].source
    return first.splitlines()[0].removeprefix("# "), re.search(
        r"About (\d+) minutes to read", first
    )[1]


def test_the_table_of_contents_has_every_notebook_with_its_question_and_minutes():
    text = "\n".join(cell.source for cell in nbformat.read(CONTENTS, as_version=4).cells)
    rows = {name: (question, minutes) for name, question, minutes in ROW.findall(text)}
    assert rows == {file.stem: title_and_minutes(file) for file in NOTEBOOKS if file != CONTENTS}


def solutions():
    """Return how many folded solutions the page has, by notebook."""
    text = (REPOSITORY / "notebooks" / SOLUTIONS).read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    return {section.split("\n")[0]: section.count("<details>") for section in sections}


@pytest.mark.parametrize("name", solutions())
def test_whatever_is_proposed_has_a_solution(name):
    file = REPOSITORY / "notebooks" / f"{name}.ipynb"
    cells = nbformat.read(file, as_version=4).cells
    (tries,) = (cell.source for cell in cells if cell.source.startswith("## Try this\n"))
    assert len(re.findall(r"^\* ", tries, re.MULTILINE)) == solutions()[name]
    assert f"]({SOLUTIONS}#{name})" in tries


OPENING = "# Why?\n\n**About 5 minutes to read; runs in about 7 seconds on two cores.**"
TRY = "## Try this\n* one\n* two"
END = "## Summary\n\n**Next**: [01](01_quickstart.ipynb)."
FOLDED = {"jupyter": {"source_hidden": True}}
PICTURE = [new_output("display_data", {"image/jpeg": ""})]


def markdown(*texts):
    return new_notebook(cells=[new_markdown_cell(text) for text in texts])


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        ([OPENING.replace("?", "."), TRY, END], "begins with no question"),
        ([OPENING, "## Try this\n* one", END], "has no two to four things to try"),
        ([OPENING, END], "has no two to four things to try"),
        ([OPENING, TRY, END, "more"], "does not end with a summary"),
        ([OPENING, TRY, END.replace("**Next**", "Next")], "does not say what to read next"),
    ],
)
def test_faults_of_the_text_are_seen(texts, fault):
    assert list(faults_of_text(markdown(OPENING, TRY, END))) == []
    assert fault in list(faults_of_text(markdown(*texts)))


def test_a_placeholder_is_no_time():
    assert list(missing_times(markdown(OPENING))) == []
    for lacking in (OPENING.replace("7", "SSS"), OPENING.replace("5 minutes", "some minutes")):
        assert list(missing_times(markdown(lacking))) == ["does not say how long it takes"]


def test_faults_of_the_code_are_seen():
    fine = [
        new_code_cell(f"{CHECK}\n" + "assert 1\n" * 99, metadata=FOLDED),
        new_code_cell("1\n" * 11 + "1"),
    ]
    fine += [new_code_cell(source) for source in "123"]
    assert list(faults_of_code(new_notebook(cells=fine))) == []
    bad = {
        "folded, but no check, or the other way round: 1": new_code_cell("1", metadata=FOLDED),
        "checks where one reads: assert 1": new_code_cell("assert 1"),
        "13 lines: a": new_code_cell("a" + "\n" * 12),
    }
    for fault, cell in bad.items():
        assert [one.strip() for one in faults_of_code(new_notebook(cells=[*fine, cell]))] == [fault]
    unfolded = new_code_cell(CHECK)
    assert len(list(faults_of_code(new_notebook(cells=[*fine, unfolded])))) == 1
    assert list(faults_of_code(new_notebook(cells=[new_code_cell("\n" * 5)]))) == [
        "6 lines in the middle cell"
    ]


def test_a_picture_without_a_word_about_it_is_seen():
    look, plain, end = map(new_markdown_cell, ("**What to look at**: it", "text", "more"))
    picture = new_code_cell("f", outputs=PICTURE)
    table = new_code_cell("f", metadata={"tags": ["table"]})
    for cell in (picture, table):
        assert list(unexplained(new_notebook(cells=[look, new_code_cell("1"), cell, end]))) == []
        assert list(unexplained(new_notebook(cells=[plain, cell, look]))) == []
        assert len(list(unexplained(new_notebook(cells=[look, plain, cell, end])))) == 1


def test_links_that_lead_nowhere_are_seen():
    fine = "[a](01_quickstart.ipynb#Fit-and-predict) [b](https://arxiv.org/abs/1) `data/README.md`"
    assert list(broken_links(markdown(fine))) == []
    bad = "[a](99_none.ipynb) [b](01_quickstart.ipynb#None) [c](../README.md) `docs/none.md`"
    bad += f" [d]({SOLUTIONS}#99_none)"
    expected = ["no notebook 99_none.ipynb", "no heading 01_quickstart.ipynb#None"]
    assert list(broken_links(markdown(bad))) == [
        *expected,
        "no notebook ../README.md",
        "no solutions of 99_none",
        "no file docs/none.md",
    ]
