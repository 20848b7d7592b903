"""Time-ordered 63-bit ids: unix milliseconds << 20, plus a counter; never below the last one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

COUNTER_BITS = 20
"""Ids of one millisecond before the next one is borrowed."""


class IdClock:
    """Hands out ids that only grow, also when the wall clock jumps back. May be used from any thread."""

    def __init__(self, last: int = 0, now: Callable[[], float] = time.time) -> None:
        self._last = last
        self._now = now
        self._lock = threading.Lock()

    def next(self) -> int:
        """A fresh id, larger than every one before."""
        with self._lock:
            self._last = max(self._last + 1, int(self._now() * 1000) << COUNTER_BITS)
            return self._last


def time_of(identifier: int) -> datetime:
    """When that id was made (UTC)."""
    return datetime.fromtimestamp((identifier >> COUNTER_BITS) / 1000, UTC)
