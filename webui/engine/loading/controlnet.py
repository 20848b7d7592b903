"""ControlNets for Stable Diffusion 1, 2 and XL: a file in the original layout or under diffusers' names, or a diffusers folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from webui.catalog.diffusers_folder import read_json
from webui.engine.device import Device
from webui.engine.loading import configs
from webui.engine.loading.adapter_file import told_of_adapter
from webui.engine.loading.checkpoint import open_file
from webui.engine.loading.component import ComponentSource, component, load_component
from webui.engine.loading.diffusers_folder import VOLATILE
from webui.engine.loading.layouts import names_under, plain_layout, unet_layout
from webui.engine.loading.tensors import Layout, Origin, Shape, shapes_of
from webui.errors import AdapterUnusable

_WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")

_FIRST, _FIRST_ORIGINAL = "controlnet_cond_embedding.conv_in.weight", "input_hint_block.0.weight"
_PREFIXES = ("control_model.", "")

_LAST_HINT = 14

_ONLY_OF_UNETS = ("out_channels", "sample_size", "up_block_types")


def open_controlnet(path: Path, cache: Path | None = None) -> ComponentSource:
    """Look at a ControlNet: headers only, but for old pickles, which are converted first. Raises AdapterUnusable.

    cache: folder to keep converted pickles in.
    """
    weights = next((path / name for name in _WEIGHTS if (path / name).is_file()), path)
    with told_of_adapter(path):
        file = open_file(weights, cache)
        layout = controlnet_layout(file.shapes)
        if not layout:
            raise AdapterUnusable(f"{path.name} is not a ControlNet that Easel knows.", hint="Pick another one.")
        shapes = shapes_of(file.shapes, layout)
        given = weights.parent / "config.json"
        config = read_json(given.parent, given.name) if weights.name in _WEIGHTS and given.is_file() else controlnet_config(shapes)
        config = {key: value for key, value in config.items() if key not in VOLATILE}
        return component("controlnet", "controlnet", file, layout, config)


def load_controlnet(path: Path, device: Device) -> torch.nn.Module:
    """A diffusers ControlNetModel on the device, ready to run. Raises AdapterUnusable when that is none, or damaged."""
    source = open_controlnet(path)
    with told_of_adapter(path):
        return load_component(source, device)


def controlnet_layout(shapes: Mapping[str, Shape]) -> Layout:
    """Name in the module -> name in the file; empty when the file holds no ControlNet."""
    for prefix in _PREFIXES:
        if prefix + _FIRST in shapes:
            return plain_layout(shapes, prefix)
        if prefix + _FIRST_ORIGINAL in shapes:
            own = {_own_name(short): Origin(whole) for short, whole in names_under(shapes, prefix)}
            return {**unet_layout(shapes, prefix), **{name: origin for name, origin in own.items() if name}}
    return {}


def _own_name(short: str) -> str:
    """What a ControlNet has beyond the first half of a U-Net; empty for all else."""
    for pattern, becomes in (
        (r"zero_convs\.(\d+)\.0\.", r"controlnet_down_blocks.\1."),
        (r"middle_block_out\.0\.", "controlnet_mid_block."),
    ):
        match = re.match(pattern, short)
        if match:
            return match.expand(becomes) + short[match.end() :]
    hint = re.match(r"input_hint_block\.(\d+)\.", short)
    if hint is None:
        return ""
    # Every second one is an activation; between the first and the last one stand the blocks.
    number = int(hint[1])
    place = {0: "conv_in", _LAST_HINT: "conv_out"}.get(number, f"blocks.{number // 2 - 1}")
    return f"controlnet_cond_embedding.{place}.{short[hint.end() :]}"


def controlnet_config(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """ControlNetModel: the first half of a U-Net of that family, and how its picture is brought to the size of latents."""
    # A U-Net's config asks for its last layer, which a ControlNet doesn't have.
    unet = configs.unet_config({**shapes, "conv_out.weight": shapes["conv_in.weight"]})
    blocks = configs.count(shapes, r"controlnet_cond_embedding\.blocks\.(\d+)\.")
    widths = [
        shapes[_FIRST][0],
        *(shapes[f"controlnet_cond_embedding.blocks.{block}.weight"][0] for block in range(1, blocks, 2)),
    ]
    return {key: value for key, value in unet.items() if key not in _ONLY_OF_UNETS} | {"conditioning_embedding_out_channels": widths}
