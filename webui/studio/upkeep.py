"""What is made up for in history while nobody waits: a little at a time, and where it stopped after a restart."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from webui.errors import DataUnusable

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.02
"""Between two steps, so that who saves a picture meets a free database."""

Step = Callable[[], bool]
"""A little of some work, in a transaction of its own. Returns whether there is more of it. Raises DataUnusable; then it is tried later."""


class Upkeep:
    """One thread for all of it. close: ends between two steps."""

    def __init__(self, steps: Sequence[Step], retry_seconds: float = 60.0) -> None:
        self._steps = steps
        self._retry = retry_seconds
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End it; what isn't done goes on at the next start."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        for step in self._steps:
            while not self._ended.is_set():
                try:
                    if not step():
                        break
                except DataUnusable as problem:
                    log.info("Upkeep of history waits: %s", problem)
                    self._ended.wait(self._retry)
                self._ended.wait(_PAUSE_SECONDS)
