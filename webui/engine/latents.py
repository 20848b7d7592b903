"""From latents to pixels, and back for the preview's fit."""

from __future__ import annotations

from typing import Any

import torch

from webui.engine.precision import VAE, require_finite


def decode(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Pictures of finished latents: (batch, channels, h, w) fp32 -> (batch, height, width, 3) uint8 on the CPU.

    Computed in the VAE's dtype. Raises ModelProducedNan when the decoded pictures hold NaN or infinity.
    """
    scaled = latents / vae.config.scaling_factor + (getattr(vae.config, "shift_factor", None) or 0.0)
    pixels = vae.decode(scaled.to(vae.dtype), return_dict=False)[0].float()
    require_finite(pixels, VAE)
    return ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu()


def encode(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Mean latents of pictures: (batch, 3, height, width) in -1..1, fp32 -> (batch, channels, h, w) fp32 as the denoiser sees them."""
    mean = vae.encode(pixels.to(vae.device, vae.dtype), return_dict=False)[0].mean.float()
    return (mean - (getattr(vae.config, "shift_factor", None) or 0.0)) * vae.config.scaling_factor
