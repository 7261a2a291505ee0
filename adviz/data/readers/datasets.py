"""Reader for datasets of other libraries: torch's map-style ones, Hugging Face's, and lists."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from adviz._support import as_numpy, got
from adviz.data.folder_names import says_good, says_unlabelled
from adviz.data.geometry import Geometry
from adviz.data.image_arrays import image_array
from adviz.data.paths import expanded
from adviz.data.split import ANOMALOUS, GOOD, NAMES, UNLABELLED, Split

EXPECTED = "expected a dataset with len(dataset) and dataset[index]"


class Items(Protocol):
    """What is needed of a dataset."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True, eq=False)
class Item:
    """An image of a dataset, as it is read.

    Attributes
    ----------
    pixels: (h, w) grey or (h, w, 3) RGB uint8.
    label: what the dataset says: a number, a name, or None.
    mask: (h, w) bool; None where there is none.
    """

    pixels: np.ndarray
    label: int | str | None
    mask: np.ndarray | None


def dataset(
    items: Items,
    *,
    normal: int | str | Sequence[int | str] | None = None,
    folder: str | Path | None = None,
    image: str = "image",
    label: str = "label",
    mask: str = "mask",
    name: str = "",
    geometry: Geometry | None = None,
) -> Split:
    """Make a split of a dataset of torch, torchvision or Hugging Face, or of a list like one.

    An item is ``(image, label)``, ``(image, label, mask)``, a dictionary with these keys, or an
    image alone, which is unlabelled. Images are PIL images, arrays or tensors, as
    `Split.from_arrays` takes them: leave out transforms that normalise or cut them, since the
    geometry does that. All items are read once, now: into memory, or, with masks or images of
    several sizes, into PNG files in a folder.

    Parameters
    ----------
    items: the dataset; every index below its length is read.
    normal: the class, or classes, of the good images, by number or name; all others are anomalous,
        and called by their names; [] = none is good. None: a name says it ("good", "normal",
        "ok"), or numbers are 0 good, 1 anomalous and -1 unlabelled.
    folder: a new folder for ``images/`` and ``masks/``; None = keep the images in memory.
    image, label, mask: the keys, where an item is a dictionary; `label` and `mask` may be absent.
    name: the category's, for tables and titles.
    geometry: how images and masks are resized and cropped; None = ``Geometry()``.

    Returns
    -------
    The split, in the order of the items. Names of classes are those of ``items.features[label]``
    (Hugging Face) or ``items.classes`` (torchvision), if there are any.

    Raises
    ------
    TypeError: no such dataset, or an item that is none of these.
    ValueError: labels that do not tell which images are good, a mask of another size than its
        image, or one of a good image that marks a defect; masks or several sizes without a folder.
    FileExistsError: the folder exists.
    OSError: it cannot be written; nothing stays.

    Examples
    --------
    >>> pixels = np.zeros((48, 64, 3), "uint8")
    >>> data.dataset([(pixels, 0), (pixels, 2)], normal=0)
    Split(2 images of 224x224: 1 2, 1 good)
    >>> mask = np.eye(48, 64) > 0
    >>> split = data.dataset([(pixels, "good"), (pixels, "scratch", mask)], folder="scratched")
    >>> split.ids, split.has_masks
    (['images/0.png', 'images/1.png'], True)
    """
    read = _read(items, (image, label, mask))
    labels, defects = _labels(read, _class_names(items, label), normal)
    _check_masks(read, labels)
    if folder is None:
        pixels = _of_one_size(read)
        return Split.from_arrays(pixels, labels, defects, geometry=geometry, name=name)
    root = expanded(folder)
    _write(root, read)
    files = [f"{index}.png" for index in range(len(read))]
    masks = [
        None if item.mask is None else root / "masks" / file
        for item, file in zip(read, files, strict=True)
    ]
    return Split(
        [root / "images" / file for file in files],
        labels,
        masks,
        defects,
        geometry=geometry,
        name=name,
        root=root,
    )


def _read(items: Items, keys: tuple[str, str, str]) -> list[Item]:
    """Return all items, read and checked one by one."""
    if isinstance(items, Mapping | str | bytes) or not hasattr(items, "__getitem__"):
        raise TypeError(f"{EXPECTED}, got a {type(items).__name__}")
    try:
        count = len(items)
    except TypeError as error:
        raise TypeError(
            f"{EXPECTED}, got a {type(items).__name__} without a length: give its items as a list"
        ) from error
    if count == 0:
        raise ValueError("expected a dataset of at least one image, got an empty one")
    return [_item(items[index], f"item {index}", keys) for index in range(count)]


def _item(value: Any, name: str, keys: tuple[str, str, str]) -> Item:
    if isinstance(value, Mapping):
        image_key, label_key, mask_key = keys
        if image_key not in value:
            raise ValueError(
                f"expected the key {image_key!r} of {name}, got {', '.join(map(repr, value))}: "
                "say image=, label= and mask= what they are called"
            )
        parts = (value[image_key], value.get(label_key), value.get(mask_key))
    elif isinstance(value, tuple | list):
        if not 1 <= len(value) <= 3:
            raise TypeError(
                f"expected (image, label) or (image, label, mask) as {name}, got {len(value)} parts"
            )
        parts = (*value, None, None)[:3]
    else:
        parts = (value, None, None)
    pixels, label, mask = parts
    array = image_array(pixels, name=f"the image of {name}")
    return Item(array, _label(label, name), _mask(mask, array.shape[:2], name))


def _label(value: Any, name: str) -> int | str | None:
    """Return a label as a number or a text; numbers of torch and numpy have item()."""
    if value is None or isinstance(value, str):
        return value
    number = value
    if hasattr(value, "item") and as_numpy(value).size == 1:
        number = value.item()
    if not isinstance(number, bool | int | float) or not float(number).is_integer():
        raise TypeError(f"expected a number or a name as the label of {name}, got {value!r}")
    return int(number)


def _mask(value: Any, size: tuple[int, int], name: str) -> np.ndarray | None:
    """Return a mask as (h, w) bool; of PIL images and numbers, what is above 0 is defect."""
    if value is None:
        return None
    values = np.asarray(value.convert("L")) if isinstance(value, Image.Image) else as_numpy(value)
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values.squeeze(0 if values.shape[0] == 1 else 2)
    if values.shape != size:
        raise ValueError(
            f"expected a mask of the image's size {size} for {name}, got {values.shape}"
        )
    return np.asarray(values > 0)


def _class_names(items: Items, label: str) -> list[str]:
    """Return what a dataset calls its classes, by number; none where it does not say."""
    features = getattr(items, "features", None)
    if isinstance(features, Mapping) and label in features:
        names = getattr(features[label], "names", None)
    else:
        names = getattr(items, "classes", None)
    return [str(name) for name in names or ()]


def _labels(
    read: Sequence[Item], names: Sequence[str], normal: int | str | Sequence[int | str] | None
) -> tuple[list[int], list[str]]:
    """Return the labels, 0, 1 and -1, and the defects' names."""
    numbers = [item.label for item in read if isinstance(item.label, int)]
    if names and numbers and not -1 <= min(numbers) <= max(numbers) < len(names):
        raise ValueError(
            f"expected labels 0 to {len(names) - 1} of the classes {', '.join(names)}, got "
            f"{min(numbers)} to {max(numbers)}"
        )
    # Numbers by their names, where they have any
    classes = [item.label for item in read]
    if names:
        classes = [
            names[label] if isinstance(label, int) and label >= 0 else label for label in classes
        ]
    good = _good_classes(normal, names, classes)
    labels = []
    defects = []
    for one in classes:
        label = UNLABELLED
        if one is not None and one != UNLABELLED and not _is_unlabelled(one, normal):
            label = GOOD if one in good else ANOMALOUS
        is_named = label == ANOMALOUS and (isinstance(one, str) or normal is not None)
        labels.append(label)
        defects.append(str(one) if is_named else NAMES[label])
    return labels, defects


def _is_unlabelled(one: int | str, normal: object) -> bool:
    return normal is None and isinstance(one, str) and says_unlabelled(one)


def _good_classes(
    normal: int | str | Sequence[int | str] | None,
    names: Sequence[str],
    classes: Sequence[int | str | None],
) -> set[int | str]:
    """Return the classes that are good, as they stand in `classes`.

    Parameters
    ----------
    normal: see `dataset`.
    names: of all classes, by number; may be empty.
    classes: (N,), what each item is.
    """
    present = {one for one in (*names, *classes) if one is not None and one != UNLABELLED}
    known = ", ".join(sorted(map(str, present)))
    if normal is None:
        numbers = {one for one in present if isinstance(one, int)}
        named = {one for one in present if isinstance(one, str) and says_good(one)}
        if not numbers <= {GOOD, ANOMALOUS} or (present - numbers and not named):
            raise ValueError(
                f"expected labels 0 (good) and 1 (anomalous), or a class called good, got {known}: "
                "say which is with normal=, or normal=[] where none is"
            )
        return {GOOD, *named}
    chosen = [normal] if isinstance(normal, int | str) else list(normal)
    good: set[int | str] = set()
    for one in chosen:
        is_number = isinstance(one, int) and 0 <= one < len(names)
        of_name = names[one] if is_number else one  # type: ignore[index]
        if of_name not in present:
            raise ValueError(f"expected as normal one of the classes {known}, {got(one, names)}")
        good.add(of_name)
    return good


def _check_masks(read: Sequence[Item], labels: Sequence[int]) -> None:
    """Refuse the mask of a good image that marks a defect."""
    for index, (item, label) in enumerate(zip(read, labels, strict=True)):
        if label == GOOD and item.mask is not None and item.mask.any():
            raise ValueError(
                f"expected no defect in the mask of a good image, got {int(item.mask.sum())} "
                f"pixels in item {index}: correct its label, or the mask"
            )


def _of_one_size(read: Sequence[Item]) -> list[np.ndarray]:
    """Return the pixels of images that can be kept in memory."""
    sizes = {item.pixels.shape[:2] for item in read}
    if len(sizes) > 1:
        raise ValueError(
            f"expected images of one size, got {len(sizes)} sizes, such as "
            f"{sorted(sizes)[0]} and {sorted(sizes)[-1]}: give a folder= to write them to"
        )
    if any(item.mask is not None and item.mask.any() for item in read):
        raise ValueError(
            "expected no masks without a folder: give a folder= to write images and masks to"
        )
    return [item.pixels for item in read]


def _write(folder: Path, read: Sequence[Item]) -> None:
    """Write images and masks as PNG files to a new folder; it is complete or absent."""
    if os.path.lexists(folder):
        raise FileExistsError(
            f"expected a new folder, got {folder}, which exists: give another name, or remove it"
        )
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        unfinished.chmod(0o755)
        (unfinished / "images").mkdir()
        (unfinished / "masks").mkdir()
        for index, item in enumerate(read):
            Image.fromarray(item.pixels).save(unfinished / "images" / f"{index}.png")
            if item.mask is not None:
                mask = Image.fromarray(np.where(item.mask, 255, 0).astype(np.uint8))
                mask.save(unfinished / "masks" / f"{index}.png")
        os.rename(unfinished, folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
