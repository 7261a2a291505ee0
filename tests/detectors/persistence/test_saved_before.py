"""Files and experiments that earlier versions wrote are read, whatever options and modules are
called today.
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import saved_by_format_1 as before

import adviz
from adviz import ReverseDistillation, sweep

SAVED = Path(__file__).parent / "saved"
EXPERIMENTS = json.loads((SAVED / "experiments.json").read_text())


def close(got, expected, digits):
    """Compare all arrays of two records, exactly but for the last digits that a training differs
    by.
    """
    got, expected = adviz.archive.parts(got), adviz.archive.parts(expected)
    flat = dict(leaves(got))
    assert flat.keys() == dict(leaves(expected)).keys()
    for name, value in leaves(expected):
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            np.testing.assert_allclose(flat[name], value, rtol=digits, atol=digits, err_msg=name)
        elif isinstance(value, np.ndarray):
            np.testing.assert_array_equal(flat[name], value, err_msg=name)
        elif isinstance(value, float):  # a metric of such arrays
            assert flat[name] == pytest.approx(value, rel=digits, nan_ok=True), name
        else:
            assert flat[name] == value, name


def leaves(tree, name=""):
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from leaves(value, f"{name}.{key}")
    else:
        yield name, tree


@pytest.mark.parametrize("name", before.FITTED)
def test_a_detector_that_was_saved_before_gives_what_one_fitted_today_gives(name):
    file, fitted = SAVED / f"{name}.adviz", before.fitted(name)
    digits = before.DIGITS.get(name, 1e-6)  # sums of products on another machine; trainings more
    for loaded in (type(fitted).load(file), adviz.load(file)):
        assert type(loaded) is type(fitted)
        assert loaded == fitted
        assert loaded.layers_ == fitted.layers_
        close(before.predicted(loaded), before.predicted(fitted), digits)


@pytest.mark.parametrize("name", ["prediction", "result", "threshold"])
def test_a_record_that_was_saved_before_holds_what_is_computed_today(name):
    expected = before.records()[name]
    loaded = adviz.load(SAVED / f"{name}.adviz")
    assert type(loaded) is type(expected)
    close(loaded, expected, 1e-6)


def test_a_checkpoint_that_was_written_before_is_read():
    options = {"layers": (16,)}
    detector = dataclasses.replace(before.FITTED["reverse_distillation"](), **options)
    loaded = ReverseDistillation.load(SAVED / "checkpoint.adviz", device="cpu")
    assert loaded == detector
    fitted = detector.fit(before.features(detector, 8, 0))
    np.testing.assert_allclose(loaded.losses_, fitted.losses_, rtol=1e-5)  # another order of sums
    close(before.predicted(loaded), before.predicted(fitted), 1e-5)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_that_was_stored_before_has_its_key(name):
    stored = EXPERIMENTS[name]
    experiment = sweep.Experiment.from_facts(stored["facts"])
    assert experiment.key == stored["key"]
    assert sweep.Experiment.from_facts(experiment.facts()) == experiment
