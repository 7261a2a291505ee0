"""PatchCore (arXiv 2106.08265): a memory bank of normal patches, thinned by a greedy coreset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from adviz._support import bar, check_device
from adviz.core import CoresetTrace, ProxySign, ivfpq, maps, nearest, nearest_in_prefixes
from adviz.core import coreset as samplers
from adviz.detectors.base import (
    LATER,
    Detector,
    all_or_nothing,
    compact,
    inside_of,
    spread,
    usable,
    without_padding,
)
from adviz.detectors.patchcore.embedding import Aggregation, PatchEmbedding
from adviz.detectors.patchcore.patch_store import BATCH, TrainingPatches, scratch
from adviz.detectors.patchcore.reweighting import reweighted
from adviz.detectors.presets import AtMost
from adviz.prediction import Neighbors, Prediction

if TYPE_CHECKING:
    from adviz.features import Features

JL = "johnson-lindenstrauss"


@dataclass(repr=False)
class PatchCore(Detector):
    """How far is every patch of an image from the nearest patch in a memory bank of normal ones.

    Attributes
    ----------
    layers: strides or names; (8, 16) = layer2 + layer3 in the paper.
    patch_size: side p of the neighbourhood around a cell, odd (Eq. 1-2).
    stride: cells between patches.
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
    coreset: share of the candidates that the bank keeps, 0 < coreset <= 1.
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
    reweight_neighbors: b of Eq. 7, the bank row itself included.
    distance: of patch scores: "euclidean" (paper) or "squared" (official code).
    score_neighbors: nearest bank rows whose distances are averaged for a patch's score: 1 in the
        paper, 3 and 5 in the two of the six published configurations of the official code that are
        for segmentation.
    index: of the search for patches, "flat" (exact) or "ivfpq" (approximate, needs faiss; Table 5).
    neighbors: bank rows reported for every patch, at least those that its score is made of.
    upsample: of the patch scores to the map, "bilinear" or "nearest" (anomalib).
    sigma: of the map's smoothing, pixels.
    border: of the map's smoothing, "reflect" or "mirror" (anomalib), see `maps.smooth`.
    seed: of the projection, the pre-sample, random sampling and random starts.
    device: where the coreset and an exact search are computed, "cpu" or "cuda"; no part of the
        method.

    Facts after `fit`: `bank_` (M, D) float32, `bank_image_` and `bank_cell_` (M,) where each row
        comes from, `candidates_` (how many it was chosen from), `trace_` (the `CoresetTrace`),
        `losses_` (of learned proxies, one each epoch), `aggregation_`, `grid_` (rows, columns) of a
        training image's patches, `k_used_` (bank rows reported) and `b_used_` (reweight_neighbors
        after clipping).

    Memory of `fit`: above 2 GiB of patches they are embedded twice and never held, and above 1 GiB
        of projected ones these lie in a temporary file, and their grid for the greedy search in
        another (4 `projection` bytes a patch each), so that a patch takes about 70 bytes of memory.
        "proxies" hold all patches, three times.

    Presets, and what still differs from what they are named after (the images' preparation is
    `data.Geometry`, the network and its weights are `Backbone`'s, and how maps are evaluated is
    `evaluate`'s):

    * "paper": coreset 10 %, b = 9 with the bank row itself among them, and the start farthest from
      the mean are ours where the text is silent.
    * "official" (the authors' code; its sizes are those of its WideResNet50 at 224 pixels): the
      random projection and anchors are other draws, and the search works on a grid of integers, so
      that the bank is another of the same kind; a share that is no whole number of rows is rounded
      down there. Of its six published configurations three are ensembles (``layer_dimension=1024,
      dimension=384, coreset=0.01``, joined by `ensemble`), and the two for segmentation at 320
      pixels have ``patch_size=5`` and ``score_neighbors`` 3 or 5 (3 of one network, 5 of an
      ensemble), which the preset leaves to you.
    * "anomalib" (2.7): its projection is a sparse random matrix, ours a Gaussian one of as many
      dimensions; the first row is another draw; a share that is no whole number of rows is rounded
      down there; it expands the square of distances in float32, ours are computed by subtraction.

    Examples
    --------
    >>> PatchCore(layers=(16,), coreset=0.01).fit(train).trace_
    CoresetTrace(greedy: 125 of 12544 rows)
    """

    layers: tuple[int | str, ...] = (8, 16)
    patch_size: int = 3
    stride: int = 1
    aggregation: Aggregation | None = None
    dimension: int = 1024
    layer_dimension: int | None = field(default=None, metadata=LATER)
    presample: int | None = field(default=None, metadata=LATER)
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
        if isinstance(self.coreset, str) or not 0 < self.coreset <= 1:
            raise ValueError(
                f"coreset must be a share of the patches above 0 and up to 1, got {self.coreset!r}"
            )
        if self.patch_size < 1 or self.patch_size % 2 == 0:
            raise ValueError(f"patch_size must be odd and at least 1, got {self.patch_size}")
        if self.sigma < 0 or (
            self.projection != JL and (isinstance(self.projection, str) or self.projection < 1)
        ):
            raise ValueError(
                f"sigma must be 0 or more and projection at least 1, got {self.sigma}, {self.projection}"
            )
        if self.dimension < 1 or (self.layer_dimension is not None and self.layer_dimension < 1):
            raise ValueError(
                f"dimension and layer_dimension must be at least 1, got {self.dimension}, {self.layer_dimension}"
            )
        if self.stride < 1 or (self.presample is not None and self.presample < 1):
            raise ValueError(
                f"stride must be at least 1 cell, presample 1 patch, got {self.stride}, {self.presample}"
            )
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
        if self.score_neighbors < 1:
            raise ValueError(f"score_neighbors must be at least 1, got {self.score_neighbors}")
        if self.reweight_neighbors < 2:
            raise ValueError(
                f"reweight_neighbors must be at least 2 (1 makes every score 0), got {self.reweight_neighbors}"
            )

    @all_or_nothing
    def fit(self, features: Features) -> PatchCore:
        """Build the memory bank from the patches of the training images.

        Raises
        ------
        ValueError: a layer these features do not have, NaN features, or more neighbours asked for
            than bank rows.
        """
        chosen = self._fitting(features)
        automatic: Aggregation = "adaptive" if min(self._channels.values()) >= 512 else "mean"
        self.aggregation_: Aggregation = self.aggregation or automatic
        self._embedding = PatchEmbedding(
            self._channels,
            self.aggregation_,
            self.patch_size,
            self.stride,
            self.dimension,
            self.layer_dimension,
        )
        patches = TrainingPatches(chosen, self._embedding, presample=self.presample, seed=self.seed)
        self.grid_, self.candidates_ = patches.grid, len(patches)
        self.trace_ = self._sample(patches)
        order = self.trace_.order
        if self.sampler != "proxies":
            self.bank_ = patches.rows(order)
        self.bank_image_, self.bank_cell_ = (
            self.trace_.image[order],
            compact(self.trace_.cell[order]),
        )
        self.bank_size_ = len(order)
        self._index = ivfpq(self.bank_) if self.index == "ivfpq" else None
        counted = usable(self.score_neighbors, len(order), "score_neighbors")
        self.k_used_ = max(counted, usable(self.neighbors, len(order), "neighbors"))
        self.b_used_ = usable(self.reweight_neighbors, len(order), "reweight_neighbors")
        return self

    def _embed(self, features: Features, start: int, stop: int) -> np.ndarray:
        return self._embedding({name: array[start:stop] for name, array in features.items()})

    def _sample(self, patches: TrainingPatches) -> CoresetTrace:
        """Choose the bank's rows; learned proxies are the bank themselves, and their rows the patches next to them."""
        count = samplers.rows_kept(self.coreset, len(patches))
        size = (
            samplers.jl_dimension(len(patches))
            if isinstance(self.projection, str)
            else self.projection
        )
        points, digest = patches.project(size, self.seed), ""
        if self.sampler == "greedy":
            first = (
                samplers.random(len(points), 1, self.seed)[0] if self.start == "random" else None
            )
            cap = samplers.anchor_distance(points, self.seed) if self.start == "anchors" else None
            grid = samplers.to_grid(points, out=scratch(points.shape))
            digest = grid.digest()
            order, radius = samplers.k_center_greedy(
                grid, count, first=first, cap=cap, device=self.device
            )
        elif self.sampler == "random":
            order, radius = samplers.random(len(patches), count, self.seed), np.full(count, np.nan)
        else:
            vectors = patches.all()
            self.bank_, self.losses_ = samplers.learn_proxies(
                vectors, count, sign=self.proxy_sign, seed=self.seed
            )
            order, radius = nearest(self.bank_, vectors, 1)[1][:, 0], np.full(count, np.nan)
        image, cell = patches.origin()
        image, cell = image.astype(np.int32), compact(cell)
        return CoresetTrace(points, order, radius, image, cell, self.sampler, digest, self.grid_)

    def predict(self, features: Features) -> Prediction:
        """Score images and their patches; the images may have another size than in training.

        Returns
        -------
        A `Prediction` with ``anomaly_map`` (patch distances, bilinear to (H, W), smoothed),
        ``neighbors["patch"]``
        (squared distances, nearest first) and ``layer_maps``: each layer's share of the squared
            distance to the nearest bank row, or of its mean over `score_neighbors` rows (they add
            up to it); empty when adaptive pooling mixes layers (dimension not divisible by the
            number of layers).

        Raises
        ------
        ValueError: not fitted, other layers or channels than in training, or NaN features.
        """
        parts = [
            self._evidence(
                patches,
                *nearest(
                    _flat(patches), self.bank_, self.k_used_, index=self._index, device=self.device
                ),
                len(self.bank_),
                inside,
            )
            for patches, inside in self._batches(features)
        ]
        return self._prediction(features, parts)

    def predict_budgets(
        self, features: Features, budgets: Sequence[float]
    ) -> dict[float, Prediction]:
        """Score images at several coreset sizes with one search: each prediction is what a refit would give.

        The greedy and the random order are nested: the bank of a smaller coreset is the beginning
        of a larger one's.

        Parameters
        ----------
        features: of the test images.
        budgets: shares of the training patches, ascending, at most `coreset`.

        Returns
        -------
        budget -> what `predict` of ``PatchCore(coreset=budget)`` returns, with one neighbour each.
        Eq. 7's b shrinks
        with banks below it (one row: no weight), so that scores of such tiny banks are on another
            scale.

        Raises
        ------
        ValueError: as `predict`; a budget beyond the coreset; a bank that is not nested (proxies)
            or searched approximately; or scores of more than the nearest row.

        Examples
        --------
        >>> budgets = detector.predict_budgets(test.select(images=range(4)), [0.001, 0.01])
        >>> [round(share, 3) for share in budgets]
        [0.001, 0.01]
        """
        if self.sampler == "proxies" or self.index != "flat":
            raise ValueError(
                "predict_budgets needs a nested bank, searched exactly (sampler greedy or random, index flat), got "
                f"sampler {self.sampler!r}, index {self.index!r}: fit a detector for each budget"
            )
        if self.score_neighbors != 1:
            raise ValueError(
                "predict_budgets finds the nearest bank row alone: expected score_neighbors=1, got "
                f"{self.score_neighbors}: fit a detector for each budget"
            )
        batches = self._batches(features)  # which also checks that the detector is fitted
        total = len(self.trace_.points)
        if not all(0 < budget <= 1 for budget in budgets):
            raise ValueError(
                f"budgets must be shares of the training patches, above 0 and up to 1, got {list(budgets)}"
            )
        sizes = [samplers.rows_kept(budget, total) for budget in budgets]
        if (
            not sizes
            or any(b <= a for a, b in pairwise([0, *sizes]))
            or sizes[-1] > len(self.bank_)
        ):
            raise ValueError(
                f"budgets must ascend, up to the coreset {self.coreset} ({len(self.bank_)} rows), got {list(budgets)} "
                f"({sizes} rows)"
            )
        parts: dict[float, list[_Part]] = {budget: [] for budget in budgets}
        for patches, inside in batches:
            distance, index = nearest_in_prefixes(
                _flat(patches), self.bank_, sizes, device=self.device
            )
            for column, (budget, size) in enumerate(zip(budgets, sizes, strict=True)):
                one = slice(column, column + 1)
                parts[budget].append(
                    self._evidence(patches, distance[:, one], index[:, one], size, inside)
                )
        return {budget: self._prediction(features, found) for budget, found in parts.items()}

    def _batches(self, features: Features) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        """Return the patches of some images after the others, having checked the features.

        They are (n, rows, columns, D) patches, and which of them count, (n, rows, columns) bool or
        None = all.
        """
        chosen = self._predicting(features)

        def batch(start: int) -> tuple[np.ndarray, np.ndarray | None]:
            patches = self._embed(chosen, start, start + BATCH)
            inside = inside_of(chosen, patches.shape[1:3])
            return patches, None if inside is None else inside[start : start + BATCH]

        return map(batch, bar(range(0, chosen.n_images, BATCH), label="PatchCore"))

    def _prediction(self, features: Features, parts: list[_Part]) -> Prediction:
        distance, index = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        shares = {
            name: np.concatenate([part.shares[name] for part in parts])
            for name in self._embedding.blocks
        }
        cells = spread(np.concatenate([part.cells for part in parts]), features)
        resized = maps.resize(cells, features.image_size, self.upsample)
        distance, index = spread(distance, features), spread(index, features)
        return Prediction(
            score=np.concatenate([part.score for part in parts]),
            anomaly_map=without_padding(
                maps.smooth(resized, self.sigma, border=self.border), features
            ),
            layer_maps={name: spread(share, features) for name, share in shares.items()},
            neighbors={
                "patch": Neighbors(
                    distance, self.bank_image_[index], self.bank_cell_[index], self.grid_
                )
            },
            detector="PatchCore",
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def _evidence(
        self,
        patches: np.ndarray,
        distance: np.ndarray,
        index: np.ndarray,
        size: int,
        inside: np.ndarray | None,
    ) -> _Part:
        """Turn what (n, rows, columns, D) patches are nearest to, in the first `size` bank rows, into evidence."""
        n, height, width, _ = patches.shape
        counted = usable(self.score_neighbors, size, "score_neighbors")
        square = self._mean_square(_flat(patches), index[:, :counted])
        shares = {
            name: square[:, block].sum(1).reshape(n, height, width)
            for name, block in self._embedding.blocks.items()
        }
        cells = self._cell_scores(distance[:, :counted]).reshape(n, -1)
        # Distances are >= 0
        inside_cells = cells if inside is None else np.where(inside.reshape(n, -1), cells, -1.0)
        worst = inside_cells.argmax(1)
        score = inside_cells.max(1).astype(np.float32)
        b = usable(self.reweight_neighbors, size, "reweight_neighbors")
        if self.image_score == "reweighted" and size > 1:
            vectors = patches.reshape(n, height * width, -1)
            nearest_one = distance[:, 0].reshape(n, -1)
            row = index[:, 0].reshape(n, -1)
            score = score * reweighted(vectors, worst, nearest_one, row, self.bank_[:size], b)
        grid = (n, height, width, -1)
        return _Part(
            distance.reshape(grid),
            index.reshape(grid),
            cells.reshape(n, height, width).astype(np.float32),
            score,
            shares,
        )

    def _mean_square(self, vectors: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Return (Q, D): squared differences of (Q, D) vectors from (Q, k) bank rows, averaged over the k."""
        total = (vectors - self.bank_[index[:, 0]]) ** 2
        for column in range(1, index.shape[1]):
            total += (vectors - self.bank_[index[:, column]]) ** 2
        return np.asarray(total / np.float32(index.shape[1]))

    def _cell_scores(self, distance: np.ndarray) -> np.ndarray:
        """Return (Q,) float64: the mean of (Q, k) float32 squared distances, or of their roots.

        In float64, because roots in float32 make ties of distances that differ.
        """
        averaged = distance.astype(np.float64)
        if self.distance == "euclidean":
            averaged = np.sqrt(averaged)
        return np.asarray(averaged.mean(1))


class _Part(NamedTuple):
    """What was found for a batch of n images.

    (n, rows, columns, k) squared distances and bank rows, (n, rows, columns) patch scores, (n,)
    scores.
    """

    distance: np.ndarray
    row: np.ndarray
    cells: np.ndarray
    score: np.ndarray
    shares: dict[str, np.ndarray]


def _flat(patches: np.ndarray) -> np.ndarray:
    """Return (n, rows, columns, D) patches as (n * rows * columns, D)."""
    return patches.reshape(-1, patches.shape[-1])
