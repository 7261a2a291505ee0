"""On what a table is regenerated: the paper's data and networks, or small built-in data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from adviz.data import CATEGORIES, Geometry, classes, novelty
from adviz.detectors import ReverseDistillation
from adviz.sweep import DEMO, MAGNETIC_TILES, SHANGHAITECH, folder_of

# The papers' names -> timm's, with the weights that torchvision published first (IMAGENET1K_V1).
NETWORKS = {
    "resnet18": "resnet18.tv_in1k",
    "resnet50": "resnet50.tv_in1k",
    "resnet101": "resnet101.tv_in1k",
    "wide_resnet50": "wide_resnet50_2.tv_in1k",
    "wide_resnet101": "wide_resnet101_2.tv_in1k",
    "resnext101": "resnext101_32x8d.tv_in1k",
    "densenet201": "densenet201.tv_in1k",
}
# Stand-ins that work offline: the smallest network, whose weights come with adviz, for the papers'
# usual one, and three of growing size where a table is about networks.
OFFLINE = {
    "resnet18": "efficientnet_lite0",
    "resnet50": "efficientnet_lite1",
    "resnet101": "efficientnet_lite2",
    "wide_resnet50": "efficientnet_lite0",
    "wide_resnet101": "efficientnet_lite1",
    "resnext101": "efficientnet_lite0",
    "densenet201": "efficientnet_lite2",
}
OFFLINE_COMPARED = {"wide_resnet50": "efficientnet_lite2"}
TEXTURES = frozenset({"carpet", "grid", "leather", "tile", "wood"})
OBJECTS = (
    "bottle",
    "cable",
    "capsule",
    "hazelnut",
    "metal_nut",
    "pill",
    "screw",
    "toothbrush",
    "transistor",
    "zipper",
)
# In the papers' order: textures first
MVTEC = (*sorted(TEXTURES), *OBJECTS)
SEEDS = (0, 1, 2)  # of the results that come with adviz
ONE_CLASS_EPOCHS = 8  # of hundreds of images, where the built-in 64 take 60
MVTEC_FOLDER = "mvtec"  # below the folder of the data sets
CLASSED = ("mnist", "fashion_mnist", "cifar10")  # with classes that are the same everywhere
CALTECH = "caltech256"
CLUTTER = "clutter"  # its class of what is none of its objects: never normal
ONE_CLASS = (*CLASSED, CALTECH)
# Photographs of SPADE's Fig. 1 -> the class that is normal: our choice, the paper names none
PHOTOGRAPHS = {"cub200": "Black_footed_Albatross", "flowers102": "pink primrose"}
TILE = ("magnetic_tile",)  # the one category of MTD
# Of ShanghaiTech Campus that have test videos
SCENES = tuple(f"{number:02}" for number in range(1, 13))
# Data sets with a reader of their own -> categories
OWN_TREES = {MAGNETIC_TILES: TILE, **dict.fromkeys(SHANGHAITECH, SCENES)}
# Our protocols for data sets whose division the papers leave open; tables print them below.
PROTOCOLS = {
    MAGNETIC_TILES: (
        "mtd: 20 % of the good tiles, drawn with seed 0, are tested; tiles of any shape become "
        "256 x 256, of which the middle 224 x 224 is seen"
    ),
    "stc": (
        "stc: mean over scenes, each with its own training frames, every "
        f"{SHANGHAITECH['stc']}th of them, about 5000 in all, and every 5th test frame"
    ),
    "mstc": (
        "mstc: mean over scenes, each with its own training frames, every 5th of them, and every "
        "5th test frame"
    ),
    CALTECH: (
        "caltech256: mean over classes, each normal once but for the clutter; 20 % of every "
        "class's images, drawn with seed 0, are tested"
    ),
}
# Data sets whose classes are not known where they are not at hand
CLASSES_UNKNOWN = {
    CALTECH: (
        "caltech256: no experiments, since its classes are read from its folders, which are not "
        "part of this setting"
    )
}
# Data set -> its folder below that of all data sets
PAPER_FOLDERS = {
    "mvtec_ad": MVTEC_FOLDER,
    **{name: name for name in (*ONE_CLASS, *PHOTOGRAPHS, *OWN_TREES)},
}


def paper_categories() -> dict[str, Sequence[str]]:
    """Return the categories (or classes) of every data set of the papers that divides them."""
    return {"mvtec_ad": MVTEC, **{name: classes(name) for name in CLASSED}, **OWN_TREES}


@dataclass(frozen=True)
class Setting:
    """Data, networks and sizes in place of a paper's; the defaults are the paper's own.

    Attributes
    ----------
    folders: data set as in `adviz/tables/reference` ("mvtec_ad", "stc", "mtd", "mnist", ...) -> the
        name of what is used for it, as for `sweep.Experiment`; a data set that is not here has
        no experiments, and the table says so.
    categories: data set -> its categories (or classes), in the order of the columns.
    networks: the papers' names of networks -> ours.
    compared_networks: where a table that compares networks has others of ours than elsewhere.
    scale: factor on all sides of images (224, 256, 280, ...), which are rounded to multiples of 32.
    seeds: of every experiment that depends on one.
    shots: which numbers of training images of Table S5 are done; None = the paper's.
    train: training images of lines that name no number, drawn as shots are; None = all there are.
    every: of the test images, every so many.
    options: detector's class -> options in place of the paper's, such as fewer epochs.
    weights: "published", or "random" for networks that are not trained.
    mask_rule: when a pixel of a resized mask counts as defect, see `data.Geometry`.
    sigma: of the maps' smoothing in place of the paper's, pixels; None = the paper's.
    evaluated_at: side that maps are evaluated at, pixels; "paper" = the paper's, None = the images'
        own.
    pro: which definition of PRO tables have; None = that of the paper's own code.

    Examples
    --------
    >>> tables.Setting().uses_paper_data, tables.reduced().uses_paper_data
    (True, False)
    """

    folders: Mapping[str, str] = field(default_factory=lambda: dict(PAPER_FOLDERS))
    categories: Mapping[str, Sequence[str]] = field(default_factory=paper_categories)
    networks: Mapping[str, str] = field(default_factory=lambda: NETWORKS)
    compared_networks: Mapping[str, str] = field(default_factory=dict)
    scale: float = 1.0
    seeds: tuple[int, ...] = (0,)
    shots: tuple[int, ...] | None = None
    train: int | None = None
    every: int = 1
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weights: str = "published"
    mask_rule: str = ">0.5"
    sigma: float | None = None
    evaluated_at: int | Literal["paper"] | None = "paper"
    pro: str | None = None

    @property
    def uses_paper_data(self) -> bool:
        """Whether the data are the papers', so that the printed values can be compared with."""
        categories = set(self.categories.get("mvtec_ad", ()))
        return self.folders.get("mvtec_ad") != DEMO and categories <= set(MVTEC)

    def geometry(self, side: int, *, crop: bool) -> Geometry:
        """Return how images of a paper's side become squares here.

        Examples
        --------
        >>> tables.Setting(scale=0.5).geometry(224, crop=True).size
        128
        """
        if self.scale != 1:
            side = max(32, round(side * self.scale / 32) * 32)
        return Geometry(side, crop=crop, mask_rule=self.mask_rule)


def built_in(categories: Sequence[str] = CATEGORIES, seeds: Sequence[int] = SEEDS) -> Setting:
    """Return a setting on the built-in data at a real size, whose results come with adviz.

    All test images of all categories, at the papers' image sizes, with the networks that come with
    adviz (`OFFLINE`), and three seeds where chance enters. Only the student of reverse distillation
    is smaller, and trained for fewer epochs: `ReverseDistillation.preset("cpu")`.

    Examples
    --------
    >>> setting = tables.built_in()
    >>> len(setting.categories["mvtec_ad"]), setting.geometry(224, crop=True).size
    (6, 224)
    """
    small = ReverseDistillation.preset("cpu").differences("official")
    return Setting(
        folders={"mvtec_ad": DEMO},
        categories={"mvtec_ad": tuple(categories)},
        networks=OFFLINE,
        compared_networks=OFFLINE_COMPARED,
        seeds=tuple(seeds),
        options={"ReverseDistillation": {name: ours for name, (ours, _) in small.items()}},
    )


def reduced(
    categories: Sequence[str] = ("bottle", "mesh"), every: int = 4, scale: float = 0.5
) -> Setting:
    """Return a setting on the built-in data that takes minutes on two cores, for every table.

    Its numbers show how the tables are made; nothing printed can be compared with them.

    Examples
    --------
    >>> tables.reduced(categories=("hex_nut",)).categories["mvtec_ad"]
    ('hex_nut',)
    """
    epochs = {"epochs": 3, "student": "small", "width": 0.5, "batch": 8}
    return Setting(
        folders={"mvtec_ad": DEMO},
        categories={"mvtec_ad": tuple(categories)},
        networks=OFFLINE,
        compared_networks=OFFLINE_COMPARED,
        scale=scale,
        shots=(1, 5, 16),
        every=every,
        options={"ReverseDistillation": epochs},
    )


def available_setting(*, one_class: bool = False, root: str | Path | None = None) -> Setting:
    """Return the papers' setting where MVTec AD is on disk, else `built_in`.

    The magnetic tiles in ``mtd/`` and ShanghaiTech Campus in ``stc/`` are part of it where they
    are on disk next to ``mvtec/``, and the birds and flowers of SPADE's Fig. 1 in any case.

    Parameters
    ----------
    one_class: with the papers' setting, whether MNIST, Fashion-MNIST and CIFAR-10 are part of it
        (reverse distillation, Table 4), and Caltech-256 where it is on disk: a student for each of
        30 classes, from 5000 images of 256 pixels, takes years on a CPU. `one_class` is a smaller
        setting for that table alone.
    root: folder that ``mvtec/`` and the others are looked for in; None = what ``$ADVIZ_DATA``
        names, or ``./data``.

    Examples
    --------
    >>> tables.available_setting(root="no such folder").uses_paper_data
    False
    """
    base = None if root is None else Path(root)
    photographs = {
        name: (normal,) for name, normal in PHOTOGRAPHS.items() if normal_classes(name, base)
    }
    if not folder_of(MVTEC_FOLDER, base).is_dir():
        ours = built_in()
        return dataclasses.replace(
            ours,
            folders={**ours.folders, **{name: name for name in photographs}},
            categories={**ours.categories, **photographs},
        )
    on_disk = {name for name in OWN_TREES if folder_of(name, base).is_dir()}
    included = {"mvtec_ad"} | on_disk
    categories_of = paper_categories()
    if one_class:
        included |= {*CLASSED, CALTECH}
        if names := normal_classes(CALTECH, base):
            categories_of[CALTECH] = names
    chosen = {name: categories_of[name] for name in categories_of if name in included}
    return Setting(categories={**chosen, **photographs})


def one_class(
    datasets: Sequence[str] = ONE_CLASS,
    train: int | None = 500,
    every: int = 10,
    *,
    root: str | Path | None = None,
) -> Setting:
    """Return a setting for reverse distillation's Table 4 alone, on what is there of its data.

    The paper's images at its size, 256 pixels, each class normal once; fewer of them, the networks
    that come with adviz, and the student of ``ReverseDistillation.preset("cpu")``, so that a class
    takes minutes on one core and not days. Tables say so below. Fashion-MNIST is there once
    Debian's package dataset-fashion-mnist is installed.

    Parameters
    ----------
    datasets: of the table's; those that are not there are left out.
    train: images that are drawn of each normal class; None = all.
    every: of the test images of all classes, every so many.
    root: folder of the data sets; None = what ``$ADVIZ_DATA`` names, or ``./data``, and where
        Debian's packages put them.

    Examples
    --------
    >>> setting = tables.one_class(("fashion_mnist",))
    >>> len(tables.plan("rd", 4, setting).experiments)
    10
    """
    found = {name: normal_classes(name, root) for name in datasets}
    small = ReverseDistillation.preset("cpu").differences("official")
    student = {name: ours for name, (ours, _) in small.items()}
    return Setting(
        folders={name: PAPER_FOLDERS[name] for name, names in found.items() if names},
        categories={name: names for name, names in found.items() if names},
        networks=OFFLINE,
        train=train,
        every=every,
        options={"ReverseDistillation": {**student, "epochs": ONE_CLASS_EPOCHS}},
    )


def normal_classes(dataset: str, root: str | Path | None = None) -> Sequence[str]:
    """Return the classes of a data set that are normal once; none where it is not there."""
    try:
        novelty(dataset, 0, root=root)
    except FileNotFoundError:
        return ()
    return tuple(name for name in classes(dataset, root=root) if name != CLUTTER)
