"""What a model file holds, read from its header: names, types and shapes of its tensors, never the weights.

Told by content, not by the file's ending: people rename files, and downloads go wrong. Every damaged form ends in a
CheckpointUnusable in the words of somebody who downloaded the file.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

from webui.errors import CheckpointUnusable

FileFormat = Literal["safetensors", "gguf", "pickle"]
Shape = tuple[int, ...]

HEADER_LIMIT = 100_000_000
"""Bytes; the limit of the safetensors format itself."""

SNIFFED = 512
"""Bytes from a file's beginning that tell its format."""

AGAIN = "Download it again and put it in place of this one."

_LFS_POINTER = b"version https://git-lfs"
_ZIP, _PICKLE, _GGUF = b"PK\x03\x04", b"\x80", b"GGUF"
_PICKLE_PROTOCOLS = range(2, 6)


@dataclass(frozen=True)
class TensorInfo:
    """One tensor of a file. dtype: as the format writes it ("F16", "BF16", "Q8_0"); offset: from the start of the file."""

    dtype: str
    shape: Shape
    offset: int = 0
    nbytes: int = 0


@dataclass(frozen=True)
class Header:
    """What a file says about itself. tensors: by name, in the file's order; metadata: free text, untrusted."""

    format: FileFormat
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def shapes(self) -> dict[str, Shape]:
        """Shape of each tensor, outermost dimension first as torch writes it."""
        return {name: tensor.shape for name, tensor in self.tensors.items()}


def readable(text: str) -> str:
    """Untrusted text as text: what is no character (bytes of a file name in another encoding, halves of an emoji) becomes "?"."""
    return text.encode("utf-8", "replace").decode("utf-8")


def open_model(path: Path) -> BinaryIO:
    """Open a file for reading. Raises CheckpointUnusable when it is gone or not ours to read."""
    try:
        return open(path, "rb")
    except OSError as error:
        raise CheckpointUnusable(f"{path.name} can't be read: {error.strerror or error}.", hint="Check that it is there.") from None


def sniff(path: Path) -> FileFormat:
    """The format of a model file, told by its first bytes.

    Raises CheckpointUnusable that says what the file is instead: missing, empty, a web page, a git-lfs pointer, something else.
    """
    with open_model(path) as file:
        head = file.read(SNIFFED)
    return format_of(head, path.name)


def format_of(head: bytes, name: str) -> FileFormat:
    """The format of a file called `name` that begins so. Raises as `sniff` does."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not head:
        raise CheckpointUnusable(f"{name} is empty.", hint=AGAIN)
    # First of all: the length that a safetensors file begins with can look like any other beginning.
    if head[4:9] == bytes(4) + b"{":
        return "safetensors"
    if head.startswith(_LFS_POINTER):
        raise CheckpointUnusable(
            f"{name} is a git-lfs pointer, not the weights.",
            hint="Run 'git lfs pull' where it came from, or download the file itself.",
        )
    if text[:1] == b"<":
        raise CheckpointUnusable(f"{name} is a web page, not a model.", hint=f"The download link asked for a login. {AGAIN}")
    if text[:2] in (b'{"', b"{\n", b"{\r"):
        raise CheckpointUnusable(f"{name} is a JSON text, not a model.", hint=f"The download may have been refused. {AGAIN}")
    if head.startswith(_GGUF):
        return "gguf"
    if head.startswith(_ZIP) or (head.startswith(_PICKLE) and head[1:2] and head[1] in _PICKLE_PROTOCOLS):
        return "pickle"
    raise CheckpointUnusable(f"{name} is damaged or cut off, or no model file at all: it begins like none that is known.", hint=AGAIN)


def read_header(path: Path) -> Header:
    """The header of a safetensors or GGUF file. Raises CheckpointUnusable, for old pickles too: those only the inspector may open."""
    found = sniff(path)
    if found == "pickle":
        raise CheckpointUnusable(
            f"{path.name} is an old pickle file, which can run code and is not opened as it is.", hint="Get the safetensors of it."
        )
    return READERS[found](path)


def read_safetensors(path: Path) -> Header:
    """The header of a safetensors file, checked against the file's length and against itself.

    As strict as the safetensors library, which skips over names given twice. Raises CheckpointUnusable.
    """
    with open_model(path) as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise _damaged(path, "its header reaches beyond its end")
        if length > HEADER_LIMIT:
            raise _damaged(path, f"its header claims {length:,} bytes")
        text = file.read(length)
    try:
        header = _parsed(text)
        end = _end_without_holes(header.tensors.values(), 8 + length)
    except _UNREADABLE as error:
        raise _damaged(path, " ".join(str(error).split())[:200] or type(error).__name__) from None
    if end != size:
        raise _damaged(path, f"{size:,} of {end:,} bytes are there" if size < end else f"{size - end:,} bytes too many")
    return header


_UNREADABLE = (ValueError, KeyError, TypeError, RecursionError)


def _parsed(text: bytes) -> Header:
    data = json.loads(text, object_pairs_hook=_without_repeats)
    if not isinstance(data, dict):
        raise ValueError("its header is no table")
    metadata = _free_text(data.pop("__metadata__", {}))
    begin = 8 + len(text)
    return Header("safetensors", {name: _safetensors_entry(name, entry, begin) for name, entry in data.items()}, metadata)


def safetensors_length(beginning: bytes) -> int:
    """How many bytes a safetensors file's beginning takes that holds its whole header; 0 where it is none."""
    length = int.from_bytes(beginning[:8], "little")
    return 8 + length if beginning[8:9] == b"{" and length <= HEADER_LIMIT else 0


def header_in(beginning: bytes) -> Header | None:
    """The header of a safetensors file of which only the beginning is here; None where it is not whole or no such header."""
    length = safetensors_length(beginning)
    if not 0 < length <= len(beginning):
        return None
    try:
        return _parsed(beginning[8:length])
    except _UNREADABLE:
        return None


def _damaged(path: Path, why: str) -> CheckpointUnusable:
    return CheckpointUnusable(f"{path.name} is damaged or cut off ({why}).", hint=AGAIN)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name is given twice")
    return table


def _free_text(data: Any) -> dict[str, str]:
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise ValueError("its metadata is no table of texts")
    return {readable(name): readable(value) for name, value in data.items()}


_SAFETENSORS_BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


def _safetensors_entry(name: str, entry: Any, begin: int) -> TensorInfo:
    dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    if set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{name[:80]} is described with unknown words")
    if dtype not in _SAFETENSORS_BITS:
        raise ValueError(f"{name[:80]} has the unknown type {str(dtype)[:20]!r}")
    if not isinstance(shape, list) or not all(_is_count(number) for number in (*shape, start, end)):
        raise ValueError(f"{name[:80]} has an impossible shape or place")
    # Checked one factor at a time: the product of a hostile shape can have millions of digits.
    bits = _SAFETENSORS_BITS[dtype]
    for number in shape:
        bits *= number
        if bits > 2**67:
            raise ValueError(f"{name[:80]} has an impossible shape")
    if bits % 8 or end - start != bits // 8:
        raise ValueError(f"{name[:80]} does not fit into its place")
    return TensorInfo(dtype, tuple(shape), begin + start, end - start)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**64


def _end_without_holes(tensors: Iterable[TensorInfo], begin: int) -> int:
    """Where the data ends. Raises ValueError when tensors overlap or leave holes."""
    end = begin
    for tensor in sorted(tensors, key=lambda tensor: (tensor.offset, tensor.nbytes)):
        if tensor.offset != end:
            raise ValueError("tensors overlap" if tensor.offset < end else "there is a hole between tensors")
        end += tensor.nbytes
    return end


_GGML_TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip
"""Number -> name, numbers per block, bytes per block (ggml.h). The gguf library's reader is not used: it trusts the counts in a file."""

_GGUF_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_GGUF_STRING, _GGUF_ARRAY = 8, 9
_GGUF_MOST_ENTRIES, _GGUF_KEPT_TEXT, _GGUF_KEPT_ITEMS = 100_000, 65_536, 8


class _GgufFile:
    """Reads the pieces of a GGUF header, never beyond the file or the header limit. Raises ValueError."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = os.fstat(file.fileno()).st_size
        self._room = min(self.size, HEADER_LIMIT)

    @property
    def place(self) -> int:
        return self._file.tell()

    def _check(self, count: int) -> None:
        if count > self._room - self.place:
            raise ValueError("its header reaches beyond its end")

    def bytes(self, count: int) -> bytes:
        self._check(count)
        return self._file.read(count)

    def skip(self, count: int) -> None:
        self._check(count)
        self._file.seek(count, os.SEEK_CUR)

    def number(self, code: str) -> Any:
        return struct.unpack(f"<{code}", self.bytes(struct.calcsize(f"<{code}")))[0]

    def count(self, what: str, most: int = _GGUF_MOST_ENTRIES) -> int:
        count = self.number("Q")
        if count > most:
            raise ValueError(f"it claims {count:,} {what}")
        return count

    def text(self) -> str:
        length = self.number("Q")
        if length > _GGUF_KEPT_TEXT:
            self.skip(length)
            return ""
        return self.bytes(length).decode("utf-8", "replace")

    def value(self, kind: int) -> str:
        """One value as text; long arrays are skipped and come as "". Raises ValueError."""
        if kind == _GGUF_STRING:
            return self.text()
        if kind == _GGUF_ARRAY:
            return self._array()
        if kind not in _GGUF_SCALARS:
            raise ValueError(f"it holds a value of the unknown kind {kind}")
        return str(self.number(_GGUF_SCALARS[kind]))

    def _array(self) -> str:
        kind, count = self.number("I"), self.number("Q")
        if kind in _GGUF_SCALARS and count > _GGUF_KEPT_ITEMS:
            self.skip(count * struct.calcsize(_GGUF_SCALARS[kind]))
            return ""
        if kind == _GGUF_ARRAY:
            raise ValueError("it holds arrays of arrays")
        # Each text takes eight bytes at least, so a false count soon meets the end.
        items = [self.value(kind) if index < _GGUF_KEPT_ITEMS else self._pass_text() for index in range(min(count, self._room))]
        return ",".join(items) if len(items) <= _GGUF_KEPT_ITEMS else ""

    def _pass_text(self) -> str:
        self.skip(self.number("Q"))
        return ""


def read_gguf(path: Path) -> Header:
    """The header of a GGUF file (version 2 and 3, little-endian); shapes as torch writes them. Raises CheckpointUnusable.

    Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Tensors that were reshaped to be quantised have
    their own shape back where the file says it (comfy.gguf.orig_shape.NAME).
    """
    with open_model(path) as file:
        try:
            return _read_gguf(_GgufFile(file))
        except (ValueError, struct.error, OverflowError) as error:
            raise _damaged(path, str(error)) from None


def _read_gguf(file: _GgufFile) -> Header:
    if file.bytes(4) != _GGUF:
        raise ValueError("it is no GGUF file")
    version = file.number("I")
    if version not in (2, 3):
        raise ValueError(f"its GGUF version is {version if version < 2**16 else 'big-endian'}; 2 and 3 are known")
    tensor_count, value_count = file.count("tensors"), file.count("values")
    metadata = {}
    for _ in range(value_count):
        name = file.text()
        metadata[name] = file.value(file.number("I"))
    entries = dict(_gguf_entry(file) for _ in range(tensor_count))
    if len(entries) != tensor_count:
        raise ValueError("a name is given twice")
    alignment = int(metadata.get("general.alignment") or 32)
    if alignment not in (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096):
        raise ValueError("its alignment is impossible")
    begin = -(-file.place // alignment) * alignment
    tensors = {}
    for name, tensor in entries.items():
        if begin + tensor.offset + tensor.nbytes > file.size:
            raise ValueError(f"{file.size:,} of {begin + tensor.offset + tensor.nbytes:,} bytes are there")
        shape = _original_shape(metadata.get(f"comfy.gguf.orig_shape.{name}", ""), tensor.shape)
        tensors[name] = TensorInfo(tensor.dtype, shape, begin + tensor.offset, tensor.nbytes)
    return Header("gguf", tensors, metadata)


def _gguf_entry(file: _GgufFile) -> tuple[str, TensorInfo]:
    name = file.text()
    dimensions = file.number("I")
    if dimensions > 8:
        raise ValueError(f"{name[:80]} has {dimensions} dimensions")
    # GGUF writes the innermost dimension first.
    shape = tuple(file.number("Q") for _ in range(dimensions))[::-1]
    kind, offset = file.number("I"), file.number("Q")
    if kind not in _GGML_TYPES:
        raise ValueError(f"{name[:80]} has the unknown type {kind}")
    dtype, block, block_bytes = _GGML_TYPES[kind]
    numbers = math.prod(shape)
    if numbers % block:
        raise ValueError(f"{name[:80]} does not fit into blocks of {block}")
    return name, TensorInfo(dtype, shape, offset, numbers // block * block_bytes)


def _original_shape(said: str, shape: Shape) -> Shape:
    numbers = said.split(",")
    original = tuple(int(number) for number in numbers) if all(number.isdecimal() for number in numbers) else ()
    return original if original and math.prod(original) == math.prod(shape) else shape


READERS: Mapping[str, Callable[[Path], Header]] = {"safetensors": read_safetensors, "gguf": read_gguf}
