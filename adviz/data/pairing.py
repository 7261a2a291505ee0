"""Which mask in a folder of masks belongs to which image: every mask to exactly one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adviz.data.images import SUFFIXES, images_of
from adviz.data.paths import children, folders_in
from adviz.data.words import says_good

STRICT = ("_mask", "")  # endings after the image's name, in the order in which they count
WORDS = "masks?|gt|ground[ _-]?truth|labels?|seg|segmentation|anno|annotation"
ENDING = re.compile(rf"(.+?)[ _.-]*(?:{WORDS})")
BEGINNING = re.compile(rf"(?:{WORDS})[ _.-]*(.+)")
NAMED = 3  # files that a message names

Images = list[tuple[Path, str]]  # of the test, each with its defect


@dataclass(frozen=True)
class Mask:
    """A mask: a file or a folder of files, the name that says its image, and its folder, "" where it lies in none."""

    path: Path
    stem: str
    folder: str


def masks_by_image(truth: Path, images: Images, problems: list[Exception]) -> dict[Path, Path]:
    """Return the mask of every test image that has one; what belongs to no image or to several is a problem.

    A mask in the folder of the image's defect is the image's if it is called ``<image>_mask`` or ``<image>``. Of those
    that are left over the name may be in another case, end or begin with another word for a mask (``000_GT``,
    ``mask_000``) or keep the image's suffix (``000.png.png``), and they may lie in no folder, wherever only one image
    can be meant.

    Parameters
    ----------
    truth: the folder of masks.
    images: the test images.
    problems: what is wrong is added to it.
    """
    masks = _masks(truth)
    found = _strict(masks, images)
    owned = Counter(found.values())
    lost: list[Mask] = []
    contested: list[Exception] = [_shared(mask, images, found) for mask in masks if owned[mask.path] > 1]
    for mask in masks:
        if owned[mask.path]:
            continue
        owners = _owners(mask, images)
        if len(owners) == 1 and owners[0] not in found:
            found[owners[0]] = mask.path
        elif owners:
            contested.append(_several(mask, owners, found, truth))
        else:
            lost.append(mask)
    if lost:
        problems.append(_without_image(lost, images, found))
    problems.extend(contested)
    problems.extend(_unread(truth, images, found))
    return found


def _masks(truth: Path) -> list[Mask]:
    """Return all masks, sorted: files directly in the folder or in one of it, and in these folders of files."""
    masks = [Mask(file, file.stem, "") for file in images_of(truth)]
    for folder in folders_in(truth):
        masks += [Mask(file, file.stem, folder.name) for file in images_of(folder)]
        masks += [Mask(place, place.name, folder.name) for place in folders_in(folder) if images_of(place)]
    return sorted(masks, key=lambda mask: mask.path)


def _strict(masks: list[Mask], images: Images) -> dict[Path, Path]:
    """Return the masks that are called as MVTec calls them."""
    by_name = {(mask.folder, mask.stem): mask.path for mask in masks if mask.folder}
    found = {}
    for image, _ in images:
        keys = [(image.parent.name, image.stem + end) for end in STRICT]
        named = [by_name[key] for key in keys if key in by_name]
        if named:
            found[image] = named[0]
    return found


def _owners(mask: Mask, images: Images) -> list[Path]:
    """Return the images that a mask can be of; of one that lies in no folder the defective ones come first."""
    if mask.folder:
        near = [image for image, _ in images if _group(image.parent.name) == _group(mask.folder)]
        return _named(mask, near)
    defective = [image for image, defect in images if defect != "good"]
    return _named(mask, defective) or _named(mask, [image for image, _ in images])


def _named(mask: Mask, images: list[Path]) -> list[Path]:
    """Return the images that the name of a mask says, by the way to read it that takes the least away."""
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for image in images:
        by_stem[image.stem.casefold()].append(image)
    return next((by_stem[stem] for stem in _stems(mask.stem) if stem in by_stem), [])


def _group(folder: str) -> str:
    """Return the name of a folder as those of images and masks are compared."""
    return "good" if says_good(folder) else folder.casefold()


def _stems(stem: str) -> Iterator[str]:
    """Yield the names of images that a mask's name can stand for, those first that take the least away from it."""
    waiting = [stem.casefold()]
    seen = set(waiting)
    while waiting:
        name = waiting.pop(0)
        yield name
        shorter = [name.removesuffix(suffix) for suffix in SUFFIXES]
        shorter += [match[1] for pattern in (ENDING, BEGINNING) if (match := pattern.fullmatch(name))]
        for one in shorter:
            if one and one not in seen:
                seen.add(one)
                waiting.append(one)


def _shared(mask: Mask, images: Images, found: dict[Path, Path]) -> Exception:
    names = ", ".join(image.name for image, _ in images if found.get(image) == mask.path)
    return ValueError(f"expected a mask to belong to one image, got {names} for {mask.path}: rename one")


def _several(mask: Mask, owners: list[Path], found: dict[Path, Path], truth: Path) -> Exception:
    """Return what to say of a mask that several images could have, or whose image has another."""
    if len(owners) == 1:
        return ValueError(
            f"expected one mask for {owners[0]}, got {found[owners[0]]} and {mask.path}: keep one, or put both into a "
            f"folder {truth / owners[0].parent.name / owners[0].stem}, and their union counts"
        )
    names = ", ".join(f"{image.parent.name}/{image.name}" for image in owners[:NAMED])
    return ValueError(
        f"expected a mask to belong to one image, got {names} for {mask.path}: put it into the folder of its defect, "
        f"such as {truth / owners[0].parent.name}, and call it <image>_mask.png"
    )


def _without_image(lost: list[Mask], images: Images, found: dict[Path, Path]) -> Exception:
    """Return what to say of masks that belong to no image: how the images beside them are called."""
    first = lost[0]
    expected = "expected every mask to belong to a test image, called <image>_mask.png or <image>.png"
    came = f"got {len(lost)} without one, first {first.path}"
    near = [image for image, _ in images if not first.folder or _group(image.parent.name) == _group(first.folder)]
    bare = [image for image in near if image not in found]
    if bare:
        names = ", ".join(f"{image.parent.name}/{image.name}" for image in bare[:NAMED])
        more = f" and {len(bare) - NAMED} more" if len(bare) > NAMED else ""
        return ValueError(f"{expected}, {came}, beside {names}{more} without a mask: rename it after its image")
    if near or not first.folder:
        return ValueError(f"{expected}, {came}: all images there have masks; restore its image, or remove it")
    folders = sorted({image.parent.name for image, defect in images if defect != "good"})
    there = ", ".join(folders) or "none"
    return ValueError(
        f"{expected}, in a folder of the same name, {came}: there are no images in a folder {first.folder} of the "
        f"test; rename the folder of masks (folders with defective images: {there}), or restore the images"
    )


def _unread(truth: Path, images: Images, found: dict[Path, Path]) -> list[Exception]:
    """Return what to say of files that are called like the mask of an image without one, and are not read."""
    bare = [(image, defect) for image, defect in images if image not in found and defect != "good"]
    files = [(file, folder) for folder in (truth, *folders_in(truth)) for file in children(folder)]
    strange = [
        Mask(file, file.stem, "" if folder == truth else folder.name)
        for file, folder in files
        if file.is_file() and file.suffix.lower() not in SUFFIXES
    ]
    unread = [mask for mask in strange if bare and _owners(mask, bare)]
    if not unread:
        return []
    owner = _owners(unread[0], bare)[0]
    return [
        ValueError(
            f"expected masks as {', '.join(SUFFIXES)}, got {len(unread)} files of another kind, first "
            f"{unread[0].path} for {owner.parent.name}/{owner.name}: save them as PNG"
        )
    ]
