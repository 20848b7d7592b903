"""Models that draw faces anew: GFPGAN, CodeFormer and RestoreFormer, in files as they are published -> the model.

They come in by the door of upscalers: Easel reads the numbers, spandrel and its extra architectures make the module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from webui.engine.loading.adapter_file import told_of_adapter
from webui.engine.loading.checkpoint import open_file
from webui.engine.loading.component import fingerprint_of
from webui.engine.loading.spandrel_file import described, require_sane_names, told_in_words
from webui.engine.loading.tensors import TensorSource
from webui.errors import AdapterUnusable

PICK_ANOTHER = "Pick another face restorer."

Ask = Callable[[torch.nn.Module, torch.Tensor, float], torch.Tensor]

# The modules are asked themselves: spandrel's own way shows GFPGAN and CodeFormer 0..1, which were trained with -1..1, tells CodeFormer
# no weight, and lets GFPGAN throw dice for its noise.
ASKED: Mapping[str, Ask] = MappingProxyType(
    {
        "GFPGAN": lambda module, face, weight: module(face, return_rgb=False, randomize_noise=False)[0],
        "CodeFormer": lambda module, face, weight: module(face, weight=weight)[0],
        "RestoreFormer": lambda module, face, weight: module(face)[0],
    }
)
"""Architecture -> how it is asked: from (1, 3, 512, 512) in -1..1 to the same."""


@dataclass(frozen=True, eq=False)
class FaceRestorer:
    """A model at work; its module is in eval mode, in fp32, in main memory."""

    name: str
    architecture: str
    module: torch.nn.Module = field(repr=False)

    @property
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Its weights and buffers by name."""
        return dict((*self.module.named_parameters(), *self.module.named_buffers()))

    def asked(self, face: torch.Tensor, weight: float) -> torch.Tensor:
        """What it makes of (1, 3, 512, 512) in -1..1; about the same range. weight: CodeFormer's, 0 to 1."""
        return ASKED[self.architecture](self.module, face, weight)


@dataclass(frozen=True)
class FaceRestorerSource:
    """The file of a face restorer, not loaded yet. content: changes when the file does."""

    path: Path
    content: str
    file: TensorSource = field(repr=False)

    @property
    def shown(self) -> str:
        """What to call it in a list."""
        return f"{self.path.name} (face restorer)"

    def load(self) -> FaceRestorer:
        """The model in main memory, in fp32. Raises AdapterUnusable."""
        with told_of_adapter(self.path), told_in_words(self.path):
            descriptor: Any = described({name: self.file.tensor(name) for name in self.file.shapes})
            if descriptor is None or descriptor.architecture.id not in ASKED:
                raise AdapterUnusable(f"{self.path.name} is not a face restorer that Easel knows.", hint=PICK_ANOTHER)
            module: torch.nn.Module = descriptor.model.eval().requires_grad_(False)
        return FaceRestorer(self.path.stem, descriptor.architecture.id, module)


def open_face_restorer(path: Path, cache: Path | None = None) -> FaceRestorerSource:
    """Look at a face restorer: its header only, but for old pickles, which are converted first. Raises AdapterUnusable.

    cache: folder to keep converted pickles in.
    """
    with told_of_adapter(path):
        file = open_file(path, cache)
        content = f"face restorer|{fingerprint_of(*file.paths)}"
    require_sane_names(path, file.shapes, "a face restorer", PICK_ANOTHER)
    return FaceRestorerSource(path, content, file)
