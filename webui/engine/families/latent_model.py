"""What all families here have in common: a KL autoencoder, and weights that can compute in fp32 for a while."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Self

import torch
from torch.nn import functional

from webui.engine import latents as latent_space
from webui.engine.device import Device
from webui.engine.precision import VAE, in_float32, require_finite
from webui.engine.preview import LatentPreview, preview_for


class LatentModel:
    """Base of the families, which are frozen dataclasses with at least these fields. vae: an AutoencoderKL on `device`."""

    vae: Any
    device: Device

    @property
    def modules(self) -> Mapping[str, Any]:
        """The modules it computes with, by kind of component."""
        raise NotImplementedError

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights, its activations and its conditioning."""
        return self.device.dtype

    @property
    def distilled_guidance(self) -> bool:
        """Whether the denoiser is told how closely to follow the prompt, instead of being asked twice."""
        return False

    @property
    def sees_masks(self) -> bool:
        """Whether the denoiser is shown the mask and what is left of the picture."""
        return False

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """(channels, h, w) of the latents of a picture of that many pixels."""
        return int(self.vae.config.latent_channels), height // self.pixels_per_latent, width // self.pixels_per_latent

    @property
    def pixels_per_latent(self) -> int:
        """Pixels along one side of what becomes one latent pixel."""
        return 2 ** (len(self.vae.config.block_out_channels) - 1)

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Pixels of finished latents, (batch, height, width, 3) uint8 on the CPU."""
        return latent_space.decode(self.vae, latents.contiguous(memory_format=self.device.vae_format))

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        """Latents of pictures, (batch, 3, height, width) in -1..1, fp32 on the device; the middle of what the VAE holds for likely."""
        latents = latent_space.encode(self.vae, pixels)
        require_finite(latents, VAE)
        return latents

    def vae_in_float32(self) -> AbstractContextManager[None]:
        """Within the block `decode` and `encode` compute in fp32."""
        return in_float32(self.vae)

    @contextmanager
    def in_float32(self) -> Iterator[Self]:
        """The same weights, computing all in fp32, for the block."""
        with in_float32(*self.modules.values()):
            yield replace(self, device=replace(self.device, dtype=torch.float32))  # type: ignore[type-var]

    def preview(self) -> LatentPreview:
        """The linear view of its latents, fitted at the first call where it has to be."""
        return self._preview

    @cached_property
    def _preview(self) -> LatentPreview:
        return preview_for(self.vae)


def padded_to(x: torch.Tensor, multiple: int) -> torch.Tensor:
    """Latents (batch, channels, h, w) whose sides are multiples, the last row and column repeated where they have to grow."""
    down, right = -x.shape[-2] % multiple, -x.shape[-1] % multiple
    return functional.pad(x, (0, right, 0, down), mode="replicate") if down or right else x
