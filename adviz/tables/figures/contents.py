"""What each figure of the papers shows: methods and variants, metrics, and printed tables."""

from __future__ import annotations

from dataclasses import dataclass

from adviz.tables.ablations import RESOLUTION
from adviz.tables.paper_values import SCORES, TableName, TableRow

DETECTION = ("image_auroc",)
AUROCS = ("image_auroc", "pixel_auroc")
# The paper's neighbourhood p and hierarchy levels; variants do not name the defaults
SIDES = (1, 3, 5, 7, 9)
DEFAULT_SIDE = 3
LEVELS = ("1", "2", "3", "1+2", "2+3", "1+2+3")
DEFAULT_LEVELS = "2+3"
CORESETS = ("100%", "50%", "25%", "10%", "1%", "0.1%")
PROXY_CORESETS = ("10%", "1%", "0.1%")  # learning more proxies takes days on the papers' data
UNTRAINED_CORESETS = ("100%", "10%", "1%", "0.1%")
# Figs 4 and S5: one option is varied, the other stays at its default
LOCALITY: tuple[TableRow, ...] = (
    ("PatchCore", "coreset=10%"),
    *(("PatchCore", f"coreset=10%;neighborhood={p}") for p in SIDES if p != DEFAULT_SIDE),
    *(("PatchCore", f"coreset=10%;layers={level}") for level in LEVELS if level != DEFAULT_LEVELS),
)
# Figs 5 and S6; with all patches kept the samplers are one
SAMPLERS: tuple[TableRow, ...] = (
    *(("PatchCore", f"coreset={size}") for size in CORESETS),
    *(("PatchCore", f"coreset={size};sampler=random") for size in CORESETS[1:]),
    *(("PatchCore", f"coreset={size};sampler=proxies") for size in PROXY_CORESETS),
)
# Fig. S6's lines of a network that was never trained
UNTRAINED: tuple[TableRow, ...] = tuple(
    ("PatchCore", f"coreset={size};weights=random") for size in UNTRAINED_CORESETS
)
# Rows of Table S1, so that figures and table share their experiments
SPADE: tuple[TableRow, ...] = (("SPADE", ""),)
PATCHCORE: tuple[TableRow, ...] = (("PatchCore", "coreset=25%"),)
BEFORE_DISTILLATION: tuple[TableRow, ...] = (*SPADE, ("PaDiM", ""), *PATCHCORE)
DISTILLATION: tuple[TableRow, ...] = (("RD4AD", "image_size=256"),)
# Teacher and student that both see the image, in place of MKD
CONVENTIONAL: tuple[TableRow, ...] = (("Conventional distillation", ""),)
FEW_CATEGORIES = 4  # at most, where a student for each would only be for a picture
# All four methods on one network, in rows that the tables have as well
ALL_METHODS: tuple[TableRow, ...] = (
    *DISTILLATION,
    ("PatchCore", "coreset=10%"),
    ("PaDiM", "backbone=wide_resnet50"),
    ("SPADE", "backbone=wide_resnet50"),
)
CORESET_UNSTATED = (
    "The paper does not say which coreset: 10 % here, but where the coreset size is varied."
)


@dataclass(frozen=True)
class FigureContent:
    """What a figure shows.

    Attributes
    ----------
    title: its subject.
    rows: methods and variants; none for a figure of a printed table, or without results.
    metrics: of every row.
    by_category: whether each category is shown, not their average.
    table: a printed table whose numbers are drawn, in place of `rows`.
    few: whether a few categories are enough.
    scene, photographs: whether a scene of ShanghaiTech Campus, or birds and flowers, are shown as
        well, where they are part of the setting.
    note: what the paper leaves open.
    """

    title: str
    rows: tuple[TableRow, ...] = ()
    metrics: tuple[str, ...] = SCORES
    by_category: bool = False
    table: str = ""
    few: bool = False
    scene: bool = False
    photographs: bool = False
    note: str = ""


# (paper, number) -> content
CONTENTS = {
    ("spade", "1"): FigureContent(
        "anomalies beside the normal image retrieved first",
        SPADE,
        DETECTION,
        by_category=True,
        photographs=True,
    ),
    ("spade", "2"): FigureContent(
        "one image, its neighbour, and what has no match in it", SPADE, DETECTION, by_category=True
    ),
    ("spade", "3"): FigureContent(
        "an object, a texture, and a scene where it is at hand",
        SPADE,
        DETECTION,
        by_category=True,
        scene=True,
    ),
    ("patchcore", "1"): FigureContent(
        "anomaly maps over images of every category", PATCHCORE, DETECTION, by_category=True
    ),
    ("patchcore", "3"): FigureContent("coreset against random points, in the plane"),
    ("patchcore", "4"): FigureContent(
        "neighbourhood and hierarchy levels", LOCALITY, AUROCS, note=CORESET_UNSTATED
    ),
    ("patchcore", "5"): FigureContent("samplers against the bank's size", SAMPLERS, AUROCS),
    ("patchcore", "6"): FigureContent("few training images", table="S5"),
    ("patchcore", "S1"): FigureContent(
        "false positives at the F1-optimal threshold", PATCHCORE, DETECTION, by_category=True
    ),
    ("patchcore", "S2"): FigureContent(
        "false negatives at the F1-optimal threshold", PATCHCORE, DETECTION, by_category=True
    ),
    ("patchcore", "S3"): FigureContent(
        "precision-recall and ROC curves, and errors",
        BEFORE_DISTILLATION,
        DETECTION,
        by_category=True,
    ),
    ("patchcore", "S4"): FigureContent(
        "image size and neighbourhood", RESOLUTION, note=CORESET_UNSTATED
    ),
    ("patchcore", "S5"): FigureContent(
        "neighbourhood and hierarchy levels, with PRO", LOCALITY, note=CORESET_UNSTATED
    ),
    ("patchcore", "S6"): FigureContent(
        "samplers against the bank's size, with PRO", SAMPLERS + UNTRAINED
    ),
    ("rd", "1"): FigureContent(
        "conventional against reverse distillation",
        CONVENTIONAL + DISTILLATION,
        DETECTION,
        by_category=True,
        few=True,
    ),
    ("rd", "5"): FigureContent(
        "scores of good and anomalous images", DISTILLATION, DETECTION, by_category=True
    ),
    ("rd", "6"): FigureContent("the largest defects", DISTILLATION, ("pro",), by_category=True),
    ("rd", "7"): FigureContent("the smallest defects", DISTILLATION, ("pro",), by_category=True),
    ("rd", "6-7"): FigureContent(
        "large against small defects, in numbers",
        ALL_METHODS,
        ("pro", "pixel_auroc"),
        by_category=True,
    ),
}
FIGURES = tuple(
    TableName(paper, figure, content.title, "Fig.") for (paper, figure), content in CONTENTS.items()
)
