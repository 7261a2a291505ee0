"""Figures: the right experiments, the right numbers at the right places, the right images."""

import dataclasses

import numpy as np
import published_trees
import pytest
from made_rows import made_row

import standin_campus
from adviz import ConventionalDistillation, PaDiM, PatchCore, coreset, sweep, tables
from adviz.sweep import Experiment
from adviz.tables.figures import coreset_example, pictures
from adviz.tables.figures.contents import CONTENTS
from adviz.tables.setting import MVTEC

SMALL = dataclasses.replace(tables.reduced(("bottle", "mesh"), every=6, scale=0.3), seeds=(0,))
ALL = [(name.paper, name.table) for name in tables.FIGURES]
LABELS = np.repeat([0, 1], (4, 4))


def panel(figure, label):
    (found,) = [axes for axes in figure.axes if axes.get_label() == label]
    return found


def lines(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


@pytest.mark.parametrize(("paper", "figure"), ALL)
def test_every_figure_has_its_experiments_on_any_data(paper, figure):
    plan = tables.plan_figure(paper, figure)
    shown = CONTENTS[paper, figure]
    assert {one.data for one in plan.experiments} <= {"mvtec", "stc"}
    categories = {one.category for one in plan.experiments if one.data == "mvtec"}
    assert categories in (set(), set(MVTEC)) or (shown.few and len(categories) == 4)
    assert {one.category for one in plan.experiments if one.data == "stc"} == (
        {"01"} if shown.scene else set()
    )
    small = tables.plan_figure(paper, figure, SMALL)
    assert {one.category for one in small.experiments} in (set(), {"bottle", "mesh"})
    assert bool(small.experiments) == ((paper, figure) != ("patchcore", "3"))
    assert str(plan.name) in repr(plan)
    if small.experiments:
        with pytest.raises(ValueError, match=r"run plan\.experiments first"):
            small.draw([made_row(Experiment("demo", "other", PaDiM()))])


def test_an_unknown_figure_is_named_with_those_there_are():
    with pytest.raises(ValueError, match=r"patchcore: 1, 3, 4, .*S6; rd: 1, 5, .*, got 'spade', 9"):
        tables.plan_figure("spade", 9)


def test_the_lines_that_the_figures_vary():
    local = [
        one.detector
        for one in tables.plan_figure("patchcore", 4).experiments
        if one.category == "bottle"
    ]
    assert sorted({one.patch_size for one in local if one.layers == (8, 16)}) == [1, 3, 5, 7, 9]
    assert {one.layers for one in local if one.patch_size == 3} == {
        (4,),
        (8,),
        (16,),
        (4, 8),
        (8, 16),
        (4, 8, 16),
    }
    assert len(local) == 10  # the default is in both
    budgets = [
        one for one in tables.plan_figure("patchcore", "S6").experiments if one.category == "bottle"
    ]
    kinds = {(one.detector.sampler, one.weights) for one in budgets if one.detector.coreset < 1}
    assert kinds == {
        ("greedy", "published"),
        ("random", "published"),
        ("proxies", "published"),
        ("greedy", "random"),
    }
    assert {one.detector.coreset for one in budgets} == {1.0, 0.5, 0.25, 0.1, 0.01, 0.001}
    sizes = {
        (one.geometry.size, one.detector.patch_size)
        for one in tables.plan_figure("patchcore", "S4").experiments
    }
    assert sizes == {(224, 3), *((size, p) for size in (288, 360, 448) for p in (3, 5, 7, 9))}
    assert {one.geometry.crop for one in tables.plan_figure("patchcore", "S4").experiments} == {
        True
    }
    assert set(tables.plan_figure("patchcore", "S3").experiments) < set(
        tables.plan("patchcore", "S1").experiments
    )
    assert set(tables.plan_figure("patchcore", 6).experiments) == set(
        tables.plan("patchcore", "S5").experiments
    )


def test_samplers_are_drawn_at_their_budgets_and_meet_at_the_whole_bank():
    plan = tables.plan_figure("patchcore", "S6", SMALL)
    order = {"greedy": 0.0, "random": 0.2, "proxies": 0.4}
    rows = [
        made_row(
            one,
            image_auroc=order[one.detector.sampler]
            + one.detector.coreset / 10
            + 0.02 * (one.category == "mesh"),
        )
        for one in plan.experiments
        if one.weights == "published"
    ]
    drawn = lines(panel(plan.draw(rows).static(), "panel 0"))
    assert list(drawn["random"].get_xdata()) == [0.1, 1, 10, 25, 50, 100]
    # The mean over both categories
    np.testing.assert_allclose(drawn["random"].get_ydata()[:2], [21.01, 21.1])
    np.testing.assert_allclose(
        drawn["learned proxies"].get_ydata()[-1], drawn["greedy coreset"].get_ydata()[-1]
    )
    assert list(drawn["learned proxies"].get_xdata()) == [0.1, 1, 10, 100]
    assert len(drawn["greedy coreset, untrained network"].get_xdata()) == 0  # no rows yet


def test_neighbourhoods_and_levels_are_drawn_with_their_spread():
    plan = tables.plan_figure("patchcore", 4, dataclasses.replace(SMALL, seeds=(0, 1)))
    rows = [
        made_row(
            one,
            image_auroc=(one.detector.patch_size + one.seed) / 100,
            pixel_auroc=len(one.detector.layers) / 10,
        )
        for one in plan.experiments
    ]
    figure = plan.draw(rows).static()
    (line,) = lines(panel(figure, "panel 0")).values()
    np.testing.assert_allclose(line.get_data(), ([1, 3, 5, 7, 9], [1.5, 3.5, 5.5, 7.5, 9.5]))
    (bars,) = panel(figure, "panel 0").collections
    np.testing.assert_allclose(
        np.ptp([one[:, 1] for one in bars.get_segments()], axis=1), 2 * np.std([0, 1], ddof=1)
    )
    levels = panel(figure, "panel 3")
    np.testing.assert_allclose(lines(levels).popitem()[1].get_ydata(), [10, 10, 10, 20, 20, 30])
    assert [text.get_text() for text in levels.get_xticklabels()] == [
        "1",
        "2",
        "3",
        "1+2",
        "2+3",
        "1+2+3",
    ]


def test_printed_values_stand_beside_ours_on_the_papers_data():
    plan = tables.plan_figure("patchcore", 6)
    axes = panel(plan.draw([made_row(one) for one in plan.experiments]).static(), "panel 0")
    printed = tables.values("patchcore", "S5").query(
        "method == 'SPADE' and metric == 'image_auroc'"
    )["value"]
    hollow = [
        line for line in axes.lines if line.get_label() == "_printed" and line.get_marker() == "o"
    ]
    np.testing.assert_array_equal(np.sort(hollow[0].get_ydata()), np.sort(printed))
    assert "DifferNet" in lines(axes)
    elsewhere = tables.plan_figure("patchcore", 6, SMALL)
    axes = panel(
        elsewhere.draw([made_row(one) for one in elsewhere.experiments]).static(), "panel 0"
    )
    assert "DifferNet" not in lines(axes)
    assert lines(axes)["SPADE"].get_xdata().tolist() == [1, 5, 16]
    assert np.isnan(
        np.concatenate([one.get_ydata() for one in axes.lines if one.get_label() == "_printed"])
    ).all()


def hovered(chart, name, panel=1):
    """Return the x, y and texts of a line of a chart with hover."""
    axis = "x" if panel == 1 else f"x{panel}"
    (trace,) = [one for one in chart.figure.data if one.name == name and one.xaxis == axis]
    return list(trace.x), list(trace.y), [text.split("<br>") for text in trace.text]


def test_a_chart_says_method_setting_value_seeds_and_what_is_printed():
    setting = dataclasses.replace(SMALL, seeds=(0, 1))
    plan = tables.plan_figure("patchcore", 4, setting)
    rows = [made_row(one, image_auroc=(90 + one.seed) / 100) for one in plan.experiments]
    chart = plan.draw(rows)
    x, y, texts = hovered(chart, "PatchCore, 10 % of the patches")
    assert (x, y) == ([1, 3, 5, 7, 9], [90.5] * 5)
    assert texts[2][1:3] == [
        "side p of the neighbourhood, patches: 5",
        "image AUROC, %: 90.5 ± 0.71",
    ]
    side = min(plan.experiments[0].geometry.shape)
    expected = (
        f"coreset 10 %, p = 5, strides 8+16, {side} px, efficientnet_lite0, 2 categories, 2 seeds"
    )
    assert " ".join(texts[2][3:]) == expected
    _, _, levels = hovered(chart, "PatchCore, 10 % of the patches", panel=3)
    assert levels[3][1] == "hierarchy levels: 1+2"
    assert "strides 4+8," in " ".join(levels[3])

    plan = tables.plan_figure("patchcore", "S6", SMALL)
    chart = plan.draw([made_row(one) for one in plan.experiments])
    _, _, texts = hovered(chart, "random")
    assert "random, p = 3" in " ".join(texts[0])
    _, _, texts = hovered(chart, "greedy coreset, untrained network")
    assert "efficientnet_lite0 untrained" in " ".join(texts[0])

    plan = tables.plan_figure("patchcore", 6)
    chart = plan.draw([made_row(one, image_auroc=0.5) for one in plan.experiments])
    printed = tables.values("patchcore", "S5").query(
        "method == 'SPADE' and metric == 'image_auroc' and variant == 'shots=5'"
    )["value"]
    x, _, texts = hovered(chart, "SPADE")
    at_five = texts[x.index(5)]
    assert at_five[2].startswith("image AUROC, %: 50")
    assert at_five[3] == f"printed in the paper: {printed.item():.4g}"
    assert "5 training images, 224 px" in " ".join(at_five)


def test_the_default_is_the_level_line_of_the_resolutions():
    plan = tables.plan_figure("patchcore", "S4", SMALL)
    rows = [made_row(one, pixel_auroc=one.geometry.size / 1000) for one in plan.experiments]
    axes = panel(plan.draw(rows).static(), "panel 1")
    (level,) = [line for line in axes.lines if line.get_label() == "_reference"]
    np.testing.assert_allclose(level.get_ydata(), 6.4)
    np.testing.assert_allclose(lines(axes)["p = 5"].get_data(), ([96, 96, 128], [9.6, 9.6, 12.8]))


def test_curves_errors_and_histograms_come_from_the_rows():
    plan = tables.plan_figure("patchcore", "S3", SMALL)
    rng = np.random.default_rng(0)
    rows = [
        made_row(one, scores=rng.normal(size=8) + LABELS, labels=LABELS) for one in plan.experiments
    ]
    rows = [
        dataclasses.replace(row, metrics=row.metrics | {"false_negatives": 9.0}) for row in rows
    ]
    figure = plan.draw(rows).static()
    (row,) = [
        row
        for row in rows
        if isinstance(row.experiment.detector, PaDiM) and row.experiment.category == "mesh"
    ]
    drawn = panel(figure, "PaDiM roc").lines[1]
    np.testing.assert_array_equal(drawn.get_data(), row.curves["roc"])
    bars = [bar.get_width() for bar in panel(figure, "PaDiM errors").patches]
    found = row.metrics
    assert bars[1::2] == [
        found["false_positives"] + found["false_negatives"],
        found["false_positives_at_full_recall"],
    ]

    plan = tables.plan_figure("rd", 5, dataclasses.replace(SMALL, seeds=(0, 1)))
    rows = [
        made_row(one, scores=rng.normal(size=8) + LABELS, labels=LABELS) for one in plan.experiments
    ]
    assert len(plan.draw(rows[::-1]).static().axes) == 2  # one seed of each category
    names = {str(axes.get_title("left")) for axes in plan.draw(rows[::-1]).static().axes}
    lowest = [row for row in rows if row.experiment.seed == 0]
    first = {f"{row.experiment.category}: AUROC {row.metrics['image_auroc']:.3f}" for row in lowest}
    assert names == first


def test_the_coreset_covers_what_random_points_miss():
    radii = coreset_example.covering_radii()
    for name, points in coreset_example.point_sets().items():
        for sampler, chosen in coreset_example.choices(points).items():
            distance = np.linalg.norm(points[:, None] - points[chosen], axis=2).min(1)
            assert radii[name, sampler] == pytest.approx(distance.max(), rel=1e-12)
            assert len(np.unique(chosen)) == 36
        assert radii[name, "greedy coreset"] < 0.6 * radii[name, "random"]
    figure = tables.plan_figure("patchcore", 3).draw()
    assert len(figure.axes) == 4


def test_the_plain_greedy_loop_of_the_example_is_the_librarys():
    for points in coreset_example.point_sets().values():
        order, radius = coreset.k_center_greedy(points, 36)
        np.testing.assert_array_equal(coreset_example.greedy_coreset(points, 36), order)
        # The library measures on an integer grid
        plain = coreset_example.covering_radius(points, order)
        assert plain == pytest.approx(radius[-1], rel=1e-4)
        np.testing.assert_array_equal(
            coreset_example.choices(points)["random"], coreset.random(len(points), 36, 0)
        )


def test_errors_are_those_on_the_wrong_side_the_worst_first():
    scores = np.array([0.1, 0.9, 0.8, 0.2, 0.75, 0.3, 0.95, 0.99])
    row = made_row(Experiment("demo", "x", PaDiM()), scores=scores, labels=LABELS)
    row.metrics["threshold_f1"] = 0.75
    assert pictures._wrong(row, 0).tolist() == [1, 2]
    assert pictures._wrong(row, 1).tolist() == [5]
    row.metrics["threshold_f1"] = 0.97
    assert pictures._wrong(row, 1).tolist() == [5, 4, 6]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Rows of small experiments on the built-in data, which are in the feature cache."""
    plans = {
        key: tables.plan_figure(*key, SMALL)
        for key in (("patchcore", "S1"), ("patchcore", "S2"), ("spade", "2"))
    }
    folder = tmp_path_factory.mktemp("rows")
    return {key: (plan, sweep.run(plan.experiments, folder).results) for key, plan in plans.items()}


def test_false_alarms_and_misses_are_shown_with_their_maps(swept):
    for key, label in ((("patchcore", "S1"), 0), (("patchcore", "S2"), 1)):
        plan, rows = swept[key]
        of_label = np.array(rows[0].images["scores"])[np.array(rows[0].images["labels"]) == label]
        middle = {"threshold_f1": float(np.median(of_label))}  # so that there are errors
        rows = [dataclasses.replace(rows[0], metrics=rows[0].metrics | middle), rows[1]]
        asked = []

        def predict(experiment, asked=asked):
            asked.append(experiment.category)
            return sweep.predict(experiment)

        figure = plan.draw(rows, predict=predict)
        wrong = [(row, image) for row in rows for image in pictures._wrong(row, label)]
        assert wrong
        # Nothing is done in vain
        assert asked == list(dict.fromkeys(row.experiment.category for row, _ in wrong))
        maps = [axes for axes in figure.axes if axes.get_label().endswith(" map")]
        assert len(maps) == len(wrong)
        row, image = wrong[0]
        category, prediction = sweep.predict(row.experiment)
        expected = prediction.anomaly_map[image] / row.metrics["threshold_f1"]
        np.testing.assert_allclose(maps[0].images[0].get_array(), expected, rtol=1e-5)
        np.testing.assert_array_equal(
            panel(figure, "group 0 image").images[0].get_array(), category.test.image(image)
        )


def test_the_neighbour_is_the_one_that_spade_retrieved_first(swept):
    plan, rows = swept["spade", "2"]
    figure = plan.draw(rows)
    category, prediction = sweep.predict(rows[0].experiment)
    shown = panel(figure, "group 0 anomalous image").images[0].get_array()
    (image,) = [
        i for i in range(len(category.test)) if np.array_equal(category.test.image(i), shown)
    ]
    nearest = prediction.neighbors["image"].image[image, 0, 0, 0]
    neighbor = panel(figure, "group 0 nearest normal image").images[0].get_array()
    np.testing.assert_array_equal(neighbor, category.train.image(nearest))
    mask = panel(figure, "group 0 detected mask").images[0].get_array()[..., 0] > 0
    only = panel(figure, "group 0 detected pixels").images[0].get_array()
    assert mask.any()
    np.testing.assert_array_equal(only[mask], shown[mask])
    assert (only[~mask] == 255).all()
    assert prediction.anomaly_map[image][mask].min() > prediction.anomaly_map[image][~mask].max()


def test_an_object_and_a_texture_are_shown_with_a_scene_of_the_campus(swept, tmp_path):
    plan = tables.plan_figure("spade", 3, SMALL)
    assert set(plan.experiments) == set(swept["spade", "2"][0].experiments)
    rows = swept["spade", "2"][1]
    figure = plan.draw(rows)
    shown = panel(figure, "group 0 anomalous image").images[0].get_array()
    test = sweep.predict(next(r for r in rows if r.experiment.category == "mesh").experiment)[
        0
    ].test
    assert any(np.array_equal(test.image(i), shown) for i in range(len(test)))
    assert not [axes for axes in figure.axes if axes.get_label().startswith("group 1")]

    standin_campus.draw(tmp_path / "stc", frames=60, test_frames=90)
    campus = dataclasses.replace(
        SMALL,
        folders={**SMALL.folders, "stc": "stc"},
        categories={**SMALL.categories, "stc": ("01", "02")},
    )
    plan = tables.plan_figure("spade", 3, campus)
    scenes = [one for one in plan.experiments if one.data == "stc"]
    assert [one.category for one in scenes] == ["01"]
    assert set(scenes) < set(tables.plan("spade", 5, campus).experiments)
    found = sweep.run(scenes, tmp_path / "rows", root=tmp_path).results
    figure = plan.draw([*rows, *found], root=tmp_path)
    shown = panel(figure, "group 1 anomalous image").images[0].get_array()
    test = sweep.predict(scenes[0], tmp_path)[0].test
    assert any(np.array_equal(test.image(i), shown) for i in range(len(test)))


def test_birds_and_flowers_are_shown_where_they_are_at_hand(swept, tmp_path):
    published_trees.cub(tmp_path)
    available = tables.available_setting(root=tmp_path)
    assert available.categories["cub200"] == ("Black_footed_Albatross",)
    few = {**available.categories, "mvtec_ad": ("bottle", "mesh")}
    setting = dataclasses.replace(available, categories=few, scale=0.3)
    plan = tables.plan_figure("spade", 1, setting)
    (bird,) = [one for one in plan.experiments if one.data == "cub200"]
    found = sweep.run([bird], tmp_path / "rows", root=tmp_path).results
    figure = plan.draw(found, root=tmp_path)
    category, prediction = sweep.predict(bird, tmp_path)
    shown = panel(figure, "group 0 anomalous image").images[0].get_array()
    others = np.flatnonzero(category.test.labels)
    assert any(np.array_equal(category.test.image(i), shown) for i in others)
    assert "Laysan_Albatross" in figure_texts(figure)
    least = np.quantile(prediction.anomaly_map[category.test.labels == 0], 0.99)
    assert f"map ≥ {least:.4g}" in figure_texts(figure)
    assert "Which class of them is normal is our choice" in figure_texts(figure)
    assert "our choice" not in figure_texts(swept["spade", "2"][0].draw(swept["spade", "2"][1]))


def test_maps_are_laid_over_the_image_with_the_middle_score(swept):
    by_category = {row.experiment.category: row for row in swept["patchcore", "S1"][1]}
    plan = tables.plan_figure("patchcore", 1, SMALL)
    rows = [by_category[one.category] for one in plan.experiments]
    figure = plan.draw(rows)
    assert len(figure.axes) == 2
    n_detected = 0
    for number, row in enumerate(rows):
        category, prediction = sweep.predict(row.experiment)
        anomalous = np.flatnonzero(category.test.labels == 1)
        middle = anomalous[np.argsort(prediction.score[anomalous])[len(anomalous) // 2]]
        drawn = panel(figure, f"group {number} ").images[0].get_array()
        scores = prediction.anomaly_map[middle]
        usual = np.quantile(prediction.anomaly_map[category.test.labels == 0], 0.99)
        # Grey where the map is low, tinted where it is high
        colourful = np.ptp(drawn.astype(int), axis=2)
        assert (colourful[scores <= usual] == 0).all()
        if scores.max() > 1.1 * usual:
            assert colourful.ravel()[scores.argmax()] > 60
            n_detected += 1
        assert category.test.defects[middle] in figure_texts(figure)
    assert n_detected


def figure_texts(figure):
    return " ".join(text.get_text() for text in figure.texts)


def test_both_directions_of_distillation_are_shown_on_one_image(swept):
    plan = tables.plan_figure("rd", 1, SMALL)
    kinds = {type(one.detector).__name__ for one in plan.experiments}
    assert kinds == {"ConventionalDistillation", "ReverseDistillation"}
    trained = {
        (one.detector.epochs, one.detector.student, one.detector.width) for one in plan.experiments
    }
    assert trained == {(3, "small", 0.5)}  # alike, as the setting has it
    by_category = {row.experiment.category: row for row in swept["patchcore", "S1"][1]}
    rows = [
        dataclasses.replace(by_category[one.category], experiment=one) for one in plan.experiments
    ]

    def predict(experiment):
        """The conventional student's maps are twice the others'."""
        category, prediction = sweep.predict(by_category[experiment.category].experiment)
        factor = 2 if isinstance(experiment.detector, ConventionalDistillation) else 1
        maps = factor * prediction.anomaly_map
        return category, dataclasses.replace(prediction, anomaly_map=maps)

    figure = plan.draw(rows, predict=predict)
    for number in range(2):
        conventional = panel(figure, f"group {number} conventional map").images[0].get_array()
        reverse = panel(figure, f"group {number} reverse map").images[0].get_array()
        np.testing.assert_allclose(conventional, 2 * reverse)
    assert "(conventional)" in figure_texts(figure)
    alone = [row for row in rows if isinstance(row.experiment.detector, ConventionalDistillation)]
    assert "no category has a result of both" in plan.draw(alone).axes[0].texts[0].get_text()


def test_other_images_than_the_rows_are_refused(swept):
    plan, rows = swept["spade", "2"]
    with pytest.raises(ValueError, match="have the data changed"):
        plan.draw(rows, predict=lambda one: sweep.predict(dataclasses.replace(one, every=5)))


def test_defects_by_size(swept):
    plan = tables.plan_figure("rd", 6, SMALL)
    by_category = {row.experiment.category: row for row in swept["patchcore", "S1"][1]}
    rows = [
        dataclasses.replace(by_category[one.category], experiment=one) for one in plan.experiments
    ]

    def predict(experiment):
        return sweep.predict(by_category[experiment.category].experiment)

    for key, pick in (("6", max), ("7", min)):
        figure = tables.plan_figure("rd", key, SMALL).draw(rows, predict=predict)
        for number, row in enumerate(rows):
            test = sweep.predict(by_category[row.experiment.category].experiment)[0].test
            areas = {
                i: test.mask(i).sum()
                for i in range(len(test))
                if test.labels[i] == 1 and test.mask(i).any()
            }
            shown = panel(figure, f"group {number} anomalous").images[0].get_array()
            found = [i for i in areas if np.array_equal(test.image(i), shown)]
            assert areas[found[0]] == pick(areas.values())
    regions = {
        "area": [1, 2, 3, 40, 50, 60, 700, 800, 900],
        "integral": list(np.arange(9) / 10),
        "auroc": [0.5] * 9,
    }
    plan = tables.plan_figure("rd", "6-7", SMALL)
    figure = plan.draw([made_row(one, regions=regions) for one in plan.experiments]).static()
    drawn = lines(panel(figure, "panel 0"))
    assert list(drawn) == ["RD4AD", "PatchCore, coreset=10%", "PaDiM", "SPADE"]
    np.testing.assert_allclose(drawn["PaDiM"].get_ydata(), [10, 40, 70])


def test_a_figure_without_errors_says_so():
    plan = tables.plan_figure("patchcore", "S1", SMALL)
    rows = [made_row(one, scores=LABELS.astype(float), labels=LABELS) for one in plan.experiments]
    figure = plan.draw(rows, predict=lambda _: pytest.fail("not needed"))
    assert "there is no false alarm" in figure.axes[0].texts[0].get_text()


def test_the_numbers_behind_a_figure_are_a_table():
    plan = tables.plan_figure("patchcore", 4)
    frame = plan.compare([made_row(one) for one in plan.experiments]).to_frame()
    default = frame.query("variant == 'coreset=10%' and metric == 'image_auroc'").iloc[0]
    table = (
        tables.values("patchcore", 1)
        .query("variant == 'coreset=10%' and metric == 'image_auroc'")
        .iloc[0]
    )
    assert (default["printed"], default["ours"]) == (table["value"], pytest.approx(90))
    assert frame.query("variant == 'coreset=10%;neighborhood=9'")["printed"].isna().all()
    assert isinstance(plan.experiments[0].detector, PatchCore)
