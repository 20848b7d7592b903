"""The layouts of published checkpoint files, as tables: name in the file -> name in diffusers' or transformers' module.

Each `..._layout(shapes, prefix)` looks at the names that begin with `prefix` and says for each name of the module
where its tensor lies. What the module has no place for (position ids, averages kept for training) is left out.
The original names are those of the models' own code: CompVis/latent-diffusion and Stability-AI/generative-models (U-Net,
autoencoder), openai/CLIP and mlfoundations/open_clip, Stability-AI/sd3-ref, black-forest-labs/flux.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch

from webui.engine.loading.tensors import Layout, Origin, Read, Shape

Rename = tuple[str, str]
"""A pattern that matches from the start of a name, and what the match becomes."""

Shapes = Mapping[str, Shape]


def names_under(shapes: Shapes, prefix: str) -> Iterator[tuple[str, str]]:
    """The names that begin with `prefix`: without it, and whole."""
    for name in shapes:
        if name.startswith(prefix):
            yield name[len(prefix) :], name


def plain_layout(shapes: Shapes, prefix: str = "") -> Layout:
    """Names that are the module's own already, but for the prefix."""
    return {short: Origin(whole) for short, whole in names_under(shapes, prefix)}


def _compiled(table: Sequence[Rename]) -> list[tuple[re.Pattern[str], str]]:
    return [(re.compile(pattern), becomes) for pattern, becomes in table]


def _renamed(name: str, table: Sequence[tuple[re.Pattern[str], str]]) -> str | None:
    for pattern, becomes in table:
        if pattern.match(name):
            # Not match.expand, which reads what it becomes anew each time.
            return pattern.sub(becomes, name, count=1)
    return None


def _rows(part: int, parts: int) -> Read:
    """One of so many equal groups of rows: a view."""
    return lambda tensor: tensor.chunk(parts, dim=0)[part]


def _halves_swapped(tensor: torch.Tensor) -> torch.Tensor:
    """The originals put shift before scale in their last norms, diffusers scale before shift."""
    first, second = tensor.chunk(2, dim=0)
    return torch.cat([second, first])


def _as_matrix(tensor: torch.Tensor) -> torch.Tensor:
    """The weights of a convolution over one pixel as those of a linear layer: a view."""
    return tensor[..., 0, 0] if tensor.ndim == 4 else tensor


def _identity(norm: torch.Tensor) -> torch.Tensor:
    return torch.eye(norm.shape[0], dtype=norm.dtype, device=norm.device)


def _transposed(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.T.contiguous()


# U-Net

_RESNET = _compiled(
    [
        (r"in_layers\.0\.", "norm1."),
        (r"in_layers\.2\.", "conv1."),
        (r"emb_layers\.1\.", "time_emb_proj."),
        (r"out_layers\.0\.", "norm2."),
        (r"out_layers\.3\.", "conv2."),
        (r"skip_connection\.", "conv_shortcut."),
    ]
)

_UNET_OUTSIDE = _compiled(
    [
        (r"time_embed\.0\.", "time_embedding.linear_1."),
        (r"time_embed\.2\.", "time_embedding.linear_2."),
        (r"label_emb\.0\.0\.", "add_embedding.linear_1."),
        (r"label_emb\.0\.2\.", "add_embedding.linear_2."),
        (r"input_blocks\.0\.0\.", "conv_in."),
        (r"out\.0\.", "conv_norm_out."),
        (r"out\.2\.", "conv_out."),
        (r"middle_block\.1\.", "mid_block.attentions.0."),
    ]
)

_UNET_BLOCK = re.compile(r"(input|output|middle)_blocks?\.(?:(\d+)\.)?(\d+)\.(.+)")


def unet_layers_per_block(shapes: Shapes, prefix: str) -> int:
    """Resnets between two downsamplings, told by where the first downsampling stands."""
    places = [int(match[1]) for short, _ in names_under(shapes, prefix) if (match := re.match(r"input_blocks\.(\d+)\.0\.op\.", short))]
    return min(places, default=3) - 1


def unet_layout(shapes: Shapes, prefix: str = "model.diffusion_model.") -> Layout:
    """The U-Net of Stable Diffusion 1, 2 and XL."""
    per_block = unet_layers_per_block(shapes, prefix)
    layout = {}
    for short, whole in names_under(shapes, prefix):
        name = _renamed(short, _UNET_OUTSIDE) or _unet_block_name(short, per_block)
        if name:
            layout[name] = Origin(whole)
    return layout


def _unet_block_name(short: str, per_block: int) -> str | None:
    match = _UNET_BLOCK.match(short)
    if match is None:
        return None
    side, number, part, leaf = match[1], int(match[2] or 0), int(match[3]), match[4]
    resnet = _renamed(leaf, _RESNET)
    if side == "middle":
        return f"mid_block.resnets.{part // 2}.{resnet}" if resnet else None
    block, layer = divmod(number - (side == "input"), per_block + 1)
    blocks = {"input": "down_blocks", "output": "up_blocks"}[side] + f".{block}"
    if leaf.startswith("op."):
        return f"{blocks}.downsamplers.0.conv.{leaf[3:]}"
    if leaf.startswith("conv."):
        return f"{blocks}.upsamplers.0.{leaf}"
    return f"{blocks}.resnets.{layer}.{resnet}" if resnet else f"{blocks}.attentions.{layer}.{leaf}"


# autoencoder

_VAE_PARTS = _compiled(
    [
        (r"(encoder|decoder)\.mid\.block_1\.", r"\1.mid_block.resnets.0."),
        (r"(encoder|decoder)\.mid\.block_2\.", r"\1.mid_block.resnets.1."),
        (r"(encoder|decoder)\.mid\.attn_1\.", r"\1.mid_block.attentions.0."),
        (r"encoder\.down\.(\d+)\.block\.", r"encoder.down_blocks.\1.resnets."),
        (r"encoder\.down\.(\d+)\.downsample\.", r"encoder.down_blocks.\1.downsamplers.0."),
        (r"decoder\.up\.(\d+)\.block\.", r"decoder.up_blocks.\1.resnets."),
        (r"decoder\.up\.(\d+)\.upsample\.", r"decoder.up_blocks.\1.upsamplers.0."),
        (r"(encoder|decoder)\.norm_out\.", r"\1.conv_norm_out."),
        (r"(encoder|decoder)\.(conv_in|conv_out)\.", r"\1.\2."),
        (r"(quant_conv|post_quant_conv)\.", r"\1."),
    ]
)

_VAE_ATTENTION = _compiled(
    [(r"norm\.", "group_norm."), (r"q\.", "to_q."), (r"k\.", "to_k."), (r"v\.", "to_v."), (r"proj_out\.", "to_out.0.")]
)


def vae_layout(shapes: Shapes, prefix: str = "first_stage_model.") -> Layout:
    """The KL autoencoder of all families here."""
    levels = 1 + max((int(m[1]) for short, _ in names_under(shapes, prefix) if (m := re.match(r"decoder\.up\.(\d+)\.", short))), default=0)
    layout = {}
    for short, whole in names_under(shapes, prefix):
        name = _renamed(short, _VAE_PARTS)
        if name is None:
            continue
        # The original counts the decoder's levels from the finest, diffusers in the order in which they run.
        name = re.sub(r"^decoder\.up_blocks\.(\d+)", lambda match: f"decoder.up_blocks.{levels - 1 - int(match[1])}", name)
        name = name.replace(".nin_shortcut.", ".conv_shortcut.")
        head, attention, leaf = name.partition("mid_block.attentions.0.")
        if attention:
            name = f"{head}{attention}{_renamed(leaf, _VAE_ATTENTION)}"
            layout[name] = Origin(whole, None if "norm" in leaf else _as_matrix)
        else:
            layout[name] = Origin(whole)
    return layout


_OLD_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def diffusers_vae_layout(shapes: Shapes, prefix: str = "") -> Layout:
    """An autoencoder under diffusers' own names, those of its first years included."""
    layout = {}
    for short, whole in names_under(shapes, prefix):
        old = re.match(r"(.+\.attentions\.0\.)(query|key|value|proj_attn)(\..+)", short)
        layout[f"{old[1]}{_OLD_ATTENTION[old[2]]}{old[3]}" if old else short] = Origin(whole)
    return layout


# text encoders

_NO_WEIGHTS = ("position_ids", "logit_scale")


def clip_layout(shapes: Shapes, prefix: str, *, projected: bool) -> Layout:
    """A CLIP text encoder under transformers' names. projected: the module is a CLIPTextModelWithProjection, which nests the model."""
    layout = {}
    for short, whole in names_under(shapes, prefix):
        if short.endswith(_NO_WEIGHTS):
            continue
        bare = short.removeprefix("text_model.")
        if bare.startswith(("embeddings.", "encoder.", "final_layer_norm.")):
            layout[f"text_model.{bare}" if projected else bare] = Origin(whole)
        elif bare == "text_projection.weight" and projected:
            layout[bare] = Origin(whole)
        elif bare == "text_projection" and projected:
            layout["text_projection.weight"] = Origin(whole, _transposed)
    return layout


def unprojected(layout: Layout) -> Layout:
    """The same CLIP encoder with a projection that changes nothing: SD3 takes CLIP-L's pooled answer as it is."""
    norm = layout["text_model.final_layer_norm.weight"]
    return {**layout, "text_projection.weight": Origin(norm.name, _identity)}


_OPEN_CLIP = _compiled(
    [
        (r"token_embedding\.", "embeddings.token_embedding."),
        (r"positional_embedding$", "embeddings.position_embedding.weight"),
        (r"ln_final\.", "final_layer_norm."),
        (r"transformer\.resblocks\.(\d+)\.ln_1\.", r"encoder.layers.\1.layer_norm1."),
        (r"transformer\.resblocks\.(\d+)\.ln_2\.", r"encoder.layers.\1.layer_norm2."),
        (r"transformer\.resblocks\.(\d+)\.mlp\.c_fc\.", r"encoder.layers.\1.mlp.fc1."),
        (r"transformer\.resblocks\.(\d+)\.mlp\.c_proj\.", r"encoder.layers.\1.mlp.fc2."),
        (r"transformer\.resblocks\.(\d+)\.attn\.out_proj\.", r"encoder.layers.\1.self_attn.out_proj."),
    ]
)

_IN_PROJECTION = re.compile(r"transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)$")


def open_clip_layout(shapes: Shapes, prefix: str, *, projected: bool, layers: int | None = None) -> Layout:
    """An OpenCLIP text encoder. layers: how many of its layers are used, if not all: Stable Diffusion 2 leaves the last one out."""
    layout = {}
    inner = "text_model." if projected else ""
    for short, whole in names_under(shapes, prefix):
        attention = _IN_PROJECTION.match(short)
        number = re.match(r"transformer\.resblocks\.(\d+)\.", short)
        if number and layers is not None and int(number[1]) >= layers:
            continue
        if attention:
            for part, leaf in enumerate(("q_proj", "k_proj", "v_proj")):
                layout[f"{inner}encoder.layers.{attention[1]}.self_attn.{leaf}.{attention[2]}"] = Origin(whole, _rows(part, 3))
        elif short == "text_projection" and projected:
            layout["text_projection.weight"] = Origin(whole, _transposed)
        elif name := _renamed(short, _OPEN_CLIP):
            layout[inner + name] = Origin(whole)
    return layout


_CLIP_VISION = _compiled(
    [
        (r"class_embedding$", "embeddings.class_embedding"),
        (r"positional_embedding$", "embeddings.position_embedding.weight"),
        (r"conv1\.", "embeddings.patch_embedding."),
        (r"ln_pre\.", "pre_layrnorm."),
        (r"ln_post\.", "post_layernorm."),
        # Its blocks are those of the text encoder.
        *((pattern.pattern, becomes) for pattern, becomes in _OPEN_CLIP if "resblocks" in pattern.pattern),
    ]
)


def clip_vision_layout(shapes: Shapes, prefix: str = "") -> Layout:
    """A CLIP image encoder under transformers' names; those of the text encoder that may lie beside it are left out."""
    return {
        short: Origin(whole)
        for short, whole in names_under(shapes, prefix)
        if short.startswith(("vision_model.", "visual_projection.")) and not short.endswith(_NO_WEIGHTS)
    }


def open_clip_vision_layout(shapes: Shapes, prefix: str = "visual.") -> Layout:
    """An OpenCLIP image encoder, as a CLIPVisionModelWithProjection."""
    layout = {}
    for short, whole in names_under(shapes, prefix):
        attention = _IN_PROJECTION.match(short)
        if attention:
            for part, leaf in enumerate(("q_proj", "k_proj", "v_proj")):
                layout[f"vision_model.encoder.layers.{attention[1]}.self_attn.{leaf}.{attention[2]}"] = Origin(whole, _rows(part, 3))
        elif short == "proj":
            layout["visual_projection.weight"] = Origin(whole, _transposed)
        elif name := _renamed(short, _CLIP_VISION):
            layout[f"vision_model.{name}"] = Origin(whole)
    return layout


def t5_layout(shapes: Shapes, prefix: str = "") -> Layout:
    """A T5 encoder under transformers' names; its token embedding stands in one or both of two places."""
    layout = {}
    for short, whole in names_under(shapes, prefix):
        if short in ("shared.weight", "encoder.embed_tokens.weight"):
            layout["shared.weight"] = layout["encoder.embed_tokens.weight"] = Origin(whole)
        elif short.startswith("encoder."):
            layout[short] = Origin(whole)
    return layout


# IP-Adapter

_PICTURE_TOKENS: Mapping[str, list[tuple[re.Pattern[str], str]]] = {
    "plain": _compiled([(r"proj\.", "image_embeds."), (r"norm\.", "norm.")]),
    "full": _compiled([(r"proj\.0\.", "ff.net.0.proj."), (r"proj\.2\.", "ff.net.2."), (r"proj\.3\.", "norm.")]),
    "plus": _compiled(
        [
            (r"(latents$|proj_in\.|proj_out\.|norm_out\.)", r"\1"),
            (r"layers\.(\d+)\.0\.norm1\.", r"layers.\1.ln0."),
            (r"layers\.(\d+)\.0\.norm2\.", r"layers.\1.ln1."),
            (r"layers\.(\d+)\.0\.to_q\.", r"layers.\1.attn.to_q."),
            (r"layers\.(\d+)\.0\.to_out\.", r"layers.\1.attn.to_out.0."),
            (r"layers\.(\d+)\.1\.0\.", r"layers.\1.ff.0."),
            (r"layers\.(\d+)\.1\.1\.", r"layers.\1.ff.1.net.0.proj."),
            (r"layers\.(\d+)\.1\.3\.", r"layers.\1.ff.1.net.2."),
        ]
    ),
}
"""Version (see webui.catalog.detect) -> how what makes tokens of a picture is called, and how in diffusers' module for it."""

_KEYS_AND_VALUES = re.compile(r"layers\.(\d+)\.0\.to_kv\.weight$")


def ip_adapter_layout(shapes: Shapes, version: str) -> Layout:
    """An IP-Adapter as tencent-ailab/IP-Adapter publishes it: `image_proj.` makes tokens, `ip_adapter.` keys and values of them."""
    layout = {}
    for short, whole in names_under(shapes, "image_proj."):
        both = _KEYS_AND_VALUES.match(short)
        if both and version == "plus":
            for part, leaf in enumerate(("to_k", "to_v")):
                layout[f"image_proj.layers.{both[1]}.attn.{leaf}.weight"] = Origin(whole, _rows(part, 2))
        elif name := _renamed(short, _PICTURE_TOKENS[version]):
            layout[f"image_proj.{name}"] = Origin(whole)
    # The original counts all attentions of the U-Net, of which every second one looks at the prompt.
    numbers = sorted({int(match[1]) for name in shapes if (match := re.match(r"ip_adapter\.(\d+)\.to_k_ip\.weight$", name))})
    for place, number in enumerate(numbers):
        for leaf in ("to_k_ip", "to_v_ip"):
            layout[f"layers.{place}.{leaf}.weight"] = Origin(f"ip_adapter.{number}.{leaf}.weight")
    return layout


# transformers

_BLOCKS_OF_SD3 = _compiled(
    [
        (r"x_block\.attn2\.ln_([qk])\.", r"attn2.norm_\1."),
        (r"x_block\.attn2\.proj\.", "attn2.to_out.0."),
        (r"x_block\.attn\.ln_([qk])\.", r"attn.norm_\1."),
        (r"x_block\.attn\.proj\.", "attn.to_out.0."),
        (r"x_block\.adaLN_modulation\.1\.", "norm1.linear."),
        (r"x_block\.mlp\.fc1\.", "ff.net.0.proj."),
        (r"x_block\.mlp\.fc2\.", "ff.net.2."),
        (r"context_block\.attn\.ln_([qk])\.", r"attn.norm_added_\1."),
        (r"context_block\.attn\.proj\.", "attn.to_add_out."),
        (r"context_block\.adaLN_modulation\.1\.", "norm1_context.linear."),
        (r"context_block\.mlp\.fc1\.", "ff_context.net.0.proj."),
        (r"context_block\.mlp\.fc2\.", "ff_context.net.2."),
    ]
)

_QKV_OF_SD3 = {
    "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
    "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
}

_SD3_OUTSIDE = _compiled(
    [
        (r"pos_embed$", "pos_embed.pos_embed"),
        (r"x_embedder\.proj\.", "pos_embed.proj."),
        (r"t_embedder\.mlp\.0\.", "time_text_embed.timestep_embedder.linear_1."),
        (r"t_embedder\.mlp\.2\.", "time_text_embed.timestep_embedder.linear_2."),
        (r"y_embedder\.mlp\.0\.", "time_text_embed.text_embedder.linear_1."),
        (r"y_embedder\.mlp\.2\.", "time_text_embed.text_embedder.linear_2."),
        (r"context_embedder\.", "context_embedder."),
        (r"final_layer\.linear\.", "proj_out."),
    ]
)


def sd3_layout(shapes: Shapes, prefix: str = "model.diffusion_model.") -> Layout:
    """The transformer of Stable Diffusion 3 and 3.5."""
    blocks = [int(match[1]) for short, _ in names_under(shapes, prefix) if (match := re.match(r"joint_blocks\.(\d+)\.", short))]
    # The last block's text side ends in a norm of the other kind, and so does the whole.
    last = f"joint_blocks.{max(blocks, default=0)}.context_block.adaLN_modulation.1."
    layout = {}
    for short, whole in names_under(shapes, prefix):
        block = re.match(r"joint_blocks\.(\d+)\.(.+)\.(weight|bias)$", short)
        if short.startswith("final_layer.adaLN_modulation.1."):
            layout["norm_out.linear." + short.rpartition(".")[2]] = Origin(whole, _halves_swapped)
        elif block and block[2] in _QKV_OF_SD3:
            for part, name in enumerate(_QKV_OF_SD3[block[2]]):
                layout[f"transformer_blocks.{block[1]}.{name}.{block[3]}"] = Origin(whole, _rows(part, 3))
        elif block and (name := _renamed(f"{block[2]}.{block[3]}", _BLOCKS_OF_SD3)):
            layout[f"transformer_blocks.{block[1]}.{name}"] = Origin(whole, _halves_swapped if short.startswith(last) else None)
        elif name := _renamed(short, _SD3_OUTSIDE):
            layout[name] = Origin(whole)
    return layout


_FLUX_NAMES = _compiled(
    [
        (r"time_in\.in_layer\.", "time_text_embed.timestep_embedder.linear_1."),
        (r"time_in\.out_layer\.", "time_text_embed.timestep_embedder.linear_2."),
        (r"vector_in\.in_layer\.", "time_text_embed.text_embedder.linear_1."),
        (r"vector_in\.out_layer\.", "time_text_embed.text_embedder.linear_2."),
        (r"guidance_in\.in_layer\.", "time_text_embed.guidance_embedder.linear_1."),
        (r"guidance_in\.out_layer\.", "time_text_embed.guidance_embedder.linear_2."),
        (r"txt_in\.", "context_embedder."),
        (r"img_in\.", "x_embedder."),
        (r"final_layer\.linear\.", "proj_out."),
        (r"double_blocks\.(\d+)\.img_mod\.lin\.", r"transformer_blocks.\1.norm1.linear."),
        (r"double_blocks\.(\d+)\.txt_mod\.lin\.", r"transformer_blocks.\1.norm1_context.linear."),
        (r"double_blocks\.(\d+)\.img_attn\.norm\.query_norm\.scale$", r"transformer_blocks.\1.attn.norm_q.weight"),
        (r"double_blocks\.(\d+)\.img_attn\.norm\.key_norm\.scale$", r"transformer_blocks.\1.attn.norm_k.weight"),
        (r"double_blocks\.(\d+)\.txt_attn\.norm\.query_norm\.scale$", r"transformer_blocks.\1.attn.norm_added_q.weight"),
        (r"double_blocks\.(\d+)\.txt_attn\.norm\.key_norm\.scale$", r"transformer_blocks.\1.attn.norm_added_k.weight"),
        (r"double_blocks\.(\d+)\.img_attn\.proj\.", r"transformer_blocks.\1.attn.to_out.0."),
        (r"double_blocks\.(\d+)\.txt_attn\.proj\.", r"transformer_blocks.\1.attn.to_add_out."),
        (r"double_blocks\.(\d+)\.img_mlp\.0\.", r"transformer_blocks.\1.ff.net.0.proj."),
        (r"double_blocks\.(\d+)\.img_mlp\.2\.", r"transformer_blocks.\1.ff.net.2."),
        (r"double_blocks\.(\d+)\.txt_mlp\.0\.", r"transformer_blocks.\1.ff_context.net.0.proj."),
        (r"double_blocks\.(\d+)\.txt_mlp\.2\.", r"transformer_blocks.\1.ff_context.net.2."),
        (r"single_blocks\.(\d+)\.modulation\.lin\.", r"single_transformer_blocks.\1.norm.linear."),
        (r"single_blocks\.(\d+)\.norm\.query_norm\.scale$", r"single_transformer_blocks.\1.attn.norm_q.weight"),
        (r"single_blocks\.(\d+)\.norm\.key_norm\.scale$", r"single_transformer_blocks.\1.attn.norm_k.weight"),
        (r"single_blocks\.(\d+)\.linear2\.", r"single_transformer_blocks.\1.proj_out."),
    ]
)

_QKV_OF_FLUX = {
    "img_attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
}


def _rows_between(start: int, end: int) -> Read:
    return lambda tensor: tensor[start:end]


def flux_layout(shapes: Shapes, prefix: str = "model.diffusion_model.") -> Layout:
    """The transformer of FLUX.1."""
    layout = {}
    for short, whole in names_under(shapes, prefix):
        block = re.match(r"(double|single)_blocks\.(\d+)\.(.+)\.(weight|bias)$", short)
        if short.startswith("final_layer.adaLN_modulation.1."):
            layout["norm_out.linear." + short.rpartition(".")[2]] = Origin(whole, _halves_swapped)
        elif block and block[3] in _QKV_OF_FLUX:
            for part, name in enumerate(_QKV_OF_FLUX[block[3]]):
                layout[f"transformer_blocks.{block[2]}.{name}.{block[4]}"] = Origin(whole, _rows(part, 3))
        elif block and (block[1], block[3]) == ("single", "linear1"):
            rows = shapes[whole][0]
            width = shapes[f"{prefix}single_blocks.{block[2]}.linear2.bias"][0]
            ends = (width, 2 * width, 3 * width, rows)
            for start, end, name in zip((0, *ends), ends, ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"), strict=False):
                layout[f"single_transformer_blocks.{block[2]}.{name}.{block[4]}"] = Origin(whole, _rows_between(start, end))
        elif name := _renamed(short, _FLUX_NAMES):
            layout[name] = Origin(whole)
    return layout


DENOISER_LAYOUTS: Mapping[str, Callable[[Shapes, str], Layout]] = {"unet": unet_layout, "sd3": sd3_layout, "flux": flux_layout}
"""Kind of denoiser -> its layout."""
