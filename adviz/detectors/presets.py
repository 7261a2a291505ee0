"""Presets: the options of papers and public codes that differ from the defaults, in one table."""

from __future__ import annotations

from typing import Any


class AtMost(int):
    """A number that a preset gives: clipped to what exists, where a plain number is refused.

    It equals no plain number, since a detector behaves differently with one.
    """

    def __repr__(self) -> str:
        return f"AtMost({int(self)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AtMost) and int(self) == int(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((AtMost, int(self)))


# detector -> preset -> options; an empty preset is the detector's defaults. "paper" is the text,
# but for constants that do not give its numbers; "paper-literal" has these as well. "official" is
# the authors' code, "port" the public code of papers without one, "anomalib" that library's, "cpu"
# ours for trying out, and "fair" of a method for comparison the training of what it is compared
# with. What still differs from them says each detector's documentation.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "DN2": {
        "paper": {},
        "paper-literal": {"k_images": AtMost(2)},
        "port": {"k_images": AtMost(5), "image_distance": "euclidean"},
    },
    "SPADE": {
        "paper": {},
        "paper-literal": {"k_images_score": AtMost(50)},
        "port": {
            "k_images_score": AtMost(5),
            "k_images": AtMost(5),
            "match": "per_layer",
            "distance": "euclidean",
            "image_distance": "euclidean",
        },
    },
    "PaDiM": {
        "port": {},
        "paper": {"upsample": "bicubic"},
        "anomalib": {"epsilon": 0.01001, "border": "mirror"},
    },
    "PatchCore": {
        "paper": {},
        "official": {
            "aggregation": "adaptive",
            "start": "anchors",
            "image_score": "max",
            "distance": "squared",
        },
        "anomalib": {
            "aggregation": "mean",
            "start": "random",
            "projection": "johnson-lindenstrauss",
            "upsample": "nearest",
            "border": "mirror",
        },
    },
    "ReverseDistillation": {
        "official": {},
        "paper": {"loss": "position", "mff_projection": True},
        "anomalib": {"betas": (0.5, 0.99), "narrow_bottleneck": True, "border": "mirror"},
        # ours: 64 images of 128 px with an EfficientNet-Lite0 take about 30 s of processor time, of
        # 224 px about 70; at 128 px five of the six built-in categories (seed 0) reach an image
        # AUROC of .95 to 1, and hex_nut .78 to .86, by the training's seed; at 224 px transistors
        # are found worse (docs/reverse-distillation.md)
        "cpu": {
            "student": "small",
            "width": 0.5,
            "epochs": 60,
            "batch": AtMost(8),
            "schedule": "cosine",
        },
    },
    "ConventionalDistillation": {
        "fair": {},
        "cpu": {
            "student": "small",
            "width": 0.5,
            "epochs": 60,
            "batch": AtMost(8),
            "schedule": "cosine",
        },
    },
}
