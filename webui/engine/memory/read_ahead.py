"""Mapped weights brought in from the disk from start to end, while the first layers compute: page by page would take much longer."""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
from collections.abc import Iterable, Sequence

import torch

log = logging.getLogger(__name__)

_WILL_NEED = 3
_PAGE = 4096
_GAP = 1024 * 1024
"""Pieces that lie this close to each other are asked for in one."""


def ranges_of(tensors: Iterable[torch.Tensor]) -> list[tuple[int, int]]:
    """(start, end) of the memory in which tensors lie, in order, neighbours joined, at page borders."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted((tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes) for tensor in tensors):
        start = start // _PAGE * _PAGE
        if joined and start - joined[-1][1] <= _GAP:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def read_ahead(tensors: Sequence[torch.Tensor]) -> threading.Thread | None:
    """Begin to bring in mapped tensors, and return the thread that does; None where the system has no such call (Linux has)."""
    if sys.platform != "linux":
        return None
    thread = threading.Thread(target=_ask, args=(tensors,), name="read ahead", daemon=True)
    thread.start()
    return thread


def _ask(tensors: Sequence[torch.Tensor]) -> None:
    # Holding the tensors keeps them mapped while this goes on. What is there already costs next to nothing.
    libc = ctypes.CDLL(None, use_errno=True)
    for start, end in ranges_of(tensors):
        if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), _WILL_NEED):
            log.debug("No reading ahead: error %d", ctypes.get_errno())
            return
