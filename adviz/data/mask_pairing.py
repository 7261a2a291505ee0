"""Pairing of masks and images by their names: every mask in a folder to exactly one test image."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adviz.data.folder_names import MASK_WORD_FIRST, MASK_WORD_LAST, says_bad, says_good
from adviz.data.images import image_files_in, suffixes
from adviz.data.paths import children, folders_in

STRICT = ("_mask", "")  # endings after the image's name, in the order in which they count
NAMED = 3  # files that a message names
# groups beside the folders' names, which hold no slash
DEFECTIVE_ANYWHERE = "/defective"
GOOD_ANYWHERE = "/good"
BAD_BY_WORD = "/bad"

Images = list[tuple[Path, str]]  # of the test, each with its defect
Pairs = dict[Path, Path]  # image -> its mask


@dataclass(frozen=True)
class Mask:
    """A mask: a file or a folder of files.

    Attributes
    ----------
    stem: the name that says of which image it is.
    folder: the name of its folder, "" where it lies directly in the folder of masks.
    """

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
            groups = [_group(image.parent.name)]
            groups.append(GOOD_ANYWHERE if defect == "good" else DEFECTIVE_ANYWHERE)
            if says_bad(image.parent.name):
                groups.append(BAD_BY_WORD)
            for group in groups:
                self._by_name[group, stem].append(image)

    def of(self, mask: Mask) -> list[Path]:
        """Return the images that a mask's name and folder can mean.

        Of the ways to read them the one counts that takes the least away from the name.
        """
        # without a folder any image may be meant, defective ones first
        groups = [DEFECTIVE_ANYWHERE, GOOD_ANYWHERE]
        if mask.folder:
            groups = [_group(mask.folder)]
            # masks in "defect" beside images in "bad": another word for the same
            if says_bad(mask.folder) and groups[0] not in self._groups:
                groups = [BAD_BY_WORD]
        for group in groups:
            for stem in _image_names(mask.stem):
                if (group, stem) in self._by_name:
                    return self._by_name[group, stem]
        return []


def masks_by_image(truth: Path, images: Images, problems: list[Exception]) -> Pairs:
    """Return the mask of every test image that has one.

    A mask in the folder of the image's defect is the image's if it is called ``<image>_mask`` or
    ``<image>``. Of those that are left over the name may be in another case, end or begin with
    another word for a mask (``000_GT``, ``mask_000``) or keep the image's suffix (``000.png.png``),
    and they may lie in no folder, wherever only one image can be meant.

    Parameters
    ----------
    truth: the folder of masks.
    images: the test images.
    problems: a list to which errors are added: masks of no image, or of several.
    """
    masks = _masks(truth)
    # exact names first, so that a looser reading never takes their images
    pairs = _strict(masks, images)
    n_images = Counter(pairs.values())
    owners = Owners(images)
    orphans: list[Mask] = []
    contested = [_shared(mask, images, pairs) for mask in masks if n_images[mask.path] > 1]
    # the masks that are left over
    for mask in masks:
        if n_images[mask.path]:
            continue
        candidates = owners.of(mask)
        if len(candidates) == 1 and candidates[0] not in pairs:
            pairs[candidates[0]] = mask.path
        elif candidates:
            contested.append(_contested(mask, candidates, pairs, truth))
        else:
            orphans.append(mask)
    if orphans:
        problems.append(_without_image(orphans, images, pairs))
    problems.extend(contested)
    problems.extend(_unread(truth, images, pairs))
    return pairs


def _masks(truth: Path) -> list[Mask]:
    """Return all masks, sorted: files up to one folder down, and folders of files there."""
    masks = [Mask(file, file.stem, "") for file in image_files_in(truth)]
    for folder in folders_in(truth):
        masks += [Mask(file, file.stem, folder.name) for file in image_files_in(folder)]
        of_several = [child for child in folders_in(folder) if image_files_in(child)]
        masks += [Mask(child, child.name, folder.name) for child in of_several]
    return sorted(masks, key=lambda mask: mask.path)


def _strict(masks: list[Mask], images: Images) -> Pairs:
    """Return the masks that are called as MVTec calls them."""
    by_name = {(mask.folder, mask.stem): mask.path for mask in masks if mask.folder}
    pairs = {}
    for image, _ in images:
        for ending in reversed(STRICT):  # the first of them stays
            mask = by_name.get((image.parent.name, image.stem + ending))
            if mask is not None:
                pairs[image] = mask
    return pairs


def _group(folder: str) -> str:
    """Return the name of a folder as those of images and masks are compared."""
    return "good" if says_good(folder) else folder.casefold()


def _image_names(stem: str) -> Iterator[str]:
    """Yield the names of images that a mask's name can stand for.

    Those come first that take the least away from it.
    """
    names = [stem.casefold()]
    for name in names:  # which grows
        yield name
        shorter = [name.removesuffix(suffix) for suffix in suffixes()]
        matches = [pattern.fullmatch(name) for pattern in (MASK_WORD_LAST, MASK_WORD_FIRST)]
        shorter += [match[1] for match in matches if match]
        names += dict.fromkeys(new for new in shorter if new and new not in names)


def _shared(mask: Mask, images: Images, pairs: Pairs) -> Exception:
    """Return the error for a mask of several images."""
    names = ", ".join(image.name for image, _ in images if pairs.get(image) == mask.path)
    return ValueError(
        f"expected a mask to belong to one image, got {names} for {mask.path}: rename one"
    )


def _contested(mask: Mask, owners: list[Path], pairs: Pairs, truth: Path) -> Exception:
    """Return the error for a mask that several images could have, or whose image has another."""
    first = owners[0]
    folder = truth / first.parent.name
    if len(owners) == 1:
        return ValueError(
            f"expected one mask for {first}, got {pairs[first]} and {mask.path}: keep one, or put "
            f"both into a folder {folder / first.stem}, and their union counts"
        )
    return ValueError(
        f"expected a mask to belong to one image, got {_names(owners)} for {mask.path}: put it "
        f"into the folder of its defect, such as {folder}, and call it <image>_mask.png"
    )


def _without_image(orphans: list[Mask], images: Images, pairs: Pairs) -> Exception:
    """Return the error for masks of no image: how the images that could be meant are called."""
    first = orphans[0]
    expected = "expected every mask to belong to a test image, called <image>_mask.png or "
    expected += "<image>.png"
    came = f"got {len(orphans)} without one, first {first.path}"
    candidates = [image for image, _ in images]
    if first.folder:
        group = _group(first.folder)
        candidates = [image for image in candidates if _group(image.parent.name) == group]
    unmasked = [image for image in candidates if image not in pairs]
    if unmasked:
        return ValueError(
            f"{expected}, {came}, beside {_names(unmasked)} without a mask: rename it after its "
            "image"
        )
    if candidates or not first.folder:
        return ValueError(
            f"{expected}, {came}: all images there have masks; restore its image, or remove it"
        )
    folders = sorted({image.parent.name for image, defect in images if defect != "good"})
    names = ", ".join(folders) or "none"
    return ValueError(
        f"{expected}, in a folder of the same name, {came}: there are no images in a folder "
        f"{first.folder} of the test; rename the folder of masks (folders with defective images: "
        f"{names}), or restore the images"
    )


def _unread(truth: Path, images: Images, pairs: Pairs) -> list[Exception]:
    """Return the error for files of no image format that are called like a missing mask."""
    unmasked = [(image, defect) for image, defect in images if image not in pairs]
    owners = Owners([(image, defect) for image, defect in unmasked if defect != "good"])
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
            f"expected masks as PNG or another image format, got {len(unread)} files of another "
            f"kind, first {unread[0].path} for {owner}: save them as PNG"
        )
    ]


def _names(images: list[Path]) -> str:
    """Return the names of some images with their folders, for messages."""
    names = ", ".join(f"{image.parent.name}/{image.name}" for image in images[:NAMED])
    if len(images) > NAMED:
        names += f" and {len(images) - NAMED} more"
    return names
