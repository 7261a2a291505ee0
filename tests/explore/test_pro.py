import itertools
import threading

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from adviz import Prediction, data, explore, metrics
from adviz._support import progress
from adviz.data import Category, Geometry, Split
from adviz.explore.kit.regions import RATES, nearest
from adviz.plots import pro_page, region_fill

SIZE = 64


@pytest.fixture(scope="module")
def categories(tmp_path_factory):
    """Two categories of two good images and two with holes.

    A large one and, touching at a corner, two small ones.
    """
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    for name in ("nut", "mesh"):
        for file in ("train/good/0", "test/good/0", "test/good/1", "test/hole/0", "test/hole/1"):
            path = root / name / f"{file}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8)).save(path)
        (root / name / "ground_truth/hole").mkdir(parents=True)
        masks = np.zeros((2, SIZE, SIZE), np.uint8)
        masks[0, 10:30, 10:30] = masks[1, 40:43, 40:43] = masks[1, 43:45, 43:45] = 255
        for number, mask in enumerate(masks):
            Image.fromarray(mask).save(root / name / f"ground_truth/hole/{number}_mask.png")
    geometry = Geometry(SIZE, crop=False)
    return {name: data.mvtec(root, name, geometry=geometry) for name in ("nut", "mesh")}


def prediction(categories, seed, name="nut"):
    masks = categories[name].test.masks_array()
    maps = (np.random.default_rng(seed).random(masks.shape) + 0.7 * masks).astype(np.float32)
    return Prediction(maps.max(axis=(1, 2)), maps)


@pytest.fixture
def predictions(categories):
    return {
        name: {"A": prediction(categories, 1), "B": prediction(categories, 2)}
        for name in categories
    }


@pytest.fixture
def view(categories, predictions):
    made = explore.pro(categories, predictions)
    yield made
    made.close()


def sent_by(view, monkeypatch):
    """Return the list of answers that the browser is sent from now on."""
    sent = []
    monkeypatch.setattr(view, "send", lambda content, buffers=(): sent.extend(content["parts"]))
    return sent


def test_values_are_those_of_the_metrics(view, categories, predictions):
    maps, masks = predictions["nut"]["A"].anomaly_map, categories["nut"].test.masks_array()
    for limit in (0.3, 0.05, 0.145, 1):
        for connectivity in (8, 4):
            view.limit, view.connectivity = limit, connectivity
            for name in metrics.PRO_DEFINITIONS:
                value = metrics.pro(maps, masks, name, limit, connectivity)
                assert view.values[f"PRO-{name}"] == pytest.approx(value, abs=1e-12)
            alone = metrics.region_curves(maps, masks, limit, connectivity)
            rows = view.regions
            np.testing.assert_allclose(
                [row["integral"] for row in rows], alone.integral, atol=1e-12
            )
            np.testing.assert_allclose([row["auroc"] for row in rows], alone.auroc, atol=1e-12)
    assert view.values["pixel AUROC"] == pytest.approx(
        metrics.auroc(maps.ravel(), masks.ravel()), abs=1e-12
    )


def test_the_rate_is_a_share_of_all_normal_pixels(view, categories, predictions):
    maps, masks = predictions["nut"]["A"].anomaly_map, categories["nut"].test.masks_array()
    normal = maps[~masks]
    for fpr in (0.0, 0.02, 0.1, 0.3, 0.7, 1.0):
        view.fpr = fpr
        now = view.values
        assert np.mean(normal >= now["threshold"]) == pytest.approx(now["FPR"], abs=1e-12)
        assert fpr - 1 / len(normal) < now["FPR"] <= fpr + 1e-12
        overlaps = [
            np.mean(maps[2][masks[2]] >= now["threshold"]),
            np.mean(maps[3][masks[3]] >= now["threshold"]),
        ]
        assert [row["overlap"] for row in view.regions] == pytest.approx(overlaps, abs=1e-12)
        assert now["overlap"] == pytest.approx(np.mean(overlaps), abs=1e-12)


def test_thresholds_are_exact_at_every_rate_and_fall(view, categories, predictions):
    maps, masks = predictions["nut"]["A"].anomaly_map, categories["nut"].test.masks_array()
    part = view.part("regions/nut/A/8")
    alone = metrics.region_curves(maps, masks, 1.0)
    assert (np.diff(part["threshold"]) <= 0).all()
    assert (np.diff(part["fpr"]) >= 0).all()
    assert (part["fpr"] <= part["rates"] + 1e-12).all()
    for at in range(0, len(RATES), 50):
        threshold = alone.threshold(RATES[at])
        assert part["threshold"][at] == threshold
        assert part["fpr"][at] == pytest.approx(alone.false_positive_rate(threshold), abs=1e-12)
        overlap = part["counts"][:, : at + 1].sum(axis=1) / part["area"]
        np.testing.assert_allclose(overlap, alone.overlap(threshold), atol=1e-12)


def test_maps_of_few_values_are_measured_exactly(categories):
    """Where anomalous and normal pixels share a score, a limit cuts through their rise."""
    masks = categories["nut"].test.masks_array()
    maps = np.random.default_rng(5).integers(0, 4, masks.shape).astype(np.float32) + masks
    view = explore.pro(categories["nut"], Prediction(maps.max(axis=(1, 2)), maps))
    for limit in (0.05, 0.3, 0.77):
        view.limit = limit
        alone = metrics.region_curves(maps, masks, limit)
        np.testing.assert_allclose([row["integral"] for row in view.regions], alone.integral)
        assert view.values["PRO-global"] == pytest.approx(metrics.pro(maps, masks, "global", limit))


def test_regions_depend_on_the_connectivity_and_carry_their_weights(view):
    rows = view.regions
    assert [(row["number"], row["image"], row["area"]) for row in rows] == [(1, 2, 400), (2, 3, 13)]
    assert [row["weight_pro"] for row in rows] == [0.5, 0.5]
    assert [row["weight_auroc"] for row in rows] == pytest.approx([400 / 413, 13 / 413])
    assert np.mean([row["integral"] for row in rows]) == pytest.approx(
        view.values["PRO-global"], abs=1e-12
    )
    assert rows[1]["box"] == (40, 40, 5, 5)
    view.connectivity = 4
    assert [(row["image"], row["area"]) for row in view.regions] == [(2, 400), (3, 9), (3, 4)]
    assert view.regions[0]["id"] == "test/hole/0.png"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("fpr", 1.5, "fpr must be a false positive rate between 0 and 1, got 1.5"),
        ("fpr", -0.1, "fpr must be a false positive rate between 0 and 1, got -0.1"),
        ("limit", 0.0, r"limit must be a false positive rate in \(0, 1\], got 0.0"),
        ("connectivity", 6, "connectivity must be one of 8, 4, got 6"),
        ("region", 9, "region must be one of the 2 regions from 1, or 0 for none, got 9"),
        ("region_order", "x", "region_order must be one of integral, area, number, got 'x'"),
    ],
)
def test_what_cannot_be_chosen_is_refused(view, name, value, message):
    before = view.state
    with pytest.raises(TraitError, match=message):
        setattr(view, name, value)
    assert view.state == before


def test_values_between_those_that_are_looked_at_go_to_the_nearest(view):
    view.fpr, view.limit = 0.020003, 0.12345
    assert (view.fpr, view.limit) == (0.02, 0.125)
    view.fpr, view.limit = 0.9, 0.05  # the FPR may lie beyond the limit
    assert (view.fpr, view.limit) == (0.9, 0.05)


def test_going_to_a_region_shows_its_image(view):
    view.defect = "good"
    view.region = 2
    assert (view.image, view.defect) == (3, "all")
    view.image = 0
    assert view.region == 2
    view.connectivity = 4  # where it may be another one
    assert view.region == 0
    view.region = 3
    view.category = "mesh"
    assert view.region == 0


def test_a_state_is_restored_whole(view, categories, predictions):
    view.state = {"region": 2, "image": 1, "fpr": 0.1, "limit": 0.05, "picked": [3, 4]}
    assert (view.region, view.image, view.picked) == (2, 1, [3, 4])
    other = explore.pro(categories, predictions)
    other.state = view.state
    assert other.state == view.state


def test_what_takes_long_is_computed_beside_the_page_and_once(view, monkeypatch):
    begun, held = threading.Event(), threading.Event()
    exact, calls = metrics.region_curves, []

    def slow(*arguments, **options):
        calls.append(arguments[3])
        begun.set()
        assert held.wait(10)
        return exact(*arguments, **options)

    monkeypatch.setattr(metrics, "region_curves", slow)
    sent = sent_by(view, monkeypatch)
    view._answer(None, {"ask": ["regions/nut/A/8"]}, [])
    assert begun.wait(10)
    assert view.busy.startswith("computing PRO")
    assert sent == []
    view._answer(None, {"ask": ["test/nut/1"]}, [])
    assert [one["key"] for one in sent] == ["test/nut/1"]
    held.set()
    view.wait(10)
    assert (view.busy, sent[-1]["key"]) == ("", "regions/nut/A/8")
    assert "heads" in sent[-1]
    view.fpr, view.limit = 0.1, 0.05
    assert view.values
    assert calls == [8]


def test_it_can_be_stopped(view, monkeypatch):
    begun, held, bar = threading.Event(), threading.Event(), progress.progress_bar

    def slow(*arguments, **options):
        begun.set()
        assert held.wait(10)
        return bar(*arguments, **options)

    monkeypatch.setattr(progress, "progress_bar", slow)
    sent = sent_by(view, monkeypatch)
    view._answer(None, {"ask": ["regions/nut/A/8"]}, [])
    assert begun.wait(10)
    view.stop()
    held.set()
    view.wait(10)
    assert sent == [{"key": "regions/nut/A/8", "stopped": True}]


def test_where_there_is_no_pro_there_are_no_numbers():
    rng = np.random.default_rng(0)
    images, maps = (
        rng.integers(0, 255, (4, 32, 32, 3), dtype=np.uint8),
        rng.random((4, 32, 32), np.float32),
    )
    for labels, found, message in (
        ([0, 0, 1, 1], Prediction(np.arange(4.0), maps), "There are no masks"),
        ([0, 0, 0, 0], Prediction(np.arange(4.0), maps), "there is no region"),
        ([-1] * 4, Prediction(np.arange(4.0), maps), "there is no region"),
        ([0, 0, 1, 1], Prediction(np.arange(4.0)), "A has no maps"),
    ):
        split = Split.from_arrays(images, labels, geometry=Geometry(32, crop=False))
        view = explore.pro(Category("nut", split, split), {"A": found})
        view.image, view.fpr, view.limit = 2, 0.1, 0.05
        assert message in view._impossible()
        assert (view.values, view.regions) == ({}, [])
        assert view.part("regions/nut/A/8") == {}
        assert "regions" not in {key.split("/")[0] for key in view.export_keys()}
        assert view.static().axes


def test_images_whose_pixels_are_unknown_have_no_part_in_it(categories, predictions):
    """The indices of regions are those of all test images."""
    test = categories["nut"].test
    masks = [None, None, None, test.masks[3]]
    split = Split(test.paths, test.labels, masks, test.defects, geometry=test.geometry)
    maps = predictions["nut"]["A"].anomaly_map
    view = explore.pro(Category("nut", split, split), predictions["nut"])
    assert [(row["image"], row["area"]) for row in view.regions] == [(3, 13)]
    known = [0, 1, 3]
    expected = metrics.pro(maps[known], test.masks_array()[known])
    assert view.values["PRO-global"] == pytest.approx(expected, abs=1e-12)
    view.image = 2
    assert view.static().axes


def test_a_definition_that_is_undefined_says_why(categories):
    masks = categories["nut"].test.masks_array()
    perfect = Prediction(np.arange(4.0), masks.astype(np.float32))
    view = explore.pro(categories["nut"], {"A": perfect})
    assert np.isnan(view.values["PRO-global-200"])
    part = view.part("regions/nut/A/8")
    reasons = part["reasons"][nearest(part["limits"], 0.3)]
    for name in ("global-200", "per-image"):
        assert reasons[name] == metrics.pro_with_reason(perfect.anomaly_map, masks, name)[1]
    assert "global" not in reasons


def test_the_static_picture_is_the_one_on_show(view, predictions, tmp_path):
    view.image, view.fpr = 3, 0.1
    axes = {ax.get_label(): ax for ax in view.static().axes}
    sample, line = view.source.sample("nut", 3), view.values["threshold"]
    predicted = predictions["nut"]["A"].anomaly_map[3] >= line
    expected = region_fill(sample.image, sample.mask, predicted)
    np.testing.assert_array_equal(axes["picture"].images[0].get_array(), expected)
    point = [
        line.get_xydata()[0].tolist() for line in axes["pro"].lines if line.get_marker() == "o"
    ]
    assert point == [[view.values["FPR"], view.values["overlap"]]]
    (dots,) = (line.get_xydata() for line in axes["regions"].lines if line.get_marker() == "D")
    np.testing.assert_allclose(dots, [[row["area"], row["integral"]] for row in view.regions])
    view.save(str(tmp_path / "pro.png"))
    with Image.open(tmp_path / "pro.png") as image:
        assert np.asarray(image).std() > 10


def test_an_exported_page_holds_all_that_it_needs(view, tmp_path):
    keys = view.export_keys()
    for connectivity in (8, 4):
        assert f"regions/nut/A/{connectivity}" in keys
    page = view.export(tmp_path / "pro.html").read_text()
    assert 'id="0:regions/mesh/B/4"' in page


def test_what_is_flagged_is_solid_within_and_striped_outside():
    image, mask, flagged = (
        np.full((40, 40, 3), 90, np.uint8),
        np.zeros((40, 40), bool),
        np.zeros((40, 40), bool),
    )
    mask[5:20, 5:20] = flagged[8:35, 8:35] = True
    painted = region_fill(image, mask, flagged)
    blue, red = np.array([0x00, 0x72, 0xB2]), np.array([0xD5, 0x5E, 0x00])
    np.testing.assert_allclose(painted[10, 10], 0.25 * 90 + 0.75 * blue, atol=1)
    outside = painted[22:34, 22:34].reshape(-1, 3)
    striped = np.isclose(outside, 0.25 * 90 + 0.75 * red, atol=1).all(axis=1)
    assert 0.4 < striped.mean() < 0.6
    assert (outside[~striped] == 90).all()
    assert (painted[37:, 37:] == 90).all()
    with pytest.raises(ValueError, match="predicted"):
        region_fill(image, mask, flagged[:5])
    with pytest.raises(ValueError, match="areas"):
        pro_page(
            image,
            metrics.Curve(*np.zeros((3, 2))),
            np.zeros(2),
            areas=np.zeros(3),
            limit=0.3,
            point=(0, 0),
            value=1,
        )


@pytest.mark.parametrize(
    ("areas", "scale"), [((640, 652), "linear"), ((300, 300), "log"), ((10, 5000), "log")]
)
def test_areas_of_one_size_have_few_marks_that_do_not_overlap(areas, scale):
    """A logarithmic scale within one power of ten names every mark."""
    image, line = (
        np.zeros((40, 40, 3), np.uint8),
        metrics.Curve(np.array([0.0, 1]), np.array([0.0, 1]), np.zeros(2)),
    )
    figure = pro_page(
        image, line, np.ones(2), areas=np.array(areas), limit=0.3, point=(0, 0), value=1
    )
    (axes,) = [axes for axes in figure.axes if axes.get_label() == "regions"]
    assert axes.get_xscale() == scale
    figure.draw_without_rendering()
    boxes = [
        label.get_window_extent()
        for label in axes.get_xticklabels(which="both")
        if label.get_text()
    ]
    shown = sorted((box for box in boxes if box.width), key=lambda box: box.x0)
    assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(shown))
