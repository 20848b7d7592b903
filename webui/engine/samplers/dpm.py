"""DPM-Solver of mixed order: DPM fast and DPM adaptive. Lu et al. 2022 (arXiv:2206.00927), as k-diffusion's DPMSolver.

They choose their own levels between the ends of the schedule, even in log_snr or as the error allows, and take one
step more at the end, from the smallest level to 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import torch

from webui.engine.samplers.run import ALMOST_NOISE, NoisePath, SamplerRun

THIRD = 1 / 3


def _ends(path: NoisePath, sigmas: Sequence[float]) -> tuple[float, float]:
    """The schedule's levels above 0, first and last; flow models' pure noise has no log_snr, so that they begin a hair below it."""
    most = ALMOST_NOISE if path.flow else math.inf
    return min(sigmas[0], most), min(sigmas[-2], most)


@dataclass
class _Step:
    """One step of DPM-Solver from x at `sigma`, where the guess is `denoised`. Guesses at the middle are kept for the other orders."""

    run: SamplerRun
    x: torch.Tensor
    sigma: float
    denoised: torch.Tensor
    _leans: dict[float, torch.Tensor] = field(default_factory=dict)

    def first_order(self, following: float) -> torch.Tensor:
        """DPM-Solver-1: x at `following`."""
        return self.run.path.jump(self.x, self.denoised, self.sigma, following)

    def second_order(self, following: float, middle: float = 1 / 2) -> torch.Tensor:
        """DPM-Solver-2, its further guess taken after that share of the step."""
        width = self._width(following)
        return self.first_order(following) - following / (2 * middle) * math.expm1(width) * self._lean(middle * width)

    def third_order(self, following: float) -> torch.Tensor:
        """DPM-Solver-3, its further guesses taken after a third and two thirds of the step."""
        width = self._width(following)
        lean = self._lean(2 * THIRD * width, self._lean(THIRD * width))
        return self.first_order(following) - following * 3 / 2 * (math.expm1(width) / width - 1) * lean

    def _width(self, following: float) -> float:
        return self.run.path.log_snr(following) - self.run.path.log_snr(self.sigma)

    def _lean(self, width: float, halfway: torch.Tensor | None = None) -> torch.Tensor:
        """How the guessed noise differs after a part of the step; of second order when told how it differs halfway there."""
        if width not in self._leans:
            path = self.run.path
            sigma = path.sigma_at(path.log_snr(self.sigma) + width)
            x = self.first_order(sigma)
            if halfway is not None:
                x = x - sigma * 2 * (math.expm1(width) / width - 1) * halfway
            self._leans[width] = _noise(path, x, self.run.denoise(x, sigma), sigma) - _noise(path, self.x, self.denoised, self.sigma)
        return self._leans[width]


def _noise(path: NoisePath, x: torch.Tensor, denoised: torch.Tensor, sigma: float) -> torch.Tensor:
    return (x - path.signal(sigma) * denoised) / sigma


def _renoised(run: SamplerRun, x: torch.Tensor, down: float, following: float) -> torch.Tensor:
    return run.path.renoised(x, down, following, run.fresh()) if run.options.eta else x


def dpm_fast(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DPM-Solver-fast: as many calls of the denoiser as steps, three to each step of order 3, two and one at the end."""
    path, steps = run.path, len(sigmas) - 1
    start, last = _ends(path, sigmas)
    big = steps // 3 + 1
    ends = path.log_snr(start), path.log_snr(last)
    levels = [start, *(path.sigma_at(ends[0] + (ends[1] - ends[0]) * index / big) for index in range(1, big)), last]
    orders = [3] * (big - 2) + [2, 1] if steps % 3 == 0 else [3] * (big - 1) + [steps % 3]
    calls = 0
    for order, (sigma, following) in zip(orders, pairwise(levels), strict=True):
        if start == last:
            break
        down = max(path.below(sigma, following, run.options.eta), last)
        step = _Step(run, x, sigma, run.guess(calls, x, sigma))
        solved = {1: step.first_order, 2: step.second_order, 3: step.third_order}[order](down)
        x = _renoised(run, solved, down, following)
        calls += order
    return run.guess(steps - 1, x, last)


RELATIVE_ERROR, ABSOLUTE_ERROR = 0.05, 0.0078
FIRST_WIDTH = 0.05
ACCEPTED_FROM = 0.81
CLOSE_ENOUGH = 1e-5


def dpm_adaptive(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DPM-Solver-23: steps as wide as the difference of orders 2 and 3 allows, however many that are. For one picture at a time.

    The number of steps in `sigmas` only counts the progress, by the share of the way in log_snr.
    """
    path, steps = run.path, len(sigmas) - 1
    first, last = _ends(path, sigmas)
    start, end = path.log_snr(first), path.log_snr(last)
    place = start
    width, low_before = FIRST_WIDTH, x
    while place < end - CLOSE_ENOUGH:
        ahead = min(end, place + width)
        sigma, following = path.sigma_at(place), path.sigma_at(ahead)
        down = max(path.below(sigma, following, run.options.eta), last)
        guess = run.guess(int((steps - 1) * (place - start) / (end - start)), x, sigma)
        step = _Step(run, x, sigma, guess)
        low, high = step.second_order(down, THIRD), step.third_order(down)
        allowed = torch.clamp(RELATIVE_ERROR * torch.maximum(low.abs(), low_before.abs()), min=ABSOLUTE_ERROR)
        error = float(torch.linalg.norm((low - high) / allowed)) / x.numel() ** 0.5
        # An integral controller on the error, smoothed: the factor lies between 0.2 and 2.6.
        factor = 1 + math.atan((1 / (error + 1e-8)) ** (1 / (1.5 if run.options.eta else 3)) - 1)
        if factor >= ACCEPTED_FROM:
            low_before, x, place = low, _renoised(run, high, down, following), ahead
        width *= factor
    return run.guess(steps - 1, x, last)
