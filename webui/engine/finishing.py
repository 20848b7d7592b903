"""What is done to a picture at the end: each step of a chain by the function that stands for it in the table `STEPS`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from PIL import Image

from webui.engine.control import JobControl
from webui.generation.enlarging import find_pixel_upscaler
from webui.generation.events import Finishing, Picture, WorkerEvent
from webui.generation.finishing import FinishingStep, UpscaleStep, works
from webui.generation.job import JobSpec
from webui.pictures.upscaling import Upscaling


@dataclass(frozen=True)
class StepTools:
    """What a step has at hand. paths: its fields that name a model -> the file.

    done: to be called after each of its parts with that part, 1-based, and how many there are; raises PictureSkipped or JobInterrupted
    where the picture should end.
    """

    paths: Mapping[str, str]
    done: Callable[[int, int], None]


Step = Callable[[Image.Image, Any, StepTools], Image.Image]
"""From a picture (RGB, or RGBA where it is transparent somewhere) to the next one, by a step of the request."""


def upscale(picture: Image.Image, step: UpscaleStep, tools: StepTools) -> Image.Image:
    """The picture enlarged; by two upscalers, which are laid over each other, where the step says so."""
    way = step.upscaling(picture.size)
    enlarged = [_enlarged(picture, name, way) for name in step.upscalers]
    made = Image.blend(enlarged[0], enlarged[1], step.upscaler_2_visibility) if step.blended else enlarged[0]
    tools.done(1, 1)
    return made


def _enlarged(picture: Image.Image, upscaler: str, way: Upscaling) -> Image.Image:
    # Pillow weighs colours by their alpha, so that nothing shines through from where a picture can't be seen.
    filtered = Image.Resampling[find_pixel_upscaler(upscaler, "upscaler").mode]
    return picture.resize(way.cover, filtered).crop(way.box)


STEPS: Mapping[type[FinishingStep], Step] = MappingProxyType({UpscaleStep: upscale})
"""Every step of `webui.generation.finishing`, and what does it."""


@dataclass(frozen=True)
class Finisher:
    """Carries out the chain of a job on its pictures."""

    job: JobSpec
    control: JobControl
    emit: Callable[[WorkerEvent], None]

    def finish(self, image: int, picture: Image.Image) -> tuple[Image.Image, dict[str, Any]]:
        """The picture after every step, and what was measured; image: its number in the job.

        Raises PictureSkipped or JobInterrupted after the part of a step in which a button was pressed.
        """
        chain = self.job.request.finishing
        if not chain:
            return picture, {}
        started = time.perf_counter()
        work = works(chain, picture.size)
        for number, step in enumerate(chain):
            self.control.check()
            tools = StepTools(self.job.finishing[number], self._progress(image, step, sum(work[:number]), work[number], sum(work)))
            picture = STEPS[type(step)](picture, step, tools)
        return picture, {"finish": time.perf_counter() - started, "finishing_work": sum(work)}

    def _progress(self, image: int, step: FinishingStep, before: float, own: float, whole: float) -> Callable[[int, int], None]:
        def done(part: int, parts: int) -> None:
            words = f"{step.doing}: tile {part} of {parts}" if parts > 1 else step.doing
            self.emit(Finishing(image, words, part, parts, (before + own * part / parts) / whole))
            self.control.check()

        return done


def picture_event(image: int, picture: Image.Image, facts: dict[str, Any]) -> Picture:
    """A finished picture as the worker tells of it."""
    mode: Literal["RGB", "RGBA"] = "RGBA" if picture.mode == "RGBA" else "RGB"
    return Picture(image, picture.width, picture.height, picture.convert(mode).tobytes(), facts, mode)
