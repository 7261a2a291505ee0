"""How many images the publishers say there are."""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache
from pathlib import Path

from adviz.data.checking.report import Counted, Finding
from adviz.data.folder_tree import Entry, Tree
from adviz.data.split import ANOMALOUS, GOOD

TABLE = Path(__file__).with_name("published.csv")
WHOLE = "all"  # the rows of a data set as a whole
MVTEC = "MVTec AD"
# a folder's name alone does not make it MVTec AD's: these kinds of defects do
MVTEC_DEFECTS = {
    "bottle": "broken_large broken_small contamination",
    "cable": "bent_wire cable_swap combined cut_inner_insulation cut_outer_insulation missing_cable missing_wire "
    "poke_insulation",
    "capsule": "crack faulty_imprint poke scratch squeeze",
    "carpet": "color cut hole metal_contamination thread",
    "grid": "bent broken glue metal_contamination thread",
    "hazelnut": "crack cut hole print",
    "leather": "color cut fold glue poke",
    "metal_nut": "bent color flip scratch",
    "pill": "color combined contamination crack faulty_imprint pill_type scratch",
    "screw": "manipulated_front scratch_head scratch_neck thread_side thread_top",
    "tile": "crack glue_strip gray_stroke oil rough",
    "toothbrush": "defective",
    "transistor": "bent_lead cut_lead damaged_case misplaced",
    "wood": "color combined hole liquid scratch",
    "zipper": "broken_teeth combined fabric_border fabric_interior rough split_teeth squeezed_teeth",
}
# categories without a count that we are sure of; of BTAD's 02 and 03 two are published
MORE = {
    "BTAD": {"01", "02", "03"},
    "MVTec AD 2": {
        "can",
        "fabric",
        "fruit_jelly",
        "rice",
        "sheet_metal",
        "vial",
        "wallplugs",
        "walnuts",
    },
    "MVTec LOCO AD": {"splicing_connectors"},
}


@cache
def published() -> dict[tuple[str, str], dict[str, tuple[int, str]]]:
    """Return {(data set, category): {part: (images, source)}}."""
    found: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
    with TABLE.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            key = row["dataset"], row["category"]
            found.setdefault(key, {})[row["part"]] = int(row["count"]), row["source"]
    return found


def data_set(tree: Tree) -> str:
    """Return which published data set a category is of, "" if none is known."""
    if tree.layout != "MVTec style":
        return tree.layout
    expected = set(MVTEC_DEFECTS.get(tree.name, "").split())
    there = {entry.defect for entry in tree.of("test")} - {"good", "unlabelled"}
    return MVTEC if expected and 2 * len(expected & there) >= len(expected | there) else ""


def counted(trees: list[Tree]) -> tuple[list[Counted], list[Finding]]:
    """Return the images of every part beside what was published, and where the two differ."""
    counts: list[Counted] = []
    findings: list[Finding] = []
    for tree in trees:
        name = data_set(tree)
        known = published().get((name, tree.name if categories(name) else WHOLE), {})
        here = _numbers(tree.entries)
        for part in dict.fromkeys([*_shown(tree), *known]):
            counts.append(
                Counted(tree.name, part, here[part], known[part][0] if part in known else None)
            )
        findings += _compared(tree.name, here, known)
    return counts, findings + _compared_whole(trees)


def categories(name: str) -> set[str]:
    """Return the categories of a published data set; none of one that has no categories, or is not known."""
    return {category for data, category in published() if data == name} - {WHOLE} | MORE.get(
        name, set()
    )


def _compared_whole(trees: list[Tree]) -> list[Finding]:
    """Compare a data set of several categories as a whole, if all of it is of one publication."""
    names = {data_set(tree) for tree in trees}
    there, name = {tree.name for tree in trees}, names.pop() if len(names) == 1 else ""
    if len(trees) < 2 or not (expected := categories(name)):
        return []
    if lacking := sorted(expected - there):
        message = f"{len(lacking)} of {len(expected)} categories of {name} are not here: {', '.join(lacking)}"
        return [Finding("missing categories", message, serious=False)]
    here = _numbers([entry for tree in trees for entry in tree.entries])
    return _compared("", here, published().get((name, WHOLE), {}))


def _numbers(entries: list[Entry]) -> Counter[str]:
    """Count images by every name of a part: "test", "test good", "test defective", "test scratch", "defective", ..."""
    found: Counter[str] = Counter()
    for entry in entries:
        kind = {GOOD: "good", ANOMALOUS: "defective"}.get(entry.known, "unlabelled")
        names = {f"{entry.part} {kind}".strip(), f"{entry.part} {entry.defect}".strip()}
        found.update({*names, entry.part or "images"})
    return found


def _shown(tree: Tree) -> list[str]:
    """Return the parts to print of a category."""
    parts = {entry.part for entry in tree.entries}
    shown: list[str] = [part for part in ("train", "validation") if part in parts]
    for part in sorted(parts - set(shown)):
        labelled = any(entry.known in (GOOD, ANOMALOUS) for entry in tree.of(part))
        there = _numbers(tree.of(part))
        split = [f"{part} {kind}".strip() for kind in ("good", "defective", "unlabelled")]
        shown += (
            [name for name in split if there[name]]
            if labelled and tree.layout != ""
            else [part or "images"]
        )
    return shown


def _compared(
    category: str, here: Counter[str], known: dict[str, tuple[int, str]]
) -> list[Finding]:
    """Return a finding if a count is not the published one: missing images are serious, more of them are not."""
    other = {part: count for part, (count, _) in known.items() if count != here[part]}
    if not other:
        return []
    sources = "; ".join(dict.fromkeys(known[part][1] for part in other))
    listed = ", ".join(f"{here[part]} of {count} {part}" for part, count in other.items())
    fewer = any(here[part] < count for part, count in other.items())
    message = (
        f"there are {'fewer' if fewer else 'more'} images than published: {listed} ({sources})"
    )
    return [Finding("counts", message, serious=fewer, category=category)]
