"""The stored notebooks are worth comparing with, and nbval notices when they stop being true."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
QUICKSTART = REPOSITORY / "notebooks" / "01_quickstart.ipynb"
SHORTEST = REPOSITORY / "notebooks" / "09_compare.ipynb"
SANITIZE = Path(__file__).with_name("sanitize.cfg")
LARGEST = 1_500_000  # bytes; beyond it GitHub shows a notebook slowly or not at all
MACHINE_PATH = re.compile(r"(?<![\w.:/])/(work|root|tmp|home|Users)/")


def shown_text(output):
    """Return all text of a stored output, whatever its kind; pictures excluded."""
    pieces = [output.get("text", ""), output.get("evalue", "")]
    pieces += [
        str(value)
        for kind, value in output.get("data", {}).items()
        if not kind.startswith("image/")
    ]
    return "\n".join(pieces)


def faults(file):
    """Return what makes a stored notebook useless as an expectation: nbval passes over cells that
    were never run.
    """
    if file.stat().st_size > LARGEST:
        yield f"is larger than {LARGEST} bytes"
    notebook = nbformat.read(file, as_version=4)
    if "widgets" in notebook.metadata:
        yield "stores widget state"
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "was not executed from top to bottom in a fresh kernel"
    for cell in code:
        name = f"cell {cell.execution_count}"
        if "table" in cell.metadata.get("tags", []) and not any(
            shown_text(output).strip() for output in cell.outputs
        ):
            yield f"{name} is tagged as a table and stores none"
        if any(output.output_type == "error" for output in cell.outputs):
            yield f"{name} stores an error"
        if MACHINE_PATH.search("\n".join(map(shown_text, cell.outputs))):
            yield f"{name} shows a path of the machine it ran on"
        if any(
            "application/vnd.jupyter.widget-view+json" in output.get("data", {})
            for output in cell.outputs
        ):
            yield f"{name} stores a widget view without its state"


def test_there_is_a_quickstart():
    assert QUICKSTART in NOTEBOOKS


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_stored_notebook_can_be_compared_with(file):
    assert list(faults(file)) == [], f"{file.name}: run `make notebooks`"


def executed(source, count, *outputs, tags=()):
    return new_code_cell(
        source, execution_count=count, outputs=list(outputs), metadata={"tags": list(tags)}
    )


def printed(text):
    return new_output("stream", name="stdout", text=text)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        (new_code_cell("1"), "was not executed from top to bottom in a fresh kernel"),
        (executed("1", 7), "was not executed from top to bottom in a fresh kernel"),
        (executed("1", 1, tags=["table"]), "cell 1 is tagged as a table and stores none"),
        (
            executed("1", 1, printed(" \n"), tags=["table"]),
            "cell 1 is tagged as a table and stores none",
        ),
        (
            executed("1", 1, new_output("error", ename="E", evalue="bad", traceback=[])),
            "cell 1 stores an error",
        ),
        (executed("1", 1, printed("in /home/a")), "cell 1 shows a path of the machine it ran on"),
        (
            executed("1", 1, new_output("execute_result", {"text/html": "<i>'/root/x'</i>"})),
            "cell 1 shows a path of the machine it ran on",
        ),
        (
            executed(
                "1", 1, new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}})
            ),
            "cell 1 stores a widget view without its state",
        ),
        (executed("1", 1, printed("x" * LARGEST)), f"is larger than {LARGEST} bytes"),
    ],
)
def test_guard_sees_a_fault(cell, fault, tmp_path):
    nbformat.write(new_notebook(cells=[new_markdown_cell("text"), cell]), tmp_path / "bad.ipynb")
    assert list(faults(tmp_path / "bad.ipynb")) == [fault]


def test_guard_sees_widget_state_and_passes_what_is_fine(tmp_path):
    fine = [
        executed("1", 1, printed("https://some.org/home/ and 3/work/2"), tags=["table"]),
        new_code_cell(""),
    ]
    nbformat.write(new_notebook(cells=fine), tmp_path / "fine.ipynb")
    assert list(faults(tmp_path / "fine.ipynb")) == []
    nbformat.write(new_notebook(cells=fine, metadata={"widgets": {}}), tmp_path / "state.ipynb")
    assert list(faults(tmp_path / "state.ipynb")) == ["stores widget state"]


def rejected_cells(notebook, folder):
    """Validate `notebook` with nbval in `folder` and return which of its code cells, counted from
    0, it rejects.
    """
    file = folder / "mutant.ipynb"
    nbformat.write(notebook, file)
    options = [
        "--nbval",
        "--nbval-current-env",
        "--nbval-cell-timeout=300",
        f"--nbval-sanitize-with={SANITIZE}",
    ]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "--color=no",
        "-p",
        "no:cacheprovider",
        f"--rootdir={folder}",
    ]
    result = subprocess.run(
        [*command, *options, str(file)], cwd=folder, capture_output=True, text=True, check=False
    )
    verdicts = dict(re.findall(r"::Cell (\d+) (PASSED|FAILED|XFAIL|XPASS)", result.stdout))
    count = sum(cell.cell_type == "code" for cell in notebook.cells)
    assert len(verdicts) == count, result.stdout + result.stderr
    return [int(cell) for cell, verdict in verdicts.items() if verdict == "FAILED"]


SMALL = [
    "import ipywidgets as w",
    "choice, status = w.Dropdown(options=['mesh', 'brick']), w.Label('mesh')\n"
    "def show(change):\n    status.value = change.new\n"
    "choice.observe(show, 'value')\n"
    "w.VBox([choice, status])",
    "choice.value = 'brick'\nassert status.value == 'brick'",
    "print('mesh   0.981')",
    "'PatchCore(coreset=0.1)'",
    "import time, uuid\nprint(f'{time.perf_counter():.1f} s', uuid.uuid4(), object())",
]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a small executed notebook with a table, a widget, a cell that drives it, and outputs
    that vary.
    """
    from adviz.app.commands.run import execute

    notebook = new_notebook(cells=[new_code_cell(source) for source in SMALL])
    return execute(notebook, tmp_path_factory.mktemp("small"))


def test_true_notebook_passes_although_times_and_addresses_vary(small, tmp_path):
    assert rejected_cells(small, tmp_path) == []


def in_source(cell, old, new):
    assert old in cell.source
    cell.source = cell.source.replace(old, new)


def in_output(cell, old, new):
    """Replace the first `old` in what the cell's outputs stored as text, as if the result had
    drifted since.
    """
    for output in cell.outputs:
        holder, key = (
            (output, "text") if "text" in output else (output.get("data", {}), "text/plain")
        )
        if old in holder.get(key, ""):
            holder[key] = holder[key].replace(old, new, 1)
            return
    raise AssertionError(f"{old!r} is in no output of the cell")


MUTATIONS = {
    "callback never wired": (2, in_source, 1, "choice.observe(show, 'value')", "pass"),
    "callback raises": (2, in_source, 1, "status.value = change.new", "raise RuntimeError"),
    "assert expects another state": (
        2,
        in_source,
        2,
        "status.value == 'brick'",
        "status.value == 'mesh'",
    ),
    "widget no longer displayed": (1, in_source, 1, "w.VBox([choice, status])", "None"),
    "number in the stored table": (3, in_output, 3, "0.981", "0.987"),
    "number in the computed table": (3, in_source, 3, "0.981", "0.987"),
    "stored text of a result": (4, in_output, 4, "coreset=0.1", "coreset=0.2"),
    "cell raises": (4, in_source, 4, "'PatchCore", "1 / 0, 'PatchCore"),
}


def test_each_mutation_is_rejected_where_it_was_made(small, tmp_path):
    """One run for all: copies of the notebook, each with one mutation, strung together."""
    strung, expected = new_notebook(metadata=small.metadata), []
    for rejected, mutate, position, old, new in MUTATIONS.values():
        cells = copy.deepcopy(small.cells)
        for cell in cells:
            cell.id = f"{len(strung.cells)}-{cell.id}"
        mutate(cells[position], old, new)
        expected.append(len(strung.cells) + rejected)
        strung.cells += cells
    assert rejected_cells(strung, tmp_path) == expected


UNWIRE = "for control in (view._order, view._detector, view._relative):\n    control.unobserve_all('value')\n"


@pytest.mark.soak  # a minute; the small notebooks above are mutated in every run
def test_a_mutated_notebook_of_ours_is_rejected_where_it_was_mutated(tmp_path):
    """Three mutations in one run: a number of the table, the text of a result, and a widget that no
    longer reacts.
    """
    notebook = nbformat.read(SHORTEST, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    table = next(cell for cell in code if cell.metadata.get("tags", []) == ["table"])
    number = re.search(r"\d\.\d\d", table.outputs[0].text)[0]
    in_output(table, number, f"{number[:-1]}{(int(number[-1]) + 1) % 10}")
    described = next(
        cell for cell in code if any("Category(" in shown_text(output) for output in cell.outputs)
    )
    in_output(described, "train=Split(", "train=Split(1")
    (drive,) = (
        cell
        for cell in code
        if "view.order, view.relative" in cell.source and "assert" in cell.source
    )
    drive.source = UNWIRE + drive.source
    assert rejected_cells(notebook, tmp_path) == sorted(
        code.index(cell) for cell in (table, described, drive)
    )
