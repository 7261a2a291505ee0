"""What the layers of a network say about images: the noun `Features`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from adviz.data.split import as_indices
from adviz.names import got, stride_of

if TYPE_CHECKING:
    from adviz.data import Geometry

Layer = int | str


class Features(Mapping[str, np.ndarray]):
    """What a backbone's layers say about N images; a mapping from a layer's name to its array.

    Parameters
    ----------
    layers: name -> (N, C, h, w) float32 or float16, in memory or memory-mapped.
    image_size: (H, W) of the images, pixels, the same for all.
    strides: name -> pixels per cell; None = H / h.
    backbone: name of the network, for the record.
    digest: digest of its weights, for the record.
    ids: N names of the images; None = "0", "1", ...
    geometry: how the images were resized and cropped; None = not known, or of no matter. A detector that learned from
        features with a geometry refuses features with another: to compare sizes on purpose, set it to None.

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
    ) -> None:
        counts = {name: len(array) for name, array in layers.items()}
        bad = {name: array.shape for name, array in layers.items() if array.ndim != 4}
        if bad or not layers or len(set(counts.values())) != 1:
            raise ValueError(f"layers must map names to (N, C, h, w) arrays of one N, got {bad or counts}")
        self._layers = dict(layers)
        self.image_size = (int(image_size[0]), int(image_size[1]))
        self.strides = dict(strides or {name: round(image_size[0] / a.shape[2]) for name, a in layers.items()})
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
        self, layers: Sequence[Layer] | None = None, images: Sequence[int] | np.ndarray | None = None
    ) -> Features:
        """Return some layers (by name or stride) and some images; None = all.

        "layer2" also stands for the only layer of stride 8, whatever its name ("layer1" for that of 4, and so on).

        Raises
        ------
        ValueError: a layer or stride that these features do not have, or a stride that several layers share.

        Examples
        --------
        >>> test.select([8, "layer3"], images=[0, 5])
        Features(efficientnet_lite0, 2 images of (224, 224), layer2: 40x28x28, layer3: 112x14x14)
        """
        names = list(self) if layers is None else [self._name(layer) for layer in listed(layers)]
        if len(set(names)) != len(names):
            raise ValueError(f"expected every layer once, got {layers}, which are {', '.join(names)}")
        index = slice(None) if images is None else as_indices(images, self.n_images)
        return Features(
            {name: self[name][index] for name in names},
            image_size=self.image_size,
            strides={name: self.strides[name] for name in names},
            backbone=self.backbone,
            digest=self.digest,
            ids=list(np.array(self.ids, dtype=object)[index]),
            geometry=self.geometry,
        )

    def _name(self, layer: Layer) -> str:
        names = [name for name in self if layer in (name, self.strides[name])]
        if not names and stride_of(layer) is not None:
            names = [name for name in self if self.strides[name] == stride_of(layer)]
        if len(names) != 1:
            there = ", ".join(f"{name} (stride {stride})" for name, stride in self.strides.items())
            if names:
                what = "several layers have it, choose one by name"
                raise ValueError(f"expected a layer or stride of these features ({there}), got {layer!r}: {what}")
            raise ValueError(
                f"expected a layer or stride of these features ({there}; extract others with Backbone(layers=...)), "
                f"{got(layer, self)}"
            )
        return names[0]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{n}: {'x'.join(map(str, a.shape[1:]))}" for n, a in self._layers.items())
        return f"Features({self.backbone or 'arrays'}, {self.n_images} images of {self.image_size}, {shapes})"


def listed(layers: Sequence[Layer]) -> list[Layer]:
    """Return layers as a list; a lone name or stride is refused, since a name would be read letter by letter."""
    if isinstance(layers, str | int):
        raise TypeError(f"expected a list of layers, got {layers!r}: use [{layers!r}]")
    return list(layers)
