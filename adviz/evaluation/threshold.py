"""`calibrate`: a threshold between good and anomalous images, set by a rule."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np

from adviz import metrics
from adviz._support import archive, got
from adviz.evaluation.error_rates import ErrorRates, error_rates
from adviz.evaluation.inputs import LabelledImages, check_detector, check_inputs

if TYPE_CHECKING:
    import pandas as pd

    from adviz.prediction import Prediction

# How much a score may change, as a fraction of it, when its image comes in another batch or alone:
# 84 steps of float32. A network may then add in another order, which moved features by up to 4
# steps of a layer's largest value (of ResNet18, measured), and students' scores by 2; distances are
# differences of features, and lose a digit more.
MARGIN = 1e-5
ROUNDING = 1e-9  # (1 - .9) * 10 is 1, whatever rounding makes of it
Rule = Literal["f1", "full_recall", "false_positive_rate", "max_good"]


class NamedSplit(LabelledImages, Protocol):
    """What `calibrate` needs of a split, such as `adviz.data.Split`."""

    @property
    def ids(self) -> list[str]:
        """N names of the images."""


@dataclass(frozen=True)
class Threshold:
    """A threshold on image scores, with the rule and the images that it was set by.

    `calibrate` makes it.

    Attributes
    ----------
    value: an image is predicted anomalous when its score is >= this; the unit is the detector's
        own. It keeps a margin of 1e-5 from the score that it was set by, since a score's last
        digits may depend on the batch that its image comes in.
    rule: by which it was set, see `calibrate`.
    rate: the false positive rate that is allowed, for "false_positive_rate" alone.
    category: of the images that it was set on, may be empty.
    images: digest of their names and labels, 16 hexadecimal digits.
    n_good, n_anomalous: how many of them the rule used.
    on_test: whether they are the test data themselves; None = their names do not tell.
    on_train: whether they are training images, which a detector knows and scores too low.
    detector, backbone, digest: whose scores it is for, and the digest of the backbone's weights.

    Examples
    --------
    >>> from adviz import calibrate
    >>> threshold = calibrate(prediction, category.test)
    >>> threshold.rule, threshold.n_good, threshold.on_test
    ('f1', 20, True)
    """

    value: float
    rule: Rule
    rate: float | None
    category: str
    images: str
    n_good: int
    n_anomalous: int
    on_test: bool | None
    on_train: bool
    detector: str
    backbone: str
    digest: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"expected a finite threshold, got {self.value}")
        needs_rate = self.rule == "false_positive_rate"
        if self.rule not in get_args(Rule) or needs_rate != (self.rate is not None):
            raise ValueError(
                f"expected one of the rules {get_args(Rule)}, "
                f"got {self.rule!r} with rate={self.rate}"
            )

    def is_anomalous(self, prediction: Prediction) -> np.ndarray:
        """Return which images are predicted anomalous, (N,) bool.

        Another detector of the same class and backbone, with other options or training images, has
        the same name and is not told apart: keep a threshold with its detector's file.

        Raises
        ------
        ValueError: a prediction of another detector, or on features of another backbone.

        Examples
        --------
        >>> from adviz import calibrate
        >>> threshold = calibrate(prediction, category.test, rule="full_recall")
        >>> threshold.is_anomalous(prediction)[:8].all()
        np.True_
        """
        check_detector(
            self, prediction, "this threshold was set", "calibrate another threshold for it"
        )
        return np.asarray(np.asarray(prediction.score, np.float64) >= self.value)

    def error_rates(
        self, prediction: Prediction, split: NamedSplit, *, confidence: float = 0.95
    ) -> ErrorRates:
        """Count false alarms and misses, with what they say of the rates on further images.

        Parameters
        ----------
        prediction: of the images of `split`, in its order; not those that the threshold was set on.
        split: the images, with labels; unlabelled ones are left out.
        confidence: of the intervals (Clopper and Pearson), above 0 and below 1.

        Raises
        ------
        ValueError: another number of images than the split's, a prediction of another detector, or
            a confidence that is not between 0 and 1.

        Examples
        --------
        >>> from adviz import calibrate
        >>> threshold = calibrate(prediction, category.test, rule="full_recall")
        >>> threshold.error_rates(prediction, category.test).misses.promise < 0.11
        True
        """
        return error_rates(self, prediction, split, confidence)

    def is_set_on(self, split: NamedSplit) -> bool:
        """Return whether all or the good ones of these images are those that it was set on.

        Its errors on these are then fewer than on others.

        Examples
        --------
        >>> from adviz import calibrate
        >>> calibrate(prediction, category.test).is_set_on(category.test)
        True
        """
        labels = np.asarray(split.labels)
        return any(
            _digest(*_used(split.ids, labels, is_used)) == self.images
            for is_used in (labels >= 0, labels == 0)
        )

    def save(self, path: str | Path) -> str:
        """Write the threshold to a file, atomically, and return the file's digest.

        Safetensors and JSON, see `adviz.archive`; OSError where it cannot be written.

        Examples
        --------
        >>> from adviz import Threshold, calibrate
        >>> digest = calibrate(prediction, category.test).save("threshold.adviz")
        >>> Threshold.load("threshold.adviz", digest=digest).rule
        'f1'
        """
        return archive.write(path, "Threshold", archive.parts(self))

    @classmethod
    def load(cls, path: str | Path, *, digest: str | None = None) -> Threshold:
        """Read what `save` wrote; nothing in the file is executed.

        Arguments and errors as in `adviz.archive.read`.

        Examples
        --------
        >>> from adviz import Threshold, calibrate
        >>> digest = calibrate(prediction, category.test).save("threshold.adviz")
        >>> Threshold.load("threshold.adviz").category
        'hex_nut'
        """
        content = archive.read(path, "Threshold", digest=digest).content
        with archive.restoring("Threshold", path):
            return archive.typed(cls, content)

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row, a column for every attribute.

        Examples
        --------
        >>> from adviz import calibrate
        >>> calibrate(prediction, category.test).to_frame().loc[0, "rule"]
        'f1'
        """
        import pandas as pd

        return pd.DataFrame([asdict(self)])

    def __repr__(self) -> str:
        rule: str = self.rule
        if self.rate is not None:
            rule += f" {self.rate:g}"
        images = f"{self.n_good} good and {self.n_anomalous} anomalous images"
        if self.category:
            images += f" of {self.category}"
        detector = " on ".join(filter(None, (self.detector or "a detector", self.backbone)))
        text = f"Threshold({self.value:.5g} by {rule}, on {images} [{self.images}], for {detector}"
        if self.on_train:
            text += (
                "; set on TRAINING images, which the detector knows and scores too low: "
                "too many others are predicted anomalous"
            )
        if self.on_test:
            text += "; set on the TEST data themselves: errors counted on them are optimistic"
        return f"{text})"


def calibrate(
    prediction: Prediction,
    split: NamedSplit,
    *,
    rule: Rule = "f1",
    rate: float | None = None,
    held_out: bool | None = None,
) -> Threshold:
    """Set a threshold between good and anomalous images by a rule.

    Parameters
    ----------
    prediction: of the images of `split`, in its order.
    split: the images, with labels; unlabelled ones are left out.
    rule: "f1": the highest F1, of equally good thresholds the highest. "full_recall": the highest
        with 100 % recall on these images. "max_good": just above the highest score of a good image,
        so that none is a false positive; uses good images alone. "false_positive_rate": the lowest
        with an expected false positive rate of at most `rate` on *further* good images; uses good
        images alone. Each holds for these images in any batch, too: see the notes.
    rate: for "false_positive_rate", above 0 and below 1.
    held_out: True = these images were set aside to calibrate on: the detector was not fitted on
        them, and errors are not counted on them; False = they are the test data; None = what a
        folder in their names, "test" or "train", says.

    Raises
    ------
    ValueError: another number of images than the split's, no image that the rule needs, a rate with
        another rule or none with this one, or too few good images for the rate.

    Notes
    -----
    "false_positive_rate" takes an order statistic, and errs on the side of fewer false positives:
    of n good scores the k-th smallest, k = ceil((1 - rate) (n + 1)), and what is *above* it is
    predicted anomalous (split conformal prediction). For further good images that are exchangeable
    with these, the probability of a false positive, over the draw of both, is at most `rate` (above
    rate - 1 / (n + 1) without ties). It needs n >= 1 / rate - 1 images, 99 for a rate of .01.
    **What holds on average need not hold for one set of calibration images**: given these, the rate
    follows a Beta(n + 1 - k, k) distribution, which for 99 images and .01 exceeds .03 in one of
    twenty cases.

    The last digits of a score may depend on the batch that its image comes in: a network may add in
    another order for another number of images. The threshold therefore keeps a distance of 1e-5 of
    the score (84 steps of float32) from the score that it was set by: above it for "max_good" and
    "false_positive_rate", which can only lower the false positive rate; below it for "full_recall";
    and for "f1" below it, but no further than half way to the next lower score here.

    Images that the detector was fitted on will not do: a memory bank knows them, and scores them
    far too low.

    Examples
    --------
    >>> from adviz import calibrate
    >>> calibrate(prediction, category.test, rule="full_recall")
    Threshold(... by full_recall, on 20 good and 26 anomalous images of hex_nut ...)
    """
    check_inputs(prediction, split, "calibrate")
    labels = np.asarray(split.labels)
    score = np.asarray(prediction.score)
    if rule not in get_args(Rule):
        raise ValueError(f"rule must be one of {get_args(Rule)}, {got(rule, get_args(Rule))}")
    needs_rate = rule == "false_positive_rate"
    if needs_rate != (rate is not None) or (rate is not None and not 0 < rate < 1):
        raise ValueError(
            'rate goes with the rule "false_positive_rate", above 0 and below 1, '
            f"got {rate} with {rule!r}"
        )
    uses_good_alone = rule in ("false_positive_rate", "max_good")
    is_used = labels == 0 if uses_good_alone else labels >= 0
    score = score[is_used]
    ids, labels = _used(split.ids, labels, is_used)
    if held_out is None:
        on_test = True if _lie_in("test", ids) else None
    else:
        on_test = not held_out
    return Threshold(
        value=_value(score, labels == 1, rule, rate),
        rule=rule,
        rate=rate,
        category=split.name,
        images=_digest(ids, labels),
        n_good=int(np.count_nonzero(labels == 0)),
        n_anomalous=int(np.count_nonzero(labels == 1)),
        on_test=on_test,
        on_train=held_out is not True and _lie_in("train", ids),
        detector=prediction.detector,
        backbone=prediction.backbone,
        digest=prediction.digest,
    )


def _value(score: np.ndarray, is_anomalous: np.ndarray, rule: Rule, rate: float | None) -> float:
    """Return the threshold for (n,) scores and labels of the images that the rule uses."""
    if rule in ("false_positive_rate", "max_good"):
        return _above_good(score, rule, rate)
    if not is_anomalous.any():
        raise ValueError(
            f'the rule "{rule}" needs an anomalous image, got none: use "false_positive_rate"'
        )
    if rule == "full_recall":
        lowest = metrics.full_recall_threshold(score, is_anomalous)
        return lowest - MARGIN * abs(lowest)
    best = metrics.f1_threshold(score, is_anomalous).threshold
    lower = score[score < best]
    half_gap = (best - float(lower.max())) / 2 if lower.size else math.inf
    return best - min(MARGIN * abs(best), half_gap)


def _above_good(score: np.ndarray, rule: Rule, rate: float | None) -> float:
    """Return the threshold just above an order statistic of the scores of n good images, (n,)."""
    if not score.size:
        raise ValueError(f'the rule "{rule}" needs good images, got none')
    n = len(score)
    # max_good: the lowest rate that can be promised
    allowed_rate = 1.0 / (n + 1) if rate is None else rate
    rank = math.ceil((1 - allowed_rate) * (n + 1) - ROUNDING)
    if rank > n:
        n_needed = math.ceil(1 / allowed_rate - 1 - ROUNDING)
        raise ValueError(
            f"a false positive rate of {rate:g} needs at least {n_needed} good images, got {n}: "
            f"take more, or a rate of {1 / (n + 1):.3g} or more"
        )
    highest = float(np.sort(np.asarray(score, np.float64))[rank - 1])
    return max(math.nextafter(highest, math.inf), highest + MARGIN * abs(highest))


def _used(
    ids: Sequence[str], labels: np.ndarray, is_used: np.ndarray
) -> tuple[list[str], np.ndarray]:
    names = [name for name, used in zip(ids, is_used, strict=True) if used]
    return names, labels[is_used]


def _digest(ids: Sequence[str], labels: np.ndarray) -> str:
    text = "\n".join(f"{label} {name}" for name, label in zip(ids, labels.tolist(), strict=True))
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def _lie_in(folder: str, ids: Sequence[str]) -> bool:
    """Return whether the id of any image has a folder of that name."""
    return any(folder in PurePosixPath(name).parts[:-1] for name in ids)
