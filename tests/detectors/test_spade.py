from types import SimpleNamespace

import numpy as np
import pytest
import torch
from plain_spade import all_distances, full_features

from adviz import DN2, SPADE, Features
from adviz.core import maps
from adviz.detectors.spade import gallery_search as correspondence


def test_dn2_is_the_mean_squared_distance_to_the_k_nearest(train, test):
    prediction = DN2(k_images=3).fit(train).predict(test)
    bank, query = (features["layer4"].mean((2, 3)) for features in (train, test))
    full = ((query[:, None] - bank) ** 2).sum(2)
    np.testing.assert_allclose(prediction.score, np.sort(full, 1)[:, :3].mean(1), rtol=1e-5)
    found = prediction.neighbors["image"]
    np.testing.assert_array_equal(found.image[:, 0, 0], full.argsort(1)[:, :3])
    np.testing.assert_allclose(found.distance[:, 0, 0], np.sort(full, 1)[:, :3], rtol=1e-5)
    assert found.grid == (1, 1)
    assert not found.location.any()
    assert prediction.anomaly_map is None


def test_shares_of_several_layers_add_up_to_the_score(train, test):
    prediction = DN2(layers=(8, 16, 32)).fit(train).predict(test)
    total = sum(share[:, 0, 0] for share in prediction.layer_maps.values())
    np.testing.assert_allclose(total, prediction.score, rtol=1e-5)
    alone = DN2(layers=(32,), k_images=12).fit(train).predict(test)
    # With K = N the same images count
    all_layers = DN2(layers=(16, 32), k_images=12).fit(train).predict(test)
    np.testing.assert_allclose(
        all_layers.layer_maps["layer4"], alone.layer_maps["layer4"], rtol=1e-5
    )


def test_the_default_k_is_clipped_and_recorded_and_the_users_is_refused(train):
    few = train.select(images=[0, 1, 2])
    assert DN2().fit(train).k_used_ == 5
    assert DN2().fit(few).k_used_ == 3
    with pytest.raises(ValueError, match="k_images must be between 1 and the 3 that exist, got 4"):
        DN2(k_images=4).fit(few)


@pytest.fixture
def many():
    """400 training images in 20 clusters, so that an inverted file has several lists."""
    rng = np.random.default_rng(4)
    centre = rng.normal(size=(20, 1, 12, 1, 1)) * 10
    images = (centre + rng.normal(size=(20, 21, 12, 2, 2))).astype(np.float32)
    parts = images[:, :20].reshape(-1, 12, 2, 2), images[:, 20]
    return [Features({"layer4": part}, image_size=(64, 64)) for part in parts]


# SPADE


LAYERS = ["layer1", "layer2", "layer3"]


@pytest.mark.parametrize("upsample", ["nearest", "bilinear"])
@pytest.mark.parametrize("kappa", [1, 3])
def test_stage_two_is_the_mean_squared_distance_to_the_kappa_nearest_of_all_cells(
    train, test, upsample, kappa
):
    detector = SPADE(k_images=4, score_neighbors=kappa, layer_upsample=upsample, sigma=0).fit(train)
    prediction = detector.predict(test)
    known, new = (full_features(features, LAYERS, upsample) for features in (train, test))
    retrieved = DN2(k_images=4).fit(train).predict(test).neighbors["image"].image[:, 0, 0]
    found = prediction.neighbors["patch"]
    cells = np.empty((5, 16, 16))
    for image in range(5):
        full = all_distances(new[image], known[retrieved[image]])
        cells[image] = np.sort(full.reshape(256, -1), 1)[:, :kappa].mean(1).reshape(16, 16)
        np.testing.assert_array_equal(found.image[image, 2, 5], retrieved[image])
        np.testing.assert_array_equal(found.location[image].reshape(256, 4), full.argmin(2))
        np.testing.assert_allclose(found.distance[image].reshape(256, 4), full.min(2), rtol=1e-4)
    np.testing.assert_allclose(sum(prediction.layer_maps.values()), cells, rtol=1e-4)
    np.testing.assert_allclose(prediction.anomaly_map, maps.resize(cells, (64, 64)), rtol=1e-4)
    assert (found.order, found.grid, detector.k_used_) == ("retrieval", (16, 16), 4)
    assert prediction.segmented.all()


@pytest.mark.parametrize("native", [True, False])
def test_the_cells_of_an_image_are_its_layers_side_by_side(train, native):
    layers = [torch.from_numpy(train[name][4]) for name in LAYERS]
    cells = correspondence.as_cells(layers, "nearest", native=native)
    # -2x is stored, and halved back: exact
    np.testing.assert_array_equal(cells.concatenated(), full_features(train, LAYERS)[4])


def test_the_image_score_is_dn2s_whatever_the_gallery(train, test):
    for gallery in (2, 12):
        prediction = SPADE(k_images_score=3, k_images=gallery).fit(train).predict(test)
        np.testing.assert_array_equal(
            prediction.score, DN2(k_images=3).fit(train).predict(test).score
        )


def test_each_share_is_the_layers_part_at_the_best_match(train, test):
    prediction = SPADE(k_images=3).fit(train).predict(test)
    found = prediction.neighbors["patch"]
    best = found.distance.argmin(-1)[..., None]
    image, cell = (
        np.take_along_axis(array, best, -1)[..., 0].reshape(5, -1)
        for array in (found.image, found.location)
    )
    for name in LAYERS:
        known, new = full_features(train, [name]), full_features(test, [name])
        ratio = 16 // train[name].shape[2]
        coarse = (cell // 16 // ratio) * (16 // ratio) + cell % 16 // ratio
        rows = np.arange(256)
        own = (rows // 16 // ratio) * (16 // ratio) + rows % 16 // ratio
        expected = ((new[:, own] - known[image, coarse]) ** 2).sum(-1).reshape(5, 16, 16)
        np.testing.assert_allclose(prediction.layer_maps[name], expected, rtol=1e-4, atol=1e-5)


def test_a_smaller_gallery_is_a_running_minimum(train, test):
    distance = SPADE(k_images=12).fit(train).predict(test).neighbors["patch"].distance
    for k in (1, 5, 12):
        fewer = SPADE(k_images=k, sigma=0).fit(train).predict(test)
        expected = np.minimum.accumulate(distance, axis=-1)[..., k - 1]
        np.testing.assert_array_equal(sum(fewer.layer_maps.values()), expected)


@pytest.mark.parametrize("radius", [0, 1, 5])
def test_a_window_only_looks_so_many_cells_around(train, test, radius, monkeypatch):
    monkeypatch.setattr(correspondence, "BLOCK", 4 * 16 * 256 * 4)  # several bands of rows
    prediction = SPADE(k_images=3, search="window", radius=radius, sigma=0).fit(train).predict(test)
    known, new = full_features(train, LAYERS), full_features(test, LAYERS)
    row, column = np.divmod(np.arange(256), 16)
    near = np.maximum(abs(row[:, None] - row), abs(column[:, None] - column)) <= radius
    for image in range(5):
        gallery = prediction.neighbors["image"].image[image, 0, 0, :3]
        full = np.where(near[:, None], all_distances(new[image], known[gallery]), np.inf)
        total = sum(share[image] for share in prediction.layer_maps.values())
        np.testing.assert_allclose(total.ravel(), full.min((1, 2)), rtol=1e-4)
    if radius == 0:
        np.testing.assert_array_equal(
            prediction.neighbors["patch"].location[0, ..., 0].ravel(), np.arange(256)
        )


def test_a_window_of_everything_equals_the_exact_search(train, test):
    exact = SPADE(k_images=3).fit(train).predict(test)
    window = SPADE(k_images=3, search="window", radius=16).fit(train).predict(test)
    np.testing.assert_array_equal(window.anomaly_map, exact.anomaly_map)
    np.testing.assert_array_equal(
        window.neighbors["patch"].location, exact.neighbors["patch"].location
    )


def test_per_layer_is_the_mean_of_the_maps_of_each_layer_alone(train, test):
    joint = {
        name: SPADE(layers=(name,), k_images=4, sigma=0).fit(train).predict(test) for name in LAYERS
    }
    each = (
        SPADE(match="per_layer", k_images=4, distance="euclidean", sigma=0).fit(train).predict(test)
    )
    roots = {name: np.sqrt(prediction.layer_maps[name]) for name, prediction in joint.items()}
    for name in LAYERS:
        np.testing.assert_array_equal(each.layer_maps[name], roots[name])
        np.testing.assert_array_equal(
            each.neighbors[name].location, joint[name].neighbors["patch"].location
        )
    expected = np.mean([maps.resize(root, (64, 64)) for root in roots.values()], axis=0)
    np.testing.assert_allclose(each.anomaly_map, expected, rtol=1e-6)


def test_images_below_tau_are_not_segmented_and_say_so(train, test):
    everything = SPADE(k_images=3).fit(train).predict(test)
    tau = float(np.sort(everything.score)[2])
    gated = SPADE(k_images=3, segment_above=tau).fit(train).predict(test)
    np.testing.assert_array_equal(gated.segmented, everything.score > tau)
    assert gated.segmented.sum() == 2
    np.testing.assert_array_equal(
        gated.anomaly_map[gated.segmented], everything.anomaly_map[gated.segmented]
    )
    assert not gated.anomaly_map[~gated.segmented].any()
    assert np.isnan(gated.neighbors["patch"].distance[~gated.segmented]).all()


def test_random_galleries_depend_on_seed_and_image_alone(train, test):
    def drawn(seed, features):
        prediction = SPADE(k_images=3, gallery="random", seed=seed).fit(train).predict(features)
        return prediction.neighbors["patch"].image[:, 0, 0]

    first = drawn(0, test)
    assert all(len(set(row)) == 3 for row in first.tolist())
    assert not (first == first[0]).all()
    assert not np.array_equal(first, drawn(1, test))
    np.testing.assert_array_equal(drawn(0, test.select(images=[2])), first[[2]])
    same = Features(
        {name: np.repeat(array[:1], 5, 0) for name, array in test.items()}, image_size=(64, 64)
    )
    # Equal images, whose nearest are the same, draw by their names
    assert len(np.unique(drawn(0, same), axis=0)) > 1


def test_grids_that_do_not_divide_are_brought_to_the_finest(train):
    rng = np.random.default_rng(0)
    layers = {"layer1": rng.normal(size=(3, 2, 7, 7)), "layer2": rng.normal(size=(3, 3, 4, 4))}
    odd = Features({**layers, "layer4": rng.normal(size=(3, 2, 1, 1))}, image_size=(28, 28))
    prediction = (
        SPADE(layers=("layer1", "layer2"), image_layers=("layer4",), sigma=0).fit(odd).predict(odd)
    )
    # Every image is in its own gallery
    assert (prediction.neighbors["patch"].distance.min(-1) == 0).all()


def test_defaults_are_clipped_and_the_users_values_refused(train):
    assert SPADE().fit(train).k_used_ == 12
    with pytest.raises(
        ValueError, match="k_images must be between 1 and the 12 that exist, got 13"
    ):
        SPADE(k_images=13).fit(train)
    with pytest.raises(ValueError, match="neighbors must be between 1 and the 2 that exist, got 3"):
        SPADE(k_images=2, score_neighbors=3, search="window", radius=0).fit(train)
    with pytest.raises(TypeError, match=r"neighbors must be an integer, got 1\.5"):
        SPADE(score_neighbors=1.5).fit(train)


def test_an_inverted_file_finds_whole_images_like_the_flat_search(many):
    train, test = many
    flat, listed = (
        DN2(index=index).fit(train).predict(test).neighbors["image"] for index in ("flat", "ivf")
    )
    # Exact distances, of images that need not be nearest
    assert (listed.distance >= flat.distance * (1 - 1e-6)).all()
    assert (listed.image[..., 0] == flat.image[..., 0]).mean() > 0.9
    with pytest.raises(ValueError, match="index must be one of"):
        DN2(index="ivfpq")


def test_of_whole_images_only_those_that_the_index_proposes_are_compared(many):
    train, test = many
    detector = DN2(k_images=3).fit(train)
    proposed = SimpleNamespace(
        ntotal=400, d=12, search=lambda q, k: (None, np.tile(np.arange(k) + 150, (len(q), 1)))
    )
    detector._index = proposed
    found = detector.predict(test).neighbors["image"].image
    assert 150 <= found.min() <= found.max() < 250  # a shortlist of 100


@pytest.mark.parametrize(
    "options",
    [{}, {"layer_upsample": "bilinear"}, {"match": "per_layer", "layers": (4, 8)}],
    ids=str,
)
def test_ivfpq_finds_cells_in_every_gallery_image_and_tells_their_exact_distance(
    train, test, options
):
    pytest.importorskip("faiss")
    exact = SPADE(k_images=3, **options).fit(train).predict(test)
    listed = SPADE(k_images=3, search="ivfpq", **options).fit(train).predict(test)
    for name, found in listed.neighbors.items():
        best = exact.neighbors[name]
        assert (found.order, found.grid) == (best.order, best.grid)
        np.testing.assert_array_equal(found.image, best.image)
        assert (found.distance >= best.distance * (1 - 1e-5)).all()
        # Of 256 cells; independent channels are the worst case for PQ
        assert (found.location == best.location).mean() > 0.5
    if options == {}:
        total = sum(listed.layer_maps.values())
        found = listed.neighbors["patch"]
        np.testing.assert_allclose(total, found.distance.min(-1), rtol=1e-5)
        known, new = full_features(train, LAYERS), full_features(test, LAYERS)
        image, cell = (array[2, ..., 1].ravel() for array in (found.image, found.location))
        direct = ((new[2] - known[image, cell]) ** 2).sum(1)
        np.testing.assert_allclose(found.distance[2, ..., 1].ravel(), direct, rtol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"match": "all"}, "match must be one of"),
        ({"search": "window"}, "radius must be 0 or more with search=.window"),
        ({"radius": 2}, "radius must be .* None without, got 2"),
        ({"search": "window", "radius": -1}, "got -1"),
        ({"score_neighbors": 0}, "score_neighbors must be 1 or more"),
        ({"gallery": "best"}, "gallery must be one of"),
        ({"segment_above": float("nan")}, "segment_above must be a score or None, got NaN"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SPADE(**options)


def test_layers_that_do_not_nest_and_layers_of_one_grid_are_searched_exactly():
    """Grids 12, 6 twice, 4: 4 divides 12, not 6, so that layer is brought to the finest grid."""
    rng = np.random.default_rng(5)
    sides = {"a": 12, "b": 6, "c": 4, "d": 6, "layer4": 1}
    names = ["b", "c", "a", "d"]
    splits = [
        {k: rng.normal(size=(n, 3, s, s)).astype(np.float32) for k, s in sides.items()}
        for n in (4, 2)
    ]
    known, new = (Features(layers, image_size=(48, 48)) for layers in splits)
    found = SPADE(layers=tuple(names), image_layers=("layer4",), sigma=0).fit(known).predict(new)
    cells = [full_features(part, names) for part in (known, new)]
    for image in range(2):
        full = all_distances(cells[1][image], cells[0][found.neighbors["image"].image[image, 0, 0]])
        np.testing.assert_array_equal(
            found.neighbors["patch"].location[image].reshape(144, 4), full.argmin(2)
        )
        total = sum(share[image] for share in found.layer_maps.values())
        np.testing.assert_allclose(total.ravel(), full.min((1, 2)), rtol=1e-4)
    assert list(found.layer_maps) == names


def test_a_window_holds_where_rows_and_columns_shrink_differently():
    rng = np.random.default_rng(6)
    shapes = {"layer1": (8, 12), "layer2": (4, 3), "layer4": (1, 1)}
    splits = [
        {k: rng.normal(size=(n, 3, *s)).astype(np.float32) for k, s in shapes.items()}
        for n in (3, 2)
    ]
    known, new = (Features(layers, image_size=(32, 48)) for layers in splits)
    detector = SPADE(
        layers=("layer1", "layer2"), image_layers=("layer4",), search="window", radius=2, sigma=0
    )
    found = detector.fit(known).predict(new)
    cells = [
        np.concatenate([part["layer1"], part["layer2"].repeat(2, 2).repeat(4, 3)], 1)
        .reshape(-1, 6, 96)
        .swapaxes(1, 2)
        for part in (known, new)
    ]
    row, column = np.divmod(np.arange(96), 12)
    near = np.maximum(abs(row[:, None] - row), abs(column[:, None] - column)) <= 2
    for image in range(2):
        full = all_distances(cells[1][image], cells[0][found.neighbors["image"].image[image, 0, 0]])
        full = np.where(near[:, None], full, np.inf)
        np.testing.assert_array_equal(
            found.neighbors["patch"].location[image].reshape(96, 3), full.argmin(2)
        )


def test_float16_features_are_pooled_in_float32():
    layer = np.random.default_rng(7).uniform(900, 1100, size=(3, 2, 16, 16)).astype(np.float16)
    detector = DN2().fit(Features({"layer4": layer}, image_size=(512, 512)))
    # float16 resolves 0.5 to 1 there; the mean of 256 values needs more
    np.testing.assert_allclose(
        detector.mean_features_, layer.astype(np.float64).mean((2, 3)), rtol=1e-6
    )
    assert detector.mean_features_.dtype == np.float32


@pytest.mark.parametrize("search", ["exact", "ivfpq"])
# Of the finest test grid; the coarse layers of 9 do not nest
@pytest.mark.parametrize("side", [8, 12, 9])
def test_test_images_may_have_another_size_than_the_training_images(search, side):
    rng = np.random.default_rng(8)
    shapes = {"layer1": 16, "layer2": 8, "layer3": 4, "layer4": 2}
    known = Features(
        {name: rng.normal(size=(4, 3, s, s)).astype(np.float32) for name, s in shapes.items()},
        image_size=(64, 64),
    )
    sides = {name: -(-side * s // 16) for name, s in shapes.items()}
    new = Features(
        {name: rng.normal(size=(2, 3, s, s)).astype(np.float32) for name, s in sides.items()},
        image_size=(4 * side,) * 2,
    )
    found = SPADE(k_images=4, sigma=0, search=search).fit(known).predict(new)
    known_cells, cells = full_features(known, LAYERS), np.empty((2, side * side, 9))
    column = np.arange(side)
    for image in range(2):
        parts = [
            new[name][image][:, (column * s // side)][:, :, (column * s // side)]
            for name, s in [(name, sides[name]) for name in LAYERS]
        ]
        cells[image] = np.concatenate(parts).reshape(9, -1).T
    patch = found.neighbors["patch"]
    assert (patch.distance.shape, patch.grid) == ((2, side, side, 4), (16, 16))
    assert found.anomaly_map.shape == (2, 4 * side, 4 * side)
    for image in range(2):
        full = all_distances(cells[image], known_cells[patch.image[image, 0, 0]])
        at = np.take_along_axis(
            full, patch.location[image].reshape(-1, 4)[..., None].astype(int), 2
        )[..., 0]
        np.testing.assert_allclose(patch.distance[image].reshape(-1, 4), at, rtol=1e-4)
        if search == "exact":
            np.testing.assert_array_equal(patch.location[image].reshape(-1, 4), full.argmin(2))


def test_a_window_needs_the_training_grids(train):
    small = Features(
        {name: array[:2, :, :1, :1] for name, array in train.items()}, image_size=(64, 64)
    )
    with pytest.raises(
        ValueError, match=r"expected the training images' grids .* or use search=.exact."
    ):
        SPADE(search="window", radius=1).fit(train).predict(small)


@pytest.mark.parametrize(
    ("options", "there"),
    [
        ({"layers": (4, 8, 16)}, 256),  # the finest grid counts, whatever the coarse ones have
        ({"layers": (4,), "search": "window", "radius": 2}, 9),  # a corner's window
        ({"layers": (4, 8), "match": "per_layer"}, 64),  # the coarsest layer's own cells
    ],
    ids=str,
)
def test_as_many_neighbours_as_one_image_has_are_legal_and_one_more_is_not(
    train, test, options, there
):
    one = train.select(images=[0])
    prediction = SPADE(score_neighbors=there, **options).fit(one).predict(test)
    assert all(np.isfinite(values).all() for values in prediction.layer_maps.values())
    with pytest.raises(
        ValueError, match=f"neighbors must be between 1 and the {there} that exist, got {there + 1}"
    ):
        SPADE(score_neighbors=there + 1, **options).fit(one)


def test_cells_of_a_wide_grid_are_counted():
    wide = Features(
        {
            "layer1": np.random.default_rng(0).normal(size=(1, 2, 4, 12)),
            "layer4": np.ones((1, 2, 1, 1)),
        },
        image_size=(16, 48),
    )
    assert SPADE(layers=(4,), image_layers=("layer4",), score_neighbors=48).fit(wide).k_used_ == 1


@pytest.mark.parametrize("block", [2**10, 6 * 4 * 16 * 256, 2**22])
@pytest.mark.parametrize("kappa", [1, 10])
def test_windows_are_exact_whatever_the_blocks(train, test, block, kappa, monkeypatch):
    """Blocks of part of a row, of a row and a half, and of everything; at the corners one image has
    only 4 cells.
    """
    monkeypatch.setattr(correspondence, "BLOCK", block)
    prediction = (
        SPADE(k_images=3, score_neighbors=kappa, search="window", radius=1, sigma=0)
        .fit(train)
        .predict(test)
    )
    known, new = full_features(train, LAYERS), full_features(test, LAYERS)
    row, column = np.divmod(np.arange(256), 16)
    near = np.maximum(abs(row[:, None] - row), abs(column[:, None] - column)) <= 1
    for image in range(5):
        gallery = prediction.neighbors["image"].image[image, 0, 0, :3]
        full = np.where(near[:, None], all_distances(new[image], known[gallery]), np.inf).reshape(
            256, -1
        )
        expected = np.sort(full, 1)[:, :kappa].mean(1)
        total = sum(share[image] for share in prediction.layer_maps.values())
        np.testing.assert_allclose(total.ravel(), expected, rtol=1e-4)


def test_a_common_offset_of_the_features_changes_nothing(train, test):
    """Products of values around 3000 would be rounded to about 1 where squared distances are about
    20.
    """
    moved = [
        Features({k: v + 3000 for k, v in part.items()}, image_size=(64, 64))
        for part in (train, test)
    ]
    plain, far = (SPADE(k_images=3).fit(a).predict(b) for a, b in ((train, test), moved))
    # the features themselves are rounded to 2e-4 there
    assert (far.neighbors["patch"].location == plain.neighbors["patch"].location).mean() > 0.995
    np.testing.assert_allclose(far.anomaly_map, plain.anomaly_map, rtol=1e-3)
    itself = SPADE(k_images=12).fit(moved[0]).predict(moved[0])
    assert (itself.neighbors["patch"].distance.min(-1) == 0).all()


# Bounds of the finest level


def _smooth(channels, rank, noise, seed):
    """Features of a few strong directions and some noise: (2, C, 28, 28) and a coarser layer."""
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(0).normal(size=(channels, rank))
    fine = np.einsum("cr,nrhw->nchw", basis, rng.normal(size=(2, rank, 28, 28)))
    fine += rng.normal(size=fine.shape) * noise
    coarse = rng.normal(size=(2, 16, 14, 14))
    return [torch.from_numpy(array.astype(np.float32)) for array in (fine, coarse)]


def _with_and_without_bounds(queries, galleries, monkeypatch, inside=None):
    """Return the slots that both ways find, and how many blocks the bounds answered."""
    query = correspondence.as_cells([layer[0] for layer in queries], "nearest", native=True)
    gallery = [
        correspondence.as_cells([layer[i] for layer in galleries], "nearest", native=True)
        for i in range(2)
    ]
    if inside is not None:
        gallery = [cells.among(inside) for cells in gallery]
    answered = []
    nearest = correspondence._Bounds.nearest

    def counted(*args):
        found = nearest(*args)
        answered.append(found is not None and bool((found >= 0).all()))
        return found

    monkeypatch.setattr(correspondence._Bounds, "nearest", counted)
    search = correspondence.Search(query, gallery[0], 1, None)
    bounded = search(query, gallery)
    search._axes = None
    return bounded, search(query, gallery), answered


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
def test_bounds_find_the_slots_that_all_products_find(levels, noise, monkeypatch):
    queries, galleries = (_smooth(136, 8, noise, seed)[:levels] for seed in (1, 2))
    bounded, products, answered = _with_and_without_bounds(queries, galleries, monkeypatch)
    assert set(answered) == {True}
    torch.testing.assert_close(bounded, products, rtol=0, atol=0)


def test_bounds_keep_patches_that_are_alike_in_what_the_axes_leave(monkeypatch):
    galleries = _smooth(136, 8, 0.5, 2)
    shuffled = torch.randperm(28 * 28, generator=torch.Generator().manual_seed(0))
    fine = (
        galleries[0].flatten(2)[:, :, shuffled]
        + 0.05 * _smooth(136, 136, 0.0, 3)[0].flatten(2) / 136**0.5
    )
    queries = [fine.view(2, 136, 28, 28)]
    bounded, products, answered = _with_and_without_bounds(queries, galleries[:1], monkeypatch)
    assert set(answered) == {True}
    torch.testing.assert_close(bounded, products, rtol=0, atol=0)


def test_features_without_strong_directions_are_multiplied(monkeypatch):
    queries, galleries = (_smooth(136, 136, 0.0, seed) for seed in (1, 2))
    bounded, products, answered = _with_and_without_bounds(queries, galleries, monkeypatch)
    # The first patches of the first image say that too many pairs are left
    assert answered == [False]
    torch.testing.assert_close(bounded, products, rtol=0, atol=0)


def test_patches_that_tie_are_multiplied(monkeypatch):
    queries, galleries = (_smooth(136, 8, 0.1, seed) for seed in (1, 2))
    galleries[0][:, :, :, 14:] = galleries[0][:, :, :, :14].clone()
    galleries[1][:, :, :, 7:] = galleries[1][:, :, :, :7].clone()
    bounded, products, answered = _with_and_without_bounds(queries, galleries, monkeypatch)
    assert not any(answered)
    torch.testing.assert_close(bounded, products, rtol=0, atol=0)


def test_bounds_find_no_patch_in_padding(monkeypatch):
    queries, galleries = (_smooth(136, 8, 0.1, seed) for seed in (1, 2))
    inside = torch.zeros(28, 28, dtype=torch.bool)
    inside[5:20] = True
    bounded, products, answered = _with_and_without_bounds(
        queries, galleries, monkeypatch, inside.flatten()
    )
    assert all(answered)
    cell = correspondence.as_cells([layer[0] for layer in queries], "nearest", native=True).cell
    assert inside.flatten()[cell[bounded]].all()
    torch.testing.assert_close(bounded, products, rtol=0, atol=0)


def test_huge_features_are_multiplied(monkeypatch):
    # 1e20 squared is beyond float32: the bounds say nothing
    queries, galleries = (_smooth(136, 8, 0.1, seed) for seed in (1, 2))
    galleries[0][:, :, 3, 3] = 1e20
    bounded, products, _ = _with_and_without_bounds(queries, galleries, monkeypatch)
    torch.testing.assert_close(bounded, products, rtol=0, atol=0)
