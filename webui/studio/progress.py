"""How far a running job is, and the newest preview of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class JobProgress:
    """Progress of one running job; written by the dispatcher's thread only.

    images: pictures in the whole job. finished: how many of them are done or skipped. seconds_hint: the
    estimate made before the run, used until enough steps have been seen. shares: of a picture that is done after 0, 1, 2 ...
    steps; those of a hires pass take longer than those before. finishing: which share of a picture its finishing takes.
    """

    job_id: int
    images: int
    finished: int
    seconds_hint: float | None
    shares: Sequence[float]
    finishing: float = 0.0
    image: int = 0
    step: int = 0
    steps: int = 0
    stage: str = "Starting"
    preview_number: int = 0
    _drawn: float = 0.0
    _finished: float = 0.0
    _first_step: tuple[float, float] | None = None
    _steps_seen: int = 0
    _started_at: float = field(default_factory=time.monotonic)

    def note_step(self, image: int, step: int, steps: int) -> None:
        """One step is done."""
        self._drawn, self._finished = self.shares[min(step, len(self.shares) - 1)], 0.0
        self._note(image, step, steps)

    def note_finishing(self, image: int, part: int, parts: int, share: float) -> None:
        """One part of a step of the chain is done. share: of the whole chain."""
        self._drawn, self._finished = 1.0, share
        self._note(image, part, parts)

    def _note(self, image: int, step: int, steps: int) -> None:
        self.image, self.step, self.steps = image, step, steps
        if self._first_step is None:
            self._first_step = time.monotonic(), self._done
        else:
            self._steps_seen += 1

    def note_end_of_picture(self) -> None:
        """One picture is done or skipped."""
        self.finished += 1
        self.step = 0
        self._drawn = self._finished = 0.0

    @property
    def fraction(self) -> float:
        """Share of the whole job that is done, 0 to 1."""
        return min(1.0, self._done / self.images)

    @property
    def _done(self) -> float:
        """Pictures, the share of the one being made included."""
        return self.finished + (1 - self.finishing) * self._drawn + self.finishing * self._finished

    @property
    def seconds_left(self) -> float | None:
        """From the pace of the steps so far; before the second step from the estimate."""
        if self._first_step is not None and self._steps_seen >= 2:
            since, done = self._first_step
            if self._done > done:
                return max(0.0, (time.monotonic() - since) / (self._done - done) * (self.images - self._done))
        if self.seconds_hint is None:
            return None
        return max(0.0, self.seconds_hint - (time.monotonic() - self._started_at))

    def as_dict(self) -> dict[str, Any]:
        """The "progress" event's fields."""
        left = self.seconds_left
        return {
            "job": str(self.job_id),
            "image": self.image,
            "images": self.images,
            "step": self.step,
            "steps": self.steps,
            "fraction": round(self.fraction, 4),
            "seconds_left": None if left is None else round(left, 1),
            "stage": self.stage,
            "preview": f"/api/v1/jobs/{self.job_id}/preview?s={self.preview_number}" if self.preview_number else None,
        }


class PreviewBoard:
    """The newest previews of the last few jobs, and the last live pictures; in memory only."""

    _LIVE_KEPT = 24
    _PREVIEWS_KEPT = 8

    def __init__(self) -> None:
        self._previews: dict[int, tuple[str, bytes]] = {}
        self._live: dict[int, tuple[str, bytes]] = {}
        self._lock = threading.Lock()

    def show(self, job_id: int, owner: str, jpeg: bytes) -> None:
        """Replace the preview of a job of that person."""
        with self._lock:
            # The newest last. Some of ended jobs stay: a page may be told of a preview and fetch it a moment later.
            self._previews.pop(job_id, None)
            self._previews[job_id] = owner, jpeg
            for old in list(self._previews)[: -self._PREVIEWS_KEPT]:
                del self._previews[old]

    def preview(self, job_id: int, owner: str) -> bytes | None:
        """The newest preview of a job of that person (JPEG), None when there is none."""
        with self._lock:
            return _of(self._previews.get(job_id), owner)

    def keep_live(self, job_id: int, owner: str, png: bytes) -> None:
        """Hold a person's live picture for a while; the oldest ones go."""
        with self._lock:
            self._live[job_id] = owner, png
            for old in list(self._live)[: -self._LIVE_KEPT]:
                del self._live[old]

    def live(self, job_id: int, owner: str) -> bytes | None:
        """A live picture of that person (PNG), None when it is gone."""
        with self._lock:
            return _of(self._live.get(job_id), owner)


def _of(kept: tuple[str, bytes] | None, owner: str) -> bytes | None:
    return kept[1] if kept is not None and kept[0] == owner else None
