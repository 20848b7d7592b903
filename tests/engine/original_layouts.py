"""Checkpoint files in the layouts in which they are published, written from diffusers' modules.

The way back of what webui.engine.loading.layouts does, written for itself: names are rewritten here from the module's side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

State = dict[str, torch.Tensor]


def _replaced(name: str, table: Mapping[str, str]) -> str:
    for pattern, becomes in table.items():
        name = re.sub(pattern, becomes, name)
    return name


RESNET = {
    r"\.norm1\.": ".in_layers.0.",
    r"\.conv1\.": ".in_layers.2.",
    r"\.time_emb_proj\.": ".emb_layers.1.",
    r"\.norm2\.": ".out_layers.0.",
    r"\.conv2\.": ".out_layers.3.",
    r"\.conv_shortcut\.": ".skip_connection.",
}

UNET = {
    r"^conv_in\.": "input_blocks.0.0.",
    r"^conv_norm_out\.": "out.0.",
    r"^conv_out\.": "out.2.",
    r"^time_embedding\.linear_1\.": "time_embed.0.",
    r"^time_embedding\.linear_2\.": "time_embed.2.",
    r"^add_embedding\.linear_1\.": "label_emb.0.0.",
    r"^add_embedding\.linear_2\.": "label_emb.0.2.",
    r"^mid_block\.resnets\.0\.": "middle_block.0.",
    r"^mid_block\.attentions\.0\.": "middle_block.1.",
    r"^mid_block\.resnets\.1\.": "middle_block.2.",
}


def unet_as_published(unet: Any) -> State:
    """UNet2DConditionModel -> the names of latent-diffusion, with their prefix."""
    layers = unet.config.layers_per_block
    upward_attention = [bool(getattr(block, "attentions", None)) for block in unet.up_blocks]
    result = {}
    for name, tensor in unet.state_dict().items():
        short = _replaced(name, UNET)
        block = re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)", short)
        if block:
            number, kind, layer, leaf = int(block[2]), block[3], int(block[4]), block[5]
            if block[1] == "down":
                place = f"input_blocks.{1 + number * (layers + 1) + (layers if kind == 'downsamplers' else layer)}"
                short = {"resnets": f"{place}.0.{leaf}", "attentions": f"{place}.1.{leaf}"}.get(kind, f"{place}.0.op.{leaf[5:]}")
            else:
                place = f"output_blocks.{number * (layers + 1) + (layers if kind == 'upsamplers' else layer)}"
                sampler = f"{place}.{2 if upward_attention[number] else 1}.{leaf}"
                short = {"resnets": f"{place}.0.{leaf}", "attentions": f"{place}.1.{leaf}"}.get(kind, sampler)
        if "resnets" in name:
            short = _replaced(short, RESNET)
        result[f"model.diffusion_model.{short}"] = tensor
    return result


VAE = {
    r"\.mid_block\.resnets\.0\.": ".mid.block_1.",
    r"\.mid_block\.resnets\.1\.": ".mid.block_2.",
    r"\.mid_block\.attentions\.0\.": ".mid.attn_1.",
    r"\.down_blocks\.(\d+)\.resnets\.": r".down.\1.block.",
    r"\.down_blocks\.(\d+)\.downsamplers\.0\.": r".down.\1.downsample.",
    r"\.up_blocks\.(\d+)\.resnets\.": r".up.\1.block.",
    r"\.up_blocks\.(\d+)\.upsamplers\.0\.": r".up.\1.upsample.",
    r"\.conv_norm_out\.": ".norm_out.",
    r"\.conv_shortcut\.": ".nin_shortcut.",
    r"\.attn_1\.group_norm\.": ".attn_1.norm.",
    r"\.attn_1\.to_([qkv])\.": r".attn_1.\1.",
    r"\.attn_1\.to_out\.0\.": ".attn_1.proj_out.",
}


def vae_as_published(vae: Any, prefix: str = "first_stage_model.") -> State:
    """AutoencoderKL -> the names of latent-diffusion."""
    levels = len(vae.config.block_out_channels)
    result = {}
    for name, tensor in vae.state_dict().items():
        short = _replaced(name, VAE)
        short = re.sub(r"^decoder\.up\.(\d+)", lambda match: f"decoder.up.{levels - 1 - int(match[1])}", short)
        projection = re.search(r"\.attn_1\.(q|k|v|proj_out)\.weight$", short)
        result[prefix + short] = tensor[:, :, None, None] if projection else tensor
    return result


def clip_as_published(encoder: Any, prefix: str) -> State:
    """CLIPTextModel (with projection or without) -> transformers' own names of old, which nest the model."""
    return {
        prefix + (name if name.startswith(("text_model.", "text_projection.")) else f"text_model.{name}"): tensor
        for name, tensor in encoder.state_dict().items()
    }


OPEN_CLIP = {
    r"^text_model\.": "",
    r"^embeddings\.token_embedding\.": "token_embedding.",
    r"^embeddings\.position_embedding\.weight": "positional_embedding",
    r"^final_layer_norm\.": "ln_final.",
    r"^encoder\.layers\.": "transformer.resblocks.",
    r"\.layer_norm1\.": ".ln_1.",
    r"\.layer_norm2\.": ".ln_2.",
    r"\.mlp\.fc1\.": ".mlp.c_fc.",
    r"\.mlp\.fc2\.": ".mlp.c_proj.",
    r"\.self_attn\.out_proj\.": ".attn.out_proj.",
}


def open_clip_as_published(encoder: Any, prefix: str, *, extra_layer: bool = False) -> State:
    """CLIPTextModel -> the names of open_clip. extra_layer: one more at the end, which Stable Diffusion 2 has and never uses."""
    state = encoder.state_dict()
    result = {}
    for name, tensor in state.items():
        short = _replaced(name, OPEN_CLIP)
        query = re.match(r"(.+)\.self_attn\.q_proj\.(weight|bias)$", short)
        if query:
            rows = torch.cat([state[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")])
            result[f"{prefix}{query[1]}.attn.in_proj_{query[2]}"] = rows
        elif short == "text_projection.weight":
            result[f"{prefix}text_projection"] = tensor.T.contiguous()
        elif ".self_attn." not in short:
            result[prefix + short] = tensor
    if extra_layer:
        last = encoder.config.num_hidden_layers
        first = f"{prefix}transformer.resblocks.0."
        copies = {name.replace(".0.", f".{last}.", 1): torch.ones_like(tensor) for name, tensor in result.items() if name.startswith(first)}
        result |= copies
    return result


def t5_as_published(encoder: Any, prefix: str = "") -> State:
    """T5EncoderModel -> one of its two names for the token embedding."""
    return {prefix + name: tensor for name, tensor in encoder.state_dict().items() if name != "encoder.embed_tokens.weight"}


SD3 = {
    r"^pos_embed\.pos_embed$": "pos_embed",
    r"^pos_embed\.proj\.": "x_embedder.proj.",
    r"^time_text_embed\.timestep_embedder\.linear_1\.": "t_embedder.mlp.0.",
    r"^time_text_embed\.timestep_embedder\.linear_2\.": "t_embedder.mlp.2.",
    r"^time_text_embed\.text_embedder\.linear_1\.": "y_embedder.mlp.0.",
    r"^time_text_embed\.text_embedder\.linear_2\.": "y_embedder.mlp.2.",
    r"^proj_out\.": "final_layer.linear.",
    r"^norm_out\.linear\.": "final_layer.adaLN_modulation.1.",
    r"^transformer_blocks\.": "joint_blocks.",
    r"\.attn(2?)\.norm_([qk])\.": r".x_block.attn\1.ln_\2.",
    r"\.attn\.norm_added_([qk])\.": r".context_block.attn.ln_\1.",
    r"\.attn(2?)\.to_out\.0\.": r".x_block.attn\1.proj.",
    r"\.attn\.to_add_out\.": ".context_block.attn.proj.",
    r"\.norm1\.linear\.": ".x_block.adaLN_modulation.1.",
    r"\.norm1_context\.linear\.": ".context_block.adaLN_modulation.1.",
    r"\.ff\.net\.0\.proj\.": ".x_block.mlp.fc1.",
    r"\.ff\.net\.2\.": ".x_block.mlp.fc2.",
    r"\.ff_context\.net\.0\.proj\.": ".context_block.mlp.fc1.",
    r"\.ff_context\.net\.2\.": ".context_block.mlp.fc2.",
}


def _swapped(tensor: torch.Tensor) -> torch.Tensor:
    first, second = tensor.chunk(2)
    return torch.cat([second, first])


def sd3_as_published(transformer: Any, prefix: str = "model.diffusion_model.") -> State:
    """SD3Transformer2DModel -> the names of sd3-ref."""
    state = transformer.state_dict()
    last = f"joint_blocks.{transformer.config.num_layers - 1}.context_block.adaLN"
    result = {}
    for name, tensor in state.items():
        query = re.match(r"transformer_blocks\.(\d+)\.(attn2?)\.(to_q|add_q_proj)\.(weight|bias)$", name)
        if query:
            side, parts = ("x", ("to_q", "to_k", "to_v")) if query[3] == "to_q" else ("context", ("add_q_proj", "add_k_proj", "add_v_proj"))
            joined = torch.cat([state[name.replace(query[3], part)] for part in parts])
            result[f"{prefix}joint_blocks.{query[1]}.{side}_block.{query[2]}.qkv.{query[4]}"] = joined
        elif not re.search(r"\.(to_[kv]|add_[kv]_proj)\.", name):
            short = _replaced(name, SD3)
            result[prefix + short] = _swapped(tensor) if short.startswith(("final_layer.adaLN", last)) else tensor
    return result


FLUX = {
    r"^time_text_embed\.timestep_embedder\.linear_1\.": "time_in.in_layer.",
    r"^time_text_embed\.timestep_embedder\.linear_2\.": "time_in.out_layer.",
    r"^time_text_embed\.text_embedder\.linear_1\.": "vector_in.in_layer.",
    r"^time_text_embed\.text_embedder\.linear_2\.": "vector_in.out_layer.",
    r"^time_text_embed\.guidance_embedder\.linear_1\.": "guidance_in.in_layer.",
    r"^time_text_embed\.guidance_embedder\.linear_2\.": "guidance_in.out_layer.",
    r"^context_embedder\.": "txt_in.",
    r"^x_embedder\.": "img_in.",
    r"^proj_out\.": "final_layer.linear.",
    r"^norm_out\.linear\.": "final_layer.adaLN_modulation.1.",
    r"^transformer_blocks\.": "double_blocks.",
    r"^single_transformer_blocks\.": "single_blocks.",
    r"(double.+)\.norm1\.linear\.": r"\1.img_mod.lin.",
    r"(double.+)\.norm1_context\.linear\.": r"\1.txt_mod.lin.",
    r"(double.+)\.attn\.norm_q\.weight": r"\1.img_attn.norm.query_norm.scale",
    r"(double.+)\.attn\.norm_k\.weight": r"\1.img_attn.norm.key_norm.scale",
    r"(double.+)\.attn\.norm_added_q\.weight": r"\1.txt_attn.norm.query_norm.scale",
    r"(double.+)\.attn\.norm_added_k\.weight": r"\1.txt_attn.norm.key_norm.scale",
    r"(double.+)\.attn\.to_out\.0\.": r"\1.img_attn.proj.",
    r"(double.+)\.attn\.to_add_out\.": r"\1.txt_attn.proj.",
    r"(double.+)\.ff\.net\.0\.proj\.": r"\1.img_mlp.0.",
    r"(double.+)\.ff\.net\.2\.": r"\1.img_mlp.2.",
    r"(double.+)\.ff_context\.net\.0\.proj\.": r"\1.txt_mlp.0.",
    r"(double.+)\.ff_context\.net\.2\.": r"\1.txt_mlp.2.",
    r"(single.+)\.norm\.linear\.": r"\1.modulation.lin.",
    r"(single.+)\.attn\.norm_q\.weight": r"\1.norm.query_norm.scale",
    r"(single.+)\.attn\.norm_k\.weight": r"\1.norm.key_norm.scale",
    r"(single.+)\.proj_out\.": r"\1.linear2.",
}


def flux_as_published(transformer: Any, prefix: str = "model.diffusion_model.") -> State:
    """FluxTransformer2DModel -> the names of Black Forest Labs."""
    state = transformer.state_dict()
    result = {}
    for name, tensor in state.items():
        query = re.match(r"(single_)?transformer_blocks\.(\d+)\.attn\.(to_q|add_q_proj)\.(weight|bias)$", name)
        if query and query[1]:
            parts = [name.replace("to_q", part) for part in ("to_q", "to_k", "to_v")]
            parts.append(f"single_transformer_blocks.{query[2]}.proj_mlp.{query[4]}")
            result[f"{prefix}single_blocks.{query[2]}.linear1.{query[4]}"] = torch.cat([state[part] for part in parts])
        elif query:
            side, ends = ("img", ("to_q", "to_k", "to_v")) if query[3] == "to_q" else ("txt", ("add_q_proj", "add_k_proj", "add_v_proj"))
            joined = torch.cat([state[name.replace(query[3], end)] for end in ends])
            result[f"{prefix}double_blocks.{query[2]}.{side}_attn.qkv.{query[4]}"] = joined
        elif not re.search(r"\.(to_[kv]|add_[kv]_proj|proj_mlp)\.", name):
            short = _replaced(name, FLUX)
            result[prefix + short] = _swapped(tensor) if short.startswith("final_layer.adaLN") else tensor
    return result
