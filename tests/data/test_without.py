"""Training images that are left out, by name or by a file that says why."""

import json

import numpy as np
import pytest

from adviz import data

SMALL = data.Geometry(8, crop=False)


@pytest.fixture
def category():
    pixels = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((4, 8, 8, 3), np.uint8)
    names = [f"train/good/{number}.png" for number in range(4)]
    train = data.Split.from_arrays(pixels, [0] * 4, names=names, geometry=SMALL)
    test = data.Split.from_arrays(pixels[:2], [0, 1], names=["a", "b"], geometry=SMALL)
    return data.Category("line", train, test, validation=test)


def test_images_are_left_out_by_name_and_all_else_stays(category):
    part = category.without(["train/good/2.png", "train/good/0.png"])
    assert part.train.ids == ["train/good/1.png", "train/good/3.png"]
    assert [image.max() for image in (part.train.image(0), part.train.image(1))] == [1, 3]
    assert part.test.ids == category.test.ids
    assert part.validation.ids == category.validation.ids
    assert len(category.train) == 4
    assert category.without([]).train.ids == category.train.ids


def test_reasons_are_read_from_a_file(category, tmp_path):
    path = tmp_path / "left-out.json"
    reasons = {"train/good/1.png": "a hair on the lens"}
    path.write_text(json.dumps(reasons))
    for given in (path, str(path), reasons):
        assert len(category.without(given).train) == 3


def test_other_names_are_refused(category):
    expected = r"such as 'train/good/0.png', got 'train/god/1.png': did you mean 'train/good/1.png'"
    with pytest.raises(ValueError, match=expected):
        category.without(["train/god/1.png"])
    with pytest.raises(ValueError, match="expected names in a list, or a JSON file, got the name"):
        category.without("train/good/0.png")
    with pytest.raises(ValueError, match="expected to keep a training image, got all 4 left out"):
        category.without(category.train.ids)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "expected names and reasons as JSON in .*left-out.json, but"),
        ("{", "expected names and reasons as JSON in .*left-out.json, but"),
        ('{"train/good/1.png": 3}', "expected a reason as text .* got 3 for 'train/good/1.png'"),
    ],
)
def test_other_files_are_refused(category, tmp_path, content, message):
    path = tmp_path / "left-out.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        category.without(path)
    with pytest.raises(FileNotFoundError):
        category.without(tmp_path / "none.json")
