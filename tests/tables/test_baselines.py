"""Baselines of SPADE's Table 3: what scikit-learn says of patches, and where tables use it."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import OneClassSVM

from adviz import Features, maps, tables
from adviz.features.features import in_boxes
from adviz.sweep import Experiment
from adviz.tables.baselines import BASELINES, NU, PatchBaseline, patches_of

RNG = np.random.default_rng(0)


def features(n_images, fine=8, coarse=4, shift=0.0):
    """Return features of two layers, the second with half the grid of the first."""
    arrays = {
        "a": RNG.normal(shift, 1, (n_images, 3, fine, fine)),
        "b": RNG.normal(5 + shift, 2, (n_images, 2, coarse, coarse)),
    }
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    return Features(arrays, image_size=(32, 32), strides={"a": 4, "b": 8})


TRAIN, TEST = features(5), features(2, shift=1.0)
LAYERS = (4, 8)


def joined(given):
    """Return all patches of all images, (N * P, C): the coarse layer repeated."""
    coarse = given["b"].repeat(2, axis=2).repeat(2, axis=3)
    both = np.concatenate([given["a"], coarse], axis=1)
    return both.transpose(0, 2, 3, 1).reshape(-1, 5)


def test_patches_are_all_channels_on_the_finest_grid():
    every = [patches_of(TRAIN, image) for image in range(5)]
    np.testing.assert_array_equal(np.concatenate(every), joined(TRAIN))
    odd = features(1, fine=5, coarse=2)
    coarse = patches_of(odd, 0)[:, 3:].reshape(5, 5, 2)
    np.testing.assert_array_equal(coarse[0, 0], odd["b"][0, :, 0, 0])
    np.testing.assert_array_equal(coarse[2, 3], odd["b"][0, :, 0, 1])
    np.testing.assert_array_equal(coarse[4, 4], odd["b"][0, :, 1, 1])


def sklearn_scores(method, train, test):
    if method == "1-NN":
        return NearestNeighbors(n_neighbors=1).fit(train).kneighbors(test)[0][:, 0]
    model = OneClassSVM(nu=NU) if method == "OC-SVM" else IsolationForest(random_state=0)
    return -model.fit(train).score_samples(test)


@pytest.mark.parametrize("method", BASELINES)
def test_scores_are_those_of_scikit_learn(method):
    """With all 320 patches, so that nothing is drawn."""
    prediction = PatchBaseline(method, LAYERS, sigma=1.0).fit(TRAIN).predict(TEST)
    patches = joined(TRAIN)
    mean, deviation = patches.mean(0), patches.std(0)
    scores = sklearn_scores(method, (patches - mean) / deviation, (joined(TEST) - mean) / deviation)
    expected = maps.smooth(maps.resize(scores.reshape(2, 8, 8), (32, 32)), 1.0)
    np.testing.assert_allclose(prediction.anomaly_map, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(prediction.score, prediction.anomaly_map.max((1, 2)))


def test_patches_are_drawn_from_the_seed():
    def drawn(seed):
        fitted = PatchBaseline("1-NN", LAYERS, patches=20, seed=seed).fit(TRAIN)
        return fitted.predict(TEST).anomaly_map

    np.testing.assert_array_equal(drawn(0), drawn(0))
    assert not np.array_equal(drawn(0), drawn(1))
    # Fewer patches are farther
    whole = PatchBaseline("1-NN", LAYERS).fit(TRAIN).predict(TEST).anomaly_map
    assert (drawn(0) > 0.9 * whole).all()
    assert drawn(0).mean() > 1.2 * whole.mean()


def test_a_channel_that_never_changes_is_no_division_by_zero():
    flat = features(3)
    flat["a"][:, 0] = 7
    prediction = PatchBaseline("1-NN", LAYERS).fit(flat).predict(TEST)
    assert np.isfinite(prediction.anomaly_map).all()


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"method must be one of .*1-NN.*K-Means"):
        PatchBaseline("K-Means")
    with pytest.raises(ValueError, match="patches must be 2 or more"):
        PatchBaseline(patches=1)
    with pytest.raises(ValueError, match="must be fitted before"):
        PatchBaseline(layers=LAYERS).predict(TEST)
    padded = in_boxes(features(2), np.array([[0, 0, 32, 20], [0, 0, 32, 32]]))
    with pytest.raises(ValueError, match="got letterboxed ones"):
        PatchBaseline(layers=LAYERS).fit(padded)
    with pytest.raises(ValueError, match="got letterboxed ones"):
        PatchBaseline(layers=LAYERS).fit(TRAIN).predict(padded)


def cells_of(table, method):
    return [cell for cell in table.cells if cell.method == method]


@pytest.mark.parametrize("setting", [None, tables.reduced()])
def test_table_3_has_them_and_says_that_they_are_ours(setting):
    table = tables.plan("spade", 3, setting)
    legend = repr(tables.compare(table, []))
    for method in ("1-NN", "OC-SVM"):
        cells = cells_of(table, method)
        # Beside the printed values, where these are of other images
        assert all(cell.experiments for cell in cells if cell.data or setting is None)
        assert any(cell.experiments for cell in cells)
        ones = [one.detector for cell in cells for one in cell.experiments]
        assert {(one.method, one.layers, one.patches) for one in ones} == {
            (method, (4, 8, 16), 5000)
        }
        assert f"{method} is our definition: {BASELINES[method]}, of 5000 patches" in legend
    assert "Isolation forest" not in legend
    assert not any(cell.experiments for cell in cells_of(table, "CNN-Dict"))


def test_a_forest_stands_below_table_3_and_other_papers_baselines_are_others():
    table = tables.ablation("baselines", tables.reduced())
    assert {cell.method for cell in cells_of(table, "Isolation forest")} == {"Isolation forest"}
    assert set(tables.plan("spade", 3, tables.reduced()).experiments) < set(table.experiments)
    for paper, number, method in (("patchcore", "S1", "OC-SVM"), ("patchcore", 6, "1-NN")):
        cells = cells_of(tables.plan(paper, number), method)
        assert {cell.reason for cell in cells} == {"not implemented: as printed"}


def test_its_experiment_can_be_made_again_from_its_facts():
    experiment = Experiment("demo", "mesh", PatchBaseline("OC-SVM"), seed=2)
    again = Experiment.from_facts(experiment.facts())
    assert again == experiment
    assert again.detector.seed == 2
    assert "OC-SVM on patches" in repr(again)
