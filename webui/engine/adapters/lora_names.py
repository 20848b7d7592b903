"""What LoRA files call the layers of a model, against what they are called in it.

Files come with diffusers' names or with those of the original code, dotted or with all dots made underscores. So the
model itself is asked: every layer's names are listed flat, and a file's name is looked up among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch.nn import Module

PARTS_OF_PREFIX: Mapping[str, tuple[str, ...]] = {
    "lora_unet_": ("denoiser",),
    "lora_transformer_": ("denoiser",),
    "lycoris_": ("denoiser",),
    "unet.": ("denoiser",),
    "transformer.": ("denoiser",),
    "model.diffusion_model.": ("denoiser",),
    "diffusion_model.": ("denoiser",),
    "base_model.model.": ("denoiser",),
    "lora_te_": ("text_encoder",),
    "lora_te1_": ("text_encoder",),
    "lora_te2_": ("text_encoder_2",),
    # T5: the third of Stable Diffusion 3, the second of FLUX.
    "lora_te3_": ("text_encoder_3", "text_encoder_2"),
    "text_encoder.": ("text_encoder",),
    "text_encoder_2.": ("text_encoder_2",),
    "text_encoder_3.": ("text_encoder_3",),
    "text_encoders.clip_l.transformer.": ("text_encoder",),
    "text_encoders.clip_g.transformer.": ("text_encoder_2",),
    "text_encoders.t5xxl.transformer.": ("text_encoder_3", "text_encoder_2"),
}
"""How a name in a file begins -> the part of the checkpoint that it means, the first that there is."""


@dataclass(frozen=True)
class Layers:
    """What one name of a file stands for: a layer of the model, or several that the original code holds as one.

    names: as in the model. Rows of the one are those of the several, one below the other.
    halves_swapped: the original has the two halves of the rows the other way round.
    """

    names: tuple[str, ...]
    halves_swapped: bool = False


def split_prefix(name: str) -> tuple[tuple[str, ...], str]:
    """The parts that a name in a file may mean, best first, and the rest of it. Without a known beginning it is the denoiser's."""
    for prefix in sorted(PARTS_OF_PREFIX, key=len, reverse=True):
        if name.startswith(prefix):
            return PARTS_OF_PREFIX[prefix], name.removeprefix(prefix)
    return ("denoiser",), name


def flat(name: str) -> str:
    """A layer's name as it is looked up: no dots, and no "text_model." (transformers 5 left it out of some text encoders)."""
    return name.replace("text_model.", "").removeprefix("text_model_").replace(".", "_")


def layers_of(part: Module) -> dict[str, Layers]:
    """Every layer of a part of the checkpoint by each of its flat names."""
    own = set(_layer_names(part))
    named = {flat(name): Layers((name,)) for name in own}
    original = _ORIGINAL_NAMES.get(type(part).__name__)
    if original is None:
        return named
    return {flat(name): layers for name, layers in original(part) if own.issuperset(layers.names)} | named


def original_names(part: Module) -> dict[str, str]:
    """The dotted names in the original code of the layers of a part, by their names in it; those that it holds one for one."""
    original = _ORIGINAL_NAMES.get(type(part).__name__)
    return {} if original is None else {layers.names[0]: name for name, layers in original(part) if len(layers.names) == 1}


def _layer_names(part: Module) -> Iterator[str]:
    """Names of all modules that have weights themselves."""
    for name, module in part.named_modules():
        if name and next(module.parameters(recurse=False), None) is not None:
            yield name


_IN_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OF_UNET = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def _unet(unet: Any) -> Iterator[tuple[str, Layers]]:
    """(original name, layers) of a U-Net: the original numbers its blocks through, diffusers groups them by size."""
    blocks = dict(_unet_blocks(unet))
    for name in _layer_names(unet):
        if name in _OF_UNET:
            yield _OF_UNET[name], Layers((name,))
        block = re.match(r"(?:(?:down|up)_blocks\.\d+|mid_block)\.(resnets|attentions|downsamplers|upsamplers)\.\d+", name)
        if block is None or block[0] not in blocks:
            continue
        inner = name[block.end() + 1 :]
        match block[1]:
            case "resnets":
                inner = _IN_RESNET.get(inner, inner)
            case "downsamplers":
                inner = inner.replace("conv", "op")
        yield f"{blocks[block[0]]}.{inner}", Layers((name,))


def _unet_blocks(unet: Any) -> Iterator[tuple[str, str]]:
    number = 1
    for level, block in enumerate(unet.down_blocks):
        for index, _ in enumerate(block.resnets):
            yield f"down_blocks.{level}.resnets.{index}", f"input_blocks.{number}.0"
            yield f"down_blocks.{level}.attentions.{index}", f"input_blocks.{number}.1"
            number += 1
        if block.downsamplers:
            yield f"down_blocks.{level}.downsamplers.0", f"input_blocks.{number}.0"
            number += 1
    yield from {"mid_block.resnets.0": "middle_block.0", "mid_block.attentions.0": "middle_block.1"}.items()
    yield "mid_block.resnets.1", "middle_block.2"
    number = 0
    for level, block in enumerate(unet.up_blocks):
        attends = hasattr(block, "attentions")
        for index, _ in enumerate(block.resnets):
            yield f"up_blocks.{level}.resnets.{index}", f"output_blocks.{number}.0"
            yield f"up_blocks.{level}.attentions.{index}", f"output_blocks.{number}.1"
            number += 1
        if block.upsamplers:
            yield f"up_blocks.{level}.upsamplers.0", f"output_blocks.{number - 1}.{2 if attends else 1}"


_QKV = ("attn.to_q", "attn.to_k", "attn.to_v")
_CONTEXT_QKV = ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj")

_FLUX_DOUBLE = {
    "img_attn.qkv": _QKV,
    "txt_attn.qkv": _CONTEXT_QKV,
    "img_attn.proj": ("attn.to_out.0",),
    "txt_attn.proj": ("attn.to_add_out",),
    "img_mlp.0": ("ff.net.0.proj",),
    "img_mlp.2": ("ff.net.2",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
    "img_mod.lin": ("norm1.linear",),
    "txt_mod.lin": ("norm1_context.linear",),
}
_FLUX_SINGLE = {"linear1": (*_QKV, "proj_mlp"), "linear2": ("proj_out",), "modulation.lin": ("norm.linear",)}
_OF_FLUX = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "final_layer.linear": "proj_out",
}

_SD3_JOINT = {
    "x_block.attn.qkv": _QKV,
    "context_block.attn.qkv": _CONTEXT_QKV,
    "x_block.attn.proj": ("attn.to_out.0",),
    "context_block.attn.proj": ("attn.to_add_out",),
    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
    "x_block.attn2.proj": ("attn2.to_out.0",),
    "x_block.mlp.fc1": ("ff.net.0.proj",),
    "x_block.mlp.fc2": ("ff.net.2",),
    "context_block.mlp.fc1": ("ff_context.net.0.proj",),
    "context_block.mlp.fc2": ("ff_context.net.2",),
    "x_block.adaLN_modulation.1": ("norm1.linear",),
    "context_block.adaLN_modulation.1": ("norm1_context.linear",),
}
_OF_SD3 = {
    "x_embedder.proj": "pos_embed.proj",
    "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
    "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
    "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
    "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
    "final_layer.linear": "proj_out",
}
_LAST_MODULATION = ("final_layer.adaLN_modulation.1", Layers(("norm_out.linear",), halves_swapped=True))
"""The original has shift above scale there, diffusers scale above shift."""


def _flux(transformer: Any) -> Iterator[tuple[str, Layers]]:
    yield from ((original, Layers((name,))) for original, name in _OF_FLUX.items())
    yield _LAST_MODULATION
    yield from _numbered("double_blocks", "transformer_blocks", len(transformer.transformer_blocks), _FLUX_DOUBLE)
    yield from _numbered("single_blocks", "single_transformer_blocks", len(transformer.single_transformer_blocks), _FLUX_SINGLE)


def _sd3(transformer: Any) -> Iterator[tuple[str, Layers]]:
    last = len(transformer.transformer_blocks) - 1
    yield from ((original, Layers((name,))) for original, name in _OF_SD3.items())
    yield _LAST_MODULATION
    for original, layers in _numbered("joint_blocks", "transformer_blocks", last + 1, _SD3_JOINT):
        swapped = original == f"joint_blocks.{last}.context_block.adaLN_modulation.1"
        yield original, Layers(layers.names, halves_swapped=swapped)


def _numbered(original: str, name: str, count: int, inner: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, Layers]]:
    for number in range(count):
        for within, names in inner.items():
            yield f"{original}.{number}.{within}", Layers(tuple(f"{name}.{number}.{each}" for each in names))


_ORIGINAL_NAMES = {"UNet2DConditionModel": _unet, "FluxTransformer2DModel": _flux, "SD3Transformer2DModel": _sd3}
"""Class of a part in diffusers -> its layers by the names of the original code. A layer that a model lacks is left out."""
