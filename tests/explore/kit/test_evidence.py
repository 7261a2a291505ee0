import numpy as np
import pytest

from adviz import Neighbors, Prediction
from adviz.core import maps
from adviz.explore.kit.evidence import (
    cell_grid,
    count_of,
    evidence,
    map_with,
    whole_images,
)


@pytest.fixture
def matched():
    """Two test images of 4 x 6 cells, three retrieved images of 2 x 3 cells each."""
    rng = np.random.default_rng(0)
    distance = rng.random((2, 4, 6, 3)).astype(np.float32)
    image = np.broadcast_to(rng.permutation(9)[:3], (2, 4, 6, 3))
    found = Neighbors(distance, image, rng.integers(0, 6, (2, 4, 6, 3)), (2, 3), "retrieval")
    whole = Neighbors(
        rng.random((2, 1, 1, 3)), image[:, :1, :1].copy(), np.zeros((2, 1, 1, 3), int)
    )
    maps = {"fine": rng.random((2, 4, 6)), "coarse": rng.random((2, 2, 3))}
    return Prediction(np.zeros(2), rng.random((2, 40, 60)), maps, {"image": whole, "patch": found})


def test_the_cell_its_matches_and_the_layers_are_those_of_the_pixel(matched):
    found, patch = (
        evidence(matched, 1, (25, 41), size=(40, 60), train_size=(20, 30)),
        matched.neighbors["patch"],
    )
    assert (found.pixel, found.cell, found.cells, found.box) == (
        (25, 41),
        (2, 4),
        (4, 6),
        (20, 40, 10, 10),
    )
    order = patch.distance[1, 2, 4].argsort()
    np.testing.assert_array_equal(found.distance, patch.distance[1, 2, 4][order])
    np.testing.assert_array_equal(found.image, patch.image[1, 2, 4][order])
    np.testing.assert_array_equal(found.rank, order + 1)
    for box, cell in zip(found.boxes, patch.location[1, 2, 4][order], strict=True):
        assert box == (cell // 3 * 10, cell % 3 * 10, 10, 10)
    assert found.layers == {
        "fine": matched.layer_maps["fine"][1, 2, 4],
        "coarse": matched.layer_maps["coarse"][1, 1, 2],
    }


def test_a_smaller_k_is_the_running_minimum_over_the_retrieved_images(matched):
    distance = matched.neighbors["patch"].distance
    for k in (1, 2, 3):
        nearest = evidence(matched, 0, (0, 0), size=(40, 60), k=k).distance
        assert len(nearest) == k
        assert nearest[0] == np.minimum.accumulate(distance[0, 0, 0])[k - 1]


def test_cells_that_were_not_segmented_have_no_matches(matched):
    matched.neighbors["patch"].distance[0] = np.nan
    assert len(evidence(matched, 0, (3, 3), size=(40, 60)).image) == 0


def test_a_method_without_neighbours_has_its_layers_alone(matched):
    alone = Prediction(matched.score, matched.anomaly_map, matched.layer_maps)
    found = evidence(alone, 0, (39, 59), size=(40, 60))
    assert (found.searched, found.boxes, found.cell, found.cells) == ("", [], (3, 5), (4, 6))
    assert found.layers["coarse"] == matched.layer_maps["coarse"][0, 1, 2]
    assert whole_images(alone) is None


def test_without_maps_a_pixel_is_its_own_cell():
    plain = Prediction(np.zeros(1))
    assert evidence(plain, 0, (3, 4), size=(8, 9)).box == (3, 4, 1, 1)


def test_the_finest_layer_is_explained_where_each_was_searched_alone(matched):
    fine = matched.neighbors["patch"]
    coarse = Neighbors(
        fine.distance[:, :2, :3],
        fine.image[:, :2, :3],
        fine.location[:, :2, :3],
        (2, 3),
        "retrieval",
    )
    each = Prediction(matched.score, None, {}, {"coarse": coarse, "fine": fine})
    assert evidence(each, 0, (0, 0), size=(40, 60)).searched == "fine"
    assert cell_grid(each, (40, 60)) == (4, 6)


@pytest.mark.parametrize(
    ("image", "pixel", "k", "message"),
    [
        (2, (0, 0), None, "image must be between 0 and 1, got 2"),
        (0, (40, 0), None, r"pixel must lie in an image of \(40, 60\), got \(40, 0\)"),
        (0, (0, 0), 0, "k must be 1 or more, got 0"),
    ],
)
def test_what_does_not_exist_is_refused(matched, image, pixel, k, message):
    with pytest.raises(ValueError, match=message):
        evidence(matched, image, pixel, size=(40, 60), k=k)


def test_the_map_of_fewer_images_is_their_minimum_where_that_is_how_the_map_was_made(matched):
    patch = matched.neighbors["patch"]
    made = [maps.smooth(maps.resize(patch.distance[..., :k].min(-1), (40, 60))) for k in (1, 2, 3)]
    known = Prediction(np.zeros(2), made[-1], {}, {"patch": patch})
    for k in (1, 2, 3):
        np.testing.assert_allclose(map_with(known, 1, k), made[k - 1][1], atol=1e-6)
    assert map_with(matched, 1, 2) is None  # its map is another one
    np.testing.assert_array_equal(map_with(matched, 1, 3), matched.anomaly_map[1])
    assert map_with(Prediction(np.zeros(2), None, {}, {"patch": patch}), 1, 2) is None
    nearest = Neighbors(np.sort(patch.distance), patch.image, patch.location, patch.grid)
    by_distance = Prediction(np.zeros(2), made[-1], {}, {"patch": nearest})
    # K has no meaning for it
    np.testing.assert_array_equal(map_with(by_distance, 0, 1), made[-1][0])


def test_neighbours_are_counted_where_they_are_looked_at(matched):
    patch, whole = matched.neighbors["patch"], matched.neighbors["image"]
    fewer = Neighbors(whole.distance[..., :2], whole.image[..., :2], whole.location[..., :2])
    both = Prediction(np.zeros(2), None, {}, {"image": fewer, "patch": patch})
    assert (count_of(both, cells=True), count_of(both, cells=False)) == (3, 2)
    assert count_of(Prediction(np.zeros(2), None, {}, {"patch": patch}), cells=False) == 3
    assert count_of(Prediction(np.zeros(2), None, {}, {"image": fewer}), cells=True) == 2
    assert count_of(Prediction(np.zeros(2)), cells=True) == 1
