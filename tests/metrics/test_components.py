import numpy as np
import pytest
from naive_metrics import random_maps
from skimage import measure

from adviz.metrics import regions


def test_diagonal_neighbours_are_one_region_of_eight_and_two_of_four():
    mask = np.zeros((1, 4, 5), bool)
    mask[0, 1, 1] = mask[0, 2, 2] = mask[0, 2, 3] = True
    ids, areas = regions(mask)
    np.testing.assert_array_equal(areas, [3])
    np.testing.assert_array_equal(ids, mask)
    ids, areas = regions(mask, connectivity=4)
    np.testing.assert_array_equal(areas, [1, 2])
    assert ids[0, 1, 1] == 1
    assert ids[0, 2, 3] == ids[0, 2, 2] == 2


@pytest.mark.parametrize("connectivity", [4, 8])
def test_regions_equal_scikit_image(connectivity):
    _, masks = random_maps(0, n=8, size=24)
    ids, areas = regions(masks, connectivity)
    expected = [measure.label(mask, connectivity=connectivity // 4) for mask in masks]
    assert len(areas) == sum(labelled.max() for labelled in expected)
    np.testing.assert_array_equal(areas, np.bincount(ids.ravel())[1:])
    before = 0
    for found, labelled in zip(ids, expected, strict=True):
        pairs = np.unique(np.stack([found[labelled > 0], labelled[labelled > 0]]), axis=1)
        assert pairs.shape[1] == labelled.max()  # one of ours for each of theirs
        np.testing.assert_array_equal(found > 0, labelled > 0)
        np.testing.assert_array_equal(np.sort(pairs[0]), np.arange(labelled.max()) + 1 + before)
        before += labelled.max()


def test_regions_touching_the_border_and_other_images_stay_apart():
    masks = np.ones((2, 3, 3), bool)
    ids, areas = regions(masks)
    np.testing.assert_array_equal(ids, np.ones((2, 3, 3)) * [[[1]], [[2]]])
    np.testing.assert_array_equal(areas, [9, 9])


def test_empty_masks_have_no_region():
    for n in (0, 2):
        ids, areas = regions(np.zeros((n, 3, 4), np.uint8))
        assert ids.shape == (n, 3, 4)
        assert areas.shape == (0,)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="8 or 4, got 6"):
        regions(np.zeros((1, 3, 3)), connectivity=6)
    with pytest.raises(ValueError, match=r"got \(3, 3\)"):
        regions(np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match="mask > 0"):
        regions(np.full((1, 3, 3), 255))
