"""Noise: one generator for each picture, so that a picture never depends on its neighbours or on the device.

Order and shape are AUTOMATIC1111's (RNG source "CPU"): the generator is seeded with the picture's own seed, gives
the initial noise first and then, in the order of the steps, all noise that an ancestral sampler asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import torch
import torchsde


class PictureNoise:
    """The noise of pictures drawn together: one CPU generator for each, fp32, moved to `device` after drawing."""

    def __init__(self, seeds: Sequence[int], shape: tuple[int, int, int], device: torch.device, sigmas: Sequence[float]) -> None:
        """shape: (channels, height / 8, width / 8) of one picture. sigmas: the noise levels of the run, for `between`."""
        self._seeds = seeds
        self._generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        self._shape = shape
        self._device = device
        self._sigmas = sigmas

    def draw(self) -> torch.Tensor:
        """The next noise, (batch, channels, height / 8, width / 8), unit variance, fp32."""
        each = [torch.randn(self._shape, generator=generator, dtype=torch.float32) for generator in self._generators]
        return torch.stack(each).to(self._device)

    def between(self, sigma: float, following: float) -> torch.Tensor:
        """The noise of each picture's Brownian motion between two levels, shape and variance as of `draw`.

        Over the noise levels themselves and from the picture's seed alone, as k-diffusion's BrownianTreeNoiseSampler,
        so that it depends on no other noise drawn. Time runs up the levels: the way down has the sign of going back.
        """
        low, high = self._ends
        way = torch.stack([tree(max(following, low), min(sigma, high)) for tree in self._trees])
        return (-way / (sigma - following) ** 0.5).to(self._device)

    @property
    def _ends(self) -> tuple[float, float]:
        # Rounded as torchsde does, which warns about times that lie outside by less than that.
        return round(min(sigma for sigma in self._sigmas if sigma > 0), 6), round(max(self._sigmas), 6)

    @cached_property
    def _trees(self) -> list[Callable[[float, float], torch.Tensor]]:
        low, high = self._ends
        start = torch.zeros(self._shape, dtype=torch.float32)
        trees: list[Any] = [torchsde.BrownianTree(low, start, high, entropy=seed) for seed in self._seeds]
        return trees
