"""Model cards: what is in them is true of the detector, before and after it was saved."""

import dataclasses
import re

import numpy as np
import pytest

import adviz
from adviz import DN2, SPADE, Features, PaDiM, PatchCore, archive, detectors
from adviz.data import Geometry
from adviz.detectors.card import LIMITS


def features(n_images=6, backbone="net (mine)|`x`"):
    rng = np.random.default_rng(0)
    sides = {"layer2": 8, "layer3": 4}
    arrays = {
        name: rng.random((n_images, 5, side, side), dtype=np.float32)
        for name, side in sides.items()
    }
    return Features(
        arrays,
        image_size=(64, 64),
        strides={"layer2": 8, "layer3": 16},
        backbone=backbone,
        digest="0123456789abcdef",
        geometry=Geometry(64, crop=False),
    )


SMALL = [
    DN2(("layer3",), k_images=2),
    SPADE(layers=("layer2",), image_layers=("layer3",), k_images=2, k_images_score=2),
    PaDiM(layers=("layer2",), dimension=3),
    PatchCore(layers=("layer2", "layer3"), coreset=0.1, neighbors=1),
]


def table(card, head):
    """Return {first: second column} of the table below a heading."""
    section = card.split(f"## {head}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \| (.*) \|$", section, re.MULTILINE)
    return {name.strip("`"): value for name, value in rows}


@pytest.mark.parametrize("detector", SMALL, ids=lambda each: type(each).__name__)
def test_a_card_says_what_the_detector_is(detector, tmp_path):
    fitted = dataclasses.replace(detector).fit(features())
    digest = fitted.save(tmp_path / "detector.safetensors")
    card = fitted.card(digest)
    assert card.startswith(f"# {type(detector).__name__}\n")
    options = table(card, "Options")
    assert {name for name in options if name != "option"} == set(fitted.get_params())
    assert options["layers"] == f"`{detector.layers!r}`"
    training = table(card, "Fitted on")
    assert training["training images"] == "6"
    assert training["digest of its weights"] == "`0123456789abcdef`"
    assert training["geometry of the images"] == f"`{Geometry(64, crop=False)!r}`"
    assert f'digest="{digest}"' in card.replace("'", '"')
    for limit in (*type(detector).limits, *LIMITS):
        assert f"- {limit}\n" in card
    assert type(detector).limits


@pytest.mark.parametrize("detector", SMALL, ids=lambda each: type(each).__name__)
def test_a_loaded_detector_has_the_same_card(detector, tmp_path):
    fitted = dataclasses.replace(detector).fit(features())
    fitted.save(tmp_path / "detector.safetensors")
    loaded = type(detector).load(tmp_path / "detector.safetensors")
    assert loaded.card() == fitted.card()


def test_sizes_are_those_of_the_arrays(tmp_path):
    fitted = PatchCore(layers=("layer2",), coreset=0.25, neighbors=1).fit(features())
    fitted.save(tmp_path / "detector.safetensors")
    state = archive.read(tmp_path / "detector.safetensors", "PatchCore").content["state"]
    sizes = table(fitted.card(), "Size")
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    assert set(arrays) <= set(sizes)
    for name, array in arrays.items():
        shape = " x ".join(str(side) for side in array.shape)
        assert sizes[name] == f"{shape}, {array.dtype}, {array.nbytes / 1e6:.3g} MB"


def test_names_cannot_break_the_table():
    card = PaDiM(layers=("layer2",), dimension=3).fit(features()).card()
    assert r"| backbone | `net (mine)\|'x'` |" in card


def test_a_file_of_before_says_that_the_number_is_not_known(tmp_path):
    fitted = DN2(("layer3",), k_images=2).fit(features())
    path = tmp_path / "detector.safetensors"
    fitted.save(path)
    content = archive.read(path, "DN2").content
    del content["features"]["n_images"]
    archive.write(path, "DN2", content)
    assert table(DN2.load(path).card(), "Fitted on")["training images"] == "not known"
    content["features"]["n_images"] = "many"
    archive.write(path, "DN2", content)
    with pytest.raises(ValueError, match="expected the number of training images, got many"):
        DN2.load(path)


def test_without_fit_there_is_no_card():
    with pytest.raises(ValueError, match="PatchCore must be fitted before"):
        PatchCore().card()


@pytest.mark.parametrize("name", detectors.__all__)
def test_every_method_states_limits_of_its_own(name):
    limits = getattr(adviz, name).limits
    assert limits
    assert all(limit.endswith(".") for limit in limits)
