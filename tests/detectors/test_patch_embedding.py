import numpy as np
import pytest
import torch
from plain_patchcore import embedded
from torch.nn import functional

from adviz.detectors.patchcore.embedding import PatchEmbedding, pooling_matrix


def by_definition(layers, patch_size, stride, dimension, layer_dimension=None):
    how = {
        "patch_size": patch_size,
        "stride": stride,
        "dimension": dimension,
        "layer_dimension": layer_dimension,
    }
    return embedded(layers.values(), aggregation="adaptive", **how)


def random_layers(channels, sides, seed=0):
    rng = np.random.default_rng(seed)
    return {
        f"layer{i}": rng.normal(size=(2, c, s, s)).astype(np.float32)
        for i, (c, s) in enumerate(zip(channels, sides, strict=True))
    }


@pytest.mark.parametrize(
    ("channels", "sides", "patch_size", "stride", "dimension"),
    [
        ((512, 1024), (28, 14), 3, 1, 1024),  # WideResNet50, the paper
        ((40, 112), (14, 7), 3, 1, 1024),  # few channels pooled up
        ((5, 7, 11), (8, 4, 2), 3, 1, 16),  # three layers: bins straddle them
        ((6, 10), (12, 6), 5, 1, 8),
        ((6, 10), (12, 6), 3, 2, 8),
        ((12,), (6,), 1, 1, 5),
    ],
)
def test_adaptive_equals_the_definition(channels, sides, patch_size, stride, dimension):
    layers = random_layers(channels, sides)
    counts = {name: array.shape[1] for name, array in layers.items()}
    ours = PatchEmbedding(counts, "adaptive", patch_size, stride, dimension)(layers)
    np.testing.assert_allclose(
        ours, by_definition(layers, patch_size, stride, dimension), atol=1e-5
    )


@pytest.mark.parametrize(("each", "whole"), [(1024, 384), (64, 24), (5, 12), (7, 7)])
@pytest.mark.parametrize("channels", [(6, 10), (4, 5, 8)])
def test_layers_are_pooled_to_one_length_and_all_together_to_another(channels, each, whole):
    """The published ensembles' 1024 and then 384, and neighbours of it, by torch's own poolings."""
    layers = random_layers(channels, (6, 3, 2)[: len(channels)])
    counts = {name: array.shape[1] for name, array in layers.items()}
    embedding = PatchEmbedding(counts, "adaptive", 3, 1, whole, each)
    np.testing.assert_allclose(
        embedding(layers), by_definition(layers, 3, 1, whole, each), atol=1e-5
    )
    assert bool(embedding.blocks) == (whole % len(channels) == 0)


def test_adaptive_has_the_closed_form_of_wide_resnet50():
    """Layer2: a 3x3 convolution of weights 0.1, centre 0.2; layer3: 3x3 means of channel pairs
    (performance.md, 6).
    """
    layers = random_layers((512, 1024), (28, 14))
    ours = PatchEmbedding({"layer0": 512, "layer1": 1024}, "adaptive", 3, 1, 1024)(layers)
    kernel = torch.full((512, 1, 3, 3), 0.1)
    kernel[:, :, 1, 1] = 0.2
    first = functional.conv2d(torch.from_numpy(layers["layer0"]), kernel, padding=1, groups=512)
    pairs = (
        functional.avg_pool2d(torch.from_numpy(layers["layer1"]), 3, 1, 1)
        .unflatten(1, (512, 2))
        .mean(2)
    )
    second = functional.interpolate(pairs, (28, 28), mode="bilinear")
    expected = torch.cat([first, second], 1).permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_mean_equals_naive_loops():
    layers = random_layers((3, 5), (6, 6))
    ours = PatchEmbedding({"layer0": 3, "layer1": 5}, "mean", 3, 1, 1024)(layers)
    stacked = np.concatenate(list(layers.values()), 1)
    padded = np.pad(stacked, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for row in range(6):
        for column in range(6):
            expected = padded[:, :, row : row + 3, column : column + 3].mean((2, 3))
            np.testing.assert_allclose(ours[:, row, column], expected, atol=1e-6)


def test_mean_brings_deep_layers_to_the_shallow_grid_after_the_neighbourhood():
    layers = random_layers((3, 5), (8, 4))
    ours = PatchEmbedding({"layer0": 3, "layer1": 5}, "mean", 3, 1, 1024)(layers)
    deep = functional.avg_pool2d(torch.from_numpy(layers["layer1"]), 3, 1, 1)
    expected = functional.interpolate(deep, (8, 8), mode="bilinear", align_corners=False).permute(
        0, 2, 3, 1
    )
    np.testing.assert_allclose(ours[..., 3:], expected.numpy(), atol=1e-6)


def test_the_grid_is_the_finest_whatever_the_order():
    layers = random_layers((3, 5), (4, 8))
    embedded = PatchEmbedding({"layer0": 3, "layer1": 5}, "mean", 3, 1, 1024)(layers)
    assert embedded.shape == (2, 8, 8, 8)


@pytest.mark.parametrize(("layers", "exact"), [(1, True), (2, True), (3, False), (4, True)])
def test_blocks_belong_to_one_layer_alone_or_are_not_given(layers, exact):
    arrays = random_layers((6,) * layers, (4,) * layers)
    embedding = PatchEmbedding(dict.fromkeys(arrays, 6), "adaptive", 3, 1, 16)
    assert bool(embedding.blocks) == exact
    whole = embedding(arrays)
    for name, block in embedding.blocks.items():
        changed = {**arrays, name: arrays[name] + 1}
        moved = (embedding(changed) != whole).any((0, 1, 2))
        assert moved[block].all()
        assert moved.sum() == block.stop - block.start


@pytest.mark.parametrize(("length", "bins"), [(10, 4), (4, 10), (7, 7), (4608, 1024), (5, 1)])
def test_pooling_matrix_equals_adaptive_average_pooling(length, bins):
    values = np.random.default_rng(0).normal(size=(3, 1, length)).astype(np.float32)
    expected = functional.adaptive_avg_pool1d(torch.from_numpy(values), bins)[:, 0].numpy()
    np.testing.assert_allclose(
        values[:, 0] @ pooling_matrix(length, bins).toarray().T, expected, atol=1e-6
    )


@pytest.mark.parametrize("aggregation", ["mean", "adaptive"])
def test_reversed_and_read_only_layers_are_embedded_as_their_copies_are(aggregation):
    layers = random_layers((3, 5), (8, 4))
    seen = {name: values[::-1, :, :, ::-1] for name, values in layers.items()}
    for values in seen.values():
        values.flags.writeable = False
    embedding = PatchEmbedding({"layer0": 3, "layer1": 5}, aggregation, 3, 1, 16)
    np.testing.assert_array_equal(
        embedding(seen), embedding({name: values.copy() for name, values in seen.items()})
    )
