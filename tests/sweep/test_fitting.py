"""Students that differ after their training only are trained once, and half a model is no row."""

import dataclasses
import warnings

import pytest

from adviz import DN2, PatchCore, ReverseDistillation, sweep
from adviz.core.coreset import greedy
from adviz.data import Geometry
from adviz.detectors import ConventionalDistillation
from adviz.detectors.distillation.training import Training
from adviz.sweep import Experiment, fitting, grid

LIKE = Experiment("demo", "", DN2(), geometry=Geometry(64, crop=False), every=6, shots=6)
SMALL = ReverseDistillation(epochs=2, student="small", width=0.25, batch=2)
LINES = ((4,), (8,), (16,), (8, 16), (4, 8, 16))  # Table 7 of reverse distillation


@pytest.fixture
def epochs(monkeypatch):
    """Count the epochs that are trained, from nothing kept."""
    done = []
    real = Training._epoch

    def counted(self, teacher, count):
        done.append(count)
        return real(self, teacher, count)

    monkeypatch.setattr(Training, "_epoch", counted)
    monkeypatch.setattr(fitting, "_last", [])
    return done


def rows(detectors, folder, like=LIKE):
    found = sweep.run(grid("demo", ["bottle"], detectors, like=like), folder)
    assert not found.broken, found
    return found.results


def test_lines_that_differ_in_their_maps_are_trained_once_and_are_the_same(
    tmp_path, epochs, monkeypatch
):
    detectors = [dataclasses.replace(SMALL, map_layers=layers) for layers in LINES]
    detectors += [
        dataclasses.replace(SMALL, map="product", image_score="sum", sigma=2.0, align_corners=False)
    ]
    between = dataclasses.replace(SMALL, loss="position")  # in whatever order they are asked for
    together = rows([detectors[0], between, *detectors[1:]], tmp_path / "together")
    together.pop(1)
    assert len(epochs) == 4
    monkeypatch.setattr(type(SMALL), "read_by_predict", frozenset())
    alone = rows(detectors, tmp_path / "alone")
    assert len(epochs) == 4 + 2 * len(detectors)
    for one, two in zip(together, alone, strict=True):
        assert one.content() == two.content(), one.experiment
    assert len({row.metrics["pixel_auroc"] for row in together}) == len(detectors)
    spent = {row.measured["seconds"]["fit"] for row in together}
    assert len(spent) == 1, "what training takes is said of all"


OTHERS = {
    "epochs": dataclasses.replace(SMALL, epochs=3),
    "patience": dataclasses.replace(SMALL, patience=5),
    "loss": dataclasses.replace(SMALL, loss="position"),
    "learning_rate": dataclasses.replace(SMALL, learning_rate=0.001),
    "bottleneck": dataclasses.replace(SMALL, bottleneck="oce"),
    "class": ConventionalDistillation(epochs=2, student="small", width=0.25, batch=2),
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_training_is_trained(tmp_path, epochs, other):
    rows([SMALL], tmp_path)
    before = len(epochs)
    (row,) = rows([OTHERS[other]], tmp_path)
    assert len(epochs) == before + row.facts["epochs_"]


CHANGES = [{"seed": 1}, {"shots": 5}, {"geometry": Geometry(96, crop=False)}, {"category": "mesh"}]


@pytest.mark.parametrize("change", CHANGES)
def test_other_images_or_seeds_are_trained(tmp_path, epochs, change):
    rows([SMALL], tmp_path)
    one = dataclasses.replace(LIKE, **{"category": "bottle", "detector": SMALL, **change})
    assert not sweep.run([one], tmp_path).broken
    assert len(epochs) == 4


def test_wrong_maps_are_refused_also_after_a_training(tmp_path, epochs):
    rows([SMALL], tmp_path)
    wrong = grid("demo", ["bottle"], [dataclasses.replace(SMALL, map_layers=(32,))], like=LIKE)
    assert sweep.run(wrong, tmp_path).broken


def test_an_interrupted_training_ends_the_run_and_writes_no_row(tmp_path, epochs, monkeypatch):
    real = Training._epoch

    def interrupted(self, teacher, count):
        if self.losses:
            raise KeyboardInterrupt
        return real(self, teacher, count)

    monkeypatch.setattr(Training, "_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rows([SMALL], tmp_path)
    assert not list(tmp_path.glob("*.json"))
    monkeypatch.setattr(Training, "_epoch", real)
    (row,) = rows([SMALL], tmp_path)
    assert row.facts["epochs_"] == 2


def test_an_interrupted_coreset_ends_the_run_and_writes_no_row(tmp_path, monkeypatch):
    def interrupted(_self):
        raise KeyboardInterrupt

    monkeypatch.setattr(greedy._Greedy, "block", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rows([PatchCore(coreset=0.1)], tmp_path)
    assert not list(tmp_path.glob("*.json"))


def test_other_warnings_stay_what_they_are():
    with pytest.warns(UserWarning, match="features are right"), fitting.uninterrupted():
        warnings.warn("the features are right but not kept", stacklevel=1)
    with pytest.raises(UserWarning, match="another"), fitting.uninterrupted():
        raise UserWarning("another")
