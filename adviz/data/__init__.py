"""Images, labels and masks: the built-in data set, MVTec-style folders, and the nouns `Split` and `Category`."""

from __future__ import annotations

from pathlib import Path

from adviz.data.builtin import ensure
from adviz.data.campus import shanghaitech
from adviz.data.category import Category
from adviz.data.checking import check
from adviz.data.folders import available, folder, mvtec, unlabelled
from adviz.data.from_table import table
from adviz.data.geometry import Geometry
from adviz.data.inspection import audit
from adviz.data.mvtec_family import btad, mvtec_ad2, mvtec_loco
from adviz.data.one_class import classes, novelty
from adviz.data.sample import Sample
from adviz.data.split import Split
from adviz.data.tiles import magnetic_tile
from adviz.data.visa_tree import visa

__all__ = [
    "Category",
    "Geometry",
    "Sample",
    "Split",
    "audit",
    "available",
    "btad",
    "check",
    "classes",
    "demo",
    "folder",
    "magnetic_tile",
    "mvtec",
    "mvtec_ad2",
    "mvtec_loco",
    "novelty",
    "shanghaitech",
    "table",
    "unlabelled",
    "visa",
]


def demo(
    category: str,
    *,
    seed: int = 0,
    n_train: int | None = None,
    root: str | Path | None = None,
    geometry: Geometry | None = None,
) -> Category:
    """Return a category of the built-in data set, drawing it on first use.

    Parameters
    ----------
    category: "brick", "hex_nut", "transistor", "capsule", "mesh" or "bottle".
    seed: another seed draws other images of the same kind.
    n_train: number of training images; None = the category's own (64).
    root: where to keep the images; None = ``$ADVIZ_CACHE`` or the user's cache folder.
    geometry: see `folder`.

    Raises
    ------
    ValueError: no such category, or `n_train` below 1.
    OSError: the cache folder cannot be written.

    Examples
    --------
    >>> data.demo("hex_nut").test
    Split(46 images of 224x224: 8 chip, 9 dent, 20 good, 9 scratch)
    """
    return folder(ensure(category, seed=seed, n_train=n_train, root=root), geometry=geometry)


def __dir__() -> list[str]:
    return sorted(__all__)
