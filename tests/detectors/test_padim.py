import numpy as np
import plain_padim
import pytest
import torch
from random_features import make_features

from adviz import Features, PaDiM
from adviz.core import maps
from adviz.detectors import padim
from adviz.detectors.padim import WIDTH, Covariance


def stacked(features, detector):
    return plain_padim.stacked(features, detector.layers_, detector.channels_)


@pytest.mark.parametrize("dimension", [5, 20])
def test_the_gaussian_of_a_position_can_be_read(train, dimension):
    detector = PaDiM(dimension=dimension).fit(train)
    known = stacked(train, detector)[:, :, 3, 7]
    mean, covariance = detector.gaussian(3, 7)
    np.testing.assert_allclose(mean, known.mean(0), atol=1e-6)
    # Woodbury's factor is inverted back: float32 rounding divided by epsilon
    np.testing.assert_allclose(
        covariance, np.cov(known, rowvar=False) + 0.01 * np.eye(dimension), atol=5e-3
    )


@pytest.mark.parametrize("dimension", [5, 20])  # 12 images are many for 5 channels, and few for 20
def test_vectors_that_are_not_held_at_once_give_the_same(train, test, dimension, monkeypatch):
    whole = PaDiM(dimension=dimension).fit(train)
    # Room for 98 of the 256 positions
    monkeypatch.setattr(padim, "VECTORS", 4 * len(train.ids) * dimension * 100)
    parts = PaDiM(dimension=dimension).fit(train)
    np.testing.assert_array_equal(parts.mean_, whole.mean_)
    np.testing.assert_array_equal(parts.factor_.factor, whole.factor_.factor)
    np.testing.assert_array_equal(parts.predict(test).anomaly_map, whole.predict(test).anomaly_map)


def test_many_images_are_read_some_positions_at_a_time(train, monkeypatch):
    seen = []
    vectors = PaDiM._vectors
    monkeypatch.setattr(PaDiM, "_vectors", lambda *given: seen.append(vectors(*given)) or seen[-1])
    monkeypatch.setattr(padim, "VECTORS", 4 * len(train.ids) * 5 * 100)
    PaDiM(dimension=5).fit(train)
    assert [part.shape for part in seen] == [(98, 12, 5), (98, 12, 5), (60, 12, 5)]


def test_so_many_images_that_few_positions_are_too_much_are_streamed(train, test, monkeypatch):
    whole = PaDiM(dimension=5).fit(train)
    seen = []
    vectors = PaDiM._vectors
    monkeypatch.setattr(PaDiM, "_vectors", lambda *given: seen.append(vectors(*given)) or seen[-1])
    monkeypatch.setattr(padim, "VECTORS", 4 * 98 * 5 * 5)  # of five images
    streamed = PaDiM(dimension=5).fit(train)
    assert [part.shape for part in seen[:4]] == [(98, 5, 5), (98, 5, 5), (98, 2, 5), (98, 5, 5)]
    known = stacked(train, streamed)[:, :, 3, 7].astype(np.float64)
    mean, covariance = streamed.gaussian(3, 7)
    np.testing.assert_allclose(mean, known.mean(0), rtol=1e-6, atol=1e-6)
    expected = np.cov(known, rowvar=False) + 0.01 * np.eye(5)
    np.testing.assert_allclose(covariance, expected, atol=1e-4)
    ours, theirs = streamed.predict(test), whole.predict(test)
    np.testing.assert_allclose(ours.anomaly_map, theirs.anomaly_map, rtol=1e-4)


def test_a_streamed_gaussian_survives_a_mean_far_from_zero(monkeypatch):
    rng = np.random.default_rng(0)
    layer = rng.normal(1000, 1, (40, 3, 2, 2)).astype(np.float32)
    layer[20:] += 5  # the chunks' means differ
    features = Features({"layer": layer}, image_size=(16, 16))
    monkeypatch.setattr(padim, "VECTORS", 4 * 7 * 3 * 4)  # of seven images
    detector = PaDiM(layers=("layer",), dimension=3).fit(features)
    mean, covariance = detector.gaussian(1, 0)
    known = layer[:, :, 1, 0].astype(np.float64)
    np.testing.assert_allclose(mean, known.mean(0), rtol=1e-7)
    expected = np.cov(known, rowvar=False) + 0.01 * np.eye(3)
    np.testing.assert_allclose(covariance, expected, rtol=1e-3)


def test_channel_contributions_add_up_to_the_squared_distance(train, test):
    detector = PaDiM(dimension=8, sigma=0).fit(train)
    parts = detector.contributions(test, image=2, row=4, column=9)
    total = sum(share[2, 4, 9] for share in detector.predict(test).layer_maps.values())
    assert parts.shape == (8,)
    np.testing.assert_allclose(parts.sum(), total, rtol=1e-4)
    ends = np.cumsum([0, 4, 6, 10])  # the layers' channels, in the concatenation
    for number, share in enumerate(detector.predict(test).layer_maps.values()):
        own = (detector.channels_ >= ends[number]) & (detector.channels_ < ends[number + 1])
        np.testing.assert_allclose(share[2, 4, 9], parts[own].sum(), rtol=1e-4)


def test_one_training_image_gives_a_scaled_identity(train, test):
    detector = PaDiM(dimension=6, sigma=0).fit(train.select(images=[0]))
    np.testing.assert_allclose(detector.gaussian(0, 0)[1], 0.01 * np.eye(6), atol=1e-8)
    deviation = stacked(test, detector) - stacked(train.select(images=[0]), detector)
    expected = np.linalg.norm(deviation, axis=1) / 0.1
    np.testing.assert_allclose(
        detector.predict(test).anomaly_map, maps.resize(expected, (64, 64)), rtol=1e-4
    )


@pytest.mark.parametrize(("count", "dimension"), [(5, 20), (30, 10)])
def test_both_forms_of_the_covariance_solve_the_same_equations(count, dimension, monkeypatch):
    monkeypatch.setattr("adviz.detectors.padim.POSITIONS", 3)
    centred = torch.from_numpy(
        np.random.default_rng(0).normal(size=(7, count, dimension)).astype(np.float32)
    )
    covariance = Covariance(centred.clone(), 0.05)  # which it overwrites
    vectors = torch.from_numpy(
        np.random.default_rng(1).normal(size=(7, 2, dimension)).astype(np.float32)
    )
    exact = centred.double().transpose(1, 2) @ centred.double() / (count - 1) + 0.05 * torch.eye(
        dimension
    )
    expected = torch.linalg.solve(exact, vectors.double().transpose(1, 2)).transpose(1, 2)
    np.testing.assert_allclose(covariance.solve(vectors), expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(covariance.matrix(4), exact[4], atol=1e-3)


@pytest.mark.parametrize(
    ("channels", "kept"), [((256, 512, 1024), 550), ((64, 128, 256), 100), ((3, 4, 5), 12)]
)
def test_the_default_dimension_is_the_papers(channels, kept):
    sides = (4, 2, 1)
    rng = np.random.default_rng(0)
    layers = {
        f"layer{i + 1}": rng.normal(size=(2, c, s, s))
        for i, (c, s) in enumerate(zip(channels, sides, strict=True))
    }
    features = Features(layers, image_size=(16, 16))
    detector = PaDiM().fit(features)
    assert detector.dimension_ == len(set(detector.channels_)) == kept
    assert not np.array_equal(
        PaDiM(seed=1, dimension=3).fit(features).channels_,
        PaDiM(dimension=3).fit(features).channels_,
    )


def test_a_squared_distance_that_rounding_makes_negative_is_none(train):
    # Far below what float32 resolves beside these variances
    detector = PaDiM(dimension=20, epsilon=1e-8).fit(train)
    assert min(share.min() for share in detector.predict(train).layer_maps.values()) < 0
    assert np.isfinite(detector.predict(train).anomaly_map).all()


def test_upsampling_is_bilinear_or_bicubic(train, test):
    bilinear, bicubic = (
        PaDiM(upsample=name, sigma=0).fit(train).predict(test) for name in ("bilinear", "bicubic")
    )
    cells = np.sqrt(sum(bilinear.layer_maps.values()))
    np.testing.assert_allclose(
        bicubic.anomaly_map, maps.resize(cells, (64, 64), "bicubic"), rtol=1e-4
    )


def test_another_image_size_is_refused(train):
    with pytest.raises(
        ValueError, match=r"training size \(64, 64\), got \(128, 128\); resize them alike"
    ):
        PaDiM().fit(train).predict(make_features(1, size=128))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": 0}, "epsilon must be above 0"),
        ({"upsample": "area"}, "upsample must be"),
        ({"dimension": 0}, "dimension must be at least 1"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PaDiM(**options)


def test_more_channels_than_there_are_are_refused(train):
    with pytest.raises(
        ValueError, match="dimension must be at most the 20 channels there are, got 21"
    ):
        PaDiM(dimension=21).fit(train)


@pytest.mark.parametrize("sides", [(8, 4, 2), (6, 4, 3), (5, 5, 1)])
def test_layers_that_repeat_give_the_gaussian_of_their_vectors(sides):
    # More images than are factorised at once, and fewer than dimensions
    n_images = WIDTH + 14
    rng = np.random.default_rng(0)
    layers = {
        f"layer{number}": rng.normal(size=(n_images, 40, side, side)).astype(np.float32)
        for number, side in enumerate(sides)
    }
    features = Features(layers, image_size=(16, 16))
    detector = PaDiM(layers=tuple(layers), dimension=110, epsilon=0.1).fit(features)
    assert detector.factor_.low_rank
    vectors = detector._vectors(features, slice(None)).double()  # (P, N, d)
    centred = vectors - vectors.mean(1, keepdim=True)
    exact = centred.transpose(1, 2) @ centred / (n_images - 1) + 0.1 * torch.eye(110)
    query = centred[:, :3] + 0.5
    expected = torch.linalg.solve(exact, query.transpose(1, 2)).transpose(1, 2)
    solved = detector.factor_.solve(query.float())
    # float32 loses about a digit more than its 7 to the condition number, about 30
    np.testing.assert_allclose(solved, expected, rtol=1e-4, atol=1e-4)
