"""Networks: their weights, their names, and the images that they take."""

import warnings

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from adviz import DN2, Backbone, Features, evaluate
from adviz.data import Geometry, Split
from adviz.features import networks
from adviz.sweep.weights import weights_missing

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(1)
    return timm.create_model("resnet18").state_dict()


@pytest.fixture(scope="module")
def expected(state):
    """The features of these weights, by torch alone."""
    model = timm.create_model("resnet18")
    model.load_state_dict(state)
    return Backbone(model, (8, 16)).extract(IMAGES)


# names


def test_no_name_claims_weights_that_are_not_there(tmp_path, state):
    torch.save(state, tmp_path / "mine.pth")
    made = {
        "ResNet": Backbone(timm.create_model("resnet18"), (8,)),
        "resnet18 (random)": Backbone("resnet18", (8,), weights="random"),
        "wide_resnet50_2 (random)": Backbone("wide_resnet50_2.tv_in1k", (8,), weights="random"),
        "resnet18 (mine.pth)": Backbone("resnet18.a1_in1k", (8,), weights=tmp_path / "mine.pth"),
        "resnet18 (random, pooled)": Backbone("resnet18", (8,), weights="random", pool=True),
        "efficientnet_lite0 (random)": Backbone("efficientnet_lite0", (8,), weights="random"),
        "efficientnet_lite0": Backbone("efficientnet_lite0", (8,)),
    }
    assert [network.label for network in made.values()] == list(made)


def test_a_result_row_says_that_weights_are_random():
    split = Split.from_arrays(
        np.concatenate([IMAGES, IMAGES]), [0, 0, 0, 1], geometry=Geometry(64, crop=False)
    )
    found = Backbone("resnet18", (8,), weights="random").extract(split, cache=False)
    assert (
        evaluate(DN2(layers=(8,), k_images=1).fit(found).predict(found), split).backbone
        == "resnet18 (random)"
    )


def test_published_weights_are_named_by_their_tag(monkeypatch):
    made = timm.create_model("resnet18")
    monkeypatch.setattr(timm, "create_model", lambda *_, **__: made)
    assert Backbone("resnet18", (8,)).label == f"resnet18.{made.pretrained_cfg['tag']}"


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("tv_resnet50", "resnet50.tv_in1k"),
        ("tf_efficientnet_b0_ns", "tf_efficientnet_b0.ns_jft_in1k"),
        ("convnext_base_in22k", "convnext_base.fb_in22k"),
    ],
)
def test_a_renamed_network_says_its_new_name(name, now):
    for weights in (None, "random"):
        with pytest.raises(ValueError, match=f"{name} is now {now}: use that name"):
            Backbone(name, weights=weights)
    assert f"{name} is now {now}" in weights_missing(name)
    assert networks.new_timm_name(now.partition(".")[0]) == ""


# files


def without(state, *starts):
    return {name: tensor for name, tensor in state.items() if not name.startswith(starts)}


def prefixed(state, prefix):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


TAKEN = {
    "no counters": lambda state: {
        name: t for name, t in state.items() if "num_batches" not in name
    },
    "no classifier": lambda state: without(state, "fc."),
    "classifier of 10 classes": lambda state: (
        state | {"fc.weight": torch.zeros(10, 512), "fc.bias": torch.zeros(10)}
    ),
    "head of another kind": lambda state: (
        without(state, "fc.") | {"head.mlp.0.weight": torch.zeros(3, 3)}
    ),
    "DataParallel": lambda state: prefixed(state, "module."),
    "Lightning": lambda state: {
        "state_dict": prefixed(state, "model.backbone."),
        "epoch": 3,
        "lr": [0.1],
    },
    "in model": lambda state: {"model": state},
    "in ema, twice wrapped": lambda state: {"model_ema": {"module": state}},
    "compiled": lambda state: prefixed(state, "_orig_mod."),
    "beside other parts": lambda state: (
        prefixed(state, "backbone.") | {"decoder.weight": torch.zeros(2, 2)}
    ),
    "student and teacher alike": lambda state: {"student": state, "teacher": state},
    "without what comes after the layers": lambda state: without(state, "fc.", "layer4."),
    "half": lambda state: {
        n: t.half().float() if t.is_floating_point() else t for n, t in state.items()
    },
}


@pytest.mark.parametrize("what", TAKEN)
def test_a_file_with_all_that_the_layers_need_is_taken(what, state, expected, tmp_path):
    torch.save(TAKEN[what](state), tmp_path / "w.pth")
    found = Backbone("resnet18", (8, 16), weights=tmp_path / "w.pth").extract(IMAGES, cache=False)
    for layer in expected:
        tolerance = 0.02 if what == "half" else 0  # 11 bits, through some 15 layers
        np.testing.assert_allclose(
            found[layer], expected[layer], atol=tolerance * np.abs(expected[layer]).max()
        )


REFUSED = {
    "another architecture": (
        lambda s: timm.create_model("resnet34").state_dict(),
        "unknown .*this very architecture",
    ),
    "a wider one": (
        lambda s: timm.create_model("wide_resnet50_2").state_dict(),
        "this very architecture",
    ),
    "nothing alike": (lambda s: {"a.b": torch.zeros(2)}, "got 1 with other names, such as 'a.b'"),
    "no tensor": (lambda s: {"epoch": 3}, "without any"),
    "no layer3": (
        lambda s: without(s, "layer3."),
        r"that layer2, layer3 need in .*, got none of \d+, first 'layer3.0",
    ),
    "no stem": (lambda s: without(s, "conv1."), "got none of 1, first 'conv1.weight'"),
    "two networks": (
        lambda s: {"student": s, "teacher": {n: t + 1 for n, t in s.items()}},
        "got several, under 'student.', 'teacher.': save the one you mean",
    ),
    "more layers": (lambda s: s | {"layer5.weight": torch.zeros(2)}, "1 unknown .*'layer5.weight'"),
    "a stem of one channel": (
        lambda s: s | {"conv1.weight": torch.zeros(64, 1, 7, 7)},
        "1 of another shape",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_lacks_what_the_layers_need_is_refused(what, state, tmp_path):
    make, message = REFUSED[what]
    torch.save(make(state), tmp_path / "w.pth")
    with pytest.raises(ValueError, match=message):
        Backbone("resnet18", (8, 16), weights=tmp_path / "w.pth")


def test_deeper_layers_than_the_file_has_are_refused_later_too(state, tmp_path):
    save_file(without(state, "layer4.", "fc."), tmp_path / "w.safetensors")
    network = Backbone("resnet18", (8, 16), weights=tmp_path / "w.safetensors")
    with pytest.raises(
        ValueError, match=r"all weights that layer4 need .* first 'layer4.0.conv1.weight'"
    ):
        network.with_layers((32,))


def test_position_embeddings_of_another_image_size_are_resampled_as_timm_does(tmp_path):
    source = timm.create_model("vit_tiny_patch16_224")
    torch.save(source.state_dict(), tmp_path / "w.pth")
    network = Backbone(
        "vit_tiny_patch16_224", ["blocks.0"], weights=tmp_path / "w.pth", image_size=64
    )
    reference = timm.create_model("vit_tiny_patch16_224", img_size=64)
    from timm.models.vision_transformer import checkpoint_filter_fn

    reference.load_state_dict(checkpoint_filter_fn(source.state_dict(), reference))
    torch.testing.assert_close(network._model.pos_embed, reference.pos_embed)


def test_the_digest_says_what_is_in_the_network_whatever_the_file_calls_it(state, tmp_path):
    digests = set()
    for number, content in enumerate((state, prefixed(state, "module."), {"model": state})):
        torch.save(content, tmp_path / f"{number}.pth")
        digests.add(Backbone("resnet18", (8,), weights=tmp_path / f"{number}.pth").digest)
    model = timm.create_model("resnet18")
    model.load_state_dict(state)
    assert digests == {networks.digest(model)}


# channels and precision


def test_a_network_of_one_channel_is_fed_grey():
    model = timm.create_model("resnet18", in_chans=1)
    network = Backbone(model, ("image", 8))
    # the averages of ImageNet's; the formula is ITU-R BT.601
    assert network.mean == pytest.approx((0.449,), abs=1e-9)
    assert network.std == pytest.approx((0.226,), abs=1e-9)
    found = network.extract(IMAGES)
    grey = IMAGES @ np.array([0.299, 0.587, 0.114]) / 255
    np.testing.assert_allclose(found["image"][:, 0], (grey - 0.449) / 0.226, atol=1e-5)
    pillow = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in IMAGES])
    assert np.abs((found["image"][:, 0] * 0.226 + 0.449) * 255 - pillow).max() <= 1  # which rounds
    assert found["layer2"].shape == (2, 128, 8, 8)


def test_a_module_that_makes_grey_of_three_channels_is_fed_three():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 4, 4)

        def forward(self, x):
            return self.conv(0.5 * x[:, :1] + 0.5 * x[:, 2:])

    assert Backbone(Own(), ["conv", "image"]).extract(IMAGES)["image"].shape[1] == 3


@pytest.mark.parametrize("channels", [2, 4, 12])
def test_other_channels_are_refused_in_words(channels):
    with pytest.raises(ValueError, match=f"3 channels .* or 1 .grey., got a ResNet of {channels}"):
        Backbone(timm.create_model("resnet18", in_chans=channels), (8,))


@pytest.mark.parametrize(
    ("dtype", "bits"), [(torch.float16, 11), (torch.bfloat16, 8), (torch.float64, 24)], ids=str
)
def test_a_module_runs_in_its_own_precision_and_says_so(dtype, bits):
    model = timm.create_model("resnet18")
    expected = Backbone(model, (8,)).extract(IMAGES)["layer2"]
    network = Backbone(model.to(dtype), (8,))
    found = network.extract(IMAGES)
    assert found.backbone == f"ResNet ({str(dtype).removeprefix('torch.')})"
    assert found["layer2"].dtype == np.float32
    assert next(model.parameters()).dtype == dtype  # it stays the user's
    error = np.linalg.norm(found["layer2"] - expected) / np.linalg.norm(expected)
    assert error < 2.0 ** (4 - bits)  # some ten layers of roundings


def test_precisions_that_do_not_go_together_are_refused():
    half = timm.create_model("resnet18").half()
    with pytest.raises(ValueError, match=r'float32 for dtype="bfloat16", got one in float16'):
        Backbone(half, (8,), dtype="bfloat16")
    with pytest.raises(
        ValueError, match=r'float32 for runtime="openvino", got one in float16: pass module.float'
    ):
        Backbone(half, (8,), runtime="openvino")


@pytest.mark.parametrize("name", ["mean", "std"])
@pytest.mark.parametrize("values", [(0.5,), 0.5, (0.5, 0.5, float("nan")), (0.5, 0.5, 0.5, 0.5)])
def test_one_number_for_each_channel(name, values):
    with pytest.raises(
        ValueError, match=rf"expected 3 finite number\(s\) for {name}, one for each channel.*got "
    ):
        Backbone("resnet18", (8,), weights="random", **{name: values})


def test_a_deviation_of_zero_is_refused():
    with pytest.raises(ValueError, match="above 0, got"):
        Backbone("resnet18", (8,), weights="random", std=(1, 1, 0))


# modules in other modules


def test_a_network_is_taken_out_of_what_wraps_it():
    model = timm.create_model("resnet18")
    expected = Backbone(model, (8,)).extract(IMAGES)
    for wrapped in (
        nn.DataParallel(model),
        torch.compile(model),
        nn.DataParallel(torch.compile(model)),
    ):
        found = Backbone(wrapped, (8,)).extract(IMAGES)
        assert found.backbone == "ResNet"
        np.testing.assert_array_equal(found["layer2"], expected["layer2"])


def test_what_is_no_network_is_refused():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is deprecated, and such files are still about
        scripted = torch.jit.script(nn.Sequential(nn.Conv2d(3, 2, 2)))
    with pytest.raises(TypeError, match=r"one that torch.jit compiled, whose layers cannot"):
        Backbone(scripted, ["0"])
    with pytest.raises(TypeError, match="name of a network or a torch module, got a int"):
        Backbone(3)
    with torch.device("meta"):
        empty = nn.Sequential(nn.Conv2d(3, 2, 2))
    with pytest.raises(ValueError, match="on the meta device, which has none"):
        Backbone(empty, ["0"])
    with pytest.raises(ValueError, match="at least one layer, got none"):
        Backbone("resnet18", [], weights="random")


def test_a_network_that_fails_on_images_says_so_once():
    class Text(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(5, 3)

        def forward(self, words, mask):
            return self.embed(words)

    with pytest.raises(ValueError, match=r"Text refused images of \(64, 64\): .*TypeError.*mask"):
        Backbone(Text(), ["embed"]).extract(IMAGES)


def test_a_quantised_network_has_a_digest():
    linear = nn.Sequential(nn.Conv2d(3, 4, 8, 8), nn.Flatten(2), nn.Linear(64, 64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao is deprecated, and such networks are still about
        quantised = torch.ao.quantization.quantize_dynamic(linear, {nn.Linear}, dtype=torch.qint8)
    assert networks.digest(quantised) == networks.digest(quantised)
    assert networks.digest(quantised) != networks.digest(linear)


# names of layers


def test_layers_go_by_the_names_that_features_show():
    by_stride = Backbone("efficientnet_lite0", (8, 16)).extract(IMAGES)
    by_name = Backbone("efficientnet_lite0", ["layer2", "layer3"]).extract(IMAGES)
    assert (list(by_name), by_name.strides) == (list(by_stride), by_stride.strides)
    for layer in by_stride:
        np.testing.assert_array_equal(by_name[layer], by_stride[layer])
    found = DN2(layers=("layer3",), k_images=1).fit(by_name).predict(by_stride)
    assert found.score.shape == (2,)


def test_a_resnets_own_layers_are_those_of_their_strides():
    by_name, by_stride = (
        Backbone("resnet18", layers, weights="random") for layers in (["layer2"], [8])
    )
    assert (by_name.modules, by_name.strides) == (by_stride.modules, by_stride.strides)
    for twice in (["layer2", 8], [8, "layer2"]):
        with pytest.raises(ValueError, match="every layer once"):
            Backbone("resnet18", twice, weights="random")


def test_a_name_of_two_meanings_or_none_is_refused():
    model = timm.create_model("efficientnet_lite0")
    model.layer2 = nn.Identity()
    with pytest.raises(
        ValueError,
        match=r"'layer2' is a part of this network, and also .* stride 8 .'blocks.2'.*give 8",
    ):
        Backbone(model, ["layer2"])
    with pytest.raises(
        ValueError, match=r"or layer0, layer1, layer2, layer3, layer4, got 'layer7'"
    ):
        Backbone("efficientnet_lite0", ["layer7"])
    with pytest.raises(ValueError, match=r"stride 16 does not name one layer|got 'layer3'"):
        Backbone("vit_tiny_patch16_224", ["layer3"], weights="random")


def test_features_are_selected_by_the_stages_name():
    arrays = {"blocks.5": np.zeros((1, 2, 4, 4)), "mine": np.zeros((1, 2, 8, 8))}
    features = Features(arrays, image_size=(64, 64))
    assert list(features.select(["layer3"])) == ["blocks.5"]
    assert list(features.select(["layer2", "blocks.5"])) == ["mine", "blocks.5"]
    with pytest.raises(ValueError, match="got 'layer4'"):
        features.select(["layer4"])
    both = Features({"a": arrays["mine"], "layer2": arrays["mine"]}, image_size=(64, 64))
    assert list(both.select(["layer2"])) == ["layer2"]


def test_a_student_is_not_taken_where_its_teacher_lacks_the_classifier_alone(tmp_path):
    """Either could be meant, whatever number of tensors each has."""
    weights = timm.create_model("resnet18", pretrained=False).state_dict()
    teacher = {
        f"teacher.{name}": value for name, value in weights.items() if not name.startswith("fc.")
    }
    student = {f"student.{name}": value + 1 for name, value in weights.items()}
    torch.save(student | teacher, tmp_path / "both.pth")
    with pytest.raises(ValueError, match=r"several, under 'student\.', 'teacher\.'"):
        Backbone("resnet18", (8,), weights=tmp_path / "both.pth")
