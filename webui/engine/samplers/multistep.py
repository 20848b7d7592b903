"""Samplers that learn from the steps before: LMS, PLMS, iPNDM, DEIS, UniPC."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch

from webui.engine.samplers.run import NoisePath, SamplerRun

ADAMS_BASHFORTH = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
"""Weights of the slopes of even steps, the newest first, by how many there are."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


def _weighted(weights: Sequence[float], tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """The weighted sum, the newest (last) tensor getting the first weight."""
    total = weights[0] * tensors[-1]
    for weight, tensor in zip(weights[1:], reversed(tensors[:-1]), strict=True):
        total = total + weight * tensor
    return total


def _lagrange_weights(levels: Sequence[float], following: float, variable: Callable[[float], float]) -> list[float]:
    """Integrals over sigma, from levels[-1] to `following`, of the polynomials in variable(sigma) that are 1 at one level, 0 at others.

    The newest level's comes first. By Gauss-Legendre quadrature.
    """
    start = levels[-1]
    points = [(start + following) / 2 + (following - start) / 2 * float(node) for node in _NODES]
    places = [variable(level) for level in reversed(levels)]
    result = []
    for one, place in enumerate(places):
        others = places[:one] + places[one + 1 :]
        values = [math.prod((variable(point) - other) / (place - other) for other in others) for point in points]
        result.append((following - start) / 2 * sum(float(weight) * value for weight, value in zip(_WEIGHTS, values, strict=True)))
    return result


def lms(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Linear multistep of order 4: the polynomial through the last slopes, integrated. As k-diffusion's sample_lms."""
    slopes: deque[torch.Tensor] = deque(maxlen=4)
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        slopes.append((x - run.guess(step, x, sigma)) / sigma)
        weights = _lagrange_weights(sigmas[step + 1 - len(slopes) : step + 1], following, lambda level: level)
        x = x + _weighted(weights, list(slopes))
    return x


def deis(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """DEIS of order 3, its polynomials in log sigma. Zhang and Chen 2022 (arXiv:2204.13902), rho-AB with rho = log sigma."""
    slopes: deque[torch.Tensor] = deque(maxlen=3)
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        if following == 0:
            return denoised
        slopes.append((x - denoised) / sigma)
        weights = _lagrange_weights(sigmas[step + 1 - len(slopes) : step + 1], following, math.log)
        x = x + _weighted(weights, list(slopes))
    return x


def ipndm(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Adams-Bashforth of order up to 4 with the weights of even steps. Zhang and Chen 2022 (arXiv:2204.13902), iPNDM."""
    slopes: deque[torch.Tensor] = deque(maxlen=4)
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        if following == 0:
            return denoised
        slopes.append((x - denoised) / sigma)
        x = x + _weighted(ADAMS_BASHFORTH[len(slopes) - 1], list(slopes)) * (following - sigma)
    return x


def plms(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """Pseudo linear multistep: `ipndm` with a Heun step first, as latent diffusion's PLMS. Liu et al. 2022 (arXiv:2202.09778)."""
    slopes: deque[torch.Tensor] = deque(maxlen=4)
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        slopes.append((x - run.guess(step, x, sigma)) / sigma)
        slope = _weighted(ADAMS_BASHFORTH[len(slopes) - 1], list(slopes))
        if step == 0 and following > 0:
            slope = (slope + run.slope(x + slope * (following - sigma), following)) / 2
        x = x + slope * (following - sigma)
    return x


UNIPC_ORDER = 3


def unipc(run: SamplerRun, x: torch.Tensor, sigmas: Sequence[float]) -> torch.Tensor:
    """UniPC of order 3, B(h) = h, on x0, of lower order at the end. Zhao et al. 2023 (arXiv:2302.04867), algorithm 5 with 7."""
    guesses: deque[torch.Tensor] = deque(maxlen=UNIPC_ORDER)
    start, order = x, 0
    for step, (sigma, following) in enumerate(pairwise(sigmas)):
        denoised = run.guess(step, x, sigma)
        if following == 0:
            return denoised
        if step > 0:
            x = _unified(run.path, start, [*guesses][-order:], denoised, sigmas[step - order : step + 1])
        guesses.append(denoised)
        order = min(UNIPC_ORDER, step + 1, len(sigmas) - 1 - step)
        start = x
        x = _unified(run.path, start, [*guesses][-order:], None, sigmas[step + 1 - order : step + 2])
    return x


def _unified(
    path: NoisePath, x: torch.Tensor, guesses: Sequence[torch.Tensor], ahead: torch.Tensor | None, levels: Sequence[float]
) -> torch.Tensor:
    """One step from levels[-2] to levels[-1]: UniP without, UniC with the guess made `ahead`, at levels[-1].

    guesses: one for each of levels[:-1].
    """
    *behind, now, following = (path.log_snr(level) for level in levels)
    width = following - now
    ratios = [(level - now) / width for level in reversed(behind)]
    leans = [(guess - guesses[-1]) / ratio for guess, ratio in zip(reversed(guesses[:-1]), ratios, strict=True)]
    if ahead is not None:
        ratios, leans = [*ratios, 1.0], [*leans, ahead - guesses[-1]]
    x = path.jump(x, guesses[-1], levels[-2], levels[-1])
    signal = path.signal(levels[-1])
    for weight, lean in zip(_unipc_weights(ratios, -width), leans, strict=True):
        x = x + signal * width * weight * lean
    return x


def _unipc_weights(ratios: Sequence[float], h: float) -> list[float]:
    """The paper's a_m: the solution of R a = b for B(h) = h; a half where there is only one."""
    if len(ratios) < 2:
        return [0.5] * len(ratios)
    phi, factorial, right = math.expm1(h) / h - 1, 1, []
    for power in range(1, len(ratios) + 1):
        right.append(phi * factorial / h)
        factorial *= power + 1
        phi = phi / h - 1 / factorial
    rows = [[ratio**power for ratio in ratios] for power in range(len(ratios))]
    return [float(weight) for weight in np.linalg.solve(np.array(rows), np.array(right))]
