"""Writes the tensors of an old pickle checkpoint (.ckpt) into a safetensors file, without running any code in it.

Started as a child process by its path: python -I pickle_converter.py SOURCE TARGET. It prints one JSON object, {} or {"problem": why}.
With --averages behind them, what training keeps beside the weights (EMA) is written, too.

A pickle is a program that asks for things by name. Here it gets tensors, ordered dictionaries and plain values, and for every
other name an inert stub, whose objects keep nothing and do nothing; so files with a training loop's callbacks in them are read,
too. torch.load is not used: it hands some archives on to readers that run code.
"""

from __future__ import annotations

import io
import json
import mmap
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import save_file

PICKLE_LIMIT = 64_000_000
"""Bytes of the pickle itself; those of real checkpoints have less than five million, as the numbers lie outside."""

AVERAGES = "model_ema."
"""What training keeps beside the weights; nothing draws with it."""

_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class Stub:
    """Stands for whatever a pickle asks for by a name that is not allowed."""

    def __init__(self, *_args: Any, **_more: Any) -> None:
        pass

    def __call__(self, *_args: Any, **_more: Any) -> Stub:
        """Called like the function it stands for: another stub."""
        return Stub()

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Lists that a pickle builds are filled by this."""

    def extend(self, values: Any) -> None:
        """As `append`."""


class Storage:
    """A flat run of numbers, read when it is first asked for."""

    def __init__(self, read: Callable[[], torch.Tensor]) -> None:
        self._read = read
        self._numbers: torch.Tensor | None = None

    def numbers(self) -> torch.Tensor:
        """All of them, one-dimensional."""
        if self._numbers is None:
            self._numbers = self._read()
        return self._numbers


class LazyTensor:
    """A tensor that is cut out of its storage when it is wanted."""

    def __init__(self, storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self._place = (size, stride, offset)
        self._storage = storage

    def tensor(self) -> torch.Tensor:
        """The tensor, by itself. Raises RuntimeError when it reaches beyond its storage."""
        return self._storage.numbers().as_strided(*self._place).contiguous()


def _rebuild_tensor(storage: Any, offset: Any, size: Any, stride: Any, *_rest: Any) -> Any:
    return LazyTensor(storage, int(offset), tuple(size), tuple(stride)) if isinstance(storage, Storage) else Stub()


def _rebuild_parameter(data: Any, *_rest: Any) -> Any:
    return data


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch", "Size"): tuple,
    **{("torch", name): dtype for name, dtype in _DTYPES.items()},
    **{("torch.storage", name): dtype for name, dtype in _DTYPES.items()},
}

ReadStorage = Callable[[str, torch.dtype, int], Storage]
"""(key, dtype, how many numbers) -> the storage of that key."""


class Unpickler(pickle.Unpickler):
    """Builds plain values, tensors and stubs."""

    def __init__(self, file: Any, storage: ReadStorage) -> None:
        super().__init__(file, encoding="latin-1")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the pickle stands for: something of the list, or an inert stub."""
        return _ALLOWED.get((module, name)) or type("Foreign", (Stub,), {})

    def persistent_load(self, pid: Any) -> Any:
        """The storage of a tensor."""
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], torch.dtype):
            return Stub()
        return self._storage(str(pid[2]), pid[1], int(pid[4]))


def read_archive(path: Path) -> Any:
    """What torch 1.6 and later write: a zip with one pickle and a file of raw numbers for each storage."""
    with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        names = [name for name in archive.namelist() if name.endswith("data.pkl") and name.count("/") <= 1]
        if not names or any("/code/" in name for name in archive.namelist()):
            raise ValueError("it is a program or an archive of something else, not weights")
        root = names[0].removesuffix("data.pkl")
        storages: dict[str, Storage] = {}

        def storage(key: str, dtype: torch.dtype, count: int) -> Storage:
            if key not in storages:
                member = archive.getinfo(f"{root}data/{key}")
                if member.compress_type != zipfile.ZIP_STORED:
                    raise ValueError("its numbers are packed")
                # The local header's own lengths count: they may differ from those of the index.
                lengths = struct.unpack("<HH", mapped[member.header_offset + 26 : member.header_offset + 30])
                begin = member.header_offset + 30 + sum(lengths)
                if count * dtype.itemsize > member.file_size or begin + member.file_size > len(mapped):
                    raise ValueError(f"the numbers of {key[:80]} are not all there")
                storages[key] = Storage(
                    lambda: torch.frombuffer(mapped, dtype=dtype, count=count, offset=begin) if count else torch.empty(0)
                )
            return storages[key]

        with archive.open(names[0]) as stream:
            return Unpickler(io.BytesIO(stream.read(PICKLE_LIMIT)), storage).load()


def read_old(path: Path) -> Any:
    """What torch before 1.6 wrote: magic number, version, facts about the system, the object, then all storages in a row."""
    storages: dict[str, tuple[torch.dtype, int]] = {}
    numbers: dict[str, torch.Tensor] = {}

    def storage(key: str, dtype: torch.dtype, count: int) -> Storage:
        storages[key] = (dtype, count)
        return Storage(lambda: numbers[key])

    with open(path, "rb") as file:
        first = Unpickler(file, storage).load()
        if first != _TORCH_MAGIC:
            raise ValueError("it holds no weights")
        for _ in range(2):
            Unpickler(file, storage).load()
        content = Unpickler(file, storage).load()
        for key in Unpickler(file, storage).load():
            dtype, count = storages[str(key)]
            numbers[str(key)] = _numbers_from(file, dtype, count)
    return content


def _numbers_from(file: BinaryIO, dtype: torch.dtype, count: int) -> torch.Tensor:
    (told,) = struct.unpack("<q", file.read(8))
    data = file.read(count * dtype.itemsize)
    if told != count or len(data) != count * dtype.itemsize:
        raise ValueError("its numbers are not all there")
    return torch.frombuffer(bytearray(data), dtype=dtype) if count else torch.empty(0, dtype=dtype)


def tensors_in(content: Any, *, averages: bool = False) -> dict[str, torch.Tensor]:
    """The weights among what a checkpoint holds. averages: those of training, too."""
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    named = _named(content if isinstance(content, dict) else {})
    tensors = {
        name: value.tensor()
        for name, value in named.items()
        if isinstance(name, str) and isinstance(value, LazyTensor) and (averages or not name.startswith(AVERAGES))
    }
    if not tensors:
        raise ValueError("it holds no weights")
    return tensors


def _named(content: dict[Any, Any]) -> dict[Any, Any]:
    """What is in it by name; where that is nothing but tables of weights, as in an IP-Adapter, what is in those by dotted name."""
    if any(isinstance(value, LazyTensor) for value in content.values()):
        return content
    tables = {table: inner for table, inner in content.items() if isinstance(table, str) and isinstance(inner, dict)}
    return {f"{table}.{name}": value for table, inner in tables.items() for name, value in inner.items()}


def convert(source: Path, target: Path, *, averages: bool = False) -> None:
    """Write the safetensors file. averages: with what training keeps beside the weights."""
    with open(source, "rb") as file:
        archived = file.read(2) == b"PK"
    tensors = tensors_in(read_archive(source) if archived else read_old(source), averages=averages)
    seen: set[int] = set()
    for name, tensor in tensors.items():
        # Tensors of one storage are written for themselves.
        if tensor.untyped_storage().data_ptr() in seen:
            tensors[name] = tensor.clone()
        seen.add(tensors[name].untyped_storage().data_ptr())
    save_file(tensors, target)


def main() -> None:
    """Convert the files named on the command line."""
    try:
        convert(Path(sys.argv[1]), Path(sys.argv[2]), averages="--averages" in sys.argv[3:])
        told: dict[str, str] = {}
    except Exception as error:  # noqa: BLE001 - a hostile pickle can raise anything, and all of it means: no checkpoint
        told = {"problem": f"{type(error).__name__}: {error}"[:300]}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
