"""Holds the import table of docs/architecture.md and the homes of the heavy libraries."""

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "adviz"

ANYTHING = None
# room -> the rooms that it may import, also inside a function; all may import _support
MAY_IMPORT = {
    "_support": set(),
    "core": set(),
    "metrics": set(),
    "data": set(),
    "prediction": {"core"},
    "features": {"data"},
    "detectors": {"core", "features", "prediction", "data"},
    "evaluation": {"metrics", "prediction", "data", "core"},
    "plots": {"metrics", "prediction", "core"},
    "sweep": {"data", "features", "detectors", "prediction", "evaluation", "metrics"},
    "tables": {"sweep", "detectors", "plots", "metrics", "data", "evaluation", "prediction"},
    "explore": {"plots", "metrics", "evaluation", "prediction", "core", "data"},
    "app": ANYTHING,
    "": ANYTHING,  # adviz/__init__.py, whose attributes are lazy
}
# a part of a room -> what it alone may import besides
EXCEPTIONS = {
    "explore.tables": {"tables", "sweep"},
    "explore.why": {"features"},  # a photograph has none yet
    "sweep.meters": {"core"},  # the build of the search library, for the record
}
ONLY_IN = {
    "faiss": {"core"},
    "plotly": {"plots", "explore", "app"},
    "ipywidgets": {"explore"},
    "anywidget": {"explore"},
    "dask": {"sweep"},
    "distributed": {"sweep", "features"},
    "onnx": {"app"},
    "onnxruntime": {"app"},
    "openvino": {"features"},
    "av": {"data"},
}
WITHOUT_TORCH = {"data", "metrics", "plots", "explore"}
NOT_IN = {"torch": WITHOUT_TORCH, "torchvision": WITHOUT_TORCH}
SLOW_TO_IMPORT = ("torch", "faiss", "pandas", "matplotlib", "plotly", "ipywidgets")


def room_of(parts):
    """Return the room (first component below `adviz`) that a file's module parts belong to."""
    if parts[0] in {"__init__", "__main__"}:
        return ""
    return parts[0]


def is_type_checking(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in {
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    }


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


def imported_names(tree, parts):
    """Yield (line, module, name) for every import in a module, lazy ones too.

    `name` is "" where a module itself is imported.
    """
    package = ["adviz", *parts[:-1]]
    for node in executed_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, module, alias.name
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {
            "import_module",
            "__import__",
        }:
            if node.args and isinstance(node.args[0], ast.Constant):
                yield node.lineno, str(node.args[0].value), ""


def may_import(parts):
    """Return the rooms that a module may import; None = all."""
    allowed = MAY_IMPORT[room_of(parts)]
    if allowed is ANYTHING:
        return ANYTHING
    return allowed | EXCEPTIONS.get(".".join(parts[:2]), set()) | {room_of(parts), "_support"}


def broken_imports(tree, parts):
    room = room_of(parts)
    if room not in MAY_IMPORT:
        yield f"1: {room} is not in the import table"
        return
    allowed = may_import(parts)
    for line, module, name in imported_names(tree, parts):
        full = f"{module}.{name}" if name else module
        top, *below = full.split(".")
        if top != "adviz":
            if room not in ONLY_IN.get(top, {room}) or room in NOT_IN.get(top, set()):
                yield f"{line}: {room} may not import {top}"
        elif allowed is not ANYTHING and below[0] not in allowed:
            yield f"{line}: {room} may not import {full}"
        elif room and below[0] != room and module.count(".") > 1:
            yield f"{line}: {room} enters {below[0]} by {module}, not by its face"


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


def parts_of(file, package):
    return list(file.relative_to(package).with_suffix("").parts)


def violations(package):
    """Return "file:line: what is wrong" for every broken rule below `package`."""
    broken = []
    for file in sorted(package.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        parts = parts_of(file, package)
        for problem in [*broken_imports(tree, parts), *broken_functions(tree)]:
            broken.append(f"{file.relative_to(package)}:{problem}")
    return broken


def faces(package):
    """Return {package: {name: module that defines it}} of all `__init__.py` and `.pyi` files."""
    exported = {}
    for file in [*package.rglob("__init__.py"), *package.rglob("__init__.pyi")]:
        parts = parts_of(file, package)
        owner = ".".join(["adviz", *parts[:-1]])
        names = exported.setdefault(owner, {})
        for _, module, name in imported_names(ast.parse(file.read_text(encoding="utf-8")), parts):
            if name and module != owner:
                names[name] = module
    return exported


def import_graph(package):
    """Return {module: modules that it imports}, by whatever face and however late.

    A face is passed through to the module that defines what is imported, so that two modules of one
    room form a circle only where they need each other.
    """
    modules = {}
    for file in package.rglob("*.py"):
        parts = parts_of(file, package)
        modules[".".join(["adviz", *(parts[:-1] if parts[-1] == "__init__" else parts)])] = file
    exported = faces(package)

    def home(module, name):
        if name and f"{module}.{name}" in modules:
            return f"{module}.{name}"
        if name and name in exported.get(module, {}):
            return home(exported[module][name], name)
        return module

    graph = {}
    for module, file in modules.items():
        parts = parts_of(file, package)
        tree = ast.parse(file.read_text(encoding="utf-8"))
        graph[module] = set()
        if parts[-1] == "__init__" and module in exported:
            continue  # a face that only passes names on
        for _, target, name in imported_names(tree, parts):
            if home(target, name) in modules and home(target, name) != module:
                graph[module].add(home(target, name))
    return graph


def circle(graph):
    """Return modules that import each other, the first one last again; [] where none do."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def test_every_module_keeps_the_rules():
    assert len(list(PACKAGE.rglob("*.py"))) > 5, f"expected the package in {PACKAGE}"
    assert violations(PACKAGE) == []


def test_no_modules_import_each_other():
    """Lazy imports count as well."""
    assert circle(import_graph(PACKAGE)) == []


def test_a_circle_is_found(tmp_path):
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "__init__.py").write_text("from adviz.core.a import f\n")
    (tmp_path / "core" / "a.py").write_text("def f():\n    from adviz.core.b import g\n")
    (tmp_path / "core" / "b.py").write_text("from adviz.core import f\ng = f\n")
    assert set(circle(import_graph(tmp_path))) == {"adviz.core.a", "adviz.core.b"}


BROKEN = {
    "upwards": (
        "metrics/curves.py",
        "from adviz.plots import row",
        "1: metrics may not import adviz.plots.row",
    ),
    "sideways": (
        "metrics/curves.py",
        "import adviz.core",
        "1: metrics may not import adviz.core",
    ),
    "relative": (
        "data/split.py",
        "from ..core import resize",
        "1: data may not import adviz.core.resize",
    ),
    "relative module": (
        "data/split.py",
        "from .. import core",
        "1: data may not import adviz.core",
    ),
    "through the root": (
        "core/maps.py",
        "from adviz import PatchCore",
        "1: core may not import adviz.PatchCore",
    ),
    "in a function": (
        "core/maps.py",
        "def f():\n    import adviz.data",
        "2: core may not import adviz.data",
    ),
    "else of TYPE_CHECKING": (
        "explore/retrieval/view.py",
        "if TYPE_CHECKING:\n    pass\nelse:\n    from adviz.detectors import DN2",
        "4: explore may not import adviz.detectors.DN2",
    ),
    "tables from another explorer": (
        "explore/layers/view.py",
        "from adviz.tables import plan",
        "1: explore may not import adviz.tables.plan",
    ),
    "not by the face": (
        "evaluation/result.py",
        "from adviz.metrics.curves import auroc",
        "1: evaluation enters metrics by adviz.metrics.curves, not by its face",
    ),
    "a support module": (
        "core/maps.py",
        "from adviz._support.errors import got",
        "1: core enters _support by adviz._support.errors, not by its face",
    ),
    "by name": (
        "metrics/curves.py",
        "import importlib\nimportlib.import_module('faiss')",
        "2: metrics may not import faiss",
    ),
    "faiss": ("detectors/spade.py", "import faiss", "1: detectors may not import faiss"),
    "plotly": (
        "evaluation/result.py",
        "from plotly import graph_objects",
        "1: evaluation may not import plotly",
    ),
    "widgets": ("plots/rows.py", "import ipywidgets as w", "1: plots may not import ipywidgets"),
    "dask": (
        "detectors/spade.py",
        "from dask.distributed import Client",
        "1: detectors may not import dask",
    ),
    "torch": ("data/split.py", "import torch.nn", "1: data may not import torch"),
    "unknown room": ("helpers.py", "x = 1", "1: helpers is not in the import table"),
    "forwarding": (
        "core/maps.py",
        "def f(**options):\n    return g(1, **options)",
        "1: f passes **options on",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_rule_is_caught(case, tmp_path):
    name, text, message = BROKEN[case]
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(text)
    assert violations(tmp_path) == [f"{name}:{message}"]


ALLOWED = {
    "type only": (
        "detectors/spade.py",
        "if TYPE_CHECKING:\n    from adviz.features.features import Features",
    ),
    "itself": ("data/images.py", "from adviz.data.split import Split\nfrom . import split"),
    "downwards": (
        "evaluation/result.py",
        "from adviz.metrics import auroc\nfrom adviz import data\nfrom adviz._support import got",
    ),
    "the tables' explorer": ("explore/tables/view.py", "from adviz.tables import plan"),
    "lazy root": (
        "__init__.py",
        "def __getattr__(name):\n    from adviz.detectors import DN2\n    return DN2",
    ),
    "at home": ("core/neighbors.py", "import faiss\nimport torch"),
    "another name": ("data/images.py", "import torchlike"),
    "own dict": ("core/maps.py", "def f(options):\n    return g(**options)"),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_is_allowed_passes(case, tmp_path):
    name, text = ALLOWED[case]
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(text)
    assert violations(tmp_path) == []


def python(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("adviz", SLOW_TO_IMPORT),
        ("adviz.data", ("torch", "pandas", "matplotlib")),
        ("adviz.app.cli", SLOW_TO_IMPORT),
    ],
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


PAGE = PACKAGE.parent / "docs" / "architecture.md"


def test_the_page_has_the_rooms_and_what_they_may_import():
    table = {}
    for name, imports in re.findall(r"^\| `([\w.]+)/?` \| .* \|([^|]*)\|$", PAGE.read_text(), re.M):
        words = re.findall(r"\w+", imports)
        table[name.removesuffix(".py")] = ANYTHING if words == ["anything"] else set(words)
    beside = {"notebooks", "tests", "benchmarks", "docs"}
    rooms = {name: allowed for name, allowed in table.items() if name not in beside}
    assert rooms == {room: allowed for room, allowed in MAY_IMPORT.items() if room}


def test_the_page_has_all_that_lies_in_the_package():
    there = {path.name for path in PACKAGE.iterdir() if not path.name.startswith((".", "__"))}
    listed = set(re.findall(r"^\| `([\w.]+)/?` ", PAGE.read_text(), re.MULTILINE))
    assert there - {"py.typed"} <= listed


def test_the_page_can_be_read_without_scrolling_sideways():
    assert max(len(line) for line in PAGE.read_text().splitlines()) <= 120


def test_the_picture_of_the_rooms_says_what_the_table_says():
    """Its arrows are imports that the table allows, and all that it allows follows from them."""
    picture = PAGE.read_text().split("```mermaid")[2].split("```")[0]
    arrows = {}
    for room, _, targets in re.findall(r"^ +(\w+) --?(>|\. .* \.->) (.*)$", picture, re.MULTILINE):
        if room != "explore" or "tables" not in targets:
            arrows[room] = set(re.findall(r"\w+", targets))

    def reached(room):
        below = arrows.get(room, set())
        return below.union(*(reached(other) for other in below))

    for room, allowed in MAY_IMPORT.items():
        if allowed is not ANYTHING:
            assert arrows.get(room, set()) <= allowed <= reached(room), room
