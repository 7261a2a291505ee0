"""Features of images: `Backbone.extract` beside timm's own feature extractor, called as its
documentation shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import timm
import torch

from adviz import Backbone
from adviz.features import networks
from benchmarks.data import splits
from benchmarks.timing import Options, Section, Way, installed, interleaved

IMAGES = 32
STRIDES = (8, 16)
AGREEMENT = 1e-3  # of a layer's largest value; OpenVINO's own promise


def run(options: Options) -> Iterator[Section]:
    """Time 32 decoded images through the embedded network, and with `--full` through WideResNet50."""
    split = splits(options.quick)[0]
    images = np.stack([split.image(index) for index in range(min(IMAGES, len(split)))])
    yield _section("efficientnet_lite0", images, options)
    if options.full:
        yield _section("wide_resnet50_2.tv_in1k", images, options, weights="random")


def _section(
    name: str, images: np.ndarray, options: Options, weights: str | None = None
) -> Section:
    backbone = Backbone(name, STRIDES, weights=weights, device="cpu")
    plain = Plain(name, weights)
    section = Section(
        f"Features of {len(images)} images of {images.shape[1]} px, {name} to stride 16"
    )
    section.facts.append(_check(backbone, plain, images))
    ways = [
        Way("adviz", partial(backbone.extract, images)),
        Way("eager, one image at a time", lambda: [plain(images[[i]]) for i in range(len(images))]),
        Way(
            "eager, 16 at a time",
            lambda: [plain(images[i : i + 16]) for i in range(0, len(images), 16)],
        ),
    ]
    if installed("openvino"):
        compiled = Backbone(name, STRIDES, weights=weights, device="cpu", runtime="openvino")
        compiled.extract(images)  # compiles; it is kept
        ways.append(
            Way("adviz, OpenVINO", partial(compiled.extract, images), note="compiled before")
        )
    section.rows = interleaved(ways, options.repeats)
    return section


class Plain:
    """The same weights in timm's `features_only` network, in torch's default memory format, without
    gradients.
    """

    def __init__(self, name: str, weights: str | None) -> None:
        model = networks.create(name, weights)
        base = "tf_efficientnet_lite0" if name in networks.EMBEDDED else name.partition(".")[0]
        self.model = timm.create_model(
            base, pretrained=False, features_only=True, out_indices=(2, 3)
        ).eval()
        there = self.model.state_dict()
        self.model.load_state_dict(
            {key: value for key, value in model.state_dict().items() if key in there}
        )
        config = model.pretrained_cfg
        self.mean, self.std = (
            torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std")
        )

    @torch.no_grad()
    def __call__(self, images: np.ndarray) -> list[torch.Tensor]:
        """Return the layers of strides 8 and 16 of (n, H, W, 3) uint8 images."""
        batch = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255)
        return list(self.model((batch - self.mean) / self.std))


def _check(backbone: Backbone, plain: Plain, images: np.ndarray) -> str:
    ours, theirs = backbone.extract(images[:2]), plain(images[:2])
    errors = [
        np.abs(a - b.numpy()).max() / np.abs(a).max()
        for a, b in zip(ours.values(), theirs, strict=True)
    ]
    assert max(errors) < AGREEMENT, f"a feature is off by {max(errors):.1e}"
    return (
        f"checked: equal to {max(errors):.0e} of a layer's largest value (allowed: {AGREEMENT:.0e})"
    )
