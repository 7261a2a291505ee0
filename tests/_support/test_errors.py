"""What errors say of an unknown name, or of another kind of thing."""

import numpy as np
import pytest

import adviz
from adviz import DN2, Backbone, PatchCore, Prediction, data, ensemble, evaluate, sweep, tables
from adviz._support import errors as names

THERE = ["brick", "hex_nut", "layer1", "layer2", "layer3", 7]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("hexnut", "hex_nut"),
        ("Hex-Nut", "hex_nut"),
        ("hex_nut ", "hex_nut"),
        ("brik", "brick"),
        ("layr2", "layer2"),
        ("layer9", None),  # as near to three of them
        ("screw", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
def test_a_near_name_is_suggested(value, meant):
    assert names.got(value, THERE) == f"got {value!r}" + (
        f": did you mean {meant!r}?" if meant else ""
    )


def test_nothing_is_suggested_where_there_is_nothing():
    assert names.got("brick", []) == "got 'brick'"


def test_another_kind_of_thing_is_refused_by_what_it_lacks():
    names.require_attributes("text", "upper lower", "a text")
    with pytest.raises(TypeError, match=r"^expected a text, got a int$"):
        names.require_attributes(3, "upper lower", "a text")


SPLIT = data.Split.from_arrays(np.zeros((3, 8, 8), np.uint8), [0, 0, 1])
CATEGORY = data.Category("made up", SPLIT, SPLIT)
PREDICTION = Prediction(np.arange(3.0))
MISTAKES = {
    "a category": (lambda: data.demo("hexnut"), "did you mean 'hex_nut'"),
    "a preset": (lambda: PatchCore.preset("Paper"), "did you mean 'paper'"),
    "an option": (lambda: PatchCore(sampler="gredy"), "did you mean 'greedy'"),
    "a part of a network": (
        lambda: Backbone("resnet18", ["layr4"], weights="random"),
        "did you mean 'layer4'",
    ),
    "a rule": (lambda: adviz.calibrate(PREDICTION, SPLIT, rule="F1"), "did you mean 'f1'"),
    "a definition": (lambda: evaluate(PREDICTION, SPLIT, pro="globl"), "did you mean 'global'"),
    "a way to resize": (lambda: data.Geometry(interpolation="bilinar"), "did you mean 'bilinear'"),
    "a data set": (lambda: data.classes("fashion-mnist"), "did you mean 'fashion_mnist'"),
    "a paper": (lambda: tables.plan("patch-core", 1), "did you mean 'patchcore'"),
    "a figure's paper": (lambda: tables.plan_figure("patch-core", 5), "did you mean 'patchcore'"),
    "an ablation": (lambda: tables.ablation("layer"), "did you mean 'layers'"),
    "a name of adviz": (lambda: adviz.Patchcore, "did you mean 'PatchCore'"),
    "images for features": (lambda: DN2().fit(SPLIT), "expected Features, .*extract.* got a Split"),
    "a category for a split": (
        lambda: Backbone("resnet18", weights="random").extract(CATEGORY),
        "category.train",
    ),
    "the split first": (
        lambda: evaluate(SPLIT, PREDICTION),
        "expected a Prediction, then the Split",
    ),
    "a category to judge by": (
        lambda: evaluate(PREDICTION, CATEGORY),
        "such as category.test, got a Category",
    ),
    "one category": (lambda: sweep.grid("demo", "mesh", [DN2()]), r"use \['mesh'\]"),
    "one detector": (
        lambda: sweep.grid("demo", ["mesh"], DN2()),
        "expected a list of detectors, .* got a DN2",
    ),
    "one to average": (lambda: ensemble(PREDICTION), "expected a list of predictions"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_with_what_was_meant(mistake):
    make, message = MISTAKES[mistake]
    with pytest.raises((ValueError, TypeError, AttributeError), match=message):
        make()
