"""A diffusers folder -> a Stable Diffusion 1.x checkpoint on a device.

Local files only, safetensors only (a pickle can run code), every dtype said explicitly (the libraries' defaults differ:
transformers keeps the file's, diffusers takes fp32).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from webui.catalog.diffusers_folder import COPY_AGAIN, check_folder, read_json
from webui.engine.device import Device
from webui.engine.families.sd import PREDICTIONS, StableDiffusion
from webui.engine.schedules import model_sigmas
from webui.engine.text_encoders import ClipText
from webui.errors import CheckpointUnusable


def fingerprint(folder: Path) -> str:
    """Changes when any file below the folder is replaced, edited or removed. From names, sizes and times, not contents.

    Raises CheckpointUnusable when there is no such folder.
    """
    if not folder.is_dir():
        raise CheckpointUnusable(f"The checkpoint folder {folder.name} is not there.", hint="Refresh the list and pick another checkpoint.")
    total = hashlib.sha256(str(folder).encode())
    for path in sorted(folder.rglob("*")):
        about = path.stat()
        if path.is_file():
            total.update(f"{path.relative_to(folder)}\0{about.st_size}\0{about.st_mtime_ns}\0".encode())
    return total.hexdigest()


def load_diffusers_folder(folder: Path, content: str, device: Device) -> StableDiffusion:
    """Load every part, or raise CheckpointUnusable. content: the folder's fingerprint.

    Headers of all parts are checked before the first weights are read, so a broken folder costs nothing.
    """
    weights = check_folder(folder)
    scheduler = read_json(folder, "scheduler/scheduler_config.json")
    prediction = scheduler.get("prediction_type", "epsilon")
    if prediction not in PREDICTIONS:
        raise CheckpointUnusable(
            f"scheduler/scheduler_config.json of {folder.name} says prediction_type {prediction!r}, which Easel does not know.",
            hint=f"Known are {', '.join(PREDICTIONS)}.",
        )
    types = import_model_libraries()
    return StableDiffusion(
        name=folder.name,
        content=content,
        text=ClipText(_load_tokenizer(types.tokenizer, folder), _load(types.text_encoder, weights["text_encoder"], device)),
        unet=_load(types.unet, weights["unet"], device),
        vae=_load(types.vae, weights["vae"], device),
        sigmas=model_sigmas(scheduler),
        x0=PREDICTIONS[prediction],
        device=device,
    )


@dataclass(frozen=True)
class ModelTypes:
    """The classes of the libraries that parts are made of."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any


def import_model_libraries() -> ModelTypes:
    """Import diffusers and transformers as far as Stable Diffusion 1.x needs them. The first call takes seconds."""
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
    from transformers.models.clip.modeling_clip import CLIPTextModel
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    return ModelTypes(UNet2DConditionModel, AutoencoderKL, CLIPTextModel, CLIPTokenizer)


def _load_tokenizer(tokenizer_type: Any, folder: Path) -> Any:
    try:
        return tokenizer_type.from_pretrained(folder / "tokenizer", local_files_only=True)
    except Exception as error:  # the parser raises its own kinds, plain Exception among them
        raise CheckpointUnusable(f"The tokenizer of {folder.name} cannot be read ({_short(error)}).", hint=COPY_AGAIN) from error


def _load(module_type: Any, weights: Path, device: Device) -> Any:
    """One part on the device, ready to run. Missing weights are an error, not a warning."""
    shown = "/".join(weights.parts[-3:])
    variant = "fp16" if weights.name.endswith(".fp16.safetensors") else None
    try:
        module, report = module_type.from_pretrained(
            weights.parent,
            local_files_only=True,
            use_safetensors=True,
            variant=variant,
            output_loading_info=True,
            dtype=device.dtype,
        )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise CheckpointUnusable(f"{shown} does not fit its config.json or is damaged ({_short(error)}).", hint=COPY_AGAIN) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise CheckpointUnusable(f"{shown} lacks {len(missing)} tensors, the first is {missing[0]}.", hint=COPY_AGAIN)
    module.eval().requires_grad_(False)
    return module.to(device.torch_device, memory_format=device.memory_format)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
