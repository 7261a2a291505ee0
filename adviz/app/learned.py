"""A part that was learned from good photographs: its detector, threshold and pictures in one file.

`learn` makes a `Learned` from a folder, which `adviz learn` and `adviz judge` save and use.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from adviz._support import archive
from adviz.app.usual import Usual, usual
from adviz.data import GOOD, UNLABELLED, Category, Geometry, Split, folder, image_size
from adviz.detectors import Detector, contents, own_classes, restored
from adviz.evaluation import Threshold, calibrate
from adviz.prediction import Prediction

if TYPE_CHECKING:
    from adviz.explore.retrieval import RetrievalView
    from adviz.features import Backbone, Features

KIND = "Learned"  # of the file
NETWORK = "efficientnet_lite0"  # its weights come with adviz
EVERY = 3  # every third good photograph is held out
FEWEST = 12  # good photographs: 8 to learn from, 4 to set a threshold
LIKELY = 0.95  # of thresholds, whose rate of false alarms is below the one that is named
RATE = 0.05  # false positive rate, where there are photographs enough to promise it
QUALITY = 90  # of the JPEG pictures of good photographs
LARGEST_PICTURE = 2**26  # pixels of a picture, above which a file is not believed


class TooFew(ValueError):
    """There are fewer good photographs than it takes to learn a part."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What was learned of a part, with the photographs that it was learned from, as pictures.

    Attributes
    ----------
    name: of the part, which is that of its folder.
    detector: fitted on features of the network that `threshold` names.
    threshold: set on the photographs that were held out.
    learned_from, held_out: names of good photographs, as they lie in the folder.
    held_out_scores: of those that were held out, which the threshold follows from.
    pictures: the photographs learned from as the network saw them, to show what a patch was
        compared with. They are JPEG once saved, and decide nothing.
    limits: (low, high) of the colours of maps, score units, the same for all photographs: the low
        end is the median of the maps of the photographs that were held out, and the middle their
        highest value.
    usual: what all of these photographs have in common.
    digest: of the file that it was saved to or loaded from; "" before.

    Examples
    --------
    >>> from adviz.app.learned import learn
    >>> learned = learn(category.test.root)
    >>> learned
    Learned(hex_nut: PatchCore on efficientnet_lite0, 43 good photographs learned from, 21 held out;
    false alarms: 4.5 % on average over such thresholds, of one below 13 % in 95 of 100 cases)
    >>> photograph = category.test.paths[-1]  # a scratch
    >>> bool(learned.threshold.is_anomalous(learned.predict(photograph))[0])
    True
    """

    name: str
    detector: Detector
    threshold: Threshold
    learned_from: tuple[str, ...]
    held_out: tuple[str, ...]
    held_out_scores: tuple[float, ...]
    pictures: Split
    limits: tuple[float, float]
    usual: Usual
    digest: str = ""

    @property
    def false_alarms(self) -> tuple[float, float]:
        """Rates of false alarms that the threshold's rule stands for, see `false_alarms`.

        They hold where no part is in the folder twice: two photographs of one part are more alike
        than those of two parts will ever be.
        """
        return false_alarms(len(self.held_out), self.threshold.rate or 0)

    @cached_property
    def backbone(self) -> Backbone:
        """The network, once it is checked to be the one that the detector was fitted with.

        Raises
        ------
        ValueError: the weights installed here are others.
        """
        from adviz.features import Backbone  # loads torch

        network = Backbone(self.detector.backbone_, layers=list(self.detector.layers_))
        if network.digest != self.threshold.digest:
            raise ValueError(
                f"expected the weights {self.threshold.digest} of {network.label}, with which "
                f"{self.name} was learned, got {network.digest}: install the version of the "
                "weights that was there then, or learn the part again"
            )
        return network

    def predict(self, photograph: str | Path | np.ndarray | Image.Image) -> Prediction:
        """Return the score and map of one photograph; nothing is kept in the feature cache.

        Raises
        ------
        ValueError: a file that is no image.  OSError: it cannot be read.
        """
        return self.detector.predict(self._features([photograph]))

    def unlike(
        self, photograph: str | Path | np.ndarray | Image.Image, prediction: Prediction
    ) -> tuple[str, ...]:
        """Return in what a photograph is unlike all that were learned from; none = it is like them.

        Where it is unlike them the verdict may mean nothing: see `adviz.app.usual`.

        Parameters
        ----------
        photograph: a file, a PIL image, or an array (h, w) or (h, w, 3) uint8.
        prediction: what `predict` returned of it.

        Raises
        ------
        ValueError: a file that is no image.  OSError: it cannot be read.

        Examples
        --------
        >>> from adviz.app.learned import learn
        >>> learned = learn(category.test.root)
        >>> mesh = data.demo("mesh").test.paths[0]
        >>> learned.unlike(mesh, learned.predict(mesh))
        ('it is unusual everywhere, not in one place (even the lowest tenth ...',)
        """
        geometry = self.detector.geometry_ or Geometry()
        if isinstance(photograph, str | Path):
            split = Split([photograph], [UNLABELLED], [None], [""], geometry=geometry)
            width, height = image_size(photograph)
        else:
            split = Split.from_arrays([photograph], [UNLABELLED], geometry=geometry)
            assert split.pixels is not None  # noqa: S101 (it is in memory)
            height, width = split.pixels.shape[1:3]
        return self.usual.differences((width, height), split.image(0), geometry, prediction)

    def why(self, photograph: str | Path | np.ndarray | Image.Image) -> RetrievalView:
        """Return the explorer of one photograph, see `adviz.explore.why`, in these colours."""
        from adviz import explore

        return explore.why(
            photograph,
            self.detector,
            normal=self.pictures,
            backbone=_Uncached(self.backbone),
            thresholds=self.threshold,
            limits=self.limits,
        )

    def save(self, path: str | Path) -> Learned:
        """Write all of it to one file, atomically, and return it with the file's digest.

        Safetensors and JSON, see `adviz.archive`: nothing in it is ever executed.

        Raises
        ------
        OSError: it cannot be written; what was there before is untouched.
        """
        pictures = [_encoded(self.pictures.image(index)) for index in range(len(self.pictures))]
        content = {
            "name": self.name,
            "kind": type(self.detector).__name__,
            "detector": contents(self.detector),
            "threshold": archive.parts(self.threshold),
            "learned_from": self.learned_from,
            "held_out": self.held_out,
            "held_out_scores": self.held_out_scores,
            "limits": self.limits,
            "usual": archive.parts(self.usual),
            "pictures": {
                "bytes": np.frombuffer(b"".join(pictures), np.uint8),
                "lengths": np.array([len(picture) for picture in pictures], np.int64),
            },
        }
        return replace(self, digest=archive.write(path, KIND, content))

    @classmethod
    def load(cls, path: str | Path, *, digest: str | None = None) -> Learned:
        """Read what `save` wrote.

        Parameters
        ----------
        path: the file.
        digest: the one that `save` gave, where it must be that very file; None = any undamaged one.

        Raises
        ------
        FileNotFoundError: no such file.
        ValueError: it is something else, damaged, or its parts do not fit together.
        """
        file = archive.read(path, KIND, digest=digest)
        with archive.restoring(KIND, path):
            return replace(_restored(file.content), digest=file.digest)

    def __repr__(self) -> str:
        detector = f"{type(self.detector).__name__} on {self.detector.backbone_}"
        learned_from = f"{len(self.learned_from)} good photographs learned from"
        average, likely = (f"{100 * rate:.2g} %" for rate in self.false_alarms)
        return (
            f"Learned({self.name}: {detector}, {learned_from}, {len(self.held_out)} held out; "
            f"false alarms: {average} on average over such thresholds, of one below {likely} in 95 "
            "of 100 cases)"
        )

    def _features(self, photographs: Sequence[Any]) -> Features:
        geometry = self.detector.geometry_
        return self.backbone.extract(photographs, geometry=geometry, cache=False)


class _Uncached:
    """A network whose features are not kept: a line's photographs would fill the cache."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone

    def extract(self, split: Split) -> Features:
        return self._backbone.extract(split, cache=False)


def learn(
    path: str | Path, *, detector: Detector | None = None, rate: float | None = None
) -> Learned:
    """Fit a detector and set its threshold on the good photographs of a folder.

    The detector is fitted on the photographs that `photographs` has for training, and the threshold
    set on those that it holds out. All others are not used.

    Parameters
    ----------
    path: the folder.
    detector: with its options; None = ``PatchCore()``, on the network that comes with adviz.
    rate: of false positives that the threshold allows on further good photographs, on average,
        above 0 and below 1; None = 0.05, or the lowest that so many photographs can promise.

    Raises
    ------
    ValueError: too few good photographs, for the rate or at all, a detector without anomaly maps,
        or what `data.folder` refuses.
    FileNotFoundError: no such folder, or none with good photographs.

    Examples
    --------
    >>> from adviz.app.learned import learn
    >>> learn(category.test.root, rate=0.1).threshold
    Threshold(... by false_positive_rate 0.1, on 21 good and 0 anomalous images of hex_nut ...)
    """
    from adviz import PatchCore
    from adviz.features import Backbone

    part = photographs(path)
    assert part.validation is not None  # noqa: S101 (`photographs` holds some out)
    train, held_out = part.train, part.validation
    chosen_rate = _checked_rate(rate, len(train) + len(held_out), len(held_out))

    unfitted = detector or PatchCore()
    backbone = Backbone(NETWORK, layers=list(unfitted.layers_read))
    fitted = unfitted.fit(backbone.extract(train))
    prediction = fitted.predict(backbone.extract(held_out))
    if prediction.anomaly_map is None:
        raise ValueError(f"expected a detector with anomaly maps, such as PatchCore, got {fitted}")
    threshold = calibrate(
        prediction, held_out, rule="false_positive_rate", rate=chosen_rate, held_out=True
    )
    return Learned(
        name=part.name,
        detector=fitted,
        threshold=threshold,
        learned_from=tuple(train.ids),
        held_out=tuple(held_out.ids),
        held_out_scores=tuple(map(float, prediction.score)),
        pictures=_pictures(train),
        limits=_limits(prediction.anomaly_map, prediction.valid),
        usual=_usual(train, held_out, prediction),
    )


def photographs(path: str | Path) -> Category:
    """Return a folder's photographs as `adviz check`, `learn` and `new` divide and resize them.

    The folder is one that `data.folder` reads. Every third good photograph, in the order of the
    names, is held out to set a threshold; the others are learned from. Of ``good/`` these are all
    photographs; where there is ``train/good/``, those alone. Photographs are resized to the
    rectangle that `data.folder` chooses, and nothing is cut off.

    `data.folder` keeps every fifth of ``good/`` for a test, and cuts off the edges of square
    photographs, as the papers do. The difference has its reasons: what a threshold promises depends
    on how many photographs it was set on (20 of 60 promise 5 % of false positives, 12 no less than
    8 %), and a defect at an edge is one.

    Returns
    -------
    `train` is what is learned from, `validation` what is held out, and `test` all other labelled
    photographs. Where no good one is among these, those held out are in `test`, too, so that a
    detector can be evaluated.

    Raises
    ------
    TooFew: fewer than 12 good photographs.
    ValueError: what `data.folder` refuses.
    FileNotFoundError: no such folder, or none with good photographs.

    Examples
    --------
    >>> from adviz.app.learned import photographs
    >>> part = photographs(category.test.root)
    >>> len(part.train), len(part.validation), len(part.test)
    (43, 21, 46)
    """
    part = folder(path)
    good = _good(part)
    if len(good) < FEWEST:
        raise TooFew(
            f"expected at least {FEWEST} good photographs, 8 to learn from and 4 to set the "
            f"threshold, got {len(good)} in {path}: add some"
        )
    is_held_out = np.arange(len(good)) % EVERY == EVERY - 1
    held_out = good.subset(is_held_out)
    others = _others(part, good)
    if not (others.labels == GOOD).any():
        others = _joined(others, held_out)
    return Category(good.name, good.subset(~is_held_out), others, held_out)


def least_rate(n_held_out: int) -> float:
    """Return the lowest false positive rate that a threshold set on so many can promise."""
    return 1 / (n_held_out + 1)


def false_alarms(n_held_out: int, rate: float) -> tuple[float, float]:
    """Return how many of further good photographs a threshold calls anomalous.

    Parameters
    ----------
    n_held_out: good photographs that the threshold is set on.
    rate: that is asked for; at least `least_rate`.

    Returns
    -------
    The rate on average over such thresholds, which is at most the one asked for, and the rate that
    one threshold stays below in 95 of 100 cases. The threshold is just above the k-th smallest of n
    scores, see `calibrate`; of photographs that were drawn alike the rate above it follows a
    Beta(n + 1 - k, k) distribution.

    Examples
    --------
    >>> from adviz.app.learned import false_alarms
    >>> print("{:.3f} {:.3f}".format(*false_alarms(19, 0.05)))
    0.050 0.146
    """
    from scipy.stats import beta

    rank = math.ceil((1 - rate) * (n_held_out + 1) - 1e-9)
    n_above = n_held_out + 1 - rank
    return n_above / (n_held_out + 1), float(beta.ppf(LIKELY, n_above, rank))


def needed(rate: float) -> int:
    """Return how many good photographs promise a false positive rate.

    Examples
    --------
    >>> from adviz.app.learned import needed
    >>> needed(0.05)
    57
    """
    return EVERY * math.ceil(1 / rate - 1)


def _good(part: Category) -> Split:
    """Return the good photographs of a category that are learned from, by name, none cut off."""
    train, test = part.train, part.test
    paths = list(train.paths)
    good_test = test.subset(test.labels == GOOD)
    # Of photographs in one folder adviz itself set some aside for a test
    if {file.parent for file in good_test.paths} <= {file.parent for file in train.paths}:
        paths += good_test.paths
    return Split(
        sorted(paths),
        [GOOD] * len(paths),
        [None] * len(paths),
        ["good"] * len(paths),
        geometry=_uncut(train.geometry),
        name=train.name,
        root=train.root,
    )


def _others(part: Category, good: Split) -> Split:
    """Return the labelled test photographs that are not among the good ones to learn from."""
    known = set(good.paths)
    unused = np.array([path not in known for path in part.test.paths], bool)
    chosen = part.test.subset(unused & (part.test.labels != UNLABELLED))
    return chosen.with_geometry(good.geometry)


def _joined(first: Split, second: Split) -> Split:
    """Return the photographs of two splits of one folder."""
    return Split(
        [*first.paths, *second.paths],
        [*first.labels, *second.labels],
        [*first.masks, *second.masks],
        [*first.defects, *second.defects],
        geometry=first.geometry,
        name=first.name,
        root=first.root,
    )


def photographs_to_try(path: str | Path, learned: Learned) -> Split:
    """Return the labelled photographs of a folder that were neither learned from nor held out."""
    test = photographs(path).test
    used = {*learned.learned_from, *learned.held_out}
    unused = np.array([name not in used for name in test.ids], bool)
    return test.subset(unused).with_geometry(learned.detector.geometry_ or Geometry())


def _uncut(geometry: Geometry) -> Geometry:
    """Return a geometry of the same size that keeps the whole image."""
    return replace(geometry, resize=None, crop=False)


def _checked_rate(rate: float | None, n_good: int, n_held_out: int) -> float:
    """Return the false positive rate to allow, which so many photographs can promise."""
    lowest = least_rate(n_held_out)
    if rate is None:
        return max(RATE, lowest)
    if not 0 < rate < 1:
        raise ValueError(f"rate must be above 0 and below 1, got {rate:g}")
    if rate < lowest:
        raise ValueError(
            f"expected at least {needed(rate)} good photographs for a rate of {rate:g}, every "
            f"third of which is held out, got {n_good}: add some, or take a rate of "
            f"{math.ceil(1000 * lowest) / 1000:g} or more"
        )
    return rate


def _limits(maps: np.ndarray, valid: np.ndarray | None) -> tuple[float, float]:
    """Return the ends of the colour scale by the maps (n, H, W) of good photographs.

    `valid` is False in padding; None where there is none.
    """
    values = maps if valid is None else maps[valid]
    low = float(np.median(values))
    highest = float(np.max(values))
    if highest == low:  # photographs that are all alike
        highest = low + 1.0
    return low, 2 * highest - low


def _usual(train: Split, held_out: Split, prediction: Prediction) -> Usual:
    """Return what all photographs have in common, by the files and the network's pictures."""
    sizes = [image_size(path) for path in (*train.paths, *held_out.paths)]
    images = (split.image(index) for split in (train, held_out) for index in range(len(split)))
    return usual(sizes, images, train.geometry, prediction)


def _pictures(split: Split) -> Split:
    """Return images as the network sees them, in memory."""
    arrays = np.stack([split.image(index) for index in range(len(split))])
    return _split_of(arrays, split.ids, split.geometry, split.name)


def _split_of(arrays: np.ndarray, names: Sequence[str], geometry: Geometry, part: str) -> Split:
    """Return good images in memory; a geometry without a crop leaves those of its size as is."""
    labels = [GOOD] * len(arrays)
    return Split.from_arrays(arrays, labels, names=names, geometry=geometry, name=part)


def _encoded(image: np.ndarray) -> bytes:
    """Return an image (H, W, 3) uint8 as a JPEG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()


def _restored(content: dict[str, Any]) -> Learned:
    """Return what a file's contents are; raises whatever its parts refuse."""
    classes = own_classes()
    kind = content["kind"]
    if kind not in classes:
        raise ValueError(f"expected a detector of adviz ({', '.join(classes)}), got {kind!r}")
    detector = restored(classes[kind], content["detector"], None)
    threshold = archive.typed(Threshold, content["threshold"])
    of_detector = (type(detector).__name__, *detector._backbone)
    if (threshold.detector, threshold.backbone, threshold.digest) != of_detector:
        raise ValueError("expected the threshold of its detector, got another's")
    names = [str(name) for name in content["learned_from"]]
    geometry = detector.geometry_
    if geometry is None:
        raise ValueError("expected a detector that knows how its images were resized")
    low, high = content["limits"]
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"expected rising limits of colours, got {low} and {high}")
    held_out = tuple(str(name) for name in content["held_out"])
    scores = tuple(float(score) for score in content["held_out_scores"])
    if len(scores) != len(held_out) or not all(map(math.isfinite, scores)):
        raise ValueError(f"expected a score of each of {len(held_out)} photographs, got {scores}")
    arrays = _decoded(content["pictures"], len(names), geometry)
    return Learned(
        name=str(content["name"]),
        detector=detector,
        threshold=threshold,
        learned_from=tuple(names),
        held_out=held_out,
        held_out_scores=scores,
        pictures=_split_of(arrays, names, geometry, str(content["name"])),
        limits=(float(low), float(high)),
        usual=archive.typed(Usual, content["usual"]),
    )


def _decoded(pictures: dict[str, Any], count: int, geometry: Geometry) -> np.ndarray:
    """Return the pictures in a file, (n, H, W, 3) uint8, checked before any is decoded."""
    lengths = pictures["lengths"]
    stored = pictures["bytes"]
    total = int(lengths.sum())
    if lengths.shape != (count,) or (lengths < 1).any() or stored.shape != (total,):
        raise ValueError(f"expected {count} pictures, got {len(lengths)} of {len(stored)} bytes")
    height, width = geometry.shape
    if height * width > LARGEST_PICTURE:
        raise ValueError(f"expected pictures of a size that can be, got {height}x{width}")
    arrays = np.empty((count, height, width, 3), np.uint8)
    ends = np.cumsum(lengths)
    for index, (end, length) in enumerate(zip(ends, lengths, strict=True)):
        arrays[index] = _picture(stored[end - length : end].tobytes(), width, height)
    return arrays


def _picture(stored: bytes, width: int, height: int) -> np.ndarray:
    """Return a JPEG picture of one size, (H, W, 3) uint8."""
    try:
        with Image.open(io.BytesIO(stored), formats=["JPEG"]) as image:
            if image.size == (width, height) and image.mode == "RGB":
                return np.asarray(image)
            came = f"one of {image.width}x{image.height}"
    except OSError as error:
        came = str(error)
    raise ValueError(f"expected JPEG pictures of {width}x{height}, got {came}")
