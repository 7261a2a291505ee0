"""PatchCore's `predict` as a torch module from feature maps to scores, for `export_model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from adviz.core import nearest
from adviz.detectors.map_graph import MapGraph

if TYPE_CHECKING:
    from adviz.detectors.patchcore.detector import PatchCore
    from adviz.detectors.patchcore.embedding import PatchEmbedding

SPARE = 8  # candidates beyond those that are scored, so that rounding displaces none
BLOCK = 2**26  # bytes of the distances of an image's patches to a block of the bank


class PatchCoreGraph(nn.Module):
    """Score images by their feature maps as `PatchCore.predict` does, to float32 rounding.

    Candidates are found with the square expanded and compared by subtraction, as `nearest` does.
    The bank's mean is taken from both sides, which changes no distance and keeps digits of the
    expanded square. The entries around each entry (Eq. 7) are looked up beforehand.

    Parameters
    ----------
    detector: fitted, with an exact search.
    grids: layer -> (h, w).
    image_size: (H, W), pixels.
    """

    centre: Tensor
    bank: Tensor
    squares: Tensor
    around: Tensor

    def __init__(
        self,
        detector: PatchCore,
        grids: Mapping[str, tuple[int, int]],
        image_size: tuple[int, int],
    ) -> None:
        super().__init__()
        bank = detector.bank_  # (M, D)
        centre = bank.mean(0)
        self.register_buffer("centre", torch.from_numpy(centre))
        self.register_buffer("bank", torch.from_numpy(bank - centre))
        self.register_buffer("squares", self.bank.square().sum(1))  # (M,)
        self.embedding = EmbeddingGraph(detector._embedding, grids)
        self.scored = detector.score_neighbors
        self.is_squared = detector.distance == "squared"
        self.is_reweighted = detector.image_score == "reweighted" and len(bank) > 1
        if self.is_reweighted:
            _, around = nearest(bank, bank, detector.b_used_)
            self.register_buffer("around", torch.from_numpy(around))  # (M, b)
        self.to_maps = MapGraph(
            self.embedding.grid, image_size, detector.upsample, detector.sigma, detector.border
        )

    def forward(self, layers: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return (N,) scores and (N, H, W) anomaly maps of layers, (N, C, h, w) each."""
        rows, columns = self.embedding.grid
        locations = rows * columns
        patches = self.embedding(layers)  # (N, D, rows, columns)
        vectors = patches.permute(0, 2, 3, 1).reshape(-1, len(self.centre)) - self.centre
        square, entry = self._nearest(vectors)  # (N * locations, k)
        distance = square.double()  # in which no roots of different squares tie
        if not self.is_squared:
            distance = distance.sqrt()
        patch_scores = distance.mean(1).view(-1, locations)
        # Eq. 6
        score, worst = patch_scores.max(1)
        score = score.float()
        if self.is_reweighted:
            offsets = torch.arange(worst.shape[0]) * locations
            score = score * self._reweighting(vectors, square, entry, offsets + worst)
        maps = self.to_maps(patch_scores.float().view(-1, rows, columns))
        return score, maps

    def _nearest(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return (Q, k) squared distances to the nearest bank entries, ascending, and these."""
        candidates = self._candidates(vectors)  # (Q, n)
        difference = self.bank[candidates] - vectors[:, None]  # (Q, n, D)
        square = difference.square().sum(2)
        best = square.topk(self.scored, dim=1, largest=False)
        return best.values, candidates.gather(1, best.indices)

    def _candidates(self, vectors: Tensor) -> Tensor:
        """Return (Q, n) entries that are the nearest up to rounding, the best over blocks."""
        count = min(self.scored + SPARE, len(self.bank))
        locations = self.embedding.grid[0] * self.embedding.grid[1]
        step = max(count, BLOCK // (4 * locations))
        distances = []
        entries = []
        for start in range(0, len(self.bank), step):
            block = slice(start, start + step)
            # Less each vector's own square, which changes no order
            distance = torch.addmm(self.squares[block], vectors, self.bank[block].T, alpha=-2)
            best = distance.topk(min(count, distance.shape[1]), dim=1, largest=False)
            distances.append(best.values)
            entries.append(best.indices + start)
        if len(entries) == 1:
            return entries[0]
        best = torch.cat(distances, 1).topk(count, dim=1, largest=False)
        return torch.cat(entries, 1).gather(1, best.indices)

    def _reweighting(self, vectors: Tensor, square: Tensor, entry: Tensor, worst: Tensor) -> Tensor:
        """Return Eq. 7's factor for the worst patch of every image, (N,)."""
        patch = vectors[worst]  # (N, D)
        around = self.bank[self.around[entry[worst, 0]]]  # (N, b, D)
        distances = (around - patch[:, None]).square().sum(2).sqrt()  # (N, b)
        top = distances.amax(1, keepdim=True)
        nearest_distance = square[worst, 0].sqrt()  # (N,)
        return 1 - (nearest_distance - top[:, 0]).exp() / (distances - top).exp().sum(1)


class EmbeddingGraph(nn.Module):
    """`PatchEmbedding` as one convolution a layer, whose kernel holds both poolings.

    Attributes
    ----------
    grid: (rows, columns) of patches.
    """

    def __init__(self, embedding: PatchEmbedding, grids: Mapping[str, tuple[int, int]]) -> None:
        super().__init__()
        self.layers = tuple(embedding.channels)
        self.patch_size = embedding.patch_size
        self.stride = embedding.stride
        self.is_concatenated = bool(embedding.blocks)
        for number, name in enumerate(self.layers):
            if embedding._matrices:
                # (D or its block, C, p * p)
                kernel = np.stack([matrix.toarray() for matrix in embedding._matrices[name]], 2)
                sides = (*kernel.shape[:2], self.patch_size, self.patch_size)
                self.register_buffer(f"kernel{number}", torch.from_numpy(kernel.reshape(sides)))
        padding = self.patch_size // 2
        grids_of_patches = []
        for name in self.layers:
            height, width = (
                (side + 2 * padding - self.patch_size) // self.stride + 1 for side in grids[name]
            )
            grids_of_patches.append((height, width))
        self.grid = max(grids_of_patches, key=lambda grid: grid[0] * grid[1])

    def forward(self, layers: Mapping[str, Tensor]) -> Tensor:
        """Return (N, D, rows, columns) patches of layers, (N, C, h, w) each."""
        parts = [self._part(number, layers[name]) for number, name in enumerate(self.layers)]
        if self.is_concatenated:
            return torch.cat(parts, 1)
        return torch.stack(parts).sum(0)

    def _part(self, number: int, layer: Tensor) -> Tensor:
        padding = self.patch_size // 2
        kernel = getattr(self, f"kernel{number}", None)
        if kernel is None:
            pooled = functional.avg_pool2d(layer, self.patch_size, self.stride, padding)
        else:
            pooled = functional.conv2d(layer, kernel, stride=self.stride, padding=padding)
        if pooled.shape[2:] == self.grid:
            return pooled
        return functional.interpolate(pooled, self.grid, mode="bilinear")
