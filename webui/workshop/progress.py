"""How far a piece of work is: what it does, bytes, speed, seconds left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

_SMOOTHING_SECONDS = 5.0
"""The speed is that of about so long."""
_SHORTEST_SECONDS = 0.2
"""Shorter stretches say nothing about speed."""


@dataclass(frozen=True)
class WorkProgress:
    """As page, API and command line get it. total: 0 while nobody knows it; bytes_per_second: None at first."""

    stage: str
    done: int
    total: int
    bytes_per_second: float | None

    @property
    def seconds_left(self) -> float | None:
        """As long as this stage still takes at this speed."""
        return (self.total - self.done) / self.bytes_per_second if self.total and self.bytes_per_second else None

    def as_dict(self) -> dict[str, object]:
        """As JSON."""
        return {**vars(self), "seconds_left": self.seconds_left}


class Gauge:
    """Follows one stage after the other. Not for several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stage, self._total, self._place = "", 0, 0
        self._speed: float | None = None
        self._looked = clock()

    def begin(self, stage: str, total: int, place: int = 0) -> None:
        """Something else begins; place: how much of it is there already."""
        self._stage, self._total, self._place = stage, total, place
        self._speed, self._looked = None, self._clock()

    def reach(self, place: int) -> None:
        """So many bytes are done."""
        now = self._clock()
        passed = now - self._looked
        if passed < _SHORTEST_SECONDS:
            return
        speed = max(0, place - self._place) / passed
        weight = min(1.0, passed / _SMOOTHING_SECONDS)
        self._speed = speed if self._speed is None else self._speed + weight * (speed - self._speed)
        self._place, self._looked = place, now

    @property
    def progress(self) -> WorkProgress:
        """How far it is."""
        return WorkProgress(self._stage, self._place, self._total, self._speed)
