"""What tells good images from bad ones without a look at the part: how they were taken, stored or named.

A detector finds whatever differs from the images it learned from. Where all defective images are
JPEG files and the others are not, it may find the compression and no defect, and what is measured
says how well it does that.

Whether two groups of images differ by more than luck is a permutation test: if the defective ones
were drawn at random, how probable were groups without a value in common? Very little for two values
(all of 10 here, all of 84 there), and 1 where every image has a value of its own, so that sets of
images of many sizes are not suspected.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from typing import NamedTuple

from adviz.data.checking.files import ImageFacts
from adviz.data.checking.report import Finding
from adviz.data.checking.rules import Seen
from adviz.data.split import ANOMALOUS, GOOD

LEAST = 3  # images of a group of which anything is said
CHANCE = 0.01  # probability of a difference by luck below which it is taken for none
PARTIAL_CHANCE = 0.001  # the same for a part of the defective images
TELLING = 5  # times as frequent among the defective images as among the good ones
VALUES = 20  # different values beyond which only their order counts
NAMED = 3  # values that a sentence names
LEARNED = ("train", "validation")
JPEG = "JPEG"
LOSSY = {JPEG, "WEBP", "AVIF", "HEIF", "JPEG2000", "GIF"}
# Of 8 bits: nothing shows once they are RGB
PLAIN_MODES = {"L", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX"}
DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])[-_T ]?(\d{6})?(?!\d)"
)
NUMBER = re.compile(r"(.*?)(\d+)\D*")


class Groups(NamedTuple):
    """The images of a category: those learned from, other good ones, and defective ones."""

    learned: list[ImageFacts]
    good: list[ImageFacts]
    bad: list[ImageFacts]


@dataclass(frozen=True)
class Trait:
    """Something of an image file that is no property of the part.

    Attributes
    ----------
    name: of the finding's kind.
    of: returns its value in words, "" where the file does not say.
    all_are, one_is: how images are said to have the value: "are {}" and "is".
    advice: what it means, or what to do.
    visible: tells of the values that differ whether a detector can see that in the pixels.
    order: a number by which the images can be ordered; None = the values can only be equal or not.
    more, less: what images do that are beyond the others in this order: "are larger".
    """

    name: str
    of: Callable[[ImageFacts], str]
    all_are: str
    one_is: str
    advice: str
    visible: Callable[[set[str]], bool]
    order: Callable[[ImageFacts], int] | None = None
    more: str = ""
    less: str = ""


def told(seen: Seen) -> list[Finding]:
    """Return what tells good from bad in one category; notes only where nothing serious does."""
    groups = Groups([], [], [])
    for entry in seen.readable:
        facts = seen.images[entry.path]
        if entry.part in LEARNED and entry.known == GOOD:
            groups.learned.append(facts)
        elif entry.known == GOOD:
            groups.good.append(facts)
        elif entry.known == ANOMALOUS:
            groups.bad.append(facts)
    found = [finding for trait in TRAITS for finding in _judged(seen, groups, trait)]
    found += _numbered(seen, groups)
    return [finding for finding in found if finding.serious] or found


def _judged(seen: Seen, groups: Groups, trait: Trait) -> Iterator[Finding]:
    """Yield how a trait tells the groups apart, if it does: the most telling way only."""
    learned, good, bad = (_known(group, trait) for group in groups)
    if _apart(bad, learned + good, trait):
        words = _contrast("defective images", bad, "no good image", learned + good, trait)
        yield _leak(seen, trait, words, bad, {trait.of(facts) for facts in (*bad, *learned, *good)})
    elif _apart(good, bad + learned, trait):
        words = _contrast(
            "good test images",
            good,
            "no defective image, and none learned from,",
            bad + learned,
            trait,
        )
        yield _leak(
            seen, trait, words, good, {trait.of(facts) for facts in (*good, *bad, *learned)}
        )
    elif _apart(good, bad, trait):
        words = _contrast("defective images", bad, "no good test image", good, trait)
        message = f"{words}; both were learned from, so that it may do no harm: {trait.advice}"
        yield seen.finding(f"leak by {trait.name}", message, _paths(bad), serious=False)
    elif _apart(learned, good, trait) and trait.visible(
        {trait.of(facts) for facts in (*learned, *good)}
    ):
        words = _contrast("good test images", good, "no image learned from", learned, trait)
        message = f"{words}: all of them may look unusual by that; {trait.advice}"
        yield seen.finding(f"other {trait.name} in test", message, _paths(good), serious=False)
    else:
        yield from _partial(seen, trait, learned + good, bad)


def _leak(
    seen: Seen, trait: Trait, words: str, files: Sequence[ImageFacts], values: set[str]
) -> Finding:
    """Return the finding that a trait tells good from bad in all images."""
    visible = trait.visible(values)
    if visible:
        words += (
            ": a detector can tell them by that, and what is measured says nothing about defects"
        )
    return seen.finding(
        f"leak by {trait.name}", f"{words}; {trait.advice}", _paths(files), serious=visible
    )


def _contrast(
    who: str, ours: Sequence[ImageFacts], nobody: str, theirs: Sequence[ImageFacts], trait: Trait
) -> str:
    """Return "all 10 defective images are JPEG, no good image is (PNG)"."""
    beyond = _beyond(ours, theirs, trait)
    counts = {trait.of(facts) for facts in (*ours, *theirs)}
    if beyond and len(counts) > 2:
        return f"all {len(ours)} {who} {beyond} ({_range(ours, trait)}) than the others ({_range(theirs, trait)})"
    named = trait.all_are.format(_values(ours, trait))
    return f"all {len(ours)} {who} {named}, {nobody} {trait.one_is} ({_values(theirs, trait)})"


def _known(group: Sequence[ImageFacts], trait: Trait) -> list[ImageFacts]:
    return [facts for facts in group if trait.of(facts)]


def _common(one: Sequence[ImageFacts], other: Sequence[ImageFacts], trait: Trait) -> bool:
    return bool({trait.of(facts) for facts in one} & {trait.of(facts) for facts in other})


def _apart(one: Sequence[ImageFacts], other: Sequence[ImageFacts], trait: Trait) -> bool:
    """Tell whether two groups have no value in common, or follow each other, by more than luck."""
    if min(len(one), len(other)) < LEAST or _common(one, other, trait):
        return False
    counts = Counter(trait.of(facts) for facts in (*one, *other))
    if len(counts) <= VALUES and chance(list(counts.values()), len(one)) < CHANCE:
        return True
    return bool(_beyond(one, other, trait)) and 2 / comb(len(one) + len(other), len(one)) < CHANCE


def _beyond(one: Sequence[ImageFacts], other: Sequence[ImageFacts], trait: Trait) -> str:
    """Return what all of one group are beside all of the other in the order of a trait; "" if they overlap."""
    if trait.order is None:
        return ""
    ours = [trait.order(facts) for facts in one]
    theirs = [trait.order(facts) for facts in other]
    if min(ours) > max(theirs):
        return trait.more
    return trait.less if max(ours) < min(theirs) else ""


def chance(counts: Sequence[int], drawn: int) -> float:
    """Return how probable it is that images drawn at random have no value in common with the others.

    Parameters
    ----------
    counts: of the images that have each value.
    drawn: images drawn of all of them.

    Notes
    -----
    Exact: of all ways to draw, those are counted that draw all images of a value or none.
    """
    ways = [1] + [0] * drawn  # to draw 0, 1, ... images from the values so far
    for count in counts:
        for total in range(drawn, count - 1, -1):
            ways[total] += ways[total - count]
    return ways[drawn] / comb(sum(counts), drawn)


def _values(group: Sequence[ImageFacts], trait: Trait) -> str:
    """Return the most frequent values of a group in words."""
    counts = Counter(trait.of(facts) for facts in group)
    names = [value for value, _ in counts.most_common(NAMED)]
    more = ["others"] if len(counts) > NAMED else []
    return " or ".join([*names, *more])


def _range(group: Sequence[ImageFacts], trait: Trait) -> str:
    """Return the first and the last value of a group in the order of a trait."""
    ordered = sorted(group, key=trait.order or trait.of)
    first, last = trait.of(ordered[0]), trait.of(ordered[-1])
    return first if first == last else f"{first} to {last}"


def _paths(group: Sequence[ImageFacts]) -> list[Path]:
    return [facts.path for facts in group]


def _partial(
    seen: Seen, trait: Trait, good: Sequence[ImageFacts], bad: Sequence[ImageFacts]
) -> Iterator[Finding]:
    """Yield a note if many defective images have a value that hardly any good one has."""
    here = Counter(trait.of(facts) for facts in bad)
    there = Counter(trait.of(facts) for facts in good)
    if len(here | there) > VALUES or len(good) < LEAST or not trait.visible({*here, *there}):
        return
    for value, count in here.most_common():
        telling = count >= LEAST and count * len(good) > TELLING * there[value] * len(bad)
        if telling and _drawn_as_many(count, there[value], len(bad), len(good)) < PARTIAL_CHANCE:
            words = f"{count} of {len(bad)} defective images {trait.all_are.format(value)}"
            message = f"{words}, and {there[value]} of {len(good)} good ones: a detector may tell these by that; "
            message += trait.advice
            files = [facts.path for facts in bad if trait.of(facts) == value]
            yield seen.finding(f"leak by {trait.name}", message, files, serious=False)
            return


def _drawn_as_many(count: int, others: int, drawn: int, left: int) -> float:
    """Return how probable `count` or more of the images with a value are among those drawn at random (Fisher)."""
    having = count + others
    ways = sum(
        comb(having, here) * comb(drawn + left - having, drawn - here)
        for here in range(count, min(having, drawn) + 1)
    )
    return ways / comb(drawn + left, drawn)


def _numbered(seen: Seen, groups: Groups) -> Iterator[Finding]:
    """Yield a note if the numbers in the names of the defective images go on where those of the good ones end."""
    every = [facts for group in groups for facts in group]
    parts = [NUMBER.fullmatch(facts.path.stem) for facts in every]
    dated = any(DATE.search(facts.path.stem) for facts in every)
    if dated or not all(parts) or len({part[1].casefold() for part in parts if part}) != 1:
        return
    good = groups.learned + groups.good
    if _apart(groups.bad, good, NUMBERS):
        words = _contrast("defective images", groups.bad, "", good, NUMBERS)
        yield _leak(seen, NUMBERS, words, groups.bad, set())


def _taken(facts: ImageFacts) -> str:
    """Return when an image was taken, as digits, from its file or its name; "" if neither says."""
    in_name = DATE.search(facts.path.stem)
    return facts.taken or "".join(filter(None, in_name.groups() if in_name else ()))


def _day(facts: ImageFacts) -> str:
    digits = _taken(facts)
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if digits else ""


def _moment(facts: ImageFacts) -> int:
    return int(_taken(facts)[:14].ljust(14, "0"))


def _number(facts: ImageFacts) -> int:
    found = NUMBER.fullmatch(facts.path.stem)
    return int(found[2]) if found else 0


def _always(_values: set[str]) -> bool:
    return True


def _never(_values: set[str]) -> bool:
    return False


def _pixels(facts: ImageFacts) -> int:
    return facts.size[0] * facts.size[1]


SAME_WAY = "take and store all images in one way"
COMPARE = "no detector sees that itself, but they came another way: compare their light, place and sharpness"
IN_TURN = "if light or set-up changed in between, a detector may find that; take good and bad ones in turn"
TRAITS = (
    Trait(
        name="format",
        of=lambda facts: JPEG if facts.format == "MPO" else facts.format,  # with a preview
        all_are="are {}",
        one_is="is",
        advice=SAME_WAY,
        visible=lambda values: bool(values & LOSSY),
    ),
    Trait(
        name="size",
        of=lambda facts: f"{facts.size[0]}x{facts.size[1]}",
        all_are="are {} pixels",
        one_is="is",
        advice=SAME_WAY,
        visible=_always,
        order=_pixels,
        more="are larger",
        less="are smaller",
    ),
    Trait(
        name="colour",
        of=lambda facts: "grey" if facts.grey else "in colour",
        all_are="are {}",
        one_is="is",
        advice=SAME_WAY,
        visible=_always,
    ),
    Trait(
        name="mode",
        of=lambda facts: facts.mode,
        all_are="have the mode {}",
        one_is="has",
        advice=SAME_WAY,
        visible=lambda values: not values <= PLAIN_MODES,
    ),
    Trait(
        name="JPEG quality",
        of=lambda facts: str(facts.quality or ""),
        all_are="have the JPEG quality {}",
        one_is="has",
        advice=SAME_WAY,
        visible=_always,
        order=lambda facts: facts.quality,
        more="are of higher JPEG quality",
        less="are of lower JPEG quality",
    ),
    Trait(
        name="camera",
        of=lambda facts: facts.camera,
        all_are="were taken with {}",
        one_is="was",
        advice=SAME_WAY,
        visible=_always,
    ),
    Trait(
        name="software",
        of=lambda facts: facts.software,
        all_are="were written by {}",
        one_is="was",
        advice=COMPARE,
        visible=_never,
    ),
    Trait(
        name="date",
        of=_day,
        all_are="were taken on {}",
        one_is="was",
        advice=IN_TURN,
        visible=_never,
        order=_moment,
        more="were taken later",
        less="were taken earlier",
    ),
)
NUMBERS = Trait(
    name="number",
    of=lambda facts: facts.path.stem,
    all_are="have the names {}",
    one_is="has",
    advice=IN_TURN,
    visible=_never,
    order=_number,
    more="have higher numbers",
    less="have lower numbers",
)
