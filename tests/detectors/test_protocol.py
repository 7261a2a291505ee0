"""What detectors say of themselves: layers, work, shared trainings, use of the model."""

import ast
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from random_features import make_features
from test_contract import DETECTORS, features_for

import adviz
from adviz import SPADE, AnomalyDINO, PaDiM, PatchCore, Prediction, ReverseDistillation, detectors
from adviz.detectors import Detector
from adviz.detectors.base import reported

PACKAGE = Path(adviz.__file__).parent
SHORT = {"student": "small", "width": 0.25, "epochs": 2, "batch": 2}
SIZES = {"n_train": 20, "n_test": 10, "locations": 64, "channels": 40}
MORE = {"ReverseDistillation, pre": lambda: ReverseDistillation(layers=(8, 16), bottleneck="pre")}
EVERY = {**DETECTORS, **MORE}


@pytest.fixture(params=EVERY.values(), ids=EVERY)
def detector(request):
    made = request.param()
    return dataclasses.replace(made, **SHORT) if hasattr(made, "epochs") else made


def test_the_layers_that_it_reads_are_enough_and_all_are_needed(detector):
    train = features_for(detector, 6, 0)
    assert set(detector.layers) <= set(detector.layers_read)
    chosen = train.select(detector.layers_read)
    detector.fit(chosen).predict(chosen)
    for layer in detector.layers_read if len(detector.layers_read) > 1 else ():
        others = [other for other in detector.layers_read if other != layer]
        with pytest.raises(ValueError, match=r"expected|no layer"):
            dataclasses.replace(detector).fit(train.select(others))


def test_work_is_positive_and_grows_with_the_images(detector):
    fit, predict = detector.work(**SIZES)
    assert 0 < fit < np.inf
    assert 0 < predict < np.inf
    more_fit, _ = detector.work(**{**SIZES, "n_train": 40})
    _, more_predict = detector.work(**{**SIZES, "n_test": 20})
    assert more_fit > fit
    assert more_predict == pytest.approx(2 * predict)


GROWTH = [  # detector, options or sizes that are doubled, which of fit and predict is about twice
    (PatchCore(coreset=0.25), {"coreset": 0.5}, {}, 0, 2),
    (PatchCore(coreset=0.25), {}, {"n_train": 2000}, 0, 4),
    (PatchCore(coreset=0.25), {"coreset": 0.5}, {}, 1, 2),
    (SPADE(k_images=50), {"k_images": 100}, {}, 1, 2),
    (SPADE(k_images=50), {}, {"locations": 2 * 784}, 1, 4),
    (PaDiM(dimension=100), {}, {"n_train": 2000}, 0, 2),
    (AnomalyDINO(), {}, {"n_train": 2000}, 1, 2),
    (ReverseDistillation(epochs=10), {"epochs": 20}, {}, 0, 2),
]


@pytest.mark.parametrize(("detector", "options", "sizes", "step", "factor"), GROWTH)
def test_work_grows_as_the_method_does(detector, options, sizes, step, factor):
    usual = {"n_train": 1000, "n_test": 100, "locations": 784, "channels": 400}
    before = detector.work(**usual)[step]
    after = dataclasses.replace(detector, **options).work(**{**usual, **sizes})[step]
    assert after / before == pytest.approx(factor, rel=0.1)


@pytest.mark.parametrize("name", dir(detectors))
def test_options_that_predict_alone_reads_change_no_training(name):
    cls = getattr(detectors, name)
    changes = {"map": "product", "image_score": "sum", "sigma": 1.0, "border": "mirror"}
    changes |= {"map_layers": (8,), "align_corners": False}
    assert cls.read_by_predict <= set(changes)
    if not cls.read_by_predict:
        return
    usual = cls(layers=(8, 16), **SHORT)
    options = {name for name in usual.get_params() if name in cls.read_by_predict}
    other = dataclasses.replace(usual, **{name: changes[name] for name in options})
    train = features_for(usual, 4, 0)
    weights = [one.fit(train).network_.state_dict() for one in (usual, other)]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_usage_is_the_fraction_of_bank_entries_that_are_nearest_to_some_patch():
    train, test = make_features(6, 0), make_features(3, 1)
    detector = PatchCore(coreset=0.5).fit(train)
    found = detector.predict(test).neighbors["patch"]
    nearest = set(zip(found.image[..., 0].ravel(), found.location[..., 0].ravel(), strict=True))
    usage = detector.usage(detector.predict(test))
    assert usage == {"bank_used": len(nearest) / len(detector.bank_)}
    proxies = PatchCore(coreset=0.1, sampler="proxies").fit(train)
    assert proxies.usage(proxies.predict(test)) == {}
    assert AnomalyDINO().usage(detector.predict(test)) == {}


def test_nothing_asks_which_class_a_detector_is():
    """Outside of the detectors: they say themselves what others need to know."""
    asked = []
    for file in PACKAGE.rglob("*.py"):
        if file.is_relative_to(PACKAGE / "detectors") or file.name == "costs.py":
            continue  # costs.py goes with the dry run's rewriting
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
                classes = {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}
                asked += [f"{file.name}:{node.lineno}"] * bool(classes & set(dir(detectors)))
    assert asked == []


def test_a_class_without_methods_says_so():
    @dataclasses.dataclass(repr=False)
    class Empty(Detector):
        layers: tuple[int | str, ...] = (16,)

    with pytest.raises(AttributeError, match="Empty has no fit"):
        Empty().fit(make_features(2))
    with pytest.raises(AttributeError, match="Empty has no predict"):
        Empty().predict(make_features(2))
    assert Empty().layers_read == (16,)
    assert Empty().work(n_train=2, n_test=3, locations=4, channels=5) == (40, 60)


@pytest.mark.parametrize(("said", "shown"), [("", "Own"), ("mine", "mine")])
def test_a_prediction_that_does_not_say_whose_it_is_gets_the_class_as_its_name(said, shown):
    @dataclasses.dataclass(repr=False)
    class Own(Detector):
        layers: tuple[int | str, ...] = (16,)

        @reported
        def predict(self, features):
            return Prediction(np.arange(features.n_images), detector=said)

    assert Own().predict(make_features(3)).detector == shown
