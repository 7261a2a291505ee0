"""What every detector's options take and refuse."""

import copy
import dataclasses
import pickle
from typing import get_args, get_type_hints

import pytest
from random_features import make_features
from sklearn.base import clone

from adviz import (
    DN2,
    SPADE,
    ConventionalDistillation,
    PaDiM,
    PatchCore,
    ReverseDistillation,
    detectors,
)
from adviz.detectors.presets import PRESETS, AtMost
from adviz.detectors.registry import current_options, stored_options

CLASSES = [getattr(detectors, name) for name in dir(detectors)]
CHOICES = [
    (cls, name)
    for cls in CLASSES
    for name, hint in get_type_hints(cls).items()
    if "Literal" in str(hint)
]


@pytest.mark.parametrize(("cls", "name"), CHOICES)
def test_an_option_with_choices_refuses_others_and_takes_each(cls, name):
    if isinstance(getattr(cls(), name), int):
        return  # a number or one name: PatchCore's projection
    with pytest.raises(ValueError, match=f"{name} must be one of .* got 'nonsense'"):
        cls(**{name: "nonsense"})
    hint = get_type_hints(cls)[name]
    for part in (hint, *get_args(hint)):
        for value in get_args(part) if "Literal" in str(part) else ():
            if isinstance(value, str) and value != "window":  # which needs a radius
                assert getattr(cls(**{name: value}), name) == value


LEAST = [
    (SPADE, {"score_neighbors": 1, "sigma": 0, "search": "window", "radius": 0}),
    (PaDiM, {"dimension": 1, "sigma": 0, "epsilon": 1e-9}),
    (
        PatchCore,
        {
            "coreset": 1e-9,
            "patch_size": 1,
            "stride": 1,
            "projection": 1,
            "sigma": 0,
            "reweight_neighbors": 2,
        },
    ),
    (PatchCore, {"dimension": 1, "layer_dimension": 1, "score_neighbors": 1}),
    (
        ReverseDistillation,
        {"epochs": 1, "batch": 2, "patience": 1, "sigma": 0, "learning_rate": 1e-9, "width": 1e-9},
    ),
    (
        ConventionalDistillation,
        {"epochs": 1, "batch": 2, "sigma": 0, "learning_rate": 1e-9, "width": 1e-9},
    ),
]


@pytest.mark.parametrize(("cls", "options"), LEAST)
def test_the_least_of_every_number_is_legal_and_less_is_not(cls, options):
    made = cls(**options)
    for name, value in options.items():
        assert getattr(made, name) == value
        if not isinstance(value, str):
            less = value - 1 if isinstance(value, int) else 0.0
            with pytest.raises(ValueError, match=rf"\b{name}\b"):
                cls(**{**options, name: less})


def test_a_share_of_all_patches_is_legal_and_more_is_not():
    assert PatchCore(coreset=1).coreset == 1
    with pytest.raises(ValueError, match=r"above 0 and up to 1, got 1\.001"):
        PatchCore(coreset=1.001)


# ---- former names

RENAMED = [(cls, old, new) for cls in CLASSES for old, new in cls.renamed.items()]


@pytest.mark.parametrize(("cls", "old", "new"), RENAMED)
def test_a_former_name_is_refused_with_the_present_one(cls, old, new):
    value = getattr(cls(), new)
    message = (
        f"expected the option {new} of {cls.__name__}, got its former name {old}: write {new}="
    )
    with pytest.raises(TypeError, match=message):
        cls(**{old: value})
    with pytest.raises(TypeError, match=message):
        dataclasses.replace(cls(), **{old: value})


@pytest.mark.parametrize("cls", CLASSES)
def test_former_names_are_no_options_and_lead_to_some(cls):
    options = cls().get_params()
    assert not set(cls.renamed) & set(options)
    assert set(cls.renamed.values()) <= set(options)
    assert len(set(cls.renamed.values())) == len(cls.renamed)
    stored = stored_options(cls, options)
    assert set(cls.renamed) <= set(stored)
    assert current_options(cls, stored) == options == current_options(cls, options)


MEANINGS = {  # what a name that several detectors have must have in common, by its documentation
    "score_neighbors": "whose distances are averaged for a patch's score",
    "neighbors": "returned for every patch",
    "upsample": "to the map|of the map",
    "image_score": '"max"',
    "index": "of the search",
    "sigma": "of the map's smoothing",
}


@pytest.mark.parametrize("name", MEANINGS)
def test_a_name_means_one_thing_in_all_detectors(name):
    having = [cls for cls in CLASSES if name in cls().get_params()]
    assert having
    for cls in having:
        described = " ".join(cls.__doc__.split()).partition(f" {name}: ")[2] or "see"
        start = described[:160]
        assert any(part in start for part in (*MEANINGS[name].split("|"), "see")), (cls, start)


# ---- numbers that are clipped


def test_at_most_five_is_not_five():
    assert AtMost(5) == AtMost(5)
    assert AtMost(5) != 5
    assert 5 != AtMost(5)
    assert AtMost(5) != AtMost(6)
    assert len({AtMost(5), 5, AtMost(5)}) == 2
    assert int(AtMost(5)) == 5 < AtMost(6)
    for again in (copy.deepcopy(AtMost(5)), pickle.loads(pickle.dumps(AtMost(5)))):  # noqa: S301
        assert (type(again), again) == (AtMost, AtMost(5))


def test_detectors_that_behave_differently_are_not_equal():
    clipped, refused = DN2(), DN2(k_images=5)
    assert clipped != refused
    assert clipped.differences(refused) == {"k_images": (AtMost(5), 5)}
    assert clipped.title == 'DN2.preset("paper")'
    assert refused.title == "DN2"
    few = make_features(3)
    assert clipped.fit(few).k_used_ == 3
    with pytest.raises(ValueError, match="k_images must be between 1 and the 3 that exist"):
        refused.fit(few)


# ---- scikit-learn's protocol


@pytest.mark.parametrize(
    "detector",
    [cls.preset(name) for cls in CLASSES for name in PRESETS.get(cls.__name__, {})]
    + [cls() for cls in CLASSES],
    ids=lambda detector: detector.title,
)
def test_scikit_learn_clones_a_detector(detector):
    again = clone(detector)
    assert again is not detector
    assert again == detector
    assert repr(again) == repr(detector)
    assert again.get_params() == detector.get_params() == detector.get_params(deep=False)
    assert list(again.get_params()) == [field.name for field in dataclasses.fields(detector)]


def test_a_clone_is_not_fitted():
    fitted = DN2(k_images=2).fit(make_features(4))
    assert not hasattr(clone(fitted), "layers_")
    assert clone(fitted) == fitted


def test_parameters_are_set_and_checked():
    detector = PatchCore()
    assert detector.set_params(coreset=0.2, sigma=2.0) is detector
    assert (detector.coreset, detector.sigma) == (0.2, 2.0)
    with pytest.raises(ValueError, match="expected an option of PatchCore, got 'corset': did you"):
        detector.set_params(corset=0.3)
    with pytest.raises(ValueError, match="coreset must be a fraction"):
        detector.set_params(sigma=1.0, coreset=2)
    assert (detector.coreset, detector.sigma) == (0.2, 2.0)
