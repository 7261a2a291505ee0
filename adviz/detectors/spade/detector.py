"""SPADE (arXiv 2005.02357): retrieval by DN2, then correspondence of cells."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import torch

from adviz._support import bar, check_device
from adviz.core import maps
from adviz.detectors.base import LATER, Detector, all_or_nothing, spread, usable, without_padding
from adviz.detectors.dn2 import DN2, ImageDistance, image_score
from adviz.detectors.presets import AtMost
from adviz.detectors.spade.search import (
    CellIndex,
    Cells,
    Search,
    Size,
    as_cells,
    match_image,
    nested,
)
from adviz.features import patches_inside
from adviz.prediction import Neighbors, Prediction

if TYPE_CHECKING:
    from adviz.features import Features

KEPT = 128  # gallery images whose layers stay ready


@dataclass(repr=False)
class SPADE(Detector):
    """Retrieve the normal images most like a test image, then look for each of its cells in them.

    Stage 1 is `DN2` and gives the image's score. Stage 2 (Eq. 3) compares every cell with **all**
    cells of the K retrieved images; the cell's score is the mean squared distance to the kappa
    nearest of them.

    Attributes
    ----------
    layers: strides or names for stage 2; coarse layers are brought to the finest grid, all count
        alike (3.5).
    image_layers, images_score, image_distance: `DN2`'s layers, K and what is averaged over the K
        images.
    images_gallery: K of stage 2.
    neighbors: kappa, nearest cells that a score is the mean of.
    match: "joint" compares concatenated layers; "per_layer" searches in each layer alone and takes
        the mean of the layers' maps (the public port; one layer each is Table 6).
    search: "exact"; "window": only cells within `radius` rows and columns (the paper's PatchMatch
        remark), radius 0 compares the same position, a radius of the grid's size everything; or
        "ivfpq": approximate (needs faiss), for comparison: at 784 cells an image it took longer
        than the exact search.
    radius: of the window, cells of the finest grid ("per_layer": of each layer's own); needed with
        "window" alone.
    upsample: how coarse layers reach the finest grid, which the paper leaves open: "nearest" or
        "bilinear".
    gallery: "retrieved", or "random" training images drawn once for each test image from the seed
        and its name (Table 7).
    distance: of cell scores, "squared" (Eq. 3) or "euclidean" (the public port).
    segment_above: only images whose score is above this are segmented (the paper's tau), the
        others' maps are 0; in the unit of scores, which `image_distance` decides. None = all.
    sigma: of the map's smoothing, pixels.
    seed: of random galleries.
    device: where stage 2 is computed, "cpu" or "cuda"; no part of the method.

    Facts after `fit`: `k_used_`, K of stage 2.

    Presets, and what still differs from what they are named after (the images' preparation is
    `data.Geometry`, the network and its weights are `Backbone`'s, and how maps are evaluated is
    `evaluate`'s):

    * "paper": **K = 5 for the image's score, where the text says 50**: public runs reach the
      printed image AUROC of 85.5 with 3 to 5, and 80 to 83 with 50. The gallery's K is 50, as the
      text says. How coarse layers are brought to the finest grid, and that there is no tau, are
      ours: the text gives neither.
    * "paper-literal": K = 50 for both; otherwise as "paper".
    * "port" (the public code, which is not the authors'): its distances of cells have 1e-6 added to
        every difference.

    Examples
    --------
    >>> from adviz import SPADE
    >>> spade = SPADE(layers=(16,), images_gallery=5).fit(train)
    >>> spade.predict(test.select(images=[0, 20]))
    Prediction(SPADE, 2 images, maps 224x224, layer maps: layer3; image: ...)
    """

    layers: tuple[int | str, ...] = (4, 8, 16)
    image_layers: tuple[int | str, ...] = (32,)
    images_score: int = AtMost(5)
    images_gallery: int = AtMost(50)
    neighbors: int = 1
    match: Literal["joint", "per_layer"] = "joint"
    search: Literal["exact", "window", "ivfpq"] = "exact"
    radius: int | None = None
    upsample: Literal["nearest", "bilinear"] = "nearest"
    gallery: Literal["retrieved", "random"] = "retrieved"
    distance: Literal["squared", "euclidean"] = "squared"
    image_distance: ImageDistance = field(default="squared", metadata=LATER)
    segment_above: float | None = None
    sigma: float = 4.0
    seed: int = 0
    device: str = field(default="cpu", compare=False)

    def __post_init__(self) -> None:
        check_device(self.device)
        self._check_choices(
            match=("joint", "per_layer"),
            search=("exact", "window", "ivfpq"),
            upsample=("nearest", "bilinear"),
            gallery=("retrieved", "random"),
            distance=("squared", "euclidean"),
            image_distance=get_args(ImageDistance),
        )
        if (self.search == "window") != (self.radius is not None) or (self.radius or 0) < 0:
            raise ValueError(
                f'radius must be 0 or more with search="window" and None without, got {self.radius}'
            )
        if self.neighbors < 1 or self.sigma < 0:
            raise ValueError(
                f"neighbors must be 1 or more, sigma 0 or more, got {self.neighbors}, {self.sigma}"
            )
        if self.segment_above is not None and np.isnan(self.segment_above):
            raise ValueError(
                "segment_above must be a score or None, got NaN: no image would be segmented"
            )

    @all_or_nothing
    def fit(self, features: Features) -> SPADE:
        """Keep the training images' features: the gallery is taken from them image by image.

        Raises
        ------
        ValueError: a layer these features do not have, NaN features, or more images or cells asked
            for than there are.
        """
        chosen = self._fitting(features)
        self.k_used_ = usable(self.images_gallery, features.n_images, "images_gallery")
        grids = [max(chosen[name].shape[2:] for name in names) for names in self._groups().values()]
        # What a corner's window holds
        reach = self.radius + 1 if self.radius is not None else max(map(max, grids))
        cells = min(min(reach, rows) * min(reach, columns) for rows, columns in grids)
        if chosen.boxes is not None:
            self._check_padded(chosen, chosen)
            counted = [patches_inside(chosen.boxes, chosen.image_size, grid) for grid in grids]
            cells = min(cells, *(int(inside.sum((1, 2)).min()) for inside in counted))
        usable(self.neighbors, self.k_used_ * cells, "neighbors")
        count = usable(self.images_score, features.n_images, "images_score")
        self._retrieval = DN2(self.image_layers, max(count, self.k_used_)).fit(features)
        self._count, self._gallery = count, chosen
        self._centre = {name: _mean(array) for name, array in chosen.items()}
        self._indexes = {key: self._indexed(names) for key, names in self._groups().items()}
        return self

    def _check_padded(self, training: Features, features: Features) -> None:
        """Refuse searches among padded images that would meet padding."""
        if self.search == "ivfpq":
            raise ValueError(
                'search="ivfpq" knows no padding: use search="exact" for letterboxed images'
            )
        boxes = [part.boxes for part in (training, features) if part.boxes is not None]
        alike = len(boxes) == 2 and all((part == boxes[0][0]).all() for part in boxes)
        if self.search == "window" and not alike:
            raise ValueError(
                "a window compares positions: expected images that are padded alike, got letterboxed ones of several "
                'shapes; use search="exact"'
            )

    def _groups(self) -> dict[str, tuple[str, ...]]:
        """Return the layers that are compared together."""
        return (
            {"patch": self.layers_}
            if self.match == "joint"
            else {name: (name,) for name in self.layers_}
        )

    def _indexed(self, names: Sequence[str]) -> CellIndex | None:
        if self.search != "ivfpq":
            return None
        images = range(self._gallery.n_images)
        return CellIndex(
            [self._cells(self._gallery, names, image, False) for image in images], self.neighbors
        )

    def predict(self, features: Features) -> Prediction:
        """Score images, and the cells of those that are segmented.

        Returns
        -------
        A `Prediction` with ``neighbors["image"]`` (the retrieved images), and in the order
        "retrieval" for every cell
        the nearest cell in each gallery image: ``neighbors["patch"]``, or with
            ``match="per_layer"`` one entry a layer; for any smaller K the score is a running
            minimum along k (kappa = 1). ``layer_maps`` are the layers' exact shares of the squared
            distance (joint), or their own scores (per_layer). Where an image was not segmented,
            ``segmented`` is False, maps are 0 and distances NaN.

        Raises
        ------
        ValueError: not fitted, other layers or channels than in training, NaN features, or with a
            window another image size.
        """
        chosen = self._predicting(features)
        grids = [
            {name: array.shape[2:] for name, array in split.items()}
            for split in (self._gallery, chosen)
        ]
        if self.search == "window" and grids[0] != grids[1]:
            raise ValueError(
                f"a window compares positions: expected the training images' grids {grids[0]}, got {grids[1]}; "
                'resize images alike, or use search="exact"'
            )
        if self._gallery.boxes is not None or chosen.boxes is not None:
            self._check_padded(self._gallery, chosen)
        retrieved = self._retrieval.predict(features).neighbors["image"]
        score = image_score(retrieved.distance[:, 0, 0, : self._count], self.image_distance)
        segmented = (
            np.full(len(score), True) if self.segment_above is None else score > self.segment_above
        )
        found = {
            key: self._compare(chosen, key, retrieved.image[:, 0, 0], segmented).within(features)
            for key in self._groups()
        }
        scores = {key: part.score(self.distance) for key, part in found.items()}
        resized = [maps.resize(part, features.image_size) for part in scores.values()]
        return Prediction(
            score=score,
            anomaly_map=without_padding(
                maps.smooth(np.mean(resized, axis=0), self.sigma), features
            ),
            layer_maps=found["patch"].shares if self.match == "joint" else scores,
            neighbors={"image": retrieved, **{key: part.neighbors for key, part in found.items()}},
            segmented=segmented,
            detector="SPADE",
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def _compare(
        self, features: Features, group: str, nearest: np.ndarray, segmented: np.ndarray
    ) -> _Found:
        """Compare every segmented image with its gallery, over the layers of a group together."""
        names, index = self._groups()[group], self._indexes[group]
        sizes = [[split[name].shape[2:] for name in names] for split in (features, self._gallery)]
        ((grid, *_), own), ((known, *_), others) = (nested(size) for size in sizes)
        native = self.upsample == "nearest" and own == others
        found = _Found.empty((len(segmented), *grid), known, self.k_used_, names)
        prepared = lru_cache(KEPT)(lambda image: self._cells(self._gallery, names, image, native))
        search = Search(
            self._cells(features, names, 0, native), prepared(0), self.neighbors, self.radius
        )
        for image in bar(np.flatnonzero(segmented).tolist(), label="SPADE"):
            found.image[image] = self._drawn(features.ids[image], nearest[image])
            numbers = found.image[image, 0, 0].tolist()
            query, gallery = (
                self._cells(features, names, image, native),
                [prepared(number) for number in numbers],
            )
            places = index(query, gallery, numbers) if index else search(query, gallery)
            match = match_image(query, gallery, places, self.neighbors)
            found.distance[image] = match.distance.view(*grid, -1)
            found.cell[image] = match.cell.view(*grid, -1)
            for name, share in zip(names, match.shares, strict=True):
                found.shares[name][image] = share.view(grid)
        return found

    def _cells(self, features: Features, names: Sequence[str], image: int, native: bool) -> Cells:
        layers = [torch.from_numpy(features[name][image] - self._centre[name]) for name in names]
        cells = as_cells([layer.to(self.device) for layer in layers], self.upsample, native=native)
        if features.boxes is None:
            return cells
        inside = patches_inside(features.boxes[[image]], features.image_size, cells.grids[0])
        return cells.among(torch.from_numpy(inside.ravel()))

    def _drawn(self, name: str, nearest: np.ndarray) -> np.ndarray:
        """Return the K training images that a test image is compared with."""
        if self.gallery == "retrieved":
            return nearest[: self.k_used_]
        generator = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        return generator.permutation(self._gallery.n_images)[: self.k_used_]


class _Found(NamedTuple):
    """The arrays of `Neighbors` under construction, and each layer's part of the score."""

    distance: np.ndarray
    image: np.ndarray
    cell: np.ndarray
    shares: dict[str, np.ndarray]
    grid: Size

    @classmethod
    def empty(cls, shape: tuple[int, ...], grid: Size, k: int, names: Sequence[str]) -> _Found:
        """Return arrays that say "not segmented" for N images of (h, w) cells, searched for in a grid."""
        cells = np.zeros(
            (*shape, k), np.promote_types(np.min_scalar_type(-grid[0] * grid[1]), np.int16)
        )
        shares = {name: np.zeros(shape, np.float32) for name in names}
        return cls(
            np.full((*shape, k), np.nan, np.float32),
            np.zeros((shape[0], 1, 1, k), np.int32),
            cells,
            shares,
            grid,
        )

    def within(self, features: Features) -> _Found:
        """Return what was found, with the neighbours of the nearest patch of the image in padding."""
        shares = {name: spread(share, features) for name, share in self.shares.items()}
        distance, cell = spread(self.distance, features), spread(self.cell, features)
        return self._replace(distance=distance, cell=cell, shares=shares)

    @property
    def neighbors(self) -> Neighbors:
        """The search's result; the gallery is the same for all cells of an image, hence a broadcast view."""
        return Neighbors(
            self.distance,
            np.broadcast_to(self.image, self.cell.shape),
            self.cell,
            self.grid,
            "retrieval",
        )

    def score(self, distance: str) -> np.ndarray:
        """Return (N, h, w) cell scores: the sum of the shares, as it is or its root."""
        total = np.sum(list(self.shares.values()), axis=0)
        return np.asarray(np.sqrt(total) if distance == "euclidean" else total)


def _mean(layer: np.ndarray) -> np.ndarray:
    """Return (C, 1, 1) float32: what is taken off every cell, since products lose digits beside a common offset."""
    return np.asarray(layer.mean((0, 2, 3), dtype=np.float32)[:, None, None])
