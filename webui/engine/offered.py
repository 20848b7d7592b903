"""What add-ons offer by name, as the engine asks for it: what they return is looked at, and a failure is said to be theirs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeVar

import torch
from PIL import Image

from webui.engine.hooks import EngineHooks
from webui.engine.memory.exhaustion import is_out_of_memory
from webui.engine.samplers.run import SampleFunction, SamplerRun
from webui.extensions.offers import Found
from webui.generation.offered import add_on_of
from webui.pictures.boxes import Size

Answer = TypeVar("Answer")

Enlarge = Callable[[Image.Image, Size], Image.Image]
LevelsBetween = Callable[[int, float, float], Sequence[float]]


@dataclass
class _Ours:
    """What Easel does while an add-on's function is at work: its errors aren't the add-on's, nor is its time."""

    raised: list[BaseException] = field(default_factory=list)
    seconds: float = 0.0

    def watched(self, function: Callable[..., Answer]) -> Callable[..., Answer]:
        def watched(*given: Any) -> Answer:
            started = time.perf_counter()
            try:
                return function(*given)
            except BaseException as error:
                self.raised.append(error)
                raise
            finally:
                self.seconds += time.perf_counter() - started

        return watched


def sampler_of(hooks: EngineHooks, name: str) -> SampleFunction | None:
    """An add-on's sampler of that name; None for a name of Easel's own. Raises InvalidRequest, AddOnFailed."""
    if add_on_of(name) is None:
        return None
    offer = hooks.offered("samplers", name)
    sample = offer.function()

    def sampled(run: SamplerRun, latents: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
        ours = _Ours()
        watched = replace(run, denoise=ours.watched(run.denoise), on_step=ours.watched(run.on_step))

        def work() -> torch.Tensor:
            try:
                made = sample(watched, latents, sigmas)
            finally:
                if ours.raised:
                    # Whatever the add-on made of it: a button was pressed, or numbers broke.
                    raise ours.raised[0]
            return made

        def passing(error: BaseException) -> bool:
            return error in ours.raised or is_out_of_memory(error)

        like = f"a tensor of shape {tuple(latents.shape)} and {latents.dtype}"
        return offer.call(work, lambda made: _is_like(made, latents), like, passing=passing, elsewhere=lambda: ours.seconds)

    return sampled


def _is_like(made: Any, latents: torch.Tensor) -> bool:
    return isinstance(made, torch.Tensor) and made.shape == latents.shape and made.dtype == latents.dtype


def levels_of(hooks: EngineHooks, name: str) -> LevelsBetween | None:
    """An add-on's schedule of that name; None for a name of Easel's own. Raises InvalidRequest, AddOnFailed."""
    if add_on_of(name) is None:
        return None
    offer = hooks.offered("schedules", name)
    function = offer.function()

    def levels(steps: int, lowest: float, highest: float) -> Sequence[float]:
        wanted = f"a list of {steps} falling numbers above 0"
        return offer.call(lambda: [float(level) for level in function(steps, lowest, highest)], lambda made: _falls(made, steps), wanted)

    return levels


def _falls(levels: Sequence[float], steps: int) -> bool:
    falls = all(before > after for before, after in pairwise(levels))
    return len(levels) == steps and falls and all(0 < level < math.inf for level in levels)


def enlarge_of(hooks: EngineHooks, name: str) -> Enlarge:
    """An add-on's upscaler of that name. Raises InvalidRequest, AddOnFailed."""
    offer = hooks.offered("upscalers", name)
    function = offer.function()

    def enlarge(picture: Image.Image, size: Size) -> Image.Image:
        def right(made: Any) -> bool:
            return isinstance(made, Image.Image) and made.size == tuple(size)

        return offer.call(
            lambda: function(picture, tuple(size)), right, f"a picture of {size[0]} x {size[1]}", passing=is_out_of_memory
        ).convert("RGB")

    return enlarge


def found_by(hooks: EngineHooks, name: str, picture: Image.Image) -> list[Found]:
    """What an add-on's detector of that name finds in a picture (RGB). Raises InvalidRequest, AddOnFailed."""
    offer = hooks.offered("detectors", name)
    function = offer.function()

    def right(found: Any) -> bool:
        return all(isinstance(one, Found) and (one.mask is None or one.mask.size == picture.size) for one in found)

    return offer.call(lambda: list(function(picture)), right, "a list of Found", passing=is_out_of_memory)
