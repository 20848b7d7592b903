"""Drawing on a picture: its latents to begin with, and which of them stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from webui.engine.soft_inpainting import SoftInpainting

LATENT_NOISE, LATENT_NOTHING = "latent noise", "latent nothing"
"""Masked contents that are made of latents."""


@dataclass(frozen=True)
class LatentMask:
    """What stays of a picture.

    clean: the latents that drawing begins with, (1 or batch, channels, h, w). redrawn: 1 where it is drawn anew, 0 elsewhere, (1, 1, h, w).
    soft: how what lies between is blended; None where nothing does. source: the picture's own latents, shaped as clean.
    """

    clean: torch.Tensor
    redrawn: torch.Tensor
    soft: SoftInpainting | None
    source: torch.Tensor

    def kept(self, guess: torch.Tensor, sigma: float) -> torch.Tensor:
        """Clean latents (batch, channels, h, w), guessed at a noise level, with the picture's own where it isn't drawn anew."""
        if self.soft is not None:
            return self.soft.blended(self.clean, guess, self.soft.share(self.redrawn, sigma))
        return guess * self.redrawn + self.clean * (1 - self.redrawn)

    def finished(self, latents: torch.Tensor) -> torch.Tensor:
        """The latents after the last step; what is masked in part has become what it should be."""
        return latents if self.soft is not None else self.kept(latents, 0.0)

    def taken(self, latents: torch.Tensor) -> torch.Tensor | None:
        """How much of finished latents' picture is laid over the source, 0 to 1, (batch, h, w); None: as the mask itself says."""
        return None if self.soft is None else self.soft.taken(self.source, latents, self.redrawn)[:, 0]


@dataclass(frozen=True)
class Beginning:
    """What a pass begins with. latents: clean ones, (1 or batch, channels, h, w). redrawn: as in LatentMask; None: all is drawn anew.

    shown: for families that see masks, what Conditioning.further[MASKED] holds, one row.
    source: the picture's own latents, where drawing begins with others under the mask.
    """

    latents: torch.Tensor
    redrawn: torch.Tensor | None = None
    shown: torch.Tensor | None = None
    source: torch.Tensor | None = None

    def mask(self, noise: torch.Tensor, content: str, soft: SoftInpainting | None = None) -> LatentMask | None:
        """What stays, and what drawing begins with elsewhere. content: the request's masked content. noise: unit noise of each picture."""
        if self.redrawn is None:
            return None
        other = {LATENT_NOISE: noise, LATENT_NOTHING: torch.zeros_like(noise)}.get(content, self.latents)
        clean = self.latents * (1 - self.redrawn) + other * self.redrawn
        return LatentMask(clean, self.redrawn, soft, self.latents if self.source is None else self.source)


def as_latent_mask(mask: Image.Image, width: int, height: int, *, soft: bool = False) -> torch.Tensor:
    """A mask (mode L) at the size of latents, (1, 1, h, w) fp32: 0 or 1, or all between where it is soft.

    One that is smaller than any of them marks those it touches.
    """
    small = torch.from_numpy(np.array(mask.resize((width, height), Image.Resampling.BICUBIC))).float() / 255
    redrawn = small if soft else small.round()
    return (redrawn if redrawn.any() else small.ceil())[None, None]


def as_overlay(taken: torch.Tensor) -> Image.Image:
    """Shares of 0 to 1, (h, w), as a picture of that size (mode L)."""
    return Image.fromarray((taken.cpu() * 255).round().to(torch.uint8).numpy(), "L")


def as_pixels(picture: Image.Image) -> torch.Tensor:
    """A picture as uint8, (1, height, width, 3)."""
    return torch.from_numpy(np.array(picture))[None]


def hidden(pixels: torch.Tensor, mask: Image.Image | None, weight: float) -> torch.Tensor:
    """What a model that sees masks is shown of pixels (1, 3, height, width) in -1..1: grey where the mask is, by a weight of 0 to 1."""
    covered = torch.ones_like(pixels[:, :1]) if mask is None else (torch.from_numpy(np.array(mask)).float() / 255).round()[None, None]
    return pixels * (1 - covered * weight)


def shown(masked: torch.Tensor, mask: Image.Image | None) -> torch.Tensor:
    """The mask and the latents (1, channels, h, w) of the masked picture, one behind the other, (1, 1 + channels, h, w)."""
    height, width = masked.shape[-2:]
    covered = torch.ones(1, 1, height, width) if mask is None else as_latent_mask(mask, width, height)
    return torch.cat([covered.to(masked), masked], dim=1)


def resized(latents: torch.Tensor, width: int, height: int) -> torch.Tensor:
    """Latents (batch, channels, h, w) stretched to another size, in latents."""
    same = latents.shape[-2:] == (height, width)
    return latents if same else functional.interpolate(latents, size=(height, width), mode="bilinear")
