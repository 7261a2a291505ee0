"""The face of the explorers: importing one loads no other, and the functions stay functions."""

import subprocess
import sys
from pathlib import Path

import pytest

from adviz import explore

FOLDERS = {
    path.parent.name
    for path in Path(explore.__file__).parent.glob("*/view.py")
    if path.parent.name != "kit"
}
SCRIPT = """
import sys
import adviz.explore.{name}
loaded = {{module.split(".")[2] for module in sys.modules if module.startswith("adviz.explore.")}}
print(type(adviz.explore.{name}).__name__, *sorted(loaded))
"""


def test_every_explorer_has_a_folder_or_a_module():
    assert {"compare", "coreset", "deviations", "layers", "pro", "retrieval"} < FOLDERS
    assert {"tables", "thresholds"} < FOLDERS


@pytest.mark.parametrize("name", [*sorted(FOLDERS), "training"])
def test_importing_an_explorer_loads_no_other_and_its_function_stays(name):
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(name=name)],
        capture_output=True,
        text=True,
        check=True,
    )
    kind, *loaded = result.stdout.split()
    assert kind == "function"
    assert name in loaded
    assert set(loaded) <= {name, "kit", "widgets"}


def test_an_import_from_another_room_loads_no_explorer():
    """The report uses the counts of errors and the pictures, which are no explorer's own."""
    script = (
        "import sys; from adviz.explore import address, first_threshold, outcome, theme, wrong;"
        "print(*(module for module in sys.modules if module.startswith('adviz.explore.')))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {module.split(".")[2] for module in result.stdout.split()}
    assert loaded == {"kit"}
