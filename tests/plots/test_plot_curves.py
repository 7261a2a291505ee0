import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from adviz.metrics import Curve, precision_recall_curve, roc_curve
from adviz.plots import curves_chart

X, Y = np.array([0.0, 0.0, 0.5, 1.0]), np.array([0.0, 0.5, 0.75, 1.0])
CURVE = Curve(X, Y, np.array([np.inf, 3.0, 2.0, 1.23456]))
UNDEFINED = Curve(X, np.full(4, np.nan), CURVE.threshold)


def one_kind(kind):
    def draw(curves, *, areas=None, **options):
        return curves_chart({kind: curves}, areas={kind: areas or {}}, **options).figure

    return draw


def curves_static(curves, **options):
    return curves_chart(curves, **options).static()


roc_figure, precision_recall_figure, pro_figure = FIGURES = [
    one_kind(kind) for kind in ("roc", "precision_recall", "pro")
]


@pytest.mark.parametrize("draw", FIGURES)
def test_lines_go_through_the_points_and_hover_shows_the_threshold(draw):
    figure = draw({"one": CURVE, "two": Curve(Y, X, CURVE.threshold)})
    assert [trace.name for trace in figure.data] == ["one", "two"]
    np.testing.assert_array_equal(figure.data[0].x, X)
    np.testing.assert_array_equal(figure.data[0].y, Y)
    np.testing.assert_array_equal(figure.data[1].x, Y)
    assert list(figure.data[0].text) == ["inf", "3", "2", "1.235"]
    assert "threshold %{text}" in figure.data[0].hovertemplate


@pytest.mark.parametrize(
    ("draw", "measure"), list(zip(FIGURES, ["AUROC", "AP", "PRO"], strict=True))
)
def test_areas_are_in_the_legend_where_known(draw, measure):
    figure = draw(
        {"one": CURVE, "two": CURVE, "three": UNDEFINED}, areas={"one": 0.98765, "three": np.nan}
    )
    assert [trace.name for trace in figure.data] == [
        f"one · {measure} 0.988",
        "two",
        "three · undefined",
    ]
    assert len(figure.data[2].x) == 0


@pytest.mark.parametrize("draw", FIGURES)
def test_lines_differ_by_more_than_colour(draw):
    lines = [trace.line for trace in draw({name: CURVE for name in "abcdef"}).data]
    assert len({line.color for line in lines}) == len({line.dash for line in lines}) == 6


@pytest.mark.parametrize("limit", [0.3, 0.05, 1.0])
def test_pro_shades_what_it_integrates(limit):
    figure = pro_figure({"one": CURVE}, limit=limit)
    (shade,) = figure.layout.shapes
    assert (shade.type, shade.x0, shade.x1) == ("rect", 0, limit)
    assert f"area up to {limit:g}" in {note.text for note in figure.layout.annotations}


def test_chance_is_the_diagonal_or_the_prevalence():
    (line,) = roc_figure({"one": CURVE}).layout.shapes
    assert (line.x0, line.y0, line.x1, line.y1) == (0, 0, 1, 1)
    (line,) = precision_recall_figure({"one": CURVE}, prevalence=0.25).layout.shapes
    assert (line.y0, line.y1) == (0.25, 0.25)
    assert precision_recall_figure({"one": CURVE}).layout.shapes == ()


def test_precision_is_drawn_so_that_the_area_below_is_average_precision():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 40)
    scores = labels + rng.normal(size=80)
    trace = precision_recall_figure({"one": precision_recall_curve(scores, labels)}).data[0]
    # First to the new precision, then along: each step has its right end's height
    assert trace.line.shape == "vh"
    area = np.sum(np.diff(trace.x) * np.asarray(trace.y)[1:])
    assert area == pytest.approx(average_precision_score(labels, scores))


def test_long_curves_are_thinned_but_stay_in_place():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 20_000)
    curve = roc_curve(labels + rng.normal(size=40_000), labels)
    trace = roc_figure({"one": curve}).data[0]
    assert len(trace.x) <= 300
    assert (trace.x[0], trace.y[0], trace.x[-1], trace.y[-1]) == (0, 0, 1, 1)
    gap = np.abs(np.interp(curve.x, trace.x, trace.y) - curve.y).max()
    # The curve has length 2 between its corners, cut into 299 pieces; one step is 5e-5
    assert gap < 2 / 299 + 1e-4


def test_static_panels_stand_side_by_side_with_the_same_data(panel, inside, printed):
    curves = {
        "pro": {"one": CURVE},
        "roc": {"one": CURVE, "two": UNDEFINED},
        "precision_recall": {"one": CURVE},
    }
    figure = curves_static(curves, areas={"pro": {"one": 0.5}}, limit=0.2, title="brick " * 60)
    assert [axes.get_label() for axes in figure.axes] == ["roc", "precision_recall", "pro"]
    for key in curves:
        (line,) = [line for line in panel(figure, key).lines if line.get_label().startswith("one")]
        np.testing.assert_array_equal(line.get_xdata(), X)
        np.testing.assert_array_equal(line.get_ydata(), Y)
    (shade,) = panel(figure, "pro").patches
    assert (shade.get_x(), shade.get_width()) == (0, 0.2)
    assert panel(figure, "precision_recall").lines[0].get_drawstyle() == "steps"
    assert {"one · PRO 0.500", "area up to 0.2", "two · undefined"} <= set(
        printed(figure).split("\n")
    )
    inside(figure)


def test_static_legends_with_long_names_stay_below_their_panel(inside):
    longest = (
        "PaDiM, 100 random dimensions of layers 1, 2 and 3 (seed 0), as for the last three products"
    )
    names = [
        longest,
        "reverse distillation, teacher wide_resnet50_2, 200 epochs",
        "PatchCore (coreset 1 %)",
        "SPADE",
    ]
    named = dict.fromkeys(names, CURVE)
    areas = dict.fromkeys(names, 0.98765)
    kinds = ("roc", "precision_recall", "pro")
    inside(curves_static(dict.fromkeys(kinds, named), areas=dict.fromkeys(kinds, areas)))
    texts = (
        curves_static({"roc": named}, areas={"roc": areas}).axes[0].get_legend_handles_labels()[1]
    )
    assert all("AUROC 0.988" in text for text in texts), (
        "a number is not cut off, nor separated from its name"
    )
    inside(curves_static({"roc": named}, areas={"roc": areas}, title="one panel " * 20))


def test_static_draws_only_what_there_is():
    assert [axes.get_label() for axes in curves_static({"pro": {"one": CURVE}}).axes] == ["pro"]


def test_inputs_stay_as_they_were():
    curve = Curve(X.copy(), Y.copy(), CURVE.threshold.copy())
    for draw in FIGURES:
        draw({"one": curve})
    curves_static({"roc": {"one": curve}, "pro": {"one": curve}})
    np.testing.assert_array_equal(curve.x, X)
    np.testing.assert_array_equal(curve.y, Y)
    np.testing.assert_array_equal(curve.threshold, CURVE.threshold)


@pytest.mark.parametrize("draw", FIGURES)
def test_no_curve_is_an_error(draw):
    with pytest.raises(ValueError, match="at least one name -> Curve, got none"):
        draw({})


@pytest.mark.parametrize("limit", [0.0, 1.5, np.nan])
def test_impossible_limits(limit):
    with pytest.raises(ValueError, match=rf"limit must lie in \(0, 1\], .*got {limit}"):
        pro_figure({"one": CURVE}, limit=limit)
    with pytest.raises(ValueError, match="limit must lie in"):
        curves_static({"pro": {"one": CURVE}}, limit=limit)


def test_other_errors():
    with pytest.raises(ValueError, match=r"prevalence must lie in 0..1, got 2"):
        precision_recall_figure({"one": CURVE}, prevalence=2)
    with pytest.raises(ValueError, match=r"must map some of .*got \('aupr',\)"):
        curves_static({"aupr": {"one": CURVE}})
    with pytest.raises(ValueError, match=r"must map some of .*got \(\)"):
        curves_static({})
    with pytest.raises(ValueError, match="got none"):
        curves_static({"roc": {}})


def test_a_name_has_one_colour_in_all_panels_with_hover_and_on_paper():
    curves = {"roc": {"one": CURVE, "two": CURVE}, "pro": {"two": CURVE}}
    chart = curves_chart(curves)
    assert chart.figure.data[1].line.color == chart.figure.data[2].line.color
    assert chart.figure.data[0].line.color != chart.figure.data[1].line.color
    assert [trace.legend for trace in chart.figure.data] == ["legend", "legend", "legend2"]
    drawn = [line for axes in chart.static().axes for line in axes.lines]
    colours = [line.get_color() for line in drawn if line.get_label() == "two"]
    assert colours == [chart.figure.data[1].line.color] * 2
