"""The loop that turns noise into a picture's latents, and the moments in it that others may take part in."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from webui.engine.context import DenoiseContext
from webui.engine.families.base import Family
from webui.engine.guidance import guided
from webui.engine.precision import DENOISER, require_finite
from webui.engine.samplers import SAMPLE_FUNCTIONS, NoisePath, NoiseSource, SampleFunction, SamplerOptions, SamplerRun

Moment = Callable[[DenoiseContext], None]

CHECK_EVERY = 5
"""Steps from one look for NaN to the next: the device is waited for at each, so not at all of them. The first step is looked at."""


@dataclass(frozen=True)
class TakeOver:
    """Another denoiser for the rest of a run. due: whether its turn has come, by noise level and number of the call, from 0.

    put_on: puts it in place of the first, with its conditioning in the context; returns it.
    """

    due: Callable[[float, int], bool]
    put_on: Callable[[], Family]


@dataclass
class StepsByLevel:
    """Numbers calls of the denoiser by the step in which its noise level is asked at, from 0. sigmas: falling, the last one 0."""

    sigmas: Sequence[float]
    sigma: float = math.inf

    def __iter__(self) -> StepsByLevel:
        return self

    def __next__(self) -> int:
        # A level between two belongs to the step that begins at the higher one.
        begun = sum(level >= self.sigma for level in self.sigmas[:-1])
        return max(0, begun - 1)


def denoise_latents(
    family: Family,
    context: DenoiseContext,
    noise: NoiseSource,
    *,
    before_step: Callable[[], None],
    guessed: Moment,
    step_done: Moment,
    take_over: TakeOver | None = None,
    sample: SampleFunction | None = None,
) -> torch.Tensor:
    """Run the sampler of the request over `context.sigmas`; returns the finished latents (also in `context.latents`).

    sample: an add-on's, in place of the table's. How often it asks in a step isn't known, so its calls are numbered by the step that
    their noise level belongs to.

    The moments of each step, in order:
        before_step(): may raise to end the picture here.
        take_over: from the call on for which it is due, another denoiser is asked; the sampler goes on as if nothing had happened.
        the denoiser guesses x0, and what is not masked is put back -> context.step, sigma, latents and denoised are valid
        guessed(context): may change context.denoised, which the sampler then goes towards.
        every CHECK_EVERY steps, and once more after the last: raises ModelProducedNan when numbers broke.
        step_done(context): for progress and preview.
    """
    by_level = StepsByLevel(context.sigmas)
    calls, asked = (itertools.count(), itertools.count()) if sample is None else (by_level, by_level)
    denoise, waiting = guided(family, context, calls), take_over

    def ask(x: torch.Tensor, sigma: float) -> torch.Tensor:
        nonlocal denoise, waiting
        before_step()
        by_level.sigma = sigma
        call = next(asked)
        if waiting is not None and waiting.due(sigma, call):
            denoise, waiting = guided(waiting.put_on(), context, calls), None
        guess = denoise(x, sigma)
        return guess if context.mask is None else context.mask.kept(guess, sigma)

    def on_step(step: int, sigma: float, x: torch.Tensor, denoised: torch.Tensor) -> torch.Tensor:
        context.step, context.sigma = step, sigma
        context.latents, context.denoised = x, denoised
        guessed(context)
        if step % CHECK_EVERY == 0:
            require_finite(context.denoised, DENOISER)
        step_done(context)
        return context.denoised

    run = SamplerRun(
        ask,
        noise,
        path=NoisePath(context.model_sigmas.flow),
        options=SamplerOptions.of(context.request),
        on_step=on_step,
        unguided=lambda: context.unguided,
        earlier=context.model_sigmas.earlier,
    )
    context.latents = (sample or SAMPLE_FUNCTIONS[context.request.sampler])(run, context.latents, context.sigmas)
    require_finite(context.latents, DENOISER)
    if context.mask is not None:
        context.latents = context.mask.finished(context.latents)
    context.sigma = 0.0
    return context.latents
