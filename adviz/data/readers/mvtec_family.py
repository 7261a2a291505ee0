"""Readers for data sets laid out almost like MVTec AD: MVTec LOCO AD, MVTec AD 2 and BTAD."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from adviz._support import got
from adviz.data.category import Category
from adviz.data.folder_tree import checked_category
from adviz.data.geometry import Geometry
from adviz.data.paths import expanded, folders_in
from adviz.data.readers.mvtec_style import Shape, arranged, has_good_training

LOCO = Shape("MVTec LOCO AD", validation=True)
PUBLIC = Shape("MVTec AD 2", test="test_public", truth="test_public/ground_truth", validation=True)
BTAD = Shape("BTAD", good="ok")
TEST_SETS = ("public", "private", "private_mixed")


def mvtec_loco(root: str | Path, category: str, *, geometry: Geometry | None = None) -> Category:
    """Read a category of MVTec LOCO AD (Bergmann et al., IJCV 2022).

    `train` is ``train/good``, `validation` is ``validation/good``, and `test` has ``good``,
    ``logical_anomalies`` and ``structural_anomalies``, which `Split.defects` tells apart. An
    image's mask is the union of the files in ``ground_truth/<kind>/<image>/``: a pixel is defective
    if any of them marks it. The paper's sPRO, which saturates at a fraction of each region
    (``defects_config.json``), is not computed: it needs the regions apart. PRO and pixel AUROC of
    `adviz.evaluate` ask for every pixel of the union and are stricter with logical defects, whose
    masks are wide.

    Parameters
    ----------
    root: the folder that holds one folder a category.
    category: "breakfast_box", "juice_bottle", "pushpins", "screw_bag" or "splicing_connectors".
    geometry: how images and masks are resized and cropped; None = ``Geometry()``. Images are not
        square.

    Raises
    ------
    FileNotFoundError: a folder is missing; what is there is listed.
    ValueError: see `adviz.data.folder`.

    Examples
    --------
    >>> pushpins = data.mvtec_loco("data/mvtec_loco", "pushpins")
    >>> sorted(set(pushpins.test.defects))
    ['good', 'logical_anomalies', 'structural_anomalies']
    """
    path = checked_category(root, category, LOCO.layout, _categories(root))
    return arranged(path, LOCO).category(geometry)


def mvtec_ad2(
    root: str | Path,
    category: str,
    *,
    test: Literal["public", "private", "private_mixed"] = "public",
    geometry: Geometry | None = None,
) -> Category:
    """Read a category of MVTec AD 2 (Heckler-Kram et al., arXiv 2503.21622).

    `train` is ``train/good`` and `validation` is ``validation/good``.

    Parameters
    ----------
    root: the folder that holds one folder a category.
    category: "can", "fabric", "fruit_jelly", "rice", "sheet_metal", "vial", "wallplugs" or
        "walnuts".
    test: "public" has labels and masks; the images of "private" and "private_mixed" (other
        lighting) are unlabelled, as only the publisher's server knows the truth.
    geometry: how images and masks are resized and cropped; None = ``Geometry()``. Images are large
        and not square.

    Raises
    ------
    FileNotFoundError: a folder is missing; what is there is listed.
    ValueError: an unknown `test`, or see `adviz.data.folder`.

    Examples
    --------
    >>> can = data.mvtec_ad2("data/mvtec_ad2", "can", test="private")
    >>> set(can.test.labels.tolist())
    {-1}
    """
    if test not in TEST_SETS:
        raise ValueError(f"test must be one of {', '.join(TEST_SETS)}, {got(test, TEST_SETS)}")
    path = checked_category(root, category, PUBLIC.layout, _categories(root))
    return arranged(path, ad2_shape(test)).category(geometry)


def ad2_shape(test: str) -> Shape:
    """Return the folders of MVTec AD 2 with one of its three test sets."""
    if test == "public":
        return PUBLIC
    return Shape(PUBLIC.layout, test=f"test_{test}", truth="", validation=True)


def btad(root: str | Path, category: str, *, geometry: Geometry | None = None) -> Category:
    """Read a product of BTAD, beanTech's anomaly detection data set (Mishra et al., ISIE 2021).

    `train` is ``train/ok``; `test` has ``test/ok``, called "good" in `Split.defects` as everywhere,
    and ``test/ko``, with the masks of ``ground_truth/ko``. Images and masks may have different
    suffixes, .bmp and .png.

    Parameters
    ----------
    root: the folder that holds 01, 02 and 03.
    category: "01", "02" or "03".
    geometry: how images and masks are resized and cropped; None = ``Geometry()``. The products
        differ in size.

    Raises
    ------
    FileNotFoundError: a folder is missing; what is there is listed.
    ValueError: see `adviz.data.folder`.

    Examples
    --------
    >>> first = data.btad("data/btad", "01")
    >>> sorted(set(first.test.defects))
    ['good', 'ko']
    """
    path = checked_category(root, category, BTAD.layout, _categories(root))
    return arranged(path, BTAD).category(geometry)


def _categories(root: str | Path) -> list[str]:
    return [child.name for child in folders_in(expanded(root)) if has_good_training(child)]
