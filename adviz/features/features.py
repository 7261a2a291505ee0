"""`Features`: the intermediate feature maps of N images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adviz._support import as_numpy, got
from adviz.data import as_indices

if TYPE_CHECKING:
    from adviz.data import Geometry

Layer = int | str


class Features(Mapping[str, np.ndarray]):
    """Intermediate feature maps of N images: a mapping from a layer's name to its array.

    Parameters
    ----------
    layers: name -> (N, C, h, w) float32 or float16, in memory or memory-mapped; tensors of any
        device and lists become arrays here.
    image_size: (H, W) of the images, pixels, the same for all.
    strides: name -> pixels per location; None = H / h.
    backbone: name of the network, for the record.
    digest: digest of its weights, for the record.
    ids: N names of the images; None = "0", "1", ...
    geometry: how the images were resized and cropped; None = unknown, or irrelevant. A detector
        that learned from features with a geometry refuses features with another: to compare sizes
        on purpose, set it to None.
    boxes: (N, 4) int, the top, left, bottom and right edge of every image, pixels, where it is
        padded to `image_size` (``aspect="letterbox"``); None = nothing is padded. The features of
        padding are replaced by the nearest patch of the image, and detectors count them nowhere.

    Examples
    --------
    >>> from adviz import Features
    >>> noise = np.random.default_rng(0).normal(size=(6, 3, 4, 4)).astype("float32")
    >>> Features({"mine": noise}, image_size=(32, 32))
    Features(arrays, 6 images of (32, 32), mine: 3x4x4)
    """

    def __init__(
        self,
        layers: Mapping[str, np.ndarray],
        *,
        image_size: tuple[int, int],
        strides: Mapping[str, int] | None = None,
        backbone: str = "",
        digest: str = "",
        ids: Sequence[str] | None = None,
        geometry: Geometry | None = None,
        boxes: np.ndarray | None = None,
    ) -> None:
        if not isinstance(layers, Mapping):
            raise TypeError(
                f"layers must map names to (N, C, h, w) arrays, got a {type(layers).__name__}"
            )
        arrays = {str(name): _floats(values, str(name)) for name, values in layers.items()}
        _check_shapes(arrays)
        self._layers = arrays
        self.image_size = (int(image_size[0]), int(image_size[1]))
        self._boxes: np.ndarray | None = None
        if boxes is not None:
            self._boxes = _checked_boxes(boxes, self.n_images, self.image_size)
        if self._boxes is not None:
            # Padding must not influence any detector
            for name, array in arrays.items():
                self._layers[name] = fill_padding(array, self._boxes, self.image_size)
        if not strides:
            strides = {name: round(image_size[0] / a.shape[2]) for name, a in arrays.items()}
        self.strides = dict(strides)
        self.backbone = backbone
        self.digest = digest
        self.geometry = geometry
        self.ids = list(map(str, range(self.n_images))) if ids is None else list(ids)
        if len(self.ids) != self.n_images:
            raise ValueError(f"ids must name the {self.n_images} images, got {len(self.ids)} names")

    def __getitem__(self, layer: str) -> np.ndarray:
        return self._layers[layer]

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        """Return the number of layers."""
        return len(self._layers)

    @property
    def n_images(self) -> int:
        """N."""
        return len(next(iter(self._layers.values())))

    def select(
        self,
        layers: Sequence[Layer] | None = None,
        images: Sequence[int] | np.ndarray | None = None,
    ) -> Features:
        """Return some layers (by name or stride) and some images; None = all.

        "layer2" also stands for the only layer of stride 8, whatever its name ("layer1" for that of
        4, and so on).

        Raises
        ------
        ValueError: a layer or stride that these features do not have, or a stride that several
            layers share.

        Examples
        --------
        >>> test.select([8, "layer3"], images=[0, 5])
        Features(efficientnet_lite0, 2 images of (224, 224), layer2: 40x28x28, layer3: 112x14x14)
        """
        names = list(self)
        if layers is not None:
            names = [self._name(layer) for layer in listed(layers)]
        if len(set(names)) != len(names):
            raise ValueError(
                f"expected every layer once, got {layers}, which are {', '.join(names)}"
            )
        index = slice(None) if images is None else as_indices(images, self.n_images)
        selected = Features(
            {name: self[name][index] for name in names},
            image_size=self.image_size,
            strides={name: self.strides[name] for name in names},
            backbone=self.backbone,
            digest=self.digest,
            ids=list(np.array(self.ids, dtype=object)[index]),
            geometry=self.geometry,
        )
        if self.boxes is not None:
            selected = in_boxes(selected, self.boxes[index])
        return selected

    @property
    def boxes(self) -> np.ndarray | None:
        """(N, 4) int64 edges of the images in their padding, or None."""
        return self._boxes

    def inside(self, grid: tuple[int, int]) -> np.ndarray | None:
        """Return which patches of a grid are the image's and no padding.

        A patch is the image's where more than half of it along both sides is; of an image narrower
        than that, the patches that it covers most are.

        Parameters
        ----------
        grid: (rows, columns).

        Returns
        -------
        inside: (N, rows, columns) bool; None = nothing is padded.

        Examples
        --------
        >>> from adviz import Features
        >>> noise = np.random.default_rng(0).normal(size=(1, 3, 4, 4)).astype("float32")
        >>> box = np.array([[8, 0, 24, 32]])
        >>> padded = Features({"mine": noise}, image_size=(32, 32), boxes=box)
        >>> padded.inside((4, 4))[0].sum(axis=1)
        array([0, 4, 4, 0])
        """
        if self.boxes is None:
            return None
        return patches_inside(self.boxes, self.image_size, grid)

    def _name(self, layer: Layer) -> str:
        """Return the name of the layer that a name or stride stands for."""
        names = [name for name in self if layer in (name, self.strides[name])]
        # "layer2" of another network than a ResNet is its layer of stride 8
        if not names and stride_of(layer) is not None:
            names = [name for name in self if self.strides[name] == stride_of(layer)]
        if len(names) == 1:
            return names[0]
        known = ", ".join(f"{name} (stride {stride})" for name, stride in self.strides.items())
        if names:
            raise ValueError(
                f"expected a layer or stride of these features ({known}), got {layer!r}: "
                "several layers have it, choose one by name"
            )
        raise ValueError(
            f"expected a layer or stride of these features ({known}; extract others with "
            f"Backbone(layers=...)), {got(layer, self)}"
        )

    def __repr__(self) -> str:
        name = self.backbone or "arrays"
        shapes = [f"{layer}: {'x'.join(map(str, a.shape[1:]))}" for layer, a in self.items()]
        images = f"{self.n_images} images of {self.image_size}"
        return f"Features({name}, {images}, {', '.join(shapes)})"


def in_boxes(features: Features, boxes: np.ndarray | None) -> Features:
    """Set the boxes of features that `fill_padding` has filled, and return them uncopied."""
    if boxes is not None:
        boxes = _checked_boxes(boxes, features.n_images, features.image_size)
    features._boxes = boxes
    return features


def _checked_boxes(boxes: np.ndarray, count: int, size: tuple[int, int]) -> np.ndarray | None:
    """Return (N, 4) int64 boxes, or None if nothing is padded.

    Raises
    ------
    ValueError: they are not those of `count` images that are padded to a (height, width).
    """
    edges = np.asarray(boxes)
    if edges.shape != (count, 4) or edges.dtype.kind not in "iu":
        raise ValueError(
            f"boxes must be ({count}, 4) integers: the top, left, bottom and right edge of each "
            f"image in its padding, got shape {edges.shape} of {edges.dtype}"
        )
    edges = edges.astype(np.int64, copy=False)
    start = edges[:, :2]  # top and left, (N, 2)
    stop = edges[:, 2:]  # bottom and right, (N, 2)
    invalid = ((start < 0) | (start >= stop) | (stop > size)).any(axis=1)  # (N,)
    if invalid.any():
        first = int(np.flatnonzero(invalid)[0])
        raise ValueError(
            f"boxes must lie within {size}, got {edges[first].tolist()} for image {first}"
        )
    unpadded = (edges == (0, 0, *size)).all()
    return None if unpadded else edges


def patches_inside(boxes: np.ndarray, size: tuple[int, int], grid: tuple[int, int]) -> np.ndarray:
    """Return which patches of a grid are the images' and no padding, (N, rows, columns).

    See `Features.inside`.

    Parameters
    ----------
    boxes: (N, 4) top, left, bottom and right edge of the images.
    size: (H, W) with padding, pixels.
    grid: (rows, columns).
    """
    rows = _intervals_inside(boxes[:, 0], boxes[:, 2], size[0], grid[0])
    columns = _intervals_inside(boxes[:, 1], boxes[:, 3], size[1], grid[1])
    return np.asarray(rows[:, :, None] & columns[:, None, :])


def _intervals_inside(start: np.ndarray, stop: np.ndarray, side: int, count: int) -> np.ndarray:
    """Return which of `count` equal intervals of a side lie mostly inside (start, stop).

    Where none does, those that overlap most.
    """
    edges = np.linspace(0, side, count + 1)
    # Pixels of each interval between start and stop, (N, count)
    overlap = np.minimum(stop[:, None], edges[1:]) - np.maximum(start[:, None], edges[:-1])
    largest = overlap.max(axis=1, keepdims=True)
    half = side / count / 2
    inside = (overlap > half) | ((overlap == largest) & (largest <= half))  # (N, count)
    return np.asarray(inside)


def fill_padding(values: np.ndarray, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Replace the padding of (N, ..., h, w) values by the nearest patch of the image.

    So padding has no influence, neither on a neighbourhood nor when values are enlarged or
    smoothed. The array is copied only if anything changes.
    """
    inside = patches_inside(boxes, size, (values.shape[-2], values.shape[-1]))
    result = values
    for image_index, patches in enumerate(inside):
        rows = _nearest(patches.any(axis=1))
        columns = _nearest(patches.any(axis=0))
        image = values[image_index][..., rows[:, None], columns]  # (..., h, w)
        if np.array_equal(image, values[image_index]):
            continue
        if result is values:
            result = np.array(values)
        result[image_index] = image
    return result


def _nearest(inside: np.ndarray) -> np.ndarray:
    """Return for each index the nearest at which a run of true values is."""
    indices = np.flatnonzero(inside)
    return np.clip(np.arange(len(inside)), indices[0], indices[-1])


def _check_shapes(arrays: Mapping[str, np.ndarray]) -> None:
    shapes = {name: array.shape for name, array in arrays.items() if array.ndim != 4}
    counts = {name: array.shape[:1] for name, array in arrays.items()}
    if shapes or len(set(counts.values())) != 1:
        raise ValueError(
            f"layers must map names to (N, C, h, w) arrays of one N, got {shapes or counts}"
        )


def _floats(values: Any, name: str) -> np.ndarray:
    array = as_numpy(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"layers must hold real numbers, got {array.dtype} in {name}")
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def listed(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers as a list; refuse a single name, which would be read letter by letter."""
    if isinstance(layers, str | int):
        raise TypeError(f"expected a list of layers, got {layers!r}: use [{layers!r}]")
    return list(layers)


def stage_of(stride: int) -> str:
    """Return the name of a layer by its stride: a ResNet stage's, or such as "stride14".

    Examples
    --------
    >>> from adviz.features.features import stage_of, stride_of
    >>> stage_of(8), stride_of("layer2"), stride_of("blocks.5")
    ('layer2', 8, None)
    """
    number = int(stride).bit_length() - 2
    if number >= 0 and stride == 2 ** (number + 1):
        return f"layer{number}"
    return f"stride{stride}"


def stride_of(name: object) -> int | None:
    """Return the stride of the ResNet stage of a name such as "layer2"; None for other names."""
    stage = re.fullmatch(r"layer(\d)", name) if isinstance(name, str) else None
    return None if stage is None else 2 ** (int(stage[1]) + 1)
