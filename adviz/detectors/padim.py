"""PaDiM (arXiv 2011.08785): a Gaussian of normal features for every position of the image."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from adviz._support import bar, full_float32, workers
from adviz.core import maps
from adviz.detectors.base import LATER, Detector, all_or_nothing, spread, without_padding
from adviz.detectors.pyramid import fill_positions
from adviz.prediction import Prediction

if TYPE_CHECKING:
    from adviz.features import Features

BATCH = 8  # test images at once: the factors are read once for all of them
POSITIONS = 98  # positions at once, on all threads together; bounds the temporary matrices
# Bytes of training vectors held at once; more are read again for some positions after the others
VECTORS = 2 * 2**30
# Channels of WideResNet50's and ResNet18's three layers: how many the paper keeps
KEPT = {1792: 550, 448: 100}


@dataclass(repr=False)
class PaDiM(Detector):
    """How unlikely is the feature at a position, given the training images' features at the same position.

    The score of a cell is its Mahalanobis distance (root taken) to the position's Gaussian; the
    image's is the map's maximum. Knows positions and nothing else: test images must have the
    training images' size and alignment.

    Attributes
    ----------
    layers: strides or names, concatenated on the finest grid (coarse cells are replicated).
    dimension: d, how many random channels are kept; None = 550 of WideResNet50's 1792, 100 of
        ResNet18's 448, else 100 or all there are.
    epsilon: added to the covariance's diagonal, squared feature units.
    upsample: of the map: "bilinear" (the public port) or "bicubic" (the paper).
    sigma: of the map's smoothing, pixels.
    border: of the map's smoothing, "reflect" or "mirror" (anomalib), see `maps.smooth`.
    seed: of the choice of channels.

    Facts after `fit`, with P positions: `channels_` (d,) kept channels of the concatenation,
        ascending; `mean_` (P, 1, d); `factor_`, what the covariances are kept as; `grid_` (rows,
        columns).

    Memory of `fit`: the model, 4 P d min(N, d) bytes, and the training vectors, 4 P N d bytes, of
        which at most 2 GiB
    are held at once where N is 0.75 d or more: the features are then read several times.

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
        count = KEPT.get(total, min(100, total)) if self.dimension is None else self.dimension
        if count > total:
            raise ValueError(
                f"dimension must be at most the {total} channels there are, got {count}"
            )
        self.channels_ = np.sort(np.random.default_rng(self.seed).permutation(total)[:count])
        self.dimension_, self.image_size_ = count, features.image_size
        self.grid_ = max(array.shape[2:] for array in chosen.values())
        means, factors = [], []
        for positions in self._blocks(features.n_images):
            vectors = self._vectors(chosen, slice(None), positions)
            means.append(vectors.mean(1, keepdim=True))
            factors.append(Covariance(vectors.sub_(means[-1]), self.epsilon))
            del vectors  # before the next ones
        self.mean_, self.factor_ = torch.cat(means), Covariance.joined(factors)
        return self

    def _blocks(self, n_images: int) -> list[slice]:
        """Return the positions whose training vectors are held together; few images' are the factors: all at once."""
        positions = self.grid_[0] * self.grid_[1]
        most = VECTORS // (4 * n_images * self.dimension_) // POSITIONS * POSITIONS
        step = positions if _low_rank(n_images, self.dimension_) else max(POSITIONS, most)
        return [slice(start, start + step) for start in range(0, positions, step)]

    def predict(self, features: Features) -> Prediction:
        """Score images.

        Returns
        -------
        A `Prediction` whose ``layer_maps`` are each layer's share of the squared Mahalanobis
        distance (they add up to it; a share can be negative where channels of different layers are
        correlated), and that has no neighbours: PaDiM compares with a distribution.

        Raises
        ------
        ValueError: not fitted, other layers or channels than in training, another image size, or
            NaN features.
        """
        chosen = self._predicting(features)
        if features.image_size != self.image_size_:
            raise ValueError(
                f"PaDiM knows positions: expected images of the training size {self.image_size_}, got "
                f"{features.image_size}; resize them alike"
            )
        starts = bar(range(0, chosen.n_images, BATCH), label="PaDiM")
        found = torch.cat([self._sums(chosen, slice(start, start + BATCH)) for start in starts], 2)
        total, *shares = (part.T.reshape(-1, *self.grid_).numpy() for part in found)
        cells = spread(np.sqrt(total.clip(min=0)), features)
        resized = maps.resize(cells, features.image_size, self.upsample)
        smoothed = without_padding(maps.smooth(resized, self.sigma, border=self.border), features)
        shares = [spread(share, features) for share in shares]
        return Prediction(
            score=smoothed.max((1, 2)),
            anomaly_map=smoothed,
            layer_maps=dict(zip(self.layers_, shares, strict=True)),
            detector="PaDiM",
            backbone=features.backbone,
            digest=features.digest,
            ids=tuple(features.ids),
            boxes=features.boxes,
        )

    def contributions(self, features: Features, image: int, row: int, column: int) -> np.ndarray:
        """Return how much each kept channel adds to a cell's squared distance.

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
        one = slice(row * self.grid_[1] + column, row * self.grid_[1] + column + 1)
        chosen = self._predicting(features.select(images=[image]))
        deviation = (self._vectors(chosen, slice(None)) - self.mean_)[one]
        return np.asarray((deviation * self.factor_.solve(deviation, one))[0, 0].numpy())

    def gaussian(self, row: int, column: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean (d,) and the covariance (d, d), epsilon included, of one position."""
        position = row * self.grid_[1] + column
        return self.mean_[position, 0].numpy(), self.factor_.matrix(position)

    def _vectors(self, features: Features, images: slice, positions: slice = slice(None)) -> Tensor:
        """Return (p, n, d) float32: some positions' kept channels; image by image, which writes whole rows."""
        numbers = range(features.n_images)[images]
        whole = torch.empty(self.grid_[0] * self.grid_[1], self.dimension_)
        vectors = torch.empty(len(whole[positions]), len(numbers), self.dimension_)
        for column, number in enumerate(numbers):
            layers = {name: array[number] for name, array in features.items()}
            if len(vectors) == len(whole):
                fill_positions(vectors[:, column], layers, self.channels_)
            else:
                fill_positions(whole, layers, self.channels_)
                vectors[:, column] = whole[positions]
        return vectors

    def _sums(self, features: Features, images: slice) -> Tensor:
        """Return (1 + layers, P, n): every cell's squared distance, and what each layer adds to it.

        Products of matrices round by their shape. It is the same for any number of images, so that
        a score is that of the image alone: the last images are followed by zeros.
        """
        deviation = self._vectors(features, images).sub_(self.mean_)  # (P, n, d)
        count = deviation.shape[1]
        deviation = functional.pad(deviation, (0, 0, 0, BATCH - count))  # (P, BATCH, d)
        parts = deviation * self.factor_.solve(deviation)
        ends = np.searchsorted(self.channels_, np.cumsum(list(self._channels.values()))[:-1])
        blocks = (parts, *torch.tensor_split(parts, ends.tolist(), 2))
        return torch.stack([block.sum(2)[:, :count] for block in blocks])


class Covariance:
    """P regularised sample covariances Z'Z / (N - 1) + epsilon I, kept so that they can be inverted against vectors.

    Parameters
    ----------
    centred: Z, (P, N, d) float32 with the mean of every position taken off; with few images it is
        overwritten.
    epsilon: above 0.

    Notes
    -----
    With few images (N < 0.75 d) their rank is below N, and Woodbury's identity needs only the (N,
    d) matrix M = chol((N - 1) epsilon I + Z Z')^-1 Z: the inverse is (I - M'M) / epsilon. Otherwise
    M is the inverse of the covariance's Cholesky factor, and the inverse M'M. With few images all
    up to the inverse factor is float64: the difference in the inverse cancels digits that float32
    has too few of. One image alone has no covariance: epsilon I.
    """

    def __init__(self, centred: Tensor, epsilon: float) -> None:
        positions, count, dimension = centred.shape
        self.epsilon, self.count = epsilon, max(count - 1, 1)
        self.low_rank = _low_rank(count, dimension)
        self.factor = centred if self.low_rank else torch.empty(positions, dimension, dimension)
        with full_float32(), workers("cpu") as pool:
            parts = _parts(positions)
            for _ in bar(
                pool.map(partial(self._estimate, centred), parts), label="PaDiM", total=len(parts)
            ):
                pass

    @classmethod
    def kept(cls, factor: Tensor, epsilon: float, count: int, *, low_rank: bool) -> Covariance:
        """Return the covariances that another one's attributes describe."""
        whole = cls.__new__(cls)
        whole.epsilon, whole.count, whole.low_rank, whole.factor = epsilon, count, low_rank, factor
        return whole

    @classmethod
    def joined(cls, parts: Sequence[Covariance]) -> Covariance:
        """Return the covariances of all positions from those of some positions after the others."""
        whole = copy.copy(parts[0])
        if len(parts) > 1:
            whole.factor = torch.cat([part.factor for part in parts])
        return whole

    def _estimate(self, centred: Tensor, part: slice) -> None:
        self.factor[part] = (
            self._woodbury(centred[part]) if self.low_rank else self._cholesky(centred[part])
        )

    def _woodbury(self, centred: Tensor) -> Tensor:
        double = centred.double()
        inner = double @ double.transpose(1, 2)
        inner.diagonal(dim1=1, dim2=2).add_(self.count * self.epsilon)
        return _inverse_factor(inner) @ centred

    def _cholesky(self, centred: Tensor) -> Tensor:
        covariance = centred.transpose(1, 2) @ centred / self.count
        covariance.diagonal(dim1=1, dim2=2).add_(self.epsilon)
        return _inverse_factor(covariance)

    def solve(self, vectors: Tensor, positions: slice = slice(None)) -> Tensor:
        """Return covariance^-1 v for the (p, n, d) vectors of some positions."""
        factors = self.factor[positions]
        solved = torch.empty_like(vectors)

        def solve(part: slice) -> None:
            factor, values = factors[part], vectors[part]
            product = values @ factor.transpose(1, 2) @ factor
            solved[part] = (values - product) / self.epsilon if self.low_rank else product

        with full_float32(), workers("cpu") as pool:
            list(pool.map(solve, _parts(len(vectors))))
        return solved

    def matrix(self, position: int) -> np.ndarray:
        """Return one covariance, (d, d) float64, from the kept factor."""
        factor = self.factor[position].double()
        product = factor.T @ factor
        if self.low_rank:
            product = (torch.eye(len(product), dtype=torch.float64) - product) / self.epsilon
        return np.asarray(torch.linalg.inv(product).numpy())

    def __repr__(self) -> str:
        kind = "Woodbury" if self.low_rank else "Cholesky"
        return f"Covariance({len(self.factor)} positions, {kind} factors {tuple(self.factor.shape[1:])})"


def _low_rank(count: int, dimension: int) -> bool:
    return count < 0.75 * dimension


def _parts(positions: int) -> list[slice]:
    step = max(1, POSITIONS // torch.get_num_threads())
    return [slice(start, start + step) for start in range(0, positions, step)]


def _inverse_factor(matrices: Tensor) -> Tensor:
    """Return the inverse of the lower Cholesky factor of each (n, n) matrix, float32, but as accurate as they are."""
    factor = torch.linalg.cholesky(matrices)
    identity = torch.eye(factor.shape[1], dtype=factor.dtype).expand_as(factor)
    inverse: Tensor = torch.linalg.solve_triangular(factor, identity, upper=False)
    return inverse.float()
