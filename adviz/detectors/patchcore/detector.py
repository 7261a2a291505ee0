"""PatchCore (arXiv 2106.08265): a memory bank of normal patches, thinned by a greedy coreset."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, get_args

import numpy as np

from adviz._support import check_device, progress_bar
from adviz.core import CoresetTrace, ProxySign, ivfpq, maps, nearest, nearest_in_prefixes
from adviz.core import coreset as samplers
from adviz.detectors.base import (
    LATER,
    Detector,
    all_or_nothing,
    compact,
    each_left_out,
    reported,
    usable,
)
from adviz.detectors.padding import spread, without_padding
from adviz.detectors.patchcore import saved_state
from adviz.detectors.patchcore.embedding import Aggregation, PatchEmbedding
from adviz.detectors.patchcore.image_score import reweighted
from adviz.detectors.patchcore.patch_store import BATCH, TrainingPatches, scratch
from adviz.detectors.presets import AtMost
from adviz.prediction import Neighbors, Prediction

if TYPE_CHECKING:
    from torch import nn

    from adviz.features import Features

JL = "johnson-lindenstrauss"
# Channels of every layer from which on patches are pooled adaptively, where nothing else is said
WIDE = 512


@dataclass(repr=False)
class PatchCore(Detector):
    """Distance of each patch of an image to the nearest entry of a memory bank of normal patches.

    Attributes
    ----------
    layers: strides or names; (8, 16) = layer2 + layer3 in the paper.
    patch_size: side p of the neighbourhood around a location, odd (Eq. 1-2).
    stride: locations between patches.
    aggregation: "adaptive" (paper and official code), "mean", or None: adaptive when every layer
        has 512 channels or more (pooling fewer up to 1024 undoes the smoothing); `aggregation_`
        tells.
    dimension: length of an adaptively pooled vector, in all.
    layer_dimension: length that each layer is pooled to before that; None = `dimension`. The
        published ensembles pool to 1024 and then to 384 in all: ``layer_dimension=1024,
        dimension=384``.
    presample: at most so many patches of the training images, drawn uniformly, are candidates for
        the bank; None = all. It bounds memory where there are millions of patches (mSTC);
        `candidates_` tells how many there were.
    shards: the greedy search takes two rounds: the candidates, image after image, are cut into so
        many shards, and the bank is chosen among what each of these keeps; None = one round over
        all. For millions of patches; `trace_` has the covering radius, measured, and its bound.
    coreset: fraction of the candidates that the bank keeps, 0 < coreset <= 1.
    sampler: "greedy" (Alg. 1, Eq. 5), "random", or "proxies": learned vectors (Eq. 8), which are no
        patches; each is shown as the training patch nearest to it.
    proxy_sign: of the distances in Eq. 8's exponent: "negative" (near proxies weigh most) or
        "paper" (as printed).
    start: of the greedy search: "farthest" from the mean; "random"; or "anchors", the official
        code's approximation: the mean distance to 10 random patches, which do not enter the bank,
        caps every distance. With one projection and one set of anchors the bank is that of the
        authors' loop in float32, patch for patch (8 of 8 trials on built-in categories). Their
        random numbers are others: single seeds move image AUROC by up to .037, without bias over 40
        of them.
    projection: dimensions that the greedy search works in; the bank keeps the original vectors.
        "johnson-lindenstrauss": as many as keep distances within 90 % (4 ln M / (0.9^2 / 2 - 0.9^3
        / 3); anomalib).
    image_score: "reweighted" (Eq. 7) or "max" (official code).
    reweight_neighbors: b of Eq. 7, the bank entry itself included.
    distance: of patch scores: "euclidean" (paper) or "squared" (official code).
    score_neighbors: nearest bank entries whose distances are averaged for a patch's score: 1 in the
        paper, 3 and 5 in the two of the six published configurations of the official code that are
        for segmentation.
    index: of the search for patches, "flat" (exact) or "ivfpq" (approximate, needs faiss; Table 5).
    neighbors: bank entries returned for every patch, at least those that its score is made of.
    upsample: of the patch scores to the map, "bilinear" or "nearest" (anomalib).
    sigma: of the map's smoothing, pixels.
    border: of the map's smoothing, "reflect" or "mirror" (anomalib), see `maps.smooth`.
    seed: of the projection, the pre-sample, random sampling and random starts.
    device: where the coreset and an exact search are computed: "cpu", "cuda" or "auto", a
        GPU if there is one; no part of the method.

    Facts after `fit`: `bank_` (M, D) float32, `bank_image_` and `bank_location_` (M,) where each
        entry comes from, `candidates_` (how many it was chosen from), `trace_` (the
        `CoresetTrace`), `losses_` (of learned proxies, one each epoch), `aggregation_`, `grid_`
        (rows, columns) of a training image's patches, `k_used_` (bank entries returned) and
        `b_used_` (reweight_neighbors after clipping).

    Memory of `fit`: above 2 GiB of patches they are embedded twice and never stored, and above
        1 GiB of projected ones these lie in a temporary file, and their grid for the greedy search
        in another (4 `projection` bytes a patch each), so that a patch takes about 70 bytes of
        memory.
        "proxies" need all patches in memory, three times.

    Presets, and what still differs from what they are named after (the images' preparation is
    `data.Geometry`, the network and its weights are `Backbone`'s, and how maps are evaluated is
    `evaluate`'s):

    * "paper": coreset 10 %, b = 9 with the bank entry itself among them, and the start farthest
      from the mean are ours where the text is silent.
    * "official" (the authors' code; its sizes are those of its WideResNet50 at 224 pixels): the
      random projection and anchors are other draws, and the search works on a grid of integers, so
      that the bank is another of the same kind; a fraction that is no whole number of entries is
      rounded down there. Of its six published configurations three are ensembles
      (``layer_dimension=1024, dimension=384, coreset=0.01``, averaged by `ensemble`), and the two
      for segmentation at 320 pixels have ``patch_size=5`` and ``score_neighbors`` 3 or 5 (3 of one
      network, 5 of an ensemble), which the preset leaves to you.
    * "anomalib" (2.7): its projection is a sparse random matrix, ours a Gaussian one of as many
      dimensions; the first entry is another draw; a fraction that is no whole number of entries is
      rounded down there; it expands the square of distances in float32, ours are computed by
      subtraction.

    Examples
    --------
    >>> PatchCore(layers=(16,), coreset=0.01).fit(train).trace_
    CoresetTrace(greedy: 125 of 12544 patches)
    """

    limits: ClassVar[tuple[str, ...]] = (
        "It knows no position: a normal patch in a wrong place is normal to it.",
    )
    layers: tuple[int | str, ...] = (8, 16)
    patch_size: int = 3
    stride: int = 1
    aggregation: Aggregation | None = None
    dimension: int = 1024
    layer_dimension: int | None = field(default=None, metadata=LATER)
    presample: int | None = field(default=None, metadata=LATER)
    shards: int | None = field(default=None, metadata=LATER)
    coreset: float = 0.10
    sampler: Literal["greedy", "random", "proxies"] = "greedy"
    proxy_sign: ProxySign = "negative"
    start: Literal["farthest", "random", "anchors"] = "farthest"
    projection: int | Literal["johnson-lindenstrauss"] = 128
    image_score: Literal["reweighted", "max"] = "reweighted"
    reweight_neighbors: int = AtMost(9)
    distance: Literal["euclidean", "squared"] = "euclidean"
    score_neighbors: int = field(default=1, metadata=LATER)
    index: Literal["flat", "ivfpq"] = "flat"
    neighbors: int = AtMost(5)
    upsample: Literal["bilinear", "nearest"] = "bilinear"
    sigma: float = 4.0
    border: maps.Border = field(default="reflect", metadata=LATER)
    seed: int = 0
    device: str = field(default="cpu", compare=False)

    def __post_init__(self) -> None:
        self._check_numbers()
        check_device(self.device)
        self._check_choices(
            aggregation=("adaptive", "mean", None),
            sampler=("greedy", "random", "proxies"),
            proxy_sign=("negative", "paper"),
            start=("farthest", "random", "anchors"),
            image_score=("reweighted", "max"),
            distance=("euclidean", "squared"),
            upsample=("bilinear", "nearest"),
            border=get_args(maps.Border),
            index=("flat", "ivfpq"),
        )

    def _check_numbers(self) -> None:
        """Refuse numbers that cannot be meant."""
        if isinstance(self.coreset, str) or not 0 < self.coreset <= 1:
            raise ValueError(
                "coreset must be a fraction of the patches above 0 and up to 1, got "
                f"{self.coreset!r}"
            )
        if self.patch_size < 1 or self.patch_size % 2 == 0:
            raise ValueError(f"patch_size must be odd and at least 1, got {self.patch_size}")
        is_count = self.projection == JL or (
            not isinstance(self.projection, str) and self.projection >= 1
        )
        if self.sigma < 0 or not is_count:
            raise ValueError(
                f"sigma must be 0 or more and projection at least 1, got {self.sigma}, "
                f"{self.projection}"
            )
        if self.dimension < 1 or (self.layer_dimension is not None and self.layer_dimension < 1):
            raise ValueError(
                f"dimension and layer_dimension must be at least 1, got {self.dimension}, "
                f"{self.layer_dimension}"
            )
        if self.stride < 1 or (self.presample is not None and self.presample < 1):
            raise ValueError(
                f"stride must be at least 1 location, presample 1 patch, got {self.stride}, "
                f"{self.presample}"
            )
        if self.shards is not None:
            self._check_shards(self.shards)
        if self.score_neighbors < 1:
            raise ValueError(f"score_neighbors must be at least 1, got {self.score_neighbors}")
        if self.reweight_neighbors < 2:
            raise ValueError(
                "reweight_neighbors must be at least 2 (1 makes every score 0), got "
                f"{self.reweight_neighbors}"
            )

    def _check_shards(self, shards: int) -> None:
        if shards < 1:
            raise ValueError(f"shards must be at least 1, got {shards}")
        if self.sampler != "greedy" or self.start != "farthest":
            raise ValueError(
                "shards are searched greedily from the farthest patch: expected "
                f'sampler="greedy" and start="farthest", got {self.sampler!r} and {self.start!r}'
            )

    @property
    def depends_on_seed(self) -> bool:
        """A bank of all patches is the same for every seed, but for the order of its entries."""
        is_whole = self.coreset == 1 and self.sampler != "proxies" and self.presample is None
        return not (is_whole and self.index == "flat")

    @all_or_nothing
    def fit(self, features: Features) -> PatchCore:
        """Build the memory bank from the patches of the training images.

        Raises
        ------
        ValueError: a layer these features do not have, NaN features, or more neighbours asked for
            than bank entries.
        """
        chosen = self._fitting(features)
        self.aggregation_: Aggregation = self.aggregation or self._usual_aggregation()
        self._embedding = self._new_embedding()
        # Alg. 1: all patches, projected, thinned to the bank
        patches = TrainingPatches(chosen, self._embedding, presample=self.presample, seed=self.seed)
        self.grid_ = patches.grid
        self.candidates_ = len(patches)
        self.trace_ = self._sample(patches)
        entries = self.trace_.order  # (M,), candidates in the order in which they were chosen
        if self.sampler != "proxies":  # which are the bank already
            self.bank_ = patches.rows(entries)
        self.bank_image_ = self.trace_.image[entries]
        self.bank_location_ = compact(self.trace_.location[entries])
        self.bank_size_ = len(entries)
        self._index = ivfpq(self.bank_) if self.index == "ivfpq" else None
        scored = usable(self.score_neighbors, len(entries), "score_neighbors")
        self.k_used_ = max(scored, usable(self.neighbors, len(entries), "neighbors"))
        self.b_used_ = usable(self.reweight_neighbors, len(entries), "reweight_neighbors")
        return self

    def _usual_aggregation(self) -> Aggregation:
        return "adaptive" if min(self._channels.values()) >= WIDE else "mean"

    def _new_embedding(self) -> PatchEmbedding:
        return PatchEmbedding(
            self._channels,
            self.aggregation_,
            self.patch_size,
            self.stride,
            self.dimension,
            self.layer_dimension,
        )

    def _sample(self, patches: TrainingPatches) -> CoresetTrace:
        """Choose the bank's entries among the patches.

        Learned proxies are the bank themselves (`bank_`); each is said to be the patch nearest to
        it.
        """
        count = samplers.rows_kept(self.coreset, len(patches))
        size = self.projection
        if isinstance(size, str):
            size = samplers.jl_dimension(len(patches))
        points = patches.project(size, self.seed)  # (M of all patches, size)
        radius = np.full(count, np.nan)  # known of the greedy search alone
        digest = ""
        bound = None
        sampler: str = self.sampler
        if self.shards is not None:
            shards = usable(self.shards, len(patches), "shards")
            rounds = samplers.k_center_two_rounds(points, count, shards, device=self.device)
            order = rounds.order
            radius = np.full(len(order), np.nan)
            radius[-1] = rounds.radius
            bound = None if np.isnan(rounds.bound) else rounds.bound
            sampler = f"greedy in {shards} shards"
        elif self.sampler == "greedy":
            order, radius, digest = self._greedy(points, count)
        elif self.sampler == "random":
            order = samplers.random(len(patches), count, self.seed)
        else:
            vectors = patches.all()
            self.bank_, self.losses_ = samplers.learn_proxies(
                vectors, count, sign=self.proxy_sign, seed=self.seed
            )
            order = nearest(self.bank_, vectors, 1)[1][:, 0]
        image, cell = patches.origin()
        return CoresetTrace(
            points,
            order,
            radius,
            image.astype(np.int32),
            compact(cell),
            sampler,
            digest,
            self.grid_,
            bound,
        )

    def _greedy(self, points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, str]:
        """Return the order and radii of the greedy search (Alg. 1), and its grid's digest."""
        first = None
        cap = None
        if self.start == "random":
            first = samplers.random(len(points), 1, self.seed)[0]
        elif self.start == "anchors":
            cap = samplers.anchor_distance(points, self.seed)
        grid = samplers.to_grid(points, out=scratch(points.shape))
        digest = grid.digest()  # before the search, which may overwrite the grid
        order, radius = samplers.k_center_greedy(
            grid, count, first=first, cap=cap, device=self.device
        )
        return order, radius, digest

    @reported
    def predict(self, features: Features) -> Prediction:
        """Score images and their patches; the images may have another size than in training.

        Returns
        -------
        A `Prediction` with ``anomaly_map`` (patch distances, bilinear to (H, W), smoothed),
        ``neighbors["patch"]`` (squared distances, nearest first) and ``layer_maps``: each layer's
        contribution to the squared distance to the nearest bank entry, or to its mean over
        `score_neighbors` entries (they add up to it); empty when adaptive pooling mixes layers
        (dimension not divisible by the number of layers).

        Raises
        ------
        ValueError: not fitted, other layers or channels than in training, or NaN features.
        """
        batches = []
        for patches, inside in self._batches(features):
            distance, index = nearest(
                _rows(patches), self.bank_, self.k_used_, index=self._index, device=self.device
            )
            batches.append(self._scores(patches, distance, index, len(self.bank_), inside))
        return self._prediction(features, batches)

    def _left_out(self, features: Features) -> Prediction:
        if self.sampler == "proxies":  # of all images
            return super()._left_out(features)
        return each_left_out(features, self._without)

    def _without(self, image: int) -> PatchCore:
        """Return the detector without the bank entries of a training image."""
        kept = self.bank_image_ != image
        if not kept.any():
            raise ValueError(
                f"expected a bank with entries of several images, got all {len(kept)} of one: fit "
                "with a larger coreset"
            )
        masked = copy.copy(self)
        masked.bank_ = self.bank_[kept]
        masked.bank_image_ = self.bank_image_[kept]
        masked.bank_location_ = self.bank_location_[kept]
        masked.k_used_ = min(self.k_used_, len(masked.bank_))
        masked._index = None
        return masked

    def predict_coreset_sizes(
        self, features: Features, budgets: Sequence[float]
    ) -> dict[float, Prediction]:
        """Score images at several coreset sizes with one search, as refitted detectors would.

        The greedy and the random order are nested: the bank of a smaller coreset is the beginning
        of a larger one's.

        Parameters
        ----------
        features: of the test images.
        budgets: fractions of the training patches, ascending, at most `coreset`.

        Returns
        -------
        fraction -> what `predict` of ``PatchCore(coreset=fraction)`` returns, with one neighbour
        each. Eq. 7's b shrinks with banks below it (one entry: no weight), so that scores of such
        tiny banks are on another scale.

        Raises
        ------
        ValueError: as `predict`; a fraction beyond the coreset; a bank that is not nested (proxies)
            or searched approximately; or scores of more than the nearest entry.

        Examples
        --------
        >>> budgets = detector.predict_coreset_sizes(test.select(images=range(4)), [0.001, 0.01])
        >>> [round(share, 3) for share in budgets]
        [0.001, 0.01]
        """
        self._check_nested()
        patch_batches = self._batches(features)  # which also checks that the detector is fitted
        sizes = self._nested_sizes(budgets)
        scores: dict[float, list[_Scores]] = {fraction: [] for fraction in budgets}
        for patches, inside in patch_batches:
            distance, index = nearest_in_prefixes(
                _rows(patches), self.bank_, sizes, device=self.device
            )  # (Q, sizes)
            for column, (fraction, size) in enumerate(zip(budgets, sizes, strict=True)):
                only = slice(column, column + 1)
                scores[fraction].append(
                    self._scores(patches, distance[:, only], index[:, only], size, inside)
                )
        return {
            fraction: self._prediction(features, batches) for fraction, batches in scores.items()
        }

    def _check_nested(self) -> None:
        """Refuse a bank whose beginning is not the bank of a smaller coreset."""
        if self.sampler == "proxies" or self.shards is not None or self.index != "flat":
            raise ValueError(
                "predict_coreset_sizes needs a nested bank, searched exactly (sampler greedy or "
                f"random, no shards, index flat), got sampler {self.sampler!r}, shards "
                f"{self.shards}, index {self.index!r}: fit a detector for each coreset size"
            )
        if self.score_neighbors != 1:
            raise ValueError(
                "predict_coreset_sizes finds the nearest bank entry alone: expected "
                f"score_neighbors=1, got {self.score_neighbors}: fit a detector for each coreset "
                "size"
            )

    def _nested_sizes(self, fractions: Sequence[float]) -> list[int]:
        """Return how many bank entries each fraction is, checked to ascend."""
        total = len(self.trace_.points)
        if not all(0 < fraction <= 1 for fraction in fractions):
            raise ValueError(
                "budgets must be shares of the training patches, above 0 and up to 1, got "
                f"{list(fractions)}"
            )
        sizes = [samplers.rows_kept(fraction, total) for fraction in fractions]
        ascending = all(a < b for a, b in pairwise([0, *sizes]))
        if not sizes or not ascending or sizes[-1] > len(self.bank_):
            raise ValueError(
                f"budgets must ascend, up to the coreset {self.coreset} ({len(self.bank_)} rows), "
                f"got {list(fractions)} ({sizes} rows)"
            )
        return sizes

    def _batches(self, features: Features) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Check the features, and return the patches of some images after the others.

        They are (n, rows, columns, D) patches, and which of them count, (n, rows, columns) bool or
        None = all.
        """
        chosen = self._predicting(features)

        def batch(start: int) -> tuple[np.ndarray, np.ndarray | None]:
            images = slice(start, start + BATCH)
            patches = self._embedding({name: array[images] for name, array in chosen.items()})
            _, rows, columns, _ = patches.shape
            inside = chosen.inside((rows, columns))
            return patches, None if inside is None else inside[images]

        return map(batch, progress_bar(range(0, chosen.n_images, BATCH), label="PatchCore"))

    def _scores(
        self,
        patches: np.ndarray,
        distance: np.ndarray,
        index: np.ndarray,
        size: int,
        inside: np.ndarray | None,
    ) -> _Scores:
        """Score a batch of n images by the bank entries nearest to their patches (Eq. 6 and 7).

        Parameters
        ----------
        patches: (n, rows, columns, D).
        distance, index: (Q, k), squared distances and bank entries, Q = n * rows * columns.
        size: the bank is its first so many entries.
        inside: (n, rows, columns) bool, which patches count; None = all.
        """
        n, rows, columns, dimension = patches.shape
        scored = usable(self.score_neighbors, size, "score_neighbors")
        # Eq. 6: the largest patch score is the image's
        patch_scores = self._patch_scores(distance[:, :scored]).reshape(
            n, -1
        )  # (n, rows * columns)
        counted = patch_scores
        if inside is not None:  # distances are >= 0, so -1 is no maximum
            counted = np.where(inside.reshape(n, -1), patch_scores, -1.0)
        score = counted.max(1).astype(np.float32)
        b = usable(self.reweight_neighbors, size, "reweight_neighbors")
        # Eq. 7; a bank of one entry has no neighbours to compare with
        if self.image_score == "reweighted" and size > 1:
            score = score * reweighted(
                patches.reshape(n, -1, dimension),
                counted.argmax(1),
                distance[:, 0].reshape(n, -1),
                index[:, 0].reshape(n, -1),
                self.bank_[:size],
                b,
            )
        square = self._mean_square(_rows(patches), index[:, :scored])  # (Q, D)
        contributions = {
            name: square[:, block].sum(1).reshape(n, rows, columns)
            for name, block in self._embedding.blocks.items()
        }
        return _Scores(
            distance.reshape(n, rows, columns, -1),
            index.reshape(n, rows, columns, -1),
            patch_scores.reshape(n, rows, columns).astype(np.float32),
            score,
            contributions,
        )

    def _patch_scores(self, distance: np.ndarray) -> np.ndarray:
        """Return (Q,) float64: the mean of (Q, k) float32 squared distances, or of their roots.

        In float64, because roots in float32 make ties of distances that differ.
        """
        averaged = distance.astype(np.float64)
        if self.distance == "euclidean":
            averaged = np.sqrt(averaged)
        return np.asarray(averaged.mean(1))

    def _mean_square(self, vectors: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Return (Q, D): squared differences of Q vectors from (Q, k) bank entries, mean over k."""
        total = (vectors - self.bank_[index[:, 0]]) ** 2
        # One at a time: (Q, k, D) would not fit into memory
        for column in range(1, index.shape[1]):
            total += (vectors - self.bank_[index[:, column]]) ** 2
        return np.asarray(total / np.float32(index.shape[1]))

    def _prediction(self, features: Features, batches: list[_Scores]) -> Prediction:
        """Put the scores of all batches together, and make maps of them."""
        distance = spread(np.concatenate([batch.distance for batch in batches]), features)
        entry = spread(np.concatenate([batch.entry for batch in batches]), features)
        patch_scores = spread(np.concatenate([batch.patch_scores for batch in batches]), features)
        layer_maps = {}
        for name in self._embedding.blocks:
            contribution = np.concatenate([batch.contributions[name] for batch in batches])
            layer_maps[name] = spread(contribution, features)
        # From patches to pixels: (N, H, W)
        resized = maps.resize(patch_scores, features.image_size, self.upsample)
        smoothed = maps.smooth(resized, self.sigma, border=self.border)
        origin = Neighbors(
            distance, self.bank_image_[entry], self.bank_location_[entry], self.grid_
        )
        return Prediction(
            score=np.concatenate([batch.score for batch in batches]),
            anomaly_map=without_padding(smoothed, features),
            layer_maps=layer_maps,
            neighbors={"patch": origin},
            detector="PatchCore",
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def usage(self, prediction: Prediction) -> dict[str, float]:
        """Return the fraction of the bank that is nearest to some patch (Section 4.4.2).

        Of learned proxies, which are no patches, it is not known.
        """
        if self.sampler == "proxies":
            return {}
        nearest_entries = prediction.neighbors["patch"]
        # (2, Q): training image and location of the entry nearest to each test patch
        origins = np.stack(
            [nearest_entries.image[..., 0].ravel(), nearest_entries.location[..., 0].ravel()]
        )
        return {"bank_used": np.unique(origins, axis=1).shape[1] / self.bank_size_}

    def work(
        self, *, n_train: int, n_test: int, locations: int, channels: int
    ) -> tuple[float, float]:
        """Return about how many multiplications `fit` and `predict` need.

        Patches are embedded; the greedy search compares each of M candidates with every entry of
        the bank, and `predict` each test patch with it.
        """
        embedding = channels * self.patch_size**2  # multiplications a patch
        patches = locations / self.stride**2
        candidates = min(n_train * patches, self.presample or np.inf)
        entries = max(self.coreset * candidates, 1.0)
        projected = min(channels, 128 if isinstance(self.projection, str) else self.projection)
        fit = n_train * patches * embedding
        if self.sampler != "random":
            fit += candidates * entries * projected
        if self.shards is not None:  # the line above measures the radius
            compared = candidates / self.shards + entries
            fit += 2 * compared * entries * projected
        searched = 1.0 if self.index == "ivfpq" else entries
        return float(fit), float(n_test * patches * (embedding + searched * channels))

    def graph(self, grids: Mapping[str, tuple[int, int]], image_size: tuple[int, int]) -> nn.Module:
        """Return `predict` as a torch module; see `Detector.graph`."""
        self._check_graph(grids)
        if self.index != "flat":
            raise ValueError(
                f'expected a PatchCore with index="flat" to export, got {self.index!r}: its search '
                "is faiss' own; fit one that searches exactly"
            )
        from adviz.detectors.patchcore.graph import PatchCoreGraph

        return PatchCoreGraph(self, grids, image_size)

    def _state(self) -> dict[str, Any]:
        return saved_state.state_of(self)

    def _restore(self, state: Mapping[str, Any]) -> None:
        saved_state.restore(self, state)


class _Scores(NamedTuple):
    """The scores of a batch of n images and what they are made of.

    Attributes
    ----------
    distance, entry: (n, rows, columns, k) squared distances and bank entries, nearest first.
    patch_scores: (n, rows, columns) float32.
    score: (n,) image scores.
    contributions: layer -> (n, rows, columns), its part of the squared distance.
    """

    distance: np.ndarray
    entry: np.ndarray
    patch_scores: np.ndarray
    score: np.ndarray
    contributions: dict[str, np.ndarray]


def _rows(patches: np.ndarray) -> np.ndarray:
    """Return (n, rows, columns, D) patches as (n * rows * columns, D)."""
    return patches.reshape(-1, patches.shape[-1])
