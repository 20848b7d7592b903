"""Schedules: which noise levels the steps go through, and how a noise level becomes the denoiser's timestep.

Pure arithmetic on the model's own 1000 levels; the conventions are k-diffusion's, which AUTOMATIC1111 uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from webui.errors import CheckpointUnusable

Levels = NDArray[np.floating[Any]]

ALMOST_NO_SIGNAL = 4.8973451890853435e-08
"""alpha-bar that stands for zero at the last timestep of zero-terminal-SNR models, where sigma would be infinite."""


@dataclass(frozen=True)
class ModelSigmas:
    """The noise levels a model was trained on, rising: entry t belongs to timestep t. Usually 1000 of them.

    flow: how noise was added. False: x = x0 + sigma * noise (eps and v models, in sigma space).
    True: x = (1 - sigma) * x0 + sigma * noise, sigma at most 1 (rectified flow: SD3, FLUX), and a noise level's
    timestep is the level itself, times how many there are.
    """

    levels: Levels
    flow: bool = False

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
        return float(np.interp(math.log(sigma), self._log_levels, self._timesteps))

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


def uniform(model: ModelSigmas, steps: int) -> Levels:
    """Even steps in the model's timesteps, from the last to 0 (k-diffusion's get_sigmas)."""
    return model.sigma_of(np.linspace(len(model.levels) - 1, 0, steps))


def karras(model: ModelSigmas, steps: int, rho: float = 7.0) -> Levels:
    """Even steps in sigma ** (1 / rho) between the model's ends. Karras et al. 2022 (arXiv:2206.00364), equation 5."""
    ramp = np.linspace(0, 1, steps)
    high, low = model.largest ** (1 / rho), model.smallest ** (1 / rho)
    return (high + ramp * (low - high)) ** rho


SPACINGS: Mapping[str, Callable[[ModelSigmas, int], Levels]] = MappingProxyType({"Uniform": uniform, "Karras": karras})
"""Label (webui.generation.samplers) -> function."""


def sigmas_for(schedule_type: str, model: ModelSigmas, steps: int) -> tuple[float, ...]:
    """The steps + 1 noise levels of a run, falling, the last one 0."""
    return (*(float(sigma) for sigma in SPACINGS[schedule_type](model, steps)), 0.0)


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
