"""SPADE's second stage: layers compared at their own resolution, beside all layers concatenated on
the finest grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import faiss
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from adviz import Backbone
from adviz.data import Split
from adviz.detectors.spade.gallery_search import Cells, Search, as_cells, match_image
from adviz.features.features import Features
from benchmarks.data import features, splits, widened
from benchmarks.timing import Options, Section, Way, interleaved

GALLERY = 50
EXPANDED = ("blocks.1.1.bn1", "blocks.2.1.bn1", "blocks.4.1.bn1")  # 144, 288, 720 channels
PART = 5  # gallery images that the slow ways are timed on; each costs the same
CHECKED = 3
# Relative, of a cell's squared distance: the concatenated ways expand the square in float32
AGREEMENT = 1e-3


def run(options: Options) -> Iterator[Section]:
    """Time one test image against the gallery of 50: with WideResNet50's channels, with features of
    WideResNet50 with random weights, with the embedded network's, and with the wide layers inside
    a larger one.

    The first are few channels brought to many, so that bounds of few columns cost nothing to find.
    """
    train, test = features(options.quick)
    count = min(GALLERY, train.n_images)
    wide = widened(train, count), widened(test, 1)
    yield _section("WideResNet50's channels", *wide, count, options, bound=True)
    random = Backbone("wide_resnet50_2.tv_in1k", (4, 8, 16), weights="random")
    yield _section("WideResNet50, random weights", *_extracted(random, count), count, options)
    narrow = [
        found.select((4, 8, 16), images) for found, images in ((train, range(count)), (test, [0]))
    ]
    yield _section("the embedded network", *narrow, count, options)
    inside = Backbone("efficientnet_lite2", EXPANDED)
    yield _section("inside EfficientNet-Lite2", *_extracted(inside, count), count, options)


def _extracted(backbone: Backbone, count: int) -> tuple[Features, Features]:
    """Return the features of some training images and of one test image."""
    train, test = splits(quick=count < GALLERY)
    few = Split(
        train.paths[:count], train.labels[:count], train.masks[:count], train.defects[:count]
    )
    one = Split(test.paths[:1], test.labels[:1], test.masks[:1], test.defects[:1])
    return backbone.extract(few), backbone.extract(one)


def _section(
    title: str,
    train: Features,
    test: Features,
    count: int,
    options: Options,
    bound: bool = False,
) -> Section:
    train, test = _centred(train, test)
    gallery = [as_cells(_layers(train, image), "nearest", native=True) for image in range(count)]
    query = as_cells(_layers(test, 0), "nearest", native=True)
    rows, plain = _concatenated(test, 0), [_concatenated(train, image) for image in range(PART)]
    search, joined = Search(query, gallery[0], 1, None), np.concatenate(plain)
    products = Search(query, gallery[0], 1, None)
    products._axes = None
    own = sum(level.nbytes for cells in gallery for level in cells.levels) / 2**20
    section = Section(
        f"SPADE stage 2, {len(rows)} cells x {count} images, {rows.shape[1]} channels ({title})"
    )
    section.facts.append(_check(query, gallery, rows, plain))
    section.facts.append(_same(search, products, query, gallery))
    section.facts.append(
        f"gallery: {own:.0f} MiB, concatenated {plain[0].nbytes * count / 2**20:.0f} MiB"
    )
    section.rows = interleaved(
        [
            Way(
                "adviz",
                partial(_ours, search, query, gallery),
                note="the nearest cell in every gallery image",
            ),
            Way(
                "adviz without bounds",
                partial(_ours, products, query, gallery),
                note="every pair in all channels",
            ),
            Way(
                "concatenated GEMM",
                lambda: _gemm(rows, plain),
                count / PART,
                f"{PART} gallery images timed",
            ),
            Way(
                "faiss flat, concatenated",
                lambda: faiss.knn(rows, joined, 1),
                count / PART,
                f"{PART} timed",
            ),
        ],
        options.repeats,
    )
    if bound:
        section.expect("SPADE stage 2", "concatenated GEMM", 4)
        section.expect("SPADE stage 2, bounds", "adviz without bounds", 3)
        section.within("SPADE stage 2, gallery", own, 300, " MiB")
        section.within("SPADE stage 2, seconds (for orientation)", section.seconds("adviz"), 1.3)
    return section


def _centred(train: Features, test: Features) -> tuple[Features, Features]:
    """Return both without the training images' mean, as `SPADE.predict` compares them."""
    centre = {name: array.mean((0, 2, 3), keepdims=True) for name, array in train.items()}
    centred = []
    for found in (train, test):
        layers = {name: array - centre[name] for name, array in found.items()}
        centred.append(Features(layers, image_size=found.image_size))
    return centred[0], centred[1]


def _layers(found: Features, image: int) -> list[Tensor]:
    return [torch.from_numpy(np.asarray(array[image])) for array in found.values()]


def _concatenated(found: Features, image: int) -> np.ndarray:
    """Return (cells, channels): all layers on the finest grid, coarse cells repeated."""
    layers = _layers(found, image)
    grid = max(layer.shape[1:] for layer in layers)
    fine = [functional.interpolate(layer[None], grid, mode="nearest")[0] for layer in layers]
    return torch.cat(fine).flatten(1).T.contiguous().numpy()


def _ours(search: Search, query: Cells, gallery: Sequence[Cells]) -> Tensor:
    """Return the scores of all cells, as `SPADE.predict` finds them."""
    return match_image(query, gallery, search(query, gallery), 1).contributions.sum(0)


def _gemm(rows: np.ndarray, gallery: Sequence[np.ndarray]) -> Tensor:
    """Return the least squared distances to the gallery, one gallery image after the other."""
    query = torch.from_numpy(rows)
    least = torch.full((len(rows),), torch.inf)
    for other in map(torch.from_numpy, gallery):
        product = torch.addmm(other.square().sum(1), query, other.T, alpha=-2)
        torch.minimum(least, product.amin(1), out=least)
    return least + query.square().sum(1)


def _same(search: Search, products: Search, query: Cells, gallery: Sequence[Cells]) -> str:
    """Assert that bounds change nothing, and return how far they apply."""
    if search._axes is None:
        return "no bounds: the finest level has few channels"
    assert torch.equal(search(query, gallery), products(query, gallery)), "bounds change a slot"
    channels, axes = search._axes.shape
    return f"checked: the same slots with bounds ({axes} axes of {channels} channels)"


def _check(
    query: Cells, gallery: Sequence[Cells], rows: np.ndarray, plain: Sequence[np.ndarray]
) -> str:
    """Assert that the scores agree with the concatenated way on some gallery images."""
    ours = _ours(Search(query, gallery[0], 1, None), query, gallery[:CHECKED])
    theirs = _gemm(rows, plain[:CHECKED])
    error = float(((ours - theirs).abs() / ours).max())
    assert error < AGREEMENT, f"a cell's score is off by {error:.1e}"
    return f"checked: scores equal the concatenated way's to {error:.0e} (allowed: {AGREEMENT:.0e})"
