"""What to do with a folder of no known layout: told from names alone, with the lines to type."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from adviz.data.checking.layouts import CUB, FLOWERS, MTD, VISA, looks_good, recognise
from adviz.data.checking.report import Check, Finding
from adviz.data.folder_names import part_of, says_bad, says_good
from adviz.data.folder_tree import Tree
from adviz.data.images import REMEDIES, remedy, suffixes
from adviz.data.paths import is_hidden
from adviz.data.readers.sorted_photos import EVERY

MAX_SEARCHED = 50_000  # files; a user's folder may hold millions
MAX_FOLDERS = 5  # that are named
FEWEST = 12  # good photographs that `adviz learn` takes, as its own FEWEST says
UNTAR = "mkdir {target}; tar -xf {file} -C {target}"
ARCHIVES = {
    ".zip": "unzip {file} -d {target}",
    **dict.fromkeys((".tar", ".gz", ".tgz", ".xz", ".bz2"), UNTAR),
    ".7z": "7z x {file} -o{target}",
    ".rar": "unrar x {file} {target}/",
}
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".mts")
ARRAYS = (".npy", ".npz")
IN_NOTEBOOK_15 = ("MVTec style", "sorted photos")  # layouts that it reads
READERS = {"MVTec LOCO AD": "mvtec_loco", "MVTec AD 2": "mvtec_ad2", "BTAD": "btad", VISA: "visa"}
NOVELTY = {CUB: "cub200", FLOWERS: "flowers102"}
# Of object detection: folders of images and of their boxes, and YOLO's lists of classes.
BOX_FOLDERS = ("images", "labels", "JPEGImages", "Annotations", "annotations")
YOLO_LISTS = ("data.yaml", "data.yml", "classes.txt")
# Kind of data set, suffix of its files of boxes, and the code that tells if `text` has a box.
YOLO = ("YOLO", ".txt", "text.strip()")
PASCAL_VOC = ("Pascal VOC", ".xml", '"<object>" in text')
LABELME = ("labelme", ".json", '"points" in text')


@dataclass(frozen=True)
class Survey:
    """The files below a folder, by name.

    Attributes
    ----------
    root: the folder.
    images: {folder: images directly in it}, without folders that have none.
    others: the other files.
    folders: the folders directly in `root`.
    complete: whether all files were looked at.
    """

    root: Path
    images: dict[Path, list[Path]] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    complete: bool = True

    @property
    def loose(self) -> list[Path]:
        """The images directly in the folder."""
        return self.images.get(self.root, [])

    @property
    def all_images(self) -> list[Path]:
        """The images in all folders."""
        return list(chain(*self.images.values()))

    def n_by_folder(self) -> dict[Path, int]:
        """Return the number of images below each folder directly in the root that has any."""
        counts = dict.fromkeys(self.folders, 0)
        for folder, files in self.images.items():
            for child in self.folders:
                if folder.is_relative_to(child):
                    counts[child] += len(files)
        return {child: count for child, count in counts.items() if count}


@dataclass(frozen=True)
class Advice:
    """What a folder holds, and how to go on.

    Attributes
    ----------
    message: what was found.
    steps: lines that lead on; those that begin with two spaces are to be typed.
    """

    message: str
    steps: tuple[str, ...]


def survey(root: Path) -> Survey:
    """Return the files below a folder; hidden folders and links to folders are passed over."""
    images: dict[Path, list[Path]] = {}
    others: list[Path] = []
    top_folders: list[Path] = []
    n_searched = 0
    for path, folder_names, file_names in os.walk(root):
        folder = Path(path)
        # What is removed from the list, os.walk does not enter.
        folder_names[:] = sorted(name for name in folder_names if not is_hidden(name))
        if folder == root:
            top_folders = [root / name for name in folder_names]
        for name in sorted(file_names):
            file = folder / name
            if is_hidden(name):
                continue
            if file.suffix.lower() in suffixes():
                images.setdefault(folder, []).append(file)
            else:
                others.append(file)
        n_searched += len(file_names)
        if n_searched > MAX_SEARCHED:
            return Survey(root, images, others, top_folders, complete=False)
    return Survey(root, images, others, top_folders)


def advise(root: Path) -> Check:
    """Return what to do with a folder of no known layout."""
    surveyed = survey(root)
    advice = next(filter(None, (rule(surveyed) for rule in RULES)), _empty(surveyed))
    return Check(root, "", [], [Finding("arrangement", advice.message)], steps=advice.steps)


def is_home_or_root(path: Path) -> bool:
    """Tell whether a folder is the user's own or the root of a disk, and so no one data set."""
    return path == path.parent or path == Path(os.path.expanduser("~")).absolute()


def is_for_other_tasks(path: Path) -> bool:
    """Tell whether train and test are made for object detection or for classification."""
    surveyed = survey(path)
    return _object_detection(surveyed) is not None or _classification(surveyed) is not None


def remedy_for_file(file: Path) -> str:
    """Return what to do with a file that was given for a folder."""
    suffix = file.suffix.lower()
    if suffix in ARCHIVES:
        unpack, target = _unpacking(file, quoted(file))
        return f"unpack it ({unpack}), and check the folder {target}"
    if suffix in VIDEOS:
        ffmpeg = f"ffmpeg -i {quoted(file)} -vf fps=2 frames/%05d.png"
        return f"take pictures from it (mkdir frames; {ffmpeg})"
    return f"give the folder that it is in, {quoted(file.parent)}"


def next_steps(
    trees: list[Tree], base: Path, *, sound: bool, measurable: bool, geometry: str
) -> tuple[str, ...]:
    """Return how to go on with data of a known layout.

    Parameters
    ----------
    trees: its categories; the lines are for the first.
    base: the folder checked.
    sound: whether nothing serious was found.
    measurable: whether there are good and defective test images.
    geometry: an argument of the reader that suits the images, "" where the usual one does.
    """
    if not sound:
        return (
            "Mend what is marked with !, which can change results, and look again:",
            _check_line(base),
        )
    tree = trees[0]
    title = "Find what is unusual, in Python:"
    if len(trees) > 1:
        title = f"Find what is unusual in {tree.name}, the first of {len(trees)}, in Python:"
    output = "dict(zip(part.test.ids, prediction.score))"
    if measurable:
        output = "evaluate(prediction, part.test)"
    steps = [
        title,
        "  from adviz import Backbone, PatchCore, data, evaluate",
        f"  part = {_reader_call(tree, geometry)}",
        '  backbone = Backbone("efficientnet_lite0")',
        "  train, test = backbone.extract(part.train), backbone.extract(part.test)",
        "  prediction = PatchCore().fit(train).predict(test)",
        f"  print({output})",
    ]
    if tree.layout in IN_NOTEBOOK_15:
        steps += [
            "Or see in the browser which method is best for it, and how many images it needs:",
            "  adviz lab",
            "and there, in 15_your_own_data.ipynb:",
            f"  DATA = {str(tree.root)!r}",
        ]
    return tuple(steps)


def _reader_call(tree: Tree, geometry: str) -> str:
    """Return the Python code that reads a category."""
    root = repr(str(tree.root))
    parent = repr(str(tree.root.parent))
    if tree.layout in NOVELTY:
        call = f'data.novelty("{NOVELTY[tree.layout]}", 0, root={parent}'
    elif tree.layout in READERS:
        call = f"data.{READERS[tree.layout]}({parent}, {tree.name!r}"
    elif tree.layout == MTD:
        call = f"data.magnetic_tile({root}"
    else:
        call = f"data.folder({root}"
    if geometry:
        call += f", {geometry}"
    return f"{call})"


def quoted(path: Path | str) -> str:
    """Return a path as it is typed in a terminal."""
    if os.name == "nt":
        return f'"{path}"'
    return shlex.quote(str(path))


def _check_line(folder: Path) -> str:
    return f"  adviz check {quoted(folder)}"


def _check_lines(folders: list[Path]) -> list[str]:
    """Return the lines that check the first few of many folders."""
    lines = [_check_line(folder) for folder in folders[:MAX_FOLDERS]]
    if len(folders) > MAX_FOLDERS:
        lines.append(f"({len(folders) - MAX_FOLDERS} more)")
    return lines


def _home_or_root(surveyed: Survey) -> Advice | None:
    if not is_home_or_root(surveyed.root):
        return None
    counts = surveyed.n_by_folder()
    folders = sorted(counts, key=lambda folder: -counts[folder])
    contents = "images"
    # Data sets further down are better answers than full folders.
    trees = recognise(surveyed.root)
    if trees:
        folders = [tree.root for tree in trees]
        contents = "data sets"
    if not folders:
        return None
    message = (
        f"expected the folder of one data set, got {surveyed.root}, which holds everything; "
        f"{contents} are in it"
    )
    return Advice(message, ("Choose one:", *_check_lines(folders)))


def _object_detection(surveyed: Survey) -> Advice | None:
    """Return advice on the trees of object detection: YOLO, COCO, Pascal VOC and labelme."""
    if not surveyed.images:
        return None
    stems = {file.stem for file in surveyed.all_images}
    suffixes_beside_images = {file.suffix.lower() for file in surveyed.others if file.stem in stems}
    coco_files = [file for file in surveyed.others if _is_coco(file)]
    # Texts and JSON files may be anything, so that names must agree with them.
    if ".txt" in suffixes_beside_images and any(map(_is_yolo, surveyed.others)):
        return _sorted_by_boxes(surveyed, *YOLO)
    if ".xml" in suffixes_beside_images:
        return _sorted_by_boxes(surveyed, *PASCAL_VOC)
    if coco_files:
        return _sorted_by_coco(surveyed, coco_files)
    if ".json" in suffixes_beside_images:
        return _sorted_by_boxes(surveyed, *LABELME)
    return None


def _is_yolo(file: Path) -> bool:
    return file.name in YOLO_LISTS or "labels" in (file.parent.name, file.parent.parent.name)


def _is_coco(file: Path) -> bool:
    name = file.name.lower()
    has_word = any(word in name for word in ("coco", "annotation", "instances"))
    return has_word and name.endswith(".json")


def _sorted_by_coco(surveyed: Survey, files: list[Path]) -> Advice:
    """Return advice to sort images by the tables of COCO."""
    names = [file.relative_to(surveyed.root).as_posix() for file in files]
    code = f"""\
import json, shutil
from pathlib import Path
root, target = Path({str(surveyed.root)!r}), Path({str(_target(surveyed.root))!r})
for file in {names!r}:
    table = json.loads((root / file).read_text())
    boxed = {{box["image_id"] for box in table["annotations"]}}
    for image in table["images"]:
        for path in root.rglob(Path(image["file_name"]).name):
            folder = target / ("bad" if image["id"] in boxed else "good")
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / "_".join(path.relative_to(root).parts))"""
    return _sorted_by_code(surveyed, "COCO", code)


def _sorted_by_boxes(surveyed: Survey, kind: str, suffix: str, has_box: str) -> Advice:
    """Return advice to sort images by the files that have their names and another suffix."""
    image_suffixes = sorted({file.suffix for file in surveyed.all_images})
    code = f"""\
import shutil
from pathlib import Path
root, target = Path({str(surveyed.root)!r}), Path({str(_target(surveyed.root))!r})
def key(file):  # of an image and of its boxes
    parts = file.relative_to(root).with_suffix("").parts
    return "_".join(part for part in parts if part not in {BOX_FOLDERS!r})
boxes = {{key(file): file for file in root.rglob("*{suffix}")}}
for image in sorted(root.rglob("*")):
    if image.suffix in {image_suffixes!r}:
        text = boxes[key(image)].read_text() if key(image) in boxes else ""
        folder = target / ("bad" if {has_box} else "good")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(image, folder / (key(image) + image.suffix))"""
    return _sorted_by_code(surveyed, kind, code)


def _sorted_by_code(surveyed: Survey, kind: str, code: str) -> Advice:
    message = (
        f"{len(surveyed.all_images)} images with boxes around objects ({kind}), as for object "
        "detection; adviz learns from good images and needs no boxes"
    )
    steps = (
        "If the boxes are around defects, images without one are good. This copies them, in "
        "Python:",
        *(f"  {line}" for line in code.splitlines()),
        "then:",
        _check_line(_target(surveyed.root)),
    )
    return Advice(message, steps)


def _target(root: Path) -> Path:
    """Return the folder that sorted copies are put into."""
    return root.with_name(f"{root.name}_sorted")


def _classification(surveyed: Survey) -> Advice | None:
    """Return advice on train and test that hold a folder for each class of things."""
    parts = [folder for folder in surveyed.folders if part_of(folder.name)]
    # A folder "good" anywhere makes it MVTec-style data.
    train = next((part for part in parts if part_of(part.name) == "train"), None)
    if train is None or any(says_good(folder.name) for folder in surveyed.images):
        return None
    classes = [folder.name for folder in surveyed.images if folder.parent == train]
    if not classes:
        return None
    good = next(filter(looks_good, classes), classes[0])
    others = [name for name in classes if name != good]

    lines = [f"  cd {quoted(surveyed.root)}"]
    for part in parts:
        if part / good in surveyed.images:
            lines.append(f"  mv {quoted(f'{part.name}/{good}')} {quoted(f'{part.name}/good')}")
    if others:
        lines.append("  mkdir not_learned")
    for name in others[:MAX_FOLDERS]:
        lines.append(f"  mv {quoted(f'{train.name}/{name}')} not_learned")
    if len(others) > MAX_FOLDERS:
        n_more = len(others) - MAX_FOLDERS
        lines.append(f"  (and so on with the {n_more} other folders in {train.name})")
    message = (
        f"{train.name} holds a folder for each of {len(classes)} classes "
        f"({', '.join(classes[:MAX_FOLDERS])}), as for classification; adviz learns from good "
        "images alone"
    )
    title = (
        "Call the class of good images good; what is in test/<defect> is defective (here "
        f"{good} is taken for the good one; change the names if it is another):"
    )
    return Advice(message, (title, *lines, _check_line(surveyed.root)))


def _folders_of_kinds(surveyed: Survey) -> Advice | None:
    """Return advice on images in several folders, of which one is likely that of the good ones."""
    counts = surveyed.n_by_folder()
    folders_of_images = {folder for folder in surveyed.images if folder.parent == surveyed.root}
    if surveyed.loose or len(counts) < 2 or folders_of_images != set(counts):
        return None
    seemingly_good = [folder for folder in counts if looks_good(folder.name)]
    # Without a name that tells, most images are probably good.
    if len(seemingly_good) == 1:
        good = seemingly_good[0]
        question = ""
        warning = ""
    else:
        good = max(counts, key=lambda folder: counts[folder])
        question = ", and no name tells which one holds the good ones"
        warning = " (if another folder is the good one, change the names)"
    bad = [folder for folder in counts if folder != good]

    lines = [f"  cd {quoted(surveyed.root)}", f"  mv {quoted(good.name)} good", "  mkdir bad"]
    lines += [f"  mv {quoted(folder.name)} bad" for folder in bad[:MAX_FOLDERS]]
    if len(bad) > MAX_FOLDERS:
        n_more = len(bad) - MAX_FOLDERS
        lines.append(f"  (and so on with the {n_more} other folders of defective ones)")
    names = [f"{folder.name} ({count})" for folder, count in counts.items()]
    listed = ", ".join(names[:MAX_FOLDERS])
    if len(names) > MAX_FOLDERS:
        listed += f" and {len(names) - MAX_FOLDERS} more"
    steps = (
        f"Call the folder of good images good, and put the others into bad{warning}:",
        *lines,
        _check_line(surveyed.root),
        "If they are different products, check each by itself.",
    )
    return Advice(f"images in {len(counts)} folders, {listed}{question}", steps)


def _unsorted(surveyed: Survey) -> Advice | None:
    """Return advice on images that are not sorted."""
    loose = surveyed.loose
    if not loose:
        return None
    # Names such as OK_1.png and NG_2.png tell which is which.
    good = _shell_pattern(loose, says_good)
    bad = _shell_pattern(loose, says_bad)
    explanation = "their names seem to say which is which"
    if good is None or bad is None:
        good = quoted(loose[0].name)
        bad = quoted(loose[-1].name)
        explanation = (
            "name the good ones in the first of the two lines that begin with mv, the defective "
            "ones in the second"
        )
    images = "1 image" if len(loose) == 1 else f"{len(loose)} images"
    in_folders = [f"{count} in {folder.name}" for folder, count in surveyed.n_by_folder().items()]
    others = f", and {', '.join(in_folders)}" if in_folders else ""
    steps = (
        f"Sort them into good, at least {EVERY} (`adviz learn` takes {FEWEST}), and bad "
        f"({explanation}):",
        f"  cd {quoted(surveyed.root)}",
        "  mkdir good bad",
        f"  mv {good} good",
        f"  mv {bad} bad",
        _check_line(surveyed.root),
        "Or take them as they are, to be scored or, if all are good, to be learned from; in "
        "Python:",
        "  from adviz import data",
        f"  photos = data.unlabelled({str(surveyed.root)!r})",
    )
    message = f"{images} lie in one folder{others}, not sorted into good and bad"
    return Advice(message, steps)


def _shell_pattern(files: list[Path], says: Callable[[str], bool]) -> str | None:
    """Return the pattern, "OK?*", of names that begin with such a word; None if none does.

    It leaves out the folder that has the word alone as its name.
    """
    words = Counter(word for word in map(_first_word, files) if word and says(word))
    if not words:
        return None
    return f"{quoted(words.most_common(1)[0][0])}?*"


def _first_word(file: Path) -> str:
    for index, letter in enumerate(file.stem):
        if not letter.isalpha():
            return file.stem[:index]
    return file.stem


def _deeper(surveyed: Survey) -> Advice | None:
    """Return advice on images that lie further down."""
    if not surveyed.images:
        return None
    # The fullest folders first.
    folders = sorted(surveyed.images, key=lambda folder: -len(surveyed.images[folder]))
    products = dict.fromkeys(_product_folder(folder, surveyed) for folder in folders)
    names = [folder.relative_to(surveyed.root).as_posix() for folder in folders[:MAX_FOLDERS]]
    message = (
        f"{len(surveyed.all_images)} images lie in {len(folders)} folders below, in an order that "
        "is none of those known"
    )
    if not surveyed.complete:
        message += f" (only {MAX_SEARCHED} files were looked at)"
    steps = (
        "Check the folder of one product:",
        *_check_lines(list(products)),
        "A product's folder holds good/ and bad/, or train/good/, test/good/ and test/<defect>/. "
        f"Most are in {', '.join(names)}",
    )
    return Advice(message, steps)


def _product_folder(folder: Path, surveyed: Survey) -> Path:
    """Return the parent of a folder of images if others are beside it, else the folder itself."""
    siblings = [other for other in surveyed.images if other.parent == folder.parent]
    if len(siblings) > 1 and folder.parent != surveyed.root:
        return folder.parent
    return folder


def _no_images(surveyed: Survey) -> Advice | None:
    """Return advice on a folder that holds files and no image."""
    if not surveyed.others:
        return None
    counts = Counter(file.suffix.lower() for file in surveyed.others)
    by_frequency = [suffix for suffix, _ in counts.most_common()]
    # Files that images can be made of come before others, however many these are.
    usable = [suffix for suffix in by_frequency if suffix in (*REMEDIES, *ARCHIVES, *VIDEOS)]
    suffix = (usable or by_frequency)[0]
    first = next(file for file in surveyed.others if file.suffix.lower() == suffix)
    files = f"{counts[suffix]} files" if counts[suffix] > 1 else "1 file"
    message = (
        f"no image that can be read, but {files} {suffix or 'without suffix'} (such as "
        f"{first.name})"
    )
    return Advice(message, _steps_for_file(first, surveyed.root))


def _steps_for_file(file: Path, root: Path) -> tuple[str, ...]:
    """Return how to make images of a file that is none."""
    suffix = file.suffix.lower()
    go_there = f"  cd {quoted(file.parent)}"
    name = quoted(file.name)
    if suffix in ARCHIVES:
        unpack, target = _unpacking(file, name)
        return ("Unpack it:", go_there, f"  {unpack}", f"  adviz check {target}")
    if suffix in VIDEOS:
        return (
            "Take single pictures from it, such as two a second, and sort them:",
            go_there,
            "  mkdir frames",
            f"  ffmpeg -i {name} -vf fps=2 frames/%05d.png",
            "  adviz check frames",
        )
    if suffix == ".pdf":
        return (
            "Take the pictures out of it:",
            go_there,
            "  mkdir images",
            f"  pdfimages -png {name} images/page",
            "  adviz check images",
        )
    if suffix in ARRAYS:
        return (
            "Give the arrays, (N, height, width, 3) of uint8, in Python; labels are 0 for good and "
            "1 for bad:",
            "  import numpy as np",
            "  from adviz import data",
            f"  images = np.load({str(file)!r})",
            "  split = data.Split.from_arrays(images, labels=[0] * len(images))",
        )
    if suffix in REMEDIES:
        words = remedy(suffix)
        if words.startswith("pip "):
            return ("Let them be read:", f"  {words}", _check_line(root))
        return (f"{words[0].upper()}{words[1:]}; then look again:", _check_line(root))
    return _put_photographs(root)


def _unpacking(archive: Path, typed_name: str) -> tuple[str, str]:
    """Return the line that unpacks an archive, and the folder that it unpacks into."""
    stem = archive.name.removesuffix(archive.suffix).removesuffix(".tar")
    target = quoted(stem or "unpacked")
    return ARCHIVES[archive.suffix.lower()].format(file=typed_name, target=target), target


def _empty(surveyed: Survey) -> Advice:
    contents = "only empty folders" if surveyed.folders else "nothing in it"
    return Advice(f"expected images, found {contents}", _put_photographs(surveyed.root))


def _put_photographs(root: Path) -> tuple[str, ...]:
    return (
        "Put the photographs of good parts into good, those of defective ones into bad:",
        f"  cd {quoted(root)}",
        "  mkdir good bad",
        _check_line(root),
        "Is this the right folder? To see what adviz does without images of your own:",
        "  adviz demo",
    )


# The first that has advice is taken; where none has, the folder is empty.
RULES: tuple[Callable[[Survey], Advice | None], ...] = (
    _home_or_root,
    _object_detection,
    _classification,
    _folders_of_kinds,
    _unsorted,
    _deeper,
    _no_images,
)
