"""How long will it take? Told from pictures already made with the same checkpoint."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from webui.generation.request import GenerationRequest


@dataclass(frozen=True)
class Sample:
    """One finished picture: what was asked of the denoiser and how long it took in seconds."""

    steps: int
    width: int
    height: int
    cfg_scale: float
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """How many pictures, and about how many seconds for all of them (None: nothing is known yet)."""

    pictures: int
    seconds: float | None

    @property
    def text(self) -> str:
        """For the plan line: "4 pictures in about 12 s"."""
        pictures = "1 picture" if self.pictures == 1 else f"{self.pictures} pictures"
        if self.seconds is None:
            return f"{pictures}, time not known yet"
        return f"{pictures} in about {round_duration(self.seconds)}"


def round_duration(seconds: float) -> str:
    """Two digits are all an estimate is worth: "0.8 s", "12 s", "3 min", "1.5 h"."""
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _picture_work(steps: int, width: int, height: int, cfg_scale: float) -> float:
    # One U-Net pass a step, two with CFG; its cost grows with the area.
    return steps * width * height * (2 if cfg_scale > 1 else 1)


def work_of(request: GenerationRequest) -> float:
    """How much the denoiser has to do for a request, in pixels times passes; times `pace` it is seconds."""
    return request.picture_count * _picture_work(request.steps, request.width, request.height, request.cfg_scale)


def pace(samples: Sequence[Sample]) -> float | None:
    """Median seconds for one unit of work in `samples` (same checkpoint, newest first); None when nothing is known yet."""
    speeds = [
        sample.seconds / _picture_work(sample.steps, sample.width, sample.height, sample.cfg_scale)
        for sample in samples
        if sample.seconds > 0
    ]
    return statistics.median(speeds) if speeds else None


def estimate(request: GenerationRequest, samples: Sequence[Sample]) -> Estimate:
    """The median speed of `samples` applied to the request."""
    speed = pace(samples)
    return Estimate(request.picture_count, None if speed is None else speed * work_of(request))
