"""What all tests share: no progress bars, a cache inside the checkout, and threads that leave the cores to others."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]

os.environ["ADVIZ_PROGRESS"] = "0"
os.environ.setdefault("ADVIZ_CACHE", str(REPOSITORY / ".cache" / "adviz"))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # see the Makefile; takes effect as torch is not imported yet


def pytest_collection_modifyitems(items):
    """Keep a file's tests in one process, for their shared fixtures; the lessons, which take longest, a seed's."""
    for item in items:
        seed = item.callspec.params["seed"] if item.path.name == "test_lessons.py" else ""
        item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {seed}"))
