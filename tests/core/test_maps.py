import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from adviz.core import maps


def test_bilinear_matches_its_definition():
    """Sample centres at half-pixels, clamped at the border (align_corners=False)."""
    small = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    big = maps.resize(small, (6, 6))
    rows = np.clip((np.arange(6) + 0.5) * 3 / 6 - 0.5, 0, 2)
    columns = np.clip((np.arange(6) + 0.5) * 4 / 6 - 0.5, 0, 3)
    along = np.stack([[np.interp(columns, np.arange(4), row) for row in one] for one in small])
    expected = np.stack(
        [[np.interp(rows, np.arange(3), column) for column in one.T] for one in along]
    )
    np.testing.assert_allclose(big, expected.transpose(0, 2, 1), atol=1e-6)  # float32 rounding


def test_bilinear_with_aligned_corners_matches_its_definition():
    """The corners' sample centres coincide; all others divide the way between them."""
    small = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)
    rows, columns = np.linspace(0, 2, 6), np.linspace(0, 3, 9)
    along = np.stack([[np.interp(columns, np.arange(4), row) for row in one] for one in small])
    expected = np.stack(
        [[np.interp(rows, np.arange(3), column) for column in one.T] for one in along]
    )
    found = maps.resize(small, (6, 9), align_corners=True)
    np.testing.assert_allclose(found, expected.transpose(0, 2, 1), atol=1e-6)  # float32 rounding
    np.testing.assert_allclose(
        found[:, [0, -1]][:, :, [0, -1]], small[:, [0, -1]][:, :, [0, -1]], atol=1e-6
    )


def test_area_is_the_mean_over_what_each_pixel_covers():
    image = np.arange(25, dtype=np.float32).reshape(1, 5, 5)
    # 10 x 10: every target pixel of 2 x 2 now covers 5 x 5 whole ones
    fine = image.repeat(2, 1).repeat(2, 2)
    expected = fine.reshape(1, 2, 5, 2, 5).mean((2, 4))
    np.testing.assert_allclose(maps.resize(image, (2, 2), method="area"), expected, rtol=1e-6)


def test_nearest_repeats_and_the_same_size_changes_nothing():
    image = np.arange(4, dtype=np.float32).reshape(1, 2, 2)
    np.testing.assert_array_equal(
        maps.resize(image, (4, 4), "nearest"), image.repeat(2, 1).repeat(2, 2)
    )
    np.testing.assert_array_equal(maps.resize(image, (2, 2)), image)


def test_smoothing_is_a_gaussian_cut_at_four_sigma_with_mirrored_borders():
    values = np.random.default_rng(1).normal(size=(1, 40, 33)).astype(np.float32)
    sigma, radius = 4.0, 16
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(values[0].astype(float), radius, mode="symmetric")
    rows = np.stack([np.convolve(row, kernel, "valid") for row in padded])
    expected = np.stack([np.convolve(column, kernel, "valid") for column in rows.T]).T
    # Scipy sums in float32
    np.testing.assert_allclose(maps.smooth(values, sigma)[0], expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(40, 33), (20, 90), (5, 7)])
@pytest.mark.parametrize("sigma", [4.0, 1.3])
def test_a_mirrored_border_is_torchs_reflect_and_scipys_mirror(shape, sigma):
    """About the border pixel's centre, c b | a b c: "reflect" of numpy, "mirror" of scipy."""
    values = np.random.default_rng(1).normal(size=(2, *shape))
    found = maps.smooth(values, sigma, border="mirror")
    expected = np.stack(
        [gaussian_filter(one, sigma, mode="mirror", truncate=4.0) for one in values]
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)  # scipy sums in float32
    radius = int(4 * sigma + 0.5)
    kernel = torch.exp(-0.5 * (torch.arange(-radius, radius + 1, dtype=torch.float64) / sigma) ** 2)
    kernel /= kernel.sum()
    window = torch.outer(kernel, kernel)[None, None]
    if radius < min(shape):  # more than once torch does not mirror
        padded = torch.nn.functional.pad(
            torch.from_numpy(values)[:, None], (radius,) * 4, mode="reflect"
        )
        blurred = torch.nn.functional.conv2d(padded, window)[:, 0].numpy()
        np.testing.assert_allclose(found, blurred, atol=1e-5)
    assert np.abs(found - maps.smooth(values, sigma)).max() > 1e-3


def test_integer_maps_are_not_truncated():
    values = np.zeros((1, 30, 30), dtype=np.uint8)
    values[0, 15, 15] = 200
    np.testing.assert_allclose(maps.smooth(values, 2).sum(), 200, rtol=1e-5)


def test_smoothing_does_not_mix_images():
    values = np.zeros((2, 20, 20), dtype=np.float32)
    values[0] = 1
    np.testing.assert_allclose(maps.smooth(values)[0], 1, rtol=1e-6)
    np.testing.assert_array_equal(maps.smooth(values)[1], 0)


def test_sigma_zero_changes_nothing():
    values = np.random.default_rng(2).normal(size=(1, 5, 5))
    assert maps.smooth(values, 0) is values


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"shape \(N, height, width\), got shape \(3, 3\)"):
        maps.resize(np.zeros((3, 3)), (6, 6))
    with pytest.raises(
        ValueError, match=r'align_corners needs method "bilinear" or "bicubic", got .area.'
    ):
        maps.resize(np.zeros((1, 3, 3)), (6, 6), "area", align_corners=True)
    with pytest.raises(ValueError, match="method must be"):
        maps.resize(np.zeros((1, 3, 3)), (6, 6), "lanczos")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r'border must be "reflect" or "mirror", got .mirrored.'):
        maps.smooth(np.zeros((1, 3, 3)), border="mirrored")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="sigma must be 0 or more pixels, got -1"):
        maps.smooth(np.zeros((1, 3, 3)), -1)


def test_resize_equals_torch_for_bicubic():
    small = np.random.default_rng(3).normal(size=(1, 4, 4)).astype(np.float32)
    torchs = torch.nn.functional.interpolate(torch.from_numpy(small)[None], (9, 9), mode="bicubic")[
        0
    ]
    np.testing.assert_array_equal(maps.resize(small, (9, 9), "bicubic"), torchs.numpy())
