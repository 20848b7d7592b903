"""Puts a VAE into a checkpoint, or takes it out, in the names that each of them has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from webui.catalog.detect import Part
from webui.catalog.header import Shape
from webui.errors import InvalidRequest
from webui.workshop.merging import what_is
from webui.workshop.plan import Plan, planned
from webui.workshop.recipes import BakeVae, ExtractVae
from webui.workshop.weights import WHOLE, NewTensor, Tensor, Weights

_LATENTS = "decoder.conv_in.weight"
_LEVEL = re.compile(r"^(encoder|decoder)\.(down|up)_blocks\.(\d+)\.")

_ORIGINAL_NAMES: Sequence[tuple[str, str]] = (
    (r"\.resnets\.(\d+)\.", r".block.\1."),
    (r"\.(down|up)samplers\.0\.", r".\1sample."),
    (r"\.conv_shortcut\.", ".nin_shortcut."),
    (r"\.mid_block\.attentions\.0\.group_norm\.", ".mid.attn_1.norm."),
    (r"\.mid_block\.attentions\.0\.(?:to_(q|k|v)|(q)uery|(k)ey|(v)alue)\.", r".mid.attn_1.\1\2\3\4."),
    (r"\.mid_block\.attentions\.0\.(?:to_out\.0|proj_attn)\.", ".mid.attn_1.proj_out."),
    (r"\.mid_block\.block\.0\.", ".mid.block_1."),
    (r"\.mid_block\.block\.1\.", ".mid.block_2."),
    (r"\.conv_norm_out\.", ".norm_out."),
)
"""diffusers' names of an AutoencoderKL -> those of CompVis/latent-diffusion."""

_ATTENTION = re.compile(r"\.mid\.attn_1\.(q|k|v|proj_out)\.weight$")


def original_name(inner: str, levels: int) -> str:
    """The name that latent-diffusion gives a tensor of a VAE which diffusers calls `inner`. levels: of its decoder."""
    if found := _LEVEL.match(inner):
        side, way, level = found[1], found[2], int(found[3])
        # The decoder's levels are counted from the picture there, and from the latents here.
        inner = f"{side}.{way}.{level if way == 'down' else levels - 1 - level}.{inner[found.end() :]}"
    for pattern, instead in _ORIGINAL_NAMES:
        inner = re.sub(pattern, instead, inner)
    return inner


def original_vae(tensors: Sequence[Tensor]) -> dict[str, tuple[Tensor, Shape]]:
    """A VAE's tensors by their original names, and in the original shapes: attention by 1 x 1 convolutions."""
    levels = 1 + max((int(found[3]) for tensor in tensors if (found := _LEVEL.match(tensor.inner)) and found[2] == "up"), default=0)
    renamed: dict[str, tuple[Tensor, Shape]] = {}
    for tensor in tensors:
        name = original_name(tensor.inner, levels) if tensor.layout == "diffusers" else tensor.inner
        shape = tensor.info.shape
        if _ATTENTION.search(name) and len(shape) == 2:
            shape = (*shape, 1, 1)
        renamed[name] = tensor, shape
    return renamed


def _as_original(tensors: Sequence[Tensor]) -> dict[str, NewTensor]:
    return {name: NewTensor.copied(tensor, name, shape) for name, (tensor, shape) in original_vae(tensors).items()}


def check_bake(checkpoint: Weights, vae: Weights) -> None:
    """Raise InvalidRequest where the VAE is none, or makes other latents than the checkpoint draws."""
    if checkpoint.kind.kind not in ("checkpoint", "denoiser"):
        raise InvalidRequest(f"{what_is(checkpoint)}, so no VAE goes into it.", field="model", hint="Pick a checkpoint.")
    ours = _latent_channels(vae)
    if not ours:
        raise InvalidRequest(f"{vae.name} holds no VAE.", field="vae", hint="Pick a VAE, or a checkpoint that has one.")
    theirs = _latent_channels(checkpoint) or checkpoint.kind.latent_channels
    if ours != theirs:
        raise InvalidRequest(
            f"{what_is(checkpoint)} with {theirs} latent channels, and the VAE {vae.name} has {ours}.",
            field="vae",
            hint="Pick a VAE that is made for this family.",
        )


def _latent_channels(weights: Weights) -> int:
    return next((tensor.info.shape[1] for tensor in weights.of_part("vae") if tensor.inner == _LATENTS), 0)


def plan_bake(checkpoint: Weights, vae: Weights, metadata: Mapping[str, Mapping[str, str]]) -> Plan:
    """The checkpoint with the other VAE in place of its own. Raises as `check_bake` does."""
    check_bake(checkpoint, vae)
    files = {
        file: [NewTensor.copied(tensor) for tensor in tensors.values() if tensor.part not in ("vae", "ema")]
        for file, tensors in checkpoint.files.items()
    }
    theirs = vae.of_part("vae")
    if checkpoint.is_folder:
        file = next((file for file in checkpoint.files if file.startswith("vae/")), "vae/diffusion_pytorch_model.safetensors")
        if any(tensor.layout != "diffusers" for tensor in theirs):
            raise InvalidRequest(
                f"{vae.name} has the original names, and {checkpoint.name} is a diffusers folder.",
                field="vae",
                hint="Take the VAE from a diffusers folder or repository.",
            )
        files[file] = [NewTensor.copied(tensor, tensor.inner) for tensor in theirs]
    else:
        part = checkpoint.kind.part("vae") or Part("vae", "first_stage_model.", "original")
        new = _as_original(theirs) if part.layout == "original" else {tensor.inner: NewTensor.copied(tensor) for tensor in theirs}
        files[WHOLE] += [_under(part.prefix, name, tensor) for name, tensor in new.items()]
    return planned(files, metadata, checkpoint, ())


def _under(prefix: str, name: str, tensor: NewTensor) -> NewTensor:
    return NewTensor(prefix + name, tensor.dtype, tensor.shape, tensor.nbytes, tensor.blocks)


def check_extract(checkpoint: Weights) -> None:
    """Raise InvalidRequest where there is no VAE to take out."""
    if not checkpoint.of_part("vae"):
        raise InvalidRequest(f"{checkpoint.name} holds no VAE.", field="model", hint="Pick a checkpoint that has one.")


def plan_extract(checkpoint: Weights, metadata: Mapping[str, Mapping[str, str]]) -> Plan:
    """The checkpoint's VAE as a single file in the original names, which all programs read. Raises as `check_extract` does."""
    check_extract(checkpoint)
    tensors = checkpoint.of_part("vae")
    return planned({WHOLE: list(_as_original(tensors).values())}, {WHOLE: metadata.get(WHOLE, {})}, _as_file(checkpoint), ())


def _as_file(checkpoint: Weights) -> Weights:
    return Weights(checkpoint.name, checkpoint.path, checkpoint.kind, {WHOLE: {}}, {})


def plan_of(recipe: BakeVae | ExtractVae, sources: Mapping[str, Weights], metadata: Mapping[str, Mapping[str, str]]) -> Plan:
    """The plan of either."""
    if isinstance(recipe, BakeVae):
        return plan_bake(sources["model"], sources["vae"], metadata)
    return plan_extract(sources["model"], metadata)
