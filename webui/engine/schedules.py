"""Schedules: which noise levels the steps go through, and how a noise level becomes the denoiser's timestep.

Pure arithmetic on the model's own 1000 levels; the conventions are k-diffusion's, which AUTOMATIC1111 uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from webui.errors import CheckpointUnusable, InvalidRequest
from webui.generation import samplers
from webui.generation.request import ResolvedDrawn

Levels = NDArray[np.floating[Any]]

ALMOST_NO_SIGNAL = 4.8973451890853435e-08
"""alpha-bar that stands for zero at the last timestep of zero-terminal-SNR models, where sigma would be infinite."""


ALIGNED_SD = (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029)
ALIGNED_SDXL = (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029)
"""Levels found for 10 steps (https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html)."""


@dataclass(frozen=True)
class ModelSigmas:
    """The noise levels a model was trained on, rising: entry t belongs to timestep t. Usually 1000 of them.

    flow: how noise was added. False: x = x0 + sigma * noise (eps and v models, in sigma space).
    True: x = (1 - sigma) * x0 + sigma * noise, sigma at most 1 (rectified flow: SD3, FLUX), and a noise level's
    timestep is the level itself, times how many there are.
    aligned: the Align Your Steps levels of its architecture.
    """

    levels: Levels
    flow: bool = False
    aligned: tuple[float, ...] = ALIGNED_SD

    @property
    def smallest(self) -> float:
        """Noise level of timestep 0."""
        return float(self.levels[0])

    @property
    def largest(self) -> float:
        """Noise level of the last timestep."""
        return float(self.levels[-1])

    def timestep_of(self, sigma: float) -> float:
        """The (fractional) timestep that a denoiser is told of a noise level.

        For eps and v linear in log sigma between the model's own; ends are clamped.
        """
        if self.flow:
            return sigma * len(self.levels)
        return self.place_of(sigma)

    def place_of(self, sigma: float) -> float:
        """The (fractional) place of a noise level in `levels`, the reverse of `sigma_of`; ends are clamped."""
        if self.flow:
            return float(np.interp(sigma, self.levels, self._timesteps))
        return float(np.interp(math.log(sigma), self._log_levels, self._timesteps))

    def earlier(self, sigma: float, share: float) -> float:
        """The noise level at that share of a level's timestep."""
        return sigma * share if self.flow else float(self.sigma_of(np.array(self.timestep_of(sigma) * share)))

    def sigma_of(self, timestep: Levels) -> Levels:
        """The noise levels at (fractional) places in `levels`, linear in log sigma for eps and v, in sigma for flow."""
        if self.flow:
            return np.interp(timestep, self._timesteps, self.levels)
        return np.exp(np.interp(timestep, self._timesteps, self._log_levels))

    @cached_property
    def _log_levels(self) -> Levels:
        return np.log(self.levels)

    @cached_property
    def _timesteps(self) -> Levels:
        return np.arange(len(self.levels), dtype=np.float64)


@dataclass(frozen=True)
class ScheduleOptions:
    """What can be chosen about schedules.

    sigma_min, sigma_max: the ends, where they aren't the model's (0). Simple, DDIM, Turbo and Align Your Steps keep their own.
    rho: of Karras (7) and Polyexponential (1), where it isn't that (0). beta_alpha, beta_beta: of Beta.
    """

    sigma_min: float = 0.0
    sigma_max: float = 0.0
    rho: float = 0.0
    beta_alpha: float = 0.6
    beta_beta: float = 0.6


@dataclass(frozen=True)
class _Bounded:
    """A model between the ends that were asked for."""

    model: ModelSigmas
    options: ScheduleOptions

    @property
    def low(self) -> float:
        return self.options.sigma_min or self.model.smallest

    @property
    def high(self) -> float:
        high = self.options.sigma_max or self.model.largest
        return min(high, 1.0) if self.model.flow else high

    @property
    def places(self) -> tuple[float, float]:
        """Of the ends among the model's levels, the higher one first."""
        first = self.model.place_of(self.high) if self.options.sigma_max else len(self.model.levels) - 1
        return first, self.model.place_of(self.low) if self.options.sigma_min else 0


def uniform(bounded: _Bounded, steps: int) -> Levels:
    """Even steps in the model's timesteps, from the last to 0 (k-diffusion's get_sigmas)."""
    return bounded.model.sigma_of(np.linspace(*bounded.places, steps))


def sgm_uniform(bounded: _Bounded, steps: int) -> Levels:
    """Even steps in the model's timesteps that would reach 0 with one step more (Stability AI's generative-models)."""
    return bounded.model.sigma_of(np.linspace(*bounded.places, steps + 1)[:-1])


def even_in_power(high: float, low: float, steps: int, rho: float = 7.0) -> Levels:
    """Even steps in sigma ** (1 / rho). Karras et al. 2022 (arXiv:2206.00364), equation 5."""
    ramp = np.linspace(0, 1, steps)
    first, last = high ** (1 / rho), low ** (1 / rho)
    return (first + ramp * (last - first)) ** rho


def karras(bounded: _Bounded, steps: int) -> Levels:
    """`even_in_power` between the model's ends."""
    return even_in_power(bounded.high, bounded.low, steps, bounded.options.rho or 7.0)


def exponential(bounded: _Bounded, steps: int) -> Levels:
    """Even steps in log sigma (k-diffusion's get_sigmas_exponential)."""
    return np.exp(np.linspace(math.log(bounded.high), math.log(bounded.low), steps))


def polyexponential(bounded: _Bounded, steps: int) -> Levels:
    """Steps in log sigma by a power (k-diffusion's get_sigmas_polyexponential)."""
    ramp = np.linspace(1, 0, steps) ** (bounded.options.rho or 1.0)
    return np.exp(ramp * (math.log(bounded.high) - math.log(bounded.low)) + math.log(bounded.low))


def kl_optimal(bounded: _Bounded, steps: int) -> Levels:
    """Even steps in atan sigma. Sabour et al. 2024 (arXiv:2404.14507), theorem 3.1."""
    return np.tan(np.linspace(math.atan(bounded.high), math.atan(bounded.low), steps))


def align_your_steps(bounded: _Bounded, steps: int) -> Levels:
    """The levels found for the architecture with 10 steps, log-linear in between for others. Sabour et al. 2024 (arXiv:2404.14507).

    For flow models, for which there are none, those of Stable Diffusion 1 at the same ratio of noise to signal. The ends
    are the model's where the published figures, which are rounded, lie beyond them.
    """
    model, table = bounded.model, np.array(bounded.model.aligned)
    if model.flow:
        table = table / (1 + table)
        table[0] = model.largest
    table = np.clip(table, model.smallest, model.largest)
    return np.exp(np.interp(np.linspace(0, 1, steps), np.linspace(0, 1, len(table)), np.log(table)))


def simple(bounded: _Bounded, steps: int) -> Levels:
    """Every so many of the model's levels, from the last."""
    levels = bounded.model.levels
    return np.array([levels[-(1 + step * len(levels) // steps)] for step in range(steps)])


def ddim(bounded: _Bounded, steps: int) -> Levels:
    """Even whole timesteps that begin at 1 and stay below the last (latent diffusion's DDIM)."""
    levels = bounded.model.levels
    return levels[1 + np.arange(steps)[::-1] * (len(levels) // steps)]


def beta(bounded: _Bounded, steps: int) -> Levels:
    """Timesteps by the quantiles of a beta distribution: more at both ends. Lee et al. 2024 (arXiv:2407.12173)."""
    first, last = bounded.places
    shares = betaincinv(bounded.options.beta_alpha, bounded.options.beta_beta, np.linspace(1, 0, steps))
    return bounded.model.sigma_of(last + shares * (first - last))


def turbo(bounded: _Bounded, steps: int) -> Levels:
    """Even whole timesteps that end on the last (SD Turbo's)."""
    levels = bounded.model.levels
    return levels[np.round(np.arange(steps, 0, -1) * len(levels) / steps - 1).astype(int)]


SPACINGS: Mapping[str, Callable[[_Bounded, int], Levels]] = MappingProxyType(
    {
        "Uniform": uniform,
        "Karras": karras,
        "Exponential": exponential,
        "Polyexponential": polyexponential,
        "SGM Uniform": sgm_uniform,
        "KL Optimal": kl_optimal,
        "Align Your Steps": align_your_steps,
        "Simple": simple,
        "Normal": uniform,
        "DDIM": ddim,
        "Beta": beta,
        "Turbo": turbo,
    }
)
"""Label (webui.generation.samplers) -> function."""


def sigmas_for(
    schedule_type: str,
    model: ModelSigmas,
    steps: int,
    options: ScheduleOptions | None = None,
    *,
    discard_next_to_last: bool = False,
    between: Callable[[int, float, float], Sequence[float]] | None = None,
) -> tuple[float, ...]:
    """The steps + 1 noise levels of a run, falling, the last one 0.

    discard_next_to_last: leave the smallest level above 0 out, of one step more. between: an add-on's, in place of the table's:
    (steps, lowest, highest) -> as many levels. Raises InvalidRequest where the ends
    that were asked for leave no room.
    """
    bounded = _Bounded(model, options or ScheduleOptions())
    if bounded.low >= bounded.high:
        raise InvalidRequest(
            f"The noise levels would go from {bounded.high:g} up to {bounded.low:g}.",
            field="sigma_min",
            allowed=f"below {bounded.high:g} for this checkpoint",
            hint="Lower the smallest noise level, or set both ends to 0 for the checkpoint's own.",
        )
    wanted = steps + discard_next_to_last
    levels = SPACINGS[schedule_type](bounded, wanted) if between is None else between(wanted, bounded.low, bounded.high)
    return (*(float(level) for level in levels[:steps]), 0.0)


def sigmas_of(
    request: ResolvedDrawn, model: ModelSigmas, steps: int, between: Callable[[int, float, float], Sequence[float]] | None = None
) -> tuple[float, ...]:
    """The noise levels that a request asks for, of a schedule of that many steps. between: as in `sigmas_for`. Raises InvalidRequest."""
    discard = request.discard_next_to_last or samplers.find_sampler(request.sampler).discards_next_to_last
    options = ScheduleOptions(request.sigma_min, request.sigma_max, request.rho, request.beta_alpha, request.beta_beta)
    return sigmas_for(request.schedule_type, model, steps, options, discard_next_to_last=discard, between=between)


def _scaled_linear(start: float, end: float, count: int) -> Levels:
    return np.linspace(start**0.5, end**0.5, count) ** 2


def flow_sigmas(shift: float = 1.0, count: int = 1000) -> ModelSigmas:
    """The noise levels of a rectified-flow model whose even levels are shifted towards noise.

    Esser et al. 2024 (arXiv:2403.03206), equation 23; SD3 uses shift 3. FLUX's shift grows with the picture.
    """
    even = np.arange(1, count + 1) / count
    return ModelSigmas(shift * even / (1 + (shift - 1) * even), flow=True)


BETAS: Mapping[str, Callable[[float, float, int], Levels]] = MappingProxyType({"linear": np.linspace, "scaled_linear": _scaled_linear})
"""diffusers' beta_schedule -> the betas between two values."""


def model_sigmas(scheduler_config: Mapping[str, Any]) -> ModelSigmas:
    """The noise levels told by a diffusers scheduler_config.json. Raises CheckpointUnusable for betas we don't know."""
    if scheduler_config.get("trained_betas") is not None:
        betas = np.asarray(scheduler_config["trained_betas"], dtype=np.float64)
    else:
        name = scheduler_config.get("beta_schedule", "linear")
        if name not in BETAS:
            raise CheckpointUnusable(
                f"scheduler_config.json asks for the beta schedule {name!r}, which Easel does not know.",
                hint=f"Known are {', '.join(BETAS)}.",
            )
        betas = BETAS[name](
            float(scheduler_config.get("beta_start", 0.0001)),
            float(scheduler_config.get("beta_end", 0.02)),
            int(scheduler_config.get("num_train_timesteps", 1000)),
        )
    signal = np.cumprod(1.0 - betas)
    if scheduler_config.get("rescale_betas_zero_snr"):
        signal = _zero_terminal_snr(signal)
    return ModelSigmas(np.sqrt((1 - signal) / signal))


def _zero_terminal_snr(signal: Levels) -> Levels:
    """Shift and scale sqrt(alpha-bar) so that the last timestep is pure noise. Lin et al. 2023 (arXiv:2305.08891), algorithm 1."""
    root = np.sqrt(signal)
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    return np.maximum(root**2, ALMOST_NO_SIGNAL)
