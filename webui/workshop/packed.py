"""Packed numbers, as GGUF files hold them: small blocks that share a scale. Turned into numbers, and made of them, a piece at a time.

The arithmetic is the gguf library's own, which is that of llama.cpp in NumPy (https://github.com/ggml-org/llama.cpp/tree/master/gguf-py).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

BLOCK = 32
"""Numbers of a block of every type that is written here."""

WRITTEN = ("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")
"""Types that the library makes of numbers; the K types it only reads."""

_NUMBERS: Mapping[str, str] = {"F32": "F32", "F16": "F16", "BF16": "BF16"}


def is_packed(dtype: str) -> bool:
    """Whether the library turns that type of a GGUF file into numbers."""
    return dtype not in _NUMBERS and dtype in _kinds()


@functools.cache
def _kinds() -> dict[str, Any]:
    from gguf.quants import _type_traits  # pyright: ignore[reportPrivateUsage]

    return {kind.name: kind for kind in _type_traits}


def block_of(dtype: str) -> tuple[int, int]:
    """(numbers, bytes) of a block."""
    from gguf.constants import GGML_QUANT_SIZES

    return GGML_QUANT_SIZES[_kinds()[dtype]]


def unpacked(data: bytes, dtype: str) -> np.ndarray:
    """The numbers in whole blocks, fp32, one-dimensional."""
    from gguf.quants import dequantize

    return dequantize(np.frombuffer(data, np.uint8), _kinds()[dtype])


def packed(numbers: np.ndarray, dtype: str) -> np.ndarray:
    """The bytes of whole blocks, made of fp32 numbers, one-dimensional."""
    from gguf.quants import quantize

    return quantize(numbers.astype(np.float32), _kinds()[dtype])


def packed_size(numbers: int, dtype: str) -> int:
    """Bytes of that many numbers, which fill whole blocks."""
    block, size = block_of(dtype)
    return numbers // block * size


Entry = tuple[str, str, Sequence[int], int, Callable[[], Iterable[bytes | memoryview]]]
"""(name, type, shape, bytes, its blocks) of a tensor."""


def write_gguf(path: Path, architecture: str, told: Mapping[str, str], tensors: Sequence[Entry], advance: Callable[[int], None]) -> None:
    """Write a GGUF file and flush it to disk. told: texts of its header. advance: told of the bytes of each block. Raises OSError."""
    from gguf import GGMLQuantizationType, GGUFWriter
    from gguf.constants import GGML_QUANT_VERSION

    writer = GGUFWriter(path, architecture)
    writer.add_quantization_version(GGML_QUANT_VERSION)
    for key, text in told.items():
        writer.add_string(key, text)
    for name, dtype, shape, nbytes, _ in tensors:
        writer.add_tensor_info(name, shape, np.dtype(np.float32), nbytes, GGMLQuantizationType[dtype])
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        assert writer.fout is not None
        (file,) = writer.fout
        # The library writes whole tensors only; the largest take a quarter of a gigabyte.
        writer.write_padding(file, file.tell())
        for _, _, _, nbytes, blocks in tensors:
            for block in blocks():
                file.write(block)
                advance(len(block))
            writer.write_padding(file, nbytes)
        file.flush()
        os.fsync(file.fileno())
    finally:
        writer.close()
