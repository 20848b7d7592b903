"""Says which tensors an old pickle (.ckpt, .pt, .bin, .pth) holds, without running any code in it. Started as a child process.

Nothing but the standard library, so that it can run isolated: python -I -S pickle_inspector.py PATH. It prints one JSON object:
{"tensors": {name: [dtype, shape]}, "texts": {name: text}, "foreign": [global, ...]} or {"problem": why it can't be read}.

A pickle is a program that asks for things by name. Here it gets its tensors as descriptions (dtype and shape), and for every
other name an inert stub: a class whose objects keep what they are given and do nothing with it.
"""

from __future__ import annotations

import io
import json
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

PICKLE_LIMIT = 64_000_000
"""Bytes of the pickle itself; those of real checkpoints have less than five million, as the numbers lie outside."""

MEMORY_LIMIT = 1_500_000_000
SECONDS_LIMIT = 20

_MOST_TENSORS, _MOST_TEXTS, _MOST_FOREIGN, _LONGEST_NAME, _DEEPEST = 100_000, 50, 20, 500, 32
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C
_STORAGE_TYPES = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}


class Tensor:
    """A tensor's description."""

    def __init__(self, dtype: str, shape: tuple[int, ...]) -> None:
        self.dtype = dtype
        self.shape = shape


class Stub:
    """Stands for whatever a pickle asks for by a name that is not allowed. Keeps its state, does nothing."""

    state: Any = None

    def __init__(self, *_args: Any, **_more: Any) -> None:
        pass

    def __call__(self, *_args: Any, **_more: Any) -> Stub:
        """Called like the function it stands for: another stub."""
        return Stub()

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Lists that a pickle builds are filled by this."""

    def extend(self, values: Any) -> None:
        """As `append`."""


def _rebuild_tensor(storage: Any, _offset: Any, size: Any, *_rest: Any) -> Tensor | Stub:
    shape = tuple(size) if isinstance(size, tuple | list) else ()
    if not isinstance(storage, str) or not all(type(number) is int and 0 <= number < 2**63 for number in shape):
        return Stub()
    return Tensor(storage, shape)


def _rebuild_parameter(data: Any, *_rest: Any) -> Any:
    return data


def _values(values: Any = ()) -> tuple[Any, ...]:
    return tuple(values) if isinstance(values, tuple | list) else ()


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
    ("torch", "Size"): _values,
    ("__builtin__", "set"): _values,
    ("builtins", "set"): _values,
    **{("torch", name): dtype for name, dtype in _STORAGE_TYPES.items()},
    **{("torch.storage", name): dtype for name, dtype in _STORAGE_TYPES.items()},
}


class Unpickler(pickle.Unpickler):
    """Builds plain values, descriptions of tensors, and stubs."""

    def __init__(self, file: BinaryIO, foreign: list[str]) -> None:
        super().__init__(file, encoding="latin-1")
        self._foreign = foreign

    def find_class(self, module: str, name: str) -> Any:
        """What a name in the pickle stands for: a description, or an inert stub."""
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        told = f"{module}.{name}"[:_LONGEST_NAME]
        if told not in self._foreign and len(self._foreign) < _MOST_FOREIGN:
            self._foreign.append(told)
        return type("Foreign", (Stub,), {})

    def persistent_load(self, pid: Any) -> Any:
        """The storage of a tensor, as the name of its dtype; the class of a module, which old files write so, too."""
        if isinstance(pid, tuple) and len(pid) > 1 and pid[0] == "module":
            return pid[1] if isinstance(pid[1], type) and issubclass(pid[1], Stub) else type("Foreign", (Stub,), {})
        dtype = pid[1] if isinstance(pid, tuple) and len(pid) > 1 else None
        return dtype if isinstance(dtype, str) and dtype in _STORAGE_TYPES.values() else "F32"


def _zipped(file: BinaryIO, foreign: list[str]) -> Any:
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if name.endswith("data.pkl") and name.count("/") <= 1]
        if not names:
            raise ValueError("the archive holds no data.pkl")
        if any("/code/" in name for name in archive.namelist()):
            raise ValueError("it is a TorchScript program, not weights")
        if archive.getinfo(names[0]).file_size > PICKLE_LIMIT:
            raise ValueError("its pickle is too large")
        with archive.open(names[0]) as stream:
            # Told sizes can be false, so no more than the limit is unpacked.
            return Unpickler(io.BytesIO(stream.read(PICKLE_LIMIT)), foreign).load()


def _plain(file: BinaryIO, foreign: list[str]) -> Any:
    """torch's format before 1.6: a magic number, a version, facts about the system, then the object. Or one bare pickle."""
    first = Unpickler(file, foreign).load()
    if first != _TORCH_MAGIC:
        return first
    for _ in range(2):
        Unpickler(file, foreign).load()
    return Unpickler(file, foreign).load()


class _Bounded(io.RawIOBase):
    """The beginning of a file: no more than the limit is ever read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        """As io wants it said."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read on, up to the limit."""
        room = max(0, PICKLE_LIMIT - self._file.tell())
        data = self._file.read(min(len(buffer), room))
        buffer[: len(data)] = data
        return len(data)


def _leaves(value: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Tensors and short texts inside, under dotted names."""
    if isinstance(value, Stub):
        value = value.state
    if depth > _DEEPEST:
        return
    if isinstance(value, Tensor | str):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            # Containers of torch keep their tensors in a table of their own.
            plain = name if key == "_parameters" else f"{name}.{key}" if name else str(key)
            if isinstance(key, str | int) and len(plain) <= _LONGEST_NAME:
                yield from _leaves(inner, plain, depth + 1)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{name}.{number}" if name else str(number), depth + 1)


def inspect(path: str) -> dict[str, Any]:
    """What the file holds, in plain values."""
    foreign: list[str] = []
    with open(path, "rb") as file:
        read: Callable[[Any, list[str]], Any] = _zipped if file.read(2) == b"PK" else _plain
        file.seek(0)
        content = read(file if read is _zipped else io.BufferedReader(_Bounded(file)), foreign)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    tensors: dict[str, Any] = {}
    texts: dict[str, str] = {}
    for name, value in _leaves(content):
        if isinstance(value, Tensor) and len(tensors) < _MOST_TENSORS:
            tensors[name] = [value.dtype, list(value.shape)]
        elif isinstance(value, str) and len(texts) < _MOST_TEXTS and len(value) <= _LONGEST_NAME:
            texts[name] = value
    return {"tensors": tensors, "texts": texts, "foreign": foreign}


def _limit_itself() -> None:
    """Memory and processor time, where the system can (the parent watches both, everywhere)."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS_LIMIT, SECONDS_LIMIT + 1))


def main() -> None:
    """Inspect the file named on the command line and print what it holds."""
    _limit_itself()
    try:
        told = json.dumps(inspect(sys.argv[1]))
    except Exception as error:  # noqa: BLE001 - a hostile pickle can raise anything, and all of it means: no model
        told = json.dumps({"problem": f"{type(error).__name__}: {error}"[:300]})
    sys.stdout.write(told)


if __name__ == "__main__":
    main()
