"""Presets are data: this holds the table of what papers and codes do against them, option by
option.
"""

import dataclasses
import itertools
import re

import pytest

from adviz import DN2, SPADE, ConventionalDistillation, PaDiM, PatchCore, ReverseDistillation
from adviz.detectors.presets import PRESETS, AtMost

# what each preset says where it differs from the detector's first, its default
OFFICIAL = {
    "aggregation": "adaptive",
    "start": "anchors",
    "image_score": "max",
    "distance": "squared",
}
ANOMALIB = {
    "aggregation": "mean",
    "start": "random",
    "projection": "johnson-lindenstrauss",
    "upsample": "nearest",
    "border": "mirror",
}
CPU = {
    "student": "small",
    "width": 0.5,
    "epochs": 60,
    "batch": AtMost(8),
    "schedule": "cosine",
}
TABLE = {
    DN2: {
        "paper": {},
        "paper-literal": {"k_images": AtMost(2)},
        "port": {"image_distance": "euclidean"},
    },
    SPADE: {
        "paper": {},
        "paper-literal": {"k_images_score": AtMost(50)},
        "port": {
            "k_images": AtMost(5),
            "match": "per_layer",
            "distance": "euclidean",
            "image_distance": "euclidean",
        },
    },
    PaDiM: {
        "port": {},
        "paper": {"upsample": "bicubic"},
        "anomalib": {"epsilon": 0.01001, "border": "mirror"},
    },
    PatchCore: {"paper": {}, "official": OFFICIAL, "anomalib": ANOMALIB},
    ReverseDistillation: {
        "official": {},
        "paper": {"loss": "position", "mff_projection": True},
        "anomalib": {"betas": (0.5, 0.99), "narrow_bottleneck": True, "border": "mirror"},
        "cpu": CPU,
    },
    ConventionalDistillation: {
        "fair": {},
        "cpu": CPU,
    },
}
PAIRS = [
    (cls, a, b) for cls, presets in TABLE.items() for a, b in itertools.permutations(presets, 2)
]


def test_the_table_names_every_preset():
    assert {cls.__name__: list(presets) for cls, presets in TABLE.items()} == {
        n: list(p) for n, p in PRESETS.items()
    }


@pytest.mark.parametrize(("cls", "here", "there"), PAIRS)
def test_presets_differ_in_exactly_what_the_table_names(cls, here, there):
    default = cls()
    mine, theirs = TABLE[cls][here], TABLE[cls][there]
    expected = {
        name: (mine.get(name, getattr(default, name)), theirs.get(name, getattr(default, name)))
        for name in {*mine, *theirs}
    }
    assert cls.preset(here).differences(there) == {
        name: pair for name, pair in expected.items() if pair[0] != pair[1]
    }


# the numbers of the papers (methods and tables name each) or, where they give none, ours; the rest
# are names above
NUMBERS = {
    DN2: {"layers": (32,), "k_images": AtMost(5)},
    SPADE: {
        "layers": (4, 8, 16),
        "image_layers": (32,),
        "k_images_score": AtMost(5),
        "k_images": AtMost(50),
        "score_neighbors": 1,
        "sigma": 4,
        "seed": 0,
    },
    PaDiM: {"layers": (4, 8, 16), "epsilon": 0.01, "sigma": 4, "seed": 0},
    PatchCore: {
        "layers": (8, 16),
        "patch_size": 3,
        "stride": 1,
        "dimension": 1024,
        "score_neighbors": 1,
        "coreset": 0.1,
        "projection": 128,
        "reweight_neighbors": AtMost(9),
        "neighbors": AtMost(5),
        "sigma": 4,
        "seed": 0,
    },
    ReverseDistillation: {
        "layers": (4, 8, 16),
        "mff_projection": False,
        "narrow_bottleneck": False,
        "skip": False,
        "width": 1,
        "epochs": 200,
        "batch": AtMost(16),
        "learning_rate": 0.005,
        "betas": (0.5, 0.999),
        "align_corners": True,
        "sigma": 4,
        "seed": 0,
    },
    ConventionalDistillation: {
        "layers": (4, 8, 16),
        "width": 1,
        "epochs": 200,
        "batch": AtMost(16),
        "learning_rate": 0.005,
        "betas": (0.5, 0.999),
        "align_corners": True,
        "sigma": 4,
        "seed": 0,
    },
}


@pytest.mark.parametrize("cls", NUMBERS)
def test_the_defaults_are_the_papers_numbers(cls):
    default = cls()
    assert {name: getattr(default, name) for name in NUMBERS[cls]} == NUMBERS[cls]
    numbers = {
        f.name for f in dataclasses.fields(cls) if isinstance(f.default, int | float | tuple)
    }
    assert numbers <= set(NUMBERS[cls])


@pytest.mark.parametrize("cls", TABLE)
def test_what_is_no_part_of_the_method_is_no_difference(cls):
    """Where it is computed, and where a training is kept, change no result."""
    free = {"device": "cpu", "checkpoint": "somewhere"}
    there = {f.name: free[f.name] for f in dataclasses.fields(cls) if f.name in free}
    assert cls().differences(cls(**there)) == {}
    assert cls() == cls(**there)


@pytest.mark.parametrize("cls", TABLE)
def test_the_first_preset_is_the_default_and_the_repr_names_it(cls):
    first = next(iter(TABLE[cls]))
    assert cls() == cls.preset(first)
    assert repr(cls()).startswith(f'{cls.__name__}.preset("{first}"): ')
    assert f"{cls.__name__}.preset(&quot;{first}&quot;)" in cls()._repr_html_()


@pytest.mark.parametrize(
    ("cls", "name"), [(cls, name) for cls, presets in TABLE.items() for name in presets]
)
def test_the_documentation_says_of_every_preset_what_still_differs(cls, name):
    """A list after "what still differs", with an entry for each preset that says more than its
    name.
    """
    _, _, said = (cls.__doc__ or "").partition("what still differs from what they are named after")
    entry = re.search(
        rf'^ *\* "{name}"(.+?)(?=^ *\* "|^ *Examples|\Z)', said, re.MULTILINE | re.DOTALL
    )
    assert entry is not None
    assert len(entry[1].split()) > 3


def test_a_changed_option_is_no_preset_any_more():
    assert repr(PatchCore(coreset=0.01)).startswith("PatchCore(layers=")
    assert PatchCore(coreset=0.01).differences("paper") == {"coreset": (0.01, 0.10)}
    assert PatchCore(coreset=0.01).differences(PatchCore(coreset=0.02)) == {"coreset": (0.01, 0.02)}


@pytest.mark.parametrize("cls", TABLE)
def test_an_unknown_preset_lists_those_there_are(cls):
    listed = re.escape(f"expected a preset of {cls.__name__} ({', '.join(TABLE[cls])}), got 'mine'")
    with pytest.raises(ValueError, match=listed):
        cls.preset("mine")


def test_an_unknown_option_is_refused():
    with pytest.raises(TypeError, match="corset"):
        PatchCore(corset=0.1)


def test_a_presets_numbers_are_clipped_and_the_users_are_not(train):
    few = train.select(images=[0, 1, 2])
    assert SPADE.preset("port").fit(few).k_used_ == 3
    with pytest.raises(ValueError, match="k_images must be between 1 and the 3 that exist, got 5"):
        SPADE(k_images=5).fit(few)


@pytest.mark.parametrize("name", TABLE[PatchCore])
def test_every_preset_of_patchcore_finds_the_defect(train, test, name):
    detector = PatchCore.preset(name).fit(train)
    assert detector.predict(test).score.argmax() == 3
    assert detector.trace_.order.shape == (76,)


@pytest.mark.parametrize("cls", [SPADE, PatchCore, ReverseDistillation, ConventionalDistillation])
def test_the_device_is_no_part_of_a_preset_and_must_exist(cls, monkeypatch):
    with pytest.raises(
        ValueError,
        match=r'device must be "auto", "cpu", or "cuda" on a machine that has one, got .tpu.',
    ):
        cls(device="tpu")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert cls(device="cuda") == cls()
    assert cls(device="cuda").differences(next(iter(TABLE[cls]))) == {}
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match="got 'cuda'"):
        cls(device="cuda")
