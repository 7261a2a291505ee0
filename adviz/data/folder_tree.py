"""What lies where in a data set's folders, before any image is opened: what readers and `adviz.data.check` share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from adviz._support import got
from adviz.data.category import Category
from adviz.data.folder_names import KNOWN, plain, says_good, says_unlabelled, words_for
from adviz.data.geometry import Geometry, fitting
from adviz.data.images import image_size, images_of
from adviz.data.paths import expanded, folders_in, listing
from adviz.data.split import ANOMALOUS, GOOD, UNLABELLED, Split

MASK_ENDINGS = ("_mask", "-mask", "_gt", "-gt", "_ground_truth", "_groundtruth")
# Layouts that no publication is behind, whose images are resized to a rectangle of their own shape.
OWN_PHOTOGRAPHS = ("sorted photos", "images", "table")


@dataclass(frozen=True)
class Entry:
    """One image, where its layout puts it.

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
        """What keeps the shape of one's own photographs, see `geometry.fitting`; None where a protocol has a square."""
        if self.layout not in OWN_PHOTOGRAPHS:
            return None
        return fitting(_sizes(entry.path for entry in self.entries))

    def category(self, geometry: Geometry | None, test: str = "test") -> Category:
        """Return the category; raises the first of the `problems` if there are any."""
        if self.problems:
            raise self.problems[0]
        held = self.split("validation", geometry) if self.of("validation") else None
        train = self.split("train", geometry)
        return Category(train.name, train, self.split(test, geometry), held)


def _sizes(paths: Iterable[Path]) -> Iterator[tuple[int, int]]:
    """Yield (width, height) of the images that can be opened; of the others whoever needs them will say so."""
    for path in paths:
        try:
            yield image_size(path)
        except (ValueError, OSError):
            continue


def label_of(name: str) -> int:
    """Return 0, 1 or -1 for the name of a folder or defect: what says neither good nor unlabelled is a defect."""
    if says_good(name):
        return GOOD
    return UNLABELLED if says_unlabelled(name) else ANOMALOUS


def flat(path: Path, problems: list[Exception]) -> list[Path]:
    """Return a folder's images, which must not hide in folders of their own, nor be masks of each other."""
    if deeper := [file for child in folders_in(path) for file in images_of(child)]:
        problems.append(
            ValueError(
                f"expected images directly in {path}, got some in deeper folders, first {deeper[0]}: move them"
            )
        )
    return without_masks(images_of(path), problems)


def without_masks(files: list[Path], problems: list[Exception]) -> list[Path]:
    """Return images as they are, after making sure that none is called like the mask of another in its folder."""
    stems = {file.stem.casefold() for file in files}
    endings = [
        (file, end) for file in files for end in MASK_ENDINGS if file.stem.casefold().endswith(end)
    ]
    if masks := [file for file, end in endings if file.stem.casefold().removesuffix(end) in stems]:
        problems.append(
            ValueError(
                f"expected masks in a folder ground_truth, got {len(masks)} beside their images, first {masks[0]}: "
                f"move them, such as to ground_truth/{masks[0].parent.name}/{masks[0].name}"
            )
        )
    return files


def folder_called(path: Path, name: str, problems: list[Exception] | None = None) -> Path | None:
    """Return the folder in a folder that has a name, in any case, or a synonym of it; None where there is none.

    Of several the one of exactly this name counts; without it they are a problem.
    """
    found = [child for child in folders_in(path) if child.name == name]
    found = found or [child for child in folders_in(path) if plain(child.name) in words_for(name)]
    return _one_of(found, f"folder {name} in {path}", problems)


def folder_that(
    says: Callable[[str], bool], path: Path, what: str, problems: list[Exception] | None
) -> Path | None:
    """Return the folder in a folder whose name says something; None where there is none, several are a problem."""
    found = [child for child in folders_in(path) if says(child.name)]
    filled = [child for child in found if images_of(child) or folders_in(child)]
    return _one_of(filled or found[:1], f"folder of {what} images in {path}", problems)


def good_folder(path: Path, problems: list[Exception] | None = None) -> Path | None:
    """Return the folder of good images in a folder, whatever people call it."""
    return folder_that(says_good, path, "good", problems)


def holds_images(path: Path) -> bool:
    """Tell whether there are images in a folder or in those in it."""
    return bool(images_of(path)) or any(images_of(child) for child in folders_in(path))


def _one_of(found: list[Path], what: str, problems: list[Exception] | None) -> Path | None:
    if len(found) > 1 and problems is not None:
        names = ", ".join(child.name for child in found)
        problems.append(
            ValueError(
                f"expected one {what}, got {names}: put the images into one, or rename the others"
            )
        )
    return found[0] if found else None


def missing(
    path: Path, name: str, *, is_there: Callable[[Path], bool] = Path.is_dir
) -> FileNotFoundError | None:
    """Return what to say if a folder, or a file with `is_there=Path.is_file`, is not there."""
    return (
        None
        if is_there(path / name)
        else lacking(path, name, "folder" if is_there is Path.is_dir else "file")
    )


def lacking(path: Path, name: str, kind: str = "folder", remedy: str = "") -> FileNotFoundError:
    """Return what to say where a folder or file is not there: what is, and what to do."""
    what = f"expected a {kind} {name} in {path}, found {listing(path)}"
    return FileNotFoundError(
        f"{what}: {remedy + '; ' if remedy else ''}see data/README.md for the layout"
    )


def lacking_good(path: Path, part: Path | None, good: str) -> FileNotFoundError:
    """Return what to say where a part of a category, or its folder of good images, is not there."""
    if part is None or not part.is_dir():
        return lacking(path, good)
    name = good.rpartition("/")[2]
    loose = images_of(part)
    if loose:
        what = f"found {len(loose)} images in {part} itself: move the good ones into {part / name}"
    else:
        what = f"found {listing(path)}, and in {part} {listing(part)}: rename it (understood are {KNOWN})"
    return FileNotFoundError(
        f"expected a folder {good} in {path}, {what}; see data/README.md for the layout"
    )


def checked_folder(root: str | Path, what: str) -> Path:
    """Return the folder of a data set.

    Raises
    ------
    FileNotFoundError: it does not exist.
    """
    path = expanded(root)
    if not path.is_dir():
        raise FileNotFoundError(
            f"expected the folder of {what}, found none at {root}: see data/README.md"
        )
    return path


def checked_category(root: str | Path, category: str, what: str, there: Sequence[str]) -> Path:
    """Return the folder of a category of a data set.

    Raises
    ------
    FileNotFoundError: the data set or the category does not exist; the categories that do are
        listed.
    """
    path = checked_folder(root, what)
    if not (path / category).is_dir():
        raise FileNotFoundError(
            f"expected a category of {root} (there are: {', '.join(there) or 'none'}), {got(category, there)}"
        )
    return path / category
