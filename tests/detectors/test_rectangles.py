"""What every detector promises of rectangles, and of images that are padded to one size
(letterboxed).
"""

import numpy as np
import pytest
from random_features import make_features
from test_contract import DETECTORS

from adviz import (
    DN2,
    SPADE,
    AnomalyDINO,
    ConventionalDistillation,
    Features,
    PaDiM,
    PatchCore,
    ReverseDistillation,
    ensemble,
    metrics,
)
from adviz.explore.coreset.bank import bank_usage
from adviz.explore.layers.mixing import mix_all, own_mix
from adviz.features.features import fill_padding, patches_inside

SIZE = 128
LANDSCAPE, PORTRAIT = (32, 0, 96, 128), (0, 32, 128, 96)
KNOWING_PLACES = ("window", "ivfpq")  # searches that refuse padding of several shapes


def made(n_images, seed, boxes=None, junk=None, pixels=True, defect=None):
    """Return features of a pattern; what is junk in padding is noise of that seed, a thousand times
    as large.
    """
    square = make_features(n_images, seed, defect, size=SIZE, pattern=4.0, pixels=pixels)
    layers = {name: np.array(array) for name, array in square.items()}
    if junk is not None:
        rng = np.random.default_rng(junk)
        for array in layers.values():
            inside = patches_inside(np.array(boxes), square.image_size, array.shape[2:])
            noise = rng.normal(0, 1000, array.shape).astype(np.float32)
            array[:] = np.where(inside[:, None], array, noise)
    return Features(
        layers, image_size=square.image_size, boxes=None if boxes is None else np.array(boxes)
    )


def rows_of(features, rows):
    """Return features cut to some rows, a fraction of the height from and to, which are taken for
    the whole image.
    """
    layers = {
        n: a[:, :, int(rows[0] * a.shape[2]) : int(rows[1] * a.shape[2])]
        for n, a in features.items()
    }
    height, width = features.image_size
    return Features(
        layers, image_size=(int((rows[1] - rows[0]) * height), width), strides=features.strides
    )


@pytest.fixture(params=DETECTORS.values(), ids=DETECTORS)
def detector(request):
    found = request.param()
    if isinstance(found, ReverseDistillation | ConventionalDistillation):
        found.epochs = 4 if found.epochs == 20 else found.epochs
    return found


def outcome(detector, train, test):
    """Return all arrays of a prediction."""
    found = detector.fit(train).predict(test)
    arrays = {"score": found.score, **found.layer_maps}
    if found.anomaly_map is not None:
        arrays["map"] = found.anomaly_map
    for name, one in found.neighbors.items():
        arrays |= {
            f"{name} {part}": getattr(one, part) for part in ("distance", "image", "location")
        }
    return found, arrays


def test_rectangles_are_learned_and_judged(detector, tmp_path):
    if hasattr(detector, "epochs"):
        detector.epochs = 20
    train, test = rows_of(made(8, 0), (0, 0.5)), rows_of(made(3, 1, defect=2), (0.25, 0.75))
    found, arrays = outcome(detector, train, test)
    assert found.boxes is None
    assert np.isfinite(found.score).all()
    if found.anomaly_map is not None:
        assert found.anomaly_map.shape == (3, 64, 128)
        highest = np.unravel_index(found.anomaly_map[2].argmax(), (64, 128))
        assert highest[0] >= 30  # the defect is the lower right quarter
        assert highest[1] >= 60
    for one in found.neighbors.values():
        assert one.location.max() < one.grid[0] * one.grid[1]
    digest = detector.save(tmp_path / "detector.adviz")
    loaded = type(detector).load(tmp_path / "detector.adviz", digest=digest)
    np.testing.assert_array_equal(loaded.predict(test).score, arrays["score"])


def test_images_without_padding_are_as_if_nothing_was_letterboxed(detector):
    whole = [(0, 0, SIZE, SIZE)]
    _, plain = outcome(detector, made(6, 0), made(3, 1))
    _, padded = outcome(detector, made(6, 0, whole * 6), made(3, 1, whole * 3))
    # Another sum
    tolerance = 1e-5 if isinstance(detector, ReverseDistillation | ConventionalDistillation) else 0
    for name, values in plain.items():
        np.testing.assert_allclose(
            padded[name], values, rtol=tolerance, atol=tolerance, err_msg=name
        )


def boxes_for(detector, count):
    if getattr(detector, "search", "") in KNOWING_PLACES:
        return [LANDSCAPE] * count
    return [(LANDSCAPE, PORTRAIT)[number % 2] for number in range(count)]


def test_padding_counts_nowhere(detector, tmp_path):
    """Not in scores, maps, layer maps or neighbours, whatever is there; nor after a detector was
    saved and loaded.
    """
    if getattr(detector, "search", "") == "ivfpq":
        with pytest.raises(ValueError, match='"ivfpq" knows no padding'):
            detector.fit(made(4, 0, [LANDSCAPE] * 4))
        return
    boxes = boxes_for(detector, 8), boxes_for(detector, 3)
    found, arrays = outcome(
        detector, made(8, 0, boxes[0], junk=1), made(3, 1, boxes[1], junk=2, defect=2)
    )
    for name, values in outcome(
        detector, made(8, 0, boxes[0], junk=3), made(3, 1, boxes[1], junk=4, defect=2)
    )[1].items():
        np.testing.assert_array_equal(values, arrays[name], err_msg=name)
    if found.anomaly_map is not None:
        assert (found.anomaly_map[~found.valid] == 0).all()
        assert np.isfinite(found.anomaly_map).all()
        assert found.valid.mean() == 0.5
    # Those of the nearest patch: a mix of them is exact at the border
    for name, values in found.layer_maps.items():
        np.testing.assert_array_equal(
            fill_padding(values, found.boxes, (SIZE, SIZE)), values, err_msg=name
        )
    for name, one in found.neighbors.items():
        inside = patches_inside(np.array(boxes[0]), (SIZE, SIZE), one.grid).reshape(8, -1)
        assert inside[one.image, one.location].all(), name
    digest = detector.save(tmp_path / "detector.adviz")
    loaded = type(detector).load(tmp_path / "detector.adviz", digest=digest)
    again = loaded.predict(made(3, 1, boxes[1], junk=5, defect=2))
    np.testing.assert_array_equal(again.score, found.score)
    if found.anomaly_map is not None:
        np.testing.assert_array_equal(again.anomaly_map, found.anomaly_map)


@pytest.mark.parametrize(
    "detector",
    [
        DN2(),
        SPADE(sigma=0),
        SPADE(sigma=0, score_neighbors=3, layer_upsample="bilinear"),
        SPADE(sigma=0, match="per_layer"),
        PaDiM(sigma=0, dimension=8),
        PaDiM(sigma=0, dimension=20),
        PatchCore(sigma=0, patch_size=1, sampler="random", coreset=1.0),
        AnomalyDINO(sigma=0),
    ],
    ids=repr,
)
def test_bands_of_one_place_are_as_the_band_alone(detector):
    """Padded to a square, or cut out: the same scores and maps; without networks that see beyond a
    patch.
    """
    train, test = [LANDSCAPE] * 8, [LANDSCAPE] * 3
    padded, _ = outcome(detector, made(8, 0, train, junk=1), made(3, 1, test, junk=2))
    alone, _ = outcome(
        detector, rows_of(made(8, 0), (0.25, 0.75)), rows_of(made(3, 1), (0.25, 0.75))
    )
    np.testing.assert_allclose(padded.score, alone.score, rtol=1e-4)
    if alone.anomaly_map is not None:
        np.testing.assert_allclose(
            padded.anomaly_map[:, 32:96], alone.anomaly_map, rtol=1e-3, atol=1e-4
        )


def test_strips_thinner_than_a_patch_have_patches_all_the_same(detector):
    strips = [(62, 0, 66, 128)]
    train, test = made(6, 0, strips * 6, junk=1), made(2, 1, strips * 2, junk=2)
    if getattr(detector, "search", "") == "ivfpq":
        with pytest.raises(ValueError, match="ivfpq"):
            outcome(detector, train, test)
        return
    found, _ = outcome(detector, train, test)
    assert np.isfinite(found.score).all()


def test_windows_refuse_padding_of_several_shapes():
    window = SPADE(search="window", radius=2)
    with pytest.raises(ValueError, match="padded alike"):
        window.fit(made(2, 0, [LANDSCAPE, PORTRAIT]))
    window.fit(made(2, 0, [LANDSCAPE] * 2))
    with pytest.raises(ValueError, match="padded alike"):
        window.predict(made(1, 1, [PORTRAIT]))
    with pytest.raises(ValueError, match="padded alike"):
        window.predict(made(1, 1))


def test_more_neighbours_than_patches_inside_are_refused():
    # Of the finest grid, 32 x 32, one row of 16 patches and half of another
    strip = [(62, 0, 66, 64)]
    with pytest.raises(ValueError, match="neighbors"):
        SPADE(k_images=1, score_neighbors=200).fit(made(2, 0, strip * 2))


def test_banks_that_were_drawn_from_padded_images_are_saved(tmp_path):
    detector = PatchCore(presample=100, coreset=0.5).fit(made(4, 0, [LANDSCAPE, PORTRAIT] * 2))
    assert detector.candidates_ == 100
    detector.save(tmp_path / "detector.adviz")
    test = made(2, 1, [LANDSCAPE, PORTRAIT])
    loaded = PatchCore.load(tmp_path / "detector.adviz")
    np.testing.assert_array_equal(loaded.predict(test).score, detector.predict(test).score)


def test_the_share_of_a_bank_is_of_the_patches_inside():
    detector = PatchCore(layers=(8,), coreset=0.25).fit(made(4, 0, [LANDSCAPE, PORTRAIT] * 2))
    assert detector.candidates_ == 4 * 16 * 16 // 2
    assert len(detector.bank_) == 4 * 16 * 16 // 8


def test_pooled_features_leave_padding_out():
    features = made(2, 0, [LANDSCAPE, PORTRAIT], junk=1)
    expected = [
        features["layer4"][0, :, 1:3].mean((1, 2)),
        features["layer4"][1, :, :, 1:3].mean((1, 2)),
    ]
    np.testing.assert_allclose(DN2(k_images=1).fit(features).mean_features_, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([[0, 0, 128, 128]], r"must be \(2, 4\) integers"),
        ([[0.0, 0, 128, 128]] * 2, r"must be \(2, 4\) integers"),
        ([[0, 0, 129, 128]] * 2, "must lie within"),
        ([[5, 0, 5, 128]] * 2, "must lie within"),
        ([[-1, 0, 5, 128]] * 2, "must lie within"),
    ],
)
def test_boxes_that_are_none_are_refused(boxes, message):
    with pytest.raises(ValueError, match=message):
        Features(
            {"a": np.zeros((2, 1, 4, 4), np.float32)}, image_size=(128, 128), boxes=np.array(boxes)
        )


def test_selected_features_keep_their_boxes():
    features = made(4, 0, [LANDSCAPE, PORTRAIT] * 2)
    chosen = features.select([8], images=[3, 0])
    np.testing.assert_array_equal(chosen.boxes, [PORTRAIT, LANDSCAPE])
    np.testing.assert_array_equal(chosen.inside((2, 4)).sum((1, 2)), [4, 8])


def test_ensembles_are_normalised_by_what_is_inside():
    train, test = made(6, 0, [LANDSCAPE, PORTRAIT] * 3), made(2, 1, [LANDSCAPE, PORTRAIT])
    first, second = (PatchCore(layers=(stride,)).fit(train).predict(test) for stride in (8, 16))
    both = ensemble([first, second])
    values = []
    for one in (first, second):
        inside = one.anomaly_map[one.valid]
        values.append((inside - inside.min()) / (inside.max() - inside.min()))
    np.testing.assert_allclose(both.anomaly_map[both.valid], np.mean(values, axis=0), atol=1e-6)
    assert (both.anomaly_map[~both.valid] == 0).all()
    with pytest.raises(ValueError, match="padded alike"):
        ensemble([first, PatchCore(layers=(8,)).fit(made(6, 0)).predict(made(2, 1))])


def test_metrics_leave_pixels_out_that_do_not_count():
    """Those of a band in a square are those of the band alone, whatever is said beside it."""
    rng = np.random.default_rng(0)
    maps, masks = rng.random((3, 20, 12)).astype(np.float32), np.zeros((3, 20, 12), bool)
    masks[0, 6:9, 2:5] = masks[2, 10:13, 7:11] = True
    valid = np.zeros_like(masks)
    valid[:, 5:15] = True
    band = maps[:, 5:15].copy(), masks[:, 5:15].copy()
    maps[~valid] = 7.0
    for definition in metrics.PRO_DEFINITIONS:
        assert metrics.pro(maps, masks, definition, valid=valid) == metrics.pro(*band, definition)
    assert metrics.auroc_and_pro(maps, masks, valid=valid) == metrics.auroc_and_pro(*band)
    here, there = metrics.pixel_metrics(maps, masks, valid=valid), metrics.pixel_metrics(*band)
    assert (here.auroc, here.average_precision, here.pro, here.f1) == (
        there.auroc,
        there.average_precision,
        there.pro,
        there.f1,
    )
    curves = metrics.region_curves(maps, masks, valid=valid), metrics.region_curves(*band)
    np.testing.assert_array_equal(curves[0].integral, curves[1].integral)
    assert curves[0].normal == curves[1].normal
    np.testing.assert_array_equal(
        metrics.pro_curve(maps, masks, valid=valid).y, metrics.pro_curve(*band).y
    )
    with pytest.raises(ValueError, match="every anomalous pixel"):
        metrics.pro(maps, masks, valid=~valid)
    with pytest.raises(ValueError, match="shape"):
        metrics.pro(maps, masks, valid=valid[:1])
    all_anomalous = np.where(valid, True, False)
    assert np.isnan(metrics.pixel_metrics(maps, all_anomalous, valid=valid).auroc)


@pytest.mark.parametrize(
    "detector",
    [SPADE(), PaDiM(dimension=8), PatchCore(layers=(8, 16), aggregation="mean")],
    ids=repr,
)
def test_layer_maps_of_padded_images_are_mixed_to_the_detectors_own_map(detector):
    boxes = [LANDSCAPE, PORTRAIT] * 4
    found = detector.fit(made(8, 0, boxes)).predict(made(2, 1, boxes[:2]))
    way = own_mix(found)
    assert way is not None
    mixed = mix_all(found.layer_maps, way, (SIZE, SIZE), found.boxes)
    np.testing.assert_allclose(mixed, found.anomaly_map, rtol=1e-3, atol=1e-3)


def test_maps_are_cut_to_the_images():
    boxes = [LANDSCAPE, PORTRAIT]
    found = PatchCore().fit(made(2, 0, boxes)).predict(made(2, 1, boxes))
    assert [one.shape for one in found.unpadded()] == [(64, 128), (128, 64)]
    assert all((one > 0).all() for one in found.unpadded())


def test_a_banks_usage_is_counted_by_patches_of_images():
    boxes = [LANDSCAPE, PORTRAIT]
    detector = PatchCore(layers=(8,), coreset=1.0, sampler="random").fit(made(2, 0, boxes))
    found = detector.predict(made(2, 1, boxes))
    usage = bank_usage(detector.trace_, found.neighbors["patch"], len(detector.bank_), found.valid)
    assert usage.patches == 2 * 16 * 16 // 2
