"""Which checkpoints the engine opens. One table: a family that it learns to draw with is added here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from webui.catalog.detect import ModelKind, Variant
from webui.catalog.pipelines import STOCK_FAMILIES

Form = Literal["diffusers", "safetensors", "gguf", "pickle"]

_STABLE_DIFFUSION = frozenset(("sd1", "sd2", "sdxl", "sdxl_refiner"))
_TRANSFORMERS = frozenset(("sd3", "flux"))

OPENED: Mapping[Form, frozenset[str]] = {
    "diffusers": _STABLE_DIFFUSION | _TRANSFORMERS,
    "safetensors": _STABLE_DIFFUSION | _TRANSFORMERS,
    "gguf": _TRANSFORMERS,
    "pickle": _STABLE_DIFFUSION | _TRANSFORMERS,
}
"""Form on disk -> families that the engine opens in it."""

OPENED_ALONE = _TRANSFORMERS | {"sd1", "sdxl", "sdxl_refiner"}
"""Families whose denoiser may come alone: text encoders and VAE are found in their folders."""

OPENED_VARIANTS: Mapping[Variant, frozenset[str]] = {
    "base": _STABLE_DIFFUSION | _TRANSFORMERS,
    "inpaint": frozenset(("sd1", "sd2", "sdxl")),
}
"""Variant -> families in which the engine draws with it."""

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

VARIANT_TITLES: Mapping[Variant, str] = {
    "base": "pictures from words",
    "inpaint": "inpainting",
    "edit": "editing pictures by words",
    "depth": "drawing over depth maps",
    "control": "drawing over depth maps or outlines",
    "upscale": "upscaling",
}

FORM_TITLES: Mapping[Form, str] = {
    "diffusers": "a diffusers folder",
    "safetensors": "a single file",
    "gguf": "a GGUF file",
    "pickle": "an old pickle file",
}


def opens(form: Form, kind: ModelKind) -> bool:
    """Whether the engine draws with checkpoints of this kind in this form."""
    return not why_not(form, kind)[0]


def why_not(form: Form, kind: ModelKind) -> tuple[str, str]:
    """One sentence for people on why the engine does not draw with it, and one on what to do; empty when it does."""
    title, what = FAMILY_TITLES.get(kind.family, "of no family that Easel knows"), FORM_TITLES[form]
    if kind.kind not in ("checkpoint", "denoiser"):
        return f"It is {what}, and none of its tensors' names are those of a checkpoint.", _OTHER
    if kind.family not in OPENED[form]:
        elsewhere = [FORM_TITLES[other] for other, families in OPENED.items() if kind.family in families]
        elsewhere += [FORM_TITLES["diffusers"]] if kind.family in STOCK_FAMILIES and form != "diffusers" else []
        problem = f"It is {what} ({title}), which this version of Easel does not draw with."
        return problem, f"Get it as {' or '.join(elsewhere)}." if elsewhere else _OTHER
    if kind.family not in OPENED_VARIANTS.get(kind.variant, ()):
        return f"It is made for {VARIANT_TITLES[kind.variant]} ({title}), which this version of Easel can't do with it.", _OTHER
    if kind.kind == "denoiser" and kind.family not in OPENED_ALONE:
        return f"It holds the denoiser alone ({title}), without text encoders and VAE.", "Get the whole checkpoint."
    if kind.prediction == "edm":
        return "Its noise levels (EDM, as of Playground v2.5) are none that Easel knows.", _OTHER
    return "", ""


_OTHER = "Pick another checkpoint."
