"""What the layers of a network say about images: the noun `Features`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adviz._support import as_numpy, got, stride_of
from adviz.data import as_indices

if TYPE_CHECKING:
    from adviz.data import Geometry

Layer = int | str


class Features(Mapping[str, np.ndarray]):
    """What a backbone's layers say about N images; a mapping from a layer's name to its array.

    Parameters
    ----------
    layers: name -> (N, C, h, w) float32 or float16, in memory or memory-mapped; tensors of any
        device and lists become arrays here.
    image_size: (H, W) of the images, pixels, the same for all.
    strides: name -> pixels per cell; None = H / h.
    backbone: name of the network, for the record.
    digest: digest of its weights, for the record.
    ids: N names of the images; None = "0", "1", ...
    geometry: how the images were resized and cropped; None = not known, or of no matter. A detector
        that learned from features with a geometry refuses features with another: to compare sizes
        on purpose, set it to None.
    boxes: (N, 4) int, the top, left, bottom and right edge of every image, pixels, where it is
        padded to `image_size` (``aspect="letterbox"``); None = nothing is padded. What layers say
        of padding is replaced by the nearest patch of the image, and detectors count it nowhere.

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
        bad = {name: array.shape for name, array in arrays.items() if array.ndim != 4}
        counts = {name: array.shape[:1] for name, array in arrays.items()}
        if bad or not arrays or len(set(counts.values())) != 1:
            raise ValueError(
                f"layers must map names to (N, C, h, w) arrays of one N, got {bad or counts}"
            )
        self._layers = arrays
        self.image_size = (int(image_size[0]), int(image_size[1]))
        self._boxes = None if boxes is None else _padded(boxes, self.n_images, self.image_size)
        if self._boxes is not None:
            self._layers = {
                name: filled(a, self._boxes, self.image_size) for name, a in arrays.items()
            }
        self.strides = dict(
            strides or {name: round(image_size[0] / a.shape[2]) for name, a in arrays.items()}
        )
        self.backbone, self.digest, self.geometry = backbone, digest, geometry
        self.ids = list(ids) if ids is not None else [str(index) for index in range(self.n_images)]
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
        names = list(self) if layers is None else [self._name(layer) for layer in listed(layers)]
        if len(set(names)) != len(names):
            raise ValueError(
                f"expected every layer once, got {layers}, which are {', '.join(names)}"
            )
        index = slice(None) if images is None else as_indices(images, self.n_images)
        chosen = Features(
            {name: self[name][index] for name in names},
            image_size=self.image_size,
            strides={name: self.strides[name] for name in names},
            backbone=self.backbone,
            digest=self.digest,
            ids=list(np.array(self.ids, dtype=object)[index]),
            geometry=self.geometry,
        )
        return in_boxes(chosen, None if self.boxes is None else self.boxes[index])

    @property
    def boxes(self) -> np.ndarray | None:
        """(N, 4) int64 edges of the images in their padding, or None."""
        return self._boxes

    def inside(self, grid: tuple[int, int]) -> np.ndarray | None:
        """Return which patches of a (rows, columns) grid are the image's, (N, rows, columns) bool; None = all are.

        A patch is where more than half of it along both sides is; of a strip that is in the middle
        of no patch so far, the patches that it covers most.

        Examples
        --------
        >>> from adviz import Features
        >>> noise = np.random.default_rng(0).normal(size=(1, 3, 4, 4)).astype("float32")
        >>> padded = Features({"mine": noise}, image_size=(32, 32), boxes=np.array([[8, 0, 24, 32]]))
        >>> padded.inside((4, 4))[0].sum(axis=1)
        array([0, 4, 4, 0])
        """
        return None if self.boxes is None else patches_inside(self.boxes, self.image_size, grid)

    def _name(self, layer: Layer) -> str:
        names = [name for name in self if layer in (name, self.strides[name])]
        if not names and stride_of(layer) is not None:
            names = [name for name in self if self.strides[name] == stride_of(layer)]
        if len(names) != 1:
            there = ", ".join(f"{name} (stride {stride})" for name, stride in self.strides.items())
            if names:
                what = "several layers have it, choose one by name"
                raise ValueError(
                    f"expected a layer or stride of these features ({there}), got {layer!r}: {what}"
                )
            raise ValueError(
                f"expected a layer or stride of these features ({there}; extract others with Backbone(layers=...)), "
                f"{got(layer, self)}"
            )
        return names[0]

    def __repr__(self) -> str:
        shapes = ", ".join(
            f"{n}: {'x'.join(map(str, a.shape[1:]))}" for n, a in self._layers.items()
        )
        return f"Features({self.backbone or 'arrays'}, {self.n_images} images of {self.image_size}, {shapes})"


def in_boxes(features: Features, boxes: np.ndarray | None) -> Features:
    """Return features of images that lie in such boxes, after their padding has been `filled`; nothing is copied."""
    features._boxes = (
        None if boxes is None else _padded(boxes, features.n_images, features.image_size)
    )
    return features


def _padded(boxes: np.ndarray, count: int, size: tuple[int, int]) -> np.ndarray | None:
    """Return (N, 4) int64 boxes, or None where they say that nothing is padded.

    Raises
    ------
    ValueError: they are not those of `count` images that are padded to a (height, width).
    """
    found = np.asarray(boxes)
    if found.shape != (count, 4) or found.dtype.kind not in "iu":
        raise ValueError(
            f"boxes must be ({count}, 4) integers: the top, left, bottom and right edge of each image in its padding, "
            f"got shape {found.shape} of {found.dtype}"
        )
    found = np.asarray(found, dtype=np.int64)
    empty = (found[:, :2] < 0) | (found[:, :2] >= found[:, 2:]) | (found[:, 2:] > size)
    if empty.any():
        first = int(np.flatnonzero(empty.any(1))[0])
        raise ValueError(
            f"boxes must lie within {size}, got {found[first].tolist()} for image {first}"
        )
    return None if (found == (0, 0, *size)).all() else found


def patches_inside(boxes: np.ndarray, size: tuple[int, int], grid: tuple[int, int]) -> np.ndarray:
    """Return which patches of a grid are the images' and no padding; see `Features.inside`.

    Parameters
    ----------
    boxes: (N, 4) top, left, bottom and right edge of the images.
    size: (H, W) with padding, pixels.
    grid: (rows, columns).
    """
    rows = _parts_inside(boxes[:, 0], boxes[:, 2], size[0], grid[0])
    columns = _parts_inside(boxes[:, 1], boxes[:, 3], size[1], grid[1])
    return np.asarray(rows[:, :, None] & columns[:, None, :])


def _parts_inside(start: np.ndarray, stop: np.ndarray, side: int, count: int) -> np.ndarray:
    """Return (N, count) bool: which of the equal parts of a side lie by more than half between start and stop."""
    edges = np.linspace(0, side, count + 1)
    overlap = np.minimum(stop[:, None], edges[1:]) - np.maximum(start[:, None], edges[:-1])
    largest = overlap.max(1, keepdims=True)
    return np.asarray(
        (overlap > side / count / 2) | ((overlap == largest) & (largest <= side / count / 2))
    )


def filled(values: np.ndarray, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return (N, ..., h, w) values with the nearest patch of the image in the place of padding; unchanged if it was.

    So whatever is there has no influence, neither on a neighbourhood nor when values are enlarged
    or smoothed.
    """
    inside = patches_inside(boxes, size, (values.shape[-2], values.shape[-1]))
    result = values
    for number, patches in enumerate(inside):
        rows, columns = _nearest(patches.any(1)), _nearest(patches.any(0))
        image = values[number][..., rows[:, None], columns]
        if not np.array_equal(image, values[number]):
            result = np.array(values) if result is values else result
            result[number] = image
    return result


def _nearest(inside: np.ndarray) -> np.ndarray:
    """Return for each of the places the nearest that is inside; these follow each other."""
    places = np.flatnonzero(inside)
    return np.clip(np.arange(len(inside)), places[0], places[-1])


def _floats(values: Any, name: str) -> np.ndarray:
    array = as_numpy(values)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"layers must hold real numbers, got {array.dtype} in {name}")
    return array if array.dtype.kind == "f" else array.astype(np.float32)


def listed(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers as a list; a lone name or stride is refused, since a name would be read letter by letter."""
    if isinstance(layers, str | int):
        raise TypeError(f"expected a list of layers, got {layers!r}: use [{layers!r}]")
    return list(layers)
