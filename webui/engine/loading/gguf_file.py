"""GGUF files: quantised denoisers, their weights turned into numbers as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from webui.catalog.header import read_gguf
from webui.engine.loading.tensors import Shape, told_in_words
from webui.errors import CheckpointUnusable

PLAIN = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Types that are numbers already: views of the mapped file."""


class GgufFile:
    """A GGUF file as a TensorSource. Quantised tensors come as fp32. Raises CheckpointUnusable, for types that can't be turned, too."""

    def __init__(self, path: Path) -> None:
        header = read_gguf(path)
        self.path = path
        self.paths = (path,)
        self.shapes: Mapping[str, Shape] = header.shapes
        self.metadata: Mapping[str, str] = header.metadata
        self._tensors = header.tensors
        unknown = sorted({about.dtype for about in self._tensors.values()} - PLAIN.keys() - {kind.name for kind in _quantised()})
        if unknown:
            raise CheckpointUnusable(
                f"{path.name} is quantised as {', '.join(unknown)}, which Easel can't read.", hint="Get a Q8_0, Q5_K or Q4_K file of it."
            )

    def tensor(self, name: str) -> torch.Tensor:
        """One tensor."""
        from gguf import GGMLQuantizationType
        from gguf.quants import dequantize

        about = self._tensors[name]
        with told_in_words(self.path):
            # Copy-on-write, as the mapping of a safetensors file is.
            data = np.memmap(self.path, np.uint8, mode="c", offset=about.offset, shape=(about.nbytes,))
        if about.dtype in PLAIN:
            return torch.from_numpy(data).view(PLAIN[about.dtype]).reshape(about.shape)
        return torch.from_numpy(dequantize(data, GGMLQuantizationType[about.dtype])).reshape(about.shape)


def _quantised() -> Mapping[Any, Any]:
    from gguf.quants import _type_traits  # pyright: ignore[reportPrivateUsage]

    return _type_traits
