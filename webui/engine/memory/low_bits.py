"""Weights of one byte each: narrowed once, and widened by their layer each time that it computes.

Every output channel has a scale of its own (symmetric quantisation as in Jacob et al. 2018, arXiv:1712.05877; the same scale
brings weights into the range in which e4m3 has all of its digits, Micikevicius et al. 2022, arXiv:2209.05433). A scale is
rounded to the numbers that are computed with before weights are divided by it, so that it adds no error of its own.
Both forms lie in memory as whole numbers, which nobody who moves weights would cast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch.nn import Conv2d, Linear, Module

from webui.errors import InvalidRequest
from webui.generation.weight_storage import AS_COMPUTED

STORED = torch.int8
"""The dtype of narrowed weights in memory and on disk, whatever their bits mean."""

SCALE = "_scale"
"""Behind the name of a weight: its scales, (output channels,)."""


@dataclass(frozen=True)
class Form:
    """largest: the number that the largest weight of a channel becomes. stored: such numbers, fp32 -> STORED. numbers: back."""

    largest: float
    stored: Callable[[torch.Tensor], torch.Tensor]
    numbers: Callable[[torch.Tensor], torch.Tensor]


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "fp8": Form(448.0, lambda numbers: numbers.to(torch.float8_e4m3fn).view(STORED), lambda bits: bits.view(torch.float8_e4m3fn)),
        "int8": Form(127.0, lambda numbers: numbers.round().to(STORED), lambda bits: bits),
    }
)
"""How weights can be stored (webui.generation.weight_storage) -> the form; none for those as computed."""


def low_bit_layers(module: Module) -> dict[str, Module]:
    """The layers of a denoiser that can be stored in one byte, by the names of their weights.

    They are those that stand in lists of like blocks, which is nearly all there is. The first and the last layers, outside of
    these, speak with latents, time and words: they are small, and what they round wrongly nothing behind them makes good.
    """
    return {
        f"{path}.weight": layer
        for path, layer in module.named_modules()
        if type(layer) in (Linear, Conv2d) and any(part.isdigit() for part in path.split("."))
    }


class Narrowed(Mapping[str, torch.Tensor]):
    """Tensors of a checkpoint as they are stored in a form, each made when it is looked at."""

    def __init__(self, tensors: Mapping[str, torch.Tensor], names: Iterable[str], form: Form, dtype: torch.dtype) -> None:
        """names: of all that is stored, scales among them. dtype: of the scales."""
        self._tensors = tensors
        self._scales = {name: name.removesuffix(SCALE) for name in names if name.endswith(f".weight{SCALE}")}
        self._form = form
        self._dtype = dtype

    def __getitem__(self, name: str) -> torch.Tensor:
        if name in self._scales:
            return self._scale(self._tensors[self._scales[name]].float())
        if name + SCALE not in self._scales:
            return self._tensors[name]
        weight = self._tensors[name].float()
        numbers = weight / _by_channel(self._scale(weight).float(), weight)
        return self._form.stored(numbers.clamp(-self._form.largest, self._form.largest))

    def _scale(self, weight: torch.Tensor) -> torch.Tensor:
        largest = weight.flatten(1).abs().amax(1)
        # A channel of zeros is to stay one.
        least = torch.finfo(self._dtype).smallest_normal * torch.finfo(self._dtype).eps
        return (largest / self._form.largest).clamp(min=least).to(self._dtype)

    def __iter__(self) -> Iterator[str]:
        return iter((*self._tensors, *self._scales))

    def __contains__(self, name: object) -> bool:
        return self._scales.get(str(name), name) in self._tensors

    def __len__(self) -> int:
        return len(self._tensors) + len(self._scales)


def _by_channel(scale: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return scale.view(-1, *[1] * (weight.ndim - 1))


class Widening:
    """In place of the forward of a layer with narrowed weights: the layer's own, with weights that are there as long as it computes.

    What stands in the weight's place for a while and is not narrowed (a LoRA's) is taken as it is.
    """

    def __init__(self, layer: Module, form: Form) -> None:
        self._layer = layer
        self._form = form

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer's own forward says."""
        own = self._layer._parameters  # pyright: ignore[reportPrivateUsage]
        stored: Any = own["weight"]
        if stored.dtype != STORED:
            return type(self._layer).forward(self._layer, *args, **kwargs)
        own["weight"] = self.widened(stored)  # type: ignore[assignment]
        try:
            return type(self._layer).forward(self._layer, *args, **kwargs)
        finally:
            own["weight"] = stored

    @property
    def dtype(self) -> torch.dtype:
        """Of widened weights."""
        return self._scale.dtype

    def widened(self, stored: torch.Tensor, dtype: torch.dtype | None = None) -> torch.Tensor:
        """The weight in numbers to compute with, in the order in which it is stored."""
        numbers = self._form.numbers(stored).to(dtype or self.dtype)
        return numbers.mul_(_by_channel(self._scale.to(numbers.dtype), stored))

    @property
    def _scale(self) -> torch.Tensor:
        scale = self._layer._buffers[f"weight{SCALE}"]  # pyright: ignore[reportPrivateUsage]
        assert scale is not None
        return scale


def widen(layers: Iterable[Module], form: Form | None) -> None:
    """From now on these layers have weights of that form; None: of none, and they are as they were built."""
    for layer in layers:
        if form is not None:
            vars(layer)["forward"] = Widening(layer, form)
        elif vars(layer).pop("forward", None) is not None:
            del layer._buffers[f"weight{SCALE}"]  # pyright: ignore[reportPrivateUsage]


def widening_of(layer: Module) -> Widening | None:
    """How a layer's weights are widened; None where they are as computed."""
    forward = vars(layer).get("forward")
    return forward if isinstance(forward, Widening) else None


def require_widening(storage: str, device: torch.device) -> None:
    """Raise InvalidRequest where that device can't turn weights of that storage into numbers, which is tried."""
    form = FORMS.get(storage)
    if form is None:
        return
    try:
        form.numbers(torch.zeros(1, dtype=STORED).to(device)).to(torch.float16)
    except (RuntimeError, TypeError) as problem:
        raise InvalidRequest(
            f"Weight storage can't be {storage} on {device.type}: {str(problem).splitlines()[0]}",
            field="weight_storage",
            allowed=f"{AS_COMPUTED}, int8",
            hint=f"Choose int8, or {AS_COMPUTED}.",
        ) from None
