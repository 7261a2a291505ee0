"""Photographs that are not square, from a folder to metrics, explorers, sweeps and the report."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

import adviz
from adviz import (
    Backbone,
    PaDiM,
    PatchCore,
    Prediction,
    calibrate,
    data,
    evaluate,
    explore,
    plots,
    sweep,
)
from adviz.data import Geometry

RECTANGLE = Geometry((96, 192), crop=False)
LETTERBOX = Geometry(128, crop=False, aspect="letterbox")


def photograph(size, seed, defect=False):
    """Return (height, width, 3) stripes with noise, and a mask of a bright square in the lower
    right if defective.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    stripes = 90 + 40 * np.sin(np.arange(width) / 6)
    pixels = stripes[None, :, None] + rng.normal(0, 12, (height, width, 3))
    mask = np.zeros(size, bool)
    if defect:
        mask[int(0.6 * height) : int(0.8 * height), int(0.7 * width) : int(0.85 * width)] = True
        pixels[mask] = 245
    return pixels.clip(0, 255).astype(np.uint8), mask


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def tree(root, sizes):
    """Write an MVTec-style tree of 8 training and 4 test images, two of them defective, of these
    sizes in turn.
    """
    for number in range(12):
        part, kind = ("train", "good") if number < 8 else ("test", ("good", "bright")[number % 2])
        pixels, mask = photograph(sizes[number % len(sizes)], number, kind == "bright")
        write(root / part / kind / f"{number:02}.png", pixels)
        if kind == "bright":
            write(
                root / "ground_truth" / kind / f"{number:02}_mask.png", mask.astype(np.uint8) * 255
            )
    return root


@pytest.fixture(scope="module")
def backbone():
    return Backbone("efficientnet_lite0", layers=(8, 16, 32), device="cpu")


@pytest.fixture(scope="module", params=[RECTANGLE, LETTERBOX], ids=["rectangle", "letterbox"])
def fitted(request, backbone, tmp_path_factory):
    """Return a category whose images are landscapes and, letterboxed, portraits, with its detector
    and prediction.
    """
    sizes = (
        [(100, 200)]
        if request.param is RECTANGLE
        else [(100, 200), (100, 200), (200, 100), (200, 100)]
    )
    root = tree(tmp_path_factory.mktemp("shapes") / "strips", sizes)
    category = data.folder(root, geometry=request.param)
    train, test = (
        backbone.extract(split, cache=False) for split in (category.train, category.test)
    )
    detector = PatchCore(layers=(8, 16), aggregation="mean", coreset=0.1).fit(train)
    return category, detector, detector.predict(test), train, test


def test_maps_have_the_images_shape_and_find_the_defect(fitted):
    category, _, prediction, _, _ = fitted
    assert prediction.anomaly_map.shape == (4, *category.test.image_size)
    result = evaluate(prediction, category.test)
    assert result.image_auroc == 1.0
    assert result.pixel_auroc > 0.95
    assert evaluate(prediction, category.test, size=(48, 64)).pixel_auroc > 0.9
    assert evaluate(prediction, category.test, size=64).pixel_auroc > 0.9


def test_saved_predictions_keep_where_the_images_lie(fitted, tmp_path):
    _, _, prediction, _, _ = fitted
    prediction.save(tmp_path / "prediction.adviz")
    loaded = Prediction.load(tmp_path / "prediction.adviz")
    np.testing.assert_array_equal(loaded.anomaly_map, prediction.anomaly_map)
    if prediction.boxes is None:
        assert loaded.boxes is None
    else:
        np.testing.assert_array_equal(loaded.boxes, prediction.boxes)


def test_single_images_are_judged_as_in_the_split(fitted, backbone):
    """By their files, as arrays, or both mixed."""
    category, detector, prediction, _, _ = fitted
    files = list(category.test.paths)
    arrays = [np.asarray(Image.open(file)) for file in files]
    for source in (files, arrays, [files[0], arrays[1], *files[2:]]):
        features = backbone.extract(source, geometry=detector.geometry_, cache=False)
        np.testing.assert_allclose(detector.predict(features).score, prediction.score, rtol=1e-4)


def test_explorers_and_report_show_images_of_any_shape(fitted, tmp_path):
    category, detector, prediction, train, test = fitted
    height, width = category.test.image_size
    other = PaDiM(layers=(8, 16), dimension=20).fit(train).predict(test)
    both = {"PatchCore": prediction, "PaDiM": other}
    views = {
        "results": explore.results(category, both),
        "retrieval": explore.retrieval(category, prediction),
        "layers": explore.layers(category, prediction),
        "pro": explore.pro(category, prediction),
        "compare": explore.compare(category, both),
        "thresholds": explore.thresholds(category, prediction),
        "coreset": explore.coreset(category, detector.trace_, {0.1: prediction}),
        "deviations": explore.deviations(
            category,
            {"wide": {"sigma": (4.0, 8.0)}},
            lambda _, options: prediction if options else other,
        ),
    }
    for name, view in views.items():
        if hasattr(view, "wait"):
            view.wait()
        assert "Error" not in getattr(view, "status", ""), name
        for image, pixel in ((1, (height - 1, width - 1)), (2, (0, 0))):
            view.image = image
            if name in ("retrieval", "layers"):
                view.picked = pixel
            if hasattr(view, "wait"):
                view.wait()
            view.static()
        assert "Error" not in getattr(view, "status", ""), name
    file = adviz.report(category, both, tmp_path / "report.html")
    assert file.exists()
    line = calibrate(prediction, category.test, rule="f1")
    assert np.isfinite(line.value)


def test_plots_draw_images_of_any_shape(fitted):
    category, _, prediction, _, _ = fitted
    limits = plots.shared_limits(prediction.unpadded())
    images = [category.test.image(number) for number in range(4)]
    masks = [category.test.mask(number) for number in range(4)]
    figure = plots.anomaly_rows(images, masks, list(prediction.anomaly_map), limits=limits)
    assert figure.axes[0].get_window_extent().width > 0
    plots.contact_sheet(images)
    plots.layer_row(
        images[0],
        masks[0],
        {name: values[0] for name, values in prediction.layer_maps.items()},
        prediction.anomaly_map[0],
        limits=limits,
        layer_limits=limits,
    )


def test_a_letterboxed_strip_is_judged_by_its_pixels_alone(tmp_path):
    """The metrics are those of the images resized to the band that they fill, whatever the maps say
    beside it.
    """
    root = tree(tmp_path / "strips", [(100, 200)])
    boxed, band = (
        data.folder(root, geometry=geometry).test
        for geometry in (
            Geometry(224, crop=False, aspect="letterbox"),
            Geometry((112, 224), crop=False),
        )
    )
    maps = np.random.default_rng(0).random((4, 224, 224)).astype(np.float32)
    maps[band_of(boxed.masks_array())] += 0.2
    boxes = boxed.boxes
    np.testing.assert_array_equal(boxes, [[56, 0, 168, 224]] * 4)
    score = maps.max((1, 2))
    padded = Prediction(score, maps, boxes=boxes)
    alone = Prediction(score, maps[:, 56:168])
    for definition in adviz.metrics.PRO_DEFINITIONS:
        here, there = (
            evaluate(prediction, split, pro=definition)
            for prediction, split in ((padded, boxed), (alone, band))
        )
        for name in ("pixel_auroc", "pixel_ap", "pro"):
            assert getattr(here, name) == getattr(there, name)
    half = evaluate(padded, boxed, size=112), evaluate(alone, band, size=(56, 112))
    assert half[0].pixel_auroc == pytest.approx(half[1].pixel_auroc, abs=1e-6)
    assert half[0].pro == pytest.approx(half[1].pro, abs=1e-6)


def band_of(masks):
    """Return masks as they are, after making sure that none reaches into padding."""
    assert not masks[:, :56].any()
    assert not masks[:, 168:].any()
    return masks


def test_a_network_is_fed_the_mirrored_image_in_padding(tmp_path):
    pixels, _ = photograph((50, 100), 0)
    write(tmp_path / "a.png", pixels)
    geometry = Geometry(64, crop=False, aspect="letterbox")
    split = data.Split([tmp_path / "a.png"], [0], [None], ["good"], geometry=geometry)
    own = Backbone(
        "efficientnet_lite0", layers=("image", 8), mean=(0, 0, 0), std=(1, 1, 1), device="cpu"
    )
    features = own.extract(split, cache=False)
    band = split.image(0)[16:48]
    np.testing.assert_array_equal(split.image(0)[:16], 128)
    mirrored = np.pad(band, ((16, 16), (0, 0), (0, 0)), mode="symmetric")
    plain = own.extract(mirrored[None], cache=False)
    np.testing.assert_array_equal(features.boxes, [[16, 0, 48, 64]])
    np.testing.assert_allclose(
        features["layer2"][0, :, 2:6], plain["layer2"][0, :, 2:6], rtol=1e-5, atol=1e-6
    )
    for rows, nearest in ((slice(0, 2), 2), (slice(6, 8), 5)):
        stripe = np.broadcast_to(
            features["layer2"][0, :, nearest, None], features["layer2"][0, :, rows].shape
        )
        np.testing.assert_array_equal(features["layer2"][0, :, rows], stripe)
    pooled = Backbone(
        "efficientnet_lite0", layers=(8,), mean=(0, 0, 0), std=(1, 1, 1), device="cpu", pool=True
    )
    means = pooled.extract(split, cache=False)["layer2"][0, :, 0, 0]
    np.testing.assert_allclose(
        means, features["layer2"][0, :, 2:6].mean((1, 2)), rtol=1e-4, atol=1e-5
    )


def test_letterboxed_features_come_from_the_cache_as_they_were(tmp_path, backbone):
    root = tree(tmp_path / "both", [(100, 200), (200, 100)])
    split = data.folder(root, geometry=LETTERBOX).test
    first, again = (backbone.extract(split, cache=tmp_path / "cache") for _ in range(2))
    np.testing.assert_array_equal(first.boxes, again.boxes)
    for name, values in first.items():
        np.testing.assert_array_equal(values, again[name])


def sorted_photographs(root, sizes):
    for number in range(10):
        write(root / "good" / f"{number:02}.png", photograph(sizes[number % len(sizes)], number)[0])
    write(root / "bad" / "a.png", photograph(sizes[0], 99, defect=True)[0])
    return root


@pytest.mark.parametrize(
    ("sizes", "shape", "aspect"),
    [
        ([(80, 60)], (256, 192), "square"),
        ([(60, 80)], (192, 256), "square"),
        ([(60, 60), (62, 60)], (224, 224), "square"),
        ([(80, 60), (60, 80)], (224, 224), "letterbox"),
    ],
)
def test_ones_own_photographs_keep_their_shape(tmp_path, sizes, shape, aspect):
    category = data.folder(sorted_photographs(tmp_path / "part", sizes))
    for split in (category.train, category.test):
        assert split.image_size == shape
        assert split.geometry.aspect == aspect
        assert f"{shape[0]}x{shape[1]}" in repr(split)
        assert ("letterboxed" in repr(split)) == (aspect == "letterbox")
    if shape != (224, 224) or aspect == "letterbox":
        assert not category.test.geometry.crop


def test_what_is_said_counts_and_trees_of_publications_stay_square(tmp_path):
    photographs = sorted_photographs(tmp_path / "part", [(80, 60)])
    assert data.folder(photographs, geometry=Geometry(64)).test.geometry == Geometry(64)
    assert data.folder(tree(tmp_path / "tree", [(80, 60)])).test.geometry == Geometry()


def test_photographs_that_cannot_be_opened_do_not_decide_the_shape(tmp_path):
    root = sorted_photographs(tmp_path / "part", [(80, 60)])
    (root / "good" / "broken.png").write_bytes(b"no image")
    assert data.folder(root).train.image_size == (256, 192)


def test_the_crop_audit_and_the_check_know_rectangles(tmp_path):
    root = tree(tmp_path / "strips", [(100, 200)])
    whole = data.folder(root, geometry=RECTANGLE).test
    audited = data.audit(whole)
    np.testing.assert_array_equal(audited["inside"], 1.0)
    np.testing.assert_allclose(audited["kept >0.5"], 1.0, atol=0.1)
    boxed = data.audit(whole.with_geometry(LETTERBOX))
    np.testing.assert_array_equal(boxed["inside"], 1.0)
    np.testing.assert_allclose(boxed["kept >0.5"], 1.0, atol=0.1)
    cut = Geometry((16, 16), resize=(100, 200))  # the middle, where no defect is
    findings = [
        finding
        for finding in data.check(root, geometry=cut).findings
        if finding.kind == "lost defects"
    ]
    assert "2 defects are gone after resize and crop to 16 pixels (2 outside" in findings[0].message
    cut = Geometry((16, 24), resize=(100, 200))
    findings = [
        finding
        for finding in data.check(root, geometry=cut).findings
        if finding.kind == "lost defects"
    ]
    assert "crop to 16x24 pixels" in findings[0].message


def test_experiments_on_rectangles_are_stored_and_found_again(tmp_path):
    root = tree(tmp_path / "data" / "own" / "strips", [(100, 200), (200, 100)]).parents[1]
    base = sweep.Experiment("own", "strips", PatchCore(layers=(8,), coreset=0.05))
    experiments = [
        dataclasses.replace(base, geometry=geometry, size=size)
        for geometry, size in ((RECTANGLE, None), (LETTERBOX, None), (RECTANGLE, (48, 96)))
    ]
    assert len({one.key for one in experiments}) == 3
    for one in experiments:
        assert sweep.Experiment.from_facts(json.loads(json.dumps(one.facts()))) == one
    first = sweep.run(experiments, tmp_path / "results", root=root)
    again = sweep.run(experiments, tmp_path / "results", root=root)
    assert [row.metrics for row in first.results] == [row.metrics for row in again.results]
    assert all(row.metrics["pixel_auroc"] > 0.8 for row in first.results)


def test_experiments_on_squares_keep_their_keys():
    """That of an experiment before there were rectangles; results on disk are found by it."""
    one = sweep.Experiment("demo", "hex_nut", PatchCore(coreset=0.01), size=256)
    same = dataclasses.replace(one, geometry=Geometry((224, 224)), size=(256, 256))
    assert one.key == same.key
    assert one.facts()["geometry"]["size"] == 224
    assert one.facts()["size"] == 256
    with pytest.raises(ValueError, match="size must be a whole number"):
        dataclasses.replace(one, size=0)
