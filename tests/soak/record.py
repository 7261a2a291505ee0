"""Keep what a soak test measured, with the date and the kind of machine: `results.json` beside this
file, committed.
"""

import json
import os
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

RESULTS = Path(__file__).with_name("results.json")
PACKAGES = ("torch", "timm", "numpy", "ipywidgets")


def record(name, figures):
    """Replace the figures of one soak test."""
    machine = {"cores": os.cpu_count(), "memory_gib": round(psutil.virtual_memory().total / 2**30)}
    entry = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine,
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "versions": {package: version(package) for package in PACKAGES},
        "figures": figures,
    }
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**known, name: entry}, indent=1) + "\n", "utf-8")
