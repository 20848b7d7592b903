"""Upscalers and other models from picture to picture: any file that spandrel knows, and diffusers folders of those that draw -> the model.

The numbers are read by Easel's own readers (safetensors mapped, old pickles converted by a child that runs nothing in them); spandrel
gets a table of tensors, never a file. Architectures: github.com/chaiNNer-org/spandrel, and its extra ones.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from webui.engine.loading.diffusion_upscaler import DiffusionUpscaler, DiffusionUpscalerSource, StepDone, open_diffusion_upscaler
from webui.engine.loading.spandrel_file import described, require_sane_names, told_in_words
from webui.engine.loading.tensors import TensorSource
from webui.errors import AdapterUnusable

PICK_ANOTHER = "Pick another upscaler."

_COLOURS = 3
_PROBE = 64
"""Side in pixels of the picture by which a model's need of memory is found out."""

_TENSORS_AT_A_TIME = 4
"""What a layer takes in, makes, works with beside and what waits for later, in sizes of the largest tensor."""


@dataclass(frozen=True, eq=False)
class UpscalerModel:
    """A model at work. descriptor: spandrel's, or a DiffusionUpscaler; its module is in eval mode, in fp32, in main memory."""

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
    def steps(self) -> int:
        """In how many it makes a tile: 1, or as many as one that draws takes."""
        return self.descriptor.steps if isinstance(self.descriptor, DiffusionUpscaler) else 1

    @property
    def largest_tile(self) -> int:
        """Side in pixels of the largest that it does well with, 0 for any."""
        return self.descriptor.largest_tile if isinstance(self.descriptor, DiffusionUpscaler) else 0

    def asked(self, picture: torch.Tensor, step_done: StepDone) -> torch.Tensor:
        """What it makes of (1, channels, height, width) in 0..1. step_done: called between steps; may raise to end it."""
        if isinstance(self.descriptor, DiffusionUpscaler):
            return self.descriptor(picture, step_done)
        return self.descriptor(picture)

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
        with _LargestTensor() as seen, torch.inference_mode():
            (self.descriptor.probe if isinstance(self.descriptor, DiffusionUpscaler) else self.descriptor)(grey)
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
        with told_of_adapter(self.path), told_in_words(self.path):
            descriptor = _described(self.path, {name: self.file.tensor(name) for name in self.file.shapes})
            descriptor.eval()
            descriptor.model.requires_grad_(False)
        return UpscalerModel(self.path.stem, descriptor)


@dataclass(frozen=True)
class DrawingUpscalerSource:
    """The folder of an upscaler that draws, not loaded yet."""

    source: DiffusionUpscalerSource

    @property
    def content(self) -> str:
        """Changes when a file in the folder does."""
        return self.source.content

    @property
    def shown(self) -> str:
        """What to call it in a list."""
        return self.source.shown

    def load(self) -> UpscalerModel:
        """The model in main memory, in fp32. Raises AdapterUnusable."""
        path = self.source.path
        with told_of_adapter(path), told_in_words(path):
            return UpscalerModel(path.name, self.source.load())


def open_upscaler(path: Path, cache: Path | None = None) -> UpscalerSource | DrawingUpscalerSource:
    """Look at an upscaler: its header only, but for old pickles, which are converted first. Raises AdapterUnusable.

    cache: folder to keep converted pickles in.
    """
    if path.is_dir():
        with told_of_adapter(path):
            return DrawingUpscalerSource(open_diffusion_upscaler(path))
    with told_of_adapter(path):
        file = open_file(path, cache)
        content = f"upscaler|{fingerprint_of(*file.paths)}"
    require_sane_names(path, file.shapes, "an upscaler", PICK_ANOTHER)
    return UpscalerSource(path, content, file)


def _described(path: Path, tensors: Mapping[str, torch.Tensor]) -> Any:
    import spandrel

    descriptor = described(tensors)
    if descriptor is None:
        raise AdapterUnusable(f"{path.name} is not an upscaler that Easel knows.", hint=PICK_ANOTHER)
    return _fitting(path, descriptor, spandrel.ImageModelDescriptor)


def _fitting(path: Path, descriptor: Any, wanted: type) -> Any:
    name = descriptor.architecture.name
    if not isinstance(descriptor, wanted):
        raise AdapterUnusable(f"{path.name} ({name}) fills in what a mask covers; it enlarges nothing.", hint=PICK_ANOTHER)
    if descriptor.purpose == "FaceSR":
        hint = "Use it in a step that restores faces, or pick another upscaler."
        raise AdapterUnusable(f"{path.name} ({name}) knows faces alone; it can't enlarge a picture.", hint=hint)
    if descriptor.input_channels not in (1, _COLOURS, _COLOURS + 1) or descriptor.output_channels not in (1, _COLOURS, _COLOURS + 1):
        channels = f"{descriptor.input_channels} to {descriptor.output_channels}"
        raise AdapterUnusable(f"{path.name} ({name}) works on other channels than colours ({channels}).", hint=PICK_ANOTHER)
    return descriptor
