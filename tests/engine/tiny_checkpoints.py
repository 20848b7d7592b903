"""Tiny checkpoints with random weights, one of each family: diffusers' modules, and the file in which they would be published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from webui.engine.loading.modules import module_class

from .drawing import CHECKPOINT
from .original_layouts import (
    State,
    clip_as_published,
    flux_as_published,
    open_clip_as_published,
    sd3_as_published,
    t5_as_published,
    unet_as_published,
    vae_as_published,
)

VOCABULARY, T5_VOCABULARY = 49408, 32128
VAE_SIZES = {
    "block_out_channels": (32, 32, 32, 32),
    "layers_per_block": 1,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}


@dataclass(frozen=True)
class Tiny:
    """The modules by kind of component, fp32, and their tensors under published names."""

    modules: Mapping[str, Any]
    state: State

    def save(self, path: Path, metadata: dict[str, str] | None = None) -> Path:
        """Write the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({name: tensor.contiguous().clone() for name, tensor in self.state.items()}, path, metadata)
        return path


def made(module: str, **config: Any) -> Any:
    """A module with random weights, always the same ones, large enough to be told apart."""
    kind = module_class(module)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        built = kind(kind.config_class(**config)) if hasattr(kind, "config_class") else kind(**config)
        for name, tensor in built.state_dict().items():
            if "norm" not in name or name.endswith("linear.weight"):
                tensor.add_(torch.randn(tensor.shape) * 0.02)
    return built.eval().requires_grad_(False)


def clip(width: int, layers: int, activation: str, *, projection: int = 0) -> Any:
    """A CLIP text encoder."""
    sizes = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": layers, "num_attention_heads": width // 64}
    ends = {"bos_token_id": 49406, "eos_token_id": 49407, "pad_token_id": 49407}
    module = "clip_projected" if projection else "clip"
    return made(module, vocab_size=VOCABULARY, **sizes, **ends, hidden_act=activation, projection_dim=projection or width)


def t5(width: int) -> Any:
    """The encoder of a T5 1.1."""
    sizes = {"d_model": width, "d_kv": 8, "d_ff": 2 * width, "num_layers": 2, "num_heads": 2}
    return made("t5", vocab_size=T5_VOCABULARY, **sizes, feed_forward_proj="gated-gelu", is_encoder_decoder=False, use_cache=False)


def vae(scale: float, channels: int = 4, **more: Any) -> Any:
    """A KL autoencoder."""
    return made("vae", **VAE_SIZES | more, latent_channels=channels, scaling_factor=scale)


def sd1(*, inpainting: bool = False) -> Tiny:
    """Stable Diffusion 1: convolutions around the attention, eight heads."""
    text = clip(64, 2, "quick_gelu")
    unet = made(
        "unet",
        sample_size=64,
        in_channels=9 if inpainting else 4,
        block_out_channels=(32, 64),
        layers_per_block=1,
        cross_attention_dim=64,
        attention_head_dim=8,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )
    decoder = vae(0.18215, block_out_channels=(64,) * 4) if inpainting else vae(0.18215)
    if inpainting:
        # It encodes grey: norms over channels that are all alike would make noise of their rounding.
        decoder.encoder.conv_in.bias.data = torch.tensor([-1.0, 1.0]).repeat(32)
    state = unet_as_published(unet) | vae_as_published(decoder) | clip_as_published(text, "cond_stage_model.transformer.")
    return Tiny({"text_encoder": text, "denoiser": unet, "vae": decoder}, state)


def sd2() -> Tiny:
    """Stable Diffusion 2: OpenCLIP without its last layer, linear projections, heads of 64."""
    text = clip(64, 2, "gelu")
    unet = made(
        "unet",
        sample_size=64,
        block_out_channels=(64, 128),
        layers_per_block=2,
        cross_attention_dim=64,
        attention_head_dim=(1, 2),
        use_linear_projection=True,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )
    decoder = vae(0.18215)
    text_state = open_clip_as_published(text, "cond_stage_model.model.", extra_layer=True)
    return Tiny({"text_encoder": text, "denoiser": unet, "vae": decoder}, unet_as_published(unet) | vae_as_published(decoder) | text_state)


def sdxl(*, refiner: bool = False) -> Tiny:
    """SDXL: two text encoders of different width, two and more transformer blocks, sizes as conditions."""
    large = clip(128, 3, "gelu", projection=128)
    small = None if refiner else clip(64, 3, "quick_gelu")
    unet = made(
        "unet",
        sample_size=128,
        block_out_channels=(32, 64, 64) if not refiner else (32, 64, 64, 64),
        layers_per_block=1,
        cross_attention_dim=128 if refiner else 192,
        attention_head_dim=(1, 1, 1, 1) if refiner else (1, 1, 1),
        use_linear_projection=True,
        transformer_layers_per_block=(1, 2, 2, 2) if refiner else (1, 1, 3),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", *(("DownBlock2D",) if refiner else ())),
        up_block_types=(*(("UpBlock2D",) if refiner else ()), "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        addition_embed_type="text_time",
        addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=128 + (5 if refiner else 6) * 256,
    )
    decoder = vae(0.13025, force_upcast=True)
    state = unet_as_published(unet) | vae_as_published(decoder)
    state |= open_clip_as_published(large, f"conditioner.embedders.{0 if refiner else 1}.model.")
    if small is None:
        return Tiny({"text_encoder_2": large, "denoiser": unet, "vae": decoder}, state)
    state |= clip_as_published(small, "conditioner.embedders.0.transformer.")
    return Tiny({"text_encoder": small, "text_encoder_2": large, "denoiser": unet, "vae": decoder}, state)


def sd3(*, large: bool = False, with_t5: bool = True, texts_inside: bool = True) -> Tiny:
    """SD3 as in 3.5: norms on queries and keys; medium has a second attention in its first block, large none."""
    small, big, third = clip(64, 3, "quick_gelu", projection=64), clip(128, 3, "gelu", projection=128), t5(256)
    small.text_projection.weight.data = torch.eye(64)
    transformer = made(
        "sd3",
        sample_size=128,
        patch_size=2,
        in_channels=16,
        num_layers=2,
        attention_head_dim=64,
        num_attention_heads=1,
        joint_attention_dim=256,
        caption_projection_dim=64,
        pooled_projection_dim=192,
        out_channels=16,
        pos_embed_max_size=48,
        dual_attention_layers=() if large else (0,),
        qk_norm="rms_norm",
    )
    decoder = vae(1.5305, 16, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False)
    state = sd3_as_published(transformer)
    modules = {"text_encoder": small, "text_encoder_2": big, "denoiser": transformer, "vae": decoder}
    if texts_inside:
        state |= vae_as_published(decoder)
        state |= clip_as_published(small, "text_encoders.clip_l.transformer.") | clip_as_published(big, "text_encoders.clip_g.transformer.")
    if with_t5:
        modules["text_encoder_3"] = third
        if texts_inside:
            state |= t5_as_published(third, "text_encoders.t5xxl.transformer.")
    return Tiny(modules, state)


def flux(*, schnell: bool = False, prefix: str = "") -> Tiny:
    """FLUX as it is published mostly: the transformer alone. Its other parts are in `modules`."""
    text, words = clip(64, 2, "quick_gelu"), t5(64)
    transformer = made(
        "flux",
        patch_size=1,
        in_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=32,
        num_attention_heads=2,
        joint_attention_dim=64,
        pooled_projection_dim=64,
        guidance_embeds=not schnell,
        axes_dims_rope=(4, 14, 14),
    )
    decoder = vae(0.3611, 16, shift_factor=0.1159, use_quant_conv=False, use_post_quant_conv=False)
    modules = {"text_encoder": text, "text_encoder_2": words, "denoiser": transformer, "vae": decoder}
    return Tiny(modules, flux_as_published(transformer, prefix))


def save_parts_of_flux(tiny: Tiny, root: Path) -> None:
    """The files that lie beside a FLUX transformer."""
    texts = root / "text_encoders"
    Tiny({}, clip_as_published(tiny.modules["text_encoder"], "")).save(texts / "clip_l.safetensors")
    Tiny({}, t5_as_published(tiny.modules["text_encoder_2"])).save(texts / "t5xxl_fp16.safetensors")
    Tiny({}, vae_as_published(tiny.modules["vae"], "")).save(root / "vae" / "ae.safetensors")


def emoji_as_single_file() -> Tiny:
    """The shipped checkpoint, whose sizes no shapes tell: its small files have to come with it."""
    text = module_class("clip").from_pretrained(CHECKPOINT / "text_encoder", dtype=torch.float16)
    unet = module_class("unet").from_pretrained(CHECKPOINT / "unet", torch_dtype=torch.float16)
    decoder = module_class("vae").from_pretrained(CHECKPOINT / "vae", torch_dtype=torch.float16)
    state = unet_as_published(unet) | vae_as_published(decoder) | clip_as_published(text, "cond_stage_model.transformer.")
    return Tiny({"text_encoder": text, "denoiser": unet, "vae": decoder}, state)


def small_files(folder: Path) -> dict[str, str]:
    """The metadata that takes a diffusers folder's small files along."""
    files = {
        f"{part.name}/{file.name}": json.loads(file.read_text("utf-8"))
        for part in folder.iterdir()
        if part.is_dir()
        for file in part.glob("*.json")
    }
    return {"easel.files": json.dumps(files)}
