"""What people call the folders and columns of good and bad images, of training and test, and of masks."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Names are compared by `plain`: without case and without what stands between words.
GOOD_WORDS = frozenset(
    "good goods ok okay io normal pass passed passing accept accepted clean fine healthy intact flawless "
    "perfect conforming undamaged "
    "defectfree faultfree flawfree anomalyfree damagefree "
    "nodefect nodefects noanomaly noanomalies nofault nofaults nodamage "
    "nondefective nondefect notdefective nonanomalous nonanomaly nonfaulty nondamaged undefective".split()
)
BAD_WORDS = frozenset(
    "bad ng notgood nogood nok notok ko nio defect defects defective anomaly anomalies anomalous anomal "
    "abnormal abnormality abnormalities notnormal fail fails failed failing failure failures fault faults faulty "
    "reject rejects rejected scrap scrapped broken damage damages damaged flaw flaws flawed unhealthy "
    "nonconforming".split()
)
# they say one of two kinds, and not which: a positive find is a defect, a positive verdict is none
AMBIGUOUS_WORDS = frozenset(
    "positive positives pos negative negatives neg 0 1 true false yes no".split()
)
UNLABELLED_WORDS = frozenset(("unlabeled", "unlabelled"))
PARTS = {
    "train": frozenset(("train", "training")),
    "validation": frozenset(("validation", "valid", "val")),
    "test": frozenset(("test", "testing")),
}
TRUTH_WORDS = frozenset(("groundtruth", "groundtruths", "gt", "mask", "masks"))
# folders of these names may as well hold texts, or other images than masks
RARE_TRUTH_WORDS = frozenset(
    "label labels annotation annotations segmentation segmentations seg".split()
)
# what good and bad are said of, which may stand before or after them, as may a number before:
# "0_good parts"
THINGS = "images?|imgs?|photos?|photographs?|pictures?|pics?|samples?|examples?|parts?|pieces?|items?|products?|units?"
SAID_OF = re.compile(rf"\d*(?:{THINGS})?(.+?)(?:{THINGS})?")
KNOWN = (
    "good, ok, normal, pass, defect-free; bad, ng, defective, anomaly, abnormal, fail; in any case"
)


def plain(name: str) -> str:
    """Return a name without what people vary: its case, and spaces, hyphens, dots and underscores."""
    return "".join(letter for letter in name.casefold() if letter not in " -_.")


def says_good(name: str) -> bool:
    """Tell whether a name says that images are good, also of one of several such folders: "good_2"."""
    return _said(plain(name).rstrip("0123456789")) in GOOD_WORDS


def says_bad(name: str) -> bool:
    """Tell whether a name says that images are anomalous, and not in which way."""
    return _said(plain(name)) in BAD_WORDS


def _said(name: str) -> str:
    """Return a plain name without the things that it is said of."""
    found = SAID_OF.fullmatch(name)
    return found[1] if found else name


def is_ambiguous(name: str) -> bool:
    """Tell whether a name is one of two, of which nobody knows which is the good one."""
    return plain(name) in AMBIGUOUS_WORDS


def says_unlabelled(name: str) -> bool:
    """Tell whether a name says that nobody has judged the images."""
    return plain(name) in UNLABELLED_WORDS


def part_of(name: str) -> str | None:
    """Return "train", "validation" or "test" where a name says one of them."""
    return next((part for part, words in PARTS.items() if plain(name) in words), None)


def is_mask_folder(name: str, others: Iterable[str]) -> bool:
    """Tell whether a folder of test images is called as one of masks is, also of another one: "dent_mask"."""
    own = plain(name)
    called = {plain(other) + word for other in others for word in TRUTH_WORDS}
    return own in TRUTH_WORDS or own in called


def words_for(name: str) -> frozenset[str]:
    """Return the plain names by which a folder of a layout may be called, its own among them."""
    own = plain(name)
    groups = [*PARTS.values(), TRUTH_WORDS]
    return next((words for words in groups if own in words), frozenset((own,)))
