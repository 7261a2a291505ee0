import numpy as np
import pytest

from adviz.explore.thresholds.gating import gating


@pytest.mark.parametrize("seed", range(4))
def test_it_says_what_every_tau_saves_and_loses(seed):
    rng = np.random.default_rng(seed)
    scores, labels = np.round(rng.random(30), 1), rng.integers(-1, 2, 30)
    areas = rng.integers(0, 50, 30) * (labels == 1)
    found = gating(scores, labels, areas)
    assert found.tau[0] == -np.inf
    for at, tau in enumerate(found.tau):
        away = ~(scores > tau)  # SPADE's rule
        assert found.saved[at] == away.mean()
        assert found.images_lost[at] == np.count_nonzero(away & (labels == 1))
        assert found.pixels_lost[at] == pytest.approx(areas[away].sum() / areas.sum())
    assert (found.saved[0], found.saved[-1]) == (0, 1)
    for tau in (-5.0, 0.25, 0.3, 99.0):
        away = ~(scores > tau)
        assert found.saved[found.at(tau)] == away.mean()


def test_the_last_tau_that_loses_nothing():
    found = gating(np.array([1.0, 2, 3, 4]), np.array([0, 0, 1, 0]))
    assert found.tau[found.free] == 2
    assert found.saved[found.free] == 0.5
    assert np.isnan(found.pixels_lost).all()
    assert gating(np.array([1.0, 2]), np.array([1, 0])).free == 0


def test_defect_pixels_of_images_that_are_not_anomalous_do_not_count():
    found = gating(np.array([1.0, 2]), np.array([-1, 1]), np.array([70, 10]))
    assert found.pixels_lost.tolist() == [0, 0, 1]


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"one length, at least 1, got \[2, 3\]"):
        gating(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="at least 1"):
        gating(np.ones(0), np.ones(0))


def test_the_tau_to_begin_with_loses_no_anomalous_image():
    scores = np.array([1.0, 2, 3, 4])
    assert gating(scores, np.array([0, 0, 1, 0])).start == 2
    for labels in ([1, 0, 0, 0], [0, 0, 0, 0], [-1, -1, -1, -1]):
        found = gating(scores, np.array(labels))
        assert found.at(found.start) == 0  # nothing is gated away
        assert found.start < 1
