"""What all tests share: no progress bars, a cache inside the checkout, examples for hypothesis, and
the order.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, configuration, settings

REPOSITORY = Path(__file__).resolve().parents[1]

os.environ["ADVIZ_PROGRESS"] = "0"
os.environ.setdefault("ADVIZ_CACHE", str(REPOSITORY / ".cache" / "adviz"))
# See the Makefile; takes effect as torch is not imported yet
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Property tests try the same examples on every machine, few of them; `make soak` tries many.
# Nothing is remembered between runs: a failure prints its example, which then becomes a test of its
# own (@example).
configuration.set_hypothesis_home_dir(REPOSITORY / ".cache" / "hypothesis")
ALIKE = {
    "database": None,
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.too_slow],
}
settings.register_profile("quick", max_examples=10, **ALIKE)
settings.register_profile("soak", max_examples=500, **ALIKE)

# The longest first: one that starts late keeps a process busy while the others have nothing to do
SLOW = (
    "test_docs_code.py",
    "test_desk.py",
    "test_lessons.py",
    "test_explorers_live.py",
    "test_exported.py",
    "test_notebooks.py",
    "test_running.py",
    "test_tables.py",
)


def soaking(config):
    return config.option.markexpr == "soak"


def pytest_configure(config):
    settings.load_profile("soak" if soaking(config) else "quick")


def pytest_collection_modifyitems(config, items):
    """Let the slow files come first, and spread those of the browser among the others.

    A browser test mostly waits, so that a processor has time for other tests beside it.

    Property tests run in `make test` and, with more examples, in `make soak`, which chooses by the
    marker.
    """
    files = list(dict.fromkeys(item.path for item in items))
    in_browser = [file for file in files if file.parent.name == "browser"]
    others = [file for file in files if file.parent.name != "browser"]
    place = {}  # of a file among those of its kind, from 0 to 1
    for kind in (in_browser, others):
        place.update((file, number / len(kind)) for number, file in enumerate(kind))

    def turn(item):
        name = item.path.name
        return SLOW.index(name) if name in SLOW else len(SLOW) + place[item.path]

    items.sort(key=turn)
    for item in items:
        if soaking(config) and hasattr(getattr(item, "obj", None), "hypothesis"):
            item.add_marker(pytest.mark.soak)
