"""What to do with a folder that is no data set yet: told from names alone, with the lines to type."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adviz.data.checking.layouts import CUB, FLOWERS, MTD, VISA, looks_good, recognised
from adviz.data.checking.report import Check, Finding
from adviz.data.folder_names import part_of, says_bad, says_good
from adviz.data.folder_tree import Tree
from adviz.data.images import REMEDIES, remedy, suffixes
from adviz.data.paths import is_hidden
from adviz.data.readers.sorted_photos import EVERY

MOST = 50_000  # files that are looked at; a user's folder may hold millions
SHOWN = 5  # folders that are named
ARCHIVES = {
    ".zip": "unzip {file} -d {target}",
    ".tar": "mkdir {target}; tar -xf {file} -C {target}",
    ".gz": "mkdir {target}; tar -xf {file} -C {target}",
    ".tgz": "mkdir {target}; tar -xf {file} -C {target}",
    ".xz": "mkdir {target}; tar -xf {file} -C {target}",
    ".bz2": "mkdir {target}; tar -xf {file} -C {target}",
    ".7z": "7z x {file} -o{target}",
    ".rar": "unrar x {file} {target}/",
}
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".mts")
OWN = ("MVTec style", "sorted photos")  # what notebook 15 reads
READERS = {"MVTec LOCO AD": "mvtec_loco", "MVTec AD 2": "mvtec_ad2", "BTAD": "btad", VISA: "visa"}
CLASSES = {CUB: "cub200", FLOWERS: "flowers102"}
ARRAYS = (".npy", ".npz")
# Folders of images and of their boxes
SIDES = ("images", "labels", "JPEGImages", "Annotations", "annotations")
BOX_TABLES = ("data.yaml", "data.yml", "classes.txt")  # beside the labels of YOLO


@dataclass(frozen=True)
class Survey:
    """What lies below a folder, by name.

    Attributes
    ----------
    images: folder -> the images directly in it; folders without are left out.
    others: the other files.
    folders: the folders directly in it.
    all_seen: whether everything was looked at.
    """

    root: Path
    images: dict[Path, list[Path]] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    all_seen: bool = True

    @property
    def loose(self) -> list[Path]:
        """The images directly in the folder."""
        return self.images.get(self.root, [])

    @property
    def count(self) -> int:
        """All images."""
        return sum(len(files) for files in self.images.values())

    def by_folder(self) -> dict[Path, int]:
        """Count the images in each of the folders directly in it."""
        counts = {
            child: sum(
                len(files) for folder, files in self.images.items() if folder.is_relative_to(child)
            )
            for child in self.folders
        }
        return {child: count for child, count in counts.items() if count}


@dataclass(frozen=True)
class Advice:
    """What was found, and the lines that lead on; those that begin with two spaces are to be typed."""

    found: str
    steps: tuple[str, ...]


def survey(root: Path) -> Survey:
    """Look through the names below a folder; hidden folders and links to folders are passed over."""
    seen = Survey(root)
    looked_at = 0
    for place, below, files in os.walk(root):
        below[:] = sorted(name for name in below if not is_hidden(name))
        folder = Path(place)
        if folder == root:
            seen.folders.extend(root / name for name in below)
        shown = [folder / name for name in sorted(files) if not is_hidden(name)]
        images = [file for file in shown if file.suffix.lower() in suffixes()]
        if images:
            seen.images[folder] = images
        seen.others.extend(file for file in shown if file.suffix.lower() not in suffixes())
        looked_at += len(files)
        if looked_at > MOST:
            return Survey(root, seen.images, seen.others, seen.folders, all_seen=False)
    return seen


def advised(root: Path) -> Check:
    """Return what to do with a folder of no known layout."""
    seen = survey(root)
    advice = next(advice for rule in RULES if (advice := rule(seen)) is not None)
    return Check(root, "", [], [Finding("arrangement", advice.found)], steps=advice.steps)


def is_everything(path: Path) -> bool:
    """Tell whether a folder is the user's own or the root of a disk, where nobody keeps one data set."""
    return path == path.parent or path == Path(os.path.expanduser("~")).absolute()


def is_for_others(path: Path) -> bool:
    """Tell whether a folder with train and test is made for object detection or for classification."""
    seen = survey(path)
    return _boxes(seen) is not None or _classes(seen) is not None


def file_instead(file: Path) -> str:
    """Return what to do with a file that was given for a folder."""
    if file.suffix.lower() in ARCHIVES:
        target = quoted(file.name.removesuffix(file.suffix).removesuffix(".tar") or "unpacked")
        unpack = ARCHIVES[file.suffix.lower()].format(file=quoted(file), target=target)
        return f"unpack it ({unpack}), and check the folder {target}"
    if file.suffix.lower() in VIDEOS:
        return f"take pictures from it (mkdir frames; ffmpeg -i {quoted(file)} -vf fps=2 frames/%05d.png)"
    return f"give the folder that it is in, {quoted(file.parent)}"


def go_on(
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
            *_then(base),
        )
    tree = trees[0]
    only = f" {tree.name}, the first of {len(trees)}," if len(trees) > 1 else ""
    last = "print(evaluate(prediction, part.test))"
    if not measurable:
        last = "print(dict(zip(part.test.ids, prediction.score)))"
    steps = [
        f"Find what is unusual in{only} in Python:" if only else "Find what is unusual, in Python:",
        "  from adviz import Backbone, PatchCore, data, evaluate",
        f"  part = {_reader(tree, geometry)}",
        '  backbone = Backbone("efficientnet_lite0")',
        "  train, test = backbone.extract(part.train), backbone.extract(part.test)",
        "  prediction = PatchCore(coreset=0.02).fit(train).predict(test)",
        f"  {last}",
    ]
    if tree.layout in OWN:
        steps += [
            "Or see in the browser which method is best for it, and how many images it needs:",
            "  adviz lab",
            "and there, in 15_your_own_data.ipynb:",
            f"  DATA = {str(tree.root)!r}",
        ]
    return tuple(steps)


def _reader(tree: Tree, geometry: str) -> str:
    """Return the call that reads a category."""
    how = f", {geometry}" if geometry else ""
    around = str(tree.root.parent)
    if tree.layout == MTD:
        return f"data.magnetic_tile({str(tree.root)!r}{how})"
    if tree.layout in CLASSES:
        return f'data.novelty("{CLASSES[tree.layout]}", 0, root={around!r}{how})'
    if tree.layout in READERS:
        return f"data.{READERS[tree.layout]}({around!r}, {tree.name!r}{how})"
    return f"data.folder({str(tree.root)!r}{how})"


def quoted(path: Path | str) -> str:
    """Return a path as it is typed in a terminal."""
    if os.name == "nt":
        return f'"{path}"'
    return shlex.quote(str(path))


def _everything(seen: Survey) -> Advice | None:
    if not is_everything(seen.root):
        return None
    sets = recognised(seen.root)
    full = sorted(seen.by_folder().items(), key=lambda item: -item[1])
    places = [tree.root for tree in sets] or [folder for folder, _ in full]
    if not places:
        return None
    what = "data sets" if sets else "images"
    found = f"expected the folder of one data set, got {seen.root}, which holds everything; {what} are in it"
    return Advice(found, ("Choose one:", *_checks(places)))


def _checks(places: list[Path]) -> Iterator[str]:
    yield from (f"  adviz check {quoted(place)}" for place in places[:SHOWN])
    if len(places) > SHOWN:
        yield f"({len(places) - SHOWN} more)"


def _boxes(seen: Survey) -> Advice | None:
    """Return advice on the trees of object detection: YOLO, COCO, Pascal VOC and labelme."""
    if not seen.count:
        return None
    stems = {file.stem for files in seen.images.values() for file in files}
    kinds = Counter(file.suffix.lower() for file in seen.others if file.stem in stems)
    tables = [file for file in seen.others if file.name in BOX_TABLES]
    lists = [file for file in seen.others if _is_coco(file)]
    texts = any(
        file.parent.name == "labels" or file.parent.parent.name == "labels" for file in seen.others
    )
    if kinds[".txt"] and (texts or tables):
        return _sort_by("YOLO", seen, ".txt", "text.strip()")
    if kinds[".xml"]:
        return _sort_by("Pascal VOC", seen, ".xml", '"<object>" in text')
    if kinds[".json"] and not lists:
        return _sort_by("labelme", seen, ".json", '"points" in text')
    if not lists:
        return None
    files = [file.relative_to(seen.root).as_posix() for file in lists]
    code = (
        "import json, shutil",
        "from pathlib import Path",
        f"root, target = Path({str(seen.root)!r}), Path({str(_sorted_into(seen.root))!r})",
        f"for file in {files!r}:",
        "    found = json.loads((root / file).read_text())",
        '    boxed = {one["image_id"] for one in found["annotations"]}',
        '    for image in found["images"]:',
        '        for path in root.rglob(Path(image["file_name"]).name):',
        '            place = target / ("bad" if image["id"] in boxed else "good")',
        "            place.mkdir(parents=True, exist_ok=True)",
        '            shutil.copy(path, place / "_".join(path.relative_to(root).parts))',
    )
    return _boxed("COCO", seen, code)


def _is_coco(file: Path) -> bool:
    name = file.name.lower()
    return name.endswith(".json") and any(
        word in name for word in ("coco", "annotation", "instances")
    )


def _sort_by(kind: str, seen: Survey, suffix: str, has_box: str) -> Advice:
    """Return advice to sort images by the files that have their names and another suffix."""
    images = sorted({file.suffix for files in seen.images.values() for file in files})
    code = (
        "import shutil",
        "from pathlib import Path",
        f"root, target = Path({str(seen.root)!r}), Path({str(_sorted_into(seen.root))!r})",
        "def key(file):  # of an image and of its boxes",
        '    parts = file.relative_to(root).with_suffix("").parts',
        f'    return "_".join(part for part in parts if part not in {SIDES!r})',
        f'boxes = {{key(file): file for file in root.rglob("*{suffix}")}}',
        'for image in sorted(root.rglob("*")):',
        f"    if image.suffix in {images!r}:",
        '        text = boxes[key(image)].read_text() if key(image) in boxes else ""',
        f'        place = target / ("bad" if {has_box} else "good")',
        "        place.mkdir(parents=True, exist_ok=True)",
        "        shutil.copy(image, place / (key(image) + image.suffix))",
    )
    return _boxed(kind, seen, code)


def _boxed(kind: str, seen: Survey, code: tuple[str, ...]) -> Advice:
    target = _sorted_into(seen.root)
    return Advice(
        f"{seen.count} images with boxes around objects ({kind}), as for object detection; adviz learns from good "
        "images and needs no boxes",
        (
            "If the boxes are around defects, images without one are good. This copies them, in Python:",
            *(f"  {line}" for line in code),
            "then:",
            f"  adviz check {quoted(target)}",
        ),
    )


def _sorted_into(root: Path) -> Path:
    return root.with_name(f"{root.name}_sorted")


def _classes(seen: Survey) -> Advice | None:
    """Return advice on train and test that hold a folder for each class of things."""
    parts = [folder for folder in seen.folders if part_of(folder.name)]
    classes = {
        part: [
            folder for folder in seen.images if folder.parent == part and not says_good(folder.name)
        ]
        for part in parts
    }
    train = next((part for part in parts if part_of(part.name) == "train"), None)
    if train is None or not classes[train] or any(says_good(folder.name) for folder in seen.images):
        return None
    names = [folder.name for folder in classes[train]]
    chosen = next(filter(looks_good, names), names[0])
    lines = [f"  cd {quoted(seen.root)}"]
    for part in parts:
        if part / chosen in classes[part]:
            lines.append(f"  mv {quoted(f'{part.name}/{chosen}')} {quoted(f'{part.name}/good')}")
    others = [name for name in names if name != chosen]
    if others:
        lines.append("  mkdir not_learned")
    lines += [f"  mv {quoted(f'{train.name}/{name}')} not_learned" for name in others[:SHOWN]]
    if len(others) > SHOWN:
        lines.append(f"  (and so on with the {len(others) - SHOWN} other folders in {train.name})")
    return Advice(
        f"{train.name} holds a folder for each of {len(names)} classes ({', '.join(names[:SHOWN])}), as for "
        "classification; adviz learns from good images alone",
        (
            "Call the class of good images good; what is in test/<defect> is defective (here "
            f"{chosen} is taken for the good one; change the names if it is another):",
            *lines,
            *_then(seen.root),
        ),
    )


def _kinds(seen: Survey) -> Advice | None:
    """Return advice on images in several folders, of which one is likely that of the good ones."""
    counts = seen.by_folder()
    flat = {
        folder: len(files) for folder, files in seen.images.items() if folder.parent == seen.root
    }
    if seen.loose or len(counts) < 2 or set(flat) != set(counts):
        return None
    names = ", ".join(f"{folder.name} ({count})" for folder, count in list(counts.items())[:SHOWN])
    more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    likely = [folder for folder in counts if looks_good(folder.name)]
    good = likely[0] if len(likely) == 1 else None
    asked = "" if good else ", of which nobody says which one holds the good ones"
    chosen = good or max(counts, key=lambda folder: counts[folder])
    bad = [folder for folder in counts if folder != chosen]
    lines = [f"  cd {quoted(seen.root)}", f"  mv {quoted(chosen.name)} good", "  mkdir bad"]
    lines += [f"  mv {quoted(folder.name)} bad" for folder in bad[:SHOWN]]
    if len(bad) > SHOWN:
        lines.append(f"  (and so on with the {len(bad) - SHOWN} other folders of defective ones)")
    sure = "" if good else " (if another folder is the good one, change the names)"
    return Advice(
        f"images in {len(counts)} folders, {names}{more}{asked}",
        (
            f"Call the folder of good images good, and put the others into bad{sure}:",
            *lines,
            *_then(seen.root),
            "If they are different products, check each by itself.",
        ),
    )


def _flat(seen: Survey) -> Advice | None:
    """Return advice on images that nobody has sorted."""
    if not seen.loose:
        return None
    beside = {folder.name: count for folder, count in seen.by_folder().items()}
    where = (
        f", and {', '.join(f'{count} in {name}' for name, count in beside.items())}"
        if beside
        else ""
    )
    words = "1 image" if len(seen.loose) == 1 else f"{len(seen.loose)} images"
    good = _pattern(seen.loose, says_good)
    bad = _pattern(seen.loose, says_bad)
    if good is None or bad is None:
        first, last = seen.loose[0].name, seen.loose[-1].name
        good, bad = quoted(first), quoted(last)
        how = "name the good ones in the first of the two lines that begin with mv, the defective ones in the second"
    else:
        how = "their names seem to say which is which"
    place = str(seen.root)
    return Advice(
        f"{words} lie in one folder{where}: nobody has said which are good",
        (
            f"Sort them into good, at least {EVERY}, and bad ({how}):",
            f"  cd {quoted(seen.root)}",
            "  mkdir good bad",
            f"  mv {good} good",
            f"  mv {bad} bad",
            *_then(seen.root),
            "Or take them as they are, to be scored or, if all are good, to be learned from; in Python:",
            "  from adviz import data",
            f"  photos = data.unlabelled({place!r})",
        ),
    )


def _pattern(files: list[Path], says: Callable[[str], bool]) -> str | None:
    """Return what the shell calls the files whose names begin with a word, "OK_*", None if there are none."""
    words = Counter(start for file in files if (start := _first_word(file.stem)) and says(start))
    return f"{quoted(words.most_common(1)[0][0])}*" if words else None


def _first_word(stem: str) -> str:
    length = next((index for index, letter in enumerate(stem) if not letter.isalpha()), len(stem))
    return stem[:length]


def _deeper(seen: Survey) -> Advice | None:
    """Return advice on images that lie further down."""
    if not seen.count:
        return None
    places = sorted(seen.images, key=lambda folder: -len(seen.images[folder]))
    tops = list(dict.fromkeys(_around(place, seen) for place in places))
    more = "" if seen.all_seen else f" (only {MOST} files were looked at)"
    return Advice(
        f"{seen.count} images lie in {len(places)} folders below, in an order that is none of those known{more}",
        (
            "Check the folder of one product:",
            *_checks(tops),
            "A product's folder holds good/ and bad/, or train/good/, test/good/ and test/<defect>/. Most are in "
            + ", ".join(place.relative_to(seen.root).as_posix() for place in places[:SHOWN]),
        ),
    )


def _around(place: Path, seen: Survey) -> Path:
    """Return the folder of a product: that around a folder of images if others are beside it."""
    beside = [folder for folder in seen.images if folder.parent == place.parent]
    return place.parent if len(beside) > 1 and place.parent != seen.root else place


def _others(seen: Survey) -> Advice | None:
    """Return advice on a folder that holds files and no image."""
    if not seen.others:
        return None
    counts = Counter(file.suffix.lower() for file in seen.others)
    known = (*REMEDIES, *ARCHIVES, *VIDEOS)
    suffix = next(
        (name for name, _ in counts.most_common() if name in known), counts.most_common(1)[0][0]
    )
    first = next(file for file in seen.others if file.suffix.lower() == suffix)
    many = f"{counts[suffix]} files" if counts[suffix] > 1 else "1 file"
    found = (
        f"no image that can be read, but {many} {suffix or 'without suffix'} (such as {first.name})"
    )
    place, name = quoted(first.parent), quoted(first.name)
    target = quoted(first.name.removesuffix(suffix).removesuffix(".tar") or "unpacked")
    if suffix in ARCHIVES:
        unpack = ARCHIVES[suffix].format(file=name, target=target)
        return Advice(
            found, ("Unpack it:", f"  cd {place}", f"  {unpack}", f"  adviz check {target}")
        )
    if suffix in VIDEOS:
        return Advice(
            found,
            (
                "Take single pictures from it, such as two a second, and sort them:",
                f"  cd {place}",
                "  mkdir frames",
                f"  ffmpeg -i {name} -vf fps=2 frames/%05d.png",
                "  adviz check frames",
            ),
        )
    if suffix == ".pdf":
        return Advice(
            found,
            (
                "Take the pictures out of it:",
                f"  cd {place}",
                "  mkdir images",
                f"  pdfimages -png {name} images/page",
                "  adviz check images",
            ),
        )
    if suffix in ARRAYS:
        return Advice(
            found,
            (
                "Give the arrays, (N, height, width, 3) of uint8, in Python; labels are 0 for good and 1 for bad:",
                "  import numpy as np",
                "  from adviz import data",
                f"  images = np.load({str(first)!r})",
                "  split = data.Split.from_arrays(images, labels=[0] * len(images))",
            ),
        )
    if suffix in REMEDIES:
        said = remedy(suffix)
        again = f"  adviz check {quoted(seen.root)}"
        if said.startswith("pip "):
            return Advice(found, ("Let them be read:", f"  {said}", again))
        return Advice(found, (f"{said[0].upper()}{said[1:]}; then look again:", again))
    return Advice(found, _arrange(seen.root))


def _nothing(seen: Survey) -> Advice:
    holds = "only empty folders" if seen.folders else "nothing in it"
    return Advice(f"expected images, found {holds}", _arrange(seen.root))


def _arrange(root: Path) -> tuple[str, ...]:
    return (
        "Put the photographs of good parts into good, those of defective ones into bad:",
        f"  cd {quoted(root)}",
        "  mkdir good bad",
        *_then(root),
        "Is this the right folder? To see what adviz does without images of your own:",
        "  adviz demo",
    )


def _then(root: Path) -> tuple[str, ...]:
    return (f"  adviz check {quoted(root)}",)


RULES: tuple[Callable[[Survey], Advice | None], ...] = (
    _everything,
    _boxes,
    _classes,
    _kinds,
    _flat,
    _deeper,
    _others,
    _nothing,
)
