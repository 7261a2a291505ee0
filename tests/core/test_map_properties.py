"""What holds for resized and smoothed maps whatever they show."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from adviz.core import maps

SIZES = st.tuples(st.integers(1, 24), st.integers(1, 24))
METHODS = [
    ("bilinear", False),
    ("bilinear", True),
    ("nearest", False),
    ("area", False),
    ("bicubic", False),
]
VALUES = st.floats(-100, 100, width=32, allow_subnormal=False)  # below, float32 has fewer digits
SIGMAS = st.sampled_from([0.3, 1.0, 4.0])
# Values up to 100 in float32: a weighted mean of at most a few hundred is rounded to about 100 *
# 2**-24 a step.
ROUNDING = 1e-4

every_method = pytest.mark.parametrize(("method", "aligned"), METHODS)


@st.composite
def small_maps(draw, images=3):
    shape = (draw(st.integers(1, images)), *draw(SIZES))
    return draw(arrays.arrays(np.float32, shape, elements=st.floats(-100, 100, width=32)))


def resized(values, size, method, aligned):
    return maps.resize(values, size, method, align_corners=aligned)


@every_method
@given(value=VALUES, shape=SIZES, size=SIZES)
def test_constants_stay(method, aligned, value, shape, size):
    found = resized(np.full((2, *shape), value, np.float32), size, method, aligned)
    assert found.shape == (2, *size)
    np.testing.assert_allclose(found, value, rtol=1e-5)  # weights add up to 1 to float32


@every_method
@given(values=small_maps(), size=SIZES)
def test_resizing_stays_within_the_range_but_for_bicubic(method, aligned, values, size):
    found = resized(values, size, method, aligned)
    # Overshoots: its weights of two passes add up to at most 1.5625 in absolute value
    if method == "bicubic":
        assert np.abs(found).max() <= 1.5625 * np.abs(values).max() + ROUNDING
        return
    low, high = values.min((1, 2)), values.max((1, 2))
    slack = 0 if method == "nearest" else ROUNDING
    assert (found.min((1, 2)) >= low - slack).all()
    assert (found.max((1, 2)) <= high + slack).all()
    if method == "nearest":
        assert np.isin(found, values).all()


@every_method
@given(values=small_maps(), size=SIZES, factor=st.floats(-4, 4), data=st.data())
def test_resizing_is_linear(method, aligned, values, size, factor, data):
    other = data.draw(
        arrays.arrays(np.float32, values.shape, elements=st.floats(-100, 100, width=32))
    )
    joined = resized((factor * values + other).astype(np.float32), size, method, aligned)
    apart = factor * resized(values, size, method, aligned) + resized(other, size, method, aligned)
    np.testing.assert_allclose(joined, apart, rtol=0, atol=10 * ROUNDING)


@every_method
@given(values=small_maps(), size=SIZES)
def test_every_image_is_resized_alone_and_a_mirrored_one_is_mirrored(method, aligned, values, size):
    found = resized(values, size, method, aligned)
    np.testing.assert_array_equal(resized(values[::-1], size, method, aligned), found[::-1])
    np.testing.assert_array_equal(resized(values[:1], size, method, aligned), found[:1])
    # Which take the upper left one of two, or of all
    if method != "nearest" and not (aligned and 1 in size):
        turned = resized(values[:, ::-1, ::-1], size, method, aligned)
        np.testing.assert_allclose(turned, found[:, ::-1, ::-1], rtol=0, atol=10 * ROUNDING)
    swapped = resized(values.mT, size[::-1], method, aligned)
    np.testing.assert_allclose(swapped.mT, found, rtol=0, atol=10 * ROUNDING)


def test_a_reversed_and_a_read_only_view_are_resized():
    one = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    expected = maps.resize(one, (5, 7))
    np.testing.assert_array_equal(maps.resize(one[::-1], (5, 7)), expected)
    np.testing.assert_array_equal(
        maps.resize(np.broadcast_to(one, (2, 2, 3)), (5, 7)), expected.repeat(2, 0)
    )


@given(values=small_maps(), size=SIZES)
def test_areas_keep_the_mean(values, size):
    found = maps.resize(values, size, "area")
    np.testing.assert_allclose(found.mean((1, 2)), values.mean((1, 2)), rtol=0, atol=ROUNDING)


@given(values=small_maps(), factor=st.integers(1, 4))
def test_areas_undo_what_nearest_does(values, factor):
    large = maps.resize(values, tuple(factor * side for side in values.shape[1:]), "nearest")
    np.testing.assert_allclose(
        maps.resize(large, values.shape[1:], "area"), values, rtol=0, atol=ROUNDING
    )


@given(values=small_maps(), sigma=SIGMAS, factor=st.floats(-4, 4))
def test_smoothing_is_linear_keeps_range_and_mean_and_sees_one_image(values, sigma, factor):
    found = maps.smooth(values, sigma)
    assert (found.min((1, 2)) >= values.min((1, 2)) - ROUNDING).all()
    assert (found.max((1, 2)) <= values.max((1, 2)) + ROUNDING).all()
    # mirrored borders take nothing away
    np.testing.assert_allclose(found.mean((1, 2)), values.mean((1, 2)), rtol=0, atol=ROUNDING)
    scaled = maps.smooth((factor * values + 7).astype(np.float32), sigma)
    np.testing.assert_allclose(scaled, factor * found + 7, rtol=0, atol=10 * ROUNDING)
    np.testing.assert_array_equal(maps.smooth(values[:1], sigma), found[:1])
    turned = maps.smooth(values[::-1, ::-1, ::-1], sigma)
    np.testing.assert_allclose(turned, found[::-1, ::-1, ::-1], rtol=0, atol=ROUNDING)


@given(shape=SIZES, value=VALUES, sigma=SIGMAS)
def test_smoothing_leaves_constants(shape, value, sigma):
    np.testing.assert_allclose(maps.smooth(np.full((1, *shape), value), sigma), value, rtol=1e-5)


@given(values=small_maps(images=1))
def test_more_smoothing_leaves_less(values):
    spread = [maps.smooth(values, sigma).var() for sigma in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert (np.diff(spread) <= ROUNDING).all()
