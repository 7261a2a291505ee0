"""Public functions take tensors, lists and columns of a table as arrays, or refuse them."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from adviz import (
    DN2,
    SPADE,
    Features,
    Neighbors,
    PaDiM,
    PatchCore,
    Prediction,
    ReverseDistillation,
    calibrate,
    ensemble,
    evaluate,
    metrics,
    plots,
)
from adviz._support.arrays import as_numpy
from adviz.core import coreset, maps, neighbors
from adviz.data import Geometry, Split

RNG = np.random.default_rng(0)
SCORES, LABELS = RNG.random(12), np.arange(12) % 2
MAPS = RNG.random((4, 16, 16)).astype(np.float32)
MASKS = np.zeros((4, 16, 16), bool)
MASKS[1:, 3:8, 3:8] = True
ROWS = RNG.random((50, 6)).astype(np.float32)
IMAGE = RNG.integers(0, 256, (16, 16, 3), dtype=np.uint8)
SPLIT = Split.from_arrays(
    np.zeros((12, 16, 16), np.uint8), LABELS, geometry=Geometry(16, crop=False)
)


def tensor(array):
    return torch.from_numpy(array.copy())


def with_gradient(array):
    made = tensor(array)
    return made.requires_grad_() if made.is_floating_point() else made


def column(array):
    """A column whose index is not the place, for what is one: (N,)."""
    return pd.Series(array, index=np.arange(len(array)) + 7) if array.ndim == 1 else tensor(array)


FORMS = {
    "list": np.ndarray.tolist,
    "tensor": tensor,
    "with a gradient": with_gradient,
    "column": column,
}
CALLS = {
    **{
        name: (getattr(metrics, name), (SCORES, LABELS))
        for name in (
            "auroc",
            "average_precision",
            "false_positives_at_full_recall",
            "f1_threshold",
            "full_recall_threshold",
        )
    },
    **{
        name: (getattr(metrics, name), (SCORES, LABELS))
        for name in ("perfect", "precision_recall_curve", "roc_curve")
    },
    "differences": (
        lambda one, other, labels: metrics.auroc_differences(one, other, labels),
        (SCORES, -SCORES, LABELS),
    ),
    **{
        name: (getattr(metrics, name), (MAPS, MASKS))
        for name in (
            "auroc_and_pro",
            "pixel_metrics",
            "pro",
            "pro_curve",
            "pro_with_reason",
            "region_curves",
        )
    },
    "regions": (metrics.regions, (MASKS,)),
    "undefined_reason": (metrics.undefined_reason, (np.zeros(3),)),
    "resize": (lambda values: maps.resize(values, (8, 8)), (MAPS,)),
    "resize by area": (lambda values: maps.resize(values, (8, 8), "area"), (MAPS,)),
    "smooth": (maps.smooth, (MAPS,)),
    "smooth by nothing": (lambda values: maps.smooth(values, 0), (MAPS,)),
    "k_center_greedy": (lambda rows: coreset.k_center_greedy(rows, 5)[0], (ROWS,)),
    "capped": (
        lambda rows, cap: coreset.k_center_greedy(rows, 5, cap=cap)[0],
        (ROWS, np.arange(50.0) + 1),
    ),
    "anchor_distance": (lambda rows: coreset.anchor_distance(rows, 0), (ROWS,)),
    "project": (lambda rows: coreset.project(rows, 3, 0), (ROWS,)),
    "coverage": (
        lambda rows, order: coreset.coverage(rows, order, [1, 2]),
        (ROWS, np.array([0, 3])),
    ),
    "covering_radius": (
        lambda rows, order: coreset.covering_radius(rows, order, [1, 2]),
        (ROWS, np.array([0, 3])),
    ),
    "principal_plane": (lambda rows: coreset.principal_plane(rows)[0], (ROWS,)),
    "to_grid": (lambda rows: coreset.to_grid(rows)[0], (ROWS,)),
    "learn_proxies": (lambda rows: coreset.learn_proxies(rows, 4, seed=0)[0], (ROWS,)),
    "nearest": (lambda query, bank: neighbors.nearest(query, bank, 2), (ROWS[:5], ROWS)),
    "prefixes": (
        lambda query, bank: neighbors.nearest_in_prefixes(query, bank, [2, 5]),
        (ROWS[:5], ROWS),
    ),
    "ensemble": (lambda score: ensemble([Prediction(score)]).score, (SCORES,)),
    "calibrate": (lambda score: calibrate(Prediction(score), SPLIT).value, (SCORES,)),
    "evaluate": (lambda score: evaluate(Prediction(score), SPLIT).image_auroc, (SCORES,)),
    "heat": (lambda values: plots.heat(values, (0.0, 1.0)), (MAPS[0],)),
    "signed_heat": (lambda values: plots.signed_heat(values, (-1.0, 1.0)), (MAPS[0],)),
    "shared_limits": (plots.shared_limits, (MAPS,)),
}


def numbers(found):
    """Return all numbers and texts of a result, one after the other."""
    if hasattr(found, "__dataclass_fields__"):
        found = [getattr(found, name) for name in found.__dataclass_fields__]
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, tuple | list):
        return [number for part in found for number in numbers(part)]
    return [found] if isinstance(found, str) or found is None else np.ravel(found).tolist()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CALLS)
def test_numbers_in_any_form_give_what_arrays_give(name, form):
    call, arrays = CALLS[name]
    assert numbers(call(*[FORMS[form](array) for array in arrays])) == pytest.approx(
        numbers(call(*arrays)), nan_ok=True
    )


LIMITS = (0.0, 1.0)
PICTURES = {
    "anomaly_row": lambda i, m, a: plots.anomaly_row(i, m, a, limits=LIMITS, threshold=0.5),
    "anomaly_rows": lambda i, m, a: plots.anomaly_rows([i, i], [m, None], [a, a], limits=LIMITS),
    "comparison_row": lambda i, m, a: plots.comparison_row(
        i, m, {"one": a}, limits={"one": LIMITS}
    ),
    "contact_sheet": lambda i, m, a: plots.contact_sheet([i, i]),
    "overlay": lambda i, m, a: plots.overlay(i, a, limits=LIMITS),
    "outlined": lambda i, m, a: plots.outlined(i, m),
    "region_fill": lambda i, m, a: plots.region_fill(i, m, m),
    "layer_row": lambda i, m, a: plots.layer_row(
        i, m, {"one": a}, a, layer_limits=LIMITS, limits=LIMITS
    ),
    "neighbor_strip": lambda i, m, a: plots.neighbor_strip(i, [i], a[0][:1]),
    "patch_strip": lambda i, m, a: plots.patch_strip(
        i, (1, 1, 5, 5), [i], [(1, 1, 5, 5)], a[0][:1]
    ),
    "groups": lambda i, m, a: plots.picture_groups([[plots.Picture(i, None, m)]], ["n"], ["c"]),
}
CHARTS = {
    "loss_curve": lambda x: plots.loss_curve(x),
    "score_histogram": lambda x: plots.score_histogram(x, list(LABELS)),
    "score_histogram_of_tensors": lambda x: plots.score_histogram(x, tensor(LABELS)),
    "score_scatter": lambda x: plots.score_scatter(x, x, LABELS.tolist(), names=("one", "other")),
    "score_strip": lambda x: plots.score_strip(x, ["good", "bad"] * 6),
    "score_strip_static": lambda x: plots.score_strip_static(x, ["good", "bad"] * 6),
    "histogram_sheet": lambda x: plots.histogram_sheet({"one": (x, LABELS)}),
    "coreset_size_chart": lambda x: plots.coreset_size_chart(
        {"one": (x, x)}, "radius", limits=(1, 10)
    ),
    "panel_grid": lambda x: plots.panel_grid([plots.Panel("x", "y", {"one": plots.Line(x, x)})], 1),
}


def drawn(figure):
    """Return what says whether two figures are alike."""
    if isinstance(figure, np.ndarray):
        return figure.tobytes()
    if isinstance(figure, plots.Chart):
        return figure._repr_mimebundle_()
    return figure.to_json() if hasattr(figure, "to_json") else figure._repr_html_()


@pytest.mark.parametrize("form", [tensor, with_gradient])
@pytest.mark.parametrize("name", PICTURES)
def test_pictures_of_tensors_are_those_of_arrays(name, form):
    arrays = IMAGE, MASKS[1], MAPS[1]
    expected = drawn(PICTURES[name](*arrays))
    assert drawn(PICTURES[name](*[form(array) for array in arrays])) == expected
    assert drawn(PICTURES[name](Image.fromarray(IMAGE), *arrays[1:])) == expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CHARTS)
def test_charts_of_numbers_in_any_form_are_those_of_arrays(name, form):
    assert drawn(CHARTS[name](FORMS[form](SCORES))) == drawn(CHARTS[name](SCORES))


def test_lists_in_place_of_an_image_are_refused_in_words():
    with pytest.raises(ValueError, match=r"image must hold uint8 values 0\.\.255, got dtype int64"):
        plots.overlay(IMAGE.tolist(), MAPS[0], limits=LIMITS)


# predictions


@pytest.mark.parametrize("form", FORMS)
def test_a_prediction_holds_arrays_whatever_it_is_made_of(form):
    found = Prediction(
        FORMS[form](SCORES[:4]), FORMS[form](MAPS), {"one": FORMS[form](MAPS[:, :2])}
    )
    index = np.zeros((4, 2, 2, 1), int)
    near = Neighbors(*[FORMS[form](array) for array in (np.ones(index.shape), index, index)])
    for values, expected in (
        (found.score, SCORES[:4]),
        (found.anomaly_map, MAPS),
        (found.layer_maps["one"], MAPS[:, :2]),
    ):
        assert type(values) is np.ndarray
        np.testing.assert_allclose(values, expected)
    assert near.image.dtype == int
    assert repr(near) == "Neighbors(4 images, 2x2 locations, 1 each, by distance)"


def test_a_prediction_keeps_floats_and_makes_floats_of_the_rest(tmp_path):
    for dtype, expected in (
        ("f2", "f2"),
        ("f4", "f4"),
        (">f8", ">f8"),
        ("i8", "f8"),
        ("u1", "f8"),
        ("?", "f8"),
    ):
        assert Prediction(np.ones(3, dtype)).score.dtype == np.dtype(expected)
    assert Prediction(torch.ones(3, dtype=torch.bfloat16)).score.dtype == np.float32
    assert np.shares_memory(Prediction(SCORES[:4], MAPS).anomaly_map, MAPS)
    found = Prediction(
        score=torch.ones(4, requires_grad=True),
        anomaly_map=torch.ones(4, 1, 16, 16),
        ids=pd.Series(list("abcd")),
    )
    assert found.anomaly_map.shape == (4, 16, 16)
    assert Prediction(pd.array([0.5, 1], dtype="Float64")).score.tolist() == [0.5, 1.0]
    found.save(tmp_path / "prediction.adviz")
    assert Prediction.load(tmp_path / "prediction.adviz").score.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"score": torch.zeros(2, 1)},
            ValueError,
            r"score must have shape \(N,\).*: give score\[:, 0\]",
        ),
        ({"score": ["low", "high"]}, TypeError, "score must be real numbers, got a list of <U4"),
        ({"score": [0.1, None]}, ValueError, "score must be finite"),
        (
            {"score": [[0.1], [0.1, 0.2]]},
            TypeError,
            "score must be numbers: expected an array, a tensor or a list",
        ),
        (
            {"score": [0.1, float("inf")]},
            ValueError,
            "finite, got NaN or infinity for 1 images, first number 1",
        ),
        ({"score": np.ones(2, complex)}, TypeError, "real numbers, got a ndarray of complex128"),
        ({"score": 0.5}, ValueError, r"score must have shape \(N,\)"),
        (
            {"anomaly_map": np.full((2, 4, 4), np.nan)},
            ValueError,
            "anomaly_map must be finite, .* 2 images, first number 0",
        ),
        (
            {"anomaly_map": torch.ones(2, 3, 4, 4)},
            ValueError,
            r"anomaly_map must have shape \(2, height, width\)",
        ),
        (
            {"anomaly_map": torch.ones(4, 4)},
            ValueError,
            r"anomaly_map must have shape \(2, height, width\)",
        ),
        ({"segmented": [True]}, ValueError, r"segmented must have shape \(2,\)"),
    ],
)
def test_what_is_no_prediction_is_refused_at_its_door(change, error, message):
    with pytest.raises(error, match=message):
        Prediction(**{"score": [0.0, 1.0], **change})


@pytest.mark.parametrize(
    "labels", [np.array(["good", "bad"] * 6), ["good", "bad"] * 6, pd.Series(["ok", None] * 6)]
)
def test_labels_in_words_are_refused_with_what_to_write(labels):
    with pytest.raises(
        ValueError,
        match=r"labels must hold 0 .normal. and 1 .anomalous. only, got .*: compare, labels ==",
    ):
        metrics.auroc(SCORES, labels)


# features


@pytest.mark.parametrize("form", ["list", "tensor", "with a gradient"])
def test_features_of_tensors_are_those_of_arrays(form):
    values = RNG.random((6, 3, 4, 4)).astype(np.float32)
    expected, found = (
        Features({"one": given}, image_size=(16, 16)) for given in (values, FORMS[form](values))
    )
    np.testing.assert_array_equal(found["one"], expected["one"])
    score = PatchCore(layers=("one",), coreset=0.5).fit(expected).predict(found).score
    assert score == pytest.approx(np.zeros(6), abs=1)
    assert (
        Features({"one": torch.ones(2, 1, 4, 4, dtype=torch.bfloat16)}, image_size=(8, 8))[
            "one"
        ].dtype
        == np.float32
    )
    assert (
        Features({"one": np.ones((2, 1, 4, 4), int)}, image_size=(8, 8))["one"].dtype == np.float32
    )


def test_what_are_no_features_is_refused_at_the_door():
    with pytest.raises(
        TypeError, match=r"layers must map names to \(N, C, h, w\) arrays, got a ndarray"
    ):
        Features(np.zeros((2, 1, 4, 4)), image_size=(8, 8))
    with pytest.raises(TypeError, match="layers must hold real numbers, got <U1 in one"):
        Features({"one": [[[["a"]]]]}, image_size=(8, 8))
    with pytest.raises(ValueError, match="arrays of one N"):
        Features({"one": np.float32(3)}, image_size=(8, 8))


@pytest.mark.parametrize("detector", [DN2, SPADE, PaDiM, PatchCore, ReverseDistillation])
@pytest.mark.parametrize(
    "given", [SPLIT, {"layer1": MAPS[None]}, MAPS[None], torch.ones(1, 3, 8, 8), [IMAGE], None]
)
def test_detectors_say_what_they_are_given_in_place_of_features(detector, given):
    kind = type(given).__name__
    message = (
        r"expected Features, as backbone\.extract\(split\) returns them, or Features\("
        rf".*got a {kind}"
    )
    with pytest.raises(TypeError, match=message):
        detector().fit(given)


def test_what_numpy_cannot_hold_is_named():
    assert as_numpy(torch.ones(2, dtype=torch.bfloat16)).dtype == np.float32
    assert as_numpy([torch.ones(2), torch.zeros(2, requires_grad=True)]).tolist() == [
        [1, 1],
        [0, 0],
    ]
    with pytest.raises(
        TypeError, match=r"expected an array, a tensor or a list of numbers, got a list"
    ):
        as_numpy([[1], [1, 2]])


def test_arrays_of_objects_that_are_numbers_are_numbers():
    """What a nullable column of pandas gives: pd.array([1, 2]).to_numpy() holds Python objects."""
    assert as_numpy(np.array([1, 2.5], dtype=object)).tolist() == [1.0, 2.5]
    scores, labels = SCORES.astype(object), LABELS.astype(object)
    assert metrics.auroc(scores, labels) == metrics.auroc(SCORES, LABELS)
    assert Prediction(score=scores).score.dtype == np.float64
    with pytest.raises(TypeError, match="real numbers"):
        metrics.auroc(np.array(["a", 1], dtype=object), [0, 1])


def test_half_precision_points_are_those_of_single_precision():
    """Every float16 is a float32, so that nothing may change."""
    half = ROWS.astype(np.float16)
    found, wanted = (
        coreset.k_center_greedy(points, 5) for points in (half, half.astype(np.float32))
    )
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
