"""DPM-Solver++: samplers that integrate the guess of x0 over log_snr. Lu et al. 2022 (arXiv:2211.01095).

The SDE ones are k-diffusion's, by Katherine Crowson; their noise is one Brownian motion over the noise levels, so that
the same seed means the same noise however many steps there are.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch

from webui.engine.samplers.run import SamplerRun


def dpmpp_2m(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DPM-Solver++(2M), second order from the step before. Algorithm 2 of the paper, in the data prediction."""
    before: torch.Tensor | None = None
    width_before = 0.0
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        if following == 0:
            # At the end h is infinite and the correction vanishes: the guess itself is the answer.
            return denoised
        width = run.path.log_snr(following) - run.path.log_snr(sigma)
        target = denoised
        if before is not None:
            lean = width / (2 * width_before)
            target = (1 + lean) * denoised - lean * before
        x = run.path.jump(x, target, sigma, following)
        before, width_before = denoised, width
    return x


def dpmpp_2s_ancestral(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DPM-Solver++(2S), second order by a guess at the middle, with fresh noise. As k-diffusion's sample_dpmpp_2s_ancestral."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        down = run.path.ancestral(sigma, following, run.options.eta)
        if down > 0:
            middle = run.path.sigma_at((run.path.log_snr(sigma) + run.path.log_snr(down)) / 2)
            denoised = run.denoise(run.path.jump(x, denoised, sigma, middle), middle)
        x = run.path.jump(x, denoised, sigma, down)
        if following > 0:
            x = run.path.renoised(x, down, following, run.fresh())
    return x


def dpmpp_sde(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DPM-Solver++ (SDE), second order by a guess at the middle. As k-diffusion's sample_dpmpp_sde."""
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        if following == 0:
            return denoised
        middle = run.path.sigma_at((run.path.log_snr(sigma) + run.path.log_snr(following)) / 2)
        halfway = _diffused(run, x, denoised, sigma, middle)
        x = _diffused(run, x, run.denoise(halfway, middle), sigma, following)
    return x


def _diffused(run: SamplerRun, x: torch.Tensor, denoised: torch.Tensor, sigma: float, following: float) -> torch.Tensor:
    """Down along the guess, and up to `following` by Brownian noise."""
    down = run.path.below(sigma, following, run.options.eta)
    return run.path.renoised(run.path.jump(x, denoised, sigma, down), down, following, run.brownian(sigma, following))


def dpmpp_2m_sde(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DPM-Solver++(2M) SDE, midpoint form. As k-diffusion's sample_dpmpp_2m_sde."""
    return _dpmpp_2m_sde(run, x, sigmas, heun=False)


def dpmpp_2m_sde_heun(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DPM-Solver++(2M) SDE, Heun form. As k-diffusion's sample_dpmpp_2m_sde with solver_type heun."""
    return _dpmpp_2m_sde(run, x, sigmas, heun=True)


def _dpmpp_2m_sde(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float], *, heun: bool) -> torch.Tensor:
    before: torch.Tensor | None = None
    width_before = 0.0
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        if following == 0:
            return denoised
        width = run.path.log_snr(following) - run.path.log_snr(sigma)
        fading = width * (1 + run.options.eta)
        gain = run.path.signal(following) * -math.expm1(-fading)
        x = _faded(run, x, sigma, following, width) + gain * denoised
        if before is not None:
            second = run.path.signal(following) * (math.expm1(-fading) / fading + 1) if heun else gain / 2
            x = x + second * (width / width_before) * (denoised - before)
        x = _with_noise(run, x, sigma, following, width)
        before, width_before = denoised, width
    return x


def dpmpp_3m_sde(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DPM-Solver++(3M) SDE, third order from the two steps before. As k-diffusion's sample_dpmpp_3m_sde."""
    leans: list[torch.Tensor] = []  # first differences of the guesses by log_snr, the newest first
    widths: list[float] = []
    before: torch.Tensor | None = None
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        if following == 0:
            return denoised
        width = run.path.log_snr(following) - run.path.log_snr(sigma)
        fading = width * (1 + run.options.eta)
        signal = run.path.signal(following)
        x = _faded(run, x, sigma, following, width) - signal * math.expm1(-fading) * denoised
        phi_2 = math.expm1(-fading) / fading + 1
        if before is not None:
            leans = [(denoised - before) / widths[0], *leans[:1]]
        if len(leans) == 1:
            x = x + signal * phi_2 * width * leans[0]
        elif leans:
            bend = (leans[0] - leans[1]) / (widths[0] + widths[1])
            x = x + signal * phi_2 * width * (leans[0] + bend * widths[0]) - signal * (phi_2 / fading - 0.5) * width**2 * bend
        x = _with_noise(run, x, sigma, following, width)
        before, widths = denoised, [width, *widths[:1]]
    return x


def _faded(run: SamplerRun, x: torch.Tensor, sigma: float, following: float, width: float) -> torch.Tensor:
    """What is left of x after the step: its own noise fades faster by eta, which `_with_noise` makes up for."""
    return following / sigma * math.exp(-run.options.eta * width) * x


def _with_noise(run: SamplerRun, x: torch.Tensor, sigma: float, following: float, width: float) -> torch.Tensor:
    if run.options.eta == 0:
        return x
    return x + run.brownian(sigma, following) * (following * math.sqrt(-math.expm1(-2 * run.options.eta * width)))
