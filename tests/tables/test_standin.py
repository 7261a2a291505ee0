"""All tables of the papers, end to end and unattended, on trees that look like their data."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

import standin
import standin_campus
import standin_tiles
from adviz import sweep, tables
from adviz.tables.methods import OURS, PRESAMPLE
from adviz.tables.setting import MVTEC, ONE_CLASS, OWN_TREES, PROTOCOLS, TEXTURES, TILE

ALL = [(name.paper, name.table) for name in tables.NAMES]
FEW = ("grid", "bottle")  # a grey texture and a coloured object, both oblong
SCENES = ("01", "02")
STUDENT = {"epochs": 1, "student": "small", "width": 0.25, "batch": 2}
# The cheapest lines of tables by category, which are done on all fifteen.
WHOLE = {("spade", "3"): "", ("patchcore", "S1"): "coreset=1%", ("rd", "1"): "image_size=128"}


def setting(categories=FEW):
    """Return the papers' tables in small: 64 pixels, built-in networks, a student of one epoch."""
    return dataclasses.replace(
        tables.reduced(scale=0.25),
        folders={"mvtec_ad": "mvtec", "mnist": "mnist", **{name: name for name in OWN_TREES}},
        categories={
            "mvtec_ad": categories,
            "mnist": ("0", "7"),
            "mtd": TILE,
            "stc": SCENES,
            "mstc": SCENES,
        },
        shots=(1,),
        every=1,
        options={"ReverseDistillation": STUDENT},
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    standin.draw(folder / "mvtec", n_train=4, side=64, odd=True)
    standin.draw_digits(folder / "mnist", n_train=4)
    standin_tiles.draw(folder / "mtd")
    standin_campus.draw(folder / "stc", frames=60)
    return folder


def whole_lines(paper, table):
    """Return the experiments of a line on all categories."""
    cells = tables.plan(paper, table, setting(MVTEC)).cells
    variant = WHOLE[paper, table]
    return [
        one
        for cell in cells
        if cell.method in OURS and cell.variant == variant
        for one in cell.experiments
    ]


@pytest.fixture(scope="module")
def report(root, tmp_path_factory):
    """Everything that the tables need, done once: tables share rows."""
    wanted = [one for name in ALL for one in tables.plan(*name, setting()).experiments]
    wanted += [one for name in WHOLE for one in whole_lines(*name)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADVIZ_CACHE", str(tmp_path_factory.mktemp("cache")))
        return sweep.run(wanted, tmp_path_factory.mktemp("rows"), root=root)


def test_the_tree_is_laid_out_like_mvtec_ad(root):
    assert set(standin.CATEGORIES) == set(MVTEC)
    assert sum(map(len, standin.DEFECTS.values())) == 73
    assert sorted(path.name for path in (root / "mvtec").iterdir()) == sorted(MVTEC)


def test_nothing_is_broken_and_every_category_is_read(report):
    assert not report.broken, report
    assert {row.experiment.category for row in report.results} == {*MVTEC, "0", "7", *TILE, *SCENES}
    flat = [row for row in report.results if row.experiment.data not in OWN_TREES]
    assert {row.facts["n_train"] for row in flat if row.experiment.shots is None} == {4}
    defects = {**standin.DEFECTS, "0": range(9), "7": range(9)}  # all other digits
    assert all(
        len(row.images["labels"]) == 1 + len(defects[row.experiment.category]) for row in flat
    )
    own = {
        (row.experiment.data, row.facts["n_train"], row.facts["n_test"])
        for row in report.results
        if row not in flat
    }
    # a fifth of 10 good tiles beside 5 others; of 2 videos of 60 frames every 55th, or every 5th;
    # every 5th of 15
    assert own == {("mtd", 8, 2 + 5), ("stc", 2 * 2, 3), ("mstc", 2 * 12, 3)}


@pytest.mark.parametrize(("paper", "table"), ALL)
def test_every_cell_of_our_methods_has_a_number_or_a_reason(report, paper, table):
    comparison = tables.compare(tables.plan(paper, table, setting()), report.results)
    assert not comparison.missing
    for one in comparison.filled:
        assert np.isnan(one.ours) == bool(one.cell.reason), one
        known = one.cell.method in OURS and one.cell.category in ("", "average", *FEW)
        if known and one.cell.dataset in ("mvtec_ad", "mnist", *OWN_TREES):
            assert not one.cell.reason or "left out" in one.cell.reason, one


@pytest.mark.parametrize(("paper", "table"), ALL)
def test_every_table_shows_printed_values_and_ours_in_all_formats(report, tmp_path, paper, table):
    comparison = tables.compare(tables.plan(paper, table, setting()), report.results)
    frame = comparison.to_frame()
    assert (
        len(frame) == len(tables.values(paper, table)) == len(comparison.to_csv().splitlines()) - 1
    )
    html = comparison.to_html(tmp_path)
    for text in (
        repr(comparison),
        comparison.to_markdown(),
        comparison.to_latex(),
        re.sub("<[^>]*>", "", html),
    ):
        for one in comparison.filled:
            digits = {"count": 0, "s": 2, "MB": 0}.get(one.cell.unit, 1)
            assert f"{one.cell.printed:.{digits}f}" in text, one
            if not np.isnan(one.ours):
                assert f"{one.ours:.{digits}f} ({one.delta:+.{digits}f})" in text, one
    linked = {Path(link).name for link in re.findall('href="([^"]*)"', html)}
    files = {
        row.path.name for one in comparison.filled if len(one.results) == 1 for row in one.results
    }
    assert files <= linked


@pytest.mark.parametrize(("paper", "table"), WHOLE)
def test_all_fifteen_categories_fill_a_line_with_its_averages(report, paper, table):
    comparison = tables.compare(tables.plan(paper, table, setting(MVTEC)), report.results)
    line = {
        one.cell.category: one.ours
        for one in comparison.filled
        if one.cell.method in OURS and one.cell.variant == WHOLE[paper, table]
    }
    assert set(line) >= set(MVTEC)
    assert not any(np.isnan(value) for value in line.values())
    assert line["average"] == pytest.approx(np.mean([line[name] for name in MVTEC]))
    if "average_textures" in line:
        assert line["average_textures"] == pytest.approx(np.mean([line[name] for name in TEXTURES]))
        assert line["average_objects"] == pytest.approx(
            np.mean([line[name] for name in set(MVTEC) - TEXTURES])
        )


def test_the_drawn_defects_are_found(report):
    wanted = set(whole_lines("patchcore", "S1"))
    rows = [row for row in report.results if row.experiment in wanted]
    assert len(rows) == 15
    assert np.mean([row.metrics["image_auroc"] for row in rows]) > 0.9
    assert np.mean([row.metrics["pixel_auroc"] for row in rows]) > 0.8


def test_data_that_are_not_there_leave_a_reason(report):
    for name in ALL:
        for one in tables.compare(tables.plan(*name, setting()), report.results).filled:
            if one.cell.dataset in ONE_CLASS[1:]:
                assert one.cell.reason, one


def test_a_number_of_a_campus_is_the_mean_over_its_scenes(report):
    for table, metric in (("4", "image_auroc"), ("5", "pixel_auroc")):
        comparison = tables.compare(tables.plan("spade", table, setting()), report.results)
        (cell,) = [one for one in comparison.filled if one.cell.method == "SPADE"]
        assert {row.experiment.category for row in cell.results} == set(SCENES)
        assert cell.ours == pytest.approx(
            100 * np.mean([row.metrics[metric] for row in cell.results])
        )
        assert cell.ours > 90  # what is drawn is found
        assert PROTOCOLS["stc"] in repr(comparison)


def test_the_last_table_of_patchcore_has_both_data_sets(report):
    comparison = tables.compare(tables.plan("patchcore", "6", setting()), report.results)
    ours = {
        (one.cell.dataset, one.cell.method): one
        for one in comparison.filled
        if one.cell.experiments
    }
    assert set(ours) == {
        ("mstc", "SPADE"),
        ("mstc", "PaDiM"),
        ("mstc", "PatchCore"),
        ("mtd", "PatchCore"),
    }
    assert all(one.ours > 75 for one in ours.values())
    assert {row.facts["candidates_"] for row in ours["mstc", "PatchCore"].results} == {24 * 16}
    assert all(
        row.experiment.detector.presample == PRESAMPLE for row in ours["mstc", "PatchCore"].results
    )
    assert {PROTOCOLS["mtd"], PROTOCOLS["mstc"]} <= set(comparison.remarks)
