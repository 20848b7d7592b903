"""A diffusers folder -> a Stable Diffusion 1.x checkpoint on a device.

Local files only, safetensors only (a pickle can run code), every dtype said explicitly (the libraries' defaults differ:
transformers keeps the file's, diffusers takes fp32).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from webui.catalog.weights import check_safetensors
from webui.engine.conditioning import ClipText
from webui.engine.device import Device
from webui.engine.families.sd import PREDICTIONS, StableDiffusion
from webui.engine.schedules import model_sigmas
from webui.errors import CheckpointUnusable

PIPELINE = "StableDiffusionPipeline"
WEIGHT_FILES = {
    "unet": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
    "vae": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
    "text_encoder": ("model.safetensors", "model.fp16.safetensors"),
}
"""Part -> names its weights may have, best first."""

_COPY_AGAIN = "Copy or download the whole checkpoint folder again."


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
    _check_pipeline(folder)
    weights = {part: _weight_file(folder, part) for part in WEIGHT_FILES}
    scheduler = _read_json(folder, "scheduler/scheduler_config.json")
    prediction = scheduler.get("prediction_type", "epsilon")
    if prediction not in PREDICTIONS:
        raise CheckpointUnusable(
            f"scheduler/scheduler_config.json of {folder.name} says prediction_type {prediction!r}, which Easel does not know.",
            hint=f"Known are {', '.join(PREDICTIONS)}.",
        )
    return StableDiffusion(
        name=folder.name,
        content=content,
        text=ClipText(_load_tokenizer(folder), _load_text_encoder(folder, weights["text_encoder"], device)),
        unet=_load_diffusers_part(folder, "unet", weights["unet"], device),
        vae=_load_diffusers_part(folder, "vae", weights["vae"], device),
        sigmas=model_sigmas(scheduler),
        x0=PREDICTIONS[prediction],
        device=device,
    )


def _check_pipeline(folder: Path) -> None:
    pipeline = _read_json(folder, "model_index.json").get("_class_name")
    if pipeline != PIPELINE:
        raise CheckpointUnusable(
            f"{folder.name} is made for {str(pipeline)[:60]}; Easel draws with {PIPELINE} (Stable Diffusion 1.x).",
            hint="Pick another checkpoint.",
        )


def _weight_file(folder: Path, part: str) -> Path:
    """The weights of a part, their header checked."""
    _read_json(folder, f"{part}/config.json")
    for name in WEIGHT_FILES[part]:
        path = folder / part / name
        if path.is_file():
            try:
                check_safetensors(path)
            except CheckpointUnusable as error:
                raise CheckpointUnusable(f"In {folder.name}/{part}: {error.message}", hint=error.hint) from None
            return path
    pickles = sorted(path.name for path in (folder / part).glob("*.bin"))
    raise CheckpointUnusable(
        f"{folder.name}/{part} holds no {WEIGHT_FILES[part][0]}" + (f", only {pickles[0]}." if pickles else "."),
        hint="Old .bin weights can run code and are not opened; get the safetensors." if pickles else _COPY_AGAIN,
    )


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        data = json.loads((folder / name).read_text("utf-8"))
    except FileNotFoundError:
        raise CheckpointUnusable(f"{folder.name} has no {name}.", hint=_COPY_AGAIN) from None
    except (OSError, ValueError) as error:
        raise CheckpointUnusable(f"{name} of {folder.name} cannot be read ({error}).", hint=_COPY_AGAIN) from None
    if not isinstance(data, dict):
        raise CheckpointUnusable(f"{name} of {folder.name} does not hold what it should.", hint=_COPY_AGAIN)
    return data


def _load_tokenizer(folder: Path) -> Any:
    from transformers.models.clip.tokenization_clip import CLIPTokenizer

    try:
        return CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    except Exception as error:  # noqa: BLE001 - the tokenizer's parser raises its own kinds, plain Exception among them
        raise CheckpointUnusable(f"The tokenizer of {folder.name} cannot be read ({_short(error)}).", hint=_COPY_AGAIN) from error


def _load_text_encoder(folder: Path, weights: Path, device: Device) -> Any:
    from transformers.models.clip.modeling_clip import CLIPTextModel

    return _load(CLIPTextModel, folder, "text_encoder", weights, device, {"dtype": device.dtype})


def _load_diffusers_part(folder: Path, part: str, weights: Path, device: Device) -> Any:
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    module_type = {"unet": UNet2DConditionModel, "vae": AutoencoderKL}[part]
    return _load(module_type, folder, part, weights, device, {"torch_dtype": device.dtype})


def _load(module_type: Any, folder: Path, part: str, weights: Path, device: Device, dtype: dict[str, Any]) -> Any:
    """One part on the device, ready to run. Weights that are missing or too many are errors, not warnings."""
    variant = "fp16" if weights.name.endswith(".fp16.safetensors") else None
    try:
        module, report = module_type.from_pretrained(
            folder / part, local_files_only=True, use_safetensors=True, variant=variant, output_loading_info=True, **dtype
        )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise CheckpointUnusable(
            f"{folder.name}/{part}/{weights.name} does not fit its config.json or is damaged ({_short(error)}).", hint=_COPY_AGAIN
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise CheckpointUnusable(
            f"{folder.name}/{part}/{weights.name} lacks {len(missing)} tensors, the first is {missing[0]}.", hint=_COPY_AGAIN
        )
    module.eval().requires_grad_(False)
    return module.to(device.torch_device, memory_format=device.memory_format)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
