"""The tensors of a model as they lie on disk (one file, or a diffusers folder), and new files written piece by piece.

Nothing is mapped and no tensor is ever in memory as a whole, so the largest checkpoint takes no more of it than the smallest.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from webui.catalog.detect import ModelKind, identify
from webui.catalog.header import Header, Shape, TensorInfo, open_model, read_gguf, read_safetensors, sniff
from webui.catalog.pipelines import identify_folder
from webui.errors import CheckpointUnusable, InvalidRequest
from webui.workshop.numbers import FLOATS, PIECE
from webui.workshop.packed import block_of, is_packed, unpacked

WHOLE = ""
"""Name of the one file of a model that is no folder."""

EMA = "model_ema."
"""What training keeps beside the weights: their averages over time."""

_ALIGNMENT = 8
_COPY = 1 << 22
_NO_WEIGHTS = frozenset((".safetensors", ".bin", ".ckpt", ".pt", ".msgpack", ".onnx", ".h5"))


@dataclass(frozen=True)
class Tensor:
    """One tensor on disk. name: in its file; part: "denoiser", "vae", "text_encoder", ..., "ema", or "" for none of these.

    inner: the name without the part's prefix; layout: whose names these are (webui.catalog.detect.Part).
    """

    name: str
    path: Path
    info: TensorInfo
    part: str = ""
    inner: str = ""
    layout: str = ""

    @property
    def is_float(self) -> bool:
        """Whether it can be computed with."""
        return self.info.dtype in FLOATS or self.is_packed

    @property
    def is_packed(self) -> bool:
        """Whether its numbers share scales, as those of GGUF files do: they can be read, but not written as they are."""
        return self.info.dtype not in FLOATS and is_packed(self.info.dtype)

    def pieces(self) -> Iterator[np.ndarray]:
        """Its numbers in the file's type (fp32 where they are packed), one-dimensional, a piece at a time.

        Raises CheckpointUnusable when the file is cut off.
        """
        if self.is_packed:
            block, size = block_of(self.info.dtype)
            for data in self.raw(PIECE // block * size):
                yield unpacked(data, self.info.dtype)
            return
        dtype = FLOATS[self.info.dtype]
        for data in self.raw(PIECE * dtype.itemsize):
            yield np.frombuffer(data, dtype)

    def raw(self, most: int = _COPY) -> Iterator[bytes]:
        """Its bytes, at most so many at a time. Raises CheckpointUnusable when the file is gone or cut off."""
        with open_model(self.path) as file:
            file.seek(self.info.offset)
            left = self.info.nbytes
            while left:
                data = file.read(min(left, most))
                if not data:
                    raise CheckpointUnusable(f"{self.path.name} was cut off while it was read.", hint="Download it again.")
                left -= len(data)
                yield data


@dataclass(frozen=True)
class Weights:
    """A model's tensors. files: name of a file below the folder (WHOLE for a single file) -> its tensors by name.

    extras: files of a folder that hold no weights, relative to it.
    """

    name: str
    path: Path
    kind: ModelKind
    files: Mapping[str, Mapping[str, Tensor]]
    metadata: Mapping[str, Mapping[str, str]]
    extras: tuple[Path, ...] = ()

    @property
    def is_folder(self) -> bool:
        """Whether it is a diffusers folder."""
        return WHOLE not in self.files

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """All tensors, each with its file's name."""
        for file, tensors in self.files.items():
            for tensor in tensors.values():
                yield file, tensor

    @property
    def is_packed(self) -> bool:
        """Whether it is a GGUF file."""
        return any(tensor.is_packed for _, tensor in self.tensors())

    def of_part(self, part: str) -> list[Tensor]:
        """The tensors of one part."""
        return [tensor for _, tensor in self.tensors() if tensor.part == part]


def open_weights(path: Path, name: str, lies_at: Path | None = None) -> Weights:
    """A model's tensors, from its header(s). lies_at: the safetensors file that was made of `path`, if it is an old pickle.

    Raises CheckpointUnusable for damaged files, InvalidRequest for forms whose numbers can't be read.
    """
    return _open_folder(path, name) if path.is_dir() else _open_file(path, name, lies_at or path)


def _open_file(path: Path, name: str, lies_at: Path) -> Weights:
    read = _READERS.get(sniff(lies_at))
    if read is None:
        raise InvalidRequest(f"{name} is no safetensors or GGUF file.", hint="Take the safetensors of the same model.")
    header = read(lies_at)
    unknown = sorted({info.dtype for info in header.tensors.values() if header.format == "gguf" and not _can_be_read(info.dtype)})
    if unknown:
        raise InvalidRequest(
            f"{name} holds numbers of the type {', '.join(unknown)}, which Easel can't read.", hint="Get a Q8_0, Q5_K or Q4_K file of it."
        )
    kind = identify(header)
    tensors = {key: _placed(Tensor(key, lies_at, info), key, kind) for key, info in header.tensors.items()}
    return Weights(name, path, kind, {WHOLE: tensors}, {WHOLE: header.metadata})


_WHOLE_NUMBERS = ("I8", "I16", "I32", "I64")

_READERS: Mapping[str, Callable[[Path], Header]] = {"safetensors": read_safetensors, "gguf": read_gguf}


def _can_be_read(dtype: str) -> bool:
    return dtype in FLOATS or dtype in _WHOLE_NUMBERS or is_packed(dtype)


def _open_folder(path: Path, name: str) -> Weights:
    kind = identify_folder(path)
    files: dict[str, Mapping[str, Tensor]] = {}
    metadata: dict[str, Mapping[str, str]] = {}
    extras: list[Path] = []
    for found in sorted(path.rglob("*")):
        relative = found.relative_to(path)
        if not found.is_file() or relative.parts[0].startswith("."):
            continue
        if found.suffix == ".safetensors":
            if ".fp16." in found.name and found.with_name(found.name.replace(".fp16.", ".")).exists():
                continue  # the same once more, as repositories have it
            header = read_safetensors(found)
            folder = relative.parent.as_posix()
            metadata[relative.as_posix()] = header.metadata
            files[relative.as_posix()] = {
                key: _placed(Tensor(key, found, info), f"{folder}/{key}", kind) for key, info in header.tensors.items()
            }
        elif found.suffix not in _NO_WEIGHTS:
            extras.append(relative)
    if not files:
        raise CheckpointUnusable(f"{name} holds no safetensors files.", hint="Old .bin weights are not opened; get the safetensors.")
    return Weights(name, path, kind, files, metadata, tuple(extras))


def _placed(tensor: Tensor, full_name: str, kind: ModelKind) -> Tensor:
    if full_name.startswith(EMA):
        return replace(tensor, part="ema", inner=full_name.removeprefix(EMA))
    fitting = [part for part in kind.parts if full_name.startswith(part.prefix)]
    part = max(fitting, key=lambda part: len(part.prefix), default=None)
    if part is None:
        return replace(tensor, inner=full_name)
    return replace(tensor, part=part.name, inner=full_name.removeprefix(part.prefix), layout=part.layout)


# writing


@dataclass(frozen=True)
class NewTensor:
    """A tensor to be written. blocks: its bytes in order, made when they are asked for."""

    name: str
    dtype: str
    shape: Shape
    nbytes: int
    blocks: Callable[[], Iterable[bytes | memoryview]] = field(repr=False)

    @classmethod
    def copied(cls, tensor: Tensor, name: str | None = None, shape: Shape | None = None) -> NewTensor:
        """The same bytes, maybe under another name or in another shape of as many numbers."""
        return cls(name or tensor.name, tensor.info.dtype, shape or tensor.info.shape, tensor.info.nbytes, tensor.raw)

    @classmethod
    def computed(cls, name: str, dtype: str, shape: Shape, pieces: Callable[[], Iterator[np.ndarray]]) -> NewTensor:
        """Numbers that come in pieces of that dtype."""
        nbytes = math.prod(shape) * FLOATS[dtype].itemsize
        return cls(name, dtype, shape, nbytes, lambda: (piece.view(np.uint8).data for piece in pieces()))


def header_for(tensors: Sequence[NewTensor], metadata: Mapping[str, str]) -> bytes:
    """The beginning of a safetensors file with these tensors in this order (https://github.com/huggingface/safetensors#format)."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt", **metadata}}
    end = 0
    for tensor in tensors:
        begin, end = end, end + tensor.nbytes
        entries[tensor.name] = {"dtype": tensor.dtype, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def in_order(tensors: Iterable[NewTensor]) -> list[NewTensor]:
    """Those of wider numbers first, so that each lies where its numbers may lie and can be mapped."""
    return sorted(tensors, key=lambda tensor: -(tensor.nbytes // max(1, math.prod(tensor.shape))))


def file_size(tensors: Sequence[NewTensor], metadata: Mapping[str, str]) -> int:
    """Bytes of the file that `write_weights` would write."""
    return len(header_for(tensors, metadata)) + sum(tensor.nbytes for tensor in tensors)


def write_weights(path: Path, tensors: Sequence[NewTensor], metadata: Mapping[str, str], advance: Callable[[int], None]) -> None:
    """Write a safetensors file and flush it to disk. advance: told of the bytes of each block. Raises OSError and what reading raises."""
    with open(path, "wb") as file:
        file.write(header_for(tensors, metadata))
        for tensor in tensors:
            _write_one(file, tensor, advance)
        file.flush()
        os.fsync(file.fileno())


def _write_one(file: BinaryIO, tensor: NewTensor, advance: Callable[[int], None]) -> None:
    written = 0
    for block in tensor.blocks():
        file.write(block)
        written += len(block)
        advance(len(block))
    if written != tensor.nbytes:
        raise CheckpointUnusable(f"The numbers of {tensor.name[:80]} are not all there.", hint="Check the files it is made of.")
