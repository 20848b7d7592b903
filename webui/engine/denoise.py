"""The loop that turns noise into a picture's latents, and the moments in it that others may take part in."""

from __future__ import annotations

from collections.abc import Callable

import torch

from webui.engine.context import DenoiseContext
from webui.engine.families.base import Conditioning, Family
from webui.engine.precision import DENOISER, require_finite
from webui.engine.samplers import SAMPLE_FUNCTIONS, Denoise

Moment = Callable[[DenoiseContext], None]

CHECK_EVERY = 5
"""Steps from one look for NaN to the next: the device is waited for at each, so not at all of them. The first step is looked at."""


def guided(family: Family, context: DenoiseContext) -> Denoise:
    """The denoiser with classifier-free guidance: away from the negative prompt, towards the prompt.

    Both are asked in one batch, which is faster on a GPU and on a CPU. Without a negative (cfg_scale 1) only the prompt is.
    Ho and Salimans 2022 (arXiv:2207.12598), written on x0, which is the same.
    """
    batch = len(context.images)
    positive = context.positive.expanded(batch)
    if context.negative is None:
        return lambda x, sigma: family.denoise(x, sigma, positive)
    both = Conditioning.stacked([context.negative.expanded(batch), positive])
    scale = context.request.cfg_scale

    def denoise(x: torch.Tensor, sigma: float) -> torch.Tensor:
        without, towards = family.denoise(torch.cat([x, x]), sigma, both).chunk(2)
        return without + (towards - without) * scale

    return denoise


def denoise_latents(
    family: Family,
    context: DenoiseContext,
    draw_noise: Callable[[], torch.Tensor],
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

    def on_step(step: int, x: torch.Tensor, denoised: torch.Tensor) -> torch.Tensor:
        context.step, context.sigma = step, context.sigmas[step]
        context.latents, context.denoised = x, denoised
        guessed(context)
        if step % CHECK_EVERY == 0:
            require_finite(context.denoised, DENOISER)
        step_done(context)
        return context.denoised

    sample = SAMPLE_FUNCTIONS[context.request.sampler]
    context.latents = sample(ask, context.latents, context.sigmas, draw_noise, on_step)
    require_finite(context.latents, DENOISER)
    context.sigma = 0.0
    return context.latents
