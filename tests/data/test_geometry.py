import numpy as np
import pytest
from PIL import Image

from adviz.data import Geometry


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
    image = Image.fromarray(np.random.default_rng(2).integers(0, 255, (100, 200, 3), dtype=np.uint8))
    expected = np.asarray(image.resize((128, 64), Image.Resampling.BILINEAR))[4:60, 36:92]
    np.testing.assert_array_equal(Geometry(size=56, resize=64, aspect="shorter").image(image), expected)


def test_mask_rules_count_what_a_bilinear_reduction_covers():
    """Four pixels become one by triangular weights that reach four pixels to either side; coverage by hand."""
    row = np.array([0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], dtype=bool)
    offsets = np.abs(np.arange(24) + 0.5 - (4 * np.arange(6)[:, None] + 2)) / 4
    weights = np.clip(1 - offsets, 0, None)
    coverage = (weights * row).sum(1) / weights.sum(1)
    assert coverage[0] == 0
    assert 0 < coverage[1] < 0.4
    assert coverage[3] > 0.6
    assert coverage[5] == 1
    for rule, expected in {">0.5": coverage > 0.5, ">0": coverage > 0, "==1": coverage == 1}.items():
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

    image = Image.fromarray(np.random.default_rng(5).integers(0, 255, (300, 449, 3), dtype=np.uint8))
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
