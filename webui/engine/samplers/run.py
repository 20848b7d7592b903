"""What every sampler works with: the denoiser, noise, the options, and how noise lies on clean latents.

Every sampler has the form f(run, x, sigmas):
    run: a SamplerRun.
    x: (batch, channels, height, width), fp32, the noisy latents at sigmas[0].
    sigmas: falling noise levels, the last one 0; one step is taken between each two.
The result is x at the last sigma.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from webui.generation.request import ResolvedDrawn

Denoise = Callable[[torch.Tensor, float], torch.Tensor]
OnStep = Callable[[int, float, torch.Tensor, torch.Tensor], torch.Tensor]

ALMOST_NOISE = 1 - 1e-4
"""Stands for sigma 1 of flow models where a formula wants its signal-to-noise ratio, which is 0 there."""


@dataclass(frozen=True)
class NoisePath:
    """How noise lies on clean latents: x = signal * x0 + sigma * noise.

    flow False: signal is 1 (eps and v models in sigma space). True: signal is 1 - sigma (rectified flow, Liu et al. 2022,
    arXiv:2209.03003). On both dx / dsigma = (x - x0) / sigma, so that samplers that only use this slope need no path.
    """

    flow: bool = False

    def signal(self, sigma: float) -> float:
        """The share of x0 in x."""
        return 1 - sigma if self.flow else 1.0

    def log_snr(self, sigma: float) -> float:
        """log(signal / sigma), the lambda of the DPM-Solver papers. sigma above 0."""
        sigma = min(sigma, ALMOST_NOISE) if self.flow else sigma
        return math.log(self.signal(sigma) / sigma)

    def sigma_at(self, log_snr: float) -> float:
        """The noise level of a log_snr."""
        return 1 / (1 + math.exp(log_snr)) if self.flow else math.exp(-log_snr)

    def jump(self, x: torch.Tensor, denoised: torch.Tensor, sigma: float, following: float) -> torch.Tensor:
        """From one noise level to another, keeping the guesses of x0 and of the noise: DDIM, and DPM-Solver++ of order 1."""
        kept = following / sigma
        return kept * x + (self.signal(following) - kept * self.signal(sigma)) * denoised

    def noised(self, clean: torch.Tensor, noise: torch.Tensor, sigma: float) -> torch.Tensor:
        """x at `sigma`, from clean latents and unit noise."""
        return self.signal(sigma) * clean + sigma * noise

    def renoised(self, x: torch.Tensor, low: float, high: float, noise: torch.Tensor) -> torch.Tensor:
        """x at the noise level `high`, from x at the level `low` and fresh unit noise."""
        kept = self.signal(high) / self.signal(low)
        return kept * x + math.sqrt(max(high**2 - (kept * low) ** 2, 0.0)) * noise

    def below(self, sigma: float, following: float, eta: float) -> float:
        """The level under `following` from which fresh noise leads up to it, as the reverse diffusion would (eta 1), or less.

        k-diffusion's get_ancestral_step, in the ratio of noise to signal.
        """
        if eta == 0 or following == 0:
            return following
        level, wanted = self.ratio(sigma), self.ratio(following)
        up = min(wanted, eta * wanted * math.sqrt(1 - (wanted / level) ** 2))
        return self._of_ratio(math.sqrt(wanted**2 - up**2))

    def ancestral(self, sigma: float, following: float, eta: float) -> float:
        """`below` as the ancestral samplers take it. For flow: following * (1 + eta * (following / sigma - 1)).

        That is what ancestral samplers for flow models have settled on (ComfyUI, Forge), so pictures move over.
        """
        return following * (1 + eta * (following / sigma - 1)) if self.flow else self.below(sigma, following, eta)

    def above(self, sigma: float, factor: float) -> float:
        """The level whose ratio of noise to signal is `factor` times that of `sigma`."""
        return self._of_ratio(self.ratio(sigma) * factor)

    def ratio(self, sigma: float) -> float:
        """Noise to signal at a level."""
        signal = self.signal(sigma)
        return sigma / signal if signal > 0 else math.inf

    def _of_ratio(self, ratio: float) -> float:
        if not self.flow:
            return ratio
        return ratio / (1 + ratio) if math.isfinite(ratio) else 1.0


class NoiseSource(Protocol):
    """Where a sampler's noise comes from: unit noise, shaped as x, each row from its own picture's generator."""

    def draw(self) -> torch.Tensor:
        """The next noise."""
        ...

    def between(self, sigma: float, following: float) -> torch.Tensor:
        """The noise of one Brownian motion between two levels: the same, and fitting together, however often it is cut."""
        ...


@dataclass(frozen=True)
class SamplerOptions:
    """What can be chosen about how samplers add noise.

    eta: share of the noise that ancestral and SDE samplers add. ddim_eta: the same of DDIM.
    churn, churn_from, churn_to: noise added before a step, spread over all steps, between two levels (Karras et al. 2022,
    S_churn, S_tmin, S_tmax). noise_scale: factor on all added noise (S_noise).
    """

    eta: float = 1.0
    ddim_eta: float = 0.0
    churn: float = 0.0
    churn_from: float = 0.0
    churn_to: float = math.inf
    noise_scale: float = 1.0

    @staticmethod
    def of(request: ResolvedDrawn) -> SamplerOptions:
        """What a request says."""
        churn = request.sigma_churn, request.sigma_tmin, request.sigma_tmax or math.inf
        return SamplerOptions(request.eta, request.eta_ddim, *churn, request.sigma_noise)


def _keep(step: int, sigma: float, x: torch.Tensor, denoised: torch.Tensor) -> torch.Tensor:
    return denoised


def _share(sigma: float, share: float) -> float:
    return sigma * share


def _no_negative() -> torch.Tensor:
    raise LookupError("This denoiser does not tell its unguided guess.")


@dataclass(frozen=True)
class SamplerRun:
    """One run of a sampler.

    denoise(x, sigma): the denoiser's guess of x0, shaped as x.
    on_step(step, sigma, x, denoised): told once in each step, after its first call of the denoiser; what it returns is used as x0.
    unguided(): the guess for the negative prompt alone, of the last call of `denoise`.
    earlier(sigma, share): the noise level at that share of sigma's timestep.
    """

    denoise: Denoise
    noise: NoiseSource
    path: NoisePath = field(default_factory=NoisePath)
    options: SamplerOptions = field(default_factory=SamplerOptions)
    on_step: OnStep = _keep
    unguided: Callable[[], torch.Tensor] = _no_negative
    earlier: Callable[[float, float], float] = _share

    def guess(self, step: int, x: torch.Tensor, sigma: float) -> torch.Tensor:
        """The first guess of a step."""
        return self.on_step(step, sigma, x, self.denoise(x, sigma))

    def slope(self, x: torch.Tensor, sigma: float) -> torch.Tensor:
        """dx / dsigma by a further guess."""
        return (x - self.denoise(x, sigma)) / sigma

    def fresh(self) -> torch.Tensor:
        """The next noise, with noise_scale."""
        return self.noise.draw() * self.options.noise_scale

    def brownian(self, sigma: float, following: float) -> torch.Tensor:
        """Noise between two levels, with noise_scale."""
        return self.noise.between(sigma, following) * self.options.noise_scale

    def churned(self, x: torch.Tensor, sigma: float, steps: int) -> tuple[torch.Tensor, float]:
        """x with a little noise added, and its level now. Karras et al. 2022 (arXiv:2206.00364), algorithm 2, lines 4 to 6."""
        options = self.options
        if options.churn == 0:
            return x, sigma
        noise = self.fresh()  # at every step, so that bounds don't shift which noise comes when, as in k-diffusion
        if not options.churn_from <= sigma <= options.churn_to:
            return x, sigma
        higher = self.path.above(sigma, 1 + min(options.churn / steps, math.sqrt(2) - 1))
        return (self.path.renoised(x, sigma, higher, noise), higher) if higher > sigma else (x, sigma)


SampleFunction = Callable[[SamplerRun, torch.Tensor, Sequence[float]], torch.Tensor]
