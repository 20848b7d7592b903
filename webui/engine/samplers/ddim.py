"""Samplers that keep the guesses of x0 and of the noise and mix fresh noise in: DDIM, DDPM, LCM, TCD."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch

from webui.engine.samplers.run import SamplerRun


def ddim(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DDIM. Song et al. 2020 (arXiv:2010.02502), equation 12; ddim_eta is the paper's eta.

    In sigma space (x / sqrt(alpha) of the paper) it says: keep the guessed x0 and the guessed noise, set the noise to
    the next level. Without fresh noise that is Euler's step; what sets the two apart elsewhere are their schedules.
    """
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        x = _mixed(run, x, denoised, denoised, sigma, following)
    return x


def ddim_cfgpp(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DDIM CFG++: x0 by the guided guess, the noise by the unguided one. Chung et al. 2024 (arXiv:2406.08070), algorithm 2.

    The guidance scale it wants lies between 0 and 1: see `Sampler.cfg_factor` in webui.generation.samplers.
    """
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        x = _mixed(run, x, denoised, run.unguided(), sigma, following)
    return x


def _mixed(
    run: SamplerRun, x: torch.Tensor, denoised: torch.Tensor, unguided: torch.Tensor, sigma: float, following: float
) -> torch.Tensor:
    """x0 by one guess, the noise by another, a part of it replaced by fresh noise."""
    noise = (x - run.path.signal(sigma) * unguided) / sigma
    low = run.path.below(sigma, following, run.options.ddim_eta)
    x = run.path.noised(denoised, noise, low)
    return run.path.renoised(x, low, following, run.fresh()) if low < following else x


def ddpm(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DDPM: the reverse diffusion itself. Ho et al. 2020 (arXiv:2006.11239), algorithm 2 with the smaller variance, over any levels."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        if following == 0:
            return denoised
        low = run.path.below(sigma, following, 1.0)
        x = run.path.renoised(run.path.jump(x, denoised, sigma, low), low, following, run.fresh())
    return x


def lcm(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Multistep sampling of consistency models: all noise is new at each. Luo et al. 2023 (arXiv:2310.04378), algorithm 3."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        if following == 0:
            return denoised
        x = run.path.noised(denoised, run.fresh(), following)
    return x


TCD_GAMMA = 0.3
"""The paper's gamma at eta 1."""


def tcd(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Strategic stochastic sampling of trajectory consistency models. Zheng et al. 2024 (arXiv:2402.19159), algorithm 4.

    Each step goes below the next level and renoises up to it; how far below is said in the model's timesteps.
    """
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        if following == 0:
            return denoised
        low = run.earlier(following, 1 - TCD_GAMMA * run.options.eta)
        x = run.path.renoised(run.path.jump(x, denoised, sigma, low), low, following, run.fresh())
    return x
