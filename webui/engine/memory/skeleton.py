"""A module without weights of its own, which puts on those of one checkpoint after the other: about a millisecond each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from webui.engine.loading.component import ComponentSource
from webui.engine.memory.low_bits import FORMS, SCALE, STORED, low_bit_layers, widen
from webui.generation.weight_storage import AS_COMPUTED


@dataclass(frozen=True)
class Slot:
    """One place for a tensor. owners: the modules that have it, with its name in each; tied weights have several."""

    shape: torch.Size
    floating: bool
    dtype: torch.dtype
    owners: tuple[tuple[dict[str, Any], str], ...]


class Skeleton:
    """Built once for each architecture. worn: the tensors it has on, by name; None before the first."""

    def __init__(self, source: ComponentSource) -> None:
        self.module = source.build().eval().requires_grad_(False)
        self.slots = _slots_of(self.module)
        self._bare = {name: owners[0][0][owners[0][1]] for name, owners in ((name, slot.owners) for name, slot in self.slots.items())}
        self._low_bit_layers = low_bit_layers(self.module)
        self.worn: Mapping[str, torch.Tensor] | None = None

    def slots_in(self, storage: str) -> dict[str, Slot]:
        """The slots for weights that are stored so (see webui.generation.weight_storage)."""
        if storage not in FORMS:
            return self.slots
        stored = {name: replace(self.slots[name], floating=False, dtype=STORED) for name in self._low_bit_layers}
        scales = {f"{name}{SCALE}": _scale_of(layer, self.slots[name]) for name, layer in self._low_bit_layers.items()}
        return {**self.slots, **stored, **scales}

    def wear(self, tensors: Mapping[str, torch.Tensor] | None, storage: str = AS_COMPUTED) -> None:
        """Put these on, one for each slot of that storage; None: none at all. Nothing in here can fail half way."""
        widen(self._low_bit_layers.values(), None)
        for name, slot in self.slots_in(storage).items():
            tensor = self._bare[name] if tensors is None else tensors[name]
            for owner, attribute in slot.owners:
                owner[attribute] = tensor
        if storage in FORMS:
            widen(self._low_bit_layers.values(), FORMS[storage])
        self.worn = tensors


def _scale_of(layer: torch.nn.Module, weight: Slot) -> Slot:
    owner = (layer._buffers, f"weight{SCALE}")  # pyright: ignore[reportPrivateUsage]
    return Slot(weight.shape[:1], True, weight.dtype, (owner,))


def _slots_of(module: torch.nn.Module) -> dict[str, Slot]:
    """Every tensor that a checkpoint holds, by its first name; further names of the same one are in `owners`."""
    found: dict[int, tuple[str, torch.Tensor, list[tuple[dict[str, Any], str]]]] = {}
    for path, child in module.named_modules(remove_duplicate=False):
        tables: tuple[dict[str, Any], ...] = (child._parameters, child._buffers)  # pyright: ignore[reportPrivateUsage, reportAssignmentType]
        for table in tables:
            for attribute, tensor in table.items():
                if tensor is None or attribute in child._non_persistent_buffers_set:  # pyright: ignore[reportPrivateUsage]
                    continue
                name = f"{path}.{attribute}" if path else attribute
                entry = found.setdefault(id(tensor), (name, tensor, []))
                if not any(owner is table and other == attribute for owner, other in entry[2]):
                    entry[2].append((table, attribute))
    return {name: Slot(tensor.shape, tensor.is_floating_point(), tensor.dtype, tuple(owners)) for name, tensor, owners in found.values()}


Wrap = Callable[[torch.Tensor, Slot], torch.Tensor]


def as_worn(tensor: torch.Tensor, slot: Slot) -> torch.Tensor:
    """The tensor as it goes into a slot: parameters are Parameter objects, made once and kept."""
    is_parameter = isinstance(slot.owners[0][0].get(slot.owners[0][1]), torch.nn.Parameter)
    return torch.nn.Parameter(tensor, requires_grad=False) if is_parameter else tensor
