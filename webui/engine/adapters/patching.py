"""Other weights for a while, and the very same ones back afterwards.

Weights may be mapped from a file without a copy, and shared between checkpoints; so nothing is ever written into them.
A module gets another Parameter object, and its own one back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch.nn import Module, Parameter


@dataclass(frozen=True, eq=False)
class Slot:
    """The place of one parameter in a module."""

    module: Module
    parameter: str

    @property
    def weight(self) -> torch.Tensor:
        """What is in it now."""
        return _own(self.module)[self.parameter]

    def put(self, weight: torch.Tensor) -> None:
        """Put a Parameter in; the one that was there is left untouched."""
        _own(self.module)[self.parameter] = weight


def _own(module: Module) -> dict[str, torch.Tensor]:
    """A module's parameters, those below it left out. Not by setattr, which takes nothing but a Parameter back."""
    return module._parameters  # pyright: ignore[reportPrivateUsage, reportReturnType]


def slots_of(module: Module) -> dict[str, Slot]:
    """Every parameter of a module and of those below it, by its name in the state dict ("mid_block.attentions.0.proj_in.weight")."""
    return {
        f"{path}.{name}" if path else name: Slot(child, name)
        for path, child in module.named_modules()
        for name, parameter in _own(child).items()
        if parameter is not None  # a bias that a layer does without
    }


@contextmanager
def replaced(weights: Mapping[Slot, Parameter]) -> Iterator[None]:
    """Other weights within the block. After it, whatever happened in it, each slot holds the same object as before."""
    before = [(slot, slot.weight) for slot in weights]
    try:
        for slot, weight in weights.items():
            slot.put(weight)
        yield
    finally:
        for slot, weight in before:
            slot.put(weight)
