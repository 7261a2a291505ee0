"""Which mask is of which image, whatever people call both."""

import published_trees as trees
import pytest

from adviz import data

FORMS = (
    "{}_MASK.png",
    "{}_Mask.PNG",
    "{}-mask.png",
    "{} mask.png",
    "{}.mask.png",
    "{}_masks.png",
    "{}mask.png",
    "{}_gt.png",
    "{}_GT.png",
    "{}_ground_truth.png",
    "{}-groundtruth.tif",
    "{}_label.bmp",
    "{}_seg.png",
    "{}_segmentation.png",
    "{}_annotation.png",
    "mask_{}.png",
    "Mask-{}.png",
    "gt_{}.png",
    "{}.png.png",
    "{}.JPG_mask.png",
    "{}_mask.png.png",
)


def plate(root, *masks, images=("hole/000", "hole/001", "bent/000")):
    trees.put(
        root, "train/good/000.png", "test/good/000.png", *(f"test/{name}.png" for name in images)
    )
    return trees.put(root, *masks, image=trees.mask())


def found(root):
    test = data.folder(root).test
    there = {
        name: mask for name, mask in zip(test.ids, test.masks, strict=True) if mask is not None
    }
    return {
        name.removeprefix("test/"): mask.relative_to(root).as_posix()
        for name, mask in there.items()
    }


@pytest.mark.parametrize("form", FORMS)
def test_masks_of_other_names_are_found(form, tmp_path):
    names = ("hole/000", "hole/001", "bent/000")
    masks = {name: "ground_truth/" + form.join(("", "")) for name in names}
    for name in names:
        folder, stem = name.split("/")
        masks[name] = f"ground_truth/{folder}/{form.format(stem)}"
    plate(tmp_path, *masks.values())
    assert found(tmp_path) == {f"{name}.png": mask for name, mask in masks.items()}


def test_masks_in_no_folder_are_found_where_one_image_can_be_meant(tmp_path):
    plate(tmp_path, "gt/001_mask.png", "gt/007.png", images=("hole/001", "bent/007", "good/007"))
    assert found(tmp_path) == {"hole/001.png": "gt/001_mask.png", "bent/007.png": "gt/007.png"}
    plate(tmp_path, "gt/000_mask.png", images=("hole/000", "bent/000"))
    with pytest.raises(
        ValueError,
        match=r"one image, got bent/000\.png, hole/000\.png for .*gt/000_mask\.png: put it",
    ):
        data.folder(tmp_path)


def test_folders_of_masks_may_differ_in_case_or_in_the_word_for_good_and_bad(tmp_path):
    plate(tmp_path, "masks/hole/000.png", "masks/Bad/000_gt.png", images=("Hole/000", "NG/000"))
    assert found(tmp_path) == {
        "Hole/000.png": "masks/hole/000.png",
        "NG/000.png": "masks/Bad/000_gt.png",
    }
    trees.put(tmp_path, "masks/ok/000_mask.png", image=trees.mask(0))  # of the good image
    assert "good/000.png" in found(tmp_path)


def test_mvtecs_own_names_count_before_others(tmp_path):
    images = ("hole/000", "hole/000_label", "hole/mask_000")
    masks = (
        "ground_truth/hole/000_mask.png",
        "ground_truth/hole/000_label.png",
        "ground_truth/hole/mask_000.png",
    )
    plate(tmp_path, *masks, images=images)
    assert found(tmp_path) == dict(zip([f"{name}.png" for name in images], masks, strict=True))


def test_a_folder_of_masks_may_be_called_otherwise_too(tmp_path):
    plate(tmp_path, "ground_truth/hole/000_MASK/0.png", "ground_truth/hole/000_MASK/1.png")
    assert found(tmp_path) == {"hole/000.png": "ground_truth/hole/000_MASK"}


def test_a_second_mask_of_an_image_is_refused(tmp_path):
    plate(tmp_path, "ground_truth/hole/000_mask.png", "ground_truth/hole/000_gt.png")
    with pytest.raises(
        ValueError,
        match=r"one mask for .*hole/000\.png, got .*000_mask\.png and .*000_gt\.png: keep one",
    ):
        data.folder(tmp_path)


@pytest.mark.parametrize("name", ["defect of 000.png", "000_spot.png", "00.png", "x.png"])
def test_a_mask_of_an_unknown_name_is_named_beside_images_that_lack_one(name, tmp_path):
    plate(tmp_path, f"ground_truth/hole/{name}")
    came = rf"<image>_mask\.png or <image>\.png, got 1 without one, first .*{name}, beside "
    remedy = r"hole/000\.png, hole/001\.png without a mask: rename it after its image$"
    with pytest.raises(ValueError, match=came + remedy):
        data.folder(tmp_path)


def test_a_mask_in_a_folder_without_images_is_named_with_the_folders_there_are(tmp_path):
    plate(tmp_path, "ground_truth/holes/000_mask.png")
    with pytest.raises(
        ValueError, match=r"no images in a folder holes of the test; rename .*: bent, hole\)"
    ):
        data.folder(tmp_path)


@pytest.mark.parametrize("name", ["000_mask.npy", "000.svg", "000_mask.json", "000_mask.xcf"])
def test_a_mask_of_another_kind_of_file_is_not_passed_over(name, tmp_path):
    file = plate(tmp_path, "ground_truth/hole/001_mask.png") / "ground_truth/hole" / name
    file.write_bytes(b"x")
    with pytest.raises(
        ValueError,
        match=rf"got 1 files of another kind, first .*{name} for hole/000\.png: save them",
    ):
        data.folder(tmp_path)
    # Then it is a note beside the mask
    trees.put(tmp_path, "ground_truth/hole/000_mask.png", image=trees.mask())
    assert len(found(tmp_path)) == 2


@pytest.mark.parametrize("place", ["test/hole", "test/good", "train/good", "test"])
def test_masks_beside_their_images_are_no_images(place, tmp_path):
    plate(tmp_path)
    trees.put(tmp_path, f"{place}/000.png", f"{place}/000_Mask.png")
    with pytest.raises(
        ValueError,
        match=r"masks in a folder ground_truth, got 1 beside their images, first .*000_Mask",
    ):
        data.folder(tmp_path)


@pytest.mark.parametrize("folder", ["labels", "Annotations", "segmentation", "Label"])
def test_masks_in_folders_of_rarer_names_are_found(folder, tmp_path):
    plate(tmp_path, f"{folder}/hole/000.png", images=("hole/000",))
    assert found(tmp_path) == {"hole/000.png": f"{folder}/hole/000.png"}


def test_folders_of_texts_or_beside_masks_are_none_of_masks(tmp_path):
    plate(tmp_path, images=("hole/000",))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/000.txt").write_text("0 .5 .5 .1 .1")
    assert found(tmp_path) == {}
    trees.put(tmp_path, "masks/hole/000.png", "annotations/hole/999.png", image=trees.mask())
    assert found(tmp_path) == {"hole/000.png": "masks/hole/000.png"}


@pytest.mark.parametrize("folder", ["hole_mask", "hole-GT", "Hole masks", "masks", "mask", "gt"])
def test_masks_among_the_test_folders_are_no_defective_images(folder, tmp_path):
    plate(tmp_path, f"test/{folder}/000.png", images=("hole/000",))
    with pytest.raises(
        ValueError, match=rf"in .*{folder}, whose name says that they are masks: move it to .*truth"
    ):
        data.folder(tmp_path)


def test_defects_that_are_called_a_little_like_masks_are_defects(tmp_path):
    plate(tmp_path, images=("solder_mask/000", "masked/000", "hole/000"))
    assert data.folder(tmp_path).test.labels.tolist() == [0, 1, 1, 1]


def test_masks_of_good_images_that_mark_something_are_told(tmp_path):
    plate(tmp_path, "ground_truth/good/000_mask.png", images=("hole/000",))
    (finding,) = data.check(tmp_path).of("masks of good images")
    assert finding.serious
    assert finding.files == ("test/good/000.png",)
    trees.put(tmp_path, "ground_truth/good/000_mask.png", image=trees.mask(0))
    assert not data.check(tmp_path).of("masks of good images")
