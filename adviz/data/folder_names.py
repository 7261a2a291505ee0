"""What people call good and bad images, training, test and masks: names of folders and files."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Names are compared by `plain`: without case and without what stands between words.
GOOD_WORDS = frozenset(
    "good goods ok okay io normal pass passed passing accept accepted clean fine healthy intact "
    "flawless perfect conforming undamaged "
    "defectfree faultfree flawfree anomalyfree damagefree "
    "nodefect nodefects noanomaly noanomalies nofault nofaults nodamage "
    "nondefective nondefect notdefective nonanomalous nonanomaly nonfaulty nondamaged "
    "undefective".split()
)
BAD_WORDS = frozenset(
    "bad ng notgood nogood nok notok ko nio defect defects defective anomaly anomalies anomalous "
    "anomal abnormal abnormality abnormalities notnormal fail fails failed failing failure "
    "failures fault faults faulty reject rejects rejected scrap scrapped broken damage damages "
    "damaged flaw flaws flawed unhealthy nonconforming".split()
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
# the files of masks: after the name of an image beside them, and before or after it in a folder
MASK_ENDINGS = ("_mask", "-mask", "_gt", "-gt", "_ground_truth", "_groundtruth")
MASK_WORDS = "masks?|gt|ground[ _-]?truth|labels?|seg|segmentation|anno|annotation"
MASK_WORD_LAST = re.compile(rf"(.+?)[ _.-]*(?:{MASK_WORDS})")
MASK_WORD_FIRST = re.compile(rf"(?:{MASK_WORDS})[ _.-]*(.+)")
# nouns that may stand before or after "good" and "bad", as may a number before: "0_good parts"
NOUNS = (
    "images?|imgs?|photos?|photographs?|pictures?|pics?|samples?|examples?|parts?|pieces?|items?|"
    "products?|units?"
)
WITH_NOUN = re.compile(rf"\d*(?:{NOUNS})?(.+?)(?:{NOUNS})?")
KNOWN = (
    "good, ok, normal, pass, defect-free; bad, ng, defective, anomaly, abnormal, fail; in any case"
)


def plain(name: str) -> str:
    """Return a name in small letters, without spaces, hyphens, dots and underscores."""
    return "".join(letter for letter in name.casefold() if letter not in " -_.")


def says_good(name: str) -> bool:
    """Return whether a name says that images are good; also "good_2", one of several folders."""
    return _without_nouns(plain(name).rstrip("0123456789")) in GOOD_WORDS


def says_bad(name: str) -> bool:
    """Return whether a name says that images are anomalous, and not in which way."""
    return _without_nouns(plain(name)) in BAD_WORDS


def _without_nouns(name: str) -> str:
    """Return the adjective of a plain name: "good" of "0goodparts"."""
    match = WITH_NOUN.fullmatch(name)
    return match[1] if match else name


def is_ambiguous(name: str) -> bool:
    """Return whether a name does not say which of two kinds it means: "positive", "0"."""
    return plain(name) in AMBIGUOUS_WORDS


def says_unlabelled(name: str) -> bool:
    """Return whether a name says that the images have no labels."""
    return plain(name) in UNLABELLED_WORDS


def part_of(name: str) -> str | None:
    """Return "train", "validation" or "test" where a name says one of them."""
    for part, names in PARTS.items():
        if plain(name) in names:
            return part
    return None


def is_mask_folder(name: str, siblings: Iterable[str]) -> bool:
    """Return whether a folder of test images is called as one of masks is.

    That may be after one of its `siblings`: "dent_mask" beside "dent".
    """
    own = plain(name)
    if own in TRUTH_WORDS:
        return True
    starts = [plain(sibling) for sibling in siblings if own.startswith(plain(sibling))]
    return any(own.removeprefix(start) in TRUTH_WORDS for start in starts)


def words_for(name: str) -> frozenset[str]:
    """Return the synonyms of a folder's name, as `plain` writes them, its own among them."""
    own = plain(name)
    for synonyms in (*PARTS.values(), TRUTH_WORDS):
        if own in synonyms:
            return synonyms
    return frozenset((own,))
