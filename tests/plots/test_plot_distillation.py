import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from adviz.plots import distillation_scheme, layer_row, loss_curve

LAYERS = {"layer1": (24, 32, 32), "layer2": (40, 16, 16), "layer3": (112, 8, 8)}
SIZE = (128, 128)


def boxes(figure):
    return [patch for patch in figure.findobj(FancyBboxPatch) if patch in figure.axes[0].patches]


def arrows(figure, style):
    found = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyArrowPatch)]
    return [a for a in found if type(a.get_arrowstyle()).__name__ == style]


def directions(figure, y):
    """Return +1 or -1 for each plain arrow along a row: to the right or to the left."""
    ends = [arrow._posA_posB for arrow in arrows(figure, "CurveFilledB")]
    return [int(np.sign(b[0] - a[0])) for a, b in ends if a[1] == b[1] == y]


def test_every_tensor_is_drawn_with_its_shape(printed, inside):
    figure = distillation_scheme(LAYERS, image_size=SIZE, code=(224, 4, 4), title="RD")
    # Times and minus
    texts = printed(figure).replace("\u00d7", "x").replace("\u2212", "-").splitlines()
    for _, h, _ in LAYERS.values():
        assert sum(f"{h} x {h}" in text for text in texts) == 2
    assert texts.count("224 x 4 x 4") == texts.count("3 x 128 x 128") == texts.count("code") == 1
    assert [sum(f"M{number} = 1 - cos" in text for text in texts) for number in (1, 2, 3, 4)] == [
        1,
        1,
        1,
        0,
    ]
    heights = [box.get_height() for box in boxes(figure) if box.get_width() < 1]
    # image, the teacher's layers, the student's, the code: as the roots of 128, 32, 16, 8
    np.testing.assert_allclose(heights[:7], np.sqrt(np.array([128, 32, 16, 8, 32, 16, 8]) / 128))
    inside(figure)


def test_the_student_runs_back_in_reverse_and_forward_from_the_image(printed, inside):
    reverse = distillation_scheme(LAYERS, image_size=SIZE, code=(224, 4, 4))
    forward = distillation_scheme(LAYERS, image_size=SIZE)
    assert directions(reverse, 3.6) == [-1, -1, -1]
    assert directions(forward, 3.6) == [1, 1, 1]
    assert directions(forward, 1.25) == [1, 1, 1]
    assert "the same image" in printed(forward)
    assert "MFF" not in printed(forward)
    inside(forward)


def test_fusion_and_skip_paths_are_drawn_where_there_are_some(printed, inside):
    full = distillation_scheme(LAYERS, image_size=SIZE, code=(224, 4, 4))
    narrow = distillation_scheme(LAYERS, image_size=SIZE, code=(224, 4, 4), fused=False)
    leaking = distillation_scheme(LAYERS, image_size=SIZE, code=(224, 4, 4), skip=True)
    assert "no fusion" in printed(narrow)
    # Layers 1 and 2
    assert len(arrows(full, "CurveFilledB")) - len(arrows(narrow, "CurveFilledB")) == 2
    assert len(arrows(leaking, "CurveFilledB")) - len(arrows(full, "CurveFilledB")) == 3
    assert printed(leaking).splitlines().count("skip") == 3
    for figure in (narrow, leaking):
        inside(figure)
    inside(distillation_scheme({"layer3": (112, 8, 8)}, image_size=SIZE, code=(224, 4, 4)))


def test_scheme_errors():
    with pytest.raises(ValueError, match=r"shapes \(C, h, w\) of at least one layer, got \{\}"):
        distillation_scheme({}, image_size=SIZE)
    with pytest.raises(ValueError, match=r"got \{'a': \(1, 2\)\}"):
        distillation_scheme({"a": (1, 2)}, image_size=SIZE)


def test_loss_curves_show_their_values(panel, printed, inside):
    curves = {"cosine": np.array([2.0, 1.0, 0.5]), "none": np.array([3.0])}
    figure = loss_curve(curves, epochs=10, title="training")
    axes = panel(figure, "losses")
    for line, (name, values) in zip(axes.lines, curves.items(), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(len(values)) + 1)
        np.testing.assert_array_equal(line.get_ydata(), values)
        assert name in printed(figure)
    assert (
        len(
            {line.get_linestyle() for line in axes.lines}
            | {line.get_color() for line in axes.lines}
        )
        == 4
    )
    assert axes.get_xlim() == (1, 10)
    assert axes.get_ylim()[0] == 0
    assert axes.get_ylim()[1] > 3
    inside(figure)
    assert loss_curve(np.array([1.0, 0.5])).axes[0].get_legend() is None
    assert loss_curve(np.zeros(0), epochs=5).axes[0].get_xlim() == (1, 5)
    with pytest.raises(ValueError, match="losses b must be finite, got 1 of 2"):
        loss_curve({"b": np.array([1, np.inf])})


def test_layer_row_shows_each_map_in_its_own_resolution(
    image, mask, anomaly_map, panel, printed, inside
):
    rng = np.random.default_rng(0)
    maps = {"M1": rng.random((12, 16)), "M2": rng.random((6, 8))}
    figure = layer_row(
        image,
        mask,
        maps,
        anomaly_map,
        layer_limits=(0, 1),
        limits=(0.5, 3.25),
        title="a nut",
        fused_name="M1 + M2",
    )
    for name, values in maps.items():
        picture = panel(figure, f"map {name}").images[0]
        np.testing.assert_array_equal(picture.get_array(), values)
        assert picture.get_clim() == (0, 1)
        assert tuple(picture.get_extent()) == (-0.5, 31.5, 23.5, -0.5)
    fused = panel(figure, "map fused").images[0]
    np.testing.assert_array_equal(fused.get_array(), anomaly_map)
    assert fused.get_clim() == (0.5, 3.25)
    text = printed(figure)
    for word in (
        "a nut",
        "M1 + M2",
        "one scale for all layers",
        "0.50",
        "3.25",
        "outlined: defect",
    ):
        assert word in text
    inside(figure)
    inside(layer_row(image, None, maps, anomaly_map, layer_limits=(0, 1), limits=(0, 3)))
    good = layer_row(
        image, np.zeros_like(mask), maps, anomaly_map, layer_limits=(0, 1), limits=(0, 3)
    )
    assert "no defect marked" in printed(good)


def test_layer_row_shows_another_way_to_join_and_a_scale_for_each_layer(
    image, mask, anomaly_map, panel, inside
):
    maps = {"M1": np.eye(6), "M2": np.eye(4)}
    own = {"M1": (0, 1), "M2": (-1, 2)}
    other = anomaly_map[::-1]
    figure = layer_row(
        image,
        mask,
        maps,
        anomaly_map,
        layer_limits=own,
        limits=(0, 3),
        other=other,
        other_limits=(1, 2),
    )
    for name, limits in own.items():
        assert panel(figure, f"map {name}").images[0].get_clim() == limits
        panel(figure, f"scale {name}")
    drawn = panel(figure, "map other").images[0]
    np.testing.assert_array_equal(drawn.get_array(), other)
    assert drawn.get_clim() == (1, 2)
    inside(figure)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"other": np.zeros((2, 2))}, r"anomaly_map must have the shape \(H, W\) = \(24, 32\)"),
        ({"layer_limits": {"M9": (0, 1)}}, "and layer_limits the same, got M1 and M9"),
        ({"layer_maps": {}}, "at least one layer"),
        (
            {"layer_maps": {"M1": np.zeros(4)}},
            r"the map of M1 must have shape \(h, w\), got shape \(4,\)",
        ),
        ({"layer_maps": {"M1": np.full((2, 2), np.nan)}}, "the map of M1 must be finite"),
        (
            {"anomaly_map": np.zeros((2, 2))},
            r"anomaly_map must have the shape \(H, W\) = \(24, 32\)",
        ),
        ({"limits": (1, 1)}, "limits must be finite"),
        ({"layer_limits": (1, 0)}, "limits must be finite"),
    ],
)
def test_layer_row_errors(image, mask, anomaly_map, change, message):
    arguments = {
        "layer_maps": {"M1": np.zeros((3, 4))}, "anomaly_map": anomaly_map,
        "layer_limits": (0, 1), "limits": (0, 1),
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        layer_row(image, mask, **{**arguments, **change})
