"""Numbers as safetensors files hold them, read and cast a piece at a time, without torch."""

from __future__ import annotations

from collections.abc import Mapping

import ml_dtypes
import numpy as np

FLOATS: Mapping[str, np.dtype] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
}
"""Types, as safetensors writes them, that can be computed with."""

PIECE = 1 << 20
"""Numbers that are in memory at once: so a tensor's size does not count."""


def widened(piece: np.ndarray) -> np.ndarray:
    """The same numbers as float32, or float64 where they have more digits than that holds."""
    return piece if piece.dtype == FLOATS["F64"] else piece.astype(np.float32)


def cast(piece: np.ndarray, dtype: str) -> tuple[np.ndarray, int]:
    """Numbers in another type, and how many were too large for it: those become the largest it has. NaN stays NaN."""
    target = FLOATS[dtype]
    if piece.dtype == target:
        return piece, 0
    wide = widened(piece)
    limit = float(ml_dtypes.finfo(target).max)
    if limit >= float(ml_dtypes.finfo(piece.dtype).max):
        return wide.astype(target), 0
    beyond = int(np.count_nonzero(np.abs(wide) > limit))
    return (np.clip(wide, -limit, limit) if beyond else wide).astype(target), beyond
