"""The module classes that components are made of, and how one is built without memory for its weights."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any

import torch

CLASSES: Mapping[str, tuple[str, str]] = {
    "unet": ("diffusers.models.unets.unet_2d_condition", "UNet2DConditionModel"),
    "sd3": ("diffusers.models.transformers.transformer_sd3", "SD3Transformer2DModel"),
    "flux": ("diffusers.models.transformers.transformer_flux", "FluxTransformer2DModel"),
    "controlnet": ("diffusers.models.controlnets.controlnet", "ControlNetModel"),
    "ip_adapter": ("webui.engine.adapters.ip_adapter_network", "IPAdapter"),
    "image_encoder": ("transformers.models.clip.modeling_clip", "CLIPVisionModelWithProjection"),
    "cut_out": ("webui.engine.subject_network", "SubjectNetwork"),
    "vae": ("diffusers.models.autoencoders.autoencoder_kl", "AutoencoderKL"),
    "clip": ("transformers.models.clip.modeling_clip", "CLIPTextModel"),
    "clip_projected": ("transformers.models.clip.modeling_clip", "CLIPTextModelWithProjection"),
    "t5": ("transformers.models.t5.modeling_t5", "T5EncoderModel"),
}
"""Our name of a module -> where its class lies."""


def module_class(module: str) -> Any:
    """The class. The first call imports its library, which takes seconds."""
    where, name = CLASSES[module]
    return getattr(importlib.import_module(where), name)


def import_model_libraries() -> None:
    """Import diffusers and transformers as far as most checkpoints need them."""
    from transformers.models.clip.tokenization_clip import CLIPTokenizer  # noqa: F401  # pyright: ignore[reportUnusedImport]

    for module in ("unet", "vae", "clip"):
        module_class(module)


def architecture(module: str, config: Mapping[str, Any]) -> str:
    """Equal for modules that are built alike."""
    return f"{module} {hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:16]}"


def builder(module: str, config: Mapping[str, Any]) -> Callable[[], torch.nn.Module]:
    """A function that builds the module on the meta device; buffers that no checkpoint holds are real."""

    def build() -> torch.nn.Module:
        kind = module_class(module)
        with torch.device("meta"):
            # Models of transformers take a config object, those of diffusers make one.
            built = kind(kind.config_class(**config)) if hasattr(kind, "config_class") else kind.from_config(dict(config))
        _restore_positions(built)
        return built

    return build


def _restore_positions(built: torch.nn.Module) -> None:
    for part in built.modules():
        if "position_ids" in part._buffers:  # pyright: ignore[reportPrivateUsage]
            length: Any = part.get_submodule("position_embedding").num_embeddings
            part.register_buffer("position_ids", torch.arange(length).expand((1, -1)), persistent=False)
