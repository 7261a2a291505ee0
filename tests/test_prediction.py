import numpy as np
import pytest

import adviz
from adviz import Neighbors, Prediction, data, ensemble
from adviz._support import archive


def found(n=2, k=3):
    index = np.zeros((n, 4, 5, k), dtype=np.uint8)
    return Neighbors(np.zeros((n, 4, 5, k)), index, index, (4, 5))


def test_reprs_name_shapes():
    prediction = Prediction(
        np.zeros(2), np.zeros((2, 8, 9)), {"layer2": np.zeros((2, 4, 5))}, {"patch": found()}, "X"
    )
    assert repr(prediction) == (
        "Prediction(X, 2 images, maps 8x9, layer maps: layer2; "
        "patch: Neighbors(2 images, 4x5 locations, 3 each, by distance))"
    )
    assert "no map" in repr(Prediction(np.zeros(2)))
    assert "&lt;b&gt;" in Prediction(np.zeros(2), detector="<b>")._repr_html_()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": np.zeros((2, 1))}, r"score must have shape \(N,\)"),
        (
            {"score": np.array([1.0, np.nan])},
            "score must be finite, got NaN or infinity for 1 images, first number 1",
        ),
        ({"anomaly_map": np.zeros((3, 8, 8))}, r"anomaly_map must have shape \(2, height, width\)"),
        ({"layer_maps": {"a": np.zeros((2, 8))}}, r"a must have shape \(2, height, width\)"),
        (
            {"neighbors": {"patch": found(n=3)}},
            r"neighbors\['patch'\] must describe 2 images, got 3",
        ),
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
            scale * rng.random(6),
            scale * rng.random((6, 4, 4)) + 3,
            detector=name,
            backbone="lite",
            digest=name,
        )
        for scale, name in ((1, "A"), (1000, "B"))
    ]
    merged = ensemble(members)
    expected = np.mean(
        [(m.score - m.score.min()) / (m.score.max() - m.score.min()) for m in members], axis=0
    )
    np.testing.assert_allclose(merged.score, expected)
    low, high = ([edge(m.anomaly_map) for m in members] for edge in (np.min, np.max))
    maps = [(m.anomaly_map - a) / (b - a) for m, a, b in zip(members, low, high, strict=True)]
    np.testing.assert_allclose(merged.anomaly_map, np.mean(maps, axis=0))
    assert (merged.detector, merged.backbone, merged.digest) == ("A + B", "lite", "A + B")


def test_members_without_a_map_count_for_the_score_alone():
    scored, mapped = (
        Prediction(np.array([0.0, 2.0])),
        Prediction(np.array([3.0, 3.0]), np.arange(8.0).reshape(2, 2, 2)),
    )
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
    for other in (
        ["test/good/0.png", "test/hole/2.png"],
        ["test/hole/1.png", "test/good/0.png"],
        ["10.png", "11.png"],
    ):
        with pytest.raises(
            ValueError,
            match=r"expected a prediction of these images, got one of others: image [01] is",
        ):
            prediction.check_images(other)
    with pytest.raises(ValueError, match=r"ids must name 1 images, or none, got 2"):
        Prediction(np.zeros(1), ids=("a", "b"))


def test_an_ensemble_is_of_the_same_images():
    assert ensemble([named("0", "1"), named("a", "b"), Prediction(np.zeros(2))]).ids == ("a", "b")
    with pytest.raises(ValueError, match="got one of others: image 1 is 'c' here and was 'b'"):
        ensemble([named("a", "b"), named("a", "c")])


def full(seed=0, broadcast=True):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 9, (4, 1, 1, 3)).astype(np.int32)
    shape = (4, 30, 40, 3)
    distance = rng.normal(size=shape).astype(np.float32)
    distance[1] = np.nan  # not segmented
    wide = np.broadcast_to(image, shape) if broadcast else np.repeat(np.repeat(image, 30, 1), 40, 2)
    found = Neighbors(
        distance, wide, rng.integers(0, 99, shape).astype(np.int16), (30, 40), "retrieval"
    )
    maps = rng.normal(size=(4, 60, 80)).astype(np.float32)
    layers = {
        "layer1": maps[:, ::2, ::2].astype(np.float16),
        "a.b": maps[:, :3, :3].astype(np.float64),
    }
    return Prediction(
        rng.normal(size=4),
        maps,
        layers,
        {"patch": found},
        "SPADE",
        "lite",
        "01",
        np.array([1, 0, 1, 1], bool),
    )


def assert_same(found, expected):
    for name in ("score", "anomaly_map", "segmented"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert list(found.layer_maps) == list(expected.layer_maps)
    for name, values in expected.layer_maps.items():
        assert found.layer_maps[name].dtype == values.dtype
        np.testing.assert_array_equal(found.layer_maps[name], values)
    for name, there in expected.neighbors.items():
        here = found.neighbors[name]
        assert (here.grid, here.order) == (there.grid, there.order)
        for part in ("distance", "image", "location"):
            assert getattr(here, part).dtype == getattr(there, part).dtype
            np.testing.assert_array_equal(getattr(here, part), getattr(there, part))
    assert repr(found) == repr(expected)


def test_a_saved_prediction_is_loaded(tmp_path):
    for number, prediction in enumerate((full(), Prediction(np.zeros(2)), Prediction(np.zeros(0)))):
        digest = prediction.save(tmp_path / str(number))
        found = Prediction.load(tmp_path / str(number), digest=digest)
        assert_same(found, prediction)
        assert_same(adviz.load(tmp_path / str(number)), prediction)


def test_a_prediction_saved_under_a_fields_old_name_is_loaded(tmp_path):
    content = archive.parts(full())
    neighbors = content["neighbors"]["patch"]
    neighbors["cell"] = neighbors.pop("location")
    archive.write(tmp_path / "file", "Prediction", content)
    assert_same(Prediction.load(tmp_path / "file"), full())
    neighbors["location"] = neighbors["cell"]
    archive.write(tmp_path / "odd", "Prediction", content)
    with pytest.raises(ValueError, match="its parts do not fit"):
        Prediction.load(tmp_path / "odd")


def test_a_broadcast_gallery_takes_no_room(tmp_path):
    full().save(tmp_path / "view")
    full(broadcast=False).save(tmp_path / "whole")
    sizes = [(tmp_path / name).stat().st_size for name in ("view", "whole")]
    assert sizes[1] - sizes[0] > 4 * 30 * 40 * 3 * 4 - 200  # all of `image` but (4, 1, 1, 3)
    assert_same(Prediction.load(tmp_path / "view"), full())


@pytest.mark.parametrize(
    "change",
    [
        {"score": np.array([0, 0, 0, np.nan])},
        {"score": np.zeros(3)},
        {"score": None},
        {"anomaly_map": np.zeros((4, 5))},
        {"layer_maps": {"a": "text"}},
        {"neighbors": {"patch": {"distance": np.zeros((4, 1, 1, 1))}}},
        {"neighbors": [1]},
        {"detector": 3},
        {"more": 1},
    ],
    ids=str,
)
def test_a_file_whose_arrays_do_not_fit_is_refused(tmp_path, change):
    archive.write(tmp_path / "file", "Prediction", {**archive.parts(full()), **change})
    with pytest.raises(
        ValueError, match=r"expected a saved Prediction in .*, but its parts do not fit"
    ):
        Prediction.load(tmp_path / "file")


def test_a_table_has_a_row_for_every_image():
    maps = np.zeros((2, 4, 4))
    maps[1, 2, 3] = 5
    prediction = Prediction([0.5, 2.0], maps, ids=("a.png", "b.png"), segmented=[True, False])
    frame = prediction.to_frame()
    assert frame.to_dict("list") == {
        "id": ["a.png", "b.png"],
        "score": [0.5, 2.0],
        "map_max": [0.0, 5.0],
        "segmented": [True, False],
    }
    split = data.Split(["a.png", "b.png"], [0, 1], [None] * 2, ["good", "dent"])
    frame = prediction.to_frame(split)
    assert frame["label"].tolist() == [0, 1]
    assert frame["defect"].tolist() == ["good", "dent"]
    assert list(Prediction([0.5]).to_frame()) == ["id", "score"]


def test_a_table_of_other_images_is_refused():
    prediction = Prediction([0.5, 2.0], ids=("a.png", "b.png"))
    split = data.Split(["a.png", "c.png"], [0, 1], [None] * 2, ["good", "dent"])
    with pytest.raises(ValueError, match=r"image 1 is 'c.png' here and was 'b.png'"):
        prediction.to_frame(split)
    with pytest.raises(ValueError, match="the split of these 2 images, got one of 1"):
        prediction.to_frame(split.subset([0]))
    with pytest.raises(TypeError, match="expected the Split of the images, got a list"):
        prediction.to_frame([0, 1])
