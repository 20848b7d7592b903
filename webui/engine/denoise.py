"""The loop that turns noise into a picture's latents, and the moments in it that others may take part in."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

import torch

from webui.engine.conditioning import stretch_to
from webui.engine.context import DenoiseContext
from webui.engine.families.base import Conditioning, Family
from webui.engine.precision import DENOISER, require_finite
from webui.engine.samplers import SAMPLE_FUNCTIONS, Denoise, NoisePath, NoiseSource, SamplerOptions, SamplerRun

Moment = Callable[[DenoiseContext], None]

CHECK_EVERY = 5
"""Steps from one look for NaN to the next: the device is waited for at each, so not at all of them. The first step is looked at."""


Ask = Callable[[torch.Tensor, float], list[torch.Tensor]]
"""From noisy latents and their noise level to a guess of x0 for each thing that is asked for."""


def asking(family: Family, context: DenoiseContext) -> Ask:
    """Asks the denoiser for the negative prompt, where there is one, and for each part of the prompt, in this order.

    All of one length are asked in one batch, which is faster on a GPU and on a CPU. What they ask for changes from call to call
    where the prompt has a schedule; calls are counted from 0, as AUTOMATIC1111 does, so an entry lasts one call longer than its steps.
    """
    negative = [] if context.negative is None else [context.negative]
    timelines = [*negative, *(pull.conditioning for pull in context.positive)]
    calls = itertools.count()

    @functools.lru_cache(maxsize=8)
    def batches(entries: tuple[int, ...]) -> list[tuple[list[int], Conditioning]]:
        """What is asked together, by place in `timelines`."""
        asked = [timeline.entries[entry] for timeline, entry in zip(timelines, entries, strict=True)]
        longest = max(one.length for one in asked[len(negative) :])
        asked[len(negative) :] = [stretch_to(one, longest) for one in asked[len(negative) :]]
        places = sorted(range(len(asked)), key=lambda place: asked[place].length)
        return [
            (together, Conditioning.stacked([asked[place].expanded(len(context.images)) for place in together]))
            for together in (list(group) for _, group in itertools.groupby(places, key=lambda place: asked[place].length))
        ]

    def ask(x: torch.Tensor, sigma: float) -> list[torch.Tensor]:
        call = next(calls)
        answers: dict[int, torch.Tensor] = {}
        for places, conditioning in batches(tuple(timeline.index_at(call) for timeline in timelines)):
            guesses = family.denoise(torch.cat([x] * len(places)), sigma, conditioning).chunk(len(places))
            answers |= zip(places, guesses, strict=True)
        return [answers[place] for place in range(len(timelines))]

    return ask


def guided(family: Family, context: DenoiseContext) -> Denoise:
    """The denoiser with classifier-free guidance: away from the negative prompt, towards each part of the prompt by its weight.

    Without a negative (guidance_scale 1) only the prompt is asked. Written on x0, which is the same: Ho and Salimans 2022
    (arXiv:2207.12598); several parts: Liu et al. 2022 (arXiv:2206.01714), equation 11.
    """
    ask = asking(family, context)
    if context.negative is None:
        return lambda x, sigma: ask(x, sigma)[0]
    scales = [pull.weight * context.request.guidance_scale for pull in context.positive]

    def denoise(x: torch.Tensor, sigma: float) -> torch.Tensor:
        without, *towards = ask(x, sigma)
        result = context.unguided = without
        for guess, scale in zip(towards, scales, strict=True):
            result = result + (guess - without) * scale
        return result

    return denoise


def denoise_latents(
    family: Family,
    context: DenoiseContext,
    noise: NoiseSource,
    *,
    before_step: Callable[[], None],
    guessed: Moment,
    step_done: Moment,
) -> torch.Tensor:
    """Run the sampler of the request over `context.sigmas`; returns the finished latents (also in `context.latents`).

    The moments of each step, in order:
        before_step(): may raise to end the picture here.
        the denoiser guesses x0 -> context.step, sigma, latents and denoised are valid
        guessed(context): may change context.denoised, which the sampler then goes towards.
        every CHECK_EVERY steps, and once more after the last: raises ModelProducedNan when numbers broke.
        step_done(context): for progress and preview.
    """
    denoise = guided(family, context)

    def ask(x: torch.Tensor, sigma: float) -> torch.Tensor:
        before_step()
        return denoise(x, sigma)

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
    context.latents = SAMPLE_FUNCTIONS[context.request.sampler](run, context.latents, context.sigmas)
    require_finite(context.latents, DENOISER)
    context.sigma = 0.0
    return context.latents
