"""`Detector.graph` computes what `predict` returns, for all options that it takes."""

import numpy as np
import pytest
import torch
from random_features import make_features

from adviz import DN2, SPADE, Features, PaDiM, PatchCore
from adviz.core.neighbors import has_faiss
from adviz.detectors.patchcore import graph as patchcore_graph

ROUNDING = 2e-5  # of float32: sums of up to a few hundred squares, in another order
MADE = {
    "patchcore": PatchCore(coreset=0.2),
    "adaptive": PatchCore(coreset=0.2, aggregation="adaptive", dimension=12),
    "layers that the pooling mixes": PatchCore(coreset=0.2, aggregation="adaptive", dimension=7),
    "ensemble member": PatchCore(
        coreset=0.2, aggregation="adaptive", dimension=8, layer_dimension=20
    ),
    "all patches": PatchCore(coreset=1.0, image_score="max", distance="squared"),
    "five neighbours": PatchCore(coreset=0.2, score_neighbors=5, patch_size=5),
    "stride": PatchCore(coreset=0.2, stride=2, patch_size=1, aggregation="adaptive", dimension=6),
    "proxies": PatchCore(coreset=0.02, sampler="proxies"),
    "three layers": PatchCore(layers=(16, 4, 8), coreset=0.1, sigma=0.0, upsample="nearest"),
    "one entry": PatchCore(coreset=1 / 768, border="mirror", sigma=2.5),
    "padim of few images": PaDiM(dimension=18),
    "padim of many images": PaDiM(layers=(8, 16), dimension=6, upsample="bicubic"),
    "padim, one layer": PaDiM(layers=(4,), border="mirror", sigma=1.0),
}


def graph_of(detector, features):
    grids = {name: array.shape[2:] for name, array in features.items()}
    return detector.graph(grids, features.image_size)


def outputs(detector, features):
    layers = {name: torch.from_numpy(np.array(array)) for name, array in features.items()}
    with torch.inference_mode():
        score, maps = graph_of(detector, features)(layers)
    return score.numpy(), maps.numpy()


def assert_same(detector, features):
    expected = detector.predict(features)
    score, maps = outputs(detector, features)
    assert score.dtype == maps.dtype == np.float32
    np.testing.assert_allclose(score, expected.score, rtol=ROUNDING)
    largest = expected.anomaly_map.max()
    np.testing.assert_allclose(maps, expected.anomaly_map, rtol=0, atol=ROUNDING * largest)


@pytest.mark.parametrize("name", MADE)
def test_a_graph_computes_what_predict_returns(name, train, test):
    detector = MADE[name].fit(train)
    if isinstance(detector, PaDiM):  # both kinds of factors are tried
        assert detector.factor_.low_rank == (name == "padim of few images")
    assert_same(detector, test)


def test_a_bank_is_searched_in_blocks(train, test, monkeypatch):
    detector = PatchCore(coreset=0.5, score_neighbors=2).fit(train)
    expected = outputs(detector, test)
    monkeypatch.setattr(patchcore_graph, "BLOCK", 4 * 64 * 30)  # 30 entries of 384 at once
    sizes = []
    addmm = torch.addmm

    def counted(*values, **options):
        product = addmm(*values, **options)
        sizes.append(product.shape[1])
        return product

    monkeypatch.setattr(torch, "addmm", counted)
    for values, values_of_blocks in zip(expected, outputs(detector, test), strict=True):
        np.testing.assert_allclose(values_of_blocks, values, rtol=ROUNDING)
    assert sizes == [30] * 12 + [24]


def test_digits_of_features_far_from_zero_are_kept(train, test):
    """Expanded, the squares are a million times the distances."""
    far = {name: array + 1000 for name, array in train.items()}
    features = Features(far, image_size=train.image_size)
    detector = PatchCore(coreset=0.2).fit(features)
    tested = Features(
        {name: array + 1000 for name, array in test.items()}, image_size=test.image_size
    )
    expected = detector.predict(tested)
    score, _ = outputs(detector, tested)
    # A feature of 1000 is itself known to 6e-5, and distances here are 3 to 40
    np.testing.assert_allclose(score, expected.score, rtol=1e-4)


def test_an_image_of_the_bank_has_the_score_0(train):
    detector = PatchCore(coreset=1.0).fit(train)
    score, _ = outputs(detector, train.select(images=[4]))
    assert score == [0]


def test_patches_of_images_of_another_size(train):
    detector = PatchCore(coreset=0.2).fit(train)
    assert_same(detector, make_features(2, seed=3, size=128))


def test_padim_refuses_images_of_another_size(train):
    detector = PaDiM().fit(train)
    with pytest.raises(ValueError, match=r"expected images of the training size \(64, 64\), got"):
        graph_of(detector, make_features(2, seed=3, size=128))


@pytest.mark.parametrize("detector", [PatchCore(), PaDiM()])
def test_what_is_not_fitted_has_no_graph(detector, train):
    with pytest.raises(ValueError, match="must be fitted before it is exported"):
        graph_of(detector, train)


def test_other_layers_are_refused(train):
    detector = PatchCore(coreset=0.2).fit(train)
    with pytest.raises(ValueError, match=r"expected the layers \('layer2', 'layer3'\), got"):
        graph_of(detector, train.select([4]))


@pytest.mark.parametrize("detector", [SPADE(k_images=3), DN2()])
def test_detectors_without_a_graph_say_so(detector, train):
    name = type(detector).__name__
    with pytest.raises(
        ValueError, match=f"expected a PaDiM or a PatchCore to export, got a {name}"
    ):
        graph_of(detector.fit(train), train)


@pytest.mark.skipif(not has_faiss(), reason="needs faiss")
def test_an_approximate_search_is_refused(train):
    detector = PatchCore(coreset=1.0, index="ivfpq").fit(train)
    with pytest.raises(ValueError, match='expected a PatchCore with index="flat"'):
        graph_of(detector, train)
