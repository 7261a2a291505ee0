"""Intervals of differences: what images add up to, pairs of cells, and the verdicts they give."""

import dataclasses

import numpy as np
import pytest

from adviz import DN2, SPADE, PatchCore, sweep, tables
from adviz.tables.cell_results import FilledCell
from adviz.tables.claims import CheckedInequality, Inequality
from adviz.tables.intervals import _values, interval
from adviz.tables.paper_values import ValueKey
from adviz.tables.table import Cell


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return the results of two detectors on a few images of two categories."""
    like = sweep.Experiment("demo", "", SPADE(), geometry=tables.reduced().geometry(64, crop=True))
    like = dataclasses.replace(like, every=3, shots=8)
    detectors = {"spade": SPADE(k_images=5), "patchcore": PatchCore(coreset=0.05)}
    folder = tmp_path_factory.mktemp("results")
    return {
        name: sweep.run(sweep.grid("demo", ["mesh", "hex_nut"], [one], like=like), folder).results
        for name, one in detectors.items()
    }


def filled(results, metric="image_auroc", variant="", unit="%"):
    experiments = tuple(result.experiment for result in results)
    cell = Cell("mvtec_ad", "average", "", variant, metric, 0, 0, unit, "", experiments=experiments)
    return FilledCell(cell, 0, 0, 1, tuple(results), 0)


@pytest.mark.parametrize(
    ("metric", "stored"),
    [
        ("image_auroc", "image_auroc"),
        ("pixel_auroc", "pixel_auroc"),
        ("pro", "pro"),
        ("pro", "pro_per_image"),
    ],
)
def test_the_images_as_they_are_give_the_metric(results, metric, stored):
    for result in [*results["spade"], *results["patchcore"]]:
        once = np.ones((1, len(result.images["labels"])))
        (value,) = _values(result, filled([result], metric), stored, once)
        assert value == pytest.approx(100 * result.metrics[stored], abs=1e-9)


@pytest.mark.parametrize(
    ("variant", "stored"),
    [("errors=false_positive", "false_positives"), ("errors=false_negative", "false_negatives")],
)
def test_errors_are_counted_at_the_threshold_of_the_result(results, variant, stored):
    for result in results["spade"]:
        once = np.ones((1, len(result.images["labels"])))
        one = filled([result], "misclassified", variant, "count")
        assert _values(result, one, "misclassified", once) == result.metrics[stored]
        one = filled([result], "full_recall", unit="count")
        found = _values(result, one, "full_recall", once)
        assert found == result.metrics["false_positives_at_full_recall"]


def test_a_cell_differs_from_itself_by_nothing(results):
    one = filled(results["spade"])
    assert interval(one, one, "image_auroc") == (0, 0)


def test_the_interval_is_that_of_the_bootstrap_of_differences(results):
    """`tables.statistics.differences` draws the same images by another generator."""
    left = filled(results["patchcore"])
    right = filled(results["spade"])
    low, high = interval(left, right, "image_auroc", draws=4000)
    summary = tables.statistics.differences(results["spade"], results["patchcore"], draws=4000)
    row = summary.to_frame().loc["mean"]
    assert low == pytest.approx(row["low"], abs=1.5)
    assert high == pytest.approx(row["high"], abs=1.5)
    assert low < row["after"] - row["before"] < high


def test_seeds_widen_the_interval(results):
    """Two seeds that are far apart: their mean could be either."""
    (one, _) = results["spade"]
    other = dataclasses.replace(
        one, images=one.images | {"scores": [-score for score in one.images["scores"]]}
    )
    narrow = interval(filled([one]), 50.0, "image_auroc")
    wide = interval(filled([one, other]), 50.0, "image_auroc")
    assert wide[1] - wide[0] > narrow[1] - narrow[0]


def test_what_has_no_values_by_image_has_no_interval(results):
    times = filled(results["spade"], "time_s", unit="s")
    assert interval(times, times, "time_s") is None
    old = [dataclasses.replace(result, regions={}) for result in results["spade"]]
    assert interval(filled(old, "pro"), 90.0, "pro") is None
    bare = [dataclasses.replace(result, images={}) for result in results["spade"]]
    assert interval(filled(bare), 90.0, "image_auroc") is None
    lacking = dataclasses.replace(filled(results["spade"]), missing=1)
    assert interval(lacking, 90.0, "image_auroc") is None


def test_cells_of_other_images_have_no_interval(results):
    left, right = results["spade"]
    assert interval(filled([left]), filled([right]), "image_auroc") is None


@pytest.mark.parametrize(
    ("sign", "margin", "between", "expected"),
    [
        (">", 0, (0.5, 2), True),
        (">", 0, (-0.5, 2), None),
        (">", 0, (-2, -0.5), False),
        (">", 0, (0, 0), None),
        ("<", 0, (-2, -0.5), True),
        ("≈", 1, (-0.5, 0.9), True),
        ("≈", 1, (-0.5, 1.1), None),
        ("≈", 1, (-2, 2), None),
        ("≈", 1, (1.1, 2), False),
        ("≥", 1, (-0.9, 3), True),
        ("≥", 1, (-1.1, 3), None),
        ("≥", 1, (-3, -1.1), False),
    ],
)
def test_an_inequality_holds_where_all_of_the_interval_says_so(sign, margin, between, expected):
    key = ValueKey("average", "SPADE", "", "image_auroc")
    inequality = Inequality(key, sign, None, margin, 90)
    middle = sum(between) / 2
    assert CheckedInequality(inequality, 90 + middle, 90, between).holds is expected


def test_a_claim_says_its_interval(tmp_path):
    setting = tables.reduced(("mesh",), every=4, scale=0.25)
    claims = tables.plan_claims("spade", setting, keys=["retrieval"])
    checked = claims.check(sweep.run(claims.experiments, tmp_path).results)
    assert " to " in checked["retrieval"].ours
    assert "95 % interval" in repr(checked)


def test_dn2_has_no_pixels(tmp_path):
    geometry = tables.reduced().geometry(64, crop=True)
    like = sweep.Experiment("demo", "", DN2(), geometry=geometry, every=6, shots=4)
    (result,) = sweep.run(sweep.grid("demo", ["mesh"], [DN2()], like=like), tmp_path).results
    assert interval(filled([result], "pixel_auroc"), 90.0, "pixel_auroc") is None
    assert interval(filled([result]), 90.0, "image_auroc") is not None
