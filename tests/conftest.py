"""What all tests share: no progress bars, a cache inside the checkout, and threads that leave the cores to others."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

os.environ["ADVIZ_PROGRESS"] = "0"
os.environ.setdefault("ADVIZ_CACHE", str(REPOSITORY / ".cache" / "adviz"))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # see the Makefile; takes effect as torch is not imported yet


SLOW = {"test_lessons.py": "seed", "test_distillation_quality.py": "name"}  # and what splits their tests


def pytest_collection_modifyitems(items):
    """Keep a file's tests in one process, for their shared fixtures, but for the slow ones, which also come first.

    A group that starts late keeps one process busy while the other has nothing left to do.
    """
    for item in items:
        part = item.callspec.params[SLOW[item.path.name]] if item.path.name in SLOW else ""
        item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {part}"))
    items.sort(key=lambda item: item.path.name not in {*SLOW, "test_notebooks.py"})
