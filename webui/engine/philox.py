"""The random numbers of a CUDA card, on any machine: torch.randn of a torch.Generator("cuda"), as far as it is known.

Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), one counter for each number, and
cuRAND's Box-Muller transform, of whose two results PyTorch takes the first. That is what a card gives for tensors of up
to as many numbers as it runs threads at once, which latents of pictures are.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

_MULTIPLIERS = np.array([0xD2511F53, 0xCD9E8D57], dtype=np.uint64)
_WEYL = np.array([0x9E3779B9, 0xBB67AE85], dtype=np.uint64)
_ROUNDS = 10
_WORD = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_UNIT = 2.0**-32


def philox(counter: NDArray[np.uint64], key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Philox 4x32-10. counter: (4, n), key: (2,), 32-bit words in 64; returns (4, n) such words."""
    first, second, third, fourth = counter
    for round_ in range(_ROUNDS):
        keys = (key + np.uint64(round_) * _WEYL) & _WORD
        left, right = first * _MULTIPLIERS[0], third * _MULTIPLIERS[1]
        first, second, third, fourth = (
            (right >> _SHIFT) ^ second ^ keys[0],
            right & _WORD,
            (left >> _SHIFT) ^ fourth ^ keys[1],
            left & _WORD,
        )
    return np.stack([first, second, third, fourth])


class PhiloxGenerator:
    """Stands for a torch.Generator("cuda") seeded with `seed`."""

    def __init__(self, seed: int) -> None:
        self._key = np.array([seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF], dtype=np.uint64)
        self._calls = 0

    def randn(self, shape: tuple[int, ...]) -> torch.Tensor:
        """The next normal numbers, fp32 on the CPU."""
        count = math.prod(shape)
        counter = np.zeros((4, count), dtype=np.uint64)
        counter[0] = self._calls
        counter[2] = np.arange(count)
        self._calls += 1
        one, other, _, _ = philox(counter, self._key)
        radius = np.sqrt(-2 * np.log(one * _UNIT + _UNIT / 2))
        angle = other * (_UNIT * 2 * math.pi) + _UNIT * math.pi
        return torch.from_numpy((radius * np.sin(angle)).astype(np.float32).reshape(shape))
