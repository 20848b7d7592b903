"""Noise: one generator for each picture, so that a picture never depends on its neighbours or on the device.

Order and shape are AUTOMATIC1111's (RNG source "CPU"): the generator is seeded with the picture's own seed, gives
the initial noise first and then, in the order of the steps, all noise that an ancestral sampler asks for.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch


class PictureNoise:
    """The noise of pictures drawn together: one CPU generator for each, fp32, moved to `device` after drawing."""

    def __init__(self, seeds: Sequence[int], shape: tuple[int, int, int], device: torch.device) -> None:
        """shape: (channels, height / 8, width / 8) of one picture."""
        self._generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        self._shape = shape
        self._device = device

    def draw(self) -> torch.Tensor:
        """The next noise, (batch, channels, height / 8, width / 8), unit variance, fp32."""
        each = [torch.randn(self._shape, generator=generator, dtype=torch.float32) for generator in self._generators]
        return torch.stack(each).to(self._device)
