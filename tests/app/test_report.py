"""The report is read back as a browser would, by an HTML parser."""

import base64
import dataclasses
import io
import json
import re

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from PIL import Image
from sklearn.metrics import average_precision_score, roc_auc_score

import adviz
from adviz import Prediction, calibrate, data
from adviz.data import Category, Geometry, Split

SIZE, LABELS = 32, (0, 0, 0, 1, 1)
FILES = ("good/0", "good/1", "good/2", "hole/3", "bent/4")
SCORES = {"A": (0.1, 0.3, 0.6, 0.5, 0.9), "B": (5.0, 1.0, 2.0, 8.0, 9.0)}
LOADING = ("src", "href", "data", "poster", "srcset", "action", "background")
EVIL = "<script>alert(1)</script>"


class Page:
    """A page's tables, its text, the names of its tags, and all that it loads or links."""

    def __init__(self, path):
        self.source = path.read_text()
        soup = BeautifulSoup(self.source, "html.parser")
        self.names = {tag.name for tag in soup.find_all()}
        self.addresses = [
            tag[name] for tag in soup.find_all() for name in LOADING if name in tag.attrs
        ]
        self.text = " ".join(soup.get_text(" ").split())
        self.tables = [self.frame(table) for table in soup.find_all("table")]

    @staticmethod
    def frame(table):
        head, *body = [
            [cell.get_text(" ").strip() for cell in row.find_all(["th", "td"])]
            for row in table("tr")
        ]
        return pd.DataFrame(body, columns=head)


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def category(tmp_path):
    """Three good test images, one with a hole and one that is bent, as the scores; two masks."""
    rng, root = np.random.default_rng(0), tmp_path / "data" / "nut"
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[4:12, 4:12] = 255
    for name in ("train/good/0", *(f"test/{file}" for file in FILES)):
        save(root / f"{name}.png", rng.integers(0, 255, (SIZE, SIZE, 3), dtype=np.uint8))
    for name in FILES[3:]:
        save(root / "ground_truth" / f"{name}_mask.png", mask)
    read = data.folder(root, geometry=Geometry(SIZE, crop=False))
    return dataclasses.replace(
        read, test=read.test.subset([read.test.ids.index(f"test/{file}.png") for file in FILES])
    )


@pytest.fixture
def predictions():
    rng = np.random.default_rng(1)
    return {
        name: Prediction(
            np.array(scores),
            rng.random((5, SIZE, SIZE)),
            detector=name,
            backbone="net",
            digest="abc",
        )
        for name, scores in SCORES.items()
    }


@pytest.fixture
def write(category, predictions, tmp_path):
    """Write a report without its explorer and read it back; other arguments are by name."""

    def written(category=category, predictions=predictions, live=0, **options):
        path = tmp_path / "report.html"
        return Page(adviz.report(category, predictions, path, live=live, **options))

    return written


def test_the_page_loads_nothing_and_runs_nothing(write):
    page = write()
    assert page.addresses
    assert all(
        address.startswith(("data:image/jpeg;base64,", "data:,", "#")) for address in page.addresses
    )
    assert not {"script", "iframe", "object", "embed"} & page.names
    # Clips of the charts, in the page itself
    assert page.source.count("url(") == page.source.count("url(#")
    assert "@import" not in page.source


def test_with_an_explorer_it_runs_its_own_scripts_and_may_load_nothing(write):
    page = write(live=40)
    assert not {"iframe", "object", "embed"} & page.names
    soup = BeautifulSoup(page.source, "html.parser")
    assert not [script for script in soup.find_all("script") if "src" in script.attrs]
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})["content"]
    assert policy.startswith("default-src 'none'")
    assert "connect-src" not in policy
    # what answers only in the explorer is not there without it
    assert 'data-image="' in page.source
    assert 'data-image="' not in write().source


def test_the_explorer_begins_with_the_reports_thresholds_at_its_worst_error(write, category):
    page = write(live=40, thresholds={"A": 0.55, "B": 3.0})
    setup = BeautifulSoup(page.source, "html.parser").find("script", id="setup")
    (explorer,) = json.loads(setup.string)["explorers"]
    assert explorer["state"]["thresholds"] == {"nut/A": 0.55, "nut/B": 3.0}
    assert explorer["state"]["image"] == 3  # the hole, whose 0.5 is missed


def test_where_there_is_no_room_for_all_images_errors_come_first(write):
    page = write(live=1e-3, thresholds={"A": 0.55, "B": 3.0})
    setup = BeautifulSoup(page.source, "html.parser").find("script", id="setup")
    (explorer,) = json.loads(setup.string)["explorers"]
    assert explorer["state"]["options"]["images"] == [3]


@pytest.mark.parametrize("live", [0, 40])
def test_every_link_within_the_page_leads_somewhere(write, live):
    page = write(live=live)
    targets = {address[1:] for address in page.addresses if address.startswith("#")}
    assert targets == set(re.findall(r'<h2 id="(\w+)"', page.source))


def test_the_metrics_are_those_of_independent_libraries(write, category, predictions):
    metrics = write().tables[0].set_index("")
    truth = np.concatenate([category.test.mask(i).ravel() for i in range(5)])
    for name, prediction in predictions.items():
        expected = {
            "image AUROC": roc_auc_score(LABELS, prediction.score),
            "image AP": average_precision_score(LABELS, prediction.score),
            "pixel AUROC": roc_auc_score(truth, prediction.anomaly_map.ravel()),
            "pixel AP": average_precision_score(truth, prediction.anomaly_map.ravel()),
        }
        for metric, value in expected.items():
            # Three digits
            assert float(metrics.loc[metric, name]) == pytest.approx(value, abs=6e-4), (
                name,
                metric,
            )


def test_thresholds_say_what_they_flag_and_where_they_were_set(write, category, predictions):
    others = category.test.subset([0, 2, 4])
    prediction = dataclasses.replace(
        predictions["A"], score=np.array([0.1, 0.4, 0.5]), anomaly_map=None
    )
    held = calibrate(prediction, others, rule="full_recall", held_out=True)
    page = write(thresholds={"A": held, "B": 3.0})
    table = page.tables[1].set_index("detector")
    assert float(table.loc["A", "threshold"]) == 0.5
    assert tuple(table.loc["A", ["false positives", "false negatives"]]) == ("1", "0")
    assert tuple(table.loc["B", ["false positives", "false negatives"]]) == ("1", "0")
    assert float(table.loc["A", "precision"]) == pytest.approx(2 / 3, abs=6e-4)
    assert "full_recall, set on 2 good and 1 anomalous images" in table.loc["A", "set by"]
    assert "A predicts 2 of 2 anomalous and 1 of 3 good images as anomalous." in page.text
    assert "optimistic" not in page.text


def test_a_threshold_that_nobody_gave_is_called_optimistic(write, predictions):
    (row,) = write(predictions=predictions["B"]).tables[1].to_dict("records")
    assert row["threshold"] == "8"
    assert "F1-optimal" in row["set by"]
    assert "set on these images themselves" in row["set by"]


@pytest.mark.parametrize("rule", ["f1", "max_good"])
def test_a_threshold_that_was_set_on_images_of_the_report_is_called_so(
    write, category, predictions, rule
):
    good = category.test.subset([0, 1, 2])
    held_out = {"f1": category.test, "max_good": good}[rule]
    prediction = predictions["A"]
    if rule == "max_good":
        prediction = dataclasses.replace(prediction, score=prediction.score[:3], anomaly_map=None)
    page = write(thresholds={"A": calibrate(prediction, held_out, rule=rule, held_out=True)})
    assert "set on these images themselves" in page.text
    assert re.search(
        r"A predicts \d of 2 anomalous and \d of 3 good images as anomalous, by a threshold that "
        "was set on these same images: expect more errors on others[.]",
        page.text,
    )


def test_all_scores_are_there_the_highest_first(write):
    table = write().tables[2]
    assert table["image"].tolist() == [f"test/{FILES[number]}.png" for number in (4, 2, 3, 1, 0)]
    assert table["kind"].tolist() == ["bent", "good", "hole", "good", "good"]
    assert table["A"].tolist() == ["0.9*", "0.6*", "0.5*", "0.3", "0.1"]
    assert table["B"].tolist() == ["9*", "2", "8*", "1", "5"]


def test_the_gallery_shows_the_errors_and_counts_them(write, predictions):
    page = write(predictions=predictions["A"], thresholds=0.55, pictures=1)
    assert "Misses: anomalous, predicted good hole, score 0.5 test/hole/3.png" in page.text
    assert "False alarms: good, predicted anomalous good, score 0.6 test/good/2.png" in page.text
    assert "Highest scores: 1 of 5 bent, score 0.9 test/bent/4.png" in page.text
    assert page.source.count("<figure>") == 3


def test_names_are_never_taken_for_tags(write, category, predictions):
    test = category.test
    kinds = ["good"] * 3 + [EVIL] * 2
    evil = Split(
        test.paths, LABELS, test.masks, kinds, geometry=test.geometry, name=EVIL, root=test.root
    )
    found = {EVIL: dataclasses.replace(predictions["A"], detector=EVIL, backbone=EVIL)}
    page = write(
        Category(EVIL, category.train, evil), found, title=EVIL, configuration={EVIL: EVIL}
    )
    assert "script" not in page.names
    assert page.source.count("&lt;script&gt;") > 5
    alive = write(Category(EVIL, category.train, evil), found, title=EVIL, live=40)
    assert EVIL not in alive.source


def test_without_maps_masks_or_labels_the_page_says_what_it_cannot_know(
    write, category, predictions
):
    test = category.test
    unlabelled = Split(test.paths, [-1] * 5, [None] * 5, ["unlabelled"] * 5, geometry=test.geometry)
    found = dataclasses.replace(predictions["A"], anomaly_map=None)
    page = write(Category("nut", category.train, unlabelled), found)
    assert "tested on 5 unlabelled" in page.text
    assert "A predicts 1 of 5 unlabelled images as anomalous, by a threshold" in page.text
    assert (
        "—, undefined: image AUROC, image AP, best F1, false positives at 100 % "
        "recall (no anomalous image" in page.text
    )
    assert set(page.tables[0]["A"]) == {"—"}
    assert "Curves" not in page.text


def test_the_configuration_is_printed(write):
    detector = adviz.PatchCore(coreset=0.25)
    table = write(configuration={"A": detector, "by": "Ann"}).tables[3]
    made = dict([table.columns, *table.to_numpy()])
    assert made["A"] == repr(detector)
    assert made["by"] == "Ann"
    assert made["backbone of B"] == "net (weights abc)"
    assert "32 x 32 pixels; size=32, resize=32, crop=False" in made["images"]
    assert f"adviz {adviz.__version__}" in made["versions"]


def test_pictures_show_the_image_and_its_map(write, category, predictions):
    page = write(predictions=predictions["A"], pictures=1)
    pictures = [address for address in page.addresses if address.startswith("data:image")]
    # Of the highest score, which is the last image's
    jpeg = base64.b64decode(pictures[-2].partition(",")[2])
    # Away from the outlined hole
    shown = np.asarray(Image.open(io.BytesIO(jpeg)))[16:, 16:].astype(float)
    wrong_by = [np.abs(shown - category.test[number].image[16:, 16:]).mean() for number in range(5)]
    assert wrong_by[4] < 0.25 * min(wrong_by[:4])  # not equal: JPEG of noise


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"category": Prediction(np.zeros(5))},
            TypeError,
            "expected a Category, then the predictions",
        ),
        ({"predictions": np.zeros(5)}, TypeError, "several by name, got a ndarray"),
        ({"predictions": {}}, ValueError, "at least one prediction, got none"),
        ({"thresholds": {"C": 1.0}}, ValueError, r"some of \['A', 'B'\], got \['C'\]"),
        ({"thresholds": float("nan")}, ValueError, "finite thresholds, got nan"),
        ({"pictures": 0}, ValueError, "1 or more, got 0"),
        ({"live": -1}, ValueError, "live must be 0 megabytes or more, got -1"),
        ({"path": "nowhere/report.html"}, FileNotFoundError, "a folder to write the report in"),
        ({"path": "."}, IsADirectoryError, r"a file to write, such as report\.html"),
    ],
)
def test_what_cannot_be_reported_is_refused_and_nothing_is_written(
    category, predictions, tmp_path, monkeypatch, arguments, error, message
):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    arguments = {
        "category": category,
        "predictions": predictions,
        "path": "report.html",
        **arguments,
    }
    with pytest.raises(error, match=message):
        adviz.report(**arguments)
    assert not list((tmp_path / "here").iterdir())


def test_a_threshold_of_another_detector_is_refused(write, category, predictions):
    line = calibrate(predictions["A"], category.test)
    with pytest.raises(ValueError, match="expected a prediction of the detector 'A'"):
        write(thresholds=line)


def test_sorted_photos_can_be_reported(tmp_path, write):
    """What an engineer with a folder has: no masks, maps from a detector."""
    rng = np.random.default_rng(0)
    for name in (*(f"good/{n}" for n in range(5)), "bad/0"):
        save(tmp_path / "part" / f"{name}.png", rng.integers(0, 255, (40, 40, 3), dtype=np.uint8))
    category = data.folder(tmp_path / "part", geometry=Geometry(SIZE, crop=False))
    page = write(
        category, Prediction(np.array([0.2, 0.7]), rng.random((2, SIZE, SIZE)), detector="A")
    )
    assert (
        "—, undefined: pixel AUROC, pixel AP, PRO-global (the test set has no masks)" in page.text
    )


@pytest.mark.parametrize(("size", "flat"), [((32, 64), True), (SIZE, False), ((64, 32), False)])
def test_pictures_of_flat_images_stand_one_below_the_other(
    write, category, predictions, size, flat
):
    geometry = Geometry(size, crop=False)
    height, width = geometry.shape
    found = dataclasses.replace(predictions["A"], anomaly_map=np.zeros((5, height, width)))
    other = dataclasses.replace(category, test=category.test.with_geometry(geometry))
    assert ('class="shots stacked"' in write(other, found).source) is flat


def test_padding_is_explained_where_there_is_some(write, category, predictions):
    padded = dataclasses.replace(
        category, test=category.test.with_geometry(Geometry(SIZE, crop=False, aspect="letterbox"))
    )
    assert "Grey beside it is padding" in write(padded).text
    assert "padding" not in write().text


def test_every_kind_of_curve_is_a_drawing_of_its_own(write):
    """A narrow page sets them below each other, in place of shrinking their letters."""
    drawn = re.findall("aria-label='([^']*) curves of all detectors'", write().source)
    assert drawn == ["ROC", "precision-recall", "per-region overlap"]
