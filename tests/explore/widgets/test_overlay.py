import io

import numpy as np
import pytest
import traitlets
from PIL import Image

from adviz.explore.widgets import PatchOverlay

IMAGE = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
SCORES = np.random.default_rng(1).normal(size=(10, 15))


def test_what_is_sent_is_what_was_given():
    mask = np.zeros((40, 60), bool)
    mask[3:5, 7] = True
    overlay = PatchOverlay(IMAGE, SCORES, mask)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(overlay.image))), IMAGE)
    np.testing.assert_array_equal(
        np.frombuffer(overlay.scores, "<f4").reshape(10, 15), SCORES.astype("f4")
    )
    np.testing.assert_array_equal(np.frombuffer(overlay.mask, np.uint8).reshape(40, 60), mask)
    assert (overlay.shape, overlay.grid) == ([40, 60], [10, 15])
    assert overlay.limits == pytest.approx([SCORES.min(), SCORES.max()])
    assert len(overlay.colours) == 256 * 3


def test_without_map_and_mask_nothing_of_them_is_sent():
    overlay = PatchOverlay(IMAGE)
    assert (overlay.scores, overlay.mask, overlay.grid, overlay.limits) == (
        b"",
        b"",
        [0, 0],
        [0.0, 1.0],
    )


def test_another_image_keeps_the_pick_where_it_has_that_pixel():
    overlay = PatchOverlay(IMAGE, SCORES)
    overlay.picked, overlay.view = [35, 50], [0, 0, 20, 30]
    overlay.show(IMAGE[::-1].copy(), SCORES)
    assert (overlay.picked, overlay.view) == ([35, 50], [0, 0, 20, 30])
    overlay.show(IMAGE[:20].copy())
    assert (overlay.picked, overlay.view) == ([], [])


def test_values_that_are_not_finite_do_not_stretch_the_scale():
    scores = SCORES.copy()
    scores[0, 0], scores[0, 1] = np.nan, np.inf
    assert PatchOverlay(IMAGE, scores).limits == pytest.approx(
        [scores[np.isfinite(scores)].min(), scores[1:].max()]
    )


def test_markers_are_plain_rectangles():
    overlay = PatchOverlay(IMAGE)
    overlay.mark([(0, 4, 8, 8)], ["1"])
    assert overlay.markers == [
        {"top": 0.0, "left": 4.0, "height": 8.0, "width": 8.0, "kind": "match", "text": "1"}
    ]
    overlay.mark([])
    assert overlay.markers == []


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((IMAGE[..., 0],), {}, r"image must be \(H, W, 3\) uint8, got \(40, 60\)"),
        ((IMAGE.astype(float),), {}, "got .* of float64"),
        ((IMAGE, SCORES[0]), {}, r"scores must be an \(h, w\) map, got shape \(15,\)"),
        (
            (IMAGE, SCORES, np.zeros((4, 4), bool)),
            {},
            r"mask must have the image's size \(40, 60\), got \(4, 4\)",
        ),
        (
            (IMAGE, SCORES),
            {"limits": (2, 1)},
            r"limits must be two numbers, the smaller first, got \(2, 1\)",
        ),
    ],
)
def test_what_cannot_be_shown_is_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        PatchOverlay(*arguments, **options)


@pytest.mark.parametrize("pixel", [[40, 0], [0, 60], [-1, 0], [1]])
def test_a_pixel_that_the_image_does_not_have_cannot_be_picked(pixel):
    with pytest.raises(traitlets.TraitError, match="picked must be"):
        PatchOverlay(IMAGE).picked = pixel
