"""How many images the publishers say there are."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from adviz.data.checking.report import Counted, Finding
from adviz.data.folder_tree import Entry, Tree
from adviz.data.split import ANOMALOUS, GOOD, UNLABELLED

COUNTS = Path(__file__).with_name("published.csv")
DEFECTS = Path(__file__).with_name("mvtec_ad_defects.csv")
ALL_CATEGORIES = "all"  # in the table: the images of all categories together
MVTEC = "MVTec AD"
KINDS = {GOOD: "good", ANOMALOUS: "defective", UNLABELLED: "unlabelled"}


@cache
def published_table() -> dict[tuple[str, str], dict[str, tuple[int, str]]]:
    """Return {(data set, category): {part: (number of images, source)}}.

    A category without a count that we are sure of has a line with empty fields, and no part here.
    """
    table: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
    with COUNTS.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            counts = table.setdefault((row["dataset"], row["category"]), {})
            if row["count"]:
                counts[row["part"]] = (int(row["count"]), row["source"])
    return table


@cache
def mvtec_defects() -> dict[str, set[str]]:
    """Return the kinds of defects of each category of MVTec AD."""
    with DEFECTS.open(encoding="utf-8", newline="") as lines:
        return {row["category"]: set(row["defects"].split()) for row in csv.DictReader(lines)}


def published_counts(data_set: str, category: str = ALL_CATEGORIES) -> dict[str, int]:
    """Return the published number of images of each part; {} where none is known.

    Parameters
    ----------
    data_set: "MVTec AD", "MVTec LOCO AD", "BTAD", "VisA", "MTD", "CUB-200-2011" or "Flowers-102".
    category: one of its categories; "all" = of all together.

    Examples
    --------
    >>> data.published_counts("MVTec AD", "bottle")
    {'train': 209, 'test good': 20, 'test defective': 63}
    """
    counts = published_table().get((data_set, category), {})
    return {part: count for part, (count, _) in counts.items()}


def categories(data_set: str) -> set[str]:
    """Return the categories of a published data set; none if it has none, or is not known."""
    names = {category for name, category in published_table() if name == data_set}
    return names - {ALL_CATEGORIES}


def data_set_of(tree: Tree) -> str:
    """Return which published data set a category is of, "" if none is known."""
    if tree.layout != "MVTec style":
        return tree.layout
    # A folder called "bottle" need not be MVTec AD's: its kinds of defects tell.
    expected = mvtec_defects().get(tree.name, set())
    defects = {entry.defect for entry in tree.of("test")} - {"good", "unlabelled"}
    # They are at least half of the kinds that either of the two has.
    if expected and 2 * len(expected & defects) >= len(expected | defects):
        return MVTEC
    return ""


def compare_counts(trees: list[Tree]) -> tuple[list[Counted], list[Finding]]:
    """Return the images of every part beside the published ones, and where the two differ."""
    counts: list[Counted] = []
    findings: list[Finding] = []
    for tree in trees:
        name = data_set_of(tree)
        category = tree.name if categories(name) else ALL_CATEGORIES
        published = published_counts(name, category)
        images = _images_by_part(tree.entries)
        for part in dict.fromkeys([*_displayed_parts(tree), *published]):
            counts.append(Counted(tree.name, part, images[part], published.get(part)))
        findings += _differences(images, name, category, displayed=tree.name)
    return counts, findings + _compare_all_categories(trees)


def _compare_all_categories(trees: list[Tree]) -> list[Finding]:
    """Compare the categories together, if all of them are of one published data set."""
    names = {data_set_of(tree) for tree in trees}
    if len(trees) < 2 or len(names) > 1:
        return []
    name = names.pop()
    expected = categories(name)
    if not expected:
        return []
    # The totals of a data set can be compared only if all of it is there.
    missing = sorted(expected - {tree.name for tree in trees})
    if missing:
        message = (
            f"{len(missing)} of {len(expected)} categories of {name} are not here: "
            f"{', '.join(missing)}"
        )
        return [Finding("missing categories", message, serious=False)]
    images = _images_by_part(entry for tree in trees for entry in tree.entries)
    return _differences(images, name, ALL_CATEGORIES, displayed="")


def _images_by_part(entries: Iterable[Entry]) -> Counter[str]:
    """Count images by every name of a part: "test", "test good", "test scratch", "defective"."""
    images: Counter[str] = Counter()
    for entry in entries:
        kind = f"{entry.part} {KINDS[entry.known]}".strip()
        defect = f"{entry.part} {entry.defect}".strip()
        images.update({kind, defect, entry.part or "images"})
    return images


def _displayed_parts(tree: Tree) -> list[str]:
    """Return the parts of a category to print, those with labels by kind: "test good"."""
    parts = {entry.part for entry in tree.entries}
    displayed: list[str] = [part for part in ("train", "validation") if part in parts]
    for part in sorted(parts - set(displayed)):
        entries = tree.of(part)
        has_labels = any(entry.known != UNLABELLED for entry in entries)
        if has_labels and tree.layout:
            images = _images_by_part(entries)
            kinds = [f"{part} {kind}".strip() for kind in KINDS.values()]
            displayed += [kind for kind in kinds if kind in images]
        else:
            displayed.append(part or "images")
    return displayed


def _differences(
    images: Counter[str], data_set: str, category: str, *, displayed: str
) -> list[Finding]:
    """Return a finding if a count is not the published one: missing images alone are serious."""
    differing = {}
    sources = []
    for part, (count, source) in published_table().get((data_set, category), {}).items():
        if images[part] != count:
            differing[part] = count
            sources.append(source)
    if not differing:
        return []
    are_missing = any(images[part] < count for part, count in differing.items())
    comparison = "fewer" if are_missing else "more"
    counts = ", ".join(f"{images[part]} of {count} {part}" for part, count in differing.items())
    message = (
        f"there are {comparison} images than published: {counts} "
        f"({'; '.join(dict.fromkeys(sources))})"
    )
    return [Finding("counts", message, serious=are_missing, category=displayed)]
