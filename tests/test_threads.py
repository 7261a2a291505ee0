"""Extraction, search, maps and metrics give on two threads what they give on one (detectors:
test_precision_bounds).
"""

import numpy as np
import pytest

from adviz import Backbone, metrics
from adviz.core import coreset, maps, neighbors
from threads import on_threads


def both(work):
    return [on_threads(count, work) for count in (1, 2)]


def test_features():
    images = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), dtype=np.uint8)
    backbone = Backbone("efficientnet_lite0", layers=("image", 4, 8, 16, 32), device="cpu")
    one, two = both(lambda: backbone.extract(images, batch_size=2, cache=False))
    for name, layer in one.items():
        # float32 products in another order, layer after layer
        np.testing.assert_allclose(two[name], layer, rtol=0, atol=1e-5 * np.abs(layer).max())


@pytest.mark.parametrize("library", ["faiss", "torch"])
def test_neighbours_are_the_same(library, monkeypatch):
    if library == "faiss":
        pytest.importorskip("faiss")
    else:
        monkeypatch.setattr(neighbors, "has_faiss", lambda: False)
    rng = np.random.default_rng(1)
    # With ties
    query, bank = (rng.integers(0, 5, size=(n, 24)).astype(np.float32) for n in (3000, 2000))
    one, two = both(lambda: neighbors.nearest(query, bank, 3))
    np.testing.assert_array_equal(two[0], one[0])
    np.testing.assert_array_equal(two[1], one[1])


def test_covering_radii_and_projections():
    points = np.random.default_rng(2).normal(size=(9000, 40)).astype(np.float32)
    order = coreset.random(9000, 300, 0)
    one, two = both(lambda: coreset.covering_radius(points, order, [10, 300]))
    np.testing.assert_allclose(two, one, rtol=1e-5)
    one, two = both(lambda: coreset.project(points, 16, seed=0))
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-5)  # of values of order 1


@pytest.mark.parametrize("method", ["bilinear", "area", "bicubic"])
def test_maps(method):
    values = np.random.default_rng(3).normal(size=(40, 28, 28)).astype(np.float32)
    one, two = both(lambda: maps.smooth(maps.resize(values, (100, 90), method)))
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-6)


def test_metrics():
    rng = np.random.default_rng(4)
    scores, masks = rng.normal(size=(20, 64, 64)).astype(np.float32), np.zeros((20, 64, 64), bool)
    masks[:10, 10:30, 20:40] = True
    labels, before = masks.any((1, 2)), scores[:, 0, 0]

    def all_metrics():
        found = metrics.pixel_metrics(scores, masks)
        areas = [
            found.auroc,
            found.average_precision,
            found.pro,
            *metrics.auroc_and_pro(scores, masks),
        ]
        return [*areas, *metrics.auroc_differences(before, scores[:, 1, 1], labels, 50)]

    one, two = both(all_metrics)
    np.testing.assert_allclose(two, one, rtol=0, atol=1e-12)
