"""The file's own pixels of the region that a network sees."""

import numpy as np
import pytest
from PIL import Image

from adviz.data import Geometry, Split


def ramps(height, width):
    """Return an image whose red tells the column and whose green tells the row of each pixel."""
    columns = np.broadcast_to(np.linspace(20, 220, width), (height, width))
    rows = np.broadcast_to(np.linspace(20, 220, height)[:, None], (height, width))
    return np.stack([columns, rows, np.full((height, width), 200.0)], axis=-1).round().astype("u1")


def split_of(image, geometry):
    return Split.from_arrays(image[None], [0], geometry=geometry)


def shrunk(image, size):
    """Return an image at a smaller size, each pixel the mean of those that it covers."""
    return np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BOX), float)


GEOMETRIES = {
    "crop": Geometry(32),
    "whole": Geometry(32, crop=False),
    "rectangle": Geometry((24, 40), crop=False),
    "shorter": Geometry(32, aspect="shorter"),
    "letterbox": Geometry(32, crop=False, aspect="letterbox"),
    "letterbox, cropped": Geometry(32, aspect="letterbox"),
}


@pytest.mark.parametrize("shape", [(256, 256), (130, 300), (301, 97)], ids=str)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_it_is_the_region_of_the_image(name, shape):
    """Shrunk again it is the image, up to a third of a pixel of the image."""
    split = split_of(ramps(*shape), GEOMETRIES[name])
    photograph = split.photograph(0)
    image = split.image(0)
    assert photograph.dtype == np.uint8
    assert (np.array(photograph.shape[:2]) > image.shape[:2]).all()
    difference = np.abs(shrunk(photograph, image.shape[:2]) - image)
    # of a whole image 32 pixels across one pixel is a step of 200 / 32; edges of padding are sharp
    valid = split.geometry.valid(shape[::-1])
    edge = valid & ~(np.pad(valid, 1)[:-2, 1:-1] & np.pad(valid, 1)[2:, 1:-1])
    edge |= valid & ~(np.pad(valid, 1)[1:-1, :-2] & np.pad(valid, 1)[1:-1, 2:])
    assert difference[valid & ~edge].max() <= 200 / 24 / 3 + 1
    beside = ~valid
    for shift in (-1, 1):
        beside &= ~np.roll(valid, shift, 0) & ~np.roll(valid, shift, 1)
    assert (shrunk(photograph, image.shape[:2])[beside] == 128).all()


def test_uncropped_it_is_the_file(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "0.png")
    geometry = Geometry(32, crop=False)
    split = Split([tmp_path / "0.png"], [0], [None], ["good"], geometry=geometry)
    np.testing.assert_array_equal(split.photograph(0), image)
    np.testing.assert_array_equal(split_of(image, geometry).photograph(0), image)


def test_a_crop_along_whole_pixels_is_cut_out():
    image = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    photograph = split_of(image, Geometry(56, resize=64)).photograph(0)
    np.testing.assert_array_equal(photograph, image[8:120, 8:120])


def test_the_longer_side_is_bounded():
    split = split_of(ramps(300, 400), Geometry((32, 32), crop=False))
    assert split.photograph(0).shape == (300, 400, 3)
    assert split.photograph(0, longest=200).shape == (150, 200, 3)
    assert split.photograph(0, longest=32) is None
    with pytest.raises(ValueError, match="longest must be 1 pixel or more, got 0"):
        split.photograph(0, longest=0)


def test_there_is_none_without_more_pixels():
    assert split_of(ramps(32, 32), Geometry(32, crop=False)).photograph(0) is None
    assert split_of(ramps(20, 30), Geometry(32, crop=False)).photograph(0) is None
    assert split_of(ramps(40, 40), Geometry(40, resize=64)).photograph(0) is None
    assert split_of(ramps(20, 40), Geometry(32, crop=False)).photograph(0).shape == (20, 40, 3)


def test_padding_is_grey_beside_the_files_pixels():
    image = np.random.default_rng(0).integers(0, 256, (40, 80, 3), dtype=np.uint8)
    geometry = Geometry(32, crop=False, aspect="letterbox")
    photograph = split_of(image, geometry).photograph(0)
    assert photograph.shape == (80, 80, 3)
    np.testing.assert_array_equal(photograph[20:60], image)
    assert (photograph[:20] == 128).all()
    assert (photograph[60:] == 128).all()


def test_deep_files_are_read_as_the_images_are(tmp_path):
    """Of 12 bits, as one of the files tells of all."""
    values = np.linspace(0, 1000, 64 * 64).reshape(64, 64).astype(np.uint16)
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    for path, largest in zip(paths, (1000, 4095), strict=True):
        values[0, 0] = largest
        Image.fromarray(values).save(path)
    split = Split(paths, [0, 0], [None, None], ["good"] * 2, geometry=Geometry(32, crop=False))
    photograph = split.photograph(0)
    assert photograph.shape == (64, 64, 3)
    values[0, 0] = 1000
    expected = np.round(values.astype(float) * 255 / 4095)
    np.testing.assert_array_equal(photograph[..., 0], expected)
