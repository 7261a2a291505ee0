"""Images, labels and masks: `Split`, `Category`, `Geometry`, readers of data sets, and `check`."""

from __future__ import annotations

from pathlib import Path

# users' names
from adviz.data.builtin import ensure
from adviz.data.category import Category
from adviz.data.checking import Missing as Missing
from adviz.data.checking import check
from adviz.data.checking import missing_from_category as missing_from_category
from adviz.data.checking import missing_from_test as missing_from_test
from adviz.data.checking import published_counts as published_counts
from adviz.data.checking.crop_audit import audit
from adviz.data.geometry import Geometry
from adviz.data.readers.datasets import dataset
from adviz.data.readers.magnetic_tile import magnetic_tile
from adviz.data.readers.mvtec_family import btad, mvtec_ad2, mvtec_loco
from adviz.data.readers.mvtec_style import available, folder, mvtec, unlabelled
from adviz.data.readers.one_class import classes, novelty
from adviz.data.readers.shanghaitech import shanghaitech
from adviz.data.readers.table import table
from adviz.data.readers.visa import visa
from adviz.data.sample import Sample
from adviz.data.split import Split

# isort: split
# for other rooms
from adviz.data.builtin import CATEGORIES as CATEGORIES
from adviz.data.checking import Check as Check
from adviz.data.checking.advice import quoted as quoted
from adviz.data.geometry import checked_size as checked_size
from adviz.data.geometry import height_and_width as height_and_width
from adviz.data.geometry import letterbox_boxes as letterbox_boxes
from adviz.data.geometry import size_text as size_text
from adviz.data.image_arrays import Channels as Channels
from adviz.data.image_arrays import batch_array as batch_array
from adviz.data.image_arrays import check_channels as check_channels
from adviz.data.image_arrays import image_array as image_array
from adviz.data.image_arrays import warn_of_fewer_bits as warn_of_fewer_bits
from adviz.data.image_decoding import ORIENTATION as ORIENTATION
from adviz.data.images import Depth as Depth
from adviz.data.images import image_files_in as image_files_in
from adviz.data.images import image_size as image_size
from adviz.data.images import open_image as open_image
from adviz.data.mask_arrays import ArrayMask as ArrayMask
from adviz.data.masks import mask_files as mask_files
from adviz.data.readers import sorted_photos as sorted_photos
from adviz.data.readers.shanghaitech import labelled_test_frames as labelled_test_frames
from adviz.data.readers.shanghaitech import training_clips as training_clips
from adviz.data.split import ANOMALOUS as ANOMALOUS
from adviz.data.split import GOOD as GOOD
from adviz.data.split import UNLABELLED as UNLABELLED
from adviz.data.split import as_indices as as_indices

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
    "dataset",
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
