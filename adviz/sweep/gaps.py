"""What a data set lacks: categories, folders, masks and files, by name, before anything is computed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from adviz.data import (
    ANOMALOUS,
    GOOD,
    Split,
    judged_frames,
    magnetic_tile,
    mvtec,
    sorted_photos,
    training_clips,
)
from adviz.sweep.experiment import Experiment
from adviz.sweep.measuring import without_mask
from adviz.sweep.sources import CAMPUS, DEMO, ONE_CLASS, READ_BY_NAME, TILES, folder_of, load

NUMBERED = re.compile(r"\d{3}")  # how MVTec AD names its files, from 000 on without a gap
PARTLY = "masks of "  # some images, where others have one
NAMED = 5  # that a sentence names of many


class Counts(NamedTuple):
    """Numbers of images: for training, good ones and defective ones for testing."""

    train: int
    good: int
    defective: int


# What MVTec AD has (Bergmann et al., CVPR 2019, Table 1).
MVTEC_AD = {
    "bottle": Counts(209, 20, 63),
    "cable": Counts(224, 58, 92),
    "capsule": Counts(219, 23, 109),
    "carpet": Counts(280, 28, 89),
    "grid": Counts(264, 21, 57),
    "hazelnut": Counts(391, 40, 70),
    "leather": Counts(245, 32, 92),
    "metal_nut": Counts(220, 22, 93),
    "pill": Counts(267, 26, 141),
    "screw": Counts(320, 41, 119),
    "tile": Counts(230, 33, 84),
    "toothbrush": Counts(60, 12, 30),
    "transistor": Counts(213, 60, 40),
    "wood": Counts(247, 19, 60),
    "zipper": Counts(240, 32, 119),
}


@dataclass(frozen=True)
class Gap:
    """Something that a data set lacks.

    Attributes
    ----------
    data, category: of the experiments that it concerns.
    missing: what there is not, in words: "folder test", "masks of test/crack/003.png, ...".
    stops: whether nothing can be done on the category; else some metrics are undefined, or images
        are fewer.
    optional: whether the data are whole without it, as one's own are without masks; some metrics
        are undefined.

    Examples
    --------
    >>> from adviz import DN2
    >>> sweep.gaps(sweep.grid("mvtec", ["cable"], [DN2()]), root="data")[0].stops
    True
    """

    data: str
    category: str
    missing: str
    stops: bool
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.data}/{self.category}: no {self.missing}"


def gaps(experiments: Iterable[Experiment], root: str | Path | None = None) -> tuple[Gap, ...]:
    """Look for what the data of experiments lack; nothing is computed, and no image is read.

    Looked for are, in MVTec-style trees, categories, ``train/good``, ``test`` and ``test/good``
    with images in them (or ``good`` and ``bad``), defective test images, a mask for each of these
    if any has one, and, in the 15 categories of MVTec AD, files whose number is left out; in other
    trees whatever stops their reader, and masks. No video is decoded.

    Parameters
    ----------
    experiments: their data sets and categories count.
    root: folder of the data sets; None = what ``$ADVIZ_DATA`` names, or ``./data``.

    Examples
    --------
    >>> from adviz import DN2
    >>> sweep.gaps(sweep.grid("demo", ["hex_nut"], [DN2()]))
    ()
    """
    place = None if root is None else Path(root)
    pairs = dict.fromkeys((one.data, one.category) for one in experiments if one.data != DEMO)
    found = [
        gap for pair in pairs if pair[0] not in READ_BY_NAME for gap in _in_category(*pair, place)
    ]
    found += [
        gap for pair in pairs if pair[0] in (TILES, *CAMPUS) for gap in _in_own_tree(*pair, place)
    ]
    classes = {one.data: one for one in experiments if one.data in ONE_CLASS}
    for one in classes.values():
        try:
            load(one, place)
        except (OSError, ValueError) as error:
            found.append(Gap(one.data, one.category, f"images ({error})", True))
    return tuple(found)


def remarks(found: Sequence[Gap]) -> list[str]:
    """Return sentences on data that are incomplete, and on numbers that whole data do not give."""
    sentences = []
    for words, optional in (("data incomplete", False), ("some numbers cannot be had", True)):
        mine = [gap for gap in found if gap.optional == optional]
        if mine:
            sentences.append(f"{words}: {said(mine)}")
    return sentences


def said(found: Sequence[Gap]) -> str:
    """Return gaps as one sentence; those that are alike are named together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for gap in found:
        alike.setdefault((gap.data, gap.missing), []).append(gap.category)
    parts = [f"{data}: no {missing} of {listed(names)}" for (data, missing), names in alike.items()]
    return "; ".join(parts)


def listed(names: Sequence[str], most: int = 15) -> str:
    """Return names with commas, the first few of many."""
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")


def _in_category(data: str, category: str, root: Path | None) -> Iterator[Gap]:
    place = folder_of(data, root)
    if not place.is_dir():
        yield Gap(data, category, f"folder {place}, and so nothing", True)
        return
    there = place / category
    wanted = {"category folder": there}
    if not sorted_photos.is_sorted(there):
        wanted |= {"folder train/good": there / "train" / "good", "folder test": there / "test"}
    for name, folder in wanted.items():
        if not folder.is_dir():
            yield Gap(data, category, name, True)
            return
    try:
        whole = mvtec(place, category)
    except (OSError, ValueError) as error:
        yield Gap(data, category, f"readable tree ({error})", True)
        return
    published = category in MVTEC_AD
    for missing in _in_split(whole.test):
        yield Gap(
            data,
            category,
            missing,
            False,
            optional=not published and not missing.startswith(PARTLY),
        )
    if category in MVTEC_AD and (left_out := [*_left_out(whole.train), *_left_out(whole.test)]):
        yield Gap(data, category, f"files {listed(left_out, NAMED)}", False)


def _in_own_tree(data: str, category: str, root: Path | None) -> Iterator[Gap]:
    place = folder_of(data, root)
    try:
        if data in CAMPUS:
            training_clips(place, category)
            test = judged_frames(place, category)
        else:
            test = magnetic_tile(place).test
    except (OSError, ValueError) as error:
        yield Gap(data, category, f"readable tree ({error})", True)
        return
    yield from (
        Gap(data, category, missing, False) for missing in _in_split(test, "good images", "masks")
    )


def _in_split(
    test: Split, good: str = "images in test/good", masks: str = "masks in ground_truth"
) -> Iterator[str]:
    labels = test.labels.tolist()
    if GOOD not in labels:
        yield good
    if ANOMALOUS not in labels:
        yield "images of defects in test"
    elif not test.has_masks:
        yield masks
    elif without := without_mask(test):
        yield f"{PARTLY}{listed(without, NAMED)}"


def _left_out(split: Split) -> list[str]:
    """Return files that should be there, since later numbers are."""
    folders: dict[Path, set[str]] = {}
    for path in split.paths:
        folders.setdefault(path.parent, set()).add(path.stem)
    missing = []
    for folder, stems in folders.items():
        if all(NUMBERED.fullmatch(stem) for stem in stems):
            wanted = {f"{number:03}" for number in range(int(max(stems)))}
            missing += [
                f"{folder.parent.name}/{folder.name}/{stem}" for stem in sorted(wanted - stems)
            ]
    return missing
