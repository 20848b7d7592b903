"""What a LoRA's file says of how it was made, under the names of kohya's trainer, which other programs read (kohya-ss/sd-scripts,
library/train_util.py and networks/lora.py), and under those of Stability's modelspec."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePosixPath

import torch
from safetensors.torch import save

from webui import __version__
from webui.training.job import TrainingJob
from webui.training.pictures import PictureSet, Size, full_caption

_BASES: Mapping[str, tuple[str, str]] = {
    "sd1": ("sd_v1", "stable-diffusion-v1/lora"),
    "sd2": ("sd_v2", "stable-diffusion-v2-512/lora"),
    "sdxl": ("sdxl_base_v1-0", "stable-diffusion-xl-v1-base/lora"),
}
"""Family -> kohya's ss_base_model_version, modelspec's architecture."""

_LOOSE = "img"
"""What kohya's trainer calls pictures without a folder of their own."""


def metadata_of(
    job: TrainingJob, found: PictureSet, sizes: Sequence[Size], *, resolution: int, velocity: bool, rounds: int, begun: float, dtype: str
) -> dict[str, str]:
    """The metadata, without the hashes. begun: seconds since 1970, when the run began."""
    recipe = job.recipe
    base, architecture = _BASES[job.family]
    if job.family == "sd2" and velocity:
        base, architecture = "sd_v2_v", "stable-diffusion-v2-768-v/lora"
    now = datetime.now(UTC)
    counts = Counter(sizes)
    told = {
        "ss_network_module": "networks.lora",
        "ss_network_dim": recipe.rank,
        "ss_network_alpha": recipe.alpha,
        "ss_base_model_version": base,
        "ss_v2": job.family == "sd2",
        "ss_sd_model_name": job.checkpoint.name,
        "ss_output_name": job.target.stem,
        "ss_learning_rate": recipe.learning_rate,
        "ss_unet_lr": recipe.learning_rate,
        "ss_text_encoder_lr": recipe.text_encoder_rate if recipe.text_encoder else None,
        "ss_lr_scheduler": recipe.learning_schedule,
        "ss_lr_warmup_steps": recipe.warmup,
        "ss_optimizer": "torch.optim.adamw.AdamW",
        "ss_max_train_steps": recipe.steps,
        "ss_steps": recipe.steps,
        "ss_num_epochs": rounds,
        "ss_num_train_images": sum(picture.repeats for picture in found.pictures),
        "ss_num_reg_images": 0,
        "ss_batch_size_per_device": recipe.batch_size,
        "ss_total_batch_size": recipe.batch_size,
        "ss_resolution": f"({resolution}, {resolution})",
        "ss_enable_bucket": recipe.buckets,
        "ss_bucket_info": {"buckets": {str(at): {"resolution": size, "count": counts[size]} for at, size in enumerate(sorted(counts))}},
        "ss_tag_frequency": _tags(recipe.trigger, found),
        "ss_dataset_dirs": {name: {"n_repeats": n, "img_count": count} for name, (n, count) in _folders(found).items()},
        "ss_random_flip": recipe.flip,
        "ss_caption_dropout_rate": recipe.caption_dropout,
        "ss_min_snr_gamma": recipe.min_snr or None,
        "ss_clip_skip": recipe.clip_skip,
        "ss_seed": recipe.seed,
        "ss_mixed_precision": dtype,
        "ss_cache_latents": True,
        "ss_training_started_at": begun,
        "ss_training_finished_at": now.timestamp(),
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": architecture,
        "modelspec.implementation": "diffusers",
        "modelspec.title": job.target.stem,
        "modelspec.resolution": f"{resolution}x{resolution}",
        "modelspec.date": now.strftime("%Y-%m-%dT%H:%M:%S"),
        "modelspec.prediction_type": "v" if velocity else "epsilon",
        "modelspec.trigger_phrase": recipe.trigger,
        "easel_version": __version__,
    }
    if job.checkpoint_sha256:
        told["ss_new_sd_model_hash"] = job.checkpoint_sha256
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in told.items() if value not in (None, "")}


def _folder_of(name: str) -> str:
    parent = PurePosixPath(name).parent.as_posix()
    return _LOOSE if parent == "." else parent


def _folders(found: PictureSet) -> dict[str, tuple[int, int]]:
    folders: dict[str, tuple[int, int]] = {}
    for picture in found.pictures:
        folder = _folder_of(picture.name)
        folders[folder] = picture.repeats, folders.get(folder, (0, 0))[1] + 1
    return folders


def _tags(trigger: str, found: PictureSet) -> dict[str, dict[str, int]]:
    """How often each part between commas stands in captions, by folder."""
    tags: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for picture in found.pictures:
        parts = (part.strip() for part in full_caption(trigger, picture.caption).split(","))
        tags[_folder_of(picture.name)].update(part for part in parts if part)
    return {folder: dict(counted) for folder, counted in tags.items()}


def with_hashes(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> bytes:
    """The safetensors file, with the hashes of its weights in its header by which other programs know it (sshs_...)."""
    plain = save(dict(tensors), {})
    begin = 8 + int.from_bytes(plain[:8], "little")
    # Of the weights alone, so that it stays the same when a program edits the metadata.
    hashes = {
        "sshs_model_hash": hashlib.sha256(plain[begin:]).hexdigest(),
        "sshs_legacy_hash": hashlib.sha256(plain[0x100000 : 0x100000 + 0x10000]).hexdigest()[:8],
    }
    return save(dict(tensors), {**metadata, **hashes})
