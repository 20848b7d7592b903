"""Checkpoints for tests: the shipped one, and folders that look like one as far as headers tell."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

SHIPPED_CHECKPOINT = Path(__file__).resolve().parent.parent / "models" / "checkpoints" / "easel-emoji"


def make_checkpoint(folder: Path, *, pipeline: str = "StableDiffusionPipeline", content: float = 0.0) -> Path:
    """A folder that looks like a Stable Diffusion 1.x checkpoint as far as headers tell."""
    for part in ("text_encoder", "unet", "vae", "scheduler"):
        (folder / part).mkdir(parents=True)
    shutil.copytree(SHIPPED_CHECKPOINT / "tokenizer", folder / "tokenizer")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": pipeline}))
    (folder / "unet" / "config.json").write_text(json.dumps({"sample_size": 64}))
    (folder / "vae" / "config.json").write_text(json.dumps({"block_out_channels": [128, 256, 512, 512]}))
    (folder / "text_encoder" / "config.json").write_text("{}")
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    for part, name in (("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model"), ("text_encoder", "model")):
        save_file({"weight": np.full((4, 4), content, np.float32)}, folder / part / f"{name}.safetensors")
    return folder
