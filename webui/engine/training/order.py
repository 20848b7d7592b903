"""Which pictures a step learns from, and all that is drawn by lot for it: functions of the seed and the step's number alone.

So nothing about chance has to be kept: a run that goes on draws what it would have drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache

import torch


def generator_for(seed: int, what: str, number: int) -> torch.Generator:
    """A generator on the CPU whose numbers depend on these three alone."""
    digest = hashlib.sha256(f"{seed}|{what}|{number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


class Order:
    """Pictures in rounds: each as often as it repeats, those of one size together, in an order of its own each round."""

    def __init__(self, buckets: Sequence[Sequence[int]], batch_size: int, seed: int) -> None:
        """buckets: numbers of pictures that can learn together, each as often as it repeats."""
        self._buckets = [list(bucket) for bucket in buckets if bucket]
        self._batch_size = batch_size
        self._seed = seed
        self._round = lru_cache(maxsize=2)(self._shuffled)

    @property
    def batches(self) -> int:
        """Steps of one round."""
        return sum(-(-len(bucket) // self._batch_size) for bucket in self._buckets)

    def batch(self, step: int) -> list[int]:
        """What the step of that number, from 0, learns from."""
        return self._round(step // self.batches)[step % self.batches]

    def _shuffled(self, number: int) -> list[list[int]]:
        generator = generator_for(self._seed, "round", number)
        batches = []
        for bucket in self._buckets:
            order = [bucket[at] for at in torch.randperm(len(bucket), generator=generator).tolist()]
            batches += [order[at : at + self._batch_size] for at in range(0, len(order), self._batch_size)]
        return [batches[at] for at in torch.randperm(len(batches), generator=generator).tolist()]
