"""An experiment's key is its facts: all that decides the numbers, and nothing else."""

import dataclasses
import json

import pytest

from adviz import (
    DN2,
    SPADE,
    ConventionalDistillation,
    PaDiM,
    PatchCore,
    ReverseDistillation,
    detectors,
)
from adviz.data import Geometry
from adviz.detectors.presets import PRESETS
from adviz.sweep import Experiment, grid

BASE = Experiment("mvtec", "screw", PatchCore(coreset=0.1))
OTHERS = {
    "data": "demo",
    "category": "bottle",
    "detector": PatchCore(coreset=0.11),
    "backbones": ("wide_resnet50_2.tv_in1k",),
    "weights": "random",
    "geometry": Geometry(256, crop=False),
    "seed": 1,
    "shots": 5,
    "every": 2,
    "size": 256,
    "dtype": "float16",
}
DETECTORS = {name: getattr(detectors, name) for name in dir(detectors)}


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Experiment)])
def test_every_fact_changes_the_key(name):
    other = dataclasses.replace(BASE, **{name: OTHERS[name]})
    assert other.key != BASE.key
    assert other != BASE


def test_the_key_of_the_same_facts_is_the_same():
    again = Experiment("mvtec", "screw", PatchCore(coreset=0.1))
    assert again == BASE
    assert len({again, BASE}) == 1
    assert len(BASE.key) == 16
    assert int(BASE.key, 16) >= 0


def test_what_is_no_part_of_the_method_is_no_fact():
    kept = ReverseDistillation(checkpoint="here.pt", device="cpu")
    assert Experiment("demo", "bottle", kept) == Experiment("demo", "bottle", ReverseDistillation())
    whole, same = Geometry(224), Geometry(224, resize=256)
    assert dataclasses.replace(BASE, geometry=whole) == dataclasses.replace(BASE, geometry=same)


@pytest.mark.parametrize(("detector", "preset"), [(d, p) for d in PRESETS for p in PRESETS[d]])
def test_facts_survive_json(detector, preset):
    one = Experiment("demo", "bottle", DETECTORS[detector].preset(preset), seed=3, shots=4)
    again = Experiment.from_facts(json.loads(json.dumps(one.facts())))
    assert again == one
    assert again.detector == one.detector
    number = getattr(one.detector, "k_images", getattr(one.detector, "batch", 0))
    assert type(getattr(again.detector, "k_images", getattr(again.detector, "batch", 0))) is type(
        number
    )


@pytest.mark.parametrize("name", DETECTORS)
def test_every_registered_detector_is_found_by_its_facts(name):
    one = Experiment("demo", "bottle", DETECTORS[name]())
    assert one.facts()["detector"] == name
    assert "code" not in one.facts()
    again = Experiment.from_facts(json.loads(json.dumps(one.facts())))
    assert (again, type(again.detector)) == (one, DETECTORS[name])


def test_an_option_that_came_later_leaves_the_keys_of_stored_rows():
    assert "presample" not in BASE.facts()["options"]
    few = dataclasses.replace(BASE, detector=PatchCore(coreset=0.1, presample=1000))
    assert few.facts()["options"]["presample"] == 1000
    assert few.key != BASE.key
    assert Experiment.from_facts(json.loads(json.dumps(few.facts()))).detector.presample == 1000
    assert Experiment.from_facts(BASE.facts()).detector.presample is None


LATER_OPTIONS = [
    (DN2(), {"image_distance": "euclidean"}),
    (SPADE(), {"image_distance": "euclidean"}),
    (PaDiM(), {"border": "mirror"}),
    (
        PatchCore(),
        {"layer_dimension": 512, "score_neighbors": 3, "border": "mirror", "presample": 9},
    ),
    (ReverseDistillation(), {"narrow_bottleneck": True, "border": "mirror"}),
    (ConventionalDistillation(), {"border": "mirror"}),
]


@pytest.mark.parametrize(("detector", "others"), LATER_OPTIONS)
def test_every_option_that_came_later_is_a_fact_off_its_default_alone(detector, others):
    plain = Experiment("demo", "bottle", detector)
    assert not set(others) & set(plain.facts()["options"])
    for name, value in others.items():
        changed = Experiment("demo", "bottle", dataclasses.replace(detector, **{name: value}))
        assert changed.key != plain.key
        assert (
            getattr(Experiment.from_facts(json.loads(json.dumps(changed.facts()))).detector, name)
            == value
        )


def test_facts_of_no_experiment_are_refused():
    facts = BASE.facts()
    for wrong in (
        {},
        {**facts, "detector": "YOLO"},
        {**facts, "options": {"coresets": 1}},
        {**facts, "colour": 1},
    ):
        with pytest.raises(ValueError, match="expected the facts of an experiment"):
            Experiment.from_facts(wrong)


def test_the_seed_is_the_detectors_and_without_one_there_is_none():
    assert dataclasses.replace(BASE, seed=7).detector.seed == 7
    assert BASE.detector.seed == 0
    assert Experiment("demo", "mesh", DN2(), seed=5) == Experiment("demo", "mesh", DN2())
    few = [Experiment("demo", "mesh", DN2(), seed=seed, shots=3) for seed in (0, 5)]
    assert few[0] != few[1]


@pytest.mark.parametrize(
    ("detector", "layers"),
    [
        (PatchCore(), (8, 16)),
        (SPADE(), (4, 8, 16, 32)),
        (ReverseDistillation(), (4, 8, 16)),
        (ReverseDistillation(bottleneck="pre"), (4, 8, 16, 32)),
        (ConventionalDistillation(), (4, 8, 16, "image")),
        (PatchCore(layers=("blocks.5", "blocks.2")), ("blocks.2", "blocks.5")),
    ],
)
def test_layers_are_all_that_the_detector_reads(detector, layers):
    assert Experiment("demo", "mesh", detector).layers == layers


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("backbones", "resnet18", "backbones must be names"),
        ("backbones", (), "backbones must be names"),
        ("weights", "none", 'weights must be "published" or "random"'),
        ("shots", 0, "at least 1, got {'shots': 0}"),
        ("every", 0, "at least 1, got {'every': 0}"),
        ("size", -1, "size must be a whole number of pixels.*at least 1, got -1"),
    ],
)
def test_bad_facts_are_refused(name, value, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(BASE, **{name: value})


def test_a_grid_has_every_combination_once():
    like = Experiment("demo", "", DN2(), geometry=Geometry(112))
    found = grid("mvtec", ["screw", "pill"], [DN2(), PatchCore()], seeds=(0, 1), like=like)
    assert [(one.category, type(one.detector).__name__, one.seed) for one in found] == [
        ("screw", "DN2", 0),
        ("screw", "PatchCore", 0),
        ("screw", "PatchCore", 1),
        ("pill", "DN2", 0),
        ("pill", "PatchCore", 0),
        ("pill", "PatchCore", 1),
    ]
    assert {one.data for one in found} == {"mvtec"}
    assert {one.geometry.size for one in found} == {112}
