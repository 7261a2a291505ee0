"""Statistics of rows: against their definitions on small data."""

import dataclasses
import re

import numpy as np
import pytest
from made_rows import made_row

from adviz import DN2, metrics, tables
from adviz.data import Geometry
from adviz.sweep import Experiment
from adviz.tables import statistics

RNG = np.random.default_rng(0)
LABELS = np.repeat([0, 1], (12, 18))


def experiment(category, seed=0, shots=3, k=1):
    return Experiment(
        "demo", category, DN2(k_images=k), geometry=Geometry(100), seed=seed, shots=shots
    )


def scores(shift):
    return RNG.normal(size=30) + shift * LABELS


def rows(categories, shift, seeds=(0,), k=1):
    places = [(category, seed) for category in categories for seed in seeds]
    return [
        made_row(experiment(*place, k=k), scores=scores(shift), labels=LABELS) for place in places
    ]


def test_differences_are_the_paired_bootstrap_of_the_scores():
    before, after = rows(["a"], 0.5), rows(["a"], 2.0, k=3)
    frame = statistics.differences(before, after, draws=4000).to_frame()
    pair = [np.array(row.images["scores"]) for row in (*before, *after)]
    expected = [100 * metrics.auroc(one, LABELS) for one in pair]
    assert frame.loc["a", ["before", "after"]].tolist() == expected
    assert frame.loc["a", "difference"] == expected[1] - expected[0]
    # Another draw of the same
    other = 100 * metrics.auroc_differences(*pair, LABELS, draws=4000, seed=99)
    np.testing.assert_allclose(
        frame.loc["a", ["low", "high"]], np.quantile(other, (0.025, 0.975)), atol=2
    )
    assert frame.loc["a", "better"] == pytest.approx(100 * np.mean(other > 0), abs=2)
    assert frame.loc["mean"].tolist() == frame.loc["a"].tolist()
    assert "DN2 against DN2" in repr(statistics.differences(before, after, draws=9)).replace(
        '.preset("paper")', ""
    )
    assert "K = 3 against K = 1" in repr(
        statistics.differences(before, after, names=("K = 1", "K = 3"), draws=9)
    )


def test_the_mean_over_categories_is_surer_than_one_category():
    frame = statistics.differences(rows("abcdef", 1.0), rows("abcdef", 1.0, k=2)).to_frame()
    width = frame["high"] - frame["low"]
    assert width["mean"] < 0.7 * width[list("abcdef")].mean()  # by about the root of six
    assert frame.loc["mean", "difference"] == pytest.approx(
        frame["difference"][list("abcdef")].mean()
    )


def test_images_are_paired_by_name_and_unlabelled_ones_left_out():
    (before,), (after,) = rows(["a"], 1.0), rows(["a"], 1.5, k=2)
    plain = statistics.differences([before], [after]).to_frame()
    turned = {name: values[::-1] for name, values in after.images.items()}
    shuffled = dataclasses.replace(after, images=turned)
    assert statistics.differences([before], [shuffled]).to_frame().equals(plain)

    def with_unlabelled(row, score):
        more = {"ids": "new.png", "labels": -1, "defects": "unlabelled", "scores": score}
        return dataclasses.replace(
            row, images={name: [*values, more[name]] for name, values in row.images.items()}
        )

    more = statistics.differences([with_unlabelled(before, 99.0)], [with_unlabelled(after, -99.0)])
    assert more.to_frame().equals(plain)


def test_seeds_are_paired_and_averaged():
    before, after = rows(["a"], 1.0, seeds=(0, 1)), rows(["a"], 1.5, seeds=(1, 2), k=2)
    both = statistics.differences(before, after).to_frame()
    one = statistics.differences(before[1:], after[:1]).to_frame()
    assert both.equals(one)
    against_all = statistics.differences(before[:1], after).to_frame()
    assert against_all.loc["a", "after"] == pytest.approx(
        np.mean([100 * row.metrics["image_auroc"] for row in after])
    )


def test_rows_that_cannot_be_compared_are_refused():
    with pytest.raises(ValueError, match=r"same categories, got \['a'\] and \['b'\]"):
        statistics.differences(rows(["a"], 1), rows(["b"], 1))
    (row,) = rows(["a"], 1)
    other = dataclasses.replace(
        row, images={**row.images, "ids": [f"other {i}" for i in range(30)]}
    )
    with pytest.raises(ValueError, match="same test images"):
        statistics.differences([row], [other])
    with pytest.raises(ValueError, match="same seeds"):
        statistics.differences(rows(["a"], 1, seeds=(0, 1)), rows(["a"], 1, seeds=(2, 3)))


def test_errors_are_counted_and_summed():
    methods = {"one": rows("ab", 1.0, seeds=(0, 1)), "<b>": rows("a", 9.0)}
    summary = statistics.errors(methods)
    frame = summary.to_frame()
    for category in "ab":
        each = [row for row in methods["one"] if row.experiment.category == category]
        counts = []
        for row in each:
            found, level = np.array(row.images["scores"]), row.metrics["threshold_f1"]
            low = found[LABELS == 1].min()
            flagged = found >= level
            counts.append([np.sum(flagged & (LABELS == 0)), np.sum(~flagged & (LABELS == 1)), 0])
            counts[-1][2] = np.sum(found[LABELS == 0] >= low)
        assert (
            frame.loc[category, "one"][["FP", "FN", "FP at 100 % recall"]].tolist()
            == np.mean(counts, axis=0).tolist()
        )
    assert frame.loc["all", ("one", "FN")] == frame.loc[["a", "b"], ("one", "FN")].sum()
    assert np.isnan(frame.loc["b", ("<b>", "FP")])
    assert "&lt;b&gt;" in summary._repr_html_()
    assert "<b></th>" not in summary._repr_html_()
    assert "FP at 100 % recall" in repr(summary)


def test_counts_of_one_seed_are_shown_as_integers():
    """They are numbers of images: 38, not 38.0."""
    single, several = (
        statistics.errors({"x": rows("ab", 1.0)}),
        statistics.errors({"x": rows("ab", 1.0, seeds=(0, 1))}),
    )
    frame = single.to_frame()
    assert {str(kind) for kind in frame.dtypes} == {"int64"}
    assert not re.search(r"\d\.0\b", repr(single) + single._repr_html_())
    means = several.to_frame()["x"]["FP"]
    assert (means % 0.5 == 0).all()
    assert np.issubdtype(means.dtype, np.integer) == bool((means % 1 == 0).all())


def test_solved_means_every_seed():
    perfect, good = LABELS.astype(float), scores(1.0)
    made = [
        made_row(experiment("a", 0), scores=perfect, labels=LABELS),
        made_row(experiment("a", 1), scores=good, labels=LABELS),
        made_row(experiment("b", 0), scores=perfect, labels=LABELS),
    ]
    frame = statistics.perfect({"x": made}).to_frame()
    assert frame.loc["x"].tolist() == [1, 2, "b"]
    assert statistics.perfect({"x": made[1:2]}).to_frame().loc["x", "categories"] == "none"


def test_regions_are_put_into_thirds_by_their_share_of_the_image():
    areas = [10, 20, 30, 100, 200, 300, 1000, 2000, 3000]
    regions = {"area": areas, "integral": list(np.arange(9) / 10), "auroc": [0.5] * 9}
    row = made_row(experiment("a"), regions=regions)
    summary = statistics.by_size({"x": [row]})
    frame = summary.to_frame().loc["x"]
    assert frame["regions"].tolist() == [3, 3, 3]
    np.testing.assert_allclose(frame["overlap"], [10, 40, 70])
    np.testing.assert_allclose(frame["overlap ±"], 1.96 * 10 / np.sqrt(3))
    np.testing.assert_allclose(frame["AUROC"], 50)
    assert frame.loc["small", "from"] == 0.1  # % of 100 x 100 pixels
    assert frame.loc["large", "to"] == 30
    # Judged on smaller squares
    smaller = made_row(dataclasses.replace(row.experiment, size=50), regions=regions)
    assert statistics.by_size({"x": [smaller]}).to_frame().loc[("x", "large"), "to"] == 120
    with pytest.raises(ValueError, match="are there masks"):
        statistics.by_size({"x": [made_row(experiment("a"))]})


def test_lines_of_a_filled_table_become_methods():
    plan = tables.plan("patchcore", "S1", tables.reduced(("bottle",)))
    made = [made_row(one) for one in plan.experiments if one.detector.__class__.__name__ != "PaDiM"]
    methods = statistics.by_row(tables.compare(plan, made))
    assert {"SPADE", "PatchCore, coreset=25%", "PatchCore, coreset=1%"} <= set(methods)
    assert not {"PaDiM", "GANomaly"} & set(methods)
    assert [row.experiment.detector.coreset for row in methods["PatchCore, coreset=1%"]] == [0.01]


def test_seeds_that_differ_are_named_where_both_results_depend_on_them():
    before, after = rows(["a"], 0, seeds=(0,)), rows(["a"], 1, seeds=(3,))
    assert "Seeds that differ are compared: 0 and 3." in differences_legend(before, after)
    assert "Seeds that differ" not in differences_legend(before, before)
    free = dataclasses.replace(before[0].experiment, shots=None)  # DN2 of all images
    before = [dataclasses.replace(before[0], experiment=free)]
    assert "Seeds that differ" not in differences_legend(before, after)


def differences_legend(before, after):
    return statistics.differences(before, after, draws=9).legend
