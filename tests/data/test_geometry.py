import numpy as np
import pytest
import torch
from PIL import Image

from adviz._support import archive
from adviz.data import Geometry
from adviz.data.geometry import fitting


def mask_of(values):
    return Image.fromarray((np.asarray(values) * 255).astype(np.uint8))


def test_default_is_resize_256_and_centre_crop_224():
    image = np.random.default_rng(0).integers(0, 255, (256, 256, 3), dtype=np.uint8)
    np.testing.assert_array_equal(Geometry().image(Image.fromarray(image)), image[16:240, 16:240])


@pytest.mark.parametrize(("size", "resized"), [(224, 256), (280, 320), (320, 366)])
def test_larger_sizes_keep_the_papers_ratio(size, resized):
    assert Geometry(size=size).resized == resized


def test_without_a_crop_the_whole_image_is_resized():
    image = Image.fromarray(np.random.default_rng(1).integers(0, 255, (100, 60, 3), dtype=np.uint8))
    expected = image.resize((64, 64), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(Geometry(size=64, crop=False).image(image), expected)


def test_the_shorter_side_can_set_the_scale():
    image = Image.fromarray(
        np.random.default_rng(2).integers(0, 255, (100, 200, 3), dtype=np.uint8)
    )
    expected = np.asarray(image.resize((128, 64), Image.Resampling.BILINEAR))[4:60, 36:92]
    np.testing.assert_array_equal(
        Geometry(size=56, resize=64, aspect="shorter").image(image), expected
    )


def test_mask_rules_count_what_a_bilinear_reduction_covers():
    """Four pixels become one by triangular weights over four pixels to either side, by hand."""
    row = np.array(
        [0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], dtype=bool
    )
    offsets = np.abs(np.arange(24) + 0.5 - (4 * np.arange(6)[:, None] + 2)) / 4
    weights = np.clip(1 - offsets, 0, None)
    coverage = (weights * row).sum(1) / weights.sum(1)
    assert coverage[0] == 0
    assert 0 < coverage[1] < 0.4
    assert coverage[3] > 0.6
    assert coverage[5] == 1
    for rule, expected in {
        ">0.5": coverage > 0.5,
        ">0": coverage > 0,
        "==1": coverage == 1,
    }.items():
        mask = Geometry(size=6, crop=False, mask_rule=rule).mask(mask_of(np.tile(row, (24, 1))))
        np.testing.assert_array_equal(mask, np.tile(expected, (6, 1)))


@pytest.mark.parametrize(("value", "covered"), [(127, False), (128, True), (1, False)])
def test_the_rule_counts_from_half_coverage_on(value, covered):
    half = Image.fromarray(np.full((4, 4), value, np.uint8))
    assert (Geometry(size=4, crop=False).mask(half) == covered).all()
    assert Geometry(size=4, crop=False, mask_rule=">0").mask(half).all()
    assert not Geometry(size=4, crop=False, mask_rule="==1").mask(half).any()


def test_the_longer_side_is_truncated_as_torchvision_does():
    from torchvision.transforms import functional

    image = Image.fromarray(
        np.random.default_rng(5).integers(0, 255, (300, 449, 3), dtype=np.uint8)
    )
    expected = functional.center_crop(functional.resize(image, 256), 224)
    np.testing.assert_array_equal(Geometry(aspect="shorter").image(image), np.asarray(expected))


def test_nearest_takes_the_middle_pixel():
    values = np.zeros((9, 9), dtype=bool)
    values[4, 4] = True
    assert Geometry(size=3, crop=False, mask_rule="nearest").mask(mask_of(values)).sum() == 1
    assert Geometry(size=3, crop=False).mask(mask_of(values)).sum() == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size must be a whole number of pixels, or a pair .* at least 1, got 0"),
        ({"size": 300, "resize": 256}, "at least size=300, got resize=256"),
        ({"crop": False, "resize": 256}, "without a crop exactly size=224, got resize=256"),
        ({"interpolation": "magic"}, "interpolation must be one of .*got 'magic'"),
        ({"mask_rule": ">=1"}, "mask_rule must be one of .*got '>=1'"),
        ({"aspect": "wide"}, "aspect must be"),
        ({"aspect": "shorter", "crop": False}, "needs crop=True"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Geometry(**options)


@pytest.mark.parametrize(
    "size", ["224", 224.0, True, None, (224, True), (224.0, 2), {224, 256}, "ab", b"ab", [[1, 2]]]
)
@pytest.mark.parametrize("name", ["size", "resize"])
def test_sizes_of_another_type_are_refused_in_words(name, size):
    if (name, size) == ("resize", None):
        return
    with pytest.raises(
        TypeError, match=rf"^{name} must be a whole number of pixels, or a pair \(height, width\)"
    ):
        Geometry(**{name: size})


@pytest.mark.parametrize("size", [0, -1, (224,), (1, 2, 3), (), (224, 0), (-1, 5), np.int64(0)])
def test_sizes_that_are_none_are_refused_in_words(size):
    with pytest.raises(
        ValueError, match=r"^size must be a whole number of pixels, or a pair \(height, width\)"
    ):
        Geometry(size)


@pytest.mark.parametrize(
    "pair", [(256, 512), [256, 512], np.array([256, 512]), torch.Size((256, 512))]
)
def test_a_pair_is_height_and_width_whatever_holds_it(pair):
    geometry = Geometry(pair, crop=False)
    assert geometry == Geometry((256, 512), crop=False)
    assert hash(geometry) == hash(Geometry((256, 512), crop=False))
    assert geometry.shape == geometry.size == geometry.resized == (256, 512)
    assert geometry.image(Image.new("RGB", (100, 80))).shape == (256, 512, 3)
    assert geometry.mask(Image.new("L", (100, 80), 255)).shape == (256, 512)


def test_a_pair_of_equal_sides_is_the_square():
    """In equality, hash, cache key and what is saved: stored results stay those of one number."""
    assert (
        Geometry((224, 224), (256, 256))
        == Geometry(224, 256)
        == Geometry(np.int64(224), np.int32(256))
    )
    assert repr(Geometry((224, 224))) == repr(Geometry(224))
    assert Geometry((224, 224)).pixels == Geometry(224).pixels
    assert type(Geometry(np.int64(224)).size) is int
    assert archive.parts(Geometry(128)) == {
        "size": 128,
        "resize": None,
        "crop": True,
        "interpolation": "bilinear",
        "aspect": "square",
        "mask_rule": ">0.5",
        "bits": None,
    }


def test_rectangles_are_enlarged_before_the_crop_as_squares_are():
    assert Geometry((224, 448)).resized == (256, 512)
    with pytest.raises(ValueError, match=r"at least size=\(224, 448\), got resize=256"):
        Geometry((224, 448), resize=256)
    with pytest.raises(ValueError, match="without a crop exactly"):
        Geometry((224, 448), resize=(256, 512), crop=False)


def test_rectangles_are_read_back_from_files():
    geometry = Geometry((224, 448), (256, 512), aspect="letterbox")
    content = archive.parts(geometry)
    content["size"] = list(content["size"])  # as JSON has it
    assert archive.typed(Geometry, content) == geometry


def test_covering_a_rectangle_leaves_nothing_empty_and_keeps_the_ratio():
    """100 x 300 pixels must cover 64 x 96: by the height, to 64 x 192, then the middle."""
    image = Image.fromarray(
        np.random.default_rng(3).integers(0, 255, (100, 300, 3), dtype=np.uint8)
    )
    expected = np.asarray(image.resize((192, 64), Image.Resampling.BILINEAR))[4:60, 54:138]
    geometry = Geometry((56, 84), resize=(64, 96), aspect="shorter")
    np.testing.assert_array_equal(geometry.image(image), expected)
    tall = Image.fromarray(np.random.default_rng(4).integers(0, 255, (300, 100, 3), dtype=np.uint8))
    expected = np.asarray(tall.resize((96, 288), Image.Resampling.BILINEAR))[116:172, 6:90]
    np.testing.assert_array_equal(geometry.image(tall), expected)


def test_letterboxes_may_be_cropped_as_well():
    """400 x 200 in 256 is 256 x 128; the middle 224 has all of its rows, and 224 of its columns."""
    geometry = Geometry(224, aspect="letterbox")
    assert geometry.box((400, 200)) == (48, 0, 176, 224)
    assert geometry.window((400, 200)) == (slice(0, 200), slice(25, 375))


def test_photographs_keep_their_shape():
    assert (
        fitting([]) == fitting([(640, 640)] * 3) == fitting([(640, 600), (600, 640)]) == Geometry()
    )
    for size, shape in {
        (3000, 4000): (256, 192),
        (4000, 3000): (192, 256),
        (6000, 4000): (192, 288),
    }.items():
        assert fitting([size] * 5) == Geometry(shape, crop=False)
        assert shape[0] / shape[1] == size[1] / size[0]
    assert fitting([(3000, 4000), (4000, 3000)]) == Geometry(224, crop=False, aspect="letterbox")
    assert (
        fitting([(4000, 3000), (1600, 900)]).shape[0]
        < fitting([(4000, 3000), (1600, 900)]).shape[1]
    )
    assert fitting([(600, 60)] * 3) == Geometry((64, 640), crop=False)
    # A pixel does not matter
    assert fitting([(4000, 3000), (4001, 3000)]) == Geometry((192, 256), crop=False)
    for size in [(1, 1000), (1000, 1), (1920, 1080), (1242, 2688), (5, 4)]:
        sides = fitting([size]).shape
        assert all(side % 32 == 0 for side in sides)
        assert 0.75 <= sides[0] * sides[1] / 224**2 <= 1.35


def test_a_few_photographs_of_another_shape_shrink_no_others():
    """Half-way to a panorama of 20:1 squares of 224 pixels would keep 96."""
    square = Geometry(224, crop=False, aspect="letterbox")
    for odd in [(1000, 50), (400, 100), (50, 1000)]:
        assert fitting([(100, 100)] * 11 + [odd]) == fitting([odd] + [(100, 100)] * 11) == square
    assert fitting([(100, 100)] * 20 + [(300, 100), (100, 300)]) == square
    portraits = fitting([(3000, 4000)] * 30 + [(4000, 3000)] * 2)
    assert portraits == Geometry((256, 192), crop=False, aspect="letterbox")
    both = fitting([(3000, 4000)] * 6 + [(4000, 3000)] * 4)  # a third of them is not odd
    assert both == square
    assert fitting([(1000, 50), (100, 100)]).shape == (96, 416)  # nobody knows which of two is odd
