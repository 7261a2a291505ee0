"""Incomplete data sets: what is missing is named in report and table, and stops nothing else."""

import dataclasses
import shutil

import numpy as np
import pytest
from PIL import Image

import standin
import standin_campus
import standin_tiles
from adviz import DN2, sweep, tables
from adviz.data import published_counts
from adviz.sweep import Experiment, grid, in_sentences
from adviz.tables.setting import MVTEC

WHOLE = ("bottle", "carpet", "grid", "hazelnut")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return standin.draw(
        tmp_path_factory.mktemp("drawn"), categories=WHOLE, n_train=3, n_test=2, side=32
    )


@pytest.fixture
def tree(drawn, tmp_path):
    """Return a copy that may be damaged; hazelnut's folder is not in it."""
    shutil.copytree(drawn, tmp_path / "mvtec")
    shutil.rmtree(tmp_path / "mvtec" / "hazelnut")
    return tmp_path / "mvtec"


def texts(tree, categories=WHOLE):
    return lines(sweep.missing_data(grid("mvtec", categories, [DN2()]), tree.parent))


def lines(missing):
    return [
        f"{'/'.join(pair)}: no {item.what}" for pair, items in missing.items() for item in items
    ]


def only(missing):
    """Return the one thing that is missing, and of which category."""
    (((_, category), items),) = missing.items()
    (item,) = items
    return category, item


def test_nothing_is_lacking(drawn):
    assert sweep.missing_data(grid(drawn.name, WHOLE, [DN2()]), drawn.parent) == {}
    assert sweep.missing_data([Experiment("demo", "bottle", DN2())]) == {}


def test_categories_and_folders_that_are_missing_are_named(tree):
    shutil.rmtree(tree / "carpet" / "test")
    shutil.rmtree(tree / "grid" / "train")
    assert texts(tree) == [
        "mvtec/carpet: no folder test",
        "mvtec/grid: no folder train/good",
        "mvtec/hazelnut: no category folder",
    ]


def test_a_whole_data_set_that_is_missing(tmp_path):
    found = sweep.missing_data(grid("mvtec", MVTEC, [DN2()]), tmp_path)
    assert set(found) == {("mvtec", category) for category in MVTEC}
    for (item,) in found.values():
        assert item.stops
        assert str(tmp_path / "mvtec") in item.what


def test_files_that_are_missing_are_named(tree):
    for name in ("test/cut/000.png", "ground_truth/cut/000_mask.png", "train/good/001.png"):
        (tree / "carpet" / name).unlink()
    shutil.rmtree(tree / "grid" / "ground_truth")
    for path in (tree / "bottle" / "test" / "good").iterdir():
        path.unlink()
    (tree / "bottle" / "ground_truth" / "contamination" / "001_mask.png").unlink()
    assert texts(tree, WHOLE[:3]) == [
        "mvtec/bottle: no images in test/good",
        "mvtec/bottle: no masks of test/contamination/001.png",
        "mvtec/carpet: no files train/good/001, test/cut/000",
        "mvtec/grid: no masks in ground_truth",
    ]


def test_a_mask_without_its_image_stops_the_category_and_is_named(tree):
    (tree / "carpet" / "test" / "cut" / "001.png").unlink()
    _, item = only(sweep.missing_data(grid("mvtec", ["carpet"], [DN2()]), tree.parent))
    assert item.stops
    assert "001_mask.png" in item.what


def test_classes_that_are_missing_are_named(tmp_path, monkeypatch):
    monkeypatch.delenv("ADVIZ_DATA", raising=False)
    _, item = only(sweep.missing_data(grid("cifar10", ["airplane", "bird"], [DN2()]), tmp_path))
    assert item.stops
    assert str(tmp_path) in item.what


def test_a_campus_and_tiles_that_lack_something(tmp_path, monkeypatch):
    monkeypatch.setattr("adviz.data.readers.videos._decode", lambda *_: pytest.fail("decodes"))
    own = [Experiment("mtd", "magnetic_tile", DN2()), *grid("stc", ("01", "02", "03"), [DN2()])]
    found = sweep.missing_data(own, tmp_path)
    assert set(found) == {(one.data, one.category) for one in own}
    for (item,) in found.values():
        assert item.stops
        assert str(tmp_path) in item.what
    tiles, campus = standin_tiles.draw(tmp_path / "mtd"), standin_campus.draw(tmp_path / "stc")
    category, item = only(sweep.missing_data(own, tmp_path))
    assert (category, item.stops) == ("03", True)
    assert "those with both: 01, 02" in item.what
    assert sweep.missing_data(own[:3], tmp_path) == {}
    next((tiles / "MT_Break" / "Imgs").glob("*.png")).unlink()
    (campus / "testing" / "test_pixel_mask" / "01_0014.npy").unlink()
    np.save(campus / "testing" / "test_frame_mask" / "02_0014.npy", np.zeros(15, np.int8))
    assert [line.partition(" (")[0] for line in lines(sweep.missing_data(own[:3], tmp_path))] == [
        "mtd/magnetic_tile: no masks of MT_Break/Imgs/exp1_num_1000.jpg",
        "stc/01: no masks",
        "stc/02: no images of defects in test",
    ]


def spade(categories):
    small = dataclasses.replace(
        tables.reduced(scale=0.25),
        folders={"mvtec_ad": "mvtec"},
        categories={"mvtec_ad": categories},
        every=1,
    )
    return tables.plan("spade", "2", small)


def test_the_rest_is_done_and_the_table_says_what_is_lacking(tree, tmp_path):
    """One category is not there, one has no test images, one lacks a mask."""
    shutil.rmtree(tree / "carpet" / "test")
    (tree / "bottle" / "ground_truth" / "contamination" / "001_mask.png").unlink()
    plan = spade(WHOLE)
    for computed in (2, 0):  # and the same again, when rows are there
        report = sweep.run(plan.experiments, tmp_path / "rows", root=tmp_path)
        assert report.computed == computed
        rows = {row.experiment.category: row for row in report.results}
        assert set(rows) == {"bottle", "grid"}
        assert {one.category for one, _ in report.broken} == {"carpet", "hazelnut"}
        comparison = tables.compare(plan, report)
        for text in (
            repr(report),
            repr(comparison),
            comparison.to_markdown(),
            comparison.to_html(),
        ):
            assert "data incomplete" in text
            assert "mvtec: no folder test of carpet" in text
            assert "mvtec: no category folder of hazelnut" in text
            assert "mvtec: no masks of test/contamination/001.png of bottle" in text
    bottle = rows["bottle"]
    assert bottle.metrics["image_auroc"] > 0
    assert np.isnan(
        [bottle.metrics[name] for name in ("pixel_auroc", "pixel_ap", "pro", "pro_per_image")]
    ).all()
    assert (
        bottle.reasons["pixel_auroc"]
        == "1 defective images have no mask, first test/contamination/001.png"
    )
    cells = {one.cell.category: one for one in comparison.filled if one.cell.method == "SPADE"}
    assert np.isfinite(cells["grid"].ours)
    assert "first test/contamination/001.png" in cells["bottle"].reason
    assert "expected a category of" in cells["hazelnut"].reason
    assert np.isnan(cells["average"].ours)
    assert "carpet: FileNotFoundError: expected a folder test" in cells["average"].reason
    notes = comparison.to_frame().set_index(["method", "category"])["note"]
    assert "first test/contamination/001.png" in notes["SPADE", "bottle"]


def test_a_category_without_any_mask_has_image_scores(tree, tmp_path):
    shutil.rmtree(tree / "grid" / "ground_truth")
    (row,) = sweep.run(spade(("grid",)).experiments, tmp_path / "rows", root=tmp_path).results
    assert row.metrics["image_auroc"] > 0
    assert row.reasons["pro_200"] == "the test set has no masks"


def test_images_that_are_not_the_papers_are_said_to_be_so(tree, tmp_path):
    plan = spade(("bottle", "grid"))
    report = sweep.run(plan.experiments, tmp_path / "rows", root=tmp_path)
    text = repr(tables.compare(plan, report))
    assert "bottle has 3 + 8 (training + test) instead of 209 + 83" in text
    assert not report.missing_data
    whole = [dataclasses.replace(row, facts=row.facts | counts(row)) for row in report.results]
    assert "instead of" not in repr(tables.compare(plan, whole))


def counts(row):
    published = published_counts("MVTec AD", row.experiment.category)
    n_test = published["test good"] + published["test defective"]
    return {"n_train": published["train"], "n_test": n_test}


def test_data_that_vanish_after_their_results_are_not_missing(tree, tmp_path):
    plan = spade(("grid",))
    sweep.run(plan.experiments, tmp_path / "rows", root=tmp_path)
    shutil.rmtree(tree / "grid")
    again = sweep.run(plan.experiments, tmp_path / "rows", root=tmp_path)
    assert (len(again.results), again.missing_data) == (1, {})


def test_what_mvtec_ad_has():
    counts = [published_counts("MVTec AD", category) for category in MVTEC]
    parts = ("train", "test good", "test defective")
    assert [sum(count[part] for count in counts) for part in parts] == [3629, 467, 1258]


def test_sorted_photographs_lack_masks_alone(tmp_path):
    """They were said to lack train/good, and ran all the same."""
    for name in (*(f"good/{number}.png" for number in range(6)), "bad/0.png"):
        (tmp_path / "photos" / "part" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), len(name), np.uint8)).save(
            tmp_path / "photos" / "part" / name
        )
    found = sweep.missing_data(grid("photos", ["part"], [DN2()]), tmp_path)
    _, item = only(found)
    assert (item.what, item.stops) == ("masks in ground_truth", False)
    assert item.optional
    said = "some metrics are undefined: photos: no masks in ground_truth of part"
    assert in_sentences(found) == [said]


@pytest.mark.parametrize(
    ("category", "gone", "words"),
    [
        (
            "mine",
            "ground_truth/*/*",
            "some metrics are undefined: own: no masks in ground_truth of mine",
        ),
        (
            "mine",
            "test/cut/* ground_truth/*/*",
            "some metrics are undefined: own: no images of defects in test of mine",
        ),
        ("mine", "test/good/*", "some metrics are undefined: own: no images in test/good of mine"),
        (
            "mine",
            "ground_truth/cut/000_mask.png",
            "data incomplete: own: no masks of test/cut/000.png of mine",
        ),
        ("bottle", "ground_truth/*/*", "data incomplete: own: no masks in ground_truth of bottle"),
    ],
)
def test_ones_own_data_are_not_incomplete_without_masks_or_defects(tmp_path, category, gone, words):
    """A category of MVTec AD has masks and both kinds of images; one's own may be whole without."""
    root = tmp_path / "own" / category
    for name in (
        "train/good/0.png",
        "train/good/1.png",
        "test/good/0.png",
        "test/cut/000.png",
        "test/cut/001.png",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), len(name), np.uint8)).save(root / name)
    for name in ("000", "001"):
        (root / "ground_truth/cut").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 255, np.uint8)).save(
            root / f"ground_truth/cut/{name}_mask.png"
        )
    for pattern in gone.split():
        for file in root.glob(pattern):
            file.unlink()
    found = sweep.missing_data(grid("own", [category], [DN2()]), tmp_path)
    assert in_sentences(found) == [words]
    assert words in repr(sweep.Report([], [], missing_data=found))
