"""What is done to a picture at the end: each step of a chain by the function that stands for it in the table `STEPS`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from PIL import Image

from webui.engine.control import JobControl
from webui.engine.device import Device
from webui.engine.loading.upscaler import UpscalerModel
from webui.engine.upscale import enlarge_with_less, plan_way
from webui.generation.enlarging import known_upscaler
from webui.generation.events import Finishing, Note, Picture, WorkerEvent
from webui.generation.finishing import FinishingStep, UpscaleStep, works
from webui.generation.job import JobSpec
from webui.planning.tiles import Tiling


@dataclass(frozen=True)
class StepTools:
    """What a step has at hand. paths: its fields that name a model -> the file. upscaler: the model in such a file, by the name that
    it is asked for by; it is loaded where it isn't there. note: tells the user something. try_with_less: as in JobSpec.

    done: to be called after each of its parts with that part, 1-based, and how many there are; raises PictureSkipped or JobInterrupted
    where the picture should end.
    """

    paths: Mapping[str, str]
    device: Device
    upscaler: Callable[[str, str], UpscalerModel]
    note: Callable[[str], None]
    try_with_less: bool
    done: Callable[[int, int], None]


Step = Callable[[Image.Image, Any, StepTools], Image.Image]
"""From a picture (RGB, or RGBA where it is transparent somewhere) to the next one, by a step of the request."""


def upscale(picture: Image.Image, step: UpscaleStep, tools: StepTools) -> Image.Image:
    """The picture enlarged; by two upscalers, which are laid over each other, where the step says so."""
    by = step.upscaling(picture.size)
    models = {field: tools.upscaler(getattr(step, field), path) for field, path in tools.paths.items()}
    tiling = Tiling(step.tile, step.overlap)
    ways = {field: plan_way(model, picture.size, by.cover, tiling, tools.device) for field, model in models.items()}
    tiles, done = max(sum(way.tiles for way in ways.values()), 1), 0

    def tile_done() -> None:
        nonlocal done
        done = min(done + 1, tiles)  # those that are made again in smaller ones count for no more
        tools.done(done, tiles)

    def enlarged(field: str) -> Image.Image:
        if field not in ways:
            # Pillow weighs colours by their alpha, so that nothing shines through from where a picture can't be seen.
            return picture.resize(by.cover, _filter(getattr(step, field)))
        return enlarge_with_less(ways[field], picture, tools.device, tile_done, tools.note, allowed=tools.try_with_less)

    made = enlarged("upscaler").crop(by.box)
    if step.blended:
        made = Image.blend(made, enlarged("upscaler_2").crop(by.box), step.upscaler_2_visibility)
    if not ways:
        tools.done(1, 1)
    return made


def _filter(name: str) -> Image.Resampling:
    known = known_upscaler(name)
    assert known is not None and not known.latent, "all others are models"
    return Image.Resampling[known.mode]


STEPS: Mapping[type[FinishingStep], Step] = MappingProxyType({UpscaleStep: upscale})
"""Every step of `webui.generation.finishing`, and what does it."""


@dataclass(frozen=True)
class Finisher:
    """Carries out the chain of a job on its pictures. upscaler: as of StepTools."""

    job: JobSpec
    device: Device
    upscaler: Callable[[str, str], UpscalerModel]
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
            tools = StepTools(
                self.job.finishing[number],
                self.device,
                self.upscaler,
                lambda text: self.emit(Note(text)),
                self.job.try_with_less,
                self._progress(image, step, sum(work[:number]), work[number], sum(work)),
            )
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
