"""SPADE (arXiv 2005.02357): retrieve similar normal images by DN2, then search patches in them."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np
import torch

from adviz._support import check_device, device_here, progress_bar
from adviz.core import maps
from adviz.detectors.base import LATER, Detector, all_or_nothing, reported, usable
from adviz.detectors.dn2 import DN2, ImageDistance, mean_over_images
from adviz.detectors.padding import spread, without_padding
from adviz.detectors.presets import AtMost
from adviz.detectors.spade import saved_state
from adviz.detectors.spade.gallery_search import (
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

CACHED_IMAGES = 128  # of the gallery, whose layers stay in the form that is searched


@dataclass(repr=False)
class SPADE(Detector):
    """Distance of each patch to the nearest patches of the normal images most like its image.

    Stage 1 is `DN2` and gives the image's score. Stage 2 (Eq. 3) compares every patch with **all**
    patches of the K retrieved images; the patch's score is the mean squared distance to the kappa
    nearest of them.

    Attributes
    ----------
    layers: strides or names for stage 2; coarse layers are brought to the finest grid, all count
        alike (3.5).
    image_layers, k_images_score, image_distance: `DN2`'s layers, K and what is averaged over the K
        images.
    k_images: K of stage 2.
    score_neighbors: kappa, nearest patches whose distances are averaged for a patch's score.
    match: "joint" compares concatenated layers; "per_layer" searches in each layer alone and takes
        the mean of the layers' maps (the public port; one layer each is Table 6).
    search: "exact"; "window": only patches within `radius` rows and columns (the paper's PatchMatch
        remark), radius 0 compares the same position, a radius of the grid's size everything; or
        "ivfpq": approximate (needs faiss), for comparison: at 784 patches an image it took longer
        than the exact search.
    radius: of the window, locations of the finest grid ("per_layer": of each layer's own); needed
        with "window" alone.
    layer_upsample: how coarse layers reach the finest grid, which the paper leaves open: "nearest"
        or "bilinear".
    gallery: "retrieved", or "random" training images drawn once for each test image from the seed
        and its name (Table 7).
    distance: of patch scores, "squared" (Eq. 3) or "euclidean" (the public port).
    segment_above: only images whose score is above this are segmented (the paper's tau), the
        others' maps are 0; in the unit of scores, which `image_distance` decides. None = all.
    sigma: of the map's smoothing, pixels.
    seed: of random galleries.
    device: where stage 2 is computed: "cpu", "cuda" or "auto", a GPU if there is one; no part of
        the method.

    Facts after `fit`: `k_used_`, K of stage 2.

    Presets, and what still differs from what they are named after (the images' preparation is
    `data.Geometry`, the network and its weights are `Backbone`'s, and how maps are evaluated is
    `evaluate`'s):

    * "paper": **K = 5 for the image's score, where the text says 50**: public runs reach the
      printed image AUROC of 85.5 with 3 to 5, and 80 to 83 with 50. The gallery's K is 50, as the
      text says. How coarse layers are brought to the finest grid, and that there is no tau, are
      ours: the text gives neither.
    * "paper-literal": K = 50 for both; otherwise as "paper".
    * "port" (the public code, which is not the authors'): its distances of patches have 1e-6 added
        to every difference.

    Examples
    --------
    >>> from adviz import SPADE
    >>> spade = SPADE(layers=(16,), k_images=5).fit(train)
    >>> spade.predict(test.select(images=[0, 20]))
    Prediction(SPADE, 2 images, maps 224x224, layer maps: layer3; image: ...)
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "images_score": "k_images_score",
        "images_gallery": "k_images",
        "neighbors": "score_neighbors",
        "upsample": "layer_upsample",
    }
    limits: ClassVar[tuple[str, ...]] = (
        "It keeps every patch of the training images: its file, memory and time grow "
        "with their number.",
        "An image that resembles no training image as a whole is compared with the wrong ones.",
    )
    layers: tuple[int | str, ...] = (4, 8, 16)
    image_layers: tuple[int | str, ...] = (32,)
    k_images_score: int = AtMost(5)
    k_images: int = AtMost(50)
    score_neighbors: int = 1
    match: Literal["joint", "per_layer"] = "joint"
    search: Literal["exact", "window", "ivfpq"] = "exact"
    radius: int | None = None
    layer_upsample: Literal["nearest", "bilinear"] = "nearest"
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
            layer_upsample=("nearest", "bilinear"),
            gallery=("retrieved", "random"),
            distance=("squared", "euclidean"),
            image_distance=get_args(ImageDistance),
        )
        has_radius = self.radius is not None
        if (self.search == "window") != has_radius or (self.radius or 0) < 0:
            raise ValueError(
                f'radius must be 0 or more with search="window" and None without, got {self.radius}'
            )
        if self.score_neighbors < 1 or self.sigma < 0:
            raise ValueError(
                "score_neighbors must be 1 or more, sigma 0 or more, got "
                f"{self.score_neighbors}, {self.sigma}"
            )
        if self.segment_above is not None and np.isnan(self.segment_above):
            raise ValueError(
                "segment_above must be a score or None, got NaN: no image would be segmented"
            )

    @property
    def depends_on_seed(self) -> bool:
        """Only random galleries are drawn; approximate search learns from a sample."""
        return self.gallery == "random" or self.search == "ivfpq"

    @property
    def layers_read(self) -> tuple[int | str, ...]:
        """The layers of both stages."""
        return (*self.layers, *self.image_layers)

    @all_or_nothing
    def fit(self, features: Features) -> SPADE:
        """Keep the training images' features: the gallery is taken from them image by image.

        Raises
        ------
        ValueError: a layer these features do not have, NaN features, or more images or patches
            asked for than there are.
        """
        chosen = self._fitting(features)
        self.k_used_ = usable(self.k_images, features.n_images, "k_images")
        if chosen.boxes is not None:
            self._check_padded(chosen, chosen)
        usable(
            self.score_neighbors, self.k_used_ * self._fewest_in_reach(chosen), "score_neighbors"
        )
        self._count = usable(self.k_images_score, features.n_images, "k_images_score")
        retrieved = max(self._count, self.k_used_)
        self._retrieval = DN2(self.image_layers, retrieved).fit(features)
        self._gallery = chosen
        self._centre = {name: _mean(array) for name, array in chosen.items()}
        self._indexes = {group: self._index(names) for group, names in self._groups().items()}
        return self

    def _fewest_in_reach(self, gallery: Features) -> int:
        """Return how many patches of a gallery image any patch is compared with, at least."""
        grids = [_finest_grid(gallery, names) for names in self._groups().values()]
        # A window holds least around a corner
        reach = np.max(grids) if self.radius is None else self.radius + 1
        counts = [int(min(reach, rows) * min(reach, columns)) for rows, columns in grids]
        if gallery.boxes is not None:
            for grid in grids:
                inside = patches_inside(gallery.boxes, gallery.image_size, grid)  # (N, h, w)
                counts.append(int(inside.sum((1, 2)).min()))
        return min(counts)

    def _check_padded(self, training: Features, features: Features) -> None:
        """Refuse searches among padded images that would meet padding."""
        if self.search == "ivfpq":
            raise ValueError(
                'search="ivfpq" knows no padding: use search="exact" for letterboxed images'
            )
        boxes = [split.boxes for split in (training, features) if split.boxes is not None]
        alike = len(boxes) == 2 and all((edges == boxes[0][0]).all() for edges in boxes)
        if self.search == "window" and not alike:
            raise ValueError(
                "a window compares positions: expected images that are padded alike, got "
                'letterboxed ones of several shapes; use search="exact"'
            )

    def _groups(self) -> dict[str, tuple[str, ...]]:
        """Return the layers that are compared together: name of the group -> layers."""
        if self.match == "joint":
            return {"patch": self.layers_}
        return {name: (name,) for name in self.layers_}

    def _index(self, names: Sequence[str]) -> CellIndex | None:
        """Return the approximate index over the gallery's patches, if one is asked for."""
        if self.search != "ivfpq":
            return None
        return CellIndex(self._gallery_cells(names), self.score_neighbors)

    def _gallery_cells(self, names: Sequence[str]) -> list[Cells]:
        """Return all gallery images as an index holds them: every layer on the finest grid."""
        images = range(self._gallery.n_images)
        return [self._cells(self._gallery, names, image, native=False) for image in images]

    @reported
    def predict(self, features: Features) -> Prediction:
        """Score images, and the patches of those that are segmented.

        Returns
        -------
        A `Prediction` with ``neighbors["image"]`` (the retrieved images), and in the order
        "retrieval" for every patch the nearest patch in each gallery image: ``neighbors["patch"]``,
        or with ``match="per_layer"`` one entry a layer; for any smaller K the score is a running
        minimum along k (kappa = 1). ``layer_maps`` are the layers' exact contributions to the
        squared distance (joint), or their own scores (per_layer). Where an image was not segmented,
        ``segmented`` is False, maps are 0 and distances NaN.

        Raises
        ------
        ValueError: not fitted, other layers or channels than in training, NaN features, or with a
            window another image size.
        """
        chosen = self._predicting(features)
        self._check_positions(chosen)
        # Stage 1: whole images
        return self._segment(chosen, self._retrieval.predict(features).neighbors["image"])

    def _left_out(self, features: Features) -> Prediction:
        if self.gallery == "random":  # it may hold the image itself
            return super()._left_out(features)
        retrieved = self._retrieval.predict_left_out(features).neighbors["image"]
        return self._segment(features.select(self.layers_), retrieved)

    def _segment(self, features: Features, retrieved: Neighbors) -> Prediction:
        """Score images by the retrieved ones, and the patches of those that are segmented.

        Parameters
        ----------
        features: of N images, the layers of stage 2.
        retrieved: the training images most like each.
        """
        nearest_images = retrieved.image[:, 0, 0]  # (N, K), nearest first
        nearest_distances = retrieved.distance[:, 0, 0, : self._count]
        score = mean_over_images(nearest_distances, self.image_distance)
        segmented = np.full(len(score), True)
        if self.segment_above is not None:
            segmented = score > self.segment_above
        # Stage 2: their patches, in the gallery (Eq. 3)
        matches = {}
        for group in self._groups():
            match = self._compare(features, group, nearest_images, segmented)
            matches[group] = match.spread_over_padding(features)
        # (N, h, w) of every group; all groups count alike in the map
        patch_scores = {group: match.scores(self.distance) for group, match in matches.items()}
        resized = [maps.resize(scores, features.image_size) for scores in patch_scores.values()]
        smoothed = maps.smooth(np.mean(resized, axis=0), self.sigma)
        joint = self.match == "joint"
        return Prediction(
            score=score,
            anomaly_map=without_padding(smoothed, features),
            layer_maps=matches["patch"].contributions if joint else patch_scores,
            neighbors={
                "image": retrieved,
                **{group: match.neighbors for group, match in matches.items()},
            },
            segmented=segmented,
            detector="SPADE",
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def _check_positions(self, features: Features) -> None:
        """Refuse images of another size or padding where positions are compared."""
        trained = {name: array.shape[2:] for name, array in self._gallery.items()}
        tested = {name: array.shape[2:] for name, array in features.items()}
        if self.search == "window" and trained != tested:
            raise ValueError(
                "a window compares positions: expected the training images' grids "
                f'{trained}, got {tested}; resize images alike, or use search="exact"'
            )
        if self._gallery.boxes is not None or features.boxes is not None:
            self._check_padded(self._gallery, features)

    def _compare(
        self, features: Features, group: str, nearest_images: np.ndarray, segmented: np.ndarray
    ) -> _Matches:
        """Compare every segmented image with its gallery, over the layers of a group together.

        Parameters
        ----------
        features: of N test images.
        group: its name.
        nearest_images: (N, K), the retrieved images, nearest first.
        segmented: (N,) bool.
        """
        names = self._groups()[group]
        index = self._indexes[group]
        query_grids, query_levels = nested([features[name].shape[2:] for name in names])
        gallery_grids, gallery_levels = nested([self._gallery[name].shape[2:] for name in names])
        grid = query_grids[0]
        native = self.layer_upsample == "nearest" and query_levels == gallery_levels

        @lru_cache(CACHED_IMAGES)
        def gallery_cells(image: int) -> Cells:
            return self._cells(self._gallery, names, image, native=native)

        first_query = self._cells(features, names, 0, native=native)
        search = Search(first_query, gallery_cells(0), self.score_neighbors, self.radius)
        k = min(self.k_used_, nearest_images.shape[1])  # of which one is left out there is one less
        matches = _Matches.empty((len(segmented), *grid), gallery_grids[0], k, names)
        for image in progress_bar(np.flatnonzero(segmented).tolist(), label="SPADE"):
            images = self._gallery_of(features.ids[image], nearest_images[image])
            query = self._cells(features, names, image, native=native)  # P locations
            gallery = [gallery_cells(number) for number in images.tolist()]
            if index is None:
                places = search(query, gallery)
            else:
                places = index(query, gallery, images.tolist())
            match = match_image(query, gallery, places, self.score_neighbors)
            matches.image[image] = images
            matches.distance[image] = match.distance.view(*grid, -1)
            matches.cell[image] = match.cell.view(*grid, -1)
            for name, contribution in zip(names, match.contributions, strict=True):
                matches.contributions[name][image] = contribution.view(grid)
        return matches

    def _cells(
        self, features: Features, names: Sequence[str], image: int, *, native: bool
    ) -> Cells:
        """Return one image's layers, their mean subtracted, in the form that is searched."""
        layers = []
        for name in names:
            centred = torch.from_numpy(features[name][image] - self._centre[name])
            layers.append(centred.to(device_here(self.device)))
        cells = as_cells(layers, self.layer_upsample, native=native)
        if features.boxes is None:
            return cells
        inside = patches_inside(features.boxes[[image]], features.image_size, cells.grids[0])
        return cells.among(torch.from_numpy(inside.ravel()))

    def _gallery_of(self, name: str, nearest_images: np.ndarray) -> np.ndarray:
        """Return the K training images that a test image is compared with."""
        if self.gallery == "retrieved":
            return nearest_images[: self.k_used_]
        generator = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
        return generator.permutation(self._gallery.n_images)[: self.k_used_]

    def work(
        self, *, n_train: int, n_test: int, locations: int, channels: int
    ) -> tuple[float, float]:
        """Return about how many multiplications `fit` and `predict` need.

        Every patch is compared with all patches of its gallery.
        """
        compared = min(n_train, int(self.k_images)) * locations
        fit = n_train * locations * channels
        predict = n_test * channels * (n_train + locations + locations * compared)
        return float(fit), float(predict)

    def _state(self) -> dict[str, Any]:
        return saved_state.state_of(self)

    def _restore(self, state: Mapping[str, Any]) -> None:
        saved_state.restore(self, state)


class _Matches(NamedTuple):
    """The nearest patches of N images' (h, w) patches in K gallery images each, being filled.

    Attributes
    ----------
    distance: (N, h, w, K), squared; NaN where an image is not segmented.
    image: (N, 1, 1, K), the gallery.
    cell: (N, h, w, K), flat location in that image's grid.
    contributions: layer -> (N, h, w), its part of the score.
    grid: (rows, columns) of the gallery's images.
    """

    distance: np.ndarray
    image: np.ndarray
    cell: np.ndarray
    contributions: dict[str, np.ndarray]
    grid: Size

    @classmethod
    def empty(cls, shape: tuple[int, ...], grid: Size, k: int, names: Sequence[str]) -> _Matches:
        """Return arrays of (N, h, w, k) that say "not segmented"."""
        smallest = np.min_scalar_type(-grid[0] * grid[1])
        return cls(
            np.full((*shape, k), np.nan, np.float32),
            np.zeros((shape[0], 1, 1, k), np.int32),
            np.zeros((*shape, k), np.promote_types(smallest, np.int16)),
            {name: np.zeros(shape, np.float32) for name in names},
            grid,
        )

    def spread_over_padding(self, features: Features) -> _Matches:
        """Return these with the values of the nearest patch of the image in padding."""
        return self._replace(
            distance=spread(self.distance, features),
            cell=spread(self.cell, features),
            contributions={
                name: spread(values, features) for name, values in self.contributions.items()
            },
        )

    @property
    def neighbors(self) -> Neighbors:
        """The search's result; all patches of an image have one gallery, hence a broadcast view."""
        images = np.broadcast_to(self.image, self.cell.shape)
        return Neighbors(self.distance, images, self.cell, self.grid, "retrieval")

    def scores(self, distance: str) -> np.ndarray:
        """Return (N, h, w) patch scores: the sum of the contributions, as it is or its root."""
        total = np.sum(list(self.contributions.values()), axis=0)
        return np.asarray(np.sqrt(total) if distance == "euclidean" else total)


def _finest_grid(features: Features, names: Sequence[str]) -> Size:
    """Return the (rows, columns) of the finest of some layers."""
    rows, columns = max(features[name].shape[2:] for name in names)
    return rows, columns


def _mean(layer: np.ndarray) -> np.ndarray:
    """Return the (C, 1, 1) float32 mean of a (N, C, h, w) layer.

    It is subtracted everywhere, since products lose digits beside a common offset.
    """
    return np.asarray(layer.mean((0, 2, 3), dtype=np.float32)[:, None, None])
