import numpy as np
import pytest
from PIL import Image

from adviz import data


@pytest.fixture
def category(tmp_path):
    """Four defects of 512 x 512 pixels: in the border, half cut off, thin and central, large."""
    masks = {name: np.zeros((512, 512), np.uint8) for name in ("border", "cut", "thin", "large")}
    masks["border"][:, :20] = 255  # the crop takes 32 of 512 pixels off each side
    masks["cut"][200:300, :64] = 255
    masks["thin"][100:400, 255:256] = 255
    masks["large"][200:300, 200:300] = 255
    for name, mask in {**masks, "bare": None, "good": None}.items():
        for folder, image in (
            (f"test/{name}", np.zeros_like(masks["cut"])),
            (f"ground_truth/{name}", mask),
        ):
            if image is not None:
                (tmp_path / folder).mkdir(parents=True)
                Image.fromarray(image).save(tmp_path / folder / "000.png")
    (tmp_path / "train/good").mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "train/good/0.png")
    return data.folder(tmp_path)


def test_defects_that_the_crop_removes_or_cuts_are_listed(category):
    table = data.audit(category.test).set_index("defect")
    # Neither good nor without a mask
    assert sorted(table.index) == ["border", "cut", "large", "thin"]
    assert table.area.to_dict() == {"border": 10240, "cut": 6400, "large": 10000, "thin": 300}
    assert table.inside.to_dict() == {"border": 0, "cut": 0.5, "large": 1, "thin": 1}
    assert table.loc["border", "kept >0.5"] == 0
    # a border of half a new pixel may round either way: 50 + 16 new pixels of circumference in 50 *
    # 16
    assert table.loc["cut", "kept >0.5"] == pytest.approx(0.5, abs=66 / 2 / 1600)
    assert table.loc["large", "kept >0.5"] == pytest.approx(1, abs=200 / 2 / 2500)


def test_rules_differ_on_what_is_thin(category):
    thin = data.audit(category.test).set_index("defect").loc["thin"]
    assert thin["kept ==1"] == 0  # half covered pixels only
    assert thin["kept >0"] > 1


def test_rules_can_be_chosen_and_the_whole_image_loses_nothing(category):
    whole = category.with_geometry(data.Geometry(size=256, crop=False))
    table = data.audit(whole.test, rules=[">0"])
    assert list(table.columns) == ["image", "defect", "area", "inside", "kept >0"]
    assert (table.inside == 1).all()
    assert (table["kept >0"] >= 1).all()


def test_an_unknown_rule_is_refused(category):
    with pytest.raises(ValueError, match="mask_rule must be one of"):
        data.audit(category.test, rules=["half"])


def test_nothing_to_list_is_an_empty_table(category):
    assert len(data.audit(category.test.subset(category.test.labels == 0))) == 0
