"""What every detector's options take and refuse."""

from typing import get_args, get_type_hints

import pytest

from adviz import SPADE, ConventionalDistillation, PaDiM, PatchCore, ReverseDistillation, detectors

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
    (SPADE, {"neighbors": 1, "sigma": 0, "search": "window", "radius": 0}),
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
