"""PaDiM (arXiv 2011.08785): a Gaussian of normal features for every position of the image."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from adviz._support import full_float32, progress_bar, workers
from adviz.core import maps
from adviz.detectors.base import LATER, Detector, all_or_nothing, reported
from adviz.detectors.map_graph import MapGraph
from adviz.detectors.padding import spread, without_padding
from adviz.detectors.persistence.checked_state import CheckedState, State
from adviz.prediction import Prediction

if TYPE_CHECKING:
    from adviz.features import Features

BATCH = 8  # test images at once: the factors are read once for all of them
POSITIONS = 98  # positions at once, on all threads together; bounds the temporary matrices
TOGETHER = 16  # positions whose coarse layers are multiplied once
IN_CACHE = 4  # positions whose float64 matrices stay in a core's cache
WIDTH = 56  # columns of a matrix that are factorised at once
# Bytes of training vectors in memory at once; above, positions are read in several rounds, and
# where the images are too many for that, some images at a time
VECTORS = 2 * 2**30
# All channels of the three layers of WideResNet50 and ResNet18 -> how many of them the paper keeps
PAPER_DIMENSIONS = {1792: 550, 448: 100}
OTHER_DIMENSION = 100  # of other networks, or as many as they have
# Columns of the vectors, and (P,) int64 locations: positions of one location have equal columns
Repeats = tuple[slice, np.ndarray]


@dataclass(repr=False)
class PaDiM(Detector):
    """Mahalanobis distance of each feature to the Gaussian of normal features at its position.

    The score of a location is that distance (root taken); the image's is the map's maximum. Test
    images must have the training images' size and alignment.

    Attributes
    ----------
    layers: strides or names, concatenated on the finest grid (coarse locations are replicated).
    dimension: d, how many random channels are used; None = 550 of WideResNet50's 1792, 100 of
        ResNet18's 448, else 100 or all there are.
    epsilon: added to the covariance's diagonal, squared feature units.
    upsample: of the map: "bilinear" (the public port) or "bicubic" (the paper).
    sigma: of the map's smoothing, pixels.
    border: of the map's smoothing, "reflect" or "mirror" (anomalib), see `maps.smooth`.
    seed: of the choice of channels.

    Facts after `fit`, with P positions: `channels_` (d,) channels of the concatenation,
        ascending; `mean_` (P, 1, d); `factor_`, the covariances in factors; `grid_` (rows,
        columns).

    Memory of `fit`: the model, 4 P d min(N, d) bytes, and the training vectors, 4 P N d bytes, of
        which at most 2 GiB are in memory at once where N is 0.75 d or more: the features are then
        read several times.

    Presets, and what still differs from what they are named after (the images' preparation is
    `data.Geometry`, the network and its weights are `Backbone`'s, and how maps are evaluated is
    `evaluate`'s):

    * "port" (the public code, which is not the authors'): other channels are drawn, since its
      generator is another one; its maps are scaled to 0 to 1 over the test set, which changes no
      AUROC.
    * "paper": the channels of the authors are not known.
    * "anomalib" (2.7): 0.01 and then 1e-5 are added to the diagonal, which is one epsilon of
      0.01001 here; other channels are drawn; it inverts in float32, where 550 channels of few
      images cost it digits.

    Examples
    --------
    >>> from adviz import PaDiM
    >>> padim = PaDiM(layers=(16,), dimension=50).fit(train)
    >>> padim.predict(test).anomaly_map.shape
    (46, 224, 224)
    """

    limits: ClassVar[tuple[str, ...]] = (
        "It has a Gaussian for every position: parts must lie alike in all images.",
    )
    layers: tuple[int | str, ...] = (4, 8, 16)
    dimension: int | None = None
    epsilon: float = 0.01
    upsample: Literal["bilinear", "bicubic"] = "bilinear"
    sigma: float = 4.0
    border: maps.Border = field(default="reflect", metadata=LATER)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epsilon <= 0:
            raise ValueError(
                f"epsilon must be above 0, or a covariance cannot be inverted, got {self.epsilon}"
            )
        self._check_choices(upsample=("bilinear", "bicubic"), border=get_args(maps.Border))
        if self.sigma < 0:
            raise ValueError(f"sigma must be 0 or more pixels, got {self.sigma}")
        if self.dimension is not None and self.dimension < 1:
            raise ValueError(f"dimension must be at least 1, got {self.dimension}")

    @all_or_nothing
    def fit(self, features: Features) -> PaDiM:
        """Estimate every position's mean and covariance (N - 1 in the denominator, + epsilon I).

        Where a training image is padded, its nearest patch stands for it.

        Raises
        ------
        ValueError: a layer these features do not have, NaN features, or more channels asked for
            than there are.
        """
        chosen = self._fitting(features)
        total = sum(self._channels.values())
        self.dimension_ = self._dimension_of(total)
        if self.dimension_ > total:
            raise ValueError(
                f"dimension must be at most the {total} channels there are, got {self.dimension_}"
            )
        shuffled = np.random.default_rng(self.seed).permutation(total)
        self.channels_ = np.sort(shuffled[: self.dimension_])
        self.image_size_ = features.image_size
        self.grid_ = max(array.shape[2:] for array in chosen.values())
        # Eq. 1, block by block of positions
        means = []
        covariances = []
        streams = _streams(features.n_images, self.dimension_)
        estimate = self._streamed_gaussians if streams else self._gaussians
        for positions in self._blocks(features.n_images):
            mean, covariance = estimate(chosen, positions)
            means.append(mean)
            covariances.append(covariance)
        self.mean_ = torch.cat(means)  # (P, 1, d)
        self.factor_ = Covariance.joined(covariances)
        return self

    def _gaussians(self, features: Features, positions: slice) -> tuple[Tensor, Covariance]:
        """Return means (p, 1, d) and covariances, from the vectors of all images together."""
        vectors = self._vectors(features, slice(None), positions)  # (p, N, d)
        mean = vectors.mean(1, keepdim=True)
        repeats = self._repeats(features, positions)
        return mean, Covariance(vectors.sub_(mean), self.epsilon, repeats)

    def _streamed_gaussians(
        self, features: Features, positions: slice
    ) -> tuple[Tensor, Covariance]:
        """Return the same from a few images at a time (Chan, Golub and LeVeque 1979)."""
        n_positions = len(range(self.grid_[0] * self.grid_[1])[positions])
        at_once = max(1, VECTORS // (4 * self.dimension_ * n_positions))
        mean = torch.zeros(n_positions, 1, self.dimension_, dtype=torch.float64)
        scatter = torch.zeros(n_positions, self.dimension_, self.dimension_, dtype=torch.float64)
        starts = range(0, features.n_images, at_once)
        for before in progress_bar(starts, label="PaDiM"):
            vectors = self._vectors(features, slice(before, before + at_once), positions)
            count = vectors.shape[1]
            near = vectors.mean(1, keepdim=True)  # their mean, rounded
            vectors.sub_(near)
            rest = vectors.mean(1, keepdim=True, dtype=torch.float64)
            with full_float32():
                scatter += vectors.mT @ vectors
            scatter.baddbmm_(rest.mT, rest, alpha=-count)
            difference = near + rest - mean
            share = count / (before + count)
            scatter.baddbmm_(difference.mT, difference, alpha=before * share)
            mean += share * difference
            del vectors  # before the next ones are made
        covariance = Covariance.of_scatter(scatter, self.epsilon, features.n_images)
        return mean.float(), covariance

    def _dimension_of(self, total: int) -> int:
        """Return how many of all channels to keep: as the option says, else as the paper does."""
        if self.dimension is not None:
            return self.dimension
        return PAPER_DIMENSIONS.get(total, min(OTHER_DIMENSION, total))

    def _blocks(self, n_images: int) -> list[slice]:
        """Return the positions whose training vectors are in memory together.

        With few images all of them: their vectors are overwritten by the factors.
        """
        positions = self.grid_[0] * self.grid_[1]
        if _low_rank(n_images, self.dimension_):
            return [slice(0, positions)]
        bytes_of_position = 4 * n_images * self.dimension_
        if _streams(n_images, self.dimension_):
            bytes_of_position = 8 * self.dimension_**2  # of its covariance
        step = max(POSITIONS, VECTORS // bytes_of_position // POSITIONS * POSITIONS)
        return [slice(start, start + step) for start in range(0, positions, step)]

    def _repeats(self, features: Features, positions: slice) -> list[Repeats]:
        """Return of every layer its columns and which of its locations each position repeats."""
        ends = np.searchsorted(self.channels_, np.cumsum(list(self._channels.values())))
        columns = [slice(start, end) for start, end in pairwise([0, *ends.tolist()])]
        sizes = [(array.shape[2], array.shape[3]) for array in features.values()]
        locations = [_replicated(size, self.grid_)[positions].numpy() for size in sizes]
        return list(zip(columns, locations, strict=True))

    @reported
    def predict(self, features: Features) -> Prediction:
        """Score images.

        Returns
        -------
        A `Prediction` whose ``layer_maps`` are each layer's contribution to the squared Mahalanobis
        distance (they add up to it; one can be negative where channels of different layers are
        correlated), and that has no neighbours: PaDiM compares with a distribution.

        Raises
        ------
        ValueError: not fitted, other layers or channels than in training, another image size, or
            NaN features.
        """
        return self._prediction(features, self._squares(features))

    def _left_out(self, features: Features) -> Prediction:
        chosen = features.select(self.layers_)
        squares = []
        n_positions = self.grid_[0] * self.grid_[1]
        step = max(1, VECTORS // (4 * features.n_images * self.dimension_))
        for start in range(0, n_positions, step):
            vectors = self._vectors(chosen, slice(None), slice(start, start + step))  # (p, N, d)
            for some in progress_bar(torch.split(vectors, POSITIONS), label="PaDiM"):
                summands = _left_out_squares(some.double(), self.epsilon)
                squares.append(self._by_layer(summands).float())
            del vectors
        return self._prediction(features, self._on_grid(torch.cat(squares, 1)))

    def _squares(self, features: Features) -> np.ndarray:
        """Return (1 + layers, N, rows, columns): squared distances, and each layer's part."""
        chosen = self._predicting(features)
        if features.image_size != self.image_size_:
            raise ValueError(
                "PaDiM knows positions: expected images of the training size "
                f"{self.image_size_}, got {features.image_size}; resize them alike"
            )
        # Eq. 2 at every position, for a few images at once: the factors are read once for all
        starts = progress_bar(range(0, chosen.n_images, BATCH), label="PaDiM")
        batches = [self._distances(chosen, slice(start, start + BATCH)) for start in starts]
        return self._on_grid(torch.cat(batches, 2))

    def _on_grid(self, squares: Tensor) -> np.ndarray:
        """Return (1 + layers, P, N) values as (1 + layers, N, rows, columns)."""
        by_image = squares.transpose(1, 2)
        return np.asarray(by_image.reshape(len(squares), -1, *self.grid_).numpy())

    def _prediction(self, features: Features, squares: np.ndarray) -> Prediction:
        """Return scores and maps of what `_squares` returns."""
        total, *contributions = squares
        patch_scores = spread(np.sqrt(total.clip(min=0)), features)  # (N, h, w)
        resized = maps.resize(patch_scores, features.image_size, self.upsample)
        smoothed = without_padding(maps.smooth(resized, self.sigma, border=self.border), features)
        return Prediction(
            score=smoothed.max((1, 2)),
            anomaly_map=smoothed,
            layer_maps={
                name: spread(contribution, features)
                for name, contribution in zip(self.layers_, contributions, strict=True)
            },
            detector="PaDiM",
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def contributions(self, features: Features, image: int, row: int, column: int) -> np.ndarray:
        """Return how much each kept channel adds to the squared distance at one location.

        Returns
        -------
        (d,) float, in the order of `channels_`: v_j * (covariance^-1 v)_j for the deviation v from
            the mean. They add up to the squared Mahalanobis distance; correlated channels can have
            negative ones.

        Examples
        --------
        >>> from adviz import PaDiM
        >>> padim = PaDiM(layers=(16,), dimension=50).fit(train)
        >>> padim.contributions(test, image=0, row=7, column=7).shape
        (50,)
        """
        position = row * self.grid_[1] + column
        only = slice(position, position + 1)
        chosen = self._predicting(features.select(images=[image]))
        deviation = (self._vectors(chosen, slice(None)) - self.mean_)[only]  # (1, 1, d)
        return np.asarray((deviation * self.factor_.solve(deviation, only))[0, 0].numpy())

    def gaussian(self, row: int, column: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean (d,) and the covariance (d, d), epsilon included, of one position."""
        position = row * self.grid_[1] + column
        return self.mean_[position, 0].numpy(), self.factor_.matrix(position)

    def _vectors(self, features: Features, images: slice, positions: slice = slice(None)) -> Tensor:
        """Return (p, n, d) float32: the kept channels of n images at p positions."""
        numbers = range(features.n_images)[images]
        all_positions = torch.empty(self.grid_[0] * self.grid_[1], self.dimension_)
        vectors = torch.empty(len(all_positions[positions]), len(numbers), self.dimension_)
        # Image by image, so that whole rows are written
        for column, number in enumerate(numbers):
            layers = {name: array[number] for name, array in features.items()}
            if len(vectors) == len(all_positions):
                fill_positions(vectors[:, column], layers, self.channels_)
            else:
                fill_positions(all_positions, layers, self.channels_)
                vectors[:, column] = all_positions[positions]
        return vectors

    def _distances(self, features: Features, images: slice) -> Tensor:
        """Return (1 + layers, P, n): squared distances, and what each layer contributes to them.

        Products of matrices round by their shape. It is the same for any number of images, so that
        a score is that of the image alone: the last images are followed by zeros.
        """
        deviation = self._vectors(features, images).sub_(self.mean_)  # (P, n, d)
        count = deviation.shape[1]
        deviation = functional.pad(deviation, (0, 0, 0, BATCH - count))  # (P, BATCH, d)
        return self._by_layer(deviation * self.factor_.solve(deviation))[:, :, :count]

    def _by_layer(self, summands: Tensor) -> Tensor:
        """Return (1 + layers, p, n): sums of (p, n, d) over all channels, and over each layer's."""
        channel_ends = np.cumsum(list(self._channels.values()))
        ends = np.searchsorted(self.channels_, channel_ends[:-1])
        blocks = (summands, *torch.tensor_split(summands, ends.tolist(), 2))
        return torch.stack([block.sum(2) for block in blocks])

    def work(
        self, *, n_train: int, n_test: int, locations: int, channels: int
    ) -> tuple[float, float]:
        """Return about how many multiplications `fit` and `predict` need.

        The matrices of a position are as large as there are images or dimensions, whichever are
        fewer.
        """
        dimension = self._dimension_of(channels)
        rank = n_train if _low_rank(n_train, dimension) else dimension
        fit = locations * (n_train * rank * dimension + rank**3)
        return float(fit), float(n_test * locations * 2 * rank * dimension)

    def graph(self, grids: Mapping[str, tuple[int, int]], image_size: tuple[int, int]) -> nn.Module:
        """Return `predict` as a torch module; see `Detector.graph`."""
        self._check_graph(grids)
        if tuple(image_size) != tuple(self.image_size_):
            raise ValueError(
                f"PaDiM knows positions: expected images of the training size {self.image_size_}, "
                f"got {tuple(image_size)}"
            )
        return PaDiMGraph(self, grids)

    def _state(self) -> dict[str, Any]:
        covariance = self.factor_
        return {
            "image_size": self.image_size_,
            "grid": tuple(self.grid_),
            "channels": self.channels_,
            "mean": self.mean_.numpy(),
            "factor": covariance.factor.numpy(),
            "count": covariance.count,
            "low_rank": covariance.low_rank,
        }

    def _restore(self, state: State) -> None:
        checked = CheckedState(state)
        total = sum(self._channels.values())
        channels = checked.array("channels", "int64", "d", below=total)
        if (np.diff(channels) <= 0).any() or not len(channels):
            raise ValueError("expected ascending channels, at least one")
        self.channels_ = channels
        self.dimension_ = len(channels)
        self.image_size_ = checked.value("image_size", tuple[int, int], least=1)
        self.grid_ = checked.value("grid", tuple[int, int], least=1)
        checked.sides["P"] = self.grid_[0] * self.grid_[1]
        checked.sides["1"] = 1
        self.mean_ = torch.from_numpy(checked.array("mean", "float32", "P 1 d"))
        low_rank = checked.value("low_rank", bool)
        count = checked.value("count", int, least=1)
        factor = checked.array("factor", "float32", "P n d" if low_rank else "P d d")
        if low_rank and count != max(factor.shape[1] - 1, 1):
            raise ValueError(f"expected factors of {count + 1} images, got shape {factor.shape}")
        self.factor_ = Covariance.of_factor(
            torch.from_numpy(factor), self.epsilon, count, low_rank=low_rank
        )
        checked.end()


def _left_out_squares(vectors: Tensor, epsilon: float) -> Tensor:
    """Return what every channel adds to the squared distance of each image to all other images.

    With Z the N deviations from their mean, z one of them, the covariance of the others is
    ``Z'Z / (N - 2) - N / ((N - 1) (N - 2)) z z' + epsilon I``, and z's deviation from their mean
    ``N / (N - 1) z``. With ``A = Z'Z / (N - 2) + epsilon I`` the squared distance is (Sherman and
    Morrison) ``(N / (N - 1))^2 q / (1 - N / ((N - 1) (N - 2)) q)``, where ``q = z' A^-1 z``. With
    fewer images than channels that denominator is close to 0, and comes without cancellation from
    the images' own products: it is ``N / (N - 1) epsilon [(ZZ' / (N - 2) + epsilon I)^-1]`` at the
    image's place on the diagonal, less what the direction (1, ..., 1) adds to it, in which Z has
    nothing.

    Parameters
    ----------
    vectors: (p, N, d) float64, at p positions.
    epsilon: of the covariance's diagonal.

    Returns
    -------
    (p, N, d) float64.
    """
    n, d = vectors.shape[1:]
    z = vectors - vectors.mean(1, keepdim=True)
    if n < d:
        products = z @ z.mT / (n - 2)  # (p, N, N)
        products.diagonal(dim1=1, dim2=2).add_(epsilon)
        # Of the size of the others, so that the direction (1, ..., 1) is told apart
        extra = products.diagonal(dim1=1, dim2=2).mean(1)[:, None]  # (p, 1)
        inverse = torch.linalg.inv(products + extra[..., None] / n)
        solved = inverse @ z
        own = inverse.diagonal(dim1=1, dim2=2) - 1 / (n * (epsilon + extra))
        remaining = n / (n - 1) * epsilon * own
    else:
        covariance = z.mT @ z / (n - 2)
        covariance.diagonal(dim1=1, dim2=2).add_(epsilon)
        solved = torch.linalg.solve(covariance, z.mT).mT
        remaining = 1 - n / ((n - 1) * (n - 2)) * (z * solved).sum(2)
    squares: Tensor = z * solved * (n / (n - 1)) ** 2 / remaining[..., None]
    return squares


class Covariance:
    """Regularised sample covariances Z'Z / (N - 1) + epsilon I of P positions, ready for inversion.

    Parameters
    ----------
    centred: Z, (P, N, d) float32 with the mean of every position subtracted; with few images it is
        overwritten.
    epsilon: above 0.
    repeats: `Repeats` that have all columns together; what equal columns add to Z Z' is computed
        once. None = no columns repeat.

    Notes
    -----
    What `solve` returns for one position, written plainly::

        covariance = Z.T @ Z / (N - 1) + epsilon * np.eye(d)
        solved = vectors @ np.linalg.inv(covariance)

    With few images (N < 0.75 d) the rank of Z'Z is below N, and Woodbury's identity needs only the
    (N, d) matrix M = chol((N - 1) epsilon I + Z Z')^-1 Z: the inverse is (I - M'M) / epsilon::

        inner = (N - 1) * epsilon * np.eye(N) + Z @ Z.T
        M = np.linalg.inv(np.linalg.cholesky(inner)) @ Z
        solved = (vectors - vectors @ M.T @ M) / epsilon

    Otherwise M is the inverse of the covariance's Cholesky factor, and the inverse M'M. With few
    images all up to the inverse factor is float64: the difference in the inverse cancels digits
    that float32 has too few of. One image alone has no covariance: epsilon I.
    """

    def __init__(
        self, centred: Tensor, epsilon: float, repeats: Sequence[Repeats] | None = None
    ) -> None:
        positions, count, dimension = centred.shape
        self.epsilon = epsilon
        self.count = max(count - 1, 1)
        self.low_rank = _low_rank(count, dimension)
        # M of every position: (P, N, d) or (P, d, d)
        self.factor = centred if self.low_rank else torch.empty(positions, dimension, dimension)
        with full_float32(), workers("cpu") as pool:
            if self.low_rank:
                layers = repeats or [(slice(None), np.arange(positions))]
                alike = _alike(layers)
                done = pool.map(partial(self._estimate_low_rank, centred, layers), alike)
                n_blocks = len(alike)
            else:
                blocks = _position_blocks(positions)
                done = pool.map(partial(self._estimate, centred), blocks)
                n_blocks = len(blocks)
            for _ in progress_bar(done, label="PaDiM", total=n_blocks):
                pass

    @classmethod
    def of_factor(cls, factor: Tensor, epsilon: float, count: int, *, low_rank: bool) -> Covariance:
        """Return the covariances that have these attributes."""
        covariance = cls.__new__(cls)
        covariance.epsilon = epsilon
        covariance.count = count
        covariance.low_rank = low_rank
        covariance.factor = factor
        return covariance

    @classmethod
    def of_scatter(cls, scatter: Tensor, epsilon: float, n_images: int) -> Covariance:
        """Return the covariances of Z'Z, (P, d, d) float64, which is overwritten."""
        covariance = cls.of_factor(
            torch.empty(scatter.shape), epsilon, max(n_images - 1, 1), low_rank=False
        )

        def invert(block: slice) -> None:
            one = scatter[block].div_(covariance.count)
            one.diagonal(dim1=1, dim2=2).add_(epsilon)
            covariance.factor[block] = _inverse_factor(one).float()

        with workers("cpu") as pool:
            list(pool.map(invert, _position_blocks(len(scatter))))
        return covariance

    @classmethod
    def joined(cls, blocks: Sequence[Covariance]) -> Covariance:
        """Return the covariances of all positions from those of consecutive blocks of them."""
        covariance = copy.copy(blocks[0])
        if len(blocks) > 1:
            covariance.factor = torch.cat([block.factor for block in blocks])
        return covariance

    def _estimate(self, centred: Tensor, positions: slice) -> None:
        vectors = centred[positions]
        covariance = vectors.transpose(1, 2) @ vectors / self.count  # (p, d, d)
        covariance.diagonal(dim1=1, dim2=2).add_(self.epsilon)
        self.factor[positions] = _inverse_factor(covariance).float()

    def _estimate_low_rank(
        self, centred: Tensor, repeats: Sequence[Repeats], positions: np.ndarray
    ) -> None:
        vectors = centred[positions]  # (p, N, d)
        of_positions = [(columns, location[positions]) for columns, location in repeats]
        inner = self._inner(vectors, of_positions)
        for start in range(0, len(positions), IN_CACHE):
            part = slice(start, start + IN_CACHE)
            inverse = _blocked_inverse_factor(inner[part])
            self.factor[positions[part]] = _lower_product(inverse.float(), vectors[part])

    def _inner(self, vectors: Tensor, repeats: Sequence[Repeats]) -> Tensor:
        """Return (p, N, N) float64: (N - 1) epsilon I + Z Z'.

        It is summed over the layers, coarse ones first: positions stay together, and their sum is
        one, as long as they are in the same location of every layer so far.
        """
        n_images = vectors.shape[1]
        inner = torch.eye(n_images, dtype=torch.float64)[None] * (self.count * self.epsilon)
        group = np.zeros(len(vectors), np.int64)  # of every position, its sum so far
        for columns, location in sorted(repeats, key=_n_locations):
            pairs = np.stack([group, location])
            _, first, finer_group = np.unique(pairs, axis=1, return_index=True, return_inverse=True)
            double = vectors[first][:, :, columns].double()
            inner = torch.baddbmm(inner[group[first]], double, double.transpose(1, 2))
            group = finer_group.ravel()
        # In the order of `_alike` the groups ascend: no copy where each position is one
        return inner if len(inner) == len(group) else inner[group]

    def solve(self, vectors: Tensor, positions: slice = slice(None)) -> Tensor:
        """Return covariance^-1 v for the (p, n, d) vectors of some positions."""
        factors = self.factor[positions]
        solved = torch.empty_like(vectors)

        def solve_block(block: slice) -> None:
            factor = factors[block]
            values = vectors[block]
            product = values @ factor.transpose(1, 2) @ factor  # (block, n, d)
            solved[block] = (values - product) / self.epsilon if self.low_rank else product

        with full_float32(), workers("cpu") as pool:
            list(pool.map(solve_block, _position_blocks(len(vectors))))
        return solved

    def matrix(self, position: int) -> np.ndarray:
        """Return the covariance of one position, (d, d) float64."""
        factor = self.factor[position].double()
        inverse = factor.T @ factor
        if self.low_rank:
            identity = torch.eye(len(inverse), dtype=torch.float64)
            inverse = (identity - inverse) / self.epsilon
        return np.asarray(torch.linalg.inv(inverse).numpy())

    def __repr__(self) -> str:
        kind = "Woodbury" if self.low_rank else "Cholesky"
        shape = tuple(self.factor.shape[1:])
        return f"Covariance({len(self.factor)} positions, {kind} factors {shape})"


def _low_rank(count: int, dimension: int) -> bool:
    return count < 0.75 * dimension


def _streams(count: int, dimension: int) -> bool:
    """Return whether the images are too many for the vectors of even a few positions."""
    return not _low_rank(count, dimension) and 4 * count * dimension * POSITIONS > VECTORS


def _position_blocks(positions: int) -> list[slice]:
    """Return the positions that one thread works on at once."""
    step = max(1, POSITIONS // torch.get_num_threads())
    return [slice(start, start + step) for start in range(0, positions, step)]


def _n_locations(repeats: Repeats) -> int:
    return len(np.unique(repeats[1]))


def _alike(repeats: Sequence[Repeats]) -> list[np.ndarray]:
    """Return the positions a thread works on at once, those of a coarse location together."""
    fine_first = sorted(repeats, key=_n_locations, reverse=True)
    order = np.lexsort([location for _, location in fine_first])
    return np.split(order, range(TOGETHER, len(order), TOGETHER))


def _inverse_factor(matrices: Tensor) -> Tensor:
    """Return the inverses of the lower Cholesky factors of (p, n, n) matrices."""
    factor = torch.linalg.cholesky(matrices)
    identity = torch.eye(factor.shape[1], dtype=factor.dtype).expand_as(factor)
    inverse: Tensor = torch.linalg.solve_triangular(factor, identity, upper=False)
    return inverse


def _blocked_inverse_factor(matrices: Tensor) -> Tensor:
    """Return what `_inverse_factor` does, most of it by products, nothing above the diagonal.

    With L the factor and X its inverse, in blocks i, j::

        X_ii = _inverse_factor(A_ii - L_i,<i L_i,<i')
        L_ji = (A_ji - L_j,<i L_i,<i') X_ii'            for j > i
        X_i,<i = -X_ii L_i,<i X_<i,<i
    """
    factor = torch.zeros_like(matrices)
    inverse = torch.zeros_like(matrices)
    for block in _equal_blocks(matrices.shape[1]):
        left = factor[:, block, : block.start]
        width = block.stop - block.start
        below = factor[:, block.start :, : block.start]
        column = torch.baddbmm(
            matrices[:, block.start :, block], below, left.transpose(1, 2), alpha=-1
        )
        own = _inverse_factor(column[:, :width])
        factor[:, block.stop :, block] = column[:, width:] @ own.transpose(1, 2)
        inverse[:, block, block] = own
        before = inverse[:, : block.start, : block.start]
        inverse[:, block, : block.start] = -own @ (left @ before)
    return inverse


def _lower_product(lower: Tensor, vectors: Tensor) -> Tensor:
    """Return (p, n, d): lower triangular (p, n, n) matrices times vectors."""
    product = torch.empty_like(vectors)
    for block in _equal_blocks(lower.shape[1]):
        product[:, block] = lower[:, block, : block.stop] @ vectors[:, : block.stop]
    return product


def _equal_blocks(size: int) -> list[slice]:
    """Return slices of at most WIDTH, as equal as they can be."""
    step = -(-size // -(-size // WIDTH))
    return [slice(start, min(start + step, size)) for start in range(0, size, step)]


# Layers of different resolution on the finest grid


def fill_positions(target: Tensor, layers: Mapping[str, np.ndarray], channels: np.ndarray) -> None:
    """Write the layers of one image, concatenated on the finest grid, coarse locations replicated.

    Parameters
    ----------
    target: (rows * columns, channels) float32, written to; a view of a larger array serves.
    layers: name -> (C, h, w) float.
    channels: ascending indices into the concatenated channels to keep.
    """
    grid = max(array.shape[1:] for array in layers.values())
    start = 0  # of the layer among all channels
    column = 0  # of the layer in the target
    for array in layers.values():
        stop = start + len(array)
        in_layer = channels[(channels >= start) & (channels < stop)] - start
        values = np.asarray(array[in_layer], dtype=np.float32)
        rows = torch.from_numpy(values).flatten(1).T  # (h * w, channels kept)
        repeated = _replicated((array.shape[1], array.shape[2]), grid)
        target[:, column : column + len(in_layer)] = rows[repeated]
        start = stop
        column += len(in_layer)


@lru_cache(maxsize=16)
def _replicated(size: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Return which location of a coarse grid each location of a finer one repeats, (P,) int64.

    As torch's nearest interpolation has it.
    """
    numbers = torch.arange(size[0] * size[1], dtype=torch.float64).view(1, 1, *size)
    return functional.interpolate(numbers, grid, mode="nearest").long().flatten()


class PaDiMGraph(nn.Module):
    """Score images by their feature maps as `PaDiM.predict` does, to float32 rounding.

    Parameters
    ----------
    detector: fitted.
    grids: layer -> (h, w).
    """

    mean: Tensor
    factor: Tensor

    def __init__(self, detector: PaDiM, grids: Mapping[str, tuple[int, int]]) -> None:
        super().__init__()
        covariance = detector.factor_
        self.grid = detector.grid_
        self.layers = detector.layers_
        self.low_rank = covariance.low_rank
        self.epsilon = covariance.epsilon
        self.register_buffer("mean", detector.mean_)  # (P, 1, d)
        self.register_buffer("factor", covariance.factor)  # (P, n or d, d)
        # Of each layer: its kept channels, and which of its locations each position repeats
        start = 0
        for number, name in enumerate(self.layers):
            stop = start + detector._channels[name]
            kept = detector.channels_
            in_layer = kept[(kept >= start) & (kept < stop)] - start
            self.register_buffer(f"channels{number}", torch.from_numpy(in_layer))
            self.register_buffer(f"locations{number}", _replicated(grids[name], self.grid))
            start = stop
        self.to_maps = MapGraph(
            self.grid, detector.image_size_, detector.upsample, detector.sigma, detector.border
        )

    def forward(self, layers: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return (N,) scores and (N, H, W) anomaly maps of layers, (N, C, h, w) each."""
        parts = []
        for number, name in enumerate(self.layers):
            kept = layers[name].flatten(2)[:, getattr(self, f"channels{number}")]
            parts.append(kept[:, :, getattr(self, f"locations{number}")])
        vectors = torch.cat(parts, 1).permute(2, 0, 1)  # (P, N, d)
        # Eq. 2, as `Covariance.solve` has it
        deviation = vectors - self.mean
        solved = deviation @ self.factor.transpose(1, 2) @ self.factor
        if self.low_rank:
            solved = (deviation - solved) / self.epsilon
        square = (deviation * solved).sum(2).clamp(min=0)  # (P, N)
        maps = self.to_maps(square.sqrt().T.reshape(-1, *self.grid))
        return maps.amax((1, 2)), maps
