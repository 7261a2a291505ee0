import errno
import os
import tempfile
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from random_features import make_features

from adviz import Features, PatchCore
from adviz._support import atomic_files as storage
from adviz.core import coreset as samplers
from adviz.detectors.patchcore import patch_store as training_patches
from adviz.detectors.patchcore.image_score import reweighting
from adviz.detectors.presets import AtMost


def full_search(detector, patches):
    """Distances of every patch to every bank row, and the nearest, in float64."""
    full = np.sqrt(((patches[:, None].astype(float) - detector.bank_) ** 2).sum(2))
    return full, full.argmin(1)


@pytest.fixture
def fitted(train):
    return PatchCore(coreset=0.2).fit(train)


def patches_of(detector, features):
    return detector._embedding(features.select(detector.layers))


def test_the_bank_holds_original_patches_and_knows_where_they_come_from(fitted, train):
    patches = patches_of(fitted, train)
    assert len(fitted.bank_) == int(0.2 * 12 * 64)
    assert fitted.trace_.digest == samplers.to_grid(fitted.trace_.points).digest()
    rows, columns = np.divmod(fitted.bank_location_, fitted.grid_[1])
    np.testing.assert_array_equal(fitted.bank_, patches[fitted.bank_image_, rows, columns])


def test_patch_scores_and_neighbours_equal_a_full_search(fitted, test):
    prediction = fitted.predict(test)
    found = prediction.neighbors["patch"]
    for image, patches in enumerate(patches_of(fitted, test)):
        full, nearest = full_search(fitted, patches.reshape(64, -1))
        np.testing.assert_array_equal(
            found.image[image, ..., 0].ravel(), fitted.bank_image_[nearest]
        )
        np.testing.assert_array_equal(
            found.location[image, ..., 0].ravel(), fitted.bank_location_[nearest]
        )
        np.testing.assert_allclose(
            found.distance[image].reshape(64, -1), np.sort(full, 1)[:, :5] ** 2, rtol=1e-4
        )
    assert found.grid == fitted.grid_ == (8, 8)


def test_a_pre_sample_is_drawn_uniformly_and_is_all_that_the_bank_is_chosen_from(train):
    patches = patches_of(PatchCore(coreset=0.2).fit(train), train).reshape(12 * 64, -1)
    seen = np.zeros(12 * 64, int)
    for seed in range(30):
        few = PatchCore(presample=200, coreset=0.2, seed=seed).fit(train)
        trace = few.trace_
        place = trace.image.astype(int) * 64 + trace.location
        assert (few.candidates_, len(trace.points), len(few.bank_)) == (200, 200, 40)
        assert len(np.unique(place)) == 200
        np.testing.assert_array_equal(few.bank_, patches[place[trace.order]])
        np.testing.assert_array_equal(few.bank_image_ * 64 + few.bank_location_, place[trace.order])
        seen[place] += 1
    # each of 768 patches is drawn 30 * 200 / 768 = 7.8 times, with a standard deviation of 2.4: 5
    # of them above
    assert seen.max() <= 20
    # No image is left out; 5 standard deviations
    assert seen.reshape(12, 64).sum(1).min() > 30 * 200 / 12 * 0.8
    assert seen.reshape(12, 64).sum(0).max() < 30 * 200 / 64 * 1.5  # and no cell is preferred


def test_a_pre_sample_of_all_patches_is_none(train, test):
    whole = PatchCore(coreset=0.2).fit(train)
    for size in (12 * 64, 10**9):
        same = PatchCore(presample=size, coreset=0.2).fit(train)
        assert same.candidates_ == whole.candidates_ == 12 * 64
        np.testing.assert_array_equal(same.bank_, whole.bank_)
        np.testing.assert_array_equal(same.predict(test).score, whole.predict(test).score)
    assert "presample=None" in repr(whole)
    assert "presample=1000000000" in repr(same)


def test_budgets_are_shares_of_the_pre_sample(train, test):
    few = PatchCore(presample=200, coreset=0.5).fit(train)
    (one,) = few.predict_coreset_sizes(test, [0.1]).values()
    again = PatchCore(presample=200, coreset=0.1, neighbors=1).fit(train)
    assert len(again.bank_) == 20
    np.testing.assert_array_equal(one.score, again.predict(test).score)


def test_layer_shares_add_up_to_the_squared_distance(fitted, test):
    prediction = fitted.predict(test)
    assert list(prediction.layer_maps) == ["layer2", "layer3"]
    total = sum(prediction.layer_maps.values())
    np.testing.assert_allclose(total, prediction.neighbors["patch"].distance[..., 0], rtol=1e-5)


def test_layer_shares_are_left_out_where_pooling_mixes_layers(train, test):
    mixed = PatchCore(layers=(4, 8, 16), aggregation="adaptive", dimension=16).fit(train)
    assert mixed.predict(test).layer_maps == {}


def test_the_image_score_is_a_direct_transcription_of_eq_6_and_7(fitted, test):
    for image, patches in enumerate(patches_of(fitted, test)):
        full, nearest = full_search(fitted, patches.reshape(64, -1))
        worst = full.min(1).argmax()
        s_star, m_star = full[worst].min(), fitted.bank_[nearest[worst]]
        # B = 9, m* included
        around = np.argsort(((fitted.bank_ - m_star) ** 2).sum(1), kind="stable")[:9]
        weight = 1 - np.exp(s_star) / np.exp(full[worst, around]).sum()
        np.testing.assert_allclose(fitted.predict(test).score[image], weight * s_star, rtol=1e-5)


def test_max_and_squared_scores(train, test):
    reference = PatchCore(coreset=0.2, image_score="max").fit(train).predict(test)
    largest = reference.neighbors["patch"].distance[..., 0].max((1, 2))
    np.testing.assert_allclose(reference.score, np.sqrt(largest), rtol=1e-6)
    squared = PatchCore(coreset=0.2, image_score="max", distance="squared").fit(train).predict(test)
    np.testing.assert_allclose(squared.score, largest, rtol=1e-6)


def test_reweighting_cannot_overflow():
    near, far = np.array([1e4]), np.array([[1e4, 1e4 + 1, 1e4 + 2]])
    expected = 1 - 1 / (1 + np.e + np.e**2)
    np.testing.assert_allclose(reweighting(near, far), expected, rtol=1e-9)


def test_the_map_is_patch_distances_bilinear_and_smoothed(train, test):
    from adviz.core import maps

    prediction = PatchCore(coreset=0.2).fit(train).predict(test)
    cells = np.sqrt(prediction.neighbors["patch"].distance[..., 0])
    np.testing.assert_allclose(
        prediction.anomaly_map, maps.smooth(maps.resize(cells, (64, 64)), 4.0), rtol=1e-5
    )


def test_squared_maps_and_no_smoothing(train, test):
    from adviz.core import maps

    prediction = PatchCore(coreset=0.2, distance="squared", sigma=0).fit(train).predict(test)
    cells = prediction.neighbors["patch"].distance[..., 0]
    np.testing.assert_array_equal(prediction.anomaly_map, maps.resize(cells, (64, 64)))


@pytest.mark.parametrize("coreset", [1.0, 0.5])
def test_ivfpq_works_on_full_and_coreset_banks(train, test, coreset):
    exact = PatchCore(coreset=coreset).fit(train).predict(test)
    prediction = PatchCore(coreset=coreset, index="ivfpq").fit(train).predict(test)
    assert prediction.score.argmax() == 3
    found, best = (p.neighbors["patch"].distance[..., 0] for p in (prediction, exact))
    assert (found >= best * (1 - 1e-6)).all()
    assert (found == best).mean() > 0.5  # random features have no clusters to find


def test_start_rules(train):
    points = PatchCore().fit(train).trace_.points
    first = {
        start: PatchCore(start=start).fit(train).trace_.order[0]
        for start in ("farthest", "random", "anchors")
    }
    far = np.linalg.norm(points - points.mean(0), axis=1)
    # rows may change places by the rounding to the grid
    assert far[first["farthest"]] >= far.max() * 0.999
    assert first["random"] == samplers.random(len(points), 1, seed=0)[0]
    mean = samplers.anchor_distance(points, seed=0)
    assert mean[first["anchors"]] == mean.max()


def test_the_map_can_repeat_patch_scores(train, test):
    nearest = PatchCore(upsample="nearest", sigma=0).fit(train).predict(test)
    cells = np.sqrt(nearest.neighbors["patch"].distance[..., 0])
    np.testing.assert_array_equal(nearest.anomaly_map, cells.repeat(8, 1).repeat(8, 2))


@pytest.mark.parametrize("options", [{"projection": 4}, {"sampler": "random"}])
def test_another_seed_keeps_other_rows(train, options):
    orders = [PatchCore(seed=seed, **options).fit(train).trace_.order for seed in (0, 1)]
    assert not np.array_equal(*orders)


def test_the_share_is_rounded_down_and_never_to_nothing(train):
    part = train.select(images=[0])  # 64 patches
    assert len(PatchCore(coreset=0.29).fit(train.select(images=list(range(12)))).bank_) == int(
        0.29 * 768
    )
    assert len(PatchCore(coreset=0.28125).fit(part).bank_) == 18
    assert len(PatchCore(coreset=0.001).fit(part).bank_) == 1
    hundred = Features(
        {"layer2": np.random.default_rng(0).normal(size=(1, 4, 10, 10))}, image_size=(80, 80)
    )
    # 0.29 * 100 is 28.999999999999996
    assert len(PatchCore(layers=[8], coreset=0.29).fit(hundred).bank_) == 29


def test_the_order_is_nested(train):
    large, small = (PatchCore(coreset=share).fit(train) for share in (0.25, 0.05))
    np.testing.assert_array_equal(large.bank_[: len(small.bank_)], small.bank_)
    np.testing.assert_array_equal(large.trace_.order[: len(small.bank_)], small.trace_.order)


def test_the_trace_tells_how_the_bank_was_chosen(train):
    detector = PatchCore(coreset=0.1, projection=8).fit(train)
    trace = detector.trace_
    assert trace.points.shape == (12 * 64, 8)
    assert detector.bank_.shape[1] == 16
    np.testing.assert_array_equal(trace.image, np.repeat(np.arange(12), 64))
    np.testing.assert_array_equal(trace.location, np.tile(np.arange(64), 12))
    distance = np.linalg.norm(
        trace.points[:, None].astype(float) - trace.points[trace.order], axis=2
    ).min(1)
    # Rounding to the integer grid
    assert trace.radius[-1] == pytest.approx(distance.max(), rel=0.02)
    random = PatchCore(coreset=0.1, sampler="random").fit(train).trace_
    assert np.isnan(random.radius).all()


def test_greedy_covers_better_than_random(train):
    points = PatchCore(coreset=0.1).fit(train).trace_.points
    radius = []
    for sampler in ("greedy", "random"):
        order = PatchCore(coreset=0.1, sampler=sampler).fit(train).trace_.order
        radius.append(np.linalg.norm(points[:, None] - points[order], axis=2).min(1).max())
    assert radius[0] < radius[1]


def test_a_full_bank_finds_every_training_patch_at_distance_zero(train):
    detector = PatchCore(coreset=1.0, projection=4).fit(train)
    assert (detector.predict(train).neighbors["patch"].distance[..., 0] == 0).all()


def test_aggregation_depends_on_the_channels(train):
    assert PatchCore().fit(train).aggregation_ == "mean"
    wide = Features(
        {
            "layer2": np.ones((1, 512, 4, 4), np.float32),
            "layer3": np.ones((1, 1024, 2, 2), np.float32),
        },
        image_size=(32, 32),
    )
    assert PatchCore(coreset=1.0).fit(wide).aggregation_ == "adaptive"
    narrow = Features(
        {
            "layer2": np.ones((1, 256, 4, 4), np.float32),
            "layer3": np.ones((1, 512, 2, 2), np.float32),
        },
        image_size=(32, 32),
    )
    assert PatchCore(coreset=1.0).fit(narrow).aggregation_ == "mean"


def test_test_images_may_have_another_size(fitted):
    larger = make_features(2, seed=5, defect=1, size=128)
    prediction = fitted.predict(larger)
    assert prediction.anomaly_map.shape == (2, 128, 128)
    assert prediction.neighbors["patch"].distance.shape[1:3] == (16, 16)
    assert prediction.neighbors["patch"].location.max() < 64  # still the training grid
    assert prediction.score.argmax() == 1


def test_stride_thins_the_grid(train, test):
    detector = PatchCore(stride=2).fit(train)
    assert detector.grid_ == (4, 4)
    assert detector.predict(test).neighbors["patch"].distance.shape[1:3] == (4, 4)


def test_equal_training_images_still_work(train, test):
    same = train.select(images=[0] * 12)
    assert np.isfinite(PatchCore().fit(same).predict(test).score).all()


def test_shards_are_searched_in_two_rounds_and_the_saved_trace_says_so(train, test, tmp_path):
    detector = PatchCore(coreset=0.1, shards=4).fit(train)
    trace = detector.trace_
    expected = samplers.k_center_two_rounds(trace.points, 76, 4)
    np.testing.assert_array_equal(trace.order, expected.order)
    patches = patches_of(detector, train).reshape(12 * 64, -1)
    np.testing.assert_array_equal(detector.bank_, patches[trace.order])
    assert (trace.radius[-1], trace.bound) == (expected.radius, expected.bound)
    assert np.isnan(trace.radius[:-1]).all()
    assert repr(trace) == "CoresetTrace(greedy in 4 shards: 76 of 768 patches)"
    detector.save(tmp_path / "sharded.adviz")
    loaded = PatchCore.load(tmp_path / "sharded.adviz")
    assert loaded == detector
    assert (loaded.trace_.sampler, loaded.trace_.bound) == (trace.sampler, trace.bound)
    np.testing.assert_array_equal(loaded.predict(test).score, detector.predict(test).score)
    with pytest.raises(ValueError, match=r"needs a nested bank, .*, shards 4, index 'flat'"):
        detector.predict_coreset_sizes(test, [0.01])
    assert PatchCore(coreset=0.1).fit(train).trace_.bound is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coreset": 0}, "coreset must be a fraction .* got 0"),
        ({"coreset": 1.01}, r"coreset must be a fraction .* got 1\.01"),
        ({"patch_size": 4}, "patch_size must be odd and at least 1, got 4"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"presample": 0}, "presample 1 patch, got 1, 0"),
        ({"shards": 0}, "shards must be at least 1, got 0"),
        ({"shards": 2, "sampler": "random"}, "shards are searched greedily .* got 'random' and"),
        ({"shards": 2, "start": "anchors"}, "shards are searched greedily .* and 'anchors'"),
        ({"sigma": -1}, "sigma must be 0 or more"),
        ({"projection": 0}, "projection at least 1"),
        ({"projection": "pca"}, "projection at least 1"),
        ({"index": "hnsw"}, "index must be one of"),
        ({"start": "first"}, "start must be one of"),
        ({"upsample": "area"}, "upsample must be one of"),
        ({"sampler": "gready"}, "sampler must be one of .* got 'gready'"),
        ({"image_score": "mean"}, "image_score must be one of"),
        ({"distance": "cosine"}, "distance must be one of"),
        ({"aggregation": "max"}, "aggregation must be one of"),
        ({"reweight_neighbors": 1}, "reweight_neighbors must be at least 2"),
        ({"score_neighbors": 0}, "score_neighbors must be at least 1, got 0"),
        ({"dimension": 0}, "dimension and layer_dimension must be at least 1, got 0, None"),
        ({"layer_dimension": 0}, "dimension and layer_dimension must be at least 1, got 1024, 0"),
        (
            {"border": "reflected"},
            "border must be one of .* got 'reflected': did you mean 'reflect'",
        ),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PatchCore(**options)


@pytest.mark.parametrize("name", ["neighbors", "reweight_neighbors", "score_neighbors"])
def test_more_neighbours_than_the_bank_has_are_refused_when_the_user_set_them(train, name):
    small = train.select(images=[0])  # 64 patches, 6 in the bank
    assert len(PatchCore().fit(small).bank_) == 6
    with pytest.raises(ValueError, match=f"{name} must be between 1 and the 6 that exist, got 7"):
        PatchCore(**{name: 7}).fit(small)


@pytest.mark.parametrize("distance", ["euclidean", "squared"])
@pytest.mark.parametrize("counted", [2, 3, 5, 7])
def test_a_patchs_score_is_the_mean_over_the_nearest_rows_and_all_of_them_are_listed(
    train, test, distance, counted
):
    detector = PatchCore(
        coreset=0.1,
        distance=distance,
        score_neighbors=counted,
        image_score="max",
        sigma=0,
        upsample="nearest",
    ).fit(train)
    found = detector.predict(test)
    vectors = patches_of(detector, test)  # (N, h, w, D)
    square = np.sort(((vectors[..., None, :].astype(float) - detector.bank_) ** 2).sum(-1), axis=-1)
    each = square if distance == "squared" else np.sqrt(square)
    score = each[..., :counted].mean(-1)
    np.testing.assert_allclose(found.score, score.max((1, 2)), rtol=1e-5)
    sides = [size // grid for size, grid in zip(test.image_size, score.shape[1:], strict=True)]
    np.testing.assert_allclose(
        found.anomaly_map, score.repeat(sides[0], 1).repeat(sides[1], 2), rtol=1e-5
    )
    listed = found.neighbors["patch"]
    assert listed.distance.shape[-1] == detector.k_used_ == max(5, counted)
    np.testing.assert_allclose(listed.distance, square[..., : detector.k_used_], rtol=1e-4)
    # the layers' shares add up to the mean of the squared distances, whatever the score is
    np.testing.assert_allclose(
        sum(found.layer_maps.values()), square[..., :counted].mean(-1), rtol=1e-4
    )


def test_a_presets_number_of_counted_rows_is_clipped_to_the_bank(train, test):
    small = train.select(images=[0])  # 6 rows in the bank
    clipped = PatchCore(score_neighbors=AtMost(9)).fit(small)
    np.testing.assert_array_equal(
        clipped.predict(test).score, PatchCore(score_neighbors=6).fit(small).predict(test).score
    )


def test_budgets_are_refused_where_more_than_the_nearest_row_counts(train, test):
    fitted = PatchCore(coreset=0.1, score_neighbors=3).fit(train)
    with pytest.raises(
        ValueError, match=r"expected score_neighbors=1, got 3: fit a detector for each coreset size"
    ):
        fitted.predict_coreset_sizes(test, (0.05,))


def test_one_dimension_stands_for_both(train, test):
    """Before there were two options, `dimension` was the length of every layer's part and of the
    whole.
    """
    one = PatchCore(aggregation="adaptive", dimension=32, coreset=0.1).fit(train).predict(test)
    two = (
        PatchCore(aggregation="adaptive", dimension=32, layer_dimension=32, coreset=0.1)
        .fit(train)
        .predict(test)
    )
    np.testing.assert_array_equal(one.score, two.score)
    np.testing.assert_array_equal(one.anomaly_map, two.anomaly_map)


def test_learned_proxies_are_the_bank_and_show_their_nearest_patches(train):
    detector = PatchCore(sampler="proxies", coreset=0.05).fit(train)
    patches = patches_of(detector, train).reshape(-1, 16)
    distance = ((detector.bank_[:, None].astype(float) - patches) ** 2).sum(2)
    np.testing.assert_array_equal(
        detector.bank_image_ * 64 + detector.bank_location_, distance.argmin(1)
    )
    np.testing.assert_array_equal(detector.trace_.order, distance.argmin(1))
    assert distance.min(1).max() > 1e-3  # they were learned, not chosen
    assert detector.trace_.sampler == "proxies"
    assert detector.losses_.shape == (10,)
    other = PatchCore(sampler="proxies", proxy_sign="paper", coreset=0.05).fit(train)
    assert not np.allclose(detector.bank_, other.bank_)


def test_an_unknown_sign_of_proxies_is_refused():
    with pytest.raises(
        ValueError, match=r"proxy_sign must be one of \('negative', 'paper'\), got 'plus'"
    ):
        PatchCore(proxy_sign="plus")


@pytest.mark.parametrize(
    "options",
    [{}, {"sampler": "random", "distance": "squared"}, {"start": "anchors", "image_score": "max"}],
    ids=str,
)
def test_budgets_predict_what_refits_would_with_one_search(train, test, options):
    budgets = (0.002, 0.05, 0.25)  # 1, 38 and 192 of 768 patches
    found = PatchCore(coreset=0.3, **options).fit(train).predict_coreset_sizes(test, budgets)
    assert list(found) == list(budgets)
    for budget, prediction in found.items():
        alone = PatchCore(coreset=budget, neighbors=1, **options).fit(train).predict(test)
        np.testing.assert_array_equal(prediction.score, alone.score)
        np.testing.assert_array_equal(prediction.anomaly_map, alone.anomaly_map)
        ours, theirs = prediction.neighbors["patch"], alone.neighbors["patch"]
        for name in ("distance", "image", "location"):
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
        for name, share in prediction.layer_maps.items():
            np.testing.assert_array_equal(share, alone.layer_maps[name])


@pytest.mark.parametrize("budgets", [(0.0,), (-1.0, 0.1), (float("nan"),), (0.1, 1.5)])
def test_budgets_must_be_shares(fitted, test, budgets):
    with pytest.raises(ValueError, match=r"budgets must be shares .* above 0 and up to 1, got \["):
        fitted.predict_coreset_sizes(test, budgets)


def test_a_budget_with_fewer_rows_than_the_users_b_is_refused_as_a_refit_would_be(train, test):
    fitted = PatchCore(coreset=0.2, reweight_neighbors=7).fit(train)
    with pytest.raises(
        ValueError, match="reweight_neighbors must be between 1 and the 1 that exist, got 7"
    ):
        fitted.predict_coreset_sizes(test, (0.001,))


def test_seeds_reach_the_samplers(train):
    for options in ({"sampler": "proxies"}, {"start": "random"}, {"sampler": "random"}):
        banks = [PatchCore(coreset=0.05, seed=seed, **options).fit(train).bank_ for seed in (0, 1)]
        assert not np.array_equal(*banks), options


@pytest.mark.parametrize("budgets", [(), (0.1, 0.1), (0.1, 0.05), (0.1, 0.21)])
def test_budgets_must_ascend_up_to_the_coreset(fitted, test, budgets):
    with pytest.raises(
        ValueError, match=r"budgets must ascend, up to the coreset 0\.2 \(153 rows\), got \["
    ):
        fitted.predict_coreset_sizes(test, budgets)


@pytest.mark.parametrize("options", [{"sampler": "proxies"}, {"index": "ivfpq", "coreset": 0.5}])
def test_budgets_need_a_nested_bank(train, test, options):
    with pytest.raises(ValueError, match="fit a detector for each coreset size"):
        PatchCore(**options).fit(train).predict_coreset_sizes(test, (0.05,))


@pytest.mark.parametrize("sampler", ["greedy", "random"])
@pytest.mark.parametrize("start", ["farthest", "anchors"])
def test_patches_that_are_not_held_give_the_same_bank(train, test, sampler, start, monkeypatch):
    # 16 channels: nothing is projected
    options = {"coreset": 0.2, "sampler": sampler, "start": start}
    held = PatchCore(**options).fit(train)
    monkeypatch.setattr(training_patches, "KEPT", 0)
    monkeypatch.setattr(training_patches, "IN_MEMORY", 0)
    embedded = PatchCore(**options).fit(train)
    assert isinstance(embedded.trace_.points, np.memmap)
    assert not isinstance(held.trace_.points, np.memmap)
    for name in ("bank_", "bank_image_", "bank_location_"):
        np.testing.assert_array_equal(getattr(embedded, name), getattr(held, name))
        assert getattr(embedded, name).dtype == getattr(held, name).dtype
    for name in ("points", "order", "radius", "image", "location", "digest", "grid"):
        np.testing.assert_array_equal(getattr(embedded.trace_, name), getattr(held.trace_, name))
    np.testing.assert_array_equal(embedded.predict(test).score, held.predict(test).score)


def test_projecting_batch_by_batch_moves_points_by_rounding_alone(train, monkeypatch):
    held = PatchCore(coreset=0.2, projection=8).fit(train)
    monkeypatch.setattr(training_patches, "KEPT", 0)
    embedded = PatchCore(coreset=0.2, projection=8).fit(train)
    points = embedded.trace_.points
    # sums of 16 products in another order: a few units in the last place of the largest terms
    np.testing.assert_allclose(
        points, held.trace_.points, atol=16 * 2**-23 * np.abs(held.trace_.points).max()
    )
    order, _ = samplers.k_center_greedy(points, len(embedded.bank_))
    np.testing.assert_array_equal(embedded.trace_.order, order)
    rows, columns = np.divmod(embedded.bank_location_, embedded.grid_[1])
    np.testing.assert_array_equal(
        embedded.bank_, patches_of(embedded, train)[embedded.bank_image_, rows, columns]
    )


def test_proxies_need_all_patches_and_say_so(train, monkeypatch):
    held = PatchCore(coreset=0.02, sampler="proxies").fit(train)
    monkeypatch.setattr(training_patches, "KEPT", 0)
    embedded = PatchCore(coreset=0.02, sampler="proxies").fit(train)
    np.testing.assert_array_equal(embedded.bank_, held.bank_)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=100_000))
    with pytest.raises(
        MemoryError, match=r"learning from 768 patches needs about .* draw a part of the rows"
    ):
        PatchCore(coreset=0.02, sampler="proxies").fit(train)


def test_a_fit_that_is_interrupted_or_finds_no_room_leaves_nothing(train, tmp_path, monkeypatch):
    monkeypatch.setattr(training_patches, "KEPT", 0)
    monkeypatch.setattr(training_patches, "IN_MEMORY", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    detector = PatchCore(coreset=0.1).fit(train)
    before, files = dict(vars(detector)), len(os.listdir("/proc/self/fd"))
    assert not list(tmp_path.iterdir())  # its temporary file has no name

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training_patches.TrainingPatches, "rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        detector.fit(train)
    monkeypatch.setattr(
        storage, "_reserve", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no space"))
    )
    with pytest.raises(OSError, match="no space"):
        detector.fit(train)
    assert vars(detector) == before
    assert not list(tmp_path.iterdir())
    assert len(os.listdir("/proc/self/fd")) == files


@pytest.mark.parametrize("share", ["all", "0.1", 0.0, 1.5, float("nan")])
def test_a_coreset_that_is_no_share_is_refused(share):
    with pytest.raises(
        ValueError, match=r"coreset must be a fraction of the patches above 0 and up to 1, got "
    ):
        PatchCore(coreset=share)
