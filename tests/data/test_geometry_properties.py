"""Image, mask, scale and window of any geometry tell of the same pixels."""

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from adviz.data import Geometry
from adviz.data.geometry import height_and_width

SIDES = st.tuples(st.integers(1, 90), st.integers(1, 90))


@st.composite
def geometries(draw):
    height, width = draw(st.integers(1, 48)), draw(st.integers(1, 48))
    crop = draw(st.booleans())
    resized = st.tuples(st.integers(height, 2 * height), st.integers(width, 2 * width))
    return Geometry(
        size=(height, width) if draw(st.booleans()) else height,
        resize=draw(st.none() | resized.map(lambda sides: (sides[0], max(sides))))
        if crop
        else None,
        crop=crop,
        interpolation=draw(st.sampled_from(["bilinear", "nearest", "area", "lanczos", "bicubic"])),
        aspect=draw(st.sampled_from(["square", "letterbox", *(["shorter"] if crop else [])])),
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
    assert (found.shape, found.dtype) == (geometry.shape, bool)
    same_filter = "nearest" if geometry.mask_rule == "nearest" else "bilinear"
    as_image = Geometry(geometry.size, geometry.resize, geometry.crop, same_filter, geometry.aspect)
    coverage = as_image.image(drawn.convert("RGB"))[..., 0] / 255
    coverage[~geometry.valid(drawn.size)] = 0
    rule = {
        ">0.5": coverage >= 0.5,
        ">0": coverage > 0,
        "==1": coverage == 1,
        "nearest": coverage > 0,
    }
    np.testing.assert_array_equal(found, rule[geometry.mask_rule])


@given(geometries(), drawings())
def test_the_rules_are_ordered_and_empty_and_full_masks_stay(geometry, drawn):
    def ruled(rule):
        return Geometry(
            geometry.size, geometry.resize, geometry.crop, "bilinear", geometry.aspect, rule
        ).mask(drawn)

    least, half, most = ruled("==1"), ruled(">0.5"), ruled(">0")
    assert (least <= half).all()
    assert (half <= most).all()
    low, high = drawn.getextrema()
    if low == high:
        np.testing.assert_array_equal(geometry.mask(drawn), geometry.valid(drawn.size) & bool(low))


@given(geometries(), SIDES)
def test_the_window_is_where_the_crop_comes_from(geometry, size):
    """The window has the size of the crop and lies in the middle, to a pixel."""
    width, height = size
    rows, columns = geometry.window(size)
    across, down = geometry.scale(size)
    assert 0 <= rows.start <= rows.stop <= height
    assert 0 <= columns.start <= columns.stop <= width
    # rounded to a pixel at both ends
    top, left, bottom, right = geometry.box(size)
    assert abs((rows.stop - rows.start) * down - (bottom - top)) <= down + 1e-9
    assert abs((columns.stop - columns.start) * across - (right - left)) <= across + 1e-9
    middle = (rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2
    assert abs(middle[0] - height / 2) <= 0.5 + 0.5 / down + 1e-9
    assert abs(middle[1] - width / 2) <= 0.5 + 0.5 / across + 1e-9


# Of small geometries many shrink the image, and are passed over
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
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
    top = round((round(height * down) - geometry.shape[0]) / 2)
    left = round((round(width * across) - geometry.shape[1]) / 2)
    for place, start, scale, at in (
        (seen[:, 0], top, down, row),
        (seen[:, 1], left, across, column),
    ):
        # Where the middle of a new pixel lies; on an edge either side will do
        source = (place + start + 0.5) / scale
        assert ((source >= at - 1e-6) & (source <= at + 1 + 1e-6)).all()
    whole_rows, whole_columns = geometry.window(size)
    inside = (
        whole_rows.start < row < whole_rows.stop - 1
        and whole_columns.start < column < whole_columns.stop - 1
    )
    assert len(seen) or not inside


@given(
    st.integers(1, 60),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["bilinear", "nearest", "area", "lanczos"]),
)
def test_an_image_of_the_right_size_is_not_touched(size, seed, interpolation):
    image = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    geometry = Geometry(size=size, crop=False, interpolation=interpolation)
    np.testing.assert_array_equal(geometry.image(Image.fromarray(image)), image)
    assert geometry.window((size, size)) == (slice(0, size), slice(0, size))
    assert geometry.scale((size, size)) == (1, 1)


@given(geometries(), SIDES)
def test_only_letterboxes_pad_and_they_pad_nothing_but_what_the_shape_leaves(geometry, size):
    top, left, bottom, right = geometry.box(size)
    rows, columns = geometry.shape
    valid = geometry.valid(size)
    assert 0 <= top < bottom <= rows
    assert 0 <= left < right <= columns
    assert valid.sum() == (bottom - top) * (right - left)
    if geometry.aspect != "letterbox":
        assert valid.all()
    else:
        assert abs(top - (rows - bottom)) <= 1  # in the middle
        assert abs(left - (columns - right)) <= 1
        assert (top, bottom) == (0, rows) or (left, right) == (0, columns)
        resized = [side * scale for side, scale in zip(size, geometry.scale(size), strict=True)]
        assert round(resized[0]) <= max(height_and_width(geometry.resized)) * 1.001


@given(st.integers(8, 48), st.integers(1, 60), st.integers(0, 2**32 - 1), st.booleans())
def test_letterboxing_a_square_image_is_resizing_it(size, side, seed, crop):
    image = Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    )
    boxed = Geometry(size, crop=crop, aspect="letterbox")
    np.testing.assert_array_equal(boxed.image(image), Geometry(size, crop=crop).image(image))
    assert boxed.valid(image.size).all()


@given(st.integers(1, 24), st.integers(0, 2**32 - 1), st.booleans())
def test_what_is_not_padding_is_the_image_resized(half, seed, portrait):
    """Two to one, in a square: the band in the middle is the image at half the square's height."""
    shape = (60, 30, 3) if portrait else (30, 60, 3)
    image = Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))
    size = 4 * half
    geometry = Geometry(size, crop=False, aspect="letterbox")
    band = (
        (slice(None), slice(half, 3 * half)) if portrait else (slice(half, 3 * half), slice(None))
    )
    found = geometry.image(image)
    expected = image.resize(
        (size // 2, size) if portrait else (size, size // 2), Image.Resampling.BILINEAR
    )
    np.testing.assert_array_equal(found[band], np.asarray(expected))
    np.testing.assert_array_equal(found[~geometry.valid(image.size)], 128)
    assert geometry.valid(image.size)[band].all()
    assert geometry.valid(image.size).sum() == size * size // 2
