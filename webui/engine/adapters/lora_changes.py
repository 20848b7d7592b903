"""The arithmetic of LoRA and its relatives: from a few small tensors to the change of one weight.

A change is a matrix, (rows, columns): rows are the weight's outputs, columns all the rest of it, so that a linear layer
and a 1x1 convolution are the same to it. Everything is computed in fp32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch

Product = tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]
"""Two matrices whose product is meant: a (rows, r), b (r, inputs x kernel).
With a core (r, r, *kernel), the Tucker form: a (r, rows), b (r, inputs)."""


class TensorsDontMatch(Exception):
    """The tensors of one change do not belong together."""


class Change(Protocol):
    """What is added to one weight. rows, columns: of the matrix it is."""

    @property
    def rows(self) -> int:
        """Outputs."""
        ...

    @property
    def columns(self) -> int:
        """Everything else, multiplied."""
        ...

    def delta(self, base: torch.Tensor) -> torch.Tensor:
        """What to add to `base`, fp32, shaped as it and on its device. base: the weight without any change, fp32."""
        ...


@dataclass(frozen=True)
class LowRank:
    """up @ down x scale. Hu et al. 2021 (arXiv:2106.09685); convolutions and `mid` (Tucker form) as LyCORIS's LoCon.

    up: (rows, r). down: (r, inputs, *kernel), with mid (r, inputs). mid: (r, r, *kernel).
    """

    up: torch.Tensor
    down: torch.Tensor
    mid: torch.Tensor | None
    scale: float

    def __post_init__(self) -> None:
        _require(self.up.dim() >= 2 and self.down.dim() >= 2)
        inner = self.up.flatten(1).shape[1], self.down.shape[0]
        _require(inner == (self.down.shape[0],) * 2 if self.mid is None else inner == tuple(self.mid.shape[:2]))

    @property
    def rows(self) -> int:
        """Outputs."""
        return self.up.shape[0]

    @property
    def columns(self) -> int:
        """Inputs x kernel."""
        return self.down[0].numel() * (1 if self.mid is None else self.mid[0, 0].numel())

    def delta(self, base: torch.Tensor) -> torch.Tensor:
        """As the protocol says."""
        up, down = (_fp32(tensor, base).flatten(1) for tensor in (self.up, self.down))
        if self.mid is not None:
            down = torch.einsum("uv...,vi->ui...", _fp32(self.mid, base), down).flatten(1)
        return (up @ down).mul_(self.scale).reshape(base.shape)


@dataclass(frozen=True)
class Hadamard:
    """(w1_a @ w1_b) * (w2_a @ w2_b) x scale: LoHa. Hyeon-Woo et al. 2021 (arXiv:2108.06098)."""

    halves: tuple[Product, Product]
    scale: float

    def __post_init__(self) -> None:
        first, second = (_product_shape(*half) for half in self.halves)
        _require(first == second)

    @property
    def rows(self) -> int:
        """Outputs."""
        return _product_shape(*self.halves[0])[0]

    @property
    def columns(self) -> int:
        """Inputs x kernel."""
        return _product_shape(*self.halves[0])[1]

    def delta(self, base: torch.Tensor) -> torch.Tensor:
        """As the protocol says."""
        first, second = (_product(*half, base).flatten(1) for half in self.halves)
        return first.mul_(second).mul_(self.scale).reshape(base.shape)


@dataclass(frozen=True)
class Kronecker:
    """kron(w1, w2) x scale: LoKr, each factor whole (w) or itself a product (a @ b). Yeh et al. 2023 (arXiv:2309.14859).

    w1: (p, q). w2: (rows / p, inputs / q, *kernel).
    """

    first: torch.Tensor | Product
    second: torch.Tensor | Product
    scale: float

    def __post_init__(self) -> None:
        for factor in (self.first, self.second):
            _factor_shape(factor)

    @property
    def rows(self) -> int:
        """Outputs."""
        return _factor_shape(self.first)[0] * _factor_shape(self.second)[0]

    @property
    def columns(self) -> int:
        """Inputs x kernel."""
        return _factor_shape(self.first)[1] * _factor_shape(self.second)[1]

    def delta(self, base: torch.Tensor) -> torch.Tensor:
        """As the protocol says."""
        first, second = (
            _fp32(factor, base).flatten(1) if isinstance(factor, torch.Tensor) else _product(*factor, base).flatten(1)
            for factor in (self.first, self.second)
        )
        return torch.kron(first, second).mul_(self.scale).reshape(base.shape)


@dataclass(frozen=True)
class Whole:
    """The change itself, as large as the weight (LyCORIS's "full" and "norm")."""

    difference: torch.Tensor

    def __post_init__(self) -> None:
        _require(self.difference.dim() > 0)

    @property
    def rows(self) -> int:
        """Outputs."""
        return self.difference.shape[0]

    @property
    def columns(self) -> int:
        """Everything else."""
        return self.difference[0].numel()

    def delta(self, base: torch.Tensor) -> torch.Tensor:
        """As the protocol says."""
        return _fp32(self.difference, base).reshape(base.shape)


@dataclass(frozen=True)
class Decomposed:
    """DoRA: the changed weight gets the learned length of each output, or of each input. Liu et al. 2024 (arXiv:2402.09353).

    change: of the direction. magnitude: as many numbers as there are outputs, or (1, inputs, ...) where each input has one.
    """

    change: Change
    magnitude: torch.Tensor

    @property
    def rows(self) -> int:
        """Outputs."""
        return self.change.rows

    @property
    def columns(self) -> int:
        """Inputs x kernel."""
        return self.change.columns

    def delta(self, base: torch.Tensor) -> torch.Tensor:
        """As the protocol says. Raises TensorsDontMatch."""
        turned = base + self.change.delta(base)
        by_input = self.magnitude.dim() > 1 and self.magnitude.shape[0] == 1 != base.shape[0]
        kept = 1 if by_input else 0
        _require(self.magnitude.numel() == base.shape[kept])
        length = torch.linalg.vector_norm(turned, dim=[axis for axis in range(base.dim()) if axis != kept], keepdim=True)
        # A weight of length 0 has no direction to keep; it stays 0.
        length = length.clamp_min(torch.finfo(torch.float32).tiny)
        return turned * (_fp32(self.magnitude, base).reshape(length.shape) / length) - base


def scale_of(alpha: float | None, rank: int, *, stabilised: bool = False) -> float:
    """The factor of a change of that rank: alpha / rank, 1 where no alpha is told.

    stabilised: alpha / sqrt(rank). Kalajdzievski 2023 (arXiv:2312.03732).
    """
    if alpha is None:
        return 1.0
    return alpha / (math.sqrt(rank) if stabilised else rank)


def _require(holds: bool) -> None:
    if not holds:
        raise TensorsDontMatch


def _fp32(tensor: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
    return tensor.to(base.device, torch.float32)


def _product(a: torch.Tensor, b: torch.Tensor, core: torch.Tensor | None, base: torch.Tensor) -> torch.Tensor:
    a, b = _fp32(a, base), _fp32(b, base)
    return a @ b.flatten(1) if core is None else torch.einsum("ij...,ip,jq->pq...", _fp32(core, base), a, b)


def _product_shape(a: torch.Tensor, b: torch.Tensor, core: torch.Tensor | None) -> tuple[int, int]:
    _require(a.dim() == 2 and b.dim() >= 2)
    if core is None:
        _require(a.shape[1] == b.shape[0])
        return a.shape[0], b[0].numel()
    _require(b.dim() == 2 and core.dim() > 2 and tuple(core.shape[:2]) == (a.shape[0], b.shape[0]))
    return a.shape[1], b.shape[1] * core[0, 0].numel()


def _factor_shape(factor: torch.Tensor | Product) -> tuple[int, int]:
    if isinstance(factor, tuple):
        return _product_shape(*factor)
    _require(factor.dim() >= 2)
    return factor.shape[0], factor[0].numel()
