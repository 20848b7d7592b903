"""Samplers that look at one step at a time: Euler, Heun, DPM2, their ancestral kin, Heun++ and Restart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch

from webui.engine.samplers.run import SamplerRun
from webui.engine.schedules import even_in_power


def euler(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Euler's method on the probability flow. Karras et al. 2022 (arXiv:2206.00364), algorithm 2 without the second order."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        x, sigma = run.churned(x, sigma, len(sigmas) - 1)
        denoised = run.guess(step, x, sigma)
        slope = (x - denoised) / sigma
        x = x + slope * (following - sigma)
    return x


def euler_ancestral(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Euler steps that go below the next level and add fresh noise up to it, as k-diffusion's sample_euler_ancestral."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        down = run.path.ancestral(sigma, following, run.options.eta)
        slope = (x - denoised) / sigma
        x = x + slope * (down - sigma)
        if following > 0:
            x = run.path.renoised(x, down, following, run.fresh())
    return x


def heun(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Heun's method. Karras et al. 2022 (arXiv:2206.00364), algorithm 2."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        x, sigma = run.churned(x, sigma, len(sigmas) - 1)
        denoised = run.guess(step, x, sigma)
        x = _heun_step(run, x, denoised, sigma, following)
    return x


def _heun_step(run: SamplerRun, x: torch.Tensor, denoised: torch.Tensor, sigma: float, following: float) -> torch.Tensor:
    slope = (x - denoised) / sigma
    ahead = x + slope * (following - sigma)
    if following == 0:
        return ahead
    return x + (slope + run.slope(ahead, following)) / 2 * (following - sigma)


def heunpp2(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Heun++: up to three slopes, the later ones weighted by their noise. https://github.com/Carzit/sd-webui-samplers-scheduler (MIT)."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        x, sigma = run.churned(x, sigma, len(sigmas) - 1)
        slopes = [(x - run.guess(step, x, sigma)) / sigma]
        ahead = x
        # At most two looks ahead, none of them at level 0.
        levels = [sigma, *(level for level in sigmas[step + 1 : step + 3] if level > 0)]
        for before, level in pairwise(levels):
            ahead = ahead + slopes[-1] * (level - before)
            slopes.append(run.slope(ahead, level))
        weights = [level / (len(slopes) * sigmas[0]) for level in levels[1:]]
        mean = (1 - sum(weights)) * slopes[0] + sum(weight * slope for weight, slope in zip(weights, slopes[1:], strict=True))
        x = x + mean * (following - sigma)
    return x


def dpm_2(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DPM-Solver-2 by the slope at the step's middle (in log sigma), as k-diffusion's sample_dpm_2. Lu et al. 2022 (arXiv:2206.00927)."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        x, sigma = run.churned(x, sigma, len(sigmas) - 1)
        denoised = run.guess(step, x, sigma)
        x = _midpoint_step(run, x, denoised, sigma, following)
    return x


def dpm_2_ancestral(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DPM-Solver-2 steps below the next level and fresh noise up to it, as k-diffusion's sample_dpm_2_ancestral."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        down = run.path.ancestral(sigma, following, run.options.eta)
        x = _midpoint_step(run, x, denoised, sigma, down)
        if following > 0:
            x = run.path.renoised(x, down, following, run.fresh())
    return x


def _midpoint_step(run: SamplerRun, x: torch.Tensor, denoised: torch.Tensor, sigma: float, following: float) -> torch.Tensor:
    slope = (x - denoised) / sigma
    if following == 0:
        return x + slope * (following - sigma)
    middle = math.sqrt(sigma * following)
    return x + run.slope(x + slope * (middle - sigma), middle) * (following - sigma)


RESTART_TO, RESTART_FROM = 0.1, 2.0
"""Noise levels between which Restart goes round again."""


def restart(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Heun steps that jump back to more noise and come down again. Xu et al. 2023 (arXiv:2306.14878), algorithm 1.

    With AUTOMATIC1111's choices: from 20 steps on, one round of 9 steps from level 2 to 0.1, from 36 steps on two rounds
    of a quarter of the steps; these are taken out of the main way, so that the number of steps stays. From 20 steps on
    the levels are Karras's between the ends of the chosen schedule, below that there is no restart.
    """
    before = sigmas[0]
    for step, (sigma, following) in enumerate(restart_ways(sigmas)):
        if sigma > before:
            x = run.path.renoised(x, before, sigma, run.fresh())
        x = _heun_step(run, x, run.guess(step, x, sigma), sigma, following)
        before = following
    return x


def restart_ways(sigmas: Sequence[float]) -> list[tuple[float, float]]:
    """Each step of `restart`, from which level to which."""
    steps = len(sigmas) - 1
    rounds, length = (0, 0) if steps < 20 else (1, 9) if steps < 36 else (2, steps // 4)
    if not rounds:
        return list(pairwise(sigmas))
    main = [*even_in_power(sigmas[0], sigmas[-2], steps - rounds * length).tolist(), 0.0]
    ways = list(pairwise(main))
    low, high = (min(range(len(main)), key=lambda index: abs(main[index] - level)) for level in (RESTART_TO, RESTART_FROM))
    if high >= low or low == len(main) - 1:  # levels that don't reach so far, as of flow models
        return list(pairwise(sigmas))
    again = list(pairwise(even_in_power(main[high], main[low], length + 1).tolist()))
    return [*ways[:low], *again * rounds, *ways[low:]]
