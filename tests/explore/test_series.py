import numpy as np
import pytest
from traitlets import TraitError

from adviz import Prediction, explore

VALUES = [0, 2, 4]


def found(scores, **other):
    maps = np.zeros((3, 8, 8), np.float32)
    maps[:, 1, 2] = scores
    given = {"score": np.array(scores, np.float32), "anomaly_map": maps, **other}
    return Prediction(**given)


@pytest.fixture
def given():
    images = np.full((3, 8, 8, 3), 100, np.uint8)
    predictions = {"PaDiM": found([1, 2, 5]), "PatchCore": found([10, 10, 5])}
    return images, predictions, {"PaDiM": 2.0, "PatchCore": 20.0}


def test_scores_are_multiples_of_the_threshold(given):
    view = explore.series(VALUES, *given, name="pixels")
    np.testing.assert_array_equal(view.relative["PaDiM"], [0.5, 1, 2.5])
    np.testing.assert_array_equal(view.relative["PatchCore"], [0.5, 0.5, 0.25])
    assert view.facts["detectors"]["PaDiM"] == {"relative": [0.5, 1.0, 2.5], "limits": [0.0, 3.0]}
    assert (view.facts["name"], view.facts["values"]) == ("pixels", [0.0, 2.0, 4.0])


def test_a_colour_scale_rises_where_all_is_far_above_the_threshold(given):
    """A threshold below the lowest value of the maps turned the scale round."""
    images, predictions, _ = given
    high = found([1, 2, 5], anomaly_map=np.linspace(10, 12, 192, dtype=np.float32).reshape(3, 8, 8))
    flat = found([1, 2, 5], anomaly_map=np.full((3, 8, 8), 10, np.float32))
    predictions = {"high": high, "flat": flat}
    view = explore.series(VALUES, images, predictions, {"high": 2.0, "flat": 2.0})
    detectors = view.facts["detectors"]
    assert detectors["high"]["limits"] == [10, 12]
    assert detectors["flat"]["limits"] == [10, 11]


def test_a_value_goes_to_the_nearest_step(given):
    view = explore.series(VALUES, *given)
    assert (view.value, view.step) == (0, 0)
    view.value = 3.5
    assert (view.value, view.step) == (4, 2)
    view.state = {"value": 2, "picked": [1, 2]}
    assert view.state == {"value": 2, "picked": [1, 2], "zoom": []}
    for name, wrong in (("picked", [8, 0]), ("picked", [1]), ("zoom", [1, 1, 0.5])):
        with pytest.raises(TraitError, match=f"{name} must be"):
            setattr(view, name, wrong)


def test_every_step_has_its_map(given):
    view = explore.series(VALUES, *given)
    part = view.part("map/PaDiM/2")
    assert part["range"].tolist() == [0, 5]
    assert np.unravel_index(part["map"].argmax(), part["map"].shape) == (1, 2)
    assert view.part("image/0")["image"].startswith(b"\xff\xd8")
    assert len(view.export_keys()) == 3 * 3
    assert set(view.opening) == {"image/0", "map/PaDiM/0", "map/PatchCore/0"}
    for wrong in ("image/3", "map/SPADE/0", "map/0", "test/0"):
        with pytest.raises((KeyError, ValueError)):
            view.part(wrong)


def test_it_is_drawn_and_exported(given, tmp_path):
    view = explore.series(VALUES, *given, name="pixels")
    view.value = 4
    titles = [axes.get_xlabel() or axes.get_title() for axes in view.static().axes]
    assert "PaDiM: 2.50 times its threshold" in " ".join(titles)
    page = view.export(tmp_path / "series.html").read_text()
    assert "<title>pixels: PaDiM, PatchCore</title>" in page


def test_what_does_not_belong_together_is_refused(given):
    images, predictions, thresholds = given
    with pytest.raises(ValueError, match="rising values"):
        explore.series([0, 0, 1], *given)
    with pytest.raises(ValueError, match="an image for each of 3 values, got 2"):
        explore.series(VALUES, images[:2], predictions, thresholds)
    with pytest.raises(ValueError, match="at least one detector"):
        explore.series(VALUES, images, {}, thresholds)
    with pytest.raises(ValueError, match="PaDiM's maps of these images"):
        explore.series(VALUES, images[:, :4], predictions, thresholds)
    with pytest.raises(ValueError, match="threshold above 0 for PatchCore, got None"):
        explore.series(VALUES, images, predictions, {"PaDiM": 1.0})
    with pytest.raises(ValueError, match="DN2 has none"):
        explore.series(VALUES, images, {"DN2": found([1, 2, 3], anomaly_map=None)}, {"DN2": 1.0})
