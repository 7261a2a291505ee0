"""What looks wrong with the images and masks of one category."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from adviz.data.checking.crop_audit import audit
from adviz.data.checking.files import ImageFacts, MaskFacts, mask_is_turned, same_bytes
from adviz.data.checking.layouts import VARYING, looks_good
from adviz.data.checking.report import Finding, named
from adviz.data.folder_tree import Entry, Tree
from adviz.data.geometry import Geometry, in_words
from adviz.data.masks import are_labels
from adviz.data.readers import sorted_photos
from adviz.data.split import ANOMALOUS, GOOD, UNLABELLED, Split

SMALLEST = 8  # pixels of a side; smaller images hold nothing to look at
LARGEST = 50_000_000  # pixels
LONGEST = 16_000  # pixels of a side
FEW = 16  # grey levels of a mask; soft edges have more


@dataclass(frozen=True, eq=False)
class Seen:
    """One category and what is known of each of its files."""

    tree: Tree
    images: dict[Path, ImageFacts]
    masks: dict[Path, MaskFacts]
    geometry: Geometry
    base: Path

    @property
    def readable(self) -> list[Entry]:
        """Images that can be opened."""
        return [entry for entry in self.tree.entries if not self.images[entry.path].problem]

    @property
    def marked(self) -> list[tuple[Entry, MaskFacts]]:
        """Images that are not good, with a readable mask."""
        pairs = [
            (entry, self.masks[entry.mask])
            for entry in self.tree.entries
            if entry.mask and entry.known != GOOD
        ]
        return [(entry, mask) for entry, mask in pairs if not mask.problem]

    def finding(
        self, kind: str, message: str, files: Iterable[Path] = (), *, serious: bool = True
    ) -> Finding:
        """Return a finding of this category."""
        return Finding(kind, message, named(list(files), self.base), serious, self.tree.name)


def judged(seen: Seen) -> list[Finding]:
    """Return all findings of one category."""
    return [finding for rule in RULES for finding in rule(seen)]


def _unreadable(seen: Seen) -> Iterator[Finding]:
    images = [seen.images[entry.path] for entry in seen.tree.entries]
    masks = [seen.masks[entry.mask] for entry in seen.tree.entries if entry.mask]
    for kind, facts in (("images", images), ("masks", masks)):
        bad: dict[Path, str] = {one.path: one.problem for one in facts if one.problem}
        if bad:
            first = next(iter(bad.values()))
            yield seen.finding(
                f"unreadable {kind}", f"{len(bad)} {kind} cannot be read, first: {first}", bad
            )


def _duplicates(seen: Seen) -> Iterator[Finding]:
    groups: dict[bytes, list[Entry]] = defaultdict(list)
    for entry in seen.readable:
        groups[seen.images[entry.path].pixels].append(entry)
    across, inside = [], defaultdict(list)
    for group in (group for group in groups.values() if len(group) > 1):
        parts = {entry.part for entry in group}
        if "train" in parts and len(parts) > 1:
            across.append(group)
        for part in parts:
            if len(same := [entry for entry in group if entry.part == part]) > 1:
                inside[part].append(same)
    if across:
        yield _repeated(
            seen,
            "duplicates across parts",
            across,
            "training images are also outside train: scores of these test images mean nothing; remove one of each",
        )
    for part, found in sorted(inside.items()):
        where = f" within {part}" if part else ""
        yield _repeated(
            seen,
            f"duplicates{where}",
            found,
            f"images are there more than once{where}",
            serious=False,
        )


def _repeated(
    seen: Seen, kind: str, groups: list[list[Entry]], message: str, *, serious: bool = True
) -> Finding:
    files = [[entry.path for entry in group] for group in groups]
    alike = sum(same_bytes(group) for group in files)
    how = f"{alike} the same to the last byte, {len(files) - alike} by their pixels"
    return seen.finding(
        kind,
        f"{len(files)} {message} ({how})",
        [one for group in files for one in group],
        serious=serious,
    )


def _sizes(seen: Seen) -> Iterator[Finding]:
    sizes = {entry.path: seen.images[entry.path].size for entry in seen.readable}
    small = [path for path, size in sizes.items() if min(size) < SMALLEST]
    if small:
        least = min(sizes[path] for path in small)
        message = f"{len(small)} images are below {SMALLEST} pixels on a side, smallest {least[0]}x{least[1]}"
        yield seen.finding("tiny images", f"{message}: nothing can be seen in them", small)
    huge = [
        path
        for path, (width, height) in sizes.items()
        if width * height > LARGEST or max(width, height) > LONGEST
    ]
    if huge:
        width, height = max((sizes[path] for path in huge), key=lambda size: size[0] * size[1])
        message = f"{len(huge)} images are enormous, largest {width}x{height}: resizing loses most of it; cut them up"
        yield seen.finding("enormous images", message, huge, serious=False)
    kinds = Counter(size for path, size in sizes.items() if path not in small)
    if len(kinds) > 1 and seen.tree.layout not in VARYING:
        common = ", ".join(
            f"{width}x{height} ({count})" for (width, height), count in kinds.most_common(4)
        )
        odd = [
            path
            for path, size in sizes.items()
            if size != kinds.most_common(1)[0][0] and path not in small
        ]
        message = f"images have {len(kinds)} sizes, most often {common}: see `Geometry` on how they become one"
        yield seen.finding("sizes vary", message, odd, serious=False)


def _stacks(seen: Seen) -> Iterator[Finding]:
    if stacks := [entry.path for entry in seen.readable if seen.images[entry.path].frames > 1]:
        most = max(seen.images[path].frames for path in stacks)
        message = f"{len(stacks)} files hold several images, up to {most}; only the first is read: split them"
        yield seen.finding("several images in a file", message, stacks)


def _turned(seen: Seen) -> Iterator[Finding]:
    pairs = [(entry, mask) for entry, mask in seen.marked if seen.images[entry.path].turned]
    drawn = [entry.path for entry, mask in pairs if not mask_is_turned(mask.path)]
    if drawn:
        yield seen.finding(
            "turned images",
            f"{len(drawn)} images with masks are turned by an orientation tag that their masks lack, so that the masks "
            "belong to the picture before turning: turn the masks, or remove the tag",
            drawn,
        )


def _masks(seen: Seen) -> Iterator[Finding]:
    empty = [mask.path for _, mask in seen.marked if not mask.marked]
    full = [mask.path for _, mask in seen.marked if mask.marked == mask.size[0] * mask.size[1]]
    if empty:
        yield seen.finding(
            "empty masks",
            f"{len(empty)} masks of defective images mark nothing: draw the defect",
            empty,
        )
    if full:
        yield seen.finding(
            "full masks", f"{len(full)} masks mark every pixel: inverted, or of another kind?", full
        )
    anomalous = [entry for entry in seen.tree.entries if entry.known == ANOMALOUS]
    bare = [entry.path for entry in anomalous if not entry.mask]
    if bare and any(entry.mask for entry in seen.tree.entries):
        message = f"no mask for {len(bare)} of {len(anomalous)} defective images, which pixel numbers leave out: draw it"
        yield seen.finding("images without mask", message, bare)
    elif bare:
        message = (
            f"none of {len(bare)} defective images has a mask: there are image-level numbers only"
        )
        yield seen.finding("no masks", message, serious=False)
    other = [entry.path for entry, mask in seen.marked if _differs(mask, seen.images[entry.path])]
    if other:
        yield seen.finding(
            "masks of another size", f"{len(other)} masks are not of their image's size", other
        )
    good = [
        (entry.path, seen.masks[entry.mask])
        for entry in seen.tree.entries
        if entry.mask and entry.known == GOOD
    ]
    defective = [path for path, mask in good if not mask.problem and mask.marked]
    if defective:
        message = (
            f"{len(defective)} good images have a mask that marks something, which is not looked at: if they are "
            "defective, put them into the folder of their defect; else remove their masks"
        )
        yield seen.finding("masks of good images", message, defective)


def _differs(mask: MaskFacts, image: ImageFacts) -> bool:
    return not image.problem and mask.size != image.size


def _lost(seen: Seen) -> Iterator[Finding]:
    lost = [entry for entry, mask in seen.marked if mask.marked and not mask.kept]
    if not lost:
        return
    paths, masks = [entry.path for entry in lost], [entry.mask for entry in lost]
    split = Split(
        paths,
        [ANOMALOUS] * len(lost),
        masks,
        [entry.defect for entry in lost],
        geometry=seen.geometry,
    )
    inside = audit(split, rules=[seen.geometry.mask_rule])["inside"]
    outside = int((inside == 0).sum())
    size = in_words(seen.geometry.size)
    yield seen.finding(
        "lost defects",
        f"{len(lost)} defects are gone after resize and crop to {size} pixels ({outside} outside the "
        f"crop, {len(lost) - outside} too thin for the mask rule {seen.geometry.mask_rule!r}), although the images are "
        "still called defective: use crop=False, another mask rule or size; `data.audit` lists what is left of each",
        paths,
    )


def _bits(seen: Seen) -> Iterator[Finding]:
    """Find what files of more than 8 bits become, by the rule of `adviz.data.images.Depth`."""
    deep = {
        entry.path: seen.images[entry.path]
        for entry in seen.readable
        if seen.images[entry.path].bits
    }
    if not deep:
        return
    plain = [entry.path for entry in seen.readable if entry.path not in deep]
    if plain:
        message = (
            f"{len(deep)} images are of more than 8 bits, {len(plain)} of 8: whether one grey means the same in both "
            "depends on how they were made; save all of them alike"
        )
        fewer = plain if len(plain) < len(deep) else list(deep)
        yield seen.finding("bits vary", message, fewer)
    learned = [seen.images[entry.path].bits for entry in seen.tree.entries if entry.part == "train"]
    told = (max(learned) or 16) if learned else max(facts.bits for facts in deep.values())
    bits = seen.geometry.bits or told
    above = [path for path, facts in deep.items() if facts.bits > bits]
    if above:
        message = (
            f"{len(above)} images hold values up to {max(deep[path].largest for path in above)}, above the "
            f"{2**bits - 1} of {bits} bits, which the training images use: they are refused; give "
            f"Geometry(bits={max(deep[path].bits for path in above)})"
        )
        yield seen.finding("values above white", message, above)
    if bits < 16:
        largest = max(facts.largest for facts in deep.values() if facts.bits <= bits)
        message = (
            f"{len(deep)} images are of more than 8 bits, of which {bits} are used (largest value {largest}): "
            f"{2**bits - 1} becomes white; Geometry(bits=16) makes it 65535"
        )
        yield seen.finding("bits", message, serious=False)


def _dropped(seen: Seen) -> Iterator[Finding]:
    clear = [entry.path for entry in seen.readable if seen.images[entry.path].transparent]
    if clear:
        message = (
            f"{len(clear)} images have an alpha channel, which is dropped: what was transparent is seen, in whatever "
            "colour lies below; paint the background if it should not be"
        )
        yield seen.finding("alpha dropped", message, clear, serious=False)
    more = {
        entry.path: seen.images[entry.path]
        for entry in seen.readable
        if seen.images[entry.path].dropped
    }
    if more:
        most = max(facts.dropped for facts in more.values())
        message = (
            f"{len(more)} images have bands that are not read, up to {most} of them: the first is read as grey, or the "
            "first three as red, green and blue; save the bands that show defects as such"
        )
        yield seen.finding("bands dropped", message, more)


def _labels(seen: Seen) -> Iterator[Finding]:
    """Find masks with values on both sides of 128: labels, of which each is a defect, soft edges, or who knows what."""
    masks = [mask for _, mask in seen.marked if mask.low]
    found = [low for mask in masks for low in mask.low]
    paths = [mask.path for mask in masks]
    levels = frozenset[int]().union(*(low.levels for low in found))
    below = sum(low.count for low in found)
    if are_labels(found):
        names = ", ".join(map(str, sorted(levels)[:8])) + (", ..." if len(levels) > 8 else "")
        message = f"{len(masks)} masks hold labels ({names}): everything but the background 0 counts as a defect"
        yield seen.finding("masks of labels", message, paths, serious=False)
    elif len(levels) <= FEW and sum(low.alone for low in found) > below / 2:
        message = (
            f"{len(masks)} masks hold {len(levels)} grey levels: which are defects? From 128 on they count, {below} "
            "pixels below do not; save the defects as 255"
        )
        yield seen.finding("masks of grey levels", message, paths)


def _inverted(seen: Seen) -> Iterator[Finding]:
    shares = {mask.path: mask.marked / (mask.size[0] * mask.size[1]) for _, mask in seen.marked}
    most = {path: share for path, share in shares.items() if 0.5 < share < 1}
    if most:
        largest = max(most.values())
        message = f"{len(most)} of {len(shares)} masks mark more than half of the image, up to {largest:.0%}: inverted?"
        yield seen.finding("masks inverted", message, most, serious=len(most) > len(shares) / 2)


def _names(seen: Seen) -> Iterator[Finding]:
    groups: dict[tuple[Path, str], list[Path]] = defaultdict(list)
    for entry in seen.tree.entries:
        groups[entry.path.parent, entry.path.stem.casefold()].append(entry.path)
    same = [path for group in groups.values() if len(group) > 1 for path in group]
    if same:
        message = f"{len(same)} images have names that differ in suffix or case only: masks and other systems mix them up"
        yield seen.finding("names collide", message, same)


def _arrangement(seen: Seen) -> Iterator[Finding]:
    for problem in seen.tree.problems:
        yield seen.finding("arrangement", str(problem))


def _measurable(seen: Seen) -> Iterator[Finding]:
    """Yield what keeps numbers from being measured: no good or no defective image to test with."""
    tested = [entry for entry in seen.tree.entries if entry.part not in ("train", "validation")]
    labels = {entry.known for entry in tested}
    known = {entry.known for entry in seen.tree.entries}
    # Classes of photographs, of which the user chooses the good one
    if not tested or known == {UNLABELLED}:
        return
    if labels == {UNLABELLED}:
        message = "no test image has a label: there are scores and maps, and no numbers on how good they are; sort some "
        message += "into test/good and test/<defect> to measure"
        yield seen.finding("no labels", message, serious=False)
    elif GOOD not in labels:
        bad = sorted({entry.path.parent.name for entry in tested if entry.known == ANOMALOUS})
        good = [name for name in bad if looks_good(name)]
        asked = (
            f"is test/{good[0]} a folder of good images? Then call it test/good; if not, "
            if good
            else ""
        )
        message = (
            "no good test image: image AUROC is undefined, and nobody knows how often good parts are called bad; "
            f"{asked}put good images that are not learned from into test/good"
        )
        yield seen.finding("no good test images", message)
    elif ANOMALOUS not in labels:
        place = "bad" if seen.tree.layout == sorted_photos.LAYOUT else "test/<defect>"
        message = (
            "no defective test image: nothing can be measured, neither AUROC nor PRO; a threshold can be set on the "
            f"good ones all the same; to measure, put defective images into {place}"
        )
        yield seen.finding("no defective test images", message, serious=False)


def _seemingly_good(seen: Seen) -> Iterator[Finding]:
    """Ask about folders of defective images beside good ones, whose names say the opposite in some way or language."""
    if GOOD not in {
        entry.known for entry in seen.tree.entries if entry.part not in ("train", "validation")
    }:
        return  # `_measurable` asks
    asked = [
        entry
        for entry in seen.tree.entries
        if entry.known == ANOMALOUS and looks_good(entry.path.parent.name)
    ]
    for folder in sorted({entry.path.parent for entry in asked}):
        message = (
            f"is {folder.name} a folder of good images? They are taken for defective; if they are good, put them "
            "into the folder of the good ones beside it"
        )
        yield seen.finding(
            "seemingly good",
            message,
            [entry.path for entry in asked if entry.path.parent == folder],
        )


RULES: tuple[Callable[[Seen], Iterator[Finding]], ...] = (
    _arrangement,
    _measurable,
    _seemingly_good,
    _unreadable,
    _duplicates,
    _masks,
    _lost,
    _labels,
    _inverted,
    _turned,
    _sizes,
    _bits,
    _dropped,
    _stacks,
    _names,
)
