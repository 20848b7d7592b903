"""Named tensors on disk, looked at without reading them: a safetensors file, and the same under other names.

Whatever `tensor` gives is a view of the mapped file unless a layout asks for more (two halves swapped), so it costs no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open

from webui.catalog.weights import check_safetensors
from webui.errors import CheckpointUnusable

Shape = tuple[int, ...]
Read = Callable[[torch.Tensor], torch.Tensor]


@contextmanager
def told_in_words(path: Path) -> Iterator[None]:
    """What reading a file may raise, as CheckpointUnusable."""
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:
        detail = " ".join(str(error).split())[:200]
        raise CheckpointUnusable(
            f"{path.name} can't be read any more ({detail}).", hint="Check that it is still there and whole, then try again."
        ) from error


class TensorSource(Protocol):
    """Named tensors on disk. path: what to call them by; paths: all files they lie in. shapes: by name. metadata: texts of the header."""

    path: Path
    paths: tuple[Path, ...]
    shapes: Mapping[str, Shape]
    metadata: Mapping[str, str]

    def tensor(self, name: str) -> torch.Tensor:
        """One tensor, in the file's dtype."""
        ...


class TensorFile:
    """A safetensors file. Opening it reads its header. Raises CheckpointUnusable saying what the file is instead."""

    def __init__(self, path: Path) -> None:
        check_safetensors(path)
        self.path = path
        self.paths = (path,)
        self._lies_at = path
        with told_in_words(path), self._open() as file:
            self.metadata: Mapping[str, str] = file.metadata() or {}
            self.shapes: Mapping[str, Shape] = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118

    def _open(self) -> Any:
        return safe_open(self._lies_at, framework="pt", device="cpu")

    def tensor(self, name: str) -> torch.Tensor:
        """One tensor, in the file's dtype."""
        with told_in_words(self.path):
            return self._mapped.get_tensor(name)

    @cached_property
    def _mapped(self) -> Any:
        return self._open()


class Shards:
    """Several safetensors files that together hold one part."""

    def __init__(self, index: Path, files: Sequence[TensorFile]) -> None:
        """index: what to call them all by."""
        self.path = index
        self.paths = (index, *(file.path for file in files))
        self._file_of = {name: file for file in files for name in file.shapes}
        self.shapes: Mapping[str, Shape] = {name: file.shapes[name] for name, file in self._file_of.items()}
        self.metadata: Mapping[str, str] = {}

    def tensor(self, name: str) -> torch.Tensor:
        """One tensor, in its file's dtype."""
        return self._file_of[name].tensor(name)


@dataclass(frozen=True)
class Origin:
    """Where a tensor comes from: a name in the file, and what is taken of that one (None: all of it, as it is)."""

    name: str
    read: Read | None = None


Layout = Mapping[str, Origin]
"""Name in the module -> where it comes from."""


class RenamedTensors(Mapping[str, torch.Tensor]):
    """Some tensors of a file under a module's names; read when looked at."""

    def __init__(self, file: TensorSource, layout: Layout) -> None:
        self._file = file
        self._layout = layout

    def __getitem__(self, name: str) -> torch.Tensor:
        origin = self._layout[name]
        tensor = self._file.tensor(origin.name)
        return origin.read(tensor) if origin.read else tensor

    def __contains__(self, name: object) -> bool:
        # Not by trying, as a mapping would by itself: that looks the tensor up.
        return name in self._layout

    def __iter__(self) -> Iterator[str]:
        return iter(self._layout)

    def __len__(self) -> int:
        return len(self._layout)


def shapes_of(shapes: Mapping[str, Shape], layout: Layout) -> dict[str, Shape]:
    """The shapes that tensors have under a module's names, told from the header's shapes."""

    def shape(origin: Origin) -> Shape:
        there = shapes[origin.name]
        return tuple(origin.read(torch.empty(there, device="meta")).shape) if origin.read else there

    return {name: shape(origin) for name, origin in layout.items()}
