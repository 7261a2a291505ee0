"""Whether the weights of networks are available, before a long run needs them."""

from __future__ import annotations

from adviz.features import EMBEDDED, import_timm, new_timm_name

TIMEOUT = 5.0  # seconds
FILES = ("model.safetensors", "pytorch_model.bin")  # what timm asks its hub for


def weights_missing(name: str) -> str:
    """Return why the published weights of a network are not available; "" where they are.

    Weights that can be downloaded count as available; nothing is downloaded.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    if name in EMBEDDED:
        return ""
    timm = import_timm()
    new_name = new_timm_name(name)
    if new_name:
        return f"{name} is now {new_name}: use that name, under which its weights are published"
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError as error:
        return f"the network {name!r} is unknown to timm ({error})"
    if config is None or not (config.hf_hub_id or config.url or config.file):
        return f"timm publishes no weights for {name!r}"
    if not config.hf_hub_id:
        return ""
    if any(isinstance(try_to_load_from_cache(config.hf_hub_id, file), str) for file in FILES):
        return ""
    try:
        get_hf_file_metadata(hf_hub_url(config.hf_hub_id, FILES[0]), timeout=TIMEOUT)
    except Exception as error:  # http and socket errors share no base class
        return f"not here, and cannot be downloaded ({type(error).__name__})"
    return ""
