import numpy as np
import pytest
from PIL import Image

from adviz.data.images import image_size, open_image
from adviz.data.masks import open_mask

VALUES = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def saved(tmp_path, image, name="image.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


def test_grey_is_repeated_in_three_channels(tmp_path):
    rgb = np.asarray(open_image(saved(tmp_path, Image.fromarray(VALUES))))
    np.testing.assert_array_equal(rgb, np.repeat(VALUES[..., None], 3, axis=2))


def test_alpha_is_dropped(tmp_path):
    rgba = np.dstack([VALUES, VALUES + 1, VALUES + 2, np.zeros_like(VALUES)])
    np.testing.assert_array_equal(open_image(saved(tmp_path, Image.fromarray(rgba))), rgba[..., :3])


def test_palettes_are_looked_up(tmp_path):
    rgb = np.dstack([VALUES, 255 - VALUES, VALUES // 2])
    image = Image.fromarray(rgb).quantize(12)
    np.testing.assert_array_equal(
        open_image(saved(tmp_path, image)), np.asarray(image.convert("RGB"))
    )


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_divided_by_257_whatever_the_images_range(tmp_path, suffix):
    deep = np.array([[0, 257, 25700, 65535], [128, 129, 1000, 300]], dtype=np.uint16)
    rgb = np.asarray(open_image(saved(tmp_path, Image.fromarray(deep), f"deep.{suffix}")))
    np.testing.assert_array_equal(rgb[..., 0], [[0, 1, 100, 255], [0, 1, 4, 1]])


def test_the_orientation_tag_is_obeyed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees clockwise to view
    image = Image.fromarray(np.dstack([VALUES] * 3))
    turned = np.asarray(open_image(saved(tmp_path, image, exif=exif)))
    np.testing.assert_array_equal(turned[..., 0], np.rot90(VALUES, -1))


def test_floating_point_images_are_refused(tmp_path):
    path = saved(tmp_path, Image.fromarray(VALUES.astype(np.float32)), "float.tif")
    with pytest.raises(ValueError, match=r"floating point values in .*float\.tif: convert it"):
        open_image(path)


def test_a_truncated_file_is_named_with_a_remedy(tmp_path):
    path = saved(
        tmp_path,
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)),
    )
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"readable image, got .*image.png .*replace the file"):
        open_image(path)


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "notes.png").write_text("not an image")
    with pytest.raises(ValueError, match=r"notes\.png"):
        open_image(tmp_path / "notes.png")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        open_image(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 255, 128, 127], [0, 255, 255, 0]),  # anti-aliased or JPEG
        ([0, 150, 127, 1], [0, 255, 0, 0]),
        ([0, 1, 2, 3], [0, 255, 255, 255]),  # label numbers
        ([0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_masks_are_binarised(tmp_path, values, expected):
    path = saved(tmp_path, Image.fromarray(np.array([values], dtype=np.uint8)))
    np.testing.assert_array_equal(open_mask(path), [expected])


@pytest.mark.parametrize("colours", [[0, 0, 0, 255, 255, 255], [255, 255, 255, 0, 0, 0]])
def test_palette_masks_mean_their_colours_not_their_numbers(tmp_path, colours):
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), mode=None).convert("P")
    image.putpalette(colours)
    np.testing.assert_array_equal(open_mask(saved(tmp_path, image)), [[colours[0], colours[3]]])


def test_sixteen_bit_and_transparent_masks_work(tmp_path):
    deep = np.array([[0, 128, 30000, 40000]], dtype=np.uint16)
    np.testing.assert_array_equal(
        open_mask(saved(tmp_path, Image.fromarray(deep), "deep.png")), [[0, 0, 0, 255]]
    )
    clear = np.full((1, 2, 4), 255, np.uint8)
    clear[0, 0, 3] = 0
    np.testing.assert_array_equal(
        open_mask(saved(tmp_path, Image.fromarray(clear), "clear.png")), [[0, 255]]
    )


def test_every_sixteen_bit_value_rounds_to_the_nearest_of_256(tmp_path):
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    rgb = np.asarray(open_image(saved(tmp_path, Image.fromarray(deep))))
    np.testing.assert_array_equal(rgb[..., 0], (deep.astype(int) + 128) // 257)


def test_the_size_is_read_from_the_header_as_the_image_is_shown(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, options in (("plain.png", {}), ("turned.png", {"exif": exif})):
        path = saved(tmp_path, Image.fromarray(VALUES), name, **options)
        assert image_size(path) == open_image(path).size


def test_one_bit_and_colour_masks_work(tmp_path):
    bits = np.array([[True, False]])
    np.testing.assert_array_equal(
        open_mask(saved(tmp_path, Image.fromarray(bits), "bits.png")), [[255, 0]]
    )
    colour = np.array([[[255, 255, 255], [0, 0, 0]]], dtype=np.uint8)
    np.testing.assert_array_equal(
        open_mask(saved(tmp_path, Image.fromarray(colour), "rgb.png")), [[255, 0]]
    )
