"""What a row of a paper's table stands for: its method and variant, as detector and networks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from adviz.data import Geometry
from adviz.detectors import (
    SPADE,
    AtMost,
    ConventionalDistillation,
    Detector,
    PaDiM,
    PatchCore,
    ReverseDistillation,
)
from adviz.sweep import SHANGHAITECH
from adviz.tables.baselines import BASELINES, PatchBaseline
from adviz.tables.paper_values import TableName
from adviz.tables.setting import ONE_CLASS, Setting

NETWORK = "wide_resnet50"  # where a row names none
EVALUATED_AT = {"spade": 256}  # pixels; the other papers evaluate maps at the images' size
PRESAMPLE = 200_000  # of about 1.2 million patches of a scene of mSTC; ours, the paper is silent
# Names in Table 5 of reverse distillation -> the detector's option
BOTTLENECKS = {"pre": "pre", "pre+oce": "oce", "pre+oce+mff": "oce+mff"}
# Methods that a detector of this package implements
OURS = ("SPADE", "PaDiM", "PatchCore", "RD4AD", "Conventional distillation")
# The paper whose baselines are ours too; what others call so is on whole images
BASELINES_OF = "spade"
# What a table says below where SPADE's image scores are in it: K is not the text's.
SPADES_K = (
    "SPADE: images are scored with K = 5, which gives the printed image AUROC in public runs, and "
    'not with the K = 50 of its text, which SPADE.preset("paper-literal") has'
)
# Why a row stays as printed though its method is one of ours.
NOT_OURS = {"PaDiM*": "a backbone chosen for the task, which is not named"}


@dataclass(frozen=True)
class Configuration:
    """How a table row is made: the detector, its networks, and the images' size and number.

    Attributes
    ----------
    detector: with all options.
    networks: that it reads.
    geometry: how images are resized and cropped.
    shots: number of training images; None = all.
    size: that maps are evaluated at, pixels; None = the images' own.
    weights: "published" or "random".
    """

    detector: Detector
    networks: tuple[str, ...]
    geometry: Geometry
    shots: int | None = None
    size: int | None = None
    weights: str = "published"


def parsed(variant: str) -> dict[str, str]:
    """Return a variant's settings as a dict; bare words map to "".

    Example: "coreset=1%;layers=2+3" -> {"coreset": "1%", "layers": "2+3"}.
    """
    pairs = (part.partition("=") for part in variant.split(";") if part)
    return {key: value for key, _, value in pairs}


def configuration(
    name: TableName, dataset: str, method: str, variant: str, setting: Setting
) -> Configuration | str:
    """Return how a table row is made, or why it is not.

    Parameters
    ----------
    name: of the table.
    dataset, method, variant: of the row, as in `adviz/tables/reference`.
    setting: on what.

    Raises
    ------
    ValueError: a variant that no rule here knows.
    """
    is_baseline = method in BASELINES and name.paper == BASELINES_OF
    if method not in OURS and not is_baseline:
        return NOT_OURS.get(method, "not implemented: as printed")
    options = parsed(variant)
    shots = setting.train
    if "shots" in options:
        shots = int(options.pop("shots"))
        if setting.shots is not None and shots not in setting.shots:
            return "left out in this setting"
    # Who measured it, and what is counted: not how it is made
    options.pop("reimplementation", None)
    options.pop("errors", None)
    side = int(options.pop("image_size", 0))
    networks = tuple(setting.networks[network] for network in named_networks(variant))
    options.pop("backbone", None)
    weights = options.pop("weights", setting.weights)
    detector = _BUILDERS[method](options, dataset)
    if options:
        raise ValueError(
            f"expected the settings of {method} in {name}, got {variant!r}: "
            f"{sorted(options)} is unknown"
        )
    trained_as = ReverseDistillation if method == "Conventional distillation" else type(detector)
    changed = dict(setting.options.get(trained_as.__name__, {}))
    if setting.sigma is not None:
        changed.setdefault("sigma", setting.sigma)
    return Configuration(
        detector=dataclasses.replace(detector, **changed),
        networks=networks,
        geometry=_geometry(name, dataset, method, side, setting),
        shots=shots,
        size=_evaluated_at(name.paper, setting),
        weights=weights,
    )


def _evaluated_at(paper: str, setting: Setting) -> int | None:
    """Return the side that maps are evaluated at, pixels; None = the images' own."""
    if setting.evaluated_at != "paper":
        return setting.evaluated_at
    # On smaller images the paper's side would say nothing
    return EVALUATED_AT.get(paper) if setting.scale == 1 else None


def departures(method: str, metric: str, detector: Detector) -> str:
    """Return where a number of ours follows another rule than the paper's text, or "".

    Parameters
    ----------
    method, metric: of a table's cell.
    detector: that the cell is made with.
    """
    if method in BASELINES:
        options = vars(detector)
        return (
            f"{method} is our definition: {BASELINES[method]}, of {options['patches']} patches "
            "drawn from all training images, with SPADE's features and smoothing"
        )
    if method == "RD4AD":
        return _smaller_student(method, detector)
    if method != "SPADE" or metric != "image_auroc":
        return ""
    return "" if "k_images_score" in detector.differences("paper") else SPADES_K


def _smaller_student(method: str, detector: Detector) -> str:
    """Return what a student's size and training are in place of the paper's, or ""."""
    different = detector.differences("official")
    changes = [
        f"{name} = {different[name][0]} in place of {different[name][1]}"
        for name in ("student", "width", "epochs")
        if name in different
    ]
    return f"{method}: {', '.join(changes)}" if changes else ""


def named_networks(variant: str) -> list[str]:
    """Return the networks of a table row, by the papers' names."""
    return parsed(variant).get("backbone", NETWORK).split("+")


def compares_networks(variants: Iterable[str]) -> bool:
    """Return whether table rows name several networks."""
    named = {parsed(variant).get("backbone", "") for variant in variants} - {""}
    return len(named) > 1


def _geometry(name: TableName, dataset: str, method: str, side: int, setting: Setting) -> Geometry:
    """Return the images' geometry in a paper.

    SPADE, PaDiM and PatchCore see the middle 224 of 256 pixels, the others all of 256.
    """
    # Reverse distillation's paper quotes the other methods on its own images
    uncropped = method == "RD4AD" or name.paper == "rd" or dataset in (*ONE_CLASS, *SHANGHAITECH)
    default_side = 256 if uncropped else 224
    return setting.geometry(side or default_side, crop=not uncropped)


def _strides(blocks: str) -> tuple[int | str, ...]:
    """Return the strides of ResNet blocks: "2+3" -> (8, 16)."""
    return tuple(2 ** (int(block) + 1) for block in blocks.split("+"))


def _spade(options: dict[str, str], dataset: str) -> Detector:
    detector = SPADE.preset(options.pop("preset", "paper"))
    changed: dict[str, Any] = {}
    if count := options.pop("k_images_score", ""):
        changed["k_images_score"] = AtMost(int(count))
    if blocks := options.pop("layers", ""):
        changed["layers"] = _strides(blocks)
    # The gallery of the second stage: "knn10" are the nearest 10 images, "random10" any 10
    if gallery := options.pop("stage1", ""):
        is_random = gallery.startswith("random")
        count = gallery.removeprefix("random").removeprefix("knn")
        changed["gallery"] = "random" if is_random else "retrieved"
        changed["k_images"] = AtMost(int(count))
    if dataset in SHANGHAITECH:
        changed |= {"k_images": 1, "k_images_score": 1}
    return dataclasses.replace(detector, **changed)


def _padim(_options: dict[str, str], _dataset: str) -> Detector:
    return PaDiM.preset("port")


def _patchcore(options: dict[str, str], dataset: str) -> Detector:
    changed: dict[str, Any] = {}
    if dataset == "mstc":
        changed["presample"] = PRESAMPLE
    if percentage := options.pop("coreset", ""):
        changed["coreset"] = float(percentage.removesuffix("%")) / 100
    if blocks := options.pop("layers", ""):
        changed["layers"] = _strides(blocks)
    # Striding reduces the bank; the paper names no coreset in addition
    if stride := options.pop("stride", ""):
        changed |= {"stride": int(stride), "coreset": 1.0}
    # All patches enter the bank: their greedy order would take hours and change nothing
    if changed.get("coreset") == 1:
        changed["sampler"] = "random"
    if index := options.pop("search", ""):
        changed["index"] = index
    if sampler := options.pop("sampler", ""):
        changed["sampler"] = sampler
    if side := options.pop("neighborhood", ""):
        changed["patch_size"] = int(side)
    return dataclasses.replace(PatchCore.preset(options.pop("preset", "paper")), **changed)


def _distillation(options: dict[str, str], dataset: str) -> Detector:
    changed: dict[str, Any] = {}
    if dataset in ONE_CLASS:
        changed["image_score"] = "sum"
    if bottleneck := options.pop("bottleneck", ""):
        changed["bottleneck"] = BOTTLENECKS[bottleneck]
    if layer_maps := options.pop("maps", ""):
        changed["map_layers"] = _strides(layer_maps.replace("M", ""))  # "M2+M3" -> (8, 16)
    preset = ReverseDistillation.preset(options.pop("preset", "official"))
    return dataclasses.replace(preset, **changed)


def _conventional(_options: dict[str, str], _dataset: str) -> Detector:
    return ConventionalDistillation.preset("fair")


def _baseline(method: str) -> Callable[[dict[str, str], str], Detector]:
    return lambda _options, _dataset: PatchBaseline(method)


# Method -> a function of (options, data set), which takes the options that it knows
_BUILDERS: Mapping[str, Any] = {
    "SPADE": _spade,
    "PaDiM": _padim,
    "PatchCore": _patchcore,
    "RD4AD": _distillation,
    "Conventional distillation": _conventional,
    **{method: _baseline(method) for method in BASELINES},
}
