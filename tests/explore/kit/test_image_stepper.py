"""The base of the explorers whose pages the kernel draws."""

import base64
import io
import re
import threading

import numpy as np
import pytest
from PIL import Image

from adviz import Prediction, data, plots
from adviz._support import progress
from adviz.explore.kit.checked import by_name
from adviz.explore.kit.image_stepper import SteppedView


def stepped(categories, predictions):
    return SteppedView(*by_name(categories, predictions))


@pytest.fixture(scope="module")
def categories(tmp_path_factory):
    """Two categories of four test images: hole, good, unlabelled, good."""
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    mask = np.zeros((256, 256), np.uint8)
    mask[100:140, 100:140] = 255
    for name in ("plate", "gear"):
        files = ["train/good/0", "test/good/0", "test/good/1", "test/hole/0", "test/loose"]
        for file in files:
            path = root / name / f"{file}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 255, (256, 256, 3), dtype=np.uint8)).save(path)
        (root / name / "ground_truth/hole").mkdir(parents=True)
        Image.fromarray(mask).save(root / name / "ground_truth/hole/0_mask.png")
    return {name: data.mvtec(root, name) for name in ("plate", "gear")}


@pytest.fixture
def predictions():
    rng = np.random.default_rng(1)
    return {
        name: {
            "PatchCore": Prediction(
                np.array([0.5, 1.0, 2.0, 4.0]), rng.random((4, 224, 224), np.float32)
            ),
            "DN2": Prediction(np.array([1.0, 2.0, 3.0, 2.5])),
        }
        for name in ("plate", "gear")
    }


@pytest.fixture
def view(categories, predictions):
    return stepped(categories, predictions)


def shown(view):
    """Return the pictures on the page, in order, as arrays."""
    found = re.findall(r"data:image/jpeg;base64,([^']+)'", view._page.value)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_it_opens_on_the_first_image_of_the_first_category(view):
    assert (view.category, view.detector, view.image) == ("plate", "PatchCore", 0)
    assert view.status.startswith(
        "plate · PatchCore · image 1 of 4 · unlabelled · score 0.5, predicted good"
    )
    # Unlabelled: there is no ground truth
    assert [picture.shape for picture in shown(view)] == [(224, 224, 3)] * 3
    assert "no ground truth" in view._page.value


def test_every_control_changes_status_and_picture(view):
    pictures, lines = [view._page.value], [view.status]
    for name, value in (("image", 3), ("detector", "DN2"), ("category", "gear"), ("image", 2)):
        setattr(view, name, value)
        assert getattr(view, name) == value
        pictures.append(view._page.value)
        lines.append(view.status)
    assert len(set(pictures)) == len(set(lines)) == 5
    assert (
        view.status == "gear · DN2 · image 3 of 4 · good · score 3, "
        "predicted anomalous at the F1-optimal threshold 2.5 (a false alarm)"
    )


def test_the_picture_shows_the_state(view, categories, predictions):
    view.image = 3
    axes = {ax.get_label(): ax for ax in view.static().axes}
    sample = categories["plate"].test[3]
    np.testing.assert_array_equal(axes["row 0 ground truth"].images[0].get_array(), sample.mask)
    maps = predictions["plate"]["PatchCore"].anomaly_map
    heat = axes["row 0 map"].images[0]
    np.testing.assert_array_equal(heat.get_array(), maps[3])
    # One scale for all images, not one per image
    assert heat.get_clim() == plots.shared_limits(list(maps))


def test_steps_stop_at_the_ends(view):
    view._images.move(-1)
    assert view.image == 0
    for _ in range(9):
        view._images.move(1)
    assert view.image == 3
    assert view._images._counter.value == "4 of 4"


def test_changing_the_category_keeps_the_detector_and_starts_at_its_first_image(view):
    view.detector, view.image = "DN2", 2
    view.category = "gear"
    assert (view.detector, view.image) == ("DN2", 0)


def test_categories_may_have_other_detectors_and_numbers_of_images(categories, predictions):
    part = data.Category("part", categories["gear"].train, categories["gear"].test.subset([0, 1]))
    view = stepped(
        {**categories, "part": part}, {**predictions, "part": {"X": Prediction(np.zeros(2))}}
    )
    view.image = 3
    view.category = "part"
    assert (view.detector, view.image, view._images.slider.max) == ("X", 0, 2)
    assert view.status == "part · X · image 1 of 2 · unlabelled · score 0"
    view.category = "plate"
    assert view.detector == "PatchCore"


def test_its_text_says_what_it_is_where_no_widget_can_be_shown(view):
    assert repr(view).startswith("SteppedView: a widget")


def test_an_error_in_a_callback_shows_in_the_status_line_escaped(view, monkeypatch):
    def fail(self):
        raise OSError("file <a> is gone")

    before = view._page.value
    monkeypatch.setattr(SteppedView, "_draw", fail)
    view.image = 1
    assert view.status == "Error: OSError: file <a> is gone"
    assert view._status.value == "Error: OSError: file &lt;a&gt; is gone"
    assert view._page.value == before


def test_the_picture_can_be_saved(view, tmp_path):
    view.save(tmp_path / "row.pdf")
    assert (tmp_path / "row.pdf").read_bytes().startswith(b"%PDF")


def test_a_score_at_the_threshold_is_anomalous_and_one_below_is_not(categories, predictions):
    view = stepped(categories, predictions)
    view.detector = "DN2"
    verdicts = []
    for index in range(4):
        view.image = index
        verdicts.append(view.status.split(" · ")[-1])
    scores = predictions["plate"]["DN2"].score
    labels = categories["plate"].test.labels
    words = {(True, 0): " (a false alarm)", (False, 1): " (missed)"}
    expected = [
        f"score {s:.4g}, predicted {'anomalous' if s >= 2.5 else 'good'} at the F1-optimal "
        "threshold 2.5" + words.get((s >= 2.5, n), "")
        for s, n in zip(scores, labels, strict=True)
    ]
    assert verdicts == expected
    assert any(s == 2.5 for s in scores)


def test_every_detector_has_a_scale_of_its_own(categories, predictions):
    loud = predictions["plate"]["PatchCore"]
    predictions["plate"]["loud"] = Prediction(loud.score, loud.anomaly_map * 10)
    view = stepped({"plate": categories["plate"]}, {"plate": predictions["plate"]})
    limits = {}
    for name in ("PatchCore", "loud"):
        view.detector = name
        axes = {ax.get_label(): ax for ax in view.static().axes}
        limits[name] = axes["row 0 map"].images[0].get_clim()
    assert limits["loud"] == pytest.approx([10 * limit for limit in limits["PatchCore"]])


def test_a_prediction_may_be_computed_when_it_is_first_chosen(categories, predictions):
    calls = []

    def later():
        calls.append(1)
        return predictions["plate"]["DN2"]

    view = stepped(
        categories["plate"], {"PatchCore": predictions["plate"]["PatchCore"], "later": later}
    )
    assert calls == []
    view.detector = "later"
    view.wait(10)
    assert "plate · later · image 1 of 4" in view.status
    view.detector = "PatchCore"
    view.detector = "later"
    assert "plate · later · image 1 of 4" in view.status  # kept
    assert calls == [1]


def test_work_goes_on_while_another_image_is_chosen_and_can_be_stopped(categories):
    calls, entered = [], threading.Event()

    def endless():
        calls.append(1)
        for _ in progress.progress_bar(iter(int, 1), label="counting"):
            entered.set()

    view = stepped(categories["plate"], {"DN2": Prediction(np.zeros(4)), "endless": endless})
    view.detector = "endless"
    assert entered.wait(10)
    view.image = 2
    assert calls == [1]
    view.stop()
    view.wait(10)
    assert view.status == "stopped"
    view.detector = "DN2"
    assert "DN2 · image 3 of 4" in view.status


def test_an_image_that_does_not_exist_is_refused(view):
    message = r"image must be one of the 4 test images of defect 'all' .0 to 3., got 4"
    with pytest.raises(ValueError, match=message):
        view.image = 4


def test_what_cannot_be_computed_is_said(categories):
    view = stepped(categories["plate"], {"broken": lambda: 1 / 0})
    view.wait(10)
    assert view.status == "Error: ZeroDivisionError: division by zero"
    view = stepped(categories["plate"], {"short": lambda: Prediction(np.zeros(3))})
    view.wait(10)
    assert "expected short's prediction of the 4 test images of plate, got one of 3" in view.status
