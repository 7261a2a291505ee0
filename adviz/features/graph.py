"""A `Backbone` as one torch module, from pixels to feature maps, for an exporter to follow."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from adviz.features import networks
from adviz.features.backbone import GREY
from adviz.features.patch_layout import Layout, tensor_of
from adviz.features.runtimes import Torch

if TYPE_CHECKING:
    from adviz.features.backbone import Backbone


class BackboneGraph(nn.Module):
    """The network of a `Backbone` on a CPU, with the normalisation before it.

    Parameters
    ----------
    backbone: in float32, not pooled.
    size: (H, W) of the images, pixels.

    Attributes
    ----------
    grids: layer -> (h, w) of its feature maps.

    Raises
    ------
    ValueError: a backbone whose features are rounded (float16, bfloat16) or pooled.
    """

    grey: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone, size: tuple[int, int]) -> None:
        super().__init__()
        network = backbone._model
        own_type = networks.dtype_of(network)
        if (
            own_type != torch.float32
            or backbone.dtype != np.float32
            or "bfloat16" in backbone.label
        ):
            raise ValueError(
                f"expected a backbone in float32 to export, got {backbone!r}: make one without "
                "dtype=, and fit the detector on its features"
            )
        if backbone._pool:
            raise ValueError(
                f"expected a backbone of feature maps to export, got {backbone.label}: leave out "
                "pool=True"
            )
        self.network = copy.deepcopy(network).cpu().eval()
        self.network.requires_grad_(False)
        self.layers = tuple(backbone.modules)
        self._modules_by_layer = {
            layer: module for layer, module in backbone.modules.items() if layer != networks.PIXELS
        }
        self.is_grey = len(backbone.mean) == 1
        self.register_buffer("grey", torch.tensor(GREY).view(1, 3, 1, 1))
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(backbone.std).view(1, -1, 1, 1))
        self.grids: dict[str, tuple[int, int]] = {networks.PIXELS: size}
        self._layouts: dict[str, Layout] = {}
        self._find_layouts(backbone, size)

    def _find_layouts(self, backbone: Backbone, size: tuple[int, int]) -> None:
        """Find how every layer's output becomes (N, C, h, w), by a forward pass in torch."""
        if not self._modules_by_layer:
            return
        shape = (1, len(backbone.mean), *size)
        runtime = Torch(self.network, torch.device("cpu"), False, backbone._probe)
        example = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        with runtime.ready(self._modules_by_layer, shape, backbone.digest) as forward:
            outputs = forward(example)
        for layer, module in self._modules_by_layer.items():
            self._layouts[layer] = runtime._layouts.get(module, size, backbone.digest)
            self.grids[layer] = (outputs[layer].shape[2], outputs[layer].shape[3])

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return layer -> (N, C, h, w) float32 of (N, H, W, 3) uint8 images."""
        pixels = images.permute(0, 3, 1, 2).float() / 255  # (N, 3, H, W)
        if self.is_grey:
            pixels = (pixels * self.grey).sum(1, keepdim=True)
        pixels = (pixels - self.mean) / self.std
        outputs = {networks.PIXELS: pixels}

        def hook_for(layer: str) -> Callable[..., None]:
            def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
                if layer not in outputs:  # of a module that is used several times the first counts
                    # A clone, since the network may overwrite its output
                    outputs[layer] = self._layouts[layer](tensor_of(output).clone())

            return keep

        parts = dict(self.network.named_modules())
        handles = [
            parts[module].register_forward_hook(hook_for(layer))
            for layer, module in self._modules_by_layer.items()
        ]
        try:
            # To its end: an exporter follows no exception, and leaves out what nothing needs
            self.network(pixels)
        finally:
            for handle in handles:
                handle.remove()
        return {layer: outputs[layer] for layer in self.layers}
