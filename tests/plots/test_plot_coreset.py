import numpy as np
import pytest
from matplotlib.colors import to_hex

from adviz import plots
from adviz.plots import style

CURVES = {
    "greedy": (np.array([1, 10, 100]), np.array([9.0, 4.0, 1.0])),
    "random": (np.array([1, 100]), np.array([9.0, 3.0])),
}
LIMITS = (1.0, 100.0)
RNG = np.random.default_rng(0)
PLANE, COLOURS = RNG.normal(size=(200, 2)), RNG.integers(0, 255, (200, 3), dtype=np.uint8)


def lines(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_every_sampler_has_its_line(panel, inside):
    figure = plots.coreset_size_chart(CURVES, "covering radius", limits=LIMITS, coreset_size=10)
    axes = panel(figure, "covering radius")
    drawn = lines(axes)
    for name, (counts, values) in CURVES.items():
        np.testing.assert_array_equal(drawn[name].get_data(), (counts, values))
    styles = [
        (to_hex(line.get_color()), line.get_marker(), str(line._dash_pattern))
        for line in drawn.values()
    ]
    assert all(len(set(cue)) == 2 for cue in zip(*styles, strict=True))  # told apart three times
    assert axes.get_xscale() == "log"
    assert [line.get_xdata()[0] for line in axes.lines if line.get_label().startswith("_")] == [10]
    inside(figure)


def test_a_sampler_without_values_keeps_the_others_as_they_are(panel):
    some = {"greedy": (np.array([], int), np.array([])), "random": CURVES["random"]}
    figure = plots.coreset_size_chart(some, "PRO", limits=LIMITS)
    (line,) = panel(figure, "PRO").lines
    assert to_hex(line.get_color()).upper() == plots.curve_style(1)[0] == style.VERMILLION


def test_the_static_picture_shows_rings_curves_and_a_legend(panel, printed, inside):
    chosen = np.array([3, 7, 9])
    charts = {"covering radius": CURVES, "image AUROC": CURVES, "PRO": CURVES}
    figure = plots.coreset_figure(
        PLANE,
        COLOURS,
        chosen,
        charts,
        limits=LIMITS,
        coreset_size=10,
        title="capsule: 3 rows",
        note="rings: chosen",
    )
    points, rings = panel(figure, "plane").collections
    np.testing.assert_array_equal(points.get_offsets(), PLANE)
    np.testing.assert_allclose(points.get_facecolors()[:, :3], COLOURS / 255)
    np.testing.assert_array_equal(rings.get_offsets(), PLANE[chosen])
    assert [axes.get_label() for axes in figure.axes] == ["plane", "covering radius", "image AUROC"]
    assert {"capsule: 3 rows", "rings: chosen", "greedy", "random"} <= set(
        printed(figure).splitlines()
    )
    inside(figure)


def test_points_are_drawn_in_the_order_of_painting(panel):
    painting = np.arange(200)[::-1]
    figure = plots.coreset_figure(
        PLANE, COLOURS, np.array([0]), {}, limits=LIMITS, painting=painting
    )
    points, _ = panel(figure, "plane").collections
    np.testing.assert_array_equal(points.get_offsets(), PLANE[::-1])
    np.testing.assert_allclose(points.get_facecolors()[:, :3], COLOURS[::-1] / 255)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(
        ValueError, match="greedy must have a value for each coreset size, got 1 for 2"
    ):
        plots.coreset_size_chart(
            {"greedy": (np.array([1, 2]), np.array([1.0]))}, "radius", limits=LIMITS
        )
    with pytest.raises(ValueError, match="radius of greedy must be finite"):
        plots.coreset_size_chart(
            {"greedy": (np.array([1]), np.array([np.nan]))}, "radius", limits=LIMITS
        )
    with pytest.raises(
        ValueError,
        match=r"limits must be coreset sizes, 1 or more, in rising order, got \(0, 5\)",
    ):
        plots.coreset_size_chart(CURVES, "radius", limits=(0, 5))
    with pytest.raises(ValueError, match=r"expected \(M, 2\) points and \(M, 3\) colours"):
        plots.coreset_figure(PLANE, COLOURS[:3], np.array([0]), {}, limits=LIMITS)
