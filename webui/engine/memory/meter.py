"""How much memory a stage took at its peak, beside what was there before."""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

log = logging.getLogger(__name__)

_STATM = Path("/proc/self/statm")
_LOOK_EVERY = 0.01
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEEP = {_TRIM_THRESHOLD: 2**31 - 1, _MMAP_THRESHOLD: 2**30}
"""Options of mallopt(3), in bytes: what may lie free at the end of the heap, and from what size on a block is the system's own."""


@dataclass
class Measured:
    """Filled in at the end of the block. bytes: 0 when nothing could be seen."""

    bytes: int = 0


@contextmanager
def peak_of(device: torch.device) -> Iterator[Measured]:
    """Measure the block: with the allocator's own counter on CUDA, by looking every 10 ms elsewhere."""
    measured = Measured()
    if device.type == "cuda":
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        yield measured
        measured.bytes = max(0, torch.cuda.max_memory_allocated(device) - before)
        return
    look = torch.mps.current_allocated_memory if device.type == "mps" else private_bytes
    ended = threading.Event()
    watcher = threading.Thread(target=_watch, args=(look, look(), ended, measured), name="memory meter", daemon=True)
    watcher.start()
    try:
        yield measured
    finally:
        ended.set()
        watcher.join()


def private_bytes() -> int:
    """Memory of this process that is its own: mapped files, which the system can take back, are left out where it tells them apart."""
    if _STATM.exists():
        _, resident, shared, *_ = _STATM.read_text("ascii").split()
        return (int(resident) - int(shared)) * _page_size()
    return psutil.Process().memory_info().rss


def keep_freed_memory() -> None:
    """Let the C library (glibc) keep what is freed until `give_back`, for the rest of the process.

    Steps free and take the same large blocks again and again; by itself it hands them to the system each time, and every page is
    brought in anew: 80,000 faults a step of Stable Diffusion 1.5 (`python -m benchmarks.hot_swap`).
    """
    choose = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if choose is None:
        return
    for option, size in _KEEP.items():
        if not choose(option, size):
            log.debug("The C library doesn't take option %d", option)


def give_back() -> None:
    """Return freed memory to the system where the C library can (glibc), so that the next look sees what is really in use."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _page_size() -> int:
    import resource

    return resource.getpagesize()


def _watch(look: Callable[[], int], before: int, ended: threading.Event, measured: Measured) -> None:
    while True:
        last = ended.wait(_LOOK_EVERY)
        measured.bytes = max(measured.bytes, look() - before)
        if last:
            return
