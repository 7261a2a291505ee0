"""Ablations: the paper's lines, and ours below them."""

import numpy as np
import pytest
from made_rows import made_row

from adviz import tables


def of(table, **wanted):
    return [
        cell
        for cell in table.cells
        if all(getattr(cell, key) == value for key, value in wanted.items())
    ]


def test_spades_layers_are_added_up_from_the_deepest():
    table = tables.ablation("layers")
    (line,) = of(table, variant="layers=2+3", category="average")
    assert {one.detector.layers for one in line.experiments} == {(8, 16)}
    assert len(line.experiments) == 15
    assert np.isnan(line.printed)
    printed = tables.values("spade", 6)
    known = {
        (cell.variant, cell.category): cell.printed
        for cell in table.cells
        if cell.variant != "layers=2+3"
    }
    assert known == {(row.variant, row.category): row.value for row in printed.itertuples()}
    assert set(tables.plan("spade", 6).experiments) < set(table.experiments)


def test_networks_that_were_never_trained():
    table = tables.ablation("random backbone", tables.reduced(("bottle",)))
    random = [one for one in table.experiments if one.weights == "random"]
    assert sorted(type(one.detector).__name__ for one in random) == [
        "PaDiM",
        "PatchCore",
        "PatchCore",
        "SPADE",
    ]
    rows = [
        made_row(one, image_auroc=0.5 if one.weights == "random" else 0.9)
        for one in table.experiments
    ]
    text = repr(tables.compare(table, rows))
    assert "ablation random backbone" in text
    for line in text.splitlines()[1:]:
        if line.startswith(("PatchCore, coreset", "SPADE, ", "PaDiM, ")):
            assert ("50.0" in line) == ("weights=random" in line), line


def test_spades_k_of_the_image_score_is_shown_beside_that_of_the_texts():
    """5 in the table; 2 in DN2's text, 50 in SPADE's; 5 and the mean of roots in the port."""
    table = tables.ablation("retrieved images")
    found = {
        cell.variant: {
            (int(one.detector.k_images_score), one.detector.image_distance)
            for one in cell.experiments
        }
        for cell in of(table, method="SPADE")
    }
    assert found == {
        "": {(5, "squared")},
        "k_images_score=2": {(2, "squared")},
        "preset=paper-literal": {(50, "squared")},
        "preset=port": {(5, "euclidean")},
    }
    assert {
        cell.variant: cell.printed
        for cell in of(table, method="SPADE")
        if cell.printed == cell.printed
    } == {"": 85.5}
    (literal,) = of(table, variant="preset=paper-literal")
    assert {one.detector.title for one in literal.experiments} == {'SPADE.preset("paper-literal")'}


def test_resolutions_are_those_of_the_figure():
    assert set(tables.ablation("resolution").experiments) == set(
        tables.plan_figure("patchcore", "S4").experiments
    )


def test_an_unknown_ablation_is_named_with_those_there_are():
    with pytest.raises(
        ValueError,
        match=r"'layers', 'retrieved images', 'baselines', 'resolution', 'public code', 'loss', 'random backbone'",
    ):
        tables.ablation("depth")
