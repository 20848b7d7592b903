"""Weights that are on the device only while they are needed. Tested with stand-ins on a CPU; no graphics card has run it yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

Upload = Callable[[torch.Tensor], torch.Tensor]
"""A weight in main memory -> a copy of it on the device."""


@contextmanager
def uploaded(module: torch.nn.Module, upload: Upload) -> Iterator[None]:
    """All weights and buffers of `module` on the device for the block. Afterwards they are what they were, without a copy back."""
    with _moved([module], upload):
        yield


@contextmanager
def streamed(module: torch.nn.Module, upload: Upload, resident_bytes: int = 0) -> Iterator[None]:
    """The first layers, up to `resident_bytes`, on the device for the block; each other one while it computes.

    Layers go up when they are called, not ahead of it.
    """
    with ExitStack() as stack:
        staying: list[torch.nn.Module] = []
        left = resident_bytes
        for layer in _layers(module):
            size = sum(tensor.nbytes for tensor in _own(layer))
            if size <= left:
                staying.append(layer)
                left -= size
            else:
                # Nothing is skipped to fill the rest with smaller ones: what stays is the beginning, whatever its sizes.
                left = 0
                stack.enter_context(_visiting(layer, upload))
        stack.enter_context(_moved(staying, upload, deep=False))
        yield


def _layers(module: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Every module with weights of its own, in order of definition."""
    return (layer for layer in module.modules() if any(True for _ in _own(layer)))


def _own(layer: torch.nn.Module) -> Iterator[torch.Tensor]:
    yield from layer.parameters(recurse=False)
    yield from layer.buffers(recurse=False)


@contextmanager
def _moved(modules: list[torch.nn.Module], upload: Upload, deep: bool = True) -> Iterator[None]:
    tensors = [tensor for module in modules for tensor in ((*module.parameters(), *module.buffers()) if deep else _own(module))]
    before = [(tensor, tensor.data) for tensor in tensors]
    try:
        for tensor, data in before:
            tensor.data = upload(data)
        yield
    finally:
        for tensor, data in before:
            tensor.data = data


@contextmanager
def _visiting(layer: torch.nn.Module, upload: Upload) -> Iterator[None]:
    """The layer's own weights on the device from the beginning of each of its calls to the end, errors included."""
    at_home: list[tuple[torch.Tensor, torch.Tensor]] = []

    def go_up(*_: Any) -> None:
        for tensor in _own(layer):
            at_home.append((tensor, tensor.data))
            tensor.data = upload(tensor.data)

    def come_back(*_: Any) -> None:
        while at_home:
            tensor, data = at_home.pop()
            tensor.data = data

    handles = [layer.register_forward_pre_hook(go_up), layer.register_forward_hook(come_back, always_call=True)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        come_back()
