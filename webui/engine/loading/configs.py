"""Configs of modules, told by the shapes of their tensors (under the module's names).

What shapes don't tell is written down here, as published with the models: the size of attention heads, activations,
the scale of latents. A config that comes with the file wins over these.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from webui.engine.loading.tensors import Shape
from webui.errors import CheckpointUnusable

Shapes = Mapping[str, Shape]
Config = dict[str, Any]

HEAD = 64
"""Width of an attention head in OpenCLIP, in U-Nets with linear projections, in T5, in SD3, and where an IP-Adapter reads tokens."""

SD1_HEADS = 8
"""Attention heads in each block of Stable Diffusion 1's U-Net, whatever its width."""

END_OF_TEXT = 49407
"""CLIP's end token. Old configs say 2, which makes the encoder take the token with the largest id for the end of the text."""


def count(shapes: Shapes, pattern: str) -> int:
    """How many different numbers the pattern's one group takes, counted from 0."""
    found = [int(match[1]) for name in shapes if (match := re.match(pattern, name))]
    return max(found, default=-1) + 1


def text_width(shapes: Shapes) -> int:
    """How wide the tokens are that a U-Net takes."""
    return next(shape[1] for name, shape in shapes.items() if name.endswith("attn2.to_k.weight"))


def pooled_width(shapes: Shapes) -> int:
    """How wide the pooled prompt is that a transformer takes."""
    return shapes["time_text_embed.text_embedder.linear_1.weight"][1]


def unet_config(shapes: Shapes) -> Config:
    """UNet2DConditionModel of Stable Diffusion 1, 2, XL, refiner and their inpainting variants."""
    levels = count(shapes, r"down_blocks\.(\d+)\.")
    widths = [shapes[f"down_blocks.{level}.resnets.0.conv1.weight"][0] for level in range(levels)]
    depths = [count(shapes, rf"down_blocks\.{level}\.attentions\.0\.transformer_blocks\.(\d+)\.") for level in range(levels)]
    middle = count(shapes, r"mid_block\.attentions\.0\.transformer_blocks\.(\d+)\.")
    linear = len(shapes["mid_block.attentions.0.proj_in.weight"]) == 2
    config: Config = {
        "sample_size": 64,
        "in_channels": shapes["conv_in.weight"][1],
        "out_channels": shapes["conv_out.weight"][0],
        "block_out_channels": widths,
        "layers_per_block": count(shapes, r"down_blocks\.0\.resnets\.(\d+)\."),
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "up_block_types": ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(depths)],
        # diffusers takes the middle block's depth from the last entry.
        "transformer_layers_per_block": [*(depth or 1 for depth in depths[:-1]), depths[-1] or middle],
        "cross_attention_dim": text_width(shapes),
        "use_linear_projection": linear,
        # diffusers' name for the number of heads.
        "attention_head_dim": [max(1, width // HEAD) for width in widths] if linear else SD1_HEADS,
    }
    if "add_embedding.linear_1.weight" in shapes:
        config |= {
            "addition_embed_type": "text_time",
            "addition_time_embed_dim": 256,
            "projection_class_embeddings_input_dim": shapes["add_embedding.linear_1.weight"][1],
        }
    return config


def vae_config(shapes: Shapes) -> Config:
    """AutoencoderKL without the scale of its latents, which is the family's."""
    levels = count(shapes, r"encoder\.down_blocks\.(\d+)\.")
    return {
        "sample_size": 512,
        "in_channels": shapes["encoder.conv_in.weight"][1],
        "out_channels": shapes["decoder.conv_out.weight"][0],
        "latent_channels": shapes["decoder.conv_in.weight"][1],
        "block_out_channels": [shapes[f"encoder.down_blocks.{level}.resnets.0.conv1.weight"][0] for level in range(levels)],
        "layers_per_block": count(shapes, r"encoder\.down_blocks\.0\.resnets\.(\d+)\."),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "use_quant_conv": "quant_conv.weight" in shapes,
        "use_post_quant_conv": "post_quant_conv.weight" in shapes,
        "mid_block_add_attention": "decoder.mid_block.attentions.0.to_q.weight" in shapes,
    }


LATENT_SCALES: Mapping[str, Config] = {
    "sd1": {"scaling_factor": 0.18215},
    "sd2": {"scaling_factor": 0.18215},
    "sdxl": {"scaling_factor": 0.13025, "force_upcast": True},
    "sdxl_refiner": {"scaling_factor": 0.13025, "force_upcast": True},
    "sd3": {"scaling_factor": 1.5305, "shift_factor": 0.0609},
    "flux": {"scaling_factor": 0.3611, "shift_factor": 0.1159},
}
"""Family -> what its VAE's latents are multiplied with after `shift_factor` is taken away."""


def clip_config(shapes: Shapes, activation: str) -> Config:
    """CLIPTextModel, or CLIPTextModelWithProjection where there is a projection. activation: quick_gelu (OpenAI) or gelu (OpenCLIP)."""
    inner = "text_model." if any(name.startswith("text_model.") for name in shapes) else ""
    vocabulary, width = shapes[f"{inner}embeddings.token_embedding.weight"]
    if vocabulary <= END_OF_TEXT:
        raise CheckpointUnusable(
            f"Its text encoder knows {vocabulary:,} tokens, CLIP's tokenizer {END_OF_TEXT + 1:,}; no tokenizer of its own comes with it.",
            hint="Use the checkpoint as a diffusers folder, which has its tokenizer inside.",
        )
    return {
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": shapes[f"{inner}encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": count(shapes, rf"{re.escape(inner)}encoder\.layers\.(\d+)\."),
        "num_attention_heads": max(1, width // HEAD),
        "max_position_embeddings": shapes[f"{inner}embeddings.position_embedding.weight"][0],
        "hidden_act": activation,
        "projection_dim": shapes.get("text_projection.weight", (width, width))[0],
        "bos_token_id": END_OF_TEXT - 1,
        "eos_token_id": END_OF_TEXT,
        "pad_token_id": END_OF_TEXT,
    }


CLIP_VISION_HEADS: Mapping[int, int] = {1024: 16, 1280: 16, 1664: 16}
"""Width of a CLIP image encoder (ViT-L, ViT-H, ViT-bigG) -> its attention heads; others have heads of HEAD."""

_OPENAI_WIDTHS = (768, 1024)
"""Of the image encoders whose activation is OpenAI's quick_gelu; those of OpenCLIP have gelu."""


def clip_vision_config(shapes: Shapes) -> Config:
    """CLIPVisionModelWithProjection."""
    width, _, patch, _ = shapes["vision_model.embeddings.patch_embedding.weight"]
    patches = shapes["vision_model.embeddings.position_embedding.weight"][0] - 1
    return {
        "hidden_size": width,
        "intermediate_size": shapes["vision_model.encoder.layers.0.mlp.fc1.weight"][0],
        "num_hidden_layers": count(shapes, r"vision_model\.encoder\.layers\.(\d+)\."),
        "num_attention_heads": CLIP_VISION_HEADS.get(width, max(1, width // HEAD)),
        "image_size": math.isqrt(patches) * patch,
        "patch_size": patch,
        "projection_dim": shapes["visual_projection.weight"][0],
        "hidden_act": "quick_gelu" if width in _OPENAI_WIDTHS else "gelu",
    }


def ip_adapter_config(shapes: Shapes, version: str) -> Config:
    """IPAdapter (webui.engine.adapters.ip_adapter_network). version: as webui.catalog.detect tells it."""
    layers = count(shapes, r"layers\.(\d+)\.")
    widths = [shapes[f"layers.{layer}.to_k_ip.weight"][0] for layer in range(layers)]
    text = shapes["layers.0.to_k_ip.weight"][1]
    tokens = {"plain": _plain_tokens, "full": _full_tokens, "plus": _plus_tokens}[version](shapes, text)
    return {"version": version, "tokens": tokens, "text_width": text, "widths": widths}


def _plain_tokens(shapes: Shapes, text: int) -> Config:
    out, into = shapes["image_proj.image_embeds.weight"]
    return {"image_embed_dim": into, "cross_attention_dim": text, "num_image_text_embeds": out // text}


def _full_tokens(shapes: Shapes, text: int) -> Config:
    return {"image_embed_dim": shapes["image_proj.ff.net.0.proj.weight"][1], "cross_attention_dim": text}


def _plus_tokens(shapes: Shapes, text: int) -> Config:
    _, queries, width = shapes["image_proj.latents"]
    return {
        "embed_dims": shapes["image_proj.proj_in.weight"][1],
        "output_dims": text,
        "hidden_dims": width,
        "depth": count(shapes, r"image_proj\.layers\.(\d+)\."),
        "dim_head": HEAD,
        "heads": shapes["image_proj.layers.0.attn.to_q.weight"][0] // HEAD,
        "num_queries": queries,
        "ffn_ratio": shapes["image_proj.layers.0.ff.1.net.0.proj.weight"][0] / width,
    }


def t5_config(shapes: Shapes) -> Config:
    """T5EncoderModel (T5 1.1: gated)."""
    vocabulary, width = shapes["shared.weight"]
    buckets, heads = shapes["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    gated = "encoder.block.0.layer.1.DenseReluDense.wi_0.weight" in shapes
    return {
        "vocab_size": vocabulary,
        "d_model": width,
        "d_kv": shapes["encoder.block.0.layer.0.SelfAttention.q.weight"][0] // heads,
        "d_ff": shapes["encoder.block.0.layer.1.DenseReluDense.wo.weight"][1],
        "num_layers": count(shapes, r"encoder\.block\.(\d+)\."),
        "num_heads": heads,
        "relative_attention_num_buckets": buckets,
        "feed_forward_proj": "gated-gelu" if gated else "relu",
        "is_encoder_decoder": False,
        "use_cache": False,
    }


def sd3_config(shapes: Shapes) -> Config:
    """SD3Transformer2DModel."""
    width, channels, patch, _ = shapes["pos_embed.proj.weight"]
    config: Config = {
        "sample_size": 128,
        "patch_size": patch,
        "in_channels": channels,
        "out_channels": channels,
        "num_layers": count(shapes, r"transformer_blocks\.(\d+)\."),
        "attention_head_dim": HEAD,
        "num_attention_heads": width // HEAD,
        "joint_attention_dim": shapes["context_embedder.weight"][1],
        "caption_projection_dim": shapes["context_embedder.weight"][0],
        "pooled_projection_dim": shapes["time_text_embed.text_embedder.linear_1.weight"][1],
        "pos_embed_max_size": math.isqrt(shapes["pos_embed.pos_embed"][1]),
    }
    dual = {int(match[1]) for name in shapes if (match := re.match(r"transformer_blocks\.(\d+)\.attn2\.", name))}
    if dual:
        config["dual_attention_layers"] = sorted(dual)
    if "transformer_blocks.0.attn.norm_q.weight" in shapes:
        config["qk_norm"] = "rms_norm"
    return config


def flux_config(shapes: Shapes) -> Config:
    """FluxTransformer2DModel."""
    (head,) = shapes["transformer_blocks.0.attn.norm_q.weight"]
    rotary = 7 * head // 16
    return {
        "patch_size": 1,
        "in_channels": shapes["x_embedder.weight"][1],
        "num_layers": count(shapes, r"transformer_blocks\.(\d+)\."),
        "num_single_layers": count(shapes, r"single_transformer_blocks\.(\d+)\."),
        "attention_head_dim": head,
        "num_attention_heads": shapes["x_embedder.weight"][0] // head,
        "joint_attention_dim": shapes["context_embedder.weight"][1],
        "pooled_projection_dim": shapes["time_text_embed.text_embedder.linear_1.weight"][1],
        "guidance_embeds": "time_text_embed.guidance_embedder.linear_1.weight" in shapes,
        "axes_dims_rope": [head - 2 * rotary, rotary, rotary],
    }
