import numpy as np
import pytest
from PIL import Image

from adviz.data import Category, Geometry, Split

SMALL = Geometry(size=8, crop=False)


@pytest.fixture
def files(tmp_path):
    """Three 8 x 8 images of constant grey 10, 20, 30 and a mask for the last one."""
    for index in range(3):
        Image.fromarray(np.full((8, 8, 3), 10 * (index + 1), np.uint8)).save(
            tmp_path / f"{index}.png"
        )
    mask = np.zeros((8, 8), np.uint8)
    mask[2:4, 5:7] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    return tmp_path


def split_of(files, labels=(0, -1, 1), masks=(None, None, "mask.png"), **options):
    paths = [files / f"{index}.png" for index in range(3)]
    masks = [None if mask is None else files / mask for mask in masks]
    return Split(
        paths, labels, masks, ["good", "unlabelled", "hole"], geometry=SMALL, root=files, **options
    )


def test_a_sample_holds_what_is_known(files):
    good, unlabelled, hole = split_of(files)
    assert (good.label, unlabelled.label, hole.label) == (0, None, 1)
    assert (good.image == 10).all()
    assert good.mask is not None
    assert not good.mask.any()
    assert unlabelled.mask is None
    np.testing.assert_array_equal(np.argwhere(hole.mask), [[2, 5], [2, 6], [3, 5], [3, 6]])
    assert (hole.defect, hole.path.name) == ("hole", "2.png")


def test_masks_are_stacked_and_missing_ones_named(files):
    stacked = split_of(files).masks_array()
    assert stacked.dtype == bool
    np.testing.assert_array_equal(stacked.sum((1, 2)), [0, 0, 4])
    bare = split_of(files, masks=(None, None, None))
    assert not bare.has_masks
    with pytest.raises(ValueError, match=r"got none for 1 of them, first .*2\.png"):
        bare.masks_array()


def test_a_mask_of_another_size_is_refused(files):
    Image.fromarray(np.zeros((8, 9), np.uint8)).save(files / "mask.png")
    with pytest.raises(ValueError, match=r"image's size 8x8, got 9x8 in .*mask\.png"):
        split_of(files).mask(2)


def test_a_subset_keeps_everything_together(files):
    split = split_of(files, name="plate")
    part = split.subset([2, 0])
    assert part.ids == ["2.png", "0.png"]
    assert part.defects == ["hole", "good"]
    assert part.name == "plate"
    np.testing.assert_array_equal(part.labels, [1, 0])
    np.testing.assert_array_equal(part.mask(0), split.mask(2))


def test_a_subset_can_be_chosen_by_booleans_and_negative_numbers(files):
    split = split_of(files)
    assert split.subset(split.labels == 1).ids == ["2.png"]
    assert split.subset([-1]).ids == ["2.png"]
    with pytest.raises(ValueError, match="one boolean for each of the 3 images"):
        split.subset([True, False])
    with pytest.raises(
        TypeError, match="integers or booleans to choose images by, got dtype float64"
    ):
        split.subset([1.0])
    with pytest.raises(IndexError):
        split.subset([3])
    assert split[0:2].ids == split.subset([0, 1]).ids


def test_masks_of_good_images_do_not_count(files):
    assert not split_of(files, labels=(0, -1, 0)).has_masks


def test_ids_outside_the_root_are_the_paths(files):
    split = split_of(files)
    other = Split(split.paths, split.labels, split.masks, split.defects, root=files / "elsewhere")
    assert other.ids[0] == (files / "0.png").as_posix()


def test_geometry_can_be_changed(files):
    split = split_of(files)
    category = Category("plate", split, split).with_geometry(Geometry(size=4, crop=False))
    assert category.test[2].image.shape == (4, 4, 3)
    assert split.image_size == (8, 8)


def test_lengths_and_labels_are_checked(files):
    with pytest.raises(ValueError, match=r"one length, got .*'masks': 1"):
        split_of(files, masks=(None,))
    with pytest.raises(ValueError, match=r"labels must be 0 \(good\), 1 \(anomalous\) or -1"):
        split_of(files, labels=(0, 1, 2))


def test_repr_counts_the_kinds(files):
    assert repr(split_of(files)) == "Split(3 images of 8x8: 1 good, 1 hole, 1 unlabelled)"


# images in memory

GREY = np.random.default_rng(0).integers(0, 256, (3, 10, 12), dtype=np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (3, 10, 12, 3), dtype=np.uint8)


@pytest.mark.parametrize("images", [GREY, RGB], ids=["grey", "rgb"])
@pytest.mark.parametrize("geometry", [SMALL, Geometry(size=14), Geometry(8, 9, aspect="shorter")])
def test_images_in_memory_are_treated_as_files_are(tmp_path, images, geometry):
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    files = Split(
        paths,
        [0, 1, -1],
        [None] * 3,
        ["good", "anomalous", "unlabelled"],
        geometry=geometry,
        root=tmp_path,
    )
    names = ["0.png", "1.png", "2.png"]
    split = Split.from_arrays(images, [0, 1, -1], names=names, geometry=geometry, name="plate")
    assert (split.ids, split.defects, split.has_masks, split.name) == (
        files.ids,
        files.defects,
        False,
        "plate",
    )
    for ours, theirs in zip(split, files, strict=True):
        np.testing.assert_array_equal(ours.image, theirs.image)
        assert (ours.label, ours.defect, ours.path.name) == (
            theirs.label,
            theirs.defect,
            theirs.path.name,
        )
    assert split.mask(1) is None
    assert not split.mask(0).any()


def test_images_in_memory_stay_with_their_labels():
    split = Split.from_arrays(RGB, [0, 1, -1], ["a", "b", "c"], geometry=Geometry(12, crop=False))
    assert split.ids == ["0", "1", "2"]
    part = split.subset([2, 0]).with_geometry(SMALL)
    assert (part.ids, part.defects, part.labels.tolist()) == (["2", "0"], ["c", "a"], [-1, 0])
    np.testing.assert_array_equal(part.image(0), split.with_geometry(SMALL).image(2))
    with pytest.raises(
        ValueError, match="mask for every anomalous image, got none for 1 of them, first 1:"
    ):
        split.masks_array()


@pytest.mark.parametrize(
    ("images", "what"),
    [
        (
            RGB.astype(float),
            r"floats in 0..1 or 8-bit integers, got float64 from 0 to 255 as number 0",
        ),
        (RGB[..., :2], r"1, 3 or 4 channels, first or last, got shape \(3, 10, 12, 2\)"),
        (RGB[0, 0], r"\(N, h, w\), \(N, h, w, 3\) or \(N, 3, h, w\), got shape \(12, 3\) of uint8"),
        (GREY[:, :0], r"got shape \(3, 0, 12\): they have no pixels"),
        (
            [RGB[0], RGB[1], RGB[2, :5]],
            r"images of one size, got 2 \(5x12, 10x12, ...\): Backbone.extract takes a list",
        ),
    ],
)
def test_other_arrays_are_refused(images, what):
    with pytest.raises(ValueError, match=what):
        Split.from_arrays(images, [0] * len(images))


def test_images_in_memory_match_their_names_and_have_no_masks(files):
    with pytest.raises(ValueError, match=r"one length, got .*'labels': 2"):
        Split.from_arrays(GREY, [0, 1])
    with pytest.raises(ValueError, match="in memory for each of 2 names and labels, got 3"):
        Split(["a", "b"], [0, 1], [None] * 2, ["a", "b"], pixels=GREY)
    with pytest.raises(ValueError, match="no masks beside images in memory"):
        Split(
            ["a", "b", "c"],
            [0, 1, 1],
            [None, None, files / "mask.png"],
            ["a", "b", "c"],
            pixels=GREY,
        )


@pytest.mark.parametrize("index", [3, -4, 99])
def test_an_image_that_is_not_there_is_refused_in_words(index):
    split = Split.from_arrays(np.zeros((3, 40, 40, 3), np.uint8), labels=[0, 0, 1])
    for choose in (lambda: split[index], lambda: split.subset([0, index]), lambda: split[[index]]):
        with pytest.raises(
            IndexError, match=f"numbers of images below 3, as there are 3, got {index}$"
        ):
            choose()
    assert split[-1].label == 1


@pytest.mark.parametrize("geometry", [256, (256, 512), "letterbox"])
def test_what_is_no_geometry_is_refused(tmp_path, geometry):
    with pytest.raises(TypeError, match=r"geometry must be a Geometry, such as .*, got "):
        Split([tmp_path / "0.png"], [0], [None], ["good"], geometry=geometry)


def test_a_sample_is_printed_in_a_line(tmp_path):
    Image.new("RGB", (50, 40)).save(tmp_path / "7.png")
    Image.fromarray(np.pad(np.full((2, 3), 255, np.uint8), ((0, 38), (0, 47)))).save(
        tmp_path / "mask.png"
    )
    geometry = Geometry((40, 50), crop=False)
    for mask, words in ((tmp_path / "mask.png", "6 defect pixels"), (None, "no mask")):
        split = Split([tmp_path / "7.png"], [1], [mask], ["dent"], geometry=geometry)
        assert repr(split[0]) == f"Sample(7.png: dent, 40x50, {words})"


def test_what_is_no_sequence_and_no_file_is_refused_at_the_door():
    with pytest.raises(TypeError, match=r"expected a list of N, got None: use \[None\] \* N"):
        Split(["a", "b", "c"], [0, 0, 0], None, ["good"] * 3)
    with pytest.raises(
        TypeError, match=r"expected masks as files, .* got a ndarray: save them as PNG"
    ):
        Split(["a", "b", "c"], [1, 1, 1], [np.zeros((4, 4), bool)] * 3, ["hole"] * 3)
