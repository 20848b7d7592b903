"""Attention kernels: which of them work on a device, and one of them in place of torch's for the length of a block.

Every family asks `scaled_dot_product_attention` (U-Nets through diffusers' processors, transformers through its dispatch,
on which `set_attention_backend` of a U-Net has no effect), so that is where another kernel is put. No module is touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from webui.errors import GenerationFailed
from webui.generation.attention import SDPA, SLICED, XFORMERS
from webui.generation.samplers import AUTOMATIC

log = logging.getLogger(__name__)

SLICE_BYTES = 32 * 1024 * 1024
"""Of attention scores that are in memory at a time when attention is sliced."""

Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""(queries, keys, values), each (batch, heads, tokens, width) -> (batch, heads, tokens, width); no mask."""


def sliced(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Some queries after the other, so that only a part of the scores is in memory at a time."""
    scores_of_one = key[..., 0].numel() * 4
    at_once = max(1, SLICE_BYTES // scores_of_one)
    parts = [functional.scaled_dot_product_attention(part, key, value) for part in query.split(at_once, dim=-2)]
    return torch.cat(parts, dim=-2)


def by_xformers(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """xformers' kernels, which want (batch, tokens, heads, width)."""
    from xformers.ops import memory_efficient_attention  # pyright: ignore[reportMissingImports]

    across = (part.transpose(1, 2) for part in (query, key, value))
    return memory_efficient_attention(*across).transpose(1, 2)


KERNELS: Mapping[str, Attention] = MappingProxyType({SDPA: functional.scaled_dot_product_attention, XFORMERS: by_xformers, SLICED: sliced})
"""Label -> kernel, the default first."""


def working_kernels(device: torch.device, dtype: torch.dtype) -> tuple[str, ...]:
    """The kernels that did one real call there: an import that succeeds says little about kernels."""
    one = torch.ones(1, 1, 8, 8, device=device, dtype=dtype)
    return tuple(label for label in KERNELS if _works(label, one))


def _works(label: str, one: torch.Tensor) -> bool:
    try:
        return bool(torch.isfinite(KERNELS[label](one, one, one)).all())
    except Exception:  # each says in its own way that it was built for another torch or another device
        log.debug("The attention %s doesn't work on %s", label, one.device, exc_info=True)
        return False


def choose_kernel(wanted: str, working: Sequence[str]) -> str:
    """The kernel for a request: the first that works when it is left to us. Raises GenerationFailed for one that doesn't work here."""
    if wanted == AUTOMATIC:
        return working[0] if working else SDPA
    if wanted not in working:
        raise GenerationFailed(
            f"The attention {wanted} doesn't work on this device.",
            code="attention_unavailable",
            field="attention",
            allowed=", ".join((AUTOMATIC, *working)),
            hint="Choose Automatic, or one that works.",
        )
    return wanted


class _InPlaceOfTorchs(TorchFunctionMode):
    """Answers calls of scaled_dot_product_attention that have neither mask nor dropout; the others stay torch's."""

    def __init__(self, kernel: Attention) -> None:
        super().__init__()
        self._kernel = kernel

    def __torch_function__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        given = kwargs or {}
        if func is functional.scaled_dot_product_attention and _plain(args, given):
            tensors = [*args[:3], *(given[name] for name in ("query", "key", "value")[len(args) :])]
            return self._kernel(tensors[0], tensors[1], tensors[2])
        return func(*args, **given)


def _plain(args: Sequence[Any], given: Mapping[str, Any]) -> bool:
    defaults = {"attn_mask": None, "dropout_p": 0.0, "is_causal": False, "scale": None, "enable_gqa": False}
    return len(args) <= 3 and all(given.get(name, default) == default for name, default in defaults.items())


@contextmanager
def attention(label: str) -> Iterator[None]:
    """Within the block attention is computed by that kernel."""
    if label == SDPA:
        yield
        return
    with _InPlaceOfTorchs(KERNELS[label]):
        yield
