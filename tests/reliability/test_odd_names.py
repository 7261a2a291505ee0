"""Names that people give files and folders, through the whole pipeline; and trees that are no
trees.
"""

import os
import sys
import warnings

import numpy as np
import pytest
import torch
from conditions import small_tree
from PIL import Image
from torch import nn

from adviz import Backbone, PatchCore, data, evaluate, explore
from adviz.data import Geometry
from adviz.explore.thresholds.tags import Tag, read_tags, write_tags

NAMES = {
    "spaces": " two  spaces ",
    "other alphabets": "Größe_ネジ_\u0645_e\u0301",
    "quotes and signs": "a'b\"c&d;e#f%20g?h*[i]{j}$k`l|m<n>",
    "a leading dash": "--out",
    "a line break": "one\ntwo",
    "a dot at the end": "nut.",
    "long": "n" * 200,
}
if sys.platform == "linux":
    NAMES["no UTF-8"] = os.fsdecode(b"caf\xe9")
GEOMETRY = Geometry(32, crop=False)


def network():
    torch.manual_seed(0)
    return Backbone(nn.Sequential(nn.Conv2d(3, 6, 3, stride=4, padding=1), nn.ReLU()), layers=["1"])


def found_in(category, cache):
    train, test = (
        network().extract(split, cache=cache) for split in (category.train, category.test)
    )
    prediction = PatchCore(layers=("1",), coreset=0.5, sigma=1).fit(train).predict(test)
    return prediction, evaluate(prediction, category.test)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    return found_in(small_tree(folder / "nut"), folder / "cache")


@pytest.mark.parametrize("kind", NAMES)
def test_the_whole_pipeline_takes_any_name(kind, plain, tmp_path):
    """Reading, caching, judging, showing, tagging and drawing give what they give of plain names."""
    name = NAMES[kind]
    home = tmp_path / name
    category = small_tree(home / name, stem=name, defect=name)
    prediction, result = found_in(category, home / "cache")
    # Names order the images
    np.testing.assert_array_equal(np.sort(prediction.score), np.sort(plain[0].score))
    assert (result.image_auroc, result.pixel_auroc, result.pro) == (
        plain[1].image_auroc,
        plain[1].pixel_auroc,
        pytest.approx(plain[1].pro, abs=1e-12),  # a sum in another order
    )
    assert len(list((home / "cache").rglob("*.npy"))) == 2
    assert (category.name == name) == (kind != "no UTF-8")
    category.name.encode()
    view = explore.thresholds(category, {"A": prediction})
    view.wait(60)
    assert "Error" not in view.error
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # it is drawn as a box
        view.save(str(home / f"{name}.png"))
    with Image.open(home / f"{name}.png") as picture:
        assert picture.size[0] > 100
    tags = [Tag("A", category.name, category.test.ids[0], 0.5, "dirt", False, note="A")]
    write_tags(home / f"{name}.json", tags)
    assert read_tags(home / f"{name}.json") == tags
    assert not [path for path in home.iterdir() if path.name.startswith(".")]


def test_links_that_lead_in_circles_are_passed_over(tmp_path):
    category = small_tree(tmp_path / "nut")
    (tmp_path / "nut/train/good/zz.png").symlink_to(tmp_path / "nut/train/good/zz.png")
    (tmp_path / "nut/test/round").symlink_to(tmp_path / "nut/test")
    (tmp_path / "nut/loop").symlink_to(tmp_path / "nut")
    (tmp_path / "nut/ground_truth/loop").symlink_to("loop")
    with pytest.raises(
        ValueError, match=r"expected images directly in .*test/round, got some in deeper folders"
    ):
        data.folder(tmp_path / "nut", geometry=GEOMETRY)
    (tmp_path / "nut/test/round").unlink()
    found = data.folder(tmp_path / "nut", geometry=GEOMETRY)
    assert found.train.ids == category.train.ids
    assert found.test.ids == category.test.ids
    (tmp_path / "all").symlink_to(tmp_path)
    # Two levels down, and none within another
    assert list(data.available(tmp_path)) == ["all/nut", "nut"]


def test_links_to_images_elsewhere_are_read(tmp_path):
    category = small_tree(tmp_path / "nut")
    elsewhere = tmp_path / "elsewhere.png"
    (tmp_path / "nut/train/good/0.png").rename(elsewhere)
    (tmp_path / "nut/train/good/0.png").symlink_to(elsewhere)
    assert data.folder(tmp_path / "nut", geometry=GEOMETRY).train.ids == category.train.ids
    assert category.train.image(0).shape == (32, 32, 3)
    elsewhere.unlink()  # a link that leads nowhere is no image
    assert len(data.folder(tmp_path / "nut", geometry=GEOMETRY).train) == 3


def test_folders_that_are_called_as_images_are_no_images(tmp_path):
    small_tree(tmp_path / "nut")
    (tmp_path / "nut/train/good/9.png").mkdir()
    (tmp_path / "nut/ground_truth/hole/9_mask.png").mkdir()
    assert len(data.folder(tmp_path / "nut", geometry=GEOMETRY).train) == 4


def test_pipes_that_are_called_as_images_are_not_waited_for(tmp_path):
    """Opening one waits for whoever writes to it, which may be for ever."""
    small_tree(tmp_path / "nut")
    os.mkfifo(tmp_path / "nut/train/good/9.png")
    assert len(data.folder(tmp_path / "nut", geometry=GEOMETRY).train) == 4
