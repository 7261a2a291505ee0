"""A line between good and anomalous that remembers by which rule and on which images it was drawn."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, Protocol, get_args

import numpy as np

from adviz import metrics
from adviz._support import archive, got, require

if TYPE_CHECKING:
    from adviz.prediction import Prediction

# What a score may differ by, as a share of it, where its image comes in another batch or alone: 84
# steps of float32. A network may add in another order then, which moved features by up to 4 steps
# of a layer's largest value (of ResNet18, measured), and students' scores by 2; distances are
# differences of features, and lose a digit more.
MARGIN = 1e-5
Rule = Literal["f1", "full_recall", "false_positive_rate", "max_good"]


class NamedSplit(Protocol):
    """What `calibrate` asks of a split; `adviz.data.Split` has it."""

    @property
    def name(self) -> str:
        """Category name, may be empty."""

    @property
    def labels(self) -> np.ndarray:
        """(N,) int, 0 = good, 1 = anomalous, -1 = unlabelled."""

    @property
    def ids(self) -> list[str]:
        """N names of the images."""

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Threshold:
    """A calibrated threshold; `calibrate` makes it.

    Attributes
    ----------
    value: an image is flagged when its score is >= this; the unit is the detector's own. It keeps a
        margin of 1e-5 of the score that it was drawn by, since a score's last digits may depend on
        the batch that its image comes in.
    rule: by which it was set, see `calibrate`.
    rate: the share of good images that may be flagged, for "false_positive_rate" alone.
    category: of the images that it was set on, may be empty.
    images: digest of their names and labels, 16 hexadecimal digits.
    n_good, n_anomalous: how many of them the rule looked at.
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
        if self.rule not in get_args(Rule) or (self.rate is not None) != (
            self.rule == "false_positive_rate"
        ):
            raise ValueError(
                f"expected one of the rules {get_args(Rule)}, got {self.rule!r} with rate={self.rate}"
            )

    def flag(self, prediction: Prediction) -> np.ndarray:
        """Return which images are flagged, (N,) bool.

        Another detector of the same class and backbone, with other options or training images, has
        the same name and is not told apart: keep a threshold beside its detector's file.

        Raises
        ------
        ValueError: a prediction of another detector, or on features of another backbone.

        Examples
        --------
        >>> from adviz import calibrate
        >>> calibrate(prediction, category.test, rule="full_recall").flag(prediction)[:8].all()
        np.True_
        """
        pairs = {
            name: (getattr(self, name), getattr(prediction, name))
            for name in ("detector", "backbone", "digest")
        }
        for name, (here, there) in pairs.items():
            if here and there and here != there:
                raise ValueError(
                    f"expected a prediction of the {name} {here!r}, on which this threshold was set, got {there!r}: "
                    "calibrate another threshold for it"
                )
        return np.asarray(np.asarray(prediction.score, np.float64) >= self.value)

    def save(self, path: str | Path) -> str:
        """Write the threshold to a file that is there completely or not at all, and return its digest.

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
        """Read what `save` wrote, see `adviz.archive.read` for its arguments and errors; nothing in it is executed.

        Examples
        --------
        >>> from adviz import Threshold, calibrate
        >>> digest = calibrate(prediction, category.test).save("threshold.adviz")
        >>> Threshold.load("threshold.adviz").category
        'hex_nut'
        """
        found = archive.read(path, "Threshold", digest=digest)
        with archive.restoring("Threshold", path):
            return archive.typed(cls, found.content)

    def __repr__(self) -> str:
        rule = self.rule if self.rate is None else f"{self.rule} {self.rate:g}"
        on = f"{self.n_good} good and {self.n_anomalous} anomalous images"
        where = f" of {self.category}" if self.category else ""
        whose = " on ".join(filter(None, (self.detector or "a detector", self.backbone)))
        text = f"Threshold({self.value:.5g} by {rule}, on {on}{where} [{self.images}], for {whose}"
        if self.on_train:
            text += "; set on TRAINING images, which the detector knows and scores too low: too many others are flagged"
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
    """Draw the line between good and anomalous images by a rule, on images that were predicted.

    Parameters
    ----------
    prediction: of the images of `split`, in its order.
    split: the images, with labels; unlabelled ones are left out.
    rule: "f1": the highest F1, of equally good thresholds the highest. "full_recall": the highest
        that flags every anomalous image here. "max_good": just above the highest score of a good
        image here, so that none is flagged; needs good images alone. "false_positive_rate": the
        lowest of which at most the share `rate` of *further* good images is expected to be flagged;
        needs good images alone. Each holds for these images in any batch, too: see the notes.
    rate: for "false_positive_rate", above 0 and below 1.
    held_out: True = these images were set aside to calibrate on: the detector was not fitted on
        them, and errors are not counted on them; False = they are the test data; None = what a
        folder in their names, "test" or "train", says.

    Raises
    ------
    ValueError: another number of images than the split's, no image that the rule needs, a rate
        where none is wanted or none where one is, or fewer good images than a rate can be promised
        with.

    Notes
    -----
    "false_positive_rate" takes an order statistic, and errs on the side of flagging less: of n good
    scores the k-th smallest, k = ceil((1 - rate) (n + 1)), and what is *above* it is flagged (split
    conformal prediction). For further good images that are exchangeable with these, the probability
    of being flagged, over the draw of both, is at most `rate` (above rate - 1 / (n + 1) without
    ties). It needs n >= 1 / rate - 1 images, 99 for a rate of .01. **What holds on average need not
    hold for one set of calibration images**: given these, the rate follows a Beta(n + 1 - k, k)
    distribution, which for 99 images and .01 exceeds .03 in one of twenty cases.

    The last digits of a score may depend on the batch that its image comes in: a network may add in
    another order for another number of images. The line therefore stands 1e-5 of a score (84 steps
    of float32) away from the image that it was drawn by: above it for "max_good" and
    "false_positive_rate", which can only flag less; below it for "full_recall"; and for "f1" below
    it, but no further than half way to the next lower score here.

    Images that the detector was fitted on will not do: a memory bank knows them, and scores them
    far too low.

    Examples
    --------
    >>> from adviz import calibrate
    >>> calibrate(prediction, category.test, rule="full_recall")
    Threshold(... by full_recall, on 20 good and 26 anomalous images of hex_nut ...)
    """
    require(prediction, "score check_images", "a Prediction, then the Split of its images")
    require(
        split,
        "labels",
        "the Split of the predicted images after the Prediction, such as category.test",
    )
    labels, score = np.asarray(split.labels), np.asarray(prediction.score)
    if len(prediction) != len(split):
        raise ValueError(
            f"prediction and split must describe the same images, got {len(prediction)} and {len(split)}; calibrate on "
            "the split whose features were predicted"
        )
    if rule not in get_args(Rule):
        raise ValueError(f"rule must be one of {get_args(Rule)}, {got(rule, get_args(Rule))}")
    if (rule == "false_positive_rate") != (rate is not None) or not 0 < (
        0.5 if rate is None else rate
    ) < 1:
        raise ValueError(
            f'rate goes with the rule "false_positive_rate", above 0 and below 1, got {rate} with {rule!r}'
        )
    good_only = rule in ("false_positive_rate", "max_good")
    kept = labels == 0 if good_only else labels >= 0
    ids = [name for name, used in zip(split.ids, kept, strict=True) if used]
    return Threshold(
        value=_value(score[kept], labels[kept] == 1, rule, rate),
        rule=rule,
        rate=rate,
        category=split.name,
        images=_digest(ids, labels[kept]),
        n_good=int(np.count_nonzero(labels[kept] == 0)),
        n_anomalous=int(np.count_nonzero(labels[kept] == 1)),
        on_test=(True if _lie_in("test", ids) else None) if held_out is None else not held_out,
        on_train=held_out is not True and _lie_in("train", ids),
        detector=prediction.detector,
        backbone=prediction.backbone,
        digest=prediction.digest,
    )


def _value(score: np.ndarray, truth: np.ndarray, rule: Rule, rate: float | None) -> float:
    """Return the threshold for (n,) scores and labels of the images that the rule looks at."""
    if rule in ("f1", "full_recall"):
        if not truth.any():
            raise ValueError(
                f'the rule "{rule}" needs an anomalous image, got none: use "false_positive_rate"'
            )
        if rule == "full_recall":
            lowest = metrics.full_recall_threshold(score, truth)
            return lowest - MARGIN * abs(lowest)
        best = metrics.f1_threshold(score, truth).threshold
        lower = score[score < best]
        room = (best - float(lower.max())) / 2 if lower.size else math.inf
        return best - min(MARGIN * abs(best), room)
    if not score.size:
        raise ValueError(f'the rule "{rule}" needs good images, got none')
    ranked = np.sort(np.asarray(score, np.float64))
    # max_good is the lowest rate that can be promised
    above = 1.0 / (len(ranked) + 1) if rate is None else rate
    rank = math.ceil((1 - above) * (len(ranked) + 1) - 1e-9)  # 1e-9: (1 - .9) * 10 is 1
    if rank > len(ranked):
        needed = math.ceil(1 / above - 1 - 1e-9)
        raise ValueError(
            f"a false positive rate of {rate:g} needs at least {needed} good images, got {len(ranked)}: take more, or "
            f"a rate of {1 / (len(ranked) + 1):.3g} or more"
        )
    highest = float(ranked[rank - 1])
    return max(math.nextafter(highest, math.inf), highest + MARGIN * abs(highest))


def _digest(ids: Sequence[str], labels: np.ndarray) -> str:
    text = "\n".join(f"{label} {name}" for name, label in zip(ids, labels.tolist(), strict=True))
    return hashlib.blake2b(text.encode(errors="surrogateescape"), digest_size=8).hexdigest()


def _lie_in(folder: str, ids: Sequence[str]) -> bool:
    """Return whether any of the images lies in a folder of that name, by its id."""
    return any(folder in PurePosixPath(name).parts[:-1] for name in ids)
