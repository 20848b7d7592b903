"""What a diffusers folder is, told by its model_index.json and the configs of its parts. No weights, no code from the folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from webui.catalog.detect import ModelKind, Part, Prediction, Variant
from webui.catalog.diffusers_folder import read_json
from webui.errors import CheckpointUnusable
from webui.generation.stock_pipelines import STOCK_PIPELINES, UPSCALING_PIPELINES

_FAMILY_OF_PIPELINE: Sequence[tuple[str, str]] = (
    ("StableDiffusionXL", "sdxl"),
    ("StableDiffusion3", "sd3"),
    ("StableDiffusion", "sd1"),
    ("Flux2", "flux2"),
    ("Flux", "flux"),
    ("QwenImage", "qwen_image"),
    ("ZImage", "z_image"),
    ("PixArt", "pixart"),
    ("Sana", "sana"),
    ("Lumina2", "lumina2"),
    ("Lumina", "lumina"),
    ("AuraFlow", "auraflow"),
    ("HiDream", "hidream"),
    ("HunyuanDiT", "hunyuan_dit"),
    ("Chroma", "chroma"),
    ("Kandinsky", "kandinsky"),
    ("StableCascade", "stable_cascade"),
    ("Krea2", "krea2"),
    ("CogView", "cogview"),
    ("Kolors", "kolors"),
    ("Wan", "wan"),
    ("LTX", "ltx_video"),
)
"""How a pipeline's class is called at its beginning -> family; the longer before the shorter."""

STOCK_FAMILIES = frozenset(
    next((family for begin, family in _FAMILY_OF_PIPELINE if pipeline.startswith(begin)), "") for pipeline in STOCK_PIPELINES
) - {""}
"""Families whose diffusers folders are drawn with by diffusers' own pipelines."""

_VARIANT_OF_PIPELINE: Sequence[tuple[str, Variant]] = (
    ("Inpaint", "inpaint"),
    ("Fill", "inpaint"),
    ("InstructPix2Pix", "edit"),
    ("Kontext", "edit"),
    ("Depth", "depth"),
    ("Control", "control"),
    ("Upscale", "upscale"),
)

_VARIANT_OF_CHANNELS: Mapping[int, Variant] = {9: "inpaint", 8: "edit", 5: "depth", 7: "upscale"}
_PREDICTIONS: Mapping[str, Prediction] = {"epsilon": "epsilon", "v_prediction": "v", "flow_prediction": "flow"}
_PARTS = ("unet", "transformer", "prior", "vae", "vqvae", "text_encoder", "text_encoder_2", "text_encoder_3")

LEAD_CLASS = "_class_name"


def pipeline_class(folder: Path) -> str:
    """The class of pipeline that a folder is made for, as text. Raises CheckpointUnusable."""
    return str(read_json(folder, "model_index.json").get(LEAD_CLASS))[:100]


def identify_folder(folder: Path) -> ModelKind:
    """What a diffusers folder is. Raises CheckpointUnusable when model_index.json can't be read."""
    pipeline = pipeline_class(folder)
    parts = tuple(
        Part("denoiser" if name in ("unet", "transformer", "prior") else name, f"{name}/", "diffusers")
        for name in _PARTS
        if (folder / name / "config.json").is_file()
    )
    if pipeline in UPSCALING_PIPELINES:
        return ModelKind("upscaler", version=f"diffusion x{UPSCALING_PIPELINES[pipeline]}", parts=parts)
    config = _config(folder, "unet") or _config(folder, "transformer")
    family = next((family for begin, family in _FAMILY_OF_PIPELINE if pipeline.startswith(begin)), "")
    if family == "sd1" and _number(config.get("cross_attention_dim")) == 1024:
        family = "sd2"
    if family == "sdxl" and "text_encoder" not in {part.name for part in parts} and "text_encoder_2" in {part.name for part in parts}:
        family = "sdxl_refiner"
    # The transformers' in_channels count packed latents.
    channels = 0 if family in ("sd3", "flux") else _number(config.get("in_channels"))
    variant = _VARIANT_OF_CHANNELS.get(channels) or _variant(pipeline)
    version = _VERSIONS[family](config) if family in _VERSIONS else ""
    return ModelKind(
        "checkpoint",
        family,
        version,
        variant,
        _prediction(folder, family),
        _config(folder, "scheduler", "scheduler_config.json").get("rescale_betas_zero_snr") is True,
        latent_channels=_number(_config(folder, "vae").get("latent_channels")),
        parts=parts,
    )


def _variant(pipeline: str) -> Variant:
    # A ControlNet beside the denoiser does not change what the denoiser takes.
    for sign, variant in () if "ControlNet" in pipeline else _VARIANT_OF_PIPELINE:
        if sign in pipeline:
            return variant
    return "base"


def _sd3_version(config: Mapping[str, Any]) -> str:
    if config.get("dual_attention_layers"):
        return "3.5-medium"
    return "3.5-large" if config.get("qk_norm") else "3-medium"


def _flux_version(config: Mapping[str, Any]) -> str:
    return "dev" if config.get("guidance_embeds") else "schnell"


_VERSIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {"sd3": _sd3_version, "flux": _flux_version}


def _prediction(folder: Path, family: str) -> Prediction:
    scheduler = _config(folder, "scheduler", "scheduler_config.json")
    if str(scheduler.get(LEAD_CLASS)).startswith("FlowMatch") or family in ("sd3", "flux"):
        return "flow"
    if str(scheduler.get(LEAD_CLASS)).startswith("EDM"):
        return "edm"
    said = scheduler.get("prediction_type", "epsilon")
    return _PREDICTIONS.get(said, "") if isinstance(said, str) else ""


def _config(folder: Path, part: str, name: str = "config.json") -> dict[str, Any]:
    """A part's config; empty when there is none that can be read: whoever loads the part says so."""
    try:
        return read_json(folder, f"{part}/{name}")
    except CheckpointUnusable:
        return {}


def _number(value: Any) -> int:
    return value if type(value) is int else 0
