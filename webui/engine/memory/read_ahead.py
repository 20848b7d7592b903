"""Mapped weights brought in from the disk in the order in which layers ask for them, while the first ones compute.

Layer by layer alone takes much longer where the system reads only a little ahead by itself.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence

import torch

from webui.planning.machine import host_memory

log = logging.getLogger(__name__)

_WILL_NEED, _POPULATE_READ = 3, 22
"""What madvise is asked for: to begin with reading, or to have it read and its pages in place (Linux 5.14)."""

_PAGE = 4096
_GAP = 1024 * 1024
"""Pieces that lie this close to each other are asked for in one."""
_AT_ONCE = 16 * 1024 * 1024
"""Bytes asked for in one call."""

_PLACES = ("conv_in", "time_", "down_blocks", "mid_block", "up_blocks")


def in_order_of_use(names: Iterable[str]) -> list[str]:
    """Names of weights in the order in which a U-Net asks for them. Its middle is registered last in diffusers, and used before the rise.

    Those of other networks, and of what has no such place, keep their order, at the end.
    """
    return sorted(names, key=lambda name: next((place for place, start in enumerate(_PLACES) if name.startswith(start)), len(_PLACES)))


def ranges_of(tensors: Iterable[torch.Tensor]) -> list[tuple[int, int]]:
    """(start, end) of the memory in which tensors lie, in their order, followers that lie behind each other joined, at page borders."""
    joined: list[tuple[int, int]] = []
    for tensor in tensors:
        start, end = tensor.data_ptr() // _PAGE * _PAGE, tensor.data_ptr() + tensor.nbytes
        if joined and joined[-1][0] <= start <= joined[-1][1] + _GAP:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((start, end))
    return joined


def read_ahead(tensors: Sequence[torch.Tensor], after: threading.Thread | None = None) -> threading.Thread | None:
    """Begin to bring in mapped tensors in that order; returns the thread that does, None where the system has no such call (Linux has).

    after: one that has to be done with its own first.
    """
    if sys.platform != "linux":
        return None
    thread = threading.Thread(target=_bring_in, args=(tensors, after), name="read ahead", daemon=True)
    thread.start()
    return thread


def _bring_in(tensors: Sequence[torch.Tensor], after: threading.Thread | None) -> None:
    if after is not None:
        after.join()
    # Holding the tensors keeps them mapped while this goes on. What is there already costs next to nothing.
    libc = ctypes.CDLL(None, use_errno=True)
    way, room = _POPULATE_READ, host_memory().available
    for start, end in _pieces(ranges_of(tensors)):
        room -= end - start
        if room < 0:  # what is needed first would be pushed out again
            return
        while libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), way):
            if ctypes.get_errno() != errno.EINVAL or way == _WILL_NEED:
                log.debug("No reading ahead: error %d", ctypes.get_errno())
                return
            way = _WILL_NEED  # an older Linux


def _pieces(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for start, end in ranges:
        for piece in range(start, end, _AT_ONCE):
            yield piece, min(piece + _AT_ONCE, end)
