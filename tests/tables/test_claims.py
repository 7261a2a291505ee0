"""Claims: every printed number is found, and verdicts follow from the numbers alone."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from made_rows import made_row

from adviz import SPADE, PaDiM, PatchCore, tables
from adviz.tables.claims import Inequality, stated_claims
from adviz.tables.paper_values import PAPERS as PAPER_NAMES
from adviz.tables.paper_values import ValueKey

SMALL = dataclasses.replace(tables.reduced(("bottle", "mesh")), seeds=(0,))
PAPERS = list(PAPER_NAMES)


def one(key, value, setting=SMALL, paper="patchcore", keep=lambda _: True, **facts):
    """Return the verdict of a claim on rows whose metrics are a function of the experiment."""
    plan = tables.plan_claims(paper, setting, keys=[key])
    rows = [made_row(e, facts=facts, **value(e)) for e in plan.experiments if keep(e)]
    return plan.check(rows)[key]


def level(**values):
    """Return image AUROCs by the detector's class."""
    return lambda e: {"image_auroc": values[type(e.detector).__name__]}


@pytest.mark.parametrize("paper", PAPERS)
def test_all_claims_can_be_planned_and_shown_without_rows(paper):
    for setting in (None, SMALL):
        plan = tables.plan_claims(paper, setting)
        assert plan.experiments
        checked = plan.check([])
        assert {v.verdict for v in checked.verdicts if v.key != "covering"} == {"cannot be said"}
        frame = checked.to_frame()
        assert len(frame) == len(plan.claims)
        text = checked._repr_html_()
        assert all(f"{word}</b>" in text for word in {v.verdict for v in checked.verdicts})
        assert "&gt;<br>" not in text  # a comparison stays on its line
        assert ("other data" in repr(checked)) == (setting is SMALL)


def test_most_claims_follow_from_the_printed_numbers():
    printed = {
        v.key: v.printed for paper in PAPERS for v in tables.plan_claims(paper).check([]).verdicts
    }
    assert {key for key, verdict in printed.items() if verdict == "does not hold"} == {"one shot"}
    assert sum(verdict == "holds" for verdict in printed.values()) >= 18


def test_printed_numbers_are_those_of_the_reference():
    verdict = tables.plan_claims("patchcore", keys=["one percent"]).check([])["one percent"]
    table = tables.values("patchcore", 5).query(
        "method == 'PatchCore' and variant in ('coreset=1%', 'coreset=100%')"
    )
    for value in table.query("unit == '%'")["value"]:
        assert f"{value:.1f}" in verdict.paper
    assert "Table 5" in verdict.source
    strides = tables.plan_claims("patchcore", keys=["strides"]).check([])["strides"]
    assert "uncertain" in strides.source


def test_no_number_of_a_paper_is_typed_into_the_code():
    known = {
        f"{value:g}"
        for name in tables.NAMES
        for value in tables.values(name.paper, name.table)["value"]
    }
    folder = Path(tables.__file__).parent
    for file in (
        folder / "claims.py",
        *(folder / "figures").glob("*.py"),
        folder / "ablations.py",
    ):
        decimals = set(re.findall(r"(?<![\w.])\d\d\.\d+", file.read_text()))
        assert not decimals & known, file


def test_order_of_methods():
    good = one("order", level(PatchCore=0.9, PaDiM=0.8, SPADE=0.7))
    assert (good.verdict, good.missing) == ("holds", 0)
    assert "PatchCore, coreset=25% 90.0 > PaDiM 80.0 ✓, > SPADE 70.0 ✓" in good.ours
    bad = one("order", level(PatchCore=0.9, PaDiM=0.95, SPADE=0.7))
    assert (bad.verdict, "PaDiM 95.0 ✗" in bad.ours) == ("does not hold", True)
    same = one("order", level(PatchCore=0.9, PaDiM=0.90001, SPADE=0.7))
    assert (same.verdict, "PaDiM 90.0 =" in same.ours) == ("cannot be said", True)


def test_a_missing_row_leaves_a_claim_open_unless_another_number_refutes_it():
    values = level(PatchCore=0.9, PaDiM=0.8, SPADE=0.7)
    part = one(
        "order", values, keep=lambda e: not (isinstance(e.detector, PaDiM) and e.category == "mesh")
    )
    assert (part.verdict, part.missing) == ("cannot be said", 1)
    assert part.ours.endswith("1 experiments have no row")
    seeds = dataclasses.replace(SMALL, seeds=(0, 1))
    half = one(
        "order",
        values,
        seeds,
        keep=lambda e: not (isinstance(e.detector, PatchCore) and e.seed == 1),
    )
    assert half.verdict == "cannot be said"  # one seed is whole, the other is not
    refuted = one(
        "order", level(PatchCore=0.6, SPADE=0.7), keep=lambda e: not isinstance(e.detector, PaDiM)
    )
    assert refuted.verdict == "does not hold"


def test_sometimes_needs_one_that_holds():
    def better(share):
        return lambda e: {
            "image_auroc": 0.9 if e.detector.coreset == share else 0.5,
            "pixel_auroc": 0.5,
            "pro_per_image": 0.5 if e.detector.coreset == 1 else 0.4,
        }

    assert one("better than all", better(0.25)).verdict == "holds"
    # Equal pixel AUROCs say nothing
    assert one("better than all", better(1.0)).verdict == "cannot be said"
    names = ("image_auroc", "pixel_auroc", "pro_per_image")
    worse = one(
        "better than all", lambda e: dict.fromkeys(names, 0.9 if e.detector.coreset == 1 else 0.5)
    )
    assert worse.verdict == "does not hold"


def test_about_as_good_is_within_the_margin():
    def value(gap):
        return lambda e: dict.fromkeys(
            ("image_auroc", "pixel_auroc", "pro_per_image"),
            0.9 - (e.detector.coreset == 0.01) * gap,
        )

    assert one("one percent", value(0.01)).verdict == "holds"
    assert one("one percent", value(-0.01)).verdict == "holds"
    assert one("one percent", value(0.011)).verdict == "does not hold"


def test_how_much_of_the_bank_is_used():
    plan = tables.plan_claims("patchcore", SMALL, keys=["bank"])

    def checked(whole, thin):
        used = {1.0: whole, 0.01: thin}
        rows = [
            made_row(e, facts={"bank_used": used[e.detector.coreset]}) for e in plan.experiments
        ]
        return plan.check(rows)["bank"]

    assert checked(0.2, 0.93).verdict == "holds"
    assert checked(0.31, 0.93).verdict == "does not hold"
    assert checked(0.2, 0.8).verdict == "does not hold"
    assert "the text's 30.0" in checked(0.2, 0.9).paper
    # Older rows
    assert plan.check([made_row(e) for e in plan.experiments])["bank"].verdict == "cannot be said"


def test_counts_are_of_all_categories():
    values = {PatchCore: (1.0, 2.0, 3.0), SPADE: (5.0, 6.0, 30.0), PaDiM: (2.0, 2.0, 4.0)}
    names = ("false_positives", "false_negatives", "false_positives_at_full_recall")
    verdict = one("errors", lambda e: dict(zip(names, values[type(e.detector)], strict=True)))
    assert verdict.verdict == "holds"
    assert "misclassified: PatchCore, coreset=25% 6 < SPADE 22 ✓, < PaDiM 8 ✓" in verdict.ours
    assert "false positives at 100 % recall: PatchCore, coreset=25% 6 < SPADE 60 ✓" in verdict.ours


def test_a_third_of_the_categories():
    assert (
        one("solved", lambda e: {"image_auroc": 1.0 if e.category == "mesh" else 0.9}).verdict
        == "holds"
    )
    assert one("solved", lambda _: {"image_auroc": 0.9999}).verdict == "does not hold"


def test_shots_that_a_setting_leaves_out_are_left_out():
    verdict = one("few shots", level(PatchCore=0.9, PaDiM=0.8, SPADE=0.7))
    assert verdict.verdict == "holds"
    assert "shots=1 " in verdict.ours
    assert "shots=50" not in verdict.ours
    assert "shots=50" in verdict.paper
    assert "left out" in one("a fifth", level(PatchCore=0.9, PaDiM=0.8)).ours


def test_a_fifth_of_fewer_images_is_another_number_of_shots():
    there = dataclasses.replace(SMALL, shots=(10, 50))
    verdict = one("a fifth", level(PatchCore=0.9, PaDiM=0.8), there)
    assert {result.experiment.shots for result in verdict.results} == {None, 10}
    assert "shots=10 90.0 ≥ PaDiM 80.0" in verdict.ours
    assert "shots=50" in verdict.paper
    assert "shots=50" in one("a fifth", level(PatchCore=0.9, PaDiM=0.8), tables.Setting()).ours


def test_a_network_is_not_compared_with_itself():
    verdict = one("backbones", lambda _: {"image_auroc": 0.9})
    assert verdict.verdict == "holds"
    # resnet101 is wide_resnet50's network here, and wide_resnet101 is resnet50's
    assert re.findall(r"backbone=(\w+) 90.0 ≈", verdict.ours) == ["resnet50", "resnext101"]
    assert verdict.paper.count("≈") == 4


def test_other_methods_count_as_printed_on_the_papers_data_alone():
    papers = one("sixteen shots", lambda _: {"image_auroc": 0.9}, setting=tables.Setting())
    assert (papers.verdict, "DifferNet" in papers.ours) == ("holds", True)
    assert (
        one("sixteen shots", lambda _: {"image_auroc": 0.8}, setting=tables.Setting()).verdict
        == "does not hold"
    )
    elsewhere = one("sixteen shots", lambda _: {"image_auroc": 0.9})
    assert (elsewhere.verdict, "not implemented" in elsewhere.ours) == ("cannot be said", True)


def test_a_category_that_is_not_there():
    verdict = one("grid", lambda _: {}, paper="spade")
    assert (verdict.verdict, verdict.missing) == ("cannot be said", 0)
    assert "no such category" in verdict.ours
    there = dataclasses.replace(SMALL, categories={"mvtec_ad": ("bottle", "transistor")})
    maps = {(16,): 0.9, (8, 16): 0.8, None: 0.5}
    small = tables.plan_claims("rd", there, keys=["transistor"])
    assert {e.category for e in small.experiments} == {"transistor"}
    rows = [
        made_row(e, pixel_auroc=maps[e.detector.map_layers] + (e.geometry.size == 64) * 0.1)
        for e in small.experiments
    ]
    found = small.check(rows)["transistor"]
    assert found.verdict == "holds"
    assert "pixel AUROC of transistor: maps=M3 90.0 > maps=M2+M3 80.0 ✓" in found.ours


def test_covering_needs_no_rows():
    assert (
        tables.plan_claims("patchcore", SMALL, keys=["covering"]).check([])["covering"].verdict
        == "holds"
    )


def test_times_and_megabytes():
    def checked(seconds):
        plan = tables.plan_claims("patchcore", SMALL, keys=["faster"])
        return plan.check(
            [made_row(e, seconds=seconds[e.detector.coreset]) for e in plan.experiments]
        )["faster"]

    assert checked({1.0: 0.9, 0.1: 0.4, 0.01: 0.1}).verdict == "holds"
    assert checked({1.0: 0.9, 0.1: 0.1, 0.01: 0.3}).verdict == "does not hold"
    assert checked({1.0: 0.9, 0.1: 0.1, 0.01: 0.1}).verdict == "cannot be said"
    # Other work on the machine can double what is measured
    close = checked({1.0: 0.9, 0.1: 0.2, 0.01: 0.11})
    assert close.verdict == "cannot be said"
    assert "(-0.205 to +0.014) ?" in close.ours
    assert "factor of 2" in repr(tables.plan_claims("patchcore", SMALL, keys=["faster"]).check([]))
    assert "factor of 2" not in repr(tables.plan_claims("spade", SMALL).check([]))


@pytest.mark.parametrize(
    ("sign", "left", "right", "expected"),
    [
        (">", 1.0, 0.5, True),
        (">", 0.5, 1.0, False),
        (">", 1.0, 1.01, None),
        (">", np.nan, 1.0, None),
        ("<", 0.5, 1.0, True),
        ("≈", 1.0, 2.0, True),
        ("≈", 3.1, 2.0, False),
        ("≥", 1.0, 2.0, True),
        ("≥", 0.9, 2.0, False),
        ("≥", 9.0, 2.0, True),
    ],
)
def test_inequalities(sign, left, right, expected):
    keys = [ValueKey("average", method, "", "pro") for method in "ab"]
    inequality = Inequality(keys[0], sign, keys[1], margin=1.0)
    checked = inequality.check(dict(zip(keys, (left, right), strict=True)))
    assert checked.holds is expected


def test_every_inequality_has_a_claim_and_every_claim_inequalities():
    for paper in PAPERS:
        claims = stated_claims(paper)
        assert all(claim.inequalities for claim in claims.values())
        signs = {one.sign for claim in claims.values() for one in claim.inequalities}
        assert signs <= {">", "<", "≈", "≥"}
        assert {claim.needs for claim in claims.values()} <= {"all", "one"}
    counts = {paper: len(stated_claims(paper)) for paper in PAPERS}
    assert counts == {"spade": 4, "patchcore": 22, "rd": 6}


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match=r"'spade', 'patchcore', 'rd', got 'vae'"):
        tables.plan_claims("vae")
    with pytest.raises(ValueError, match=r"'pyramid', .*, got \['depth'\]"):
        tables.plan_claims("spade", keys=["depth"])
    with pytest.raises(KeyError, match="depth"):
        tables.plan_claims("spade").check([])["depth"]


def test_claims_of_several_papers_are_one_table():
    parts = [tables.plan_claims(paper, SMALL).check([]) for paper in ("spade", "rd")]
    both = parts[0] + parts[1]
    assert both.verdicts == (*parts[0].verdicts, *parts[1].verdicts)
    assert both["transistor"].claim.paper == "rd"
    assert list(both.to_frame()["paper"].unique()) == ["spade", "rd"]


def test_rows_are_named_in_the_frame(tmp_path):
    plan = tables.plan_claims("spade", SMALL, keys=["retrieval"])
    rows = [
        dataclasses.replace(made_row(e), path=tmp_path / f"{e.key}.json") for e in plan.experiments
    ]
    frame = plan.check(rows).to_frame()
    assert set(frame.loc["retrieval", "rows"].split()) == {
        f"{e.key}.json" for e in plan.experiments
    }


def test_what_depends_on_no_seed_is_counted_once():
    three = dataclasses.replace(SMALL, seeds=(0, 1, 2))
    counts = {}
    for setting in (SMALL, three):
        verdict = one("errors", lambda _: {"false_positives": 2.0, "false_negatives": 1.0}, setting)
        counts[setting.seeds] = re.findall(r"< SPADE (\d+)", verdict.ours)
    # In each of two categories
    assert list(counts.values()) == [["6", "6"], ["6", "6"]]
