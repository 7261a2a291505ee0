"""One of two sweeps that begin at the same time in one folder; a program of its own, and half of
test_processes.py.
"""

import sys
import time
from pathlib import Path

from adviz import DN2, sweep
from adviz.data import Geometry
from adviz.sweep import Experiment, grid


def wanted():
    like = Experiment("demo", "", DN2(), geometry=Geometry(64), every=6)
    return grid("demo", ["bottle"], [DN2(k_images=k) for k in range(1, 13)], like=like)


def begin(folder, mine, other):
    """Sweep as soon as both are there."""
    (folder / mine).touch()
    while not (folder / other).exists():
        time.sleep(0.001)
    found = sweep.run(wanted(), folder / "rows")
    assert (len(found.results), found.broken) == (12, [])
    return found


if __name__ == "__main__":
    begin(Path(sys.argv[1]), "one", "other")
