"""What a diffusers folder must hold to be a Stable Diffusion 1.x checkpoint, checked without reading its weights.

The catalog asks when it scans, the engine again when it loads: files change in between.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from webui.catalog.weights import check_safetensors
from webui.errors import CheckpointUnusable

PIPELINE = "StableDiffusionPipeline"
WEIGHT_FILES = {
    "text_encoder": ("model.safetensors", "model.fp16.safetensors"),
    "unet": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
    "vae": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
}
"""Part -> names its weights may have, best first."""

FILES_KEY = "easel.files"
"""Metadata of a safetensors file: the small files of the diffusers folder it was made from, {"unet/config.json": {...}, ...} as JSON.

They say what shapes don't, and win over what shapes say.
"""

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "special_tokens_map.json")
"""What a tokenizer folder may hold."""

VOLATILE = frozenset(
    ("_class_name", "_diffusers_version", "_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version")
)
"""What configs say that doesn't change how a module is built."""

COPY_AGAIN = "Copy or download the whole checkpoint folder again."


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """One of the folder's JSON files. Raises CheckpointUnusable."""
    try:
        data = json.loads((folder / name).read_text("utf-8"))
    except FileNotFoundError:
        raise CheckpointUnusable(f"{folder.name} has no {name}.", hint=COPY_AGAIN) from None
    except (OSError, ValueError) as error:
        raise CheckpointUnusable(f"{name} of {folder.name} cannot be read ({error}).", hint=COPY_AGAIN) from None
    if not isinstance(data, dict):
        raise CheckpointUnusable(f"{name} of {folder.name} does not hold what it should.", hint=COPY_AGAIN)
    return data


def weight_file(folder: Path, part: str) -> Path:
    """The weights of a part, its config and the weights' header checked. Raises CheckpointUnusable."""
    read_json(folder, f"{part}/config.json")
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
        hint="Old .bin weights can run code and are not opened; get the safetensors." if pickles else COPY_AGAIN,
    )


def check_folder(folder: Path) -> dict[str, Path]:
    """The weight file of each part, everything a header tells checked. Raises CheckpointUnusable saying what is wrong."""
    pipeline = read_json(folder, "model_index.json").get("_class_name")
    if pipeline != PIPELINE:
        raise CheckpointUnusable(
            f"{folder.name} is made for {str(pipeline)[:60]}; Easel draws with {PIPELINE} (Stable Diffusion 1.x).",
            hint="Pick another checkpoint.",
        )
    read_json(folder, "scheduler/scheduler_config.json")
    if not (folder / "tokenizer").is_dir():
        raise CheckpointUnusable(f"{folder.name} has no tokenizer folder.", hint=COPY_AGAIN)
    return {part: weight_file(folder, part) for part in WEIGHT_FILES}
