"""Locally aware patches: PatchCore's Eq. 1-3, as a mean or as the official adaptive pooling."""

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
    """Turn the layers of an image into one feature vector per location of the shallowest layer.

    Around every location a `patch_size` x `patch_size` neighbourhood is taken (zero padding at the
    border), then deeper layers are brought to the grid of the shallowest bilinearly
    (align_corners=False), then all are aggregated.

    Parameters
    ----------
    channels: layer -> C, in the order in which layers are stacked.
    aggregation: "adaptive", the paper's and the official code's: every neighbourhood, flattened to
        C * p * p values, is average-pooled to `layer_dimension` per layer, the layers are stacked
        and pooled to `dimension`; "mean": the neighbourhood's mean per channel, concatenated.
    patch_size: p, odd.
    stride: locations between neighbourhoods.
    dimension: D of the adaptive pooling, 1024 in the paper.
    layer_dimension: of the adaptive pooling of each layer; None = `dimension`.

    Attributes
    ----------
    size: D, length of a patch's vector.
    blocks: layer -> slice of the vector that depends on this layer alone; empty where the pooling
        mixes layers.

    Notes
    -----
    What adaptive pooling is, plainly, for one image::

        patches = {}
        for name, layer in layers.items():  # (C, h, w)
            unfolded = functional.unfold(layer, p, padding=p // 2)  # (C * p * p, h * w)
            pooled = functional.adaptive_avg_pool1d(unfolded.T, layer_dimension)
            patches[name] = to_finest_grid(pooled)  # (P, layer_dimension), bilinear
        stacked = torch.cat(list(patches.values()), 1)
        embedded = functional.adaptive_avg_pool1d(stacked, dimension)  # (P, D)

    Both poolings and the interpolation are linear, and the interpolation acts on locations, the
    poolings on channels, so they commute: the poolings of a layer are one sparse matrix, applied at
    the layer's own resolution. It is stored as a matrix over the channels for each of the p * p
    offsets of a neighbourhood: these are applied to the whole layer, and shifted afterwards, so
    that no neighbourhood is ever copied. Equal to the definition to float32 rounding.
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
        self.channels = dict(channels)
        self.patch_size = patch_size
        self.stride = stride
        # layer -> its matrix for each of the p * p offsets; empty: the mean
        self._matrices: dict[str, list[scipy.sparse.csr_array]] = {}
        self.blocks: dict[str, slice] = {}
        if aggregation == "mean":
            self.size = sum(channels.values())
            start = 0
            for name, count in channels.items():
                self.blocks[name] = slice(start, start + count)
                start += count
            return
        self.size = dimension
        if dimension % len(channels) == 0:  # then no bin of the second pooling straddles two layers
            width = dimension // len(channels)
            for number, name in enumerate(channels):
                self.blocks[name] = slice(number * width, (number + 1) * width)
        pooled = dimension if layer_dimension is None else layer_dimension
        second = pooling_matrix(len(channels) * pooled, dimension)
        for number, (name, count) in enumerate(channels.items()):
            first = pooling_matrix(count * patch_size**2, pooled)
            of_layer = second[:, number * pooled : (number + 1) * pooled]
            product = (of_layer @ first).tocsc()  # (D, C * p * p)
            product = product[self.blocks.get(name, slice(None))]
            self._matrices[name] = [
                product[:, offset :: patch_size**2].tocsr() for offset in range(patch_size**2)
            ]

    def __call__(self, layers: Mapping[str, np.ndarray]) -> np.ndarray:
        """Embed (N, C, h, w) layers.

        Returns
        -------
        (N, rows, columns, D) float32; rows and columns are the largest grid's after `stride`.
        """
        pooled = {name: self._pooled(name, array) for name, array in layers.items()}
        grids = [(values.shape[2], values.shape[3]) for values in pooled.values()]
        rows, columns = max(grids, key=lambda grid: grid[0] * grid[1])
        n_images = len(next(iter(pooled.values())))
        embedded = torch.zeros(n_images, rows, columns, self.size)
        for name, values in pooled.items():
            if values.shape[2:] != (rows, columns):
                values = functional.interpolate(values, (rows, columns), mode="bilinear")
            embedded[..., self.blocks.get(name, slice(None))] += values.permute(0, 2, 3, 1)
        return np.asarray(embedded.numpy())

    def _pooled(self, name: str, array: np.ndarray) -> Tensor:
        """Return the layer's part of the vectors, (N, D or its block, h, w), on its own grid."""
        # A copy, as torch takes neither reversed nor read-only views
        values = np.array(array, dtype=np.float32, order="C")
        if not self._matrices:
            return functional.avg_pool2d(
                torch.from_numpy(values), self.patch_size, self.stride, self.patch_size // 2
            )
        return torch.from_numpy(np.stack([self._shifted(name, image) for image in values]))

    def _shifted(self, name: str, image: np.ndarray) -> np.ndarray:
        """Return the poolings of one (C, h, w) layer, summed over a neighbourhood's offsets."""
        padding = self.patch_size // 2
        padded = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
        rows, columns = (side + 2 * padding - self.patch_size + 1 for side in image.shape[1:])
        flat = padded.reshape(len(padded), -1)
        matrices = self._matrices[name]
        size = matrices[0].shape[0]
        total = np.zeros((size, -(-rows // self.stride), -(-columns // self.stride)), np.float32)
        for offset, matrix in enumerate(matrices):
            down, across = divmod(offset, self.patch_size)
            pooled = (matrix @ flat).reshape(-1, *padded.shape[1:])  # at every location
            row_range = slice(down, down + rows, self.stride)
            column_range = slice(across, across + columns, self.stride)
            total += pooled[:, row_range, column_range]
        return total


def pooling_matrix(length: int, bins: int) -> scipy.sparse.csr_array:
    """Return the (bins, length) float32 matrix of adaptive average pooling.

    Bin i is the mean of positions floor(i * length / bins) up to, not including, ceil((i + 1) *
    length / bins).
    """
    index = np.arange(bins)
    start = index * length // bins
    stop = -((index + 1) * length // -bins)
    widths = stop - start
    columns = np.concatenate([np.arange(a, b) for a, b in zip(start, stop, strict=True)])
    values = np.repeat(1 / widths, widths).astype(np.float32)
    return scipy.sparse.csr_array(
        (values, (np.repeat(index, widths), columns)), shape=(bins, length)
    )
