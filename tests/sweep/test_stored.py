"""A result that an earlier version stored is still read, and the keys of experiments stay."""

from pathlib import Path

import pytest

from adviz import (
    DN2,
    SPADE,
    ConventionalDistillation,
    PaDiM,
    PatchCore,
    ReverseDistillation,
    sweep,
)
from adviz.data import Geometry
from adviz.sweep import Experiment, measuring

STORED = Path(__file__).parent / "stored"  # written by the version before the rooms
EXPERIMENT = Experiment("demo", "bottle", PatchCore(coreset=0.01), geometry=Geometry(64), every=12)


def test_a_result_of_before_is_read():
    result = sweep.stored(EXPERIMENT, STORED)
    assert result.path.name == "197f4e3831b5b775.json"
    assert set(measuring.METRICS) <= set(result.metrics)  # also those that were renamed since
    assert result.facts["n_train"] == 64
    assert len(result.images["scores"]) == result.facts["n_test"] == 4
    assert result.metrics["pro_per_image"] <= 1
    assert result.measured["seconds"]["fit"] > 0


def test_a_sweep_takes_a_result_of_before(tmp_path):
    (tmp_path / "197f4e3831b5b775.json").write_bytes(
        (STORED / "197f4e3831b5b775.json").read_bytes()
    )
    report = sweep.run([EXPERIMENT], tmp_path)
    assert (report.computed, len(report.results)) == (0, 1)


@pytest.mark.parametrize(
    ("detector", "key", "other_key"),
    [
        (DN2(), "184f481319a2663a", "f14b69fdced9208f"),
        (SPADE(), "2cee66dcb193ea3d", "9b57443a6959c1d3"),
        (PaDiM(), "496b96bde5172ec0", "4aa8aeb9d45e83f2"),
        (PatchCore(presample=9), "a92ad3d3e44af9ba", "932203c17ab37a8e"),
        (ReverseDistillation(), "72423f300790e2de", "42dc86409e908815"),
        (ConventionalDistillation(), "4f815580478e4c36", "3d5d23715e6dbb62"),
    ],
)
def test_keys_stay_what_they_were(detector, key, other_key):
    """Keys are names of files: one that changes loses stored results (a drift guard)."""
    assert Experiment("demo", "bottle", detector).key == key
    few = Experiment("mvtec", "screw", detector, seed=3, shots=4, size=(200, 256))
    assert few.key == other_key
