"""Whether a photograph is like those that were learned from: measured on the built-in data."""

import itertools

import numpy as np
import pytest
from PIL import Image

from adviz import PatchCore, data
from adviz.app import usual as rules
from adviz.app.learned import Learned, learn

CATEGORIES = ("hex_nut", "mesh", "transistor")
PAIRS = list(itertools.permutations(CATEGORIES, 2))


@pytest.fixture(scope="module")
def learned():
    return {
        name: learn(data.demo(name).test.root, detector=PatchCore(coreset=0.05))
        for name in CATEGORIES
    }


def unlike(learned, photograph):
    return learned.unlike(photograph, learned.predict(photograph))


@pytest.mark.parametrize(("name", "other"), PAIRS)
def test_a_photograph_of_another_part_is_unlike_those_learned_from(learned, name, other):
    for photograph in data.demo(other).test.paths[::15]:
        (reason,) = unlike(learned[name], photograph)
        # Of the lowest tenth, which decides; not of the score
        calm = np.quantile(learned[name].predict(photograph).anomaly_map[0], 0.1)
        times = calm / learned[name].usual.calm
        assert times > rules.CALM
        assert reason.startswith("it is unusual everywhere")
        assert f"reaches {times:.1f} times what that of any good photograph held out" in reason


@pytest.mark.parametrize("name", CATEGORIES)
def test_good_and_defective_photographs_of_the_part_are_like_them(learned, name):
    test = data.demo(name).test
    assert {int(label) for label in test.labels[::3]} == {0, 1}
    assert not any(unlike(learned[name], photograph) for photograph in test.paths[::3])


@pytest.fixture(scope="module")
def nut():
    with Image.open(data.demo("hex_nut").train.paths[2]) as photograph:
        return photograph.convert("RGB")


def test_another_shape_too_few_pixels_and_no_colour_are_named(learned, nut):
    nuts = learned["hex_nut"]
    assert unlike(nuts, nut) == ()
    assert unlike(nuts, nut.resize((1024, 1024))) == ()  # more pixels change nothing
    assert unlike(nuts, nut.crop((0, 2, 256, 254))) == ()  # 1.6 %
    wide = unlike(nuts, nut.crop((0, 0, 256, 240)))
    assert wide == ("it has another shape, 256x240 pixels (those learned from are 256x256)",)
    tiny = unlike(nuts, nut.resize((100, 100)))
    assert tiny[0] == "it has too few pixels, 100x100 (those learned from are 256x256)"
    assert unlike(nuts, nut.convert("L"))[0] == "it is grey (those learned from are in colour)"
    grey = np.asarray(nut.convert("L"))  # an array of one channel
    assert unlike(nuts, grey)[0] == "it is grey (those learned from are in colour)"


def test_a_colour_photograph_of_a_grey_camera_is_named(tmp_path, nut):
    (tmp_path / "good").mkdir()
    for number, path in enumerate(data.demo("hex_nut").train.paths[:12]):
        with Image.open(path) as photograph:
            photograph.convert("L").save(tmp_path / "good" / f"{number:02d}.jpg")
    learned = learn(tmp_path, detector=PatchCore(coreset=0.02))
    learned.save(tmp_path / "nut.adviz")
    read = Learned.load(tmp_path / "nut.adviz")
    assert read.usual == learned.usual
    assert unlike(read, nut.convert("L")) == ()
    assert "it is in colour (those learned from are grey)" in unlike(read, nut)


def test_photographs_of_several_shapes_allow_all_between(learned):
    found = data.demo("hex_nut").train
    prediction = learned["hex_nut"].predict(found.paths[0])
    image = found.image(0)
    geometry = data.Geometry(224, crop=False, aspect="letterbox")
    several = rules.usual([(300, 400), (400, 300)], [image, image], geometry, prediction)
    assert several.shapes == (0.75, pytest.approx(4 / 3))
    for size in ((300, 400), (350, 350), (400, 300)):
        assert several.differences(size, image, geometry, prediction) == ()
    for size in ((300, 420), (420, 300)):
        (reason,) = several.differences(size, image, geometry, prediction)
        assert "another shape" in reason
