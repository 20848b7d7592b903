"""Noise: one generator for each picture, so that a picture never depends on its neighbours.

Order and shape are AUTOMATIC1111's: the generator is seeded with the picture's own seed, gives the initial noise first
and then, in the order of the steps, all noise that an ancestral sampler asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

import torch
import torchsde
from torchsde._brownian import brownian_interval

from webui.engine.philox import PhiloxGenerator
from webui.generation.request import ResolvedDrawn

Shape = tuple[int, int, int]


class Generator(Protocol):
    """A row of random numbers."""

    def randn(self, shape: tuple[int, ...]) -> torch.Tensor:
        """The next normal numbers, fp32."""
        ...


class TorchGenerator:
    """torch's own generator of a device."""

    def __init__(self, seed: int, device: torch.device) -> None:
        self._generator = torch.Generator(device).manual_seed(seed)

    def randn(self, shape: tuple[int, ...]) -> torch.Tensor:
        """The next normal numbers, fp32 on the device."""
        return torch.randn(shape, generator=self._generator, dtype=torch.float32, device=self._generator.device)


def _on_the_card(seed: int, device: torch.device) -> Generator:
    # Elsewhere a CUDA card's numbers are imitated, so that the same request stays the same picture.
    return TorchGenerator(seed, device) if device.type == "cuda" else PhiloxGenerator(seed)


SOURCES: Mapping[str, Callable[[int, torch.device], Generator]] = MappingProxyType(
    {
        "CPU": lambda seed, device: TorchGenerator(seed, torch.device("cpu")),
        "GPU": _on_the_card,
        "NV": lambda seed, device: PhiloxGenerator(seed),
    }
)
"""A request's rng -> the generator of a seed, for a device."""


_TORCHSDE_DRAWS = "_randn"
"""The function in which torchsde draws all its numbers, which are torch's; it has no other way in."""


@dataclass(frozen=True)
class PictureSeeds:
    """What one picture's noise comes from. delta: what is added to the seed for the noise on the way."""

    seed: int
    variation_seed: int = 0
    strength: float = 0.0
    delta: int = 0


class PictureNoise:
    """The noise of pictures drawn together, fp32, moved to `device` after drawing: `first` once, then `draw` and `between`.

    pictures: what each one's comes from. shape: (channels, height / 8, width / 8) of one picture. sigmas: the noise
    levels of the run, for `between`. first_shape: at which the initial noise is drawn, where that isn't `shape`.
    """

    def __init__(
        self,
        pictures: Sequence[PictureSeeds],
        shape: Shape,
        device: torch.device,
        sigmas: Sequence[float],
        *,
        source: str = "CPU",
        first_shape: Shape | None = None,
    ) -> None:
        self._pictures = pictures
        self._shape = shape
        self._device = device
        self._sigmas = sigmas
        self._first_shape = first_shape or shape
        self._make = lambda seed: SOURCES[source](seed, device)
        self._generators = [self._make(picture.seed) for picture in pictures]

    @staticmethod
    def of(
        request: ResolvedDrawn,
        images: Sequence[int],
        shape: Callable[[int, int], Shape],
        device: torch.device,
        sigmas: Sequence[float],
    ) -> PictureNoise:
        """The noise that a request asks for. shape: of the latents of a picture of that width and height."""
        pictures = [
            PictureSeeds(request.image_seeds[image], request.image_variation_seeds[image], request.variation_strength, request.seed_delta)
            for image in images
        ]
        first = shape(*request.seed_resize) if request.seed_resize else None
        return PictureNoise(pictures, shape(request.width, request.height), device, sigmas, source=request.rng, first_shape=first)

    def first(self) -> torch.Tensor:
        """The initial noise, (batch, channels, height / 8, width / 8), unit variance, fp32."""
        drawn = [self._first(picture, generator) for picture, generator in zip(self._pictures, self._generators, strict=True)]
        for index, picture in enumerate(self._pictures):
            if picture.delta:
                self._generators[index] = self._make((picture.seed + picture.delta) % 2**63)
        return torch.stack(drawn).to(self._device)

    def _first(self, picture: PictureSeeds, generator: Generator) -> torch.Tensor:
        resized = self._first_shape != self._shape
        noise = (self._make(picture.seed) if resized else generator).randn(self._first_shape)
        if picture.strength:
            noise = slerp(noise, self._make(picture.variation_seed).randn(self._first_shape), picture.strength)
        return pasted(noise, generator.randn(self._shape)) if resized else noise

    def draw(self) -> torch.Tensor:
        """The next noise after the first, of the same shape."""
        return torch.stack([generator.randn(self._shape) for generator in self._generators]).to(self._device)

    def between(self, sigma: float, following: float) -> torch.Tensor:
        """The noise of each picture's Brownian motion between two levels, shape and variance as of `draw`.

        Over the noise levels themselves and from the picture's seed alone, as k-diffusion's BrownianTreeNoiseSampler,
        so that it depends on no other noise drawn. Time runs up the levels: the way down has the sign of going back.
        """
        low, high = self._ends
        with self._drawing_for_trees():
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
        trees: list[Any] = [torchsde.BrownianTree(low, start, high, entropy=picture.seed) for picture in self._pictures]
        return trees

    @contextmanager
    def _drawing_for_trees(self) -> Iterator[None]:
        """Within the block Brownian motion draws from this noise's source, as AUTOMATIC1111's does."""
        usual = getattr(brownian_interval, _TORCHSDE_DRAWS)

        def own(size: Sequence[int], dtype: torch.dtype, device: torch.device, seed: int) -> torch.Tensor:
            return self._make(int(seed)).randn(tuple(size)).to(device, dtype)

        setattr(brownian_interval, _TORCHSDE_DRAWS, own)
        try:
            yield
        finally:
            setattr(brownian_interval, _TORCHSDE_DRAWS, usual)


def slerp(low: torch.Tensor, high: torch.Tensor, share: float) -> torch.Tensor:
    """From one noise to another on the sphere (Shoemake 1985), column by column of (channels, height, width).

    AUTOMATIC1111 takes angles over the height; where they are all but none it mixes linearly, the other way round.
    """
    cosine = (low / low.norm(dim=1, keepdim=True) * (high / high.norm(dim=1, keepdim=True))).sum(1, keepdim=True)
    if float(cosine.mean()) > 0.9995:
        return low * share + high * (1 - share)
    angle = torch.acos(cosine)
    return (torch.sin((1 - share) * angle) * low + torch.sin(share * angle) * high) / torch.sin(angle)


def pasted(small: torch.Tensor, onto: torch.Tensor) -> torch.Tensor:
    """Noise with another noise in its middle, cut to fit; (channels, height, width) each."""
    result = onto.clone()
    into, out_of = [slice(None)], [slice(None)]
    for length, own in zip(onto.shape[1:], small.shape[1:], strict=True):
        # Rounded down as AUTOMATIC1111 does, which matters where lengths differ by an odd number.
        offset = (length - own) // 2
        start, skipped = max(offset, 0), max(-offset, 0)
        extent = own if offset >= 0 else own + 2 * offset
        into.append(slice(start, start + extent))
        out_of.append(slice(skipped, skipped + extent))
    result[tuple(into)] = small[tuple(out_of)]
    return result
