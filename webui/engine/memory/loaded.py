"""A checkpoint that is ready to draw, with what a plan has to know of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch

from webui.engine.families.base import Family
from webui.planning.memory import Sizes

DENOISER, VAE = "denoiser", "vae"
"""Kinds of parts; every other one is a text encoder."""


def _nowhere_else(kinds: Collection[str]) -> None:
    """Where weights are computed with is where they lie."""


@dataclass(frozen=True)
class Loaded:
    """A checkpoint at work. architecture: of its denoiser; equal ones need equally much memory.
    text_identity: of what makes conditioning of words; equal ones make the same.

    place: puts the parts of these kinds on the device, and takes the others off it. lock: has the parts of these kinds where the
    device fetches them quickly, if there is room. held: bytes of memory that its weights keep from being free now.
    """

    family: Family
    architecture: str
    text_identity: str
    place: Callable[[Collection[str]], None] = field(default=_nowhere_else, repr=False)
    lock: Callable[[Collection[str]], None] = field(default=_nowhere_else, repr=False)
    held: Callable[[], int] = field(default=lambda: 0, repr=False)

    @property
    def parts(self) -> Mapping[str, Any]:
        """Its modules by kind."""
        return self.family.modules

    @property
    def text_kinds(self) -> tuple[str, ...]:
        """The text encoders among its parts."""
        return tuple(kind for kind in self.parts if kind not in (DENOISER, VAE))

    @cached_property
    def sizes(self) -> Sizes:
        """Bytes of its weights, in the numbers that are computed with."""
        return Sizes(
            text=sum(self._bytes(self.parts[kind].modules()) for kind in self.text_kinds),
            denoiser=self._bytes(self.parts[DENOISER].modules()),
            vae=self._bytes(self.parts[VAE].modules()),
            largest_block=max(self._bytes(block.modules()) for block in _blocks(self.parts[DENOISER])),
            largest_layer=max(self._bytes([layer]) for part in self.parts.values() for layer in part.modules()),
        )

    def _bytes(self, layers: Iterable[torch.nn.Module]) -> int:
        """Bytes of their own weights and buffers in the numbers that are computed with, wherever they are now."""
        tensors = {id(tensor): tensor for layer in layers for tensor in (*layer.parameters(recurse=False), *layer.buffers(recurse=False))}
        number = self.family.dtype.itemsize
        return sum(tensor.numel() * (number if tensor.is_floating_point() else tensor.itemsize) for tensor in tensors.values())


def _blocks(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    for child in module.children():
        yield from child if isinstance(child, torch.nn.ModuleList) and len(child) else (child,)
