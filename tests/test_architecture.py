"""Holds the import table of docs/architecture.md and the homes of the heavy libraries."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "adviz"

ANYTHING = None
# noun -> the nouns it may import; `progress`, `names` and `tensors` are open to all, `precision` and `devices` to those
# that may use torch
MAY_IMPORT = {
    # level 0
    "data": set(),
    "maps": set(),
    "neighbors": set(),
    "coreset": set(),
    "prediction": {"maps", "archive"},
    "metrics": set(),
    "widgets": set(),
    "storage": set(),
    "archive": {"storage"},
    "inverted": set(),
    "cache": {"storage"},
    "layouts": set(),
    "networks": {"layouts"},
    "progress": set(),
    "names": set(),
    "tensors": set(),
    "precision": set(),
    "devices": set(),
    # level 1
    "features": {"data"},
    "sources": {"data"},
    "runtimes": {"networks", "layouts"},
    "backbone": {"features", "data", "storage", "cache", "networks", "runtimes", "sources"},
    "detectors": {
        *("maps", "neighbors", "inverted", "coreset", "prediction"),
        *("archive", "features", "data", "storage"),
    },
    "result": {"metrics", "archive"},
    "evaluation": {"prediction", "data", "metrics", "maps", "result"},
    "calibration": {"prediction", "metrics", "archive"},
    "loading": {"detectors", "prediction", "result", "calibration", "archive"},
    # level 2
    "plots": {"prediction", "metrics", "maps"},
    "sweep": {
        *("detectors", "features", "backbone", "networks", "cache", "storage", "data"),
        *("prediction", "metrics", "evaluation", "archive"),
    },
    # level 3
    "tables": {"sweep", "detectors", "data", "plots", "evaluation", "prediction", "metrics", "coreset"},
    "explore": {
        "archive",
        "plots",
        "widgets",
        "prediction",
        "data",
        "metrics",
        "maps",
        "coreset",
        "evaluation",
        "tables",
    },
    # level 4
    "reporting": ANYTHING,
    "pages": set(),
    "cli": ANYTHING,
    "": ANYTHING,  # adviz/__init__.py, whose attributes are lazy
}
ONLY_IN = {
    "faiss": {"neighbors", "inverted"},
    "plotly": {"plots", "explore", "pages"},  # pages: only to draw stored figures on a page
    "ipywidgets": {"widgets", "explore"},
    "anywidget": {"widgets", "explore"},
    "dask": {"sweep"},
    "distributed": {"sweep"},
    "openvino": {"runtimes"},
    "av": {"data"},
}
NOT_IN = {"torch": {"data", "metrics", "plots", "widgets"}, "torchvision": {"data", "metrics", "plots", "widgets"}}
SLOW_TO_IMPORT = ("torch", "faiss", "pandas", "matplotlib", "plotly", "ipywidgets")


def noun_of(parts):
    """Return the noun (first component below `adviz`) that a file's module parts belong to."""
    return "" if parts == ["__init__"] else parts[0]


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def executed_nodes(node):
    """Yield all nodes below `node` except what only a type checker reads."""
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            for branch in child.orelse:
                yield branch
                yield from executed_nodes(branch)
        else:
            yield child
            yield from executed_nodes(child)


def imported_modules(tree, parts):
    """Yield (line, full name of module or attribute) for every import in a module's syntax tree."""
    package = ["adviz", *parts[:-1]]
    for node in executed_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
            if node.args and isinstance(node.args[0], ast.Constant):
                yield node.lineno, str(node.args[0].value)


def broken_imports(tree, parts):
    noun = noun_of(parts)
    if noun not in MAY_IMPORT:
        yield f"1: {noun} is not in the import table"
        return
    allowed = MAY_IMPORT[noun]
    for line, name in imported_modules(tree, parts):
        top, _, rest = name.partition(".")
        if top == "adviz":
            target = rest.partition(".")[0]
            shared = {"progress", "names", "tensors", *(() if noun in NOT_IN["torch"] else ("precision", "devices"))}
            if allowed is not ANYTHING and target not in {noun, *shared, *allowed}:
                yield f"{line}: {noun} may not import {name}"
        elif noun not in ONLY_IN.get(top, {noun}) or noun in NOT_IN.get(top, set()):
            yield f"{line}: {noun} may not import {top}"


def broken_functions(tree):
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if node.args.kwarg and any(
            keyword.arg is None and ast.unparse(keyword.value) == node.args.kwarg.arg
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
            for keyword in call.keywords
        ):
            yield f"{node.lineno}: {node.name} passes **{node.args.kwarg.arg} on"


def violations(package):
    """Return "file:line: what is wrong" for every broken rule below `package`."""
    found = []
    for file in sorted(package.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        tree, parts = ast.parse(text), list(file.relative_to(package).with_suffix("").parts)
        broken = [*broken_imports(tree, parts), *broken_functions(tree)]
        found += [f"{file.relative_to(package)}:{problem}" for problem in broken]
    return found


def test_every_module_keeps_the_rules():
    assert len(list(PACKAGE.rglob("*.py"))) > 5, f"expected the package in {PACKAGE}"
    assert violations(PACKAGE) == []


BROKEN = {
    "upwards": ("metrics.py", "from adviz.plots import row", "1: metrics may not import adviz.plots.row"),
    "sideways": ("coreset.py", "import adviz.core.neighbors", "1: coreset may not import adviz.core.neighbors"),
    "relative": ("data/folders.py", "from ..maps import resize", "1: data may not import adviz.core.maps.resize"),
    "relative module": ("data/folders.py", "from .. import maps", "1: data may not import adviz.core.maps"),
    "through the root": ("maps.py", "from adviz import PatchCore", "1: maps may not import adviz.PatchCore"),
    "in a function": ("maps.py", "def f():\n    import adviz.data", "2: maps may not import adviz.data"),
    "else of TYPE_CHECKING": (
        "explore/retrieval.py",
        "if TYPE_CHECKING:\n    pass\nelse:\n    from adviz.detectors import DN2",
        "4: explore may not import adviz.detectors.DN2",
    ),
    "by name": ("maps.py", "import importlib\nimportlib.import_module('faiss')", "2: maps may not import faiss"),
    "faiss": ("detectors/spade.py", "import faiss", "1: detectors may not import faiss"),
    "plotly": ("evaluation.py", "from plotly import graph_objects", "1: evaluation may not import plotly"),
    "widgets": ("plots/rows.py", "import ipywidgets as w", "1: plots may not import ipywidgets"),
    "dask": ("detectors/spade.py", "from dask.distributed import Client", "1: detectors may not import dask"),
    "torch": ("data/folders.py", "import torch.nn", "1: data may not import torch"),
    "unknown noun": ("helpers.py", "x = 1", "1: helpers is not in the import table"),
    "forwarding": ("maps.py", "def f(**options):\n    return g(1, **options)", "1: f passes **options on"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_caught(case, tmp_path):
    name, text, message = BROKEN[case]
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    assert violations(tmp_path) == [f"{name}:{message}"]


ALLOWED = {
    "type only": ("detectors/spade.py", "if TYPE_CHECKING:\n    from adviz.features.features import Features"),
    "itself": ("data/folders.py", "from adviz.data.split import Split\nfrom . import split"),
    "downwards": ("evaluation.py", "from adviz.metrics import auroc\nfrom adviz import data, progress"),
    "lazy root": ("__init__.py", "def __getattr__(name):\n    from adviz.detectors import DN2\n    return DN2"),
    "at home": ("neighbors.py", "import faiss\nimport torch"),
    "another name": ("data/folders.py", "import torchlike"),
    "own dict": ("maps.py", "def f(options):\n    return g(**options)"),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_is_allowed_passes(case, tmp_path):
    name, text = ALLOWED[case]
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    assert violations(tmp_path) == []


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("adviz", SLOW_TO_IMPORT), ("adviz.data", ("torch", "pandas", "matplotlib")), ("adviz.app.cli", SLOW_TO_IMPORT)],
)
def test_importing_is_cheap(module, heavy):
    code = f"import sys, {module}; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    result = python("-c", code)
    assert (result.returncode, result.stdout, result.stderr) == (0, "\n", "")


def test_importing_is_silent():
    result = python("-W", "error", "-c", "import adviz")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_every_public_name_can_be_had():
    import adviz

    assert all(getattr(adviz, name) is not None for name in adviz.__all__)


def test_the_page_names_what_there_is_and_nothing_else():
    """docs/architecture.md: every module and folder at the top of adviz/, and no file that is not there."""
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    layout = page[page.index("## Layout") : page.index("**May import**")]
    listed = set(re.findall(r"[\w/.*]+", layout))
    there = [f"{path.name}/" if path.is_dir() else path.name for path in PACKAGE.iterdir() if path.name[0] not in "_."]
    assert [name for name in there if name not in listed] == []
    files = {path.name for path in PACKAGE.parent.glob("[abt]*/**/*") if path.is_file()}
    named = {name.rpartition("/")[2] for name in listed if name.endswith((".py", ".pyi", ".json", ".jinja"))}
    assert sorted(name for name in named - files if "*" not in name) == []
