"""Upscalers that a request names, found among the models: their files and hashes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from webui.catalog.detect import Kind
from webui.catalog.models import ModelCatalog, ModelFile
from webui.errors import AdapterUnusable, InvalidRequest
from webui.generation.enlarging import PIXEL_UPSCALER_LABELS, UPSCALER_LABELS, known_upscaler

UPSCALER: Kind = "upscaler"
_UPSCALER = frozenset((UPSCALER,))
FOLDER = "models/upscalers"
"""Where to put one."""

OF_A1111: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "r-esrgan 4x+": ("RealESRGAN_x4plus",),
        "r-esrgan 4x+ anime6b": ("RealESRGAN_x4plus_anime_6B",),
        "r-esrgan 2x+": ("RealESRGAN_x2plus",),
        "r-esrgan general 4xv3": ("realesr-general-x4v3",),
        "r-esrgan general wdn 4xv3": ("realesr-general-wdn-x4v3",),
        "r-esrgan animevideo": ("realesr-animevideov3",),
        "esrgan_4x": ("ESRGAN_4x", "ESRGAN"),
        "swinir 4x": ("SwinIR_4x", "003_realSR_BSRGAN_DFOWMFC_s64w8_SwinIR-L_x4_GAN"),
        "swinv2 4x": ("SwinV2_4x", "Swin2SR_RealworldSR_X4_64_BSRGAN_PSNR"),
        "scunet": ("ScuNET", "scunet_color_real_gan"),
        "scunet gan": ("ScuNET", "scunet_color_real_gan"),
        "scunet psnr": ("ScuNET_PSNR", "scunet_color_real_psnr"),
        "dat x2": ("DAT_x2",),
        "dat x3": ("DAT_x3",),
        "dat x4": ("DAT_x4",),
    }
)
"""AUTOMATIC1111's labels, in lower case -> what the files of these are called."""


def upscaler_models(models: ModelCatalog) -> list[ModelFile]:
    """Those that can be read."""
    return [model for model in models.select(_UPSCALER) if not model.facts.problem]


def knows_upscaler(models: ModelCatalog, name: str) -> bool:
    """Whether an upscaler of that name is here, built in or as a model."""
    return known_upscaler(name) is not None or _model_called(models, name) is not None


def upscaler_choices(models: ModelCatalog, *, latent: bool) -> list[str]:
    """What a request's upscaler can be: the built-in ones, those on latents only where asked for, then each model by name."""
    return [*(UPSCALER_LABELS if latent else PIXEL_UPSCALER_LABELS), *(model.name for model in upscaler_models(models))]


def _model_called(models: ModelCatalog, name: str, digest: str = "") -> ModelFile | None:
    stems = (name, *OF_A1111.get(name.strip().casefold(), ()), *([digest] if digest else []))
    return next((found for stem in stems if (found := models.find(stem, _UPSCALER)) is not None), None)


def find_upscaler_model(models: ModelCatalog, name: str, field: str, digest: str = "") -> ModelFile:
    """The upscaler of that name, or of AUTOMATIC1111's label for it, or of that hash. field: which one it is asked for by.

    Raises InvalidRequest where there is none, AdapterUnusable where its file can't be read.
    """
    model = _model_called(models, name, digest)
    if model is None:
        known = [one.name for one in upscaler_models(models)[:20]]
        raise InvalidRequest(
            f"There is no upscaler called {name[:80]!r}.",
            field=field,
            allowed=", ".join([*PIXEL_UPSCALER_LABELS, *known]),
            hint=f"Pick one of these, or put its file into {FOLDER}.",
        )
    if model.facts.problem:
        raise AdapterUnusable(f"{model.name} can't be used: {model.facts.problem}", field=field, hint=model.facts.hint)
    return model
