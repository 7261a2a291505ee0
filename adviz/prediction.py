"""What `predict` returns: scores, anomaly maps and nearest neighbours of N test images."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from adviz._support import LATER, archive, as_numpy, current_names, got, require_attributes
from adviz.core import maps

if TYPE_CHECKING:
    import pandas as pd

# Fields of `Neighbors` that files saved before hold under another name
OLD_NAMES = {"cell": "location"}


class Good(Protocol):
    """What `Prediction.to_units` needs of an `adviz.Null`."""

    def check(self, prediction: Prediction) -> None:
        """Refuse a prediction of another detector."""

    def p_values(self, values: np.ndarray, of: str) -> np.ndarray:
        """Return the fraction of good ones that are as large."""


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest neighbours of every patch of N test images, on an (h, w) grid of patches.

    The grid is (1, 1) where whole images are compared. Tensors and lists become arrays here.

    Attributes
    ----------
    distance: (N, h, w, k) float, squared Euclidean unless the detector says otherwise, in squared
        feature units.
    image: (N, h, w, k) int, index into the *training split*, 0 <= image < number of training
        images.
    location: (N, h, w, k) int, flat index ``row * columns + column`` of the patch in the training
        image's own grid.
    grid: (rows, columns) of that training grid; (1, 1) when the unit is the whole image.
    order: "distance", ascending along k (DN2, PatchCore); or "retrieval", the k-th retrieved image
        with the nearest patch in it (SPADE), so that a smaller K is a running minimum along k.

    Examples
    --------
    >>> neighbors = prediction.neighbors["patch"]
    >>> neighbors
    Neighbors(46 images, 28x28 locations, 5 each, by distance)
    >>> bool((neighbors.image < len(category.train)).all())
    True
    """

    distance: np.ndarray
    image: np.ndarray
    location: np.ndarray
    grid: tuple[int, int] = (1, 1)
    order: Literal["distance", "retrieval"] = "distance"

    def __post_init__(self) -> None:
        for name in ("distance", "image", "location"):
            object.__setattr__(self, name, as_numpy(getattr(self, name)))
        shapes = {name: np.shape(getattr(self, name)) for name in ("distance", "image", "location")}
        if len(set(shapes.values())) != 1 or self.distance.ndim != 4:
            raise ValueError(
                f"distance, image and location must share one shape (N, h, w, k), got {shapes}"
            )
        for name in ("image", "location"):
            dtype = getattr(self, name).dtype
            if not np.issubdtype(dtype, np.integer):
                raise TypeError(f"{name} must hold integers, got dtype {dtype}")
        orders = ("distance", "retrieval")
        if self.order not in orders:
            raise ValueError(f'order must be "distance" or "retrieval", {got(self.order, orders)}')

    def __len__(self) -> int:
        """Return N, the number of test images."""
        return len(self.distance)

    def __repr__(self) -> str:
        n, h, w, k = self.distance.shape
        return f"Neighbors({n} images, {h}x{w} locations, {k} each, by {self.order})"


@dataclass(frozen=True, eq=False)
class Prediction:
    """Everything that a detector predicts for N test images.

    Types and shapes are checked here, once. Tensors of any device, lists and columns of a table
    become arrays here, integers and booleans floats; of maps (N, 1, H, W) the channel axis is
    dropped.

    Attributes
    ----------
    score: (N,) float, higher = more anomalous; the unit is the detector's own.
    anomaly_map: (N, H, W) float at the size of the features' images, or None where the method has
        none (DN2).
    layer_maps: layer -> (N, h, w) float at the layer's or the detector's own resolution; for
        matchers on concatenated features the layer's contribution to the joint squared distance.
        Empty where no exact split exists.
    neighbors: "image", "patch" or a layer's name -> Neighbors; may be empty.
    detector: the name to show in tables and titles.
    backbone, digest: of what the features are, and its weights' digest; both go into every
        `Result`.
    segmented: (N,) bool, False where no map was computed, because the image score was too low
        (SPADE's tau); None = all were.
    ids: N names of the images, by which predictions of other images are noticed; empty = not known.
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
        self._check_shapes()
        values_by_name = {"score": self.score}
        if self.anomaly_map is not None:
            values_by_name["anomaly_map"] = self.anomaly_map
        for name, values in values_by_name.items():
            bad = [i for i, value in enumerate(values) if not np.isfinite(value).all()]
            if bad:
                raise ValueError(
                    f"{name} must be finite, got NaN or infinity for {len(bad)} images, "
                    f"first number {bad[0]}"
                )

    def _convert(self) -> None:
        """Turn tensors, lists and columns into arrays; arrays of floats are not copied."""
        arrays: dict[str, Any] = {"score": _floats(self.score, "score")}
        if self.anomaly_map is not None:
            arrays["anomaly_map"] = _maps(self.anomaly_map, "anomaly_map")
        if self.segmented is not None:
            arrays["segmented"] = as_numpy(self.segmented).astype(bool, copy=False)
        if self.boxes is not None:
            arrays["boxes"] = as_numpy(self.boxes)
        arrays["layer_maps"] = {
            layer: _maps(values, layer) for layer, values in self.layer_maps.items()
        }
        arrays["ids"] = tuple(str(name) for name in self.ids)
        for name, values in arrays.items():
            object.__setattr__(self, name, values)

    def _check_shapes(self) -> None:
        if np.ndim(self.score) != 1:
            remedy = ": give score[:, 0]" if self.score.shape[1:] == (1,) else ""
            raise ValueError(
                "score must have shape (N,), one per test image, "
                f"got shape {np.shape(self.score)}{remedy}"
            )
        n = len(self)
        all_maps = dict(self.layer_maps)
        if self.anomaly_map is not None:
            all_maps = {"anomaly_map": self.anomaly_map, **all_maps}
        for name, values in all_maps.items():
            if np.ndim(values) != 3 or len(values) != n:
                raise ValueError(
                    f"{name} must have shape ({n}, height, width), got shape {np.shape(values)}"
                )
        if self.segmented is not None and self.segmented.shape != (n,):
            raise ValueError(f"segmented must have shape ({n},), got shape {self.segmented.shape}")
        if len(self.ids) not in (0, n):
            raise ValueError(f"ids must name {n} images, or none, got {len(self.ids)}")
        for name, neighbors in self.neighbors.items():
            if len(neighbors) != n:
                raise ValueError(
                    f"neighbors[{name!r}] must describe {n} images, got {len(neighbors)}"
                )
        if self.boxes is not None and np.shape(self.boxes) != (n, 4):
            raise ValueError(
                f"boxes must have shape ({n}, 4), four edges an image, got {np.shape(self.boxes)}"
            )

    def __len__(self) -> int:
        """Return N, the number of test images."""
        return len(self.score)

    @property
    def valid(self) -> np.ndarray | None:
        """(N, H, W) bool, False in the map's padding; None where nothing is padded, or no map."""
        if self.boxes is None or self.anomaly_map is None:
            return None
        height, width = self.anomaly_map.shape[1:]
        return maps.inside(self.boxes, (height, width))

    def save(self, path: str | Path) -> str:
        """Write the prediction to a file, atomically, and return the file's digest.

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
        """Read what `save` wrote; nothing in the file is executed.

        Arguments and errors as in `adviz.archive.read`.

        Examples
        --------
        >>> from adviz import Prediction
        >>> digest = prediction.save("prediction.adviz")
        >>> Prediction.load("prediction.adviz").detector
        'PatchCore'
        """
        content = archive.read(path, "Prediction", digest=digest).content
        with archive.restoring("Prediction", path):
            saved = content["neighbors"]
            content["neighbors"] = {key: current_names(saved[key], OLD_NAMES) for key in saved}
            return archive.typed(cls, content)

    def to_frame(self, split: Any = None) -> pd.DataFrame:
        """Return a table with a row for every image: its score and, with its split, what it is.

        Parameters
        ----------
        split: of the same images, such as `adviz.data.Split`; None = not known.

        Returns
        -------
        Columns "id" (empty texts where the images have no names), "score", "map_max" (the map's
        largest value) where there are maps, "segmented" where not all images have one; with a split
        also "label" (0 good, 1 anomalous, -1 unlabelled) and "defect".

        Raises
        ------
        ValueError: another number of images, or others.

        Examples
        --------
        >>> frame = prediction.to_frame(category.test)
        >>> frame.groupby("defect")["score"].median().idxmin()
        'good'
        """
        import pandas as pd

        columns: dict[str, Any] = {"id": list(self.ids) or [""] * len(self), "score": self.score}
        if self.anomaly_map is not None:
            columns["map_max"] = self.anomaly_map.max((1, 2))
        if self.segmented is not None:
            columns["segmented"] = self.segmented
        if split is not None:
            require_attributes(split, "labels defects ids", "the Split of the images")
            if len(split) != len(self):
                raise ValueError(
                    f"expected the split of these {len(self)} images, got one of {len(split)}"
                )
            self.check_images(split.ids)
            columns["id"] = list(split.ids)
            columns["label"] = split.labels
            columns["defect"] = list(split.defects)
        return pd.DataFrame(columns)

    def to_units(self, null: Good) -> Prediction:
        """Return the prediction in units of good: decades of how few good ones are as strange.

        A score, a map's pixel or a layer's location becomes -log10 of its p-value: 0 = all good
        ones are as strange, 3 = one of a thousand. So detectors are on one scale. What is stranger
        than all n good ones is log10(n + 1) for each: rank images by the raw scores.

        Parameters
        ----------
        null: an `adviz.Null` of the same detector.

        Raises
        ------
        ValueError: a null of another detector, backbone or weights, or without such maps.

        Examples
        --------
        >>> from adviz import Null
        >>> null = Null.of(detector.predict_left_out(train))
        >>> prediction.to_units(null).score.max().round(2)  # log10 of 64 images + 1
        np.float64(1.81)
        """
        require_attributes(null, "check p_values", "a Null, such as Null.of(left_out)")
        null.check(self)

        def decades(values: np.ndarray, of: str) -> np.ndarray:
            return np.asarray(-np.log10(null.p_values(values, of)))

        anomaly_map = self.anomaly_map
        if anomaly_map is not None:
            anomaly_map = decades(anomaly_map, "pixels").astype(np.float32)
            if self.valid is not None:
                anomaly_map = np.where(self.valid, anomaly_map, np.float32(0))
        layer_maps = {
            layer: decades(values, layer).astype(np.float32)
            for layer, values in self.layer_maps.items()
        }
        score = decades(self.score, "score")
        return replace(self, score=score, anomaly_map=anomaly_map, layer_maps=layer_maps)

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
        unpadded = []
        for anomaly_map, box in zip(self.anomaly_map, np.asarray(self.boxes).tolist(), strict=True):
            top, left, bottom, right = box
            unpadded.append(anomaly_map[top:bottom, left:right])
        return unpadded

    def __repr__(self) -> str:
        size = "no map"
        if self.anomaly_map is not None:
            size = "maps {1}x{2}".format(*self.anomaly_map.shape)
        layers = ", ".join(self.layer_maps) or "none"
        neighbors = ", ".join(f"{name}: {value!r}" for name, value in self.neighbors.items())
        return (
            f"Prediction({self.detector or 'detector'}, {len(self)} images, {size}, "
            f"layer maps: {layers}; {neighbors or 'no neighbors'})"
        )

    def _repr_html_(self) -> str:
        return f"<code>{html.escape(repr(self))}</code>"

    def check_images(self, names: Sequence[str]) -> None:
        """Refuse the names of other images, or of these images in another order.

        Nothing is refused where the names on either side are not known.

        Parameters
        ----------
        names: N, as `adviz.data.Split.ids`; two names agree where one path ends with the other.
            "0", "1", ... are those of arrays, which count as not known.

        Raises
        ------
        ValueError: another name; the first is named.

        Examples
        --------
        >>> prediction.check_images(category.test.ids)
        """
        if not (_are_known(self.ids) and _are_known(names)):
            return
        for number, (predicted, given) in enumerate(zip(self.ids, names, strict=True)):
            predicted_path = _path(predicted)
            given_path = _path(given)
            if predicted_path.endswith(given_path) or given_path.endswith(predicted_path):
                continue
            raise ValueError(
                "expected a prediction of these images, got one of others: "
                f"image {number} is {given!r} here and was {predicted!r} when it was predicted; "
                "where they are the same all the same, set the prediction's ids to () with "
                "dataclasses.replace"
            )


def _are_known(names: Sequence[str]) -> bool:
    """Return whether names are more than the numbers that images without names get."""
    return any(name != str(number) for number, name in enumerate(names))


def _path(name: str) -> str:
    return "/" + name.replace("\\", "/").lstrip("/")


def _floats(values: Any, name: str) -> np.ndarray:
    """Return numbers as floats: integers and booleans as float64, floats unchanged."""
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


def joined(predictions: Sequence[Prediction], images: Sequence[Sequence[int]]) -> Prediction:
    """Return the predictions of parts of N images as one of all, in the images' order.

    Parameters
    ----------
    predictions: by one detector, alike but for their images.
    images: which of the N images each of them is of; all of them together.
    """
    order = np.argsort(np.concatenate([np.asarray(part) for part in images]), kind="stable")

    def together(values: Iterable[Any]) -> Any:
        parts = list(values)
        return None if parts[0] is None else np.concatenate(parts)[order]

    first = predictions[0]
    neighbors = {}
    for name, found in first.neighbors.items():
        of_parts = [prediction.neighbors[name] for prediction in predictions]
        k = min(part.distance.shape[3] for part in of_parts)  # of fewer images there may be fewer
        arrays = {
            key: together(getattr(part, key)[..., :k] for part in of_parts)
            for key in ("distance", "image", "location")
        }
        neighbors[name] = replace(found, **arrays)
    return replace(
        first,
        score=together(prediction.score for prediction in predictions),
        anomaly_map=together(prediction.anomaly_map for prediction in predictions),
        layer_maps={
            name: together(prediction.layer_maps[name] for prediction in predictions)
            for name in first.layer_maps
        },
        neighbors=neighbors,
        segmented=together(prediction.segmented for prediction in predictions),
        ids=tuple(together(np.array(prediction.ids, object) for prediction in predictions))
        if first.ids
        else (),
        boxes=together(prediction.boxes for prediction in predictions),
    )


def numbered(prediction: Prediction, images: np.ndarray) -> Prediction:
    """Return a prediction whose neighbours' image i is the training split's image ``images[i]``."""
    neighbors = {
        name: replace(found, image=images[found.image].astype(found.image.dtype))
        for name, found in prediction.neighbors.items()
    }
    return replace(prediction, neighbors=neighbors)


def ensemble(predictions: Sequence[Prediction]) -> Prediction:
    """Average several predictions of the same images, each normalised over the test set.

    Scores, and likewise maps, are brought to 0..1 by the smallest and largest value that a
    prediction has over all its images, then averaged (PatchCore, Table 4). **This looks at the
    whole test set**: an image's ensemble score depends on the other images, so it cannot be used
    for images one by one.

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
    >>> merged = ensemble([prediction, DN2().fit(train).predict(test)])
    >>> bool(0 <= merged.score.min() and merged.score.max() <= 1)
    True
    """
    if isinstance(predictions, Prediction):
        raise TypeError("expected a list of predictions, got one Prediction: use [first, second]")
    counts = [len(prediction) for prediction in predictions]
    if not counts or len(set(counts)) != 1:
        raise ValueError(
            f"expected at least one prediction, all of the same images, got {counts} images"
        )
    with_maps = [prediction for prediction in predictions if prediction.anomaly_map is not None]
    sizes = {np.asarray(prediction.anomaly_map).shape[1:] for prediction in with_maps}
    if len(sizes) > 1:
        raise ValueError(
            f"expected maps of one size, got {sorted(sizes)}: resize them with adviz.maps.resize"
        )
    with_names = [prediction for prediction in predictions if _are_known(prediction.ids)]
    boxes = _common_boxes(with_maps)
    for other in with_names[1:]:
        with_names[0].check_images(other.ids)
    scores = [_to_unit(prediction.score) for prediction in predictions]
    unit_maps = [
        _to_unit(np.asarray(prediction.anomaly_map), prediction.valid) for prediction in with_maps
    ]
    return Prediction(
        score=np.mean(scores, axis=0),
        anomaly_map=np.mean(unit_maps, axis=0) if unit_maps else None,
        detector=" + ".join(prediction.detector or "detector" for prediction in predictions),
        backbone=_joined(prediction.backbone for prediction in predictions),
        digest=_joined(prediction.digest for prediction in predictions),
        ids=with_names[0].ids if with_names else (),
        boxes=boxes,
    )


def _common_boxes(with_maps: Sequence[Prediction]) -> np.ndarray | None:
    """Return the boxes that all predictions with maps share; None where none is padded."""
    padded = [prediction for prediction in with_maps if prediction.boxes is not None]
    if not padded:
        return None
    boxes = padded[0].boxes
    for prediction in with_maps:
        if not np.array_equal(np.asarray(boxes), np.asarray(prediction.boxes)):
            raise ValueError(
                "expected predictions of images that are padded alike: "
                "extract all with one geometry"
            )
    return boxes


def _joined(names: Iterable[str]) -> str:
    """Join different names, in their order; empty ones are left out."""
    return " + ".join(dict.fromkeys(filter(None, names)))


def _to_unit(values: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
    """Scale values by the smallest and largest valid one to 0..1.

    Invalid values become 0, and all values where they are equal, which tell nothing.
    """
    counted = values if valid is None else values[valid]
    low = counted.min()
    high = counted.max()
    if low == high:
        return np.zeros_like(values)
    scaled = (values - low) / (high - low)
    if valid is not None:
        scaled = np.where(valid, scaled, 0).astype(values.dtype)
    return np.asarray(scaled)
