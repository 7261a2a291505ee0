"""Reverse and conventional distillation against plain functions of their weights: forward pass,
maps, training.
"""

from functools import partial

import numpy as np
import plain_distillation as plain
import pytest
import torch
from random_features import make_features

from adviz import ConventionalDistillation, ReverseDistillation
from adviz.detectors.distillation.forward_networks import ForwardStudent
from adviz.detectors.distillation.reverse_networks import build, plan_for, seeded

TAUGHT = ("layer1", "layer2", "layer3")
SHORT = {"epochs": 2, "student": "small"}
PUBLISHED = {
    "resnet18.tv_in1k": {"kind": "basic", "depths": (2, 2, 2), "code_depth": 2},
    "wide_resnet50_2 (bfloat16)": {"kind": "bottleneck", "depths": (3, 4, 6), "code_depth": 3},
}


@pytest.fixture(autouse=True)
def one_thread():
    """Networks this small are slower on two threads, much so on busy cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def train():
    return make_features(6, seed=30, pattern=4, pixels=True, size=64)


@pytest.fixture(scope="module")
def test():
    return make_features(3, seed=31, defect=1, pattern=4, pixels=True, size=64)


def doubles(features, names):
    return [torch.from_numpy(features[name].astype(np.float64)) for name in names]


REVERSE = {
    "official": ({}, {}),
    "paper": ({"loss": "position", "mff_projection": True}, {"projection": True}),
    "oce": ({"bottleneck": "oce"}, {"embedding": "oce"}),
    "pre": ({"bottleneck": "pre"}, {"embedding": "pre"}),
    "skip": ({"skip": True}, {"skip": True}),
    "mirrored": ({"student": "mirrored"}, {"depths": (2, 2, 2), "code_depth": 2}),
    "half as wide, product, sum": ({"width": 0.5, "map": "product", "image_score": "sum"}, {}),
    "mirrored border": ({"border": "mirror"}, {}),
    "product, mirrored border": ({"map": "product", "border": "mirror"}, {}),
}


def assert_same(found, expected):
    # float32 convolutions of a few hundred products, and cosines that cancel; the rest of a map is
    # computed in float64
    for name, layer_map in expected.layer_maps.items():
        np.testing.assert_allclose(found.layer_maps[name], layer_map, atol=1e-5)
    scale = expected.anomaly_map.max()
    np.testing.assert_allclose(found.anomaly_map, expected.anomaly_map, rtol=0, atol=3e-5 * scale)
    np.testing.assert_allclose(found.score, expected.score, rtol=3e-5)


@pytest.mark.parametrize(("ours", "plainly"), REVERSE.values(), ids=REVERSE)
def test_reverse_distillation_predicts_what_its_restatement_does(train, test, ours, plainly):
    detector = ReverseDistillation(**{**SHORT, **ours}).fit(train)
    weights = {name: value.double() for name, value in detector.network_.state_dict().items()}
    names = (*TAUGHT, "layer4") if "pre" in plainly.values() else TAUGHT
    teacher = doubles(test, names)
    layers = plain.reverse(weights, teacher, **plainly)
    student = {name: layer.numpy() for name, layer in zip(TAUGHT, layers, strict=True)}
    for name, layer in detector.rebuild(test).items():
        np.testing.assert_allclose(layer, student[name], rtol=0, atol=1e-4)  # of values of about 5
    how = {"product": ours.get("map") == "product", "score": ours.get("image_score", "max")}
    how["border"] = ours.get("border", "reflect")
    assert_same(detector.predict(test), plain.judged(test, student, (64, 64), **how))


@pytest.mark.parametrize("ours", [{}, {"student": "mirrored", "loss": "position"}], ids=str)
def test_conventional_distillation_predicts_what_its_restatement_does(train, test, ours):
    detector = ConventionalDistillation(**{**SHORT, **ours}).fit(train)
    weights = {name: value.double() for name, value in detector.network_.state_dict().items()}
    depths = (2, 2, 2) if "student" in ours else (1, 1, 1)
    layers = plain.forward(weights, doubles(test, ["image"])[0], halvings=2, depths=depths)
    student = {name: layer.numpy() for name, layer in zip(TAUGHT, layers, strict=True)}
    assert_same(detector.predict(test), plain.judged(test, student, (64, 64)))


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_students_of_published_teachers_are_those_of_the_restatement(name, training):
    """In float64, with the batch's statistics and with the stored ones."""
    blocks = PUBLISHED[name]
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 8, 16, 16), (2, 16, 8, 8), (2, 32, 4, 4)]
    teacher = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    image = torch.randn((2, 3, 32, 32), generator=generator, dtype=torch.float64)
    plan = plan_for(name, (8, 16, 32), mff_projection=True, skip=True, signed=(1,))
    network = build(plan, seed=0).double().train(training)
    student = seeded(lambda: ForwardStudent(plan, halvings=1), 0).double().train(training)
    weights = [
        {name: value.clone() for name, value in one.state_dict().items()}
        for one in (network, student)
    ]
    expected = [
        *plain.reverse(
            weights[0], teacher, **blocks, training=training, projection=True, skip=True
        ),
        *plain.forward(
            weights[1],
            image,
            halvings=1,
            kind=blocks["kind"],
            depths=blocks["depths"],
            training=training,
        ),
    ]
    found = [*network(teacher), *student([*teacher, image])]
    for ours, theirs in zip(found, expected, strict=True):
        # Float64, other order of sums
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


TRAININGS = {
    "official": ({}, {}, {}),
    "paper": (
        {"loss": "position", "mff_projection": True},
        {"mff_projection": True},
        {"projection": True},
    ),
    "other betas and rate": ({"betas": (0.9, 0.99), "learning_rate": 0.001}, {}, {}),
}


def assert_one_step(before, detector, expected, gradient, rate):
    """Compare weights after one step, but where a gradient is so small that its rounding decides
    the sign.
    """
    now = detector.network_.state_dict()
    for name, g in gradient.items():
        moved = now[name].double() - before[name].double()
        wanted = expected[name] - before[name].double()
        # Adam's first step is the rate times the gradient's sign; float32 knows a weight to 6e-8 of
        # it
        clear = g.abs() > 1e-3 * g.abs().max()
        if g.abs().max() < 1e-7:
            continue
        torch.testing.assert_close(
            moved[clear], wanted[clear], rtol=0, atol=1e-2 * rate, msg=lambda m, n=name: n + m
        )
        assert clear.double().mean() > 0.5, name


@pytest.mark.parametrize(("ours", "planned", "plainly"), TRAININGS.values(), ids=TRAININGS)
def test_reverse_distillation_learns_as_its_restatement_does(train, ours, planned, plainly):
    """One step on all images, and the losses of three."""
    options = {"student": "small", "batch": 6, **ours}
    before = build(
        plan_for("", (4, 6, 10), student="small", signed=(0, 1, 2), **planned), seed=0
    ).state_dict()
    kind, rate = options.get("loss", "flat"), options.get("learning_rate", 0.005)
    network, teacher = partial(plain.reverse, **plainly), doubles(train, TAUGHT)
    how = {"rate": rate, "betas": options.get("betas", (0.5, 0.999))}
    expected, _, gradient = plain.trained(network, before, teacher, kind, 1, **how)
    assert_one_step(
        before, ReverseDistillation(epochs=1, **options).fit(train), expected, gradient, rate
    )
    losses = plain.trained(network, before, teacher, kind, 4, **how)[1]
    found = ReverseDistillation(epochs=4, **options).fit(train).losses_
    np.testing.assert_allclose(found[0], losses[0], rtol=1e-5)
    np.testing.assert_allclose(found, losses, rtol=2e-3)  # signs of tiny gradients, see above


def test_conventional_distillation_learns_as_its_restatement_does(train):
    plan = plan_for("", (4, 6, 10), student="small", signed=(0, 1, 2))
    before = seeded(lambda: ForwardStudent(plan, 2), 0).state_dict()

    def network(weights, teacher, training):
        return plain.forward(weights, teacher[-1], halvings=2, training=training)

    teacher = doubles(train, (*TAUGHT, "image"))
    expected, _, gradient = plain.trained(network, before, teacher, "flat", 1, taught=3)
    options = {"student": "small", "batch": 6}
    assert_one_step(
        before, ConventionalDistillation(epochs=1, **options).fit(train), expected, gradient, 0.005
    )
    losses = plain.trained(network, before, teacher, "flat", 4, taught=3)[1]
    np.testing.assert_allclose(
        ConventionalDistillation(epochs=4, **options).fit(train).losses_, losses, rtol=2e-3
    )


@pytest.mark.parametrize("kind", ["flat", "position"])
def test_stored_statistics_are_the_running_ones_of_the_batch(train, kind):
    """After one step: a tenth of the first batch's mean and unbiased variance, from 0 and 1
    (PyTorch's momentum).
    """
    before = build(plan_for("", (4, 6, 10), student="small", signed=(0, 1, 2)), seed=0).state_dict()
    weight = before["bottleneck.ways.0.0.weight"].double()
    x = torch.nn.functional.conv2d(doubles(train, ["layer1"])[0], weight, stride=2, padding=1)
    now = (
        ReverseDistillation(epochs=1, student="small", batch=6, loss=kind)
        .fit(train)
        .network_.state_dict()
    )
    for name, expected in (
        ("mean", 0.1 * x.mean((0, 2, 3))),
        ("var", 0.9 + 0.1 * x.var((0, 2, 3))),
    ):
        np.testing.assert_allclose(
            now[f"bottleneck.ways.0.1.running_{name}"], expected, rtol=1e-4, atol=1e-5
        )
