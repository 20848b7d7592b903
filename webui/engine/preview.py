"""Live preview: what the picture will be, guessed from the latents by one small matrix.

Each latent pixel becomes one RGB pixel: rgb = latents @ factors + bias. For the VAE of Stable Diffusion 1.x the
factors are published; for any other VAE they are fitted once by least squares on synthetic pictures.
Nothing here draws from a generator that pictures use.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from webui.engine import latents as latent_space

LONG_SIDE = 256
"""Pixels of the longer side of a preview."""
FRAME_SIDE = 512
"""Most pixels of the longer side of a film's frame."""

_JPEG_QUALITY = 80
_WEBP_QUALITY = 85
_PIXELS_PER_LATENT = 8

_SD1_SIGNATURE = {"block_out_channels": [128, 256, 512, 512], "latent_channels": 4, "scaling_factor": 0.18215}
_SD1_FACTORS = (
    (0.3512, 0.2297, 0.3227),
    (0.3250, 0.4974, 0.2350),
    (-0.2829, 0.1762, 0.2721),
    (-0.2120, -0.2616, -0.7177),
)
"""Latent channel -> RGB in -1..1, found by regression; as listed in ComfyUI's latent_formats.py (class SD15)."""


@dataclass(frozen=True)
class LatentPreview:
    """A linear view of a VAE's latents. factors: (channels, 3); bias: (3,); both fp32 on the CPU, giving RGB in -1..1."""

    factors: torch.Tensor
    bias: torch.Tensor

    def rgb(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents of one picture (channels, h, w) -> (h, w, 3) uint8 on the CPU."""
        seen = latents.detach().to("cpu", torch.float32).permute(1, 2, 0) @ self.factors + self.bias
        return ((seen + 1) * 127.5).nan_to_num(127.5).clamp(0, 255).to(torch.uint8)

    def jpeg(self, latents: torch.Tensor) -> bytes:
        """A small JPEG of one picture's latents (channels, h, w)."""
        return _encoded(self._enlarged(latents, LONG_SIDE, Image.Resampling.BILINEAR), "JPEG", quality=_JPEG_QUALITY)

    def frame(self, latents: torch.Tensor) -> bytes:
        """A WebP of one picture's latents (channels, h, w), as large as the picture, but at most FRAME_SIDE."""
        side = min(FRAME_SIDE, max(latents.shape[-2:]) * _PIXELS_PER_LATENT)
        return _encoded(self._enlarged(latents, side, Image.Resampling.BICUBIC), "WEBP", quality=_WEBP_QUALITY, method=2)

    def _enlarged(self, latents: torch.Tensor, side: int, by: Image.Resampling) -> Image.Image:
        small = Image.fromarray(self.rgb(latents).numpy())
        scale = side / max(small.size)
        return small.resize((max(1, round(small.width * scale)), max(1, round(small.height * scale))), by)


def _encoded(picture: Image.Image, form: str, **how: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **how)
    return buffer.getvalue()


def preview_for(vae: Any) -> LatentPreview:
    """The preview of a VAE: published factors where it is Stable Diffusion 1.x's, fitted ones otherwise."""
    if all(_plain(getattr(vae.config, key, None)) == value for key, value in _SD1_SIGNATURE.items()):
        return LatentPreview(torch.tensor(_SD1_FACTORS), torch.zeros(3))
    return fit_preview(vae)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


Encode = Callable[[Any, torch.Tensor], torch.Tensor]
"""(autoencoder, pictures as of webui.engine.latents.encode) -> their latents as the denoiser sees them."""


def fit_preview(vae: Any, pictures: int = 4, size: int = 64, encode: Encode = latent_space.encode) -> LatentPreview:
    """Least squares from the latents of synthetic pictures to the pictures themselves, made as small as the latents."""
    pixels = synthetic_pictures(pictures, size)
    latents = encode(vae, pixels).cpu()
    small = functional.interpolate(pixels, size=latents.shape[-2:], mode="area")
    inputs = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    inputs = torch.cat([inputs, torch.ones(len(inputs), 1)], dim=1)
    targets = small.permute(0, 2, 3, 1).reshape(-1, 3)
    # NumPy's, because torch's default driver returns wrong answers where a channel carries nothing.
    solution = torch.from_numpy(np.linalg.lstsq(inputs.double().numpy(), targets.double().numpy(), rcond=None)[0]).float()
    return LatentPreview(solution[:-1].contiguous(), solution[-1].contiguous())


def synthetic_pictures(count: int, size: int) -> torch.Tensor:
    """Coloured patches over colour gradients, the same on every machine: (count, 3, size, size) in -1..1, fp32."""
    random = np.random.default_rng(0)
    pictures = np.empty((count, size, size, 3), np.float32)
    ramp = np.linspace(0, 1, size, dtype=np.float32)[:, None]
    for picture in pictures:
        left, right, top, bottom = random.random((4, 3), np.float32)
        picture[:] = ((left + ramp * (right - left))[None] + (top + ramp * (bottom - top))[:, None]) / 2
        for _ in range(12):
            y, x = random.integers(0, size - 16, 2)
            height, width = random.integers(16, size // 2, 2)
            picture[y : y + height, x : x + width] = random.random(3, np.float32)
    return torch.from_numpy(pictures).permute(0, 3, 1, 2) * 2 - 1
