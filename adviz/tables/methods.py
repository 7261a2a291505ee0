"""What a line of a paper's table stands for: its method and variant, as a detector, networks and images."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from adviz.data import Geometry
from adviz.detectors import SPADE, AtMost, Detector, PaDiM, PatchCore, ReverseDistillation
from adviz.sweep import CAMPUS
from adviz.tables.printed import Name
from adviz.tables.setting import ONE_CLASS, Setting

NETWORK = "wide_resnet50"  # where a line names none
JUDGED_AT = {"spade": 256}  # pixels; the other papers judge maps at the images' size
PRESAMPLE = 200_000  # of about 1.2 million patches of a scene of mSTC; ours, the paper says nothing
BOTTLENECKS = {"pre": "pre", "pre+oce": "oce", "pre+oce+mff": "oce+mff"}
OURS = ("SPADE", "PaDiM", "PatchCore", "RD4AD")
# What a table says below where SPADE's image scores are in it: K is not the text's.
SPADES_K = (
    "SPADE: images are scored with K = 5, which gives the printed image AUROC in public runs, and not with the K = 50 "
    'of its text, which SPADE.preset("paper-literal") has'
)
# Why a line stays as printed though its method is one of ours.
NOT_OURS = {"PaDiM*": "a backbone chosen for the task, which is not named"}


@dataclass(frozen=True)
class Configuration:
    """What is done for a line: a detector with all options, the networks it reads, the images' squares and shots."""

    detector: Detector
    networks: tuple[str, ...]
    geometry: Geometry
    shots: int | None = None
    size: int | None = None
    weights: str = "published"


def parsed(variant: str) -> dict[str, str]:
    """Return a line's settings: "coreset=1%;layers=2+3" -> {"coreset": "1%", "layers": "2+3"}; bare words map to ""."""
    pairs = (part.partition("=") for part in variant.split(";") if part)
    return {key: value for key, _, value in pairs}


def configuration(
    name: Name, dataset: str, method: str, variant: str, setting: Setting
) -> Configuration | str:
    """Return what is done for a line of a table, or why nothing is.

    Parameters
    ----------
    name: of the table.
    dataset, method, variant: of the line, as in `adviz.reference`.
    setting: on what.

    Raises
    ------
    ValueError: a variant that no rule here knows.
    """
    if method not in OURS:
        return NOT_OURS.get(method, "not implemented: as printed")
    options = parsed(variant)
    few = int(options.pop("shots")) if "shots" in options else None
    if few is not None and setting.shots is not None and few not in setting.shots:
        return "left out in this setting"
    # Who did it, and what is counted: not how it is done
    for words in ("reimplementation", "errors"):
        options.pop(words, None)
    side = int(options.pop("image_size", 0))
    networks = tuple(setting.networks[part] for part in _networks(options))
    options.pop("backbone", None)
    weights = options.pop("weights", setting.weights)
    detector = _BUILDERS[method](options, dataset)
    if options:
        raise ValueError(
            f"expected the settings of {method} in {name}, got {variant!r}: {sorted(options)} is unknown"
        )
    detector = dataclasses.replace(detector, **setting.options.get(type(detector).__name__, {}))
    geometry = _geometry(name, dataset, method, side, setting)
    size = JUDGED_AT.get(name.paper) if setting.scale == 1 else None
    return Configuration(
        detector, networks, geometry, setting.train if few is None else few, size, weights
    )


def departures(method: str, metric: str, detector: Detector) -> str:
    """Return where a number of ours follows another constant than the paper's text; "" where it does not.

    Parameters
    ----------
    method, metric: of a table's cell.
    detector: what the cell is made with.
    """
    if method != "SPADE" or metric != "image_auroc":
        return ""
    return "" if "k_images_score" in detector.differences("paper") else SPADES_K


def named_networks(variant: str) -> list[str]:
    """Return the networks of a line, by the papers' names."""
    return _networks(parsed(variant))


def _networks(options: Mapping[str, str]) -> list[str]:
    return options.get("backbone", NETWORK).split("+")


def _geometry(name: Name, dataset: str, method: str, side: int, setting: Setting) -> Geometry:
    """Return the squares of a paper: 224 out of 256 for SPADE, PaDiM and PatchCore, all of 256 for the others."""
    whole = method == "RD4AD" or name.paper == "rd" or dataset in (*ONE_CLASS, *CAMPUS)
    return setting.geometry(side or (256 if whole else 224), crop=not whole)


def _strides(layers: str) -> tuple[int | str, ...]:
    """Return the strides of ResNet blocks: "2+3" -> (8, 16)."""
    return tuple(2 ** (int(block) + 1) for block in layers.split("+"))


def _spade(options: dict[str, str], dataset: str) -> Detector:
    detector = SPADE.preset(options.pop("preset", "paper"))
    if scored := options.pop("k_images_score", ""):
        detector = dataclasses.replace(detector, k_images_score=AtMost(int(scored)))
    if layers := options.pop("layers", ""):
        detector = dataclasses.replace(detector, layers=_strides(layers))
    stage = options.pop("stage1", "")
    if stage:
        kind: Literal["random", "retrieved"] = (
            "random" if stage.startswith("random") else "retrieved"
        )
        count = type(detector.k_images)(int(stage.removeprefix("random").removeprefix("knn")))
        detector = dataclasses.replace(detector, gallery=kind, k_images=count)
    return (
        dataclasses.replace(detector, k_images=1, k_images_score=1)
        if dataset in CAMPUS
        else detector
    )


def _padim(_options: dict[str, str], _dataset: str) -> Detector:
    return PaDiM.preset("port")


def _patchcore(options: dict[str, str], dataset: str) -> Detector:
    changed: dict[str, Any] = {"presample": PRESAMPLE} if dataset == "mstc" else {}
    if share := options.pop("coreset", ""):
        changed["coreset"] = float(share.removesuffix("%")) / 100
    if layers := options.pop("layers", ""):
        changed["layers"] = _strides(layers)
    # The bank is reduced by striding; the paper names no coreset beside it
    if stride := options.pop("stride", ""):
        changed |= {"stride": int(stride), "coreset": 1.0}
    # Every patch is kept: which is chosen first would take hours to say, for nothing
    if changed.get("coreset") == 1:
        changed["sampler"] = "random"
    if index := options.pop("search", ""):
        changed["index"] = index
    if sampler := options.pop("sampler", ""):
        changed["sampler"] = sampler
    if side := options.pop("neighborhood", ""):
        changed["patch_size"] = int(side)
    return dataclasses.replace(PatchCore.preset("paper"), **changed)


def _distillation(options: dict[str, str], dataset: str) -> Detector:
    changed: dict[str, Any] = {"image_score": "sum"} if dataset in ONE_CLASS else {}
    if bottleneck := options.pop("bottleneck", ""):
        changed["bottleneck"] = BOTTLENECKS[bottleneck]
    if maps := options.pop("maps", ""):
        changed["map_layers"] = tuple(
            2 ** (int(one.removeprefix("M")) + 1) for one in maps.split("+")
        )
    return dataclasses.replace(ReverseDistillation.preset("official"), **changed)


_BUILDERS: Mapping[str, Any] = {
    "SPADE": _spade,
    "PaDiM": _padim,
    "PatchCore": _patchcore,
    "RD4AD": _distillation,
}
