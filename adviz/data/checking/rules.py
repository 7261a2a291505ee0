"""What looks wrong with the images and masks of one category."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from adviz.data.checking.crop_audit import audit
from adviz.data.checking.files import ImageInfo, MaskInfo, mask_is_turned, same_bytes
from adviz.data.checking.layouts import VARYING_SIZES, looks_good
from adviz.data.checking.report import Finding, relative_names
from adviz.data.folder_tree import Entry, Tree
from adviz.data.geometry import ALIKE, Geometry, size_text
from adviz.data.masks import are_labels
from adviz.data.readers import sorted_photos
from adviz.data.split import ANOMALOUS, GOOD, UNLABELLED, Split

MIN_SIDE = 8  # pixels; smaller images hold nothing to look at
MAX_SIDE = 16_000  # pixels
MAX_AREA = 50_000_000  # pixels
MAX_LEVELS = 16  # grey levels of a mask of several kinds of defects; soft edges have more
MAX_LABELS = 8  # that a message lists
MIN_GOOD = 5  # good images, among fewer of which none is the odd one
FEW = 0.2  # of the good images at most are named for their shape; if more differ, it is meant so
MAX_SIZES = 4  # that a message lists
NOT_TESTED = ("train", "validation")


@dataclass(frozen=True, eq=False)
class CheckedCategory:
    """One category with the properties of each of its files.

    Attributes
    ----------
    tree: its images by part.
    images, masks: properties of the files.
    geometry: what is to become of the images.
    base: the folder that is checked; names are relative to it.
    """

    tree: Tree
    images: dict[Path, ImageInfo]
    masks: dict[Path, MaskInfo]
    geometry: Geometry
    base: Path

    @property
    def readable(self) -> list[Entry]:
        """Images that can be opened."""
        return [entry for entry in self.tree.entries if not self.images[entry.path].problem]

    @property
    def readable_images(self) -> list[ImageInfo]:
        """Properties of the images that can be opened."""
        return [self.images[entry.path] for entry in self.readable]

    @property
    def tested(self) -> list[Entry]:
        """Images that are neither for training nor for validation."""
        return [entry for entry in self.tree.entries if entry.part not in NOT_TESTED]

    def masked(self, *, good: bool) -> list[tuple[Entry, MaskInfo]]:
        """Return the good images, or all others, that have a readable mask."""
        pairs = []
        for entry in self.tree.entries:
            if entry.mask and (entry.known == GOOD) == good:
                mask = self.masks[entry.mask]
                if not mask.problem:
                    pairs.append((entry, mask))
        return pairs

    def finding(
        self,
        kind: str,
        message: str,
        files: Iterable[Path | ImageInfo] = (),
        *,
        serious: bool = True,
    ) -> Finding:
        """Return a finding of this category."""
        paths = [file.path if isinstance(file, ImageInfo) else file for file in files]
        names = relative_names(paths, self.base)
        return Finding(kind, message, names, serious, self.tree.name)

    def note(self, kind: str, message: str, files: Iterable[Path | ImageInfo] = ()) -> Finding:
        """Return a finding that leaves results as they should be."""
        return self.finding(kind, message, files, serious=False)


def check_category(category: CheckedCategory) -> list[Finding]:
    """Return the findings of all rules."""
    findings: list[Finding] = []
    for rule in RULES:
        findings += rule(category)
    return findings


def _arrangement(category: CheckedCategory) -> Iterator[Finding]:
    """Yield what a reader refuses."""
    for problem in category.tree.problems:
        yield category.finding("arrangement", str(problem))


def _unmeasurable(category: CheckedCategory) -> Iterator[Finding]:
    """Yield what keeps metrics undefined: no good or no defective image to test with."""
    tested = category.tested
    labels = {entry.known for entry in tested}
    if not tested or {entry.known for entry in category.tree.entries} == {UNLABELLED}:
        return  # classes of photographs, of which the user chooses the good one
    if labels == {UNLABELLED}:
        message = (
            "no test image has a label: there are scores and maps, and no numbers on how good they "
            "are; sort some into test/good and test/<defect> to measure"
        )
        yield category.note("no labels", message)
    elif GOOD not in labels:
        folders = {entry.path.parent.name for entry in tested if entry.known == ANOMALOUS}
        good_folders = [name for name in sorted(folders) if looks_good(name)]
        question = ""
        if good_folders:
            question = (
                f"is test/{good_folders[0]} a folder of good images? Then call it test/good; "
                "if not, "
            )
        message = (
            "no good test image: image AUROC is undefined, and so is the rate of false alarms; "
            f"{question}put good images that are not learned from into test/good"
        )
        yield category.finding("no good test images", message)
    elif ANOMALOUS not in labels:
        folder = "test/<defect>"
        if category.tree.layout == sorted_photos.LAYOUT:
            folder = "bad"
        message = (
            "no defective test image: nothing can be measured, neither AUROC nor PRO; a threshold "
            "can be set on the good ones all the same; to measure, put defective images into "
            f"{folder}"
        )
        yield category.note("no defective test images", message)


def _seemingly_good(category: CheckedCategory) -> Iterator[Finding]:
    """Ask about folders that are taken for defective and whose names say good in some language."""
    if not any(entry.known == GOOD for entry in category.tested):
        return  # `_unmeasurable` asks
    files_by_folder = defaultdict(list)
    for entry in category.tree.entries:
        if entry.known == ANOMALOUS and looks_good(entry.path.parent.name):
            files_by_folder[entry.path.parent].append(entry.path)
    for folder, files in sorted(files_by_folder.items()):
        message = (
            f"is {folder.name} a folder of good images? They are taken for defective; if they are "
            "good, put them into the folder of the good ones beside it"
        )
        yield category.finding("seemingly good", message, files)


def _unreadable(category: CheckedCategory) -> Iterator[Finding]:
    entries = category.tree.entries
    problems = {
        "images": {entry.path: category.images[entry.path].problem for entry in entries},
        "masks": {
            entry.mask: category.masks[entry.mask].problem for entry in entries if entry.mask
        },
    }
    for kind, problem_of in problems.items():
        files = [file for file, problem in problem_of.items() if problem]
        if files:
            images = f"1 {kind[:-1]}" if len(files) == 1 else f"{len(files)} {kind}"
            message = f"{images} cannot be read, first: {problem_of[files[0]]}"
            yield category.finding(f"unreadable {kind}", message, files)


def _duplicates(category: CheckedCategory) -> Iterator[Finding]:
    """Find images that are equal pixel by pixel, across train and test and within a part."""
    equal_images: dict[bytes, list[Entry]] = defaultdict(list)
    for entry in category.readable:
        equal_images[category.images[entry.path].pixels].append(entry)
    across: list[list[Path]] = []
    within: dict[str, list[list[Path]]] = defaultdict(list)
    for entries in equal_images.values():
        files_by_part: dict[str, list[Path]] = defaultdict(list)
        for entry in entries:
            files_by_part[entry.part].append(entry.path)
        if "train" in files_by_part and len(files_by_part) > 1:
            across.append([entry.path for entry in entries])
        for part, files in files_by_part.items():
            if len(files) > 1:
                within[part].append(files)

    # Within a part an image counts twice, and that is all; across parts the score is worthless.
    if across:
        are = "1 training image is" if len(across) == 1 else f"{len(across)} training images are"
        message = (
            f"{are} also outside train: scores of these test images "
            f"mean nothing; remove one of each ({_equality(across)})"
        )
        yield category.finding("duplicates across parts", message, chain(*across))
    for part, groups in sorted(within.items()):
        where = f" within {part}" if part else ""
        are = "1 image is" if len(groups) == 1 else f"{len(groups)} images are"
        message = f"{are} there more than once{where} ({_equality(groups)})"
        yield category.note(f"duplicates{where}", message, chain(*groups))


def _equality(groups: list[list[Path]]) -> str:
    """Return how many groups of equal images are equal as files."""
    n_same = sum(same_bytes(files) for files in groups)
    return f"{n_same} the same to the last byte, {len(groups) - n_same} by their pixels"


def _masks(category: CheckedCategory) -> Iterator[Finding]:
    # Unlabelled images with a mask are taken for defective here.
    masked = category.masked(good=False)
    empty = [mask.path for _, mask in masked if not mask.area]
    if empty:
        message = f"{len(empty)} masks of defective images mark nothing: draw the defect"
        yield category.finding("empty masks", message, empty)

    full = [mask.path for _, mask in masked if mask.area == mask.size[0] * mask.size[1]]
    if full:
        message = f"{len(full)} masks mark every pixel: inverted, or of another kind?"
        yield category.finding("full masks", message, full)

    other_size = []
    for entry, mask in masked:
        image = category.images[entry.path]
        if not image.problem and mask.size != image.size:
            other_size.append(entry.path)
    if other_size:
        message = f"{len(other_size)} masks are not of their image's size"
        yield category.finding("masks of another size", message, other_size)

    of_good = [entry.path for entry, mask in category.masked(good=True) if mask.area]
    if of_good:
        message = (
            f"{len(of_good)} good images have a mask that marks something, which is not looked at: "
            "if they are defective, put them into the folder of their defect; else remove their "
            "masks"
        )
        yield category.finding("masks of good images", message, of_good)


def _without_mask(category: CheckedCategory) -> Iterator[Finding]:
    defective = [entry for entry in category.tree.entries if entry.known == ANOMALOUS]
    files = [entry.path for entry in defective if not entry.mask]
    if not files:
        return
    # Some without are a mistake; none at all is a choice.
    if any(entry.mask for entry in category.tree.entries):
        message = (
            f"no mask for {len(files)} of {len(defective)} defective images, which pixel numbers "
            "leave out: draw it"
        )
        yield category.finding("images without mask", message, files)
    else:
        message = (
            f"none of {len(files)} defective images has a mask: there are image-level numbers only"
        )
        yield category.note("no masks", message)


def _lost_defects(category: CheckedCategory) -> Iterator[Finding]:
    """Find defects of which resize, crop and mask rule leave nothing."""
    entries = [
        entry for entry, mask in category.masked(good=False) if mask.area and not mask.cropped_area
    ]
    if not entries:
        return
    geometry = category.geometry
    # Of what the crop audit measures: is a defect outside the crop, or too thin for the mask rule?
    paths = [entry.path for entry in entries]
    split = Split(
        paths,
        [ANOMALOUS] * len(entries),
        [entry.mask for entry in entries],
        [entry.defect for entry in entries],
        geometry=geometry,
    )
    inside = audit(split, rules=[geometry.mask_rule])["inside"]
    n_outside = int((inside == 0).sum())
    message = (
        f"{len(entries)} defects are gone after resize and crop to {size_text(geometry.size)} "
        f"pixels ({n_outside} outside the crop, {len(entries) - n_outside} too thin for the mask "
        f"rule {geometry.mask_rule!r}), although the images are still called defective: use "
        "crop=False, another mask rule or size; `data.audit` lists what is left of each"
    )
    yield category.finding("lost defects", message, paths)


def _labels(category: CheckedCategory) -> Iterator[Finding]:
    """Find masks with values on both sides of 128: labels, each of them a defect, or soft edges."""
    masks = [mask for _, mask in category.masked(good=False) if mask.low]
    files = [mask.path for mask in masks]
    low_values = []
    levels: set[int] = set()
    for mask in masks:
        for low in mask.low:
            low_values.append(low)
            levels |= low.levels
    # Labels fill areas; the values of a soft edge lie on a line beside a defect.
    n_pixels = sum(low.count for low in low_values)
    n_isolated = sum(low.alone for low in low_values)
    if are_labels(low_values):
        names = [str(level) for level in sorted(levels)[:MAX_LABELS]]
        if len(levels) > MAX_LABELS:
            names.append("...")
        message = (
            f"{len(masks)} masks hold labels ({', '.join(names)}): everything but the background 0 "
            "counts as a defect"
        )
        yield category.note("masks of labels", message, files)
    elif len(levels) <= MAX_LEVELS and n_isolated > n_pixels / 2:
        message = (
            f"{len(masks)} masks hold {len(levels)} grey levels: which are defects? From 128 on "
            f"they count, {n_pixels} pixels below do not; save the defects as 255"
        )
        yield category.finding("masks of grey levels", message, files)


def _inverted_masks(category: CheckedCategory) -> Iterator[Finding]:
    """Find masks that mark more than half of the image."""
    fractions = {
        mask.path: mask.area / (mask.size[0] * mask.size[1])
        for _, mask in category.masked(good=False)
    }
    # Masks that mark every pixel are a finding of their own.
    large = {path: fraction for path, fraction in fractions.items() if 0.5 < fraction < 1}
    if large:
        message = (
            f"{len(large)} of {len(fractions)} masks mark more than half of the image, up to "
            f"{max(large.values()):.0%}: inverted?"
        )
        are_most = len(large) > len(fractions) / 2
        yield category.finding("masks inverted", message, large, serious=are_most)


def _turned(category: CheckedCategory) -> Iterator[Finding]:
    files = [
        entry.path
        for entry, mask in category.masked(good=False)
        if category.images[entry.path].turned and not mask_is_turned(mask.path)
    ]
    if files:
        message = (
            f"{len(files)} images with masks are turned by an orientation tag that their masks "
            "lack, so that the masks belong to the picture before turning: turn the masks, or "
            "remove the tag"
        )
        yield category.finding("turned images", message, files)


def _sizes(category: CheckedCategory) -> Iterator[Finding]:
    sizes = {image.path: image.size for image in category.readable_images}
    tiny = [path for path, size in sizes.items() if min(size) < MIN_SIDE]
    if tiny:
        width, height = min(sizes[path] for path in tiny)
        message = (
            f"{len(tiny)} images are below {MIN_SIDE} pixels on a side, smallest "
            f"{width}x{height}: nothing can be seen in them"
        )
        yield category.finding("tiny images", message, tiny)

    enormous = [path for path, size in sizes.items() if _is_enormous(size)]
    if enormous:
        width, height = max((sizes[path] for path in enormous), key=_area)
        message = (
            f"{len(enormous)} images are enormous, largest {width}x{height}: resizing loses most "
            "of it; cut them up"
        )
        yield category.note("enormous images", message, enormous)

    # Tiny images are named already.
    counts = Counter(size for size in sizes.values() if min(size) >= MIN_SIDE)
    if len(counts) > 1 and category.tree.layout not in VARYING_SIZES:
        most_common = counts.most_common(MAX_SIZES)
        listed = ", ".join(f"{width}x{height} ({n})" for (width, height), n in most_common)
        usual = most_common[0][0]
        unusual = [path for path, size in sizes.items() if size != usual and path not in tiny]
        message = (
            f"images have {len(counts)} sizes, most often {listed}: see `Geometry` on how they "
            "become one"
        )
        yield category.note("sizes vary", message, unusual)


def _other_shape(category: CheckedCategory) -> Iterator[Finding]:
    """Find the few good images whose shape is not that of most of them."""
    good = [image for image in _good_images(category) if min(image.size) >= MIN_SIDE]
    if len(good) < MIN_GOOD or category.tree.layout in VARYING_SIZES:
        return
    counts = Counter(image.size for image in good)
    width, height = usual = counts.most_common(1)[0][0]
    others = [image for image in good if not _is_alike(image.size, usual)]
    if not others or len(others) > FEW * len(good):
        return
    one = len(others) == 1
    message = (
        f"{len(others)} good {'image has' if one else 'images have'} another shape than most "
        f"({others[0].size[0]}x{others[0].size[1]}, most are {width}x{height}): learned as good, "
        f"{'it makes' if one else 'they make'} a detector miss defects; turn "
        f"{'it' if one else 'them'}, cut {'it' if one else 'them'} to that shape, or leave "
        f"{'it' if one else 'them'} out"
    )
    yield category.finding("other shape", message, others)


def _good_images(category: CheckedCategory) -> list[ImageInfo]:
    return [category.images[entry.path] for entry in category.readable if entry.known == GOOD]


def _is_alike(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether two sizes have one shape, as far as `adviz judge` takes photographs for alike.

    Products of integers, so that equal shapes are equal.
    """
    first, second = size[0] * other[1], size[1] * other[0]
    return max(first, second) <= ALIKE * min(first, second)


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _is_enormous(size: tuple[int, int]) -> bool:
    return _area(size) > MAX_AREA or max(size) > MAX_SIDE


def _bits(category: CheckedCategory) -> Iterator[Finding]:
    """Find what files of more than 8 bits become, by the rule of `adviz.data.images.Depth`."""
    deep = [image for image in category.readable_images if image.bits]
    shallow = [image for image in category.readable_images if not image.bits]
    if not deep:
        return
    if shallow:
        message = (
            f"{len(deep)} images are of more than 8 bits, {len(shallow)} of 8: whether one "
            "grey means the same in both depends on how they were made; save all of them alike"
        )
        fewer = min(deep, shallow, key=len)
        yield category.finding("bits vary", message, fewer)

    bits = category.geometry.bits or _bits_used(category, deep)
    above = [image for image in deep if image.bits > bits]
    if above:
        largest = max(image.largest for image in above)
        enough = max(image.bits for image in above)
        message = (
            f"{len(above)} images hold values up to {largest}, above the {2**bits - 1} of {bits} "
            "bits, which the training images use: they are refused; give "
            f"Geometry(bits={enough})"
        )
        yield category.finding("values above white", message, above)
    # Of 16 bits nothing is lost, whatever the images use of them.
    if bits < 16:
        largest = max(image.largest for image in deep if image.bits <= bits)
        message = (
            f"{len(deep)} images are of more than 8 bits, of which {bits} are used (largest value "
            f"{largest}): {2**bits - 1} becomes white; Geometry(bits=16) makes it 65535"
        )
        yield category.note("bits", message)


def _bits_used(category: CheckedCategory, deep: list[ImageInfo]) -> int:
    """Return the bits that the training images use, or all where there are none of these."""
    train = [category.images[entry.path].bits for entry in category.tree.of("train")]
    if not train:
        return max(image.bits for image in deep)
    return max(train) or 16


def _dropped_bands(category: CheckedCategory) -> Iterator[Finding]:
    transparent = [image for image in category.readable_images if image.transparent]
    if transparent:
        message = (
            f"{len(transparent)} images have an alpha channel, which is dropped: what was "
            "transparent is seen, in whatever colour lies below; paint the background if it should "
            "not be"
        )
        yield category.note("alpha dropped", message, transparent)

    with_more_bands = [image for image in category.readable_images if image.dropped]
    if with_more_bands:
        message = (
            f"{len(with_more_bands)} images have bands that are not read, up to "
            f"{max(image.dropped for image in with_more_bands)} of them: the first is read as "
            "grey, or the first three as red, green and blue; save the bands that show defects as "
            "such"
        )
        yield category.finding("bands dropped", message, with_more_bands)


def _stacks(category: CheckedCategory) -> Iterator[Finding]:
    stacks = [image for image in category.readable_images if image.frames > 1]
    if stacks:
        message = (
            f"{len(stacks)} files hold several images, up to "
            f"{max(image.frames for image in stacks)}; only the first is read: split them"
        )
        yield category.finding("several images in a file", message, stacks)


def _colliding_names(category: CheckedCategory) -> Iterator[Finding]:
    files_by_name: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for entry in category.tree.entries:
        files_by_name[entry.path.parent, entry.path.stem.casefold()].append(entry.path)
    # "1.png" and "1.jpg", or "a.png" and "A.png", would share one mask.
    colliding = [files for files in files_by_name.values() if len(files) > 1]
    if colliding:
        files = list(chain(*colliding))
        message = (
            f"{len(files)} images have names that differ in suffix or case only: masks and other "
            "systems mix them up"
        )
        yield category.finding("names collide", message, files)


RULES: tuple[Callable[[CheckedCategory], Iterator[Finding]], ...] = (
    _arrangement,
    _unmeasurable,
    _seemingly_good,
    _unreadable,
    _duplicates,
    _masks,
    _without_mask,
    _lost_defects,
    _labels,
    _inverted_masks,
    _turned,
    _sizes,
    _other_shape,
    _bits,
    _dropped_bands,
    _stacks,
    _colliding_names,
)
