"""What happened, numbered, for everybody who watches: pages, API clients, the command line."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

Event = dict[str, Any]
_KEPT = 4000


class EventLog:
    """The last few thousand events by number. Published from any thread, followed from asyncio or by listeners.

    Numbers start at the wall clock's milliseconds, so a page that reconnects after a restart is seen to be
    behind and gets a "reset" event: fetch the snapshot again.
    """

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self._seq = int(time.time() * 1000)
        self._lock = threading.Lock()
        self._wakers: set[Callable[[], None]] = set()

    @property
    def seq(self) -> int:
        """Number of the newest event."""
        with self._lock:
            return self._seq

    def publish(self, kind: str, **data: Any) -> None:
        """Add an event of that type and wake everybody who follows."""
        with self._lock:
            self._seq += 1
            self._events.append({"seq": self._seq, "type": kind, **data})
            wakers = tuple(self._wakers)
        for wake in wakers:
            wake()

    def after(self, seq: int) -> list[Event]:
        """The events after that number; a single "reset" when some of them are no longer kept."""
        with self._lock:
            oldest = self._events[0]["seq"] if self._events else self._seq + 1
            if seq > self._seq or seq < oldest - 1:
                return [{"seq": self._seq, "type": "reset"}]
            return [event for event in self._events if event["seq"] > seq]

    async def follow(self, seq: int) -> AsyncIterator[Event]:
        """Every event after that number, as they come, without end."""
        loop = asyncio.get_running_loop()
        news = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(news.set)

        with self._lock:
            self._wakers.add(wake)
        try:
            while True:
                news.clear()
                for event in self.after(seq):
                    seq = event["seq"]
                    yield event
                await news.wait()
        finally:
            with self._lock:
                self._wakers.discard(wake)

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` (from the publishing thread) at each event; returns what ends that."""
        with self._lock:
            self._wakers.add(wake)

        def stop() -> None:
            with self._lock:
                self._wakers.discard(wake)

        return stop
