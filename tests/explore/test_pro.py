import base64
import io
import itertools
import re
import threading

import numpy as np
import pytest
from PIL import Image

from adviz import Prediction, data, explore, metrics
from adviz.data import Category, Geometry, Split
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
    made.wait()
    return made


def pictures(view):
    found = re.findall(r"data:image/jpeg;base64,([^']+)'", view._page.value)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


def test_every_control_changes_status_or_page(view):
    seen = [view._page.value]
    changes = (
        ("fpr", 0.1), ("image", 3), ("limit", 0.05), ("connectivity", 4), ("detector", "B"),
        ("category", "mesh"),
        ("region", 2),
    )  # fmt: skip
    for name, value in changes:
        setattr(view, name, value)
        view.wait()
        assert getattr(view, name) == value
        seen.append(view._page.value)
        assert "Error" not in view.status
    assert len(set(seen)) == len(seen)


def test_values_are_those_of_the_metrics(view, categories, predictions):
    maps, masks = predictions["nut"]["A"].anomaly_map, categories["nut"].test.masks_array()
    for limit in (0.3, 0.05):
        for connectivity in (8, 4):
            view.limit, view.connectivity = limit, connectivity
            view.wait()
            for name in metrics.PRO_DEFINITIONS:
                value = metrics.pro(maps, masks, name, limit, connectivity)
                assert view.values[f"PRO-{name}"] == pytest.approx(value, abs=1e-12)
                assert f"{value:.4f}" in view._page.value
    assert view.values["pixel AUROC"] == pytest.approx(
        metrics.auroc(maps.ravel(), masks.ravel()), abs=1e-12
    )


def test_the_slider_is_a_share_of_all_normal_pixels(view, categories, predictions):
    maps, masks = predictions["nut"]["A"].anomaly_map, categories["nut"].test.masks_array()
    normal = maps[~masks]
    for fpr in (0.0, 0.02, 0.1, 0.3):
        view._fpr.value = fpr
        now = view.values
        assert np.mean(normal >= now["threshold"]) == pytest.approx(now["FPR"], abs=1e-12)
        assert fpr - 1 / len(normal) < now["FPR"] <= fpr + 1e-12
        overlaps = [
            np.mean(maps[2][masks[2]] >= now["threshold"]),
            np.mean(maps[3][masks[3]] >= now["threshold"]),
        ]
        assert [row["overlap"] for row in view.regions] == pytest.approx(overlaps, abs=1e-12)
        assert now["overlap"] == pytest.approx(np.mean(overlaps), abs=1e-12)
        assert f"FPR {now['FPR']:.4f}, mean overlap {now['overlap']:.3f}" in view.status
    with pytest.raises(ValueError, match=r"fpr must be between 0 and the limit 0.3, got 0.4"):
        view.fpr = 0.4


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
    view.wait()
    assert [(row["image"], row["area"]) for row in view.regions] == [(2, 400), (3, 9), (3, 4)]
    assert view.regions[0]["id"] == "test/hole/0.png"


def test_another_limit_keeps_the_slider_within_it(view):
    view.fpr = 0.2
    view.limit = 0.05
    view.wait()
    assert (view.fpr, view._fpr.max) == (0.05, 0.05)
    assert view._fpr.step == pytest.approx(0.05 / 300)
    view.limit = 0.3
    assert (view.fpr, view._fpr.max) == (0.05, 0.3)
    for name, value, message in (
        ("limit", 0.2, r"limit must be one of 0.3, 0.05, got 0.2"),
        ("connectivity", 6, "connectivity must be one of 8, 4, got 6"),
        ("region", 9, "region must be one of the 2 regions from 1, or 0 for none, got 9"),
    ):
        with pytest.raises(ValueError, match=message):
            setattr(view, name, value)


def test_the_picture_shows_what_is_flagged(view):
    view.image, view.fpr = 2, 0.0
    line, maps = view.values["threshold"], view._prediction.anomaly_map
    few = int((maps[2] >= line).sum())
    assert (
        f"blue: {few} of 400 defect pixels found · striped: 0 of 3696 normal pixels predicted "
        "anomalous" in view._page.value
    )
    before = pictures(view)[0]
    view.fpr = 0.3
    assert (pictures(view)[0] != before).any()
    view.image = 0
    assert "no defect · striped: " in view._page.value


def test_going_to_a_region_shows_its_image_with_a_frame(view):
    worst = min(view.regions, key=lambda row: row["integral"])
    assert view._list._list.options[1][1] == worst["number"]
    view.defect = "good"
    view._list.move(1)
    assert (view.region, view.image, view.defect) == (worst["number"], worst["image"], "all")
    assert view._page.value.count("outline:2px solid") == 1
    assert "font-weight:600" in view._page.value
    view._list.move(5)
    assert view.region == max(view.regions, key=lambda row: row["integral"])["number"]
    view.image = 0
    assert view._page.value.count("outline:2px solid") == 0
    view.region = 0
    assert "font-weight:600" not in view._page.value


def test_what_takes_long_is_computed_once_beside_the_page(categories, predictions, monkeypatch):
    held, exact, calls = threading.Event(), metrics.pixel_metrics, []

    def slow(*arguments, **options):
        calls.append(arguments[2:])
        assert held.wait(10)
        return exact(*arguments, **options)

    monkeypatch.setattr(metrics, "pixel_metrics", slow)
    view = explore.pro(categories, predictions)
    assert "PRO is being computed" in view.status
    assert (view.values, view.regions) == ({}, [])
    view.image = 3  # the page is alive
    assert "image 4 of 4" in view.status
    held.set()
    view.wait()
    assert "mean overlap" in view.status
    view.fpr = 0.1
    view.image = 2
    view.limit = 0.05
    view.wait()
    view.limit = 0.3
    assert calls == [(0.3, 8), (0.05, 8)]


def test_what_is_missing_is_said():
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
        view.wait()
        assert message in view._page.value
        assert message in view.status
        assert (view.values, view.regions) == ({}, [])
        assert len(view.static().axes) >= 4


def test_a_definition_that_is_undefined_says_why(categories):
    masks = categories["nut"].test.masks_array()
    perfect = Prediction(np.arange(4.0), masks.astype(np.float32))
    view = explore.pro(categories["nut"], {"A": perfect})
    view.wait()
    assert np.isnan(view.values["PRO-global-200"])
    assert "undefined: the FPR is 0 at all" in view._page.value


def test_the_static_picture_is_the_one_on_show(view, tmp_path):
    view.image, view.fpr = 3, 0.1
    axes = {ax.get_label(): ax for ax in view.static().axes}
    sample, line = view._sample, view.values["threshold"]
    expected = region_fill(sample.image, sample.mask, view._prediction.anomaly_map[3] >= line)
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
