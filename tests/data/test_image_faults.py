"""Faults of image files: each is read by a documented rule, or refused with the file's name."""

import os
import re
import struct
import zlib

import numpy as np
import published_trees as trees
import pytest
from PIL import Image, features

from adviz import data
from adviz.data import images
from adviz.data.images import image_size, open_image
from adviz.data.masks import open_mask

EXIF = Image.Exif()
EXIF[0x0112] = 6  # turn by 90 degrees clockwise to view
READERS = (open_image, open_mask, image_size)


def png(width, height, rows=b""):
    """Return a PNG file with a header of this size, whatever its data are."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pieces = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


def refused(path, message="readable image"):
    """Assert that every way to read a file names it and says what to do."""
    for read in READERS:
        with pytest.raises(ValueError, match=message) as raised:
            read(path)
        assert path.name in str(raised.value)


def outcome(read, path):
    try:
        read(path)
    except ValueError as error:
        return (
            "refused"
            if f"got {path} (" in str(error) or f"in {path}" in str(error)
            else f"without name: {error}"
        )
    return "read"


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp"])
def test_an_empty_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"empty.{suffix}"
    path.touch()
    refused(path)


@pytest.mark.filterwarnings("ignore:Truncated File Read")  # Pillow's, before it gives up
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path, suffix):
    if suffix == "webp" and not features.check("webp"):
        pytest.skip("this Pillow reads no WebP")
    path = tmp_path / f"cut.{suffix}"
    trees.picture().save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 30, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(
            ValueError, match=rf"readable image, got .*cut\.{suffix} .*replace the file"
        ):
            open_image(path)


# Pillow's, of tags and large sizes
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("suffix", "options"), [("png", {}), ("jpg", {}), ("tif", {"compression": "tiff_lzw"})]
)
def test_corrupt_bytes_give_an_image_or_one_kind_of_error(tmp_path, suffix, options, capfd):
    """Formats without checksums cannot tell; what Pillow raises of others becomes a ValueError."""
    path, rng = tmp_path / f"corrupt.{suffix}", np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(
        path, exif=EXIF, **options
    )
    whole = path.read_bytes()
    outcomes = set()
    for _ in range(150):
        bad = bytearray(whole)
        for position in rng.integers(0, min(400, len(bad)), 4):
            bad[position] = rng.integers(256)
        path.write_bytes(bad)
        outcomes |= {outcome(read, path) for read in READERS}
    assert outcomes == {"read", "refused"}
    capfd.readouterr()  # what libtiff prints


def test_a_folder_named_like_an_image_is_no_image(tmp_path):
    trees.mvtec(tmp_path)
    (tmp_path / "plate/train/good/zzz.png").mkdir()
    assert len(data.mvtec(tmp_path, "plate").train) == 3
    with pytest.raises(ValueError, match=r"readable image, got .*zzz\.png"):
        open_image(tmp_path / "plate/train/good/zzz.png")
    with pytest.raises(FileNotFoundError, match=r"masks in the folder .*zzz\.png, found none"):
        open_mask(tmp_path / "plate/train/good/zzz.png")


def test_links_in_circles_and_to_nowhere_are_passed_over_and_named_when_asked_for(tmp_path):
    good = trees.mvtec(tmp_path) / "plate/train/good"
    (good / "circle.png").symlink_to("circle.png")
    (good / "nowhere.png").symlink_to("gone.png")
    assert len(data.mvtec(tmp_path, "plate").train) == 3
    refused(good / "circle.png")
    with pytest.raises(FileNotFoundError, match=r"found nothing at .*nowhere\.png"):
        open_image(good / "nowhere.png")


def test_a_folder_linked_into_itself_ends(tmp_path):
    good = trees.mvtec(tmp_path) / "plate/train/good"
    (good / "again").symlink_to(good, target_is_directory=True)
    with pytest.raises(
        ValueError, match=r"got some in deeper folders, first .*again/000\.png: move them"
    ):
        data.mvtec(tmp_path, "plate")


@pytest.mark.parametrize(
    "name", ["Grüße ß", "日本 語", "🔩 nut", "a'b\"c", "a%20b#c?d", " leading", "new\nline"]
)
def test_names_in_any_alphabet_work(tmp_path, name):
    trees.put(tmp_path / name, f"train/good/{name}.png", f"test/{name}/{name}.png")
    trees.put(tmp_path / name, "test/good/another.png")
    trees.put(tmp_path / name, f"ground_truth/{name}/{name}_mask.png", image=trees.mask())
    category = data.mvtec(tmp_path, name)
    defective = category.test.subset(category.test.labels == 1)
    assert defective.ids == [f"test/{name}/{name}.png"]
    assert defective.mask(0).any()
    assert data.check(tmp_path / name).findings == []


def test_the_longest_names_work(tmp_path):
    name = "n" * (os.pathconf(tmp_path, "PC_NAME_MAX") - len("_mask.png"))
    trees.put(tmp_path, f"train/good/{name}.png", f"test/{name}/{name}.png")
    trees.put(tmp_path, f"ground_truth/{name}/{name}_mask.png", image=trees.mask())
    assert data.folder(tmp_path).test.mask(0).any()


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (20_000, 3), (3, 20_000)])
def test_one_pixel_and_very_wide_images_are_resized_like_others(tmp_path, size):
    Image.new("RGB", size, (10, 200, 30)).save(tmp_path / "a.png")
    trees.mask(size=size, box=(0, 0, *size)).save(tmp_path / "mask.png")
    split = data.Split([tmp_path / "a.png"], [1], [tmp_path / "mask.png"], ["hole"])
    assert split.image(0).shape == (224, 224, 3)
    assert (split.image(0) == (10, 200, 30)).all()
    assert split.mask(0).all()


def test_a_thin_line_is_not_blown_up_to_gigabytes(tmp_path):
    """Its shorter side at 256 pixels would make it 5 million wide."""
    Image.new("RGB", (20_000, 1)).save(tmp_path / "line.png")
    split = data.Split(
        [tmp_path / "line.png"], [0], [None], ["good"], geometry=data.Geometry(aspect="shorter")
    )
    with pytest.raises(
        ValueError, match=r'of 20000x1, which would become 5120000x256: use aspect="square"'
    ):
        split.image(0)
    Image.new("RGB", (20_000, 100)).save(tmp_path / "line.png")
    assert split.image(0).shape == (224, 224, 3)


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path):
    """A file of a hundred bytes that announces 2.5 billion pixels."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png(50_000, 50_000))
    refused(path, "decompression bomb")


def test_of_a_large_image_pillow_warns_and_it_is_read(tmp_path, monkeypatch):
    trees.picture((50, 40)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1999)
    with pytest.warns(Image.DecompressionBombWarning, match="2000 pixels"):
        assert open_image(tmp_path / "large.png").size == (50, 40)


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path):
    path = tmp_path / "short.png"
    path.write_bytes(png(40, 40, b"\0" * 100))
    with pytest.raises(ValueError, match=r"readable image, got .*short\.png"):
        open_image(path)


def test_cmyk_becomes_rgb_by_pillows_formula(tmp_path):
    inks = np.zeros((40, 40, 4), np.uint8)
    # All cyan and a fifth of black: no red, four fifths of green and blue
    inks[..., 0], inks[..., 3] = 255, 51
    Image.fromarray(inks, "CMYK").save(tmp_path / "ink.tif")
    np.testing.assert_array_equal(
        open_image(tmp_path / "ink.tif"), np.broadcast_to([0, 204, 204], (40, 40, 3))
    )


@pytest.mark.parametrize(
    ("suffix", "options"), [("gif", {}), ("tif", {}), ("png", {}), ("webp", {"lossless": True})]
)
def test_of_animations_and_stacks_the_first_picture_is_read(tmp_path, suffix, options):
    frames = [Image.new("RGB", (40, 40), (level, 0, 0)) for level in (200, 100, 50)]
    path = tmp_path / f"frames.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    np.testing.assert_array_equal(open_image(path), frames[0])


@pytest.mark.parametrize(
    "suffix", ["gif", "jfif", "JPE", "ppm", "pgm", "pnm", "tga", "jp2", "mpo", "apng", "dib"]
)
def test_whatever_pillow_reads_is_among_the_files_that_a_folder_is_read_for(tmp_path, suffix):
    place = trees.mvtec(tmp_path) / "plate/train/good"
    trees.picture().save(place / f"900.{suffix}")
    assert len(data.mvtec(tmp_path, "plate").train) == 4
    assert not data.check(tmp_path / "plate").of("other files")


@pytest.mark.parametrize("suffix", ["pdf", "eps", "ico", "wmf", "mpg", "h5", "fits", "psd", "txt"])
def test_documents_icons_videos_and_tables_are_no_images(tmp_path, suffix):
    (trees.mvtec(tmp_path) / f"plate/train/good/900.{suffix}").write_bytes(b"x")
    assert len(data.mvtec(tmp_path, "plate").train) == 3
    check = data.check(tmp_path / "plate")
    assert check.of("other files")[0].files == (f"train/good/900.{suffix}",)
    assert check.ok


@pytest.mark.parametrize(
    ("suffix", "said"),
    [
        ("npy", r"found 8 files \.npy: give the arrays to data\.Split\.from_arrays"),
        ("CR2", r"found 8 files \.CR2: convert them to PNG or TIFF"),
        ("xyz", r"found 8 files \.xyz: add images, or convert them"),
    ],
)
def test_a_folder_without_images_says_what_it_holds(tmp_path, suffix, said):
    for place in ("sorted/good", "sorted/bad", "mvtec/train/good", "mvtec/test/bad"):
        (tmp_path / place).mkdir(parents=True)
        for number in range(8):
            (tmp_path / place / f"{number}.{suffix}").write_bytes(b"x")
    for root in ("sorted", "mvtec"):
        with pytest.raises(ValueError, match=said):
            data.folder(tmp_path / root)
        assert any(
            re.search(said, str(finding))
            for finding in data.check(tmp_path / root).of("arrangement")
        )


def test_heif_files_are_read_where_the_plug_in_is_there(tmp_path, monkeypatch):
    (tmp_path / "good").mkdir()
    (tmp_path / "good/a.HEIC").write_bytes(b"x")
    for there in (True, False):
        monkeypatch.setattr(images, "find_spec", lambda name, there=there: there)
        images.suffixes.cache_clear()
        assert len(images.image_files_in(tmp_path / "good")) == there
    assert (
        images.no_images_hint(tmp_path) == 'found 1 file .HEIC: pip install "adviz-anomaly[heic]"'
    )
    images.suffixes.cache_clear()


def test_what_systems_leave_is_no_file_to_convert(tmp_path):
    for name in ("Thumbs.db", "__MACOSX/a.psd", ".hidden/b.raw", "._c.psd"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert images.no_images_hint(tmp_path) == "found none: add some"


def test_masks_are_turned_like_images(tmp_path):
    """Both are as they are shown, whichever of the two has the tag."""
    marked = trees.mask(box=(0, 0, 10, 5))
    marked.save(tmp_path / "plain.png")
    marked.save(tmp_path / "turned.png", exif=EXIF)
    expected = np.rot90(np.asarray(open_mask(tmp_path / "plain.png")), -1)
    np.testing.assert_array_equal(open_mask(tmp_path / "turned.png"), expected)
    trees.picture().save(tmp_path / "image.png", exif=EXIF)
    geometry = data.Geometry(40, crop=False)
    split = data.Split(
        [tmp_path / "image.png"] * 2,
        [1, 1],
        [tmp_path / "turned.png", tmp_path / "plain.png"],
        ["a"] * 2,
    )
    assert split.with_geometry(geometry).mask(0).any()
    with pytest.raises(
        ValueError, match=r"mask of the image's size 40x48, got 48x40 in .*plain\.png"
    ):
        split.mask(1)


def test_an_empty_mask_marks_nothing_and_a_white_one_everything(tmp_path):
    trees.mask(0).save(tmp_path / "empty.png")
    trees.mask(box=(0, 0, *trees.SIZE)).save(tmp_path / "full.png")
    assert not np.asarray(open_mask(tmp_path / "empty.png")).any()
    assert np.asarray(open_mask(tmp_path / "full.png")).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_masks_mean_the_same_in_every_mode(tmp_path, mode):
    """The quick way for grey files gives what the general one gives."""
    marked = np.asarray(trees.mask())
    if mode == "I;16":
        image = Image.fromarray(marked.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(marked).convert("RGBA" if mode == "LA" else mode).convert(mode)
    image.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(open_mask(tmp_path / "mask.png"), marked)


def test_what_is_transparent_in_a_grey_mask_marks_nothing(tmp_path):
    values = np.array([[0, 200, 255]], np.uint8)
    Image.fromarray(values).save(tmp_path / "mask.png", transparency=255)
    np.testing.assert_array_equal(open_mask(tmp_path / "mask.png"), [[0, 255, 0]])
