"""From the first pass to the hires pass: finished latents, enlarged, by themselves or by way of the picture."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from webui.generation.enlarging import Enlargement, Upscaler


def enlarge_latents(latents: torch.Tensor, by: Enlargement, upscaler: Upscaler) -> torch.Tensor:
    """Latents (batch, channels, h, w) in the size of the whole enlarged picture. upscaler: one that works on latents."""
    width, height = by.latents
    # torch takes the word only of filters that can do it.
    antialias = {"antialias": upscaler.antialias} if upscaler.mode in ("bilinear", "bicubic") else {}
    return functional.interpolate(latents, size=(height, width), mode=upscaler.mode, **antialias)


def enlarge_pixels(pixels: torch.Tensor, by: Enlargement, upscaler: Upscaler) -> torch.Tensor:
    """Pictures (batch, height, width, 3) uint8 in the size of the whole enlarged one. upscaler: one that works on pixels."""
    way = Image.Resampling[upscaler.mode]
    return torch.stack([torch.from_numpy(np.array(Image.fromarray(picture.numpy()).resize(by.cover, way))) for picture in pixels])


def as_input(pixels: torch.Tensor) -> torch.Tensor:
    """Pictures (batch, height, width, 3) uint8 as a VAE takes them: (batch, 3, height, width) fp32 in -1..1."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def cut(latents: torch.Tensor, by: Enlargement) -> torch.Tensor:
    """What is kept of the whole enlarged picture's latents (batch, channels, h, w)."""
    left, top, right, bottom = by.cut
    return latents[..., top:bottom, left:right]
