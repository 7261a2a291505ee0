"""AnomalyDINO against a slow restatement, by its properties, and on a DINOv2 that was never
trained.
"""

import numpy as np
import pytest
from plain_anomaly_dino import anomaly_dino
from random_features import make_features
from test_plain_matchers import assert_same

from adviz import AnomalyDINO, Backbone, Features

# The squared distance of float32 rows at length 1: rounding is 1e-7 of 1, and nearest patches are
# .01 to 1 away
CLOSE = 2e-5


@pytest.mark.parametrize(
    ("layer", "options"),
    [
        (8, {}),
        (16, {"neighbors": 1, "sigma": 0}),
        (4, {"neighbors": 3, "top": 0.1}),
        (4, {"top": 1.0}),
    ],
)
def test_the_plain_restatement_agrees(layer, options):
    train, test = make_features(4, seed=20, size=32), make_features(3, seed=21, defect=1, size=32)
    found = AnomalyDINO(layers=(layer,), **options).fit(train).predict(test)
    given = {"k" if name == "neighbors" else name: value for name, value in options.items()}
    (name,) = train.select([layer])
    assert_same(found, anomaly_dino(train, test, name, **given), rtol=CLOSE)


def test_only_directions_count(train, test):
    expected = AnomalyDINO().fit(train).predict(test)
    scaled = Features({name: 7 * array for name, array in test.items()}, image_size=test.image_size)
    found = AnomalyDINO().fit(train).predict(scaled)
    np.testing.assert_allclose(found.score, expected.score, rtol=1e-5)  # rounding
    turned = Features({name: -array for name, array in train.items()}, image_size=train.image_size)
    own = AnomalyDINO(neighbors=1).fit(train.select(images=[0])).predict(turned.select(images=[0]))
    assert own.score[0] > 0.1  # opposite, not near


def test_a_training_image_is_at_no_distance_and_finds_itself(train):
    found = AnomalyDINO().fit(train).predict(train)
    np.testing.assert_allclose(found.score, 0, atol=0)  # re-scored by subtraction: exactly none
    patch = found.neighbors["patch"]
    np.testing.assert_array_equal(
        patch.image[..., 0], np.arange(12)[:, None, None] + np.zeros((4, 4), int)
    )
    np.testing.assert_array_equal(
        patch.location[..., 0], np.tile(np.arange(16).reshape(4, 4), (12, 1, 1))
    )


def test_distances_are_of_cosines_and_patches_of_zeros_have_none():
    def features(*patches):
        return Features(
            {"layer": np.array(patches, np.float32).T[None, :, None]}, image_size=(1, len(patches))
        )

    detector = AnomalyDINO(layers=("layer",), neighbors=1, sigma=0).fit(features((2, 0)))
    found = detector.predict(features((5, 0), (1, 1), (0, 3), (-1, 0), (0, 0)))
    np.testing.assert_allclose(found.anomaly_map[0, 0], [0, 1 - 0.5**0.5, 1, 2, 0.5], rtol=1e-6)


def test_other_sizes_than_in_training_are_compared(train):
    found = AnomalyDINO().fit(train).predict(make_features(2, seed=3, size=128))
    assert found.anomaly_map.shape == (2, 128, 128)
    assert found.layer_maps["layer3"].shape == (2, 8, 8)
    assert found.neighbors["patch"].location.max() < 16


@pytest.mark.parametrize(
    "options", [{"layers": (8, 16)}, {"layers": ()}, {"top": 0}, {"top": 1.01}, {"sigma": -1}]
)
def test_bad_options_are_refused(options):
    with pytest.raises(
        ValueError,
        match="expected one of layers, a fraction 0 < top <= 1 and sigma from 0 on, got Anom",
    ):
        AnomalyDINO(**options)


def test_more_neighbours_than_patches_are_refused(train):
    with pytest.raises(
        ValueError, match="neighbors must be between 1 and the 16 that exist, got 17"
    ):
        AnomalyDINO(neighbors=17).fit(train.select(images=[0]))


def test_it_has_no_presets():
    with pytest.raises(ValueError, match=r"expected a preset of AnomalyDINO \(none\), got 'paper'"):
        AnomalyDINO.preset("paper")
    assert AnomalyDINO().title == "AnomalyDINO"


@pytest.mark.parametrize("layer", ["blocks.11", "norm"])
def test_it_reads_a_dinov2(layer):
    """Of random weights, for the published ones cannot be had here: shapes are right, and another
    image is far.
    """
    backbone = Backbone(
        "vit_small_patch14_dinov2.lvd142m", (layer,), weights="random", image_size=56
    )
    images = np.random.default_rng(0).integers(0, 256, (4, 56, 56, 3), np.uint8)
    images[3, 28:, 28:] = (255, 0, 0)
    train, test = (backbone.extract(part, cache=False) for part in (images[:3], images[2:]))
    assert train[layer].shape == (3, 384, 4, 4)
    found = AnomalyDINO(layers=(layer,), sigma=0).fit(train).predict(test)
    assert found.score[0] < 1e-6 < found.score[1]
    assert found.anomaly_map.shape == (2, 56, 56)
    assert found.anomaly_map[1, 28:, 28:].mean() > found.anomaly_map[1, :28, :28].mean()
    assert found.neighbors["patch"].grid == (4, 4)
