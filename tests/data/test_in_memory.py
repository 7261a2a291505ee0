"""Images in memory: the same image always becomes the same pixels, or is refused in words."""

import io
import os
import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageOps

from adviz import data
from adviz.data import Geometry, Split
from adviz.data.image_arrays import batch_array, image_array
from adviz.features.inputs import images_of

RGB = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
GREY = RGB[..., 0]
ALPHA = np.dstack([RGB, GREY])
CHANNELS_FIRST = RGB.transpose(2, 0, 1)
GEOMETRY = Geometry(8, crop=False)


def as_floats(values, dtype=np.float64):
    return (values / 255).astype(dtype)


COLOURS = {
    "as it is": RGB,
    "alpha": ALPHA,
    "channels first": CHANNELS_FIRST,
    "alpha and channels first": ALPHA.transpose(2, 0, 1),
    "floats": as_floats(RGB),
    "float32": as_floats(RGB, np.float32),
    "float16": as_floats(RGB, np.float16),  # 11 bits: rounded to the right one of 256
    "big-endian floats": as_floats(RGB, ">f4"),
    "integers": RGB.astype(int),
    "big-endian integers": RGB.astype(">i4"),
    "lists": RGB.tolist(),
    "tuples": tuple(tuple(map(tuple, row)) for row in RGB.tolist()),
    "negative strides": RGB[::-1, ::-1].copy()[::-1, ::-1],
    "not contiguous": np.repeat(RGB, 2, axis=1)[:, ::2],
    "subclass": RGB.view(np.recarray),
    "16 bits": RGB.astype(np.uint16) * 257,
    "16 bits, channels first": CHANNELS_FIRST.astype(np.uint16) * 257,
    "PIL": Image.fromarray(RGB),
    "PIL with alpha": Image.fromarray(ALPHA),
    "tensor": torch.from_numpy(RGB),
    "tensor, channels first": torch.from_numpy(CHANNELS_FIRST.copy()),
    "tensor of floats": torch.from_numpy(as_floats(CHANNELS_FIRST, np.float32)),
    "tensor with a gradient": torch.from_numpy(as_floats(CHANNELS_FIRST)).requires_grad_(),
    "list of tensors": list(torch.from_numpy(CHANNELS_FIRST.copy())),
}
GREYS = {
    "as it is": GREY,
    "one channel": GREY[..., None],
    "one channel first": GREY[None],
    "floats": as_floats(GREY),
    "16 bits": GREY.astype(np.uint16) * 257,
    "big-endian 16 bits": (GREY.astype(np.uint16) * 257).astype(">u2"),
    "lists": GREY.tolist(),
    "PIL": Image.fromarray(GREY),
    "PIL of 16 bits": Image.fromarray(GREY.astype(np.uint16) * 257),
    "tensor": torch.from_numpy(GREY.copy()),
    "tensor of one channel": torch.from_numpy(as_floats(GREY, np.float32))[None],
}


def pixels(item, **options):
    """Return the pixels that a backbone would see of one image, at its own size."""
    return np.asarray(
        Image.fromarray(np.ascontiguousarray(image_array(item, **options))).convert("RGB")
    )


@pytest.mark.parametrize("kind", COLOURS)
def test_colours_are_the_same_pixels_however_they_come(kind):
    np.testing.assert_array_equal(pixels(COLOURS[kind]), RGB)


@pytest.mark.parametrize("kind", GREYS)
def test_grey_is_the_same_pixels_however_it_comes(kind):
    np.testing.assert_array_equal(pixels(GREYS[kind]), np.dstack([GREY] * 3))


def test_bfloat16_keeps_its_eight_bits():
    """Of 1/255 steps bfloat16 holds the nearest of its own, which is rounded to 256 values."""
    tensor = torch.from_numpy(as_floats(RGB, np.float32)).bfloat16()
    np.testing.assert_array_equal(
        pixels(tensor), (tensor.double().numpy() * 255).round().astype(np.uint8)
    )


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("image", [GREY, RGB], ids=["grey", "colours"])
def test_what_a_camera_of_fewer_bits_gives_is_read_by_them(image, bits):
    """Value v of 8 bits is v (2^bits - 1) / 255 of the camera's; by 16 bits it is nearly black."""
    taken = (image / 255 * (2**bits - 1)).round().astype(np.uint16)
    np.testing.assert_array_equal(pixels(taken, bits=bits), pixels(image))
    np.testing.assert_array_equal(
        images_of([taken], Geometry(32, bits=bits)).read(0),
        images_of([image], Geometry(32)).read(0),
    )
    split = Split.from_arrays(taken[None], [0], geometry=Geometry(32, bits=bits))
    np.testing.assert_array_equal(split.image(0), images_of([image], Geometry(32)).read(0))
    if image is GREY:
        np.testing.assert_array_equal(pixels(Image.fromarray(taken), bits=bits), pixels(image))
    with pytest.warns(
        UserWarning,
        match=rf"got values that fit into {bits}: .* give geometry=Geometry\(bits={bits}\)",
    ):
        dark = pixels(taken)
    np.testing.assert_array_equal(dark[..., 0], np.round(np.dstack([taken])[..., 0] / 257))


@pytest.mark.parametrize("orientation", [1, 6])
def test_the_size_of_a_pil_image_is_as_it_is_shown_and_its_bits_are_those_that_were_said(
    orientation,
):
    """Letterboxed: the box of an image of 2:1 in a square, upright where its tag turns it."""
    # Up to 3577, of 12 bits
    taken = Image.fromarray(7 * np.arange(512, dtype=np.uint16).reshape(16, 32))
    taken.getexif()[0x0112] = orientation
    geometry = Geometry(32, crop=False, aspect="letterbox", bits=12)
    box = (8, 0, 24, 32) if orientation == 1 else (0, 8, 32, 24)
    assert images_of([taken], geometry).boxes.tolist() == [list(box)]


def test_values_beyond_the_bits_are_refused():
    taken = GREY.astype(np.uint16) * 257
    with pytest.raises(
        ValueError, match=r"values up to 4095 \(12 bits, .*give Geometry\(bits=16\)"
    ):
        image_array(taken, bits=12, name="number 3")


def test_booleans_are_black_and_white():
    np.testing.assert_array_equal(image_array(GREY > 99), np.where(GREY > 99, 255, 0))


def test_blue_first_is_said_by_an_argument_and_is_about_arrays_alone():
    bgr = RGB[..., ::-1]
    for item in (
        bgr,
        np.dstack([bgr, GREY]),
        bgr.transpose(2, 0, 1),
        torch.from_numpy(bgr.copy()),
        bgr.tolist(),
    ):
        np.testing.assert_array_equal(pixels(item, channels="bgr"), RGB)
    np.testing.assert_array_equal(pixels(Image.fromarray(RGB), channels="bgr"), RGB)
    np.testing.assert_array_equal(pixels(GREY, channels="bgr"), pixels(GREY))
    for batch in (bgr[None], bgr.transpose(2, 0, 1)[None], [bgr], as_floats(bgr)[None]):
        np.testing.assert_array_equal(batch_array(batch, "bgr"), RGB[None])
        np.testing.assert_array_equal(
            images_of(batch, GEOMETRY, "bgr").read(0), images_of([RGB], GEOMETRY).read(0)
        )
    with pytest.raises(ValueError, match=r"give channels= to Split\.from_arrays instead"):
        images_of(Split.from_arrays(bgr[None], [0]), channels="bgr")
    with pytest.raises(ValueError, match=r'channels must be "rgb" or "bgr" .* got \'gbr\''):
        images_of([RGB], channels="gbr")


@pytest.mark.parametrize(
    "mode",
    ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I;16"],
)
def test_a_pil_image_of_any_mode_is_what_pillow_makes_of_it(mode):
    wide = Image.fromarray(GREY.astype(np.uint16) * 257)
    image = (
        wide
        if mode == "I;16"
        else Image.fromarray(RGB).convert("L" if mode in ("LA", "PA") else "RGB")
    )
    image = (
        image
        if mode == "I;16"
        else image.convert("LA").convert("PA")
        if mode == "PA"
        else image.convert(mode)
    )
    expected = Image.fromarray(GREY) if mode == "I;16" else image
    np.testing.assert_array_equal(pixels(image), np.asarray(expected.convert("RGB")))


def test_a_pil_image_is_turned_as_its_file_would_be(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as image:
        np.testing.assert_array_equal(pixels(image), np.rot90(RGB, -1))
        np.testing.assert_array_equal(pixels(ImageOps.exif_transpose(image)), np.rot90(RGB, -1))
        file, memory = (
            images_of([item], GEOMETRY).read(0) for item in (tmp_path / "turned.png", image)
        )
    np.testing.assert_array_equal(file, memory)


def test_a_pil_image_whose_file_is_cut_off_is_refused_in_words(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, "png")
    with pytest.raises(ValueError, match="readable PIL image, got one of mode RGB as number 3"):
        image_array(Image.open(io.BytesIO(stream.getvalue()[:-40])), name="number 3")


BATCH = np.stack([RGB, 255 - RGB])
BATCHES = {
    "as it is": BATCH,
    "alpha": np.stack([ALPHA, 255 - ALPHA]),
    "channels first": BATCH.transpose(0, 3, 1, 2),
    "floats": as_floats(BATCH),
    "tensor": torch.from_numpy(BATCH),
    "tensor, channels first": torch.from_numpy(as_floats(BATCH.transpose(0, 3, 1, 2), np.float32)),
    "list": list(BATCH),
    "PIL": [Image.fromarray(image) for image in BATCH],
    "mixed": [BATCH[0].tolist(), torch.from_numpy(BATCH[1])],
    "lists": BATCH.tolist(),
    "objects": pd.Series(list(BATCH)),
    "generator": lambda: (image for image in BATCH),
}


@pytest.mark.parametrize("kind", BATCHES)
def test_a_split_of_images_in_memory_is_the_same_however_they_come(kind):
    images = BATCHES[kind]
    split = Split.from_arrays(
        images() if callable(images) else images, torch.tensor([0, 1]), geometry=GEOMETRY
    )
    expected = Split.from_arrays(BATCH, [0, 1], geometry=GEOMETRY)
    np.testing.assert_array_equal(split.pixels, BATCH)
    for found, other in zip(split, expected, strict=True):
        np.testing.assert_array_equal(found.image, other.image)
        assert (found.label, found.defect) == (other.label, other.defect)


def test_grey_batches_and_grey_beside_colours():
    for batch in (
        GREY[None],
        GREY[None, :, :, None],
        GREY[None, None],
        as_floats(GREY)[None],
        [GREY],
        [GREY[..., None]],
    ):
        np.testing.assert_array_equal(batch_array(batch), GREY[None])
    np.testing.assert_array_equal(batch_array([GREY, RGB]), np.stack([np.dstack([GREY] * 3), RGB]))


def test_arrays_of_bytes_are_not_copied():
    assert np.shares_memory(Split.from_arrays(BATCH, [0, 1]).pixels, BATCH)


@pytest.mark.parametrize(
    ("item", "error", "message"),
    [
        (
            RGB - 300.0,
            ValueError,
            "got float64 from -300 to .* give images before they are normalised",
        ),
        (np.where(GREY > 3, as_floats(GREY), np.nan), ValueError, "from nan to nan"),
        (
            RGB.astype(int) + 1,
            ValueError,
            "values in 0..255, got int64 from .* to 256 as it: images of 16 bits are uint16",
        ),
        (RGB.astype(np.int8), ValueError, "values in 0..255, got int8 from -"),
        (GREY.astype(np.int32) * -1, ValueError, "values in 0..255, got int32 from -"),
        (RGB[..., :2], ValueError, "1, 3 or 4 channels, first or last, got shape .9, 12, 2. as it"),
        (
            RGB[:3],
            ValueError,
            r"told from rows, got shape .3, 12, 3. as it, which may be \(h, w, 3\) or \(3, h, w\)",
        ),
        (
            RGB[None],
            ValueError,
            "one image, got a batch of shape .1, 9, 12, 3. as it: give the batch itself",
        ),
        (RGB[:0], ValueError, "image with pixels, got shape .0, 12, 3."),
        (RGB[0, 0], ValueError, r"got shape .3,. as it: give a single image as \[image\]"),
        ([[1, 2], [3]], TypeError, "an array, a tensor or a list of numbers, got a list"),
        ((RGB, 1), TypeError, "an array, a tensor or a list of numbers, got a tuple"),
        (None, TypeError, "got a NoneType as it"),
        (float("nan"), TypeError, "got a float as it"),
        ("a.png", TypeError, "got a str as it"),
        (RGB.astype(complex), TypeError, "got a ndarray as it"),
        ({"image": RGB}, TypeError, "got a dict as it"),
    ],
)
def test_what_is_no_image_is_refused_with_what_to_do(item, error, message):
    with pytest.raises(error, match=message):
        image_array(item, name="it")


@pytest.fixture
def files(tmp_path):
    for number in range(3):
        Image.fromarray(RGB + np.uint8(number)).save(tmp_path / f"{number}.png")
    return [tmp_path / f"{number}.png" for number in range(3)]


@pytest.mark.parametrize(
    "form",
    [
        tuple,
        np.array,
        lambda paths: np.array([str(path) for path in paths]),
        lambda paths: np.array([str(path) for path in paths], dtype=object),
        lambda paths: pd.Series(paths, index=[7, 8, 9]),
        lambda paths: pd.DataFrame({"path": [str(path) for path in paths]})["path"],
        iter,
        lambda paths: (path for path in paths),
        lambda paths: sorted(os.scandir(paths[0].parent), key=lambda entry: entry.name),
    ],
)
def test_paths_come_in_any_order_of_things(files, form):
    found = images_of(form(files), GEOMETRY)
    assert found.ids == [str(path) for path in files]
    np.testing.assert_array_equal(found.read(2), images_of([files[2]], GEOMETRY).read(0))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda files: files[0], r"got one path: use \["),
        (lambda files: str(files[0].parent), r"got one path: read it with data\.unlabelled\("),
        (lambda files: files[0].parents[1], r"got one path: read it with data\.folder\("),
        (lambda files: os.fsencode(files[0]), "got bytes: decode a path with os.fsdecode"),
        (lambda files: files[0].read_bytes(), "got bytes: decode a path"),
        (lambda files: [files[0].read_bytes()], "got bytes as number 0: decode a path"),
        (
            lambda files: io.BytesIO(files[0].read_bytes()),
            r"got an open file: give its name, or PIL\.Image\.open",
        ),
        (
            lambda files: [io.BytesIO(files[0].read_bytes())],
            "got an open file as number 0: give its name",
        ),
        (lambda files: "https://example.org/a.png", "got one path: download it first"),
        (lambda files: Image.fromarray(RGB), r"got one Image: use \[image\]"),
        (lambda files: pd.DataFrame({"path": files}), "got a table: give its column of paths"),
        (lambda files: dict(enumerate(files)), "in order, got a dict: give a list"),
        (lambda files: set(files), "in order, got a set: give a list"),
        (lambda files: 3, "list of files, got a int"),
        (lambda files: None, "list of files, got a NoneType"),
        (
            lambda files: Split(files, [0] * 3, [None] * 3, [""] * 3)[0],
            r"got one Sample: use \[sample.image\]",
        ),
        (
            lambda files: list(Split(files, [0] * 3, [None] * 3, [""] * 3)),
            "got a Sample as number 0: choose from its",
        ),
    ],
)
def test_what_is_no_list_of_images_says_what_to_give(files, source, message):
    with pytest.raises(TypeError, match=message):
        images_of(source(files))


def test_an_address_in_a_list_is_not_looked_for_on_the_disk():
    with pytest.raises(
        ValueError, match=re.escape("got the address 'https://example.org/a.png' as number 0")
    ):
        images_of(["https://example.org/a.png"])


def test_labels_names_and_defects_come_in_any_order_of_things_too():
    tables = pd.DataFrame(
        {"label": [0, 1], "kind": ["good", "bad"], "name": ["a", "b"]}, index=[5, 3]
    )
    split = Split.from_arrays(BATCH, tables["label"], tables["kind"], names=tables["name"])
    assert (split.labels.tolist(), split.defects, split.ids) == (
        [0, 1],
        ["good", "bad"],
        ["a", "b"],
    )
    split = Split.from_arrays(
        BATCH, torch.tensor([False, True]), defects=[0, 7], names=np.array([10, 11])
    )
    assert (split.labels.tolist(), split.defects, split.ids) == ([0, 1], ["0", "7"], ["10", "11"])
    for labels in (["good", "bad"], [0, 2], [0, None], [0.0, np.nan]):
        with pytest.raises(ValueError, match=r"labels must be 0 \(good\), 1 \(anomalous\) or -1"):
            Split.from_arrays(BATCH, labels)
    with pytest.raises(ValueError, match=r"labels must have shape \(N,\)"):
        Split.from_arrays(BATCH, [[0], [1]])


def test_one_path_is_no_list_of_paths(files):
    with pytest.raises(TypeError, match=r"expected a list of N, got 'a\.png': use"):
        Split("a.png", [0] * 5, [None] * 5, [""] * 5)
    generated = Split((path for path in files), [0] * 3, iter([None] * 3), pd.Series(["good"] * 3))
    assert generated.paths == files


def test_a_slice_or_several_indices_of_a_split_is_a_split(files):
    split = Split(files, [0, 1, -1], [None] * 3, ["good", "bad", "new"], name="nut")
    for index, expected in (
        (slice(1, None), [1, 2]),
        (slice(None, None, -1), [2, 1, 0]),
        ([2, 0], [2, 0]),
        (split.labels == 1, [1]),
        (torch.tensor([0, 2]), [0, 2]),
    ):
        part = split[index]
        assert (part.paths, part.name) == ([files[i] for i in expected], "nut")
    assert split[np.int64(1)].defect == split[-2].defect == "bad"
    assert len(split[:0]) == 0
    with pytest.raises(IndexError):
        split[3]
    assert isinstance(split[0], data.Sample)
