"""Another VAE in place of a checkpoint's own: the same checkpoint, with one part from another file.

Nothing is patched for that. A checkpoint is described by its parts before it is loaded, and whoever keeps checkpoints in memory
shares what two of them have in common; so a picture with another VAE costs no more than the VAE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from webui.catalog.diffusers_folder import read_json
from webui.engine.loading import configs
from webui.engine.loading.component import CheckpointSource, component, fingerprint_of
from webui.engine.loading.diffusers_folder import VOLATILE
from webui.engine.loading.loose_parts import LoosePart, as_vae
from webui.engine.loading.tensors import TensorFile
from webui.errors import AdapterUnusable, CheckpointUnusable

_WEIGHTS = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors")

_OF_THE_DENOISER = ("scaling_factor", "shift_factor")
"""Of a VAE's config: how its latents were scaled for the denoiser, which goes on being the same one."""

_NOT_IN_SHAPES = ("norm_num_groups", "act_fn")


def with_vae(source: CheckpointSource, path: Path) -> CheckpointSource:
    """The checkpoint with the VAE of that file, or diffusers folder, in place of its own.

    Raises AdapterUnusable when that is no VAE, is damaged, or makes other latents.
    """
    try:
        part = as_vae(TensorFile(_weights(path)))
        if part is None:
            raise AdapterUnusable(f"{path.name} is not a VAE that Easel knows.", field="vae", hint="Pick another one, or None.")
        own: Any = source.components["vae"].build().config
        config = _config(part, own)
        content = fingerprint_of(*part.file.paths)
    except CheckpointUnusable as error:
        raise AdapterUnusable(error.message, field="vae", hint=error.hint) from None
    if config["latent_channels"] != own.latent_channels:
        raise AdapterUnusable(
            f"The VAE {path.name} does not fit {source.name}: it makes {config['latent_channels']} channels of latents, "
            f"and the checkpoint has {own.latent_channels}.",
            field="vae",
            hint="Pick one that is made for this family, or None.",
        )
    return replace(
        source,
        content=f"{source.content}\n{content}",
        components={**source.components, "vae": component("vae", "vae", part.file, part.layout, config)},
        unchanged=lambda: source.unchanged() and fingerprint_of(*part.file.paths) == content,
    )


def _weights(path: Path) -> Path:
    """The file with the weights of a VAE that may be a folder, or a whole checkpoint's folder."""
    if not path.is_dir():
        return path
    for folder in (path, path / "vae"):
        for name in _WEIGHTS:
            if (folder / name).is_file():
                return folder / name
    raise AdapterUnusable(f"{path.name} holds no {_WEIGHTS[0]}.", field="vae", hint="Copy or download the whole folder again.")


def _config(part: LoosePart, own: Any) -> Mapping[str, Any]:
    """From the file beside the weights, where they have one; else from their shapes and from what the checkpoint's own has."""
    folder = part.file.path.parent
    told: Mapping[str, Any]
    if part.file.path.name in _WEIGHTS and (folder / "config.json").is_file():
        told = {key: value for key, value in read_json(folder, "config.json").items() if key not in VOLATILE}
    else:
        try:
            told = {key: own[key] for key in _NOT_IN_SHAPES} | configs.vae_config(part.shapes)
        except (KeyError, ValueError, StopIteration, IndexError) as error:
            raise AdapterUnusable(
                f"The VAE {part.file.path.name} is not complete ({error} is missing).", field="vae", hint="Download it again."
            ) from None
    return {**told, **{key: own[key] for key in _OF_THE_DENOISER}}
