"""Samplers: how each step is taken. One function each, all in sigma space: x = x0 + sigma * noise, fp32.

Every sampler has the form f(denoise, x, sigmas, noise, on_step):
    denoise(x, sigma): the denoiser's guess of x0, shaped as x, fp32.
    x: (batch, channels, height, width), the noisy latents at sigmas[0].
    sigmas: falling noise levels, the last one 0; one step is taken between each two.
    noise(): fresh unit noise shaped as x, for samplers that add noise on the way.
    on_step(step, x, denoised): told after each call of the denoiser; what it returns is used as x0.
The result is x at the last sigma.

Numbers that only depend on the sigmas are plain Python floats, so a step costs a handful of tensor operations
and never waits for the device. The conventions are those of k-diffusion
(https://github.com/crowsonkb/k-diffusion), which AUTOMATIC1111 uses, so seeds move over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

import torch

Denoise = Callable[[torch.Tensor, float], torch.Tensor]
DrawNoise = Callable[[], torch.Tensor]
OnStep = Callable[[int, torch.Tensor, torch.Tensor], torch.Tensor]
SampleFunction = Callable[[Denoise, torch.Tensor, Sequence[float], DrawNoise, OnStep], torch.Tensor]


def euler(denoise: Denoise, x: torch.Tensor, sigmas: Sequence[float], noise: DrawNoise, on_step: OnStep) -> torch.Tensor:
    """Euler's method on the probability flow. Karras et al. 2022 (arXiv:2206.00364), algorithm 2 without churn."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = on_step(step, x, denoise(x, sigma))
        slope = (x - denoised) / sigma
        x = x + slope * (following - sigma)
    return x


def euler_ancestral(denoise: Denoise, x: torch.Tensor, sigmas: Sequence[float], noise: DrawNoise, on_step: OnStep) -> torch.Tensor:
    """Euler steps that go below the next level and add fresh noise up to it (eta 1), as k-diffusion's sample_euler_ancestral."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = on_step(step, x, denoise(x, sigma))
        up = min(following, following * math.sqrt(1 - (following / sigma) ** 2))
        down = math.sqrt(following**2 - up**2)
        slope = (x - denoised) / sigma
        x = x + slope * (down - sigma)
        if following > 0:
            x = x + noise() * up
    return x


def dpmpp_2m(denoise: Denoise, x: torch.Tensor, sigmas: Sequence[float], noise: DrawNoise, on_step: OnStep) -> torch.Tensor:
    """DPM-Solver++(2M), second order from the step before. Lu et al. 2022 (arXiv:2211.01095), algorithm 2, in the data prediction."""
    before: torch.Tensor | None = None
    width_before = 0.0
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = on_step(step, x, denoise(x, sigma))
        if following == 0:
            # At the end h is infinite and the correction vanishes: the guess itself is the answer.
            return denoised
        width = math.log(sigma / following)
        target = denoised
        if before is not None:
            lean = width / (2 * width_before)
            target = (1 + lean) * denoised - lean * before
        x = (following / sigma) * x - math.expm1(-width) * target
        before, width_before = denoised, width
    return x


def ddim(denoise: Denoise, x: torch.Tensor, sigmas: Sequence[float], noise: DrawNoise, on_step: OnStep) -> torch.Tensor:
    """DDIM without added noise (eta 0). Song et al. 2020 (arXiv:2010.02502), equation 12.

    In sigma space (x / sqrt(alpha) of the paper) it says: keep the guessed x0 and the guessed noise, set the noise to
    the next level. On the same sigmas that is Euler's step; what sets the two apart elsewhere are their schedules.
    """
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = on_step(step, x, denoise(x, sigma))
        guessed_noise = (x - denoised) / sigma
        x = denoised + guessed_noise * following
    return x


SAMPLE_FUNCTIONS: Mapping[str, SampleFunction] = MappingProxyType(
    {
        "DPM++ 2M": dpmpp_2m,
        "Euler a": euler_ancestral,
        "Euler": euler,
        "DDIM": ddim,
    }
)
"""Label (webui.generation.samplers) -> function."""
