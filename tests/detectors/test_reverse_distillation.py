"""Reverse distillation against plain restatements of its networks, losses and maps."""

import json
import zlib
from types import SimpleNamespace

import numpy as np
import plain_distillation
import pytest
import torch
import torchvision
from random_features import make_features
from safetensors.torch import load_file, save_file
from scipy.ndimage import gaussian_filter

from adviz import Features, ReverseDistillation
from adviz.detectors.distillation import training as training_module
from adviz.detectors.distillation.reverse_networks import (
    PUBLISHED,
    Distillation,
    Residual,
    build,
    distance,
    plan_for,
)
from adviz.detectors.distillation.training import Training, batches, fingerprint, stalled
from adviz.detectors.presets import AtMost

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
    return make_features(12, seed=0, pattern=4)


@pytest.fixture
def test():
    return make_features(5, seed=1, defect=3, pattern=4)


def weights(detector):
    return {name: value.clone() for name, value in detector.network_.state_dict().items()}


def assert_same(one, other):
    """Assert that two fitted detectors hold the same bits."""
    np.testing.assert_array_equal(one.losses_, other.losses_)
    mine, theirs = weights(one), weights(other)
    assert list(mine) == list(theirs)
    for name in mine:
        assert torch.equal(mine[name], theirs[name]), name


# ---- networks: what the paper and its code build, restated

# Name -> channels at strides 4, 8, 16; inner channels of a block over its output; blocks from the
# deepest
TEACHERS = {
    "resnet18.tv_in1k": ((64, 128, 256), 1, (2, 2, 2), 2),
    "resnet50": ((256, 512, 1024), 1 / 4, (3, 4, 6), 3),
    "wide_resnet50_2.tv_in1k (bfloat16)": ((256, 512, 1024), 1 / 2, (3, 4, 6), 3),
}


def count_block(inputs, outputs, inner, first):
    """Count a residual block's numbers; `first`: area of the kernel that changes the grid, 0 where
    none does.
    """
    total = 0
    if inner == outputs:  # basic
        total += (
            inputs * inner * (first if first == 4 else 9)
            + inner * outputs * 9
            + 2 * (inner + outputs)
        )
    else:
        total += inputs * inner + inner * inner * (first if first == 4 else 9) + inner * outputs
        total += 2 * (inner + inner + outputs)
    if first:
        total += inputs * outputs * (first if first == 4 else 1) + 2 * outputs
    return total


def count_bottleneck(channels, share, code_depth, projection):
    a, b, c = channels
    fusion = a * b * 9 + 2 * b + 2 * (b * c * 9 + 2 * c)
    fused = 3 * c
    total = fusion + (fused * fused + 2 * fused if projection else 0)
    code = 2 * c
    total += count_block(fused, code, int(code * share), 9)
    total += (code_depth - 1) * count_block(code, code, int(code * share), 0)
    return total


def count_all(channels, share, depths, code_depth, projection, code_share=None):
    a, b, c = channels
    total = count_bottleneck(channels, code_share or share, code_depth, projection)
    before = 2 * c
    for out, depth in zip((c, b, a), depths, strict=True):
        total += count_block(before, out, int(out * share), 4)
        total += (depth - 1) * count_block(out, out, int(out * share), 0)
        before = out
    return total


@pytest.mark.parametrize(("size", "projection"), [(128, True), (256, False)])
@pytest.mark.parametrize("name", TEACHERS)
def test_published_teachers_have_the_published_shapes_and_counts(name, projection, size):
    channels, share, depths, code_depth = TEACHERS[name]
    with torch.device("meta"):
        network = Distillation(plan_for(name, channels, mff_projection=projection))
        grids = [size // stride for stride in (4, 8, 16)]
        teacher = [torch.empty(1, c, g, g) for c, g in zip(channels, grids, strict=True)]
        code = network.bottleneck(teacher)
        found = network(teacher)
    assert code.shape == (1, 2 * channels[-1], size // 32, size // 32)
    assert [layer.shape for layer in found] == [layer.shape for layer in teacher]
    expected = count_all(channels, share, depths, code_depth, projection)
    assert sum(values.numel() for values in network.parameters()) == expected


@pytest.mark.parametrize("name", TEACHERS)
def test_a_narrow_bottleneck_is_a_plain_resnets(name):
    """anomalib builds it without the teacher's width per group: WideResNet50 alone gets another
    one.
    """
    channels, share, depths, code_depth = TEACHERS[name]
    plain_share = min(share, 1 / 4) if name.startswith(("wide", "resnet50")) else share
    with torch.device("meta"):
        narrow, usual = (
            Distillation(plan_for(name, channels, narrow_bottleneck=n)) for n in (True, False)
        )
    assert numbers(narrow) == count_all(channels, share, depths, code_depth, False, plain_share)
    assert numbers(narrow.bottleneck) == count_bottleneck(channels, plain_share, code_depth, False)
    assert (numbers(narrow) == numbers(usual)) == (not name.startswith("wide"))
    assert numbers(narrow.student) == numbers(usual.student)


def test_the_narrow_bottleneck_of_wide_resnet50_has_30_8_million_numbers():
    """torchvision's own blocks, as anomalib stacks them, and the three convolutions that lead
    there.
    """
    with torch.device("meta"):
        kind = torchvision.models.resnet.Bottleneck
        shortcut = torch.nn.Sequential(
            torch.nn.Conv2d(3072, 2048, 1, 2, bias=False), torch.nn.BatchNorm2d(2048)
        )
        stages = {
            width: [
                kind(3072, 512, 2, shortcut, base_width=width),
                *[kind(2048, 512, base_width=width)] * 2,
            ]
            for width in (64, 128)
        }
        ways = [
            torch.nn.Conv2d(a, b, 3, bias=False) for a, b in ((256, 512), (512, 1024), (512, 1024))
        ]
        norms = [torch.nn.BatchNorm2d(count) for count in (512, 1024, 1024)]
    expected = {
        width: sum(map(numbers, [*blocks, *ways, *norms])) for width, blocks in stages.items()
    }
    channels = TEACHERS["wide_resnet50_2.tv_in1k (bfloat16)"][0]
    for width, narrow in ((64, True), (128, False)):
        with torch.device("meta"):
            found = Distillation(
                plan_for("wide_resnet50_2.tv_in1k", channels, narrow_bottleneck=narrow)
            ).bottleneck
        assert numbers(found) == expected[width]
    assert {width: round(count / 1e6, 1) for width, count in expected.items()} == {
        64: 30.8,
        128: 58.9,
    }


def numbers(network):
    return sum(values.numel() for values in network.parameters())


@pytest.mark.parametrize(
    ("channels", "kind", "depths"),
    [
        ((24, 40, 112), "basic", (2, 2, 2)),
        ((256, 512, 1024), "bottleneck", (3, 4, 6)),
        ((255, 512, 1024), "basic", (2, 2, 2)),
        ((40, 112), "basic", (2, 2)),
    ],
)
def test_other_backbones_get_blocks_by_their_channels(channels, kind, depths):
    plan = plan_for("efficientnet_lite0", channels)
    assert (plan.kind, plan.depths, plan.code) == (kind, depths, 2 * channels[-1])
    small = plan_for("", channels, student="small", width=0.5)
    assert (small.depths, small.code_depth, small.width) == ((1,) * len(channels), 1, 0.5)


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_student_has_as_many_blocks_as_torchvisions_teacher(name):
    with torch.device("meta"):
        teacher = getattr(torchvision.models, name)()
    blocks = [len(getattr(teacher, f"layer{number}")) for number in (1, 2, 3, 4)]
    kind = {"BasicBlock": "basic", "Bottleneck": "bottleneck"}[type(teacher.layer1[0]).__name__]
    plan = plan_for(f"{name}.tv_in1k", (64, 128, 256))
    assert (plan.kind, [*plan.depths, plan.code_depth]) == (kind, blocks)
    inner, last = (
        teacher.layer1[0].conv2,
        teacher.layer1[0].conv2 if kind == "basic" else teacher.layer1[0].conv3,
    )
    assert plan.width == inner.in_channels / last.out_channels * (1 if kind == "basic" else 4)


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
@pytest.mark.parametrize(
    ("outputs", "step", "side"), [(8, "same", 4), (12, "same", 4), (8, "down", 2), (8, "up", 8)]
)
def test_a_block_may_change_its_grid_its_channels_or_neither(kind, outputs, step, side):
    block = Residual(8, outputs, kind, step=step)
    assert block(torch.ones(2, 8, 4, 4)).shape == (2, outputs, side, side)
    assert isinstance(block.shortcut, torch.nn.Identity) == (outputs == 8 and step == "same")


def test_a_skip_adds_a_convolution_of_the_teachers_own_layer():
    plan = plan_for("", (4, 6, 10), skip=True, student="small")
    network = build(plan, 0).eval()
    generator = torch.Generator().manual_seed(0)
    teacher = [
        torch.randn(2, c, g, g, generator=generator)
        for c, g in zip((4, 6, 10), (16, 8, 4), strict=True)
    ]
    with torch.no_grad():
        leaking = network(teacher)[-1]
        added = network.student.skips[0](teacher[-1])
        network.student.skips[0].weight.zero_()
        torch.testing.assert_close(leaking, network(teacher)[-1] + added)


def test_the_teachers_name_chooses_the_blocks_and_two_images_are_enough(train):
    named = Features(
        {name: array[:2] for name, array in train.items()}, image_size=(64, 64), backbone="resnet50"
    )
    detector = ReverseDistillation(epochs=1).fit(named)
    expected = build(plan_for("resnet50", (4, 6, 10), signed=(0, 1, 2)), 0)
    assert detector.parameters_ == sum(values.numel() for values in expected.parameters())


@pytest.mark.parametrize("bottleneck", ["oce+mff", "oce", "pre"])
def test_the_codes_shape_is_that_of_what_the_student_is_fed(train, bottleneck):
    detector, fed = ReverseDistillation(**SHORT, bottleneck=bottleneck).fit(train), []
    detector.network_.student.register_forward_pre_hook(
        lambda _module, inputs: fed.append(tuple(inputs[0].shape[1:]))
    )
    detector.predict(train)
    assert detector.code_ == fed[0] == ((12, 2, 2) if bottleneck == "pre" else (20, 2, 2))
    assert all(isinstance(value, int) for value in detector.code_)


def test_a_signed_teacher_can_be_matched_and_a_rectified_one_needs_no_more(train):
    signed = ReverseDistillation(**SHORT).fit(train)
    assert signed.signed_ == ("layer1", "layer2", "layer3")
    assert signed.rebuild(train)["layer1"].min() < 0
    rectified = Features(
        {name: np.maximum(array, 0) for name, array in train.items()}, image_size=(64, 64)
    )
    plain = ReverseDistillation(**SHORT).fit(rectified)
    assert plain.signed_ == ()
    assert plain.rebuild(rectified)["layer1"].min() >= 0
    assert signed.parameters_ - plain.parameters_ == sum(c * c + c for c in (4, 6, 10))


# ---- losses and maps, in plain numpy


def cosine(a, b, axis):
    return (a * b).sum(axis) / np.sqrt((a * a).sum(axis) * (b * b).sum(axis))


def test_both_losses_match_their_definitions():
    rng = np.random.default_rng(0)
    shapes = [(3, 8, 6, 6), (3, 16, 3, 3)]
    teacher, student = ([rng.normal(size=shape) for shape in shapes] for _ in range(2))
    position = sum(
        (1 - cosine(t, s, 1)).mean((1, 2)).mean() for t, s in zip(teacher, student, strict=True)
    )
    flat = sum(
        np.mean([1 - cosine(t[i].ravel(), s[i].ravel(), 0) for i in range(3)])
        for t, s in zip(teacher, student, strict=True)
    )
    tensors = [[torch.from_numpy(array) for array in side] for side in (teacher, student)]
    assert float(distance(*tensors, "position")) == pytest.approx(position, rel=1e-12)
    assert float(distance(*tensors, "flat")) == pytest.approx(flat, rel=1e-12)


def enlarged(small, size):
    """Return one map at the images' size, bilinear with aligned corners."""
    rows, columns = (
        np.linspace(0, old - 1, new) for old, new in zip(small.shape, size, strict=True)
    )
    along = np.stack([np.interp(columns, np.arange(small.shape[1]), row) for row in small])
    return np.stack([np.interp(rows, np.arange(small.shape[0]), column) for column in along.T]).T


@pytest.mark.parametrize(("joining", "score"), [("sum", "max"), ("product", "sum")])
@pytest.mark.parametrize("chosen", [None, (8, "layer3")])
def test_maps_and_scores_match_their_definition(train, test, joining, score, chosen):
    detector = ReverseDistillation(**SHORT, map=joining, image_score=score, map_layers=chosen).fit(
        train
    )
    found, student = detector.predict(test), detector.rebuild(test)
    each = {
        name: 1 - cosine(test[name].astype(float), student[name].astype(float), 1)
        for name in student
    }
    for name, layer_map in found.layer_maps.items():
        assert layer_map.shape == test[name].shape[:1] + test[name].shape[2:]
        np.testing.assert_allclose(layer_map, each[name], atol=1e-6)  # float32
    names = ["layer1", "layer2", "layer3"] if chosen is None else ["layer2", "layer3"]
    large = [np.stack([enlarged(one, (64, 64)) for one in each[name]]) for name in names]
    joined = np.sum(large, axis=0) if joining == "sum" else np.prod(large, axis=0)
    expected = np.stack([gaussian_filter(one, 4, truncate=4) for one in joined])
    np.testing.assert_allclose(found.anomaly_map, expected, atol=1e-5)  # float32
    totals = expected.max((1, 2)) if score == "max" else expected.sum((1, 2))
    np.testing.assert_allclose(found.score, totals, rtol=1e-5)


def test_corners_are_aligned_on_request_only(train, test):
    aligned = ReverseDistillation(**SHORT, sigma=0).fit(train).predict(test)
    total = sum(layer_map[:, 0, 0] for layer_map in aligned.layer_maps.values())
    np.testing.assert_allclose(aligned.anomaly_map[:, 0, 0], total, rtol=1e-5)
    half = ReverseDistillation(**SHORT, sigma=0, align_corners=False).fit(train).predict(test)
    np.testing.assert_array_equal(half.layer_maps["layer3"], aligned.layer_maps["layer3"])
    assert not np.allclose(half.anomaly_map, aligned.anomaly_map, rtol=1e-3)


def test_norms_are_those_of_both_sides(train, test):
    detector = ReverseDistillation(**SHORT).fit(train)
    student = detector.rebuild(test)
    for name, (wanted, given) in detector.norms(test).items():
        np.testing.assert_allclose(wanted, np.linalg.norm(test[name], axis=1), rtol=1e-5)
        np.testing.assert_allclose(given, np.linalg.norm(student[name], axis=1), rtol=1e-5)


# ---- training

VARIANTS = {
    "official": {},
    "paper": {"loss": "position", "mff_projection": True},
    "oce": {"bottleneck": "oce"},
    "pre": {"bottleneck": "pre"},
    "skip": {"skip": True},
    "pre and skip": {"bottleneck": "pre", "skip": True},
    "mixed": {"precision": "bfloat16"},
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_one_step_changes_every_weight_of_bottleneck_and_student_and_nothing_else(train, options):
    copies = {name: array.copy() for name, array in train.items()}
    detector = ReverseDistillation(epochs=1, **options).fit(train)
    code = 12 if detector.bottleneck == "pre" else None
    names = {"bottleneck": "embedding", "mff_projection": "mff_projection", "skip": "skip"}
    planned = {names[name]: value for name, value in options.items() if name in names}
    first = build(plan_for("", (4, 6, 10), code=code, signed=(0, 1, 2), **planned), seed=0)
    now = dict(detector.network_.named_parameters())
    for name, before in first.named_parameters():
        assert not torch.equal(before, now[name]), f"{name} is dead"
    assert sum(before.numel() for before in first.parameters()) == detector.parameters_
    assert ({name.partition(".")[0] for name in now} == {"student"}) == (
        detector.bottleneck == "pre"
    )
    for name, copy in copies.items():
        np.testing.assert_array_equal(train[name], copy)


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_every_variant_learns(train, test, options):
    detector = ReverseDistillation(epochs=12, student="small", **options).fit(train)
    assert detector.losses_.shape == (12,)
    assert detector.losses_[-1] < 0.7 * detector.losses_[0]
    assert np.isfinite(detector.predict(test).score).all()


def test_the_losses_can_be_watched_while_the_training_goes_on(train, tmp_path):
    seen = []
    detector = ReverseDistillation(**SHORT, checkpoint=tmp_path / "student").fit(
        train, watch=seen.append
    )
    assert [len(losses) for losses in seen] == [1, 2, 3]
    np.testing.assert_array_equal(seen[-1], detector.losses_)
    assert_same(detector, ReverseDistillation(**SHORT).fit(train))
    seen.clear()
    ReverseDistillation(epochs=4, student="small", checkpoint=tmp_path / "student").fit(
        train, watch=seen.append
    )
    assert [len(losses) for losses in seen] == [4]  # continued


def test_the_seed_decides_and_the_global_generators_are_left_alone(train):
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first = ReverseDistillation(**SHORT, batch=5).fit(train)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(8)
    assert_same(first, ReverseDistillation(**SHORT, batch=5).fit(train))
    other = ReverseDistillation(**SHORT, batch=5, seed=1).fit(train)
    assert (other.losses_ != first.losses_).all()


def test_an_epoch_sees_every_image_once_and_never_one_alone():
    parts = batches(13, 4, seed=0, epoch=0)
    assert [len(part) for part in parts] == [4, 4, 5]
    assert sorted(np.concatenate(parts)) == list(range(13))
    assert not np.array_equal(
        np.concatenate(parts), np.concatenate(batches(13, 4, seed=0, epoch=1))
    )
    assert [len(part) for part in batches(14, 4, seed=0, epoch=0)] == [4, 4, 4, 2]


def test_the_cosine_schedule_falls_from_the_rate_to_zero(train):
    training = ReverseDistillation(epochs=4, schedule="cosine").fit(train)._training()
    assert [training._rate(epoch) for epoch in (0, 2, 4)] == pytest.approx([0.005, 0.0025, 0])
    assert ReverseDistillation(epochs=4).fit(train)._training()._rate(3) == 0.005


@pytest.mark.parametrize("schedule", [None, "cosine"])
def test_steps_take_the_epochs_batches_at_the_schedules_rate(train, monkeypatch, schedule):
    given, rates, step = [], [], Training._step

    def look(self, wanted):
        given.append(wanted[0][:, 0, 0, 0].tolist())
        rates.append(self.optimiser.param_groups[0]["lr"])
        return step(self, wanted)

    monkeypatch.setattr(Training, "_step", look)
    ReverseDistillation(**SHORT, batch=5, seed=7, schedule=schedule).fit(train)
    order = [part for epoch in range(3) for part in batches(12, 5, seed=7, epoch=epoch)]
    assert given == [train["layer1"][part, 0, 0, 0].tolist() for part in order]
    share = np.arange(9) / 9 if schedule else np.zeros(9)  # three batches an epoch
    np.testing.assert_allclose(rates, 0.005 * (1 + np.cos(np.pi * share)) / 2, rtol=1e-12)


def test_a_fingerprint_is_the_checksum_of_all_values():
    arrays = [np.arange(6.0).reshape(2, 3), np.ones((2, 2), np.float32)[:, ::2]]
    assert fingerprint(arrays) == f"{zlib.crc32(b''.join(array.tobytes() for array in arrays)):08x}"


def test_pre_reads_the_next_stage_and_no_further_layer(train):
    detector = ReverseDistillation(layers=(4, 8), bottleneck="pre", **SHORT).fit(train)
    assert detector.layers_ == ("layer1", "layer2", "layer3")


def test_a_stalled_loss_stops_the_training(train):
    assert not stalled([1.0, 0.9, 0.8], 2)
    assert stalled([1.0, 0.8, 0.799, 0.9], 2)
    assert not stalled([1.0, 0.8, 0.799, 0.7], 2)
    assert not stalled([1.0, 1.0, 1.0], None)
    assert (stalled([1.0, 0.9901], 1), stalled([1.0, 0.9899], 1)) == (True, False)  # 1 % is a fall
    assert not stalled([1.0, 1.0], 2)  # nothing came before the last two
    detector = ReverseDistillation(epochs=50, student="small", patience=2, learning_rate=1e-9).fit(
        train
    )
    assert detector.epochs_ == 3


# ---- interruption and checkpoints


def interrupt_after(monkeypatch, steps):
    """Let Ctrl-C be pressed in the step after so many."""
    original, left = Training._step, iter(range(steps))

    def step(self, wanted):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return original(self, wanted)

    monkeypatch.setattr(Training, "_step", step)


def test_an_interruption_keeps_the_model_trained_so_far(train, test, monkeypatch):
    interrupt_after(monkeypatch, 2)
    with pytest.warns(UserWarning, match="interrupted: the student has learned for 2 of 3 epochs"):
        detector = ReverseDistillation(**SHORT).fit(train)
    monkeypatch.undo()
    assert detector.epochs_ == len(detector.losses_) == 2
    assert_same(detector, ReverseDistillation(epochs=2, student="small").fit(train))
    assert np.isfinite(detector.predict(test).score).all()


@pytest.mark.parametrize("schedule", [None, "cosine"])
def test_a_continued_training_equals_an_uninterrupted_one(
    train, test, tmp_path, monkeypatch, schedule
):
    monkeypatch.setattr(training_module, "WRITE_PAUSE", 0)
    options = {"epochs": 4, "student": "small", "schedule": schedule, "batch": 5}
    whole = ReverseDistillation(**options).fit(train)
    file = tmp_path / "deep" / "student.safetensors"
    interrupt_after(monkeypatch, 2 * 3 + 1)  # within the third epoch
    with pytest.warns(UserWarning, match="2 of 4 epochs"):
        ReverseDistillation(**options, checkpoint=file).fit(train)
    monkeypatch.undo()
    continued = ReverseDistillation(**options, checkpoint=file).fit(train)
    assert_same(continued, whole)
    assert [path.name for path in file.parent.iterdir()] == ["student.safetensors"]
    written = file.stat().st_mtime_ns, file.read_bytes()
    loaded = ReverseDistillation.load(file)
    assert_same(loaded, whole)
    assert loaded == whole
    np.testing.assert_array_equal(loaded.predict(test).score, whole.predict(test).score)
    assert_same(loaded.fit(train), whole)  # complete: nothing is trained any more
    assert file.read_bytes() == written[1]


def test_writing_checkpoints_takes_at_most_a_twentieth_of_the_time(train, tmp_path, monkeypatch):
    now, save, written = [100.0], training_module.archive.write, []

    def slow(*arguments):
        save(*arguments)
        now[0] += 2.0
        written.append(now[0])

    monkeypatch.setattr(training_module.archive, "write", slow)
    monkeypatch.setattr(training_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    training = ReverseDistillation(**SHORT).fit(train)._training()
    checkpoint = training_module.Checkpoint(tmp_path / "student.safetensors", {}, {})
    # Written from 100 to 102, so not again before 102 + 20 * 2
    for moment in (100.0, 110.0, 141.9, 142.0, 150.0):
        now[0] = max(now[0], moment)
        checkpoint.keep(training)
    assert written == [102.0, 144.0]


def test_a_loaded_student_fits_fewer_images_as_the_one_that_was_written_would(train, tmp_path):
    file = tmp_path / "student.safetensors"
    ReverseDistillation(**SHORT, checkpoint=file).fit(train)
    file.rename(tmp_path / "kept.safetensors")
    loaded = ReverseDistillation.load(tmp_path / "kept.safetensors", device="cpu")
    assert (loaded.batch, loaded.device, loaded.strides_) == (
        AtMost(16),
        "cpu",
        {"layer1": 4, "layer2": 8, "layer3": 16},
    )
    loaded.checkpoint = None
    assert loaded.fit(train.select(images=[0, 1, 2])).batch_ == 3


def test_more_epochs_continue_a_complete_training(train, tmp_path):
    file = tmp_path / "student.safetensors"
    ReverseDistillation(epochs=2, student="small", checkpoint=file).fit(train)
    longer = ReverseDistillation(epochs=4, student="small", checkpoint=file).fit(train)
    assert_same(longer, ReverseDistillation(epochs=4, student="small").fit(train))


def test_a_checkpoint_of_before_an_option_is_continued(train, tmp_path):
    """What came later is no part of its configuration at the default, and another value is another
    configuration.
    """
    file = tmp_path / "student.safetensors"
    ReverseDistillation(epochs=2, student="small", checkpoint=file).fit(train)
    header = training_module.read_header(file)
    assert not {"narrow_bottleneck", "border"} & {*header["configuration"], *header["options"]}
    ReverseDistillation(epochs=3, student="small", border="mirror", checkpoint=file).fit(train)
    with pytest.raises(
        ValueError, match=r"checkpoint of this configuration in .*narrow_bottleneck True, got None"
    ):
        ReverseDistillation(epochs=3, student="small", narrow_bottleneck=True, checkpoint=file).fit(
            train
        )


def test_a_checkpoint_holds_tensors_and_json_only(train, tmp_path):
    file = tmp_path / "student.safetensors"
    detector = ReverseDistillation(**SHORT, checkpoint=file).fit(train)
    assert {name.partition(".")[0] for name in load_file(file)} == {"network", "optimiser"}
    header = training_module.read_header(file)
    assert header["losses"] == detector.losses_.tolist()
    assert json.loads(json.dumps(header)) == header


OTHERS = {
    "loss": {"loss": "position"},
    "seed": {"seed": 1},
    "learning_rate": {"learning_rate": 0.001},
    "student": {"student": "mirrored"},
    "schedule": {"schedule": "cosine"},
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_checkpoint_of_another_configuration_is_refused(train, tmp_path, name):
    file = tmp_path / "student.safetensors"
    ReverseDistillation(**SHORT, checkpoint=file).fit(train)
    with pytest.raises(
        ValueError, match=rf"checkpoint of this configuration in .*{name} .*, got .*remove the file"
    ):
        ReverseDistillation(**{**SHORT, **OTHERS[name]}, checkpoint=file).fit(train)


def test_a_checkpoint_of_other_weights_of_the_same_teacher_is_refused(train, tmp_path):
    file = tmp_path / "student.safetensors"
    first, second = (
        Features(dict(train), image_size=(64, 64), backbone="resnet50", digest=digest)
        for digest in ("one", "two")
    )
    ReverseDistillation(**SHORT, checkpoint=file).fit(first)
    with pytest.raises(ValueError, match=r"this configuration in .*: digest 'two', got 'one'"):
        ReverseDistillation(**SHORT, checkpoint=file).fit(second)


def test_a_watched_training_is_kept_as_it_goes_on(train, tmp_path, monkeypatch):
    monkeypatch.setattr(training_module, "WRITE_PAUSE", 0)
    file, kept = tmp_path / "student.safetensors", []
    detector = ReverseDistillation(**SHORT, checkpoint=file)
    detector.fit(
        train, watch=lambda _: kept.append(len(training_module.read_header(file)["losses"]))
    )
    assert kept == [1, 2, 3]


def test_a_checkpoint_of_other_images_is_refused(train, tmp_path):
    file = tmp_path / "student.safetensors"
    ReverseDistillation(**SHORT, checkpoint=file).fit(train)
    with pytest.raises(
        ValueError, match=r"this configuration in .*: features '\w{8}', got '\w{8}'"
    ):
        ReverseDistillation(**SHORT, checkpoint=file).fit(make_features(12, seed=5, pattern=4))


def test_other_files_are_no_checkpoints(train, tmp_path):
    with pytest.raises(
        FileNotFoundError, match="expected a saved ReverseDistillation, found no file"
    ):
        ReverseDistillation.load(tmp_path / "none")
    file = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(2)}, file)
    with pytest.raises(
        ValueError, match=r"expected a saved ReverseDistillation in .* adviz did not write it"
    ):
        ReverseDistillation.load(file)
    file.write_bytes(b"nonsense")
    with pytest.raises(
        ValueError,
        match=r"expected a saved checkpoint of ReverseDistillation in .* truncated or none",
    ):
        ReverseDistillation(**SHORT, checkpoint=file).fit(train)
    save_file({"x": torch.zeros(2)}, file, {"adviz": '{"format": 9}'})
    with pytest.raises(ValueError, match="a newer adviz's; this one reads format 1: update adviz"):
        ReverseDistillation.load(file)


@pytest.mark.parametrize("place", [9, 2000, -1])
def test_a_checkpoint_with_a_flipped_bit_is_refused(train, tmp_path, place):
    file = tmp_path / "student.safetensors"
    ReverseDistillation(**SHORT, checkpoint=file).fit(train)
    damaged = bytearray(file.read_bytes())
    damaged[place] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"expected a saved .*ReverseDistillation in .*, but "):
        ReverseDistillation.load(file)
    with pytest.raises(ValueError, match=r"expected a saved .*ReverseDistillation in .*, but "):
        ReverseDistillation(**SHORT, checkpoint=file).fit(train)


def test_a_checkpoint_of_the_first_format_is_read(train, test, tmp_path):
    """That format had the same tensors, and its facts under other names, without a digest."""
    file, old = tmp_path / "student", tmp_path / "old"
    detector = ReverseDistillation(**SHORT, checkpoint=file).fit(train)
    header = {"format": 1, **training_module.read_header(file)}
    save_file(load_file(file), old, {"adviz": json.dumps(header)})
    found = ReverseDistillation.load(old)
    assert_same(found, detector)
    assert_same(ReverseDistillation(**SHORT, checkpoint=old).fit(train), detector)
    np.testing.assert_array_equal(found.predict(test).score, detector.predict(test).score)


# ---- bad input


def test_a_batch_larger_than_the_data_is_refused_unless_it_is_the_default(train):
    assert ReverseDistillation(**SHORT).fit(train).batch_ == 12
    with pytest.raises(ValueError, match="batch must be between 1 and the 12 that exist, got 16"):
        ReverseDistillation(**SHORT, batch=16).fit(train)


def test_another_image_size_is_refused(train):
    detector = ReverseDistillation(**SHORT).fit(train)
    with pytest.raises(
        ValueError,
        match=r"images of the training size \(64, 64\), got \(128, 128\); resize them alike",
    ):
        detector.predict(make_features(1, size=128))


def test_a_loss_that_is_not_finite_stops_with_advice(train, test):
    detector = ReverseDistillation(epochs=9, student="small", learning_rate=1e38)
    with pytest.raises(
        ValueError, match=r"got nan in epoch \d of 9 at learning rate 1e\+38: train with a lower"
    ):
        detector.fit(train)
    with pytest.raises(ValueError, match="must be fitted before it predicts"):
        detector.predict(test)


def test_pre_needs_the_teachers_next_stage(train):
    with pytest.raises(
        ValueError,
        match=r"expected one layer of stride 32 in these features, got layer1 \(stride 4\)",
    ):
        ReverseDistillation(**SHORT, bottleneck="pre").fit(train.select([4, 8, 16]))


def test_grids_must_halve_down_to_an_even_one(train):
    with pytest.raises(ValueError, match=r"grids halve .* choose layers of consecutive strides"):
        ReverseDistillation(**SHORT, layers=(4, 16)).fit(train)
    odd = Features(
        {
            "a": train["layer1"][:, :, :12, :12],
            "b": train["layer2"][:, :, :6, :6],
            "c": train["layer3"][:, :, :3, :3],
        },
        image_size=(48, 48),
    )
    with pytest.raises(
        ValueError, match=r"the last with even sides, got .* multiples of 32 pixels"
    ):
        ReverseDistillation(**SHORT).fit(odd)


@pytest.mark.parametrize("chosen", [(), (32,), (4, "layer1")])
def test_maps_of_layers_that_the_student_has_not_are_refused(train, chosen):
    with pytest.raises(
        ValueError, match=r"map_layers among the student's \(layer1 \(stride 4\), .*each once, got"
    ):
        ReverseDistillation(**SHORT, map_layers=chosen).fit(train)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "mse"}, r"loss must be one of \('flat', 'position'\), got 'mse'"),
        ({"bottleneck": "mff"}, "bottleneck must be one of"),
        ({"student": "tiny"}, "student must be one of"),
        ({"epochs": 0}, "at least 1 epoch, 2 images a batch .*epochs=0"),
        ({"batch": 1}, "got epochs=200, batch=1"),
        ({"patience": 0}, "patience=0"),
        ({"learning_rate": 0}, "learning_rate and width must be above 0"),
        ({"sigma": -1}, "sigma 0 or more pixels"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ReverseDistillation(**options)


# ---- the published size


@pytest.mark.soak
def test_wide_resnet50_at_256_pixels_in_one_step():
    """Shapes, count, loss, step and maps at full size, from features that are rectified as the
    teacher's are.
    """
    rng, channels = np.random.default_rng(0), (256, 512, 1024)
    shapes = [(2, c, 256 // s, 256 // s) for c, s in zip(channels, (4, 8, 16), strict=True)]
    arrays = {
        f"layer{n}": rng.normal(size=shape).clip(0).astype(np.float32)
        for n, shape in enumerate(shapes, 1)
    }
    kept = {name: array.copy() for name, array in arrays.items()}
    features = Features(arrays, image_size=(256, 256), backbone="wide_resnet50_2.tv_in1k")
    first = build(plan_for("wide_resnet50_2", channels), seed=0).train()
    with torch.no_grad():
        teacher = [torch.from_numpy(array) for array in arrays.values()]
        blocks = {"kind": "bottleneck", "depths": (3, 4, 6), "code_depth": 3}
        student = plain_distillation.reverse(first.state_dict(), teacher, **blocks, training=True)
    assert [tuple(layer.shape) for layer in student] == shapes
    pairs = [
        (t.astype(float), s.double().numpy()) for t, s in zip(arrays.values(), student, strict=True)
    ]
    flat = sum(
        np.mean([1 - cosine(t[i].ravel(), s[i].ravel(), 0) for i in (0, 1)]) for t, s in pairs
    )

    detector = ReverseDistillation(epochs=1).fit(features)
    assert detector.parameters_ == count_all(channels, 1 / 2, (3, 4, 6), 3, projection=False)
    assert detector.losses_[0] == pytest.approx(flat, rel=1e-4)  # float32, other order of sums
    now = dict(detector.network_.named_parameters())
    assert all(not torch.equal(before, now[name]) for name, before in first.named_parameters())

    one = features.select(images=[0])
    found, student = detector.predict(one), detector.rebuild(one)
    total = sum(
        enlarged(1 - cosine(kept[n][0].astype(float), student[n][0].astype(float), 0), (256, 256))
        for n in kept
    )
    # Float32
    np.testing.assert_allclose(
        found.anomaly_map[0], gaussian_filter(total, 4, truncate=4), atol=1e-4
    )
    for name, array in kept.items():
        np.testing.assert_array_equal(features[name], array)
