"""Sweeps of detectors that are not adviz's, whose code is part of the experiment's key."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from adviz import DN2, Prediction, sweep
from adviz.data import Geometry
from adviz.detectors import registry as named
from adviz.detectors.base import Detector
from adviz.sweep import Experiment, grid

LIKE = Experiment("demo", "", DN2(), geometry=Geometry(64), every=6)


@dataclasses.dataclass
class Brightest:
    """No subclass of anything."""

    layers: tuple[int | str, ...] = (32,)
    power: float = 1.0

    def fit(self, features):
        self.mean_ = features.select(self.layers)["layer4"].mean((0, 2, 3))
        self.count_ = features.n_images
        return self

    def predict(self, features):
        pooled = features.select(self.layers)["layer4"].mean((2, 3))
        return Prediction(np.abs(pooled - self.mean_).max(1) ** self.power)


@dataclasses.dataclass(repr=False)
class Own(Detector):
    layers: tuple[int | str, ...] = (32,)

    def fit(self, features):
        self._fitting(features)
        return self

    def predict(self, features):
        return 3


def experiment(detector, **changed):
    return dataclasses.replace(LIKE, category="bottle", detector=detector, **changed)


def test_a_sweep_takes_any_dataclass_with_fit_and_predict(tmp_path):
    wanted = grid("demo", ["bottle"], [Brightest(), Brightest(power=2.0), DN2()], like=LIKE)
    found = sweep.run(wanted, tmp_path)
    assert not found.broken
    assert [row.experiment.title for row in found.results] == [
        "Brightest",
        "Brightest",
        'DN2.preset("paper")',
    ]
    first, second = found.results[:2]
    np.testing.assert_allclose(
        np.square(first.images["scores"]), second.images["scores"], rtol=1e-5
    )
    assert first.facts["backbone"] == "efficientnet_lite0"
    assert first.facts["count_"] == first.facts["n_train"]
    assert "mean_" not in first.facts
    assert first.measured["model_bytes"] == 4 * 320  # the mean alone
    assert "pixel_auroc" in first.reasons
    assert list(found.to_frame()["detector"])[:2] == ["Brightest", "Brightest"]
    assert sweep.run(wanted, tmp_path).computed == 0


def test_the_facts_lead_back_to_the_class():
    one = experiment(Brightest(power=3.0))
    facts = one.facts()
    assert facts["detector"] == f"{__name__}:Brightest"
    again = Experiment.from_facts(facts)
    assert again == one
    assert again.detector == Brightest(power=3.0)


def test_what_can_be_estimated_can_be_estimated(tmp_path):
    found = sweep.estimate([experiment(Brightest())], tmp_path)
    assert not found.unknown
    assert found.seconds["fit"] > 0


def test_other_code_is_another_experiment(monkeypatch):
    one = experiment(Brightest())
    key, facts = one.key, one.facts()
    monkeypatch.setattr(
        Brightest, "predict", lambda self, features: Prediction(np.zeros(features.n_images))
    )
    assert experiment(Brightest()).key != key
    with pytest.raises(
        ValueError, match="Brightest as it was in these facts, but its code has changed"
    ):
        Experiment.from_facts(facts)


def test_the_code_is_that_of_methods_constants_and_parents():
    def made(base=object, **names):
        return named.code_of(type("Made", (base,), names))

    def plus_one(self):
        return self.x + 1

    def plus_two(self):
        return self.x + 2

    def nested(self):
        return [self.x in {"a", "b"} for _ in range(3)]

    base = made(f=plus_one)
    assert made(f=plus_one) == base == made(f=plus_one, __doc__="text")
    others = [
        made(f=plus_two),
        made(g=plus_one),
        made(f=nested),
        made(f=plus_one, K=3),
        made(f=plus_one, K=4),
    ]
    others += [
        made(f=property(plus_one)),
        made(f=staticmethod(plus_one)),
        made(Brightest, f=plus_one),
    ]
    assert len({base, *others}) == 1 + len(others)


def test_the_code_is_the_same_in_every_process():
    program = (
        "from adviz.detectors import registry as named\n"
        "class A:\n"
        "    def f(self, x):\n"
        "        return x in {'one', 'two', 'three', 'four'}\n"
        "print(named.code_of(A))"
    )
    path = ":".join(sys.path)
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_a_class_that_cannot_be_found_again_says_where_to_put_it():
    @dataclasses.dataclass
    class Local(Brightest):
        pass

    with pytest.raises(
        ValueError, match=r"expected to find the detector .*Local in .*test_own_detectors.* in no f"
    ):
        experiment(Local())
    with pytest.raises(
        ValueError,
        match=r"expected to find the detector A in no_such_module, got ModuleNotFoundError",
    ):
        named.class_of("no_such_module:A")
    for name in ("YOLO", "saving"):  # which is a module there
        with pytest.raises(
            AttributeError, match=f"expected one of AnomalyDINO, .*, or module:Class, got '{name}'"
        ):
            named.class_of(name)


def test_an_object_of_an_earlier_definition_is_refused(monkeypatch):
    old = Brightest()
    monkeypatch.setattr(
        sys.modules[__name__],
        "Brightest",
        dataclasses.make_dataclass("Brightest", [], bases=(Own,)),
    )
    with pytest.raises(ValueError, match="got one of an earlier definition: make it again"):
        experiment(old)


class Bare:
    def fit(self, features):
        return self

    def predict(self, features):
        return None


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        (Bare(), "an object of a @dataclass"),
        (Brightest, "an object of a @dataclass"),
        ("PatchCore", "an object of a @dataclass"),
        (Geometry(), r"with fit\(features\) and predict\(features\), got Geometry"),
        (
            dataclasses.make_dataclass("Blind", [], bases=(Bare,))(),
            "which layers it reads, got Blind without: give it",
        ),
    ],
)
def test_what_is_no_detector_is_refused(detector, message):
    with pytest.raises(TypeError, match=message):
        experiment(detector)


def test_options_that_no_file_can_hold_are_refused():
    with pytest.raises(
        TypeError, match=r"options that are numbers, texts or tuples, got .*power.*array"
    ):
        hash(experiment(Brightest(power=np.arange(3))))


def test_a_predict_that_returns_something_else_is_said_in_the_report(tmp_path):
    found = sweep.run([experiment(Own())], tmp_path)
    assert "expected predict to return a Prediction, got int" in found.broken[0][1]
