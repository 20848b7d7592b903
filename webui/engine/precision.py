"""What half precision can cost: numbers that are no picture any more, and fp32 weights for a while."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from webui.errors import GenerationFailed

TEXT_ENCODER, DENOISER, VAE = "text encoder", "denoiser", "VAE"

HALF = (torch.float16, torch.bfloat16)

_SAME_LEVEL = 2


class ModelProducedNan(GenerationFailed):
    """A part of the model produced NaN or infinity. part: TEXT_ENCODER, DENOISER or VAE."""

    code = "model_produced_nan"

    def __init__(self, part: str) -> None:
        super().__init__(
            f"The {part} of this checkpoint produced numbers that make no picture (NaN).",
            hint="Its weights may be damaged: download the checkpoint again, or choose another one.",
        )
        self.part = part


def require_finite(numbers: torch.Tensor, part: str) -> None:
    """Raise ModelProducedNan(part) when there is NaN or infinity in a tensor of any shape. One reduction, one wait for the device."""
    # Both survive a sum; numbers so large that they overflow it are no picture either.
    if not math.isfinite(float(numbers.sum(dtype=torch.float32))):
        raise ModelProducedNan(part)


def of_one_colour(pictures: torch.Tensor) -> bool:
    """Whether any of the pictures, (batch, height, width, 3) uint8, is the same all over, two levels more or less."""
    # Few pixels tell nearly all pictures apart from such a one.
    return _any_flat(pictures[:, ::32, ::32]) and _any_flat(pictures)


def _any_flat(pictures: torch.Tensor) -> bool:
    channels = pictures.flatten(1, 2)
    spread = channels.amax(1).int() - channels.amin(1).int()
    return bool((spread <= _SAME_LEVEL).all(1).any())


@contextmanager
def in_float32(*modules: torch.nn.Module) -> Iterator[None]:
    """All half weights and buffers in fp32 within the block, and the very same ones as before after it.

    They stay where they are meanwhile, mapped from a file in most cases: a copy back would cost memory for good.
    """
    half = [(tensor, tensor.data) for module in modules for tensor in (*module.parameters(), *module.buffers()) if tensor.dtype in HALF]
    try:
        for tensor, data in half:
            tensor.data = data.float()
        yield
    finally:
        for tensor, data in half:
            tensor.data = data
