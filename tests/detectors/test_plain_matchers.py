"""DN2, SPADE, PaDiM and PatchCore against slow restatements of their equations, on small random
features.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from plain_maps import bicubic, bilinear, repeated
from plain_padim import padim
from plain_patchcore import embedded, k_centre, patchcore
from plain_spade import dn2, spade
from random_features import make_features

from adviz import DN2, SPADE, Features, PaDiM, PatchCore
from adviz.core import coreset

# The detectors compute in float32, whose relative rounding of 6e-8 a few hundred sums and products
# make at most 1e-5.
FLOAT32 = 1e-5


@pytest.fixture(scope="module")
def train():
    return make_features(7, seed=20, size=32)


@pytest.fixture(scope="module")
def test():
    return make_features(3, seed=21, defect=1, size=32)


def assert_same(found, plain, rtol=FLOAT32):
    """Compare scores, maps, layer maps and neighbours."""
    np.testing.assert_allclose(found.score, plain.score, rtol=rtol)
    assert (found.anomaly_map is None) == (plain.anomaly_map is None)
    if plain.anomaly_map is not None:
        np.testing.assert_allclose(found.anomaly_map, plain.anomaly_map, rtol=rtol)
    assert list(found.layer_maps) == list(plain.layer_maps)
    for name, layer_map in plain.layer_maps.items():
        # shares are sums of differently signed parts in PaDiM, and tiny where two cells nearly
        # agree
        np.testing.assert_allclose(
            found.layer_maps[name], layer_map, rtol=rtol, atol=rtol * np.abs(layer_map).max()
        )
    assert set(found.neighbors) == set(plain.distance)
    for name, neighbors in found.neighbors.items():
        shape = neighbors.distance.shape
        k = shape[-1]
        expected = plain.distance[name].reshape(*shape[:3], -1)[..., :k]
        np.testing.assert_allclose(neighbors.distance, expected, rtol=10 * rtol)
        images = plain.image[name]
        images = (
            images.reshape(*shape[:3], -1)
            if images.size >= neighbors.image.size
            else images[:, None, None]
        )
        np.testing.assert_array_equal(neighbors.image, np.broadcast_to(images[..., :k], shape))
        if name in plain.cell:
            np.testing.assert_array_equal(neighbors.location, plain.cell[name].reshape(shape))


# ---- DN2 and SPADE


@pytest.mark.parametrize("layers", [("layer4",), ("layer2", "layer4")])
@pytest.mark.parametrize("k", [1, 3, 7])
def test_dn2(train, test, layers, k):
    assert_same(DN2(layers, k_images=k).fit(train).predict(test), dn2(train, test, layers, k))
    roots = DN2(layers, k_images=k, image_distance="euclidean").fit(train).predict(test)
    assert_same(roots, dn2(train, test, layers, k, squared=False))


@pytest.mark.parametrize(
    ("name", "k", "squared"), [("paper", 5, True), ("paper-literal", 2, True), ("port", 5, False)]
)
def test_dn2s_presets(train, test, name, k, squared):
    """2002.10445 averages squared distances to its 2 nearest images; SPADE's port Euclidean ones to
    the 5 nearest.
    """
    assert_same(
        DN2.preset(name).fit(train).predict(test), dn2(train, test, ("layer4",), k, squared=squared)
    )


def test_the_mean_of_roots_can_order_images_otherwise():
    """Two images at (1, 5) and (3, 3.5) from their two nearest: 13 > 10.6 squared, 3 < 3.25
    Euclidean.
    """
    near = [np.array([[0.0], [4.0]]), np.array([[0.0], [0.5]])]
    tests = [-1.0, -3.0]
    squared, euclidean = [], []
    for bank, value in zip(near, tests, strict=True):
        normal = Features({"layer4": bank[..., None, None].astype(np.float32)}, image_size=(32, 32))
        one = Features({"layer4": np.full((1, 1, 1, 1), value, np.float32)}, image_size=(32, 32))
        squared.append(DN2(("layer4",), 2).fit(normal).predict(one).score[0])
        euclidean.append(
            DN2(("layer4",), 2, image_distance="euclidean").fit(normal).predict(one).score[0]
        )
    assert squared == [13.0, 10.625]
    assert euclidean == [3.0, 3.25]


SPADES = {
    "paper": ({}, {}),
    "K = 2": ({"k_images": 2}, {"k_images": 2}),
    "kappa = 3": ({"score_neighbors": 3}, {"kappa": 3}),
    "bilinear": ({"layer_upsample": "bilinear"}, {"layer_upsample": "bilinear"}),
    "bilinear, kappa = 5": (
        {"layer_upsample": "bilinear", "score_neighbors": 5},
        {"layer_upsample": "bilinear", "kappa": 5},
    ),
    "root": ({"distance": "euclidean"}, {"squared": False}),
    "same position": ({"search": "window", "radius": 0}, {"radius": 0}),
    "window": ({"search": "window", "radius": 2, "score_neighbors": 4}, {"radius": 2, "kappa": 4}),
    "bilinear window": (
        {"search": "window", "radius": 1, "layer_upsample": "bilinear"},
        {"radius": 1, "layer_upsample": "bilinear"},
    ),
    "per layer": ({"match": "per_layer"}, {"per_layer": True}),
    "per layer, window, kappa = 2": (
        {"match": "per_layer", "search": "window", "radius": 1, "score_neighbors": 2},
        {"per_layer": True, "radius": 1, "kappa": 2},
    ),
    "root of the image's distances": ({"image_distance": "euclidean"}, {"image_squared": False}),
    "no smoothing, K of the score = 2": (
        {"sigma": 0, "k_images_score": 2},
        {"sigma": 0, "k_images_score": 2},
    ),
}


@pytest.mark.parametrize(("ours", "plainly"), SPADES.values(), ids=SPADES)
def test_spade(train, test, ours, plainly):
    detector = SPADE(**{"k_images": 5, **ours})
    assert_same(detector.fit(train).predict(test), spade(train, test, **plainly))


def test_spades_port(train, test):
    """Per layer, not squared, the mean of three maps, K = 5; the image's score is the mean of
    Euclidean distances.
    """
    plain = spade(
        train,
        test,
        k_images_score=5,
        k_images=5,
        per_layer=True,
        squared=False,
        image_squared=False,
    )
    found = SPADE.preset("port").fit(train).predict(test)
    assert_same(found, plain)


def test_spades_literal_paper(test):
    """Section 3.2 of its text: K = 50, for the score and for the gallery; the preset "paper" scores
    with 5.
    """
    many = make_features(53, seed=23, size=32)
    layers = {"layers": ("layer3",)}
    literal = replace(SPADE.preset("paper-literal"), **layers).fit(many).predict(test)
    assert_same(literal, spade(many, test, k_images_score=50, k_images=50, **layers))
    usual = replace(SPADE.preset("paper"), **layers).fit(many).predict(test)
    assert_same(usual, spade(many, test, k_images_score=5, k_images=50, **layers))


def test_the_threshold_of_segmentation_is_in_the_unit_of_the_score(train, test):
    squared = SPADE(k_images=5).fit(train).predict(test).score
    euclidean = SPADE(k_images=5, image_distance="euclidean").fit(train).predict(test).score
    between = 1.1 * float(np.sort(euclidean)[-2])
    assert between < squared.min()
    found = (
        SPADE(k_images=5, image_distance="euclidean", segment_above=between)
        .fit(train)
        .predict(test)
    )
    np.testing.assert_array_equal(found.segmented, [False, True, False])


# ---- PaDiM

PADIMS = {  # images, kept channels (None: all 20), which solution
    "all channels, few images": (7, 20, True),
    "random channels, few images": (7, 12, True),
    "random channels, Cholesky": (7, 6, False),
    "all channels, Cholesky": (30, 20, False),
    "one image": (1, 6, True),
}


@pytest.mark.parametrize(
    "options", [{}, {"sigma": 0, "upsample": "bicubic"}, {"epsilon": 1.0}], ids=str
)
@pytest.mark.parametrize(("count", "dimension", "low_rank"), PADIMS.values(), ids=PADIMS)
def test_padim(test, count, dimension, low_rank, options):
    train = make_features(count, seed=22, size=32)
    detector = PaDiM(dimension=dimension, **options).fit(train)
    assert detector.factor_.low_rank == low_rank
    assert len(set(detector.channels_.tolist())) == dimension
    plainly = {name: value for name, value in options.items() if name != "upsample"}
    enlarge = bicubic if options.get("upsample") == "bicubic" else bilinear
    plain = padim(
        train, test, ("layer1", "layer2", "layer3"), detector.channels_, enlarge=enlarge, **plainly
    )
    # the covariances' condition numbers, of order 1e3, multiply float32's 6e-8; bicubic weights
    # also subtract
    assert_same(detector.predict(test), plain, rtol=1e-3 if "upsample" in options else 1e-4)


@pytest.mark.parametrize(("count", "dimension"), [(7, 12), (30, 20), (1, 6)])
def test_padims_anomalib(test, count, dimension):
    """0.01 and then 1e-5 are added to the diagonal; the smoothing mirrors about the border pixel's
    centre.
    """
    train = make_features(count, seed=22, size=32)
    detector = replace(PaDiM.preset("anomalib"), dimension=dimension).fit(train)
    layers = ("layer1", "layer2", "layer3")
    plain = padim(train, test, layers, detector.channels_, epsilon=0.01 + 1e-5, border="mirror")
    assert_same(detector.predict(test), plain, rtol=1e-4)  # the condition numbers, as above
    covariance = detector.gaussian(0, 0)[1]
    least = np.linalg.eigvalsh(covariance)[0]
    if count < dimension:  # where the images span fewer directions, what was added is all there is
        np.testing.assert_allclose(least, 0.01001, rtol=1e-4)


# ---- PatchCore


def blocks_of(train, layers, aggregation, dimension):
    """Which numbers of a vector are of one layer: its channels, or its half of the pooled ones."""
    if aggregation == "mean":
        ends = np.cumsum([0, *(train[name].shape[1] for name in layers)])
    else:
        ends = np.arange(0, dimension + 1, dimension // len(layers))
    return {name: slice(a, b) for name, (a, b) in zip(layers, pairwise(ends), strict=True)}


PATCHCORES = {
    "mean": {"aggregation": "mean"},
    "adaptive": {"aggregation": "adaptive", "dimension": 8},
    "pooled up": {"aggregation": "adaptive", "dimension": 64},
    "5x5": {"aggregation": "mean", "patch_size": 5},
    "5x5, adaptive, stride 2": {
        "aggregation": "adaptive",
        "dimension": 6,
        "patch_size": 5,
        "stride": 2,
    },
    "stride 2": {"aggregation": "mean", "stride": 2},
    "1x1": {"aggregation": "mean", "patch_size": 1},
    "max": {"aggregation": "mean", "image_score": "max"},
    "official": {
        "aggregation": "adaptive",
        "dimension": 8,
        "image_score": "max",
        "distance": "squared",
    },
    "b = 3": {"aggregation": "mean", "reweight_neighbors": 3},
    "mean of 3": {"aggregation": "mean", "score_neighbors": 3},
    "mean of 4, max": {"aggregation": "mean", "score_neighbors": 4, "image_score": "max"},
    "squared, Eq. 7, mean of 2": {
        "aggregation": "mean",
        "score_neighbors": 2,
        "distance": "squared",
    },
    "official, segmentation, an ensemble's": {
        "aggregation": "adaptive",
        "layer_dimension": 16,
        "dimension": 6,
        "patch_size": 5,
        "image_score": "max",
        "distance": "squared",
        "score_neighbors": 5,
    },
    "more counted than reported": {"aggregation": "mean", "score_neighbors": 7},
    "layers pooled up, then down": {
        "aggregation": "adaptive",
        "layer_dimension": 64,
        "dimension": 10,
    },
    "layers pooled down, then up": {
        "aggregation": "adaptive",
        "layer_dimension": 4,
        "dimension": 32,
    },
    "anomalib": {"aggregation": "mean", "upsample": "nearest", "border": "mirror"},
}


@pytest.mark.parametrize("options", PATCHCORES.values(), ids=PATCHCORES)
def test_patchcore(train, test, options):
    layers = ("layer2", "layer3")
    detector = PatchCore(layers, coreset=0.2, **options).fit(train)
    embedding = ("aggregation", "patch_size", "stride", "dimension", "layer_dimension")
    how = {name: options[name] for name in embedding if name in options}
    known, new = (embedded([part[name] for name in layers], **how) for part in (train, test))
    rows = known.reshape(-1, known.shape[-1])
    order = detector.trace_.order
    np.testing.assert_allclose(detector.bank_, rows[order], atol=FLOAT32)
    cells = known.shape[1] * known.shape[2]
    plain = patchcore(
        new,
        rows[order],
        np.divmod(order, cells),
        test.image_size,
        k=min(max(5, options.get("score_neighbors", 1)), len(order)),
        counted=options.get("score_neighbors", 1),
        enlarge=repeated if options.get("upsample") == "nearest" else bilinear,
        border=options.get("border", "reflect"),
        b=min(options.get("reweight_neighbors", 9), len(order)),
        reweighted=options.get("image_score") != "max",
        squared=options.get("distance") == "squared",
    )
    square = ((new[..., None, :] - rows[order][plain.nearest]) ** 2).mean(-2)
    blocks = blocks_of(train, layers, options["aggregation"], options.get("dimension"))
    plain.layer_maps = {name: square[..., block].sum(-1) for name, block in blocks.items()}
    # the vectors are means, rounded to 1e-7 of values up to 8; the distances between them are small
    # differences
    assert_same(detector.predict(test), plain, rtol=5e-5)


@pytest.mark.parametrize("projection", [128, 5])
@pytest.mark.parametrize("seed", range(4))
def test_the_greedy_choice_is_plain_k_centre_where_the_grid_can_tell(seed, projection):
    """On the same projection; a choice that beats all others by more than the grid's rounding must
    be the same.
    """
    train = make_features(2, seed=seed, size=32)
    detector = PatchCore(aggregation="mean", coreset=0.5, projection=projection, seed=seed).fit(
        train
    )
    trace = detector.trace_
    rows = embedded([train["layer2"], train["layer3"]], aggregation="mean").reshape(
        len(trace.points), -1
    )
    if projection > rows.shape[1]:
        np.testing.assert_allclose(trace.points, rows, atol=FLOAT32)
    else:  # linear: the points follow from the vectors by one matrix
        matrix, *_ = np.linalg.lstsq(rows, trace.points.astype(float), rcond=None)
        np.testing.assert_allclose(trace.points, rows @ matrix, atol=FLOAT32)
    order, margin = k_centre(trace.points, len(trace.order))
    told = 2 * np.sqrt(trace.points.shape[1]) / coreset.to_grid(trace.points).scale
    sure = int(np.append(margin <= told, True).argmax())  # choices before the first close one
    np.testing.assert_array_equal(trace.order[:sure], order[:sure])
    chosen = np.linalg.norm(trace.points[:, None].astype(float) - trace.points[trace.order], axis=2)
    for count in range(1, len(trace.order)):
        nearest = chosen[:, :count].min(1)
        assert nearest[trace.order[count]] >= nearest.max() - told
        assert abs(trace.radius[count - 1] - nearest.max()) <= told


def test_clear_choices_are_all_those_of_plain_k_centre():
    """Patches at distances that fall by an eighth each time."""
    cells = np.zeros((1, 16, 4, 4))
    for number, (row, column) in enumerate(np.ndindex(4, 4)):
        cells[0, number, row, column] = 100 * 0.875**number
    train = Features({"layer2": cells.astype(np.float32)}, image_size=(32, 32))
    detector = PatchCore((8,), aggregation="mean", patch_size=1, coreset=1.0).fit(train)
    order, margin = k_centre(cells[0].reshape(16, 16).T, 16)
    told = 2 * np.sqrt(16) / coreset.to_grid(detector.trace_.points).scale
    assert (margin > told).all()  # the grid tells them all apart
    np.testing.assert_array_equal(detector.trace_.order, order)
