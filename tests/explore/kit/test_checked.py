"""What explorers of test images are given: one thing or several by name, and nothing else."""

import numpy as np
import pytest
from bank_data import small_category

from adviz import Prediction, explore

EXPLORERS = ("results", "retrieval", "thresholds", "compare", "layers", "pro")
every = pytest.mark.parametrize("name", EXPLORERS)


@pytest.fixture(scope="module")
def category(tmp_path_factory):
    return small_category(tmp_path_factory.mktemp("data"))


def prediction(count=4):
    rng = np.random.default_rng(0)
    layers = {"layer1": rng.random((count, 8, 8))}
    return Prediction(rng.random(count), rng.random((count, 32, 32)), layers)


@every
def test_one_category_and_one_prediction_need_no_names(category, name):
    view = getattr(explore, name)(category, prediction())
    assert (view.category, view.detector) == ("plate", "detector")
    view.close()


@every
def test_swapped_arguments_are_refused(category, name):
    with pytest.raises(TypeError, match=r"expected a Category .*, got a Prediction and a Category"):
        getattr(explore, name)(prediction(), category)


@every
def test_what_does_not_fit_is_refused(category, name):
    explorer = getattr(explore, name)
    with pytest.raises(ValueError, match="at least one category"):
        explorer({}, {})
    two = {"plate": category, "gear": category}
    with pytest.raises(ValueError, match="predictions for category 'gear', got them for plate"):
        explorer(two, {"plate": {"X": prediction()}})
    with pytest.raises(ValueError, match="category 'plate', got them for no category"):
        explorer(category, {})
    with pytest.raises(ValueError, match="4 test images of plate, got one of 3 images"):
        explorer(category, {"X": prediction(3)})
    with pytest.raises(TypeError, match="or a function that returns one, got str"):
        explorer(category, {"text": "PatchCore"})
