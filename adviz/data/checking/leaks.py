"""What tells good images from bad ones without a look at the part: format, camera, date, names.

A detector finds whatever differs from the images it learned from. Where all defective images are
JPEG files and the others are not, it may find the compression and no defect, and what is measured
says how well it does that.

Whether two groups of images differ by more than chance is a permutation test: if the defective ones
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

from adviz.data.checking.files import ImageInfo
from adviz.data.checking.report import Finding
from adviz.data.checking.rules import CheckedCategory
from adviz.data.split import ANOMALOUS, GOOD

MIN_IMAGES = 3  # of a group of which anything is said
MAX_CHANCE = 0.01  # probability by chance from which a difference is taken for none
MAX_PARTIAL_CHANCE = 0.001  # the same for a part of the defective images
MIN_RATIO = 5  # times as frequent among the defective images as among the good ones
MAX_VALUES = 20  # different values beyond which only their order counts
MAX_NAMES = 3  # values that a sentence lists
TRAINING_PARTS = ("train", "validation")
JPEG = "JPEG"
LOSSY = {JPEG, "WEBP", "AVIF", "HEIF", "JPEG2000", "GIF"}
# Modes of 8 bits, between which no difference remains in RGB.
PLAIN_MODES = {"L", "LA", "La", "RGB", "RGBA", "RGBa", "RGBX"}
# Year, month, day and perhaps the time in a file's name.
DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(0[1-9]|1[0-2])[-_.]?(0[1-9]|[12]\d|3[01])[-_T ]?(\d{6})?(?!\d)"
)
NUMBER = re.compile(r"(.*?)(\d+)\D*")  # the first number in a file's name, and what precedes it


def _always(_values: set[str]) -> bool:
    return True


@dataclass(frozen=True)
class Trait:
    """Something of an image file that is no property of the part.

    Attributes
    ----------
    name: of the finding's kind.
    value: returns its value in words, "" where it is not known.
    all_are, one_is: how images are said to have the value: "are {}" and "is".
    advice: what it means, or what to do.
    visible: tells of the values that differ whether a detector can see that in the pixels.
    order: a number by which images can be ordered; None = values can only be equal or not.
    more, less: what images do that are beyond the others in this order: "are larger".
    """

    name: str
    value: Callable[[ImageInfo], str]
    all_are: str = "are {}"
    one_is: str = "is"
    advice: str = "take and store all images in one way"
    visible: Callable[[set[str]], bool] = _always
    order: Callable[[ImageInfo], int] | None = None
    more: str = ""
    less: str = ""


@dataclass(frozen=True)
class Group:
    """Images of one kind of which the value of a trait is known.

    Attributes
    ----------
    name: "defective images".
    images: their properties.
    trait: the trait by which groups are compared.
    """

    name: str
    images: list[ImageInfo]
    trait: Trait

    def __len__(self) -> int:
        return len(self.images)

    def __add__(self, other: Group) -> Group:
        return Group(self.name, self.images + other.images, self.trait)

    @property
    def counts(self) -> Counter[str]:
        """The number of images that have each value."""
        return Counter(map(self.trait.value, self.images))

    def beyond(self, other: Group) -> str:
        """Return in which way all images of a group are beyond the others in order, else ""."""
        order = self.trait.order
        if order is None:
            return ""
        numbers = [order(image) for image in self.images]
        other_numbers = [order(image) for image in other.images]
        if min(numbers) > max(other_numbers):
            return self.trait.more
        if max(numbers) < min(other_numbers):
            return self.trait.less
        return ""

    def differs_from(self, other: Group) -> bool:
        """Tell whether groups have no value in common, or are ordered, by more than chance."""
        if min(len(self), len(other)) < MIN_IMAGES or self.counts.keys() & other.counts.keys():
            return False
        # Of hundreds of values no two images share one by chance; only an order says anything.
        n_by_value = list((self + other).counts.values())
        if len(n_by_value) <= MAX_VALUES and chance(n_by_value, len(self)) < MAX_CHANCE:
            return True
        # Of all orders of the images, two have all of one group before all of the other.
        chance_of_order = 2 / comb(len(self) + len(other), len(self))
        return bool(self.beyond(other)) and chance_of_order < MAX_CHANCE

    def common_values(self) -> str:
        """Return the most frequent values in words."""
        names = [value for value, _ in self.counts.most_common(MAX_NAMES)]
        if len(self.counts) > MAX_NAMES:
            names.append("others")
        return " or ".join(names)

    def value_range(self) -> str:
        """Return the first and the last value in the order of the trait."""
        images = sorted(self.images, key=self.trait.order or self.trait.value)
        first = self.trait.value(images[0])
        last = self.trait.value(images[-1])
        if first == last:
            return first
        return f"{first} to {last}"


def find_leaks(category: CheckedCategory) -> list[Finding]:
    """Return what tells good from bad in one category; notes only where nothing serious does."""
    train: list[ImageInfo] = []
    good: list[ImageInfo] = []
    bad: list[ImageInfo] = []
    for entry in category.readable:
        image = category.images[entry.path]
        if entry.known == GOOD:
            images = train if entry.part in TRAINING_PARTS else good
            images.append(image)
        elif entry.known == ANOMALOUS:
            bad.append(image)
    # Notes would only repeat in part what a serious finding says.
    findings: list[Finding] = []
    for trait in TRAITS:
        findings += _by_trait(category, trait, train, good, bad)
    findings += _by_number(category, train + good, bad)
    serious = [finding for finding in findings if finding.serious]
    return serious or findings


def _by_trait(
    category: CheckedCategory,
    trait: Trait,
    train_images: list[ImageInfo],
    good_images: list[ImageInfo],
    bad_images: list[ImageInfo],
) -> Iterator[Finding]:
    """Yield how a trait tells the groups apart, if it does: the most telling way only."""
    train = _group("images learned from", train_images, trait)
    good = _group("good test images", good_images, trait)
    bad = _group("defective images", bad_images, trait)
    kind = f"leak by {trait.name}"
    # The first that holds says most: a detector that learned from images of one value only can tell
    # the others by it; where it learned from both, the value is no sign.
    if bad.differs_from(train + good):
        contrast = _contrast(bad, train + good, "no good image")
        yield _leak(category, bad, train + good, contrast)
    elif good.differs_from(bad + train):
        contrast = _contrast(good, bad + train, "no defective image, and none learned from,")
        yield _leak(category, good, bad + train, contrast)
    elif good.differs_from(bad):
        contrast = _contrast(bad, good, "no good test image")
        message = f"{contrast}; both were learned from, so that it may do no harm: {trait.advice}"
        yield category.note(kind, message, bad.images)
    elif train.differs_from(good) and trait.visible(set((train + good).counts)):
        contrast = _contrast(good, train, "no image learned from")
        message = f"{contrast}: all of them may look unusual by that; {trait.advice}"
        yield category.note(f"other {trait.name} in test", message, good.images)
    else:
        yield from _partial_leak(category, train + good, bad)


def _by_number(
    category: CheckedCategory, good_images: list[ImageInfo], bad_images: list[ImageInfo]
) -> Iterator[Finding]:
    """Yield a note if the numbers in names of defective images go on where the good ones end."""
    prefixes = set()
    for image in good_images + bad_images:
        match = NUMBER.fullmatch(image.path.stem)
        # Of dates the trait "date" tells; other names have no common count.
        if match is None or DATE.search(image.path.stem):
            return
        prefixes.add(match[1].casefold())
    good = _group("good images", good_images, NUMBERS)
    bad = _group("defective images", bad_images, NUMBERS)
    if len(prefixes) == 1 and bad.differs_from(good):
        yield _leak(category, bad, good, _contrast(bad, good, ""))


def _partial_leak(category: CheckedCategory, good: Group, bad: Group) -> Iterator[Finding]:
    """Yield a note if many defective images have a value that hardly any good one has."""
    trait = bad.trait
    good_counts = good.counts
    values = {*bad.counts, *good_counts}
    if len(values) > MAX_VALUES or len(good) < MIN_IMAGES or not trait.visible(values):
        return
    for value, n_bad in bad.counts.most_common():
        n_good = good_counts[value]
        is_frequent = n_bad >= MIN_IMAGES and n_bad * len(good) > MIN_RATIO * n_good * len(bad)
        if is_frequent and _fisher(n_bad, n_good, len(bad), len(good)) < MAX_PARTIAL_CHANCE:
            message = (
                f"{n_bad} of {len(bad)} {bad.name} {trait.all_are.format(value)}, and {n_good} of "
                f"{len(good)} good ones: a detector may tell these by that; {trait.advice}"
            )
            images = [image for image in bad.images if trait.value(image) == value]
            yield category.note(f"leak by {trait.name}", message, images)
            return


def _group(name: str, images: Sequence[ImageInfo], trait: Trait) -> Group:
    """Return the images of which the value is known."""
    return Group(name, [image for image in images if trait.value(image)], trait)


def _contrast(group: Group, other: Group, nobody: str) -> str:
    """Return "all 10 defective images are JPEG, no good image is (PNG)"."""
    trait = group.trait
    beyond = group.beyond(other)
    if beyond and len((group + other).counts) > 2:
        return (
            f"all {len(group)} {group.name} {beyond} ({group.value_range()}) than the others "
            f"({other.value_range()})"
        )
    values = trait.all_are.format(group.common_values())
    return (
        f"all {len(group)} {group.name} {values}, {nobody} {trait.one_is} ({other.common_values()})"
    )


def _leak(category: CheckedCategory, group: Group, others: Group, contrast: str) -> Finding:
    """Return the finding that a trait tells all images of a group from all others."""
    trait = group.trait
    is_visible = trait.visible(set((group + others).counts))
    if is_visible:
        contrast += (
            ": a detector can tell them by that, and what is measured says nothing about defects"
        )
    message = f"{contrast}; {trait.advice}"
    return category.finding(f"leak by {trait.name}", message, group.images, serious=is_visible)


def chance(counts: Sequence[int], n_drawn: int) -> float:
    """Return the probability that images drawn at random have no value in common with the others.

    Parameters
    ----------
    counts: of the images that have each value.
    n_drawn: images drawn of all of them.

    Notes
    -----
    Exact: of all ways to draw, those are counted that draw all images of a value or none. It equals
    this, whose time grows exponentially::

        values = np.repeat(np.arange(len(counts)), counts)  # (n_images,)
        n_apart = 0
        n_draws = 0
        for drawn in itertools.combinations(range(len(values)), n_drawn):
            others = np.delete(values, drawn)
            n_apart += not np.isin(values[list(drawn)], others).any()
            n_draws += 1
        return n_apart / n_draws
    """
    # As in the knapsack problem: each value's images are taken all together or not at all.
    ways = [1] + [0] * n_drawn  # to draw 0, 1, ... images from the values so far
    for count in counts:
        for total in range(n_drawn, count - 1, -1):
            ways[total] += ways[total - count]
    return ways[n_drawn] / comb(sum(counts), n_drawn)


def _fisher(n_bad: int, n_good: int, all_bad: int, all_good: int) -> float:
    """Return the one-sided p-value of Fisher's test: as many bad images with a value, or more."""
    from scipy.stats import hypergeom

    return float(hypergeom.sf(n_bad - 1, all_bad + all_good, n_bad + n_good, all_bad))


def _format(image: ImageInfo) -> str:
    if image.format == "MPO":  # a JPEG file with a preview
        return JPEG
    return image.format


def _size(image: ImageInfo) -> str:
    return f"{image.size[0]}x{image.size[1]}"


def _area(image: ImageInfo) -> int:
    return image.size[0] * image.size[1]


def _colour(image: ImageInfo) -> str:
    return "grey" if image.grey else "in colour"


def _quality(image: ImageInfo) -> str:
    return str(image.quality or "")


def _time_digits(image: ImageInfo) -> str:
    """Return when an image was taken, from its header or its name; "" if neither says so."""
    if image.taken:
        return image.taken
    match = DATE.search(image.path.stem)
    if match is None:
        return ""
    return "".join(digits or "" for digits in match.groups())


def _day(image: ImageInfo) -> str:
    digits = _time_digits(image)
    if not digits:
        return ""
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"


def _second(image: ImageInfo) -> int:
    return int(_time_digits(image)[:14].ljust(14, "0"))


def _number(image: ImageInfo) -> int:
    match = NUMBER.fullmatch(image.path.stem)
    return int(match[2]) if match else 0


def _never(_values: set[str]) -> bool:
    return False


def _has_lossy_format(values: set[str]) -> bool:
    return bool(values & LOSSY)


def _has_special_mode(values: set[str]) -> bool:
    return not values <= PLAIN_MODES


COMPARE = (
    "no detector sees that itself, but they came another way: compare their light, place and "
    "sharpness"
)
IN_TURN = (
    "if light or set-up changed in between, a detector may find that; take good and bad ones in "
    "turn"
)
TRAITS = (
    Trait(
        name="format",
        value=_format,
        visible=_has_lossy_format,
    ),
    Trait(
        name="size",
        value=_size,
        all_are="are {} pixels",
        order=_area,
        more="are larger",
        less="are smaller",
    ),
    Trait(
        name="colour",
        value=_colour,
    ),
    Trait(
        name="mode",
        value=lambda image: image.mode,
        all_are="have the mode {}",
        one_is="has",
        visible=_has_special_mode,
    ),
    Trait(
        name="JPEG quality",
        value=_quality,
        all_are="have the JPEG quality {}",
        one_is="has",
        order=lambda image: image.quality,
        more="are of higher JPEG quality",
        less="are of lower JPEG quality",
    ),
    Trait(
        name="camera",
        value=lambda image: image.camera,
        all_are="were taken with {}",
        one_is="was",
    ),
    Trait(
        name="software",
        value=lambda image: image.software,
        all_are="were written by {}",
        one_is="was",
        advice=COMPARE,
        visible=_never,
    ),
    Trait(
        name="date",
        value=_day,
        all_are="were taken on {}",
        one_is="was",
        advice=IN_TURN,
        visible=_never,
        order=_second,
        more="were taken later",
        less="were taken earlier",
    ),
)
NUMBERS = Trait(
    name="number",
    value=lambda image: image.path.stem,
    all_are="have the names {}",
    one_is="has",
    advice=IN_TURN,
    visible=_never,
    order=_number,
    more="have higher numbers",
    less="have lower numbers",
)
