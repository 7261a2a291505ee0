"""Locally aware patches: PatchCore's Eq. 1-3, as a mean or as the official adaptive pooling, both linear maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import scipy.sparse
import torch
from torch import Tensor
from torch.nn import functional

Aggregation = Literal["adaptive", "mean"]


class PatchEmbedding:
    """Turn the layers of an image into one feature vector per cell of the shallowest layer's grid.

    Around every cell a `patch_size` x `patch_size` neighbourhood is taken (zero padding at the
    border), then deeper layers are brought to the grid of the shallowest bilinearly
    (align_corners=False), then all are aggregated.

    Parameters
    ----------
    channels: layer -> C, in the order in which layers are stacked.
    aggregation: "adaptive", the paper's and the official code's: every neighbourhood, flattened to
        C * p * p values, is average-pooled to `layer_dimension` per layer, the layers are stacked
        and pooled to `dimension`; "mean": the neighbourhood's mean per channel, concatenated.
    patch_size: p, odd.
    stride: cells between neighbourhoods.
    dimension: D of the adaptive pooling, 1024 in the paper.
    layer_dimension: of the adaptive pooling of each layer; None = `dimension`.

    Attributes
    ----------
    size: D, length of a cell's vector.
    blocks: layer -> slice of the vector that depends on this layer alone; empty where the pooling
        mixes layers.

    Notes
    -----
    Both poolings and the interpolation are linear, and the interpolation acts on cells, the
    poolings on channels, so they commute: the poolings of a layer are one sparse matrix, applied at
    the layer's own resolution. It is kept as a matrix over the channels for each of the p * p
    places of a neighbourhood: these are applied to the whole layer, and shifted afterwards, so that
    no neighbourhood is ever copied. Equal to the unfold / adaptive_avg_pool1d definition to float32
    rounding.
    """

    def __init__(
        self,
        channels: Mapping[str, int],
        aggregation: Aggregation,
        patch_size: int,
        stride: int,
        dimension: int,
        layer_dimension: int | None = None,
    ) -> None:
        self.channels, self.patch_size, self.stride = dict(channels), patch_size, stride
        self._matrices: dict[str, list[scipy.sparse.csr_array]] = {}
        if aggregation == "mean":
            ends = np.cumsum([0, *channels.values()])
            self.size = int(ends[-1])
            self.blocks = {
                name: slice(int(a), int(b))
                for name, a, b in zip(channels, ends, ends[1:], strict=False)
            }
            return
        self.size, self.blocks = dimension, {}
        if dimension % len(channels) == 0:  # then no bin of the second pooling straddles two layers
            part = dimension // len(channels)
            self.blocks = {name: slice(i * part, (i + 1) * part) for i, name in enumerate(channels)}
        each = dimension if layer_dimension is None else layer_dimension
        second = pooling_matrix(len(channels) * each, dimension)
        for position, (name, count) in enumerate(channels.items()):
            first = pooling_matrix(count * patch_size**2, each)
            both = (second[:, position * each : (position + 1) * each] @ first).tocsc()
            both = both[self.blocks.get(name, slice(None))]
            self._matrices[name] = [
                both[:, place :: patch_size**2].tocsr() for place in range(patch_size**2)
            ]

    def __call__(self, layers: Mapping[str, np.ndarray]) -> np.ndarray:
        """Embed (N, C, h, w) layers.

        Returns
        -------
        (N, rows, columns, D) float32; rows and columns are the largest grid's after `stride`.
        """
        pooled = {name: self._pooled(name, array) for name, array in layers.items()}
        grid = max(
            ((part.shape[2], part.shape[3]) for part in pooled.values()),
            key=lambda shape: shape[0] * shape[1],
        )
        result = torch.zeros(len(next(iter(pooled.values()))), *grid, self.size)
        for name, part in pooled.items():
            if part.shape[2:] != grid:
                part = functional.interpolate(part, grid, mode="bilinear")
            result[..., self.blocks.get(name, slice(None))] += part.permute(0, 2, 3, 1)
        return np.asarray(result.numpy())

    def _pooled(self, name: str, array: np.ndarray) -> Tensor:
        """Return the layer's part of the vectors, (N, D or its block, h, w), at the layer's own resolution."""
        # a copy, as torch takes neither reversed nor read-only views
        values, padding = np.array(array, dtype=np.float32, order="C"), self.patch_size // 2
        if not self._matrices:
            return functional.avg_pool2d(
                torch.from_numpy(values), self.patch_size, self.stride, padding
            )
        return torch.from_numpy(np.stack([self._shifted(name, image) for image in values]))

    def _shifted(self, name: str, image: np.ndarray) -> np.ndarray:
        """Return the poolings of one (C, h, w) layer, summed over the places of a neighbourhood."""
        size, padding = self.patch_size, self.patch_size // 2
        padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
        rows, columns = (side + 2 * padding - size + 1 for side in image.shape[1:])
        flat, matrices = padded.reshape(len(padded), -1), self._matrices[name]
        shape = matrices[0].shape[0], -(-rows // self.stride), -(-columns // self.stride)
        total = np.zeros(shape, dtype=np.float32)
        for place, matrix in enumerate(matrices):
            down, across = divmod(place, size)
            everywhere = (matrix @ flat).reshape(-1, *padded.shape[1:])
            total += everywhere[
                :, down : down + rows : self.stride, across : across + columns : self.stride
            ]
        return total


def pooling_matrix(length: int, bins: int) -> scipy.sparse.csr_array:
    """Return the (bins, length) float32 matrix of adaptive average pooling.

    Bin i is the mean of positions floor(i * length / bins) up to, not including, ceil((i + 1) *
    length / bins).
    """
    index = np.arange(bins)
    start, stop = index * length // bins, -((index + 1) * length // -bins)
    widths = stop - start
    columns = np.concatenate([np.arange(a, b) for a, b in zip(start, stop, strict=True)])
    values = np.repeat(1 / widths, widths).astype(np.float32)
    return scipy.sparse.csr_array(
        (values, (np.repeat(index, widths), columns)), shape=(bins, length)
    )
