"""How much memory a stage took at its peak, beside what was there before."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

_STATM = Path("/proc/self/statm")
_LOOK_EVERY = 0.01


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
    watcher = threading.Thread(target=_watch, args=(look, ended, measured), name="memory meter", daemon=True)
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


def give_back() -> None:
    """Return freed memory to the system where the C library can (glibc), so that the next look sees what is really in use."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _page_size() -> int:
    import resource

    return resource.getpagesize()


def _watch(look: Callable[[], int], ended: threading.Event, measured: Measured) -> None:
    before = look()
    while True:
        last = ended.wait(_LOOK_EVERY)
        measured.bytes = max(measured.bytes, look() - before)
        if last:
            return
