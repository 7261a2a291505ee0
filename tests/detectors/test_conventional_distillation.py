"""Conventional distillation against a restatement of its student in the plainest form."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from random_features import make_features
from torch import nn

from adviz import ConventionalDistillation, Features
from adviz.detectors.distillation.forward_networks import ForwardStudent
from adviz.detectors.distillation.reverse_networks import Distillation, Halving, plan_for, seeded
from adviz.detectors.distillation.training import Training

SHORT = {"epochs": 3, "student": "small"}


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small are slower on two threads, much so on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def train():
    return make_features(12, seed=0, pattern=4, pixels=True)


@pytest.fixture
def test():
    return make_features(5, seed=1, defect=3, pattern=4, pixels=True)


# ---- the student, restated

# Name -> channels at strides 4, 8, 16; inner channels of a block over its output; blocks a stage
TEACHERS = {
    "resnet18": ((64, 128, 256), 1, (2, 2, 2)),
    "wide_resnet50_2": ((256, 512, 1024), 1 / 2, (3, 4, 6)),
    "efficientnet_lite0": ((24, 40, 112), 1, (2, 2, 2)),
}


def count_block(inputs, outputs, inner, changes):
    """Count a residual block's numbers: convolutions without bias, two a normalised channel."""
    if inner == outputs:  # basic: 3x3, 3x3
        total = 9 * inputs * inner + 9 * inner * outputs + 2 * (inner + outputs)
    else:  # 1x1, 3x3, 1x1
        total = inputs * inner + 9 * inner * inner + inner * outputs + 2 * (2 * inner + outputs)
    return total + (inputs * outputs + 2 * outputs if changes else 0)


def count_all(channels, share, depths):
    half, finest = channels[0] // 2, channels[0]  # the stem goes to stride 4 in two steps
    total = 3 * half * 9 + 2 * half + half * finest * 9 + 2 * finest
    before = finest
    for number, (out, depth) in enumerate(zip(channels, depths, strict=True)):
        total += count_block(before, out, int(out * share), changes=number > 0)
        total += (depth - 1) * count_block(out, out, int(out * share), changes=False)
        before = out
    return total


@pytest.mark.parametrize("size", [64, 128])
@pytest.mark.parametrize("name", TEACHERS)
def test_the_student_has_the_teachers_shapes_and_the_expected_count(name, size):
    channels, share, depths = TEACHERS[name]
    with torch.device("meta"):
        network = ForwardStudent(plan_for(name, channels), halvings=2)
        found = network([torch.empty(2, 3, size, size)])
    assert [tuple(layer.shape) for layer in found] == [
        (2, c, size // stride, size // stride)
        for c, stride in zip(channels, (4, 8, 16), strict=True)
    ]
    assert sum(values.numel() for values in network.parameters()) == count_all(
        channels, share, depths
    )


def test_few_channels_are_halved_without_onednns_strided_convolution():
    """Its backward pass writes past its memory below 16 input channels, which shows much later, if
    at all.
    """
    networks = [
        ForwardStudent(plan_for("", (4, 6, 10)), 2),
        Distillation(plan_for("", (4, 6, 10), embedding="oce")),
    ]
    strided = [
        part
        for network in networks
        for part in network.modules()
        if isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1) and part.stride == (2, 2)
    ]
    assert len(strided) == 3
    assert all(type(part) is Halving for part in strided)
    layer, x = strided[0], torch.randn(2, 4, 8, 6)
    expected = F.conv2d(x, layer.weight, stride=2)
    torch.testing.assert_close(layer(x), expected)


# ---- training and maps


def test_one_step_changes_every_weight_of_the_student_and_nothing_else(train):
    copies = {name: array.copy() for name, array in train.items()}
    detector = ConventionalDistillation(epochs=1).fit(train)
    plan = plan_for("", (4, 6, 10), signed=(0, 1, 2))
    first = seeded(lambda: ForwardStudent(plan, halvings=2), 0)
    now = dict(detector.network_.named_parameters())
    assert list(now) == [name for name, _ in first.named_parameters()]
    for name, before in first.named_parameters():
        assert not torch.equal(before, now[name]), f"{name} is dead"
    assert detector.parameters_ == sum(before.numel() for before in first.parameters())
    for name, copy in copies.items():
        np.testing.assert_array_equal(train[name], copy)


@pytest.mark.parametrize(
    "options", [{}, {"loss": "position"}, {"precision": "bfloat16"}, {"schedule": "cosine"}]
)
def test_every_variant_learns(train, test, options):
    seen = []
    detector = ConventionalDistillation(epochs=12, student="small", **options).fit(
        train, watch=seen.append
    )
    np.testing.assert_array_equal(seen[-1], detector.losses_)
    assert detector.losses_[-1] < 0.7 * detector.losses_[0]
    assert detector.signed_ == ("layer1", "layer2", "layer3")
    assert np.isfinite(detector.predict(test).score).all()


def test_the_student_sees_the_image_and_not_the_teacher(train, test):
    """What reverse distillation's cannot: the student of an image does not change with the
    teacher's features.
    """
    detector = ConventionalDistillation(**SHORT).fit(train)
    student = detector.rebuild(test)
    zeros = Features(
        {n: a if n == "image" else np.zeros_like(a) for n, a in test.items()}, image_size=(64, 64)
    )
    blind = Features(
        {n: np.zeros_like(a) if n == "image" else a for n, a in test.items()}, image_size=(64, 64)
    )
    for name, layer in detector.rebuild(zeros).items():
        np.testing.assert_array_equal(layer, student[name])
        assert not np.allclose(detector.rebuild(blind)[name], student[name], atol=0.1)


def test_maps_are_one_minus_the_cosine_of_every_cell(train, test):
    detector = ConventionalDistillation(**SHORT, sigma=0, map_layers=("layer3",)).fit(train)
    found, student = detector.predict(test), detector.rebuild(test)
    assert list(found.layer_maps) == ["layer1", "layer2", "layer3"]
    for name, layer_map in found.layer_maps.items():
        a, b = test[name].astype(float), student[name].astype(float)
        expected = 1 - (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
        np.testing.assert_allclose(layer_map, expected, atol=1e-6)  # float32
    corners = found.anomaly_map[:, ::63, ::63]  # corners of maps are aligned
    np.testing.assert_allclose(corners, found.layer_maps["layer3"][:, ::3, ::3], rtol=1e-5)


def test_the_seed_decides(train):
    first, again, other = (
        ConventionalDistillation(**SHORT, seed=seed).fit(train) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.losses_, again.losses_)
    assert (first.losses_ != other.losses_).all()


def test_an_interruption_keeps_the_model_trained_so_far(train, test, monkeypatch):
    original, left = Training._step, iter(range(2))

    def step(self, wanted):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return original(self, wanted)

    monkeypatch.setattr(Training, "_step", step)
    with pytest.warns(UserWarning, match="interrupted: the student has learned for 2 of 3 epochs"):
        detector = ConventionalDistillation(**SHORT).fit(train)
    assert detector.epochs_ == 2
    assert np.isfinite(detector.predict(test).score).all()


# ---- bad input


def test_features_without_pixels_say_how_to_get_them(train):
    with pytest.raises(
        ValueError,
        match=r"layer 'image' in these features, got layer1 .*Backbone\(layers=\('image', ",
    ):
        ConventionalDistillation().fit(train.select(["layer1", "layer2", "layer3"]))
    detector = ConventionalDistillation(**SHORT).fit(train)
    with pytest.raises(
        ValueError, match=r"extract others with Backbone\(layers=\.\.\.\)\), got 'image'"
    ):
        detector.predict(train.select(["layer1", "layer2", "layer3"]))


def test_the_coarsest_grid_may_be_odd_as_no_code_is_made_of_it():
    rng = np.random.default_rng(0)
    shapes = {"layer1": (4, 10), "layer2": (6, 5), "image": (3, 40)}
    layers = {
        name: rng.normal(size=(4, c, side, side)).astype(np.float32)
        for name, (c, side) in shapes.items()
    }
    features = Features(layers, image_size=(40, 40))
    prediction = ConventionalDistillation(layers=(4, 8), **SHORT).fit(features).predict(features)
    assert prediction.layer_maps["layer2"].shape == (4, 5, 5)


def test_the_stems_channels_double_up_to_the_finest_layers():
    for finest, expected in ((8, [2, 4, 8]), (4, [1, 2, 4]), (2, [1, 1, 2])):
        stem = ForwardStudent(plan_for("", (finest,)), 3).stem
        assert [
            layer.out_channels for layer in stem if isinstance(layer, torch.nn.Conv2d)
        ] == expected


@pytest.mark.parametrize("side", [(10, 15), (10, 10), (15, 15), (15, 10)])
def test_both_sides_must_halve_alike(side):
    rng = np.random.default_rng(0)
    shapes = {"layer1": (4, *side), "image": (3, 40, 60)}
    layers = {
        name: rng.normal(size=(4, *shape)).astype(np.float32) for name, shape in shapes.items()
    }
    features = Features(layers, image_size=(40, 60), strides={"layer1": 4, "image": 1})
    detector = ConventionalDistillation(layers=("layer1",), **SHORT)
    if side == (10, 15):
        assert detector.fit(features).predict(features).layer_maps["layer1"].shape == (4, 10, 15)
    else:
        with pytest.raises(ValueError, match="whose grid is the image's, halved some times"):
            detector.fit(features)


def test_grids_must_halve_from_the_image_down(train):
    with pytest.raises(ValueError, match="grids halve from one to the next"):
        ConventionalDistillation(**SHORT, layers=(4, 16)).fit(train)
    wide = Features({**train, "image": train["image"][:, :, :, :48]}, image_size=(64, 48))
    with pytest.raises(
        ValueError,
        match=r"is the image's, halved some times, got \(16, 16\) for an image of \(64, 48\)",
    ):
        ConventionalDistillation(**SHORT).fit(wide)
    with pytest.raises(
        ValueError,
        match=r"images of the training size \(64, 64\), got \(128, 128\); resize them alike",
    ):
        ConventionalDistillation(**SHORT).fit(train).predict(
            make_features(1, size=128, pixels=True)
        )


def test_nothing_is_fitted_after_an_error(train, test):
    detector = ConventionalDistillation(epochs=9, student="small", learning_rate=1e38)
    with pytest.raises(ValueError, match=r"got nan in epoch \d of 9 at learning rate 1e\+38"):
        detector.fit(train)
    with pytest.raises(ValueError, match="must be fitted before it predicts"):
        detector.predict(test)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse"}, r"loss must be one of \('flat', 'position'\), got 'mse'"),
        ({"student": "tiny"}, "student must be one of"),
        ({"batch": 1}, "2 images a batch .*batch=1"),
        ({"width": 0}, "learning_rate and width must be above 0"),
        (
            {"map_layers": (32,)},
            r"map_layers among the student's \(layer1 \(stride 4\), .*each once, got \(32,\)",
        ),
        ({"batch": 13}, "batch must be between 1 and the 12 that exist, got 13"),
    ],
)
def test_bad_options_are_refused(train, options, message):
    with pytest.raises(ValueError, match=message):
        ConventionalDistillation(**options).fit(train)
