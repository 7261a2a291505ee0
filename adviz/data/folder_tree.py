"""The image files of a category with their parts, labels and masks, before any is opened.

Readers for folders on disk list the images here, each with its part, label and mask, and note what
is wrong with their arrangement; `adviz.data.check` reads the same lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from adviz._support import got
from adviz.data.category import Category
from adviz.data.folder_names import (
    KNOWN,
    MASK_ENDINGS,
    plain,
    says_good,
    says_unlabelled,
    words_for,
)
from adviz.data.geometry import Geometry, fitting
from adviz.data.images import image_files_in, image_size
from adviz.data.paths import expanded, folders_in, listing
from adviz.data.split import ANOMALOUS, GOOD, UNLABELLED, Split

# Layouts that no publication is behind, whose images are resized to a rectangle of their own shape.
OWN_PHOTOGRAPHS = ("sorted photos", "images", "table")
SEE_README = "see data/README.md for the layout"


@dataclass(frozen=True)
class Entry:
    """One image: its file, part, defect and mask.

    Attributes
    ----------
    path: the file.
    part: "train", "validation" or "test"; of sets with several test sets the name of that one.
    defect: "good", "unlabelled", or the name of the defect.
    mask: a file, or a folder of files whose union is the mask; None where there is none.
    label: 0 good, 1 anomalous, -1 unlabelled; None = what `defect` says.
    """

    path: Path
    part: str
    defect: str = "good"
    mask: Path | None = None
    label: int | None = None

    @property
    def known(self) -> int:
        """0 good, 1 anomalous, -1 unlabelled."""
        return label_of(self.defect) if self.label is None else self.label


@dataclass(frozen=True, eq=False)
class Tree:
    """The images of one category by part, and what is wrong with their arrangement.

    Attributes
    ----------
    problems: what a reader raises, in this order; `adviz.data.check` lists all of them.
    unused: folders below `root` with images that this layout has for other purposes.
    """

    name: str
    root: Path
    layout: str
    entries: list[Entry] = field(default_factory=list)
    problems: list[Exception] = field(default_factory=list)
    unused: tuple[str, ...] = ()

    def of(self, part: str) -> list[Entry]:
        """Return the images of one part."""
        return [entry for entry in self.entries if entry.part == part]

    def split(self, part: str, geometry: Geometry | None) -> Split:
        """Return the images of one part as a `Split`."""
        entries = self.of(part)
        return Split(
            [entry.path for entry in entries],
            [entry.known for entry in entries],
            [entry.mask for entry in entries],
            [entry.defect for entry in entries],
            geometry=geometry or self.fitting,
            name=self.name,
            root=self.root,
        )

    @cached_property
    def fitting(self) -> Geometry | None:
        """The geometry that keeps the shape of one's own photographs; None for published layouts.

        See `geometry.fitting`. Published data sets have a protocol, of squares.
        """
        if self.layout not in OWN_PHOTOGRAPHS:
            return None
        return fitting(_sizes(entry.path for entry in self.entries))

    def category(self, geometry: Geometry | None, test: str = "test") -> Category:
        """Return the category; raises the first of the `problems` if there are any."""
        if self.problems:
            raise self.problems[0]
        validation = self.split("validation", geometry) if self.of("validation") else None
        train = self.split("train", geometry)
        return Category(train.name, train, self.split(test, geometry), validation)


def _sizes(paths: Iterable[Path]) -> Iterator[tuple[int, int]]:
    """Yield (width, height) of the images that can be opened; reading the others says why not."""
    for path in paths:
        try:
            yield image_size(path)
        except (ValueError, OSError):
            continue


def label_of(name: str) -> int:
    """Return the label, 0, 1 or -1, that the name of a folder or defect says."""
    if says_good(name):
        return GOOD
    return UNLABELLED if says_unlabelled(name) else ANOMALOUS


def flat(path: Path, problems: list[Exception]) -> list[Path]:
    """Return a folder's images.

    Images in folders of it, and masks of its images beside them, are problems.
    """
    for child in folders_in(path):
        if deeper := image_files_in(child):
            message = f"expected images directly in {path}, got some in deeper folders, first "
            problems.append(ValueError(f"{message}{deeper[0]}: move them"))
            break
    return without_masks(image_files_in(path), problems)


def without_masks(files: list[Path], problems: list[Exception]) -> list[Path]:
    """Return images unchanged; one that is called like the mask of another is a problem."""
    stems = {file.stem.casefold() for file in files}

    def is_mask(file: Path) -> bool:
        stem = file.stem.casefold()
        return any(stem.endswith(end) and stem.removesuffix(end) in stems for end in MASK_ENDINGS)

    masks = [file for file in files if is_mask(file)]
    if masks:
        target = f"ground_truth/{masks[0].parent.name}/{masks[0].name}"
        problems.append(
            ValueError(
                f"expected masks in a folder ground_truth, got {len(masks)} beside their images, "
                f"first {masks[0]}: move them, such as to {target}"
            )
        )
    return files


def folder_called(path: Path, name: str, problems: list[Exception] | None = None) -> Path | None:
    """Return the folder in a folder that has a name, in any case, or a synonym of it.

    None where there is none. Of several the one of exactly this name counts; without it they are a
    problem.
    """
    children = folders_in(path)
    matches = [child for child in children if child.name == name]
    if not matches:
        # another case, or a synonym
        matches = [child for child in children if plain(child.name) in words_for(name)]
    return _only(matches, f"folder {name} in {path}", problems)


def folder_that(
    says: Callable[[str], bool], path: Path, kind: str, problems: list[Exception] | None
) -> Path | None:
    """Return the folder in a folder whose name passes a test, such as `says_good`.

    None where there is none. Several that are not empty are a problem. `kind` is for its message.
    """
    matches = [child for child in folders_in(path) if says(child.name)]
    filled = [child for child in matches if image_files_in(child) or folders_in(child)]
    return _only(filled or matches[:1], f"folder of {kind} images in {path}", problems)


def good_folder(path: Path, problems: list[Exception] | None = None) -> Path | None:
    """Return the folder of good images in a folder, whatever people call it; else None."""
    return folder_that(says_good, path, "good", problems)


def holds_images(path: Path) -> bool:
    """Return whether there are images in a folder or in those in it."""
    return bool(image_files_in(path)) or any(image_files_in(child) for child in folders_in(path))


def _only(folders: list[Path], expected: str, problems: list[Exception] | None) -> Path | None:
    """Return the first of some folders or None; several are a problem."""
    if len(folders) > 1 and problems is not None:
        names = ", ".join(folder.name for folder in folders)
        remedy = "put the images into one, or rename the others"
        problems.append(ValueError(f"expected one {expected}, got {names}: {remedy}"))
    return folders[0] if folders else None


def lacking(path: Path, name: str, kind: str = "folder", remedy: str = "") -> FileNotFoundError:
    """Return the error for a folder or file that is not there: what is, and what to do."""
    advice = f"{remedy}; {SEE_README}" if remedy else SEE_README
    return FileNotFoundError(f"expected a {kind} {name} in {path}, found {listing(path)}: {advice}")


def lacking_good(path: Path, part: Path | None, good: str) -> FileNotFoundError:
    """Return the error for a missing part of a category, or folder of good images in it."""
    if part is None or not part.is_dir():
        return lacking(path, good)
    # images that nobody put into a folder
    loose = image_files_in(part)
    if loose:
        target = part / good.rpartition("/")[2]
        came = f"found {len(loose)} images in {part} itself: move the good ones into {target}"
    else:
        came = f"found {listing(path)}, and in {part} {listing(part)}: rename it (understood are "
        came += f"{KNOWN})"
    return FileNotFoundError(f"expected a folder {good} in {path}, {came}; {SEE_README}")


def checked_folder(root: str | Path, data_set: str) -> Path:
    """Return the folder of a data set.

    Raises
    ------
    FileNotFoundError: it does not exist.
    """
    path = expanded(root)
    if not path.is_dir():
        raise FileNotFoundError(
            f"expected the folder of {data_set}, found none at {root}: {SEE_README}"
        )
    return path


def checked_category(
    root: str | Path, category: str, data_set: str, categories: Sequence[str]
) -> Path:
    """Return the folder of a category of a data set.

    Raises
    ------
    FileNotFoundError: the data set or the category does not exist; the categories that do are
        listed.
    """
    path = checked_folder(root, data_set)
    if not (path / category).is_dir():
        names = ", ".join(categories) or "none"
        raise FileNotFoundError(
            f"expected a category of {root} (there are: {names}), {got(category, categories)}"
        )
    return path / category
