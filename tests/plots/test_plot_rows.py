import matplotlib as mpl
import numpy as np
import pytest

from adviz.plots import anomaly_row, anomaly_rows, overlay, shared_limits

LIMITS = (0.25, 3.5)


def outline(axes):
    """Return the points of the outlines in a panel, one array (P, 2) per outline, x then y."""
    return [np.concatenate([path.vertices for path in c.get_paths()]) for c in axes.collections]


def test_row_shows_the_arrays_it_was_given(image, mask, anomaly_map, panel):
    figure = anomaly_row(image, mask, anomaly_map, limits=LIMITS)
    np.testing.assert_array_equal(panel(figure, "row 0 image").images[0].get_array(), image)
    np.testing.assert_array_equal(panel(figure, "row 0 ground truth").images[0].get_array(), mask)
    np.testing.assert_array_equal(panel(figure, "row 0 map").images[0].get_array(), anomaly_map)
    np.testing.assert_array_equal(
        panel(figure, "row 0 overlay").images[0].get_array(),
        overlay(image, anomaly_map, limits=LIMITS),
    )


def test_columns_are_in_the_agreed_order_and_named(image, mask, anomaly_map):
    figure = anomaly_row(image, mask, anomaly_map, limits=LIMITS)
    panels = sorted(figure.axes[:4], key=lambda axes: axes.get_position().x0)
    assert [axes.get_title() for axes in panels] == ["image", "ground truth", "map", "overlay"]


def test_all_rows_share_one_scale_and_it_is_printed(image, mask, anomaly_map, panel, printed):
    maps = [anomaly_map, anomaly_map * 0.1, anomaly_map * 2]
    figure = anomaly_rows([image] * 3, [mask] * 3, maps, limits=LIMITS, titles=["a", "b", "c"])
    drawn = [panel(figure, f"row {row} map").images[0] for row in range(3)]
    assert [one.get_clim() for one in drawn] == [LIMITS] * 3
    assert {one.get_cmap().name for one in drawn} == {"cividis"}
    ticks = [label.get_text() for label in panel(figure, "scale").get_yticklabels()]
    assert (ticks[0], ticks[-1]) == ("0.25", "3.50")
    np.testing.assert_allclose(panel(figure, "scale").get_yticks()[[0, -1]], LIMITS)
    assert panel(figure, "scale").get_ylabel() == "anomaly score"
    assert "one colour scale for every map: 0.25 to 3.50" in printed(figure)


def test_bar_says_where_values_are_cut_off(image, mask, anomaly_map, panel):
    def extend(low, high):
        figure = anomaly_row(image, mask, np.clip(anomaly_map, low, high), limits=LIMITS)
        return panel(figure, "row 0 map").images[0].colorbar.extend

    assert [extend(0.3, 3.4), extend(0, 3.4), extend(0.3, 5), extend(0, 5)] == [
        "neither",
        "min",
        "max",
        "both",
    ]


def test_ground_truth_outline_follows_the_mask(image, mask, anomaly_map, panel):
    figure = anomaly_row(image, mask, anomaly_map, limits=LIMITS)
    (points,) = outline(panel(figure, "row 0 overlay"))
    # The mask covers x 8..19, y 5..10: its pixels' borders
    np.testing.assert_array_equal(points.min(0), [7.5, 4.5])
    np.testing.assert_array_equal(points.max(0), [19.5, 10.5])
    assert outline(panel(figure, "row 0 map")) == []


def test_outline_closes_at_the_edge_and_keeps_the_view(image, anomaly_map, panel):
    figure = anomaly_row(image, np.ones(anomaly_map.shape, bool), anomaly_map, limits=LIMITS)
    axes = panel(figure, "row 0 overlay")
    assert outline(axes)[0].min(0).tolist() == [-0.5, -0.5]
    assert (axes.get_xlim(), axes.get_ylim()) == ((-0.5, 31.5), (23.5, -0.5))


def test_threshold_outlines_what_is_at_or_above_it(image, mask, panel, printed):
    values = np.zeros(mask.shape)
    values[mask] = 2.0
    values[0, 0] = 1.99
    figure = anomaly_row(image, None, values, limits=LIMITS, threshold=2.0)
    for name in ("map", "overlay"):
        (points,) = outline(panel(figure, f"row 0 {name}"))
        np.testing.assert_array_equal((points.min(0), points.max(0)), [[7.5, 4.5], [19.5, 10.5]])
    assert "map ≥ 2.00" in printed(figure)
    assert all(line.get_ydata()[0] == 2.0 for line in panel(figure, "scale").lines)
    assert len(panel(figure, "scale").lines) == 2  # the line and its dark border


def test_relative_display_divides_by_the_threshold(image, mask, anomaly_map, panel, printed):
    figure = anomaly_row(image, mask, anomaly_map, limits=LIMITS, threshold=2.0, relative=True)
    drawn = panel(figure, "row 0 map").images[0]
    np.testing.assert_allclose(drawn.get_array(), anomaly_map / 2)
    assert drawn.get_clim() == (0.125, 1.75)
    assert "map ≥ 1.00" in printed(figure)
    assert panel(figure, "scale").get_ylabel().replace("\n", " ") == "anomaly score / threshold"
    plain = anomaly_row(image, mask, anomaly_map, limits=LIMITS, threshold=2.0)
    for one, other in zip(
        outline(panel(figure, "row 0 map")), outline(panel(plain, "row 0 map")), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_missing_truth_and_map_are_said_in_the_panel(image, mask, anomaly_map, panel):
    figure = anomaly_rows(
        [image] * 3,
        [None, mask, np.zeros_like(mask)],
        [anomaly_map, None, anomaly_map],
        limits=LIMITS,
    )
    words = {
        axes.get_label(): axes.texts[0].get_text()
        for axes in figure.axes
        if axes.get_label() != "scale" and axes.texts
    }
    assert words == {
        "row 0 ground truth": "no ground truth", "row 1 map": "no map", "row 1 overlay": "no map",
        "row 2 ground truth": "no defect marked",
    }  # fmt: skip
    assert not panel(figure, "row 1 map").images


def test_without_any_map_there_is_no_scale(image, mask, printed):
    figure = anomaly_row(image, mask, None, limits=None)
    assert [axes.get_label() for axes in figure.axes] == [
        f"row 0 {n}" for n in ("image", "ground truth", "map", "overlay")
    ]
    assert "scale" not in printed(figure)


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("size", [(224, 224), (64, 256), (256, 64)])
def test_no_text_is_cut_off_or_overlaps(rows, size, inside):
    image, mask = np.zeros((*size, 3), np.uint8), np.ones(size, bool)
    values = np.linspace(-2000, 3000, mask.size).reshape(size)
    figure = anomaly_rows(
        [image] * rows, [mask] * rows, [values] * rows, limits=(-1234.5, 2345.6),
        threshold=3.0, relative=True, title="Title " * 60,
        titles=["a very long file name with $ signs_and_underscores " * 6] * rows,
    )  # fmt: skip
    inside(figure)


def test_inputs_stay_as_they_were(image, mask, anomaly_map):
    before = image.copy(), mask.copy(), anomaly_map.copy()
    anomaly_row(image, mask, anomaly_map, limits=LIMITS, threshold=2.0, relative=True)
    for now, then in zip((image, mask, anomaly_map), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_overlay_is_the_grey_image_below_and_mostly_the_maps_colour_at_the_top(image):
    values = np.zeros(image.shape[:2])
    values[0] = 5.0
    mixed = overlay(image, values, limits=(1.0, 2.0))
    grey = image @ [0.299, 0.587, 0.114]
    np.testing.assert_array_equal(mixed[1:], np.rint(grey[1:, :, None]).repeat(3, 2))
    top = 255 * np.array(mpl.colormaps["cividis"](1.0)[:3])
    np.testing.assert_array_equal(mixed[0], np.rint(0.2 * grey[0, :, None] + 0.8 * top))
    assert mixed.dtype == np.uint8


def test_shared_limits_are_percentiles_of_all_pixels_together():
    maps = [np.arange(101.0).reshape(1, -1), None, 100 + np.arange(100.0).reshape(10, 10)]
    pixels = np.concatenate([np.ravel(values) for values in maps if values is not None])
    assert shared_limits(maps, (0, 100)) == (0.0, 199.0)
    assert shared_limits(maps, (5, 90)) == tuple(np.percentile(pixels, (5, 90)))
    assert shared_limits(np.full((2, 3, 3), 7.0)) == (7.0, 14.0)


@pytest.mark.parametrize(
    ("maps", "percentiles", "message"),
    [
        ([], (0, 100), "at least one map, got 0"),
        ([None], (0, 100), "at least one map, got 1"),
        ([np.array([[np.nan, 1.0]])], (0, 100), "1 of 2 values that are NaN"),
        ([np.ones((2, 2))], (90, 10), r"rise within 0..100, got \(90, 10\)"),
    ],
)
def test_shared_limits_errors(maps, percentiles, message):
    with pytest.raises(ValueError, match=message):
        shared_limits(maps, percentiles)


@pytest.mark.parametrize("limits", [(1.0, 0.0), (1.0, 1.0), (np.nan, 1.0), (0.0, np.inf)])
def test_impossible_limits(image, mask, anomaly_map, limits):
    with pytest.raises(ValueError, match=r"low < high, got .*shared_limits"):
        anomaly_row(image, mask, anomaly_map, limits=limits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"image": np.zeros((24, 32), np.uint8)},
            r"image of row 0 must have shape \(H, W, 3\), got shape \(24, 32\)",
        ),
        ({"image": np.zeros((24, 32, 3))}, "uint8 values 0..255, got dtype float64"),
        ({"mask": np.zeros((24, 31), bool)}, r"mask of row 0 .*\(24, 32\).*got shape \(24, 31\)"),
        ({"mask": np.zeros((24, 32))}, "must be bool.*got dtype float64; use mask > 0"),
        (
            {"anomaly_map": np.zeros((7, 7))},
            r"map of row 0 .*\(24, 32\).*got shape \(7, 7\); .*adviz.maps",
        ),
        ({"anomaly_map": np.full((24, 32), np.nan)}, "must be finite, got 768 of 768"),
        ({"limits": None}, r"limits must be \(low, high\) where a map is drawn, got None"),
        ({"threshold": np.nan}, "threshold must be finite, got nan"),
        ({"relative": True}, "must be positive, got None"),
        ({"relative": True, "threshold": 0.0}, "must be positive, got 0.0"),
    ],
)
def test_row_errors_say_what_was_got(image, mask, anomaly_map, change, message):
    arguments = {
        "image": image,
        "mask": mask,
        "anomaly_map": anomaly_map,
        "limits": LIMITS,
        **change,
    }
    with pytest.raises(ValueError, match=message):
        anomaly_row(**arguments)


def test_rows_must_be_complete(image, mask, anomaly_map):
    with pytest.raises(
        ValueError, match="masks must hold one entry for each of the 2 images, got 1"
    ):
        anomaly_rows([image] * 2, [mask], [anomaly_map] * 2, limits=LIMITS)
    with pytest.raises(
        ValueError, match="titles must hold one entry for each of the 1 images, got 2"
    ):
        anomaly_rows([image], [mask], [anomaly_map], limits=LIMITS, titles=["a", "b"])
    with pytest.raises(ValueError, match="at least one image, got none"):
        anomaly_rows([], [], [], limits=LIMITS)
