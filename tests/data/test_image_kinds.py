"""Files of every kind: read by rule, or refused by name; a sound file is never to be replaced."""

import numpy as np
import published_trees as trees
import pytest
import raw_files
from PIL import Image, features

from adviz import data
from adviz.data import images
from adviz.data.images import image_size, open_image
from adviz.data.masks import open_mask

VALUES = np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
GREY = VALUES[..., 0]
OPAQUE = np.full((24, 20), 255, np.uint8)


def refused(path, said):
    for read in (open_image, open_mask):
        with pytest.raises(ValueError, match=said) as raised:
            read(path)
        assert path.name in str(raised.value)
        assert "replace" not in str(raised.value)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, "complex64"])
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_what_is_no_integer_is_refused_with_the_way_to_convert_it(tmp_path, dtype, bands, order):
    values = (VALUES[..., :bands] / 255).astype(dtype)
    path = raw_files.tiff(tmp_path / "a.tif", values if bands == 3 else values[..., 0], order=order)
    kind = "complex values" if dtype == "complex64" else "floating point values"
    if np.dtype(dtype) == np.float32 and bands == 1:
        return
    refused(
        path,
        rf"got (3 bands of )?{kind} of \d+ bits in .*: convert it to 8 or 16 bits by one rule for "
        "all images",
    )


@pytest.mark.parametrize("suffix", ["tif", "pfm"])
def test_grey_floating_point_images_are_refused_alike(tmp_path, suffix):
    Image.fromarray((GREY / 255).astype(np.float32)).save(tmp_path / f"a.{suffix}")
    with pytest.raises(
        ValueError,
        match=rf"floating point values in .*a\.{suffix}: convert it to 8 or 16 bits by one",
    ):
        open_image(tmp_path / f"a.{suffix}")


def test_floating_point_colours_of_32_bits_are_refused(tmp_path):
    refused(
        raw_files.tiff(tmp_path / "a.tif", VALUES.astype(np.float32)),
        "3 bands of floating point values of 32 bits",
    )


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (GREY.astype(np.int16) - 100, "values from -100"),
        (GREY.astype(np.int32) - 100, "values from -100"),
        (GREY.astype(np.uint32) * 1000, "values up to 255000"),
        ((GREY.astype(int) - 128).astype(np.int8), "negative values"),
        (GREY.astype(np.uint64), "integers of 64 bits"),
        (VALUES.astype(np.uint32), "3 bands of integers of 32 bits"),
        (VALUES.astype(np.int8), "3 bands of signed integers of 8 bits"),
    ],
)
def test_values_outside_16_bits_are_refused(tmp_path, values, said):
    values = values.copy()
    values[0, 0] = values.min() if values.min() < 0 else 255 * (1000 if values.max() > 65535 else 1)
    expected = said.replace("-100", str(int(values.min()))) if values.ndim == 2 else said
    path = raw_files.tiff(tmp_path / "a.tif", values)
    with pytest.raises(ValueError, match=rf"got {expected} in .*a\.tif: convert it"):
        open_image(path)


def test_signed_bytes_without_a_sign_are_read(tmp_path):
    path = raw_files.tiff(tmp_path / "a.tif", (GREY // 2).astype(np.int8))
    np.testing.assert_array_equal(np.asarray(open_image(path))[..., 0], GREY // 2)


def test_white_is_zero_in_1_8_and_16_bits(tmp_path):
    """The same light grey, and black and white, are read alike however they are stored."""
    path = raw_files.tiff(tmp_path / "a.tif", 255 - GREY, photometric=0)
    np.testing.assert_array_equal(np.asarray(open_image(path))[..., 0], GREY)
    deep = 65535 - GREY.astype(np.uint16) * 257
    path = raw_files.tiff(tmp_path / "b.tif", deep, photometric=0)
    np.testing.assert_array_equal(np.asarray(open_image(path))[..., 0], GREY)
    assert images.Depth([path]).bits == 16
    light = raw_files.tiff(tmp_path / "c.tif", np.full((8, 8), 3000, np.uint16), photometric=0)
    assert images.Depth([light]).bits == 16  # black is the type's largest value, not the file's
    bits = GREY > 128
    Image.fromarray(bits).save(tmp_path / "d.tif", tiffinfo={262: 0})
    np.testing.assert_array_equal(np.asarray(open_image(tmp_path / "d.tif"))[..., 0] > 0, bits)


def test_white_is_zero_that_pillow_does_not_open_is_refused(tmp_path):
    path = raw_files.tiff(tmp_path / "a.tif", GREY.astype(np.uint16), photometric=0, order=">")
    refused(path, "grey values of 16 bits in which 0 is white .*: save it with 0 as black")


def test_masks_in_which_0_is_white_mark_what_is_white(tmp_path):
    marked = np.asarray(trees.mask())
    path = raw_files.tiff(tmp_path / "a.tif", 65535 - marked.astype(np.uint16) * 257, photometric=0)
    np.testing.assert_array_equal(open_mask(path), marked)


@pytest.mark.parametrize("bands", [2, 3, 4, 5, 6, 9])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bands_that_are_not_said_to_be_colours_are_refused(tmp_path, bands, dtype, capfd):
    values = np.dstack([VALUES] * 3)[..., :bands].astype(dtype)
    path = raw_files.tiff(tmp_path / "a.tif", values, photometric=1)
    refused(
        path,
        rf"got {bands} bands of .*a\.tif: (choose three of them, or one, and save these|save them) "
        "as RGB",
    )
    capfd.readouterr()  # what Pillow logs


@pytest.mark.parametrize(("bands", "extra"), [(4, [0]), (5, [0, 0]), (6, [0, 0, 0]), (5, [2, 0])])
def test_of_more_bands_the_first_three_are_read_and_a_check_says_so(tmp_path, bands, extra):
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    for number in range(6):
        values = np.dstack([VALUES, 255 - VALUES])[..., :bands] // (number + 1)
        raw_files.tiff(tmp_path / ("good" if number else "bad") / f"{number}.tif", values, 2, extra)
        if number == 0:
            np.testing.assert_array_equal(open_image(tmp_path / "bad/0.tif"), VALUES)
    found = data.check(tmp_path).of("bands dropped")[0]
    assert len(found.files) == 6
    assert f"bands that are not read, up to {bands - 3 - extra.count(2)} of them" in found.message


def test_of_two_bands_the_first_is_read_where_the_second_is_nothing_known(tmp_path):
    path = raw_files.tiff(tmp_path / "a.tif", VALUES[..., :2], photometric=1, extra=[0])
    np.testing.assert_array_equal(np.asarray(open_image(path))[..., 0], VALUES[..., 0])


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "bmp", "gif"])
def test_fillers_and_opaque_alpha_channels_are_nothing_to_speak_of(tmp_path, suffix):
    for number in range(6):
        place = tmp_path / ("good" if number else "bad") / f"{number}.{suffix}"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(np.dstack([VALUES // (number + 1), OPAQUE])).save(place)
    check = data.check(tmp_path)
    assert not check.of("alpha dropped")
    assert not check.of("bands dropped")


@pytest.mark.parametrize(
    "mode", ["RGBA", "LA", "P", "palette with alpha", "grey key", "colour key"]
)
def test_a_check_says_that_what_was_transparent_is_seen(tmp_path, mode):
    options = {}
    for number in range(6):
        values = VALUES // (number + 1)
        alpha = np.where(np.arange(20) < 9, 0, 255).astype(np.uint8)[None].repeat(24, 0)
        if mode in ("RGBA", "LA"):
            image = Image.fromarray(np.dstack([values, alpha])).convert(mode)
        elif mode in ("P", "palette with alpha"):
            image = Image.fromarray(values).quantize(12)
            options = {"transparency": 0 if mode == "P" else bytes([0, 128])}
        elif mode == "grey key":
            image = Image.fromarray(values[..., 0])
            options = {"transparency": int(values[0, 0, 0])}
        else:
            image = Image.fromarray(values)
            options = {"transparency": tuple(values[0, 0].tolist())}
        place = tmp_path / ("good" if number else "bad") / f"{number}.png"
        place.parent.mkdir(exist_ok=True)
        image.save(place, **options)
        if mode == "RGBA":
            np.testing.assert_array_equal(open_image(place), values)
        else:
            open_image(place)  # nothing is warned of
    found = data.check(tmp_path).of("alpha dropped")[0]
    assert found.message.startswith(
        "6 images have an alpha channel, which is dropped: what was transparent is seen"
    )
    assert not found.serious


def test_colours_multiplied_by_alpha_in_grey_are_read(tmp_path):
    values = np.dstack([GREY // 2, np.full_like(GREY, 128)])
    path = raw_files.tiff(tmp_path / "a.tif", values, photometric=1, extra=[1])
    found = np.asarray(open_image(path), int)[..., 0]
    assert np.abs(found - GREY).max() <= 2  # halved, and doubled again
    open_mask(path)


@pytest.mark.parametrize("photometric", [6, 8])
def test_other_colour_spaces_become_rgb_or_are_refused(tmp_path, photometric):
    """YCbCr by its definition; CIELAB by Pillows that convert it."""
    values = np.full((8, 8, 3), 128, np.uint8)
    values[..., 0] = 200
    if photometric == 8:
        values[..., 1:] = 0  # neutral
    path = raw_files.tiff(tmp_path / "a.tif", values, photometric)
    try:
        found = np.asarray(open_image(path))
    except ValueError as error:
        assert "colours of mode LAB" in str(error)  # noqa: PT017
        return
    assert np.ptp(found) <= 1  # a grey
    if photometric == 6:
        assert (found == 200).all()


def test_16_bit_colours_in_compressed_planes_are_refused(tmp_path, monkeypatch):
    path = raw_files.tiff(tmp_path / "a.tif", VALUES.astype(np.uint16), planes=True)
    monkeypatch.setattr(
        "adviz.data.image_decoding._tile", lambda image: ("libtiff", None, 0, ("RGB;16N", False, 8))
    )
    with pytest.raises(
        ValueError,
        match=r"16-bit colours in separate planes, compressed in .*: save it uncompressed",
    ):
        open_image(path)


def test_a_compression_that_pillow_does_not_know_is_refused_by_name(tmp_path):
    path = raw_files.tiff(tmp_path / "a.tif", VALUES, compression=34712)
    refused(path, "a TIFF compressed by the method 34712 in .*: save it uncompressed")


def test_heic_photographs_are_refused_with_what_to_install(tmp_path, monkeypatch):
    """Also those that are called something else, as telephones and web sites do."""
    monkeypatch.setattr("adviz.data.image_decoding._plug_in", lambda: None)
    monkeypatch.setattr(
        Image,
        "OPEN",
        {name: one for name, one in Image.OPEN.items() if name not in ("HEIF", "AVIF")},
    )
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name not in ("HEIF", "AVIF")])
    for name in ("a.heic", "a.jpg"):
        (tmp_path / name).write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 50)
        refused(tmp_path / name, r'a HEIC photograph in .*: pip install "adviz-anomaly\[heic\]"')


def test_heic_photographs_are_read_where_the_extra_is_installed(tmp_path):
    plug_in = pytest.importorskip("pillow_heif")
    (tmp_path / "good").mkdir()
    plug_in.from_pillow(Image.fromarray(np.full((64, 64, 3), 90, np.uint8))).save(
        tmp_path / "good/a.HEIC", quality=100
    )
    (path,) = images.image_files_in(tmp_path / "good")
    assert np.abs(np.asarray(open_image(path), int) - 90).max() <= 2  # a lossy format


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"\x93NUMPY\x01\0v\0", "an array in"),
        (b"v/1\x01\x02\0\0\0", "an OpenEXR image in"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL image in"),
        (b"%PDF-1.7\n", "a PDF document in"),
    ],
)
def test_sound_files_of_other_formats_are_refused_with_what_they_are(tmp_path, start, said):
    (tmp_path / "a.png").write_bytes(start.ljust(200, b"\0"))
    refused(tmp_path / "a.png", said)


@pytest.mark.parametrize("name", ["a.HEIC", "a.jfif", "a.tga", "a.tif", "a.jpg"])
def test_the_content_counts_whatever_the_file_is_called(tmp_path, name):
    Image.fromarray(VALUES).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / name)
    np.testing.assert_array_equal(open_image(tmp_path / name), VALUES)
    assert image_size(tmp_path / name) == (20, 24)


@pytest.mark.parametrize(
    "suffix", ["gif", "ppm", "tga", "jp2", "bmp", "pcx", "sgi", "qoi", "webp", "avif"]
)
def test_formats_are_read_as_they_were_written(tmp_path, suffix):
    if suffix in ("webp", "avif") and not features.check(suffix):
        pytest.skip(f"this Pillow has no {suffix}")
    options = {"webp": {"lossless": True}, "avif": {"quality": 100, "subsampling": "4:4:4"}}.get(
        suffix, {}
    )
    grey = np.repeat(GREY[..., None], 3, axis=2) // 4 * 4  # 64 greys: also a palette holds them
    Image.fromarray(grey).save(tmp_path / f"a.{suffix}", **options)
    difference = np.abs(np.asarray(open_image(tmp_path / f"a.{suffix}"), int) - grey)
    assert difference.max() <= (3 if suffix == "avif" else 0)


def test_grey_jpeg_2000_files_of_16_bits_are_read(tmp_path):
    if not features.check("jpg_2000"):
        pytest.skip("this Pillow has no JPEG 2000")
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "a.jp2", irreversible=False)
    np.testing.assert_array_equal(np.asarray(open_image(tmp_path / "a.jp2"))[..., 0], GREY)


def test_a_check_says_what_unsuited_files_are_and_that_damaged_ones_are_to_be_replaced(
    tmp_path,
):
    trees.mvtec(tmp_path)
    place = tmp_path / "plate/train/good"
    raw_files.tiff(place / "5.tif", np.dstack([VALUES, VALUES])[..., :5], photometric=1)
    found = data.check(tmp_path / "plate").of("unreadable images")[0]
    assert "first: 5 bands of 8 bits: choose three of them" in found.message
    assert "replace" not in found.message
    (place / "5.tif").write_bytes(b"x")
    found = data.check(tmp_path / "plate").of("unreadable images")[0]
    assert "replace" in found.message
