"""The names under which the makers of Stable Diffusion publish a checkpoint's tensors, told from those in a diffusers folder.

The way back of webui.engine.loading.layouts. The names are those of CompVis/latent-diffusion and Stability-AI/generative-models
(U-Net; the autoencoder's are in webui.workshop.vaes), openai/CLIP as transformers has it, and mlfoundations/open_clip.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from webui.catalog.header import Shape
from webui.workshop.vaes import original_vae
from webui.workshop.weights import Tensor


@dataclass(frozen=True)
class Named:
    """A tensor of the published file. of: the folder's tensors whose rows it has, one behind the other; shape: where it is another one.

    transposed: rows are columns there.
    """

    name: str
    of: tuple[Tensor, ...]
    shape: Shape | None = None
    transposed: bool = False


Naming = Callable[[Sequence[Tensor], str], Iterator[Named]]
"""(tensors of a part, prefix of the part) -> those of the published file."""


def _renamed(name: str, table: Sequence[tuple[str, str]]) -> str:
    for pattern, instead in table:
        name = re.sub(pattern, instead, name)
    return name


def _highest(tensors: Sequence[Tensor], pattern: str) -> int:
    """The highest number that the pattern's one group takes, -1 without any."""
    return max((int(found[1]) for tensor in tensors if (found := re.match(pattern, tensor.inner))), default=-1)


# U-Net

_OUTSIDE: Sequence[tuple[str, str]] = (
    (r"^conv_in\.", "input_blocks.0.0."),
    (r"^time_embedding\.linear_1\.", "time_embed.0."),
    (r"^time_embedding\.linear_2\.", "time_embed.2."),
    (r"^add_embedding\.linear_1\.", "label_emb.0.0."),
    (r"^add_embedding\.linear_2\.", "label_emb.0.2."),
    (r"^mid_block\.resnets\.0\.", "middle_block.0."),
    (r"^mid_block\.attentions\.0\.", "middle_block.1."),
    (r"^mid_block\.resnets\.1\.", "middle_block.2."),
    (r"^conv_norm_out\.", "out.0."),
    (r"^conv_out\.", "out.2."),
)

_RESNET: Sequence[tuple[str, str]] = (
    (r"^norm1\.", "in_layers.0."),
    (r"^conv1\.", "in_layers.2."),
    (r"^time_emb_proj\.", "emb_layers.1."),
    (r"^norm2\.", "out_layers.0."),
    (r"^conv2\.", "out_layers.3."),
    (r"^conv_shortcut\.", "skip_connection."),
)

_BLOCK = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)")


def unet(tensors: Sequence[Tensor], prefix: str) -> Iterator[Named]:
    """The U-Net of Stable Diffusion 1, 2 and XL."""
    depth = 1 + _highest(tensors, r"down_blocks\.0\.resnets\.(\d+)\.")
    attending = {int(found[1]) for tensor in tensors if (found := re.match(r"up_blocks\.(\d+)\.attentions\.", tensor.inner))}
    for tensor in tensors:
        found = _BLOCK.match(tensor.inner)
        name = _in_blocks(found, depth, attending) if found else _outside(tensor.inner)
        yield Named(prefix + name, (tensor,))


def _outside(inner: str) -> str:
    """Of the middle, and of all that is in no block."""
    head = "".join(re.findall(r"^mid_block\.resnets\.\d+\.", inner))
    return _renamed(head, _OUTSIDE) + _renamed(inner.removeprefix(head), _RESNET if head else _OUTSIDE)


def _in_blocks(found: re.Match[str], depth: int, attending: set[int]) -> str:
    """depth: resnets of a level on the way down; on the way up there is one more."""
    way, level, kind, number, leaf = found[1], int(found[2]), found[3], int(found[4]), found[5]
    # Both ways a level counts one more than its resnets on the way down: its downsampler, or one more resnet.
    place = level * (depth + 1) + (depth if kind.endswith("samplers") else number)
    block = f"input_blocks.{place + 1}" if way == "down" else f"output_blocks.{place}"
    match kind:
        case "resnets":
            return f"{block}.0.{_renamed(leaf, _RESNET)}"
        case "attentions":
            return f"{block}.1.{leaf}"
        case "downsamplers":
            return f"{block}.0.op.{leaf.removeprefix('conv.')}"
        case _:
            # It belongs to the last block of its level, behind whatever is in there.
            return f"{block}.{2 if level in attending else 1}.{leaf}"


# autoencoder


def vae(tensors: Sequence[Tensor], prefix: str) -> Iterator[Named]:
    """The KL autoencoder."""
    return (Named(prefix + name, (tensor,), shape) for name, (tensor, shape) in original_vae(tensors).items())


# text encoders


def clip(tensors: Sequence[Tensor], prefix: str) -> Iterator[Named]:
    """OpenAI's CLIP, which is published under transformers' names of old."""
    for tensor in tensors:
        bare = tensor.inner.removeprefix("text_model.")
        if bare.startswith(("embeddings.", "encoder.", "final_layer_norm.")):
            yield Named(f"{prefix}text_model.{bare}", (tensor,))


_OPEN_CLIP: Sequence[tuple[str, str]] = (
    (r"^embeddings\.token_embedding\.", "token_embedding."),
    (r"^embeddings\.position_embedding\.weight$", "positional_embedding"),
    (r"^final_layer_norm\.", "ln_final."),
    (r"^encoder\.layers\.", "transformer.resblocks."),
    (r"\.layer_norm1\.", ".ln_1."),
    (r"\.layer_norm2\.", ".ln_2."),
    (r"\.mlp\.fc1\.", ".mlp.c_fc."),
    (r"\.mlp\.fc2\.", ".mlp.c_proj."),
    (r"\.self_attn\.out_proj\.", ".attn.out_proj."),
)

_QUERY = re.compile(r"(encoder\.layers\.\d+\.)self_attn\.(q|k|v)_proj\.(weight|bias)$")


def open_clip(tensors: Sequence[Tensor], prefix: str) -> Iterator[Named]:
    """OpenCLIP, which keeps queries, keys and values in one matrix."""
    bare = {tensor.inner.removeprefix("text_model."): tensor for tensor in tensors}
    for name, tensor in bare.items():
        query = _QUERY.match(name)
        if name == "text_projection.weight":
            yield Named(f"{prefix}text_projection", (tensor,), tensor.info.shape[::-1], transposed=True)
        elif query is None and name.startswith(("embeddings.token", "embeddings.position_embedding", "encoder.", "final_layer_norm.")):
            yield Named(prefix + _renamed(name, _OPEN_CLIP), (tensor,))
        elif query is not None and query[2] == "q":
            rows = tuple(bare[f"{query[1]}self_attn.{part}_proj.{query[3]}"] for part in "qkv")
            shape = (3 * tensor.info.shape[0], *tensor.info.shape[1:])
            yield Named(f"{prefix}{_renamed(query[1], _OPEN_CLIP)}attn.in_proj_{query[3]}", rows, shape)


def open_clip_with_spare(tensors: Sequence[Tensor], prefix: str) -> Iterator[Named]:
    """OpenCLIP as Stable Diffusion 2 has it: with one layer more at its end, which nobody asks and every program counts.

    diffusers leaves it out; a copy of the last one stands in its place.
    """
    named = list(open_clip(tensors, prefix))
    last = _highest(tensors, r"(?:text_model\.)?encoder\.layers\.(\d+)\.")
    before, after = (f"{prefix}transformer.resblocks.{number}." for number in (last, last + 1))
    yield from named
    for one in named:
        if one.name.startswith(before):
            yield Named(after + one.name.removeprefix(before), one.of, one.shape)


DENOISER, VAE = "model.diffusion_model.", "first_stage_model."

_PICTURES: Mapping[str, tuple[str, Naming]] = {"denoiser": (DENOISER, unet), "vae": (VAE, vae)}

Parts = Mapping[str, tuple[str, Naming]]

PUBLISHED: Mapping[str, Parts] = {
    "sd1": {**_PICTURES, "text_encoder": ("cond_stage_model.transformer.", clip)},
    "sd2": {**_PICTURES, "text_encoder": ("cond_stage_model.model.", open_clip_with_spare)},
    "sdxl": {
        **_PICTURES,
        "text_encoder": ("conditioner.embedders.0.transformer.", clip),
        "text_encoder_2": ("conditioner.embedders.1.model.", open_clip),
    },
    "sdxl_refiner": {**_PICTURES, "text_encoder_2": ("conditioner.embedders.0.model.", open_clip)},
}
"""Family -> part -> where it lies in the published file, and how it is named there."""
