"""Every public object has an example, and every example in a docstring is true.

They go on from the lines of `adviz.__doc__`, in a folder where `data/` holds small trees in the
published layouts.
"""

import ast
import doctest
import importlib
import inspect
import sys
from pathlib import Path

import pandas  # noqa: F401 - before a thread of an explorer does: plotly stumbles over a half-imported one
import pytest

import adviz

PACKAGE = Path(adviz.__file__).parent
# Where the public functions are: what users have as `adviz.<name>`, and two rooms' modules.
MODULES = (
    "_support.archive core.coreset core.maps core.neighbors data detectors explore metrics "
    "plots sweep tables"
).split()
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
PARSER = doctest.DocTestParser()
# The only public names without an example, and why.
VIEWS = {  # no user makes one: the function in lower case does, and has the example
    *(
        "CompareView",
        "CoresetView",
        "Desk",
        "DeviationsView",
        "LayersView",
        "ProView",
        "SeriesView",
        "Story",
    ),
    *("ResultsView", "RetrievalView", "TablesView", "ThresholdsView", "TrainingView"),
}
WITHOUT = {"explore": VIEWS}


def examples(file):
    """Return (name, line, docstring) of all that have an example in a file, wherever it is."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    nodes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
    ]
    found = [(getattr(node, "name", ""), ast.get_docstring(node), node.body[:1]) for node in nodes]
    return [
        (name, body[0].lineno - 1, text)
        for name, text, body in found
        if text and PARSER.get_examples(text)
    ]


FILES = [file for file in sorted(PACKAGE.rglob("*.py")) if examples(file)]


def failures(text, names, name="example", line=0):
    """Run a docstring's examples and return what went wrong; `names` gets what they define."""
    test = PARSER.get_doctest(text, names, name, name, line)
    lines = []
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(
        test, out=lines.append, clear_globs=False
    )
    names.update(test.globs)
    return "".join(lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with small trees in the published layouts below `data/`."""
    tests = Path(__file__).resolve().parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(tests), str(tests / "data"), *sys.path])
        trees, campus = (
            importlib.import_module("published_trees"),
            importlib.import_module("standin_campus"),
        )
    place = tmp_path_factory.mktemp("examples")
    data = place / "data"
    for draw, name in ((trees.btad, "btad"), (trees.ad2, "mvtec_ad2"), (trees.loco, "mvtec_loco")):
        draw(data / name)
    trees.mvtec(data / "mvtec", "screw")
    trees.tiles(data / "mtd")
    trees.visa(data / "visa")
    trees.flowers(data)
    campus.draw(data / "stc", extracted=True)
    return place


@pytest.fixture(scope="module")
def first_lines(folder):
    """Return the names that `adviz.__doc__` defines."""
    names = {}
    assert failures(adviz.__doc__, names, "adviz") == ""
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_examples_are_true(file, folder, first_lines, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.delenv("ADVIZ_DATA", raising=False)
    for name, line, text in examples(file):
        assert failures(text, dict(first_lines), f"{file.name}:{name}", line) == ""


def test_a_false_example_is_noticed(first_lines):
    assert "Expected:\n    65" in failures(">>> len(category.train)\n65\n", dict(first_lines))
    assert "ValueError" in failures('>>> data.demo("nut")\n', dict(first_lines))


def public(module):
    """Return a module's public functions and classes by name."""
    things = {f"{module.__name__}.{name}": getattr(module, name) for name in module.__all__}
    return {name: thing for name, thing in things.items() if callable(thing)}


@pytest.mark.parametrize("name", ["", *MODULES])
def test_every_public_function_and_class_has_an_example(name):
    module = importlib.import_module(f"adviz.{name}".rstrip("."))
    without = {
        name
        for name, thing in public(module).items()
        if not PARSER.get_examples(inspect.getdoc(thing) or "")
    }
    assert {name.rpartition(".")[2] for name in without} == WITHOUT.get(name, set())
