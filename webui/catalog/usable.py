"""Which checkpoints the engine opens. One table: a family that it learns to draw with is added here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from webui.catalog.detect import ModelKind

Form = Literal["diffusers", "safetensors", "gguf", "pickle"]

OPENED: Mapping[Form, frozenset[str]] = {
    "diffusers": frozenset(("sd1", "sd2")),
    "safetensors": frozenset(),
    "gguf": frozenset(),
    "pickle": frozenset(),
}
"""Form on disk -> families that the engine opens in it."""

FAMILY_TITLES: Mapping[str, str] = {
    "sd1": "Stable Diffusion 1",
    "sd2": "Stable Diffusion 2",
    "sdxl": "SDXL",
    "sdxl_refiner": "SDXL refiner",
    "sd3": "Stable Diffusion 3",
    "flux": "FLUX.1",
    "flux2": "FLUX.2",
    "flux3": "FLUX.3",
    "chroma": "Chroma",
    "qwen_image": "Qwen-Image",
    "z_image": "Z-Image",
    "lumina2": "Lumina 2",
    "hidream": "HiDream",
    "hunyuan_dit": "Hunyuan-DiT",
    "hunyuan_video": "HunyuanVideo",
    "auraflow": "AuraFlow",
    "pixart": "PixArt",
    "sana": "Sana",
    "krea2": "Krea 2",
    "wan": "Wan",
    "ltx_video": "LTX-Video",
    "mochi": "Mochi",
    "cosmos": "Cosmos",
    "stable_cascade": "Stable Cascade",
    "kandinsky": "Kandinsky",
    "kolors": "Kolors",
    "cogview": "CogView",
}
"""Family -> its name for people."""

FORM_TITLES: Mapping[Form, str] = {
    "diffusers": "diffusers folder",
    "safetensors": "single file",
    "gguf": "GGUF file",
    "pickle": "old pickle file (a single file that can run code)",
}


def opens(form: Form, kind: ModelKind) -> bool:
    """Whether the engine draws with checkpoints of this kind in this form."""
    return kind.kind in ("checkpoint", "denoiser") and kind.family in OPENED[form]


def why_not(form: Form, kind: ModelKind) -> tuple[str, str]:
    """One sentence for people on why the engine does not open it, and one on what to do."""
    title = FAMILY_TITLES.get(kind.family, "unknown family")
    elsewhere = [FORM_TITLES[other] for other, families in OPENED.items() if kind.family in families]
    problem = f"It is a {FORM_TITLES[form]} ({title}), which this version of Easel does not draw with."
    return problem, f"Get it as a {' or '.join(elsewhere)}." if elsewhere else "Pick another checkpoint."
