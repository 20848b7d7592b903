"""Upscalers and other models from picture to picture: any file that spandrel knows -> the model, ready to be asked.

The numbers are read by Easel's own readers (safetensors mapped, old pickles converted by a child that runs nothing in them); spandrel
gets a table of tensors, never a file. Architectures: github.com/chaiNNer-org/spandrel, and its extra ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from webui.engine.loading.adapter_file import told_of_adapter
from webui.engine.loading.checkpoint import open_file
from webui.engine.loading.component import fingerprint_of
from webui.engine.loading.tensors import TensorSource
from webui.errors import AdapterUnusable

PICK_ANOTHER = "Pick another upscaler."

_TABLES = ("params_ema.", "params-ema.", "params.", "model_state_dict.", "state_dict.", "model.", "net.")
"""What training programs call the table of weights, the averaged ones first; names in it have this before them here."""

_MOST_IN_A_ROW = 1024
"""Layers of one kind, one after the other; a larger number in a name is no number of a layer."""

_NUMBER = re.compile(r"\.(\d+)\.")
_COLOURS = 3
_PROBE = 64
"""Side in pixels of the picture by which a model's need of memory is found out."""

_TENSORS_AT_A_TIME = 4
"""What a layer takes in, makes, works with beside and what waits for later, in sizes of the largest tensor."""


@dataclass(frozen=True, eq=False)
class UpscalerModel:
    """A model at work. descriptor: spandrel's; its module is in eval mode, in fp32, in main memory."""

    name: str
    descriptor: Any = field(repr=False)

    @property
    def scale(self) -> int:
        """How many times as wide and as high it makes a picture."""
        return int(self.descriptor.scale)

    @property
    def colours(self) -> int:
        """Channels that it takes: 1 of grey, 3 of RGB, 4 with alpha."""
        return int(self.descriptor.input_channels)

    @property
    def multiple(self) -> int:
        """What sides of its input are multiples of; others are padded by spandrel."""
        return int(self.descriptor.size_requirements.multiple_of)

    @property
    def tiled(self) -> str:
        """spandrel's advice on tiles: "SUPPORTED", "DISCOURAGED" (it heeds all of a picture), "INTERNAL" (it does so by itself)."""
        return str(self.descriptor.tiling.name)

    @property
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Its weights and buffers by name."""
        module = self.descriptor.model
        return dict((*module.named_parameters(), *module.named_buffers()))

    @cached_property
    def bytes_per_pixel(self) -> int:
        """About how much memory it needs for one pixel of its input while it works, found out on a small grey picture."""
        side = max(_PROBE, int(self.descriptor.size_requirements.minimum))
        side = -(-side // self.multiple) * self.multiple
        grey = torch.full((1, self.colours, side, side), 0.5, dtype=self.descriptor.dtype, device=self.descriptor.device)
        with _LargestTensor() as seen:
            self.descriptor(grey)
        return max(1, _TENSORS_AT_A_TIME * seen.nbytes // side**2)


class _LargestTensor(TorchDispatchMode):
    """Within the block, how large the largest tensor is that any operation makes."""

    def __init__(self) -> None:
        super().__init__()
        self.nbytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.nbytes = max([self.nbytes, *(leaf.nbytes for leaf in tree_leaves(made) if isinstance(leaf, torch.Tensor))])
        return made


@dataclass(frozen=True)
class UpscalerSource:
    """The file of an upscaler, not loaded yet. content: changes when the file does."""

    path: Path
    content: str
    file: TensorSource = field(repr=False)

    @property
    def shown(self) -> str:
        """What to call it in a list."""
        return f"{self.path.name} (upscaler)"

    def load(self) -> UpscalerModel:
        """The model in main memory, in fp32. Raises AdapterUnusable."""
        with told_of_adapter(self.path), _told_in_words(self.path):
            descriptor = _described(self.path, {name: self.file.tensor(name) for name in self.file.shapes})
            descriptor.eval()
            descriptor.model.requires_grad_(False)
        return UpscalerModel(self.path.stem, descriptor)


def open_upscaler(path: Path, cache: Path | None = None) -> UpscalerSource:
    """Look at an upscaler: its header only, but for old pickles, which are converted first. Raises AdapterUnusable.

    cache: folder to keep converted pickles in.
    """
    with told_of_adapter(path):
        file = open_file(path, cache)
        content = f"upscaler|{fingerprint_of(*file.paths)}"
    if any(int(number) > _MOST_IN_A_ROW for name in file.shapes for number in _NUMBER.findall(f".{name}.")):
        raise AdapterUnusable(f"{path.name} is not an upscaler that Easel knows.", hint=PICK_ANOTHER)
    return UpscalerSource(path, content, file)


def _described(path: Path, tensors: Mapping[str, torch.Tensor]) -> Any:
    import spandrel
    from spandrel_extra_arches import EXTRA_REGISTRY

    registry = spandrel.MAIN_REGISTRY.copy()
    registry.add(*EXTRA_REGISTRY)
    for table in _tables(tensors):
        try:
            descriptor = registry.load(table)
        except spandrel.UnsupportedModelError:
            continue
        return _fitting(path, descriptor, spandrel.ImageModelDescriptor)
    raise AdapterUnusable(f"{path.name} is not an upscaler that Easel knows.", hint=PICK_ANOTHER)


def _fitting(path: Path, descriptor: Any, wanted: type) -> Any:
    name = descriptor.architecture.name
    if not isinstance(descriptor, wanted):
        raise AdapterUnusable(f"{path.name} ({name}) fills in what a mask covers; it enlarges nothing.", hint=PICK_ANOTHER)
    if descriptor.purpose == "FaceSR":
        raise AdapterUnusable(f"{path.name} ({name}) knows faces alone; it can't enlarge a picture.", hint=PICK_ANOTHER)
    if descriptor.input_channels not in (1, _COLOURS, _COLOURS + 1) or descriptor.output_channels not in (1, _COLOURS, _COLOURS + 1):
        channels = f"{descriptor.input_channels} to {descriptor.output_channels}"
        raise AdapterUnusable(f"{path.name} ({name}) works on other channels than colours ({channels}).", hint=PICK_ANOTHER)
    return descriptor


def _tables(tensors: Mapping[str, torch.Tensor]) -> Iterator[dict[str, torch.Tensor]]:
    """What may be the weights: all there is, or one of the tables in it."""
    yield dict(tensors)
    for table in _TABLES:
        inner = {name.removeprefix(table): tensor for name, tensor in tensors.items() if name.startswith(table)}
        if inner:
            yield inner


@contextmanager
def _told_in_words(path: Path) -> Iterator[None]:
    """What spandrel and its architectures raise about weights that don't fit, as AdapterUnusable; no memory stays what it is."""
    try:
        yield
    except (AdapterUnusable, MemoryError, torch.OutOfMemoryError):
        raise
    except (RuntimeError, ValueError, TypeError, AssertionError, KeyError, IndexError, AttributeError, ZeroDivisionError) as error:
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise AdapterUnusable(f"{path.name} can't be loaded: {detail}", hint="Download it again, or pick another one.") from error
