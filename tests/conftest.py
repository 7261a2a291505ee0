"""What all tests share: no progress bars, a cache inside the checkout, and threads that leave the cores to others."""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

os.environ["ADVIZ_PROGRESS"] = "0"
os.environ.setdefault("ADVIZ_CACHE", str(REPOSITORY / ".cache" / "adviz"))
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # see the Makefile; takes effect as torch is not imported yet

SLOW = {"test_lessons.py", "test_distillation_quality.py", "test_notebooks.py"}


def pytest_collection_modifyitems(items):
    """Let the slow files come first: one that starts late keeps a process busy while the other has nothing to do."""
    items.sort(key=lambda item: item.path.name not in SLOW)
