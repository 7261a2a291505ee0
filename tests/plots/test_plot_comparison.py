import numpy as np
import pytest

from adviz.plots import comparison_row, score_scatter


def test_every_method_is_on_its_own_scale_and_none_is_said(
    image, mask, anomaly_map, panel, printed, inside
):
    maps = {"SPADE": anomaly_map, "PaDiM": 50 * anomaly_map[::-1], "DN2": None}
    limits = {"SPADE": (0.5, 3.0), "PaDiM": (0.0, 150.0)}
    captions = {
        name: f"rank {rank} of 9\npredicted anomalous: right" for rank, name in enumerate(maps, 1)
    }
    figure = comparison_row(image, mask, maps, limits=limits, captions=captions, title="a nut")
    for name, ends in limits.items():
        picture = panel(figure, f"map {name}").images[0]
        np.testing.assert_array_equal(picture.get_array(), maps[name])
        assert picture.get_clim() == ends
        panel(figure, f"scale {name}")
    assert not panel(figure, "map DN2").images
    text = printed(figure)
    for word in ("a nut", "no map", "rank 3 of 9", "predicted anomalous: right", "0.50", "150"):
        assert word in text
    inside(figure)
    inside(comparison_row(image, None, {"SPADE": anomaly_map}, limits=limits))
    long = "a title that needs two lines where there are only two panels, and not one"
    inside(comparison_row(image, None, {"SPADE": anomaly_map}, limits=limits, title=long))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": {}}, "at least one method, got none"),
        ({"maps": {"A": np.zeros((2, 2))}}, r"map of A must have the shape \(H, W\) = \(24, 32\)"),
        ({"maps": {"A": np.full((24, 32), np.nan)}}, "map of A must be finite"),
        ({"limits": {"A": (1, 0)}}, "limits must be finite"),
    ],
)
def test_row_errors(image, mask, anomaly_map, change, message):
    arguments = {"maps": {"A": anomaly_map}, "limits": {"A": (0, 1)}, **change}
    with pytest.raises(ValueError, match=message):
        comparison_row(image, mask, **arguments)


def test_the_scatter_shows_every_image_where_its_scores_are(panel, printed, inside):
    rng = np.random.default_rng(0)
    x, y, labels = rng.random(9), 100 * rng.random(9), np.array([0, 0, 0, 1, 1, 1, 1, -1, -1])
    figure = score_scatter(
        x, y, labels, names=("SPADE", "PaDiM"), current=4, thresholds=(0.5, 50.0), title="nuts"
    )
    axes = panel(figure, "scatter")
    lines = {line.get_label(): line for line in axes.lines}
    for name, label in (("good", 0), ("anomalous", 1), ("unlabelled", -1)):
        np.testing.assert_array_equal(
            lines[name].get_xydata(), np.stack([x, y], 1)[labels == label]
        )
    # Not by colour alone
    assert len({lines[name].get_marker() for name in ("good", "anomalous", "unlabelled")}) == 3
    np.testing.assert_array_equal(lines["this image"].get_xydata(), [[x[4], y[4]]])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("score of SPADE", "score of PaDiM")
    drawn = [line.get_xydata().tolist() for line in axes.lines]
    assert [[0.5, 0], [0.5, 1]] in drawn
    assert [[0, 50], [1, 50]] in drawn
    assert "nuts" in printed(figure)
    inside(figure)
    plain = score_scatter(x, y, labels, names=("a", "b"), thresholds=(np.nan, 1.0))
    assert len(panel(plain, "scatter").lines) == 3  # no threshold, no image


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(3)}, "y must hold one entry for each of the 4 images, got 3"),
        ({"labels": np.zeros(3)}, "labels must hold one entry"),
        ({"x": np.array([1, 2, np.nan, 3])}, "x must be finite"),
        ({"current": 4}, "current must be one of the 4 images, got 4"),
    ],
)
def test_scatter_errors(change, message):
    arguments = {"x": np.arange(4.0), "y": np.arange(4.0), "labels": np.zeros(4, int), **change}
    with pytest.raises(ValueError, match=message):
        score_scatter(**arguments, names=("a", "b"))
