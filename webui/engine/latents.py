"""From latents to pixels, and back for the preview's fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from webui.errors import GenerationFailed


def decode(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Pictures of finished latents: (batch, channels, h, w) fp32 -> (batch, height, width, 3) uint8 on the CPU.

    Computed in the VAE's dtype; where that overflows (a known weakness of some VAEs in fp16) once more in fp32.
    Raises GenerationFailed when the latents or the decoded pictures hold NaN.
    """
    if not bool(torch.isfinite(latents).all()):
        raise _no_picture("The denoiser")
    scaled = latents / vae.config.scaling_factor + (getattr(vae.config, "shift_factor", None) or 0.0)
    pixels = _decode(vae, scaled)
    if not bool(torch.isfinite(pixels).all()):
        with _in_float32(vae):
            pixels = _decode(vae, scaled)
        if not bool(torch.isfinite(pixels).all()):
            raise _no_picture("The VAE")
    return ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu()


def _decode(vae: Any, scaled: torch.Tensor) -> torch.Tensor:
    return vae.decode(scaled.to(vae.dtype), return_dict=False)[0].float()


@contextmanager
def _in_float32(vae: Any) -> Iterator[None]:
    """Half weights survive the way to fp32 and back exactly, so later pictures are decoded as before."""
    dtype = vae.dtype
    vae.to(torch.float32)
    try:
        yield
    finally:
        vae.to(dtype)


def _no_picture(who: str) -> GenerationFailed:
    return GenerationFailed(
        f"{who} of this checkpoint produced numbers that make no picture (NaN).",
        hint="Its weights may be damaged: download it again or pick another checkpoint.",
    )


def encode(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Mean latents of pictures: (batch, 3, height, width) in -1..1, fp32 -> (batch, channels, h, w) fp32 as the denoiser sees them."""
    mean = vae.encode(pixels.to(vae.device, vae.dtype), return_dict=False)[0].mean.float()
    return (mean - (getattr(vae.config, "shift_factor", None) or 0.0)) * vae.config.scaling_factor
