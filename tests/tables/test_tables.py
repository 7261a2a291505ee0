"""Tables: every printed row, translated to the right options, filled with the right numbers."""

import dataclasses
import re

import numpy as np
import pytest
import torch

from adviz import SPADE, PaDiM, PatchCore, ReverseDistillation, tables
from adviz.detectors import AtMost
from adviz.detectors.distillation.reverse_networks import Distillation, plan_for
from adviz.sweep import ExperimentResult
from adviz.tables.baselines import BASELINES
from adviz.tables.methods import OURS, configuration, parsed
from adviz.tables.paper_values import table_name
from adviz.tables.setting import (
    CLASSED,
    CLASSES_UNKNOWN,
    MVTEC,
    OWN_TREES,
    PROTOCOLS,
    SCENES,
    TEXTURES,
)

ALL = [(name.paper, name.table) for name in tables.NAMES]


def found(paper, table, method, variant="", dataset="mvtec_ad", setting=None):
    return configuration(
        table_name(paper, table), dataset, method, variant, setting or tables.Setting()
    )


def row(experiment, **metrics):
    return ExperimentResult(
        experiment=experiment,
        facts={"backbone": "net"},
        metrics={
            "image_auroc": 0.5,
            "pixel_auroc": 0.25,
            "pro": 0.1,
            "pro_per_image": 0.2,
            **metrics,
        },
        reasons={},
        images={},
        regions={},
        curves={},
        measured={
            "seconds": {"forward_per_image": 0.25, "predict_per_image": 0.5},
            "model_bytes": 2**21,
        },
    )


@pytest.mark.parametrize(("paper", "table"), ALL)
def test_every_printed_value_has_its_place(paper, table):
    printed = tables.values(paper, table)
    cells = tables.plan(paper, table).cells
    places = {(c.dataset, c.category, c.method, c.variant, c.metric): c for c in cells}
    assert len(places) == len(cells) == len(printed)
    for line in printed.to_dict("records"):
        cell = places[
            tuple(line[key] for key in ("dataset", "category", "method", "variant", "metric"))
        ]
        assert (cell.printed, cell.unit, cell.note) == (line["value"], line["unit"], line["note"])


@pytest.mark.parametrize(("paper", "table"), ALL)
def test_our_methods_have_experiments_and_others_say_why_not(paper, table):
    plan = tables.plan(paper, table)
    for cell in plan.cells:
        ours = {*OURS, *(BASELINES if paper == "spade" else ())}
        if cell.dataset in ("mvtec_ad", *CLASSED, *OWN_TREES) and cell.method in ours:
            assert cell.experiments, cell
            assert cell.reason == ""
        else:
            assert not cell.experiments
            assert cell.reason
    small = tables.plan(paper, table, tables.reduced())
    lines = {(cell.dataset, cell.method, cell.variant) for cell in plan.cells}
    assert {(cell.dataset, cell.method, cell.variant) for cell in small.cells} == lines
    # Printed values all stand there, none beside a number of ours
    printed = [cell.printed for cell in plan.cells if not np.isnan(cell.printed)]
    assert [cell.printed for cell in small.cells if not cell.data] == printed
    assert not any(cell.experiments for cell in small.cells if not cell.data)
    assert all(np.isnan(cell.printed) for cell in small.cells if cell.data)
    assert {one.data for one in small.experiments} <= {"demo"}


def test_averages_are_over_the_right_categories():
    cells = {(c.method, c.variant, c.category): c for c in tables.plan("rd", 1).cells}
    line = "RD4AD", "image_size=256"
    assert [one.category for one in cells[*line, "grid"].experiments] == ["grid"]
    assert {one.category for one in cells[*line, "average"].experiments} == set(MVTEC)
    assert {one.category for one in cells[*line, "average_textures"].experiments} == TEXTURES
    assert {one.category for one in cells[*line, "average_objects"].experiments} == set(
        MVTEC
    ) - TEXTURES


def test_the_lines_of_spade():
    plain = found("spade", 3, "SPADE")
    assert plain.detector == SPADE.preset("paper")
    assert (plain.geometry.size, plain.geometry.crop, plain.size) == (224, True, 256)
    assert plain.networks == ("wide_resnet50_2.tv_in1k",)
    layers = {
        text: found("spade", 6, "SPADE", f"layers={text}").detector.layers
        for text in ("1", "2", "3", "1+2+3")
    }
    assert layers == {"1": (4,), "2": (8,), "3": (16,), "1+2+3": (4, 8, 16)}
    for word, kind in (("knn10", "retrieved"), ("random10", "random")):
        detector = found("spade", 7, "SPADE", f"stage1={word}").detector
        assert (detector.gallery, detector.k_images) == (kind, AtMost(10))


@pytest.mark.parametrize(
    ("paper", "table", "scored"),
    [
        ("spade", 1, True),
        ("patchcore", "S1", True),
        ("rd", 3, True),
        ("spade", 2, False),
        ("spade", 4, False),
    ],
)
def test_a_table_with_spades_image_scores_says_that_k_is_not_the_texts(paper, table, scored):
    """Not where only pixels are judged, nor on the campus, where the text's K is 1."""
    for setting in (None, tables.reduced()):
        legend = repr(tables.compare(tables.plan(paper, table, setting), []))
        assert ("SPADE: images are scored with K = 5" in legend) == scored
        assert (
            legend.count('the K = 50 of its text, which SPADE.preset("paper-literal") has')
            == scored
        )


def test_the_memory_that_table_3_prints_is_that_of_a_larger_model():
    """The public code has a 1x1 convolution, 4096 to 2048 channels, that nothing calls."""
    table = tables.plan("rd", 3)
    (cell,) = [one for one in table.cells if (one.method, one.metric) == ("RD4AD", "memory_mb")]
    assert cell.printed == 352
    with torch.device("meta"):
        network = Distillation(plan_for(cell.experiments[0].backbones[0], (256, 512, 1024)))
        unused = torch.nn.Sequential(
            torch.nn.Conv2d(4096, 2048, 1, bias=False), torch.nn.BatchNorm2d(2048)
        )
    ours, never = (
        sum(v.numel() * v.element_size() for v in n.state_dict().values())
        for n in (network, unused)
    )
    assert round(ours / 2**20, 1) == 319.9
    assert round((ours + never) / 2**20) == cell.printed
    assert "takes 319.9 MiB" in cell.note
    rows = [row(one) for one in table.experiments]
    comparison = tables.compare(table, rows)
    assert (
        "RD4AD, MB: the printed model has a convolution of the public code that is never called"
        in repr(comparison)
    )
    elsewhere = tables.plan("rd", 3, tables.reduced())
    assert "never called" in repr(tables.compare(elsewhere, []))  # the printed value stands there


def test_the_lines_of_patchcore():
    assert found("patchcore", 1, "PatchCore", "coreset=1%").detector == PatchCore(coreset=0.01)
    whole = PatchCore(coreset=1.0, sampler="random")  # every patch, in any order
    assert found("patchcore", 5, "PatchCore", "coreset=100%").detector == whole
    quick = dataclasses.replace(whole, index="ivfpq")
    assert found("patchcore", 5, "PatchCore", "coreset=100%;search=ivfpq").detector == quick
    text = "coreset=1%;backbone=densenet201+resnext101+wide_resnet101;layers=2+3;image_size=320"
    whole = found("patchcore", 4, "PatchCore", text)
    assert whole.networks == (
        "densenet201.tv_in1k",
        "resnext101_32x8d.tv_in1k",
        "wide_resnet101_2.tv_in1k",
    )
    assert (whole.geometry.size, whole.geometry.resized, whole.size) == (320, 366, None)
    assert whole.detector.layers == (8, 16)
    assert found("patchcore", "S4", "PatchCore", "coreset=1%;layers=1+2+3").detector.layers == (
        4,
        8,
        16,
    )
    few = found("patchcore", "S5", "PatchCore", "coreset=25%;shots=16")
    assert (few.shots, few.detector.coreset) == (16, 0.25)
    assert found("patchcore", "text", "PatchCore", "stride=3").detector.stride == 3
    assert found("patchcore", 5, "PaDiM", "reimplementation").detector == PaDiM.preset("port")
    assert "backbone" in found("patchcore", 1, "PaDiM*")


def test_the_lines_of_reverse_distillation():
    plain = found("rd", 1, "RD4AD", "image_size=256")
    assert plain.detector == ReverseDistillation.preset("official")
    assert (plain.geometry.size, plain.geometry.crop) == (256, False)
    assert found("rd", 1, "RD4AD", "image_size=128").geometry.size == 128
    names = ("pre", "pre+oce", "pre+oce+mff")
    assert [found("rd", 5, "RD4AD", f"bottleneck={one}").detector.bottleneck for one in names] == [
        "pre",
        "oce",
        "oce+mff",
    ]
    assert found("rd", 7, "RD4AD", "maps=M1").detector.map_layers == (4,)
    assert found("rd", 7, "RD4AD", "maps=M2+M3").detector.map_layers == (8, 16)
    assert found("rd", 6, "RD4AD", "backbone=resnet18").networks == ("resnet18.tv_in1k",)
    assert found("rd", 3, "PaDiM", "backbone=wide_resnet50").geometry.size == 256


def test_one_class_is_normal_after_the_other():
    table = tables.plan("rd", 4)
    ours = {one.dataset: one.experiments for one in table.cells if one.method == "RD4AD"}
    assert {name: len(found) for name, found in ours.items()} == {
        "mnist": 10,
        "fashion_mnist": 10,
        "cifar10": 10,
        "caltech256": 0,  # its classes are those of the folders that are there
    }
    first = ours["mnist"][0]
    assert (first.data, first.category, first.detector.image_score, first.geometry.size) == (
        "mnist",
        "0",
        "sum",
        256,
    )


def test_the_lines_of_the_campus_and_of_tiles():
    for table in ("4", "5"):
        (cell,) = [one for one in tables.plan("spade", table).cells if one.method == "SPADE"]
        assert (
            [one.category for one in cell.experiments]
            == list(SCENES)
            == [f"{n:02}" for n in range(1, 13)]
        )
        for one in cell.experiments:
            # Which frames are read is the protocol's
            assert (one.data, one.size, one.every) == ("stc", 256, 1)
            assert (one.geometry.size, one.geometry.crop) == (256, False)
            assert one.detector == dataclasses.replace(
                SPADE.preset("paper"), k_images=1, k_images_score=1
            )
    cells = {
        (one.dataset, one.method): one
        for one in tables.plan("patchcore", "6").cells
        if one.experiments
    }
    ours = cells["mstc", "PatchCore"].experiments[0]
    assert (ours.data, ours.geometry.size, ours.geometry.crop) == ("mstc", 256, False)
    assert ours.detector == PatchCore(layers=(16, 32), coreset=0.1, presample=200_000)
    assert cells["mstc", "SPADE"].experiments[0].detector.k_images == 1
    (tile,) = cells["mtd", "PatchCore"].experiments
    assert (tile.data, tile.geometry.size, tile.geometry.resized) == ("mtd", 224, 256)
    assert tile.detector == PatchCore(coreset=0.1)
    assert {len(cell.experiments) for (data, _), cell in cells.items() if data == "mstc"} == {12}


def test_protocols_that_are_ours_are_said_below_a_table():
    text = repr(tables.compare(tables.plan("patchcore", "6"), []))
    assert PROTOCOLS["mtd"] in text
    assert PROTOCOLS["mstc"] in text
    assert PROTOCOLS["stc"] not in text
    whole = tables.compare(tables.plan("rd", 4), [])
    assert CLASSES_UNKNOWN["caltech256"] in repr(whole)
    (cell,) = [
        one for one in whole.table.cells if (one.dataset, one.method) == ("caltech256", "RD4AD")
    ]
    assert "its classes are read from its folders" in cell.reason
    small = repr(tables.compare(tables.plan("rd", 4, tables.reduced()), []))
    assert "caltech256:" in small  # its printed values stand there as well


def test_the_papers_setting_is_taken_where_mvtec_is_at_hand(tmp_path, monkeypatch):
    assert tables.available_setting(root=tmp_path) == tables.built_in()
    (tmp_path / "mvtec").mkdir()
    assert tables.available_setting(root=tmp_path) == tables.Setting(categories={"mvtec_ad": MVTEC})
    assert set(tables.available_setting(one_class=True, root=tmp_path).categories) == {
        "mvtec_ad",
        *CLASSED,
    }
    (tmp_path / "mtd").mkdir()
    assert set(tables.available_setting(root=tmp_path).categories) == {"mvtec_ad", "mtd"}
    (tmp_path / "stc").mkdir()
    assert set(tables.available_setting(root=tmp_path).categories) == {
        "mvtec_ad",
        "mtd",
        "stc",
        "mstc",
    }
    assert tables.available_setting(one_class=True, root=tmp_path) == tables.Setting()
    monkeypatch.setenv("ADVIZ_DATA", str(tmp_path))
    assert tables.available_setting().uses_paper_data


def test_training_images_can_be_fewer():
    setting = dataclasses.replace(tables.Setting(), train=24)
    assert found("patchcore", 1, "PatchCore", "coreset=1%", setting=setting).shots == 24
    assert (
        found("patchcore", "S5", "PatchCore", "coreset=25%;shots=16", setting=setting).shots == 16
    )


def test_the_protocol_can_be_asked_for():
    """What the papers leave open, or do otherwise in their code, is one option each."""
    paper = found("spade", 2, "SPADE")
    assert (paper.geometry.mask_rule, paper.detector.sigma, paper.size) == (">0.5", 4, 256)
    asked = tables.Setting(mask_rule="nearest", sigma=2.0, evaluated_at=None, pro="global-200")
    changed = found("spade", 2, "SPADE", setting=asked)
    assert (changed.geometry.mask_rule, changed.detector.sigma, changed.size) == (
        "nearest",
        2,
        None,
    )
    assert found("rd", 1, "RD4AD", "image_size=256", setting=asked).detector.sigma == 2
    assert tables.plan("spade", 3, asked).pro == "global-200"
    assert tables.plan("spade", 3, asked, pro="global").pro == "global"
    at_128 = dataclasses.replace(asked, evaluated_at=128)
    assert found("patchcore", 1, "PatchCore", "coreset=1%", setting=at_128).size == 128
    # An option of one detector goes before what is said of all
    own = dataclasses.replace(asked, options={"SPADE": {"sigma": 0.0}})
    assert found("spade", 2, "SPADE", setting=own).detector.sigma == 0
    with pytest.raises(ValueError, match="pro must be one of 'global'"):
        tables.plan("spade", 3, tables.Setting(pro="best"))
    with pytest.raises(ValueError, match="mask_rule"):
        tables.plan("spade", 3, tables.Setting(mask_rule="any"))


def test_printed_values_are_for_the_papers_data_alone():
    own = tables.Setting(folders={"mvtec_ad": "factory"}, categories={"mvtec_ad": ("my_part",)})
    assert (
        tables.Setting().uses_paper_data,
        tables.reduced().uses_paper_data,
        own.uses_paper_data,
    ) == (
        True,
        False,
        False,
    )


def test_a_setting_that_no_rule_knows_is_an_error():
    with pytest.raises(ValueError, match=r"\['colour'\] is unknown"):
        found("spade", 1, "SPADE", "colour=red")
    assert parsed("coreset=1%;reimplementation") == {"coreset": "1%", "reimplementation": ""}


@pytest.mark.parametrize(("paper", "table"), [("spade", 9), ("vae", 1), ("rd", "S1")])
def test_an_unknown_table_is_named_with_those_there_are(paper, table):
    with pytest.raises(ValueError, match=r"spade: 1, 2, .*patchcore: 1, .*S6.*, got"):
        tables.plan(paper, table)


def test_an_unknown_definition_of_pro():
    with pytest.raises(ValueError, match="pro must be one of 'global'"):
        tables.plan("rd", 1, pro="best")


def test_the_reduced_setting_has_two_categories_small_images_and_offline_networks():
    plan = tables.plan("patchcore", "S6", tables.reduced(("mesh",)))
    assert {one.category for one in plan.experiments} == {"mesh"}
    assert {one.geometry.size for one in plan.experiments} == {128}
    assert {one.backbones[0] for one in plan.experiments} == {
        f"efficientnet_lite{i}" for i in range(3)
    }
    few = tables.plan("patchcore", "S5", tables.reduced())
    assert {one.shots for one in few.experiments} == {1, 5, 16}
    left = [cell for cell in few.cells if "shots=50" in cell.variant]
    assert {cell.reason for cell in left} == {"left out in this setting"}


def setting(seeds=(0,)):
    return dataclasses.replace(tables.reduced(("bottle", "mesh")), seeds=seeds)


def cell_of(comparison, **wanted):
    """Return the cell with the attributes wanted; on other data than the paper's, that of ours."""
    apart = not comparison.table.setting.uses_paper_data
    (one,) = [
        f
        for f in comparison.filled
        if all(getattr(f.cell, key) == value for key, value in wanted.items())
        and bool(f.cell.data) == apart
    ]
    return one


def test_averages_first_over_categories_then_over_seeds():
    plan = tables.plan("patchcore", "S1", setting((0, 1, 2)))
    values = {
        ("bottle", 0): 0.9,
        ("mesh", 0): 0.7,
        ("bottle", 1): 1.0,
        ("mesh", 1): 0.8,
        ("bottle", 2): 0.1,
    }
    rows = [
        row(one, image_auroc=values[one.category, one.seed])
        for one in plan.experiments
        if isinstance(one.detector, PatchCore)
        and one.detector.coreset == 0.01
        and (one.category, one.seed) in values
    ]
    comparison = tables.compare(plan, rows)
    average = cell_of(comparison, method="PatchCore", variant="coreset=1%", category="average")
    assert average.ours == pytest.approx(85)  # seed 2 lacks a category
    assert average.std == pytest.approx(np.std([80, 90], ddof=1))
    assert (average.seeds, average.missing, len(average.results)) == (2, 1, 5)
    alone = cell_of(comparison, method="PatchCore", variant="coreset=1%", category="bottle")
    assert alone.ours == pytest.approx(np.mean([90, 100, 10]))
    assert "85.0 ± 7.1" in repr(comparison)


def test_printed_values_stand_beside_ours():
    plan = tables.plan("patchcore", "S2")
    rows = [row(one, pixel_auroc=0.99) for one in plan.experiments if one.category == "transistor"]
    comparison = tables.compare(plan, rows)
    padim = cell_of(comparison, method="PaDiM", category="transistor")
    assert (padim.cell.printed, padim.ours, padim.delta) == (98.5, 99.0, 0.5)
    assert padim.uncertain
    assert "98.5* | 99.0 (+0.5)" in repr(comparison)
    assert "uncertain" in repr(comparison)
    assert len(comparison.missing) == len(plan.experiments) - len(rows)


@pytest.mark.parametrize(
    ("metric", "variant", "expected"),
    [
        ("misclassified", "coreset=25%", 30.0),
        ("misclassified", "coreset=25%;errors=false_positive", 10.0),
    ],
)
def test_counts_are_sums(metric, variant, expected):
    plan = tables.plan("patchcore", "text", setting())
    rows = [row(one, false_positives=5.0, false_negatives=10.0) for one in plan.experiments]
    one = cell_of(tables.compare(plan, rows), metric=metric, variant=variant)
    assert one.ours == expected


def test_seconds_and_megabytes():
    plan = tables.plan("rd", 3, setting())
    comparison = tables.compare(plan, [row(one) for one in plan.experiments])
    line = {"method": "SPADE", "variant": "backbone=wide_resnet50"}
    assert cell_of(comparison, metric="time_s", **line).ours == 0.75
    assert cell_of(comparison, metric="memory_mb", **line).ours == 2.0


@pytest.mark.parametrize(("pro", "expected"), [(None, 20.0), ("global", 10.0)])
def test_pro_is_named(pro, expected):
    plan = tables.plan("rd", 6, setting(), pro=pro)
    comparison = tables.compare(plan, [row(one) for one in plan.experiments])
    one = cell_of(comparison, metric="pro", variant="backbone=resnet18", category="average")
    assert one.ours == pytest.approx(expected)
    assert ("PRO-per-image" if pro is None else "PRO-global:") in repr(comparison)


def test_all_formats_hold_the_same_numbers(tmp_path):
    plan = tables.plan("spade", 7)
    rows = [
        dataclasses.replace(row(one, pro=0.873), path=tmp_path / f"{one.key}.json")
        for one in plan.experiments
    ]
    comparison = tables.compare(plan, rows)
    for text in (
        repr(comparison),
        comparison.to_markdown(),
        comparison.to_latex(),
        comparison.to_html(tmp_path),
    ):
        assert "86.3" in text
        assert re.search(r"87\.3 \(\+1\.0\)", text)
    frame = comparison.to_frame()
    assert frame["delta"].round(6).tolist() == [14.1, -1.9, 1.0, -4.1]
    assert comparison.to_csv().splitlines()[0].startswith("paper,table,dataset,data,category")
    grid = cell_of(comparison, variant="stage1=knn10", category="grid")
    assert f'<a href="{grid.results[0].path.name}"' in comparison.to_html(tmp_path)
    assert "toprule" in comparison.to_latex()


def test_names_are_escaped():
    plan = tables.plan("spade", 1)
    cells = tuple(dataclasses.replace(cell, method="<b>x") for cell in plan.cells)
    text = tables.compare(dataclasses.replace(plan, cells=cells), []).to_html()
    assert "<b>x" not in text
    assert "&lt;b&gt;x" in text


def test_networks_that_stand_for_the_papers_are_named():
    """Else a line that says resnet50 would pass for what it is not."""
    own = tables.compare(tables.plan("patchcore", "S6", tables.reduced()), [])
    assert "efficientnet_lite1 for resnet50" in own.stand_ins
    assert "networks: efficientnet_lite1 for resnet50, " in repr(own)
    assert tables.compare(tables.plan("patchcore", "S6"), []).stand_ins == []
    assert tables.compare(tables.plan("patchcore", "S1", tables.reduced()), []).stand_ins == [
        "efficientnet_lite0 for wide_resnet50"
    ]
