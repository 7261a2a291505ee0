"""Files of more than 8 bits: one number of bits for a data set, and every bit of them read."""

import numpy as np
import published_trees as trees
import pytest
import raw_files
from PIL import Image

from adviz import data
from adviz.data.images import Depth, open_image

GREY = np.random.default_rng(0).integers(0, 256, (24, 20), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (24, 20, 3), dtype=np.uint8)
GREY[0, 0] = COLOUR[0, 0, 0] = 255
WHOLE = data.Geometry(24, crop=False, interpolation="nearest")


def scaled(values, top):
    """Return what a camera of another range writes for the same photograph."""
    return (values / 255 * top).round().astype(np.uint16)


def sorted_photos(root, save, good=8, bad=2):
    """Write photographs in good/ and bad/ by a function of a path and a number."""
    for place, count in (("good", good), ("bad", bad)):
        (root / place).mkdir(parents=True)
        for number in range(count):
            save(root / place / f"{number}.tif", number + 100 * (place == "bad"))
    return root


def save_grey(path, top, seed=0):
    values = np.random.default_rng(seed).integers(0, 256, (24, 20))
    values[0, 0] = 255
    Image.fromarray(scaled(values, top)).save(path)


@pytest.mark.parametrize(
    ("top", "bits"), [(255, 8), (1023, 10), (4095, 12), (16383, 14), (65535, 16)]
)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_every_camera_gives_the_photograph_of_8_bits(tmp_path, suffix, top, bits):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(scaled(GREY, top)).save(path)
    np.testing.assert_array_equal(np.asarray(open_image(path, bits))[..., 0], GREY)
    assert Depth([path]).bits == bits


@pytest.mark.parametrize("top", [255, 1023, 4095, 16383, 65535])
def test_16_bit_colours_are_read_with_their_lower_bytes(tmp_path, top):
    """Pillow by itself gives the upper bytes: of 12 bits four are left, of 8 none."""
    values = scaled(COLOUR, top)
    alpha = np.full((24, 20, 1), 65535, np.uint16)
    files = {
        "little.tif": raw_files.tiff(tmp_path / "little.tif", values),
        "big.tif": raw_files.tiff(tmp_path / "big.tif", values, order=">"),
        "planes.tif": raw_files.tiff(tmp_path / "planes.tif", values, planes=True),
        "planes_big.tif": raw_files.tiff(
            tmp_path / "planes_big.tif", values, planes=True, order=">"
        ),
        "alpha.tif": raw_files.tiff(tmp_path / "alpha.tif", np.dstack([values, alpha]), extra=[2]),
        "filler.tif": raw_files.tiff(
            tmp_path / "filler.tif", np.dstack([values, alpha]), extra=[0]
        ),
        "multiplied.tif": raw_files.tiff(
            tmp_path / "multiplied.tif", np.dstack([values, alpha]), extra=[1]
        ),
        "rgb.png": raw_files.png(tmp_path / "rgb.png", values),
        "rgba.png": raw_files.png(tmp_path / "rgba.png", np.dstack([values, alpha])),
        "rgb.ppm": raw_files.netpbm(tmp_path / "rgb.ppm", values, 65535),
    }
    for name, path in files.items():
        np.testing.assert_array_equal(open_image(path), COLOUR, err_msg=name)


def test_grey_with_alpha_of_16_bits_is_read_with_its_lower_byte(tmp_path):
    values = np.dstack([scaled(GREY, 4095), np.full_like(scaled(GREY, 1), 65535)])
    np.testing.assert_array_equal(
        np.asarray(open_image(raw_files.png(tmp_path / "a.png", values), 12))[..., 0], GREY
    )


def test_colours_multiplied_by_alpha_are_divided_by_it(tmp_path):
    alpha = (
        np.where(np.arange(20) < 10, 65535, 32768).astype(np.uint16)[None, :, None].repeat(24, 0)
    )
    values = (scaled(COLOUR, 65535) * (alpha / 65535)).round().astype(np.uint16)
    found = np.asarray(
        open_image(raw_files.tiff(tmp_path / "a.tif", np.dstack([values, alpha]), extra=[1])), int
    )
    assert np.abs(found - COLOUR).max() <= 1  # rounded twice


def test_16_bit_inks_become_rgb_as_8_bit_inks_do(tmp_path):
    inks = np.dstack([COLOUR, GREY])
    expected = np.asarray(Image.fromarray(inks, "CMYK").convert("RGB"))
    path = raw_files.tiff(tmp_path / "a.tif", inks.astype(np.uint16) * 257, photometric=5)
    np.testing.assert_array_equal(open_image(path), expected)


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int16])
def test_other_integers_are_read_by_the_same_rule(tmp_path, dtype):
    path = raw_files.tiff(tmp_path / "a.tif", scaled(GREY, 4095).astype(dtype))
    np.testing.assert_array_equal(np.asarray(open_image(path, 12))[..., 0], GREY)
    np.testing.assert_array_equal(
        np.asarray(open_image(path, 16))[..., 0], np.round(scaled(GREY, 4095) / 257)
    )


@pytest.mark.parametrize("highest", [4095, 1000, 65535])
def test_netpbm_files_say_themselves_what_is_white(tmp_path, highest):
    """Also where nothing in them is white."""
    dark = GREY // 4
    for values in (dark, np.dstack([dark] * 3)):
        path = raw_files.netpbm(tmp_path / "a.pnm", scaled(values, highest), highest)
        bits = 16 if highest < 65535 else 14  # the usual rule where every value is possible
        assert Depth([path]).bits == bits
        np.testing.assert_array_equal(np.asarray(open_image(path, 16))[..., 0], dark)


@pytest.mark.parametrize("top", [1023, 4095, 65535])
def test_a_folder_is_read_by_the_bits_of_its_training_images(tmp_path, top):
    root = sorted_photos(tmp_path / "cups", lambda path, number: save_grey(path, top, number))
    plain = sorted_photos(tmp_path / "plain", lambda path, number: save_grey(path, 65535, number))
    part, same = data.folder(root, geometry=WHOLE), data.folder(plain, geometry=WHOLE)
    bits = {1023: 10, 4095: 12, 65535: 16}[top]
    assert part.train.geometry.bits == part.test.geometry.bits == bits
    for split, other in ((part.train, same.train), (part.test, same.test)):
        for index in range(len(split)):
            np.testing.assert_array_equal(split.image(index), other.image(index))


def test_the_darkest_image_is_read_like_all_others(tmp_path):
    """One file by itself would be brightened; so would a subset be, or a test image."""

    def save(path, number):
        level = 200 if number in (3, 101) else 4000  # one in good/ and one in bad/
        Image.fromarray(np.full((24, 20), level, np.uint16)).save(path)

    part = data.folder(sorted_photos(tmp_path / "cups", save), geometry=WHOLE)
    dark, bright = round(200 * 255 / 4095), round(4000 * 255 / 4095)
    assert (part.train.image(3) == dark).all()
    assert (part.train.subset([3]).image(0) == dark).all()
    assert (part.train.image(0) == bright).all()
    assert (part.test.image(2) == dark).all()
    other = data.Geometry(12, crop=False)
    assert (part.test.subset([2]).with_geometry(other).image(0) == dark).all()
    assert (part.with_geometry(other).test.image(2) == dark).all()
    assert (part.with_geometry(data.Geometry(12, crop=False, bits=16)).test.image(2) == 1).all()


def test_a_test_image_beyond_the_training_images_white_is_refused_by_name(tmp_path):
    def save(path, number):
        Image.fromarray(np.full((24, 20), 3000 if number >= 100 else 1000, np.uint16)).save(path)

    root = sorted_photos(tmp_path / "cups", save)
    part = data.folder(root)
    with pytest.raises(
        ValueError, match=r"up to 1023 \(10 bits.*got 3000 in .*0\.tif: give Geometry\(bits=12\)"
    ):
        part.test.image(1)
    assert part.with_geometry(data.Geometry(bits=12)).test.image(1).max() == round(
        3000 * 255 / 4095
    )
    check = data.check(root)
    assert check.of("values above white")[0].files == ("bad/0.tif", "bad/1.tif")
    assert not check.ok
    assert not data.check(root, geometry=data.Geometry(bits=12)).of("values above white")


def test_the_training_images_of_a_category_decide_whoever_makes_it(tmp_path):
    for name, level in (("train", 4000), ("test", 900)):
        Image.fromarray(np.full((24, 20), level, np.uint16)).save(tmp_path / f"{name}.png")
    train, test = (
        data.Split([tmp_path / f"{name}.png"], [0], [None], ["good"], geometry=WHOLE)
        for name in ("train", "test")
    )
    assert test.geometry.bits == 10  # by itself
    part = data.Category("cups", train, test, validation=test)
    assert part.test.geometry.bits == part.validation.geometry.bits == 12
    assert test.geometry.bits == 10  # what was given is as it was
    assert (part.test.image(0) == round(900 * 255 / 4095)).all()


def test_8_bit_images_have_no_bits_and_the_geometry_that_was_given(tmp_path):
    trees.mvtec(tmp_path)
    part = data.mvtec(tmp_path, "plate", geometry=WHOLE)
    assert part.train.geometry == part.test.geometry == WHOLE
    assert part.test.with_geometry(data.Geometry(bits=12)).geometry.bits == 12
    np.testing.assert_array_equal(
        part.test.image(0),
        part.test.with_geometry(
            data.Geometry(24, crop=False, interpolation="nearest", bits=8)
        ).image(0),
    )


@pytest.mark.parametrize("bits", [7, 17, 0, -1, 12.0, 12.5, "12"])
def test_bits_are_8_to_16(bits):
    with pytest.raises(ValueError, match="bits must be 8 to 16, or None, got"):
        data.Geometry(bits=bits)


def test_16_and_no_bits_are_the_same_pixels():
    assert data.Geometry().pixels == data.Geometry(bits=16).pixels != data.Geometry(bits=12).pixels


def test_files_that_cannot_be_read_do_not_decide(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    Image.fromarray(scaled(GREY, 1023)).save(tmp_path / "b.png")
    files = [tmp_path / "a.png", tmp_path / "gone.png", tmp_path / "b.png"]
    assert Depth(files).bits == 10
    assert Depth(files[:2]).bits is None
    assert Depth().bits is None


def test_a_check_says_which_bits_were_taken_and_why(tmp_path):
    root = sorted_photos(tmp_path / "cups", lambda path, number: save_grey(path, 4095, number))
    check = data.check(root)
    assert check.ok
    assert "10 images are of more than 8 bits, of which 12 are used (largest value 4095)" in str(
        check.of("bits")[0]
    )
    assert not data.check(root, geometry=data.Geometry(bits=16)).of("bits")
    full = sorted_photos(tmp_path / "full", lambda path, number: save_grey(path, 65535, number))
    assert not data.check(full).of("bits")


def test_a_check_finds_images_of_8_and_of_16_bits_in_one_data_set(tmp_path):
    def save(path, number):
        if number == 4:
            Image.fromarray(GREY).save(path)
        else:
            save_grey(path, 65535, number)

    found = data.check(sorted_photos(tmp_path / "cups", save)).of("bits vary")
    assert found[0].files == ("good/4.tif",)


def test_a_check_tells_dark_images_of_16_bits_from_one_another(tmp_path):
    """In 8 bits of 65535 both would be black."""
    root = sorted_photos(
        tmp_path / "cups",
        lambda path, number: Image.fromarray(np.full((24, 20), 10 + number % 90, np.uint16)).save(
            path
        ),
    )
    assert not data.check(root).of("duplicates within train")
