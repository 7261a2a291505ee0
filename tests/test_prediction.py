import numpy as np
import pytest

from adviz import Neighbors, Prediction, ensemble


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


def test_an_ensemble_is_the_mean_of_what_was_brought_to_0_to_1_over_the_test_set():
    rng = np.random.default_rng(0)
    members = [
        Prediction(
            scale * rng.random(6), scale * rng.random((6, 4, 4)) + 3, detector=name, backbone="lite", digest=name
        )
        for scale, name in ((1, "A"), (1000, "B"))
    ]
    merged = ensemble(members)
    expected = np.mean([(m.score - m.score.min()) / (m.score.max() - m.score.min()) for m in members], axis=0)
    np.testing.assert_allclose(merged.score, expected)
    low, high = ([edge(m.anomaly_map) for m in members] for edge in (np.min, np.max))
    maps = [(m.anomaly_map - a) / (b - a) for m, a, b in zip(members, low, high, strict=True)]
    np.testing.assert_allclose(merged.anomaly_map, np.mean(maps, axis=0))
    assert (merged.detector, merged.backbone, merged.digest) == ("A + B", "lite", "A + B")


def test_members_without_a_map_count_for_the_score_alone():
    scored, mapped = Prediction(np.array([0.0, 2.0])), Prediction(np.array([3.0, 3.0]), np.arange(8.0).reshape(2, 2, 2))
    merged = ensemble([scored, mapped])
    np.testing.assert_array_equal(merged.score, [0, 0.5])  # equal scores tell nothing
    np.testing.assert_allclose(merged.anomaly_map, np.arange(8.0).reshape(2, 2, 2) / 7)
    assert ensemble([scored]).anomaly_map is None


def test_an_ensemble_of_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"all of the same images, got \[\] images"):
        ensemble([])
    with pytest.raises(ValueError, match=r"got \[2, 3\] images"):
        ensemble([Prediction(np.zeros(2)), Prediction(np.zeros(3))])
    with pytest.raises(ValueError, match=r"maps of one size, got \[\(2, 2\), \(3, 3\)\]"):
        ensemble([Prediction(np.zeros(1), np.zeros((1, side, side))) for side in (2, 3)])


def named(*ids):
    return Prediction(np.arange(float(len(ids))), ids=ids)


def test_images_are_told_by_their_names_as_far_as_these_are_known():
    prediction = named("test/good/0.png", "test/hole/1.png")
    for same in (
        ["test/good/0.png", "test/hole/1.png"],
        ["/data/nut/test/good/0.png", "/data/nut/test/hole/1.png"],
        [r"C:\nut\test\good\0.png", r"C:\nut\test\hole\1.png"],
        ["0.png", "hole/1.png"],
        ["0", "1"],  # of arrays, whose names tell nothing
        [],
    ):
        prediction.check_images(same)
    named("0", "1").check_images(["a.png", "b.png"])
    named("/data/nut/0.png").check_images(["nut/0.png"])
    for other in (["test/good/0.png", "test/hole/2.png"], ["test/hole/1.png", "test/good/0.png"], ["10.png", "11.png"]):
        with pytest.raises(
            ValueError, match=r"expected a prediction of these images, got one of others: image [01] is"
        ):
            prediction.check_images(other)
    with pytest.raises(ValueError, match=r"ids must name 1 images, or none, got 2"):
        Prediction(np.zeros(1), ids=("a", "b"))


def test_an_ensemble_is_of_the_same_images():
    assert ensemble([named("0", "1"), named("a", "b"), Prediction(np.zeros(2))]).ids == ("a", "b")
    with pytest.raises(ValueError, match="got one of others: image 1 is 'c' here and was 'b'"):
        ensemble([named("a", "b"), named("a", "c")])
