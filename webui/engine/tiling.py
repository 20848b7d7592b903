"""Pictures that go on where they end: convolutions that look across the edge, so that copies laid side by side show no seam."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.nn import functional

from webui.engine.memory.measures import with_attributes

OVERLAP = 16
"""Latents of the other side that a VAE is shown beyond each edge where it decodes in tiles, which can't look around by themselves."""


def padded_layers(module: torch.nn.Module) -> list[torch.nn.Conv2d]:
    """The convolutions of a module that look beyond the edge."""
    return [layer for layer in module.modules() if isinstance(layer, torch.nn.Conv2d) and any(map(int, layer.padding))]


@contextmanager
def seamless(module: torch.nn.Module, *, x: bool, y: bool) -> Iterator[None]:
    """Within the block the convolutions of a module find the other side beyond the edge, along x and y as asked, instead of zeros.

    Afterwards every layer is as it was, whatever happened in the block.
    """
    with ExitStack() as stack:
        for layer in padded_layers(module) if x or y else ():
            stack.enter_context(with_attributes(layer, _conv_forward=functools.partial(_across, layer, x, y)))
        yield


def _across(layer: torch.nn.Conv2d, x: bool, y: bool, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """What Conv2d does in its forward, with edges of its own."""
    down, right = (int(side) for side in layer.padding)
    padded = _wrapped(input, right, down, x=x, y=y)
    zeros = (0, 0) if y else (down, down)
    padded = functional.pad(padded, (*((0, 0) if x else (right, right)), *zeros))
    return functional.conv2d(padded, weight, bias, layer.stride, 0, layer.dilation, layer.groups)


def _wrapped(image: torch.Tensor, right: int, down: int, *, x: bool, y: bool) -> torch.Tensor:
    """(batch, channels, h, w) with that much of its other side beyond each edge, along x and y as asked."""
    wide, high = (right if x else 0), (down if y else 0)
    return functional.pad(image, (wide, wide, high, high), mode="circular") if wide or high else image


def overlapped(latents: torch.Tensor, *, x: bool, y: bool) -> torch.Tensor:
    """Latents (batch, channels, h, w) with OVERLAP of the other side beyond each edge, or as much as there is."""
    return _wrapped(latents, min(OVERLAP, latents.shape[-1]), min(OVERLAP, latents.shape[-2]), x=x, y=y)


def without_overlap(pixels: torch.Tensor, latents: torch.Tensor, *, x: bool, y: bool) -> torch.Tensor:
    """The picture of `latents`, cut out of the one (batch, height, width, 3) that was decoded of their `overlapped`."""
    rows, columns = latents.shape[-2:]
    high, wide = (min(OVERLAP, rows) if y else 0), (min(OVERLAP, columns) if x else 0)
    scale = pixels.shape[1] // (rows + 2 * high)
    return pixels[:, high * scale : (high + rows) * scale, wide * scale : (wide + columns) * scale]
