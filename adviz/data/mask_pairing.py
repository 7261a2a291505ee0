"""Which mask in a folder of masks belongs to which image: every mask to exactly one."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adviz.data.folder_names import says_bad, says_good
from adviz.data.images import images_of, suffixes
from adviz.data.paths import children, folders_in

STRICT = ("_mask", "")  # endings after the image's name, in the order in which they count
WORDS = "masks?|gt|ground[ _-]?truth|labels?|seg|segmentation|anno|annotation"
ENDING = re.compile(rf"(.+?)[ _.-]*(?:{WORDS})")
BEGINNING = re.compile(rf"(?:{WORDS})[ _.-]*(.+)")
NAMED = 3  # files that a message names
# groups beside the folders' names, which hold no slash
DEFECTIVE_ANYWHERE, GOOD_ANYWHERE, BAD_BY_WORD = "/defective", "/good", "/bad"

Images = list[tuple[Path, str]]  # of the test, each with its defect


@dataclass(frozen=True)
class Mask:
    """A mask: a file or a folder of files, the name that says its image, its folder, "" where it lies in none."""

    path: Path
    stem: str
    folder: str


class Owners:
    """Finds the images that a mask can be of, by its name and its folder."""

    def __init__(self, images: Images) -> None:
        self._by_name: dict[tuple[str, str], list[Path]] = defaultdict(list)
        self._groups = {_group(image.parent.name) for image, _ in images}
        for image, defect in images:
            stem = image.stem.casefold()
            anywhere = GOOD_ANYWHERE if defect == "good" else DEFECTIVE_ANYWHERE
            groups = [_group(image.parent.name), anywhere]
            groups += [BAD_BY_WORD] if says_bad(image.parent.name) else []
            for group in groups:
                self._by_name[group, stem].append(image)

    def of(self, mask: Mask) -> list[Path]:
        """Return the images of the way to read a mask's name and folder that takes the least away from the name."""
        groups = [DEFECTIVE_ANYWHERE, GOOD_ANYWHERE]
        if mask.folder:
            groups = [_group(mask.folder)]
            if says_bad(mask.folder) and groups[0] not in self._groups:
                groups = [BAD_BY_WORD]
        for group in groups:
            for stem in _stems(mask.stem):
                if (group, stem) in self._by_name:
                    return self._by_name[group, stem]
        return []


def masks_by_image(truth: Path, images: Images, problems: list[Exception]) -> dict[Path, Path]:
    """Return the mask of every test image that has one; what belongs to no image or to several is a problem.

    A mask in the folder of the image's defect is the image's if it is called ``<image>_mask`` or
    ``<image>``. Of those that are left over the name may be in another case, end or begin with
    another word for a mask (``000_GT``, ``mask_000``) or keep the image's suffix (``000.png.png``),
    and they may lie in no folder, wherever only one image can be meant.

    Parameters
    ----------
    truth: the folder of masks.
    images: the test images.
    problems: what is wrong is added to it.
    """
    masks = _masks(truth)
    found = _strict(masks, images)
    owned = Counter(found.values())
    owners = Owners(images)
    lost: list[Mask] = []
    contested = [_shared(mask, images, found) for mask in masks if owned[mask.path] > 1]
    for mask in masks:
        if owned[mask.path]:
            continue
        can_be_of = owners.of(mask)
        if len(can_be_of) == 1 and can_be_of[0] not in found:
            found[can_be_of[0]] = mask.path
        elif can_be_of:
            contested.append(_several(mask, can_be_of, found, truth))
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
        masks += [
            Mask(place, place.name, folder.name) for place in folders_in(folder) if images_of(place)
        ]
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
        shorter = [name.removesuffix(suffix) for suffix in suffixes()]
        shorter += [
            match[1] for pattern in (ENDING, BEGINNING) if (match := pattern.fullmatch(name))
        ]
        for one in shorter:
            if one and one not in seen:
                seen.add(one)
                waiting.append(one)


def _shared(mask: Mask, images: Images, found: dict[Path, Path]) -> Exception:
    names = ", ".join(image.name for image, _ in images if found.get(image) == mask.path)
    return ValueError(
        f"expected a mask to belong to one image, got {names} for {mask.path}: rename one"
    )


def _several(mask: Mask, owners: list[Path], found: dict[Path, Path], truth: Path) -> Exception:
    """Return what to say of a mask that several images could have, or whose image has another."""
    if len(owners) == 1:
        together = truth / owners[0].parent.name / owners[0].stem
        return ValueError(
            f"expected one mask for {owners[0]}, got {found[owners[0]]} and {mask.path}: keep one, or "
            f"put both into a folder {together}, and their union counts"
        )
    return ValueError(
        f"expected a mask to belong to one image, got {_names(owners)} for {mask.path}: put it into the "
        f"folder of its defect, such as {truth / owners[0].parent.name}, and call it <image>_mask.png"
    )


def _without_image(lost: list[Mask], images: Images, found: dict[Path, Path]) -> Exception:
    """Return what to say of masks that belong to no image: how the images beside them are called."""
    first = lost[0]
    expected = (
        "expected every mask to belong to a test image, called <image>_mask.png or <image>.png"
    )
    came = f"got {len(lost)} without one, first {first.path}"
    near = [
        image
        for image, _ in images
        if not first.folder or _group(image.parent.name) == _group(first.folder)
    ]
    bare = [image for image in near if image not in found]
    if bare:
        return ValueError(
            f"{expected}, {came}, beside {_names(bare)} without a mask: rename it after its image"
        )
    if near or not first.folder:
        return ValueError(
            f"{expected}, {came}: all images there have masks; restore its image, or remove it"
        )
    folders = sorted({image.parent.name for image, defect in images if defect != "good"})
    there = ", ".join(folders) or "none"
    return ValueError(
        f"{expected}, in a folder of the same name, {came}: there are no images in a folder {first.folder} of the "
        f"test; rename the folder of masks (folders with defective images: {there}), or restore the images"
    )


def _unread(truth: Path, images: Images, found: dict[Path, Path]) -> list[Exception]:
    """Return what to say of files that are called like the mask of an image without one, and are not read."""
    owners = Owners(
        [(image, defect) for image, defect in images if image not in found and defect != "good"]
    )
    unread = []
    for folder in (truth, *folders_in(truth)):
        for file in children(folder):
            mask = Mask(file, file.stem, "" if folder == truth else folder.name)
            if file.suffix.lower() not in suffixes() and file.is_file() and owners.of(mask):
                unread.append(mask)
    if not unread:
        return []
    owner = _names(owners.of(unread[0])[:1])
    return [
        ValueError(
            f"expected masks as PNG or another image format, got {len(unread)} files of another kind, first "
            f"{unread[0].path} for {owner}: save them as PNG"
        )
    ]


def _names(images: list[Path]) -> str:
    """Return the names of some images with their folders, for messages."""
    names = ", ".join(f"{image.parent.name}/{image.name}" for image in images[:NAMED])
    return names + (f" and {len(images) - NAMED} more" if len(images) > NAMED else "")
