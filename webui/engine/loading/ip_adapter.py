"""IP-Adapters for Stable Diffusion 1, 2 and XL, and the image encoders that they listen to: single files as they are published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from webui.catalog.detect import image_encoder_title, ip_adapter_version
from webui.catalog.diffusers_folder import read_json
from webui.engine.loading.adapter_file import told_of_adapter
from webui.engine.loading.checkpoint import open_file
from webui.engine.loading.component import ComponentSource, component
from webui.engine.loading.configs import clip_vision_config, ip_adapter_config
from webui.engine.loading.layouts import clip_vision_layout, ip_adapter_layout, open_clip_vision_layout
from webui.engine.loading.tensors import Layout, Shape, shapes_of
from webui.errors import AdapterUnusable

VERSIONS = ("plain", "plus", "full")

_TOLD_BY_CONFIGS = ("hidden_act", "num_attention_heads", "layer_norm_eps")
"""What shapes don't tell of an image encoder."""


def open_ip_adapter(path: Path, cache: Path | None = None) -> ComponentSource:
    """Look at an IP-Adapter: its header only, but for old pickles, which are converted first. Raises AdapterUnusable.

    cache: folder to keep converted pickles in.
    """
    with told_of_adapter(path):
        file = open_file(path, cache)
        version, _, _ = ip_adapter_version(file.shapes)
        layout = ip_adapter_layout(file.shapes, version) if version in VERSIONS else {}
        if not layout:
            raise AdapterUnusable(f"{path.name} is not an IP-Adapter that Easel knows.", hint="Pick another one.")
        return component("ip_adapter", "ip_adapter", file, layout, ip_adapter_config(shapes_of(file.shapes, layout), version))


def open_image_encoder(path: Path, cache: Path | None = None) -> ComponentSource:
    """Look at a CLIP image encoder under transformers' or OpenCLIP's names, likewise. Raises AdapterUnusable.

    A config.json that comes with it, as in diffusers' image_encoder folders, wins where shapes don't tell.
    """
    with told_of_adapter(path):
        file = open_file(path, cache)
        layout = image_encoder_layout(file.shapes)
        if not layout:
            raise AdapterUnusable(f"{path.name} is not an image encoder that Easel knows.", hint="Use the one that was published.")
        config = clip_vision_config(shapes_of(file.shapes, layout))
        title = image_encoder_title(config["hidden_size"], config["projection_dim"])
        shown = f"{path.name} (image encoder{f' {title}' if title else ''})"
        return component("image_encoder", "image_encoder", file, layout, config | _told_beside(path), shown)


def image_encoder_layout(shapes: Mapping[str, Shape]) -> Layout:
    """Name in the module -> name in the file; empty when the file holds no CLIP image encoder."""
    if "vision_model.embeddings.class_embedding" in shapes:
        return clip_vision_layout(shapes)
    return open_clip_vision_layout(shapes) if "visual.class_embedding" in shapes else {}


def _told_beside(path: Path) -> dict[str, Any]:
    """What a config.json beside a file that is called model tells."""
    if not path.name.startswith("model.") or not (path.parent / "config.json").is_file():
        return {}
    config = read_json(path.parent, "config.json")
    config = config.get("vision_config", config)
    return {key: config[key] for key in _TOLD_BY_CONFIGS if key in config}
