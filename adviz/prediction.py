"""What a detector found: scores, maps and the neighbours it looked at, in the data set's coordinates."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from adviz._support import LATER, archive, as_numpy, got
from adviz.core import maps


@dataclass(frozen=True, eq=False)
class Neighbors:
    """What was retrieved for every cell of an (h, w) grid of every test image.

    The grid is (1, 1) where the unit of the search is the whole image. One object describes N
    images. Tensors and lists become arrays here.

    Attributes
    ----------
    distance: (N, h, w, k) float, squared Euclidean unless the detector says otherwise, in squared
        feature units.
    image: (N, h, w, k) int, index into the *training split*, 0 <= image < number of training
        images.
    cell: (N, h, w, k) int, flat index ``row * columns + column`` in the training image's own grid.
    grid: (rows, columns) of that training grid; (1, 1) when the unit is the whole image.
    order: "distance", ascending along k (DN2, PatchCore); or "retrieval", the k-th retrieved image
        with the nearest cell in it (SPADE), so that a smaller K is a running minimum along k.

    Examples
    --------
    >>> found = prediction.neighbors["patch"]
    >>> found
    Neighbors(46 images, 28x28 cells, 5 each, by distance)
    >>> bool((found.image < len(category.train)).all())
    True
    """

    distance: np.ndarray
    image: np.ndarray
    cell: np.ndarray
    grid: tuple[int, int] = (1, 1)
    order: Literal["distance", "retrieval"] = "distance"

    def __post_init__(self) -> None:
        for name in ("distance", "image", "cell"):
            object.__setattr__(self, name, as_numpy(getattr(self, name)))
        shapes = {name: np.shape(getattr(self, name)) for name in ("distance", "image", "cell")}
        if len(set(shapes.values())) != 1 or len(shapes["distance"]) != 4:
            raise ValueError(
                f"distance, image and cell must share one shape (N, h, w, k), got {shapes}"
            )
        for name in ("image", "cell"):
            if not np.issubdtype(getattr(self, name).dtype, np.integer):
                raise TypeError(f"{name} must hold integers, got dtype {getattr(self, name).dtype}")
        if self.order not in ("distance", "retrieval"):
            there = "distance", "retrieval"
            raise ValueError(f'order must be "distance" or "retrieval", {got(self.order, there)}')

    def __len__(self) -> int:
        """Return N, the number of test images."""
        return len(self.distance)

    def __repr__(self) -> str:
        n, h, w, k = self.distance.shape
        return f"Neighbors({n} images, {h}x{w} cells, {k} each, by {self.order})"


@dataclass(frozen=True, eq=False)
class Prediction:
    """Everything that a detector learned about N test images; types and shapes are checked once, here.

    Tensors of any device, lists and columns of a table become arrays here, integers and booleans
    floats; of maps (N, 1, H, W) the channel axis is dropped.

    Attributes
    ----------
    score: (N,) float, higher = more anomalous; the unit is the detector's own.
    anomaly_map: (N, H, W) float at the size of the features' images, or None where the method has
        none (DN2).
    layer_maps: layer -> (N, h, w) float at the layer's or the detector's own resolution; for
        matchers on concatenated features the layer's share of the joint squared distance. Empty
        where no exact split exists.
    neighbors: "image", "patch" or a layer's name -> Neighbors; may be empty.
    detector: the name to show in tables and titles.
    backbone, digest: what made the features, and its weights' digest; both go into every result
        row.
    segmented: (N,) bool, False where a map was not computed but gated away (SPADE's tau); None =
        all were.
    ids: N names of the images, by which a prediction of other images is told; empty = not known.
    boxes: (N, 4) int, the top, left, bottom and right edge of every image where it is padded to the
        map's size (letterboxed); None = nothing is padded. In padding maps are 0, layer maps and
        neighbours those of the nearest patch of the image, and metrics leave it out.

    Examples
    --------
    >>> from adviz import Prediction
    >>> Prediction(score=np.array([0.1, 0.9]), detector="mine")
    Prediction(mine, 2 images, no map, ...)
    """

    score: np.ndarray
    anomaly_map: np.ndarray | None = None
    layer_maps: dict[str, np.ndarray] = field(default_factory=dict)
    neighbors: dict[str, Neighbors] = field(default_factory=dict)
    detector: str = ""
    backbone: str = ""
    digest: str = ""
    segmented: np.ndarray | None = None
    ids: tuple[str, ...] = ()
    boxes: np.ndarray | None = field(default=None, metadata=LATER)

    def __post_init__(self) -> None:
        self._convert()
        if np.ndim(self.score) != 1:
            remedy = ": give score[:, 0]" if self.score.shape[1:] == (1,) else ""
            raise ValueError(
                f"score must have shape (N,), one per test image, got shape {np.shape(self.score)}{remedy}"
            )
        maps = {"anomaly_map": self.anomaly_map} if self.anomaly_map is not None else {}
        for name, values in {**maps, **self.layer_maps}.items():
            if np.ndim(values) != 3 or len(values) != len(self):
                raise ValueError(
                    f"{name} must have shape ({len(self)}, height, width), got shape {np.shape(values)}"
                )
        for name, values in {"score": self.score, **maps}.items():
            bad = [number for number, value in enumerate(values) if not np.isfinite(value).all()]
            if bad:
                raise ValueError(
                    f"{name} must be finite, got NaN or infinity for {len(bad)} images, first number {bad[0]}"
                )
        if self.segmented is not None and self.segmented.shape != self.score.shape:
            raise ValueError(
                f"segmented must have shape ({len(self)},), got shape {self.segmented.shape}"
            )
        if len(self.ids) not in (0, len(self)):
            raise ValueError(f"ids must name {len(self)} images, or none, got {len(self.ids)}")
        for name, found in self.neighbors.items():
            if len(found) != len(self):
                raise ValueError(
                    f"neighbors[{name!r}] must describe {len(self)} images, got {len(found)}"
                )
        if self.boxes is not None and np.shape(self.boxes) != (len(self), 4):
            raise ValueError(
                f"boxes must have shape ({len(self)}, 4), four edges an image, got {np.shape(self.boxes)}"
            )

    def _convert(self) -> None:
        """Make arrays of what may have come as tensors, lists or columns; arrays of floats stay what they are."""
        held = {"score": _floats(self.score, "score")}
        if self.anomaly_map is not None:
            held["anomaly_map"] = _maps(self.anomaly_map, "anomaly_map")
        if self.segmented is not None:
            held["segmented"] = as_numpy(self.segmented).astype(bool, copy=False)
        if self.boxes is not None:
            held["boxes"] = as_numpy(self.boxes)
        for name, values in held.items():
            object.__setattr__(self, name, values)
        object.__setattr__(
            self, "layer_maps", {name: _maps(each, name) for name, each in self.layer_maps.items()}
        )
        object.__setattr__(self, "ids", tuple(str(name) for name in self.ids))

    def __len__(self) -> int:
        """Return N, the number of test images."""
        return len(self.score)

    @property
    def valid(self) -> np.ndarray | None:
        """(N, H, W) bool, False where the map is padding; None where nothing is padded, or without a map."""
        if self.boxes is None or self.anomaly_map is None:
            return None
        height, width = self.anomaly_map.shape[1:]
        return maps.inside(self.boxes, (height, width))

    def save(self, path: str | Path) -> str:
        """Write the prediction to a file that is there completely or not at all, and return its digest.

        Safetensors and JSON, see `adviz.archive`; OSError where it cannot be written.

        Examples
        --------
        >>> from adviz import Prediction
        >>> digest = prediction.save("prediction.adviz")
        >>> len(Prediction.load("prediction.adviz", digest=digest).score)
        46
        """
        return archive.write(path, "Prediction", archive.parts(self))

    @classmethod
    def load(cls, path: str | Path, *, digest: str | None = None) -> Prediction:
        """Read what `save` wrote, see `adviz.archive.read` for its arguments and errors; nothing in it is executed.

        Examples
        --------
        >>> from adviz import Prediction
        >>> digest = prediction.save("prediction.adviz")
        >>> Prediction.load("prediction.adviz").detector
        'PatchCore'
        """
        found = archive.read(path, "Prediction", digest=digest)
        with archive.restoring("Prediction", path):
            return archive.typed(cls, found.content)

    def unpadded(self) -> list[np.ndarray]:
        """Return the N maps, (h, w) each, with the padding cut off; none where there is no map.

        Examples
        --------
        >>> prediction.unpadded()[0].shape
        (224, 224)
        """
        if self.anomaly_map is None:
            return []
        if self.boxes is None:
            return list(self.anomaly_map)
        edges = zip(self.anomaly_map, np.asarray(self.boxes).tolist(), strict=True)
        return [values[top:bottom, left:right] for values, (top, left, bottom, right) in edges]

    def __repr__(self) -> str:
        size = (
            "no map" if self.anomaly_map is None else "maps {1}x{2}".format(*self.anomaly_map.shape)
        )
        found = (
            ", ".join(f"{name}: {value!r}" for name, value in self.neighbors.items())
            or "no neighbors"
        )
        layers = ", ".join(self.layer_maps) or "none"
        return f"Prediction({self.detector or 'detector'}, {len(self)} images, {size}, layer maps: {layers}; {found})"

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"

    def check_images(self, names: Sequence[str]) -> None:
        """Refuse names of other images, or of these in another order, as far as names are known on both sides.

        Parameters
        ----------
        names: N, as `adviz.data.Split.ids`; one may be the other's end, as that of a path is. "0",
            "1", ... are those of arrays, which tell nothing.

        Raises
        ------
        ValueError: another name; the first is named.

        Examples
        --------
        >>> prediction.check_images(category.test.ids)
        """
        if not (_tell(self.ids) and _tell(names)):
            return
        for number, (mine, other) in enumerate(zip(self.ids, names, strict=True)):
            ends = ["/" + name.replace("\\", "/").lstrip("/") for name in (mine, other)]
            if not (ends[0].endswith(ends[1]) or ends[1].endswith(ends[0])):
                raise ValueError(
                    f"expected a prediction of these images, got one of others: image {number} is {other!r} here and "
                    f"was {mine!r} when it was predicted; where they are the same all the same, set the prediction's "
                    "ids to () with dataclasses.replace"
                )


def _floats(values: Any, name: str) -> np.ndarray:
    """Return numbers as floats: integers and booleans as float64, and what is a float already as it is."""
    try:
        array = as_numpy(values)
    except TypeError as error:
        raise TypeError(f"{name} must be numbers: {error}") from error
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} must be real numbers, got a {type(values).__name__} of {array.dtype}"
        )
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _maps(values: Any, name: str) -> np.ndarray:
    """Return (N, H, W) floats, without the channel axis that networks give maps: (N, 1, H, W)."""
    maps = _floats(values, name)
    return maps[:, 0] if maps.ndim == 4 and maps.shape[1] == 1 else maps


def _tell(names: Sequence[str]) -> bool:
    """Return whether names are more than the numbers that images without names are given."""
    return any(name != str(number) for number, name in enumerate(names))


def ensemble(predictions: Sequence[Prediction]) -> Prediction:
    """Average several predictions of the same images, each normalised over the test set first.

    Scores, and likewise maps, are brought to 0..1 by the smallest and largest value that a
    prediction has over all its images, then averaged (PatchCore, Table 4). **This looks at the
    whole test set**: an image's ensemble score depends on the other images, so it cannot be used to
    judge images one by one.

    Parameters
    ----------
    predictions: of the same N images in the same order; maps of one size. Those without maps count
        for the score alone.

    Returns
    -------
    A `Prediction` with score and map in 0..1; without layer maps and neighbours, which belong to
    its members.

    Raises
    ------
    ValueError: no prediction, or other images, numbers of images or sizes of maps.

    Examples
    --------
    >>> from adviz import DN2, ensemble
    >>> both = ensemble([prediction, DN2().fit(train).predict(test)])
    >>> bool(0 <= both.score.min() and both.score.max() <= 1)
    True
    """
    if isinstance(predictions, Prediction):
        raise TypeError("expected a list of predictions, got one Prediction: use [first, second]")
    counts = [len(prediction) for prediction in predictions]
    with_maps = [prediction for prediction in predictions if prediction.anomaly_map is not None]
    maps = [np.asarray(prediction.anomaly_map) for prediction in with_maps]
    sizes = {values.shape[1:] for values in maps}
    if not counts or len(set(counts)) != 1:
        raise ValueError(
            f"expected at least one prediction, all of the same images, got {counts} images"
        )
    if len(sizes) > 1:
        raise ValueError(
            f"expected maps of one size, got {sorted(sizes)}: resize them with adviz.maps.resize"
        )
    padded = [prediction for prediction in with_maps if prediction.boxes is not None]
    boxes = padded[0].boxes if padded else None
    if padded and not all(
        np.array_equal(np.asarray(boxes), np.asarray(one.boxes)) for one in with_maps
    ):
        raise ValueError(
            "expected predictions of images that are padded alike: extract all with one geometry"
        )
    named = [prediction for prediction in predictions if _tell(prediction.ids)]
    for other in named[1:]:
        named[0].check_images(other.ids)
    units = [
        _to_unit(values, prediction.valid)
        for values, prediction in zip(maps, with_maps, strict=True)
    ]
    return Prediction(
        score=np.mean([_to_unit(prediction.score) for prediction in predictions], axis=0),
        anomaly_map=np.mean(units, axis=0) if units else None,
        detector=" + ".join(prediction.detector or "detector" for prediction in predictions),
        backbone=" + ".join(
            dict.fromkeys(prediction.backbone for prediction in predictions if prediction.backbone)
        ),
        digest=" + ".join(
            dict.fromkeys(prediction.digest for prediction in predictions if prediction.digest)
        ),
        ids=named[0].ids if named else (),
        boxes=boxes,
    )


def _to_unit(values: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """Bring values, those that are valid, to 0..1; equal ones, which tell nothing, and the others to 0."""
    counted = values if valid is None else values[valid]
    low, high = counted.min(), counted.max()
    if low == high:
        return np.zeros_like(values)
    scaled = (values - low) / (high - low)
    return np.asarray(scaled if valid is None else np.where(valid, scaled, 0).astype(values.dtype))
