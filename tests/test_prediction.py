import numpy as np
import pytest

from adviz import Neighbors, Prediction


def found(n=2, k=3):
    index = np.zeros((n, 4, 5, k), dtype=np.uint8)
    return Neighbors(np.zeros((n, 4, 5, k)), index, index, (4, 5))


def test_reprs_name_shapes():
    prediction = Prediction(np.zeros(2), np.zeros((2, 8, 9)), {"layer2": np.zeros((2, 4, 5))}, {"patch": found()}, "X")
    assert repr(prediction) == (
        "Prediction(X, 2 images, maps 8x9, layer maps: layer2; "
        "patch: Neighbors(2 images, 4x5 cells, 3 each, by distance))"
    )
    assert "no map" in repr(Prediction(np.zeros(2)))
    assert "&lt;b&gt;" in Prediction(np.zeros(2), detector="<b>")._repr_html_()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": np.zeros((2, 1))}, r"score must have shape \(N,\)"),
        ({"score": np.array([1.0, np.nan])}, "score must be finite, got NaN or infinity for 1 images, first number 1"),
        ({"anomaly_map": np.zeros((3, 8, 8))}, r"anomaly_map must have shape \(2, height, width\)"),
        ({"layer_maps": {"a": np.zeros((2, 8))}}, r"a must have shape \(2, height, width\)"),
        ({"neighbors": {"patch": found(n=3)}}, r"neighbors\['patch'\] must describe 2 images, got 3"),
    ],
)
def test_shapes_are_checked_once_here(change, message):
    with pytest.raises(ValueError, match=message):
        Prediction(**{"score": np.zeros(2), **change})


def test_neighbors_check_shapes_types_and_order():
    index = np.zeros((1, 2, 2, 1), dtype=int)
    with pytest.raises(ValueError, match="one shape"):
        Neighbors(np.zeros((1, 2, 2, 2)), index, index)
    with pytest.raises(TypeError, match="image must hold integers, got dtype float64"):
        Neighbors(np.zeros(index.shape), index.astype(float), index)
    with pytest.raises(ValueError, match="order must be"):
        Neighbors(np.zeros(index.shape), index, index, order="random")  # type: ignore[arg-type]
