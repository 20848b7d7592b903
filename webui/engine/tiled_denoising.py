"""MultiDiffusion: a large picture is denoised in overlapping tiles, which agree in every step (Bar-Tal et al. 2023, arXiv:2302.08113).

The guess for a place is the mean of those of all tiles that it lies in (equation 5), each counting less towards its own edge. So memory
and cost of attention are those of one tile, and a model is only asked for sizes that it is good at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from webui.engine.families.base import MASKED, Conditioning
from webui.pictures.boxes import Box, Size
from webui.pictures.patchwork import ramp

Denoise = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class LatentTiles:
    """Tiles over latents. boxes: in latents. weights: how much each counts, (h, w) each; in all places they add up to 1."""

    boxes: tuple[Box, ...]
    weights: tuple[torch.Tensor, ...]

    @classmethod
    def of(cls, size: Size, boxes: Sequence[Box], overlap: int) -> LatentTiles:
        """size: width and height of the latents. overlap: by how much the tiles overlap at least."""
        shares = [ramp(box, size, overlap, both=True) for box in boxes]
        total = np.zeros(size[::-1], np.float32)
        for box, share in zip(boxes, shares, strict=True):
            total[box.top : box.bottom, box.left : box.right] += share
        parts = [share / total[box.top : box.bottom, box.left : box.right] for box, share in zip(boxes, shares, strict=True)]
        return cls(tuple(boxes), tuple(map(torch.from_numpy, parts)))

    def denoise(self, denoise: Denoise, x: torch.Tensor, looking_at: Callable[[Box | None], None]) -> torch.Tensor:
        """The guess of x0 from x, (batch, channels, h, w), tile by tile. looking_at: told which tile it is, and None at the end."""
        guess = torch.zeros_like(x)
        try:
            for box, weight in zip(self.boxes, self.weights, strict=True):
                looking_at(box)
                guess[of_tile(box)] += denoise(x[of_tile(box)]) * weight.to(x)
        finally:
            looking_at(None)
        return guess


def told_of_tile(conditioning: Conditioning, box: Box | None) -> Conditioning:
    """What is told of a tile, of all where that is None: of what lies over the picture, its part."""
    masked = conditioning.further.get(MASKED)
    if masked is None or box is None:
        return conditioning
    return Conditioning(conditioning.tokens, conditioning.pooled, {**conditioning.further, MASKED: masked[of_tile(box)]})


def of_tile(box: Box) -> tuple[slice, ...]:
    """The part of (batch, channels, h, w) that lies in a box."""
    return (slice(None), slice(None), slice(box.top, box.bottom), slice(box.left, box.right))
