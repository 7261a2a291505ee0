"""Image, mask, scale and window of any geometry tell of the same pixels."""

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from adviz.data import Geometry

SIDES = st.tuples(st.integers(1, 90), st.integers(1, 90))


@st.composite
def geometries(draw):
    size = draw(st.integers(1, 48))
    crop = draw(st.booleans())
    return Geometry(
        size=size,
        resize=draw(st.none() | st.integers(size, 2 * size)) if crop else None,
        crop=crop,
        interpolation=draw(st.sampled_from(["bilinear", "nearest", "area", "lanczos", "bicubic"])),
        aspect=draw(st.sampled_from(["square", "shorter"])) if crop else "square",
        mask_rule=draw(st.sampled_from([">0.5", ">0", "==1", "nearest"])),
    )


@st.composite
def drawings(draw):
    """An image that is 255 where its mask is True, in one of three patterns."""
    width, height = draw(SIDES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))
    mask = rng.random((height, width)) < share
    if draw(st.booleans()):
        mask = np.zeros((height, width), bool)
        mask[: rng.integers(height + 1), : rng.integers(width + 1)] = True
    return Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0)))


@given(geometries(), drawings())
def test_a_mask_is_what_the_image_of_it_shows(geometry, drawn):
    found = geometry.mask(drawn)
    assert (found.shape, found.dtype) == ((geometry.size, geometry.size), bool)
    same_filter = "nearest" if geometry.mask_rule == "nearest" else "bilinear"
    as_image = Geometry(geometry.size, geometry.resize, geometry.crop, same_filter, geometry.aspect)
    coverage = as_image.image(drawn.convert("RGB"))[..., 0] / 255
    rule = {">0.5": coverage >= 0.5, ">0": coverage > 0, "==1": coverage == 1, "nearest": coverage > 0}
    np.testing.assert_array_equal(found, rule[geometry.mask_rule])


@given(geometries(), drawings())
def test_the_rules_are_ordered_and_empty_and_full_masks_stay(geometry, drawn):
    def ruled(rule):
        return Geometry(geometry.size, geometry.resize, geometry.crop, "bilinear", geometry.aspect, rule).mask(drawn)

    least, half, most = ruled("==1"), ruled(">0.5"), ruled(">0")
    assert (least <= half).all()
    assert (half <= most).all()
    low, high = drawn.getextrema()
    if low == high:
        assert (geometry.mask(drawn) == bool(low)).all()


@given(geometries(), SIDES)
def test_the_window_is_where_the_crop_comes_from(geometry, size):
    """A pixel is bright where the window says that it is kept; the crop's own middle must then be bright."""
    width, height = size
    rows, columns = geometry.window(size)
    across, down = geometry.scale(size)
    assert 0 <= rows.start <= rows.stop <= height
    assert 0 <= columns.start <= columns.stop <= width
    # rounded to a pixel at both ends
    assert abs((rows.stop - rows.start) * down - geometry.size) <= down + 1e-9
    assert abs((columns.stop - columns.start) * across - geometry.size) <= across + 1e-9
    middle = (rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2
    assert abs(middle[0] - height / 2) <= 0.5 + 0.5 / down + 1e-9
    assert abs(middle[1] - width / 2) <= 0.5 + 0.5 / across + 1e-9


@given(geometries(), SIDES, st.data())
def test_a_bright_pixel_is_seen_where_scale_and_window_put_it(geometry, size, data):
    """Nearest-neighbour enlargement: the place of every pixel of the crop is known."""
    width, height = size
    geometry = Geometry(geometry.size, geometry.resize, geometry.crop, "nearest", geometry.aspect)
    across, down = geometry.scale(size)
    assume(across >= 1 <= down)  # none is lost
    row, column = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[row, column] = 255
    seen = np.argwhere(geometry.image(Image.fromarray(pixels))[..., 0] == 255)
    top = round((round(height * down) - geometry.size) / 2)
    left = round((round(width * across) - geometry.size) / 2)
    for place, start, scale, at in ((seen[:, 0], top, down, row), (seen[:, 1], left, across, column)):
        source = (place + start + 0.5) / scale  # where the middle of a new pixel lies; on an edge either side will do
        assert ((source >= at - 1e-6) & (source <= at + 1 + 1e-6)).all()
    whole_rows, whole_columns = geometry.window(size)
    inside = whole_rows.start < row < whole_rows.stop - 1 and whole_columns.start < column < whole_columns.stop - 1
    assert len(seen) or not inside


@given(st.integers(1, 60), st.integers(0, 2**32 - 1), st.sampled_from(["bilinear", "nearest", "area", "lanczos"]))
def test_an_image_of_the_right_size_is_not_touched(size, seed, interpolation):
    image = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    geometry = Geometry(size=size, crop=False, interpolation=interpolation)
    np.testing.assert_array_equal(geometry.image(Image.fromarray(image)), image)
    assert geometry.window((size, size)) == (slice(0, size), slice(0, size))
    assert geometry.scale((size, size)) == (1, 1)
