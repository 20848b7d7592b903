"""How fast a sampler's error falls with the steps, on a problem whose denoiser and whose solution are known."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import torch
from scipy.integrate import solve_ivp

from webui.engine.samplers import SAMPLE_FUNCTIONS, NoisePath, SamplerOptions, SamplerRun

MEANS, SPREADS = (-1.0, 1.5), (0.5, 0.8)
"""The data: a number from either of two Gaussians."""

STEPS = (16, 32, 64, 128, 256)
FIRST, LAST = {False: 8.0, True: 0.9}, {False: 0.15, True: 0.1}

MEASURED = tuple(
    label for label in SAMPLE_FUNCTIONS if label not in ("DPM fast", "DPM adaptive", "Restart", "DDIM CFG++", "LCM", "DDPM", "TCD")
)
"""Samplers that integrate the probability flow over the levels that they are given."""


def denoise(x: torch.Tensor, sigma: float, *, flow: bool) -> torch.Tensor:
    """The expected x0 of x, exactly: Bayes over the two Gaussians."""
    signal = NoisePath(flow).signal(sigma)
    guesses, weights = [], []
    for mean, spread in zip(MEANS, SPREADS, strict=True):
        variance = (signal * spread) ** 2 + sigma**2
        weights.append(torch.exp(-((x - signal * mean) ** 2) / (2 * variance)) / math.sqrt(variance))
        guesses.append(mean + signal * spread**2 / variance * (x - signal * mean))
    total = sum(weights)
    return sum(guess * weight for guess, weight in zip(guesses, weights, strict=True)) / total


@functools.cache
def _exact(flow: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Where some points start and where the probability flow takes them."""
    start = torch.linspace(-2, 2, 9, dtype=torch.float64) * FIRST[flow]

    def slope(sigma: float, x: np.ndarray) -> np.ndarray:
        point = torch.from_numpy(x)
        return ((point - denoise(point, sigma, flow=flow)) / sigma).numpy()

    solved = solve_ivp(slope, (FIRST[flow], LAST[flow]), start.numpy(), method="DOP853", rtol=1e-12, atol=1e-13)
    return start, torch.from_numpy(solved.y[:, -1])


class NoNoise:
    """For samplers that ask for noise which they then multiply by 0."""

    def draw(self) -> torch.Tensor:
        return torch.zeros(9, dtype=torch.float64)

    def between(self, sigma: float, following: float) -> torch.Tensor:
        return self.draw()


def errors_of(label: str, *, flow: bool) -> list[float]:
    """The largest error of the points for each of STEPS, over levels even in log_snr."""
    start, expected = _exact(flow)
    path = NoisePath(flow)
    ends = path.log_snr(FIRST[flow]), path.log_snr(LAST[flow])
    run = SamplerRun(lambda x, sigma: denoise(x, sigma, flow=flow), NoNoise(), path, SamplerOptions(eta=0.0))
    errors = []
    for steps in STEPS:
        sigmas = [path.sigma_at(float(place)) for place in np.linspace(*ends, steps + 1)]
        errors.append(float((SAMPLE_FUNCTIONS[label](run, start, sigmas) - expected).abs().max()))
    return errors


def order_of(errors: list[float]) -> float:
    """By what power of the steps the error falls, by the median of the doublings above the rounding of numbers."""
    falls = [math.log2(before / after) for before, after in itertools.pairwise(errors) if after > 1e-11]
    return float(np.median(falls))
