import errno
import io
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import skimage.data
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from adviz import DN2, Backbone, Features, data, evaluate
from adviz._support import atomic_files as storage
from adviz.data import Geometry, Split
from adviz.features import backbone, networks, runtimes

IMAGES = np.random.default_rng(0).integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)


class Tiny(nn.Module):
    """Two convolutions with known strides, and a head that must not run when nobody asks for it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.second = nn.Conv2d(4, 5, 3, stride=4, padding=1)
        self.head_calls = 0

    def forward(self, x):
        x = self.second(torch.relu(self.first(x)))
        self.head_calls += 1
        return x.mean((2, 3))


@pytest.fixture(scope="module")
def lite0():
    return Backbone("efficientnet_lite0", layers=(2, 4, 8, 16, 32))


def random_features(**options):
    rng = np.random.default_rng(0)
    layers = {"layer1": rng.normal(size=(3, 2, 16, 16)), "layer2": rng.normal(size=(3, 4, 8, 8))}
    return Features(layers, image_size=(64, 64), **options)


# Features


def test_features_are_a_mapping_with_strides_and_names():
    found = random_features()
    assert list(found) == ["layer1", "layer2"]
    assert found.strides == {"layer1": 4, "layer2": 8}
    assert found.ids == ["0", "1", "2"]
    assert found.n_images == 3


def test_select_takes_layers_by_name_or_stride_and_images():
    found = random_features(ids=["a", "b", "c"], digest="d", backbone="b")
    part = found.select([8], [2, 0])
    np.testing.assert_array_equal(part["layer2"], found["layer2"][[2, 0]])
    assert (list(part), part.ids, part.digest, part.image_size) == (
        ["layer2"],
        ["c", "a"],
        "d",
        (64, 64),
    )
    assert list(found.select(["layer2", 4])) == ["layer2", "layer1"]


def test_an_unknown_layer_lists_those_there_are():
    with pytest.raises(
        ValueError, match=r"layer1 \(stride 4\), layer2 \(stride 8\); extract others .*\), got 16"
    ):
        random_features().select([16])
    twice = random_features(strides={"layer1": 8, "layer2": 8})
    with pytest.raises(ValueError, match="got 8: several layers have it, choose one by name"):
        twice.select([8])


def test_features_check_their_shapes():
    with pytest.raises(ValueError, match="arrays of one N"):
        Features({"a": np.zeros((2, 1, 4, 4)), "b": np.zeros((3, 1, 4, 4))}, image_size=(8, 8))
    with pytest.raises(ValueError, match="arrays of one N"):
        Features({"a": np.zeros((2, 4, 4))}, image_size=(8, 8))
    with pytest.raises(ValueError, match="ids must name the 3 images, got 1"):
        random_features(ids=["a"])


# the embedded weights


def test_embedded_weights_recognise_a_known_photograph():
    """Weights by position: shifted by one, no class is right. 967 is ImageNet's "espresso"."""
    model = networks.create("efficientnet_lite0", None).eval()
    image = Geometry().image(Image.fromarray(skimage.data.coffee()))
    with torch.inference_mode():
        logits = model((torch.from_numpy(image.copy()).permute(2, 0, 1)[None] / 255 - 0.5) / 0.5)
    assert int(logits.argmax()) == 967


@pytest.mark.parametrize("name", networks.EMBEDDED)
def test_every_embedded_network_loads_and_has_its_own_digest(name):
    network = Backbone(name, layers=(8,))
    assert network.mean == network.std == (0.5, 0.5, 0.5)
    assert Backbone(name, layers=(16,)).digest == network.digest
    assert network.digest != Backbone(name, layers=(8,), weights="random").digest


def test_layers_equal_timms_features_only_model(lite0):
    """An independent route: timm's own feature extractor, plain layout, no early stop."""
    reference = timm.create_model("tf_efficientnet_lite0", features_only=True)
    state = lite0._model.state_dict()
    reference.load_state_dict({name: state[name] for name in reference.state_dict()})
    batch = (torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    with torch.inference_mode():
        expected = reference.eval()(batch)
    found = lite0.extract(IMAGES)
    assert list(found) == ["layer0", "layer1", "layer2", "layer3", "layer4"]
    assert list(found.strides.values()) == [2, 4, 8, 16, 32]
    for ours, theirs in zip(found.values(), expected, strict=True):
        # channels_last and NCHW kernels sum in another order; activations are of order 1 to 10
        np.testing.assert_allclose(ours, theirs.numpy(), atol=2e-4)
    assert [array.shape[1] for array in found.values()] == [16, 24, 40, 112, 320]


# extraction


def test_batches_and_sources_agree(lite0, tmp_path):
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for path, image in zip(paths, IMAGES, strict=True):
        Image.fromarray(image).save(path)
    split = Split(
        paths, [0] * 3, [None] * 3, ["good"] * 3, geometry=Geometry(64, crop=False), root=tmp_path
    )
    whole, single = lite0.extract(split), lite0.extract(IMAGES, batch_size=1)
    assert whole.ids == ["0.png", "1.png", "2.png"]
    for name in whole:
        # Batch sizes choose other kernels
        np.testing.assert_allclose(whole[name], single[name], atol=2e-4)
    assert lite0.extract(paths).image_size == (224, 224)


def test_pooled_features_are_all_that_dn2_reads(lite0):
    pooled = Backbone("efficientnet_lite0", layers=(2, 4, 8, 16, 32), pool=True).extract(IMAGES)
    whole = lite0.extract(IMAGES)
    assert (pooled.backbone, pooled.strides, pooled.image_size) == (
        "efficientnet_lite0 (pooled)",
        whole.strides,
        whole.image_size,
    )
    assert [array.shape[1:] for array in pooled.values()] == [
        (count, 1, 1) for count in (16, 24, 40, 112, 320)
    ]
    scores = [
        DN2(layers=(8, 32), k_images=1).fit(f.select(images=[0])).predict(f).score
        for f in (pooled, whole)
    ]
    assert scores[0][1] > 0
    # Float32 means, squared distances
    np.testing.assert_allclose(scores[0], scores[1], rtol=1e-4, atol=1e-6)


# the pixels as a layer


def fed(images, mean, std):
    """Return what a network gets: (N, 3, H, W), channel by channel."""
    planes = [(images[..., c] / 255 - mean[c]) / std[c] for c in range(3)]
    return np.stack(planes, 1)


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_pixels_are_what_the_network_is_fed(runtime):
    model = Tiny()
    seen = []
    network = Backbone(model, layers=("image", "first"), runtime=runtime)
    model.first.register_forward_pre_hook(
        lambda _module, inputs: seen.append(inputs[0].numpy().copy())
    )
    found = network.extract(IMAGES, batch_size=2)
    assert (list(found), found.strides) == (["image", "first"], {"image": 1, "first": 2})
    assert found["image"].shape == (3, 3, 64, 64)
    # float32 values of order 1
    np.testing.assert_allclose(found["image"], fed(IMAGES, *backbone.IMAGENET), atol=1e-6)
    if runtime == "torch":  # in two batches that threads may do in either order
        rows = [
            next(n for n in range(3) if (part == found["image"][n]).all())
            for batch in seen
            for part in batch
        ]
        assert sorted(rows) == [0, 1, 2]
    np.testing.assert_array_equal(
        found["first"],
        Backbone(model, layers=["first"], runtime=runtime).extract(IMAGES, batch_size=2)["first"],
    )


def test_pixels_alone_need_no_network():
    model = Tiny()
    model.forward = None
    network = Backbone(model, layers=["image"], mean=(0, 0.5, 1), std=(1, 2, 0.5))
    expected = fed(IMAGES, (0, 0.5, 1), (1, 2, 0.5))
    np.testing.assert_allclose(network.extract(IMAGES)["image"], expected, atol=1e-6)
    assert "image (stride 1)" in repr(network)


def test_other_layers_of_the_same_network_are_those_of_a_new_one(lite0, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    fresh = Backbone("efficientnet_lite0", layers=("image", 8, "blocks.1")).extract(images)
    before = lite0.extract(images)
    monkeypatch.setattr(networks, "create", lambda *_: pytest.fail("was loaded again"))
    other = lite0.with_layers(("image", 8, "blocks.1"))
    found = other.extract(images)
    assert list(found) == list(fresh)
    assert (found.digest, found.backbone, found.strides) == (
        fresh.digest,
        fresh.backbone,
        fresh.strides,
    )
    for layer in fresh:
        np.testing.assert_array_equal(found[layer], fresh[layer])
    assert list(lite0.extract(images)) == list(before)  # which stays as it was
    with pytest.raises(ValueError, match="stride 5 does not name one layer"):
        lite0.with_layers((5,))


def test_pixels_are_chosen_halved_averaged_and_mapped_as_other_layers_are(tmp_path):
    options = {"layers": ("first", "image")}
    found = Backbone(Tiny(), **options).extract(IMAGES)
    np.testing.assert_array_equal(found.select([1], [2])["image"], found["image"][[2]])
    assert list(found.select(["image", 2])) == ["image", "first"]
    pooled = Backbone(Tiny(), **options, pool=True).extract(IMAGES)
    assert (pooled["image"].shape, pooled.strides["image"]) == ((3, 3, 1, 1), 1)
    # 4096 of order 1
    np.testing.assert_allclose(pooled["image"][..., 0, 0], found["image"].mean((2, 3)), atol=1e-5)
    half = Backbone(Tiny(), **options, dtype="float16").extract(IMAGES)["image"]
    np.testing.assert_array_equal(half, found["image"].astype(np.float16))
    mapped = Backbone(Tiny(), **options).extract(IMAGES, out=tmp_path / "features")["image"]
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, found["image"])


def test_pixels_are_cached_as_a_layer_of_their_own(tmp_path, monkeypatch):
    split = Split.from_arrays(IMAGES, [0] * 3, geometry=Geometry(64, crop=False))
    first = Backbone(Tiny(), layers=["first"]).extract(split, cache=tmp_path)
    both = Backbone(Tiny(), layers=["image", "first"])
    expected = both.extract(split, cache=tmp_path)
    np.testing.assert_array_equal(expected["first"], first["first"])
    monkeypatch.setattr(both, "_run", None)  # nothing is left to do
    found = both.extract(split, cache=tmp_path)
    for name in ("image", "first"):
        np.testing.assert_array_equal(found[name], expected[name])


def test_a_part_called_as_the_pixels_are_is_refused():
    model = Tiny()
    model.image = nn.Identity()
    with pytest.raises(
        ValueError, match="'image' means the pixels, and this network has a part called so: rename"
    ):
        Backbone(model, layers=["image"])
    with pytest.raises(ValueError, match="every layer once, got 'image' twice"):
        Backbone(Tiny(), layers=["image", "image"])


# extraction, continued


def test_own_modules_stop_after_the_deepest_layer_asked_for():
    model = Tiny()
    found = Backbone(model, layers=["first"], mean=(0, 0, 0), std=(1, 1, 1)).extract(IMAGES)
    assert found.strides == {"first": 2}
    assert model.head_calls == 0
    expected = model.first(torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255).detach().numpy()
    # Float32 sums of 27 products of order 1
    np.testing.assert_allclose(found["first"], expected, atol=1e-5)


def test_imagenet_normalisation_is_the_default_for_own_modules():
    found = Backbone(Tiny(), layers=["first"]).extract(IMAGES)
    batch = torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 255
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = Tiny().first((batch - mean[:, None, None]) / std[:, None, None]).detach().numpy()
    np.testing.assert_allclose(found["first"], expected, atol=1e-5)


def test_float16_halves_the_memory():
    full = Backbone(Tiny(), layers=["second"]).extract(IMAGES)["second"]
    half = Backbone(Tiny(), layers=["second"], dtype="float16").extract(IMAGES)["second"]
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, full, rtol=2e-3, atol=1e-3)  # 11 bits of mantissa


def test_memory_mapped_features_appear_whole_or_not_at_all(tmp_path, monkeypatch):
    network = Backbone(Tiny(), layers=["first", "second"])
    found = network.extract(IMAGES, out=tmp_path / "features")
    assert isinstance(found["first"], np.memmap)
    np.testing.assert_array_equal(
        np.load(tmp_path / "features" / "second.npy"), network.extract(IMAGES)["second"]
    )
    with pytest.raises(FileExistsError, match="which exists: remove it first"):
        network.extract(IMAGES, out=tmp_path / "features")
    monkeypatch.setattr(
        backbone, "_check_finite", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        network.extract(IMAGES, out=tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["features"]


def test_large_features_live_in_a_temporary_file(monkeypatch):
    network = Backbone(Tiny(), layers=["first"])
    expected = network.extract(IMAGES)["first"]
    monkeypatch.setattr(storage, "IN_MEMORY", 1000)
    mapped = network.extract(IMAGES)["first"]
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, expected)


def test_a_full_disk_is_an_error_and_not_the_end_of_the_process(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    # A mapped file without room kills who writes to it
    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space left"):
        storage.allocate_arrays({"a": (10, 10)}, np.dtype(np.float32), limit=100)


@pytest.mark.parametrize(
    ("name", "layers", "shapes"),
    [
        ("wide_resnet50_2.tv_in1k", (4, 8, 16, 32), [(256, 16), (512, 8), (1024, 4), (2048, 2)]),
        ("convnext_atto", (4, 16), [(40, 16), (160, 4)]),
        ("swin_tiny_patch4_window7_224", (4, 8), [(96, 16), (192, 8)]),
        ("vit_tiny_patch16_224", ("blocks.2", "blocks.5"), [(192, 4), (192, 4)]),
    ],
)
def test_networks_of_every_family_give_grids(name, layers, shapes):
    size = 64 if name.startswith(("vit", "swin")) else None
    found = Backbone(name, layers=layers, weights="random", image_size=size).extract(IMAGES[:1])
    assert [array.shape[1:] for array in found.values()] == [(c, side, side) for c, side in shapes]


def test_a_module_that_runs_twice_gives_its_first_output_whatever_else_is_asked_for():
    class Twice(Tiny):
        def __init__(self):
            super().__init__()
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(self.second(self.relu(self.first(x))))

    alone = Backbone(Twice(), layers=["relu"]).extract(IMAGES)["relu"]
    np.testing.assert_array_equal(
        Backbone(Twice(), layers=["relu", "second"]).extract(IMAGES)["relu"], alone
    )
    assert alone.shape[2:] == (32, 32)


def test_an_in_place_activation_after_a_layer_does_not_change_it():
    class InPlace(Tiny):
        def forward(self, x):
            return self.second(torch.relu_(self.first(x)))

    found = Backbone(InPlace(), layers=["first", "second"]).extract(IMAGES)["first"]
    assert (found < 0).any()


def test_the_digest_follows_an_own_modules_weights():
    model = Tiny()
    network = Backbone(model, layers=["first"])
    before = network.extract(IMAGES).digest
    model.first.weight.data += 1
    model.train()
    assert network.extract(IMAGES).digest != before
    assert not model.training


def test_random_weights_are_the_same_on_every_call_and_leave_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    digests = {Backbone("resnet18", layers=(4,), weights="random").digest for _ in range(2)}
    assert len(digests) == 1
    torch.testing.assert_close(torch.rand(1), expected)


def test_a_networks_own_normalisation_is_used():
    inception = Backbone("vit_tiny_patch16_224", layers=["blocks.0"], weights="random")
    # Timm's configuration of augreg ViTs; ImageNet's would be 0.485, ...
    assert inception.mean == (0.5, 0.5, 0.5)


# precision and runtime


def test_the_label_says_what_is_not_the_default_and_every_result_row_shows_it(lite0):
    split = data.demo("hex_nut").test.subset([0, 1, 40, 41]).with_geometry(Geometry(64))
    assert lite0.label == "efficientnet_lite0"
    rough = Backbone("efficientnet_lite0", layers=(4,), dtype="bfloat16")
    found = rough.extract(split, cache=False)
    assert found.backbone == rough.label == "efficientnet_lite0 (bfloat16)"
    result = evaluate(DN2(layers=(4,)).fit(found).predict(found), split)
    assert result.backbone == "efficientnet_lite0 (bfloat16)"


def test_detectors_refuse_features_of_another_precision():
    full, rough = (
        Backbone(Tiny(), layers=["second"], dtype=dtype) for dtype in ("float32", "bfloat16")
    )
    detector = DN2(layers=("second",)).fit(full.extract(IMAGES))
    with pytest.raises(
        ValueError,
        match=r"backbone Tiny .*, got Tiny \(bfloat16\) .*extract both with one backbone",
    ):
        detector.predict(rough.extract(IMAGES))


def test_bfloat16_runs_in_eight_bits_of_mantissa_and_keeps_float32():
    full, rough = (
        Backbone(Tiny(), layers=["first", "second"], dtype=dtype).extract(IMAGES)
        for dtype in ("float32", "bfloat16")
    )
    for name in full:
        assert rough[name].dtype == np.float32
        error = np.linalg.norm(rough[name] - full[name]) / np.linalg.norm(full[name])
        assert 2**-12 < error < 2**-6  # inputs, weights and outputs are each rounded to 2^-9
    # Nothing finer
    assert (np.ascontiguousarray(rough["first"]).view(np.uint32) % 2**16 == 0).all()


@pytest.mark.parametrize(
    ("name", "layers"), [("efficientnet_lite0", (4, 16)), ("resnet18", (8, 32))]
)
def test_openvino_agrees_with_torch(name, layers):
    """Also on a last batch that is shorter."""
    options = {"layers": layers, "weights": None if name in networks.EMBEDDED else "random"}
    ours, theirs = Backbone(name, **options), Backbone(name, runtime="openvino", **options)
    found, expected = theirs.extract(IMAGES, batch_size=2), ours.extract(IMAGES)
    assert found.backbone == (
        "resnet18 (random, openvino)" if name == "resnet18" else f"{name} (openvino)"
    )
    assert (found.digest, found.strides, list(found)) == (
        expected.digest,
        expected.strides,
        list(expected),
    )
    for layer in expected:
        assert found[layer].shape == expected[layer].shape
        # other summation orders; what is promised is 1e-3
        np.testing.assert_allclose(
            found[layer], expected[layer], atol=1e-4 * np.abs(expected[layer]).max()
        )


def test_openvino_follows_new_weights_and_other_sizes():
    model = Tiny()
    network = Backbone(model, layers=["second"], runtime="openvino")
    before = network.extract(IMAGES)["second"]
    model.second.weight.data += 1
    for images in (IMAGES, IMAGES[:, :32]):
        expected = Backbone(model, layers=["second"]).extract(images)["second"]
        # Sums of 36 of order 1
        np.testing.assert_allclose(network.extract(images)["second"], expected, atol=1e-4)
        assert before.shape != expected.shape or not np.allclose(before, expected, atol=0.1)


def test_openvino_has_tokens_and_in_place_activations():
    class InPlace(Tiny):
        def forward(self, x):
            return self.second(torch.relu_(self.first(x)))

    pairs = [
        (
            ("vit_tiny_patch16_224",),
            {"layers": ["blocks.0"], "weights": "random", "image_size": 64},
        ),
        ((InPlace(),), {"layers": ["first", "second"]}),
    ]
    for arguments, options in pairs:
        expected = Backbone(*arguments, **options).extract(IMAGES)
        found = Backbone(*arguments, runtime="openvino", **options).extract(IMAGES)
        for layer in expected:
            np.testing.assert_allclose(
                found[layer], expected[layer], atol=1e-4 * np.abs(expected[layer]).max()
            )


def test_a_network_that_openvino_computes_otherwise_is_refused(monkeypatch):
    monkeypatch.setattr(runtimes, "AGREEMENT", 0.0)
    monkeypatch.setattr(
        torch, "from_numpy", lambda array, convert=torch.from_numpy: convert(array + 1)
    )
    with pytest.raises(RuntimeError, match='in second: use runtime="torch" for this network'):
        Backbone(Tiny(), layers=["second"], runtime="openvino").extract(IMAGES)


def test_openvino_reports_nothing_to_its_makers():
    code = (
        "from adviz import Backbone; import numpy, sys; from torch import nn;"
        "model = nn.Sequential(nn.Conv2d(3, 2, 2, 2));"
        "network = Backbone(model, layers=['0'], runtime='openvino');"
        "network.extract(numpy.zeros((1, 8, 8, 3), numpy.uint8));"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry')])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stdout) == (0, "[]\n"), result.stderr


def test_openvino_says_what_it_lacks(monkeypatch):
    with pytest.raises(
        ValueError, match=r'expected a CPU for runtime="openvino", got device=.cuda.'
    ):
        Backbone(Tiny(), layers=["first"], runtime="openvino", device="cuda")
    model = Tiny()
    model.third = nn.Conv2d(3, 3, 1)
    with pytest.raises(ValueError, match="take part in a forward pass, got third"):
        Backbone(model, layers=["third"], runtime="openvino").extract(IMAGES)
    with pytest.raises(ValueError, match=r"refused images of \(64, 64\): give image_size="):
        Backbone(
            "vit_tiny_patch16_224", layers=["blocks.0"], weights="random", runtime="openvino"
        ).extract(IMAGES)
    monkeypatch.setattr(runtimes.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        ModuleNotFoundError, match=r'not installed: pip install "adviz-anomaly\[openvino\]"'
    ):
        Backbone(Tiny(), layers=["first"], runtime="openvino")


def test_openvino_has_bfloat16_only_where_the_processor_has():
    network = Backbone(Tiny(), layers=["first"], runtime="openvino")
    has = "BF16" in network._runtime._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if has:
        rough = Backbone(Tiny(), layers=["first"], runtime="openvino", dtype="bfloat16").extract(
            IMAGES
        )
        assert rough.backbone == "Tiny (openvino, bfloat16)"
    else:
        with pytest.raises(ValueError, match="expected a CPU on which OpenVINO has bfloat16"):
            Backbone(Tiny(), layers=["first"], runtime="openvino", dtype="bfloat16")


# what bad input gets


def test_unknown_names_tags_and_layers_say_what_there_is():
    with pytest.raises(ValueError, match="got 'resnt18'; close: resnet18"):
        Backbone("resnt18")
    with pytest.raises(ValueError, match=r"weight tags of resnet18 .*tv_in1k.*got 'nope'"):
        Backbone("resnet18.nope")
    with pytest.raises(ValueError, match=r"stride 3 .*strides \[2, 4, 8, 16, 32\]"):
        Backbone("efficientnet_lite0", layers=(3,))
    with pytest.raises(ValueError, match=r"12 layers have it.*blocks\.0, blocks\.1"):
        Backbone("vit_tiny_patch16_224", layers=(16,), weights="random")
    with pytest.raises(ValueError, match="sub-modules first, second, got 'third'"):
        Backbone(Tiny(), layers=["third"])
    with pytest.raises(ValueError, match="no known strides"):
        Backbone(Tiny())


def test_weights_that_cannot_be_downloaded_name_three_remedies(monkeypatch):
    monkeypatch.setattr(
        timm, "create_model", lambda *_, **__: (_ for _ in ()).throw(OSError("no network"))
    )
    with pytest.raises(
        RuntimeError, match=r"resnet18\.tv_in1k.*\(1\).*\(2\).*\(3\).*efficientnet_lite0"
    ):
        Backbone("resnet18.tv_in1k")


def without_network(*_, **__):
    raise OSError("no network")


def test_without_a_network_a_download_fails_at_once_and_what_was_kept_is_used(monkeypatch):
    """The hub's client would try ten times, 46 seconds long."""
    from huggingface_hub import constants

    asked = []
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(networks.socket, "create_connection", without_network)
    monkeypatch.setattr(
        "timm.create_model", lambda *_, **__: asked.append(constants.HF_HUB_OFFLINE) or Tiny()
    )
    Backbone("resnet18.tv_in1k", layers=["first"])  # as if it was in the hub's cache
    assert asked == [True]
    assert constants.HF_HUB_OFFLINE is False
    monkeypatch.setattr(networks.socket, "create_connection", lambda *_, **__: io.BytesIO())
    Backbone("resnet18.tv_in1k", layers=["first"])
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # as the environment says
    Backbone("resnet18.tv_in1k", layers=["first"])
    assert asked == [True, False, True]
    assert constants.HF_HUB_OFFLINE is True


def test_the_hub_is_looked_for_where_requests_to_it_go(monkeypatch):
    tried = []
    monkeypatch.setattr(
        networks.socket,
        "create_connection",
        lambda address, **_: tried.append(address) or io.BytesIO(),
    )
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert networks._reachable("https://hub.example")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert networks._reachable("https://hub.example")
    monkeypatch.setenv("no_proxy", "hub.example")
    assert networks._reachable("https://hub.example:8443/mirror")
    assert tried == [("hub.example", 443), ("proxy.example", 3128), ("hub.example", 8443)]


def test_a_name_that_is_looked_up_for_ever_is_not_waited_for(monkeypatch):
    forever = threading.Event()
    monkeypatch.setattr(networks, "PATIENCE", 0.05)
    monkeypatch.setattr(
        networks.socket, "create_connection", lambda *_, **__: forever.wait() and io.BytesIO()
    )
    assert not networks._reachable("https://hub.example")
    forever.set()


def test_published_weights_are_asked_for_by_their_tag(monkeypatch):
    asked = []
    monkeypatch.setattr(
        timm, "create_model", lambda name, **options: asked.append((name, options)) or Tiny()
    )
    Backbone("resnet18.tv_in1k", layers=["first"])
    assert asked == [("resnet18.tv_in1k", {"pretrained": True})]


@pytest.mark.parametrize("suffix", ["safetensors", "pth"])
def test_a_local_weights_file_is_used(tmp_path, suffix):
    source = timm.create_model("resnet18", pretrained=False).state_dict()
    path = tmp_path / f"weights.{suffix}"
    save_file(source, path) if suffix == "safetensors" else torch.save(source, path)
    network = Backbone("resnet18.tv_in1k", layers=(4,), weights=path)
    torch.testing.assert_close(network._model.state_dict()["conv1.weight"], source["conv1.weight"])


def test_a_wrong_weights_file_is_refused(tmp_path):
    torch.save(
        timm.create_model("resnet34", pretrained=False).state_dict(), tmp_path / "resnet34.pth"
    )
    with pytest.raises(
        ValueError, match=r"0 missing, \d+ unknown .*pass the weights of this very architecture"
    ):
        Backbone("resnet18", weights=tmp_path / "resnet34.pth")
    (tmp_path / "broken.safetensors").write_bytes(b"not weights")
    with pytest.raises(ValueError, match=r"got .*broken\.safetensors .*download it again"):
        Backbone("resnet18", weights=tmp_path / "broken.safetensors")
    with pytest.raises(FileNotFoundError, match=r"weights file, found none at .*gone\.pth"):
        Backbone("resnet18", weights=tmp_path / "gone.pth")


def test_a_pickle_is_never_executed(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    torch.save({"weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="tensors only"):
        networks.read(tmp_path / "evil.pth")
    assert not (tmp_path / "executed").exists()


def test_features_that_are_not_finite_name_the_layer_and_the_image():
    model = Tiny()
    model.second.weight.data[:] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinity in second from 0 on"):
        Backbone(model, layers=["first", "second"]).extract(IMAGES)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES.astype(float), r"floats in 0\.\.1 or 8-bit integers, got float64 from 0 to 254"),
        (
            IMAGES[0],
            r"images must be \(N, H, W, 3\) RGB or \(N, 3, H, W\), "
            r"got shape .64, 64, 3. .*as \[image\]",
        ),
        (
            IMAGES[..., :2],
            "expected 1, 3 or 4 channels, first or last, got shape .3, 64, 64, 2. as images",
        ),
    ],
)
def test_arrays_of_another_kind_are_refused(images, message):
    with pytest.raises(ValueError, match=message):
        Backbone(Tiny(), layers=["first"]).extract(images)


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(TypeError, match=r"one path: use \['a.png'\]"):
        Backbone(Tiny(), layers=["first"]).extract("a.png")
    with pytest.raises(ValueError, match="batch_size must be at least 1 image, got 0"):
        Backbone(Tiny(), layers=["first"]).extract(IMAGES, batch_size=0)
    with pytest.raises(TypeError, match=r"list of layers, got 'first': use \['first'\]"):
        Backbone(Tiny(), layers="first")
    with pytest.raises(ValueError, match="runtime must be one of torch, openvino, got 'onnx'"):
        Backbone(Tiny(), layers=["first"], runtime="onnx")
    with pytest.raises(
        ValueError, match="dtype must be one of float32, float16, bfloat16, got 'float64'"
    ):
        Backbone(Tiny(), layers=["first"], dtype="float64")
    with pytest.raises(ValueError, match="every layer once, got 8 twice"):
        Backbone("efficientnet_lite0", layers=(8, 8))
    with pytest.raises(ValueError, match="every layer once"):
        random_features().select(["layer2", 8])
    with pytest.raises(ValueError, match="takes images of any size and no image_size"):
        Backbone("resnet18", layers=(4,), weights="random", image_size=64)
    model = Tiny()
    model.third = nn.Conv2d(3, 3, 1)
    with pytest.raises(ValueError, match="take part in a forward pass, got third"):
        Backbone(model, layers=["third"]).extract(IMAGES)
    with pytest.raises(ValueError, match=r"refused images of \(64, 64\): give image_size="):
        Backbone("vit_tiny_patch16_224", layers=["blocks.0"], weights="random").extract(IMAGES)


def test_features_that_overflow_float16_say_so():
    model = Tiny()
    model.first.weight.data *= 1e6
    with pytest.raises(ValueError, match="float32"):
        Backbone(model, layers=["first"], dtype="float16").extract(IMAGES)


def test_images_are_chosen_by_booleans_too():
    assert random_features().select(images=np.array([False, True, True])).ids == ["1", "2"]


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="at least one image"):
        Backbone(Tiny(), layers=["first"]).extract([])


def test_reprs_tell_layers_and_digest():
    assert "first" in repr(Backbone(Tiny(), layers=["first"]))
    assert "layer2: 4x8x8" in repr(random_features())
