"""PatchCore's adaptive patch embedding: one sparse matrix a layer beside the operations that define
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
import torch
from torch.nn import functional

from adviz.detectors.patchcore.embedding import PatchEmbedding
from benchmarks.data import features, widened
from benchmarks.timing import Options, Section, Way, interleaved

BATCH = 8
LAYERS = ("layer2", "layer3")
AGREEMENT = 1e-5  # relative to the largest value


def run(options: Options) -> Iterator[Section]:
    """Time a batch of images with WideResNet50's channels, and with the embedded network's."""
    _, test = features(options.quick)
    few = range(min(BATCH, test.n_images))
    for title, found in (
        ("WideResNet50's channels", widened(test, len(few))),
        ("the embedded network", test),
    ):
        layers = {name: np.ascontiguousarray(found[name][: len(few)]) for name in LAYERS}
        embedding = PatchEmbedding(
            {name: array.shape[1] for name, array in layers.items()}, "adaptive", 3, 1, 1024
        )
        section = Section(f"Patch embedding, {len(few)} images, {title}")
        section.facts.append(_check(embedding, layers))
        ways = [
            Way("adviz", partial(embedding, layers)),
            Way(
                "unfold, interpolate, two pools", partial(by_definition, layers), note="own writing"
            ),
        ]
        section.rows = interleaved(ways, options.repeats)
        if title.startswith("Wide"):
            each = section.seconds("adviz") / len(few) * 1000
            section.within("patch embedding, ms an image (for orientation)", each, 20)
        yield section


def by_definition(layers: Mapping[str, np.ndarray], dimension: int = 1024) -> torch.Tensor:
    """Return (N * cells, dimension): unfold, bring to the finest grid, pool each layer, stack, pool
    again.
    """
    grid = max(array.shape[2:] for array in layers.values())
    pooled = []
    for array in layers.values():
        neighbourhoods = functional.unfold(torch.from_numpy(array), 3, padding=1)
        images = neighbourhoods.view(len(array), -1, *array.shape[2:])
        if array.shape[2:] != grid:
            images = functional.interpolate(images, grid, mode="bilinear")
        flat = images.permute(0, 2, 3, 1).reshape(len(array) * grid[0] * grid[1], -1)
        pooled.append(functional.adaptive_avg_pool1d(flat[:, None], dimension)[:, 0])
    stacked = torch.stack(pooled, 1).flatten(1)
    return functional.adaptive_avg_pool1d(stacked[:, None], dimension)[:, 0]


def _check(embedding: PatchEmbedding, layers: Mapping[str, np.ndarray]) -> str:
    ours, theirs = embedding(layers), by_definition(layers).numpy()
    error = np.abs(ours.reshape(theirs.shape) - theirs).max() / np.abs(theirs).max()
    assert error < AGREEMENT, f"an embedded value is off by {error:.1e}"
    return f"checked: equal to the definition to {error:.0e} of the largest value (allowed: {AGREEMENT:.0e})"
