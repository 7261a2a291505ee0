"""The face of the explorers: importing one loads no other, and the functions stay functions."""

import subprocess
import sys
from pathlib import Path

import pytest

from adviz import explore

ROOM = Path(explore.__file__).parent
FOLDERS = {path.parent.name for path in ROOM.glob("*/view.py") if path.parent.name != "kit"}
MODULES = {path.stem for path in ROOM.glob("*.py") if path.stem != "__init__"}
# What an explorer shows by another
ON_A_DESK = {"compare", "pro", "results", "retrieval", "thresholds", "coreset", "layers"}
BUILT_ON = {"why": {"retrieval"}, "desk": ON_A_DESK, "story": ON_A_DESK | {"desk"}}
# A child for each explorer, so that torch and numpy are imported once
SCRIPT = """
import os, sys
import matplotlib.figure, numpy, sklearn.metrics, torch
from adviz import data

for name in sys.argv[1:]:
    if os.fork():
        assert os.wait()[1] == 0
        continue
    __import__("adviz.explore." + name)
    loaded = {one.split(".")[2] for one in sys.modules if one.startswith("adviz.explore.")}
    kind = type(getattr(sys.modules["adviz.explore"], name)).__name__
    print(name, kind, *sorted(loaded), flush=True)
    os._exit(0)
"""


def test_every_explorer_has_a_folder_or_a_module():
    functions = {name for name in explore.__all__ if name.islower()}
    shared = {"export", "export_size", "link"}  # of the kit
    assert FOLDERS | MODULES == functions - shared
    assert {"desk", "results", "series", "story", "training", "why"} == MODULES


@pytest.fixture(scope="module")
def imported():
    """Return explorer -> what its name is bound to after its import, and what was loaded."""
    result = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, *sorted(FOLDERS | MODULES)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in result.stdout.splitlines()]
    return {name: (kind, set(loaded)) for name, kind, *loaded in lines}


@pytest.mark.parametrize("name", sorted(FOLDERS | MODULES))
def test_importing_an_explorer_loads_no_other_and_its_function_stays(name, imported):
    kind, loaded = imported[name]
    assert kind == "function"
    assert name in loaded
    assert loaded <= {name, "kit"} | BUILT_ON.get(name, set())


def test_an_import_from_another_room_loads_no_explorer():
    """The report uses the counts of errors, which are no explorer's own."""
    script = (
        "import sys; from adviz.explore import Embedded, first_threshold, outcome, wrong;"
        "print(*(module for module in sys.modules if module.startswith('adviz.explore.')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {module.split(".")[2] for module in result.stdout.split()}
    assert loaded == {"kit"}
