import numpy as np
import pytest

from adviz import DN2


def test_dn2_is_the_mean_squared_distance_to_the_k_nearest(train, test):
    prediction = DN2(images_score=3).fit(train).predict(test)
    bank, query = (features["layer4"].mean((2, 3)) for features in (train, test))
    full = ((query[:, None] - bank) ** 2).sum(2)
    np.testing.assert_allclose(prediction.score, np.sort(full, 1)[:, :3].mean(1), rtol=1e-5)
    found = prediction.neighbors["image"]
    np.testing.assert_array_equal(found.image[:, 0, 0], full.argsort(1)[:, :3])
    np.testing.assert_allclose(found.distance[:, 0, 0], np.sort(full, 1)[:, :3], rtol=1e-5)
    assert found.grid == (1, 1)
    assert not found.cell.any()
    assert prediction.anomaly_map is None


def test_shares_of_several_layers_add_up_to_the_score(train, test):
    prediction = DN2(layers=(8, 16, 32)).fit(train).predict(test)
    total = sum(share[:, 0, 0] for share in prediction.layer_maps.values())
    np.testing.assert_allclose(total, prediction.score, rtol=1e-5)
    alone = DN2(layers=(32,), images_score=12).fit(train).predict(test)
    all_layers = DN2(layers=(16, 32), images_score=12).fit(train).predict(test)  # with K = N the same images count
    np.testing.assert_allclose(all_layers.layer_maps["layer4"], alone.layer_maps["layer4"], rtol=1e-5)


def test_the_default_k_is_clipped_and_recorded_and_the_users_is_refused(train):
    few = train.select(images=[0, 1, 2])
    assert DN2().fit(train).k_used_ == 5
    assert DN2().fit(few).k_used_ == 3
    with pytest.raises(ValueError, match="images_score must be between 1 and the 3 that exist, got 4"):
        DN2(images_score=4).fit(few)
