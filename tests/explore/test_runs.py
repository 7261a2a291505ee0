"""The plain records behind the explorer of deviations, and how their maps differ."""

import math

import numpy as np
import pytest

from adviz import Prediction, metrics
from adviz.data import Category, Geometry, Split
from adviz.explore.deviations.changes import difference, same_places
from adviz.explore.deviations.runs import Path, interval, mean, record, smallest_step, standing
from adviz.prediction import Neighbors

LABELS = [0, 0, 0, 1, 1, -1]


def split(size=16, **options):
    images = np.random.default_rng(0).integers(0, 255, (6, 16, 16), dtype=np.uint8)
    return Split.from_arrays(images, LABELS, geometry=Geometry(size, crop=False, **options))


def run(seed, scale=1.0, images=None):
    images = images or split()
    rng = np.random.default_rng(seed)
    found = Prediction(rng.random(6), scale * rng.random((6, *images.image_size)))
    return record(Category("plate", split(), split()), (found, images))


def test_a_record_keeps_scores_and_maps_and_drops_the_rest():
    near = Neighbors(
        np.zeros((6, 1, 1, 1)), np.zeros((6, 1, 1, 1), int), np.zeros((6, 1, 1, 1), int)
    )
    found = Prediction(
        np.arange(6.0), np.zeros((6, 16, 16)), {"layer2": np.zeros((6, 2, 2))}, {"image": near}
    )
    made = record(Category("plate", split(), split()), found)
    assert made.prediction.neighbors == made.prediction.layer_maps == {}
    assert made.points["image AUROC"] == 100.0
    assert math.isnan(made.points["PRO"])
    assert made.reasons["PRO"] == "the test set has no masks"


def test_the_difference_of_other_units_is_that_of_shares_of_the_scales():
    before, after = run(0), run(1, 3.0)
    maps = [made.prediction.anomaly_map for made in (before, after)]
    np.testing.assert_allclose(difference(before, after, own=False), maps[1] - maps[0])
    shares = [
        (m - r.limits[0]) / (r.limits[1] - r.limits[0])
        for m, r in zip(maps, (before, after), strict=True)
    ]
    np.testing.assert_allclose(
        difference(before, after, own=True, images=2), shares[1][2] - shares[0][2]
    )


def test_pixels_that_show_other_places_have_no_difference():
    plain, smaller, filtered = (
        run(0),
        run(0, images=split(8)),
        run(0, images=split(interpolation="lanczos")),
    )
    assert same_places(plain, filtered)
    assert not same_places(plain, smaller)
    assert difference(plain, smaller, own=False) is None


def test_the_interval_is_of_the_mean_over_categories():
    pairs = [(run(0), run(1)), (run(2), run(3))]
    known = np.array(LABELS[:5])
    draws = [
        100
        * metrics.auroc_differences(
            a.prediction.score[:5], b.prediction.score[:5], known, seed=seed
        )
        for seed, (a, b) in enumerate(pairs)
    ]
    assert interval(pairs) == pytest.approx(np.quantile((draws[0] + draws[1]) / 2, (0.025, 0.975)))
    assert interval([(run(0), run(0))]) == (0.0, 0.0)
    assert all(math.isnan(end) for end in interval([]))


def test_the_mean_is_of_the_paths_that_are_known():
    nothing = math.nan
    known = [Path(90.0, [(90.0, 92.0)], 92.0), Path(80.0, [(80.0, 70.0)], 70.0)]
    assert mean([*known, Path(50.0, [(50.0, nothing)], nothing)]) == Path(
        85.0, [(85.0, 81.0)], 81.0
    )
    assert not mean([Path(nothing, [(nothing, 1.0)], 1.0)]).known


def test_pairs_and_places():
    labels, scores = np.array(LABELS), np.array([1.0, 2.0, 3.0, 2.5, 0.0, 9.0])
    assert smallest_step(labels) == pytest.approx(100 / 6)
    assert math.isnan(smallest_step(labels[:3]))
    assert standing(scores, labels, 3) == "above 2 of 3 good images"
    assert standing(scores, labels, 0) == "below 1 of 2 anomalous images"
    assert standing(scores, labels, 5) == ""
    assert standing(scores[:3], labels[:3], 0) == ""
